//===- HostCall.h - Calls of host code that may fail ------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled host code reports a failed check by a call that does not return.
// In a program of its own that call ends the process; in a library it has to
// end the call of the host code, and only that.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_EXECUTION_HOSTCALL_H
#define MFA_LIB_EXECUTION_HOSTCALL_H

#include "mfa/Execution/HostCode.h"
#include <csetjmp>

namespace mfa::exec {

/// A call of host code by this thread.
class HostCall {
public:
  /// Calls the entry of the program. Returns false where a check of the code
  /// failed; memory that the code had allocated until then is lost.
  bool run(const HostProgram &program, void **arguments);

  /// What the check said.
  const std::string &getMessage() const { return message; }

  /// Ends the thread's HostCall as a failed check does. For functions that host
  /// code calls; nothing on their stack is destroyed.
  [[noreturn]] static void reportError(const char *message);

  /// The functions that host code for the CPU calls, with failures that end the
  /// thread's HostCall.
  static llvm::ArrayRef<runtime::EntryPoint> getEntryPoints();

private:
  /// Runs a parallel loop; false where a check in it failed, and then `message`
  /// is what the first of them said.
  static bool runLoop(int64_t count, void (*body)(int64_t, void *),
                      void *context, std::string &message);
  static void parallelFor(int64_t count, void (*body)(int64_t, void *),
                          void *context);
  static void useTileRegisters();

  std::jmp_buf returnPoint;
  std::string message;
};

} // namespace mfa::exec

#endif // MFA_LIB_EXECUTION_HOSTCALL_H
