//===- Kernels.cpp - The attention kernels of a module --------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "AttentionKernel.h"
#include "DependentLaunch.h"
#include "KeepBits.h"
#include "KernelModules.h"
#include "Magnitudes.h"
#include "MaskCopy.h"
#include "TileList.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace mlir::mfa;

/// Warps of a wgmma kernel that load.
static constexpr int64_t kProducerWarps = 4;

int64_t mfa::getNumThreads(MaskedAttentionOp op) {
  int64_t warps = op.getSchedule()->getWarps();
  return kWarpSize * (isWgmma(op) ? warps + kProducerWarps : warps);
}

int64_t mfa::getCombineThreads(MaskedAttentionOp op) {
  return llvm::alignTo(op.getValueDim(), kWarpSize);
}

/// A scale that the kernel has as a constant, or null.
static FloatAttr getConstantScale(MaskedAttentionOp op) {
  FloatAttr scale;
  if (!op.getScale() || matchPattern(op.getScale(), m_Constant(&scale)))
    return scale;
  return {};
}

static bool passesScale(MaskedAttentionOp op) {
  return op.getScale() && !getConstantScale(op);
}

SmallVector<Value> mfa::getFinishingArguments(MaskedAttentionOp op) {
  SmallVector<Value> arguments;
  for (Value argument : {op.getSinks(), op.getOutput(), op.getLse()})
    if (argument)
      arguments.push_back(argument);
  return arguments;
}

SmallVector<Value> mfa::getKernelArguments(MaskedAttentionOp op) {
  SmallVector<Value> arguments{op.getQuery(), op.getKey(), op.getValue()};
  if (op.getMask())
    arguments.push_back(op.getMask());
  if (passesScale(op))
    arguments.push_back(op.getScale());
  llvm::append_range(arguments, op.getCaptures());
  if (!op.getSchedule()->getSplitsKeys())
    llvm::append_range(arguments, getFinishingArguments(op));
  return arguments;
}

SmallVector<Value> mfa::getTileClassesArguments(MaskedAttentionOp op) {
  SmallVector<Value> arguments{op.getQuery(), op.getKey()};
  if (isMaskListed(op))
    arguments.push_back(op.getMask());
  llvm::append_range(arguments, op.getCaptures());
  return arguments;
}

SmallVector<Value> mfa::getTileOrderArguments(MaskedAttentionOp op) {
  if (isMaskListed(op) && passesScale(op))
    return {op.getScale()};
  return {};
}

/// The regions as text: those of ops that compute the same are the same.
static StringAttr getRegionText(MaskedAttentionOp op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  AsmState state(op);
  for (Region *region : {&op.getScore(), &op.getKeep()})
    if (!region->empty())
      region->front().print(os, state);
    else
      os << "none\n";
  return StringAttr::get(op.getContext(), text);
}

gpu::GPUFuncOp Kernels::lookupOrCreate(OpBuilder &builder, MaskedAttentionOp op,
                                       StringRef name, ValueRange arguments,
                                       Attribute variant, int64_t threads) {
  auto type = builder.getFunctionType(arguments.getTypes(), {});
  // Which operands are there follows from the segment sizes.
  SmallVector<Attribute> form{
      builder.getStringAttr(name), TypeAttr::get(type), variant,
      builder.getDenseI32ArrayAttr(op.getProperties().operandSegmentSizes)};
  if (FloatAttr scale = getConstantScale(op))
    form.push_back(scale);
  if (op.hasRegions())
    form.push_back(getRegionText(op));
  if (Attribute tiles = op->getAttr(kKeyTilesName))
    form.push_back(tiles);
  if (hasKeepBits(op))
    form.push_back(builder.getStringAttr("keep_bits"));
  gpu::GPUFuncOp &kernel = byForm[builder.getArrayAttr(form)];
  if (kernel)
    return kernel;

  kernel =
      createKernel(builder, op.getLoc(), module, chip, name, type, threads);
  return kernel;
}

namespace {
/// Hands out the arguments of a kernel in order, and names them.
class ArgumentReader {
public:
  ArgumentReader(OpBuilder &builder, gpu::GPUFuncOp kernel)
      : builder(builder), kernel(kernel) {}

  Value take(StringRef name) {
    BlockArgument argument = kernel.getArgument(next++);
    argument.setLoc(NameLoc::get(builder.getStringAttr(name), kernel.getLoc()));
    return argument;
  }

private:
  OpBuilder &builder;
  gpu::GPUFuncOp kernel;
  unsigned next = 0;
};
} // namespace

