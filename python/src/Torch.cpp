//===- Torch.cpp - What torch means by a tensor ---------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Torch.h"

#include <algorithm>
#include <nanobind/stl/string.h>
#include <vector>

using namespace mfa::python;

DynamoPause::DynamoPause() {
  static PyObject *modules = PyImport_GetModuleDict();
  PyObject *frames =
      PyDict_GetItemString(modules, "torch._C._dynamo.eval_frame");
  if (!frames || !nb::hasattr(frames, "set_eval_frame"))
    return;
  setEvalFrame = nb::getattr(frames, "set_eval_frame");
  prior = setEvalFrame(nb::none());
}

DynamoPause::~DynamoPause() {
  if (!setEvalFrame.is_valid())
    return;
  nb::error_scope pending;
  PyObject *arguments[] = {prior.ptr()};
  PyObject *result = PyObject_Vectorcall(setEvalFrame.ptr(), arguments, 1,
                                         /*kwnames=*/nullptr);
  if (!result)
    PyErr_WriteUnraisable(setEvalFrame.ptr());
  Py_XDECREF(result);
}

/// Calls a function of mfa.torch.
template <typename... Args>
static nb::object callTorch(PyObject *&cache, const char *name,
                            Args &&...args) {
  DynamoPause pause;
  return getFunction(cache, "mfa.torch", name)(std::forward<Args>(args)...);
}

/// Calls a function of torch by the quickest way there is.
static nb::object callQuickly(nb::handle function,
                              std::initializer_list<PyObject *> arguments) {
  nb::object result =
      nb::steal(PyObject_Vectorcall(function.ptr(), arguments.begin(),
                                    arguments.size(), /*kwnames=*/nullptr));
  if (!result.is_valid())
    throw nb::python_error();
  return result;
}

void mfa::python::inspectTorchType(nb::handle type, ArrayType &result) {
  nb::object modules = nb::module_::import_("sys").attr("modules");
  PyObject *torch = PyDict_GetItemString(modules.ptr(), "torch");
  // An object of that name without tensors is a torch that is being imported.
  if (!torch || !nb::hasattr(torch, "Tensor") || !PyType_Check(type.ptr()))
    return;
  nb::object base = nb::getattr(torch, "Tensor");
  int isSubclass = PyObject_IsSubclass(type.ptr(), base.ptr());
  if (isSubclass < 0)
    throw nb::python_error();
  if (!isSubclass) {
    result.hasTorchFunction = nb::hasattr(type, "__torch_function__");
    return;
  }
  static PyObject *isPlainType = nullptr;
  result.isTorch = true;
  result.isPlainTorch =
      nb::cast<bool>(callTorch(isPlainType, "is_plain_type", type));
}

//===----------------------------------------------------------------------===//
// Plain tensors
//===----------------------------------------------------------------------===//

namespace {
/// Bits of the tensors of a call, in their order.
struct TensorFlags {
  /// Made under torch.inference_mode.
  unsigned inference = 0;
  unsigned requiresGrad = 0;
};

/// Torch's functions for the state of the thread. It does not document them, so
/// each may be missing: no call is known to be plain then.
struct ThreadState {
  nb::object hasFunctionMode, countDispatchModes;
  /// The variables of torch.autograd.forward_ad, of which one is the level of
  /// forward-mode gradients, or -1.
  nb::object forwardAD;

  bool isKnown() const {
    return !hasFunctionMode.is_none() && !countDispatchModes.is_none();
  }

  static const ThreadState &get() {
    static ThreadState *state = nullptr;
    if (!state)
      state = new ThreadState;
    return *state;
  }

private:
  ThreadState() {
    nb::object functions = nb::module_::import_("torch._C");
    hasFunctionMode =
        nb::getattr(functions, "_is_torch_function_mode_enabled", nb::none());
    countDispatchModes =
        nb::getattr(functions, "_len_torch_dispatch_stack", nb::none());
    forwardAD =
        nb::module_::import_("torch.autograd.forward_ad").attr("__dict__");
  }
};

/// A way to recognise, in one call, tensors like those that have been found
/// plain: one of torch's own guards, which compares their types, their dispatch
/// keys under the state of the thread, element types, devices, ranks, and
/// whether they want gradients.
struct Guard {
  uint64_t key;
  nb::object check;
  TensorFlags flags;
};

/// Guards of this process. Who reads or changes it holds the GIL.
struct GuardTable {
  std::vector<Guard> guards;
  size_t next = 0;

  static GuardTable &get() {
    static auto *table = new GuardTable;
    return *table;
  }

