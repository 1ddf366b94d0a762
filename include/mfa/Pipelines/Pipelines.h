//===- Pipelines.h - Pass pipelines ----------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PIPELINES_PIPELINES_H
#define MFA_PIPELINES_PIPELINES_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Dialect/MFA/Transforms/ScheduleTable.h"
#include "mfa/Support/OptionCheck.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::mfa {

/// Options of the pipeline `mfa-to-cpu`.
struct MFAToCPUOptions : public PassPipelineOptions<MFAToCPUOptions> {
  LogicalResult check(const OptionCheck &check) const;

  PassOptions::Option<bool> vectors{
      *this, "vectors",
      llvm::cl::desc("Lower attention to vectors, by the schedule of the CPU; "
                     "without, through linalg, step by step as it is defined"),
      llvm::cl::init(true)};
  PassOptions::Option<std::string> cpu{
      *this, "cpu",
      llvm::cl::desc("The CPU whose vectors are used: host for this machine's, "
                     "or a name of LLVM's such as x86-64-v3"),
      llvm::cl::init("host")};
  PassOptions::Option<int64_t> tileRows{
      *this, "tile-rows",
      llvm::cl::desc("Query rows of a tile of attention through linalg, 1 to "
                     "2147483647; tiles run in parallel, each with scratch "
                     "memory for this many rows of scores"),
      llvm::cl::init(64)};
  PassOptions::Option<bool> parallel{
      *this, "parallel",
      llvm::cl::desc("Run tiles and other parallel loops on the threads of the "
                     "runtime, through its function mfaParallelFor"),
      llvm::cl::init(true)};
};

/// Options that every pipeline with GPU kernels has.
template <typename Derived>
struct KernelOptions : public PassPipelineOptions<Derived> {
  LogicalResult check(const OptionCheck &check) const {
    if (failed(check.chip(chip)))
      return failure();
    return readScheduleTable(schedules, check);
  }

  mlir::detail::PassOptions::Option<std::string> chip{
      *this, "chip",
      llvm::cl::desc("GPU architecture to compile for, such as sm_80 or "
                     "sm_90a; the error of another lists all from sm_80 to "
                     "sm_121a"),
      llvm::cl::init("sm_80")};
  mlir::detail::PassOptions::Option<F32Product> f32Product{
      *this, "f32-product",
      llvm::cl::desc("How f32 matrices are multiplied on tensor cores"),
      llvm::cl::init(F32Product::TF32x3),
      llvm::cl::values(clEnumValN(F32Product::TF32x3, "tf32x3",
                                  "three tf32 products, f32-accurate"),
                       clEnumValN(F32Product::TF32, "tf32",
                                  "one tf32 product, 10-bit factors"))};
  mlir::detail::PassOptions::Option<TileLists> tiles{
      *this, "tiles",
      llvm::cl::desc("Which ops have a list of key tiles made at run time"),
      llvm::cl::init(TileLists::Rules),
      llvm::cl::values(
          clEnumValN(TileLists::Rules, "rules",
                     "those whose rule reads arrays, or whose tiles are no "
                     "ranges"),
          clEnumValN(TileLists::Auto, "auto",
                     "those, and masks where the sizes are worth it"),
          clEnumValN(TileLists::Always, "always",
                     "all that have a rule or a mask"),
          clEnumValN(TileLists::Never, "never", "none"))};
  mlir::detail::PassOptions::Option<std::string> schedules{
      *this, "schedules",
      llvm::cl::desc("File of the table of schedules (default: the one that is "
                     "built in)"),
      llvm::cl::init("")};
};

/// Options of the pipeline `mfa-to-nvvm`.
struct MFAToNVVMOptions : public KernelOptions<MFAToNVVMOptions> {
  LogicalResult check(const OptionCheck &check) const;

  PassOptions::Option<std::string> format{
      *this, "format",
      llvm::cl::desc("What the kernels are embedded as: isa (PTX, compiled by "
                     "the driver), bin or fatbin (by ptxas, from a CUDA "
                     "toolkit), or llvm (LLVM IR)"),
      llvm::cl::init("isa")};
};

/// Options of the pipeline `mfa-to-sim`.
struct MFAToSimOptions : public KernelOptions<MFAToSimOptions> {
  PassOptions::Option<bool> checks{
      *this, "checks",
      llvm::cl::desc("Check every access of the kernels to memory"),
      llvm::cl::init(true)};
  PassOptions::Option<bool> count{
      *this, "count",
      llvm::cl::desc("Count what kernels execute, for the simulator's report"),
      llvm::cl::init(false)};
};

/// From masked attention on tensors or buffers to the llvm dialect, through
/// linalg: the reference, run by a JIT on the CPU.
void buildMFAToCPUPipeline(OpPassManager &pm, const MFAToCPUOptions &options);

/// Adds the passes that put loops which count tiles of keys in the place of ops
/// on buffers (`mfa-count-key-tiles`), with the schedules that `mfa-to-nvvm`
/// selects.
void addKeyTileCount(OpPassManager &pm, const MFAToNVVMOptions &options);

/// From masked attention on tensors or buffers to host code in the llvm
/// dialect that launches kernels embedded as PTX: the three stages below, one
/// after another.
void buildMFAToNVVMPipeline(OpPassManager &pm, const MFAToNVVMOptions &options);

/// Stage 1: buffers in GPU memory, a schedule on each op, and in its place the
/// launch of a kernel of register tiles. Functions ask for C interfaces.
void addMFAToGPUKernels(OpPassManager &pm, const MFAToNVVMOptions &options);

/// Stage 2: the kernels to the nvvm and llvm dialects. The host code is left
/// as it is.
void addGPUKernelsToNVVM(OpPassManager &pm);

/// Stage 3: the kernels to an embedded binary, and the host code to the llvm
/// dialect with calls of upstream's `mgpu` runtime functions.
void addGPUHostToLLVM(OpPassManager &pm, const MFAToNVVMOptions &options);

/// From masked attention on tensors or buffers to host code in the llvm
/// dialect that executes the GPU kernels through the simulator's runtime:
/// stages 1 and 2 of `mfa-to-nvvm`, then the one below.
void buildMFAToSimPipeline(OpPassManager &pm, const MFAToSimOptions &options);

/// Stage 3 for the simulator: the kernels and the host code to the llvm
/// dialect with calls of the simulator's runtime.
void addSimulation(OpPassManager &pm, const MFAToSimOptions &options);

/// Registers the pipelines by name. Their options are checked where a pipeline
/// is parsed; those of passes in pipelines that C++ builds, when these run.
void registerPipelines();

} // namespace mlir::mfa

#endif // MFA_PIPELINES_PIPELINES_H
