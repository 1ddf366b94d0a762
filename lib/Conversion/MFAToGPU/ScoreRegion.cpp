//===- ScoreRegion.cpp - A region `score` in a kernel ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreRegion.h"
#include "RegionSlices.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::mfa;

/// Arguments of a region `score`; captures follow.
enum ScoreArgument { kScore, kBatch, kHead, kQuery, kKey };

/// Whether the value is the same for all pairs of a head, and comes from
/// nothing but scalars.
static bool isUniform(Value value) {
  auto isUniformArgument = [](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    return !argument ||
           !llvm::is_contained({kScore, kQuery, kKey}, argument.getArgNumber());
  };
  return isUniformArgument(value) &&
         llvm::all_of(getSlice(value), [&](Operation *op) {
           return isPure(op) && op->getNumRegions() == 0 &&
                  llvm::all_of(op->getOperands(), isUniformArgument);
         });
}

/// The factor of a product that is uniform, or null.
static Value getUniformFactor(Operation *op) {
  auto product = dyn_cast_or_null<arith::MulFOp>(op);
  if (!product)
    return {};
  for (Value factor : {product.getRhs(), product.getLhs()})
    if (isUniform(factor))
      return factor;
  return {};
}

/// The other factor.
static Value getRest(Operation *product, Value factor) {
  auto op = cast<arith::MulFOp>(product);
  return op.getRhs() == factor ? op.getLhs() : op.getRhs();
}

ScoreRegion::ScoreRegion(MaskedAttentionOp op) {
  if (op.getScore().empty())
    return;
  block = &op.getScore().front();
  Value result = block->getTerminator()->getOperand(0);
  last = result.getDefiningOp();
  outer = getUniformFactor(last);
  // Where there is but one product, it is the outer one.
  Value score = block->getArgument(kScore);
  SmallVector<Value> factors;
  for (Operation *user : score.getUsers())
    factors.push_back(outer && user == last ? Value() : getUniformFactor(user));
  if (!factors.empty() && llvm::all_equal(factors))
    inner = factors.front();
}

bool ScoreRegion::hasSpecialFunctions() const {
  return block && llvm::any_of(*block, [](Operation &op) {
           return isa<arith::DivFOp, math::Exp2Op, math::ExpOp, math::Log2Op,
                      math::LogOp, math::SqrtOp, math::TanhOp>(op) &&
                  !isUniform(op.getResult(0));
         });
}

bool ScoreRegion::isInnerProduct(Operation &op) const {
  return inner && &op != last &&
         llvm::is_contained(block->getArgument(kScore).getUsers(), &op);
}

Value ScoreRegion::inlineWhole(KernelBuilder &b, IRMapping mapping,
                               Form form) const {
  for (Operation &op : block->without_terminator()) {
    auto replace = [&](Value value) { mapping.map(op.getResult(0), value); };
    // A kernel cannot stop the program: what is checked where it runs is
    // checked for other targets.
    if (isa<cf::AssertOp>(op))
      continue;
    if (form.hasInner && isInnerProduct(op))
      replace(mapping.lookup(block->getArgument(kScore)));
    else if (form.leavesOuter && outer && &op == last)
      replace(mapping.lookup(getRest(last, outer)));
    else
      b.clone(op, mapping);
  }
  return mapping.lookup(block->getTerminator()->getOperand(0));
}

Value ScoreRegion::inlineFactor(KernelBuilder &b, IRMapping mapping,
                                Value factor) const {
  cloneSlices(b, mapping, factor);
  return mapping.lookup(factor);
}
