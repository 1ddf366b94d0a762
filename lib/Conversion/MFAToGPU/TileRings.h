//===- TileRings.h - Tiles that tensor maps bring ---------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Key, value and mask tiles go through rings of stages in shared memory, each
// with a barrier that says it is full (its bytes arrived) and one that says it
// is empty (every consumer warp read it). A thread for each ring, and one for
// the query, starts its loads.
//
// The last tile of keys comes first, so that only the first step knows of keys
// past the end; then the others, from the first on. With a causal mask, and
// with padding on either side, all rows know a key after two steps.
//
// A persistent block takes one tile of query rows after another, and the rings
// just go on. What comes first for the next rows is loaded while these are
// still computed, but for their query, which waits until its place is free:
// when all consumers have their last scores, or, where the output takes that
// place, when it was stored.
//
// Blocks of a cluster have the same keys and values. Each loads its part of
// the tile to the same place in all of them, when no warp of any block reads
// what was there before:
//
//   block 0, barriers                      block 1, barriers
//   empty: warps of both                   empty: warps of both
//   first half of the tile -> both         second half of the tile -> both
//   full: both halves have arrived         full: both halves have arrived
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_TILERINGS_H
#define MFA_LIB_CONVERSION_MFATOGPU_TILERINGS_H

#include "AttentionBuilder.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <functional>

namespace mlir::mfa {

constexpr int64_t kWarpgroupSize = 128;
constexpr int64_t kWarpgroupRows = 64;

/// A kernel of producers and consumers, but for what the consumers compute.
class TileRings : public AttentionBuilder {
public:
  TileRings(OpBuilder &builder, MaskedAttentionOp op,
            const KernelOperands &operands)
      : AttentionBuilder(builder, op, operands),
        numConsumers(schedule.getWarps() * kWarpSize / kWarpgroupSize) {}

protected:
  /// What tiles of an operand are copied by: the array, its tensor map, and how
  /// much of it that takes at once.
  struct Source {
    Value array, map;
    TensorBox box;
  };
  /// Tiles of one operand in shared memory.
  struct Ring {
    Source source;
    Value full, empty, buffer;
    const SharedMatrix *matrix = nullptr;
    /// Blocks of the cluster have the same tile, and each loads a part of it.
    bool isOfCluster = false;
  };
  /// Where a ring keeps its tile of a step.
  struct Place {
    Value stage, parity;
  };

  //===--- Tiles of query rows --------------------------------------------===//

  /// `body` for each tile of query rows that the block has: one, or, of a
  /// persistent block, those from its own number in steps of the grid.
  void forEachRowTile(function_ref<void()> body);

  //===--- Steps of the loop over keys ------------------------------------===//

  Value stepAfter(Value step) {
    return arith::AddIOp::create(b, step, b.i32(1));
  }
  Value stepBefore(Value step) {
    return arith::SubIOp::create(b, step, b.i32(1));
  }
  /// A loop from a step to the last one of these rows.
  scf::ForOp forEachStep(Value first, ValueRange state = {});
  Value firstKeyOf(Value step);

  //===--- Barriers -------------------------------------------------------===//

  Value createBarriers(int64_t count);
  void initBarriers(Value barriers, int64_t count, int64_t arrivals);
  /// Of a step with the rows at hand, and of their query tile.
  Place placeOf(Value step);
  Place placeOfQuery();
  void wait(Value barriers, Place place);
  /// Waits for the phase before: of a fresh barrier it counts as over.
  void waitForPrevious(Value barriers, Place place);
  /// The lanes of this warp are done with what a barrier guards, or with what
  /// those at its place in all blocks of the cluster do.
  void arriveAsWarp(Value barriers, Value stage, bool inCluster = false);

  //===--- Rings ----------------------------------------------------------===//

  /// The rings of all operands. Their barriers are there for all threads after
  /// `initRings`, and no block of the cluster may end before
  /// `waitForCluster`.
  void createRings();
  void initRings();
  void waitForCluster();
  /// Of one that is filled but once, nobody says that it is empty.
  Ring createRing(const SharedMatrix &matrix, const Source &source,
                  bool isRefilled = true);
  void initRing(const Ring &ring, int64_t emptyArrivals);
  /// Where a map has the element at `first` of its array: dimensions of stride
  /// 0, in which all indices are one, have but that one in the map.
  SmallVector<Value> coordinatesOf(const Source &source,
                                   ArrayRef<OpFoldResult> first);
  /// `first` are the indices in the array, with those of the last dimension
  /// growing from panel to panel.
  void loadTile(const Ring &ring, ArrayRef<OpFoldResult> first, Value stage);
  void produce(const Ring &ring, Value step, ArrayRef<OpFoldResult> first);
  /// The tile of a step, and that tile when it is there.
  Value tileOf(const Ring &ring, Value step);
  Value consume(const Ring &ring, Value step);
  /// Done with reading it.
  void release(const Ring &ring, Value step);
  Value tilePanel(Value buffer, const SharedMatrix &matrix, Value stage,
                  int64_t panel);

  //===--- The producers --------------------------------------------------===//

  /// The tile of a step, and those from a step to the last of these rows.
  void produceTile(const Ring &ring, Value step);
  void produceTiles(const Ring &ring);
  void produceQuery();
  void runProducers();

  /// Consumer warpgroups.
  int64_t numConsumers;
  Value thread;
  // The tile of query rows at hand, and its steps among all of the block's: in
  // 32 bits, as they live through the loop over keys.
  Value rowTileNumber, firstStep, endStep;
  // Of a persistent block, else null: whether an odd number of tiles of rows
  // came before, and, asked where it is needed, whether none comes after.
  Value isOddRound;
  std::function<Value()> isLastRound;
  /// The query is one of a single stage: its tile of a round.
  Ring query, key, value, mask;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_TILERINGS_H
