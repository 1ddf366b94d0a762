//===- Chip.h - What the lowering knows of a GPU ----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_SUPPORT_CHIP_H
#define MFA_SUPPORT_CHIP_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace mlir::mfa {

/// A GPU architecture that kernels can be compiled for.
struct Chip {
  /// As LLVM and ptxas spell it, such as `sm_80` or `sm_90a`.
  llvm::StringRef name;
  /// Dynamic shared memory of a block, in bytes (CUDA C++ Programming Guide,
  /// "Technical specifications per compute capability").
  int64_t maxSharedBytes;
  /// The oldest PTX that knows the architecture, as an LLVM target feature.
  llvm::StringRef ptxFeature;
  /// Of the largest GPU of the architecture; where a program runs there may be
  /// fewer.
  int64_t multiprocessors;
  /// Whether it has the matrix products of warpgroups.
  bool hasWgmma = false;
};

/// The chip called `name`, or none where it is not known.
std::optional<Chip> lookupChip(llvm::StringRef name);

/// The names that `lookupChip` knows, for diagnostics: "sm_80, sm_86, ...".
std::string getChipNames();

} // namespace mlir::mfa

#endif // MFA_SUPPORT_CHIP_H
