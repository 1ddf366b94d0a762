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
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
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
  return !keep.readsByKey() && keep.countRestOps() >= KeepBitsCost::kLeastOps;
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
  Value sharing = createIndex(b, 1);
  Value words =
      multiply(countTiles(sizeOf(op.getQuery(), 1), schedule.getTileRows()),
               countTiles(sizeOf(op.getKey(), 1), schedule.getTileKeys()));
  words = multiply(words, createIndex(b, countWordsOfTile(op)));
  MemRefType type = getTileListType(op);
  for (auto [dim, queryDim] : {std::pair(0, 0), std::pair(1, 2)}) {
    Value size = sizeOf(op.getQuery(), queryDim);
    Value &product = type.getDimSize(dim) == 1 ? sharing : words;
    product = multiply(product, size);
  }
  Value isShared = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::uge, sharing,
      createIndex(b, KeepBitsCost::kLeastSharing));
  Value isSmall = b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::ule, words,
      createIndex(b, KeepBitsCost::kMostBytes * 8 / kBitsOfWord));
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
  // All lanes look at a row together, each at a key of each word, and its words
  // are left to the lane of that row.
  auto ofLanes =
      scf::ForOp::create(b, b.index(0), b.index(kWarpSize), b.index(1),
                         SmallVector<Value>(wordsOfRow, b.i32(0)));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(ofLanes.getBody());
    Value number = ofLanes.getInductionVar();
    Value offset = arith::AddIOp::create(b, firstRow, number);
    // Rows past the last are that one, of which nobody asks.
    Value query = arith::MinUIOp::create(
        b, arith::AddIOp::create(b, queries.first, offset), lastRow);
    ofRow.map(positions[2], query);
    Value low = keep.hasLow() ? keep.inlineLow(b, ofRow) : Value();
    Value high = keep.hasHigh() ? keep.inlineHigh(b, ofRow) : Value();
    Value isMine =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, number);
    SmallVector<Value> mine;
    for (int64_t word = 0; word < wordsOfRow; ++word) {
      Value key =
          arith::AddIOp::create(b, arith::AddIOp::create(b, keys.first, lane),
                                b.index(word * kBitsOfWord));
      Value isThere =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ule, key, lastKey);
      Value isSet = arith::AndIOp::create(
          b, isThere, isKept(b, keep, positions[3], ofRow, low, high, key));
      Value bits = NVVM::VoteSyncOp::create(b, b.getI32Type(), b.i32(-1), isSet,
                                            NVVM::VoteSyncKind::ballot);
      mine.push_back(arith::SelectOp::create(b, isMine, bits,
                                             ofLanes.getRegionIterArg(word)));
    }
    scf::YieldOp::create(b, mine);
  }
  Value row = arith::AddIOp::create(b, firstRow, lane);
  for (auto [word, bits] : llvm::enumerate(ofLanes.getResults()))
    memref::StoreOp::create(b, bits, words.list,
                            getPlace(b, op, words, row, b.index(word)));
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
