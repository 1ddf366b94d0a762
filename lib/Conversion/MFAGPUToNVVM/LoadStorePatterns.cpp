//===- LoadStorePatterns.cpp - Tiles to and from memory -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

/// Visits the lane's pairs of adjacent columns: the index of the first element
/// and its offset from the lane's own place.
void forEachPair(TileType tile,
                 function_ref<void(int64_t index, ElementOffset)> body) {
  for (int64_t i = 0, e = tile.getElementsPerLane(); i < e; i += 2)
    body(i, getElementOffset(tile, i));
}

/// The address in shared memory of what a lane has of a tile at an offset from
/// its own row and column.
using Address = std::function<Value(ElementOffset)>;

/// For lanes at `row` of the tile and column `col`, in rows or in panels; row 0
/// of a source that has but one.
Address getAddress(LaneBuilder &b, TypedValue<MemRefType> shared, Value row,
                   Value col) {
  MemRefType type = shared.getType();
  int64_t bytes = getElementBytes(type.getElementType());
  if (isInPanels(type))
    return [place = PanelPlace(b, shared, row, b.mul(col, bytes))](
               ElementOffset offset) mutable { return place.at(offset); };
  bool hasOneRow = type.getDimSize(0) == 1;
  Value pointer = b.sharedPointer(shared, hasOneRow ? b.i32(0) : row, col);
  int64_t pitch = hasOneRow ? 0 : getRowPitch(type);
  return [&b, pointer, pitch, bytes](ElementOffset offset) {
    return b.advance(pointer, (offset.row * pitch + offset.col) * bytes);
  };
}

/// For pairs of adjacent columns of the fragment: row g, column 2t.
Address getPairAddress(LaneBuilder &b, TypedValue<MemRefType> shared,
                       TileType tile) {
  return getAddress(b, shared, b.add(b.warpRow(tile), b.rowGroup()),
                    b.mul(b.colGroup(), 2));
}

struct LoadPattern : OpConversionPattern<LoadOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(LoadOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    auto source = cast<TypedValue<MemRefType>>(op.getSource());
    TileType tile = op.getType();
    SmallVector<Value> registers;
    if (tile.getKind() == FragmentKind::Row)
      registers = loadRows(b, source, tile);
    else if (canLoadMatrices(source.getType(), tile))
      registers = loadMatrices(b, source, tile);
    else
      registers = loadPairs(b, source, tile);
    rewriter.replaceOpWithMultiple(op, {registers});
    return success();
  }

  /// `ldmatrix` hands out 16 columns of 16-bit elements at once, in the very
  /// layout of the fragment.
  static bool canLoadMatrices(MemRefType source, TileType tile) {
    return tile.getElementType().getIntOrFloatBitWidth() == 16 &&
           tile.getCols() % 16 == 0 &&
           (isInPanels(source) || source.getDimSize(0) == tile.getRows());
  }

  static SmallVector<Value>
  loadMatrices(LaneBuilder &b, TypedValue<MemRefType> source, TileType tile) {
    Value row = b.add(b.warpRow(tile), b.urem(b.lane(), 16));
    Value col = b.mul(b.udiv(b.lane(), 16), 8);
    Address address = getAddress(b, source, row, col);
    SmallVector<Value> registers;
    for (int64_t m = 0; m < tile.getRowFragments(); ++m)
      for (int64_t n = 0; n < tile.getCols(); n += 16)
        for (Value bits : b.loadMatrix4(address({16 * m, n}), false))
          registers.push_back(bits);
    return registers;
  }

  static SmallVector<Value>
  loadPairs(LaneBuilder &b, TypedValue<MemRefType> source, TileType tile) {
    Type element = tile.getElementType();
    int64_t bytes = getElementBytes(element);
    Address address = getPairAddress(b, source, tile);
    SmallVector<Value> registers;
    forEachPair(tile, [&](int64_t, ElementOffset offset) {
      Value place = address(offset);
      if (element.isInteger(1)) {
        // Any byte but 0 is true.
        Value pair = LLVM::LoadOp::create(b, b.getI16Type(), place, 2 * bytes);
        auto isAbove = [&](Value bits, int64_t limit) {
          return arith::CmpIOp::create(
              b, arith::CmpIPredicate::ugt, bits,
              arith::ConstantIntOp::create(b, limit, 16));
        };
        Value low = arith::AndIOp::create(
            b, pair, arith::ConstantIntOp::create(b, 0xff, 16));
        registers.push_back(isAbove(low, 0));
        registers.push_back(isAbove(pair, 0xff));
        return;
      }
      if (getElementsPerRegister(tile) == 2) {
        registers.push_back(
            LLVM::LoadOp::create(b, getRegisterType(tile), place, 2 * bytes));
        return;
      }
      Value pair = LLVM::LoadOp::create(b, VectorType::get({2}, element), place,
                                        2 * bytes);
      for (int64_t i : {0, 1})
        registers.push_back(LLVM::ExtractElementOp::create(b, pair, b.i32(i)));
    });
    return registers;
  }

  static SmallVector<Value>
  loadRows(LaneBuilder &b, TypedValue<MemRefType> source, TileType tile) {
    Type element = tile.getElementType();
    Value size = memref::DimOp::create(b, source, 0);
    Value lane = b.add(b.warpRow(tile), b.rowGroup());
    SmallVector<Value> registers;
    for (int64_t i = 0, e = getNumRegisters(tile); i < e; ++i) {
      Value row = arith::IndexCastUIOp::create(
          b, b.getIndexType(),
          b.add(lane, b.i32(getElementOffset(tile, i).row)));
      Value inside =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row, size);
      auto load = scf::IfOp::create(b, TypeRange(element), inside,
                                    /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(load.thenBlock());
      Value loaded = memref::LoadOp::create(b, source, row);
      scf::YieldOp::create(b, loaded);
      b.setInsertionPointToStart(load.elseBlock());
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
      scf::YieldOp::create(b, zero);
      registers.push_back(load.getResult(0));
    }
    return registers;
  }
};

