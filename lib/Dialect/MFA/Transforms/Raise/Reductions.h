//===- Reductions.h - Linalg ops that reduce --------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_REDUCTIONS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_REDUCTIONS_H

#include "Elements.h"

namespace mlir::mfa::raising {

enum class Combiner { Add, Maximum, And };

/// One result of a linalg op: `combiner` of `element` over the reduced axes,
/// and of `start`, if that is a known number.
struct Reduction {
  linalg::LinalgOp op;
  Combiner combiner;
  Node *element;
  AxisList reduced;
  Node *start = nullptr;
};

/// The reduction that makes an element, null where none does. Its reduced loop
/// has the axes `reduced`, or axes of its own.
std::optional<Reduction> matchReduction(Elements &elements, Node *node,
                                        const AxisList *reduced = nullptr);
/// The same for an op as a whole, with axes of its own for all loops.
std::optional<Reduction> matchReduction(Elements &elements,
                                        linalg::LinalgOp op);

/// Whether an op may be a sum of products.
bool mayBeProduct(linalg::LinalgOp op);

/// What is below conversions between floats and factors of 1.
Node *stripCasts(Elements &elements, Node *node);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_REDUCTIONS_H
