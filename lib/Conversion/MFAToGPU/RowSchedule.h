//===- RowSchedule.h - Which query rows a block takes -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Tiles of query rows are numbered through adjacent heads, then all rows, then
// the other heads, then the batch. Block x of the grid has tile x; a persistent
// block goes on from there, each tile a round: in steps of the grid, or with
// what a counter gives it (RowCounter.h). Where rows further on visit more
// keys, as with a causal rule, the last rows come first: those that take
// longest are not left to the end. With the list of a rule rows further on may
// be as short as any, so that the last of some heads are no short ones; there a
// counter leaves the first quarter of the rows of all heads to the end, which
// have no more than a quarter of the keys (not of a mask's list, whose first
// rows may have all keys). Heads of all batches are one list then:
//
//   4 tiles a head, 4 heads, runs of 2: head and tile
//     0 3  1 3  0 2  1 2  0 1  1 1 | 2 3  3 3  2 2  3 2  2 1  3 1
//     | 0 0  1 0  2 0  3 0
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_ROWSCHEDULE_H
#define MFA_LIB_CONVERSION_MFATOGPU_ROWSCHEDULE_H

#include "KernelProblem.h"
#include <functional>

namespace mlir::mfa {

class TileSequence;

/// Which of the tiles of query rows: its number, and where that is, if somebody
/// has found that out already: the batch and head, and how many tiles of the
/// head are in front of it. All in 32 bits, the place null if it is not known.
struct RowNumber {
  Value number, batch, head, row;

  bool hasPlace() const { return bool(batch); }
  /// The number, and the place if it is known; and back.
  SmallVector<Value> toValues() const;
  static RowNumber fromValues(ValueRange values);
};

/// One of the tiles of query rows that a block takes one after another, and its
/// steps over keys. Steps are numbered on from round to round, as what is
/// handed from warp to warp at each step goes on, too.
struct Round {
  /// Of the tile of rows.
  RowNumber number;
  Value firstStep, endStep;
  // Of a persistent block, else null: how many rounds came before, in 32 bits,
  // and, asked where it is needed, whether none comes after.
  Value index;
  std::function<Value()> isLast;
};

/// What is done with the rounds of a persistent block, where the end of one and
/// the start of the next are one thing: first `start` for the first of them,
/// and then `run` for each, with `change` in between and `end` behind the last.
/// What `start` and `change` return goes to `run`, and what that returns,
/// values of `stateTypes`, to `change` and `end`. In `change` and `end` a round
/// that is done has its end, in `start` and `change` one that comes has none
/// yet.
struct RoundPipeline {
  SmallVector<Type> stateTypes;
  function_ref<SmallVector<Value>(const Round &round)> start;
  function_ref<SmallVector<Value>(const Round &round, ValueRange started)> run;
  function_ref<SmallVector<Value>(const Round &done, ValueRange state,
                                  const Round &next)>
      change;
  function_ref<void(const Round &done, ValueRange state)> end;
};

class RowSchedule {
public:
  /// Writes what all of the block's threads share.
  explicit RowSchedule(const KernelProblem &problem);

  /// Whether tiles that a counter gives come with their places: not where a
  /// mask or a list leaves no registers to keep them through the loop over
  /// keys.
  bool hasPlaces() const;
  /// How many values a RowNumber of those has.
  int64_t countRowValues() const { return hasPlaces() ? 4 : 1; }
  /// The tile after that of a round, with its place if `hasPlaces`.
  using GetNext = std::function<RowNumber(const Round &)>;
  /// `body` for each round of the block. Without `getNext` the next tile is one
  /// grid further on; else it is asked once a round.
  void forEachRound(TileSequence &sequence,
                    function_ref<void(const Round &)> body,
                    const GetNext &getNext = {}) const;
  /// Of a persistent block.
  void pipelineRounds(TileSequence &sequence, const RoundPipeline &pipeline,
                      const GetNext &getNext = {}) const;
  /// The tile with that number in 32 bits, by divisions. One past the last,
  /// which a counter may give, has the place of that.
  RowNumber find(Value number) const;
  /// How many tiles there are, in 32 bits.
  Value countTiles() const;
  /// The rows with that number. Not part of a round, so that kernels may ask
  /// where they need it: what is known ahead of a loop over keys lives through
  /// it.
  RowTile locate(const RowNumber &number) const;

private:
  /// The block's number in 32 bits.
  Value getBlock() const;
  /// The first tile of the block, with its place where others come with theirs.
  RowNumber getFirst(const GetNext &getNext) const;
  /// Whether rows have a list of few keys. That of a mask may have all.
  bool isOfListedRule() const;
  /// How many heads are in a run at most, in 32 bits: those of the schedule,
  /// or, where a counter has blocks come to the same keys at other times, as
  /// many as have 16 MiB of keys and values, a third of the L2 cache of a GPU
  /// for wgmma. With a list rows read parts of the keys only, or what the
  /// schedule says takes that into account: what sizes give would take
  /// registers that the kernel of a mask's list does not have.
  Value countAdjacentHeads() const;

  /// Products, quotients and rests in 32 bits, which count all tiles that any
  /// memory holds: of sizes that are not known, a division in 64 takes a
  /// hundred instructions. A quotient is less than `limit`, if given.
  Value multiply(Value lhs, Value rhs) const;
  std::pair<Value, Value> divide(Value value, Value by,
                                 Value limit = Value()) const;
  /// `find` of a number that is not past the last, and that where the first
  /// rows of all heads come last.
  RowNumber findInGrid(Value number) const;
  RowNumber findFirstRowsLast(Value number) const;
  /// One grid further on.
  RowNumber addGrid(const RowNumber &number) const;

  const KernelProblem &problem;
  KernelBuilder &b;
  /// How many tiles of rows a head has.
  Value tilesOfHead;
  /// Null if heads have no runs.
  Value adjacentHeads;
  bool isReversed;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_ROWSCHEDULE_H
