//===- ProblemProgram.cpp - The program of a problem ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemProgram.h"
#include "ProblemRules.h"
#include "mfa/Execution/AttentionProgram.h"

using namespace llvm;
using namespace mfa::exec;
using mlir::MLIRContext;
using mlir::ShapedType;

/// What to do with a head dimension that only is no multiple of 8.
static std::string getRemedy(StringRef name, int64_t dim) {
  constexpr int64_t minDim = mlir::mfa::MaskedAttentionOp::kMinDim;
  if (dim < 1 || dim > mlir::mfa::MaskedAttentionOp::kMaxDim)
    return "";
  std::string text = "; pad " + name.str() + " with zeros to " +
                     std::to_string(alignTo(dim, minDim));
  if (name.starts_with("query"))
    text += " and give the scale, 1/sqrt(" + std::to_string(dim) + ")";
  return text;
}

/// What the op's verifier cannot say better, or could not be asked.
static Error checkProblem(const Problem &problem) {
  constexpr int64_t minDim = mlir::mfa::MaskedAttentionOp::kMinDim;
  constexpr int64_t maxDim = mlir::mfa::MaskedAttentionOp::kMaxDim;
  auto refuse = [](const auto &...args) {
    return makeError(ErrorKind::InvalidArgument, args...);
  };
  if (problem.type > ElementType::F32)
    return refuse("expected elements of f16, bf16 or f32 but got ",
                  mfa::runtime::getName(problem.type));
  if (problem.maskType > ElementType::I1)
    return refuse("expected a mask of f16, bf16, f32 or i1 but got ",
                  mfa::runtime::getName(problem.maskType));
  for (auto [name, dim] : {std::pair("query and key", problem.headDim),
                           std::pair("value and output", problem.valueDim)})
    if (dim < minDim || dim > maxDim || dim % minDim != 0)
      return refuse("expected the head dimension of ", name,
                    " to be a multiple of ", minDim, " from ", minDim, " to ",
                    maxDim, " but got ", dim, getRemedy(name, dim));
  if (problem.numQueries < 0)
    return refuse("expected a number of queries, or 0 where launches say it, "
                  "but got ",
                  problem.numQueries);
  if (problem.groupedHeads && problem.numQueries == 0)
    return refuse("expected heads that are grouped as queries to be of a known "
                  "number but got 0 queries");
  unsigned dims = MaskBatch | MaskQueries | MaskKeys;
  switch (problem.maskRank) {
  case 0:
    dims = 0;
    break;
  case 3:
    break;
  case 4:
    dims |= MaskHeads;
    break;
  default:
    return refuse("expected a mask of rank 3 or 4, or 0 for none, but got ",
                  problem.maskRank);
  }
  if (problem.maskBroadcast & ~dims)
    return refuse("expected a mask of rank ", problem.maskRank,
                  " to be broadcast in its dimensions only, but got ",
                  problem.maskBroadcast);
  return Error::success();
}

/// A buffer with open strides, but for a unit one in the last dimension where
/// `hasUnitStride`.
static mlir::MemRefType getBufferType(MLIRContext &context, ElementType type,
                                      ArrayRef<int64_t> shape,
                                      bool hasUnitStride) {
  SmallVector<int64_t> strides(shape.size(), ShapedType::kDynamic);
  if (hasUnitStride)
    strides.back() = 1;
  auto layout = mlir::StridedLayoutAttr::get(&context, /*offset=*/0, strides);
  return mlir::MemRefType::get(shape, getElementType(context, type), layout);
}

static int64_t getNumQueries(const Problem &problem) {
  return problem.numQueries ? problem.numQueries : ShapedType::kDynamic;
}

static mlir::MemRefType getMaskType(MLIRContext &context,
                                    const Problem &problem) {
  SmallVector<int64_t> shape;
  for (unsigned dim : {MaskBatch, MaskHeads, MaskQueries, MaskKeys}) {
    if (dim == MaskHeads && problem.maskRank == 3)
      continue;
    int64_t full =
        dim == MaskQueries ? getNumQueries(problem) : ShapedType::kDynamic;
    shape.push_back(problem.maskBroadcast & dim ? 1 : full);
  }
  return getBufferType(context, problem.maskType, shape,
                       problem.maskUnitStride);
}

/// Reads a schedule; null for an empty text.
static Expected<mlir::mfa::ScheduleAttr> readSchedule(MLIRContext &context,
                                                      StringRef text) {
  if (text.empty())
    return mlir::mfa::ScheduleAttr();
  if (auto schedule = mfa::exec::parseSchedule(context, text))
    return *schedule;
  return makeError(ErrorKind::InvalidArgument,
                   "expected a schedule #mfa.schedule<...> but got '", text,
                   "'");
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
mfa::exec::buildProgram(MLIRContext &context, const Problem &problem,
                        StringRef scheduleText) {
  if (Error error = checkProblem(problem))
    return std::move(error);
  Expected<mlir::mfa::ScheduleAttr> schedule =
      readSchedule(context, scheduleText);
  if (!schedule)
    return schedule.takeError();

  constexpr int64_t open = ShapedType::kDynamic;
  int64_t queries = getNumQueries(problem);
  auto getMatrixType = [&](int64_t length, int64_t dim) {
    return getBufferType(context, problem.type, {open, length, open, dim},
                         /*hasUnitStride=*/true);
  };
  AttentionOperands operands;
  operands.query = getMatrixType(queries, problem.headDim);
  operands.key = getMatrixType(open, problem.headDim);
  operands.value = getMatrixType(open, problem.valueDim);
  operands.output = getMatrixType(queries, problem.valueDim);
  if (problem.maskRank != 0)
    operands.mask = getMaskType(context, problem);
  operands.scale = problem.scale;
  operands.scaleIsArgument = problem.scaleIsArgument;
  if (problem.sinks)
    operands.sinks =
        problem.groupedHeads
            ? getBufferType(context, ElementType::F32, {open, queries},
                            /*hasUnitStride=*/false)
            : getBufferType(context, ElementType::F32, {open},
                            /*hasUnitStride=*/false);
  std::optional<ProblemRules> rules;
  if (!problem.rules.empty()) {
    Expected<ProblemRules> parsed = ProblemRules::parse(context, problem.rules);
    if (!parsed)
      return parsed.takeError();
    rules = std::move(*parsed);
    operands.captures = rules->getLaunchTypes();
    operands.captureNames = rules->getLaunchNames();
    operands.buildRegions = [&](mlir::mfa::MaskedAttentionOp op,
                                mlir::ValueRange captures) {
      rules->moveInto(op, captures,
                      problem.groupedHeads ? problem.numQueries : 0);
    };
  }
  if (problem.lse)
    operands.lse =
        getBufferType(context, ElementType::F32, {open, open, queries},
                      /*hasUnitStride=*/false);
  return buildAttentionProgram(context, "masked_attention", operands,
                               *schedule);
}
