//===- MoveBuffersToGPU.cpp - Buffers of a function on the GPU ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFAMOVEBUFFERSTOGPUPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

/// Builds one op of the gpu dialect between two waits. Upstream lowers these
/// ops only where they are asynchronous.
template <typename Build>
static Operation *buildSynchronously(PatternRewriter &rewriter, Location loc,
                                     Build build) {
  auto token = rewriter.getType<gpu::AsyncTokenType>();
  Value start =
      gpu::WaitOp::create(rewriter, loc, token, ValueRange()).getAsyncToken();
  auto async = cast<gpu::AsyncOpInterface>(build(token, ValueRange(start)));
  gpu::WaitOp::create(rewriter, loc, Type(), async.getAsyncToken());
  return async;
}

namespace {
struct AllocPattern : OpRewritePattern<memref::AllocOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::AllocOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Operation *alloc = buildSynchronously(
        rewriter, loc, [&](Type token, ValueRange start) -> Operation * {
          return gpu::AllocOp::create(rewriter, loc, op.getType(), token, start,
                                      op.getDynamicSizes(),
                                      op.getSymbolOperands());
        });
    rewriter.replaceOp(op, alloc->getResult(0));
    return success();
  }
};

struct DeallocPattern : OpRewritePattern<memref::DeallocOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::DeallocOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    buildSynchronously(rewriter, loc,
                       [&](Type token, ValueRange start) -> Operation * {
                         return gpu::DeallocOp::create(rewriter, loc, token,
                                                       start, op.getMemref());
                       });
    rewriter.eraseOp(op);
    return success();
  }
};

struct CopyPattern : OpRewritePattern<memref::CopyOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::CopyOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    buildSynchronously(
        rewriter, loc, [&](Type token, ValueRange start) -> Operation * {
          return gpu::MemcpyOp::create(rewriter, loc, token, start,
                                       op.getTarget(), op.getSource());
        });
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

/// Whether `op` reads or writes elements of a buffer where it stands, on the
/// host.
static bool accessesElements(Operation *op) {
  if (isa<mfa::MaskedAttentionOp, memref::AllocOp, memref::DeallocOp>(op) ||
      isa<gpu::GPUDialect>(op->getDialect()) || op->getNumRegions() > 0 ||
      isa<CallOpInterface, RegionBranchTerminatorOpInterface>(op))
    return false;
  bool hasBuffer = llvm::any_of(op->getOperandTypes(), [](Type type) {
    return isa<BaseMemRefType>(type);
  });
  if (!hasBuffer || isPure(op))
    return false;
  auto effects = dyn_cast<MemoryEffectOpInterface>(op);
  return effects && (effects.hasEffect<MemoryEffects::Read>() ||
                     effects.hasEffect<MemoryEffects::Write>());
}

namespace {
struct MoveBuffersToGPUPass
    : mfa::impl::MFAMoveBuffersToGPUPassBase<MoveBuffersToGPUPass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    RewritePatternSet patterns(&getContext());
    patterns.add<AllocPattern, DeallocPattern, CopyPattern>(&getContext());
    if (failed(checkCopies(func)))
      return signalPassFailure();
    walkAndApplyPatterns(func, std::move(patterns));
    WalkResult result = func.walk([](Operation *op) {
      bool isLinalg = op->getDialect() &&
                      op->getDialect()->getNamespace() == "linalg" &&
                      op->getNumRegions() > 0;
      if (!isLinalg && !accessesElements(op))
        return WalkResult::advance();
      op->emitOpError("expected buffers to be used by kernels only, but got an "
                      "access on the host: they are in GPU memory");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// The driver copies whole buffers.
  static LogicalResult checkCopies(func::FuncOp func) {
    WalkResult result = func.walk([](memref::CopyOp op) {
      for (Value buffer : {op.getSource(), op.getTarget()}) {
        auto type = dyn_cast<MemRefType>(buffer.getType());
        if (type && memref::isStaticShapeAndContiguousRowMajor(type))
          continue;
        if (type && type.getLayout().isIdentity())
          continue;
        op.emitOpError("expected contiguous buffers, which the GPU copies as a "
                       "whole, but got ")
            << buffer.getType();
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace
