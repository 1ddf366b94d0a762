//===- MaskFacts.cpp - What a mask does to a key tile ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskFacts.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa;

/// Loads of a lane before it is asked whether they are enough: most tiles of a
/// mask that neither excludes nor leaves whole tiles are known by them.
static constexpr int64_t kFirstLoads = 2;

bool mfa::mayHaveWideMaskTiles(MaskedAttentionOp op, int64_t tileKeys) {
  auto type = cast<MemRefType>(op.getMaskType());
  return op.getKeep().empty() && op.getMaskDim(ScoreDim::Key) &&
         mayHaveAlignedRows(type) &&
         tileKeys % WideArray::countElements(type.getElementType()) == 0;
}

namespace {
/// The words of a tile, and what they tell.
class WordScan {
public:
  WordScan(KernelBuilder &b, MaskedAttentionOp op, const WideArray &mask,
           const TileLanes &lanes, int64_t tileKeys)
      : b(b), op(op), mask(mask), lanes(lanes),
        element(op.getMaskType().getElementType()),
        rowChunks(tileKeys / WideArray::countElements(element)),
        bits(element.isInteger(1) || element.isF32() ? 32 : 16) {}

  /// The address of the first element, rows, and chunks of 16 bytes in a row,
  /// of which there is one at least.
  void setTile(Value address, Value rows, Value chunks);

  /// Whether any element leaves its pair, and any changes a score.
  struct Facts {
    Value anyLeft, anyMasked;
  };
  Facts run();

private:
  /// Facts with those of so many loads of a lane, from a chunk of the tile on.
  Facts add(Value first, int64_t loads, const Facts &facts);
  Value load(Value chunk);
  Value isAny(Value words);

  KernelBuilder &b;
  MaskedAttentionOp op;
  const WideArray &mask;
  const TileLanes &lanes;
  Type element;
  int64_t rowChunks, bits;
  Value address, rows, lastRow, lastChunk;
};
} // namespace

void WordScan::setTile(Value firstElement, Value numRows, Value numChunks) {
  address = firstElement;
  rows = b.toI32(numRows);
  lastRow = b.createOrFold<arith::SubIOp>(rows, b.i32(1));
  lastChunk = b.createOrFold<arith::SubIOp>(b.toI32(numChunks), b.i32(1));
}

Value WordScan::load(Value chunk) {
  // Behind the last it is that one again, which changes nothing.
  Value row = b.createOrFold<arith::MinUIOp>(
      b.createOrFold<arith::DivUIOp>(chunk, b.i32(rowChunks)), lastRow);
  Value ofRow = b.createOrFold<arith::MinUIOp>(
      b.createOrFold<arith::RemUIOp>(chunk, b.i32(rowChunks)), lastChunk);
  Value place = b.createOrFold<arith::AddIOp>(
      address,
      b.toIndex(b.createOrFold<arith::MulIOp>(ofRow, b.i32(kWideBytes))));
  if (std::optional<unsigned> dim = op.getMaskDim(ScoreDim::Query))
    place = b.createOrFold<arith::AddIOp>(place, mask.offsetOf(*dim, row));
  return loadWide(b, place, bits);
}

Value WordScan::isAny(Value words) {
  Type type = b.getIntegerType(bits);
  Value sum = LLVM::vector_reduce_or::create(b, type, words);
  Value zero = arith::ConstantOp::create(b, b.getIntegerAttr(type, 0));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, sum, zero);
}

WordScan::Facts WordScan::add(Value first, int64_t loads, const Facts &facts) {
  SmallVector<Value> loaded;
  Value start = arith::AddIOp::create(b, first, b.toI32(lanes.number));
  for (int64_t i = 0; i < loads; ++i)
    loaded.push_back(
        load(b.createOrFold<arith::AddIOp>(start, b.i32(i * lanes.count))));
  auto combine = [&](Value lhs, Value rhs) -> Value {
    return arith::OrIOp::create(b, lhs, rhs);
  };
  Value left = splatWide(b, 0, bits), masked = left;
  Value lowBits = splatWide(b, 0x01010101, bits);
  Value ones = splatWide(b, -1, bits);
  // Those of -inf.
  int64_t excluding = element.isF32()    ? 0xff800000
                      : element.isBF16() ? 0xff80
                                         : 0xfc00;
  for (Value words : loaded) {
    if (element.isInteger(1)) {
      left = combine(left, words);
      // Its highest bit is set in the lowest byte that is 0, if there is one.
      Value borrowed = arith::SubIOp::create(b, words, lowBits);
      Value inverse = arith::XOrIOp::create(b, words, ones);
      masked = combine(masked, arith::AndIOp::create(b, borrowed, inverse));
    } else {
      left = combine(
          left, arith::XOrIOp::create(b, words, splatWide(b, excluding, bits)));
      masked = combine(masked, words);
    }
  }
  int64_t looked = element.isInteger(1) ? 0x80808080
                   : element.isF32()    ? 0x7fffffff
                                        : 0x7fff;
  masked = arith::AndIOp::create(b, masked, splatWide(b, looked, bits));
  return {lanes.any(combine(facts.anyLeft, isAny(left))),
          lanes.any(combine(facts.anyMasked, isAny(masked)))};
}

