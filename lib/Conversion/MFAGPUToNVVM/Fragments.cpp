//===- Fragments.cpp - Lanes, registers and addresses of tiles ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

//===----------------------------------------------------------------------===//
// Registers of a tile
//===----------------------------------------------------------------------===//

static bool isPacked(TileType tile) {
  return tile.getKind() != FragmentKind::Row &&
         tile.getElementType().getIntOrFloatBitWidth() == 16;
}

int64_t mfa_gpu::getElementsPerRegister(TileType tile) {
  return isPacked(tile) ? 2 : 1;
}

Type mfa_gpu::getRegisterType(TileType tile) {
  return isPacked(tile) ? IntegerType::get(tile.getContext(), 32)
                        : tile.getElementType();
}

int64_t mfa_gpu::getNumRegisters(TileType tile) {
  return tile.getElementsPerLane() / getElementsPerRegister(tile);
}

ElementOffset mfa_gpu::getElementOffset(TileType tile, int64_t index) {
  if (tile.getKind() == FragmentKind::Row)
    return {16 * (index / 2) + 8 * (index % 2), 0};
  int64_t element = index % 4;
  int64_t group = index / 4;
  int64_t groups = tile.getCols() / 8;
  return {16 * (group / groups) + 8 * (element / 2),
          8 * (group % groups) + element % 2};
}

int64_t mfa_gpu::getElementIndex(TileType tile, ElementOffset offset) {
  int64_t groups = tile.getCols() / 8;
  int64_t group = offset.row / 16 * groups + offset.col / 8;
  return 4 * group + offset.row % 16 / 8 * 2 + offset.col % 8;
}

int64_t mfa_gpu::getElementBytes(Type element) {
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

int64_t mfa_gpu::getRowPitch(MemRefType type) {
  return type.getStridesAndOffset().first[0];
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value LaneBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(*this, value, 32);
}

Value LaneBuilder::i64(int64_t value) {
  return arith::ConstantIntOp::create(*this, value, 64);
}

Value LaneBuilder::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}

Value LaneBuilder::mul(Value a, Value b) {
  return createOrFold<arith::MulIOp>(a, b);
}

Value LaneBuilder::mul(Value a, int64_t b) {
  Value factor = a.getType().isInteger(64) ? i64(b) : i32(b);
  return createOrFold<arith::MulIOp>(a, factor);
}

Value LaneBuilder::udiv(Value a, int64_t b) {
  return createOrFold<arith::DivUIOp>(a, i32(b));
}

Value LaneBuilder::urem(Value a, int64_t b) {
  return createOrFold<arith::RemUIOp>(a, i32(b));
}

Value LaneBuilder::thread() {
  return NVVM::ThreadIdXOp::create(*this, getI32Type());
}

Value LaneBuilder::lane() { return urem(thread(), 32); }

Value LaneBuilder::warp() { return udiv(thread(), 32); }

Value LaneBuilder::rowGroup() { return udiv(lane(), 4); }

Value LaneBuilder::colGroup() { return urem(thread(), 4); }

Value LaneBuilder::warpRow(TileType tile) {
  return mul(warp(), tile.getRows() / tile.getWarps());
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

static constexpr auto kGlobalSpace =
    static_cast<unsigned>(NVVM::NVVMMemorySpace::Global);
static constexpr auto kSharedSpace =
    static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared);

/// Address of the first element of a memref, as a pointer in `space`.
static Value getPointer(LaneBuilder &b, TypedValue<MemRefType> memref,
                        unsigned space) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(
      b, metadata.getBaseBuffer());
  Value offset = metadata.getConstifiedMixedOffset().dyn_cast<Value>();
  if (!offset)
    offset =
        arith::ConstantOp::create(b, cast<IntegerAttr>(cast<Attribute>(
                                         metadata.getConstifiedMixedOffset())));
  Value bytes = arith::ConstantIndexOp::create(
      b, getElementBytes(memref.getType().getElementType()));
  Value address = b.createOrFold<arith::AddIOp>(
      base, b.createOrFold<arith::MulIOp>(offset, bytes));
  address = arith::IndexCastUIOp::create(b, b.getI64Type(), address);
  auto generic = LLVM::LLVMPointerType::get(b.getContext());
  auto type = LLVM::LLVMPointerType::get(b.getContext(), space);
  if (space == kSharedSpace)
    return LLVM::IntToPtrOp::create(b, type, address);
  Value pointer = LLVM::IntToPtrOp::create(b, generic, address);
  return LLVM::AddrSpaceCastOp::create(b, type, pointer);
}

