//===- KernelBuilder.h - Ops of attention kernels ---------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KERNELBUILDER_H
#define MFA_LIB_CONVERSION_MFATOGPU_KERNELBUILDER_H

#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa {

/// What all parts of a kernel write their ops with, one after another.
class KernelBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  //===--- Numbers --------------------------------------------------------===//

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(*this, value);
  }
  Value i32(int64_t value) {
    return arith::ConstantIntOp::create(*this, value, 32);
  }
  /// Of type f32.
  Value constant(double value) {
    return arith::ConstantOp::create(
        *this, getF32FloatAttr(static_cast<float>(value)));
  }
  Value negativeInfinity();
  /// Numbers that 32 bits hold; those of the type already stay as they are.
  Value toI32(Value index);
  Value toIndex(Value number);
  Value isZero(Value number);
  Value negate(Value condition);
  Value dim(Value array, unsigned position);

  //===--- Control --------------------------------------------------------===//

  /// `then()` where `condition` holds.
  void guarded(Value condition, function_ref<void()> then);
  /// What `then()` or `otherwise()` gives: but one of them is built where the
  /// condition is known.
  SmallVector<Value> choose(OpFoldResult condition,
                            function_ref<SmallVector<Value>()> then,
                            function_ref<SmallVector<Value>()> otherwise);

  /// Whether the condition holds for any thread of the block, which wait for
  /// each other.
  Value isAnyOfBlock(Value condition);

  //===--- Tiles ----------------------------------------------------------===//

  Value splat(mfa_gpu::TileType type, Value value) {
    return mfa_gpu::SplatOp::create(*this, type, value);
  }
  /// A map with one result, from f32 and other scalars to one scalar.
  Value map(mfa_gpu::TileType type, ValueRange inputs,
            function_ref<Value(ValueRange)> body, bool coordinates = false);
  /// Each row times its factor.
  Value scaleRows(Value tile, Value factors);

  //===--- Views ----------------------------------------------------------===//

  /// A matrix out of an array: two of the dimensions keep more than one index.
  Value matrixView(Value array, ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes, unsigned rowDim,
                   unsigned colDim);
  /// A vector out of an array: one of the dimensions keeps its indices.
  Value vectorView(Value array, ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes, unsigned dim);
  /// `min(size - first, limit)`: a constant where tiles cover `size` exactly.
  OpFoldResult tileSize(Value size, Value first, int64_t limit);

private:
  Value view(Value array, ArrayRef<OpFoldResult> offsets,
             ArrayRef<OpFoldResult> sizes, ArrayRef<unsigned> dims);
};

/// Whether `size` is known to be a multiple.
bool isMultiple(Value size, int64_t of);

// What LLVM is not to do with a loop, as it would take registers that are few:
// compute in front of it what does not change in it; unroll it.
void keepInvariantsInside(Operation *loop);
void keepRolled(Operation *loop);
/// LLVM is to unroll a loop of loads that wait for nothing in it, so many
/// times: as many are on their way at a time.
void unroll(Operation *loop, int64_t times);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KERNELBUILDER_H
