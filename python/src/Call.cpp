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
// are made, and the kernel is launched (Launch.h). All of it is C++, so that a
// call on GPU arrays costs the host a few microseconds.
//
//===----------------------------------------------------------------------===//

#include "ArgumentReader.h"
#include "Checks.h"
#include "DeviceArray.h"
#include "GroupedHeads.h"
#include "KernelTable.h"
#include "Launch.h"

#include <memory>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

using namespace mfa::python;

//===----------------------------------------------------------------------===//
// Target and scale
//===----------------------------------------------------------------------===//

static MfaTarget parseTarget(nb::handle target, const Array &q) {
  if (target.is_none())
    return getTarget(std::nullopt, q);
  std::string name;
  if (!nb::try_cast(target, name))
    throwError(PyExc_TypeError, "target: expected 'cpu', 'sim' or 'cuda' but "
                                "got " +
                                    nb::cast<std::string>(nb::repr(target)));
  return getTarget(name, q);
}

static void readScale(nb::handle scale, Operands &operands) {
  if (scale.is_none()) {
    setScale(std::nullopt, operands);
    return;
  }
  double value = PyFloat_AsDouble(scale.ptr());
  if (value == -1.0 && PyErr_Occurred()) {
    PyErr_Clear();
    throwError(PyExc_TypeError, "scale: expected a number but got " +
                                    nb::cast<std::string>(nb::repr(scale)));
  }
  setScale(static_cast<float>(value), operands);
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

static void launchWithoutGIL(const Kernel &kernel, const Operands &operands,
                             const MaskView &mask, void *stream,
                             SharedLists shared) {
  MfaError error;
  {
    nb::gil_scoped_release release;
    // Outputs of the caller have been compared with the inputs.
    error = launch(kernel, operands, mask, stream, shared);
  }
  check(error);
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
/// What a call was given, as it was given: first what all calls have, then what
/// few have.
struct Call {
  nb::handle q, k, v, mask, scale;
  bool returnLSE;
  nb::handle out, target;
  /// The kernel to launch, compiled for `problem` and `target`; None for the
  /// one of the arguments.
  nb::handle kernel = Py_None, problem = Py_None;
  /// See ArgumentReader.
  bool readsMemory = false;
  nb::handle rules = Py_None, captures = Py_None, sinks = Py_None,
             tiles = Py_None;
  /// See SharedLists.
  nb::handle lists = Py_None;
  bool listsOnly = false;

  bool hasKernel() const { return !kernel.is_none(); }
};
} // namespace

/// Calls torch's operators, which are masked attention as torch's dispatcher
/// sees it, on tensors that are not plain.
static nb::object callOperator(const Call &call) {
  if (call.hasKernel())
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

/// Calls masked attention as JAX traces it, on arrays that are traced.
static nb::object callTraced(const Call &call) {
  if (call.hasKernel())
    throwError(PyExc_TypeError,
               "expected arrays with data, as a compiled kernel reads their "
               "memory, but got ones that JAX traces; call "
               "mfa.masked_attention instead");
  static PyObject *trace = nullptr;
  return getFunction(trace, "mfa.jax", "trace")(
      call.q, call.k, call.v, call.mask, call.scale, call.returnLSE, call.out,
      call.target, call.rules, call.captures, call.sinks, call.tiles);
}

/// Calls with padded copies of the arrays, which have been checked.
static nb::object callPadded(const Call &call, const Operands &operands,
                             nb::handle out, nb::handle lse) {
  static PyObject *attend = nullptr;
  DynamoPause pause;
  nb::object result = getFunction(attend, "mfa._padding", "attend")(
      call.q, call.k, call.v, call.mask, call.scale, call.returnLSE, out, lse,
      call.target, call.rules, call.captures, call.sinks, call.tiles,
      call.lists, call.listsOnly);
  noteWritten(operands.out, operands.lse);
  return result;
}

//===----------------------------------------------------------------------===//
// Masked attention
//===----------------------------------------------------------------------===//

/// How the kernel that the caller gave sees the arguments, for which it must
/// have been compiled.
static Plan makeKernelPlan(const Call &call, MaskView mask,
                           Operands &operands) {
  const MfaProblem &expected = nb::cast<const Problem &>(call.problem).problem;
  checkProblem(makeProblem(operands, mask, call.returnLSE), expected);
  if (operands.hasMask())
    fitMask(operands, mask, expected);
  operands.hasDefaultScale = expected.scaleKind == MfaScaleDefault;
  return {mask};
}

/// Masked attention on arrays; see mfa.masked_attention.
static nb::object attend(const Call &call) {
  const bool returnLSE = call.returnLSE;
  nb::object outArray = nb::borrow(call.out), lseArray = nb::none();
  if (returnLSE && nb::isinstance<nb::tuple>(call.out)) {
    auto pair = nb::cast<nb::tuple>(call.out);
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
  ArgumentReader reader(call.readsMemory);
  if (!reader.read("q", call.q, kTensorOptions, operands.q) ||
      !reader.read("k", call.k, kTensorOptions, operands.k) ||
      !reader.read("v", call.v, kTensorOptions, operands.v) ||
      (!call.mask.is_none() &&
       !reader.read("mask", call.mask, kMaskOptions, operands.mask)) ||
      (!call.sinks.is_none() &&
       !reader.read("sinks", call.sinks, kSinksOptions, operands.sinks)) ||
      (!call.rules.is_none() &&
       !reader.readCaptures(nb::cast<Rules &>(call.rules), call.captures,
                            operands)) ||
      (!makesOut && !reader.read("out", outArray, kOutOptions, operands.out)) ||
      (!lseArray.is_none() &&
       !reader.read("lse", lseArray, kLSEOptions, operands.lse)) ||
      !reader.arePlain()) {
    if (call.listsOnly)
      throwError(PyExc_TypeError,
                 "expected plain tensors, outside of modes, traces and "
                 "transforms, to make lists for, but got others");
    return reader.hasTracer() ? callTraced(call) : callOperator(call);
  }
  if (!call.scale.is_none() && !PyFloat_CheckExact(call.scale.ptr()) &&
      isTraced(call.scale))
    return callTraced(call);

  const MaskView maskView = checkArguments(operands);
  readScale(call.scale, operands);
  MfaTarget targetKind = parseTarget(call.target, operands.q);
  const int64_t outSizes[] = {operands.getBatch(), operands.getSeqQ(),
                              operands.getHeads(), operands.getValueDim()};
  const int64_t lseSizes[] = {operands.getBatch(), operands.getHeads(),
                              operands.getSeqQ()};
  checkOutputs(operands, outSizes, lseSizes);
  if (!call.hasKernel() && needsPadding(operands))
    return callPadded(call, operands, outArray, lseArray);

  const unsigned tileLists = parseTileLists(call.tiles);
  Rules *const regions =
      call.rules.is_none() ? nullptr : &nb::cast<Rules &>(call.rules);
  const Plan plan = call.hasKernel()
                        ? makeKernelPlan(call, maskView, operands)
                        : makePlan(operands, maskView, targetKind, returnLSE);
  const std::shared_ptr<Kernel> toLaunch =
      call.hasKernel()
          ? nb::cast<std::shared_ptr<Kernel>>(call.kernel)
          : getKernel(plan.problem, regions, targetKind,
                      operands.q.isOnCUDA() ? operands.q.deviceId : 0,
                      tileLists);

  if (regions) {
    checkCaptures(*toLaunch, returnLSE, operands);
    checkReads(*regions, operands);
  }

  // Nothing can be wrong with the arguments any more.
  const bool writesArguments = !makesOut || operands.lse.isGiven();
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
  if (plan.groupedQueries)
    groupHeads(operands, plan.groupedQueries);
  SharedLists shared;
  if (!call.lists.is_none())
    shared = {&nb::cast<const TileLists &>(call.lists), call.listsOnly};
  launchWithoutGIL(*toLaunch, operands, plan.mask, stream, shared);
  if (writesArguments)
    noteWritten(operands.out, operands.lse);
  if (mfaKernelHasNewMachineCode(toLaunch->handle)) {
    static PyObject *save = nullptr;
    getFunction(save, "mfa._kernels", "save")(toLaunch);
  }

  if (!operands.q.type->isTorch) {
    nb::tuple inputs = nb::make_tuple(
        getOwner(operands.q), getOwner(operands.k), getOwner(operands.v),
        getOwner(operands.mask), getOwner(operands.sinks), call.captures);
    if (makesOut)
      outArray = finishOutput(operands.q, outArray, stream, inputs);
    if (makesLSE)
      lseArray = finishOutput(operands.q, lseArray, stream, inputs);
  }
  if (call.listsOnly)
    return nb::none();
  if (!returnLSE)
    return outArray;
  return nb::make_tuple(outArray, lseArray);
}

/// Checks what attend checks of arguments of which only the form is known.
static void checkForms(nb::handle q, nb::handle k, nb::handle v,
                       nb::handle mask, nb::handle sinks) {
  Operands operands;
  ArgumentReader reader(/*readsMemory=*/true);
  reader.read("q", q, kTensorOptions, operands.q);
  reader.read("k", k, kTensorOptions, operands.k);
  reader.read("v", v, kTensorOptions, operands.v);
  if (!mask.is_none())
    reader.read("mask", mask, kMaskOptions, operands.mask);
  if (!sinks.is_none())
    reader.read("sinks", sinks, kSinksOptions, operands.sinks);
  checkArguments(operands);
}

void mfa::python::bindCall(nb::module_ &m) {
  // With no more parameters than nanobind passes on without a loop over their
  // names and defaults.
  m.def(
      "attend_plainly",
      [](nb::handle q, nb::handle k, nb::handle v, nb::handle mask,
         nb::handle scale, bool returnLSE, nb::handle out, nb::handle target) {
        return attend({q, k, v, mask, scale, returnLSE, out, target});
      },
      nb::arg("q").none(), nb::arg("k").none(), nb::arg("v").none(),
      nb::arg("mask").none(), nb::arg("scale").none(), nb::arg("return_lse"),
      nb::arg("out").none(), nb::arg("target").none());
  m.def(
      "attend",
      [](nb::handle q, nb::handle k, nb::handle v, nb::handle mask,
         nb::handle scale, bool returnLSE, nb::handle out, nb::handle target,
         nb::handle kernel, nb::handle problem, bool readsMemory,
         nb::handle rules, nb::handle captures, nb::handle sinks,
         nb::handle tiles, nb::handle lists, bool listsOnly) {
        return attend({q, k, v, mask, scale, returnLSE, out, target, kernel,
                       problem, readsMemory, rules, captures, sinks, tiles,
                       lists, listsOnly});
      },
      nb::arg("q").none(), nb::arg("k").none(), nb::arg("v").none(),
      nb::arg("mask").none(), nb::arg("scale").none(), nb::arg("return_lse"),
      nb::arg("out").none(), nb::arg("target").none(),
      nb::arg("kernel").none() = nb::none(),
      nb::arg("problem").none() = nb::none(), nb::arg("reads_memory") = false,
      nb::arg("rules").none() = nb::none(),
      nb::arg("captures").none() = nb::none(),
      nb::arg("sinks").none() = nb::none(),
      nb::arg("tiles").none() = nb::none(),
      nb::arg("lists").none() = nb::none(), nb::arg("lists_only") = false);
  m.def("check_arguments", &checkForms, nb::arg("q"), nb::arg("k"),
        nb::arg("v"), nb::arg("mask").none(), nb::arg("sinks").none());
  m.def("forget_kernels", &forgetKernels);
  m.def("call_paused", [](nb::handle function, const nb::args &args,
                          const nb::kwargs &kwargs) {
    DynamoPause pause;
    return nb::object(function(*args, **kwargs));
  });
  bindDeviceArray(m);
}
