//===- MaskedAttentionRegions.cpp - Regions of masked attention -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::mfa;

static constexpr StringLiteral kPositionNames[] = {"b", "h", "q", "k"};

/// Arguments of `region` in front of the positions.
static unsigned getNumScores(MaskedAttentionOp op, Region &region) {
  return &region == &op.getScore() ? 1 : 0;
}

static SmallVector<Type> getArgumentTypes(MaskedAttentionOp op,
                                          Region &region) {
  SmallVector<Type> types(getNumScores(op, region),
                          Float32Type::get(op.getContext()));
  types.append(MaskedAttentionOp::kNumPositions,
               IndexType::get(op.getContext()));
  llvm::append_range(types, op.getCaptures().getTypes());
  return types;
}

Block::BlockArgListType MaskedAttentionOp::getPositions(Region &region) {
  return region.getArguments().slice(getNumScores(*this, region),
                                     kNumPositions);
}

Block::BlockArgListType MaskedAttentionOp::getCaptureArguments(Region &region) {
  return region.getArguments().drop_front(getNumScores(*this, region) +
                                          kNumPositions);
}

void MaskedAttentionOp::addCapture(Value value) {
  getCapturesMutable().append(value);
  for (Region *region : {&getScore(), &getKeep()})
    if (!region->empty())
      region->addArgument(value.getType(), value.getLoc());
}

Block *MaskedAttentionOp::addRegionBlock(Region &region) {
  SmallVector<Type> types = getArgumentTypes(*this, region);
  Block *block = &region.emplaceBlock();
  block->addArguments(types, SmallVector<Location>(types.size(), getLoc()));
  return block;
}

void MaskedAttentionOp::getAsmBlockArgumentNames(Region &region,
                                                 OpAsmSetValueNameFn setName) {
  unsigned numScores = getNumScores(*this, region);
  // Of a region that the verifier is still to refuse as well.
  if (region.getNumArguments() < numScores + kNumPositions)
    return;
  if (numScores)
    setName(region.getArgument(0), "s");
  for (auto [position, name] :
       llvm::zip_equal(getPositions(region), kPositionNames))
    setName(position, name);
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

/// A number, or an array where it is one of the region's own.
static bool isOperandAllowed(Value value, Region &region) {
  if (!isa<ShapedType>(value.getType()))
    return value.getType().isIntOrIndexOrFloat();
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getParentRegion() == &region;
}

bool mfa::isAllowedInRegions(Operation *op) {
  if (op->getNumRegions() != 0)
    return false;
  auto isNumber = [](Type type) { return type.isIntOrIndexOrFloat(); };
  if (!llvm::all_of(op->getResultTypes(), isNumber))
    return false;
  if (isa<tensor::ExtractOp, tensor::DimOp, memref::LoadOp, memref::DimOp,
          cf::AssertOp>(op))
    return true;
  return isa_and_nonnull<arith::ArithDialect, math::MathDialect,
                         index::IndexDialect>(op->getDialect()) &&
         llvm::all_of(op->getOperandTypes(), isNumber) &&
         isMemoryEffectFree(op);
}

/// Whether a region may have an argument of type `argument` for a capture of
/// type `capture`: the same, or what casts make of it, which are folded into
/// the operand alone.
static bool isArgumentCompatible(Type argument, Type capture) {
  if (isa<TensorType>(capture))
    return tensor::CastOp::areCastCompatible(capture, argument);
  if (isa<MemRefType>(capture))
    return argument == capture ||
           memref::CastOp::areCastCompatible(capture, argument);
  return argument == capture;
}

static LogicalResult verifyRegion(MaskedAttentionOp op, StringRef name,
                                  Region &region, Type result) {
  if (region.empty())
    return success();
  SmallVector<Type> types = getArgumentTypes(op, region);
  if (region.getNumArguments() != types.size() ||
      !llvm::all_of_zip(region.getArgumentTypes(), types,
                        isArgumentCompatible)) {
    InFlightDiagnostic diag = op.emitOpError("expected the arguments of '");
    diag << name << "' to be (";
    llvm::interleaveComma(types, diag);
    diag << "): " << (getNumScores(op, region) ? "the score, " : "")
         << "batch, head, query and key, then the captures; but got (";
    llvm::interleaveComma(region.getArgumentTypes(), diag);
    return diag << ")";
  }

  Block &block = region.front();
  for (Operation &nested : block.without_terminator()) {
    if (!isAllowedInRegions(&nested)) {
      InFlightDiagnostic diag = op.emitOpError("expected '");
      diag << name
           << "' to have ops on numbers of 'arith', 'math' and 'index', "
              "'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and "
              "'cf.assert' only, but got '"
           << nested.getName() << "'";
      diag.attachNote(nested.getLoc()) << "the op is here";
      return diag;
    }
    for (Value operand : nested.getOperands())
      if (!isOperandAllowed(operand, region))
        return nested.emitOpError("expected a captured array, but got ")
               << operand.getType();
  }

  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return op.emitOpError("expected '")
           << name << "' to end in 'mfa.yield', but got '"
           << block.getTerminator()->getName() << "'";
  if (yield.getValue().getType() != result)
    return op.emitOpError("expected '")
           << name << "' to yield " << result << ", but got "
           << yield.getValue().getType();
  return success();
}

LogicalResult MaskedAttentionOp::verifyRegions() {
  Builder builder(getContext());
  return failure(
      failed(verifyRegion(*this, "score", getScore(), builder.getF32Type())) ||
      failed(verifyRegion(*this, "keep", getKeep(), builder.getI1Type())));
}
