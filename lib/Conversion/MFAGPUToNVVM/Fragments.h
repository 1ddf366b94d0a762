//===- Fragments.h - Registers and addresses of tiles ---------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the patterns of this conversion share: which element of a tile a lane
// holds in which register, and addresses in shared and global memory. The
// fragment itself is pictured in the description of #mfa_gpu.fragment.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFAGPUTONVVM_FRAGMENTS_H
#define MFA_LIB_CONVERSION_MFAGPUTONVVM_FRAGMENTS_H

#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::mfa_gpu {

/// Bytes that one `cp.async` and one row of an 8x8 `ldmatrix` matrix move.
constexpr int64_t kChunkBytes = 16;

/// Of the 128 bytes of a tensor map.
constexpr int64_t kTensorMapAlignment = 64;

//===----------------------------------------------------------------------===//
// Registers of a tile
//===----------------------------------------------------------------------===//

/// Elements that share a register: adjacent columns of 16-bit matrix tiles.
int64_t getElementsPerRegister(TileType tile);

/// The type of each register of `tile`: i32 for 16-bit matrix tiles, the
/// element type otherwise.
Type getRegisterType(TileType tile);

/// Registers of a lane, in this order: 16-row fragments of the warp, groups of
/// 8 columns, then e0 to e3 of the fragment. `row` tiles: 16-row fragments,
/// then rows g and g + 8.
int64_t getNumRegisters(TileType tile);

/// Position in a tile of element `index` of a lane, less the lane's own
/// (row g, column 2t) and the first row of its warp.
struct ElementOffset {
  int64_t row, col;
};
ElementOffset getElementOffset(TileType tile, int64_t index);
/// The element of a matrix tile at that position.
int64_t getElementIndex(TileType tile, ElementOffset offset);

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

/// A builder with the few sequences every pattern writes. All lane arithmetic
/// is i32; later simplification merges repetitions.
class LaneBuilder : public ImplicitLocOpBuilder {
public:
  LaneBuilder(Location loc, OpBuilder &builder)
      : ImplicitLocOpBuilder(loc, builder) {}

  Value i32(int64_t value);
  Value i64(int64_t value);
  Value add(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b);
  Value udiv(Value a, int64_t b);
  Value urem(Value a, int64_t b);

  /// Thread in the block, lane in the warp, warp in the block.
  Value thread();
  Value lane();
  Value warp();
  /// Row group g = lane / 4 and column group t = lane mod 4 of a fragment.
  Value rowGroup();
  Value colGroup();
  /// First row of this warp's band of a tile.
  Value warpRow(TileType tile);

  /// `memref[row, col]` in bytes from the start of its buffer, for memrefs in
  /// shared memory, whose strides are static.
  Value sharedPointer(TypedValue<MemRefType> memref, Value row, Value col);
  /// Row `row` of the first panel of a matrix in panels.
  Value panelPointer(TypedValue<MemRefType> panels, Value row);
  /// Address of the first element in global memory.
  Value globalPointer(TypedValue<MemRefType> memref);
  /// Moves a pointer by bytes.
  Value advance(Value pointer, Value bytes);
  Value advance(Value pointer, int64_t bytes);

  /// The value of the lane whose number differs by that bit.
  Value exchange(Value value, int64_t bit);

  /// A vector of two elements.
  Value pair(Value first, Value second);
  /// One of the two elements of an i32, and an i32 of two.
  Value unpack(Value packed, Type element, int64_t index);
  Value pack(Value low, Value high);
  /// Two f32 rounded to 16 bits, as an i32.
  Value packRounded(Value low, Value high, Type element);

  /// Four 8x8 matrices of 16-bit elements, as i32 registers; `transpose` gives
  /// each lane a column pair instead of a row pair.
  SmallVector<Value> loadMatrix4(Value pointer, bool transpose);
};

/// Where a lane reads and writes a matrix in panels (see `warpgroup_mma`): bits
/// 4 to 6 of the byte in a row are those of the column xor the row's, of which
/// only the lane's own part varies between rows 8 apart.
class PanelPlace {
public:
  /// The lane's own `row`, and byte `colByte` of it.
  PanelPlace(LaneBuilder &b, TypedValue<MemRefType> panels, Value row,
             Value colByte);

  /// Address of the lane's element moved by `offset`, whose row is a multiple
  /// of 8 and whose column's bytes share no bit with `colByte`.
  Value at(ElementOffset offset);

private:
  LaneBuilder &b;
  int64_t elementBytes, rowBytes, panelBytes;
  Value rowPointer, colByte;
};

/// Bytes of an element in memory; i1 takes one.
int64_t getElementBytes(Type element);
/// Elements from one row to the next of a matrix in shared memory.
int64_t getRowPitch(MemRefType type);

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

void populateCopyPatterns(const TypeConverter &converter,
                          RewritePatternSet &patterns);
void populateElementPatterns(const TypeConverter &converter,
                             RewritePatternSet &patterns);
void populateLoadStorePatterns(const TypeConverter &converter,
                               RewritePatternSet &patterns);
void populateMmaPatterns(const TypeConverter &converter,
                         RewritePatternSet &patterns);
void populatePlainProductPatterns(const TypeConverter &converter,
                                  RewritePatternSet &patterns);
void populateTensorCopyPatterns(const TypeConverter &converter,
                                RewritePatternSet &patterns);
void populateWarpgroupPatterns(const TypeConverter &converter,
                               RewritePatternSet &patterns);

} // namespace mlir::mfa_gpu

#endif // MFA_LIB_CONVERSION_MFAGPUTONVVM_FRAGMENTS_H
