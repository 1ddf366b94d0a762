//===- LowerDeviceQueries.cpp - Questions about the GPU and the caller ----===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFALOWERDEVICEQUERIESPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using mfa_gpu::AcquireRowCounterOp;
using mfa_gpu::KeptTileListOp;
using mfa_gpu::MultiprocessorsOp;
using mfa_gpu::OverlapLaunchOp;
using mfa_gpu::PreparationOp;
using mfa_gpu::ReleaseRowCounterOp;

// The runtime's functions.
static constexpr StringLiteral kCount = "mfaGetMultiprocessorCount";
static constexpr StringLiteral kPreparation = "mfaGetPreparation";
static constexpr StringLiteral kGetList = "mfaGetKeptTileList";
static constexpr StringLiteral kIsFilled = "mfaIsKeptTileListFilled";
static constexpr StringLiteral kAcquire = "mfaAcquireRowCounter";
static constexpr StringLiteral kRelease = "mfaReleaseRowCounter";
static constexpr StringLiteral kOverlap = "mfaOverlapLaunch";

/// What mfaGetPreparation returns, as bits; declared in
/// mfa/Runtime/KeptTileLists.h.
enum PreparationBit : int64_t { kListsOnly = 1, kAssumesFinite = 2 };

static Value toI64(ImplicitLocOpBuilder &b, Value index) {
  return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), index);
}

static Value isNotZero(ImplicitLocOpBuilder &b, Value number) {
  Value zero = arith::ConstantIntOp::create(b, number.getType(), 0);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, number, zero);
}

/// The memory at `pointer` as a buffer of these sizes.
static Value createBuffer(ImplicitLocOpBuilder &b, MemRefType type,
                          ArrayRef<Value> sizes, Value pointer) {
  LLVMTypeConverter converter(b.getContext());
  Location loc = b.getLoc();
  auto descriptor =
      MemRefDescriptor::poison(b, loc, converter.convertType(type));
  descriptor.setAllocatedPtr(b, loc, pointer);
  descriptor.setAlignedPtr(b, loc, pointer);
  descriptor.setConstantOffset(b, loc, 0);
  Value stride = arith::ConstantIntOp::create(b, 1, 64);
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    descriptor.setSize(b, loc, dim, sizes[dim]);
    descriptor.setStride(b, loc, dim, stride);
    stride = b.createOrFold<arith::MulIOp>(stride, sizes[dim]);
  }
  return UnrealizedConversionCastOp::create(b, TypeRange(type),
                                            ValueRange(Value(descriptor)))
      .getResult(0);
}

namespace {

struct CallRuntime : OpRewritePattern<MultiprocessorsOp> {
  CallRuntime(LLVM::LLVMFuncOp count)
      : OpRewritePattern(count.getContext()), count(count) {}

  LogicalResult matchAndRewrite(MultiprocessorsOp op,
                                PatternRewriter &rewriter) const override {
    auto call =
        LLVM::CallOp::create(rewriter, op.getLoc(), count, ValueRange());
    rewriter.replaceOpWithNewOp<arith::IndexCastOp>(op, rewriter.getIndexType(),
                                                    call.getResult());
    return success();
  }

private:
  mutable LLVM::LLVMFuncOp count;
};

struct AskForPreparation : OpRewritePattern<PreparationOp> {
  AskForPreparation(LLVM::LLVMFuncOp get)
      : OpRewritePattern(get.getContext()), get(get) {}

  LogicalResult matchAndRewrite(PreparationOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value bits = LLVM::CallOp::create(b, get, ValueRange()).getResult();
    auto has = [&](PreparationBit bit) -> Value {
      Value mask = arith::ConstantIntOp::create(b, bit, 64);
      return isNotZero(b, arith::AndIOp::create(b, bits, mask));
    };
    Value listsOnly = has(kListsOnly);
    rewriter.replaceOp(op, {listsOnly, has(kAssumesFinite)});
    return success();
  }

private:
  mutable LLVM::LLVMFuncOp get;
};

struct GetKeptTileList : OpRewritePattern<KeptTileListOp> {
  GetKeptTileList(LLVM::LLVMFuncOp get, LLVM::LLVMFuncOp isFilled)
      : OpRewritePattern(get.getContext()), get(get), isFilled(isFilled) {}

  LogicalResult matchAndRewrite(KeptTileListOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<MemRefType>(op.getBuffer().getType());
    constexpr int64_t elementBytes = 4;
    Value bytes = arith::ConstantIntOp::create(b, elementBytes, 64);
    SmallVector<Value> sizes;
    ValueRange open = op.getDynamicSizes();
    for (int64_t size : type.getShape()) {
      if (ShapedType::isStatic(size)) {
        sizes.push_back(arith::ConstantIntOp::create(b, size, 64));
      } else {
        sizes.push_back(toI64(b, open.front()));
        open = open.drop_front();
      }
      bytes = b.createOrFold<arith::MulIOp>(bytes, sizes.back());
    }
    Value pointer =
        LLVM::CallOp::create(b, get,
                             ValueRange{bytes, toI64(b, op.getRows()),
                                        toI64(b, op.getKeys()),
                                        toI64(b, op.getParts())})
            .getResult();
    Value filled = LLVM::CallOp::create(b, isFilled, ValueRange()).getResult();
    Value address = LLVM::PtrToIntOp::create(b, b.getI64Type(), pointer);
    Value isKept = isNotZero(b, address);
    rewriter.replaceOp(op, {createBuffer(b, type, sizes, pointer), isKept,
                            isNotZero(b, filled)});
    return success();
  }

private:
  mutable LLVM::LLVMFuncOp get, isFilled;
};

struct AcquireRowCounter : OpRewritePattern<AcquireRowCounterOp> {
  AcquireRowCounter(LLVM::LLVMFuncOp acquire)
      : OpRewritePattern(acquire.getContext()), acquire(acquire) {}

