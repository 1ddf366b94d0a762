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
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {
using ErrorMessageFn = function_ref<std::string(Operation *, StringRef)>;

/// Numbers of a region as they are for the last batch, head, query and key,
/// outside of it. Of numbers that never fall as positions grow these are the
/// largest.
class LastPair {
public:
  LastPair(MaskedAttentionOp op, Region &region, OpBuilder &builder,
           Location loc)
      : op(op), region(region), builder(builder), loc(loc) {}

  /// The operand that an argument of the region is; null for other values.
  Value getCapture(Value value) {
    auto arguments = op.getCaptureArguments(region);
    auto found = llvm::find(arguments, value);
    return found == arguments.end()
               ? Value()
               : op.getCaptures()[std::distance(arguments.begin(), found)];
  }

  /// Null where it is not known to be a number that never falls.
  Value get(Value value) {
    auto [entry, isNew] = known.try_emplace(value);
    if (!isNew)
      return entry->second;
    Value result = compute(value);
    return known[value] = result;
  }

  /// Where one of these holds, numbers may fall nevertheless.
  ArrayRef<Value> getUnknown() const { return unknown; }

  /// Whether there is no pair.
  Value isEmpty() {
    if (!empty)
      for (ScoreDim dim :
           {ScoreDim::Batch, ScoreDim::Head, ScoreDim::Query, ScoreDim::Key}) {
        Value isNone = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::eq, getSize(dim), getIndex(0));
        empty =
            empty ? arith::OrIOp::create(builder, loc, empty, isNone) : isNone;
      }
    return empty;
  }

private:
  Value getIndex(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }

  Value getSize(ScoreDim dim) {
    if (sizes.empty())
      llvm::append_range(sizes, op.getMixedScoreSizes(builder));
    return getValueOrCreateConstantIndexOp(builder, loc,
                                           sizes[static_cast<unsigned>(dim)]);
  }

  Value compute(Value value) {
    if (!value.getType().isIndex())
      return {};
    for (auto [number, position] : llvm::enumerate(op.getPositions(region)))
      if (value == position)
        return arith::SubIOp::create(
            builder, loc, getSize(static_cast<ScoreDim>(number)), getIndex(1));
    if (Value capture = getCapture(value))
      return capture;
    if (std::optional<int64_t> constant = getConstantIntValue(value))
      return getIndex(*constant);
    Operation *inner = value.getDefiningOp();
    if (!inner || !mayBeMonotone(inner))
      return {};
    SmallVector<Value> operands;
    for (Value operand : inner->getOperands()) {
      operands.push_back(get(operand));
      if (!operands.back())
        return {};
    }
    if (isa<arith::MulIOp, arith::DivSIOp, arith::FloorDivSIOp>(inner) &&
        getCapture(inner->getOperand(1))) {
      Value one = getIndex(1);
      unknown.push_back(arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::slt, operands[1], one));
      // Not to divide by 0 here.
      operands[1] = arith::MaxSIOp::create(builder, loc, operands[1], one);
    }
    IRMapping mapping;
    mapping.map(inner->getOperands(), operands);
    return builder.clone(*inner, mapping)->getResult(0);
  }

  /// Whether the result never falls while the operands grow, where a captured
  /// factor or divisor is positive.
  bool mayBeMonotone(Operation *inner) {
    if (isa<arith::AddIOp, arith::MaxSIOp, arith::MinSIOp>(inner))
      return true;
    if (!isa<arith::MulIOp, arith::DivSIOp, arith::FloorDivSIOp>(inner))
      return false;
    std::optional<int64_t> factor = getConstantIntValue(inner->getOperand(1));
    return factor ? *factor > 0 : bool(getCapture(inner->getOperand(1)));
  }

  MaskedAttentionOp op;
  Region &region;
  OpBuilder &builder;
  Location loc;
  SmallVector<Value> unknown;
  SmallVector<OpFoldResult> sizes;
  DenseMap<Value, Value> known;
  Value empty;
};

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
    emitCaptures();
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

  /// Captured arrays are as large as what regions read of them for all pairs.
  void emitCaptures() {
    for (Region *region : {&op.getScore(), &op.getKeep()}) {
      if (region->empty())
        continue;
      LastPair last(op, *region, builder, loc);
      for (Operation &inner : region->front()) {
        if (auto load = dyn_cast<memref::LoadOp>(inner))
          emitRead(last, load.getMemRef(), load.getIndices());
        else if (auto extract = dyn_cast<tensor::ExtractOp>(inner))
          emitRead(last, extract.getTensor(), extract.getIndices());
      }
    }
  }

  void emitRead(LastPair &last, Value argument, ValueRange indices) {
    Value array = last.getCapture(argument);
    if (!array)
      return;
    for (auto [dim, index] : llvm::enumerate(indices)) {
      if (!checkedReads.insert({argument, dim, index}).second)
        continue;
      Value largest = last.get(index);
      if (!largest)
        continue;
      Value size = getSize({array, "", static_cast<unsigned>(dim)});
      Value isInside = compare(arith::CmpIPredicate::slt, largest, size);
      // Regions are evaluated for no pair where there is none.
      Value isFine =
          arith::OrIOp::create(builder, loc, isInside, last.isEmpty());
      for (Value unknown : last.getUnknown())
        isFine = arith::OrIOp::create(builder, loc, isFine, unknown);
      emitAssert(isFine, "expected dimension " + Twine(dim) + " of " +
                             getName(array) +
                             " to have all indices at which regions read it");
    }
  }

  /// By its name in the program, if it has one.
  std::string getName(Value array) {
    if (auto name = dyn_cast<NameLoc>(array.getLoc()))
      return ("'" + name.getName().strref() + "'").str();
    unsigned number = std::distance(op.getCaptures().begin(),
                                    llvm::find(op.getCaptures(), array));
    return "captured array " + std::to_string(number);
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
  DenseSet<std::tuple<Value, size_t, Value>> checkedReads;
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
