//===- Options.cpp - Command line of mfa-run ------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "mfa/Support/Chip.h"
#include "mfa/Support/Files.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/StringSaver.h"

using namespace llvm;
using namespace llvm::opt;
using namespace mfa;
using namespace mfa::run;

#define OPTTABLE_STR_TABLE_CODE
#include "Options.inc"
#undef OPTTABLE_STR_TABLE_CODE

#define OPTTABLE_PREFIXES_TABLE_CODE
#include "Options.inc"
#undef OPTTABLE_PREFIXES_TABLE_CODE

static constexpr opt::OptTable::Info kOptions[] = {
#define OPTION(...) LLVM_CONSTRUCT_OPT_INFO(__VA_ARGS__),
#include "Options.inc"
#undef OPTION
};

namespace {
struct OptionTable : opt::GenericOptTable {
  OptionTable()
      : GenericOptTable(OptionStrTable, OptionPrefixesTable, kOptions) {}
};
} // namespace

static const OptionTable &getOptionTable() {
  static const OptionTable table;
  return table;
}

void mfa::run::printHelp(raw_ostream &os) {
  getOptionTable().printHelp(
      os,
      "mfa-run [options]\n"
      "       mfa-run program.mlir --entry NAME --arg FILE... --out FILE... "
      "[options]",
      "Runs masked attention: a generated problem, a table of them, or a "
      "program with arrays from files");
}

/// Name of an option without the '=' of its joined form.
static StringRef getOptionName(const opt::Arg *arg) {
  return arg->getSpelling().rtrim('=');
}

/// Splits the arguments into options, all of them known and with a value where
/// they take one.
static Expected<opt::InputArgList> parseArguments(ArrayRef<const char *> args) {
  unsigned missingIndex, missingCount;
  opt::InputArgList list =
      getOptionTable().ParseArgs(args, missingIndex, missingCount);
  if (missingCount != 0)
    return makeError("option '", list.getArgString(missingIndex),
                     "' expects a value");
  for (const opt::Arg *arg : list.filtered(OPT_UNKNOWN)) {
    std::string spelling = arg->getAsString(list), nearest;
    if (getOptionTable().findNearest(spelling, nearest) <= 2)
      return makeError("unknown option '", spelling, "'; did you mean '",
                       StringRef(nearest).rtrim('='), "'?");
    return makeError("unknown option '", spelling, "'; see mfa-run --help");
  }
  for (const opt::Arg *arg : list)
    if (arg->getNumValues() == 1 && StringRef(arg->getValue()).empty() &&
        !arg->getOption().matches(OPT_INPUT))
      return makeError("option '", getOptionName(arg), "' expects a value");
  // LLVM's parser skips it.
  if (is_contained(args, StringRef()))
    return makeError("expected the name of a program but got ''");
  return list;
}

Expected<int64_t> mfa::run::getInteger(const opt::InputArgList &args,
                                       OptionID id, int64_t defaultValue,
                                       int64_t min, int64_t max) {
  const opt::Arg *arg = args.getLastArg(id);
  if (!arg)
    return defaultValue;
  int64_t value;
  StringRef text = arg->getValue();
  if (text.getAsInteger(10, value) || value < min || value > max)
    return makeError(getOptionName(arg), ": expected an integer from ", min,
                     " to ", max, " but got '", text, "'");
  return value;
}

Error mfa::run::makeChoiceError(StringRef option, ArrayRef<StringRef> choices,
                                StringRef text) {
  std::string list = join(choices.drop_back(), ", ");
  return makeError(option, ": expected ", list, list.empty() ? "" : " or ",
                   choices.back(), " but got '", text, "'");
}

/// The first option among `ids` (or in those groups), null if there is none.
static const opt::Arg *findAny(const opt::InputArgList &args,
                               ArrayRef<OptionID> ids) {
  for (const opt::Arg *arg : args)
    if (any_of(ids, [&](OptionID id) { return arg->getOption().matches(id); }))
      return arg;
  return nullptr;
}

/// Finds an output that cannot be written, or that would overwrite another file
/// of the command line, before any work is done for it.
static Error checkOutputs(const Options &options) {
  struct NamedFile {
    StringRef name, path;
  };
  SmallVector<NamedFile> others;
  if (!options.program.empty())
    others.push_back({"the program", options.program});
  if (!options.problems.empty())
    others.push_back({"--problems", options.problems});
  if (!options.schedules.empty())
    others.push_back({"--schedules", options.schedules});
  for (const std::string &path : options.args)
    others.push_back({"--arg", path});
  SmallVector<NamedFile> outputs;
  for (const std::string &path : options.outs)
    outputs.push_back({"--out", path});
  if (!options.json.empty())
    outputs.push_back({"--json", options.json});

  for (NamedFile output : outputs) {
    if (output.name == "--out" && isStandardOutput(output.path))
      return makeError("--out: expected a file but got '", output.path,
                       "', standard output, which has the report");
    if (Error error = OutputFile::check(output.path))
      return makeError(output.name, ": ", toString(std::move(error)));
    for (NamedFile other : others)
      if (isSameFile(output.path, other.path))
        return makeError(output.name, ": expected a file of its own but got '",
                         output.path, "', which is that of ", other.name);
    others.push_back(output);
  }
  return Error::success();
}

