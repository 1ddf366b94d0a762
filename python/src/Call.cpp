//===- Call.cpp - Calls of masked attention on arrays ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happens in a call from Python: the arrays are read (ArgumentReader.h)
// and checked (Checks.h), their kernel is looked up (KernelTable.h), outputs
// are made, and the kernel is launched. All of it is C++, so that a call on GPU
// arrays costs the host a few microseconds.
//
//===----------------------------------------------------------------------===//

#include "ArgumentReader.h"
#include "Checks.h"
#include "DeviceArray.h"
#include "GroupedHeads.h"
#include "KernelTable.h"

#include <cmath>
#include <memory>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

using namespace mfa::python;

//===----------------------------------------------------------------------===//
// Target and scale
//===----------------------------------------------------------------------===//

static MfaTarget parseTarget(nb::handle target, const Array &q) {
  if (target.is_none())
    return q.isOnCUDA() ? MfaTargetCUDA : MfaTargetCPU;
  std::string name;
  if (!nb::try_cast(target, name))
    throwError(PyExc_TypeError, "target: expected 'cpu', 'sim' or 'cuda' but "
                                "got " +
                                    nb::cast<std::string>(nb::repr(target)));
  for (MfaTarget known : {MfaTargetCPU, MfaTargetSim, MfaTargetCUDA})
    if (name == getTargetName(known)) {
      if ((known == MfaTargetCUDA) != q.isOnCUDA())
        throwError(PyExc_ValueError,
                   "target: expected one for arrays on " + formatDevice(q) +
                       (q.isOnCUDA() ? ", 'cuda'," : ", 'cpu' or 'sim',") +
                       " but got '" + name + "'");
      return known;
    }
  throwError(PyExc_ValueError,
             "target: expected 'cpu', 'sim' or 'cuda' but got '" + name + "'");
}

