//===- Options.h - Command line of mfa-run ----------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_OPTIONS_H
#define MFA_RUN_OPTIONS_H

#include "Problem.h"
#include "llvm/Option/ArgList.h"
#include "llvm/Option/OptTable.h"
#include "llvm/Support/raw_ostream.h"
#include <limits>

namespace mfa::run {

/// Identifiers of the options, as OPT_batch.
enum OptionID : unsigned {
  OPT_INVALID = 0,
#define OPTION(...) LLVM_MAKE_OPT_ID(__VA_ARGS__),
#include "Options.inc"
#undef OPTION
};

/// All that a command line says.
struct Options {
  /// The problem, unless there is a program or a table of problems.
  Problem problem;
  /// Path of the program; empty for a generated one.
  std::string program;
  std::string entry, raise;
  std::vector<std::string> args, outs;
  /// Path of the table of problems.
  std::string problems;

  std::string target, chip, schedule, schedules, f32Product, tileLists, emit,
      json, simReport, benchLock;
  bool check = false, bench = false, timing = false, tiles = false,
       reference = false, help = false;
  /// Of the CPU; 0 where nothing is said.
  int64_t threads = 0;
  /// Whether the program is run, and not only looked at.
  bool run = true;
  int64_t repeat = 1;
};

/// Reads the command line; an error says what is wrong with it.
llvm::Expected<Options> parseCommandLine(llvm::ArrayRef<const char *> args);

/// Reads a line of a table of problems, which may hold options of a problem
/// only.
llvm::Expected<Problem> parseProblemLine(llvm::StringRef line);

void printHelp(llvm::raw_ostream &os);

/// The value of an option, an integer from `min` to `max`.
llvm::Expected<int64_t>
getInteger(const llvm::opt::InputArgList &args, OptionID id,
           int64_t defaultValue, int64_t min,
           int64_t max = std::numeric_limits<int32_t>::max());

/// One of the named values of an option.
template <typename T>
struct NamedValue {
  llvm::StringLiteral name;
  T value;
};

/// Error `--name: expected a, b or c but got 'text'`.
llvm::Error makeChoiceError(llvm::StringRef option,
                            llvm::ArrayRef<llvm::StringRef> choices,
                            llvm::StringRef text);

/// An error of printed values.
template <typename... Args>
llvm::Error makeError(const Args &...args) {
  std::string message;
  llvm::raw_string_ostream os(message);
  (os << ... << args);
  return llvm::createStringError(message);
}

} // namespace mfa::run

#endif // MFA_RUN_OPTIONS_H
