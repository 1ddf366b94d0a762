//===- Report.h - What a run found ------------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_REPORT_H
#define MFA_RUN_REPORT_H

#include "Check.h"
#include "llvm/Support/raw_ostream.h"

namespace mfa::run {

/// Measured time of a run.
struct BenchResult {
  double medianMilliseconds = 0.0;
  /// 10^12 operations of the two products in a second; 0 for a program, whose
  /// operations are not counted.
  double teraflops = 0.0;
  int runs = 0;
};

/// Seconds that the steps of a run took.
struct Timing {
  double lowering = 0.0;
  double jit = 0.0;
  /// From the start of the process to the first result.
  double firstResult = 0.0;
};

/// How many tiles of keys the kernel for a chip does what with.
struct TileCounts {
  std::string chip;
  int64_t skipped, free, masked, tested;
};

/// All that is said about one run.
struct Report {
  std::string target, chip;
  /// Null for a program.
  const Problem *problem = nullptr;
  /// Function of a program.
  std::string entry;
  std::optional<TileCounts> tiles;
  std::optional<CheckResult> check;
  std::optional<BenchResult> bench;
  Timing timing;
};

/// Prints the tiles, the check and the measurement, a line each.
void printReport(const Report &report, bool timing, llvm::raw_ostream &os);

/// Writes the report as JSON; `path` is either complete or untouched.
llvm::Error writeJSON(llvm::StringRef path, const Report &report);

} // namespace mfa::run

#endif // MFA_RUN_REPORT_H
