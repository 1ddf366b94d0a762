//===- Views.h - Elements of arrays that other arrays show ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where an element of a view, of a slice or of joined arrays is in the array
// that it is taken from. Empty where indices do not tell.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_VIEWS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_VIEWS_H

#include "Axes.h"
#include "SymbolicSizes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::mfa::raising {

/// Dimensions of an array that become dimensions of a view of it, as one
/// number.
struct Regrouping {
  SmallVector<int64_t, 2> from, to;
};

/// What a reshape merges and splits; empty where the sizes that it is given are
/// not seen to be products of those that the array has.
std::optional<SmallVector<Regrouping>> getRegroupings(tensor::ReshapeOp reshape,
                                                      SymbolicSizes &sizes);

/// The indices of the source.
std::optional<Indices> getViewed(tensor::ExpandShapeOp expand,
                                 const Indices &indices);
std::optional<Indices> getViewed(tensor::CollapseShapeOp collapse,
                                 const Indices &indices, AxisSpace &space);
std::optional<Indices> getViewed(tensor::ReshapeOp reshape,
                                 const Indices &indices, AxisSpace &space,
                                 SymbolicSizes &sizes);
std::optional<Indices> getViewed(tensor::ExtractSliceOp slice,
                                 const Indices &indices);

/// One of several arrays, and the indices there.
using Part = std::pair<Value, Indices>;
std::optional<Part> getPart(tensor::ConcatOp concat, const Indices &indices,
                            const AxisSpace &space);
/// Of an array into which another one was written.
std::optional<Part> getPart(tensor::InsertSliceOp insert,
                            const Indices &indices, const AxisSpace &space);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_VIEWS_H
