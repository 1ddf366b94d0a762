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

def SimulateGPUPass : Pass<"mfa-simulate-gpu", "::mlir::ModuleOp"> {
  let summary = "Rewrite GPU kernels as host code that simulates them";
  let description = [{
    Moves the functions of every `gpu.module`, in the `llvm` and `nvvm`
    dialects, into the surrounding module and rewrites them into host code that
    executes one thread: special registers are read from the state of the
    thread, which is a new argument 0, and everything that concerns other
    threads or memory becomes a call of the simulator's runtime (`mfaSim*`).
    Each `gpu.launch_func` becomes a call of `mfaSimLaunch`; its operands may be
    memrefs or what `gpu-to-llvm` makes of them.

    A pointer to shared memory stays an offset into the window of the block.
    An operation that the simulator does not know is an error.

    ```mlir
    gpu.module @m {
      llvm.func @k(%p: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
        %t = nvvm.read.ptx.sreg.tid.x : i32
        nvvm.barrier0
        llvm.store %t, %p : i32, !llvm.ptr<1>
        llvm.return
      }
    }
    ```

    becomes

    ```mlir
    llvm.func internal @m_k(%state: !llvm.ptr, %p: !llvm.ptr<1>) {
      %0 = llvm.getelementptr %state[8] : (!llvm.ptr) -> !llvm.ptr, i8
      %t = llvm.load %0 : !llvm.ptr -> i32
      llvm.call @mfaSimBarrier(%state, %id, %all, %site0) : ...
      %1 = llvm.call @mfaSimAccess(%state, %address, %bytes, %flags, %site1) : ...
      llvm.store %t, %1 : i32, !llvm.ptr
      llvm.return
    }
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
  let options = [
    Option<"checks", "checks", "bool", "true",
           "Check every access to memory; without, kernels run faster and "
           "only barriers and warp-wide operations are checked">,
  ];
}

#endif // MFA_CONVERSION_PASSES_TD
