//===- Memory.h - How much memory a process can have ------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_SUPPORT_MEMORY_H
#define MFA_SUPPORT_MEMORY_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <cstdint>

namespace mfa {

/// The most memory that this process can have, in bytes.
struct MemoryLimit {
  uint64_t bytes;
  /// What sets it, as in "8 bytes of physical memory".
  const char *source;
};

/// The least of the machine's physical memory (sysconf), the limits on the
/// process's address space and data (setrlimit, `ulimit -v` and `-d`), and the
/// memory of its control group (Linux). What others use of it is not known.
MemoryLimit getMemoryLimit();

/// Error `what takes N bytes, but there are M bytes of physical memory` if that
/// is more than the limit. Many a system would grant the memory and end the
/// process when it is used.
llvm::Error checkMemory(const llvm::Twine &what, uint64_t bytes);

/// malloc for compiled programs, which do not look at what they get: memory
/// beyond the limit, or that the system refuses, is reported by `report`, which
/// does not return.
void *allocateOrReport(size_t bytes, void (*report)(const char *message));

} // namespace mfa

#endif // MFA_SUPPORT_MEMORY_H
