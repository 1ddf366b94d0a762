//===- WarpPatterns.cpp - Barriers and operations of a warp ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"

using namespace mlir;
using namespace mlir::mfa;
namespace sim = ::mfa::sim;

/// A 32-bit value as an i32, and back.
static Value toI32(OpBuilder &builder, Location loc, Value value) {
  if (value.getType().isInteger(32))
    return value;
  return LLVM::BitcastOp::create(builder, loc, builder.getI32Type(), value);
}
static Value fromI32(OpBuilder &builder, Location loc, Value value, Type type) {
  if (type.isInteger(32))
    return value;
  return LLVM::BitcastOp::create(builder, loc, type, value);
}

/// Whether an i32 is not zero.
static Value isNonZero(OpBuilder &builder, Location loc, Value value) {
  return LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, value,
                              Simulation::createI32(builder, loc, 0));
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

static sim::BarrierReduction getReduction(NVVM::BarrierReduction kind) {
  switch (kind) {
  case NVVM::BarrierReduction::POPC:
    return sim::BarrierReduction::Count;
  case NVVM::BarrierReduction::AND:
    return sim::BarrierReduction::All;
  case NVVM::BarrierReduction::OR:
    break;
  }
  return sim::BarrierReduction::Any;
}

namespace {
struct BarrierPattern : SimulationPattern<NVVM::BarrierOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::BarrierOp op,
                                PatternRewriter &rewriter) const override {
    Value zero = Simulation::createI32(rewriter, op.getLoc(), 0);
    Value id = op.getBarrierId() ? op.getBarrierId() : zero;
    Value count = op.getNumberOfThreads() ? op.getNumberOfThreads() : zero;
    if (std::optional<NVVM::BarrierReduction> reduction = op.getReductionOp()) {
      Value kind = Simulation::createI32(
          rewriter, op.getLoc(),
          static_cast<uint32_t>(getReduction(*reduction)));
      rewriter.replaceOp(
          op, simulation.callRuntime(
                  rewriter, op, "mfaSimBarrierReduce", rewriter.getI32Type(),
                  {id, count, op.getReductionPredicate(), kind}));
      return success();
    }
    simulation.callRuntime(rewriter, op, "mfaSimBarrier", {}, {id, count});
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Shuffles, votes, reductions
//===----------------------------------------------------------------------===//

static sim::ShuffleKind getShuffleKind(NVVM::ShflKind kind) {
  switch (kind) {
  case NVVM::ShflKind::bfly:
    return sim::ShuffleKind::Bfly;
  case NVVM::ShflKind::up:
    return sim::ShuffleKind::Up;
  case NVVM::ShflKind::down:
    return sim::ShuffleKind::Down;
  case NVVM::ShflKind::idx:
    break;
  }
  return sim::ShuffleKind::Idx;
}

namespace {
struct ShuffleCallPattern : SimulationPattern<NVVM::ShflOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::ShflOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto kind = static_cast<uint32_t>(getShuffleKind(op.getKind()));
    Value word = simulation.callRuntime(
        rewriter, op, "mfaSimShuffle", rewriter.getI32Type(),
        {op.getThreadMask(), toI32(rewriter, loc, op.getVal()), op.getOffset(),
         op.getMaskAndClamp(), Simulation::createI32(rewriter, loc, kind)});
    Value value = fromI32(rewriter, loc, word, op.getVal().getType());
    if (!op.getReturnValueAndIsValid()) {
      rewriter.replaceOp(op, value);
      return success();
    }
    Value valid = isNonZero(
        rewriter, loc,
        Simulation::loadFromSlot(rewriter, op, rewriter.getI32Type(), 0));
    Value pair = LLVM::PoisonOp::create(rewriter, loc, op.getType());
    pair = LLVM::InsertValueOp::create(rewriter, loc, pair, value,
                                       ArrayRef<int64_t>{0});
    rewriter.replaceOpWithNewOp<LLVM::InsertValueOp>(op, pair, valid,
                                                     ArrayRef<int64_t>{1});
    return success();
  }
};
} // namespace

static sim::VoteKind getVoteKind(NVVM::VoteSyncKind kind) {
  switch (kind) {
  case NVVM::VoteSyncKind::any:
    return sim::VoteKind::Any;
  case NVVM::VoteSyncKind::all:
    return sim::VoteKind::All;
  case NVVM::VoteSyncKind::ballot:
    return sim::VoteKind::Ballot;
  case NVVM::VoteSyncKind::uni:
    break;
  }
  return sim::VoteKind::Uniform;
}

