//===- CompilerScope.h - A thread in the compiler ---------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_EXECUTION_COMPILERSCOPE_H
#define MFA_LIB_EXECUTION_COMPILERSCOPE_H

#include "mfa/Runtime/Interrupt.h"
#include "llvm/Support/Error.h"

namespace mfa::exec {

/// While the thread compiles or links, as long as one of these lives:
///
/// - a fork of the process by another thread waits. LLVM has locks and tables
///   that are of the whole process, which a child would find as they were in
///   the middle of a change, for ever;
/// - the interrupt handler of the embedding program is asked, where the
///   compiler gets to such a place. Meanwhile forks do not wait.
class CompilerScope {
public:
  CompilerScope();
  ~CompilerScope();
  CompilerScope(const CompilerScope &) = delete;
  CompilerScope &operator=(const CompilerScope &) = delete;

  /// Whether the compilation shall end.
  bool isInterrupted();

private:
  static bool askHandler(void *);

  runtime::InterruptScope interrupts;
};

/// The handler that setInterruptHandler set.
runtime::InterruptHandler getInterruptHandler();
void *getInterruptUser();

/// The error of work that was interrupted.
llvm::Error makeInterruptError();

} // namespace mfa::exec

#endif // MFA_LIB_EXECUTION_COMPILERSCOPE_H
