//===- Overlap.cpp - Arrays that share memory -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Overlap.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

using namespace mfa::python;

namespace {
/// The question whether sum(factor_i * x_i) = target has a solution in whole
/// numbers 0 <= x_i <= bound_i, for positive factors.
///
/// A depth-first search from the largest factor to the smallest. What the
/// smaller terms can add bounds each x_i from both sides, which for the strides
/// of a layout leaves two or three values; their greatest common divisor rules
/// out the rest.
class Equation {
public:
  void add(int64_t factor, int64_t bound) {
    if (factor == 0 || bound == 0)
      return;
    // Values of equal factors add up.
    for (int i = 0; i < count; ++i)
      if (terms[i].factor == factor) {
        terms[i].bound += bound;
        return;
      }
    terms[count++] = {factor, bound, 0, 0};
  }

  bool hasSolution(int64_t target) {
    std::sort(terms.begin(), terms.begin() + count,
              [](const Term &a, const Term &b) { return a.factor > b.factor; });
    int64_t most = 0, divisor = 0;
    for (int i = count - 1; i >= 0; --i) {
      most += terms[i].factor * terms[i].bound;
      divisor = std::gcd(divisor, terms[i].factor);
      terms[i].most = most;
      terms[i].divisor = divisor;
    }
    return search(0, target);
  }

private:
  struct Term {
    int64_t factor, bound;
    /// The largest sum of this term and those after it, and the divisor of all
    /// their sums.
    int64_t most, divisor;
  };

  bool search(int index, int64_t target) {
    if (index == count)
      return target == 0;
    const Term &term = terms[index];
    if (target < 0 || target > term.most || target % term.divisor != 0)
      return false;
    if (--steps < 0)
      return true;
    int64_t rest = index + 1 < count ? terms[index + 1].most : 0;
    int64_t first =
        target > rest ? (target - rest + term.factor - 1) / term.factor : 0;
    int64_t last = std::min(term.bound, target / term.factor);
    for (int64_t x = last; x >= first; --x)
      if (search(index + 1, target - x * term.factor))
        return true;
    return false;
  }

  // Two arrays of rank 4, and the bytes of an element.
  std::array<Term, 9> terms;
  int count = 0;
  int steps = 10000;
};

/// The bytes between the first one of an array and the one after its last.
struct Extent {
  int64_t begin, end;
};
} // namespace

static Extent getExtent(const Array &array) {
  auto begin = reinterpret_cast<intptr_t>(array.data);
  int64_t width = getByteWidth(array.elementType), end = begin + width;
  for (int dim = 0; dim < array.rank; ++dim) {
    int64_t length = array.strides[dim] * (array.sizes[dim] - 1) * width;
    (length < 0 ? begin : end) += length;
  }
  return {begin, end};
}

bool mfa::python::overlap(const Array &first, const Array &second) {
  if (first.getNumElements() == 0 || second.getNumElements() == 0)
    return false;
  Extent a = getExtent(first), b = getExtent(second);
  if (a.end <= b.begin || b.end <= a.begin)
    return false;
  // With x_i counting from the first byte of one array and y_i from the last
  // byte of the other, all factors are positive:
  //   a.begin + sum(s_i * x_i) + r = b.end - 1 - sum(t_i * y_i) - r'
  // where r and r' are the bytes of an element. Elements of one width, which
  // are aligned, have all or no bytes in common.
  int64_t width = getByteWidth(first.elementType);
  int64_t otherWidth = getByteWidth(second.elementType);
  Equation equation;
  for (const Array *array : {&first, &second})
    for (int dim = 0; dim < array->rank; ++dim)
      equation.add(std::abs(array->strides[dim]) *
                       getByteWidth(array->elementType),
                   array->sizes[dim] - 1);
  if (width == otherWidth)
    return equation.hasSolution(b.end - width - a.begin);
  equation.add(1, width + otherWidth - 2);
  return equation.hasSolution(b.end - 1 - a.begin);
}

/// Returns true where each stride is larger than the way through all dimensions
/// of smaller strides, as in all common layouts. `order` is from the largest
/// stride to the smallest.
static bool isNested(const Array &array, const std::array<int, 4> &order) {
  int64_t extent = 0;
  for (int i = array.rank - 1; i >= 0; --i) {
    int64_t bound = array.sizes[order[i]] - 1;
    if (bound == 0)
      continue;
    int64_t stride = std::abs(array.strides[order[i]]);
    if (stride <= extent)
      return false;
    extent += stride * bound;
  }
  return true;
}

bool mfa::python::overlapsItself(const Array &array) {
  if (array.getNumElements() == 0)
    return false;
  // Two elements differ first in dimension `lead`, there by 1 + x, and in those
  // after it by y_i - (size_i - 1):
  //   stride * (1 + x) + sum(s_i * (y_i - (size_i - 1))) = 0
  // The order of the dimensions does not matter; the largest strides come
  // first, which leaves the search little to do.
  std::array<int, 4> order = {0, 1, 2, 3};
  auto isSmaller = [&](int a, int b) {
    return std::abs(array.strides[a]) < std::abs(array.strides[b]);
  };
  for (int end = 1; end < array.rank; ++end)
    for (int i = end; i > 0 && isSmaller(order[i - 1], order[i]); --i)
      std::swap(order[i - 1], order[i]);
  if (isNested(array, order))
    return false;
  for (int lead = 0; lead < array.rank; ++lead) {
    int64_t stride = std::abs(array.strides[order[lead]]);
    int64_t size = array.sizes[order[lead]];
    if (size == 1)
      continue;
    if (stride == 0)
      return true;
    Equation equation;
    equation.add(stride, size - 2);
    int64_t target = -stride;
    for (int i = lead + 1; i < array.rank; ++i) {
      int64_t factor = std::abs(array.strides[order[i]]);
      int64_t bound = array.sizes[order[i]] - 1;
      equation.add(factor, 2 * bound);
      target += factor * bound;
    }
    if (target >= 0 && equation.hasSolution(target))
      return true;
  }
  return false;
}