  LogicalResult matchAndRewrite(AcquireRowCounterOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value pointer = LLVM::CallOp::create(b, acquire, ValueRange()).getResult();
    Value one = arith::ConstantIntOp::create(b, 1, 64);
    rewriter.replaceOp(
        op, createBuffer(b, op.getCounter().getType(), one, pointer));
    return success();
  }

private:
  mutable LLVM::LLVMFuncOp acquire;
};

struct ReleaseRowCounter : OpRewritePattern<ReleaseRowCounterOp> {
  ReleaseRowCounter(LLVM::LLVMFuncOp release)
      : OpRewritePattern(release.getContext()), release(release) {}

  LogicalResult matchAndRewrite(ReleaseRowCounterOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value address =
        memref::ExtractAlignedPointerAsIndexOp::create(b, op.getCounter());
    Value pointer = LLVM::IntToPtrOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), toI64(b, address));
    LLVM::CallOp::create(b, release, pointer);
    rewriter.eraseOp(op);
    return success();
  }

private:
  mutable LLVM::LLVMFuncOp release;
};

struct OverlapLaunch : OpRewritePattern<OverlapLaunchOp> {
  OverlapLaunch(LLVM::LLVMFuncOp overlap)
      : OpRewritePattern(overlap.getContext()), overlap(overlap) {}

  LogicalResult matchAndRewrite(OverlapLaunchOp op,
                                PatternRewriter &rewriter) const override {
    LLVM::CallOp::create(rewriter, op.getLoc(), overlap, ValueRange());
    rewriter.eraseOp(op);
    return success();
  }

private:
  mutable LLVM::LLVMFuncOp overlap;
};

struct LowerDeviceQueriesPass
    : mfa::impl::MFALowerDeviceQueriesPassBase<LowerDeviceQueriesPass> {
  using MFALowerDeviceQueriesPassBase::MFALowerDeviceQueriesPassBase;

  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](ModuleOp module) {
      return failed(lower(module)) ? WalkResult::interrupt()
                                   : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// Declares a function of the runtime where the module has an op that asks
  /// it: a program that asks nothing needs no declaration. Null where it has
  /// none, or where the name is taken.
  template <typename Query>
  LLVM::LLVMFuncOp declare(ModuleOp module, StringRef name,
                           ArrayRef<Type> parameters, Type result,
                           bool &failed) {
    bool asks = module.walk([](Query) { return WalkResult::interrupt(); })
                    .wasInterrupted();
    if (!asks)
      return {};
    OpBuilder builder(&getContext());
    FailureOr<LLVM::LLVMFuncOp> function =
        LLVM::lookupOrCreateFn(builder, module, name, parameters, result);
    failed |= mlir::failed(function);
    return succeeded(function) ? *function : LLVM::LLVMFuncOp();
  }

  /// The queries of `module` itself: those of modules in it have been lowered.
  LogicalResult lower(ModuleOp module) {
    Type number = IntegerType::get(&getContext(), 64);
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    bool isTaken = false;
    RewritePatternSet patterns(&getContext());
    if (auto count =
            declare<MultiprocessorsOp>(module, kCount, {}, number, isTaken))
      patterns.add<CallRuntime>(count);
    if (auto get =
            declare<PreparationOp>(module, kPreparation, {}, number, isTaken))
      patterns.add<AskForPreparation>(get);
    auto get = declare<KeptTileListOp>(
        module, kGetList, {number, number, number, number}, pointer, isTaken);
    auto isFilled =
        declare<KeptTileListOp>(module, kIsFilled, {}, number, isTaken);
    auto acquire =
        declare<AcquireRowCounterOp>(module, kAcquire, {}, pointer, isTaken);
    Type none = LLVM::LLVMVoidType::get(&getContext());
    auto release =
        declare<ReleaseRowCounterOp>(module, kRelease, pointer, none, isTaken);
    auto overlap =
        declare<OverlapLaunchOp>(module, kOverlap, {}, none, isTaken);
    if (isTaken)
      return failure();
    if (acquire)
      patterns.add<AcquireRowCounter>(acquire);
    if (release)
      patterns.add<ReleaseRowCounter>(release);
    if (overlap)
      patterns.add<OverlapLaunch>(overlap);
    if (get)
      patterns.add<GetKeptTileList>(get, isFilled);
    walkAndApplyPatterns(module, std::move(patterns));
    return success();
  }
};

} // namespace
