//===- VectorBuilder.h - Loops and vectors in few words ------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_VECTORBUILDER_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_VECTORBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <limits>

namespace mlir::mfa {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Writes ops on vectors of one number of lanes, on f32 and on index.
class VectorBuilder : public ImplicitLocOpBuilder {
public:
  VectorBuilder(Location loc, OpBuilder &builder, int64_t lanes)
      : ImplicitLocOpBuilder(loc, builder), lanes(lanes) {}

  const int64_t lanes;

  /// A vector of `perLane` elements for each lane.
  VectorType vectorOf(Type element, int64_t perLane = 1) const {
    return VectorType::get({perLane * lanes}, element);
  }
  VectorType vectorOfF32() { return vectorOf(getF32Type()); }

  Value index(int64_t value);
  Value f32(float value);
  Value splat(Value scalar, int64_t perLane = 1);
  Value splat(float value) { return splat(f32(value)); }
  Value zero(VectorType type);

  // On index, or on f32 where the operands are.
  Value add(Value lhs, Value rhs);
  Value subtract(Value lhs, Value rhs);
  Value multiply(Value lhs, Value rhs);
  Value least(Value lhs, Value rhs);
  Value ceilDiv(Value lhs, int64_t rhs);
  /// Of f32, scalar or vector: the larger one, and `rhs` where one is NaN.
  Value larger(Value lhs, Value rhs);
  /// lhs * rhs + sum
  Value fma(Value lhs, Value rhs, Value sum);
  /// The sum of a vector's elements, in an order of its own.
  Value sumOf(Value vector);
  /// The largest of a vector's elements; of those that are NaN nothing is said.
  Value largestOf(Value vector);

  /// Memory of this thread until the scope around it ends.
  Value scratch(ArrayRef<int64_t> shape, Type element);
  Value load(VectorType type, Value array, ValueRange indices);
  void store(Value vector, Value array, ValueRange indices);

  /// `body` for numbers from `first` in steps, as long as they are below `end`.
  void forEach(Value first, Value end, int64_t step,
               function_ref<void(Value)> body);
  void forEach(Value end, function_ref<void(Value)> body) {
    forEach(index(0), end, 1, body);
  }
  /// With values that each iteration changes; returns the last.
  SmallVector<Value>
  forEach(Value first, Value end, int64_t step, ValueRange state,
          function_ref<SmallVector<Value>(Value, ValueRange)> body);
  /// The value of one of the two, which have one type.
  Value choose(Value condition, function_ref<Value()> then,
               function_ref<Value()> otherwise, Type type);
  void ifElse(Value condition, function_ref<void()> then,
              function_ref<void()> otherwise = {});
};

/// `vector` as it is stored in an array of `element`: floats rounded.
Value roundTo(VectorBuilder &b, Type element, Value vector);
/// Floats of any type as f32.
Value extendToF32(VectorBuilder &b, Value value);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_VECTORBUILDER_H
