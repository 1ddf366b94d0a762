//===- TileListChoice.h - Whether a list is worth its making ----*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What `tiles = auto` is for an op with a mask and without a rule that reads
// arrays. What the mask has is not known before it is read, so the choice is by
// sizes alone: the list is made where a mask of which nothing can be skipped
// loses at most the 50th part of the kernel's time to its making.
//
//   making = launches + tiles of the list
//            + the part of the mask that is read of such a mask
//   kernel = 2 (D + Dv) B H Sq Sk / rate
//
// A mask is read to the end where it is 0 or excludes all, and that pays for
// itself; a tile that has to be visited with the mask is known after its first
// rows. Whether keys that it excludes are finite is looked up only where it
// excludes a tile.

#ifndef MFA_LIB_CONVERSION_MFATOGPU_TILELISTCHOICE_H
#define MFA_LIB_CONVERSION_MFATOGPU_TILELISTCHOICE_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa {

/// The constants of the choice, of one H200; docs/performance.md, "Lists of
/// dense masks, cheaper", says what they were measured by.
struct TileListCost {
  /// Three kernels in front of that of the attention, in ns: 8.5 us of a list
  /// of next to no tiles, and an assumed 1 us between each and the next.
  static constexpr int64_t kLaunches = 11'500;
  /// What they take for a tile, in ps: 0.8 to 1.5 ns.
  static constexpr int64_t kTile = 1500;
  /// Of the rows of a tile, which part is read before it is known that some
  /// pair is kept and some score changed: 8 of 128.
  static constexpr int64_t kPartRead = 16;
  /// Bytes of a mask that are read in a ns: between 1.7 TB/s of booleans and
  /// 2.7 TB/s of bf16 at S 8192.
  static constexpr int64_t kBytesPerNs = 2000;
  /// Operations of a kernel with a dense mask in a ns: 631 TFLOP/s at D 128 and
  /// 475 at D 64.
  static constexpr int64_t kFlopsPerNs = 600'000;
  /// What the making may take of the kernel's time is one such part.
  static constexpr int64_t kPartOfKernel = 50;
};

/// Whether the list of `op` is worth its making, by the sizes of the launch.
Value isTileListWorthIt(ImplicitLocOpBuilder &b, MaskedAttentionOp op);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_TILELISTCHOICE_H