WordScan::Facts WordScan::run() {
  Value none = arith::ConstantIntOp::create(b, false, 1);
  Facts facts = add(b.i32(0), kFirstLoads, {none, none});
  Value count = b.createOrFold<arith::MulIOp>(rows, b.i32(rowChunks));
  SmallVector<Value> state{b.i32(kFirstLoads * lanes.count), facts.anyLeft,
                           facts.anyMasked};
  SmallVector<Type> types(ValueRange(state).getTypes());
  SmallVector<Location> locations(types.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, types, state);
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  Value isLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                       before->getArgument(0), count);
  Value isKnown =
      arith::AndIOp::create(b, before->getArgument(1), before->getArgument(2));
  scf::ConditionOp::create(b,
                           arith::AndIOp::create(b, isLeft, b.negate(isKnown)),
                           before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  Value chunk = after->getArgument(0);
  facts =
      add(chunk, kWideLoads, {after->getArgument(1), after->getArgument(2)});
  Value next = arith::AddIOp::create(b, chunk, b.i32(kWideLoads * lanes.count));
  scf::YieldOp::create(b, ValueRange{next, facts.anyLeft, facts.anyMasked});
  return {loop.getResult(1), loop.getResult(2)};
}

PairFacts mfa::createWideMaskFacts(KernelBuilder &b, const PairSources &sources,
                                   const WideArray &mask, Value batch,
                                   Value head, const KeyTileSpan &queries,
                                   const KeyTileSpan &keys, int64_t tileKeys,
                                   const TileLanes &lanes) {
  MaskedAttentionOp op = sources.op;
  Type element = op.getMaskType().getElementType();
  int64_t elements = WideArray::countElements(element);
  Value address = mask.getBase();
  for (auto [dim, index] :
       {std::pair(ScoreDim::Batch, batch), std::pair(ScoreDim::Head, head),
        std::pair(ScoreDim::Query, queries.first)})
    if (std::optional<unsigned> position = op.getMaskDim(dim))
      address = b.createOrFold<arith::AddIOp>(address,
                                              mask.offsetOf(*position, index));
  address = b.createOrFold<arith::AddIOp>(
      address, b.createOrFold<arith::MulIOp>(keys.first,
                                             b.index(kWideBytes / elements)));
  Value rows = b.index(1);
  if (op.getMaskDim(ScoreDim::Query))
    rows = b.createOrFold<arith::SubIOp>(queries.end, queries.first);

  WordScan scan(b, op, mask, lanes, tileKeys);
  auto scanChunks = [&](Value chunks) -> SmallVector<Value> {
    scan.setTile(address, rows, chunks);
    WordScan::Facts facts = scan.run();
    return {facts.anyLeft, facts.anyMasked};
  };
  Value yes = arith::ConstantIntOp::create(b, true, 1);
  Value no = arith::ConstantIntOp::create(b, false, 1);
  int64_t numKeys = op.getScoreSize(ScoreDim::Key);
  if (ShapedType::isStatic(numKeys) && numKeys % tileKeys == 0) {
    SmallVector<Value> facts = scanChunks(b.index(tileKeys / elements));
    return {yes, facts[0], no, facts[1]};
  }
  Value chunks = b.createOrFold<arith::DivUIOp>(
      b.createOrFold<arith::SubIOp>(keys.end, keys.first), b.index(elements));
  Value hasChunks =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, chunks, b.index(0));
  auto scanAll = [&] { return scanChunks(chunks); };
  auto scanNone = [&]() -> SmallVector<Value> { return {no, no}; };
  SmallVector<Value> facts = b.choose(hasChunks, scanAll, scanNone);
  if (ShapedType::isStatic(numKeys) && numKeys % elements == 0)
    return {yes, facts[0], no, facts[1]};
  // What is behind the last key of a row is no part of the mask: keys that are
  // no 16 bytes are read one by one.
  Value first = arith::AddIOp::create(
      b, keys.first, arith::MulIOp::create(b, chunks, b.index(elements)));
  Value isLeft =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first, keys.end);
  Value isKnown = arith::AndIOp::create(b, facts[0], facts[1]);
  facts = b.choose(
      arith::AndIOp::create(b, isLeft, b.negate(isKnown)).getResult(),
      [&]() -> SmallVector<Value> {
        PairFacts rest = createTileFacts(b, sources, batch, head, queries,
                                         {first, keys.end}, elements, lanes);
        return {arith::OrIOp::create(b, facts[0], rest.anyLeft),
                arith::OrIOp::create(b, facts[1], rest.anyMasked)};
      },
      [&] { return facts; });
  return {yes, facts[0], no, facts[1]};
}