static void readScale(nb::handle scale, Operands &operands) {
  float byDefault = 1.0f / std::sqrt(static_cast<float>(operands.getHeadDim()));
  operands.scale = byDefault;
  operands.hasDefaultScale = true;
  if (scale.is_none())
    return;
  double value = PyFloat_AsDouble(scale.ptr());
  if (value == -1.0 && PyErr_Occurred()) {
    PyErr_Clear();
    throwError(PyExc_TypeError, "scale: expected a number but got " +
                                    nb::cast<std::string>(nb::repr(scale)));
  }
  operands.scale = static_cast<float>(value);
  operands.hasDefaultScale = operands.scale == byDefault;
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

static void launch(const Kernel &kernel, const Operands &operands,
                   const MaskView &mask, void *stream) {
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
  if (operands.lse.object.is_valid())
    arguments[count++] = makeArgument(operands.lse);
  MfaError error;
  {
    nb::gil_scoped_release release;
    // Outputs of the caller have been compared with the inputs.
    error = mfaKernelLaunchDistinct(
        kernel.handle, arguments.begin(), count,
        operands.q.isOnCUDA() ? operands.q.deviceId : 0, stream);
  }
  if (!mfaErrorIsNull(error))
    raise(error);
}

/// What keeps the memory of an array alive.
static nb::object getOwner(const Array &array) {
  if (array.owner.is_valid())
    return array.owner;
  return array.object.is_valid() ? nb::borrow(array.object) : nb::none();
}

//===----------------------------------------------------------------------===//
// Other ways
//===----------------------------------------------------------------------===//

namespace {
/// What a call was given, as it was given.
struct Call {
  nb::handle q, k, v, mask, scale;
  bool returnLSE;
  nb::handle out, target, rules, captures, sinks, tiles;
};
} // namespace

/// Calls torch's operators, which are masked attention as torch's dispatcher
/// sees it, on tensors that are not plain.
static nb::object callOperator(const Call &call, bool hasKernel) {
  if (hasKernel)
    throwError(PyExc_TypeError,
               "expected plain tensors, outside of modes, traces and "
               "transforms of torch, as a compiled kernel reads their memory, "
               "but got others; call mfa.masked_attention instead");
  static PyObject *callOp = nullptr;
  DynamoPause pause;
  return getFunction(callOp, "mfa.torch", "call_op")(
      call.q, call.k, call.v, call.mask, call.scale, call.returnLSE, call.out,
      call.target, call.rules, call.captures, call.sinks);
}

/// Kernels have head sizes that are multiples of 8.
static bool needsPadding(const Operands &operands) {
  return operands.getHeadDim() % 8 != 0 || operands.getValueDim() % 8 != 0;
}

/// Calls with padded copies of the arrays, which have been checked.
static nb::object callPadded(const Call &call, const Operands &operands,
                             nb::handle out, nb::handle lse) {
  static PyObject *attend = nullptr;
  DynamoPause pause;
  nb::object result = getFunction(attend, "mfa._padding", "attend")(
      call.q, call.k, call.v, call.mask, call.scale, call.returnLSE, out, lse,
      call.target, call.rules, call.captures, call.sinks, call.tiles);
  noteWritten(operands.out, operands.lse);
  return result;
}

//===----------------------------------------------------------------------===//
// Masked attention
//===----------------------------------------------------------------------===//

/// Masked attention on arrays; see mfa.masked_attention. `kernel`, if it is not
/// None, is the one to launch, compiled for `problem` and `target`. For
/// `readsMemory` see ArgumentReader.
static nb::object attend(nb::handle q, nb::handle k, nb::handle v,
                         nb::handle mask, nb::handle scale, bool returnLSE,
                         nb::handle out, nb::handle target, nb::handle kernel,
                         nb::handle problem, bool readsMemory, nb::handle rules,
                         nb::handle captures, nb::handle sinks,
                         nb::handle tiles) {
  const Call call = {q,   k,      v,     mask,     scale, returnLSE,
                     out, target, rules, captures, sinks, tiles};
  nb::object outArray = nb::borrow(out), lseArray = nb::none();
  if (returnLSE && nb::isinstance<nb::tuple>(out)) {
    auto pair = nb::cast<nb::tuple>(out);
    if (pair.size() != 2)
      throwError(PyExc_ValueError,
                 "out: expected an array or a pair (out, lse) "
                 "but got a tuple of " +
                     std::to_string(pair.size()));
    outArray = pair[0];
    lseArray = pair[1];
  }
  const bool makesOut = outArray.is_none(),
             makesLSE = returnLSE && lseArray.is_none();

  Operands operands;
  ArgumentReader reader(readsMemory);
  if (!reader.read("q", q, {4, 4}, operands.q) ||
      !reader.read("k", k, {4, 4}, operands.k) ||
      !reader.read("v", v, {4, 4}, operands.v) ||
      (!mask.is_none() &&
       !reader.read("mask", mask, {3, 4, /*allowBool=*/true}, operands.mask)) ||
      (!sinks.is_none() &&
       !reader.read("sinks", sinks, {1, 1}, operands.sinks)) ||
      (!rules.is_none() &&
       !reader.readCaptures(nb::cast<Rules &>(rules), captures, operands)) ||
      (!makesOut && !reader.read("out", outArray,
                                 {4, 4, /*allowBool=*/false, /*isOutput=*/true},
                                 operands.out)) ||
      (!lseArray.is_none() &&
       !reader.read("lse", lseArray,
                    {3, 3, /*allowBool=*/false, /*isOutput=*/true},
                    operands.lse)) ||
      !reader.arePlain())
    return callOperator(call, !kernel.is_none());

  checkInputs(operands);
  MaskView maskView;
  if (operands.hasMask())
    maskView = viewMask(operands);
  if (operands.hasSinks())
    checkSinks(operands);
  checkCapturePlaces(operands);
  readScale(scale, operands);
  MfaTarget targetKind = parseTarget(target, operands.q);
  const int64_t outSizes[] = {operands.getBatch(), operands.getSeqQ(),
                              operands.getHeads(), operands.getValueDim()};
  const int64_t lseSizes[] = {operands.getBatch(), operands.getHeads(),
                              operands.getSeqQ()};
  checkOutputs(operands, outSizes, lseSizes);
  if (kernel.is_none() && needsPadding(operands))
    return callPadded(call, operands, outArray, lseArray);

  const unsigned tileLists = parseTileLists(tiles);
  Rules *const regions = rules.is_none() ? nullptr : &nb::cast<Rules &>(rules);
  std::shared_ptr<Kernel> toLaunch;
  int64_t groupedQueries = 0;
  if (!kernel.is_none()) {
    const MfaProblem &expected = nb::cast<const Problem &>(problem).problem;
    checkProblem(makeProblem(operands, maskView, returnLSE), expected);
    if (operands.hasMask())
      fitMask(operands, maskView, expected);
    operands.hasDefaultScale = expected.scaleKind == MfaScaleDefault;
    toLaunch = nb::cast<std::shared_ptr<Kernel>>(kernel);
  } else {
    // Sinks are of the query heads.
    if (!operands.hasSinks())
      groupedQueries = getGroupedQueries(operands, targetKind);
    if (groupedQueries)
      groupMask(maskView, groupedQueries);
    MfaProblem wanted = makeProblem(operands, maskView, returnLSE);
    wanted.numQueries = groupedQueries;
    toLaunch =
        getKernel(wanted, regions, targetKind,
                  operands.q.isOnCUDA() ? operands.q.deviceId : 0, tileLists);
  }

  if (regions)
    checkCaptures(*toLaunch, returnLSE, operands);

  // Nothing can be wrong with the arguments any more.
  const bool writesArguments = !makesOut || operands.lse.object.is_valid();
  if (makesOut) {
    outArray = makeOutput(operands.q, outSizes, 4, operands.q.elementType);
    readOutput("out", outArray, 4, operands.out);
  }
  if (makesLSE) {
    lseArray = makeOutput(operands.q, lseSizes, 3, MfaElementF32);
    readOutput("lse", lseArray, 3, operands.lse);
  }
  void *stream = nullptr;
  if (operands.q.isOnCUDA())
    stream = getCurrentStream(operands.q);
  if (groupedQueries)
    groupHeads(operands, groupedQueries);
  launch(*toLaunch, operands, maskView, stream);
  if (writesArguments)
    noteWritten(operands.out, operands.lse);
  if (mfaKernelHasNewMachineCode(toLaunch->handle)) {
    static PyObject *save = nullptr;
    getFunction(save, "mfa._kernels", "save")(toLaunch);
  }

  if (!operands.q.type->isTorch) {
    nb::tuple inputs = nb::make_tuple(
        getOwner(operands.q), getOwner(operands.k), getOwner(operands.v),
        getOwner(operands.mask), getOwner(operands.sinks), captures);
    if (makesOut)
      outArray = finishOutput(operands.q, outArray, stream, inputs);
    if (makesLSE)
      lseArray = finishOutput(operands.q, lseArray, stream, inputs);
  }
  if (!returnLSE)
    return outArray;
  return nb::make_tuple(outArray, lseArray);
}

void mfa::python::bindCall(nb::module_ &m) {
  m.def("attend", &attend, nb::arg("q").none(), nb::arg("k").none(),
        nb::arg("v").none(), nb::arg("mask").none(), nb::arg("scale").none(),
        nb::arg("return_lse"), nb::arg("out").none(), nb::arg("target").none(),
        nb::arg("kernel").none() = nb::none(),
        nb::arg("problem").none() = nb::none(), nb::arg("reads_memory") = false,
        nb::arg("rules").none() = nb::none(),
        nb::arg("captures").none() = nb::none(),
        nb::arg("sinks").none() = nb::none(),
        nb::arg("tiles").none() = nb::none());
  m.def("forget_kernels", &forgetKernels);
  m.def("call_paused", [](nb::handle function, const nb::args &args,
                          const nb::kwargs &kwargs) {
    DynamoPause pause;
    return nb::object(function(*args, **kwargs));
  });
  bindDeviceArray(m);
}
