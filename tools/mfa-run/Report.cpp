//===- Report.cpp - What a run found --------------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "Options.h"
#include "mfa/Support/Files.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace llvm;
using namespace mfa;
using namespace mfa::run;
using namespace mfa::runtime;

void mfa::run::printReport(const Report &report, bool timing, raw_ostream &os) {
  if (const std::optional<TileCounts> &tiles = report.tiles) {
    os << "tiles: " << tiles->skipped << " skipped, " << tiles->tested
       << " tested, " << tiles->free << " free";
    if (report.problem && report.problem->shape.hasMask)
      os << ", " << tiles->masked << " with the mask alone";
    os << " (" << tiles->chip << ")\n";
  }
  if (const std::optional<CheckResult> &check = report.check) {
    os << "check: " << (check->pass ? "pass" : "FAIL")
       << format(", max error %.3g, tolerance %.3g, plain low-precision error "
                 "%.3g",
                 check->maxAbsError, check->tolerance,
                 check->lowPrecisionError);
    if (report.problem && report.problem->lse)
      os << format(", lse error %.3g", check->maxLSEError);
    os << ", ";
    if (check->rows < check->totalRows)
      os << check->rows << " of " << check->totalRows << " rows\n";
    else
      os << "all " << check->totalRows << " rows\n";
    if (!check->pass)
      os << "  " << check->failure << "\n";
  }
  if (const std::optional<BenchResult> &bench = report.bench) {
    os << format("bench: median %.4f ms", bench->medianMilliseconds);
    if (report.problem)
      os << format(", %.3f TFLOP/s", bench->teraflops);
    os << " (" << bench->runs << " runs)\n";
  }
  if (timing)
    os << format("time: lowering %.3f s, JIT %.3f s, first result %.3f s after "
                 "start\n",
                 report.timing.lowering, report.timing.jit,
                 report.timing.firstResult);
}

/// JSON has no NaN and no infinity.
static json::Value toJSON(double number) {
  if (!std::isfinite(number))
    return nullptr;
  return number;
}

static json::Object toJSON(const Problem &problem) {
  const AttentionShape &shape = problem.shape;
  json::Object object{{"batch", shape.batch},
                      {"seq_q", shape.seqQ},
                      {"seq_k", shape.seqK},
                      {"heads", shape.heads},
                      {"kv_heads", shape.kvHeads},
                      {"head_dim", shape.headDim},
                      {"v_head_dim", shape.valueDim},
                      {"dtype", getName(problem.type)},
                      {"mask", shape.hasMask ? "dense" : "none"},
                      {"scale", toJSON(problem.getScale())},
                      {"lse", problem.lse},
                      {"dynamic", problem.dynamic},
                      {"seed", static_cast<int64_t>(problem.seed)},
                      {"options", problem.getCommandLine()}};
  if (shape.hasMask) {
    object["mask_dtype"] = getName(problem.maskType);
    object["mask_shape"] = json::Array(problem.maskShape);
  }
  return object;
}

Error mfa::run::writeJSON(StringRef path, const Report &report) {
  json::Object root{{"target", report.target}, {"chip", report.chip}};
  if (report.problem)
    root["problem"] = toJSON(*report.problem);
  else
    root["entry"] = report.entry;
  if (const std::optional<TileCounts> &tiles = report.tiles)
    root["tiles"] = json::Object{{"chip", tiles->chip},
                                 {"skipped", tiles->skipped},
                                 {"tested", tiles->tested},
                                 {"free", tiles->free},
                                 {"masked", tiles->masked}};
  if (const std::optional<CheckResult> &check = report.check)
    root["check"] =
        json::Object{{"max_abs_err", toJSON(check->maxAbsError)},
                     {"tolerance", toJSON(check->tolerance)},
                     {"pass", check->pass},
                     {"low_precision_err", toJSON(check->lowPrecisionError)},
                     {"max_lse_err", toJSON(check->maxLSEError)},
                     {"rows", check->rows},
                     {"total_rows", check->totalRows}};
  if (const std::optional<BenchResult> &bench = report.bench) {
    json::Object object{{"median_ms", toJSON(bench->medianMilliseconds)},
                        {"runs", bench->runs}};
    if (report.problem)
      object["tflops"] = toJSON(bench->teraflops);
    root["bench"] = std::move(object);
  }
  root["time"] =
      json::Object{{"lowering_s", toJSON(report.timing.lowering)},
                   {"jit_s", toJSON(report.timing.jit)},
                   {"first_result_s", toJSON(report.timing.firstResult)}};
  Error error = writeFile(path, [&](raw_ostream &os) {
    os << formatv("{0:2}", json::Value(std::move(root))) << "\n";
  });
  if (error)
    return makeError("--json: ", toString(std::move(error)));
  return Error::success();
}
