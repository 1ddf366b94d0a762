//===- VectorMath.h - Functions of vectors of f32 ------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_VECTORMATH_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_VECTORMATH_H

#include "VectorBuilder.h"

namespace mlir::mfa {

/// A function of `math` of f32 vectors, computed for all lanes at once: in
/// f64, so that the result is good to 0.6 units in the last place. Null for
/// functions that are not written here.
///
/// Operands for which this would be wrong, such as numbers of 2^40 and more for
/// sines, have the C library's function, and the lanes beside them as well.
Value createVectorFunction(VectorBuilder &b, Operation &op,
                           ValueRange operands);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_VECTORMATH_H
