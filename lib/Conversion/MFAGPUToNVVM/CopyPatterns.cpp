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

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

/// The chunks of a matrix in shared memory, and how the block's threads divide
/// them.
struct ChunkGrid {
  ChunkGrid(MemRefType shared, int64_t threads)
      : elementBytes(getElementBytes(shared.getElementType())),
        elements(kChunkBytes / elementBytes),
        perRow(llvm::divideCeil(shared.getDimSize(1), elements)),
        total(perRow * shared.getDimSize(0)), threads(threads) {}

  int64_t elementBytes, elements, perRow, total, threads;
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
    knownCols = getConstantIntValue(sizes[1]);
    knownRowStride = getConstantIntValue(strides[0]);
    knownColStride = getConstantIntValue(strides[1]);
    hasOneRow = getConstantIntValue(sizes[0]) == 1;
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
    Value result = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bits,
                                         b.i64(0));
    if (!knownColStride) {
      Value isUnit = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                           colStride, b.i64(1));
      result = arith::AndIOp::create(b, result, isUnit);
    }
    return result;
  }

  int64_t elementBytes;
  Value pointer, rows, cols, rowStride, colStride;
  std::optional<int64_t> knownCols, knownRowStride, knownColStride;
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

/// Calls `body(row, chunk in the row)` for each chunk of the calling thread.
void forEachChunk(LaneBuilder &b, const ChunkGrid &grid,
                  function_ref<void(Value row, Value chunk)> body) {
  Value thread = b.thread();
  for (int64_t first = 0; first < grid.total; first += grid.threads) {
    Value index = b.add(thread, b.i32(first));
    auto emit = [&] {
      body(b.udiv(index, grid.perRow), b.urem(index, grid.perRow));
    };
    if (first + grid.threads <= grid.total) {
      emit();
      continue;
    }
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index,
                                         b.i32(grid.total));
    auto guarded = scf::IfOp::create(b, inside);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(guarded.thenBlock());
    emit();
  }
}

/// As `forEachChunk`, in a loop: for the paths that are rarely taken.
void loopOverChunks(LaneBuilder &b, const ChunkGrid &grid,
                    function_ref<void(Value row, Value chunk)> body) {
  auto loop = scf::ForOp::create(b, b.thread(), b.i32(grid.total),
                                 b.i32(grid.threads));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value index = loop.getInductionVar();
  body(b.udiv(index, grid.perRow), b.urem(index, grid.perRow));
}

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

LogicalResult requireBlockSize(Operation *op, int64_t threads,
                               ConversionPatternRewriter &rewriter) {
  if (threads > 0)
    return success();
  return rewriter.notifyMatchFailure(
      op, "the kernel has no known_block_size to divide the copy by");
}

struct CopyAsyncPattern : OpConversionPattern<CopyAsyncOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(CopyAsyncOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    int64_t threads = getBlockThreads(op);
    if (failed(requireBlockSize(op, threads, rewriter)))
      return failure();
    auto shared = cast<TypedValue<MemRefType>>(op.getDestination());
    LaneBuilder b(op.getLoc(), rewriter);
    ChunkGrid grid(shared.getType(), threads);
    GlobalMatrix global(b, cast<TypedValue<MemRefType>>(op.getSource()));

    emitByAlignment(
        b, global.isChunked(b),
        [&] { emitChunks(b, grid, global, shared); },
        [&] { emitElements(b, grid, global, shared); });
    rewriter.eraseOp(op);
    return success();
  }

  /// One `cp.async` a chunk; its size operand fills what lies outside with
  /// zeros, and nothing outside is read.
  void emitChunks(LaneBuilder &b, const ChunkGrid &grid,
                  const GlobalMatrix &global,
                  TypedValue<MemRefType> shared) const {
    forEachChunk(b, grid, [&](Value row, Value chunk) {
      Value row64 = toI64(b, row);
      Value firstCol = b.mul(chunk, grid.elements);
      Value rowInside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                              row64, global.rows);
      Value bytesLeft = b.mul(
          arith::SubIOp::create(b, global.cols, toI64(b, firstCol)),
          grid.elementBytes);
      Value bytes = arith::SelectOp::create(
          b, rowInside, clamp(b, bytesLeft, kChunkBytes), b.i64(0));
      Value from = b.advance(
          global.pointer,
          b.add(b.mul(b.mul(row64, global.rowStride), grid.elementBytes),
                b.mul(toI64(b, chunk), kChunkBytes)));
      Value to = b.sharedPointer(shared, row, firstCol);
      NVVM::CpAsyncOp::create(
          b, to, from, b.getI32IntegerAttr(kChunkBytes),
          NVVM::LoadCacheModifierKindAttr::get(
              b.getContext(), NVVM::LoadCacheModifierKind::CG),
          arith::TruncIOp::create(b, b.getI32Type(), bytes));
    });
  }

  /// Elements loaded one by one into a chunk that is stored whole.
  void emitElements(LaneBuilder &b, const ChunkGrid &grid,
                    const GlobalMatrix &global,
                    TypedValue<MemRefType> shared) const {
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

struct CopyPattern : OpConversionPattern<CopyOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(CopyOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    int64_t threads = getBlockThreads(op);
    if (failed(requireBlockSize(op, threads, rewriter)))
      return failure();
    auto shared = cast<TypedValue<MemRefType>>(op.getSource());
    LaneBuilder b(op.getLoc(), rewriter);
    ChunkGrid grid(shared.getType(), threads);
    GlobalMatrix global(b, cast<TypedValue<MemRefType>>(op.getDestination()));
    // A chunk that is partly outside would have to be split.
    bool wholeChunks =
        global.knownCols && *global.knownCols % grid.elements == 0;
    emitByAlignment(
        b, wholeChunks ? global.isChunked(b) : Value(),
        [&] { emitChunks(b, grid, global, shared); },
        [&] { emitElements(b, grid, global, shared); });
    rewriter.eraseOp(op);
    return success();
  }

  void emitChunks(LaneBuilder &b, const ChunkGrid &grid,
                  const GlobalMatrix &global,
                  TypedValue<MemRefType> shared) const {
    auto chunkType = VectorType::get({4}, b.getI32Type());
    forEachChunk(b, grid, [&](Value row, Value chunk) {
      Value row64 = toI64(b, row);
      Value firstCol = b.mul(chunk, grid.elements);
      Value value = LLVM::LoadOp::create(
          b, chunkType, b.sharedPointer(shared, row, firstCol), kChunkBytes);
      auto inside = scf::IfOp::create(
          b, isInside(b, global, row64, toI64(b, firstCol)));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(inside.thenBlock());
      LLVM::StoreOp::create(b, value,
                            global.element(b, row64, toI64(b, firstCol)),
                            kChunkBytes);
    });
  }

  void emitElements(LaneBuilder &b, const ChunkGrid &grid,
                    const GlobalMatrix &global,
                    TypedValue<MemRefType> shared) const {
    Type bits = b.getIntegerType(8 * grid.elementBytes);
    loopOverChunks(b, grid, [&](Value row, Value chunk) {
      Value row64 = toI64(b, row);
      Value firstCol = b.mul(chunk, grid.elements);
      for (int64_t i = 0; i < grid.elements; ++i) {
        Value col = b.add(firstCol, b.i32(i));
        Value col64 = toI64(b, col);
        auto inside =
            scf::IfOp::create(b, isInside(b, global, row64, col64));
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
  patterns.add<CopyAsyncPattern, CopyPattern>(converter,
                                              patterns.getContext());
}
