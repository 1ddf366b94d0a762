//===- CountKeyTiles.cpp - How many tiles kernels visit -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mfa/Dialect/MFA/Transforms/TileClasses.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFACOUNTKEYTILESPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

/// Elements of the counts: the classes of tiles, but that those which a mask
/// excludes are skipped as well.
enum Count : int64_t { Skipped, Free, Masked, Tested, NumCounts };

namespace {
/// Writes the loops that count the tiles of one op, in its place.
class TileCounter {
public:
  TileCounter(ImplicitLocOpBuilder &b, MaskedAttentionOp op, Value counts)
      : b(b), op(op), counts(counts), schedule(*op.getSchedule()),
        tileRows(schedule.getTileRows()), tileKeys(schedule.getTileKeys()),
        tiles(getKeyTiles(op, tileRows, tileKeys)),
        hasMask(getMaskDim(ScoreDim::Key) || getMaskDim(ScoreDim::Query)) {}

  void run();

private:
  std::optional<unsigned> getMaskDim(ScoreDim dim) {
    return op.getMask() ? op.getMaskDim(dim) : std::nullopt;
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value subtract(Value lhs, Value rhs) {
    return b.createOrFold<arith::SubIOp>(lhs, rhs);
  }
  Value countTiles(Value size, int64_t of) {
    return b.createOrFold<arith::CeilDivUIOp>(size, index(of));
  }
  void add(Count which, Value number);
  /// `body` for numbers from `first` to `end`.
  void forEach(Value first, Value end, function_ref<void(Value)> body);

  /// By the closed form: what is visited without a test needs the mask, if
  /// there is one.
  void countRange(const RowTilePlace &place);
  /// By a look at each pair, as for a list.
  void countClasses(const RowTilePlace &place);
  /// As a launch chooses; the schedule is one that knows.
  bool hasList() {
    return hasTileList(op) ||
           (schedule.getTiles() == TileChoice::Auto && isKeepListed(op));
  }

  ImplicitLocOpBuilder &b;
  MaskedAttentionOp op;
  Value counts;
  ScheduleAttr schedule;
  int64_t tileRows, tileKeys;
  KeyTilesAttr tiles;
  bool hasMask;
  // Of all rows.
  Value numQueries, numKeys, numTiles;
  SmallVector<Value> symbols;
};
} // namespace

void TileCounter::add(Count which, Value number) {
  Value place = index(which);
  Value more =
      arith::IndexCastOp::create(b, b.getI64Type(), number).getResult();
  Value old = memref::LoadOp::create(b, counts, place);
  memref::StoreOp::create(b, arith::AddIOp::create(b, old, more), counts,
                          place);
}

void TileCounter::forEach(Value first, Value end,
                          function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, first, end, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void TileCounter::countRange(const RowTilePlace &place) {
  Value least = b.createOrFold<arith::MinUIOp>(numTiles, index(1));
  Value count = numTiles, tested;
  if (tiles) {
    KeyTileSteps steps =
        createKeyTileSteps(b, tiles, symbols, place, numTiles, least);
    count = steps.count;
    tested = b.createOrFold<arith::MinUIOp>(steps.tested, steps.count);
  } else {
    // The last tile, if it is short.
    tested = subtract(numTiles,
                      b.createOrFold<arith::DivUIOp>(numKeys, index(tileKeys)));
  }
  add(Skipped, subtract(numTiles, count));
  add(Tested, tested);
  add(hasMask ? Masked : Free, subtract(count, tested));
}

void TileCounter::countClasses(const RowTilePlace &place) {
  KeyTileSpan visited{index(0), numTiles};
  if (tiles)
    visited = createVisitedSpan(b, tiles, symbols, place, numTiles);
  Value firstRow = arith::MulIOp::create(b, place.rowTile, index(tileRows));
  auto getEnd = [&](Value first, int64_t size, Value most) -> Value {
    return b.createOrFold<arith::MinUIOp>(
        arith::AddIOp::create(b, first, index(size)), most);
  };
  KeyTileSpan queries{firstRow, getEnd(firstRow, tileRows, numQueries)};
  PairSources sources{op, op.getCaptures(),
                      isMaskListed(op) ? op.getMask() : Value()};
  auto any = [](Value condition) { return condition; };
  auto extreme = [](Value number, Extreme) { return number; };
  TileLanes lanes{index(0), 1, any, extreme};
  forEach(visited.first, visited.end, [&](Value tile) {
    Value firstKey = arith::MulIOp::create(b, tile, index(tileKeys));
    KeyTileSpan keys{firstKey, getEnd(firstKey, tileKeys, numKeys)};
    PairFacts facts = createTileFacts(b, sources, place.batch, place.head,
                                      queries, keys, tileKeys, lanes);
    Value isShort =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                              subtract(keys.end, firstKey), index(tileKeys));
    Value kind = arith::IndexCastOp::create(b, b.getIndexType(),
                                            createTileClass(b, facts, isShort));
    // From TileClass::Excluded on.
    kind = arith::MaxSIOp::create(b, subtract(kind, index(1)), index(0));
    // A mask that the list knows nothing of is added to all tiles.
    if (hasMask && !isMaskListed(op)) {
      Value isFree =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, kind, index(Free));
      kind = arith::SelectOp::create(b, isFree, index(Masked), kind);
    }
    Value one = arith::ConstantIntOp::create(b, 1, 64);
    Value old = memref::LoadOp::create(b, counts, kind);
    memref::StoreOp::create(b, arith::AddIOp::create(b, old, one), counts,
                            kind);
  });
  Value most = b.createOrFold<arith::MaxSIOp>(visited.first, visited.end);
  add(Skipped, subtract(numTiles, subtract(most, visited.first)));
}

