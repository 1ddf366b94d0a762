//===- Products.h - The two products of a tile ---------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_PRODUCTS_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_PRODUCTS_H

#include "KernelShape.h"

namespace mlir::mfa {

/// scores[r, k] = sum over d of query[first + r, d] * key[d, k], for the
/// register rows r and the keys k, and for more keys up to a whole block.
/// `query` and `key` are packed.
void createScores(VectorBuilder &b, const KernelShape &shape, Value query,
                  Value key, Value firstRow, const KeyRange &keys,
                  Value scores);

/// output[first + r, d] = output[first + r, d] * factors[r]
///                        + sum over k of weights[r, k] * value[k, d]
/// for the register rows r and the keys k. `value` is packed.
void addWeightedValues(VectorBuilder &b, const KernelShape &shape,
                       Value weights, Value value, Value firstRow,
                       const KeyRange &keys, Value factors, Value output);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_PRODUCTS_H
