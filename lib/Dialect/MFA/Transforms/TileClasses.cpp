//===- TileClasses.cpp - What has to be done with a key tile --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/TileClasses.h"
#include "TileIntervals.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

/// Rows that are looked at before it is asked whether that is enough. They are
/// spread over the tile: what a rule makes of a row it mostly makes of those
/// beside it, too, so that the first rows say little of the last.
///
///   rows 0 .. 127:  0, 16, 32, ... 112;  1, 17, 33, ... 113;  ...
static constexpr int64_t kRowsAtOnce = 8;

static Value createBool(ImplicitLocOpBuilder &b, bool value) {
  return arith::ConstantIntOp::create(b, value, 1);
}

static Value negate(ImplicitLocOpBuilder &b, Value condition) {
  return b.createOrFold<arith::XOrIOp>(condition, createBool(b, true));
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

/// What the region `keep` yields.
static Value inlineKeep(ImplicitLocOpBuilder &b, const PairSources &sources,
                        ValueRange positions) {
  Block &block = MaskedAttentionOp(sources.op).getKeep().front();
  IRMapping mapping;
  SmallVector<Value> arguments(positions);
  llvm::append_range(arguments, sources.captures);
  mapping.map(block.getArguments(), arguments);
  // Checks are of the program's own place.
  for (Operation &op : block.without_terminator())
    if (!isa<cf::AssertOp>(op))
      b.clone(op, mapping);
  return mapping.lookup(block.getTerminator()->getOperand(0));
}

/// Whether an element of a mask of floats is not `number`; NaN is not.
static Value differs(ImplicitLocOpBuilder &b, Value element, double number) {
  Type type = element.getType();
  Value other = arith::ConstantOp::create(b, b.getFloatAttr(type, number));
  return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, element, other);
}

PairFacts mfa::createPairFacts(ImplicitLocOpBuilder &b,
                               const PairSources &sources, Value batch,
                               Value head, Value query, Value key) {
  MaskedAttentionOp op = sources.op;
  PairFacts facts{createBool(b, true), createBool(b, true),
                  createBool(b, false), createBool(b, false)};
  if (!op.getKeep().empty()) {
    facts.anyKept = inlineKeep(b, sources, {batch, head, query, key});
    facts.anyLeft = facts.anyKept;
    facts.anyDropped = negate(b, facts.anyKept);
  }
  if (!sources.mask)
    return facts;
  SmallVector<Value> indices(op.getMaskType().getRank(),
                             arith::ConstantIndexOp::create(b, 0));
  for (auto [dim, position] :
       {std::pair(ScoreDim::Batch, batch), std::pair(ScoreDim::Head, head),
        std::pair(ScoreDim::Query, query), std::pair(ScoreDim::Key, key)})
    if (std::optional<unsigned> maskDim = op.getMaskDim(dim))
      indices[*maskDim] = position;
  Value element = memref::LoadOp::create(b, sources.mask, indices);
  Value isLeft = element;
  if (element.getType().isInteger(1)) {
    facts.anyMasked = negate(b, element);
  } else {
    facts.anyMasked = differs(b, element, 0);
    isLeft = differs(b, element, -std::numeric_limits<double>::infinity());
  }
  facts.anyLeft = b.createOrFold<arith::AndIOp>(facts.anyKept, isLeft);
  return facts;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

namespace {
/// The facts of a tile as they grow.
class TileScan {
public:
  TileScan(ImplicitLocOpBuilder &b, const PairSources &sources, Value batch,
           Value head, const KeyTileSpan &queries, const KeyTileSpan &keys,
           int64_t tileKeys, const TileLanes &lanes)
      : b(b), sources(sources), batch(batch), head(head), queries(queries),
        keys(keys), tileKeys(tileKeys), lanes(lanes),
        hasKeep(!MaskedAttentionOp(sources.op).getKeep().empty()) {}

  PairFacts run();

private:
  /// Those of `PairFacts`, in order.
  using Facts = SmallVector<Value>;

  /// `body` for numbers from 0 on, with the facts so far.
  Facts overNumbers(int64_t count, ValueRange facts,
                    function_ref<Facts(Value number, ValueRange facts)> body);
  /// Positions past the last are those of the last: a pair that is looked at
  /// twice changes nothing.
  Value position(Value first, Value offset, Value end);
  Facts addRow(Value query, ValueRange facts);
  /// Facts of all lanes.
  Facts share(ValueRange facts);
  /// Whether no pair can change the class.
  Value areFinal(ValueRange facts);

  ImplicitLocOpBuilder &b;
  const PairSources &sources;
  Value batch, head;
  KeyTileSpan queries, keys;
  int64_t tileKeys;
  const TileLanes &lanes;
  bool hasKeep;
};
} // namespace

TileScan::Facts TileScan::overNumbers(
    int64_t count, ValueRange facts,
    function_ref<Facts(Value number, ValueRange facts)> body) {
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  auto loop = scf::ForOp::create(b, index(0), index(count), index(1), facts);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return Facts(loop.getResults());
}

Value TileScan::position(Value first, Value offset, Value end) {
  Value last =
      b.createOrFold<arith::SubIOp>(end, arith::ConstantIndexOp::create(b, 1));
  return b.createOrFold<arith::MinUIOp>(
      b.createOrFold<arith::AddIOp>(first, offset), last);
}

TileScan::Facts TileScan::addRow(Value query, ValueRange facts) {
  Value width = arith::ConstantIndexOp::create(b, lanes.count);
  Value first = b.createOrFold<arith::AddIOp>(keys.first, lanes.number);
  auto addPair = [&](Value number, ValueRange facts) -> Facts {
    Value key =
        position(first, b.createOrFold<arith::MulIOp>(number, width), keys.end);
    PairFacts pair = createPairFacts(b, sources, batch, head, query, key);
    Facts sum;
    for (auto [fact, more] :
         llvm::zip_equal(facts, Facts{pair.anyKept, pair.anyLeft,
                                      pair.anyDropped, pair.anyMasked}))
      sum.push_back(b.createOrFold<arith::OrIOp>(fact, more));
    return sum;
  };
  return overNumbers(llvm::divideCeil(tileKeys, lanes.count), facts, addPair);
}

TileScan::Facts TileScan::share(ValueRange facts) {
  Facts shared(facts);
  if (hasKeep) {
    shared[0] = shared[1] = lanes.any(facts[0]);
    shared[2] = lanes.any(facts[2]);
  }
  if (sources.mask) {
    shared[1] = lanes.any(facts[1]);
    shared[3] = lanes.any(facts[3]);
  }
  return shared;
}

Value TileScan::areFinal(ValueRange facts) {
  // A tile that is tested has its mask added as well.
  return b.createOrFold<arith::AndIOp>(facts[1], facts[hasKeep ? 2 : 3]);
}

PairFacts TileScan::run() {
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  Value none = createBool(b, false);
  Value distance = b.createOrFold<arith::CeilDivUIOp>(
      b.createOrFold<arith::SubIOp>(queries.end, queries.first),
      index(kRowsAtOnce));
  SmallVector<Value> state{index(0), none, none, none, none};
  SmallVector<Type> types(ValueRange(state).getTypes());
  auto loop = scf::WhileOp::create(b, types, state);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> locations(types.size(), b.getLoc());
  Block *rows = b.createBlock(&loop.getBefore(), {}, types, locations);
  Value row = rows->getArgument(0);
  Facts facts = overNumbers(
      kRowsAtOnce, rows->getArguments().drop_front(),
      [&](Value number, ValueRange facts) {
        Value offset = arith::AddIOp::create(
            b, row, arith::MulIOp::create(b, number, distance));
        return addRow(position(queries.first, offset, queries.end), facts);
      });
  facts = share(facts);
  Value next = arith::AddIOp::create(b, row, index(1));
  Value isLeft =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, next, distance);
  Value goesOn = arith::AndIOp::create(b, isLeft, negate(b, areFinal(facts)));
  SmallVector<Value> forwarded{next};
  llvm::append_range(forwarded, facts);
  scf::ConditionOp::create(b, goesOn, forwarded);
  Block *again = b.createBlock(&loop.getAfter(), {}, types, locations);
  scf::YieldOp::create(b, again->getArguments());
  return {loop.getResult(1), loop.getResult(2), loop.getResult(3),
          loop.getResult(4)};
}

