//===- LaneLoads.cpp - Elements of arrays for several keys ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneLoads.h"

using namespace mlir;
using namespace mlir::mfa;

Value mfa::withUnitStride(OpBuilder &builder, Location loc, Value array) {
  auto type = cast<MemRefType>(array.getType());
  auto [strides, offset] = type.getStridesAndOffset();
  if (strides.back() == 1)
    return array;
  strides.back() = 1;
  auto layout = StridedLayoutAttr::get(builder.getContext(), offset, strides);
  auto known = MemRefType::get(type.getShape(), type.getElementType(), layout,
                               type.getMemorySpace());
  // A cast would be folded into the vectors' loads, which need the stride.
  auto metadata = memref::ExtractStridedMetadataOp::create(builder, loc, array);
  SmallVector<OpFoldResult> values = metadata.getConstifiedMixedStrides();
  values.back() = builder.getIndexAttr(1);
  return memref::ReinterpretCastOp::create(
      builder, loc, known, metadata.getBaseBuffer(),
      metadata.getConstifiedMixedOffset(), metadata.getConstifiedMixedSizes(),
      values);
}

Value mfa::createLaneMask(VectorBuilder &b, const KeyLanes &lanes) {
  return vector::CreateMaskOp::create(b, b.vectorOf(b.getI1Type()),
                                      lanes.count);
}

/// Whether elements side by side in memory are a vector there. Integers of 4
/// bits have a byte each, and those of a vector do not.
static bool areVectorsPacked(Type element) {
  return element.isIndex() ||
         (element.isIntOrFloat() &&
          llvm::is_contained({8u, 16u, 32u, 64u},
                             element.getIntOrFloatBitWidth()));
}

/// Elements side by side.
static Value loadVector(VectorBuilder &b, const KeyLanes &lanes, Value array,
                        ValueRange indices) {
  Type element = cast<MemRefType>(array.getType()).getElementType();
  VectorType type = b.vectorOf(element);
  auto loadAll = [&] { return b.load(type, array, indices); };
  if (!lanes.count)
    return loadAll();
  auto loadSome = [&]() -> Value {
    // The first lane has a key. No lane gets a number that is not in the
    // array: it may be a divisor or an index.
    Value first = b.splat(memref::LoadOp::create(b, array, indices));
    return vector::MaskedLoadOp::create(b, type, array, indices,
                                        createLaneMask(b, lanes), first);
  };
  // CPUs with masks for vectors of smaller elements are few.
  if (element.isIndex() || element.getIntOrFloatBitWidth() >= 32)
    return loadSome();
  Value areAll = arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                                       lanes.count, b.index(b.lanes));
  return b.choose(areAll, loadAll, loadSome, type);
}

static Value loadEachLane(VectorBuilder &b, const KeyLanes &lanes, Value array,
                          ValueRange indices) {
  SmallVector<Value> elements, element(indices);
  for (int64_t lane = 0; lane < b.lanes; ++lane) {
    Value offset = b.index(lane);
    if (lanes.count)
      offset = b.least(offset, b.subtract(lanes.count, b.index(1)));
    element.back() = b.add(indices.back(), offset);
    elements.push_back(memref::LoadOp::create(b, array, element));
  }
  return vector::FromElementsOp::create(
      b, b.vectorOf(elements.front().getType()), elements);
}

/// Booleans have a byte each in memory. In the llvm dialect, arrays of both
/// are one type.
static Value asBytes(VectorBuilder &b, Value booleans) {
  auto type = cast<MemRefType>(booleans.getType());
  return UnrealizedConversionCastOp::create(
             b,
             MemRefType(
                 MemRefType::Builder(type).setElementType(b.getI8Type())),
             booleans)
      .getResult(0);
}

Value mfa::loadLanes(VectorBuilder &b, const KeyLanes &lanes, Value array,
                     ValueRange indices) {
  auto type = cast<MemRefType>(array.getType());
  Type element = type.getElementType();
  bool areBooleans = element.isInteger(1);
  int64_t stride = type.getStridesAndOffset().first.back();
  bool mayBeVector = areBooleans || areVectorsPacked(element);
  if (!mayBeVector || (stride != 1 && stride != ShapedType::kDynamic))
    return loadEachLane(b, lanes, array, indices);
  auto load = [&](Value array) -> Value {
    if (!areBooleans)
      return loadVector(b, lanes, array, indices);
    Value bytes = loadVector(b, lanes, asBytes(b, array), indices);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bytes,
                                 b.zero(cast<VectorType>(bytes.getType())));
  };
  if (stride == 1)
    return load(array);
  auto metadata = memref::ExtractStridedMetadataOp::create(b, array);
  Value areAdjacent = arith::CmpIOp::create(
      b, arith::CmpIPredicate::eq, metadata.getStrides().back(), b.index(1));
  return b.choose(
      areAdjacent, [&] { return load(withUnitStride(b, b.getLoc(), array)); },
      [&] { return loadEachLane(b, lanes, array, indices); },
      b.vectorOf(element));
}
