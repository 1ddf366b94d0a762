//===- TileRegisters.h - The system and tile registers -------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_SUPPORT_TILEREGISTERS_H
#define MFA_SUPPORT_TILEREGISTERS_H

#include <string>

namespace mlir::mfa {

/// Asks the system, once, to let all threads of this process use the tile
/// registers of AMX, whose 8 KiB it has to keep for each: what it says against
/// it as a sentence for the user, or nothing.
const std::string &requestTileRegisters();

} // namespace mlir::mfa

#endif // MFA_SUPPORT_TILEREGISTERS_H
