//===- Simplify.cpp - One form of equal expressions -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Positions are taken not to overflow the integers that they are computed in,
// as sizes of arrays do not.
//
//===----------------------------------------------------------------------===//

#include "Elements.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

//===----------------------------------------------------------------------===//
// Sums of positions
//===----------------------------------------------------------------------===//

void Linear::add(Axis axis, int64_t coefficient) {
  auto *place = llvm::lower_bound(
      terms, axis, [](auto &term, Axis axis) { return term.first < axis; });
  if (place == terms.end() || place->first != axis)
    place = terms.insert(place, {axis, 0});
  place->second += coefficient;
  if (place->second == 0)
    terms.erase(place);
}

Linear Linear::plus(const Linear &other, int64_t factor) const {
  Linear sum = *this;
  for (auto [axis, coefficient] : other.terms)
    sum.add(axis, coefficient * factor);
  sum.constant += other.constant * factor;
  return sum;
}

Linear Linear::times(int64_t factor) const {
  return Linear().plus(*this, factor);
}

std::optional<Linear> raising::getLinear(Node *node) {
  if (node->kind == NodeKind::Position)
    return node->linear;
  auto integer = dyn_cast_or_null<IntegerAttr>(node->constant);
  if (!integer || node->type.isInteger(1) ||
      !integer.getValue().isSignedIntN(64))
    return std::nullopt;
  return Linear{{}, integer.getValue().getSExtValue()};
}

std::optional<Linear> raising::getLinear(const Index &index,
                                         const AxisSpace &space) {
  Linear linear;
  linear.constant = index.offset;
  for (size_t digit = 0; digit < index.axes.size(); ++digit) {
    int64_t stride = space.getSize(ArrayRef(index.axes).drop_front(digit + 1));
    if (ShapedType::isDynamic(stride))
      return std::nullopt;
    linear.add(index.axes[digit], stride);
  }
  return linear;
}

std::optional<Index> raising::getIndex(const Linear &linear,
                                       const AxisSpace &space) {
  auto terms = linear.terms;
  llvm::sort(terms, [](auto &a, auto &b) { return a.second > b.second; });
  Index index;
  index.offset = linear.constant;
  for (auto [axis, coefficient] : llvm::reverse(terms)) {
    int64_t stride = space.getSize(index.axes);
    if (ShapedType::isDynamic(stride) || coefficient != stride)
      return std::nullopt;
    index.axes.insert(index.axes.begin(), axis);
  }
  return index;
}

std::optional<int64_t> raising::getMinimum(const Linear &linear,
                                           const AxisSpace &space) {
  int64_t minimum = linear.constant;
  for (auto [axis, coefficient] : linear.terms) {
    if (coefficient > 0)
      continue;
    if (ShapedType::isDynamic(space.getSize(axis)))
      return std::nullopt;
    minimum += coefficient * (space.getSize(axis) - 1);
  }
  return minimum;
}

std::optional<int64_t> raising::getMaximum(const Linear &linear,
                                           const AxisSpace &space) {
  std::optional<int64_t> minimum = getMinimum(linear.times(-1), space);
  return minimum ? std::optional<int64_t>(-*minimum) : std::nullopt;
}

Node *Elements::getPosition(Linear linear, Type type) {
  if (linear.terms.empty())
    return getConstant(IntegerAttr::get(type, linear.constant));
  Node node;
  node.kind = NodeKind::Position;
  node.type = type;
  node.linear = std::move(linear);
  return unique(std::move(node));
}

//===----------------------------------------------------------------------===//
// Truth values
//===----------------------------------------------------------------------===//

