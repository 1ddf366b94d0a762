//===- RunProblem.cpp - Run a generated problem ---------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunProblem.h"
#include "Execution.h"
#include "Lowering.h"
#include "ProblemCall.h"
#include "ProblemProgram.h"
#include "mfa/Execution/AttentionProgram.h"
#include "mfa/Support/Files.h"
#include "mfa/Support/Memory.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/Format.h"

using namespace llvm;
using namespace mfa;
using namespace mfa::run;

//===----------------------------------------------------------------------===//
// One problem
//===----------------------------------------------------------------------===//

/// Reads `--schedule`; null without it.
static Expected<mlir::mfa::ScheduleAttr>
readSchedule(mlir::MLIRContext &context, StringRef text) {
  if (text.empty())
    return mlir::mfa::ScheduleAttr();
  if (auto schedule = mfa::exec::parseSchedule(context, text))
    return *schedule;
  return makeError("--schedule: expected an attribute #mfa.schedule<...> but "
                   "got '",
                   text, "'");
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
mfa::run::buildVerifiedProgram(mlir::MLIRContext &context,
                               const Options &options, const Problem &problem,
                               const Operands &operands) {
  Expected<mlir::mfa::ScheduleAttr> schedule =
      readSchedule(context, options.schedule);
  if (!schedule)
    return schedule.takeError();
  mlir::OwningOpRef<mlir::ModuleOp> module =
      buildProgram(context, problem, operands, *schedule);
  if (mlir::failed(mlir::verify(*module)))
    return makeError("the generated program is not valid");
  return module;
}

/// Error if anything but the elements of the results was written.
static Error checkStrayWrites(const Operands &operands,
                              ArrayRef<Buffer> buffers) {
  auto check = [&](StringRef name, const Operand &operand,
                   bool isOutput) -> Error {
    if (hasStrayWrite(operands.buffers[operand.buffer], buffers[operand.buffer],
                      isOutput ? &operand : nullptr))
      return makeError("the program wrote ",
                       isOutput ? "beside the elements of its " : "to its ",
                       name);
    return Error::success();
  };
  if (Error error = check("query", operands.query, false))
    return error;
  if (Error error = check("key", operands.key, false))
    return error;
  if (Error error = check("value", operands.value, false))
    return error;
  if (operands.mask)
    if (Error error = check("mask", *operands.mask, false))
      return error;
  if (operands.sinks)
    if (Error error = check("sinks", *operands.sinks, false))
      return error;
  for (const Operand &array : operands.capturedArrays)
    if (Error error = check("captures", array, false))
      return error;
  if (operands.lse)
    if (Error error = check("lse", *operands.lse, true))
      return error;
  return check("output", operands.output, true);
}

Expected<Report> mfa::run::runProblem(mlir::MLIRContext &context,
                                      const Options &options,
                                      const Problem &problem,
                                      const Target &target, Device &device) {
  Report report;
  report.target = target.name;
  report.problem = &problem;
  LoweringOptions lowering = getLoweringOptions(options, target);
  report.chip = lowering.chip;

  if (Error error = checkMemory(
          "the problem", getRequiredBytes(problem, layOutOperands(problem))))
    return std::move(error);
  Operands operands = makeOperands(problem);
  auto module = buildVerifiedProgram(context, options, problem, operands);
  if (!module)
    return module.takeError();
  auto program =
      compile(**module, kProblemEntry, target, lowering, device, report.timing);
  if (!program)
    return program.takeError();
  Expected<ProblemCall> call = ProblemCall::create(problem, operands, device);
  if (!call)
    return call.takeError();
  ArrayRef<void *> arguments = call->getArguments();
  if (arguments.size() != program->numParams)
    return makeError("the lowered program takes ", program->numParams,
                     " arguments, not ", arguments.size());

  std::vector<Buffer> results;
  auto runOnce = [&] { program->call(arguments); };
  for (int64_t count = 0; count < options.repeat; ++count) {
    if (Error error = call->upload())
      return std::move(error);
    if (Error error = device.run(runOnce))
      return std::move(error);
    Expected<std::vector<Buffer>> buffers = call->download();
    if (!buffers)
      return buffers.takeError();
    if (count == 0) {
      report.timing.firstResult = getSecondsSinceStart();
      results = std::move(*buffers);
      if (Error error = checkStrayWrites(operands, results))
        return std::move(error);
      continue;
    }
    for (auto [first, later] : zip_equal(results, *buffers))
      if (first.bytes != later.bytes)
        return makeError("run ", count + 1, " gave other bits than the first");
  }

  if (options.check || !options.problems.empty()) {
    std::vector<float> output =
        gather(operands.output, results[operands.output.buffer]);
    std::vector<float> lse;
    if (operands.lse)
      lse = gather(*operands.lse, results[operands.lse->buffer]);
    report.check = checkResult(problem, operands, output, lse,
                               options.f32Product == "tf32");
  }
  if (options.bench) {
    Expected<BenchResult> measured = bench(device, runOnce, options.benchLock);
    if (!measured)
      return measured.takeError();
    report.bench = *measured;
    report.bench->teraflops = problem.shape.getFlops() /
                              (report.bench->medianMilliseconds * 1e-3) / 1e12;
  }
  return report;
}

Error mfa::run::emitProblem(mlir::MLIRContext &context, const Options &options,
                            const Target &target) {
  Operands operands = layOutOperands(options.problem);
  auto module =
      buildVerifiedProgram(context, options, options.problem, operands);
  if (!module)
    return module.takeError();
  if (mlir::failed(emitStage(**module, options.emit, target,
                             getLoweringOptions(options, target), outs())))
    return makeError("the lowering to target '", target.name, "' failed");
  return Error::success();
}

//===----------------------------------------------------------------------===//
// A table of problems
//===----------------------------------------------------------------------===//

Expected<bool> mfa::run::runTable(mlir::MLIRContext &context,
                                  const Options &options, const Target &target,
                                  Device &device) {
  Expected<std::unique_ptr<MemoryBuffer>> file = readFile(options.problems);
  if (!file)
    return makeError("--problems: cannot read '", options.problems,
                     "': ", toString(file.takeError()));
  SmallVector<StringRef> lines;
  (*file)->getBuffer().split(lines, '\n');

  // All of the table is read before any of it runs.
  std::vector<Problem> problems;
  for (auto [index, line] : enumerate(lines)) {
    line = line.take_until([](char c) { return c == '#'; }).trim();
    if (line.empty())
      continue;
    Expected<Problem> problem = parseProblemLine(line);
    if (!problem)
      return makeError(options.problems, ":", index + 1, ": ",
                       toString(problem.takeError()));
    problems.push_back(*problem);
  }

  int passed = 0, failed = 0;
  for (const Problem &problem : problems) {
    std::string name =
        problem.name.empty() ? problem.getCommandLine() : problem.name;
    Expected<Report> report =
        runProblem(context, options, problem, target, device);
    bool pass = report && report->check->pass;
    ++(pass ? passed : failed);
    outs() << (pass ? "PASS" : "FAIL") << " " << name;
    if (report)
      outs() << format(": max error %.3g, tolerance %.3g",
                       report->check->maxAbsError, report->check->tolerance);
    if (report && report->bench)
      outs() << format(", median %.4f ms, %.3f TFLOP/s",
                       report->bench->medianMilliseconds,
                       report->bench->teraflops);
    outs() << "\n";
    if (!pass)
      outs() << "  "
             << (report ? report->check->failure : toString(report.takeError()))
             << "\n  mfa-run --target " << target.name << " --check "
             << problem.getCommandLine() << "\n";
    outs().flush();
  }
  outs() << passed << " passed, " << failed << " failed, 0 skipped\n";
  return failed == 0;
}
