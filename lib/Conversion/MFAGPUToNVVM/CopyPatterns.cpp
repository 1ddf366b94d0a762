//===- CopyPatterns.cpp - Matrices between global and shared memory ------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// All threads of the block share a copy in units of 16 bytes, `chunks`:
// consecutive threads take consecutive chunks of a row, then the next row, so
// global accesses of a warp are contiguous.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

/// How the block's threads divide the chunks of a matrix in shared memory. A
/// thread keeps its place in a row, so that from one of its chunks to the next
/// addresses move by one step that is the same for all.
struct ChunkGrid {
  ChunkGrid(MemRefType shared, int64_t threads)
      : elementBytes(getElementBytes(shared.getElementType())),
        elements(kChunkBytes / elementBytes), rows(shared.getDimSize(0)),
        perRow(llvm::divideCeil(shared.getDimSize(1), elements)),
        threads(threads), chunkStep(std::min(perRow, threads)),
        rowStep(threads / chunkStep) {}

  int64_t elementBytes, elements, rows, perRow, threads;
  /// Chunks of a row and rows that all threads take at once.
  int64_t chunkStep, rowStep;
};

/// A matrix in global memory: address, sizes and strides as i64 values, known
/// where the type knows them.
struct GlobalMatrix {
  GlobalMatrix(LaneBuilder &b, TypedValue<MemRefType> memref)
      : elementBytes(getElementBytes(memref.getType().getElementType())) {
    auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
    SmallVector<OpFoldResult> sizes = metadata.getConstifiedMixedSizes();
    SmallVector<OpFoldResult> strides = metadata.getConstifiedMixedStrides();
    auto toI64 = [&](OpFoldResult value) -> Value {
      if (std::optional<int64_t> constant = getConstantIntValue(value))
        return b.i64(*constant);
      return arith::IndexCastOp::create(b, b.getI64Type(), cast<Value>(value));
    };
    rows = toI64(sizes[0]);
    cols = toI64(sizes[1]);
    rowStride = toI64(strides[0]);
    colStride = toI64(strides[1]);
    knownRows = getConstantIntValue(sizes[0]);
    knownCols = getConstantIntValue(sizes[1]);
    knownRowStride = getConstantIntValue(strides[0]);
    knownColStride = getConstantIntValue(strides[1]);
    hasOneRow = knownRows == 1;
    pointer = b.globalPointer(memref);
  }

  Value element(LaneBuilder &b, Value row, Value col) const {
    Value offset = b.add(b.mul(row, rowStride), b.mul(col, colStride));
    return b.advance(pointer, b.mul(offset, elementBytes));
  }

  /// Whether every row can be read in chunks: null where it certainly cannot.
  Value isChunked(LaneBuilder &b) const {
    bool rowsMatter = !hasOneRow;
    int64_t elements = kChunkBytes / elementBytes;
    if (knownColStride && *knownColStride != 1)
      return {};
    if (rowsMatter && knownRowStride && *knownRowStride % elements != 0)
      return {};
    auto i64Type = b.getI64Type();
    Value bits = LLVM::PtrToIntOp::create(b, i64Type, pointer);
    if (rowsMatter && !knownRowStride)
      bits = arith::OrIOp::create(b, bits, b.mul(rowStride, elementBytes));
    bits = arith::AndIOp::create(b, bits, b.i64(kChunkBytes - 1));
    Value result =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bits, b.i64(0));
    if (!knownColStride) {
      Value isUnit = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                           colStride, b.i64(1));
      result = arith::AndIOp::create(b, result, isUnit);
    }
    return result;
  }

  int64_t elementBytes;
  Value pointer, rows, cols, rowStride, colStride;
  std::optional<int64_t> knownRows, knownCols, knownRowStride, knownColStride;
  bool hasOneRow;
};

int64_t getBlockThreads(Operation *op) {
  auto func = op->getParentOfType<gpu::GPUFuncOp>();
  std::optional<ArrayRef<int32_t>> size =
      func ? func.getKnownBlockSize() : std::nullopt;
  return size ? (*size)[0] : 0;
}

Value toI64(LaneBuilder &b, Value value) {
  return arith::ExtUIOp::create(b, b.getI64Type(), value);
}

/// `max(0, min(limit, value))` in i64.
Value clamp(LaneBuilder &b, Value value, int64_t limit) {
  Value positive = arith::MaxSIOp::create(b, value, b.i64(0));
  return arith::MinSIOp::create(b, positive, b.i64(limit));
}

