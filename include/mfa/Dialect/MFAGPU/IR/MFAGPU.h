//===- MFAGPU.h - Tiles in the registers of a block -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFAGPU_IR_MFAGPU_H
#define MFA_DIALECT_MFAGPU_IR_MFAGPU_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "mfa/Dialect/MFAGPU/IR/MFAGPUDialect.h.inc"

#include "mfa/Dialect/MFAGPU/IR/MFAGPUEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mfa/Dialect/MFAGPU/IR/MFAGPUAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "mfa/Dialect/MFAGPU/IR/MFAGPUTypes.h.inc"

namespace mlir::mfa_gpu {

/// The 128 bytes of a tensor map, `!llvm.array<16 x i64>`.
Type getTensorMapType(MLIRContext *context);

/// Whether a matrix in shared memory is in panels (see `warpgroup_mma`).
inline bool isInPanels(MemRefType type) { return type.getRank() == 3; }

} // namespace mlir::mfa_gpu

#define GET_OP_CLASSES
#include "mfa/Dialect/MFAGPU/IR/MFAGPUOps.h.inc"

#endif // MFA_DIALECT_MFAGPU_IR_MFAGPU_H
