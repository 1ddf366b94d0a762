//===- LaunchTileLists.cpp - Launches that list key tiles -----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchTileLists.h"
#include "DependentLaunch.h"
#include "KeepBits.h"
#include "Magnitudes.h"
#include "TileList.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa;

static Value sizeOf(ImplicitLocOpBuilder &b, Value array, unsigned dim) {
  return b.createOrFold<memref::DimOp>(array, dim);
}

Value mfa::launchAfter(ImplicitLocOpBuilder &b, gpu::GPUFuncOp kernel,
                       gpu::KernelDim3 grid, int64_t threads,
                       ValueRange arguments, Value token) {
  Value one = createIndex(b, 1);
  return gpu::LaunchFuncOp::create(
             b, kernel, grid,
             gpu::KernelDim3{createIndex(b, threads), one, one},
             arith::ConstantIntOp::create(b, 0, 32), arguments, token.getType(),
             token)
      .getAsyncToken();
}

void mfa::launchIf(ImplicitLocOpBuilder &b, Value condition,
                   function_ref<void()> build) {
  auto branch = scf::IfOp::create(b, condition);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  build();
}

Value mfa::createNot(ImplicitLocOpBuilder &b, Value condition) {
  Value truth = arith::ConstantIntOp::create(b, true, 1);
  return b.createOrFold<arith::XOrIOp>(condition, truth);
}

namespace {
/// Gets the list of an op.
class TileListLauncher {
public:
  TileListLauncher(ImplicitLocOpBuilder &b, Kernels &kernels,
                   MaskedAttentionOp op, Value parts, Value token,
                   Value counter)
      : b(b), kernels(kernels), op(op), token(token),
        tokenType(token.getType()), counter(counter), one(createIndex(b, 1)) {
    measure(parts);
  }

  LaunchedTileList launch();

private:
  void measure(Value parts);
  /// `other` where the condition holds, else memory of this run.
  Value allocateUnless(Value condition, Value other);
  void clearCounter();
  /// A kernel with a warp for each task.
  void launchWarps(gpu::GPUFuncOp kernel, Value tasks, ValueRange arguments);
  void launchClasses(Value list);
  /// Where classes are put in order; zeros where it is known that all is
  /// finite.
  void allocateMagnitudes(Value orders, Value isFinite);
  /// Puts the classes of `classes` in order in `list`, by the magnitudes of the
  /// operands, which are found first unless it is known that all is finite.
  void launchOrder(Value classes, Value list, Value isFinite);

  ImplicitLocOpBuilder &b;
  Kernels &kernels;
  MaskedAttentionOp op;
  Value token;
  Type tokenType;
  /// Of rows; may be null.
  Value counter;
  Value one;
  MemRefType type;
  /// Rows of the list, tiles of keys, and the steps that a row has at least.
  Value rows, keyTiles, minSteps;
  SmallVector<Value> sizes;
  /// Of a list for a mask.
  Value magnitudes, magnitudeBlocks;
  LaunchedTileList result;
};
} // namespace

void TileListLauncher::measure(Value parts) {
  ScheduleAttr schedule = *op.getSchedule();
  auto multiply = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  };
  auto countTiles = [&](Value size, int64_t of) {
    return b.createOrFold<arith::CeilDivUIOp>(size, createIndex(b, of));
  };
  Value rowTiles =
      countTiles(sizeOf(b, op.getQuery(), 1), schedule.getTileRows());
  keyTiles = countTiles(sizeOf(b, op.getKey(), 1), schedule.getTileKeys());
  minSteps = b.createOrFold<arith::MinUIOp>(keyTiles, parts);
  type = getTileListType(op);
  Value columns = b.createOrFold<arith::AddIOp>(
      multiply(keyTiles, createIndex(b, countTileColumns(op))),
      createIndex(b, kFirstTile));
  sizes = {one, one, rowTiles, columns};
  rows = rowTiles;
  for (auto [dim, queryDim] : {std::pair(0, 0), std::pair(1, 2)})
    if (type.getDimSize(dim) != 1) {
      sizes[dim] = sizeOf(b, op.getQuery(), queryDim);
      rows = multiply(rows, sizes[dim]);
    }
}