namespace {
struct VotePattern : SimulationPattern<NVVM::VoteSyncOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::VoteSyncOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto kind = static_cast<uint32_t>(getVoteKind(op.getKind()));
    Value predicate = LLVM::ZExtOp::create(rewriter, loc, rewriter.getI32Type(),
                                           op.getPred());
    Value result = simulation.callRuntime(
        rewriter, op, "mfaSimVote", rewriter.getI32Type(),
        {op.getMask(), predicate, Simulation::createI32(rewriter, loc, kind)});
    if (op.getType().isInteger(1))
      result = isNonZero(rewriter, loc, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};
} // namespace

static sim::ReduceKind getReduceKind(NVVM::ReduxKind kind) {
  switch (kind) {
  case NVVM::ReduxKind::ADD:
    return sim::ReduceKind::Add;
  case NVVM::ReduxKind::AND:
    return sim::ReduceKind::And;
  case NVVM::ReduxKind::MAX:
    return sim::ReduceKind::Max;
  case NVVM::ReduxKind::MIN:
    return sim::ReduceKind::Min;
  case NVVM::ReduxKind::OR:
    return sim::ReduceKind::Or;
  case NVVM::ReduxKind::UMAX:
    return sim::ReduceKind::UMax;
  case NVVM::ReduxKind::UMIN:
    return sim::ReduceKind::UMin;
  case NVVM::ReduxKind::XOR:
    return sim::ReduceKind::Xor;
  case NVVM::ReduxKind::FMIN:
    return sim::ReduceKind::FMin;
  case NVVM::ReduxKind::FMAX:
    break;
  }
  return sim::ReduceKind::FMax;
}

namespace {
struct ReduxPattern : SimulationPattern<NVVM::ReduxOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::ReduxOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto kind = static_cast<uint32_t>(getReduceKind(op.getKind()));
    kind |= op.getAbs() ? sim::kReduceAbs : 0;
    kind |= op.getNan() ? sim::kReduceNaN : 0;
    Value result = simulation.callRuntime(
        rewriter, op, "mfaSimReduce", rewriter.getI32Type(),
        {toI32(rewriter, loc, op.getVal()), op.getMaskAndClamp(),
         Simulation::createI32(rewriter, loc, kind)});
    rewriter.replaceOp(op, fromI32(rewriter, loc, result, op.getType()));
    return success();
  }
};

struct ElectPattern : SimulationPattern<NVVM::ElectSyncOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::ElectSyncOp op,
                                PatternRewriter &rewriter) const override {
    Value mask = op.getMembermask();
    if (!mask)
      mask = Simulation::createI32(rewriter, op.getLoc(), ~0u);
    Value result = simulation.callRuntime(rewriter, op, "mfaSimElect",
                                          rewriter.getI32Type(), mask);
    rewriter.replaceOp(op, isNonZero(rewriter, op.getLoc(), result));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

/// What `ldmatrix` or `stmatrix` of `count` matrices says to the runtime: the
/// address of the lane's row, the count, and whether they are transposed. They
/// have 8x8 elements of 16 bits; others exist from sm_100 on.
template <typename Op>
static FailureOr<SmallVector<Value>>
getMatrixArguments(Op op, int64_t count, PatternRewriter &rewriter) {
  if (op.getShape().getM() != 8 || op.getShape().getN() != 8 ||
      op.getEltType() != NVVM::LdStMatrixEltType::B16)
    return rewriter.notifyMatchFailure(
        op, "expected 8x8 matrices with elements of 16 bits");
  Location loc = op.getLoc();
  Value address = LLVM::PtrToIntOp::create(rewriter, loc, rewriter.getI32Type(),
                                           op.getPtr());
  bool transposed = op.getLayout() == NVVM::MMALayout::col;
  return SmallVector<Value>{address,
                            Simulation::createI32(rewriter, loc, count),
                            Simulation::createI32(rewriter, loc, transposed)};
}

namespace {
struct LdMatrixPattern : SimulationPattern<NVVM::LdMatrixOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::LdMatrixOp op,
                                PatternRewriter &rewriter) const override {
    auto arguments = getMatrixArguments(op, op.getNum(), rewriter);
    if (failed(arguments))
      return failure();
    simulation.callRuntime(rewriter, op, "mfaSimLoadMatrix", {}, *arguments);
    rewriter.replaceOp(
        op, Simulation::loadStructFromSlot(rewriter, op, op.getType()));
    return success();
  }
};