/// Stores a matrix to global memory, where rows and columns may end before the
/// tile's do. Four lanes have 8 columns of a row, each two of them: of f32 that
/// is a sector of 32 bytes. Of 16 bits, they exchange what they have of 32
/// columns, so that each stores 16 bytes:
///
///   columns    0-7      8-15     16-23    24-31
///   lane t     2t, 2t+1 of each         -> all of 8t to 8t+7
///
class GlobalStore {
public:
  GlobalStore(LaneBuilder &b, TypedValue<MemRefType> destination, TileType tile,
              ValueRange registers)
      : b(b), tile(tile), registers(registers), type(destination.getType()),
        bytes(getElementBytes(tile.getElementType())),
        metadata(memref::ExtractStridedMetadataOp::create(b, destination)),
        pointer(b.globalPointer(destination)) {}

  void store() {
    Value lane = b.add(b.warpRow(tile), b.rowGroup());
    Value rows = toI64(metadata.getConstifiedMixedSizes()[0]);
    Value pitch = b.mul(toI64(metadata.getConstifiedMixedStrides()[0]), bytes);
    for (int64_t first = 0, e = 16 * tile.getRowFragments(); first < e;
         first += 8) {
      SmallVector<Value> chunks = getChunks(first);
      Value row =
          arith::ExtUIOp::create(b, b.getI64Type(), b.add(lane, b.i32(first)));
      // Whether a row exists is asked once for all of its columns.
      auto inside = scf::IfOp::create(
          b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row, rows));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(inside.thenBlock());
      storeRow(first, b.advance(pointer, b.mul(row, pitch)), chunks);
    }
  }