Value TileListLauncher::allocateUnless(Value condition, Value other) {
  // No bytes are no allocation.
  SmallVector<Value> wanted(sizes);
  wanted[0] =
      arith::SelectOp::create(b, condition, createIndex(b, 0), sizes[0]);
  SmallVector<int64_t> open(type.getRank(), ShapedType::kDynamic);
  auto alloc =
      gpu::AllocOp::create(b, MemRefType::get(open, type.getElementType()),
                           tokenType, token, wanted, ValueRange());
  token = alloc.getAsyncToken();
  result.temporaries.push_back(alloc.getMemref());
  Value own = b.createOrFold<memref::CastOp>(type, alloc.getMemref());
  return arith::SelectOp::create(b, condition, other, own);
}

void TileListLauncher::clearCounter() {
  gpu::MemsetOp::create(b, tokenType, token, counter,
                        arith::ConstantIntOp::create(b, 0, 32));
}

void TileListLauncher::launchWarps(gpu::GPUFuncOp kernel, Value tasks,
                                   ValueRange arguments) {
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(
      tasks, createIndex(b, kListThreads / kWarpSize));
  launchAfter(b, kernel, gpu::KernelDim3{blocks, one, one}, kListThreads,
              arguments, token);
}

void TileListLauncher::launchClasses(Value list) {
  SmallVector<Value> arguments = getTileClassesArguments(op);
  arguments.push_back(list);
  if (counter && !isMaskListed(op))
    arguments.push_back(counter);
  // A grid of no blocks, where there are no keys, is an error to the driver.
  Value tasks = b.createOrFold<arith::MulIOp>(
      rows, b.createOrFold<arith::MaxUIOp>(keyTiles, one));
  gpu::GPUFuncOp kernel = kernels.getTileClasses(b, op, arguments);
  launchWarps(kernel, tasks, arguments);
}

void TileListLauncher::launchOrder(Value classes, Value list, Value isFinite) {
  SmallVector<Value> arguments = getTileOrderArguments(op);
  if (!isMaskListed(op)) {
    arguments.append({list, minSteps});
    gpu::GPUFuncOp kernel = kernels.getTileOrder(b, op, arguments);
    createOverlapLaunch(b, kernels.getChip());
    launchWarps(kernel, rows, arguments);
    return;
  }
  launchIf(b, createNot(b, isFinite), [&] {
    SmallVector<Value> operands{op.getQuery(), op.getKey(), op.getValue(),
                                classes, magnitudes};
    gpu::GPUFuncOp kernel = kernels.getMagnitudes(b, op, operands);
    createOverlapLaunch(b, kernels.getChip());
    launchAfter(b, kernel, gpu::KernelDim3{magnitudeBlocks, one, one},
                kMagnitudeThreads, operands, token);
  });
  arguments.append({classes, list, minSteps, magnitudes});
  gpu::GPUFuncOp kernel = kernels.getTileOrder(b, op, arguments);
  createOverlapLaunch(b, kernels.getChip());
  launchWarps(kernel, rows, arguments);
}

