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
      storeGlobalPairs(b, destination, tile, adaptor.getTile());
    else
      storePairs(b, destination, tile, adaptor.getTile());
    rewriter.eraseOp(op);
    return success();
  }

  static void storePairs(LaneBuilder &b, TypedValue<MemRefType> destination,
                         TileType tile, ValueRange registers) {
    Type element = tile.getElementType();
    int64_t bytes = getElementBytes(element);
    auto pairType = VectorType::get({2}, element);
    Address address = getPairAddress(b, destination, tile);
    forEachPair(tile, [&](int64_t index, ElementOffset offset) {
      Value pair;
      if (getElementsPerRegister(tile) == 2) {
        pair = registers[index / 2];
      } else {
        pair = LLVM::PoisonOp::create(b, pairType);
        for (int64_t i : {0, 1})
          pair = LLVM::InsertElementOp::create(b, pair, registers[index + i],
                                               b.i32(i));
      }
      LLVM::StoreOp::create(b, pair, address(offset), 2 * bytes);
    });
  }

  /// Four lanes write 32 bytes of a row, which is a sector.
  static void storeGlobalPairs(LaneBuilder &b,
                               TypedValue<MemRefType> destination,
                               TileType tile, ValueRange registers) {
    MemRefType type = destination.getType();
    int64_t bytes = getElementBytes(tile.getElementType());
    auto pairType = VectorType::get({2}, tile.getElementType());
    auto metadata = memref::ExtractStridedMetadataOp::create(b, destination);
    auto toI64 = [&](OpFoldResult value) -> Value {
      return arith::IndexCastOp::create(
          b, b.getI64Type(),
          getValueOrCreateConstantIndexOp(b, b.getLoc(), value));
    };
    Value rows = toI64(metadata.getConstifiedMixedSizes()[0]);
    Value pitch = b.mul(toI64(metadata.getConstifiedMixedStrides()[0]), bytes);
    Value base =
        b.advance(b.globalPointer(destination),
                  arith::ExtUIOp::create(b, b.getI64Type(),
                                         b.mul(b.colGroup(), 2 * bytes)));
    Value lane = b.add(b.warpRow(tile), b.rowGroup());
    // Whether a row exists is asked once for all of its columns.
    llvm::MapVector<int64_t, SmallVector<std::pair<int64_t, int64_t>>> byRow;
    forEachPair(tile, [&](int64_t index, ElementOffset offset) {
      if (offset.col < type.getDimSize(1))
        byRow[offset.row].push_back({index, offset.col});
    });
    for (auto &[offset, pairs] : byRow) {
      Value row =
          arith::ExtUIOp::create(b, b.getI64Type(), b.add(lane, b.i32(offset)));
      auto inside = scf::IfOp::create(
          b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row, rows));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(inside.thenBlock());
      Value start = b.advance(base, b.mul(row, pitch));
      for (auto [index, col] : pairs) {
        Value pair = LLVM::PoisonOp::create(b, pairType);
        for (int64_t i : {0, 1})
          pair = LLVM::InsertElementOp::create(b, pair, registers[index + i],
                                               b.i32(i));
        LLVM::StoreOp::create(b, pair, b.advance(start, col * bytes),
                              2 * bytes);
      }
    }
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
