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
// A persistent block takes one tile of query rows after another, and the rings
// just go on. What comes first for the next rows is loaded while these are
// still computed, but for their query, which waits until its place is free:
// when all consumers have their last scores.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_TILERINGS_H
#define MFA_LIB_CONVERSION_MFATOGPU_TILERINGS_H

#include "Barriers.h"
#include "KernelProblem.h"
#include "RowSchedule.h"
#include "SharedBuffers.h"
#include "Warpgroups.h"

namespace mlir::mfa {

class TileRings {
public:
  /// Tiles of one operand in shared memory. Null by default.
  struct Ring {
    /// What they are copied by: the array, its tensor map, and how much of it
    /// that takes at once.
    struct Source {
      Value array, map;
      TensorBox box;
    };
    Source source;
    Barriers full, empty;
    SharedBuffer buffer;

    explicit operator bool() const { return bool(buffer); }
  };

  /// Writes the rings of all operands.
  TileRings(const KernelProblem &problem, const BlockMemory &memory,
            const Warpgroups &warpgroups);

  /// Their barriers, and those that `initOthers` writes for one thread, are
  /// there for all threads after `initialize`.
  void initialize(function_ref<void()> initOthers);

  //===--- For one thread of the producers --------------------------------===//

  void produceQuery(const Round &round, const RowTile &rows);
  /// The tile of a step, which begins at `firstKey`.
  void produce(const Ring &ring, const RowTile &rows, Value firstKey,
               Value step);
  /// No tile in a step that does not need one.
  void skip(const Ring &ring, Value step);

  //===--- For all consumers ----------------------------------------------===//

  void waitForQuery(const Round &round);
  Value getQuery(const Round &round);
  /// Waits until the tile of a step is there; null rings have none to wait for,
  /// nor one to release.
  void wait(const Ring &ring, Value step);
  /// The tile of a step, and that tile when it is there.
  Value getTile(const Ring &ring, Value step);
  Value consume(const Ring &ring, Value step);
  /// This warp is done with reading it.
  void release(const Ring &ring, Value step);
  void releaseQuery(const Round &round);
  /// Where a ring keeps its tile of a step.
  Value stageOf(Value step) { return placeOf(step).stage; }

  /// The query has a tile for each round.
  Ring query, key, value, mask;

private:
  using Place = Barriers::Place;
  Place placeOf(Value step);
  Place placeOfQuery(const Round &round);

  /// Of one that is filled but once, nobody says that it is empty.
  Ring createRing(const SharedMatrix &matrix, const Ring::Source &source,
                  bool isRefilled = true);
  void initRing(const Ring &ring);
  /// Where a map has the element at `first` of its array: dimensions of stride
  /// 0, in which all indices are one, have but that one in the map.
  SmallVector<Value> coordinatesOf(const Ring::Source &source,
                                   ArrayRef<OpFoldResult> first);
  /// `first` are the indices in the array, with those of the last dimension
  /// growing from panel to panel.
  void loadTile(const Ring &ring, ArrayRef<OpFoldResult> first, Value stage);

  const KernelProblem &problem;
  KernelBuilder &b;
  const BlockMemory &memory;
  const Warpgroups &warpgroups;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_TILERINGS_H
