//===- Views.cpp - Elements of arrays that other arrays show --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Views.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

std::optional<Indices> raising::getViewed(tensor::ExtractSliceOp slice,
                                          const Indices &indices) {
  // Where sizes are not known an axis could not be told from a longer one.
  if (!slice.getSourceType().hasStaticShape() ||
      !slice.getResultType().hasStaticShape())
    return std::nullopt;
  Indices source;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  unsigned result = 0;
  for (auto [dim, offset, stride] :
       llvm::enumerate(slice.getMixedOffsets(), slice.getMixedStrides())) {
    std::optional<int64_t> known = getConstantIntValue(offset);
    if (!known || !isConstantIntValue(stride, 1))
      return std::nullopt;
    Index index;
    if (!dropped[dim])
      index = indices[result++];
    index.offset += *known;
    source.push_back(std::move(index));
  }
  return source;
}

/// The number that the indices of some dimensions are the digits of.
static std::optional<Index> getMerged(ArrayRef<int64_t> dims,
                                      const Indices &indices) {
  Index merged;
  for (int64_t dim : dims) {
    llvm::append_range(merged.axes, indices[dim].axes);
    if (indices[dim].offset == 0)
      continue;
    // An offset counts in the whole index only where it is the lowest digit.
    if (dim != dims.back())
      return std::nullopt;
    merged.offset = indices[dim].offset;
  }
  return merged;
}

/// Sets the indices of some dimensions to the digits of a number.
static LogicalResult setDigits(ArrayRef<int64_t> dims, ArrayRef<int64_t> sizes,
                               const Index &number, AxisSpace &space,
                               Indices &indices) {
  if (dims.size() == 1) {
    indices[dims.front()] = number;
    return success();
  }
  FailureOr<SmallVector<AxisList>> parts = space.cut(number.axes, sizes);
  if (number.offset != 0 || failed(parts))
    return failure();
  for (auto [dim, part] : llvm::zip_equal(dims, *parts))
    indices[dim].axes = part;
  return success();
}

std::optional<Indices> raising::getViewed(tensor::ExpandShapeOp expand,
                                          const Indices &indices) {
  Indices source;
  for (const ReassociationIndices &group : expand.getReassociationIndices()) {
    std::optional<Index> merged = getMerged(group, indices);
    if (!merged)
      return std::nullopt;
    source.push_back(std::move(*merged));
  }
  return source;
}

std::optional<Indices> raising::getViewed(tensor::CollapseShapeOp collapse,
                                          const Indices &indices,
                                          AxisSpace &space) {
  ArrayRef<int64_t> shape = collapse.getSrcType().getShape();
  Indices source(shape.size());
  for (auto [group, index] :
       llvm::zip_equal(collapse.getReassociationIndices(), indices))
    if (failed(setDigits(group, shape.slice(group.front(), group.size()), index,
                         space, source)))
      return std::nullopt;
  return source;
}

std::optional<SmallVector<Regrouping>>
raising::getRegroupings(tensor::ReshapeOp reshape, SymbolicSizes &sizes) {
  auto from = dyn_cast<RankedTensorType>(reshape.getSource().getType());
  auto to = dyn_cast<RankedTensorType>(reshape.getType());
  if (!from || !to)
    return std::nullopt;
  SmallVector<Regrouping> groups;
  int64_t nextFrom = 0, nextTo = 0;
  while (nextFrom < from.getRank() || nextTo < to.getRank()) {
    Regrouping &group = groups.emplace_back();
    SymbolicSize fromSize, toSize;
    auto takeFrom = [&] {
      group.from.push_back(nextFrom);
      fromSize = fromSize.times(sizes.getSize(reshape.getSource(), nextFrom++));
    };
    auto takeTo = [&] {
      group.to.push_back(nextTo);
      toSize = toSize.times(sizes.getSize(reshape.getResult(), nextTo++));
    };
    do {
      // The side on which factors are missing. What is left when one side has
      // come to its end is as large as the rest of the other, since the arrays
      // have the same number of elements.
      bool isFromMissing = toSize.dividedBy(fromSize).has_value();
      bool isToMissing = fromSize.dividedBy(toSize).has_value();
      bool isBoth = isFromMissing == isToMissing;
      if (nextFrom < from.getRank() &&
          (isFromMissing || isBoth || nextTo == to.getRank()))
        takeFrom();
      if (nextTo < to.getRank() &&
          (isToMissing || isBoth || nextFrom == from.getRank()))
        takeTo();
    } while (fromSize != toSize &&
             (nextFrom < from.getRank() || nextTo < to.getRank()));
  }
  // Sizes of 1 at the end belong to what is in front of them.
  while (groups.size() > 1 &&
         (groups.back().from.empty() || groups.back().to.empty())) {
    Regrouping last = groups.pop_back_val();
    llvm::append_range(groups.back().from, last.from);
    llvm::append_range(groups.back().to, last.to);
  }
  return groups;
}