struct StMatrixPattern : SimulationPattern<NVVM::StMatrixOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::StMatrixOp op,
                                PatternRewriter &rewriter) const override {
    auto arguments = getMatrixArguments(op, op.getSources().size(), rewriter);
    if (failed(arguments))
      return failure();
    Simulation::storeToSlot(rewriter, op, op.getSources());
    simulation.callRuntime(rewriter, op, "mfaSimStoreMatrix", {}, *arguments);
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

/// The kind of a product, or nothing for one that is not simulated.
static std::optional<sim::MmaKind> getMmaKind(NVVM::MmaOp op) {
  NVVM::MMAShapeAttr shape = op.getShape();
  auto type = op.getMultiplicandAPtxType();
  if (!type || type != op.getMultiplicandBPtxType() || shape.getM() != 16 ||
      shape.getN() != 8 || op.getLayoutA() != NVVM::MMALayout::row ||
      op.getLayoutB() != NVVM::MMALayout::col ||
      op.accumPtxType() != NVVM::MMATypes::f32 ||
      op.resultPtxType() != NVVM::MMATypes::f32)
    return std::nullopt;
  switch (*type) {
  case NVVM::MMATypes::f16:
    return shape.getK() == 16 ? sim::MmaKind::F16K16 : sim::MmaKind::F16K8;
  case NVVM::MMATypes::bf16:
    return shape.getK() == 16 ? sim::MmaKind::BF16K16 : sim::MmaKind::BF16K8;
  case NVVM::MMATypes::tf32:
    return shape.getK() == 8 ? sim::MmaKind::TF32K8 : sim::MmaKind::TF32K4;
  default:
    return std::nullopt;
  }
}

namespace {
struct MmaPattern : SimulationPattern<NVVM::MmaOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::MmaOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<sim::MmaKind> kind = getMmaKind(op);
    if (!kind)
      return rewriter.notifyMatchFailure(
          op, "expected f16, bf16 or tf32 multiplicands, f32 accumulators and "
              "shape m16n8");
    Simulation::storeToSlot(rewriter, op, op.getOperandA(), 0);
    Simulation::storeToSlot(rewriter, op, op.getOperandB(), 4);
    Simulation::storeToSlot(rewriter, op, op.getOperandC(), 6);
    simulation.callRuntime(rewriter, op, "mfaSimMma", {},
                           Simulation::createI32(rewriter, op.getLoc(),
                                                 static_cast<uint32_t>(*kind)));
    rewriter.replaceOp(
        op, Simulation::loadStructFromSlot(rewriter, op, op.getType()));
    return success();
  }
};

} // namespace

void mlir::mfa::populateWarpPatterns(Simulation &simulation,
                                     RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<BarrierPattern, ShuffleCallPattern, VotePattern, ReduxPattern,
               ElectPattern, LdMatrixPattern, StMatrixPattern, MmaPattern>(
      context, simulation);
  patterns.add<RuntimeCallPattern<NVVM::Barrier0Op>>(
      context, simulation, "mfaSimBarrier",
      [](NVVM::Barrier0Op op, OpBuilder &builder) -> SmallVector<Value> {
        Value zero = Simulation::createI32(builder, op.getLoc(), 0);
        return {zero, zero};
      });
  patterns.add<RuntimeCallPattern<NVVM::BarrierArriveOp>>(
      context, simulation, "mfaSimBarrierArrive",
      [](NVVM::BarrierArriveOp op, OpBuilder &builder) -> SmallVector<Value> {
        Value id = op.getBarrierId();
        if (!id)
          id = Simulation::createI32(builder, op.getLoc(), 0);
        return {id, op.getNumberOfThreads()};
      });
  patterns.add<RuntimeCallPattern<NVVM::SyncWarpOp>>(
      context, simulation, "mfaSimWarpSync",
      [](NVVM::SyncWarpOp op, OpBuilder &) -> SmallVector<Value> {
        return {op.getMask()};
      });
}
