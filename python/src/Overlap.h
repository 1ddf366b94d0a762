//===- Overlap.h - Arrays that share memory ---------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether strided arrays have bytes in common. Most pairs are told apart by
// their first and last bytes; views of one buffer that interleave, such as the
// parts of packed q, k and v, are told apart exactly.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_OVERLAP_H
#define MFA_PYTHON_OVERLAP_H

#include "Array.h"

namespace mfa::python {

/// Returns true where an element of `first` shares a byte with one of `second`;
/// also where that cannot be said in some ten thousand steps, which takes
/// strides that no layout of a tensor has.
bool overlap(const Array &first, const Array &second);

/// Returns true where two elements of an array share a byte, likewise.
bool overlapsItself(const Array &array);

} // namespace mfa::python

#endif // MFA_PYTHON_OVERLAP_H