private:
  Value toI64(OpFoldResult value) {
    return arith::IndexCastOp::create(
        b, b.getI64Type(),
        getValueOrCreateConstantIndexOp(b, b.getLoc(), value));
  }

  /// How far a lane's `elements` columns are from those of the first lane.
  Value offsetOfLane(int64_t elements) {
    return arith::ExtUIOp::create(b, b.getI64Type(),
                                  b.mul(b.colGroup(), elements * bytes));
  }

  /// The lane's index-th pair of columns in the row that is `row` below its
  /// own.
  Value getPair(int64_t row, int64_t index) {
    int64_t element = getElementIndex(tile, {row, 8 * index});
    if (getElementsPerRegister(tile) == 2)
      return registers[element / 2];
    return b.pair(registers[element], registers[element + 1]);
  }

  int64_t getNumCols() { return type.getDimSize(1); }
  int64_t getNumChunks() {
    return getElementsPerRegister(tile) == 2 ? getNumCols() / 32 : 0;
  }

  /// 16 bytes for each 32 columns of a row, of 16 bits.
  SmallVector<Value> getChunks(int64_t row) {
    SmallVector<Value> chunks;
    for (int64_t i = 0, e = getNumChunks(); i < e; ++i) {
      SmallVector<Value> words;
      for (int64_t j = 0; j < 4; ++j)
        words.push_back(getPair(row, 4 * i + j));
      exchange(words);
      Value chunk =
          LLVM::PoisonOp::create(b, VectorType::get({4}, words[0].getType()));
      for (auto [j, word] : llvm::enumerate(words))
        chunk = LLVM::InsertElementOp::create(b, chunk, word, b.i32(j));
      chunks.push_back(chunk);
    }
    return chunks;
  }

  /// Word j of lane t to word t of lane j: words whose numbers differ in a bit
  /// change places with lanes that do.
  void exchange(MutableArrayRef<Value> words) {
    for (int64_t bit : {1, 2}) {
      Value hasBit = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ne,
          arith::AndIOp::create(b, b.lane(), b.i32(bit)), b.i32(0));
      auto select = [&](Value ifBit, Value otherwise) -> Value {
        return arith::SelectOp::create(b, hasBit, ifBit, otherwise);
      };
      for (int64_t j = 0; j < 4; ++j) {
        if (j & bit)
          continue;
        Value &low = words[j], &high = words[j | bit];
        Value other = b.exchange(select(low, high), bit);
        low = select(other, low);
        high = select(high, other);
      }
    }
  }

  void storeRow(int64_t row, Value start, ArrayRef<Value> chunks) {
    Value place = b.advance(start, offsetOfLane(8));
    for (auto [i, chunk] : llvm::enumerate(chunks))
      LLVM::StoreOp::create(b, chunk, b.advance(place, 32 * i * bytes), 16);
    place = b.advance(start, offsetOfLane(2));
    for (int64_t i = 4 * chunks.size(); 8 * i < getNumCols(); ++i)
      LLVM::StoreOp::create(b, getPair(row, i), b.advance(place, 8 * i * bytes),
                            2 * bytes);
  }

  LaneBuilder &b;
  TileType tile;
  ValueRange registers;
  MemRefType type;
  int64_t bytes;
  memref::ExtractStridedMetadataOp metadata;
  Value pointer;
};

struct StorePattern : OpConversionPattern<StoreOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(StoreOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    auto destination = cast<TypedValue<MemRefType>>(op.getDestination());
    TileType tile = op.getTile().getType();
    if (tile.getElementType().isInteger(1))
      return rewriter.notifyMatchFailure(op, "i1 tiles are only loaded");
    if (tile.getKind() == FragmentKind::Row)
      storeRows(b, destination, tile, adaptor.getTile());
    else if (!isInPanels(destination.getType()) &&
             !gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(
                 destination.getType()))
      GlobalStore(b, destination, tile, adaptor.getTile()).store();
    else
      storePairs(b, destination, tile, adaptor.getTile());
    rewriter.eraseOp(op);
    return success();
  }

  static void storePairs(LaneBuilder &b, TypedValue<MemRefType> destination,
                         TileType tile, ValueRange registers) {
    Type element = tile.getElementType();
    int64_t bytes = getElementBytes(element);
    Address address = getPairAddress(b, destination, tile);
    forEachPair(tile, [&](int64_t index, ElementOffset offset) {
      Value pair = getElementsPerRegister(tile) == 2
                       ? registers[index / 2]
                       : b.pair(registers[index], registers[index + 1]);
      LLVM::StoreOp::create(b, pair, address(offset), 2 * bytes);
    });
  }

  /// The four lanes of a row hold the same value; the first stores it.
  static void storeRows(LaneBuilder &b, TypedValue<MemRefType> destination,
                        TileType tile, ValueRange registers) {
    Value size = memref::DimOp::create(b, destination, 0);
    Value lane = b.add(b.warpRow(tile), b.rowGroup());
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                          b.colGroup(), b.i32(0));
    for (auto [i, value] : llvm::enumerate(registers)) {
      Value row = arith::IndexCastUIOp::create(
          b, b.getIndexType(),
          b.add(lane, b.i32(getElementOffset(tile, i).row)));
      Value inside =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row, size);
      auto store =
          scf::IfOp::create(b, arith::AndIOp::create(b, inside, isFirst));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(store.thenBlock());
      memref::StoreOp::create(b, value, destination, row);
    }
  }
};

} // namespace

void mfa_gpu::populateLoadStorePatterns(const TypeConverter &converter,
                                        RewritePatternSet &patterns) {
  patterns.add<LoadPattern, StorePattern>(converter, patterns.getContext());
}