/// A chunk of the calling thread: its place and whether it is in the matrix.
struct Chunk {
  /// Row and chunk in the row of the thread's first chunk, and how far the one
  /// at hand is from there.
  Value laneRow, laneChunk;
  int64_t rowOffset, chunkOffset;
};

/// Emits `body` under `condition`, or plainly where there is none.
void emitIf(LaneBuilder &b, Value condition, function_ref<void()> body) {
  if (!condition)
    return body();
  auto guarded = scf::IfOp::create(b, condition);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(guarded.thenBlock());
  body();
}

/// Calls `body` for each chunk of the calling thread, where there is one, and
/// before it `prepare`, in any case; `begin` comes first.
void forEachChunk(LaneBuilder &b, const ChunkGrid &grid,
                  function_ref<void(const Chunk &)> begin,
                  function_ref<void(const Chunk &)> prepare,
                  function_ref<void(const Chunk &)> body) {
  Value thread = b.thread();
  auto isLess = [&](Value value, int64_t limit) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, value,
                                 b.i32(limit));
  };
  int64_t active = grid.chunkStep * grid.rowStep;
  emitIf(b, active < grid.threads ? isLess(thread, active) : Value(), [&] {
    Chunk chunk{b.udiv(thread, grid.chunkStep), b.urem(thread, grid.chunkStep),
                0, 0};
    begin(chunk);
    for (int64_t row = 0; row < grid.rows; row += grid.rowStep)
      for (int64_t col = 0; col < grid.perRow; col += grid.chunkStep) {
        Value inside;
        if (row + grid.rowStep > grid.rows)
          inside = isLess(chunk.laneRow, grid.rows - row);
        else if (col + grid.chunkStep > grid.perRow)
          inside = isLess(chunk.laneChunk, grid.perRow - col);
        chunk.rowOffset = row;
        chunk.chunkOffset = col;
        prepare(chunk);
        emitIf(b, inside, [&] { body(chunk); });
      }
  });
}

/// As `forEachChunk`, in a loop: for the paths that are rarely taken.
void loopOverChunks(LaneBuilder &b, const ChunkGrid &grid,
                    function_ref<void(Value row, Value chunk)> body) {
  auto loop = scf::ForOp::create(b, b.thread(), b.i32(grid.rows * grid.perRow),
                                 b.i32(grid.threads));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value index = loop.getInductionVar();
  body(b.udiv(index, grid.perRow), b.urem(index, grid.perRow));
}

/// Addresses of the chunks of the calling thread, in both memories.
class ChunkPointers {
public:
  ChunkPointers(LaneBuilder &b, const ChunkGrid &grid,
                const GlobalMatrix &global, TypedValue<MemRefType> shared)
      : b(b), grid(grid), global(global), shared(shared) {}

  void begin(const Chunk &chunk) {
    laneRow64 = toI64(b, chunk.laneRow);
    Value col = b.mul(chunk.laneChunk, grid.elements);
    laneCol64 = toI64(b, col);
    sharedLane = b.sharedPointer(shared, chunk.laneRow, col);
    globalLane = b.advance(
        global.pointer,
        b.add(b.mul(b.mul(laneRow64, global.rowStride), grid.elementBytes),
              b.mul(toI64(b, chunk.laneChunk), kChunkBytes)));
    rowsLeft = arith::SubIOp::create(b, global.rows, laneRow64);
    colsLeft = arith::SubIOp::create(b, global.cols, laneCol64);
    if (!global.knownRowStride)
      step = b.mul(global.rowStride, grid.rowStep * grid.elementBytes);
    globalRow = globalLane;
    currentRow = 0;
  }

  Value sharedAt(const Chunk &chunk) {
    int64_t pitch = getRowPitch(shared.getType()) * grid.elementBytes;
    return b.advance(sharedLane,
                     chunk.rowOffset * pitch + chunk.chunkOffset * kChunkBytes);
  }

  /// Chunks come row by row: with a stride that is not known the address
  /// grows by one addition a row.
  Value globalAt(const Chunk &chunk) {
    int64_t cols = chunk.chunkOffset * kChunkBytes;
    if (global.knownRowStride)
      return b.advance(
          globalLane,
          chunk.rowOffset * *global.knownRowStride * grid.elementBytes + cols);
    return b.advance(globalRow, cols);
  }

