//===- LaunchPatterns.cpp - Launches of attention kernels -----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "DependentLaunch.h"
#include "KeepBits.h"
#include "Kernels.h"
#include "LaunchTileLists.h"
#include "MaskCopy.h"
#include "RowTileChoice.h"
#include "TileListChoice.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::mfa;

/// Says which operands are known to be read element by element, or copied.
static void remarkSlowOperands(MaskedAttentionOp op) {
  if (isWgmma(op)) {
    if (!mayHaveMaskMap(op))
      op.emitRemark() << "'mask' is copied in front of each launch, since its "
                         "rows do not all start on 16-byte boundaries: "
                      << op.getMaskType();
    return;
  }
  auto check = [&](StringRef name, Value operand) {
    auto type = cast<MemRefType>(operand.getType());
    if (mayHaveAlignedRows(type))
      return;
    op.emitRemark() << "'" << name
                    << "' is read element by element, since its rows do not "
                       "all start on 16-byte boundaries: "
                    << type;
  };
  check("query", op.getQuery());
  check("key", op.getKey());
  check("value", op.getValue());
  MaskForm form = getMaskForm(op);
  if (form == MaskForm::Matrix || form == MaskForm::KeyVector)
    check("mask", op.getMask());
}

/// Waits for the last of the launches on a stream. Ways to compute one op end
/// alike, and blocks that are alike are merged on the way to LLVM; the stream
/// would become an argument then, which gpu-to-llvm takes for an event. So no
/// two of these are alike.
static void waitFor(ImplicitLocOpBuilder &b, Value token) {
  auto wait = gpu::WaitOp::create(b, Type(), token);
  wait->setAttr("mfa.stream", DistinctAttr::create(b.getUnitAttr()));
}

/// `build` with what is there to launch after; it returns what is done last.
static void onStream(ImplicitLocOpBuilder &b,
                     function_ref<Value(Value token)> build) {
  Value token =
      gpu::WaitOp::create(b, b.getType<gpu::AsyncTokenType>(), ValueRange())
          .getAsyncToken();
  waitFor(b, build(token));
}

namespace {

struct LaunchAttentionKernel : OpRewritePattern<MaskedAttentionOp> {
  LaunchAttentionKernel(MLIRContext *context, Kernels &kernels)
      : OpRewritePattern(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.hasTensorSemantics() || !op.getSchedule())
      return rewriter.notifyMatchFailure(op, "needs buffers and a schedule");
    if (llvm::is_contained(op.getOutputType().getShape(), 0)) {
      rewriter.eraseOp(op);
      return success();
    }
    remarkSlowOperands(op);
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    launchByTiles(b, op);
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// By operand; null where a kernel has none.
  struct TensorMaps {
    Value query, key, value, output, mask;
  };

  /// Two ways to compute `op`, by a condition that may be known.
  void choose(ImplicitLocOpBuilder &b, Value condition,
              function_ref<void()> buildThen,
              function_ref<void()> buildElse) const {
    if (std::optional<int64_t> known = getConstantIntValue(condition))
      return *known ? buildThen() : buildElse();
    auto choice = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    buildThen();
    b.setInsertionPointToStart(choice.elseBlock());
    buildElse();
  }

  /// Calls `launch` on a copy of `op` with another schedule.
  void launchWith(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                  ScheduleAttr schedule,
                  function_ref<void(MaskedAttentionOp)> launch) const {
    // Never a part of the function, so that nobody is to be told of it.
    OwningOpRef<MaskedAttentionOp> copy(op.clone());
    copy->setScheduleAttr(schedule);
    launch(*copy);
  }

