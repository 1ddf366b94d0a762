//===- TileRegisters.cpp - The system and tile registers ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Support/TileRegisters.h"

#include <cerrno>
#include <system_error>

#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

static std::string request() {
#if defined(__linux__) && defined(__x86_64__)
  // Of the kernel's <asm/prctl.h>, which may be older than the kernel.
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  if (::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0)
    return "";
  int error = errno;
#else
  int error = ENOSYS;
#endif
  return "the system keeps tile registers (AMX) from this process: " +
         std::generic_category().message(error);
}

const std::string &mlir::mfa::requestTileRegisters() {
  static const std::string refusal = request();
  return refusal;
}
