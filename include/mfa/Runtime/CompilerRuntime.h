//===- CompilerRuntime.h - What a compiler calls by itself ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Functions that LLVM's backends and MLIR's lowerings call without being told
// to, and that not every process has: conversions of 16-bit floats (those of
// bf16 are in no libgcc before GCC 13) and copies of unranked buffers.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_COMPILERRUNTIME_H
#define MFA_RUNTIME_COMPILERRUNTIME_H

#include "mfa/Runtime/EntryPoint.h"

#include <vector>

namespace mfa::runtime {

/// For a JIT's table of symbols: `__truncsfbf2`, `__truncdfbf2`,
/// `__truncsfhf2`, `__truncdfhf2`, `__extendhfsf2` and `memrefCopy`.
const std::vector<EntryPoint> &getCompilerEntryPoints();

} // namespace mfa::runtime

#endif // MFA_RUNTIME_COMPILERRUNTIME_H