  void add(Guard guard) {
    // More than a process has kinds of calls.
    constexpr size_t maxGuards = 64;
    if (guards.size() < maxGuards) {
      guards.push_back(std::move(guard));
      return;
    }
    std::swap(guards[next], guard);
    next = (next + 1) % maxGuards;
  }
};
} // namespace

bool mfa::python::isTorchCallPlain() {
  const ThreadState &state = ThreadState::get();
  static PyObject *name = PyUnicode_InternFromString("_current_level");
  PyObject *level = PyDict_GetItemWithError(state.forwardAD.ptr(), name);
  if (!level || PyLong_AsLong(level) >= 0 || !state.isKnown())
    return false;
  nb::object modes = callQuickly(state.countDispatchModes, {});
  if (PyLong_AsLong(modes.ptr()) != 0)
    return false;
  if (callQuickly(state.hasFunctionMode, {}).ptr() == Py_False)
    return true;
  static PyObject *areModesPlain = nullptr;
  return nb::cast<bool>(callTorch(areModesPlain, "are_function_modes_plain"));
}

/// Gradients are wanted of a tensor: there is no backward to give them.
static void checkNoGradient(const Array &array) {
  static PyObject *isGradEnabled = nullptr;
  if (!nb::cast<bool>(getFunction(isGradEnabled, "torch", "is_grad_enabled")()))
    return;
  std::string name = array.name;
  if (array.isOutput)
    throwError(PyExc_RuntimeError,
               name + ": expected a tensor without requires_grad, as what is "
                      "written through out= has no gradient, but got one with "
                      "it; call it under torch.no_grad() or pass a detached "
                      "tensor");
  throwError(PyExc_RuntimeError,
             name +
                 ": expected an array without gradients, as masked attention "
                 "has no backward, but got one with requires_grad; call it "
                 "under torch.no_grad() or pass a detached tensor");
}

/// A tensor of inference mode has no version, so torch lets it be written only
/// where nothing is recorded.
static void checkWritable(const Array &array) {
  static PyObject *isInference = nullptr;
  if (!nb::cast<bool>(
          getFunction(isInference, "torch", "is_inference_mode_enabled")()))
    throwError(PyExc_RuntimeError,
               std::string(array.name) +
                   ": expected a tensor that can be written outside of "
                   "torch.inference_mode() but got one that was made in it; "
                   "pass a clone");
}

static uint64_t makeKey(const TensorList &list) {
  uint64_t key = static_cast<uint32_t>(list.arrays[0]->deviceId);
  for (int i = 0; i < list.count; ++i) {
    const Array &array = *list.arrays[i];
    key = key << 4 | (array.rank == 4) << 3 | array.isOnCUDA() << 2 |
          array.elementType;
  }
  return key << 3 | list.count;
}

static bool accepts(const Guard &guard, const TensorList &list) {
  PyObject *tensors[TensorList::kMaxCount];
  for (int i = 0; i < list.count; ++i)
    tensors[i] = list.arrays[i]->object.ptr();
  nb::object result = nb::steal(PyObject_Vectorcall(
      guard.check.ptr(), tensors, list.count, /*kwnames=*/nullptr));
  if (!result.is_valid())
    throw nb::python_error();
  return result.ptr() == Py_True;
}

/// Notes what is known of plain tensors, and refuses what cannot be done with
/// them.
static void apply(TensorFlags flags, const TensorList &list) {
  if (!(flags.inference | flags.requiresGrad))
    return;
  for (int i = 0; i < list.count; ++i) {
    Array &array = *list.arrays[i];
    array.isInference = flags.inference >> i & 1;
    if (flags.requiresGrad >> i & 1)
      checkNoGradient(array);
    if (array.isInference && array.isOutput)
      checkWritable(array);
  }
}

