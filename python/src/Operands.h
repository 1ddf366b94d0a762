//===- Operands.h - The arguments of masked attention -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_OPERANDS_H
#define MFA_PYTHON_OPERANDS_H

#include "Array.h"

#include <vector>

namespace mfa::python {

/// A value that the functions of a call refer to: an array, or a number where
/// no array is given.
struct Capture {
  const char *name = nullptr;
  Array array;
  double number = 0;
  int64_t integer = 0;
  bool isInteger = false;

  bool isArray() const { return array.isGiven(); }
};

/// The arguments of a call, of which optional ones may not be given.
struct Operands {
  Array q, k, v, mask, sinks, out, lse;
  /// What regions read.
  std::vector<Capture> captures;
  float scale = 0;
  /// The scale is 1/sqrt(D), which the kernel has built in: of no mask or zeros
  /// of one, a tile of scores needs no product with it.
  bool hasDefaultScale = false;

  bool hasMask() const { return mask.isGiven(); }
  bool hasSinks() const { return sinks.isGiven(); }
  int64_t getBatch() const { return q.sizes[0]; }
  int64_t getSeqQ() const { return q.sizes[1]; }
  int64_t getHeads() const { return q.sizes[2]; }
  int64_t getHeadDim() const { return q.sizes[3]; }
  int64_t getSeqK() const { return k.sizes[1]; }
  int64_t getKVHeads() const { return k.sizes[2]; }
  int64_t getValueDim() const { return v.sizes[3]; }
};

/// Sizes and strides of the mask as [B|1, H|1, Sq|1, Sk|1], and what of them is
/// known in the code of the kernel: dimensions of size 1 that are broadcast,
/// and that keys lie side by side.
struct MaskView {
  std::array<int64_t, 4> sizes = {}, strides = {};
  unsigned broadcast = 0;
  bool hasUnitStride = false;
};

/// Room for a number of values, in place where they are as few as in most
/// calls.
template <typename T>
class FewValues {
public:
  explicit FewValues(size_t count) {
    if (count > kFew)
      many.resize(count);
  }

  T *begin() { return many.empty() ? few : many.data(); }
  T &operator[](size_t index) { return begin()[index]; }

private:
  static constexpr size_t kFew = 16;
  T few[kFew];
  std::vector<T> many;
};

} // namespace mfa::python

#endif // MFA_PYTHON_OPERANDS_H
