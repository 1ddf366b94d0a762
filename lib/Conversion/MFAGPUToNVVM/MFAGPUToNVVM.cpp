//===- MFAGPUToNVVM.cpp - Register tiles as nvvm and llvm ops ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_CONVERTMFAGPUTONVVMPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {
struct ConvertMFAGPUToNVVMPass
    : mfa::impl::ConvertMFAGPUToNVVMPassBase<ConvertMFAGPUToNVVMPass> {
  void runOnOperation() override {}
};
} // namespace
