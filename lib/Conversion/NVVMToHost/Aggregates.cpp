//===- Aggregates.cpp - Values without the structs around them ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of a warpgroup have their accumulators as the fields of one struct,
// up to 128 of them, which is filled one field after another. Calls of the
// runtime hand over fields, so that these structs are made for nothing, and
// LLVM keeps a value for each field of each struct on the way: its time grows
// with the square of the number of fields.
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::mfa;

/// Erases those of the ops that have no use, and what is not used without them.
static void eraseUnused(ArrayRef<Operation *> ops) {
  llvm::SetVector<Operation *> worklist(llvm::from_range, ops);
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    if (!isOpTriviallyDead(op))
      continue;
    SmallVector<Value> operands = llvm::to_vector(op->getOperands());
    op->erase();
    for (Value operand : operands)
      if (Operation *definition = operand.getDefiningOp())
        worklist.insert(definition);
  }
}

void mlir::mfa::takeAggregatesApart(LLVM::LLVMFuncOp function) {
  SmallVector<Operation *> aggregates;
  function.walk([&](Operation *op) {
    if (isa<LLVM::InsertValueOp>(op))
      aggregates.push_back(op);
    if (!isa<LLVM::ExtractValueOp>(op))
      return;
    aggregates.push_back(op);
    SmallVector<OpFoldResult> fields;
    // Without a result the op has been changed in place.
    if (failed(op->fold(fields)) || fields.empty())
      return;
    if (auto field = dyn_cast<Value>(fields.front()))
      op->getResult(0).replaceAllUsesWith(field);
  });
  eraseUnused(aggregates);
}
