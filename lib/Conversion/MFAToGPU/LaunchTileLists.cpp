//===- LaunchTileLists.cpp - Launches that list key tiles -----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchTileLists.h"
#include "Magnitudes.h"
#include "TileList.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::mfa;

/// Multiply-adds of a pair of positions, over all heads and batches that share
/// its entry of the list, for each byte of the mask: with so many, a GPU of 600
/// TFLOPS and 2 TB/s spends a 64th of its time on the list.
static constexpr int64_t kWorkOfByte = 8192;
/// Keys below which two launches more are felt.
static constexpr int64_t kFewKeys = 2048;

static Value sizeOf(ImplicitLocOpBuilder &b, Value array, unsigned dim) {
  return b.createOrFold<memref::DimOp>(array, dim);
}

/// Launches a kernel and returns what it is done after.
static Value launchAfter(ImplicitLocOpBuilder &b, gpu::GPUFuncOp kernel,
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

/// The magnitudes of the op's operands, and what they are there after.
static std::pair<Value, Value> launchMagnitudes(ImplicitLocOpBuilder &b,
                                                Kernels &kernels,
                                                MaskedAttentionOp op,
                                                Value list, Value token) {
  constexpr int64_t kWarps = kMagnitudeThreads / kWarpSize;
  // Positions that are worth a block, and blocks that fill any GPU.
  constexpr int64_t kPositionsOfBlock = 8 * kWarps, kMostBlocks = 512;
  Value one = createIndex(b, 1);
  Value positions = b.createOrFold<arith::MulIOp>(
      sizeOf(b, op.getQuery(), 0),
      b.createOrFold<arith::MaxUIOp>(sizeOf(b, op.getQuery(), 1),
                                     sizeOf(b, op.getKey(), 1)));
  Value blocks = b.createOrFold<arith::MinUIOp>(
      b.createOrFold<arith::CeilDivUIOp>(positions,
                                         createIndex(b, kPositionsOfBlock)),
      createIndex(b, kMostBlocks));
  SmallVector<Value> sizes{
      b.createOrFold<arith::MulIOp>(blocks, createIndex(b, kWarps))};
  MemRefType type = getMagnitudesType(op);
  auto alloc = gpu::AllocOp::create(b, type, token.getType(), token, sizes,
                                    ValueRange());
  Value magnitudes = alloc.getMemref();
  SmallVector<Value> arguments{op.getQuery(), op.getKey(), op.getValue(), list,
                               magnitudes};
  gpu::KernelDim3 grid{blocks, createIndex(b, type.getDimSize(0)), one};
  token = launchAfter(b, kernels.getMagnitudes(b, op, arguments), grid,
                      kMagnitudeThreads, arguments, alloc.getAsyncToken());
  return {magnitudes, token};
}

LaunchedTileList mfa::launchTileList(ImplicitLocOpBuilder &b, Kernels &kernels,
                                     MaskedAttentionOp op, Value parts,
                                     Value token) {
  ScheduleAttr schedule = *op.getSchedule();
  auto multiply = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  };
  auto countTiles = [&](Value size, int64_t of) {
    return b.createOrFold<arith::CeilDivUIOp>(size, createIndex(b, of));
  };
  Value one = createIndex(b, 1);
  Value rowTiles =
      countTiles(sizeOf(b, op.getQuery(), 1),
                 schedule.getClusterBlocks() * schedule.getTileRows());
  Value keyTiles =
      countTiles(sizeOf(b, op.getKey(), 1), schedule.getTileKeys());
  MemRefType type = getTileListType(op);
  Value columns = b.createOrFold<arith::AddIOp>(
      multiply(keyTiles, createIndex(b, 2)), createIndex(b, kFirstTile));
  SmallVector<Value> sizes{one, one, rowTiles, columns};
  Value rows = rowTiles;
  for (auto [dim, queryDim] : {std::pair(0, 0), std::pair(1, 2)})
    if (type.getDimSize(dim) != 1) {
      sizes[dim] = sizeOf(b, op.getQuery(), queryDim);
      rows = multiply(rows, sizes[dim]);
    }
  SmallVector<Value> dynamicSizes;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (type.isDynamicDim(dim))
      dynamicSizes.push_back(size);
  Type tokenType = b.getType<gpu::AsyncTokenType>();
  auto alloc = gpu::AllocOp::create(b, type, tokenType, token, dynamicSizes,
                                    ValueRange());
  Value list = alloc.getMemref();
  token = alloc.getAsyncToken();

  // With a warp for each task.
  auto launch = [&](gpu::GPUFuncOp kernel, Value tasks, ValueRange arguments) {
    Value blocks = countTiles(tasks, kListThreads / kWarpSize);
    token = launchAfter(b, kernel, gpu::KernelDim3{blocks, one, one},
                        kListThreads, arguments, token);
  };
  SmallVector<Value> arguments = getTileClassesArguments(op);
  arguments.push_back(list);
  // A grid of no blocks, where there are no keys, is an error to the driver.
  launch(kernels.getTileClasses(b, op, arguments),
         multiply(rows, b.createOrFold<arith::MaxUIOp>(keyTiles, one)),
         arguments);
  arguments = getTileOrderArguments(op);
  arguments.push_back(list);
  arguments.push_back(b.createOrFold<arith::MinUIOp>(keyTiles, parts));
  Value magnitudes;
  if (isMaskListed(op)) {
    std::tie(magnitudes, token) = launchMagnitudes(b, kernels, op, list, token);
    arguments.push_back(magnitudes);
  }
  launch(kernels.getTileOrder(b, op, arguments), rows, arguments);
  if (magnitudes)
    token =
        gpu::DeallocOp::create(b, tokenType, token, magnitudes).getAsyncToken();
  return {list, token};
}

Value mfa::isTileListCheap(ImplicitLocOpBuilder &b, MaskedAttentionOp op) {
  MemRefType type = getTileListType(op);
  Value work = createIndex(b, op.getHeadDim() + op.getValueDim());
  for (auto [dim, queryDim] : {std::pair(0, 0), std::pair(1, 2)})
    if (type.getDimSize(dim) == 1)
      work = b.createOrFold<arith::MulIOp>(work,
                                           sizeOf(b, op.getQuery(), queryDim));
  int64_t bytes =
      llvm::divideCeil(op.getMaskType().getElementTypeBitWidth(), 8);
  auto isAtLeast = [&](Value value, int64_t least) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::uge, value,
                                         createIndex(b, least));
  };
  return b.createOrFold<arith::AndIOp>(
      isAtLeast(work, kWorkOfByte * bytes),
      isAtLeast(sizeOf(b, op.getKey(), 1), kFewKeys));
}