/// Options that exclude each other or need another one.
static Error checkCombination(const opt::InputArgList &args,
                              const Options &options) {
  const opt::Arg *problem = findAny(args, {OPT_problem_group, OPT_data_group});
  const opt::Arg *program = findAny(args, {OPT_program_group});
  if (options.program.empty() && program)
    return makeError("option '", getOptionName(program), "' needs a program");
  if (!options.program.empty() && problem)
    return makeError("option '", getOptionName(problem),
                     "' describes a generated problem; it does not go with a "
                     "program");
  if (!options.program.empty())
    if (const opt::Arg *arg =
            findAny(args, {OPT_check, OPT_repeat, OPT_problems, OPT_schedule,
                           OPT_tiles}))
      return makeError("option '", getOptionName(arg),
                       "' is for generated problems; it does not go with a "
                       "program");
  if (!options.problems.empty()) {
    if (problem)
      return makeError("option '", getOptionName(problem),
                       "' does not go with --problems, whose table describes "
                       "the problems");
    if (const opt::Arg *arg = findAny(args, {OPT_emit, OPT_json, OPT_tiles}))
      return makeError("option '", getOptionName(arg),
                       "' does not go with --problems");
  }
  if (args.hasArg(OPT_bench_lock) && !options.bench)
    return makeError("option '--bench-lock' goes with --bench");
  if (!options.emit.empty())
    if (const opt::Arg *arg =
            findAny(args, {OPT_check, OPT_bench, OPT_repeat, OPT_json, OPT_arg,
                           OPT_out, OPT_tiles, OPT_timing}))
      return makeError("option '", getOptionName(arg),
                       "' does not go with --emit, which runs nothing");
  return Error::success();
}

Expected<Options> mfa::run::parseCommandLine(ArrayRef<const char *> argv) {
  Expected<opt::InputArgList> args = parseArguments(argv);
  if (!args)
    return args.takeError();
  Options options;
  options.help = args->hasArg(OPT_help);
  if (options.help)
    return options;

  std::vector<std::string> inputs = args->getAllArgValues(OPT_INPUT);
  if (inputs.size() > 1)
    return makeError("expected one program but got '", inputs[0], "' and '",
                     inputs[1], "'");
  if (!inputs.empty())
    options.program = inputs[0];
  options.entry = args->getLastArgValue(OPT_entry).str();
  options.raise = args->getLastArgValue(OPT_raise).str();
  if (args->hasArg(OPT_raise) &&
      !is_contained({"exact", "zero", "ignored"}, options.raise))
    return makeChoiceError("--raise", {"exact", "zero", "ignored"},
                           options.raise);
  options.args = args->getAllArgValues(OPT_arg);
  options.outs = args->getAllArgValues(OPT_out);
  options.problems = args->getLastArgValue(OPT_problems).str();
  options.target = args->getLastArgValue(OPT_target).str();
  options.chip = args->getLastArgValue(OPT_chip).str();
  options.schedule = args->getLastArgValue(OPT_schedule).str();
  options.schedules = args->getLastArgValue(OPT_schedules).str();
  options.f32Product = args->getLastArgValue(OPT_f32_product, "tf32x3").str();
  options.emit = args->getLastArgValue(OPT_emit).str();
  options.json = args->getLastArgValue(OPT_json).str();
  options.simReport = args->getLastArgValue(OPT_sim_report).str();
  if (args->hasArg(OPT_sim_report) && options.simReport != "table" &&
      options.simReport != "json")
    return makeChoiceError("--sim-report", {"table", "json"},
                           options.simReport);
  options.check = args->hasArg(OPT_check);
  options.bench = args->hasArg(OPT_bench);
  options.benchLock = args->getLastArgValue(OPT_bench_lock).str();
  options.timing = args->hasArg(OPT_timing);
  options.tiles = args->hasArg(OPT_tiles);
  options.run = !options.tiles || options.check || options.bench ||
                args->hasArg(OPT_repeat);
  options.tileLists = args->getLastArgValue(OPT_tile_lists, "rules").str();
  Expected<int64_t> repeat = getInteger(*args, OPT_repeat, 1, 1);
  if (!repeat)
    return repeat.takeError();
  options.repeat = *repeat;
  options.reference = args->hasArg(OPT_reference);
  if (args->hasArg(OPT_threads)) {
    Expected<int64_t> threads = getInteger(*args, OPT_threads, 1, 1, 1024);
    if (!threads)
      return threads.takeError();
    options.threads = *threads;
  }
  if (!options.chip.empty() && !mlir::mfa::lookupChip(options.chip))
    return makeError("--chip: expected one of ", mlir::mfa::getChipNames(),
                     " but got '", options.chip, "'");
  if (options.f32Product != "tf32x3" && options.f32Product != "tf32")
    return makeChoiceError("--f32-product", {"tf32x3", "tf32"},
                           options.f32Product);

  if (!is_contained({"rules", "auto", "always", "never"}, options.tileLists))
    return makeChoiceError("--tile-lists", {"rules", "auto", "always", "never"},
                           options.tileLists);

  if (Error error = checkCombination(*args, options))
    return error;
  if (Error error = checkOutputs(options))
    return error;
  if (options.program.empty() && options.problems.empty()) {
    Expected<Problem> problem = parseProblem(*args);
    if (!problem)
      return problem.takeError();
    options.problem = *problem;
  }
  return options;
}

Expected<Problem> mfa::run::parseProblemLine(StringRef line) {
  BumpPtrAllocator allocator;
  StringSaver saver(allocator);
  SmallVector<const char *> argv;
  cl::TokenizeGNUCommandLine(line, saver, argv);
  Expected<opt::InputArgList> args = parseArguments(argv);
  if (!args)
    return args.takeError();
  for (const opt::Arg *arg : *args)
    if (!arg->getOption().matches(OPT_problem_group) &&
        !arg->getOption().matches(OPT_data_group))
      return makeError("expected options of a problem but got '",
                       arg->getAsString(*args), "'");
  return parseProblem(*args);
}
