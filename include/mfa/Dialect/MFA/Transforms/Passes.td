//===- Passes.td - Passes on the mfa dialect ---------------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_PASSES_TD
#define MFA_DIALECT_MFA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def MFADecomposeAttentionPass : Pass<"mfa-decompose-attention"> {
  let summary = "Write masked attention as the linalg ops that define it";
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect",
  ];
}

def MFASelectSchedulePass : Pass<"mfa-select-schedule"> {
  let summary = "Attach to each masked attention the schedule of its kernel";
  let description = [{
    Chooses kernel kind, tile sizes, warps and stages from a table by element
    type and head size, and shrinks them until they fit the shared memory of the
    chip and the number of query rows where that is known. A schedule that is
    already on the op is kept.

    ```mlir
    mfa.masked_attention ins(...) outs(...)
    ```
    becomes
    ```mlir
    mfa.masked_attention ins(...) outs(...)
        schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64,
                               warps = 4, stages = 1>)
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_80\"",
           "GPU architecture the kernel is for, such as sm_80 or sm_90a">,
    Option<"f32Product", "f32-product", "::mlir::mfa::F32Product",
           "::mlir::mfa::F32Product::TF32x3",
           "how f32 matrices are multiplied on tensor cores",
           [{::llvm::cl::values(
             clEnumValN(::mlir::mfa::F32Product::TF32x3, "tf32x3",
                        "three tf32 products, f32-accurate"),
             clEnumValN(::mlir::mfa::F32Product::TF32, "tf32",
                        "one tf32 product, 10-bit factors"))}]>,
  ];
  let statistics = [
    Statistic<"numSelected", "num-selected", "ops that were given a schedule">,
  ];
}

#endif // MFA_DIALECT_MFA_TRANSFORMS_PASSES_TD
