//===- Overlap.cpp - Arrays that share memory -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/Overlap.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mfa::runtime;

//===----------------------------------------------------------------------===//
// An equation in whole numbers
//===----------------------------------------------------------------------===//

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
    for (Term &term : terms)
      if (term.factor == factor) {
        term.bound += bound;
        return;
      }
    terms.push_back({factor, bound, 0, 0});
  }

  /// The sum of all factor_i * bound_i is an int64_t.
  bool hasSolution(int64_t target) {
    llvm::sort(terms, [](const Term &a, const Term &b) {
      return a.factor > b.factor;
    });
    int64_t most = 0, divisor = 0;
    for (Term &term : llvm::reverse(terms)) {
      most += term.factor * term.bound;
      divisor = std::gcd(divisor, term.factor);
      term.most = most;
      term.divisor = divisor;
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

  bool search(size_t index, int64_t target) {
    if (index == terms.size())
      return target == 0;
    const Term &term = terms[index];
    if (target < 0 || target > term.most || target % term.divisor != 0)
      return false;
    if (--steps < 0)
      return true;
    int64_t rest = index + 1 < terms.size() ? terms[index + 1].most : 0;
    int64_t first =
        target > rest ? llvm::divideCeilSigned(target - rest, term.factor) : 0;
    int64_t last = std::min(term.bound, target / term.factor);
    for (int64_t x = last; x >= first; --x)
      if (search(index + 1, target - x * term.factor))
        return true;
    return false;
  }

  // Two arrays of rank 4, and the bytes of an element.
  llvm::SmallVector<Term, 9> terms;
  int steps = 10000;
};
} // namespace

//===----------------------------------------------------------------------===//
// Two arrays
//===----------------------------------------------------------------------===//

namespace {
/// The bytes from the first one of an array to the one after its last: none of
/// an array without elements, and not known where strides lead out of all
/// memory.
struct Extent {
  int64_t begin = 0, end = 0;
  bool isKnown = true;

  bool isEmpty() const { return isKnown && begin == end; }
  bool meets(const Extent &other) const {
    return begin < other.end && other.begin < end;
  }
};
} // namespace

/// More than any machine has of memory; sums of a few are still an int64_t.
static constexpr int64_t kMostBytes = int64_t{1} << 60;

static Extent getExtent(const StridedArray &array) {
  int64_t below = 0, above = array.byteWidth;
  bool overflows = false;
  for (int64_t dim = 0; dim < array.rank; ++dim) {
    int64_t last = array.sizes[dim] - 1, step, length;
    if (last < 0)
      return {};
    if (last == 0)
      continue;
    overflows |= llvm::MulOverflow(array.strides[dim], array.byteWidth, step);
    overflows |= llvm::MulOverflow(step, last, length);
    int64_t &sum = length < 0 ? below : above;
    overflows |= llvm::AddOverflow(sum, length, sum);
  }
  auto address = static_cast<int64_t>(reinterpret_cast<intptr_t>(array.data));
  Extent extent;
  overflows |= below < -kMostBytes || above > kMostBytes;
  overflows |= llvm::AddOverflow(address, below, extent.begin);
  overflows |= llvm::AddOverflow(address, above, extent.end);
  extent.isKnown = !overflows;
  return extent;
}

/// Of arrays whose extents meet.
static bool overlapWithin(const StridedArray &first, const Extent &a,
                          const StridedArray &second, const Extent &b) {
  // With x_i counting from the first byte of one array and y_i from the last
  // byte of the other, all factors are positive:
  //   a.begin + sum(s_i * x_i) + r = b.end - 1 - sum(t_i * y_i) - r'
  // where r and r' are the bytes of an element. Elements of one width that are
  // whole elements apart have all or no bytes in common.
  Equation equation;
  for (const StridedArray *array : {&first, &second})
    for (int64_t dim = 0; dim < array->rank; ++dim)
      if (array->sizes[dim] != 1)
        equation.add(std::abs(array->strides[dim]) * array->byteWidth,
                     array->sizes[dim] - 1);
  int64_t width = first.byteWidth, distance = b.end - a.begin;
  if (width == second.byteWidth && distance % width == 0)
    return equation.hasSolution(distance - width);
  equation.add(1, width + second.byteWidth - 2);
  return equation.hasSolution(distance - 1);
}

