//===- Softmax.cpp - Weights that are a softmax ---------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   m = max over k of s[k]        (its index, which exporters compute as well,
//                                  is not looked at)
//   e[k] = exp(s[k] - m)           or exp2, or of c * (s[k] - m)
//   l = sum over k of e[k]
//   w[k] = e[k] / l               or e[k] * (1 / l)
//   w[k] = 0 or w[k]              0 where all s are -inf, or where w[k] is NaN,
//                                  guards
//
// with conversions between floats anywhere, or w as the result of
// linalg.softmax. Where the score is select(c, s, -inf), the sum may be of
// select(c, e, 0), and the weights select(c, w, 0).
//
//===----------------------------------------------------------------------===//

#include "Softmax.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

/// An exponential of base e or another one, which is refused later.
static bool isExponential(Node *node) {
  return node->is<math::ExpOp>() || node->is<math::Exp2Op>();
}

bool raising::isSumOfExponentials(Elements &elements, linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumReductionLoops() == 0 ||
      op.getNumDpsInits() != 1)
    return false;
  std::optional<Reduction> sum = matchReduction(elements, op);
  if (!sum || sum->combiner != Combiner::Add)
    return false;
  Node *element = stripCasts(elements, sum->element);
  if (element->kind == NodeKind::Select)
    element = stripCasts(elements, element->operands[1]);
  return isExponential(element);
}

namespace {
class SoftmaxMatcher {
public:
  SoftmaxMatcher(Elements &elements, const AxisList &keys, Softmax &softmax,
                 std::optional<Refusal> &refusal)
      : elements(elements), keys(keys), softmax(softmax), refusal(refusal) {}

  LogicalResult match(Node *weights);

private:
  /// What chooses 0 in place of weights, and these.
  struct Guard {
    Node *condition, *weights;
  };

  LogicalResult refuse(Operation *op, const Twine &reason) {
    refusal = Refusal{op->getLoc(), reason.str()};
    return failure();
  }
  LogicalResult refuseOtherDimension(Operation *op) {
    return refuse(op, "the weights are normalised over another dimension than "
                      "the one that the product contracts");
  }

  /// Sees through choices of `node` or 0, and notes their conditions.
  Node *stripKept(Node *node);
  /// Whether these are those of the score.
  LogicalResult matchKept();
  /// Sees through a guard, and notes it.
  Node *stripGuard(Node *weights);
  /// The numerator and the denominator of a quotient.
  std::optional<std::pair<Node *, Node *>> split(Node *weights);
  /// Reads weights that are computed by one op.
  LogicalResult matchOp(Node *weights, linalg::SoftmaxOp op);
  /// Reads weights that are a quotient. Fails without a refusal for others.
  LogicalResult matchQuotient(Node *weights);
  LogicalResult matchSum(Node *numerator, Node *denominator);
  LogicalResult matchMaximum(Node *numerator);
  /// Reads `node` as a reduction over the keys, or over these and a sink.
  std::optional<Reduction> matchRow(Node *node);
  /// Whether `row`, an element of a reduction, is `node` for the keys.
  bool isSameOverKeys(const Reduction &row, Node *element, Node *node);
  /// Leaves out a maximum that is subtracted from all scores of a row.
  void stripShift(std::optional<Reduction> &row, Node *&element);
  LogicalResult matchSink(Operation *where, const Reduction &row,
                          Node *element);
  Node *stripFactors(Node *exponent);
  bool isNaNOfWeights(const Guard &guard);
  LogicalResult matchGuard(const Guard &guard);

  bool varies(Node *node, const AxisList &axes);

  Elements &elements;
  const AxisList &keys;
  Softmax &softmax;
  std::optional<Refusal> &refusal;
  SmallVector<Guard, 2> guards;
  /// What is summed up.
  std::optional<Reduction> sum;
  /// Conditions without which the sum or the weights have 0.
  SmallVector<Node *, 2> kept;
};
} // namespace

Node *SoftmaxMatcher::stripGuard(Node *weights) {
  Node *node = stripCasts(elements, weights);
  while (node->kind == NodeKind::Select &&
         stripCasts(elements, node->operands[1])->isFloat(0)) {
    Node *condition = node->operands[0];
    node = stripCasts(elements, node->operands[2]);
    guards.push_back({condition, node});
  }
  return node;
}

Node *SoftmaxMatcher::stripKept(Node *node) {
  node = stripCasts(elements, node);
  while (node->kind == NodeKind::Select &&
         stripCasts(elements, node->operands[2])->isFloat(0)) {
    kept.push_back(node->operands[0]);
    node = stripCasts(elements, node->operands[1]);
  }
  return node;
}

