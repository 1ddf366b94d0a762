//===- Layouts.cpp - Arrays in other orders -------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layouts.h"
#include "Views.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

bool raising::isReadable(const Node *element, Elements &elements) {
  const AxisSpace &space = elements.getSpace();
  auto type = cast<RankedTensorType>(element->value.getType());
  llvm::SmallDenseSet<Axis> seen;
  for (auto [index, size] :
       llvm::zip_equal(element->indices, type.getShape())) {
    int64_t known = space.getSize(index.axes);
    if (index.offset != 0 || (index.axes.empty() && size != 1))
      return false;
    if (!elements.mayBeSame(size, known))
      return false;
    if (index.axes.size() > 1 &&
        llvm::count_if(index.axes, [&](Axis axis) {
          return ShapedType::isDynamic(space.getSize(axis));
        }) > 1)
      return false;
    for (Axis axis : index.axes)
      if (!seen.insert(axis).second)
        return false;
  }
  return true;
}

Operand raising::getOperand(const Node *element) {
  Operand operand{element->value, {}};
  for (const Index &index : element->indices)
    operand.layout.push_back(index.axes);
  return operand;
}

//===----------------------------------------------------------------------===//
// The result
//===----------------------------------------------------------------------===//

/// The layout of what a linalg op copies from its one input, whose elements it
/// may convert to a narrower type.
static std::optional<Layout> getCopied(linalg::LinalgOp op,
                                       const Layout &layout) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 1 ||
      op.getNumDpsInits() != 1 || op.getNumParallelLoops() != op.getNumLoops())
    return std::nullopt;
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  if (auto truncate = yielded.getDefiningOp<arith::TruncFOp>())
    yielded = truncate.getIn();
  if (yielded != op.getBlock()->getArgument(0))
    return std::nullopt;
  SmallVector<std::optional<AxisList>> loops(op.getNumLoops());
  AffineMap input = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  for (auto [expr, axes] : llvm::zip_equal(input.getResults(), layout)) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = axes;
    else if (!axes.empty())
      return std::nullopt;
  }
  Layout copied;
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (AffineExpr expr : output.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return std::nullopt;
    std::optional<AxisList> &axes = loops[dim.getPosition()];
    if (!axes && Elements::getLoopSize(op, dim.getPosition()) != 1)
      return std::nullopt;
    copied.push_back(axes.value_or(AxisList()));
  }
  return copied;
}

static std::optional<Layout> getExpanded(tensor::ExpandShapeOp expand,
                                         const Layout &layout,
                                         AxisSpace &space) {
  Layout expanded;
  ArrayRef<int64_t> shape = expand.getResultType().getShape();
  for (auto [group, axes] :
       llvm::zip_equal(expand.getReassociationIndices(), layout)) {
    if (group.size() == 1) {
      expanded.push_back(axes);
      continue;
    }
    FailureOr<SmallVector<AxisList>> parts =
        space.cut(axes, shape.slice(group.front(), group.size()));
    if (failed(parts))
      return std::nullopt;
    llvm::append_range(expanded, *parts);
  }
  return expanded;
}

static std::optional<Layout> getReshaped(tensor::ReshapeOp reshape,
                                         const Layout &layout,
                                         Elements &elements) {
  auto groups = getRegroupings(reshape, elements.getSizes());
  if (!groups)
    return std::nullopt;
  Layout reshaped;
  for (const Regrouping &group : *groups) {
    AxisList merged;
    for (int64_t dim : group.from)
      llvm::append_range(merged, layout[dim]);
    if (group.to.size() == 1) {
      reshaped.push_back(std::move(merged));
      continue;
    }
    SmallVector<int64_t> shape;
    for (int64_t dim : group.to)
      shape.push_back(
          elements.getSizes().getStaticSize(reshape.getResult(), dim));
    FailureOr<SmallVector<AxisList>> parts =
        elements.getSpace().cut(merged, shape);
    if (failed(parts))
      return std::nullopt;
    llvm::append_range(reshaped, *parts);
  }
  return reshaped;
}

