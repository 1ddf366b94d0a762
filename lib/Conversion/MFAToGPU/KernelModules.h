//===- KernelModules.h - Where kernels are put ------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KERNELMODULES_H
#define MFA_LIB_CONVERSION_MFATOGPU_KERNELMODULES_H

#include "mfa/Support/Chip.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::mfa {

/// An empty kernel of `threads` threads a block, in a `gpu.module` of its own
/// at the end of `module`. Its name begins with `name` and is that of no other
/// kernel of `module`, so that the assembly of all can be put together.
gpu::GPUFuncOp createKernel(OpBuilder &builder, Location loc, ModuleOp module,
                            const Chip &chip, StringRef name, FunctionType type,
                            int64_t threads);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KERNELMODULES_H
