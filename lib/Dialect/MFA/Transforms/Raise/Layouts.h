//===- Layouts.h - Arrays in other orders -----------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_LAYOUTS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_LAYOUTS_H

#include "Attention.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa::raising {

/// Whether the array of an element has no other elements than those at the
/// indices, each once, so that `changeLayout` can read it.
bool isReadable(const Node *element, Elements &elements);
/// The array of an element that is readable.
Operand getOperand(const Node *element);

/// Finds the array that the op's output takes the place of: the result of the
/// product or, where nothing else uses that, what views and a conversion to the
/// element type make of it, as far as to where it has the layout of the output.
/// Fails where the product's result is of a wider type than the op's.
LogicalResult findResult(Elements &elements, const Reduction &product,
                         Attention &attention);

/// The array in another layout, by as few ops as it takes: sizes of 1 dropped,
/// dimensions split, transposed, merged, sizes of 1 added.
///
///   [b*h, q, d]  ->  [b, q, h, d]     expand [[0, 1], [2], [3]], transpose
Value changeLayout(ImplicitLocOpBuilder &builder, Operand array,
                   const Layout &layout, const AxisSpace &space);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_LAYOUTS_H
