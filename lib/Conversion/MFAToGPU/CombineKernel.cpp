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
        toLog2(b.constant(kLog2E)),
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
  /// What a sum that is relative to `rowMax` is multiplied by to be relative to
  /// `base`, which is no smaller.
  Value weightOf(Value rowMax, Value base);

  KernelBuilder b;
  MaskedAttentionOp op;
  KernelOperands operands;
  Value toLog2;
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

Value CombineKernel::weightOf(Value rowMax, Value base) {
  // Rounded like the weights of the attention kernel.
  auto baseOf = [&](Value value) { return getBase(b, value, weightBits); };
  Value exponent = arith::SubFOp::create(b, baseOf(rowMax), baseOf(base));
  // Which there, too, are relative to the maximum itself in these rows.
  Value exact =
      arith::MulFOp::create(b, arith::SubFOp::create(b, rowMax, base), toLog2);
  exponent = arith::SelectOp::create(b, isHugeMax(b, base), exact, exponent);
  return math::Exp2Op::create(b, exponent);
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

  Value rowMax =
      overRanges(b.negativeInfinity(), [&](Value range, ValueRange carried) {
        // A maximum is never NaN: the tiles' maxima are taken of numbers.
        Value next = load(range, b.index(valueDim));
        Value isLarger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                               next, carried[0]);
        return SmallVector<Value>{
            arith::SelectOp::create(b, isLarger, next, carried[0])};
      })[0];
  // A row without a key: any finite base keeps exp2 free of NaN.
  Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, rowMax,
                                        b.negativeInfinity());
  Value base = arith::SelectOp::create(b, isEmpty, b.constant(0), rowMax);
  ValueRange sums = overRanges(
      {b.constant(0), b.constant(0)}, [&](Value range, ValueRange carried) {
        Value weight = weightOf(load(range, b.index(valueDim)), base);
        auto add = [&](Value sum, Value column) -> Value {
          return math::FmaOp::create(b, weight, load(range, column), sum);
        };
        return SmallVector<Value>{add(carried[0], col),
                                  add(carried[1], b.index(valueDim + 1))};
      });
  Value output =
      arith::DivFOp::create(b, sums[0], sums[1], arith::FastMathFlags::afn);
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
        memref::StoreOp::create(b, getLogSumExp(b, rowMax, sums[1], weightBits),
                                operands.lse, ValueRange{batch, head, row});
      });
}

} // namespace

void mfa::buildCombineKernel(OpBuilder &builder, MaskedAttentionOp op,
                             const KernelOperands &operands) {
  CombineKernel(builder, op, operands).build();
}
