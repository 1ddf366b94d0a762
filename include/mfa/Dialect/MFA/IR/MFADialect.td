//===- MFADialect.td - The masked attention dialect --------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_IR_MFADIALECT_TD
#define MFA_DIALECT_MFA_IR_MFADIALECT_TD

include "mlir/IR/OpBase.td"

def MFA_Dialect : Dialect {
  let name = "mfa";
  let cppNamespace = "::mlir::mfa";
  let summary = "Masked attention on tensors and buffers";
  let description = [{
    One op, `mfa.masked_attention`: attention with grouped heads, a dense
    additive mask and regions that change scores and say which keys take part, on
    operands stored batch, sequence, head, dimension (BSHD).
    It says what is computed; how is in the attribute `#mfa.schedule` and in the
    passes that lower it to linalg (the reference and the CPU) or to GPU kernels.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect",
    "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect",
  ];
  let useDefaultAttributePrinterParser = 1;
}

#endif // MFA_DIALECT_MFA_IR_MFADIALECT_TD