/// Writes the body of a kernel that has none yet, between its arguments and the
/// return.
static gpu::GPUFuncOp fill(OpBuilder &builder, gpu::GPUFuncOp kernel,
                           function_ref<void(ArgumentReader &)> createBody) {
  Block &body = kernel.getBody().front();
  if (!body.empty())
    return kernel;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&body);
  ArgumentReader reader(builder, kernel);
  createBody(reader);
  gpu::ReturnOp::create(builder, kernel.getLoc());
  return kernel;
}

static void takeFinishingArguments(ArgumentReader &reader, MaskedAttentionOp op,
                                   KernelOperands &operands) {
  if (op.getSinks())
    operands.sinks = reader.take("sinks");
  operands.output = reader.take("output");
  if (op.getLse())
    operands.lse = reader.take("lse");
}

/// A scale that the kernel has as a constant.
static Value createScale(OpBuilder &builder, MaskedAttentionOp op) {
  if (FloatAttr scale = getConstantScale(op))
    return arith::ConstantOp::create(builder, op.getLoc(), scale);
  return op.getOrCreateScale(builder);
}

gpu::GPUFuncOp Kernels::get(OpBuilder &builder, MaskedAttentionOp op,
                            ValueRange arguments) {
  gpu::GPUFuncOp kernel =
      lookupOrCreate(builder, op, "masked_attention", arguments,
                     withLaunchOrder(op, *op.getSchedule()), getNumThreads(op));
  Block &body = kernel.getBody().front();
  if (!body.empty())
    return kernel;
  // Without a bound of registers setmaxnreg has no effect.
  if (isWgmma(op))
    kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    builder.getI32IntegerAttr(1));

  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&body);
  if (op.getSchedule()->getSplitsKeys())
    createLaunchDependents(builder, op.getLoc(), chip);
  if (hasTileList(op) || followsLaunch(op))
    createWaitForLaunch(builder, op.getLoc(), chip);
  ArgumentReader reader(builder, kernel);
  KernelOperands operands;
  operands.query = reader.take("query");
  operands.key = reader.take("key");
  operands.value = reader.take("value");
  if (op.getMask())
    operands.mask = reader.take("mask");
  operands.scale =
      passesScale(op) ? reader.take("scale") : createScale(builder, op);
  for (size_t i = 0; i < op.getCaptures().size(); ++i)
    operands.captures.push_back(reader.take("capture"));
  bool splitsKeys = op.getSchedule()->getSplitsKeys();
  if (!splitsKeys)
    takeFinishingArguments(reader, op, operands);
  if (isWgmma(op)) {
    TensorBoxes boxes = getTensorBoxes(op);
    auto takeMap = [&](Value &map, const TensorBox &box) {
      if (!box.empty())
        map = reader.take("tensor_map");
    };
    takeMap(operands.queryMap, boxes.query);
    takeMap(operands.keyMap, boxes.key);
    takeMap(operands.valueMap, boxes.value);
    if (takesOutputMap(op))
      takeMap(operands.outputMap, boxes.output);
    takeMap(operands.maskMap, boxes.mask);
  }
  if (splitsKeys)
    operands.partial = reader.take("partial");
  if (hasTileList(op))
    operands.tileList = reader.take("tile_list");
  if (op.getSchedule()->getRowCounter())
    operands.rowCounter = reader.take("row_counter");
  if (isWgmma(op))
    buildWgmmaKernel(builder, op, operands);
  else
    buildMmaSyncKernel(builder, op, operands);
  gpu::ReturnOp::create(builder, op.getLoc());
  return kernel;
}

gpu::GPUFuncOp Kernels::getCombine(OpBuilder &builder, MaskedAttentionOp op,
                                   ValueRange arguments) {
  // Schedules make no difference.
  gpu::GPUFuncOp kernel =
      lookupOrCreate(builder, op, "masked_attention_combine", arguments,
                     builder.getUnitAttr(), getCombineThreads(op));
  return fill(builder, kernel, [&](ArgumentReader &reader) {
    createWaitForLaunch(builder, op.getLoc(), chip);
    KernelOperands operands;
    operands.partial = reader.take("partial");
    takeFinishingArguments(reader, op, operands);
    buildCombineKernel(builder, op, operands);
  });
}

