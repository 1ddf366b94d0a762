//===- CombineKernel.cpp - The kernel that adds ranges of keys up ---------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "KernelBuilder.h"
#include "OnlineSoftmax.h"
#include "mfa/Dialect/MFA/IR/Sinks.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

MemRefType mfa::getPartialType(MaskedAttentionOp op) {
  ArrayRef<int64_t> shape = op.getOutputType().getShape();
  return MemRefType::get({ShapedType::kDynamic, shape[0], shape[1], shape[2],
                          op.getValueDim() + 2},
                         Float32Type::get(op.getContext()));
}

namespace {

class CombineKernel {
public:
  CombineKernel(OpBuilder &builder, MaskedAttentionOp op,
                const KernelOperands &operands)
      : b(op.getLoc(), builder), op(op), operands(operands),
        weightBits(getWeightBits(op.getElementType())) {}

  void build();

private:
  Value load(Value range, Value col) {
    return memref::LoadOp::create(b, operands.partial,
                                  ValueRange{range, batch, row, head, col});
  }
  /// A loop over the ranges that carries f32 values.
  ValueRange
  overRanges(ValueRange init,
             function_ref<SmallVector<Value>(Value range, ValueRange)> body);

  KernelBuilder b;
  MaskedAttentionOp op;
  KernelOperands operands;
  double weightBits;
  Value batch, row, head;
};

ValueRange CombineKernel::overRanges(
    ValueRange init,
    function_ref<SmallVector<Value>(Value range, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, b.index(0), b.dim(operands.partial, 0),
                                 b.index(1), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return loop.getResults();
}

void CombineKernel::build() {
  int64_t valueDim = op.getValueDim();
  auto place = affine::AffineDelinearizeIndexOp::create(
      b, Value(gpu::BlockIdOp::create(b, gpu::Dimension::x)),
      ArrayRef<OpFoldResult>{b.dim(operands.partial, 2),
                             b.dim(operands.partial, 3)},
      /*hasOuterBound=*/false);
  batch = place.getResult(0);
  row = place.getResult(1);
  head = place.getResult(2);
  Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  // Threads past the last column compute it again.
  Value col = arith::MinUIOp::create(b, thread, b.index(valueDim - 1));

  // A sink is a key without a value.
  Value sink;
  if (operands.sinks)
    sink = memref::LoadOp::create(b, operands.sinks,
                                  getSinkIndices(op, head, row));
  Value rowMax = overRanges(
      sink ? sink : b.negativeInfinity(), [&](Value range, ValueRange carried) {
        // A maximum is never NaN: the tiles' maxima are taken of numbers.
        Value next = load(range, b.index(valueDim));
        Value isLarger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                               next, carried[0]);
        return SmallVector<Value>{
            arith::SelectOp::create(b, isLarger, next, carried[0])};
      })[0];
  Value base = getFiniteBase(b, rowMax);
  ValueRange sums = overRanges(
      {b.constant(0), b.constant(0)}, [&](Value range, ValueRange carried) {
        Value weight =
            getWeight(b, load(range, b.index(valueDim)), base, weightBits);
        auto add = [&](Value sum, Value column) -> Value {
          return math::FmaOp::create(b, weight, load(range, column), sum);
        };
        return SmallVector<Value>{add(carried[0], col),
                                  add(carried[1], b.index(valueDim + 1))};
      });
  Value total = sums[1];
  if (sink)
    total = arith::AddFOp::create(b, total,
                                  getSinkWeight(b, sink, base, weightBits));
  Value output =
      arith::DivFOp::create(b, sums[0], total, arith::FastMathFlags::afn);
  output = arith::SelectOp::create(b, b.isZero(sums[1]), b.constant(0), output);
  if (Type element = op.getElementType(); !element.isF32())
    output = arith::TruncFOp::create(b, element, output);
  auto store = [&] {
    memref::StoreOp::create(b, output, operands.output,
                            ValueRange{batch, row, head, col});
  };
  b.guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread,
                                  b.index(valueDim)),
            store);
  if (!operands.lse)
    return;
  b.guarded(
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, b.index(0)),
      [&] {
        memref::StoreOp::create(b, getLogSumExp(b, rowMax, total, weightBits),
                                operands.lse, ValueRange{batch, head, row});
      });
}

} // namespace

void mfa::buildCombineKernel(OpBuilder &builder, MaskedAttentionOp op,
                             const KernelOperands &operands) {
  CombineKernel(builder, op, operands).build();
}
