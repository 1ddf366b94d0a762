//===- ScalarPatterns.cpp - Registers, arithmetic and intrinsics ----------===//
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

/// A constant of type i32 or of a vector of i32.
static Value createWords(OpBuilder &builder, Location loc, Type type,
                         uint32_t value) {
  auto attr = builder.getI32IntegerAttr(static_cast<int32_t>(value));
  if (auto vector = dyn_cast<VectorType>(type))
    return LLVM::ConstantOp::create(
        builder, loc, type, DenseElementsAttr::get(vector, attr.getValue()));
  return LLVM::ConstantOp::create(builder, loc, type, attr);
}

/// `type` with its element type replaced.
static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

/// f32 to bf16, to the nearest and ties to even, as the bits of an i16. The
/// host may have no instruction and no library function for it.
static Value roundToBF16(OpBuilder &builder, Location loc, Value value) {
  Type words = withElement(value.getType(), builder.getI32Type());
  Value bits = LLVM::BitcastOp::create(builder, loc, words, value);
  Value shift = createWords(builder, loc, words, 16);
  Value high = LLVM::LShrOp::create(builder, loc, bits, shift);
  Value odd = LLVM::AndOp::create(builder, loc, high,
                                  createWords(builder, loc, words, 1));
  Value bias = LLVM::AddOp::create(builder, loc, odd,
                                   createWords(builder, loc, words, 0x7fff));
  Value rounded = LLVM::LShrOp::create(
      builder, loc, LLVM::AddOp::create(builder, loc, bits, bias), shift);
  Value isNaN = LLVM::FCmpOp::create(builder, loc, LLVM::FCmpPredicate::uno,
                                     value, value);
  // The GPU's conversions produce the canonical NaN.
  Value result = LLVM::SelectOp::create(
      builder, loc, isNaN, createWords(builder, loc, words, 0x7fff), rounded);
  return LLVM::TruncOp::create(
      builder, loc, withElement(value.getType(), builder.getI16Type()), result);
}

/// Two f32 values rounded to a vector of two f16 or bf16 elements.
static Value packHalves(OpBuilder &builder, Location loc, VectorType type,
                        Value high, Value low) {
  Value result = LLVM::PoisonOp::create(builder, loc, type);
  Value elements[] = {low, high};
  for (auto [i, element] : llvm::enumerate(elements)) {
    Value rounded =
        type.getElementType().isBF16()
            ? Value(LLVM::BitcastOp::create(builder, loc, type.getElementType(),
                                            roundToBF16(builder, loc, element)))
            : Value(LLVM::FPTruncOp::create(builder, loc, type.getElementType(),
                                            element));
    result = LLVM::InsertElementOp::create(
        builder, loc, result, rounded,
        Simulation::createI32(builder, loc, static_cast<uint32_t>(i)));
  }
  return result;
}

namespace {
//===----------------------------------------------------------------------===//
// Special registers
//===----------------------------------------------------------------------===//

/// A register that is a field of the thread's state.
template <typename OpTy, uint32_t offset>
struct FieldPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Value address = Simulation::createStateAddress(rewriter, op, offset);
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, op.getType(), address);
    return success();
  }
};

/// A register whose value never changes.
template <typename OpTy, uint32_t value>
struct ConstantPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, Simulation::createI32(rewriter, op.getLoc(), value));
    return success();
  }
};

/// The lanes that compare to the own lane as the mask register says, found by
/// shifting a mask to the left by the lane.
template <typename OpTy, uint32_t mask, bool inverted>
struct LaneMaskPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type i32 = rewriter.getI32Type();
    Value address =
        Simulation::createStateAddress(rewriter, op, sim::kLaneIdOffset);
    Value lane = LLVM::LoadOp::create(rewriter, loc, i32, address);
    Value result = LLVM::ShlOp::create(
        rewriter, loc, Simulation::createI32(rewriter, loc, mask), lane);
    if (inverted)
      result = LLVM::XOrOp::create(rewriter, loc, result,
                                   Simulation::createI32(rewriter, loc, ~0u));
    rewriter.replaceOp(op, result);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

