//===- Magnitudes.cpp - Whether all scores are finite ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Magnitudes.h"
#include "TileList.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

/// Query, key and value.
static constexpr int64_t kNumArrays = 3;
/// No sum of products is more than this, the largest f32 but for rounding.
static constexpr double kLargestSum = 0x1p127;

MemRefType mfa::getMagnitudesType(MaskedAttentionOp op) {
  return MemRefType::get({kNumArrays, ShapedType::kDynamic},
                         IntegerType::get(op.getContext(), 32));
}

/// The largest of 0 and what `body` gives for numbers of the range, with so
/// many loads for each; none are loads in a loop of their own.
static Value createMaximum(KernelBuilder &b, Value first, Value end, Value step,
                           int64_t loads, function_ref<Value(Value)> body) {
  // LLVM knows how often a loop of steps of 1 runs, which it has to.
  Value distance = b.createOrFold<arith::SubIOp>(
      b.createOrFold<arith::MaxUIOp>(end, first), first);
  auto loop = scf::ForOp::create(
      b, b.index(0), b.createOrFold<arith::CeilDivUIOp>(distance, step),
      b.index(1), b.i32(0));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value next = body(b.createOrFold<arith::AddIOp>(
      first, b.createOrFold<arith::MulIOp>(loop.getInductionVar(), step)));
  scf::YieldOp::create(
      b, arith::MaxUIOp::create(b, loop.getRegionIterArg(0), next).getResult());
  if (loads)
    unroll(loop, llvm::divideCeil(kLoadsAtOnce, loads));
  return loop.getResult(0);
}

static Value reduceWarp(KernelBuilder &b, Value number) {
  return NVVM::ReduxOp::create(b, b.getI32Type(), number, NVVM::ReduxKind::UMAX,
                               b.i32(-1));
}

/// The magnitude of the warp's part of an array [B, S, heads, D].
static Value createMagnitude(KernelBuilder &b, Value array, Value warp,
                             Value warps, Value lane) {
  int64_t dim = cast<MemRefType>(array.getType()).getDimSize(3);
  Value positions = b.dim(array, 1);
  Value count = b.createOrFold<arith::MulIOp>(b.dim(array, 0), positions);
  auto ofElement = [&](Value batch, Value position, Value head, Value col) {
    Value element = memref::LoadOp::create(
        b, array, ValueRange{batch, position, head, col});
    if (!element.getType().isF32())
      element = arith::ExtFOp::create(b, b.getF32Type(), element);
    return arith::AndIOp::create(
               b, arith::BitcastOp::create(b, b.getI32Type(), element),
               b.i32(std::numeric_limits<int32_t>::max()))
        .getResult();
  };
  return createMaximum(b, warp, count, warps, /*loads=*/0, [&](Value number) {
    Value batch = arith::DivUIOp::create(b, number, positions);
    Value position = arith::RemUIOp::create(b, number, positions);
    return createMaximum(
        b, b.index(0), b.dim(array, 2), b.index(1),
        llvm::divideCeil(dim, kWarpSize), [&](Value head) {
          Value largest = b.i32(0);
          for (int64_t first = 0; first < dim; first += kWarpSize) {
            Value col = b.createOrFold<arith::AddIOp>(lane, b.index(first));
            // Lanes past the last column have that one as well.
            if (first + kWarpSize > dim)
              col = arith::MinUIOp::create(b, col, b.index(dim - 1));
            largest = b.createOrFold<arith::MaxUIOp>(
                largest, ofElement(batch, position, head, col));
          }
          return largest;
        });
  });
}

void mfa::buildMagnitudesKernel(OpBuilder &builder, MaskedAttentionOp op,
                                const KernelOperands &operands,
                                Value magnitudes) {
  KernelBuilder b(op.getLoc(), builder);
  Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  Value lane = arith::RemUIOp::create(b, thread, b.index(kWarpSize));
  Value warp = arith::AddIOp::create(
      b,
      arith::MulIOp::create(b, gpu::BlockIdOp::create(b, gpu::Dimension::x),
                            b.index(kMagnitudeThreads / kWarpSize)),
      arith::DivUIOp::create(b, thread, b.index(kWarpSize)));
  Value which = gpu::BlockIdOp::create(b, gpu::Dimension::y);
  Value warps = b.dim(magnitudes, 1);
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0));
  Value hasExcluded = b.isAnyOfBlock(
      createHasExcluded(b, operands.tileList, thread, kMagnitudeThreads));
  Value arrays[kNumArrays] = {operands.query, operands.key, operands.value};
  for (auto [i, array] : llvm::enumerate(arrays)) {
    Value number = b.index(i), source = array;
    Value isIt =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, which, number);
    b.guarded(isIt, [&] {
      Value magnitude = b.choose(
          hasExcluded,
          [&]() -> SmallVector<Value> {
            return {
                reduceWarp(b, createMagnitude(b, source, warp, warps, lane))};
          },
          [&]() -> SmallVector<Value> { return {b.i32(0)}; })[0];
      b.guarded(isFirst, [&] {
        memref::StoreOp::create(b, magnitude, magnitudes,
                                ValueRange{number, warp});
      });
    });
  }
}

Value mfa::createAreFinite(KernelBuilder &b, MaskedAttentionOp op,
                           Value magnitudes, Value scale, Value lane) {
  auto magnitudeOf = [&](int64_t array) -> Value {
    Value bits = createMaximum(
        b, lane, b.dim(magnitudes, 1), b.index(kWarpSize), /*loads=*/1,
        [&](Value part) {
          return memref::LoadOp::create(b, magnitudes,
                                        ValueRange{b.index(array), part})
              .getResult();
        });
    return arith::BitcastOp::create(b, b.getF32Type(), reduceWarp(b, bits));
  };
  auto multiply = [&](Value lhs, Value rhs) -> Value {
    return arith::MulFOp::create(b, lhs, rhs);
  };
  // NaN is not below.
  auto isBelow = [&](Value number, double limit) -> Value {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, number,
                                 b.constant(limit));
  };
  Value sum = multiply(multiply(magnitudeOf(0), magnitudeOf(1)),
                       b.constant(op.getHeadDim()));
  Value score = multiply(sum, math::AbsFOp::create(b, scale));
  Value areScores = arith::AndIOp::create(b, isBelow(sum, kLargestSum),
                                          isBelow(score, kLargestSum));
  return arith::AndIOp::create(
      b, areScores,
      isBelow(magnitudeOf(2), std::numeric_limits<double>::infinity()));
}