LogicalResult SoftmaxMatcher::matchKept() {
  Node *score = stripCasts(elements, softmax.score);
  bool isMasked = score->kind == NodeKind::Select &&
                  elements.resolve(score->operands[2])->isFloat(kMinusInfinity);
  for (Node *condition : kept)
    if (!isMasked || !elements.areSame(condition, score->operands[0]))
      return refuse(softmax.sum, "weights are set to 0 where the score is not "
                                 "-inf");
  return success();
}

std::optional<std::pair<Node *, Node *>> SoftmaxMatcher::split(Node *weights) {
  if (weights->is<arith::DivFOp>())
    return std::pair(stripCasts(elements, weights->operands[0]),
                     stripCasts(elements, weights->operands[1]));
  if (!weights->is<arith::MulFOp>())
    return std::nullopt;
  for (unsigned side : {0, 1}) {
    Node *inverse = stripCasts(elements, weights->operands[side]);
    if (inverse->is<arith::DivFOp>() &&
        stripCasts(elements, inverse->operands[0])->isFloat(1))
      return std::pair(stripCasts(elements, weights->operands[1 - side]),
                       stripCasts(elements, inverse->operands[1]));
  }
  return std::nullopt;
}

/// Whether the indices of an element have one of the axes.
bool SoftmaxMatcher::varies(Node *node, const AxisList &axes) {
  return llvm::any_of(node->indices, [&](const Index &index) {
    return llvm::any_of(
        index.axes, [&](Axis axis) { return llvm::is_contained(axes, axis); });
  });
}

std::optional<Reduction> SoftmaxMatcher::matchRow(Node *node) {
  if (auto row = matchReduction(elements, node, &keys))
    return row;
  // One more score makes another axis.
  auto row = matchReduction(elements, node);
  int64_t size = row ? elements.getSpace().getSize(row->reduced) : 0;
  int64_t numKeys = elements.getSpace().getSize(keys);
  if (!row || row->reduced.empty() || ShapedType::isDynamic(size) ||
      ShapedType::isDynamic(numKeys) || size != numKeys + 1)
    return std::nullopt;
  return row;
}

bool SoftmaxMatcher::isSameOverKeys(const Reduction &row, Node *element,
                                    Node *node) {
  if (row.reduced != keys)
    element = elements.substitute(element, row.reduced, Index{keys, 0});
  return element && elements.areSame(stripCasts(elements, element), node);
}

/// softmax(x - max(x)) is softmax(x).
void SoftmaxMatcher::stripShift(std::optional<Reduction> &row, Node *&element) {
  Node *shifted = stripCasts(elements, softmax.score);
  if (!shifted->is<arith::SubFOp>())
    return;
  std::optional<Reduction> maximum =
      matchRow(stripCasts(elements, shifted->operands[1]));
  if (!maximum || maximum->combiner != Combiner::Maximum || !maximum->start ||
      !maximum->start->getFloat() || *maximum->start->getFloat() > -1e30)
    return;
  Node *score = stripCasts(elements, shifted->operands[0]);
  Node *largest = stripCasts(elements, maximum->element);
  if (!isSameOverKeys(*maximum, largest, score))
    return;
  softmax.score = score;
  row = maximum;
  element = largest;
}

/// The element of a row behind the keys, where it has one.
LogicalResult SoftmaxMatcher::matchSink(Operation *where,
                                        const Reduction &maximum,
                                        Node *element) {
  auto isLonger = [&](const Reduction &row) { return row.reduced != keys; };
  if (sum && isLonger(*sum) != isLonger(maximum))
    return refuse(where, "the maximum is of other numbers than the sum");
  if (sum && isLonger(*sum)) {
    // What is summed up has the same in its place.
    Node *exponential = stripCasts(elements, sum->element);
    Node *moved = elements.substitute(exponential, sum->reduced,
                                      Index{maximum.reduced, 0});
    Node *difference = moved && isExponential(moved)
                           ? elements.resolve(moved->operands[0])
                           : nullptr;
    if (!difference || !difference->is<arith::SubFOp>() ||
        !elements.areSame(stripCasts(elements, difference->operands[0]),
                          element))
      return refuse(sum->op, "the sum is of other numbers than the weights");
  }
  std::optional<Reduction> row = maximum;
  stripShift(row, element);
  if (isLonger(*row) != isLonger(maximum))
    return refuse(where, "the maximum is of other numbers than the sum");
  if (!isLonger(*row))
    return success();
  int64_t last = elements.getSpace().getSize(keys);
  softmax.sink = elements.substitute(element, row->reduced, Index{{}, last});
  if (!softmax.sink)
    return refuse(where, "one more score of each row is not known");
  softmax.sink = stripCasts(elements, softmax.sink);
  if (softmax.factor != 1)
    return refuse(where, "expected exponentials of base e where there is "
                         "one more score of each row");
  return success();
}