Value LaneBuilder::sharedPointer(TypedValue<MemRefType> memref, Value row,
                                 Value col) {
  MemRefType type = memref.getType();
  int64_t bytes = getElementBytes(type.getElementType());
  Value base = getPointer(*this, memref, kSharedSpace);
  Value offset = add(mul(row, getRowPitch(type) * bytes), mul(col, bytes));
  return advance(base, offset);
}

Value LaneBuilder::panelPointer(TypedValue<MemRefType> panels, Value row) {
  MemRefType type = panels.getType();
  Value base = getPointer(*this, panels, kSharedSpace);
  return advance(base, mul(row, type.getDimSize(2) *
                                    getElementBytes(type.getElementType())));
}

Value LaneBuilder::globalPointer(TypedValue<MemRefType> memref) {
  return getPointer(*this, memref, kGlobalSpace);
}

Value LaneBuilder::advance(Value pointer, Value bytes) {
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

Value LaneBuilder::advance(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  // What does not fit a constant of the op, as rows far apart, is a value.
  if (!llvm::isInt<LLVM::kGEPConstantBitWidth>(bytes))
    return advance(pointer, i64(bytes));
  return LLVM::GEPOp::create(
      *this, pointer.getType(), getI8Type(), pointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

PanelPlace::PanelPlace(LaneBuilder &b, TypedValue<MemRefType> panels, Value row,
                       Value colByte)
    : b(b), elementBytes(getElementBytes(panels.getType().getElementType())),
      rowBytes(panels.getType().getDimSize(2) * elementBytes),
      panelBytes(panels.getType().getDimSize(1) * rowBytes),
      rowPointer(b.panelPointer(panels, row)) {
  // Bits 7 to 9 of the address, as many as there are chunks in a row.
  Value swizzle =
      b.urem(b.udiv(b.mul(row, rowBytes), 128), rowBytes / kChunkBytes);
  this->colByte =
      b.createOrFold<arith::XOrIOp>(colByte, b.mul(swizzle, kChunkBytes));
}

Value PanelPlace::at(ElementOffset offset) {
  int64_t byte = offset.col * elementBytes;
  Value inRow = b.createOrFold<arith::XOrIOp>(colByte, b.i32(byte % rowBytes));
  return b.advance(b.advance(rowPointer, inRow),
                   offset.row * rowBytes + byte / rowBytes * panelBytes);
}

//===----------------------------------------------------------------------===//
// Packed registers
//===----------------------------------------------------------------------===//

Value LaneBuilder::unpack(Value packed, Type element, int64_t index) {
  auto type = VectorType::get({2}, element);
  return LLVM::ExtractElementOp::create(
      *this, LLVM::BitcastOp::create(*this, type, packed), i32(index));
}

Value LaneBuilder::exchange(Value value, int64_t bit) {
  return NVVM::ShflOp::create(*this, value.getType(), i32(-1), value, i32(bit),
                              i32(31), NVVM::ShflKind::bfly,
                              /*return_value_and_is_valid=*/UnitAttr());
}

Value LaneBuilder::pair(Value first, Value second) {
  auto type = VectorType::get({2}, first.getType());
  Value pair = LLVM::PoisonOp::create(*this, type);
  pair = LLVM::InsertElementOp::create(*this, pair, first, i32(0));
  return LLVM::InsertElementOp::create(*this, pair, second, i32(1));
}

Value LaneBuilder::pack(Value low, Value high) {
  return LLVM::BitcastOp::create(*this, getI32Type(), pair(low, high));
}

Value LaneBuilder::packRounded(Value low, Value high, Type element) {
  auto type = VectorType::get({2}, element);
  auto none = NVVM::SaturationMode::NONE;
  Value pair;
  if (element.isF16())
    pair = NVVM::ConvertF32x2ToF16x2Op::create(
        *this, type, high, low, Value(), NVVM::FPRoundingMode::RN, none, false);
  else
    pair = NVVM::ConvertF32x2ToBF16x2Op::create(
        *this, type, high, low, Value(), NVVM::FPRoundingMode::RN, none, false);
  return LLVM::BitcastOp::create(*this, getI32Type(), pair);
}

SmallVector<Value> LaneBuilder::loadMatrix4(Value pointer, bool transpose) {
  SmallVector<Type> registers(4, getI32Type());
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), registers);
  Value loaded = NVVM::LdMatrixOp::create(
      *this, type, pointer, /*num=*/4,
      transpose ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> result;
  for (int64_t i = 0; i < 4; ++i)
    result.push_back(LLVM::ExtractValueOp::create(*this, loaded, i));
  return result;
}