  /// The kernel of the schedule with a list of key tiles or without, where that
  /// is open.
  void launchByTiles(ImplicitLocOpBuilder &b, MaskedAttentionOp op) const {
    auto launchKind = [&](MaskedAttentionOp op) {
      isWgmma(op) ? launchWgmma(b, op) : launch(b, op, TensorMaps());
    };
    ScheduleAttr schedule = *op.getSchedule();
    if (schedule.getTiles() != TileChoice::Auto)
      return launchKind(op);
    auto launchWithTiles = [&](TileChoice tiles) {
      launchWith(b, op, schedule.withTiles(tiles), launchKind);
    };
    if (!isMaskListed(op))
      return launchWithTiles(isKeepListed(op) ? TileChoice::List
                                              : TileChoice::Ranges);
    choose(
        b, isTileListWorthIt(b, op), [&] { launchWithTiles(TileChoice::List); },
        [&] {
          launchIf(b, wantsMoreThanLists(b),
                   [&] { launchWithTiles(TileChoice::Ranges); });
        });
  }

  /// The wgmma kernel of the schedule, or, where that fills the GPU better, the
  /// one with small tiles. Those of a list are what it was made for.
  void launchWgmma(ImplicitLocOpBuilder &b, MaskedAttentionOp op) const {
    ScheduleAttr schedule = *op.getSchedule();
    auto launchWithRows = [&](ScheduleAttr of) {
      launchWith(b, op, of,
                 [&](MaskedAttentionOp it) { launchWithMaps(b, it); });
    };
    auto launchLarge = [&] { launchWithRows(schedule.withoutSmallTiles()); };
    if (!schedule.getSmallTileRows() || hasTileList(op))
      return launchLarge();
    choose(b, areLargeTilesBetter(b, op, kernels.getChip()), launchLarge,
           [&] { launchWithRows(schedule.withSmallTiles()); });
  }

  /// The wgmma kernel where all of its operands have tensor maps, which only
  /// their addresses and strides tell, or a mask without one can be copied;
  /// else the mma_sync kernel.
  void launchWithMaps(ImplicitLocOpBuilder &b, MaskedAttentionOp op) const {
    TensorBoxes boxes = getTensorBoxes(op);
    TensorMaps maps;
    Value isValid;
    auto encode = [&](Value &map, Value array, ArrayRef<int64_t> box) {
      if (box.empty())
        return;
      auto encoded = mfa_gpu::EncodeTensorMapOp::create(b, array, box);
      map = encoded.getMap();
      Value isMapValid = encoded.getIsValid();
      isValid = isValid ? b.createOrFold<arith::AndIOp>(isValid, isMapValid)
                        : isMapValid;
    };
    encode(maps.query, op.getQuery(), boxes.query);
    encode(maps.key, op.getKey(), boxes.key);
    encode(maps.value, op.getValue(), boxes.value);
    encode(maps.output, op.getOutput(), boxes.output);
    bool mayCopyMask = !boxes.mask.empty() && copiesMask(op);
    if (!mayCopyMask)
      encode(maps.mask, op.getMask(), boxes.mask);
    choose(
        b, isValid,
        [&] {
          mayCopyMask ? launchWithMask(b, op, maps, boxes.mask)
                      : launchByRule(b, op, maps);
        },
        [&] {
          launchWith(b, op,
                     getMmaSyncSchedule(op, kernels.getSchedules(),
                                        kernels.getChip(),
                                        op.getSchedule()->getF32Product(),
                                        op.getSchedule()->getSplitsKeys(),
                                        op.getSchedule()->getTiles()),
                     [&](MaskedAttentionOp simple) {
                       launch(b, simple, TensorMaps());
                     });
        });
  }

  /// With the rule as bits where that is worth it.
  void launchByRule(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                    const TensorMaps &maps) const {
    auto launchPlain = [&] { launch(b, op, maps); };
    if (!mayHaveKeepBits(op))
      return launchPlain();
    choose(
        b, areKeepBitsWorthIt(b, op),
        [&] {
          OwningOpRef<MaskedAttentionOp> copy(op.clone());
          setKeepBits(*copy);
          launch(b, *copy, maps);
        },
        launchPlain);
  }

