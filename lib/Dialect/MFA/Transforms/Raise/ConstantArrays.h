//===- ConstantArrays.h - Rules that are written out as arrays --*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_CONSTANTARRAYS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_CONSTANTARRAYS_H

#include "Elements.h"

namespace mlir::mfa::raising {

/// The elements of a constant, also of one whose data is a resource, which are
/// read in place: masks may be large.
class ConstantArray {
public:
  static std::optional<ConstantArray> get(Value array);

  ArrayRef<int64_t> getShape() const { return type.getShape(); }
  bool isSplat() const { return splat; }
  /// An element, by its place in row-major order.
  TypedAttr getElement(int64_t place) const;
  /// The same as a number without regard to its type.
  uint64_t getBits(int64_t place) const;

private:
  RankedTensorType type;
  ArrayRef<char> data;
  bool splat = false;
  /// Of truth values, which are packed.
  DenseElementsAttr booleans;
};

/// What an element of a constant array is, where that follows from its
/// position:
///
///   an affine function of one axis                   0 1 2 3
///   one number in a band along the diagonal,         1 0 0 0
///   of two axes, and one other number elsewhere      1 1 0 0
///   (or, of one axis, in a range)                    0 1 1 0
///
/// Only the elements at the indices count, not the rest of the array. Null
/// where there is no such rule.
Node *findRule(Elements &elements, const ConstantArray &array,
               const Indices &indices);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_CONSTANTARRAYS_H