PairFacts mfa::createTileFacts(ImplicitLocOpBuilder &b,
                               const PairSources &sources, Value batch,
                               Value head, const KeyTileSpan &queries,
                               const KeyTileSpan &keys, int64_t tileKeys,
                               const TileLanes &lanes) {
  auto scan = [&] {
    return TileScan(b, sources, batch, head, queries, keys, tileKeys, lanes)
        .run();
  };
  MaskedAttentionOp op = sources.op;
  if (op.getKeep().empty() || sources.mask)
    return scan();
  std::optional<TileTruth> kept =
      createKeepTruth(b, sources, batch, head, queries, keys, lanes);
  if (!kept)
    return scan();
  Value isOpen = b.createOrFold<arith::AndIOp>(kept->mayHold, kept->mayFail);
  SmallVector<Type> types(4, b.getI1Type());
  auto facts = scf::IfOp::create(b, types, isOpen, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(facts.thenBlock());
  PairFacts found = scan();
  scf::YieldOp::create(b, ValueRange{found.anyKept, found.anyLeft,
                                     found.anyDropped, found.anyMasked});
  b.setInsertionPointToStart(facts.elseBlock());
  scf::YieldOp::create(b, ValueRange{kept->mayHold, kept->mayHold,
                                     kept->mayFail, createBool(b, false)});
  return {facts.getResult(0), facts.getResult(1), facts.getResult(2),
          facts.getResult(3)};
}

Value mfa::createTileClass(ImplicitLocOpBuilder &b, const PairFacts &facts,
                           Value isShort) {
  auto constant = [&](TileClass value) -> Value {
    return arith::ConstantIntOp::create(b, static_cast<int32_t>(value), 32);
  };
  auto select = [&](Value condition, Value then, Value otherwise) {
    return b.createOrFold<arith::SelectOp>(condition, then, otherwise);
  };
  Value isTested = b.createOrFold<arith::OrIOp>(facts.anyDropped, isShort);
  Value visited = select(facts.anyMasked, constant(TileClass::Masked),
                         constant(TileClass::Free));
  visited = select(isTested, constant(TileClass::Tested), visited);
  Value left = select(facts.anyLeft, visited, constant(TileClass::Excluded));
  return select(facts.anyKept, left, constant(TileClass::Skipped));
}