  /// With the mask where it has a tensor map, else with a copy that has one.
  void launchWithMask(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                      TensorMaps maps, ArrayRef<int64_t> box) const {
    MemRefType type = getMaskOrCopyType(cast<MemRefType>(op.getMaskType()));
    auto encode = [&](Value mask) {
      return mfa_gpu::EncodeTensorMapOp::create(b, mask, box);
    };
    auto copyMask = [&] {
      Value mask;
      onStream(b, [&](Value token) {
        mask = launchMaskCopy(b, kernels, op, token);
        return token;
      });
      return SmallVector<Value>{mask, encode(mask).getMap()};
    };
    auto free = [&](Value mask) {
      onStream(b, [&](Value token) {
        return gpu::DeallocOp::create(b, token.getType(), token, mask)
            .getAsyncToken();
      });
    };
    auto launchBy = [&](Value mask, Value map) {
      OwningOpRef<MaskedAttentionOp> copy(op.clone());
      copy->getMaskMutable().assign(mask);
      setFollowsLaunch(*copy);
      maps.mask = map;
      launch(b, *copy, maps);
    };
    if (!mayHaveMaskMap(op)) {
      SmallVector<Value> copy = copyMask();
      launchBy(copy[0], copy[1]);
      return free(copy[0]);
    }
    auto encoded = encode(op.getMask());
    auto choice = scf::IfOp::create(
        b, TypeRange{type, encoded.getMap().getType()}, encoded.getIsValid(),
        /*addThenBlock=*/true, /*addElseBlock=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choice.thenBlock());
      Value same = b.createOrFold<memref::CastOp>(type, op.getMask());
      scf::YieldOp::create(b, ValueRange{same, encoded.getMap()});
      b.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b, copyMask());
    }
    launchBy(choice.getResult(0), choice.getResult(1));
    launchIf(b, createNot(b, encoded.getIsValid()),
             [&] { free(choice.getResult(0)); });
  }

  /// Where the schedule splits keys, but one range of them fills the GPU, a
  /// block that has all keys stores the output itself.
  void launch(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
              const TensorMaps &maps) const {
    ScheduleAttr schedule = *op.getSchedule();
    Value batch = b.createOrFold<memref::DimOp>(op.getQuery(), 0);
    Value queries = b.createOrFold<memref::DimOp>(op.getQuery(), 1);
    Value heads = b.createOrFold<memref::DimOp>(op.getQuery(), 2);
    Value tiles = b.createOrFold<arith::CeilDivUIOp>(
        queries, createIndex(b, schedule.getTileRows()));
    Value blocks = b.createOrFold<arith::MulIOp>(
        b.createOrFold<arith::MulIOp>(batch, tiles), heads);
    // A grid of no blocks is an error to the driver.
    Value isNeeded = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne,
                                                   blocks, createIndex(b, 0));
    auto guarded = scf::IfOp::create(b, isNeeded);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(guarded.thenBlock());
    if (!schedule.getSplitsKeys())
      return launchWhole(b, op, maps, blocks);
    Value splits = countSplits(b, op, blocks);
    Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, splits,
                                          createIndex(b, 1));
    auto choice = scf::IfOp::create(b, isWhole, /*withElseRegion=*/true);
    // First the kernel that the schedule asks for.
    b.setInsertionPointToStart(choice.elseBlock());
    launchSplit(b, op, maps, blocks, splits);
    b.setInsertionPointToStart(choice.thenBlock());
    launchWith(b, op, schedule.withoutSplits(), [&](MaskedAttentionOp whole) {
      launchWhole(b, whole, maps, blocks);
    });
  }

  /// In the order in which Kernels::get takes them.
  static SmallVector<Value> getArguments(MaskedAttentionOp op,
                                         const TensorMaps &maps) {
    SmallVector<Value> arguments = getKernelArguments(op);
    if (!maps.query)
      return arguments;
    for (Value map : {maps.query, maps.key, maps.value,
                      takesOutputMap(op) ? maps.output : Value(), maps.mask})
      if (map)
        arguments.push_back(map);
    return arguments;
  }