  /// To be called outside of the guard of a chunk.
  void moveTo(const Chunk &chunk) {
    if (!step || chunk.rowOffset == currentRow)
      return;
    currentRow = chunk.rowOffset;
    globalRow = b.advance(globalRow, step);
  }

  /// Bytes of the chunk that exist, 0 to 16, as i64; a constant where known.
  Value bytesInside(const Chunk &chunk) {
    Value bytes;
    int64_t wholeCols = grid.perRow * grid.elements;
    if (global.knownCols && *global.knownCols == wholeCols) {
      bytes = b.i64(kChunkBytes);
    } else {
      Value left = arith::SubIOp::create(
          b, colsLeft, b.i64(chunk.chunkOffset * grid.elements));
      bytes = clamp(b, b.mul(left, grid.elementBytes), kChunkBytes);
    }
    if (global.knownRows && *global.knownRows == grid.rows)
      return bytes;
    Value rowInside = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt,
                                            rowsLeft, b.i64(chunk.rowOffset));
    return arith::SelectOp::create(b, rowInside, bytes, b.i64(0));
  }

private:
  LaneBuilder &b;
  const ChunkGrid &grid;
  const GlobalMatrix &global;
  TypedValue<MemRefType> shared;
  Value laneRow64, laneCol64, rowsLeft, colsLeft;
  Value sharedLane, globalLane, globalRow, step;
  int64_t currentRow = 0;
};

/// Emits `chunked` or `elementwise`, or both behind a test of `isChunked`.
void emitByAlignment(LaneBuilder &b, Value isChunked,
                     function_ref<void()> chunked,
                     function_ref<void()> elementwise) {
  if (!isChunked)
    return elementwise();
  auto branch = scf::IfOp::create(b, isChunked, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  chunked();
  b.setInsertionPointToStart(branch.elseBlock());
  elementwise();
}

Value isInside(LaneBuilder &b, const GlobalMatrix &global, Value row,
               Value col) {
  Value rowInside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, global.rows);
  Value colInside =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, col, global.cols);
  return arith::AndIOp::create(b, rowInside, colInside);
}

