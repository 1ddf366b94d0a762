//===- Memory.cpp - How much memory a process can have --------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Support/Memory.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstdio>
#include <cstdlib>
#include <sys/resource.h>
#include <unistd.h>

using namespace llvm;
using namespace mfa;

/// A file that holds one number; none where there is no such file or it says
/// "max".
static std::optional<uint64_t> readNumber(const char *path) {
  auto file = MemoryBuffer::getFileAsStream(path);
  uint64_t number;
  if (!file || (*file)->getBuffer().trim().getAsInteger(10, number))
    return std::nullopt;
  return number;
}

MemoryLimit mfa::getMemoryLimit() {
  MemoryLimit limit = {UINT64_MAX, "memory"};
  auto apply = [&](uint64_t bytes, const char *source) {
    if (bytes < limit.bytes)
      limit = {bytes, source};
  };
  long pages = sysconf(_SC_PHYS_PAGES), pageBytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && pageBytes > 0)
    apply(static_cast<uint64_t>(pages) * static_cast<uint64_t>(pageBytes),
          "physical memory");
  for (auto [resource, source] :
       {std::pair(RLIMIT_AS, "address space (ulimit -v)"),
        std::pair(RLIMIT_DATA, "data (ulimit -d)")}) {
    rlimit bytes;
    if (getrlimit(resource, &bytes) == 0 && bytes.rlim_cur != RLIM_INFINITY)
      apply(bytes.rlim_cur, source);
  }
  // In a container the process sees its own group at the root of the hierarchy.
  for (const char *path : {"/sys/fs/cgroup/memory.max",
                           "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (std::optional<uint64_t> bytes = readNumber(path))
      apply(*bytes, "memory in this control group");
  return limit;
}

Error mfa::checkMemory(const Twine &what, uint64_t bytes) {
  MemoryLimit limit = getMemoryLimit();
  if (bytes <= limit.bytes)
    return Error::success();
  return createStringError(what + " takes " + Twine(bytes) +
                           " bytes, but there are " + Twine(limit.bytes) +
                           " bytes of " + limit.source);
}

void *mfa::allocateOrReport(size_t bytes, void (*report)(const char *)) {
  // Reading the limits takes longer than allocating does.
  static const MemoryLimit limit = getMemoryLimit();
  void *memory = bytes <= limit.bytes ? std::malloc(bytes) : nullptr;
  if (memory || bytes == 0)
    return memory;
  // The program may leave by a jump that destroys nothing.
  char message[160];
  std::snprintf(message, sizeof(message),
                "the program asked for %zu bytes of memory at once, but there "
                "are %llu bytes of %s",
                bytes, static_cast<unsigned long long>(limit.bytes),
                limit.source);
  report(message);
  return nullptr;
}
