//===- CPU.h - What the lowering knows of a CPU --------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_SUPPORT_CPU_H
#define MFA_SUPPORT_CPU_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace mlir::mfa {

/// A CPU that code can be compiled for, of the architecture of this machine.
struct CPU {
  /// As LLVM spells them: `x86_64-pc-linux-gnu`, `znver4`, `+avx,-sse4a,...`.
  std::string triple, name, features;
  /// f32 elements of the widest vectors, and how many of those vectors there
  /// are.
  int64_t lanes = 4, registers = 16;
  /// Whether it multiplies pairs of bf16 and sums up in f32 (AVX512-BF16).
  bool hasBF16Products = false;
  /// Whether it does so for matrices in tile registers (AMX-BF16); where this
  /// machine does, but the system keeps them from this process, what it says.
  bool hasMatrixProducts = false;
  std::string tileRefusal;
};

/// The CPU that code is compiled for unless something else is asked for: that
/// of this machine, or the one that the environment variable MFA_CPU names,
/// whose features this machine must have. Fails where LLVM knows of no such.
llvm::Expected<CPU> getHostCPU();

/// `host`, or the CPU of that name. Fails where LLVM knows of no such.
llvm::Expected<CPU> lookupCPU(llvm::StringRef name);

} // namespace mlir::mfa

#endif // MFA_SUPPORT_CPU_H
