//===- RuntimeOpVerification.cpp - Run-time checks ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/RuntimeOpVerification.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {
using ErrorMessageFn = function_ref<std::string(Operation *, StringRef)>;

/// Emits the checks of one op: each rule of the verifier whose sizes or
/// strides are dynamic.
class CheckEmitter {
public:
  CheckEmitter(MaskedAttentionOp op, OpBuilder &builder, Location loc,
               ErrorMessageFn generateErrorMessage)
      : op(op), builder(builder), loc(loc),
        generateErrorMessage(generateErrorMessage) {}

  void emitAll() {
    for (SharedSize size :
         {SharedSize::Batch, SharedSize::Heads, SharedSize::KVHeads,
          SharedSize::QueryLength, SharedSize::KeyLength})
      emitSharedSize(size);
    emitHeads();
    if (op.hasTensorSemantics())
      return;
    emitUnitStride("query", op.getQuery());
    emitUnitStride("key", op.getKey());
    emitUnitStride("value", op.getValue());
    emitUnitStride("output", op.getOutput());
    emitDistinctElements("output", op.getOutput());
    if (Value lse = op.getLse())
      emitDistinctElements("lse", lse);
  }

private:
  void emitAssert(Value condition, const Twine &message) {
    cf::AssertOp::create(builder, loc, condition,
                         generateErrorMessage(op, message.str()));
  }

  Value getIndex(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }

  Value getSize(const SizeUse &use) {
    return getValueOrCreateConstantIndexOp(
        builder, loc,
        linalg::createFoldedDimOp(builder, loc, use.operand, use.dim));
  }

  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(builder, loc, predicate, lhs, rhs);
  }

  void emitSharedSize(SharedSize size) {
    SmallVector<SizeUse> uses = op.getSizeUses(size);
    auto isStatic = [](const SizeUse &use) {
      return ShapedType::isStatic(use.getStaticSize());
    };
    // Static sizes agree already, so one of them stands for all.
    const SizeUse *reference = llvm::find_if(uses, isStatic);
    if (reference == uses.end())
      reference = uses.begin();
    for (const SizeUse &use : uses) {
      if (&use == reference || isStatic(use))
        continue;
      emitAssert(
          compare(arith::CmpIPredicate::eq, getSize(use), getSize(*reference)),
          "expected dimension " + Twine(use.dim) + " of '" + use.operandName +
              "' (" + stringifySharedSize(size) + ") to equal dimension " +
              Twine(reference->dim) + " of '" + reference->operandName + "'");
    }
  }

  void emitHeads() {
    if (ShapedType::isStatic(op.getGroupSize()))
      return;
    Value heads = getSize(op.getSizeUses(SharedSize::Heads).front());
    Value kvHeads = getSize(op.getSizeUses(SharedSize::KVHeads).front());
    Value zero = getIndex(0);
    for (auto [name, count] :
         {std::pair("query", heads), std::pair("key", kvHeads)})
      emitAssert(compare(arith::CmpIPredicate::ne, count, zero),
                 Twine("expected '") + name + "' to have at least one head");
    // After the checks for 0, so that nothing is divided by it.
    emitAssert(compare(arith::CmpIPredicate::eq,
                       arith::RemUIOp::create(builder, loc, heads, kvHeads),
                       zero),
               "expected the heads of 'query' to be a multiple of the heads of "
               "'key'");
  }

  void emitUnitStride(StringRef name, Value array) {
    SmallVector<int64_t> strides =
        cast<MemRefType>(array.getType()).getStridesAndOffset().first;
    if (ShapedType::isStatic(strides.back()))
      return;
    Value stride = getMetadata(array).getStrides().back();
    emitAssert(compare(arith::CmpIPredicate::eq, stride, getIndex(1)),
               "expected '" + name +
                   "' to have unit stride in its last dimension");
  }

  /// No stride of 0 in a dimension of more than one element.
  void emitDistinctElements(StringRef name, Value array) {
    auto type = cast<MemRefType>(array.getType());
    SmallVector<int64_t> strides = type.getStridesAndOffset().first;
    for (auto [dim, stride] : llvm::enumerate(strides)) {
      int64_t size = type.getDimSize(dim);
      bool needsUnitStride =
          array == op.getOutput() && dim == MaskedAttentionOp::kDim;
      bool mayBeZero = ShapedType::isDynamic(stride) || stride == 0;
      bool mayRepeat = ShapedType::isDynamic(size) || size > 1;
      if (needsUnitStride || !mayBeZero || !mayRepeat)
        continue;
      memref::ExtractStridedMetadataOp metadata = getMetadata(array);
      Value isNonzero = compare(arith::CmpIPredicate::ne,
                                metadata.getStrides()[dim], getIndex(0));
      Value isSingle = compare(arith::CmpIPredicate::ule,
                               metadata.getSizes()[dim], getIndex(1));
      emitAssert(arith::OrIOp::create(builder, loc, isNonzero, isSingle),
                 "expected '" + name +
                     "' to have distinct elements, but got stride 0 in "
                     "dimension " +
                     Twine(dim));
    }
  }

  memref::ExtractStridedMetadataOp getMetadata(Value array) {
    memref::ExtractStridedMetadataOp &metadata = metadataOps[array];
    if (!metadata)
      metadata = memref::ExtractStridedMetadataOp::create(builder, loc, array);
    return metadata;
  }

  MaskedAttentionOp op;
  OpBuilder &builder;
  Location loc;
  ErrorMessageFn generateErrorMessage;
  DenseMap<Value, memref::ExtractStridedMetadataOp> metadataOps;
};

struct RuntimeVerificationModel
    : RuntimeVerifiableOpInterface::ExternalModel<RuntimeVerificationModel,
                                                  MaskedAttentionOp> {
  void generateRuntimeVerification(Operation *op, OpBuilder &builder,
                                   Location loc,
                                   ErrorMessageFn generateErrorMessage) const {
    CheckEmitter(cast<MaskedAttentionOp>(op), builder, loc,
                 generateErrorMessage)
        .emitAll();
  }
};
} // namespace

void mfa::registerRuntimeVerifiableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MFADialect *) {
    MaskedAttentionOp::attachInterface<RuntimeVerificationModel>(*context);
    // The checks are made of these.
    context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect,
                         memref::MemRefDialect, tensor::TensorDialect>();
  });
}
