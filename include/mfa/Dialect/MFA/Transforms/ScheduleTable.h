//===- ScheduleTable.h - The table of schedules -----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What was measured to be best for which ops: a text, written by
// benchmarks/tune.py, one row of which is
//
//   {"kernel": "wgmma", "elements": "16-bit", "rule": ["uneven", "list"],
//    "head_dim": 128, "schedule": {"tile_rows": 128, ...}, "measured": {...}}
//
// The first row that an op matches counts. docs/schedules.md has the format.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_SCHEDULETABLE_H
#define MFA_DIALECT_MFA_TRANSFORMS_SCHEDULETABLE_H

#include "mfa/Support/OptionCheck.h"
#include "llvm/Support/Error.h"
#include <array>
#include <memory>
#include <vector>

namespace mlir::mfa {

/// What a row may say of the ops that it is for, besides head sizes. The values
/// of each, in the order of the enumerators below, are named in
/// ScheduleTable.cpp.
enum class RowField : unsigned {
  Kernel,
  Elements,
  Queries,
  Mask,
  MaskElements,
  Rule,
  Score
};
inline constexpr unsigned kNumRowFields = 7;

namespace row {
enum Kernel : uint8_t { MmaSync, Wgmma };
enum Elements : uint8_t { Bits16, F32 };
/// Few: known, and no more than one warpgroup has.
enum Queries : uint8_t { Few, Many };
/// A mask by the dimensions that it varies over.
enum Mask : uint8_t { NoMask, Scalar, QueryVector, KeyVector, Matrix };
enum MaskElements : uint8_t { MaskI1, Mask16Bits, MaskF32 };
/// How many tiles of keys are left to tiles of rows: by a rule `keep` as many
/// to each, or other numbers to others; those of a list in memory, which the
/// rule has anywhere; or those of a list of the mask alone.
enum Rule : uint8_t { NoRule, Even, Uneven, List, MaskList };
/// What a region `score` takes of each pair: a few operations, or more, or a
/// read by position.
enum Score : uint8_t { NoScore, ShortScore, LongScore };
} // namespace row

/// One op in the fields' terms.
struct RowKey {
  row::Kernel kernel = row::MmaSync;
  row::Elements elements = row::Bits16;
  row::Queries queries = row::Many;
  row::Mask mask = row::NoMask;
  /// Of no meaning without a mask.
  row::MaskElements maskElements = row::Mask16Bits;
  row::Rule rule = row::NoRule;
  row::Score score = row::NoScore;
  /// The larger of query's and value's.
  int64_t headDim = 0;
};

/// What a row says of the schedule; see `#mfa.schedule`.
struct TableSchedule {
  int64_t tileRows = 0, tileKeys = 0, smallTileRows = 0, warps = 0, stages = 0;
  bool pingPong = false, persistent = false, rowCounter = false;
  int64_t adjacentHeads = 0;
  bool earlyTurns = false;
};

class ScheduleTable {
public:
  /// Reads a table; an error names the row and field that is wrong, or ops for
  /// which there is no row.
  static llvm::Expected<ScheduleTable> parse(StringRef text);
  /// The table that is compiled in.
  static std::shared_ptr<const ScheduleTable> getBuiltin();

  /// The schedule of the first row that matches. There is one for heads of up
  /// to 256 elements, of every kind that kernels have.
  const TableSchedule &lookup(const RowKey &key) const;

private:
  struct Row {
    /// Of each field the values that match, as bits.
    std::array<unsigned, kNumRowFields> values;
    int64_t headDim;
    TableSchedule schedule;

    bool matches(const RowKey &key) const;
  };
  class Reader;

  const Row *find(const RowKey &key) const;

  std::vector<Row> rows;
};

/// Reads the table that the option `schedules` of a pass or pipeline names, the
/// one that is compiled in where it is empty, for `table` if there is one.
LogicalResult
readScheduleTable(StringRef path, const OptionCheck &check,
                  std::shared_ptr<const ScheduleTable> *table = nullptr);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_TRANSFORMS_SCHEDULETABLE_H
