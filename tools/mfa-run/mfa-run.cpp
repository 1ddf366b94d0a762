//===- mfa-run.cpp - The JIT runner ---------------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "Options.h"
#include "RunProblem.h"
#include "RunProgram.h"
#include "Tiles.h"
#include "Tool.h"
#include "mfa/Execution/Stages.h"
#include "mfa/Runtime/CPURuntime.h"
#include "mfa/Runtime/Sim/Sim.h"
#include "mfa/Support/Files.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace mfa::run;

/// Counts tiles and runs nothing.
static Expected<bool> reportTiles(mlir::MLIRContext &context,
                                  const Options &options) {
  Expected<TileCounts> tiles = countTiles(context, options, options.problem);
  if (!tiles)
    return tiles.takeError();
  Report report;
  report.target = options.target;
  report.chip = tiles->chip;
  report.problem = &options.problem;
  report.tiles = *tiles;
  outs() << "problem: " << options.problem.getCommandLine() << "\n";
  printReport(report, options.timing, outs());
  if (!options.json.empty())
    if (Error error = writeJSON(options.json, report))
      return std::move(error);
  return true;
}

/// Runs what the command line asks for; true if every check passed.
static Expected<bool> runCommandLine(ArrayRef<const char *> args) {
  Expected<Options> options = parseCommandLine(args);
  if (!options)
    return options.takeError();
  if (options->help) {
    printHelp(outs());
    return true;
  }
  // What is only printed needs no machine: any target on whose way it is.
  bool isOpen = options->target.empty() && !options->emit.empty();
  Expected<const Target *> target =
      isOpen         ? findTargetOfStage(options->emit, !options->chip.empty())
      : options->run ? findTarget(options->target)
                     : &getTileCountTarget();
  if (!target)
    return target.takeError();
  if (!options->chip.empty() && !(*target)->hasChip)
    return makeError("--chip: target '", (*target)->name,
                     "' compiles for no chip");

  if (options->reference && (*target)->name != "cpu")
    return makeError("--reference: target '", (*target)->name,
                     "' has no lowering through linalg");
  if (options->threads > 0) {
    if ((*target)->name == "cuda")
      return makeError("--threads: target 'cuda' runs on a GPU");
    mfa::runtime::setNumThreads(options->threads);
  }
  if (!options->simReport.empty() && (*target)->name != "sim")
    return makeError("--sim-report: target '", (*target)->name,
                     "' does not simulate");
  mfaSimEnableReport(!options->simReport.empty());

  mlir::DialectRegistry registry;
  mfa::exec::registerDialects(registry);
  mlir::MLIRContext context(registry);
  // Messages name what is wrong; the op itself is pages long by then.
  context.printOpOnDiagnostic(false);
  SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  // A program of a user is shown with its source, a generated one would be
  // repeated in full; hundreds of them say enough with their errors.
  context.printOpOnDiagnostic(false);
  mlir::ScopedDiagnosticHandler errorsOnly(
      &context, [&](mlir::Diagnostic &diagnostic) {
        bool isRemark =
            diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark;
        return mlir::success(isRemark && !options->problems.empty());
      });
  bool isProgram = !options->program.empty();

  if (!options->emit.empty()) {
    if (Error error = checkStage(options->emit, **target))
      return std::move(error);
    if (Error error = isProgram ? emitProgram(context, *options, **target)
                                : emitProblem(context, *options, **target))
      return std::move(error);
    return true;
  }

  if (!options->run)
    return reportTiles(context, *options);
  Expected<std::unique_ptr<Device>> device = (*target)->open();
  if (!device)
    return device.takeError();
  outs() << "target: " << (*target)->name << ", " << (*device)->getDescription()
         << "\n";
  outs().flush();
  if (!options->problems.empty())
    return runTable(context, *options, **target, **device);
  Expected<Report> report =
      isProgram
          ? runProgram(context, *options, **target, **device)
          : runProblem(context, *options, options->problem, **target, **device);
  if (!report)
    return report.takeError();
  if (options->tiles) {
    Expected<TileCounts> tiles =
        countTiles(context, *options, options->problem);
    if (!tiles)
      return tiles.takeError();
    report->tiles = *tiles;
  }
  if (!isProgram)
    outs() << "problem: " << options->problem.getCommandLine() << "\n";
  printReport(*report, options->timing, outs());
  if (!options->simReport.empty())
    outs() << mfa::sim::getReport(options->simReport == "json");
  if (!options->json.empty())
    if (Error error = writeJSON(options->json, *report))
      return std::move(error);
  return !report->check || report->check->pass;
}

int mfa::run::runTool(ArrayRef<const char *> args) {
  Expected<bool> passed = runCommandLine(args);
  Error lost = mfa::finishStandardOutput();
  if (!passed) {
    WithColor::error(errs(), "mfa-run") << toString(passed.takeError()) << "\n";
    consumeError(std::move(lost));
    return 1;
  }
  if (lost) {
    WithColor::error(errs(), "mfa-run") << toString(std::move(lost)) << "\n";
    return 1;
  }
  return *passed ? 0 : 1;
}
