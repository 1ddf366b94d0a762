//===- Operands.cpp - Which arrays are query, key and value ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Roles follow from the axes that an array has, not from the order of operands:
//
//   array     axes
//   key       b h   k d       the factor of the first product that has the keys
//   query     b h g   q d     the other one; g are heads that share a key head,
//   value     b h   k   e     q the rows of queries
//
// Of an axis that query has and key and value lack, only its place says whether
// it is q or g: g shares a dimension of the query with h, or the batch of the
// product with it. Either would be right: heads that share keys are queries.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "Layouts.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

bool raising::isUniform(Elements &elements, Node *node) {
  node = elements.resolve(node);
  if (!isa<FloatType>(node->type))
    return false;
  if (node->is<arith::ExtFOp>() || node->is<arith::TruncFOp>())
    return isUniform(elements, node->operands[0]);
  if (node->isElement())
    return llvm::all_of(node->indices,
                        [](const Index &index) { return index.axes.empty(); });
  return node->isConstant() || node->kind == NodeKind::Scalar;
}

namespace {
/// An array that the elements of an operand can be taken from, scaled.
struct Stage {
  Node *element;
  double scale;
  SmallVector<Node *> factors;
};

/// The axes that an element varies over, in the order of its dimensions.
AxisList getAxes(const Node *element) {
  AxisList axes;
  for (const Index &index : element->indices)
    llvm::append_range(axes, index.axes);
  return axes;
}

bool contains(ArrayRef<Axis> list, Axis axis) {
  return llvm::is_contained(list, axis);
}

AxisList intersect(ArrayRef<Axis> list, ArrayRef<Axis> other) {
  return AxisList(llvm::make_filter_range(
      list, [&](Axis axis) { return contains(other, axis); }));
}

AxisList without(ArrayRef<Axis> list, ArrayRef<Axis> other) {
  return AxisList(llvm::make_filter_range(
      list, [&](Axis axis) { return !contains(other, axis); }));
}

bool isSameSet(ArrayRef<Axis> list, ArrayRef<Axis> other) {
  return list.size() == other.size() && without(list, other).empty();
}

class OperandMatcher {
public:
  OperandMatcher(Elements &elements, const Reduction &product, Node *value,
                 Node *scoreProduct, Attention &attention,
                 std::optional<Refusal> &refusal)
      : elements(elements), space(elements.getSpace()), product(product),
        valueNode(value), scoreProduct(scoreProduct), attention(attention),
        refusal(refusal) {}

  LogicalResult match();

private:
  LogicalResult refuse(Operation *op, const Twine &reason) {
    refusal = Refusal{op->getLoc(), reason.str()};
    return failure();
  }

  /// The arrays that `node` can be read from: what it is an element of, and
  /// through views, conversions to wider floats and, with `scaled`, products
  /// with numbers, what these are.
  SmallVector<Stage> peel(Node *node, bool scaled);
  LogicalResult splitScoreProduct();
  /// Chooses a stage of each operand, all of `type`.
  bool choose(Type type);
  const Stage *findDeepest(ArrayRef<Stage> stages, Type type,
                           function_ref<bool(ArrayRef<Axis>)> hasAxes);
  /// Whether the axes of a role follow from its position.
  bool hasDigits(const AxisList &role) const {
    return role.size() <= 1 ||
           ShapedType::isStatic(space.getSize(ArrayRef(role).drop_front()));
  }
  void assignRoles(const Stage &query, ArrayRef<Axis> shared);
  AxisList findQueries(const Stage &query, ArrayRef<Axis> own,
                       ArrayRef<Axis> shared);
  LogicalResult checkSizes();

  Elements &elements;
  AxisSpace &space;
  const Reduction &product;
  Node *valueNode, *scoreProduct;
  Attention &attention;
  std::optional<Refusal> &refusal;
  SmallVector<Stage> queries, keys, values;
  /// Axes of the scores other than the keys.
  AxisList rows;
};
} // namespace