std::optional<Indices> raising::getViewed(tensor::ReshapeOp reshape,
                                          const Indices &indices,
                                          AxisSpace &space,
                                          SymbolicSizes &sizes) {
  auto groups = getRegroupings(reshape, sizes);
  if (!groups)
    return std::nullopt;
  Value array = reshape.getSource();
  Indices source(cast<RankedTensorType>(array.getType()).getRank());
  for (const Regrouping &group : *groups) {
    std::optional<Index> merged = getMerged(group.to, indices);
    if (!merged)
      return std::nullopt;
    if (group.from.empty())
      continue;
    SmallVector<int64_t> shape;
    for (int64_t dim : group.from)
      shape.push_back(sizes.getStaticSize(array, dim));
    if (failed(setDigits(group.from, shape, *merged, space, source)))
      return std::nullopt;
  }
  return source;
}

/// The numbers that an index can be, from the first one to behind the last.
static std::optional<std::pair<int64_t, int64_t>>
getRange(const Index &index, const AxisSpace &space) {
  int64_t size = space.getSize(index.axes);
  if (ShapedType::isDynamic(size))
    return std::nullopt;
  return std::pair(index.offset, index.offset + size);
}

std::optional<Part> raising::getPart(tensor::ConcatOp concat,
                                     const Indices &indices,
                                     const AxisSpace &space) {
  auto range = getRange(indices[concat.getDim()], space);
  if (!range)
    return std::nullopt;
  int64_t first = 0;
  for (Value input : concat.getInputs()) {
    int64_t size =
        cast<RankedTensorType>(input.getType()).getDimSize(concat.getDim());
    if (ShapedType::isDynamic(size))
      return std::nullopt;
    if (range->first >= first && range->second <= first + size) {
      Indices moved = indices;
      moved[concat.getDim()].offset -= first;
      return Part(input, std::move(moved));
    }
    first += size;
  }
  return std::nullopt;
}

std::optional<Part> raising::getPart(tensor::InsertSliceOp insert,
                                     const Indices &indices,
                                     const AxisSpace &space) {
  if (insert.getSourceType().getRank() != insert.getDestType().getRank())
    return std::nullopt;
  Indices moved = indices;
  bool isInside = true;
  for (auto [dim, offset, size, stride] :
       llvm::enumerate(insert.getMixedOffsets(), insert.getMixedSizes(),
                       insert.getMixedStrides())) {
    auto range = getRange(indices[dim], space);
    std::optional<int64_t> first = getConstantIntValue(offset),
                           count = getConstantIntValue(size);
    if (!range || !first || !count || !isConstantIntValue(stride, 1))
      return std::nullopt;
    if (range->second <= *first || range->first >= *first + *count)
      return Part(insert.getDest(), indices);
    isInside &= range->first >= *first && range->second <= *first + *count;
    moved[dim].offset -= *first;
  }
  if (!isInside)
    return std::nullopt;
  return Part(insert.getSource(), std::move(moved));
}
