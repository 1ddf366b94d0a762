//===- Main.cpp - The main function of mfa-run ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tool.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/InitLLVM.h"
#include <csignal>
#include <unistd.h>

using namespace llvm;

/// Ends the process where there is no memory left: an error of the user's
/// problem, not a crash. Nothing may be allocated here.
static void reportOutOfMemory(void *, const char *, bool) {
  constexpr StringLiteral message = "mfa-run: error: out of memory\n";
  [[maybe_unused]] ssize_t written =
      ::write(STDERR_FILENO, message.data(), message.size());
  ::_exit(1);
}

int main(int argc, char **argv) {
  InitLLVM initializer(argc, argv);
  install_bad_alloc_error_handler(reportOutOfMemory);
  // A file that may grow no further (ulimit -f) is an error of the write.
  std::signal(SIGXFSZ, SIG_IGN);
  return mfa::run::runTool(ArrayRef(argv + 1, argc - 1));
}