  /// One kernel, each of whose blocks has all keys of its query rows.
  void launchWhole(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                   const TensorMaps &maps, Value blocks) const {
    ScheduleAttr schedule = *op.getSchedule();
    Value one = createIndex(b, 1);
    if (schedule.getPersistent())
      blocks = arith::MinUIOp::create(b, blocks,
                                      mfa_gpu::MultiprocessorsOp::create(b));
    SmallVector<Value> arguments = getArguments(op, maps);
    auto launchAfter = [&](Value token) {
      gpu::GPUFuncOp kernel = kernels.get(b, op, arguments);
      if (hasTileList(op) || followsLaunch(op))
        createOverlapLaunch(b, kernels.getChip());
      return gpu::LaunchFuncOp::create(
          b, kernel, gpu::KernelDim3{blocks, one, one},
          gpu::KernelDim3{createIndex(b, getNumThreads(op)), one, one},
          getSharedBytes(b, op), arguments, token ? token.getType() : Type(),
          token ? ValueRange(token) : ValueRange());
    };
    auto counterType = MemRefType::get({1}, b.getI32Type());
    if (!hasTileList(op)) {
      if (!schedule.getRowCounter())
        return void(launchAfter(Value()));
      Value counter = mfa_gpu::AcquireRowCounterOp::create(b, counterType);
      arguments.push_back(counter);
      launchAfter(Value());
      mfa_gpu::ReleaseRowCounterOp::create(b, counter);
      return;
    }
    // With a counter that is there for this launch alone, if it has one. All
    // that is no kernel comes in front of those of the list, so that they
    // overlap.
    onStream(b, [&](Value token) {
      Value counter;
      if (schedule.getRowCounter()) {
        auto alloc = gpu::AllocOp::create(b, counterType, token.getType(),
                                          token, ValueRange(), ValueRange());
        counter = alloc.getMemref();
        token = alloc.getAsyncToken();
      }
      LaunchedTileList tiles =
          launchTileList(b, kernels, op, one, token, counter);
      arguments.push_back(tiles.list);
      if (counter) {
        arguments.push_back(counter);
        tiles.temporaries.push_back(counter);
      }
      return launchWithTileList(b, tiles, [&] { launchAfter(tiles.token); });
    });
  }

  static Value getSharedBytes(ImplicitLocOpBuilder &b, MaskedAttentionOp op) {
    return arith::ConstantIntOp::create(
        b, getSharedMemory(op, *op.getSchedule()).bytes, 32);
  }

  /// How many ranges of keys fill the GPU: as many as all multiprocessors take
  /// at once, where that leaves few of them idle, else as many as a few rounds
  /// of blocks, of which only the last one leaves some idle. At least 1.
  static Value countSplits(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                           Value blocks) {
    constexpr int64_t kRounds = 4;
    // Fewer would make the sums of a block cost more than its keys.
    constexpr int64_t kTilesOfSplit = 2;
    // By registers: a wgmma kernel takes them all.
    int64_t resident = isWgmma(op) ? 1 : 2;
    auto multiply = [&](Value value, int64_t factor) {
      return b.createOrFold<arith::MulIOp>(value, createIndex(b, factor));
    };
    Value places = multiply(mfa_gpu::MultiprocessorsOp::create(b), resident);
    Value ofOneRound = arith::DivUIOp::create(b, places, blocks);
    Value used = arith::MulIOp::create(b, ofOneRound, blocks);
    Value isFull = arith::CmpIOp::create(
        b, arith::CmpIPredicate::uge, multiply(used, 8), multiply(places, 7));
    Value ofSeveral =
        arith::DivUIOp::create(b, multiply(places, kRounds), blocks);
    Value wanted = arith::SelectOp::create(b, isFull, ofOneRound, ofSeveral);
    Value keys = b.createOrFold<memref::DimOp>(op.getKey(), 1);
    Value most = b.createOrFold<arith::DivUIOp>(
        keys, createIndex(b, kTilesOfSplit * op.getSchedule()->getTileKeys()));
    return arith::MaxUIOp::create(b, arith::MinUIOp::create(b, wanted, most),
                                  createIndex(b, 1));
  }