struct TruncToBF16Pattern : SimulationPattern<LLVM::FPTruncOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(LLVM::FPTruncOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isBF16() ||
        !getElementTypeOrSelf(op.getArg().getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not a truncation f32 to bf16");
    Value bits = roundToBF16(rewriter, op.getLoc(), op.getArg());
    rewriter.replaceOpWithNewOp<LLVM::BitcastOp>(op, op.getType(), bits);
    return success();
  }
};

/// nvvm.convert.f32x2.to.{f16x2,bf16x2}.
template <typename OpTy>
struct ConvertPairPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (op.getRnd() != NVVM::FPRoundingMode::RN || op.getRelu() ||
        op.getSat() != NVVM::SaturationMode::NONE)
      return rewriter.notifyMatchFailure(op, "expected rounding mode rn alone");
    rewriter.replaceOp(op, packHalves(rewriter, op.getLoc(),
                                      cast<VectorType>(op.getType()),
                                      op.getSrcHi(), op.getSrcLo()));
    return success();
  }
};

/// Rounds to the nearest, ties away from zero, in the upper 19 bits.
struct ConvertToTF32Pattern : SimulationPattern<NVVM::ConvertFloatToTF32Op> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::ConvertFloatToTF32Op op,
                                PatternRewriter &rewriter) const override {
    if (op.getRnd() != NVVM::FPRoundingMode::RNA || op.getRelu())
      return rewriter.notifyMatchFailure(op, "expected rounding mode rna");
    Location loc = op.getLoc();
    Value bits = LLVM::BitcastOp::create(rewriter, loc, rewriter.getI32Type(),
                                         op.getSrc());
    Value rounded = LLVM::AddOp::create(
        rewriter, loc, bits, Simulation::createI32(rewriter, loc, 0x1000));
    Value magnitude = LLVM::AndOp::create(
        rewriter, loc, bits, Simulation::createI32(rewriter, loc, 0x7fffffff));
    Value finite =
        LLVM::ICmpOp::create(rewriter, loc, LLVM::ICmpPredicate::ult, magnitude,
                             Simulation::createI32(rewriter, loc, 0x7f800000));
    Value result = LLVM::SelectOp::create(rewriter, loc, finite, rounded, bits);
    rewriter.replaceOpWithNewOp<LLVM::AndOp>(
        op, result, Simulation::createI32(rewriter, loc, 0xffffe000));
    return success();
  }
};

