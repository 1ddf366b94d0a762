//===- KeepBits.cpp - What a rule keeps, as bits in memory ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeepBits.h"
#include "KeepRegion.h"
#include "LaunchTileLists.h"
#include "TileList.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa;

/// On ops that are never a part of a function.
static constexpr StringLiteral kKeepBits = "mfa.keep_bits";

static constexpr int64_t kBitsOfWord = 32;

static int64_t countWordsOfRow(MaskedAttentionOp op) {
  return llvm::divideCeil(op.getSchedule()->getTileKeys(), kBitsOfWord);
}

static int64_t countWordsOfTile(MaskedAttentionOp op) {
  return op.getSchedule()->getTileRows() * countWordsOfRow(op);
}

//===----------------------------------------------------------------------===//
// Whether there are bits
//===----------------------------------------------------------------------===//

bool mfa::mayHaveKeepBits(MaskedAttentionOp op) {
  // Each lane of a warp has a row.
  if (!hasTileList(op) || !isKeepListed(op) || isMaskListed(op) ||
      op.getSchedule()->getTileRows() % kWarpSize != 0)
    return false;
  KeepRegion keep(op);
  return keep.readsByKey() || keep.countRestOps() >= KeepBitsCost::kLeastOps;
}

Value mfa::areKeepBitsWorthIt(ImplicitLocOpBuilder &b, MaskedAttentionOp op) {
  auto sizeOf = [&](Value array, unsigned dim) {
    return b.createOrFold<memref::DimOp>(array, dim);
  };
  auto multiply = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  };
  auto countTiles = [&](Value size, int64_t of) {
    return b.createOrFold<arith::CeilDivUIOp>(size, createIndex(b, of));
  };
  ScheduleAttr schedule = *op.getSchedule();
  Value queries = sizeOf(op.getQuery(), 1);
  Value words =
      multiply(countTiles(queries, schedule.getTileRows()),
               countTiles(sizeOf(op.getKey(), 1), schedule.getTileKeys()));
  words = multiply(words, createIndex(b, countWordsOfTile(op)));
  Value sharing = createIndex(b, 1), elements = queries;
  MemRefType type = getTileListType(op);
  for (auto [dim, queryDim] : {std::pair(0, 0), std::pair(1, 2)}) {
    Value size = sizeOf(op.getQuery(), queryDim);
    elements = multiply(elements, size);
    Value &product = type.getDimSize(dim) == 1 ? sharing : words;
    product = multiply(product, size);
  }
  Value isShared = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::uge, sharing,
      createIndex(b, KeepRegion(op).readsByKey()
                         ? KeepBitsCost::kLeastSharingOfReads
                         : KeepBitsCost::kLeastSharing));
  int64_t elementsOfWord =
      kBitsOfWord / op.getElementType().getIntOrFloatBitWidth();
  elements =
      multiply(elements, createIndex(b, op.getHeadDim() / elementsOfWord));
  Value isSmall =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, words, elements);
  return b.createOrFold<arith::AndIOp>(isShared, isSmall);
}

void mfa::setKeepBits(MaskedAttentionOp op) {
  op->setAttr(kKeepBits, UnitAttr::get(op.getContext()));
}

bool mfa::hasKeepBits(MaskedAttentionOp op) { return op->hasAttr(kKeepBits); }

//===----------------------------------------------------------------------===//
// Where they are
//===----------------------------------------------------------------------===//

int64_t mfa::countTileColumns(MaskedAttentionOp op) {
  constexpr int64_t kStepAndClass = 2;
  return hasKeepBits(op) ? kStepAndClass + countWordsOfTile(op) : kStepAndClass;
}

KeepWords mfa::getKeepWords(KernelBuilder &b, MaskedAttentionOp op, Value list,
                            ValueRange row, Value numTiles, Value tile) {
  Value first = b.createOrFold<arith::AddIOp>(
      b.createOrFold<arith::MulIOp>(numTiles, b.index(2)), b.index(kFirstTile));
  Value ofTile =
      b.createOrFold<arith::MulIOp>(tile, b.index(countWordsOfTile(op)));
  return {list, SmallVector<Value>(row),
          b.createOrFold<arith::AddIOp>(first, ofTile)};
}

/// That of a row of the tile, an index.
static SmallVector<Value> getPlace(KernelBuilder &b, MaskedAttentionOp op,
                                   const KeepWords &words, Value row,
                                   Value word) {
  Value ofRow =
      b.createOrFold<arith::MulIOp>(row, b.index(countWordsOfRow(op)));
  SmallVector<Value> place(words.row);
  place.push_back(b.createOrFold<arith::AddIOp>(
      b.createOrFold<arith::AddIOp>(words.first, ofRow), word));
  return place;
}

//===----------------------------------------------------------------------===//
// What kernels do with them
//===----------------------------------------------------------------------===//

Value mfa::loadIsKept(KernelBuilder &b, const KernelProblem &problem,
                      const KeepWords &words, Value row, Value col) {
  // Columns of a fragment are a part of the lane's, below 8, and one that is
  // known. The lane's shift of a word is the same for all of its columns, and
  // what is left is a test of a bit that is known.
  constexpr int64_t kLaneBits = 6;
  auto part = [&](int64_t mask) -> Value {
    return arith::AndIOp::create(b, col, b.i32(mask));
  };
  Value number =
      arith::ShRUIOp::create(b, col, b.i32(llvm::Log2_64(kBitsOfWord)));
  Value word = memref::LoadOp::create(
      b, words.list,
      getPlace(b, problem.getOp(), words, b.toIndex(row), b.toIndex(number)));
  Value ofLane = arith::ShRUIOp::create(b, word, part(kLaneBits));
  Value bit =
      arith::ShRUIOp::create(b, ofLane, part(kBitsOfWord - 1 - kLaneBits));
  return arith::TruncIOp::create(b, b.getI1Type(), bit);
}

