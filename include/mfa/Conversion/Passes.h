//===- Passes.h - Conversions between dialects ------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_CONVERSION_PASSES_H
#define MFA_CONVERSION_PASSES_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::mfa {

#define GEN_PASS_DECL
#include "mfa/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mfa/Conversion/Passes.h.inc"

} // namespace mlir::mfa

#endif // MFA_CONVERSION_PASSES_H