SmallVector<Stage> OperandMatcher::peel(Node *node, bool scaled) {
  SmallVector<Stage> stages;
  double scale = 1;
  SmallVector<Node *> factors;
  while (node) {
    if (node->isElement()) {
      stages.push_back({node, scale, factors});
      node = elements.step(node);
      continue;
    }
    if (node->is<arith::ExtFOp>()) {
      node = node->operands[0];
      continue;
    }
    bool isProduct = node->is<arith::MulFOp>();
    if (!scaled || (!isProduct && !node->is<arith::DivFOp>()))
      break;
    unsigned side = isProduct && isUniform(elements, node->operands[0]) ? 1 : 0;
    Node *factor = elements.resolve(node->operands[1 - side]);
    if (!isUniform(elements, factor))
      break;
    if (std::optional<double> number = factor->getFloat())
      scale = isProduct ? scale * *number : scale / *number;
    else if (isProduct)
      factors.push_back(factor);
    else
      break;
    node = node->operands[side];
  }
  return stages;
}

LogicalResult OperandMatcher::splitScoreProduct() {
  std::optional<Reduction> scores = matchReduction(elements, scoreProduct);
  Node *factors = stripCasts(elements, scores->element);
  attention.scoreProduct = scores->op;
  attention.roles.dim = scores->reduced;
  if (!scores->start || !scores->start->isFloat(0))
    return refuse(scores->op, "the product of query and key does not start "
                              "from 0");
  SmallVector<Stage> sides[2] = {peel(factors->operands[0], true),
                                 peel(factors->operands[1], true)};
  const AxisList &keyAxes = attention.roles.keys;
  auto hasKeys = [&](ArrayRef<Stage> stages) {
    return !intersect(getAxes(stages.front().element), keyAxes).empty();
  };
  if (sides[0].empty() || sides[1].empty())
    return refuse(scores->op, "a factor of the product of query and key is "
                              "computed in its body");
  // Of a single key, where there is no axis, the factor that has fewer.
  bool isSwapped = keyAxes.empty()
                       ? getAxes(sides[0].front().element).size() <
                             getAxes(sides[1].front().element).size()
                       : hasKeys(sides[0]);
  if (!keyAxes.empty() && hasKeys(sides[0]) == hasKeys(sides[1]))
    return refuse(scores->op, "both factors of the scores vary over the keys");
  queries = std::move(sides[isSwapped ? 1 : 0]);
  keys = std::move(sides[isSwapped ? 0 : 1]);
  rows = without(getAxes(scoreProduct), keyAxes);
  return success();
}

const Stage *
OperandMatcher::findDeepest(ArrayRef<Stage> stages, Type type,
                            function_ref<bool(ArrayRef<Axis>)> hasAxes) {
  for (const Stage &stage : llvm::reverse(stages))
    if (stage.element->type == type && isReadable(stage.element, elements) &&
        hasAxes(getAxes(stage.element)))
      return &stage;
  return nullptr;
}

bool OperandMatcher::choose(Type type) {
  Roles &roles = attention.roles;
  AxisList all = rows;
  llvm::append_range(all, roles.dim);
  const Stage *query = findDeepest(
      queries, type, [&](ArrayRef<Axis> axes) { return isSameSet(axes, all); });
  if (!query)
    return false;
  // Key and value share heads: the deepest stages that have the same ones.
  for (const Stage &key : llvm::reverse(keys)) {
    if (key.element->type != type || !isReadable(key.element, elements))
      continue;
    AxisList axes = getAxes(key.element);
    AxisList shared = intersect(axes, rows);
    AxisList own = without(without(axes, shared), roles.keys);
    if (axes.size() != shared.size() + roles.keys.size() + roles.dim.size() ||
        !isSameSet(own, roles.dim))
      continue;
    AxisList expected = shared;
    llvm::append_range(expected, roles.keys);
    llvm::append_range(expected, roles.valueDim);
    const Stage *value = findDeepest(values, type, [&](ArrayRef<Axis> axes) {
      return isSameSet(axes, expected);
    });
    if (!value)
      continue;
    attention.query = getOperand(query->element);
    attention.key = getOperand(key.element);
    attention.value = getOperand(value->element);
    attention.elementType = type;
    Scores &scores = attention.scores;
    scores.scale = query->scale * key.scale;
    scores.scaleFactors = query->factors;
    llvm::append_range(scores.scaleFactors, key.factors);
    assignRoles(*query, shared);
    return hasDigits(roles.batch) && hasDigits(roles.heads) &&
           hasDigits(roles.queries) && hasDigits(roles.keys);
  }
  return false;
}

