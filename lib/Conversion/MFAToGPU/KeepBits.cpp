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
      createIndex(b, KeepBitsCost::kLeastSharing));
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

/// Whether the rule keeps a key of a row, whose arguments but the key `ofRow`
/// has.
static Value isKept(KernelBuilder &b, const KeepRegion &keep, Value keyArgument,
                    const IRMapping &ofRow, Value low, Value high, Value key) {
  IRMapping mapping = ofRow;
  mapping.map(keyArgument, key);
  Value result = keep.inlineRest(b, mapping);
  auto bound = [&](arith::CmpIPredicate predicate, Value by) {
    if (by)
      result = arith::AndIOp::create(
          b, result, arith::CmpIOp::create(b, predicate, key, by));
  };
  bound(arith::CmpIPredicate::sge, low);
  bound(arith::CmpIPredicate::sle, high);
  return result;
}

void mfa::storeKeepWords(KernelBuilder &b, const KernelProblem &problem,
                         const KeepWords &words, Value batch, Value head,
                         const KeyTileSpan &queries, const KeyTileSpan &keys,
                         Value firstRow, Value lane) {
  MaskedAttentionOp op = problem.getOp();
  int64_t wordsOfRow = countWordsOfRow(op);
  KeepRegion keep(op);
  auto positions = op.getPositions(op.getKeep());
  IRMapping ofRow;
  ofRow.map(op.getCaptureArguments(op.getKeep()), problem.operands.captures);
  ofRow.map(positions.take_front(2), ValueRange{batch, head});
  auto last = [&](Value end) {
    return b.createOrFold<arith::SubIOp>(end, b.index(1));
  };
  Value lastRow = last(queries.end), lastKey = last(keys.end);
  // Each lane has a row, whose numbers it has once for all keys. Rows past the
  // last are that one, of which nobody asks.
  Value row = arith::AddIOp::create(b, firstRow, lane);
  ofRow.map(positions[2],
            arith::MinUIOp::create(
                b, arith::AddIOp::create(b, queries.first, row), lastRow));
  Value low = keep.hasLow() ? keep.inlineLow(b, ofRow) : Value();
  Value high = keep.hasHigh() ? keep.inlineHigh(b, ofRow) : Value();
  auto ofWords =
      scf::ForOp::create(b, b.index(0), b.index(wordsOfRow), b.index(1));
  keepRolled(ofWords);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ofWords.getBody());
  Value word = ofWords.getInductionVar();
  Value firstKey = arith::AddIOp::create(
      b, keys.first, arith::MulIOp::create(b, word, b.index(kBitsOfWord)));
  auto ofKeys = scf::ForOp::create(b, b.index(0), b.index(kBitsOfWord),
                                   b.index(1), b.i32(0));
  unroll(ofKeys, kLoadsAtOnce);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(ofKeys.getBody());
    Value key = arith::AddIOp::create(b, firstKey, ofKeys.getInductionVar());
    Value isThere =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ule, key, lastKey);
    if (keep.readsByKey())
      key = arith::MinUIOp::create(b, key, lastKey);
    Value isSet = arith::AndIOp::create(
        b, isThere, isKept(b, keep, positions[3], ofRow, low, high, key));
    // The first key ends as the lowest bit.
    Value highest = arith::SelectOp::create(b, isSet, b.i32(1 << 31), b.i32(0));
    Value before =
        arith::ShRUIOp::create(b, ofKeys.getRegionIterArg(0), b.i32(1));
    scf::YieldOp::create(b,
                         arith::OrIOp::create(b, before, highest).getResult());
  }
  memref::StoreOp::create(b, ofKeys.getResult(0), words.list,
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
