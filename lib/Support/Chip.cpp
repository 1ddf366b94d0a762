//===- Chip.cpp - What the lowering knows of a GPU ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Support/Chip.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

static constexpr int64_t kKiB = 1024;

static constexpr mfa::Chip kChips[] = {
    {"sm_80", 163 * kKiB, "+ptx80", 108},
    {"sm_86", 99 * kKiB, "+ptx80", 84},
    {"sm_87", 163 * kKiB, "+ptx80", 16},
    {"sm_89", 99 * kKiB, "+ptx80", 142},
    {"sm_90", 227 * kKiB, "+ptx80", 132},
    {"sm_90a", 227 * kKiB, "+ptx80", 132, /*hasWgmma=*/true},
    {"sm_100", 227 * kKiB, "+ptx86", 148},
    {"sm_100a", 227 * kKiB, "+ptx86", 148},
    {"sm_103", 227 * kKiB, "+ptx88", 148},
    {"sm_103a", 227 * kKiB, "+ptx88", 148},
    {"sm_120", 99 * kKiB, "+ptx87", 188},
    {"sm_120a", 99 * kKiB, "+ptx87", 188},
    {"sm_121", 99 * kKiB, "+ptx88", 48},
    {"sm_121a", 99 * kKiB, "+ptx88", 48},
};

std::optional<mfa::Chip> mfa::lookupChip(llvm::StringRef name) {
  const Chip *chip = llvm::find_if(
      kChips, [&](const Chip &chip) { return chip.name == name; });
  if (chip == std::end(kChips))
    return std::nullopt;
  return *chip;
}

std::string mfa::getChipNames() {
  return llvm::join(
      llvm::map_range(kChips, [](const Chip &chip) { return chip.name; }),
      ", ");
}
