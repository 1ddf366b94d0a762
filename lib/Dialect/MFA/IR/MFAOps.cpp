//===- MFAOps.cpp - Ops of the mfa dialect --------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::mfa;

static ParseResult parseResultTypes(OpAsmParser &parser,
                                    SmallVectorImpl<Type> &types) {
  return parser.parseOptionalArrowTypeList(types);
}

static void printResultTypes(OpAsmPrinter &printer, Operation *,
                             TypeRange types) {
  printer.printOptionalArrowTypeList(types);
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
  build(builder, state, results, query, key, value, mask, scale, output, lse,
        schedule);
}

MutableOperandRange MaskedAttentionOp::getDpsInitsMutable() {
  unsigned first = getODSOperandIndexAndLength(5).first;
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

LogicalResult MaskedAttentionOp::reifyResultShapes(
    OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  return failure();
}

LogicalResult MaskedAttentionOp::verify() { return success(); }

void MaskedAttentionOp::getCanonicalizationPatterns(RewritePatternSet &,
                                                    MLIRContext *) {}