/// The bits of a word in front of the `count`-th, which is 0 or less for none
/// and may be past the last.
static Value createLowBits(KernelBuilder &b, Value count) {
  Value zero = b.index(0), all = b.index(kBitsOfWord);
  Value most = arith::MinSIOp::create(b, count, all);
  Value number = b.toI32(arith::MaxSIOp::create(b, most, zero));
  // By no more than a word is wide.
  Value one = arith::ConstantIntOp::create(b, 1, 64);
  Value end = arith::ShLIOp::create(
      b, one, arith::ExtUIOp::create(b, one.getType(), number));
  return arith::TruncIOp::create(b, b.getI32Type(),
                                 arith::SubIOp::create(b, end, one));
}

namespace {
/// Finds the words of a row, as the lane that has it.
class WordBuilder {
public:
  /// `ofRow` has all arguments of the region but the key.
  WordBuilder(KernelBuilder &b, MaskedAttentionOp op, IRMapping ofRow,
              Value lastKey)
      : b(b), keep(op), key(op.getPositions(op.getKeep()).back()),
        ofRow(std::move(ofRow)), lastKey(lastKey) {
    // Bounds may be as far away as numbers go: of keys they are none.
    if (keep.hasLow())
      low =
          arith::MaxSIOp::create(b, keep.inlineLow(b, this->ofRow), b.index(0));
    Value high = lastKey;
    if (keep.hasHigh())
      high = arith::MinSIOp::create(b, keep.inlineHigh(b, this->ofRow), high);
    end = b.createOrFold<arith::AddIOp>(high, b.index(1));
  }

  /// That of 32 keys from `first` on.
  Value build(Value first) const;

private:
  /// What the rule is besides bounds. Keys that may be past the last are not
  /// read.
  Value buildRest(Value first, bool mayBeLast) const;

  KernelBuilder &b;
  KeepRegion keep;
  Value key;
  IRMapping ofRow;
  Value lastKey;
  /// The bounds of the row's keys; the low one may be null.
  Value low, end;
};
} // namespace

Value WordBuilder::buildRest(Value first, bool mayBeLast) const {
  Value bits = b.i32(0);
  for (int64_t i = 0; i < kBitsOfWord; ++i) {
    Value place = b.createOrFold<arith::AddIOp>(first, b.index(i));
    if (mayBeLast)
      place = arith::MinUIOp::create(b, place, lastKey);
    IRMapping mapping = ofRow;
    mapping.map(key, place);
    Value isKept = keep.inlineRest(b, mapping);
    Value with = arith::OrIOp::create(b, bits, b.i32(int32_t(1u << i)));
    bits = arith::SelectOp::create(b, isKept, with, bits);
  }
  return bits;
}

Value WordBuilder::build(Value first) const {
  Value bits;
  if (keep.readsByKey()) {
    Value past = b.createOrFold<arith::AddIOp>(first, b.index(kBitsOfWord - 1));
    Value mayBeLast =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, past, lastKey);
    bits = b.choose(
        mayBeLast,
        [&]() -> SmallVector<Value> { return {buildRest(first, true)}; },
        [&]() -> SmallVector<Value> { return {buildRest(first, false)}; })[0];
  } else {
    bits = buildRest(first, false);
  }
  auto countFrom = [&](Value bound) -> Value {
    return arith::SubIOp::create(b, bound, first);
  };
  bits = arith::AndIOp::create(b, bits, createLowBits(b, countFrom(end)));
  if (!low)
    return bits;
  Value before = createLowBits(b, countFrom(low));
  return arith::AndIOp::create(b, bits,
                               arith::XOrIOp::create(b, before, b.i32(-1)));
}

void mfa::storeKeepWords(KernelBuilder &b, const KernelProblem &problem,
                         const KeepWords &words, Value batch, Value head,
                         const KeyTileSpan &queries, const KeyTileSpan &keys,
                         Value firstRow, Value lane) {
  MaskedAttentionOp op = problem.getOp();
  auto positions = op.getPositions(op.getKeep());
  auto last = [&](Value end) {
    return b.createOrFold<arith::SubIOp>(end, b.index(1));
  };
  // Each lane has a row, whose numbers it has once for all keys. Rows past the
  // last are that one, of which nobody asks.
  Value row = arith::AddIOp::create(b, firstRow, lane);
  IRMapping ofRow;
  ofRow.map(op.getCaptureArguments(op.getKeep()), problem.operands.captures);
  ofRow.map(positions.take_front(2), ValueRange{batch, head});
  ofRow.map(positions[2], arith::MinUIOp::create(
                              b, arith::AddIOp::create(b, queries.first, row),
                              last(queries.end)));
  WordBuilder builder(b, op, std::move(ofRow), last(keys.end));
  auto loop = scf::ForOp::create(b, b.index(0), b.index(countWordsOfRow(op)),
                                 b.index(1));
  keepRolled(loop);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value word = loop.getInductionVar();
  Value first = arith::AddIOp::create(
      b, keys.first, arith::MulIOp::create(b, word, b.index(kBitsOfWord)));
  memref::StoreOp::create(b, builder.build(first), words.list,
                          getPlace(b, op, words, row, word));
}

void mfa::clearKeepWords(KernelBuilder &b, MaskedAttentionOp op,
                         const KeepWords &words, Value lane) {
  auto loop = scf::ForOp::create(b, lane, b.index(countWordsOfTile(op)),
                                 b.index(kWarpSize));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> place(words.row);
  place.push_back(
      arith::AddIOp::create(b, words.first, loop.getInductionVar()));
  memref::StoreOp::create(b, b.i32(0), words.list, place);
}
