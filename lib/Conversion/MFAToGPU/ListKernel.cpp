//===- ListKernel.cpp - Warps of kernels that make lists ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ListKernel.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

void ListKernel::forTask(ArrayRef<OpFoldResult> bounds,
                         function_ref<void(ValueRange task)> body) {
  forTaskOf(warp, bounds, body);
}

void ListKernel::forTaskOf(Value warp, ArrayRef<OpFoldResult> bounds,
                           function_ref<void(ValueRange task)> body) {
  Value number = arith::AddIOp::create(
      b,
      arith::MulIOp::create(b, gpu::BlockIdOp::create(b, gpu::Dimension::x),
                            b.index(kListWarps)),
      warp);
  Value count = b.index(1);
  SmallVector<Value> sizes =
      getValueOrCreateConstantIndexOp(b, b.getLoc(), bounds);
  for (Value size : sizes)
    count = b.createOrFold<arith::MulIOp>(count, size);
  b.guarded(
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number, count), [&] {
        // A list of more tiles would have 32 GiB; a division of 32 bits by what
        // is not known takes a fifth of the instructions.
        SmallVector<Value> task(sizes.size());
        Value rest = b.toI32(number);
        for (size_t dim = sizes.size(); --dim > 0;) {
          Value size = b.toI32(sizes[dim]);
          task[dim] = b.toIndex(b.createOrFold<arith::RemUIOp>(rest, size));
          rest = b.createOrFold<arith::DivUIOp>(rest, size);
        }
        task[0] = b.toIndex(rest);
        body(task);
      });
}

Value ListKernel::vote(Value condition, NVVM::VoteSyncKind kind) {
  Type type =
      kind == NVVM::VoteSyncKind::ballot ? b.getI32Type() : b.getI1Type();
  return NVVM::VoteSyncOp::create(b, type, b.i32(-1), condition, kind);
}

Value ListKernel::findExtreme(Value number, Extreme which) {
  for (int64_t offset = kWarpSize / 2; offset > 0; offset /= 2) {
    Value other =
        gpu::ShuffleOp::create(b, number, b.i32(offset), b.i32(kWarpSize),
                               gpu::ShuffleMode::XOR)
            .getShuffleResult();
    number = which == Extreme::Least
                 ? arith::MinSIOp::create(b, number, other).getResult()
                 : arith::MaxSIOp::create(b, number, other).getResult();
  }
  return number;
}
