//===- Rules.cpp - Common regions of masked attention ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/Rules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// Building regions
//===----------------------------------------------------------------------===//

RegionBuilder::RegionBuilder(MaskedAttentionOp op, Region &region)
    : ImplicitLocOpBuilder(op.getLoc(), op.getContext()), op(op),
      region(region) {
  if (region.empty())
    op.addRegionBlock(region);
  Block &block = region.front();
  if (block.mightHaveTerminator())
    setInsertionPoint(block.getTerminator());
  else
    setInsertionPointToEnd(&block);
}

Value RegionBuilder::getPosition(ScoreDim dim) {
  return op.getPositions(region)[static_cast<unsigned>(dim)];
}

Value RegionBuilder::capture(Value value) {
  if (region.isAncestor(value.getParentRegion()))
    return value;
  for (auto [index, captured] : llvm::enumerate(op.getCaptures()))
    if (captured == value)
      return op.getCaptureArguments(region)[index];
  op.addCapture(value);
  return op.getCaptureArguments(region).back();
}

Value RegionBuilder::capture(OpFoldResult value) {
  if (std::optional<int64_t> known = getConstantIntValue(value))
    return getIndex(*known);
  return capture(cast<Value>(value));
}

Value RegionBuilder::getSize(ScoreDim dim) {
  if (int64_t size = op.getScoreSize(dim); ShapedType::isStatic(size))
    return getIndex(size);
  // Made in front of the op.
  OpBuilder outside(op);
  SmallVector<OpFoldResult> sizes = op.getMixedScoreSizes(outside);
  return capture(sizes[static_cast<unsigned>(dim)]);
}

Value RegionBuilder::read(Value array, ValueRange indices) {
  Value captured = capture(array);
  if (isa<TensorType>(captured.getType()))
    return tensor::ExtractOp::create(*this, captured, indices);
  return memref::LoadOp::create(*this, captured, indices);
}

Value RegionBuilder::getIndex(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

/// Makes the region yield what `build` makes of what it yields now.
static void extend(MaskedAttentionOp op, Region &region,
                   function_ref<Value(RegionBuilder &, Value)> build,
                   Value first) {
  RegionBuilder b(op, region);
  Block &block = region.front();
  if (block.mightHaveTerminator()) {
    auto yield = cast<YieldOp>(block.getTerminator());
    yield.getValueMutable().assign(build(b, yield.getValue()));
    return;
  }
  Value value = build(b, first ? first : Value());
  YieldOp::create(b, value);
}

void mfa::addKeep(MaskedAttentionOp op, const KeepRule &rule) {
  extend(
      op, op.getKeep(),
      [&](RegionBuilder &b, Value kept) -> Value {
        Value value = rule(b);
        return kept ? arith::AndIOp::create(b, kept, value).getResult() : value;
      },
      Value());
}

void mfa::addScore(MaskedAttentionOp op, const ScoreFunction &function) {
  Region &region = op.getScore();
  bool isNew = region.empty();
  if (isNew)
    op.addRegionBlock(region);
  extend(op, region, function, isNew ? region.getArgument(0) : Value());
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

static Value compare(RegionBuilder &b, arith::CmpIPredicate predicate,
                     Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, predicate, lhs, rhs);
}

static Value add(RegionBuilder &b, Value lhs, Value rhs) {
  return arith::AddIOp::create(b, lhs, rhs);
}

static Value subtract(RegionBuilder &b, Value lhs, Value rhs) {
  return arith::SubIOp::create(b, lhs, rhs);
}

KeepRule rules::causal(Alignment alignment, int64_t offset) {
  return [=](RegionBuilder &b) {
    Value last = b.getQuery();
    if (alignment == Alignment::End)
      last = add(
          b, last,
          subtract(b, b.getSize(ScoreDim::Key), b.getSize(ScoreDim::Query)));
    if (offset != 0)
      last = add(b, last, b.getIndex(offset));
    return compare(b, arith::CmpIPredicate::sle, b.getKey(), last);
  };
}

KeepRule rules::window(OpFoldResult left, OpFoldResult right) {
  return [=](RegionBuilder &b) -> Value {
    Value first = subtract(b, b.getQuery(), b.capture(left));
    Value isAfter = compare(b, arith::CmpIPredicate::sge, b.getKey(), first);
    Value last = add(b, b.getQuery(), b.capture(right));
    Value isBefore = compare(b, arith::CmpIPredicate::sle, b.getKey(), last);
    return arith::AndIOp::create(b, isAfter, isBefore);
  };
}

KeepRule rules::window(int64_t left, int64_t right) {
  return [=](RegionBuilder &b) {
    return window(OpFoldResult(b.getIndexAttr(left)),
                  OpFoldResult(b.getIndexAttr(right)))(b);
  };
}

/// The length of the pair's batch.
static Value getLength(RegionBuilder &b, OpFoldResult lengths) {
  auto array = dyn_cast<Value>(lengths);
  if (!array || !isa<ShapedType>(array.getType()))
    return b.capture(lengths);
  Value length = b.read(array, b.getBatch());
  if (length.getType().isIndex())
    return length;
  return arith::IndexCastOp::create(b, b.getIndexType(), length);
}

KeepRule rules::lengths(OpFoldResult lengths) {
  return [=](RegionBuilder &b) {
    return compare(b, arith::CmpIPredicate::slt, b.getKey(),
                   getLength(b, lengths));
  };
}

KeepRule rules::prefix(OpFoldResult lengths) {
  return anyOf({rules::lengths(lengths), causal()});
}

KeepRule rules::documents(Value queryIds, Value keyIds) {
  return [=](RegionBuilder &b) -> Value {
    auto readId = [&](Value ids, Value position) {
      if (cast<ShapedType>(ids.getType()).getRank() == 1)
        return b.read(ids, position);
      return b.read(ids, {b.getBatch(), position});
    };
    Value query = readId(queryIds, b.getQuery());
    Value key = readId(keyIds ? keyIds : queryIds, b.getKey());
    if (isa<FloatType>(query.getType()))
      return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, query, key);
    return compare(b, arith::CmpIPredicate::eq, query, key);
  };
}

