//===- Scores.cpp - What happens to scores in front of the softmax --------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The expression of a score is read as a chain of steps from the product of
// query and key outwards, and sorted into the op's own order:
//
//   scale    the constants and numbers that a score is multiplied with first
//   mask     an array that is added next, or an array of truth values
//   score    the steps that are left, as they are
//   keep     where a step makes the score -inf, and all later ones leave it so
//
// A finite number in place of -inf makes no difference as long as the row keeps
// another key: then, and only then, it is -inf. Whether it does is tried with a
// few keys of which one is kept by every usual rule (RowsWithKeys.h).
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "Layouts.h"
#include "RowsWithKeys.h"
#include "ScoreBounds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

bool ScoreStep::isInfinite() const {
  auto number = dyn_cast_or_null<FloatAttr>(fill);
  return number && number.getValue().isNegInfinity();
}

/// As many ops on an element of an array that does not vary over both queries
/// and keys are done for each score, to not make another array.
static constexpr unsigned kMaxOpsOfSmallArray = 4;

static unsigned countOps(const Node *node) {
  unsigned count = !node->operands.empty();
  for (const Node *operand : node->operands)
    count += countOps(operand);
  return count;
}

namespace {
class ScoreMatcher {
public:
  ScoreMatcher(Elements &elements, Node *product, const RaiseOptions &options,
               Attention &attention, std::optional<Refusal> &refusal)
      : elements(elements), product(product), options(options),
        roles(attention.roles), scores(attention.scores),
        softmax(attention.softmax), refusal(refusal) {}

  LogicalResult match();

private:
  LogicalResult refuse(const Twine &reason) {
    refusal = Refusal{softmax.sum->getLoc(), reason.str()};
    return failure();
  }

  // Expressions.
  bool variesOver(const Node *element, ArrayRef<Axis> axes) const;
  /// An array of scores: it varies over queries and keys.
  bool isDense(const Node *element) const {
    return variesOver(element, roles.queries) &&
           variesOver(element, roles.keys);
  }
  bool dependsOnProduct(Node *node);
  bool staysArray(Node *element);
  void collectElements(Node *node, SmallVectorImpl<Node *> &leaves);

  // Steps.
  LogicalResult readSteps(Node *root);
  void readAddend(Node *addend, ArrayRef<Node *> casts);
  bool readExclusion(Node *condition, bool isKept, Node *fill, bool replaces,
                     ArrayRef<Node *> casts);
  bool startsWithSoftcap() const;
  void absorbScale();
  void absorbFactor();
  bool isExclusion(const ScoreStep &step) const;
  size_t findLastChanges(function_ref<bool(const ScoreStep &)> moved) const;
  void moveExclusionsToKeep();
  void chooseMask();
  bool isMask(Node *node);
  std::optional<Operand> getMaskOperand(Node *node) const;
  LogicalResult readSink();

  Elements &elements;
  Node *product;
  const RaiseOptions &options;
  const Roles &roles;
  Scores &scores;
  const Softmax &softmax;
  std::optional<Refusal> &refusal;
  llvm::DenseMap<Node *, bool> dependent;
  /// From the softmax inwards while they are read.
  SmallVector<ScoreStep> &steps = scores.steps;
  bool rowsKeepKeys = false;
};
} // namespace

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

bool ScoreMatcher::variesOver(const Node *element, ArrayRef<Axis> axes) const {
  return llvm::any_of(element->indices, [&](const Index &index) {
    return llvm::any_of(
        index.axes, [&](Axis axis) { return llvm::is_contained(axes, axis); });
  });
}

bool ScoreMatcher::dependsOnProduct(Node *node) {
  if (node == product)
    return true;
  if (node->operands.empty())
    return false;
  if (auto found = dependent.find(node); found != dependent.end())
    return found->second;
  bool depends = llvm::any_of(
      node->operands, [&](Node *operand) { return dependsOnProduct(operand); });
  return dependent[node] = depends;
}

void ScoreMatcher::collectElements(Node *node,
                                   SmallVectorImpl<Node *> &leaves) {
  if (node->isElement() || node->is<tensor::ExtractOp>())
    leaves.push_back(node);
  for (Node *operand : node->operands)
    collectElements(operand, leaves);
}