/// A copy between global and shared memory by all threads of a block.
template <typename Op>
struct BlockCopyPattern : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(Op op, typename OpConversionPattern<Op>::OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const final {
    int64_t threads = getBlockThreads(op);
    if (threads <= 0)
      return rewriter.notifyMatchFailure(
          op, "the kernel has no known_block_size to divide the copy by");
    constexpr bool isLoad = std::is_same_v<Op, CopyAsyncOp>;
    auto shared = cast<TypedValue<MemRefType>>(isLoad ? op.getDestination()
                                                      : op.getSource());
    LaneBuilder b(op.getLoc(), rewriter);
    ChunkGrid grid(shared.getType(), threads);
    GlobalMatrix global(b, cast<TypedValue<MemRefType>>(
                               isLoad ? op.getSource() : op.getDestination()));
    // A chunk that is partly outside would have to be split to be stored.
    bool fits =
        isLoad || (global.knownCols && *global.knownCols % grid.elements == 0);
    emitByAlignment(
        b, fits ? global.isChunked(b) : Value(),
        [&] { emitChunks(b, grid, global, shared); },
        [&] { emitElements(b, grid, global, shared); });
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// Copies chunks of 16 bytes.
  virtual void emitChunks(LaneBuilder &b, const ChunkGrid &grid,
                          const GlobalMatrix &global,
                          TypedValue<MemRefType> shared) const = 0;
  virtual void emitElements(LaneBuilder &b, const ChunkGrid &grid,
                            const GlobalMatrix &global,
                            TypedValue<MemRefType> shared) const = 0;
};

struct CopyAsyncPattern : BlockCopyPattern<CopyAsyncOp> {
  using BlockCopyPattern::BlockCopyPattern;

  /// One `cp.async` a chunk; its size operand fills what lies outside with
  /// zeros, and nothing outside is read.
  void emitChunks(LaneBuilder &b, const ChunkGrid &grid,
                  const GlobalMatrix &global,
                  TypedValue<MemRefType> shared) const override {
    ChunkPointers pointers(b, grid, global, shared);
    auto modifier = NVVM::LoadCacheModifierKindAttr::get(
        b.getContext(), NVVM::LoadCacheModifierKind::CG);
    forEachChunk(
        b, grid, [&](const Chunk &chunk) { pointers.begin(chunk); },
        [&](const Chunk &chunk) { pointers.moveTo(chunk); },
        [&](const Chunk &chunk) {
          Value bytes = pointers.bytesInside(chunk);
          NVVM::CpAsyncOp::create(
              b, pointers.sharedAt(chunk), pointers.globalAt(chunk),
              b.getI32IntegerAttr(kChunkBytes), modifier,
              matchPattern(bytes, m_Constant())
                  ? Value()
                  : arith::TruncIOp::create(b, b.getI32Type(), bytes));
        });
  }

  /// Elements loaded one by one into a chunk that is stored whole.
  void emitElements(LaneBuilder &b, const ChunkGrid &grid,
                    const GlobalMatrix &global,
                    TypedValue<MemRefType> shared) const override {
    Type bits = b.getIntegerType(8 * grid.elementBytes);
    auto chunkType = VectorType::get({grid.elements}, bits);
    loopOverChunks(b, grid, [&](Value row, Value chunk) {
      Value row64 = toI64(b, row);
      Value firstCol = b.mul(chunk, grid.elements);
      Value packed = LLVM::ZeroOp::create(b, chunkType);
      for (int64_t i = 0; i < grid.elements; ++i) {
        Value col = toI64(b, b.add(firstCol, b.i32(i)));
        auto load = scf::IfOp::create(b, TypeRange(bits),
                                      isInside(b, global, row64, col),
                                      /*withElseRegion=*/true);
        {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(load.thenBlock());
          Value element = LLVM::LoadOp::create(
              b, bits, global.element(b, row64, col), grid.elementBytes);
          scf::YieldOp::create(b, element);
          b.setInsertionPointToStart(load.elseBlock());
          Value zero = arith::ConstantOp::create(b, b.getZeroAttr(bits));
          scf::YieldOp::create(b, zero);
        }
        packed = LLVM::InsertElementOp::create(b, packed, load.getResult(0),
                                               b.i32(i));
      }
      LLVM::StoreOp::create(b, packed, b.sharedPointer(shared, row, firstCol),
                            kChunkBytes);
    });
  }
};

struct CopyPattern : BlockCopyPattern<CopyOp> {
  using BlockCopyPattern::BlockCopyPattern;

  void emitChunks(LaneBuilder &b, const ChunkGrid &grid,
                  const GlobalMatrix &global,
                  TypedValue<MemRefType> shared) const override {
    auto chunkType = VectorType::get({4}, b.getI32Type());
    ChunkPointers pointers(b, grid, global, shared);
    forEachChunk(
        b, grid, [&](const Chunk &chunk) { pointers.begin(chunk); },
        [&](const Chunk &chunk) { pointers.moveTo(chunk); },
        [&](const Chunk &chunk) {
          Value value = LLVM::LoadOp::create(
              b, chunkType, pointers.sharedAt(chunk), kChunkBytes);
          Value inside =
              arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                    pointers.bytesInside(chunk), b.i64(0));
          emitIf(b, inside, [&] {
            LLVM::StoreOp::create(b, value, pointers.globalAt(chunk),
                                  kChunkBytes);
          });
        });
  }

  void emitElements(LaneBuilder &b, const ChunkGrid &grid,
                    const GlobalMatrix &global,
                    TypedValue<MemRefType> shared) const override {
    Type bits = b.getIntegerType(8 * grid.elementBytes);
    loopOverChunks(b, grid, [&](Value row, Value chunk) {
      Value row64 = toI64(b, row);
      Value firstCol = b.mul(chunk, grid.elements);
      for (int64_t i = 0; i < grid.elements; ++i) {
        Value col = b.add(firstCol, b.i32(i));
        Value col64 = toI64(b, col);
        auto inside = scf::IfOp::create(b, isInside(b, global, row64, col64));
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(inside.thenBlock());
        Value element = LLVM::LoadOp::create(
            b, bits, b.sharedPointer(shared, row, col), grid.elementBytes);
        LLVM::StoreOp::create(b, element, global.element(b, row64, col64),
                              grid.elementBytes);
      }
    });
  }
};

} // namespace

void mfa_gpu::populateCopyPatterns(const TypeConverter &converter,
                                   RewritePatternSet &patterns) {
  patterns.add<CopyAsyncPattern, CopyPattern>(converter, patterns.getContext());
}
