//===- DependentLaunch.cpp - Launches that overlap ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DependentLaunch.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::mfa;

/// On ops that are never a part of a function.
static constexpr StringLiteral kFollowsLaunch = "mfa.follows_launch";

static bool hasDependentLaunches(const Chip &chip) {
  StringRef number = chip.name;
  unsigned version;
  return number.consume_front("sm_") && !number.consumeInteger(10, version) &&
         version >= 90;
}

void mfa::setFollowsLaunch(MaskedAttentionOp op) {
  op->setAttr(kFollowsLaunch, UnitAttr::get(op.getContext()));
}

bool mfa::followsLaunch(MaskedAttentionOp op) {
  return op->hasAttr(kFollowsLaunch);
}

Attribute mfa::withLaunchOrder(MaskedAttentionOp op, Attribute variant) {
  if (!followsLaunch(op))
    return variant;
  return ArrayAttr::get(op.getContext(),
                        {variant, UnitAttr::get(op.getContext())});
}

void mfa::createLaunchDependents(OpBuilder &builder, Location loc,
                                 const Chip &chip) {
  if (hasDependentLaunches(chip))
    NVVM::GriddepcontrolOp::create(builder, loc,
                                   NVVM::GridDepActionKind::launch_dependents);
}

void mfa::createWaitForLaunch(OpBuilder &builder, Location loc,
                              const Chip &chip) {
  if (hasDependentLaunches(chip))
    NVVM::GriddepcontrolOp::create(builder, loc, NVVM::GridDepActionKind::wait);
}

void mfa::createOverlapLaunch(ImplicitLocOpBuilder &b, const Chip &chip) {
  if (hasDependentLaunches(chip))
    mfa_gpu::OverlapLaunchOp::create(b);
}