/// The hardware's reciprocal is within one unit in the last place.
struct ReciprocalPattern : SimulationPattern<NVVM::RcpApproxFtzF32Op> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::RcpApproxFtzF32Op op,
                                PatternRewriter &rewriter) const override {
    Value one =
        LLVM::ConstantOp::create(rewriter, op.getLoc(), rewriter.getF32Type(),
                                 rewriter.getF32FloatAttr(1.0f));
    rewriter.replaceOpWithNewOp<LLVM::FDivOp>(op, one, op->getOperand(0));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Intrinsics by name
//===----------------------------------------------------------------------===//

/// llvm.nvvm.{ex2,lg2}.approx[.ftz].f[32].
static LogicalResult rewriteApproximation(LLVM::CallIntrinsicOp op,
                                          ArrayRef<StringRef> name,
                                          Simulation &simulation,
                                          PatternRewriter &rewriter) {
  if (!op->getResult(0).getType().isF32())
    return rewriter.notifyMatchFailure(op, "expected an operand of type f32");
  StringRef function = name.front() == "ex2" ? "mfaSimExp2" : "mfaSimLog2";
  Value flush = Simulation::createI32(rewriter, op.getLoc(),
                                      llvm::is_contained(name, "ftz"));
  Value result =
      simulation.callFunction(rewriter, op.getLoc(), function,
                              rewriter.getF32Type(), {op.getArgs()[0], flush});
  rewriter.replaceOp(op, result);
  return success();
}

/// llvm.nvvm.{ff2bf16x2,ff2f16x2}.rn: the first operand becomes the upper half.
static LogicalResult rewritePack(LLVM::CallIntrinsicOp op,
                                 ArrayRef<StringRef> name,
                                 PatternRewriter &rewriter) {
  if (name.size() != 2 || name.back() != "rn")
    return rewriter.notifyMatchFailure(op, "expected rounding mode rn alone");
  rewriter.replaceOp(
      op, packHalves(rewriter, op.getLoc(),
                     cast<VectorType>(op->getResult(0).getType()),
                     /*high=*/op.getArgs()[0], /*low=*/op.getArgs()[1]));
  return success();
}

/// llvm.nvvm.{fmax,fmin}[.ftz][.nan].*; what a flush would change is below the
/// smallest normal number and left as it is.
static LogicalResult rewriteMinMax(LLVM::CallIntrinsicOp op,
                                   ArrayRef<StringRef> name,
                                   PatternRewriter &rewriter) {
  for (StringRef part : name.drop_front())
    if (!llvm::is_contained(
            {"ftz", "nan", "f", "f16", "f16x2", "bf16", "bf16x2"}, part))
      return rewriter.notifyMatchFailure(op, "unknown qualifier");
  Value a = op.getArgs()[0], b = op.getArgs()[1];
  bool isMax = name.front() == "fmax";
  bool propagatesNaN = llvm::is_contained(name, "nan");
  if (isMax && propagatesNaN)
    rewriter.replaceOpWithNewOp<LLVM::MaximumOp>(op, a, b);
  else if (isMax)
    rewriter.replaceOpWithNewOp<LLVM::MaxNumOp>(op, a, b);
  else if (propagatesNaN)
    rewriter.replaceOpWithNewOp<LLVM::MinimumOp>(op, a, b);
  else
    rewriter.replaceOpWithNewOp<LLVM::MinNumOp>(op, a, b);
  return success();
}

namespace {
struct CallIntrinsicPattern : SimulationPattern<LLVM::CallIntrinsicOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(LLVM::CallIntrinsicOp op,
                                PatternRewriter &rewriter) const override {
    StringRef name = op.getIntrin();
    if (!name.consume_front("llvm.nvvm."))
      return rewriter.notifyMatchFailure(op, "not an intrinsic of the GPU");
    SmallVector<StringRef> parts;
    name.split(parts, '.');
    if (parts[0] == "ex2" || parts[0] == "lg2")
      return rewriteApproximation(op, parts, simulation, rewriter);
    if (parts[0] == "ff2bf16x2" || parts[0] == "ff2f16x2")
      return rewritePack(op, parts, rewriter);
    if (parts[0] == "fmax" || parts[0] == "fmin")
      return rewriteMinMax(op, parts, rewriter);
    return rewriter.notifyMatchFailure(op, [&](Diagnostic &diag) {
      diag << "unknown intrinsic '" << op.getIntrin() << "'";
    });
  }
};

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

struct TrapPattern : SimulationPattern<LLVM::Trap> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(LLVM::Trap op,
                                PatternRewriter &rewriter) const override {
    simulation.callRuntime(rewriter, op, "mfaSimTrap", {}, {});
    rewriter.eraseOp(op);
    return success();
  }
};

struct ExitPattern : SimulationPattern<NVVM::Exit> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::Exit op,
                                PatternRewriter &rewriter) const override {
    simulation.callRuntime(rewriter, op, "mfaSimExit", {}, {});
    rewriter.eraseOp(op);
    return success();
  }
};

