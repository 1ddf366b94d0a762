//===- JIT.h - Host code in memory ------------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_JIT_H
#define MFA_RUN_JIT_H

#include "mfa/Runtime/EntryPoint.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <vector>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace mfa::run {

/// A module in the llvm dialect, compiled for this machine.
class JITProgram {
public:
  /// Compiles the module and runs its global constructors (which load its GPU
  /// kernels). `entry` is a function with a C interface: it is called through
  /// `_mlir_ciface_<entry>`. `entryPoints` are found before functions of the
  /// process.
  static llvm::Expected<std::unique_ptr<JITProgram>>
  create(mlir::ModuleOp module, llvm::StringRef entry,
         llvm::ArrayRef<runtime::EntryPoint> entryPoints);
  ~JITProgram();

  /// Number of parameters of the C interface.
  unsigned getNumParams() const { return numParams; }

  /// Calls the entry; each argument is the address of a parameter's value. The
  /// parameter of an array is the address of its descriptor.
  void call(llvm::ArrayRef<void *> arguments) const;

private:
  JITProgram() = default;

  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*packedEntry)(void **) = nullptr;
  unsigned numParams = 0;
};

} // namespace mfa::run

#endif // MFA_RUN_JIT_H
