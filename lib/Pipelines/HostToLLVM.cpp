//===- HostToLLVM.cpp - Host code, for every pipeline ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostToLLVM.h"
#include "mfa/Conversion/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"

using namespace mlir;

/// Divisions that round up or down, conversions of small floats and the like.
static void addArithExpansion(OpPassManager &functions) {
  // The backend would call a conversion function for bf16 that a JIT does not
  // have.
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  expand.includeF8E8M0 = true;
  expand.includeF4E2M1 = true;
  functions.addPass(arith::createArithExpandOpsPass(expand));
}

void mfa::addHostArithmetic(OpPassManager &pm) {
  pm.addPass(createMFALowerMathPass());
  // Powers by multiplication: the backend would call a function of the
  // compiler's runtime library.
  pm.addPass(createConvertMathToFuncs());
  pm.addPass(createMFAEmulateBF16Pass());
  addArithExpansion(pm.nest<func::FuncOp>());
}

void mfa::addHostControlFlow(OpPassManager &pm) {
  OpPassManager &functions = pm.nest<func::FuncOp>();
  // Here all buffers are known, those of launches as well.
  functions.addPass(createMFACheckAllocationsPass());
  functions.addPass(createMFALowerExpandShapesPass());
  functions.addPass(memref::createExpandStridedMetadataPass());
  functions.addPass(createLowerAffinePass());
  // What the launches of kernels have added.
  addArithExpansion(functions);
  functions.addPass(createSCFToControlFlowPass());
}
