//===- MFAOps.cpp - Ops of the mfa dialect --------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

/// `t`, `t, t` or a parenthesised list.
static ParseResult parseResultTypes(OpAsmParser &parser,
                                    SmallVectorImpl<Type> &types) {
  auto parseType = [&] { return parser.parseType(types.emplace_back()); };
  if (succeeded(parser.parseOptionalLParen()))
    return failure(parser.parseCommaSeparatedList(parseType) ||
                   parser.parseRParen());
  return parser.parseCommaSeparatedList(parseType);
}

static void printResultTypes(OpAsmPrinter &printer, Operation *,
                             TypeRange types) {
  if (types.size() == 1)
    printer << types.front();
  else
    printer << '(' << types << ')';
}

#define GET_OP_CLASSES
#include "mfa/Dialect/MFA/IR/MFAOps.cpp.inc"

void MaskedAttentionOp::build(OpBuilder &builder, OperationState &state,
                              Value query, Value key, Value value, Value mask,
                              Value scale, Value output, Value lse,
                              ScheduleAttr schedule) {
  SmallVector<Type> results;
  for (Value init : {output, lse})
    if (init && isa<TensorType>(init.getType()))
      results.push_back(init.getType());
  build(builder, state, results, query, key, value, mask, scale,
        /*sinks=*/Value(), /*captures=*/ValueRange(), output, lse, schedule);
}

//===----------------------------------------------------------------------===//
// Sizes, mask and scale
//===----------------------------------------------------------------------===//

int64_t MaskedAttentionOp::getGroupSize() {
  int64_t heads = getNumHeads(), kvHeads = getNumKVHeads();
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(kvHeads))
    return ShapedType::kDynamic;
  return heads / kvHeads;
}

int64_t MaskedAttentionOp::getScoreSize(ScoreDim dim) {
  switch (dim) {
  case ScoreDim::Batch:
    return getQueryType().getDimSize(kBatch);
  case ScoreDim::Head:
    return getQueryType().getDimSize(kHead);
  case ScoreDim::Query:
    return getQueryType().getDimSize(kSequence);
  case ScoreDim::Key:
    return getKeyType().getDimSize(kSequence);
  }
  llvm_unreachable("a dimension of the scores");
}

SmallVector<OpFoldResult>
MaskedAttentionOp::getMixedScoreSizes(OpBuilder &builder) {
  Location loc = getLoc();
  return {linalg::createFoldedDimOp(builder, loc, getQuery(), kBatch),
          linalg::createFoldedDimOp(builder, loc, getQuery(), kHead),
          linalg::createFoldedDimOp(builder, loc, getQuery(), kSequence),
          linalg::createFoldedDimOp(builder, loc, getKey(), kSequence)};
}

std::optional<unsigned> MaskedAttentionOp::getMaskDim(ScoreDim dim) {
  ShapedType type = getMaskType();
  if (!type)
    return std::nullopt;
  auto position = static_cast<unsigned>(dim);
  if (type.getRank() == 3) {
    if (dim == ScoreDim::Head)
      return std::nullopt;
    if (dim != ScoreDim::Batch)
      --position;
  }
  if (type.getDimSize(position) == 1)
    return std::nullopt;
  return position;
}

Value MaskedAttentionOp::getOrCreateScale(OpBuilder &builder) {
  if (Value scale = getScale())
    return scale;
  double scale = 1.0 / std::sqrt(static_cast<double>(getHeadDim()));
  return arith::ConstantOp::create(
      builder, getLoc(), builder.getF32FloatAttr(static_cast<float>(scale)));
}

StringRef mfa::stringifySharedSize(SharedSize size) {
  switch (size) {
  case SharedSize::Batch:
    return "batch";
  case SharedSize::Heads:
    return "heads";
  case SharedSize::KVHeads:
    return "key and value heads";
  case SharedSize::QueryLength:
    return "query length";
  case SharedSize::KeyLength:
    return "key length";
  }
  llvm_unreachable("a shared size");
}

SmallVector<SizeUse> MaskedAttentionOp::getSizeUses(SharedSize size) {
  SizeUse query{getQuery(), "query", 0}, key{getKey(), "key", 0},
      value{getValue(), "value", 0}, output{getOutput(), "output", 0};
  SmallVector<SizeUse> uses;
  auto add = [&](SizeUse use, unsigned dim) {
    use.dim = dim;
    uses.push_back(use);
  };
  auto addLse = [&](unsigned dim) {
    if (Value lse = getLse())
      uses.push_back({lse, "lse", dim});
  };
  auto addMask = [&](ScoreDim dim) {
    if (std::optional<unsigned> position = getMaskDim(dim))
      uses.push_back({getMask(), "mask", *position});
  };
  switch (size) {
  case SharedSize::Batch:
    for (const SizeUse &use : {query, key, value, output})
      add(use, kBatch);
    addLse(0);
    addMask(ScoreDim::Batch);
    break;
  case SharedSize::Heads:
    add(query, kHead);
    add(output, kHead);
    addLse(1);
    if (Value sinks = getSinks())
      uses.push_back({sinks, "sinks", 0});
    addMask(ScoreDim::Head);
    break;
  case SharedSize::KVHeads:
    add(key, kHead);
    add(value, kHead);
    break;
  case SharedSize::QueryLength:
    add(query, kSequence);
    add(output, kSequence);
    addLse(2);
    if (ShapedType sinks = getSinksType(); sinks && sinks.getRank() == 2)
      uses.push_back({getSinks(), "sinks", 1});
    addMask(ScoreDim::Query);
    break;
  case SharedSize::KeyLength:
    add(key, kSequence);
    add(value, kSequence);
    addMask(ScoreDim::Key);
    break;
  }
  return uses;
}

//===----------------------------------------------------------------------===//
// Interfaces
//===----------------------------------------------------------------------===//

MutableOperandRange MaskedAttentionOp::getDpsInitsMutable() {
  unsigned first = getOutputMutable().getOperandNumber();
  return MutableOperandRange(*this, first, getLse() ? 2 : 1);
}

void MaskedAttentionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &operand : getOperation()->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  }
}

LogicalResult
MaskedAttentionOp::reifyResultShapes(OpBuilder &builder,
                                     ReifiedRankedShapedTypeDims &shapes) {
  // As the other ops in destination style: from the inits, which need not be
  // computed for a size to be known.
  for (OpResult result : getResults())
    shapes.push_back(tensor::getMixedSizes(builder, getLoc(),
                                           getTiedOpOperand(result)->get()));
  return success();
}

Speculation::Speculatability MaskedAttentionOp::getSpeculatability() {
  // Dynamic sizes that disagree are undefined behaviour.
  for (Region *region : {&getScore(), &getKeep()})
    if (!region->empty() &&
        !llvm::all_of(region->front().without_terminator(),
                      [](Operation &op) { return isSpeculatable(&op); }))
      return Speculation::NotSpeculatable;
  bool isStatic = llvm::all_of(getOperandTypes(), [](Type type) {
    auto shaped = dyn_cast<ShapedType>(type);
    return !shaped || shaped.hasStaticShape();
  });
  return hasTensorSemantics() && isStatic ? Speculation::Speculatable
                                          : Speculation::NotSpeculatable;
}
