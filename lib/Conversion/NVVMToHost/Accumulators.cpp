//===- Accumulators.cpp - Uses of accumulators of a warpgroup -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A product of a warpgroup yields handles in place of its accumulators, which
// are not known before the wait for it. Ops that only move values move handles
// as well; before any other one a handle becomes the value that it stands for.
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"

using namespace mlir;
using namespace mlir::mfa;

/// Whether a value of this type may hold a handle.
static bool canHold(Type type) {
  if (type.isF32())
    return true;
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getElementType().isF32();
  if (auto structType = dyn_cast<LLVM::LLVMStructType>(type))
    return llvm::any_of(structType.getBody(), canHold);
  return false;
}

static bool isProduct(Operation *op) {
  if (isa<NVVM::WgmmaMmaAsyncOp>(op))
    return true;
  auto assembly = dyn_cast<LLVM::InlineAsmOp>(op);
  return assembly && assembly.getAsmString().contains("wgmma.mma_async");
}

/// Whether an op hands values on, or takes them as a product does.
static bool isMove(Operation *op) {
  return isa<LLVM::ExtractValueOp, LLVM::InsertValueOp, LLVM::ExtractElementOp,
             LLVM::InsertElementOp, LLVM::ShuffleVectorOp, LLVM::SelectOp,
             LLVM::FreezeOp, LLVM::InlineAsmOp, NVVM::WgmmaMmaAsyncOp>(op);
}

namespace {
class AccumulatorUses {
public:
  AccumulatorUses(Simulation &simulation, LLVM::LLVMFuncOp function)
      : simulation(simulation), function(function) {}

  void run() {
    function.walk([&](Operation *op) {
      if (isProduct(op))
        for (Value result : op->getResults())
          add(result);
    });
    while (!worklist.empty())
      follow(worklist.pop_back_val());
    for (OpOperand *use : uses)
      use->set(resolve(use->getOwner(), use->get()));
  }

private:
  void add(Value value) {
    if (canHold(value.getType()) && holders.insert(value).second)
      worklist.push_back(value);
  }

  void follow(Value value) {
    for (OpOperand &use : value.getUses()) {
      Operation *op = use.getOwner();
      if (isMove(op)) {
        for (Value result : op->getResults())
          add(result);
        continue;
      }
      if (Value argument = getBlockArgument(use))
        add(argument);
      else
        uses.push_back(&use);
    }
  }

  /// The argument of a block that a branch hands the value to.
  static Value getBlockArgument(OpOperand &use) {
    auto branch = dyn_cast<BranchOpInterface>(use.getOwner());
    if (!branch)
      return {};
    return branch.getSuccessorBlockArgument(use.getOperandNumber())
        .value_or(BlockArgument());
  }

  /// The value to compute with in place of one that may be a handle.
  Value resolve(Operation *user, Value value) {
    OpBuilder builder(user);
    Location loc = user->getLoc();
    Type type = value.getType();
    if (type.isF32())
      return simulation.callRuntime(builder, user, "mfaSimAccumulator", type,
                                    value);
    if (auto vector = dyn_cast<VectorType>(type)) {
      for (int64_t i = 0, e = vector.getNumElements(); i < e; ++i) {
        Value index =
            Simulation::createI32(builder, loc, static_cast<uint32_t>(i));
        Value element =
            LLVM::ExtractElementOp::create(builder, loc, value, index);
        value = LLVM::InsertElementOp::create(builder, loc, value,
                                              resolve(user, element), index);
      }
      return value;
    }
    for (auto [i, field] :
         llvm::enumerate(cast<LLVM::LLVMStructType>(type).getBody())) {
      if (!canHold(field))
        continue;
      auto index = static_cast<int64_t>(i);
      Value element = LLVM::ExtractValueOp::create(builder, loc, value, index);
      value = LLVM::InsertValueOp::create(builder, loc, value,
                                          resolve(user, element), index);
    }
    return value;
  }

  Simulation &simulation;
  LLVM::LLVMFuncOp function;
  DenseSet<Value> holders;
  SmallVector<Value> worklist;
  SmallVector<OpOperand *> uses;
};
} // namespace

void mlir::mfa::resolveAccumulators(Simulation &simulation,
                                    LLVM::LLVMFuncOp function) {
  AccumulatorUses(simulation, function).run();
}