/// Of the axes that only the query has, those that are its rows.
AxisList OperandMatcher::findQueries(const Stage &query, ArrayRef<Axis> own,
                                     ArrayRef<Axis> shared) {
  // Loops of the product that its operand for the value is not indexed by.
  AxisList unbatched = without(own, getAxes(values.front().element));
  // Heads of a group are in one dimension with the key head: another dimension
  // comes first. But rows are in one with the batch where these are merged.
  for (bool isAlone : {true, false})
    for (const Index &index : query.element->indices) {
      AxisList candidates = intersect(index.axes, unbatched);
      if (!candidates.empty() &&
          (!isAlone || intersect(index.axes, shared).empty()))
        return candidates;
    }
  return {};
}

void OperandMatcher::assignRoles(const Stage &query, ArrayRef<Axis> shared) {
  Roles &roles = attention.roles;
  AxisList order = getAxes(query.element);
  AxisList both = intersect(order, shared), own = without(order, shared);
  own = without(own, roles.dim);
  roles.queries = findQueries(query, own, shared);
  // The outermost of what all operands have is the batch, but one alone is the
  // head where the array has a batch of 1. What is in one dimension of the
  // query with the last of them are heads as well, unless batch and heads are
  // in one.
  const AxisList &outermost = query.element->indices.front().axes;
  bool isBatched = both.size() > 1 || (both.size() == 1 && !outermost.empty() &&
                                       outermost.front() == both.front());
  size_t numHeads = 1;
  for (const Index &index : query.element->indices)
    if (!both.empty() && contains(index.axes, both.back()) &&
        !contains(index.axes, both.front()))
      numHeads = intersect(index.axes, both).size();
  size_t numBatches =
      isBatched ? std::max<size_t>(both.size() - numHeads, 1) : 0;
  roles.batch.assign(both.begin(), both.begin() + numBatches);
  roles.keyHeads.assign(both.begin() + numBatches, both.end());
  roles.heads = roles.keyHeads;
  llvm::append_range(roles.heads, without(own, roles.queries));
}

LogicalResult OperandMatcher::checkSizes() {
  const std::pair<StringRef, AxisList *> dims[] = {
      {"query and key", &attention.roles.dim},
      {"value", &attention.roles.valueDim}};
  for (auto [name, axes] : dims) {
    int64_t size = space.getSize(*axes);
    if (ShapedType::isDynamic(size))
      return refuse(product.op, "the head size of " + name + " is dynamic");
    if (size % MaskedAttentionOp::kMinDim != 0 ||
        size > MaskedAttentionOp::kMaxDim)
      return refuse(product.op, "expected the head size of " + name +
                                    " to be a multiple of 8 from 8 to 256, but "
                                    "got " +
                                    Twine(size));
  }
  return success();
}

LogicalResult OperandMatcher::match() {
  Roles &roles = attention.roles;
  roles.keys = product.reduced;
  if (failed(splitScoreProduct()))
    return failure();
  values = peel(valueNode, false);
  if (values.empty())
    return refuse(product.op, "the value is computed in the body of the "
                              "product");
  if (intersect(getAxes(values.front().element), roles.keys).size() !=
      roles.keys.size())
    return refuse(product.op, "the value does not vary over the keys");
  AxisList valueAxes = without(getAxes(values.front().element), roles.keys);
  roles.valueDim = without(valueAxes, rows);
  if (failed(checkSizes()))
    return failure();

  // The types that exporters extend to f32 in front of the products, if all of
  // the operands and the result have it.
  SmallVector<Type> types;
  for (const Stage &stage : llvm::reverse(queries))
    if (Type type = stage.element->type;
        (type.isF16() || type.isBF16() || type.isF32()) &&
        !llvm::is_contained(types, type))
      types.push_back(type);
  if (types.empty())
    return refuse(attention.scoreProduct,
                  "expected operands of f16, bf16 or f32");
  for (Type type : types)
    if (choose(type) && succeeded(findResult(elements, product, attention)))
      return success();
  return refuse(attention.scoreProduct,
                "query, key and value are not arrays of one type over batch, "
                "heads, sequence and head size");
}

LogicalResult raising::matchOperands(Elements &elements,
                                     const Reduction &product, Node *value,
                                     Node *scoreProduct, Attention &attention,
                                     std::optional<Refusal> &refusal) {
  return OperandMatcher(elements, product, value, scoreProduct, attention,
                        refusal)
      .match();
}