/// What the only use of `operand`, but for questions about its sizes, makes of
/// it, if that is a view or a copy.
static std::optional<Operand> followUse(const Operand &operand,
                                        Elements &elements) {
  AxisSpace &space = elements.getSpace();
  Operation *user = nullptr;
  Value array = operand.array;
  for (Operation *other : array.getUsers()) {
    if (isa<tensor::DimOp>(other))
      continue;
    if (user)
      return std::nullopt;
    user = other;
  }
  if (!user || user->getNumResults() != 1 ||
      user->getBlock() != array.getParentBlock())
    return std::nullopt;
  const Layout &layout = operand.layout;
  std::optional<Layout> next =
      llvm::TypeSwitch<Operation *, std::optional<Layout>>(user)
          .Case([&](tensor::CastOp op) -> std::optional<Layout> {
            if (!isa<RankedTensorType>(op.getType()))
              return std::nullopt;
            return layout;
          })
          .Case([&](tensor::ExpandShapeOp op) {
            return getExpanded(op, layout, space);
          })
          .Case([&](tensor::CollapseShapeOp op) {
            Layout collapsed;
            for (auto &group : op.getReassociationIndices()) {
              AxisList &merged = collapsed.emplace_back();
              for (int64_t dim : group)
                llvm::append_range(merged, layout[dim]);
            }
            return collapsed;
          })
          .Case([&](tensor::ReshapeOp op) {
            return getReshaped(op, layout, elements);
          })
          .Case([&](linalg::LinalgOp op) -> std::optional<Layout> {
            // Not as a destination.
            if (op.getDpsInits().front() == operand.array)
              return std::nullopt;
            return getCopied(op, layout);
          })
          .Default([](Operation *) { return std::nullopt; });
  if (!next)
    return std::nullopt;
  return Operand{user->getResult(0), std::move(*next)};
}

LogicalResult raising::findResult(Elements &elements, const Reduction &product,
                                  Attention &attention) {
  AxisSpace &space = elements.getSpace();
  linalg::LinalgOp op = product.op;
  Operand current{op->getResult(0), {}};
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  size_t numAxes = 0;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return failure();
    current.layout.push_back(space.getLoopAxes(
        op, dim.getPosition(), Elements::getLoopSize(op, dim.getPosition())));
    numAxes += current.layout.back().size();
  }
  Layout output = attention.roles.getOutputLayout();
  size_t expected = 0;
  for (const AxisList &axes : output)
    expected += axes.size();
  if (numAxes != expected)
    return failure();

  std::optional<Operand> result;
  while (true) {
    if (getElementTypeOrSelf(current.array) == attention.elementType) {
      result = current;
      if (current.layout == output)
        break;
    }
    std::optional<Operand> next = followUse(current, elements);
    if (!next)
      break;
    current = std::move(*next);
  }
  if (!result)
    return failure();
  attention.result = *result;
  return success();
}

//===----------------------------------------------------------------------===//
// Changes
//===----------------------------------------------------------------------===//

namespace {
/// Carries an array from one layout to another.
class LayoutChange {
public:
  LayoutChange(ImplicitLocOpBuilder &builder, Operand array,
               const AxisSpace &space)
      : b(builder), value(array.array), layout(std::move(array.layout)),
        space(space) {}

  Value run(Layout target);

private:
  /// Gives sizes of 1 that both layouts have an axis of their own.
  void nameUnits(Layout &target);
  void dropUnits();
  void split(const Layout &target);
  void transpose(const Layout &target);
  void merge(const Layout &target);
  void addUnits(const Layout &target);

  int64_t getSize(Axis axis) const {
    return axis >= kFirstUnit ? 1 : space.getSize(axis);
  }
  int64_t getSize(ArrayRef<Axis> axes) const {
    int64_t product = 1;
    for (Axis axis : axes) {
      if (ShapedType::isDynamic(getSize(axis)))
        return ShapedType::kDynamic;
      product *= getSize(axis);
    }
    return product;
  }
  RankedTensorType getType() const {
    return cast<RankedTensorType>(value.getType());
  }

  static constexpr Axis kFirstUnit = Axis(1) << 31;

  ImplicitLocOpBuilder &b;
  Value value;
  Layout layout;
  const AxisSpace &space;
};
} // namespace

void LayoutChange::nameUnits(Layout &target) {
  Axis unit = kFirstUnit;
  auto *place = target.begin();
  for (AxisList &axes : layout) {
    if (!axes.empty())
      continue;
    while (place != target.end() && !place->empty())
      ++place;
    if (place == target.end())
      return;
    axes = {unit};
    *place = {unit++};
  }
}

/// Groups of dimensions that each have one with axes, the others joined to it.
static SmallVector<ReassociationIndices> groupUnits(const Layout &layout) {
  SmallVector<ReassociationIndices> groups;
  bool isOpen = true; // The last group has no dimension with axes yet.
  for (auto [dim, axes] : llvm::enumerate(layout)) {
    if (groups.empty() || (!isOpen && !axes.empty())) {
      groups.emplace_back();
      isOpen = true;
    }
    groups.back().push_back(dim);
    isOpen &= axes.empty();
  }
  return groups;
}

void LayoutChange::dropUnits() {
  if (llvm::none_of(layout, [](const AxisList &axes) { return axes.empty(); }))
    return;
  SmallVector<ReassociationIndices> groups;
  if (llvm::any_of(layout, [](const AxisList &axes) { return !axes.empty(); }))
    groups = groupUnits(layout);
  value = tensor::CollapseShapeOp::create(b, value, groups);
  llvm::erase_if(layout, [](const AxisList &axes) { return axes.empty(); });
}

