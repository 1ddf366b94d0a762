//===- Execution.h - Compile and run a program ------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_EXECUTION_H
#define MFA_RUN_EXECUTION_H

#include "Options.h"
#include "Report.h"
#include "Target.h"
#include "mfa/Execution/HostCode.h"

namespace mfa::run {

/// Seconds since the process started.
double getSecondsSinceStart();

/// A memref descriptor as the C interface takes it: allocated pointer, aligned
/// pointer, offset, sizes, strides.
using Descriptor = llvm::SmallVector<intptr_t>;

Descriptor makeDescriptor(char *pointer, int64_t offset,
                          llvm::ArrayRef<int64_t> shape,
                          llvm::ArrayRef<int64_t> strides);

/// Memory of a device, freed with the object.
class DeviceMemory {
public:
  static llvm::Expected<DeviceMemory> allocate(Device &device, size_t bytes,
                                               bool hostShared);
  DeviceMemory(DeviceMemory &&other)
      : device(other.device), pointer(std::exchange(other.pointer, nullptr)) {}
  DeviceMemory &operator=(DeviceMemory &&) = delete;
  ~DeviceMemory() {
    if (pointer)
      device.deallocate(pointer);
  }

  char *get() const { return pointer; }

private:
  DeviceMemory(Device &device, char *pointer)
      : device(device), pointer(pointer) {}

  Device &device;
  char *pointer;
};

/// Chip and other choices for the lowering: the options', else the target's.
LoweringOptions getLoweringOptions(const Options &options,
                                   const Target &target);

/// A program in memory.
struct CompiledProgram {
  std::unique_ptr<exec::HostProgram> host;
  /// Parameters of the entry's C interface.
  unsigned numParams = 0;

  /// Calls the entry; each argument is the address of a parameter's value.
  void call(llvm::ArrayRef<void *> arguments) const {
    host->call(const_cast<void **>(arguments.data()));
  }
};

/// Lowers the module for the target and compiles its function `entry`.
llvm::Expected<CompiledProgram>
compile(mlir::ModuleOp module, llvm::StringRef entry, const Target &target,
        const LoweringOptions &options, Device &device, Timing &timing);

/// Measures a program: a warm-up, then as many runs as give a steady median
/// (at least 20 or half a second, fewer where one takes seconds). Processes
/// that name the same file do this one after another.
llvm::Expected<BenchResult> bench(Device &device,
                                  llvm::function_ref<void()> program,
                                  llvm::StringRef lockPath);

} // namespace mfa::run

#endif // MFA_RUN_EXECUTION_H
