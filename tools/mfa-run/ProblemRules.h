//===- ProblemRules.h - Rules and scores of a problem -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The regions of a problem, three times: as options, as IR, and as plain
// functions for the reference, which share nothing with the IR but the arrays.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_PROBLEMRULES_H
#define MFA_RUN_PROBLEMRULES_H

#include "mfa/Runtime/Reference.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <variant>

namespace mlir {
class ValueRange;
namespace mfa {
class MaskedAttentionOp;
} // namespace mfa
} // namespace mlir

namespace mfa::run {

struct Problem;

/// One of the conditions that `--keep` joins; ProblemRules.cpp has them all.
struct KeepForm;
struct KeepTerm {
  const KeepForm *form;
  int64_t number = 0;
};

/// One of the functions that `--score` applies, in order.
struct ScoreForm;
struct ScoreTerm {
  const ScoreForm *form;
  float number = 0;
};

llvm::Expected<llvm::SmallVector<KeepTerm>> parseKeep(llvm::StringRef text);
llvm::Expected<llvm::SmallVector<ScoreTerm>> parseScore(llvm::StringRef text);

/// Prints what the functions above read.
void print(llvm::raw_ostream &os, llvm::ArrayRef<KeepTerm> terms);
void print(llvm::raw_ostream &os, llvm::ArrayRef<ScoreTerm> terms);

/// An array that a region reads.
struct RuleArray {
  runtime::ElementType type;
  llvm::SmallVector<int64_t> shape;
  std::vector<float> values;
};

/// What the program is given for its regions.
using RuleCapture = std::variant<int64_t, RuleArray>;

/// The captures of a problem, in the order of the program's parameters: arrays,
/// and of a dynamic problem the numbers.
std::vector<RuleCapture> makeCaptures(const Problem &problem);

/// One logit for each head.
std::vector<float> makeSinks(const Problem &problem);

/// Adds the regions of the problem to `op`.
void buildRegions(mlir::mfa::MaskedAttentionOp op, const Problem &problem,
                  mlir::ValueRange captures);

/// Sets `keep` and `score` of the reference.
void setRules(const Problem &problem, runtime::AttentionInputs &inputs);

} // namespace mfa::run

#endif // MFA_RUN_PROBLEMRULES_H
