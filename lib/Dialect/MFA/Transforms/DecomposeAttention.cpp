//===- DecomposeAttention.cpp - Masked attention as linalg ops ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFADECOMPOSEATTENTIONPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {
struct DecomposeAttentionPass
    : mfa::impl::MFADecomposeAttentionPassBase<DecomposeAttentionPass> {
  void runOnOperation() override {}
};
} // namespace
