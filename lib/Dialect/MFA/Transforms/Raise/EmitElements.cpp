//===- EmitElements.cpp - Expressions in regions --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmitElements.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

Value ElementEmitter::emit(Node *node) {
  if (Value known = values.lookup(node))
    return known;
  Value value = emitNew(node);
  values[node] = value;
  return value;
}

Value ElementEmitter::emitConstant(TypedAttr value) {
  return arith::ConstantOp::create(b, value);
}

Value ElementEmitter::toFloat(Value value) {
  auto type = dyn_cast<FloatType>(value.getType());
  Type f32 = b.getF32Type();
  if (!type || type == f32)
    return value;
  if (FloatAttr number; matchPattern(value, m_Constant(&number))) {
    APFloat converted = number.getValue();
    bool losesInfo;
    converted.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                      &losesInfo);
    return emitConstant(FloatAttr::get(f32, converted));
  }
  if (type.getWidth() > 32)
    return arith::TruncFOp::create(b, f32, value);
  return arith::ExtFOp::create(b, f32, value);
}

Value ElementEmitter::emitFloat(Node *node) { return toFloat(emit(node)); }

Value ElementEmitter::emitFunction(Node *node, unsigned hole, Value value) {
  SmallVector<Value> operands;
  for (auto [number, operand] : llvm::enumerate(node->operands))
    operands.push_back(number == hole ? value : emitFloat(operand));
  if (node->kind == NodeKind::Select)
    return arith::SelectOp::create(b, operands[0], operands[1], operands[2]);
  return mlir::clone(b, node->op, b.getF32Type(), operands)->getResult(0);
}