/// Of arrays that have elements.
static bool overlapAnywhere(const StridedArray &first, const Extent &a,
                            const StridedArray &second, const Extent &b) {
  if (!a.isKnown || !b.isKnown)
    return true;
  return a.meets(b) && overlapWithin(first, a, second, b);
}

bool mfa::runtime::overlap(const StridedArray &first,
                           const StridedArray &second) {
  Extent a = getExtent(first), b = getExtent(second);
  if (a.isEmpty() || b.isEmpty())
    return false;
  return overlapAnywhere(first, a, second, b);
}

//===----------------------------------------------------------------------===//
// One array
//===----------------------------------------------------------------------===//

/// Dimensions of more than one element, from the largest stride to the
/// smallest.
static llvm::SmallVector<int64_t, 4> orderByStride(const StridedArray &array) {
  llvm::SmallVector<int64_t, 4> order;
  for (int64_t dim = 0; dim < array.rank; ++dim)
    if (array.sizes[dim] != 1)
      order.push_back(dim);
  auto isLarger = [&](int64_t a, int64_t b) {
    return std::abs(array.strides[a]) > std::abs(array.strides[b]);
  };
  // In most layouts they are in that order.
  for (size_t end = 1; end < order.size(); ++end)
    for (size_t i = end; i > 0 && isLarger(order[i], order[i - 1]); --i)
      std::swap(order[i - 1], order[i]);
  return order;
}

/// Returns true where each stride is larger than the way through all dimensions
/// before it in `dims`, as in all common layouts.
template <typename Dims>
static bool isNested(const StridedArray &array, const Dims &dims) {
  int64_t extent = 0;
  for (int64_t dim : dims) {
    if (array.sizes[dim] == 1)
      continue;
    int64_t stride = std::abs(array.strides[dim]);
    if (stride <= extent)
      return false;
    extent += stride * (array.sizes[dim] - 1);
  }
  return true;
}

/// Of an array that is not empty and has an extent.
static bool overlapsItselfWithin(const StridedArray &array) {
  // Two elements differ first in dimension `lead`, there by 1 + x, and in those
  // after it by y_i - (size_i - 1):
  //   stride * (1 + x) + sum(s_i * (y_i - (size_i - 1))) = 0
  // The order of the dimensions does not matter; the largest strides come
  // first, which leaves the search little to do.
  if (isNested(array, llvm::reverse(llvm::seq(array.rank))))
    return false;
  llvm::SmallVector<int64_t, 4> order = orderByStride(array);
  if (isNested(array, llvm::reverse(order)))
    return false;
  for (size_t lead = 0; lead < order.size(); ++lead) {
    int64_t stride = std::abs(array.strides[order[lead]]);
    if (stride == 0)
      return true;
    Equation equation;
    equation.add(stride, array.sizes[order[lead]] - 2);
    int64_t target = -stride;
    for (int64_t dim : llvm::ArrayRef(order).drop_front(lead + 1)) {
      int64_t factor = std::abs(array.strides[dim]);
      int64_t bound = array.sizes[dim] - 1;
      equation.add(factor, 2 * bound);
      target += factor * bound;
    }
    if (target >= 0 && equation.hasSolution(target))
      return true;
  }
  return false;
}

bool mfa::runtime::overlapsItself(const StridedArray &array) {
  Extent extent = getExtent(array);
  if (!extent.isKnown)
    return true;
  return !extent.isEmpty() && overlapsItselfWithin(array);
}

//===----------------------------------------------------------------------===//
// The arrays of a kernel
//===----------------------------------------------------------------------===//

std::optional<Conflict> mfa::runtime::findConflict(const StridedArray *arrays,
                                                   size_t count,
                                                   size_t numWritten) {
  llvm::SmallVector<Extent, 16> extents;
  for (size_t index = 0; index < count; ++index)
    extents.push_back(getExtent(arrays[index]));
  const size_t firstWritten = count - numWritten;
  for (size_t written = firstWritten; written < count; ++written) {
    const Extent &extent = extents[written];
    if (extent.isEmpty())
      continue;
    if (!extent.isKnown || overlapsItselfWithin(arrays[written]))
      return Conflict{written, written};
    for (size_t other = 0; other < count; ++other) {
      // Of two that are written, the first is named first.
      bool isKnown = other >= firstWritten && other <= written;
      if (!isKnown && !extents[other].isEmpty() &&
          overlapAnywhere(arrays[written], extent, arrays[other],
                          extents[other]))
        return Conflict{written, other};
    }
  }
  return std::nullopt;
}