Node *Elements::getCompare(Relation relation, Linear linear, Type type) {
  std::optional<int64_t> minimum = getMinimum(linear, space),
                         maximum = getMaximum(linear, space);
  MLIRContext *context = type.getContext();
  if (relation == Relation::AtLeastZero) {
    if (minimum && *minimum >= 0)
      return getBool(context, true);
    if (maximum && *maximum < 0)
      return getBool(context, false);
  } else {
    bool isNever = (minimum && *minimum > 0) || (maximum && *maximum < 0);
    bool isAlways = minimum && maximum && *minimum == 0 && *maximum == 0;
    if (isNever || isAlways)
      return getBool(context, isAlways == (relation == Relation::Zero));
    if (linear.terms.front().second < 0)
      linear = linear.times(-1);
  }
  Node node;
  node.kind = NodeKind::Compare;
  node.type = type;
  node.relation = relation;
  node.linear = std::move(linear);
  return unique(std::move(node));
}

static std::optional<bool> getTruth(Node *node) {
  if (!node->isConstant() || !node->type.isInteger(1))
    return std::nullopt;
  return !cast<IntegerAttr>(node->constant).getValue().isZero();
}

Node *Elements::getNot(Node *node) {
  if (std::optional<bool> truth = getTruth(node))
    return getBool(node->type.getContext(), !*truth);
  switch (node->kind) {
  case NodeKind::Not:
    return node->operands[0];
  case NodeKind::And:
    return getOr(getNot(node->operands[0]), getNot(node->operands[1]));
  case NodeKind::Or:
    return getAnd(getNot(node->operands[0]), getNot(node->operands[1]));
  case NodeKind::Compare: {
    if (node->relation == Relation::Zero)
      return getCompare(Relation::NotZero, node->linear, node->type);
    if (node->relation == Relation::NotZero)
      return getCompare(Relation::Zero, node->linear, node->type);
    Linear negated = node->linear.times(-1);
    negated.constant -= 1;
    return getCompare(Relation::AtLeastZero, negated, node->type);
  }
  default: {
    Node negation;
    negation.kind = NodeKind::Not;
    negation.type = node->type;
    negation.operands = {node};
    return unique(std::move(negation));
  }
  }
}

Node *Elements::getAnd(Node *a, Node *b) {
  std::optional<bool> left = getTruth(a), right = getTruth(b);
  if (left)
    return *left ? b : a;
  if (right)
    return *right ? a : b;
  if (a == b)
    return a;
  Node node;
  node.kind = NodeKind::And;
  node.type = a->type;
  node.operands = {a, b};
  return unique(std::move(node));
}

Node *Elements::getOr(Node *a, Node *b) {
  std::optional<bool> left = getTruth(a), right = getTruth(b);
  if (left)
    return *left ? a : b;
  if (right)
    return *right ? b : a;
  if (a == b)
    return a;
  Node node;
  node.kind = NodeKind::Or;
  node.type = a->type;
  node.operands = {a, b};
  return unique(std::move(node));
}

Node *Elements::getSelect(Node *condition, Node *a, Node *b) {
  if (std::optional<bool> truth = getTruth(condition))
    return *truth ? a : b;
  if (a == b)
    return a;
  if (condition->kind == NodeKind::Not)
    return getSelect(condition->operands[0], b, a);
  if (std::optional<bool> first = getTruth(a))
    return *first ? getOr(condition, b) : getAnd(getNot(condition), b);
  if (std::optional<bool> second = getTruth(b))
    return *second ? getOr(getNot(condition), a) : getAnd(condition, a);
  Node node;
  node.kind = NodeKind::Select;
  node.type = a->type;
  node.operands = {condition, a, b};
  return unique(std::move(node));
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Node *Elements::apply(Operation *op, ArrayRef<Node *> operands) {
  if (isa<arith::SelectOp>(op) && operands[0]->type.isInteger(1))
    return getSelect(operands[0], operands[1], operands[2]);
  if (Node *simple = foldConstants(op, operands))
    return simple;
  if (Node *simple = distributeOverSelect(op, operands))
    return simple;
  if (Node *simple = simplifyBoolean(op, operands))
    return simple;
  if (Node *simple = simplifyInteger(op, operands))
    return simple;
  if (Node *simple = simplifyFloat(op, operands))
    return simple;
  Node node;
  node.kind = NodeKind::Apply;
  node.type = getElementTypeOrSelf(op->getResult(0));
  node.op = op;
  node.operands.assign(operands.begin(), operands.end());
  return unique(std::move(node));
}

Node *Elements::foldConstants(Operation *op, ArrayRef<Node *> operands) {
  if (isa<ShapedType>(op->getResult(0).getType()))
    return nullptr;
  SmallVector<Attribute> constants;
  for (Node *operand : operands) {
    if (!operand->isConstant())
      return nullptr;
    constants.push_back(operand->constant);
  }
  if (auto truncate = dyn_cast<arith::TruncFOp>(op)) {
    // Also where that rounds, which folding does not.
    auto number = dyn_cast<FloatAttr>(constants[0]);
    if (!number)
      return nullptr;
    APFloat value = number.getValue();
    bool losesInfo;
    auto type = cast<FloatType>(truncate.getType());
    value.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return getConstant(FloatAttr::get(type, value));
  }
  SmallVector<OpFoldResult> results;
  if (failed(op->fold(constants, results)) || results.size() != 1)
    return nullptr;
  auto folded = dyn_cast<Attribute>(results[0]);
  return folded && isa<TypedAttr>(folded) ? getConstant(cast<TypedAttr>(folded))
                                          : nullptr;
}

/// An op on numbers of which one is chosen, as a choice of two numbers. A truth
/// value that becomes a number is one, too.
Node *Elements::distributeOverSelect(Operation *op, ArrayRef<Node *> operands) {
  Node *condition = nullptr, *select = nullptr;
  for (Node *operand : operands) {
    if (operand->isConstant())
      continue;
    if (condition)
      return nullptr;
    if (operand->kind == NodeKind::Select &&
        operand->operands[1]->isConstant() &&
        operand->operands[2]->isConstant()) {
      condition = operand->operands[0];
      select = operand;
    } else if (operand->type.isInteger(1) &&
               isa<arith::ExtUIOp, arith::ExtSIOp, arith::UIToFPOp,
                   arith::SIToFPOp>(op)) {
      condition = operand;
    } else {
      return nullptr;
    }
  }
  if (!condition)
    return nullptr;
  Node *results[2];
  for (bool isTrue : {true, false}) {
    SmallVector<Node *> chosen(operands);
    for (Node *&operand : chosen) {
      if (operand->isConstant())
        continue;
      operand = select ? select->operands[isTrue ? 1 : 2]
                       : getBool(op->getContext(), isTrue);
    }
    results[isTrue] = foldConstants(op, chosen);
    if (!results[isTrue])
      return nullptr;
  }
  return getSelect(condition, results[true], results[false]);
}

Node *Elements::simplifyBoolean(Operation *op, ArrayRef<Node *> operands) {
  if (operands.size() != 2 || !operands[0]->type.isInteger(1))
    return nullptr;
  if (isa<arith::AndIOp, arith::MulIOp>(op))
    return getAnd(operands[0], operands[1]);
  if (isa<arith::OrIOp>(op))
    return getOr(operands[0], operands[1]);
  auto compare = dyn_cast<arith::CmpIOp>(op);
  bool isEqual = compare && compare.getPredicate() == arith::CmpIPredicate::eq;
  bool isUnequal =
      isa<arith::XOrIOp>(op) ||
      (compare && compare.getPredicate() == arith::CmpIPredicate::ne);
  if (!isEqual && !isUnequal)
    return nullptr;
  for (auto [a, b] : {std::pair(operands[0], operands[1]),
                      std::pair(operands[1], operands[0])})
    if (std::optional<bool> truth = getTruth(a))
      return *truth == isEqual ? b : getNot(b);
  return nullptr;
}

/// A comparison of `difference` and 0.
static std::pair<Relation, Linear> getRelation(arith::CmpIPredicate predicate,
                                               Linear difference) {
  using Predicate = arith::CmpIPredicate;
  auto orNext = [](Linear linear, int64_t constant) {
    linear.constant += constant;
    return std::pair(Relation::AtLeastZero, linear);
  };
  switch (predicate) {
  case Predicate::eq:
    return {Relation::Zero, difference};
  case Predicate::ne:
    return {Relation::NotZero, difference};
  case Predicate::sge:
  case Predicate::uge:
    return orNext(difference, 0);
  case Predicate::sgt:
  case Predicate::ugt:
    return orNext(difference, -1);
  case Predicate::sle:
  case Predicate::ule:
    return orNext(difference.times(-1), 0);
  case Predicate::slt:
  case Predicate::ult:
    return orNext(difference.times(-1), -1);
  }
  llvm_unreachable("a predicate of integers");
}

Node *Elements::simplifyInteger(Operation *op, ArrayRef<Node *> operands) {
  SmallVector<Linear> linears;
  for (Node *operand : operands) {
    std::optional<Linear> linear = raising::getLinear(operand);
    if (!linear)
      return nullptr;
    linears.push_back(std::move(*linear));
  }
  Type type = getElementTypeOrSelf(op->getResult(0));
  auto isNonNegative = [&](const Linear &linear) {
    std::optional<int64_t> minimum = getMinimum(linear, space);
    return minimum && *minimum >= 0;
  };
  if (isa<arith::AddIOp>(op))
    return getPosition(linears[0].plus(linears[1]), type);
  if (isa<arith::SubIOp>(op))
    return getPosition(linears[0].plus(linears[1], -1), type);
  if (isa<arith::MulIOp>(op)) {
    if (linears[0].terms.empty())
      std::swap(linears[0], linears[1]);
    return linears[1].terms.empty()
               ? getPosition(linears[0].times(linears[1].constant), type)
               : nullptr;
  }
  if (isa<arith::IndexCastOp, arith::ExtSIOp>(op))
    return getPosition(linears[0], type);
  if (isa<arith::IndexCastUIOp, arith::ExtUIOp>(op))
    return isNonNegative(linears[0]) ? getPosition(linears[0], type) : nullptr;
  if (isa<arith::TruncIOp>(op)) {
    std::optional<int64_t> maximum = getMaximum(linears[0], space);
    int64_t limit = int64_t(1)
                    << (std::min(type.getIntOrFloatBitWidth(), 63u) - 1);
    return isNonNegative(linears[0]) && maximum && *maximum < limit
               ? getPosition(linears[0], type)
               : nullptr;
  }
  auto compare = dyn_cast<arith::CmpIOp>(op);
  if (!compare)
    return nullptr;
  bool isUnsigned = compare.getPredicate() >= arith::CmpIPredicate::ult;
  if (isUnsigned && !llvm::all_of(linears, isNonNegative))
    return nullptr;
  auto [relation, linear] =
      getRelation(compare.getPredicate(), linears[0].plus(linears[1], -1));
  return getCompare(relation, std::move(linear), type);
}

Node *Elements::simplifyFloat(Operation *op, ArrayRef<Node *> operands) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  /// The operand that changes nothing on the right, and whether it does not on
  /// the left either.
  struct Neutral {
    bool matches;
    double number;
    bool isCommutative;
  };
  const Neutral neutrals[] = {
      {isa<arith::MulFOp>(op), 1, true},
      {isa<arith::DivFOp>(op), 1, false},
      {isa<arith::AddFOp>(op), 0, true},
      {isa<arith::SubFOp>(op), 0, false},
      {isa<arith::MaximumFOp>(op), -kInfinity, true},
  };
  for (const Neutral &neutral : neutrals) {
    if (!neutral.matches)
      continue;
    if (operands[1]->isFloat(neutral.number))
      return operands[0];
    if (neutral.isCommutative && operands[0]->isFloat(neutral.number))
      return operands[1];
  }
  return nullptr;
}
