//===- TensorCopyPatterns.cpp - Tensor copies and proxy fences ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"

using namespace mlir;
using namespace mlir::mfa;

/// The address of a tensor map as the runtime takes it.
static Value createMapAddress(OpBuilder &builder, Location loc, Value map) {
  return LLVM::PtrToIntOp::create(builder, loc, builder.getI64Type(), map);
}

namespace {

struct TensorLoadPattern
    : SimulationPattern<NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult
  matchAndRewrite(NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op,
                  PatternRewriter &rewriter) const override {
    if (op.getMode() != NVVM::TMALoadMode::TILE)
      return rewriter.notifyMatchFailure(op, "expected the tile mode");
    if (op.getGroup())
      return rewriter.notifyMatchFailure(op, "expected no group of blocks");
    if (op.getPredicate())
      return rewriter.notifyMatchFailure(op, "expected no predicate");
    Location loc = op.getLoc();
    Simulation::storeToSlot(rewriter, op, op.getCoordinates());
    SmallVector<Value> arguments{
        LLVM::PtrToIntOp::create(rewriter, loc, rewriter.getI64Type(),
                                 op.getDstMem()),
        createMapAddress(rewriter, loc, op.getTmaDescriptor()),
        Simulation::createSharedOffset(rewriter, op, op.getMbar()),
        Simulation::createI32(rewriter, loc, op.getCoordinates().size())};
    StringRef function = "mfaSimTensorLoad";
    if (Value mask = op.getMulticastMask()) {
      function = "mfaSimTensorLoadMulticast";
      arguments.push_back(
          LLVM::ZExtOp::create(rewriter, loc, rewriter.getI32Type(), mask));
    }
    simulation.callRuntime(rewriter, op, function, {}, arguments);
    rewriter.eraseOp(op);
    return success();
  }
};

struct TensorStorePattern
    : SimulationPattern<NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getMode() != NVVM::TMAStoreMode::TILE)
      return rewriter.notifyMatchFailure(op, "expected the tile mode");
    if (op.getPredicate())
      return rewriter.notifyMatchFailure(op, "expected no predicate");
    Location loc = op.getLoc();
    Simulation::storeToSlot(rewriter, op, op.getCoordinates());
    simulation.callRuntime(
        rewriter, op, "mfaSimTensorStore", {},
        {createMapAddress(rewriter, loc, op.getTmaDescriptor()),
         Simulation::createSharedOffset(rewriter, op, op.getSrcMem()),
         Simulation::createI32(rewriter, loc, op.getCoordinates().size())});
    rewriter.eraseOp(op);
    return success();
  }
};

/// The host has no caches to fill; only the tensor map is looked at.
struct TensorPrefetchPattern
    : SimulationPattern<NVVM::CpAsyncBulkTensorPrefetchOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::CpAsyncBulkTensorPrefetchOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getMode() != NVVM::TMALoadMode::TILE)
      return rewriter.notifyMatchFailure(op, "expected the tile mode");
    Location loc = op.getLoc();
    simulation.callRuntime(
        rewriter, op, "mfaSimTensorPrefetch", {},
        {createMapAddress(rewriter, loc, op.getTmaDescriptor()),
         Simulation::createI32(rewriter, loc, op.getCoordinates().size())});
    rewriter.eraseOp(op);
    return success();
  }
};

struct PrefetchPattern : SimulationPattern<NVVM::PrefetchOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::PrefetchOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getTensormap()) {
      if (op.getPredicate())
        return rewriter.notifyMatchFailure(op, "expected no predicate");
      Location loc = op.getLoc();
      simulation.callRuntime(rewriter, op, "mfaSimTensorPrefetch", {},
                             {createMapAddress(rewriter, loc, op.getAddr()),
                              Simulation::createI32(rewriter, loc, 0)});
    }
    rewriter.eraseOp(op);
    return success();
  }
};

/// A hint about memory that the host does not need.
struct BulkPrefetchPattern : SimulationPattern<NVVM::CpAsyncBulkPrefetchOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::CpAsyncBulkPrefetchOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.eraseOp(op);
    return success();
  }
};

struct FenceProxyPattern : SimulationPattern<NVVM::FenceProxyOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::FenceProxyOp op,
                                PatternRewriter &rewriter) const override {
    // Other proxies have no accesses to shared memory that are simulated.
    if (op.getKind() == NVVM::ProxyKind::async ||
        op.getKind() == NVVM::ProxyKind::async_shared)
      simulation.callRuntime(rewriter, op, "mfaSimFenceProxy", {}, {});
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void mlir::mfa::populateTensorCopyPatterns(Simulation &simulation,
                                           RewritePatternSet &patterns) {
  patterns.add<TensorLoadPattern, TensorStorePattern, TensorPrefetchPattern,
               PrefetchPattern, BulkPrefetchPattern, FenceProxyPattern>(
      patterns.getContext(), simulation);
  patterns.add<RuntimeCallPattern<NVVM::CpAsyncBulkCommitGroupOp>>(
      patterns.getContext(), simulation, "mfaSimBulkCommit");
  // With `read`, only the reads of shared memory are waited for; the runtime
  // reads and writes at once.
  patterns.add<RuntimeCallPattern<NVVM::CpAsyncBulkWaitGroupOp>>(
      patterns.getContext(), simulation, "mfaSimBulkWait",
      [](NVVM::CpAsyncBulkWaitGroupOp op,
         OpBuilder &builder) -> SmallVector<Value> {
        return {Simulation::createI32(builder, op.getLoc(), op.getGroup())};
      });
  patterns.add<RuntimeCallPattern<NVVM::FenceMbarrierInitOp>>(
      patterns.getContext(), simulation, "mfaSimFenceMBarrierInit");
}
