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

#ifndef MFA_RUNTIME_OVERLAP_H
#define MFA_RUNTIME_OVERLAP_H

#include <cstddef>
#include <cstdint>
#include <optional>

namespace mfa::runtime {

/// The elements of an array in memory, where nothing is read.
struct StridedArray {
  /// Element 0 of all dimensions; not looked at where there is no element.
  const void *data;
  /// Bytes of an element.
  int64_t byteWidth;
  /// As many sizes and strides; sizes are 0 or more, strides count elements.
  int64_t rank;
  const int64_t *sizes, *strides;
};

/// Returns true where an element of `first` shares a byte with one of `second`;
/// also where that cannot be said in some ten thousand steps, which takes
/// strides that no layout of a tensor has, or where strides lead out of all
/// memory.
bool overlap(const StridedArray &first, const StridedArray &second);

/// Returns true where two elements of an array share a byte, likewise.
bool overlapsItself(const StridedArray &array);

/// An array that is written, and another that shares memory with it; one and
/// the same where its elements share some.
struct Conflict {
  size_t written, other;
};

/// Finds what a kernel, which reads and writes in no order, must not be given:
/// of `count` arrays the last `numWritten` are written, and may share memory
/// neither with another array nor within. Arrays that are read may share some.
std::optional<Conflict> findConflict(const StridedArray *arrays, size_t count,
                                     size_t numWritten);

} // namespace mfa::runtime

#endif // MFA_RUNTIME_OVERLAP_H