  /// Two kernels and the buffer between them, one after another on one stream.
  void launchSplit(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                   const TensorMaps &maps, Value blocks, Value splits) const {
    Value token =
        gpu::WaitOp::create(b, b.getType<gpu::AsyncTokenType>(), ValueRange())
            .getAsyncToken();
    // Of no ranges where the caller wants a list alone. All that is no kernel
    // comes in front of those of the list, so that they overlap.
    Value allocated = splits;
    if (hasTileList(op))
      allocated = arith::SelectOp::create(b, wantsMoreThanLists(b), splits,
                                          createIndex(b, 0));
    SmallVector<Value> sizes{allocated};
    for (unsigned dim : {0, 1, 2})
      if (op.getOutputType().isDynamicDim(dim))
        sizes.push_back(memref::DimOp::create(b, op.getOutput(), dim));
    auto alloc = gpu::AllocOp::create(b, getPartialType(op), token.getType(),
                                      token, sizes, ValueRange());
    Value partial = alloc.getMemref();
    token = alloc.getAsyncToken();
    if (hasTileList(op)) {
      LaunchedTileList tiles = launchTileList(b, kernels, op, splits, token);
      tiles.temporaries.push_back(partial);
      token = launchWithTileList(b, tiles, [&] {
        launchParts(b, op, maps, blocks, splits, partial, tiles.list,
                    tiles.token);
      });
    } else {
      token = launchParts(b, op, maps, blocks, splits, partial, Value(), token);
      token = gpu::DeallocOp::create(b, token.getType(), token, partial)
                  .getAsyncToken();
    }
    waitFor(b, token);
  }

  /// Launches both after `start`, with `partial` between them, and by a list of
  /// key tiles if there is one.
  Value launchParts(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                    const TensorMaps &maps, Value blocks, Value splits,
                    Value partial, Value list, Value start) const {
    Value one = createIndex(b, 1);
    Type token = start.getType();
    SmallVector<Value> arguments = getArguments(op, maps);
    arguments.push_back(partial);
    if (list)
      arguments.push_back(list);
    gpu::GPUFuncOp kernel = kernels.get(b, op, arguments);
    if (list || followsLaunch(op))
      createOverlapLaunch(b, kernels.getChip());
    auto attention = gpu::LaunchFuncOp::create(
        b, kernel, gpu::KernelDim3{blocks, splits, one},
        gpu::KernelDim3{createIndex(b, getNumThreads(op)), one, one},
        getSharedBytes(b, op), arguments, token, start);

    arguments = {partial};
    llvm::append_range(arguments, getFinishingArguments(op));
    auto sizeOf = [&](unsigned dim) {
      return b.createOrFold<memref::DimOp>(op.getOutput(), dim);
    };
    Value rows = b.createOrFold<arith::MulIOp>(
        b.createOrFold<arith::MulIOp>(sizeOf(0), sizeOf(1)), sizeOf(2));
    gpu::GPUFuncOp combine = kernels.getCombine(b, op, arguments);
    createOverlapLaunch(b, kernels.getChip());
    return launchAfter(b, combine, gpu::KernelDim3{rows, one, one},
                       getCombineThreads(op), arguments,
                       attention.getAsyncToken());
  }

  Kernels &kernels;
};

} // namespace

void mfa::populateLaunchPatterns(RewritePatternSet &patterns,
                                 Kernels &kernels) {
  patterns.add<LaunchAttentionKernel>(patterns.getContext(), kernels);
}
