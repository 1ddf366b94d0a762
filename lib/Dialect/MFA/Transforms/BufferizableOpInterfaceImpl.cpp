//===- BufferizableOpInterfaceImpl.cpp - Bufferization --------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/BufferizableOpInterfaceImpl.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::mfa;

namespace {
/// Inputs are read, destinations are only written. A destination may take the
/// place of no input, as keys are read while rows are written; that is the
/// rule for every op that is not declared elementwise.
struct MaskedAttentionModel
    : DstBufferizableOpInterfaceExternalModel<MaskedAttentionModel,
                                              MaskedAttentionOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<MaskedAttentionOp>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto attention = cast<MaskedAttentionOp>(op);
    if (!attention.hasTensorSemantics())
      return success();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);

    SmallVector<Value> operands;
    SmallVector<Value> results;
    SmallVector<std::pair<Value, Value>> copiesOut;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<TensorType>(operand.get().getType())) {
        operands.push_back(operand.get());
        continue;
      }
      FailureOr<Value> buffer =
          getBuffer(rewriter, operand.get(), options, state);
      if (failed(buffer))
        return failure();
      bool isInit = attention.isDpsInit(&operand);
      if (isInit)
        results.push_back(*buffer);
      if (isLegalBuffer(attention, operand, *buffer)) {
        operands.push_back(*buffer);
        continue;
      }
      FailureOr<Value> contiguous =
          createContiguous(rewriter, op->getLoc(), *buffer, options);
      if (failed(contiguous))
        return failure();
      operands.push_back(*contiguous);
      if (isInit)
        copiesOut.push_back({*contiguous, *buffer});
      else if (failed(options.createMemCpy(rewriter, op->getLoc(), *buffer,
                                           *contiguous)))
        return failure();
    }

    OperationState newState(op->getLoc(), op->getName(), operands, TypeRange(),
                            op->getAttrs());
    newState.propertiesAttr = op->getPropertiesAsAttribute();
    newState.addRegion();
    newState.addRegion();
    auto newOp = cast<MaskedAttentionOp>(rewriter.create(newState));
    moveRegion(rewriter, newOp, attention.getScore(), newOp.getScore());
    moveRegion(rewriter, newOp, attention.getKeep(), newOp.getKeep());
    for (auto [from, to] : copiesOut)
      if (failed(options.createMemCpy(rewriter, op->getLoc(), from, to)))
        return failure();
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }

private:
  /// Moves a region to the op on buffers: it reads the buffers of captured
  /// tensors.
  static void moveRegion(RewriterBase &rewriter, MaskedAttentionOp newOp,
                         Region &from, Region &to) {
    rewriter.inlineRegionBefore(from, to, to.end());
    if (to.empty())
      return;
    OpBuilder::InsertionGuard guard(rewriter);
    for (auto [index, capture] : llvm::enumerate(newOp.getCaptures())) {
      BlockArgument tensor = newOp.getCaptureArguments(to)[index];
      if (tensor.getType() == capture.getType())
        continue;
      BlockArgument buffer = to.insertArgument(
          tensor.getArgNumber(), capture.getType(), tensor.getLoc());
      for (Operation *user : llvm::make_early_inc_range(tensor.getUsers())) {
        rewriter.setInsertionPoint(user);
        if (auto extract = dyn_cast<tensor::ExtractOp>(user))
          rewriter.replaceOpWithNewOp<memref::LoadOp>(extract, buffer,
                                                      extract.getIndices());
        else if (auto dim = dyn_cast<tensor::DimOp>(user))
          rewriter.replaceOpWithNewOp<memref::DimOp>(dim, buffer,
                                                     dim.getIndex());
        else
          // Of ops that were bufferized before this one.
          rewriter.replaceAllUsesWith(cast<ToBufferOp>(user).getResult(),
                                      buffer);
      }
      for (Operation *user : llvm::make_early_inc_range(tensor.getUsers()))
        rewriter.eraseOp(user);
      to.eraseArgument(tensor.getArgNumber());
    }
  }

  /// Query, key, value and output need unit stride in the last dimension. A
  /// slice that steps over it (a tensor.extract_slice with a stride) has not.
  /// Of other buffers with a dynamic stride, such as function arguments, unit
  /// stride is required.
  static bool isLegalBuffer(MaskedAttentionOp op, OpOperand &operand,
                            Value buffer) {
    if (!llvm::is_contained({&op.getQueryMutable(), &op.getKeyMutable(),
                             &op.getValueMutable(), &op.getOutputMutable()},
                            &operand))
      return true;
    auto type = cast<MemRefType>(buffer.getType());
    int64_t stride = type.getStridesAndOffset().first.back();
    auto view = buffer.getDefiningOp<memref::SubViewOp>();
    if (ShapedType::isStatic(stride) || !view)
      return ShapedType::isDynamic(stride) || stride == 1;
    return view.getDroppedDims().none() &&
           isOneInteger(view.getMixedStrides().back());
  }

  static FailureOr<Value>
  createContiguous(RewriterBase &rewriter, Location loc, Value buffer,
                   const BufferizationOptions &options) {
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<Value> dynamicSizes;
    for (int64_t dim = 0, rank = type.getRank(); dim < rank; ++dim)
      if (type.isDynamicDim(dim))
        dynamicSizes.push_back(
            memref::DimOp::create(rewriter, loc, buffer, dim));
    return options.createAlloc(
        rewriter, loc, MemRefType::get(type.getShape(), type.getElementType()),
        dynamicSizes);
  }
};
} // namespace

void mfa::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MFADialect *) {
    MaskedAttentionOp::attachInterface<MaskedAttentionModel>(*context);
  });
}