void TileCounter::run() {
  auto size = [&](Value array, int64_t dim) {
    return b.createOrFold<memref::DimOp>(array, dim);
  };
  numQueries = size(op.getQuery(), 1);
  numKeys = size(op.getKey(), 1);
  numTiles = countTiles(numKeys, tileKeys);
  if (tiles)
    symbols =
        createKeyTileSymbols(b, tiles, numQueries, numKeys, op.getCaptures());
  forEach(index(0), size(op.getQuery(), 0), [&](Value batch) {
    forEach(index(0), size(op.getQuery(), 2), [&](Value head) {
      forEach(index(0), countTiles(numQueries, tileRows), [&](Value rowTile) {
        RowTilePlace place{batch, head, rowTile};
        hasList() ? countClasses(place) : countRange(place);
      });
    });
  });
}

namespace {
struct CountKeyTilesPass
    : mfa::impl::MFACountKeyTilesPassBase<CountKeyTilesPass> {
  using MFACountKeyTilesPassBase::MFACountKeyTilesPassBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    SmallVector<MaskedAttentionOp> ops;
    func.walk([&](MaskedAttentionOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    for (MaskedAttentionOp op : ops)
      if (failed(check(op)))
        return signalPassFailure();
    auto module = func->getParentOfType<ModuleOp>();
    if (module && !SymbolTable::symbolKnownUseEmpty(func, module)) {
      func.emitOpError("expected a function that nobody refers to, as it gets "
                       "one more argument");
      return signalPassFailure();
    }
    auto type = MemRefType::get(NumCounts, Builder(func).getI64Type());
    unsigned last = func.getNumArguments();
    if (failed(func.insertArgument(last, type, {}, func.getLoc())))
      return signalPassFailure();
    for (MaskedAttentionOp op : ops) {
      ImplicitLocOpBuilder b(op.getLoc(), op);
      TileCounter(b, op, func.getArgument(last)).run();
      op.erase();
    }
  }

private:
  LogicalResult check(MaskedAttentionOp op) {
    if (op.hasTensorSemantics())
      return op.emitOpError("expected buffers, but got tensors: bufferize "
                            "first (one-shot-bufferize)");
    if (!op.getSchedule())
      return op.emitOpError(
          "expected a schedule: run mfa-select-schedule first");
    if (op.getSchedule()->getTiles() == TileChoice::Auto && isMaskListed(op))
      return op.emitOpError("expected a schedule with 'tiles = ranges' or "
                            "'tiles = list', but got 'tiles = auto', which "
                            "each launch decides by the sizes of its mask");
    return success();
  }
};
} // namespace
