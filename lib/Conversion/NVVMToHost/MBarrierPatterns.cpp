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

/// Replaces an arrival, whose result is the phase that it was for.
template <typename OpTy>
static void replaceArrival(OpTy op, Value count, Value transactions,
                           Simulation &simulation, PatternRewriter &rewriter) {
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

} // namespace

/// The mbarrier and the bytes that are expected or complete.
template <typename OpTy>
static SmallVector<Value> getTransactionArguments(OpTy op, OpBuilder &builder) {
  return {Simulation::createSharedOffset(builder, op, op.getAddr()),
          op.getTxcount()};
}

void mlir::mfa::populateMBarrierPatterns(Simulation &simulation,
                                         RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<MBarrierInitPattern, MBarrierArrivePattern,
               MBarrierArriveExpectTxPattern,
               MBarrierTestPattern<NVVM::MBarrierTryWaitOp>,
               MBarrierTestPattern<NVVM::MBarrierTestWaitOp>>(context,
                                                              simulation);
  patterns.add<RuntimeCallPattern<NVVM::MBarrierInvalOp>>(
      context, simulation, "mfaSimMBarrierInvalidate",
      [](NVVM::MBarrierInvalOp op, OpBuilder &builder) -> SmallVector<Value> {
        return {Simulation::createSharedOffset(builder, op, op.getAddr())};
      });
  patterns.add<RuntimeCallPattern<NVVM::MBarrierExpectTxOp>>(
      context, simulation, "mfaSimMBarrierExpect",
      getTransactionArguments<NVVM::MBarrierExpectTxOp>);
  patterns.add<RuntimeCallPattern<NVVM::MBarrierCompleteTxOp>>(
      context, simulation, "mfaSimMBarrierComplete",
      getTransactionArguments<NVVM::MBarrierCompleteTxOp>);
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
