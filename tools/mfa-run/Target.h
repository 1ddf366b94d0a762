//===- Target.h - Where programs run ----------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_TARGET_H
#define MFA_RUN_TARGET_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Execution/HostCode.h"
#include "mfa/Runtime/EntryPoint.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

namespace mfa::run {

/// What the lowering to a target is told.
struct LoweringOptions {
  std::string chip;
  mlir::mfa::F32Product f32Product = mlir::mfa::F32Product::TF32x3;
  mlir::mfa::TileLists tileLists = mlir::mfa::TileLists::Rules;
  std::string schedules;
  /// Raise attention first, with this in rows without keys.
  std::optional<mlir::mfa::RowsWithoutKeys> raise;
  /// Make simulated kernels count what they execute.
  bool count = false;
  /// On the CPU, lower attention through linalg.
  bool reference = false;
};

/// A machine that runs host code made by a target's pipeline, with memory of
/// its own.
class Device {
public:
  virtual ~Device() = default;

  /// Memory on a 256-byte boundary, for buffers that only lowered ops touch;
  /// or, if `hostShared`, for ones that host code of the program may touch too.
  virtual llvm::Expected<char *> allocate(size_t bytes, bool hostShared) = 0;
  virtual void deallocate(char *pointer) = 0;
  /// Frees a buffer that a program allocated.
  virtual void deallocateResult(char *pointer) = 0;
  virtual llvm::Error copyToDevice(char *target,
                                   llvm::ArrayRef<char> source) = 0;
  virtual llvm::Error copyFromDevice(llvm::MutableArrayRef<char> target,
                                     const char *source) = 0;

  /// Calls `program` once and waits until all of its work is done.
  virtual llvm::Error run(llvm::function_ref<void()> program) = 0;
  /// Calls `program` `count` times and returns the milliseconds of each run.
  virtual llvm::Expected<std::vector<double>>
  measure(llvm::function_ref<void()> program, int count) = 0;

  /// Functions that the target's host code calls by name.
  virtual std::vector<runtime::EntryPoint> getEntryPoints() const = 0;
  /// An error that happened outside of `run`, while a program was loaded.
  virtual llvm::Error takeError() { return llvm::Error::success(); }
  /// The machine in words.
  virtual std::string getDescription() const = 0;
};

/// A place where programs can run.
struct Target {
  llvm::StringLiteral name;
  /// True where the pipeline compiles for a chip.
  bool hasChip;
  /// What the host code of a program does.
  exec::HostCodeUse hostCode;
  /// Stages of the lowering that `--emit` can print.
  llvm::ArrayRef<llvm::StringRef> stages;
  /// Adds the passes from masked attention to the llvm dialect.
  void (*buildPipeline)(mlir::OpPassManager &pm,
                        const LoweringOptions &options);
  /// Opens the machine; an error says why there is none.
  llvm::Expected<std::unique_ptr<Device>> (*open)();
  /// Chip to compile for unless one is given; empty where there is none.
  std::string (*getDefaultChip)();
};

/// The targets of this build.
llvm::ArrayRef<Target> getTargets();

/// The CPU, where programs do not compute but count the tiles that the kernels
/// for a chip visit (mfa-count-key-tiles).
const Target &getTileCountTarget();

/// The target of that name; for an empty name cuda where a GPU answers, else
/// cpu.
llvm::Expected<const Target *> findTarget(llvm::StringRef name);

/// A target on whose way `stage` is, one that compiles for a chip if
/// `needsChip`; where there is none, as `findTarget("")`.
llvm::Expected<const Target *> findTargetOfStage(llvm::StringRef stage,
                                                 bool needsChip);

} // namespace mfa::run

#endif // MFA_RUN_TARGET_H