bool mfa::python::arePlain(const TensorList &list) {
  GuardTable &table = GuardTable::get();
  uint64_t key = makeKey(list);
  // By index: what a guard calls may be other threads' turn.
  for (size_t i = 0; i < table.guards.size(); ++i)
    if (table.guards[i].key == key && accepts(table.guards[i], list)) {
      apply(table.guards[i].flags, list);
      return true;
    }
  nb::object tensors = nb::steal(PyTuple_New(list.count));
  for (int i = 0; i < list.count; ++i)
    PyTuple_SetItem(tensors.ptr(), i, list.arrays[i]->object.inc_ref().ptr());
  static PyObject *inspect = nullptr;
  nb::object found = callTorch(inspect, "inspect_tensors", tensors);
  if (found.is_none())
    return false;
  auto fields = nb::cast<nb::tuple>(found);
  TensorFlags flags = {nb::cast<unsigned>(fields[0]),
                       nb::cast<unsigned>(fields[1])};
  if (!fields[2].is_none())
    table.add({key, fields[2], flags});
  apply(flags, list);
  return true;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

void mfa::python::noteWritten(const Array &out, const Array &lse) {
  const Array *arrays[2];
  int count = 0;
  for (const Array *array : {&out, &lse})
    if (array->type && array->type->isTorch && !array->isInference)
      arrays[count++] = array;
  if (count == 0)
    return;
  nb::object tensors = nb::steal(PyTuple_New(count));
  for (int i = 0; i < count; ++i)
    PyTuple_SetItem(tensors.ptr(), i, arrays[i]->object.inc_ref().ptr());
  static PyObject *increment = nullptr;
  callQuickly(getFunction(increment, "mfa.torch", "increment_versions"),
              {tensors.ptr()});
}

namespace {
/// The shape of an output and the strides of row-major order, as torch takes
/// them.
struct OutputForm {
  std::array<int64_t, 4> sizes = {};
  nb::object shape, strides;

  /// Of each rank the last one is kept, as most calls have the sizes of the one
  /// before. Returns a copy: while it is in use it may be other threads' turn.
  static OutputForm get(const int64_t *sizes, int rank) {
    static auto *forms = new std::array<OutputForm, 5>;
    OutputForm &last = (*forms)[rank];
    if (!last.shape.is_valid() ||
        !std::equal(sizes, sizes + rank, last.sizes.begin()))
      last = OutputForm(sizes, rank);
    return last;
  }

  OutputForm() = default;

private:
  OutputForm(const int64_t *values, int rank) : shape(makeTuple(values, rank)) {
    std::copy_n(values, rank, sizes.begin());
    std::array<int64_t, 4> steps;
    int64_t stride = 1;
    for (int dim = rank - 1; dim >= 0; --dim) {
      steps[dim] = stride;
      stride *= std::max<int64_t>(sizes[dim], 1);
    }
    strides = makeTuple(steps.data(), rank);
  }
};

/// The functions with which code of torch.compile makes its arrays: contiguous
/// ones of the CPU or of the current GPU, without the dispatcher, in a third of
/// the time of Tensor.new_empty. torch does not document them, so each may be
/// missing.
struct TorchAllocators {
  nb::object onCPU = nb::none(), onCUDA = nb::none(), getDevice = nb::none();
  nb::object types[MfaElementI1];

  static const TorchAllocators &get() {
    // Not by the initialisation of a static variable, for which other threads
    // would wait with the GIL in their hands.
    static TorchAllocators *allocators = nullptr;
    if (!allocators)
      allocators = new TorchAllocators;
    return *allocators;
  }

  /// The function for arrays on the device of `like`; None where there is none.
  nb::handle select(const Array &like) const {
    if (!like.isOnCUDA())
      return onCPU;
    static const bool hasOneGPU = mfaGetNumDevices() == 1;
    bool isCurrent =
        hasOneGPU || (!getDevice.is_none() &&
                      nb::cast<int32_t>(getDevice()) == like.deviceId);
    return isCurrent ? nb::handle(onCUDA) : nb::handle(Py_None);
  }

private:
  TorchAllocators() {
    nb::object torch = nb::module_::import_("torch");
    types[MfaElementF16] = torch.attr("float16");
    types[MfaElementBF16] = torch.attr("bfloat16");
    types[MfaElementF32] = torch.attr("float32");
    nb::object functions = torch.attr("_C");
    getDevice = nb::getattr(functions, "_cuda_getDevice", nb::none());
    for (const char *part : {"_dynamo", "guards"})
      functions = nb::getattr(functions, part, nb::none());
    onCPU = nb::getattr(functions, "_empty_strided_cpu", nb::none());
    onCUDA = nb::getattr(functions, "_empty_strided_cuda", nb::none());
  }
};
} // namespace

nb::object mfa::python::makeTorchOutput(const Array &like, const int64_t *sizes,
                                        int rank, MfaElementType type) {
  const OutputForm form = OutputForm::get(sizes, rank);
  if (like.type->isPlainTorch) {
    const TorchAllocators &allocators = TorchAllocators::get();
    if (nb::handle make = allocators.select(like); !make.is_none())
      return callQuickly(make, {form.shape.ptr(), form.strides.ptr(),
                                allocators.types[type].ptr()});
  }
  if (type != like.elementType)
    return nb::object();
  static PyObject *newEmpty = PyUnicode_InternFromString("new_empty");
  PyObject *arguments[] = {like.object.ptr(), form.shape.ptr()};
  nb::object output = nb::steal(
      PyObject_VectorcallMethod(newEmpty, arguments, 2, /*kwnames=*/nullptr));
  if (!output.is_valid())
    throw nb::python_error();
  return output;
}
