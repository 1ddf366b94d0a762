//===- ElementEmitter.h - Elements of tensors in regions -------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_IR_ELEMENTEMITTER_H
#define MFA_LIB_DIALECT_MFA_IR_ELEMENTEMITTER_H

#include "mfa/Dialect/MFA/IR/Rules.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::mfa {

/// An index into an array, and which positions it is computed from.
struct ElementIndex {
  Value value;
  bool hasQuery = false, hasKey = false;
};

/// Computes an element of a tensor in a region. Without a builder it only says
/// whether it can, and values are null.
class ElementEmitter {
public:
  explicit ElementEmitter(RegionBuilder *b) : b(b) {}

  /// Whether elements are computed from their positions.
  bool hasUsedPositions() const { return usesPositions; }
  /// Whether elements are computed from positions or other elements, not
  /// copied.
  bool hasComputed() const { return usesPositions || computes; }

  FailureOr<Value> emit(Value array, ArrayRef<ElementIndex> indices);

  /// A value of the body of `generic`, an op that `isMap` holds for, at the
  /// iteration `indices`.
  FailureOr<Value> emitInBody(linalg::GenericOp generic, Value value,
                              ArrayRef<ElementIndex> indices);

  /// Whether an element of the only result is computed for its own indices
  /// from inputs alone.
  static bool isMap(linalg::GenericOp generic);

  /// The indices of an element before `expand`, which adds dimensions of size
  /// 1.
  FailureOr<SmallVector<ElementIndex>>
  getIndicesBefore(tensor::ExpandShapeOp expand,
                   ArrayRef<ElementIndex> indices);

private:
  FailureOr<Value> read(Value array, ArrayRef<ElementIndex> indices);
  FailureOr<Value> emitInput(linalg::GenericOp generic, unsigned number,
                             ArrayRef<ElementIndex> indices);
  FailureOr<Value> emitGenerate(tensor::GenerateOp generate,
                                ArrayRef<ElementIndex> indices);
  FailureOr<Value> emitElementwise(Operation *producer,
                                   ArrayRef<ElementIndex> indices);
  LogicalResult emitOps(Block &body, Value result,
                        ArrayRef<ElementIndex> indices, IRMapping &mapping);
  ElementIndex getZero();

  RegionBuilder *b;
  bool usesPositions = false, computes = false;
};

/// The indices of the mask of `op` at the position of a pair; without a builder
/// their values are null.
SmallVector<ElementIndex> getMaskIndices(MaskedAttentionOp op,
                                         RegionBuilder *b);

/// Makes `emit`, an element of a mask, a part of the regions of `op`: one of i1
/// says what is kept, unless there is a region `score` that could see what it
/// does; others are added in front of that region.
void addMaskElement(MaskedAttentionOp op, bool isBoolean,
                    function_ref<Value(RegionBuilder &)> emit);

} // namespace mlir::mfa

#endif // MFA_LIB_DIALECT_MFA_IR_ELEMENTEMITTER_H