Value ElementEmitter::emitNew(Node *node) {
  switch (node->kind) {
  case NodeKind::Constant:
    return emitConstant(node->constant);
  case NodeKind::Scalar:
    return b.capture(node->value);
  case NodeKind::Position:
    return convertIndex(emitLinear(node->linear), node->type);
  case NodeKind::Element: {
    SmallVector<Value> indices;
    for (const Index &index : node->indices)
      indices.push_back(emitIndex(index));
    return b.read(node->value, indices);
  }
  case NodeKind::Compare:
    return emitCompare(node);
  case NodeKind::And:
    return arith::AndIOp::create(b, emit(node->operands[0]),
                                 emit(node->operands[1]));
  case NodeKind::Or:
    return arith::OrIOp::create(b, emit(node->operands[0]),
                                emit(node->operands[1]));
  case NodeKind::Not: {
    Value truth = emitConstant(b.getBoolAttr(true));
    return arith::XOrIOp::create(b, emit(node->operands[0]), truth);
  }
  case NodeKind::Select:
    return arith::SelectOp::create(b, emit(node->operands[0]),
                                   emit(node->operands[1]),
                                   emit(node->operands[2]));
  case NodeKind::Apply: {
    SmallVector<Value> operands;
    for (Node *operand : node->operands)
      operands.push_back(emit(operand));
    if (node->is<tensor::ExtractOp>())
      return b.read(node->value, operands);
    return mlir::clone(b, node->op, node->type, operands)->getResult(0);
  }
  }
  llvm_unreachable("a kind of node");
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

Value ElementEmitter::convertIndex(Value index, Type type) {
  if (type.isIndex())
    return index;
  return arith::IndexCastOp::create(b, type, index);
}

Value ElementEmitter::emitIndex(const Index &index) {
  // A role as a whole is its position, also where sizes are dynamic.
  const std::pair<const AxisList *, ScoreDim> positions[] = {
      {&roles.batch, ScoreDim::Batch},
      {&roles.heads, ScoreDim::Head},
      {&roles.queries, ScoreDim::Query},
      {&roles.keys, ScoreDim::Key}};
  for (auto [role, dim] : positions)
    if (!role->empty() && *role == index.axes && index.offset == 0)
      return b.getPosition(dim);
  std::optional<Linear> linear = raising::getLinear(index, space);
  assert(linear && "an index that is emitted is known to be a sum");
  return emitLinear(*linear);
}

Value ElementEmitter::emitTerm(Value position, int64_t coefficient) {
  if (coefficient == 1)
    return position;
  return arith::MulIOp::create(b, position, b.getIndex(coefficient));
}

/// The digit of a position that an axis is.
Value ElementEmitter::emitAxis(Axis axis) {
  const std::pair<const AxisList *, ScoreDim> positions[] = {
      {&roles.batch, ScoreDim::Batch},
      {&roles.heads, ScoreDim::Head},
      {&roles.queries, ScoreDim::Query},
      {&roles.keys, ScoreDim::Key}};
  for (auto [role, dim] : positions) {
    const Axis *place = llvm::find(*role, axis);
    if (place == role->end())
      continue;
    Value digit = b.getPosition(dim);
    int64_t below =
        space.getSize(ArrayRef(*role).drop_front(place - role->begin() + 1));
    if (below != 1)
      digit = arith::DivUIOp::create(b, digit, b.getIndex(below));
    if (place != role->begin())
      digit = arith::RemUIOp::create(b, digit, b.getIndex(space.getSize(axis)));
    return digit;
  }
  llvm_unreachable("every axis of a score has a role");
}

Value ElementEmitter::emitLinear(const Linear &linear) {
  Linear rest = linear;
  Value sum;
  auto add = [&](Value position, int64_t coefficient) {
    Value magnitude =
        emitTerm(position, sum ? std::abs(coefficient) : coefficient);
    if (!sum)
      sum = magnitude;
    else if (coefficient > 0)
      sum = arith::AddIOp::create(b, sum, magnitude);
    else
      sum = arith::SubIOp::create(b, sum, magnitude);
  };
  // Positions as a whole, where all of their digits count as they do in them.
  // Positive ones first, to start from one.
  for (bool isPositive : {true, false}) {
    const std::pair<const AxisList *, ScoreDim> positions[] = {
        {&roles.batch, ScoreDim::Batch},
        {&roles.heads, ScoreDim::Head},
        {&roles.queries, ScoreDim::Query},
        {&roles.keys, ScoreDim::Key}};
    for (auto [role, dim] : positions) {
      std::optional<Linear> whole =
          role->empty() ? std::nullopt
                        : raising::getLinear(Index{*role, 0}, space);
      if (!whole)
        continue;
      auto *last = llvm::find_if(rest.terms, [&, role = role](auto &term) {
        return term.first == role->back();
      });
      if (last == rest.terms.end() || (last->second > 0) != isPositive)
        continue;
      int64_t coefficient = last->second;
      Linear without = rest.plus(*whole, -coefficient);
      if (without.terms.size() + role->size() != rest.terms.size())
        continue;
      add(b.getPosition(dim), coefficient);
      rest = std::move(without);
    }
    auto terms = rest.terms;
    for (auto [axis, coefficient] : terms) {
      if ((coefficient > 0) != isPositive)
        continue;
      add(emitAxis(axis), coefficient);
      rest.add(axis, -coefficient);
    }
  }
  if (!sum)
    return b.getIndex(rest.constant);
  if (rest.constant > 0)
    return arith::AddIOp::create(b, sum, b.getIndex(rest.constant));
  if (rest.constant < 0)
    return arith::SubIOp::create(b, sum, b.getIndex(-rest.constant));
  return sum;
}

/// Positions of keys on the left, all others on the right: k <= q + 3.
Value ElementEmitter::emitCompare(Node *node) {
  Linear linear = node->linear, keys;
  auto isKey = [&](auto &term) {
    return llvm::is_contained(roles.keys, term.first);
  };
  auto *first = llvm::find_if(linear.terms, isKey);
  if (first == linear.terms.end())
    first = linear.terms.begin();
  bool isNegative = first->second < 0;
  if (isNegative)
    linear = linear.times(-1);
  bool hasKeys = llvm::any_of(linear.terms, isKey);
  for (auto term : linear.terms)
    if (hasKeys ? isKey(term) : term.second > 0)
      keys.add(term.first, term.second);
  Linear others = keys.plus(linear, -1);
  arith::CmpIPredicate predicate =
      node->relation == Relation::Zero      ? arith::CmpIPredicate::eq
      : node->relation == Relation::NotZero ? arith::CmpIPredicate::ne
      : isNegative                          ? arith::CmpIPredicate::sle
                                            : arith::CmpIPredicate::sge;
  return arith::CmpIOp::create(b, predicate, emitLinear(keys),
                               emitLinear(others));
}