void LayoutChange::split(const Layout &target) {
  // Axes that follow each other in both layouts stay together.
  auto follows = [&](Axis axis, Axis next) {
    return llvm::any_of(target, [&](const AxisList &axes) {
      const Axis *place = llvm::find(axes, axis);
      return place != axes.end() && place + 1 != axes.end() &&
             *(place + 1) == next;
    });
  };
  Layout runs;
  SmallVector<ReassociationIndices> groups;
  SmallVector<OpFoldResult> sizes;
  SmallVector<int64_t> shape;
  for (auto [dim, axes] : llvm::enumerate(layout)) {
    ReassociationIndices &group = groups.emplace_back();
    for (Axis axis : axes) {
      if (group.empty() || !follows(runs.back().back(), axis)) {
        group.push_back(runs.size());
        runs.emplace_back();
      }
      runs.back().push_back(axis);
    }
    int64_t known = 1;
    for (int64_t run : group)
      if (int64_t size = getSize(runs[run]); ShapedType::isStatic(size))
        known *= size;
    for (int64_t run : group) {
      int64_t size =
          group.size() == 1 ? getType().getDimSize(dim) : getSize(runs[run]);
      shape.push_back(size);
      if (ShapedType::isStatic(size)) {
        sizes.push_back(b.getIndexAttr(size));
        continue;
      }
      Value whole = tensor::DimOp::create(b, value, dim);
      if (known != 1 && group.size() > 1)
        whole = arith::DivUIOp::create(
            b, whole, arith::ConstantIndexOp::create(b, known));
      sizes.push_back(whole);
    }
  }
  if (runs.size() != layout.size())
    value = tensor::ExpandShapeOp::create(b, getType().clone(shape), value,
                                          groups, sizes);
  layout = std::move(runs);
}

void LayoutChange::transpose(const Layout &target) {
  SmallVector<int64_t> permutation;
  for (const AxisList &axes : target)
    for (Axis axis : axes)
      for (auto [dim, run] : llvm::enumerate(layout))
        if (run.front() == axis)
          permutation.push_back(dim);
  if (llvm::is_sorted(permutation))
    return;
  SmallVector<OpFoldResult> sizes;
  Layout transposed;
  for (int64_t dim : permutation) {
    sizes.push_back(tensor::getMixedSize(b, b.getLoc(), value, dim));
    transposed.push_back(layout[dim]);
  }
  Value empty = tensor::EmptyOp::create(b, sizes, getType().getElementType());
  value = linalg::TransposeOp::create(b, b.getLoc(), value, empty, permutation)
              ->getResult(0);
  layout = std::move(transposed);
}

void LayoutChange::merge(const Layout &target) {
  SmallVector<ReassociationIndices> groups;
  Layout merged;
  int64_t dim = 0;
  for (const AxisList &axes : target) {
    if (axes.empty())
      continue;
    ReassociationIndices &group = groups.emplace_back();
    for (size_t count = 0; count < axes.size(); ++dim) {
      count += layout[dim].size();
      group.push_back(dim);
    }
    merged.push_back(axes);
  }
  if (merged.size() != layout.size())
    value = tensor::CollapseShapeOp::create(b, value, groups);
  layout = std::move(merged);
}

void LayoutChange::addUnits(const Layout &target) {
  if (layout.size() == target.size())
    return;
  SmallVector<ReassociationIndices> groups;
  if (!layout.empty())
    groups = groupUnits(target);
  SmallVector<OpFoldResult> sizes;
  SmallVector<int64_t> shape;
  int64_t dim = 0;
  for (const AxisList &axes : target) {
    sizes.push_back(axes.empty()
                        ? OpFoldResult(b.getIndexAttr(1))
                        : tensor::getMixedSize(b, b.getLoc(), value, dim));
    shape.push_back(axes.empty() ? 1 : getType().getDimSize(dim));
    dim += !axes.empty();
  }
  value = tensor::ExpandShapeOp::create(b, getType().clone(shape), value,
                                        groups, sizes);
  layout = target;
}

Value LayoutChange::run(Layout target) {
  if (layout == target)
    return value;
  // Sizes of 1 move by views, unless there is a transposition to move them.
  auto flatten = [](const Layout &layout) {
    AxisList flat;
    for (const AxisList &axes : layout)
      llvm::append_range(flat, axes);
    return flat;
  };
  if (flatten(layout) != flatten(target))
    nameUnits(target);
  dropUnits();
  split(target);
  transpose(target);
  merge(target);
  addUnits(target);
  return value;
}

Value raising::changeLayout(ImplicitLocOpBuilder &builder, Operand array,
                            const Layout &layout, const AxisSpace &space) {
  return LayoutChange(builder, std::move(array), space).run(layout);
}
