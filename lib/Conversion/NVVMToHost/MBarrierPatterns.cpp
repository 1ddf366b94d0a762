//===- MBarrierPatterns.cpp - Barriers in shared memory -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"

using namespace mlir;
using namespace mlir::mfa;
namespace {

struct MBarrierInitPattern : SimulationPattern<NVVM::MBarrierInitOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::MBarrierInitOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getPredicate())
      return rewriter.notifyMatchFailure(op, "expected no predicate");
    simulation.callRuntime(
        rewriter, op, "mfaSimMBarrierInit", {},
        {Simulation::createSharedOffset(rewriter, op, op.getAddr()),
         op.getCount()});
    rewriter.eraseOp(op);
    return success();
  }
};

/// Whether a pointer may be into the shared memory of another block.
static bool isInCluster(Value pointer) {
  return cast<LLVM::LLVMPointerType>(pointer.getType()).getAddressSpace() ==
         static_cast<unsigned>(NVVM::NVVMMemorySpace::SharedCluster);
}

/// Calls the runtime for an mbarrier of any block of the cluster.
template <typename OpTy>
static void arriveInCluster(OpTy op, Value count, Value transactions,
                            Simulation &simulation, OpBuilder &builder) {
  Value address = LLVM::PtrToIntOp::create(builder, op.getLoc(),
                                           builder.getI64Type(), op.getAddr());
  simulation.callRuntime(builder, op, "mfaSimMBarrierArriveCluster", {},
                         {address, count, transactions});
}

/// Replaces an arrival, whose result is the phase that it was for.
template <typename OpTy>
static void replaceArrival(OpTy op, Value count, Value transactions,
                           Simulation &simulation, PatternRewriter &rewriter) {
  if (isInCluster(op.getAddr())) {
    arriveInCluster(op, count, transactions, simulation, rewriter);
    rewriter.eraseOp(op);
    return;
  }
  Value phase = simulation.callRuntime(
      rewriter, op, "mfaSimMBarrierArrive", rewriter.getI64Type(),
      {Simulation::createSharedOffset(rewriter, op, op.getAddr()), count,
       transactions});
  if (op->getNumResults())
    rewriter.replaceOp(op, phase);
  else
    rewriter.eraseOp(op);
}

struct MBarrierArrivePattern : SimulationPattern<NVVM::MBarrierArriveOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::MBarrierArriveOp op,
                                PatternRewriter &rewriter) const override {
    Value count = op.getCount();
    if (!count)
      count = Simulation::createI32(rewriter, op.getLoc(), 1);
    Value none = Simulation::createI32(rewriter, op.getLoc(), 0);
    replaceArrival(op, count, none, simulation, rewriter);
    return success();
  }
};

struct MBarrierArriveExpectTxPattern
    : SimulationPattern<NVVM::MBarrierArriveExpectTxOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::MBarrierArriveExpectTxOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getPredicate())
      return rewriter.notifyMatchFailure(op, "expected no predicate");
    Value one = Simulation::createI32(rewriter, op.getLoc(), 1);
    replaceArrival(op, one, op.getTxcount(), simulation, rewriter);
    return success();
  }
};

/// A test that may fail; the hardware may as well let a try_wait time out at
/// once. The phase is given by a token of 64 bits or by its parity.
template <typename OpTy>
struct MBarrierTestPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value phase = op.getStateOrPhase();
    bool isParity = phase.getType().isInteger(32);
    if (isParity)
      phase = LLVM::ZExtOp::create(rewriter, loc, rewriter.getI64Type(), phase);
    Value done = this->simulation.callRuntime(
        rewriter, op, "mfaSimMBarrierTest", rewriter.getI32Type(),
        {Simulation::createSharedOffset(rewriter, op, op.getAddr()), phase,
         Simulation::createI32(rewriter, loc, isParity)});
    Value zero = Simulation::createI32(rewriter, loc, 0);
    rewriter.replaceOpWithNewOp<LLVM::ICmpOp>(op, LLVM::ICmpPredicate::ne, done,
                                              zero);
    return success();
  }
};