/// An op that only affects timing.
template <typename OpTy>
struct TimingPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void mlir::mfa::populateScalarPatterns(Simulation &simulation,
                                       RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  constexpr uint32_t thread = sim::kThreadIdOffset;
  constexpr uint32_t blockDim = sim::kBlockDimOffset;
  constexpr uint32_t block = sim::kBlockIdOffset;
  constexpr uint32_t grid = sim::kGridDimOffset;
  constexpr uint32_t cluster = sim::kClusterIdOffset;
  constexpr uint32_t clusterGrid = sim::kClusterGridDimOffset;
  constexpr uint32_t inCluster = sim::kBlockInClusterOffset;
  constexpr uint32_t clusterDim = sim::kClusterDimOffset;
  patterns.add<FieldPattern<NVVM::ThreadIdXOp, thread>,
               FieldPattern<NVVM::ThreadIdYOp, thread + 4>,
               FieldPattern<NVVM::ThreadIdZOp, thread + 8>,
               FieldPattern<NVVM::BlockDimXOp, blockDim>,
               FieldPattern<NVVM::BlockDimYOp, blockDim + 4>,
               FieldPattern<NVVM::BlockDimZOp, blockDim + 8>,
               FieldPattern<NVVM::BlockIdXOp, block>,
               FieldPattern<NVVM::BlockIdYOp, block + 4>,
               FieldPattern<NVVM::BlockIdZOp, block + 8>,
               FieldPattern<NVVM::GridDimXOp, grid>,
               FieldPattern<NVVM::GridDimYOp, grid + 4>,
               FieldPattern<NVVM::GridDimZOp, grid + 8>,
               FieldPattern<NVVM::ClusterIdXOp, cluster>,
               FieldPattern<NVVM::ClusterIdYOp, cluster + 4>,
               FieldPattern<NVVM::ClusterIdZOp, cluster + 8>,
               FieldPattern<NVVM::ClusterDimXOp, clusterGrid>,
               FieldPattern<NVVM::ClusterDimYOp, clusterGrid + 4>,
               FieldPattern<NVVM::ClusterDimZOp, clusterGrid + 8>,
               FieldPattern<NVVM::BlockInClusterIdXOp, inCluster>,
               FieldPattern<NVVM::BlockInClusterIdYOp, inCluster + 4>,
               FieldPattern<NVVM::BlockInClusterIdZOp, inCluster + 8>,
               FieldPattern<NVVM::ClusterDimBlocksXOp, clusterDim>,
               FieldPattern<NVVM::ClusterDimBlocksYOp, clusterDim + 4>,
               FieldPattern<NVVM::ClusterDimBlocksZOp, clusterDim + 8>,
               FieldPattern<NVVM::ClusterId, sim::kClusterRankOffset>,
               FieldPattern<NVVM::ClusterDim, sim::kClusterBlocksOffset>,
               FieldPattern<NVVM::LaneIdOp, sim::kLaneIdOffset>,
               FieldPattern<NVVM::WarpIdOp, sim::kWarpIdOffset>,
               ConstantPattern<NVVM::WarpSizeOp, sim::kWarpSize>>(context,
                                                                  simulation);
  patterns.add<LaneMaskPattern<NVVM::LaneMaskEqOp, 1, false>,
               LaneMaskPattern<NVVM::LaneMaskLtOp, ~0u, true>,
               LaneMaskPattern<NVVM::LaneMaskLeOp, ~1u, true>,
               LaneMaskPattern<NVVM::LaneMaskGtOp, ~1u, false>,
               LaneMaskPattern<NVVM::LaneMaskGeOp, ~0u, false>>(context,
                                                                simulation);
  patterns
      .add<ConvertPairPattern<NVVM::ConvertF32x2ToF16x2Op>,
           ConvertPairPattern<NVVM::ConvertF32x2ToBF16x2Op>, TruncToBF16Pattern,
           ConvertToTF32Pattern, ReciprocalPattern, CallIntrinsicPattern,
           TrapPattern, ExitPattern, TimingPattern<NVVM::NanosleepOp>,
           TimingPattern<NVVM::GriddepcontrolOp>>(context, simulation);
}
