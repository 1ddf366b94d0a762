//===- Problem.h - A generated problem --------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_PROBLEM_H
#define MFA_RUN_PROBLEM_H

#include "ProblemRules.h"
#include "mfa/Runtime/Reference.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace llvm::opt {
class InputArgList;
} // namespace llvm::opt

namespace mfa::run {

using runtime::ElementType;

/// What a dense mask holds; -inf stands for false in a mask of type i1.
enum class MaskFill {
  /// Normal numbers; one key in four masked where the type is i1.
  Random,
  /// 0 everywhere.
  Zero,
  /// -inf on the keys after the query's own position.
  Causal,
  /// -inf on the keys from a random length on, another for each batch.
  Padding,
  /// As Random, and one query row -inf throughout.
  RowMasked,
  /// As Random, and the first 128 keys (of few keys: half of them) -inf.
  FirstTileMasked,
  /// -inf everywhere.
  AllMasked,
  /// -10000 on half of the keys, and on all keys of one row.
  Minus1e4,
  /// The mask type's lowest finite number in the same places.
  FinfoMin,
  /// As Random, and -inf on one key in three.
  MixedInf,
  /// -1e9 in the places of Minus1e4: next to it a score has no digits left.
  Minus1e9,
  /// 1e38 and -3e38 in turn, and -3e38 on all keys of one row.
  Huge,
  /// Random, 30 times as large where the type has numbers: a row's maximum
  /// grows
  /// from tile to tile by more than weights can.
  Steep,
};

/// How the operands lie in memory.
enum class Layout {
  /// Contiguous, batch, sequence, head, dimension.
  BSHD,
  /// Query, key, value and result contiguous as batch, head, sequence,
  /// dimension, and seen as BSHD.
  BHSD,
  /// Query, key and value side by side in each row of one buffer.
  PackedQKV,
  /// One batch of keys, values and mask for all batches, and one head of the
  /// mask for all heads: strides of zero.
  BroadcastBatch,
  /// Rows padded to odd lengths.
  PaddedRows,
};

/// The operand that a NaN or an infinity is put into.
enum class DataOperand { Query, Key, Value, Mask };

/// A masked attention with its data, all that is needed to repeat a run.
struct Problem {
  std::string name;
  runtime::AttentionShape shape;
  ElementType type = ElementType::F16;
  ElementType maskType = ElementType::F16;
  /// The mask's shape as its operand has it, of rank 3 or 4.
  llvm::SmallVector<int64_t> maskShape;
  std::optional<float> scale;
  bool lse = false;
  bool dynamic = false;

  /// What the regions and the sinks of the op are.
  llvm::SmallVector<KeepTerm> keep;
  llvm::SmallVector<ScoreTerm> score;
  bool sinks = false;

  uint64_t seed = 0;
  MaskFill maskFill = MaskFill::Random;
  /// The byte that stands for true in a mask of type i1; 0 for any but 0.
  uint8_t maskTrue = 1;
  std::optional<DataOperand> nan, inf;
  /// What normal numbers are multiplied by; finite ones stay finite.
  float queryFactor = 1.0f, keyFactor = 1.0f, valueFactor = 1.0f;
  Layout layout = Layout::BSHD;
  /// Elements between an aligned address and each operand.
  int64_t offset = 0;

  /// The given scale or 1/sqrt(D).
  float getScale() const;

  /// The problem as options of mfa-run that differ from the defaults.
  std::string getCommandLine() const;
};

/// Reads the problem that the options describe and checks it: a message that
/// names the option, what it allows and what it got.
llvm::Expected<Problem> parseProblem(const llvm::opt::InputArgList &args);

} // namespace mfa::run

#endif // MFA_RUN_PROBLEM_H
