//===- Axes.cpp - Dimensions as lists of axes -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Axes.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

const AxisList &AxisSpace::getLoopAxes(Operation *op, unsigned loop,
                                       int64_t size) {
  auto [found, isNew] = loops.try_emplace({op, loop});
  AxisList &list = found->second;
  if (!isNew)
    return list;
  SmallVector<int64_t> sizes;
  if (auto divided = factors.find({op, loop}); divided != factors.end())
    sizes = divided->second;
  else if (size != 1)
    sizes = {size};
  for (auto [position, part] : llvm::enumerate(sizes)) {
    list.push_back(axes.size());
    axes.push_back({{op, loop}, static_cast<unsigned>(position), part});
  }
  return list;
}

int64_t AxisSpace::getSize(ArrayRef<Axis> list) const {
  int64_t product = 1;
  for (Axis axis : list) {
    if (ShapedType::isDynamic(getSize(axis)))
      return ShapedType::kDynamic;
    product *= getSize(axis);
  }
  return product;
}

FailureOr<SmallVector<AxisList>> AxisSpace::cut(ArrayRef<Axis> list,
                                                ArrayRef<int64_t> sizes) {
  SmallVector<AxisList> parts(sizes.size());
  // From the lowest digit; the first size of those that are not 1 is the rest.
  size_t first = std::distance(
      sizes.begin(), llvm::find_if(sizes, [](int64_t s) { return s != 1; }));
  for (size_t dim = sizes.size(); dim-- > first + 1;) {
    int64_t missing = sizes[dim];
    if (ShapedType::isDynamic(missing))
      return failure();
    while (missing != 1) {
      if (list.empty())
        return failure();
      Axis last = list.back();
      int64_t size = getSize(last);
      if (ShapedType::isDynamic(size) || size % missing == 0) {
        if (size != missing) {
          division = {last, missing};
          return failure();
        }
      } else if (missing % size != 0) {
        return failure();
      }
      parts[dim].insert(parts[dim].begin(), last);
      missing /= size;
      list = list.drop_back();
    }
  }
  if (first == sizes.size()) {
    if (!list.empty())
      return failure();
    return parts;
  }
  int64_t rest = getSize(list);
  if (ShapedType::isStatic(rest) && ShapedType::isStatic(sizes[first]) &&
      rest != sizes[first])
    return failure();
  parts[first].assign(list.begin(), list.end());
  return parts;
}

bool AxisSpace::divideAxes() {
  if (!division)
    return false;
  auto [axis, low] = *division;
  const AxisInfo &info = axes[axis];
  SmallVector<int64_t> sizes;
  for (Axis part : loops[info.loop])
    sizes.push_back(getSize(part));
  int64_t high = ShapedType::isDynamic(info.size) ? info.size : info.size / low;
  sizes[info.position] = low;
  sizes.insert(sizes.begin() + info.position, high);
  factors[info.loop] = std::move(sizes);
  division.reset();
  axes.clear();
  loops.clear();
  return true;
}