LogicalResult SoftmaxMatcher::matchSum(Node *numerator, Node *denominator) {
  auto op = denominator->isElement()
                ? denominator->value.getDefiningOp<linalg::LinalgOp>()
                : linalg::LinalgOp();
  if (!op || op.getNumReductionLoops() == 0)
    return failure(); // Not a softmax: a quotient like any other.
  sum = matchRow(denominator);
  if (!sum) {
    // Of something else, over something else?
    if (!isSumOfExponentials(elements, op))
      return failure();
    softmax.sum = op;
    if (varies(denominator, keys))
      return refuseOtherDimension(op);
    return refuse(op, "the sum is not over the dimension that the product "
                      "contracts");
  }
  if (sum->combiner != Combiner::Add)
    return failure();
  softmax.sum = op;
  Node *summed = stripKept(sum->element);
  if (!isSameOverKeys(*sum, summed, numerator)) {
    if (varies(denominator, keys))
      return refuseOtherDimension(op);
    return refuse(op, "the sum is of other numbers than the weights");
  }
  if (!sum->start || !sum->start->isFloat(0))
    return refuse(op, "the sum does not start from 0");
  return success();
}

/// Notes the constants that a difference is multiplied with.
Node *SoftmaxMatcher::stripFactors(Node *exponent) {
  exponent = elements.resolve(exponent);
  while (exponent->is<arith::MulFOp>()) {
    Node *a = elements.resolve(exponent->operands[0]),
         *b = elements.resolve(exponent->operands[1]);
    if (!a->getFloat() && !b->getFloat())
      break;
    softmax.factor *= a->getFloat() ? *a->getFloat() : *b->getFloat();
    exponent = a->getFloat() ? b : a;
  }
  return exponent;
}

LogicalResult SoftmaxMatcher::matchMaximum(Node *numerator) {
  if (numerator->is<math::Exp2Op>())
    softmax.factor = llvm::numbers::ln2;
  Node *exponent = stripFactors(numerator->operands[0]);
  // Of other numbers the largest one is not that of the largest score.
  if (!(softmax.factor > 0) || std::isinf(softmax.factor))
    return refuse(numerator->op, "expected a positive factor of the scores in "
                                 "the exponential");
  // 1/ln(2), rounded, is there for base 2.
  if (std::abs(softmax.factor - 1) < 0x1p-22)
    softmax.factor = 1;
  if (!exponent->is<arith::SubFOp>())
    return refuse(numerator->op,
                  "no maximum is subtracted in front of the exponential");
  softmax.score = elements.resolve(exponent->operands[0]);
  Node *subtracted = stripCasts(elements, exponent->operands[1]);
  while (subtracted->is<arith::MaximumFOp>()) {
    // A maximum with -inf, which is nothing.
    Node *a = elements.resolve(subtracted->operands[0]),
         *b = elements.resolve(subtracted->operands[1]);
    if (!a->isFloat(kMinusInfinity) && !b->isFloat(kMinusInfinity))
      break;
    subtracted = stripCasts(elements, a->isFloat(kMinusInfinity) ? b : a);
  }
  std::optional<Reduction> maximum = matchRow(subtracted);
  if (!maximum || maximum->combiner != Combiner::Maximum)
    return refuse(exponent->op, "what is subtracted in front of the "
                                "exponential is not the maximum over the "
                                "dimension that the product contracts");
  Node *largest = stripCasts(elements, maximum->element);
  if (!isSameOverKeys(*maximum, largest, stripCasts(elements, softmax.score)))
    return refuse(maximum->op, "the maximum is of other numbers than the "
                               "scores that it is subtracted from");
  // A number above a score would make all weights of a row 0.
  if (!maximum->start || !maximum->start->getFloat() ||
      *maximum->start->getFloat() > -1e30)
    return refuse(maximum->op, "the maximum does not start from -inf");
  return matchSink(maximum->op, *maximum, largest);
}

/// NaN in a weight is one in all weights of its row: in the maximum, or the
/// sum.
bool SoftmaxMatcher::isNaNOfWeights(const Guard &guard) {
  Node *condition = elements.resolve(guard.condition);
  if (!condition->is<arith::CmpFOp>())
    return false;
  arith::CmpFPredicate predicate =
      cast<arith::CmpFOp>(condition->op).getPredicate();
  if (predicate != arith::CmpFPredicate::UNO &&
      predicate != arith::CmpFPredicate::UNE)
    return false;
  Node *a = stripCasts(elements, condition->operands[0]),
       *b = stripCasts(elements, condition->operands[1]);
  return elements.areSame(a, b) && elements.areSame(a, guard.weights);
}

