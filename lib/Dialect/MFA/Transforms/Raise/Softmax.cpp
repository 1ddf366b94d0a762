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
//   e[k] = exp(s[k] - m)
//   l = sum over k of e[k]
//   w[k] = e[k] / l               or e[k] * (1 / l)
//   w[k] = 0 or w[k]              0 where all s are -inf, a guard against NaN
//
// with conversions between floats anywhere, or w as the result of
// linalg.softmax. Where the score is select(c, s, -inf), the sum may be of
// select(c, e, 0), and the weights select(c, w, 0).
//
//===----------------------------------------------------------------------===//

#include "Softmax.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

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
  LogicalResult matchGuard();

  bool varies(Node *node, const AxisList &axes);

  Elements &elements;
  const AxisList &keys;
  Softmax &softmax;
  std::optional<Refusal> &refusal;
  Node *guard = nullptr;
  /// Conditions without which the sum or the weights have 0.
  SmallVector<Node *, 2> kept;
};
} // namespace

Node *SoftmaxMatcher::stripGuard(Node *weights) {
  Node *node = stripCasts(elements, weights);
  while (node->kind == NodeKind::Select &&
         stripCasts(elements, node->operands[1])->isFloat(0)) {
    guard = node->operands[0];
    node = stripCasts(elements, node->operands[2]);
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

LogicalResult SoftmaxMatcher::matchSum(Node *numerator, Node *denominator) {
  auto op = denominator->isElement()
                ? denominator->value.getDefiningOp<linalg::LinalgOp>()
                : linalg::LinalgOp();
  if (!op || op.getNumReductionLoops() == 0)
    return failure(); // Not a softmax: a quotient like any other.
  std::optional<Reduction> sum = matchReduction(elements, denominator, &keys);
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
  if (!elements.areSame(stripKept(sum->element), numerator)) {
    if (varies(denominator, keys))
      return refuseOtherDimension(op);
    return refuse(op, "the sum is of other numbers than the weights");
  }
  if (!sum->start || !sum->start->isFloat(0))
    return refuse(op, "the sum does not start from 0");
  return success();
}

LogicalResult SoftmaxMatcher::matchMaximum(Node *numerator) {
  if (numerator->is<math::Exp2Op>())
    return refuse(numerator->op, "expected exponentials of base e, but got "
                                 "'math.exp2'");
  Node *exponent = elements.resolve(numerator->operands[0]);
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
  std::optional<Reduction> maximum =
      matchReduction(elements, subtracted, &keys);
  if (!maximum || maximum->combiner != Combiner::Maximum)
    return refuse(exponent->op, "what is subtracted in front of the "
                                "exponential is not the maximum over the "
                                "dimension that the product contracts");
  if (!elements.areSame(stripCasts(elements, maximum->element),
                        stripCasts(elements, softmax.score)))
    return refuse(maximum->op, "the maximum is of other numbers than the "
                               "scores that it is subtracted from");
  // A number above a score would make all weights of a row 0.
  if (!maximum->start || !maximum->start->getFloat() ||
      *maximum->start->getFloat() > -1e30)
    return refuse(maximum->op, "the maximum does not start from -inf");
  return success();
}

LogicalResult SoftmaxMatcher::matchGuard() {
  if (!guard)
    return success();
  Operation *where = softmax.sum;
  Node *condition = elements.resolve(guard);
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
  if (!elements.areSame(looked, stripCasts(elements, softmax.score)))
    softmax.zeroedBy = looked;
  return success();
}

LogicalResult SoftmaxMatcher::matchOp(Node *weights, linalg::SoftmaxOp op) {
  softmax.sum = op;
  elements.markVisited(op);
  softmax.score =
      elements.resolve(elements.getElement(op.getInput(), weights->indices));
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
    if (index.offset != 0 ||
        !elements.mayBeSame(size, elements.getSpace().getSize(keys)))
      return refuse(op, "the product contracts a part of the dimension that "
                        "the weights are normalised over");
  }
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
  return matchGuard();
}

LogicalResult raising::matchSoftmax(Elements &elements, Node *weights,
                                    const AxisList &keys, Softmax &softmax,
                                    std::optional<Refusal> &refusal) {
  return SoftmaxMatcher(elements, keys, softmax, refusal).match(weights);
}