void TileListLauncher::allocateMagnitudes(Value orders, Value isFinite) {
  // Positions that are worth a block, and blocks that fill any GPU: two to a
  // multiprocessor, by their registers.
  constexpr int64_t kPositionsOfBlock = 16, kMostBlocks = 256;
  Value positions = b.createOrFold<arith::MulIOp>(
      sizeOf(b, op.getQuery(), 0),
      b.createOrFold<arith::MaxUIOp>(sizeOf(b, op.getQuery(), 1),
                                     sizeOf(b, op.getKey(), 1)));
  magnitudeBlocks = b.createOrFold<arith::MinUIOp>(
      b.createOrFold<arith::CeilDivUIOp>(positions,
                                         createIndex(b, kPositionsOfBlock)),
      createIndex(b, kMostBlocks));
  // No bytes are no allocation.
  Value parts =
      arith::SelectOp::create(b, orders, magnitudeBlocks, createIndex(b, 0));
  auto alloc = gpu::AllocOp::create(b, getMagnitudesType(op), tokenType, token,
                                    parts, ValueRange());
  token = alloc.getAsyncToken();
  magnitudes = alloc.getMemref();
  result.temporaries.push_back(magnitudes);
  // Those of zeros are finite.
  launchIf(b, isFinite, [&] {
    gpu::MemsetOp::create(b, tokenType, token, magnitudes,
                          arith::ConstantIntOp::create(b, 0, 32));
  });
}

LaunchedTileList TileListLauncher::launch() {
  ScheduleAttr schedule = *op.getSchedule();
  auto preparation = mfa_gpu::PreparationOp::create(b);
  result.computes = createNot(b, preparation.getListsOnly());
  SmallVector<Value> dynamicSizes;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (type.isDynamicDim(dim))
      dynamicSizes.push_back(size);
  auto kept = mfa_gpu::KeptTileListOp::create(
      b, type, b.getI1Type(), b.getI1Type(),
      createIndex(b, schedule.getTileRows()),
      createIndex(b, schedule.getTileKeys()), minSteps, dynamicSizes);
  Value isNew = createNot(b, kept.getIsFilled());
  Value classes = allocateUnless(kept.getIsKept(), kept.getBuffer());
  if (!isMaskListed(op)) {
    // Classes come with a counter that is 0.
    if (counter)
      launchIf(b, kept.getIsFilled(), [&] { clearCounter(); });
    launchIf(b, isNew, [&] {
      launchClasses(classes);
      launchOrder(classes, classes, Value());
    });
    result.list = classes;
    result.token = token;
    return result;
  }

  if (counter)
    clearCounter();
  // Which tiles a mask excludes is kept, but whether they may be skipped is for
  // the numbers of the run to say, unless the caller knows. So they are put in
  // order in a list of the run's own, or where its classes are its own, there.
  Value isFinite = arith::AndIOp::create(b, kept.getIsKept(),
                                         preparation.getAssumesFinite());
  Value isInPlace =
      arith::OrIOp::create(b, createNot(b, kept.getIsKept()), isFinite);
  Value orders = arith::SelectOp::create(b, isFinite, isNew, result.computes);
  // All that is no kernel comes in front of the first one of the list, so that
  // those behind it overlap.
  result.list = allocateUnless(isInPlace, classes);
  allocateMagnitudes(orders, isFinite);
  launchIf(b, isNew, [&] { launchClasses(classes); });
  launchIf(b, orders, [&] { launchOrder(classes, result.list, isFinite); });
  result.token = token;
  return result;
}

LaunchedTileList mfa::launchTileList(ImplicitLocOpBuilder &b, Kernels &kernels,
                                     MaskedAttentionOp op, Value parts,
                                     Value token, Value counter) {
  return TileListLauncher(b, kernels, op, parts, token, counter).launch();
}

Value mfa::wantsMoreThanLists(ImplicitLocOpBuilder &b) {
  return createNot(b, mfa_gpu::PreparationOp::create(b).getListsOnly());
}

Value mfa::launchWithTileList(ImplicitLocOpBuilder &b,
                              const LaunchedTileList &tiles,
                              function_ref<void()> launch) {
  launchIf(b, tiles.computes, launch);
  Value token = tiles.token;
  for (Value buffer : tiles.temporaries)
    token = gpu::DeallocOp::create(b, token.getType(), token, buffer)
                .getAsyncToken();
  return token;
}
