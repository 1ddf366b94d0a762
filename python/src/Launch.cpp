//===- Launch.cpp - From checked arguments to a launch --------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"

#include "GroupedHeads.h"
#include "KernelTable.h"

#include <cmath>

using namespace mfa::python;

MfaTarget mfa::python::getTarget(const std::optional<std::string> &name,
                                 const Array &q) {
  if (!name)
    return q.isOnCUDA() ? MfaTargetCUDA : MfaTargetCPU;
  for (MfaTarget known : {MfaTargetCPU, MfaTargetSim, MfaTargetCUDA})
    if (*name == getTargetName(known)) {
      if ((known == MfaTargetCUDA) != q.isOnCUDA())
        throwError(PyExc_ValueError,
                   "target: expected one for arrays on " + formatDevice(q) +
                       (q.isOnCUDA() ? ", 'cuda'," : ", 'cpu' or 'sim',") +
                       " but got '" + *name + "'");
      return known;
    }
  throwError(PyExc_ValueError,
             "target: expected 'cpu', 'sim' or 'cuda' but got '" + *name + "'");
}

void mfa::python::setScale(std::optional<float> scale, Operands &operands) {
  float byDefault = 1.0f / std::sqrt(static_cast<float>(operands.getHeadDim()));
  operands.scale = scale.value_or(byDefault);
  operands.hasDefaultScale = operands.scale == byDefault;
}

bool mfa::python::needsPadding(const Operands &operands) {
  return operands.getHeadDim() % 8 != 0 || operands.getValueDim() % 8 != 0;
}

Plan mfa::python::makePlan(const Operands &operands, const MaskView &mask,
                           MfaTarget target, bool lse) {
  const int64_t groupedQueries = getGroupedQueries(operands, target);
  MaskView view = mask;
  if (groupedQueries)
    groupMask(view, groupedQueries);
  Plan plan = {view, makeProblem(operands, view, lse), groupedQueries};
  plan.problem.numQueries = groupedQueries;
  return plan;
}

//===----------------------------------------------------------------------===//
// Captures
//===----------------------------------------------------------------------===//

static std::string describeParameter(MfaElementType type, int64_t rank) {
  if (rank < 0)
    return type == MfaElementI64 ? "an integer" : "a number";
  return "an array of " + std::string(getTypeName(type)) + " of rank " +
         std::to_string(rank);
}

void mfa::python::checkCaptures(const Kernel &kernel, bool hasLSE,
                                Operands &operands) {
  // They are in front of the outputs.
  intptr_t first = mfaKernelGetNumParameters(kernel.handle) - (hasLSE ? 2 : 1) -
                   static_cast<intptr_t>(operands.captures.size());
  for (size_t index = 0; index < operands.captures.size(); ++index) {
    Capture &capture = operands.captures[index];
    MfaParameter parameter = mfaKernelGetParameter(
        kernel.handle, first + static_cast<intptr_t>(index));
    int64_t rank = capture.isArray() ? capture.array.rank : -1;
    MfaElementType type = capture.isArray()   ? capture.array.elementType
                          : capture.isInteger ? MfaElementI64
                                              : MfaElementF32;
    // An integer is a number, too.
    if (rank < 0 && parameter.rank < 0 && capture.isInteger &&
        parameter.elementType == MfaElementF32) {
      capture.number = static_cast<double>(capture.integer);
      continue;
    }
    if (rank != parameter.rank || type != parameter.elementType)
      throwError(PyExc_TypeError,
                 std::string(capture.name) + ": expected " +
                     describeParameter(parameter.elementType, parameter.rank) +
                     ", for which the rules were written, but got " +
                     describeParameter(type, rank));
  }
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

static MfaArgument makeArgument(const Array &array) {
  return {array.data, array.sizes.data(), array.strides.data(), 0.0f, 0};
}

static MfaArgument makeArgument(const Capture &capture) {
  if (capture.isArray())
    return makeArgument(capture.array);
  return {nullptr, nullptr, nullptr, static_cast<float>(capture.number),
          capture.integer};
}

MfaError mfa::python::launch(const Kernel &kernel, const Operands &operands,
                             const MaskView &mask, void *stream,
                             SharedLists shared) {
  FewValues<MfaArgument> arguments(8 + operands.captures.size());
  intptr_t count = 0;
  for (const Array *array : {&operands.q, &operands.k, &operands.v})
    arguments[count++] = makeArgument(*array);
  std::array<int64_t, 4> maskSizes = mask.sizes;
  if (operands.hasMask()) {
    for (int dim = 0; dim < 4; ++dim)
      if (mask.broadcast >> dim & 1)
        maskSizes[dim] = 1;
    arguments[count++] = {operands.mask.data, maskSizes.data(),
                          mask.strides.data(), 0.0f, 0};
  }
  if (!operands.hasDefaultScale)
    arguments[count++] = {nullptr, nullptr, nullptr, operands.scale, 0};
  if (operands.hasSinks())
    arguments[count++] = makeArgument(operands.sinks);
  for (const Capture &capture : operands.captures)
    arguments[count++] = makeArgument(capture);
  arguments[count++] = makeArgument(operands.out);
  if (operands.lse.isGiven())
    arguments[count++] = makeArgument(operands.lse);
  int device = operands.q.isOnCUDA() ? operands.q.deviceId : 0;
  if (!shared.lists)
    return mfaKernelLaunchDistinct(kernel.handle, arguments.begin(), count,
                                   device, stream);
  if (shared.listsOnly)
    return mfaKernelMakeLists(kernel.handle, shared.lists->handle,
                              arguments.begin(), count, device, stream);
  return mfaKernelLaunchWithLists(kernel.handle, shared.lists->handle,
                                  /*distinct=*/true, arguments.begin(), count,
                                  device, stream);
}