KeepRule rules::dilated(int64_t step) {
  return [=](RegionBuilder &b) {
    Value distance = subtract(b, b.getQuery(), b.getKey());
    Value rest = arith::RemSIOp::create(b, distance, b.getIndex(step));
    return compare(b, arith::CmpIPredicate::eq, rest, b.getIndex(0));
  };
}

KeepRule rules::blocks(int64_t querySize, int64_t keySize, Value table) {
  return [=](RegionBuilder &b) {
    SmallVector<Value> indices{
        b.getBatch(), b.getHead(),
        arith::DivUIOp::create(b, b.getQuery(), b.getIndex(querySize)),
        arith::DivUIOp::create(b, b.getKey(), b.getIndex(keySize))};
    int64_t rank = cast<ShapedType>(table.getType()).getRank();
    return b.read(table, ArrayRef(indices).take_back(rank));
  };
}

/// The rules joined by ops of type `Op`; `neutral` for none.
template <typename Op>
static KeepRule join(std::vector<KeepRule> rules, bool neutral) {
  return [rules = std::move(rules), neutral](RegionBuilder &b) -> Value {
    if (rules.empty())
      return arith::ConstantOp::create(b, b.getBoolAttr(neutral));
    Value result;
    for (const KeepRule &rule : rules) {
      Value value = rule(b);
      result = result ? Op::create(b, result, value).getResult() : value;
    }
    return result;
  };
}

KeepRule rules::allOf(std::vector<KeepRule> rules) {
  return join<arith::AndIOp>(std::move(rules), /*neutral=*/true);
}

KeepRule rules::anyOf(std::vector<KeepRule> rules) {
  return join<arith::OrIOp>(std::move(rules), /*neutral=*/false);
}

KeepRule rules::noneOf(std::vector<KeepRule> rules) {
  return [any = anyOf(std::move(rules))](RegionBuilder &b) -> Value {
    Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
    return arith::XOrIOp::create(b, any(b), yes);
  };
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

ScoreFunction rules::softcap(double limit) {
  return [=](RegionBuilder &b, Value score) -> Value {
    Value cap = arith::ConstantOp::create(
        b, b.getF32FloatAttr(static_cast<float>(limit)));
    Value ratio = arith::DivFOp::create(b, score, cap);
    return arith::MulFOp::create(b, math::TanhOp::create(b, ratio), cap);
  };
}

ScoreFunction rules::alibi(Value slopes) {
  return [=](RegionBuilder &b, Value score) -> Value {
    Value slope = b.read(slopes, b.getHead());
    Value distance = arith::IndexCastOp::create(
        b, b.getI32Type(), subtract(b, b.getKey(), b.getQuery()));
    Value steps = arith::SIToFPOp::create(b, b.getF32Type(), distance);
    return arith::AddFOp::create(b, score,
                                 arith::MulFOp::create(b, slope, steps));
  };
}

ScoreFunction
rules::relativeBias(Value table, std::function<Value(RegionBuilder &)> bucket) {
  return [=](RegionBuilder &b, Value score) -> Value {
    Value bias = b.read(table, {b.getHead(), bucket(b)});
    return arith::AddFOp::create(b, score, bias);
  };
}

std::function<Value(RegionBuilder &)> rules::clippedDistance(int64_t limit) {
  return [=](RegionBuilder &b) -> Value {
    Value distance = subtract(b, b.getKey(), b.getQuery());
    Value shifted = add(b, distance, b.getIndex(limit));
    Value atLeast = arith::MaxSIOp::create(b, shifted, b.getIndex(0));
    return arith::MinSIOp::create(b, atLeast, b.getIndex(2 * limit));
  };
}
