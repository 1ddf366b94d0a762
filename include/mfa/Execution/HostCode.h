//===- HostCode.h - Host code as an object and in memory --------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_EXECUTION_HOSTCODE_H
#define MFA_EXECUTION_HOSTCODE_H

#include "mfa/Runtime/EntryPoint.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <functional>
#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace mfa::exec {

/// An error of kind `llvm::StringError` made of the text of all arguments.
template <typename... Args>
llvm::Error makeError(const Args &...args) {
  std::string message;
  llvm::raw_string_ostream os(message);
  (os << ... << args);
  return llvm::createStringError(message);
}

/// The CPU of this machine, name and features: what object code made here
/// needs.
llvm::Expected<std::string> getHostCPU();

/// A module in the llvm dialect as an object file for this machine.
struct HostObject {
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  /// Parameters of the entry's C interface.
  unsigned numParams = 0;
};

/// How much host code is optimised: what computes, as well as possible; kernels
/// that are simulated, as little as LLVM can, for they are long and spend their
/// time in the simulator's calls; what launches kernels, quickly.
enum class HostCodeUse { Computes, Simulates, Launches };

/// Compiles the module. `entry` is a function with a C interface: it is called
/// through `_mlir_ciface_<entry>`. An empty `entry` means that none is called.
/// `digest` stands in the object, for HostProgram::load to compare. Once
/// `shouldStop`, if given, returns true, little is done any more and the code
/// is not optimised.
llvm::Expected<HostObject>
compileHostCode(mlir::ModuleOp module, llvm::StringRef entry, HostCodeUse use,
                uint64_t digest = 0,
                const std::function<bool()> &shouldStop = nullptr);

/// An object file of compileHostCode in the memory of this process.
class HostProgram {
public:
  /// Links the object and runs its global constructors (which load its GPU
  /// kernels). `entryPoints` are found before functions of the process. An
  /// object with another digest than `digest` is an error.
  static llvm::Expected<std::unique_ptr<HostProgram>>
  load(std::unique_ptr<llvm::MemoryBuffer> object,
       llvm::ArrayRef<runtime::EntryPoint> entryPoints, uint64_t digest = 0);

  /// Runs the global destructors.
  ~HostProgram();

  /// True where there is an entry.
  bool hasEntry() const { return entry != nullptr; }

  /// Calls the entry; each argument is the address of a parameter's value. The
  /// parameter of an array is the address of its descriptor.
  void call(void **arguments) const { entry(arguments); }

private:
  HostProgram();

  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*entry)(void **) = nullptr;
  void (*finalizer)() = nullptr;
};

} // namespace mfa::exec

#endif // MFA_EXECUTION_HOSTCODE_H