LogicalResult SoftmaxMatcher::matchGuard(const Guard &guard) {
  if (isNaNOfWeights(guard)) {
    softmax.zeroesRows = softmax.zeroesNaN = true;
    return success();
  }
  Operation *where = softmax.sum;
  Node *condition = elements.resolve(guard.condition);
  // max over k of x == -inf is all k: x == -inf.
  std::optional<Reduction> all;
  Node *looked = nullptr;
  auto getEqualToMinusInfinity = [&](Node *node) -> Node * {
    if (!node->is<arith::CmpFOp>() ||
        cast<arith::CmpFOp>(node->op).getPredicate() !=
            arith::CmpFPredicate::OEQ)
      return nullptr;
    for (unsigned side : {0, 1})
      if (elements.resolve(node->operands[side])->isFloat(kMinusInfinity))
        return stripCasts(elements, node->operands[1 - side]);
    return nullptr;
  };
  if (Node *maximum = getEqualToMinusInfinity(condition)) {
    all = matchReduction(elements, maximum, &keys);
    if (all && all->combiner == Combiner::Maximum)
      looked = stripCasts(elements, all->element);
  } else {
    all = matchReduction(elements, condition, &keys);
    if (all && all->combiner == Combiner::And)
      looked = getEqualToMinusInfinity(elements.resolve(all->element));
  }
  if (!looked)
    return refuse(where, "the weights are replaced where something else holds "
                         "than that all scores of the row are -inf");
  softmax.zeroesRows = true;
  if (softmax.zeroedBy && !elements.areSame(looked, softmax.zeroedBy))
    return refuse(where, "the weights are replaced by two guards");
  if (!elements.areSame(looked, stripCasts(elements, softmax.score)))
    softmax.zeroedBy = looked;
  return success();
}

LogicalResult SoftmaxMatcher::matchOp(Node *weights, linalg::SoftmaxOp op) {
  softmax.sum = op;
  elements.markVisited(op);
  softmax.score =
      elements.resolve(elements.getElement(op.getInput(), weights->indices));
  std::optional<Reduction> longer;
  for (auto [dim, index] : llvm::enumerate(weights->indices)) {
    if (dim != op.getDimension()) {
      // A diagonal is as much of another dimension.
      if (llvm::any_of(index.axes, [&](Axis axis) {
            return llvm::is_contained(keys, axis);
          }))
        return refuseOtherDimension(op);
      continue;
    }
    if (index.axes != keys)
      return refuseOtherDimension(op);
    int64_t size = op.getInputOperandType().getDimSize(dim);
    int64_t numKeys = elements.getSpace().getSize(keys);
    if (index.offset == 0 && elements.mayBeSame(size, numKeys))
      continue;
    if (index.offset != 0 || ShapedType::isDynamic(numKeys) ||
        size != numKeys + 1)
      return refuse(op, "the product contracts a part of the dimension that "
                        "the weights are normalised over");
    // The whole row, with one more score.
    Indices indices = weights->indices;
    indices[dim].axes = elements.getSpace().getLoopAxes(op, dim, size);
    Node *element = elements.getElement(op.getInput(), indices);
    longer = Reduction{linalg::LinalgOp(), Combiner::Maximum, element,
                       indices[dim].axes};
  }
  if (longer)
    return matchSink(op, *longer, longer->element);
  std::optional<Reduction> row;
  Node *element = nullptr;
  stripShift(row, element);
  return success();
}

LogicalResult SoftmaxMatcher::matchQuotient(Node *weights) {
  auto quotient = split(weights);
  if (!quotient)
    return failure();
  quotient->first = stripKept(quotient->first);
  if (!isExponential(quotient->first) ||
      failed(matchSum(quotient->first, quotient->second)))
    return failure();
  return matchMaximum(quotient->first);
}

LogicalResult SoftmaxMatcher::match(Node *weights) {
  Node *node = stripKept(stripGuard(weights));
  // A row without keys has no weight then.
  softmax.zeroesRows = !kept.empty();
  auto op = node->isElement() ? node->value.getDefiningOp<linalg::SoftmaxOp>()
                              : linalg::SoftmaxOp();
  if (failed(op ? matchOp(node, op) : matchQuotient(node)) ||
      failed(matchKept()))
    return failure();
  for (const Guard &guard : guards)
    if (failed(matchGuard(guard)))
      return failure();
  return success();
}

LogicalResult raising::matchSoftmax(Elements &elements, Node *weights,
                                    const AxisList &keys, Softmax &softmax,
                                    std::optional<Refusal> &refusal) {
  return SoftmaxMatcher(elements, keys, softmax, refusal).match(weights);
}
