//===- RegionSlices.cpp - Parts of the op's regions -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RegionSlices.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

llvm::SetVector<Operation *> mfa::getSlice(Value value) {
  llvm::SetVector<Operation *> slice;
  SmallVector<Value> open{value};
  while (!open.empty())
    if (Operation *op = open.pop_back_val().getDefiningOp())
      if (slice.insert(op))
        llvm::append_range(open, op->getOperands());
  return slice;
}

void mfa::cloneSlices(OpBuilder &b, IRMapping &mapping, ValueRange values) {
  for (Value value : values) {
    Operation *op = value.getDefiningOp();
    if (mapping.contains(value) || !op)
      continue;
    cloneSlices(b, mapping, op->getOperands());
    b.clone(*op, mapping);
  }
}
