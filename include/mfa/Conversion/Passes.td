//===- Passes.td - Conversions between dialects ------------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_CONVERSION_PASSES_TD
#define MFA_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertMFAToGPUPass : Pass<"convert-mfa-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Write each masked attention on buffers as a GPU kernel";
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect",
    "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::mfa_gpu::MFAGPUDialect",
    "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect",
  ];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_80\"",
           "GPU architecture the kernels are for, such as sm_80 or sm_90a">,
  ];
}

def ConvertMFAGPUToNVVMPass
    : Pass<"convert-mfa-gpu-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Lower kernels on register tiles to the nvvm and llvm dialects";
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect",
  ];
}

#endif // MFA_CONVERSION_PASSES_TD