gpu::GPUFuncOp Kernels::getTileClasses(OpBuilder &builder, MaskedAttentionOp op,
                                       ValueRange arguments) {
  ScheduleAttr schedule = *op.getSchedule();
  auto shape = builder.getDenseI64ArrayAttr(
      {schedule.getTileRows(), schedule.getTileKeys()});
  bool hasCounter = schedule.getRowCounter() && !schedule.getSplitsKeys() &&
                    !isMaskListed(op);
  gpu::GPUFuncOp kernel =
      lookupOrCreate(builder, op, "masked_attention_tile_classes", arguments,
                     shape, kListThreads);
  return fill(builder, kernel, [&](ArgumentReader &reader) {
    createLaunchDependents(builder, op.getLoc(), chip);
    KernelOperands operands;
    operands.query = reader.take("query");
    operands.key = reader.take("key");
    if (isMaskListed(op))
      operands.mask = reader.take("mask");
    for (size_t i = 0; i < op.getCaptures().size(); ++i)
      operands.captures.push_back(reader.take("capture"));
    operands.tileList = reader.take("tile_list");
    if (hasCounter)
      operands.rowCounter = reader.take("row_counter");
    // Else ptxas spills rather than to leave room for fewer blocks than 16.
    if (hasKeepBits(op))
      kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      builder.getI32IntegerAttr(8));
    buildTileClassesKernel(builder, op, operands);
  });
}

gpu::GPUFuncOp Kernels::getMagnitudes(OpBuilder &builder, MaskedAttentionOp op,
                                      ValueRange arguments) {
  gpu::GPUFuncOp kernel =
      lookupOrCreate(builder, op, "masked_attention_magnitudes", arguments,
                     builder.getUnitAttr(), kMagnitudeThreads);
  return fill(builder, kernel, [&](ArgumentReader &reader) {
    createLaunchDependents(builder, op.getLoc(), chip);
    createWaitForLaunch(builder, op.getLoc(), chip);
    KernelOperands operands;
    operands.query = reader.take("query");
    operands.key = reader.take("key");
    operands.value = reader.take("value");
    operands.tileList = reader.take("tile_list");
    buildMagnitudesKernel(builder, op, operands, reader.take("magnitudes"));
  });
}

gpu::GPUFuncOp Kernels::getTileOrder(OpBuilder &builder, MaskedAttentionOp op,
                                     ValueRange arguments) {
  // No argument tells the head dimension, which scores may grow with.
  // Nor does one tell how many words a list of open sizes has for a tile.
  auto form = builder.getArrayAttr(
      {builder.getBoolAttr(mayHaveTests(op)),
       builder.getI64IntegerAttr(isMaskListed(op) ? op.getHeadDim() : 0),
       builder.getI64IntegerAttr(countTileColumns(op))});
  gpu::GPUFuncOp kernel =
      lookupOrCreate(builder, op, "masked_attention_tile_order", arguments,
                     form, kListThreads);
  return fill(builder, kernel, [&](ArgumentReader &reader) {
    createLaunchDependents(builder, op.getLoc(), chip);
    createWaitForLaunch(builder, op.getLoc(), chip);
    KernelOperands operands;
    Value magnitudes;
    if (isMaskListed(op))
      operands.scale =
          passesScale(op) ? reader.take("scale") : createScale(builder, op);
    Value classes;
    if (isMaskListed(op))
      classes = reader.take("tile_classes");
    operands.tileList = reader.take("tile_list");
    Value minSteps = reader.take("min_steps");
    if (isMaskListed(op))
      magnitudes = reader.take("magnitudes");
    buildTileOrderKernel(builder, op, operands,
                         classes ? classes : operands.tileList, minSteps,
                         magnitudes);
  });
}

gpu::GPUFuncOp Kernels::getMaskCopy(OpBuilder &builder, MaskedAttentionOp op,
                                    ValueRange arguments) {
  gpu::GPUFuncOp kernel =
      lookupOrCreate(builder, op, "masked_attention_mask_copy", arguments,
                     builder.getUnitAttr(), kMaskCopyThreads);
  return fill(builder, kernel, [&](ArgumentReader &reader) {
    createLaunchDependents(builder, op.getLoc(), chip);
    Value source = reader.take("mask");
    buildMaskCopyKernel(builder, op.getLoc(), source, reader.take("mask_copy"));
  });
}