/// Bytes that are expected or, with `isComplete`, have arrived.
template <typename OpTy, bool isComplete>
struct TransactionPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (isInCluster(op.getAddr())) {
      Value none = Simulation::createI32(rewriter, op.getLoc(), 0);
      Value bytes = op.getTxcount();
      if (isComplete)
        bytes = LLVM::SubOp::create(rewriter, op.getLoc(), none, bytes);
      arriveInCluster(op, none, bytes, this->simulation, rewriter);
    } else {
      this->simulation.callRuntime(
          rewriter, op,
          isComplete ? "mfaSimMBarrierComplete" : "mfaSimMBarrierExpect", {},
          {Simulation::createSharedOffset(rewriter, op, op.getAddr()),
           op.getTxcount()});
    }
    rewriter.eraseOp(op);
    return success();
  }
};

/// The address of the same place in another block, one more than whose rank is
/// above kClusterRankShift.
struct MapaPattern : SimulationPattern<NVVM::MapaOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::MapaOp op,
                                PatternRewriter &rewriter) const override {
    if (!isInCluster(op.getRes()))
      return rewriter.notifyMatchFailure(
          op, "expected an address in shared memory");
    Location loc = op.getLoc();
    Type i64 = rewriter.getI64Type();
    Value address = LLVM::PtrToIntOp::create(rewriter, loc, i64, op.getA());
    Value rank = LLVM::ZExtOp::create(rewriter, loc, i64, op.getB());
    Value next = LLVM::AddOp::create(rewriter, loc, rank,
                                     Simulation::createI64(rewriter, loc, 1));
    Value upper = LLVM::ShlOp::create(
        rewriter, loc, next,
        Simulation::createI64(rewriter, loc, ::mfa::sim::kClusterRankShift));
    Value mapped = LLVM::OrOp::create(rewriter, loc, address, upper);
    rewriter.replaceOpWithNewOp<LLVM::IntToPtrOp>(op, op.getType(), mapped);
    return success();
  }
};

} // namespace

/// Whether all lanes of a warp arrive or wait together.
template <typename OpTy>
static Value isAligned(OpTy op, OpBuilder &builder) {
  return Simulation::createI32(builder, op.getLoc(),
                               op.getAligned().value_or(false));
}

/// An arrival at the barrier of the cluster.
template <typename OpTy, bool isRelaxed>
static SmallVector<Value> getClusterArriveArguments(OpTy op,
                                                    OpBuilder &builder) {
  return {Simulation::createI32(builder, op.getLoc(), isRelaxed),
          isAligned(op, builder)};
}

void mlir::mfa::populateMBarrierPatterns(Simulation &simulation,
                                         RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<MBarrierInitPattern, MBarrierArrivePattern,
               MBarrierArriveExpectTxPattern, MapaPattern,
               TransactionPattern<NVVM::MBarrierExpectTxOp, false>,
               TransactionPattern<NVVM::MBarrierCompleteTxOp, true>,
               MBarrierTestPattern<NVVM::MBarrierTryWaitOp>,
               MBarrierTestPattern<NVVM::MBarrierTestWaitOp>>(context,
                                                              simulation);
  patterns.add<RuntimeCallPattern<NVVM::MBarrierInvalOp>>(
      context, simulation, "mfaSimMBarrierInvalidate",
      [](NVVM::MBarrierInvalOp op, OpBuilder &builder) -> SmallVector<Value> {
        return {Simulation::createSharedOffset(builder, op, op.getAddr())};
      });
  patterns.add<RuntimeCallPattern<NVVM::ClusterArriveOp>>(
      context, simulation, "mfaSimClusterArrive",
      getClusterArriveArguments<NVVM::ClusterArriveOp, false>);
  patterns.add<RuntimeCallPattern<NVVM::ClusterArriveRelaxedOp>>(
      context, simulation, "mfaSimClusterArrive",
      getClusterArriveArguments<NVVM::ClusterArriveRelaxedOp, true>);
  patterns.add<RuntimeCallPattern<NVVM::ClusterWaitOp>>(
      context, simulation, "mfaSimClusterWait",
      [](NVVM::ClusterWaitOp op, OpBuilder &builder) -> SmallVector<Value> {
        return {isAligned(op, builder)};
      });
  patterns.add<RuntimeCallPattern<NVVM::MBarrierTryWaitParityOp>>(
      context, simulation, "mfaSimMBarrierWait",
      [](NVVM::MBarrierTryWaitParityOp op,
         OpBuilder &builder) -> SmallVector<Value> {
        Location loc = op.getLoc();
        Value phase = LLVM::ZExtOp::create(builder, loc, builder.getI64Type(),
                                           op.getPhase());
        return {Simulation::createSharedOffset(builder, op, op.getAddr()),
                phase, Simulation::createI32(builder, loc, 1)};
      });
}