/// Whether an array that the scores are computed from is better read than
/// computed again for each score.
bool ScoreMatcher::staysArray(Node *element) {
  if (element == product)
    return true;
  Node *full = elements.expand(element);
  if (!full)
    return true;
  SmallVector<Node *> leaves;
  collectElements(full, leaves);
  if (llvm::is_contained(leaves, product))
    return false;
  // Only computed from positions, or another array as it is.
  if (leaves.empty() || full->isElement() ||
      (full->kind == NodeKind::Not && full->operands[0]->isElement()))
    return false;
  // Or from one number of an array by a few ops.
  bool isChoice = full->kind == NodeKind::Select;
  if (!isDense(element))
    return leaves.size() > 1 || countOps(full) > kMaxOpsOfSmallArray;
  bool hasDense =
      llvm::any_of(leaves, [&](Node *leaf) { return isDense(leaf); });
  // Rules are taken out of truth values, choices and sums.
  bool isDivisible =
      element->type.isInteger(1) || isChoice || full->is<arith::AddFOp>() ||
      (full->is<arith::ExtFOp>() && full->operands[0]->isElement());
  return hasDense && !isDivisible;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// The number that conversions, the innermost one last, make of a constant.
static TypedAttr convert(Elements &elements, Node *constant,
                         ArrayRef<Node *> casts) {
  for (Node *cast : llvm::reverse(casts)) {
    Node *converted = elements.rebuild(cast, constant);
    if (converted->isConstant())
      constant = converted;
  }
  return constant->constant;
}

bool ScoreMatcher::readExclusion(Node *condition, bool isKept, Node *fill,
                                 bool replaces, ArrayRef<Node *> casts) {
  if (!fill->isConstant() || !fill->getFloat())
    return false;
  TypedAttr number = convert(elements, fill, casts);
  double value = cast<FloatAttr>(number).getValueAsDouble();
  bool isInfinite = value == kMinusInfinity;
  if (!replaces && !isInfinite && value > options.exclusion)
    return false;
  if (std::isnan(value))
    return false;
  steps.push_back({ScoreStep::Exclude,
                   isKept ? condition : elements.getNot(condition), number,
                   replaces});
  return true;
}

/// Steps of what is added. As they are read from the outside, the first one to
/// be pushed is the last one to be done.
void ScoreMatcher::readAddend(Node *addend, ArrayRef<Node *> casts) {
  if (addend->isFloat(0))
    return;
  // Not truncations, which may make an infinity of a low number.
  if (addend->is<arith::ExtFOp>())
    return readAddend(addend->operands[0], casts);
  if (addend->is<arith::AddFOp>()) {
    readAddend(addend->operands[1], casts);
    return readAddend(addend->operands[0], casts);
  }
  if (addend->kind == NodeKind::Select) {
    for (unsigned kept : {1, 2}) {
      Node *other = addend->operands[kept], *fill = addend->operands[3 - kept];
      bool isZero = other->isFloat(0);
      bool isInfinite = fill->isConstant() && fill->getFloat() &&
                        *fill->getFloat() == kMinusInfinity;
      if ((isZero || isInfinite) &&
          readExclusion(addend->operands[0], kept == 1, fill,
                        /*replaces=*/false, casts)) {
        if (!isZero)
          readAddend(other, casts);
        return;
      }
    }
  }
  steps.push_back({ScoreStep::Add, addend, {}});
}

LogicalResult ScoreMatcher::readSteps(Node *root) {
  Node *score = root;
  SmallVector<Node *> casts;
  while (score != product) {
    SmallVector<unsigned> dependents;
    for (auto [number, operand] : llvm::enumerate(score->operands))
      if (dependsOnProduct(operand))
        dependents.push_back(number);
    Node *inner =
        dependents.size() == 1 ? score->operands[dependents.front()] : nullptr;
    if (!inner || !isa<FloatType>(inner->type) ||
        !isa<FloatType>(score->type) || score->is<tensor::ExtractOp>()) {
      // Not a chain: computed as a whole.
      if (!product->type.isF32())
        return refuse("scores of 16 bits are used more than once");
      steps.clear();
      scores.whole = root;
      return success();
    }
    unsigned hole = dependents.front();
    if (score->is<arith::ExtFOp>() || score->is<arith::TruncFOp>()) {
      casts.push_back(score);
    } else if (score->is<arith::AddFOp>()) {
      readAddend(score->operands[1 - hole], casts);
    } else if (score->kind != NodeKind::Select || hole == 0 ||
               !readExclusion(score->operands[0], hole == 1,
                              score->operands[3 - hole], /*replaces=*/true,
                              casts)) {
      ScoreStep step{ScoreStep::Function, score, {}};
      step.hole = hole;
      steps.push_back(step);
    }
    score = inner;
  }
  std::reverse(steps.begin(), steps.end());
  return success();
}

/// Whether the steps are c * tanh(s / c): the first factor is no scale.
bool ScoreMatcher::startsWithSoftcap() const {
  return steps.size() > 2 && steps[1].kind == ScoreStep::Function &&
         steps[1].node->is<math::TanhOp>() &&
         steps[2].kind == ScoreStep::Function &&
         (steps[2].node->is<arith::MulFOp>() ||
          steps[2].node->is<arith::DivFOp>());
}

void ScoreMatcher::absorbScale() {
  while (!steps.empty() && steps.front().kind == ScoreStep::Function &&
         !startsWithSoftcap()) {
    const ScoreStep &step = steps.front();
    bool isProduct = step.node->is<arith::MulFOp>();
    bool isQuotient = step.node->is<arith::DivFOp>() && step.hole == 0;
    if (!isProduct && !isQuotient)
      return;
    Node *factor = step.node->operands[1 - step.hole];
    if (!isUniform(elements, factor))
      return;
    factor = elements.resolve(factor);
    if (std::optional<double> number = factor->getFloat())
      scores.scale =
          isProduct ? scores.scale * *number : scores.scale / *number;
    else if (isProduct)
      scores.scaleFactors.push_back(factor);
    else
      return;
    steps.erase(steps.begin());
  }
}

/// A factor of the scores in the exponential is one of the scale where nothing
/// but choices of -inf are between.
void ScoreMatcher::absorbFactor() {
  scores.factor = softmax.factor;
  if (scores.whole || !llvm::all_of(steps, [](const ScoreStep &step) {
        return step.kind == ScoreStep::Exclude && step.isInfinite();
      }))
    return;
  scores.scale *= scores.factor;
  scores.factor = 1;
}

bool ScoreMatcher::isExclusion(const ScoreStep &step) const {
  return step.kind == ScoreStep::Exclude &&
         (step.isInfinite() ||
          cast<FloatAttr>(step.fill).getValueAsDouble() <= options.exclusion);
}

/// The first of the last steps that leave a score of -inf as it is, or are in
/// `moved`.
size_t ScoreMatcher::findLastChanges(
    function_ref<bool(const ScoreStep &)> moved) const {
  size_t first = steps.size();
  while (first > 0) {
    const ScoreStep &step = steps[first - 1];
    bool replaces = step.kind == ScoreStep::Exclude && step.replaces;
    if (step.kind == ScoreStep::Function || (replaces && !moved(step)))
      break;
    --first;
  }
  return first;
}

void ScoreMatcher::moveExclusionsToKeep() {
  auto isAny = [&](const ScoreStep &step) { return isExclusion(step); };
  auto isInfinite = [](const ScoreStep &step) {
    return step.kind == ScoreStep::Exclude && step.isInfinite();
  };
  auto collect = [&](function_ref<bool(const ScoreStep &)> moved) {
    SmallVector<Node *> rules;
    for (const ScoreStep &step :
         ArrayRef(steps).drop_front(findLastChanges(moved)))
      if (moved(step))
        rules.push_back(step.node);
    return rules;
  };
  // Finite numbers as well, if each row keeps a key, which must not be excluded
  // by other steps either.
  size_t firstOfAny = findLastChanges(isAny), number = 0;
  bool hasOthers = llvm::any_of(steps, [&](const ScoreStep &step) {
    return !(number++ >= firstOfAny && isAny(step)) &&
           mayMake(elements, step, options.exclusion);
  });
  scores.keep = collect(isAny);
  rowsKeepKeys = keepsKeyInEachRow(elements, roles, scores.keep);
  function_ref<bool(const ScoreStep &)> moved = isAny;
  if (!options.ignoresRows && (!rowsKeepKeys || hasOthers)) {
    moved = isInfinite;
    scores.keep = collect(isInfinite);
    rowsKeepKeys = keepsKeyInEachRow(elements, roles, scores.keep);
  }
  size_t first = findLastChanges(moved), position = 0;
  llvm::erase_if(steps, [&](const ScoreStep &step) {
    return position++ >= first && moved(step);
  });
}

//===----------------------------------------------------------------------===//
// The mask
//===----------------------------------------------------------------------===//

std::optional<Operand> ScoreMatcher::getMaskOperand(Node *node) const {
  if (!node->isElement() || !isReadable(node, elements))
    return std::nullopt;
  Type type = node->type;
  if (!type.isF16() && !type.isBF16() && !type.isF32() && !type.isInteger(1))
    return std::nullopt;
  // All of the axes of a role, or none.
  size_t numAxes = 0;
  for (const AxisList *role :
       {&roles.batch, &roles.heads, &roles.queries, &roles.keys}) {
    size_t count = llvm::count_if(
        *role, [&](Axis axis) { return variesOver(node, axis); });
    if (count != 0 && count != role->size())
      return std::nullopt;
    numAxes += count;
  }
  Operand mask = getOperand(node);
  size_t own = 0;
  for (const AxisList &axes : mask.layout)
    own += axes.size();
  return own == numAxes ? std::optional<Operand>(mask) : std::nullopt;
}

void ScoreMatcher::chooseMask() {
  // An array that is added in front of everything but other sums. One that is
  // as large as the scores comes first.
  auto *end = llvm::find_if(
      steps, [](const ScoreStep &step) { return step.kind != ScoreStep::Add; });
  ScoreStep *chosen = nullptr;
  for (ScoreStep &step : llvm::make_range(steps.begin(), end))
    if (getMaskOperand(step.node) &&
        (!chosen || (isDense(step.node) && !isDense(chosen->node))))
      chosen = &step;
  if (chosen) {
    scores.mask = getMaskOperand(chosen->node);
    steps.erase(chosen);
    return;
  }
  // Else one of truth values that has the last word: nothing but sums follow.
  if (end != steps.end())
    return;
  for (Node *&rule : scores.keep) {
    // Of a conjunction, its array.
    SmallVector<Node *> open{rule}, rest;
    Node *found = nullptr;
    while (!open.empty()) {
      Node *node = open.pop_back_val();
      if (node->kind == NodeKind::And) {
        llvm::append_range(open, llvm::reverse(node->operands));
      } else if (!found && node->isElement() && isDense(node) &&
                 getMaskOperand(node)) {
        found = node;
      } else {
        rest.push_back(node);
      }
    }
    if (!found)
      continue;
    scores.mask = getMaskOperand(found);
    if (rest.empty()) {
      scores.keep.erase(&rule);
      return;
    }
    rule = rest.front();
    for (Node *other : ArrayRef(rest).drop_front())
      rule = elements.getAnd(rule, other);
    return;
  }
}

LogicalResult ScoreMatcher::readSink() {
  Node *sink = softmax.sink;
  if (!sink)
    return success();
  bool isNumber = sink->isConstant() && sink->getFloat();
  if (isNumber &&
      ShapedType::isStatic(elements.getSpace().getSize(roles.heads))) {
    scores.sink = sink->constant;
    return success();
  }
  AxisList axes;
  for (const Index &index : sink->indices)
    llvm::append_range(axes, index.axes);
  if (!sink->isElement() || !isReadable(sink, elements) ||
      axes != roles.heads ||
      !(sink->type.isF16() || sink->type.isBF16() || sink->type.isF32()))
    return refuse("the scores have one more in each row that is not an element "
                  "of an array of the heads");
  scores.sinks = getOperand(sink);
  return success();
}

/// Whether a row has no keys where `node` is -inf for all of them: it is an
/// addend, or chooses -inf where a rule is false.
bool ScoreMatcher::isMask(Node *node) {
  Node *expanded =
      elements.expand(node, [&](Node *element) { return staysArray(element); });
  if (!expanded)
    return false;
  if (expanded->kind == NodeKind::Select)
    for (unsigned kept : {1, 2}) {
      Node *rule = expanded->operands[0];
      if (expanded->operands[3 - kept]->isFloat(kMinusInfinity) &&
          llvm::is_contained(scores.keep,
                             kept == 1 ? rule : elements.getNot(rule)))
        return true;
    }
  return llvm::any_of(steps, [&](const ScoreStep &step) {
    return step.kind == ScoreStep::Add && step.node == expanded;
  });
}

LogicalResult ScoreMatcher::match() {
  Node *score = elements.expand(
      softmax.score, [&](Node *element) { return staysArray(element); });
  if (!score)
    return refuse("the scores are computed by too many ops");
  if (failed(readSink()))
    return failure();
  scores.product = product;
  if (!dependsOnProduct(score))
    return refuse("the scores are not computed from a product");
  if (failed(readSteps(score)))
    return failure();
  absorbScale();
  absorbFactor();
  moveExclusionsToKeep();

  scores.mayLoseRows = scores.whole ||
                       (!scores.keep.empty() && !rowsKeepKeys) ||
                       llvm::any_of(steps, [&](const ScoreStep &step) {
                         return mayMake(elements, step, kMinusInfinity);
                       });
  if (softmax.zeroesRows && !softmax.zeroedBy)
    scores.mayLoseRows = false;
  if (softmax.zeroedBy) {
    if (!isMask(softmax.zeroedBy))
      return refuse("the weights are replaced where something else holds than "
                    "that all scores of the row are -inf");
    scores.mayLoseRows = false;
  }
  chooseMask();
  return success();
}

LogicalResult raising::matchScores(Elements &elements, Node *scoreProduct,
                                   const RaiseOptions &options,
                                   Attention &attention,
                                   std::optional<Refusal> &refusal) {
  return ScoreMatcher(elements, scoreProduct, options, attention, refusal)
      .match();
}
