//===- Kernel.cpp - Problems and kernels of the C API in Python -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "Array.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using namespace mfa::python;

//===----------------------------------------------------------------------===//
// Strings and errors
//===----------------------------------------------------------------------===//

static MlirStringRef toRef(std::string_view text) {
  return mlirStringRefCreate(text.data(), text.size());
}

static std::string toString(MlirStringRef text) {
  return std::string(text.data, text.length);
}

/// A callback of the C API that appends to the string `userData`.
static void append(MlirStringRef text, void *userData) {
  static_cast<std::string *>(userData)->append(text.data, text.length);
}

void mfa::python::raise(MfaError error) {
  MfaErrorKind kind = mfaErrorGetKind(error);
  if (kind == MfaErrorInterrupted && PyErr_Occurred()) {
    // What Python's handler of the signal has raised.
    mfaErrorDestroy(error);
    throw nb::python_error();
  }
  std::string message = toString(mfaErrorGetMessage(error));
  mfaErrorDestroy(error);
  bool isValue =
      kind == MfaErrorInvalidArgument || kind == MfaErrorRuntimeCheck;
  throwError(isValue ? PyExc_ValueError : PyExc_RuntimeError, message);
}

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

static MfaElementType parseElementType(const char *argument,
                                       const std::string &name) {
  for (MfaElementType type :
       {MfaElementF16, MfaElementBF16, MfaElementF32, MfaElementI1})
    if (name == getTypeName(type))
      return type;
  throwError(PyExc_ValueError, std::string(argument) +
                                   ": expected 'f16', 'bf16', 'f32' or 'i1' "
                                   "but got '" +
                                   name + "'");
}

static void initProblem(Problem *self, const std::string &dtype,
                        int64_t headDim, int64_t valueDim, int64_t maskRank,
                        const std::string &maskType, unsigned maskBroadcast,
                        bool maskUnitStride, nb::handle scale, bool lse,
                        int64_t numQueries, bool sinks, std::string rules,
                        bool groupedHeads) {
  MfaProblem problem = {};
  problem.elementType = parseElementType("dtype", dtype);
  problem.headDim = headDim;
  problem.valueDim = valueDim;
  problem.numQueries = numQueries;
  problem.maskRank = maskRank;
  problem.maskType = parseElementType("mask_dtype", maskType);
  problem.maskBroadcast = maskBroadcast;
  problem.maskUnitStride = maskUnitStride;
  problem.lse = lse;
  problem.sinks = sinks;
  problem.groupedHeads = groupedHeads;
  std::string_view text;
  if (scale.is_none()) {
    problem.scaleKind = MfaScaleDefault;
  } else if (nb::try_cast(scale, text)) {
    if (text != "argument")
      throwError(PyExc_ValueError, "scale: expected a number, None or "
                                   "'argument' but got '" +
                                       std::string(text) + "'");
    problem.scaleKind = MfaScaleArgument;
  } else {
    problem.scaleKind = MfaScaleStatic;
    problem.scale = nb::cast<float>(scale);
  }
  new (self) Problem(problem, std::move(rules));
}

/// All fields, for comparisons.
static auto getFields(const Problem &self) {
  const MfaProblem &problem = self.problem;
  return std::make_tuple(int(problem.elementType), problem.headDim,
                         problem.valueDim, problem.numQueries, problem.maskRank,
                         int(problem.maskType), problem.maskBroadcast,
                         problem.maskUnitStride, int(problem.scaleKind),
                         problem.scale, problem.lse, problem.sinks, self.rules,
                         problem.groupedHeads);
}

static size_t hashProblem(const Problem &self) {
  size_t hash = 0;
  std::apply(
      [&](auto... fields) {
        ((hash = hash * 1000003 ^
                 std::hash<std::decay_t<decltype(fields)>>()(fields)),
         ...);
      },
      getFields(self));
  return hash;
}

//===----------------------------------------------------------------------===//
// Making kernels
//===----------------------------------------------------------------------===//

/// Options of the C API, which refer to these strings.
static MfaOptions makeOptions(MfaTarget target, const std::string &chip,
                              const std::string &product,
                              const std::string &schedule,
                              const std::string &tileLists) {
  MfaOptions options = {};
  options.target = target;
  options.chip = toRef(chip);
  options.schedule = toRef(schedule);
  if (product == "tf32")
    options.f32Product = MfaF32ProductTF32;
  else if (product == "tf32x3")
    options.f32Product = MfaF32ProductTF32x3;
  else
    throwError(PyExc_ValueError,
               "f32_product: expected 'tf32x3' or 'tf32' but got '" + product +
                   "'");
  static constexpr std::pair<const char *, MfaTileLists> kTileLists[] = {
      {"rules", MfaTileListsRules},
      {"auto", MfaTileListsAuto},
      {"always", MfaTileListsAlways},
      {"never", MfaTileListsNever}};
  auto *choice = std::find_if(
      std::begin(kTileLists), std::end(kTileLists),
      [&](const auto &choice) { return tileLists == choice.first; });
  if (choice == std::end(kTileLists))
    throwError(PyExc_ValueError, "tiles: expected 'rules', 'auto', 'always' or "
                                 "'never' but got '" +
                                     tileLists + "'");
  options.tileLists = choice->second;
  return options;
}

/// Calls `make(MfaKernel *)` without the GIL.
template <typename Function>
static std::shared_ptr<Kernel> makeKernel(Function make) {
  MfaKernel handle = {nullptr};
  MfaError error;
  {
    nb::gil_scoped_release release;
    error = make(&handle);
  }
  check(error);
  return std::make_shared<Kernel>(handle);
}

static std::shared_ptr<Kernel>
compileProblem(const Problem &problem, MfaTarget target,
               const std::string &chip, const std::string &product,
               const std::string &schedule, const std::string &tileLists,
               const std::string &countTilesFor, const std::string &schedules) {
  MfaOptions options = makeOptions(target, chip, product, schedule, tileLists);
  options.schedules = toRef(schedules);
  options.countTilesFor = toRef(countTilesFor);
  return makeKernel([&](MfaKernel *kernel) {
    return mfaKernelCompileProblem(&problem.problem, &options, kernel);
  });
}

static std::shared_ptr<Kernel>
compileSource(nb::handle source, const std::string &entry, MfaTarget target,
              const std::string &chip, const std::string &product) {
  std::string text;
  if (nb::isinstance<nb::bytes>(source)) {
    auto bytes = nb::cast<nb::bytes>(source);
    text.assign(bytes.c_str(), bytes.size());
  } else {
    text = nb::cast<std::string>(source);
  }
  MfaOptions options = makeOptions(target, chip, product, /*schedule=*/"",
                                   /*tileLists=*/"rules");
  return makeKernel([&](MfaKernel *kernel) {
    return mfaKernelCompileSource(toRef(text), toRef(entry), &options, kernel);
  });
}

static std::shared_ptr<Kernel> deserialize(nb::bytes data) {
  std::string_view bytes(data.c_str(), data.size());
  return makeKernel([&](MfaKernel *kernel) {
    return mfaKernelDeserialize(toRef(bytes), kernel);
  });
}

//===----------------------------------------------------------------------===//
// What a kernel tells
//===----------------------------------------------------------------------===//

static nb::tuple getStages(const Kernel &self) {
  nb::list names;
  for (intptr_t index = 0; index < mfaKernelGetNumStages(self.handle); ++index)
    names.append(toString(mfaKernelGetStageName(self.handle, index)));
  return nb::tuple(names);
}

static std::string printStage(const Kernel &self, const std::string &stage) {
  std::string text;
  MfaError error;
  {
    nb::gil_scoped_release release;
    error = mfaKernelPrintStage(self.handle, toRef(stage), append, &text);
  }
  check(error);
  return text;
}

static nb::bytes getCubin(const Kernel &self) {
  std::string bytes;
  MfaError error;
  {
    nb::gil_scoped_release release;
    error = mfaKernelGetCubin(self.handle, append, &bytes);
  }
  check(error);
  return nb::bytes(bytes.data(), bytes.size());
}

static nb::bytes serialize(const Kernel &self) {
  std::string bytes;
  {
    nb::gil_scoped_release release;
    mfaKernelSerialize(self.handle, append, &bytes);
  }
  return nb::bytes(bytes.data(), bytes.size());
}

static nb::tuple getFunctions(const Kernel &self) {
  nb::list functions;
  for (intptr_t index = 0; index < mfaKernelGetNumFunctions(self.handle);
       ++index)
    functions.append(nb::cast(mfaKernelGetFunction(self.handle, index)));
  return nb::tuple(functions);
}

static nb::object getParameters(const Kernel &self) {
  intptr_t count = mfaKernelGetNumParameters(self.handle);
  if (count < 0)
    return nb::none();
  nb::list parameters;
  for (intptr_t index = 0; index < count; ++index)
    parameters.append(nb::cast(mfaKernelGetParameter(self.handle, index)));
  return nb::tuple(parameters);
}

/// Sizes or strides of a parameter, None where they are open.
static nb::tuple getExtents(const MfaParameter &self, const int64_t *extents) {
  nb::list result;
  for (int64_t dim = 0; dim < self.rank; ++dim)
    if (extents[dim] == MFA_DYNAMIC)
      result.append(nb::none());
    else
      result.append(extents[dim]);
  return nb::tuple(result);
}

//===----------------------------------------------------------------------===//
// Loading and launching
//===----------------------------------------------------------------------===//

static MfaResources getResources(const Kernel &self, intptr_t index,
                                 int device) {
  MfaResources resources = {};
  MfaError error;
  {
    nb::gil_scoped_release release;
    error = mfaKernelGetResources(self.handle, index, device, &resources);
  }
  check(error);
  return resources;
}

static void load(const Kernel &self, int device) {
  MfaError error;
  {
    nb::gil_scoped_release release;
    error = mfaKernelLoad(self.handle, device);
  }
  check(error);
}

/// The C API reads as many sizes and strides as a parameter has dimensions.
static void checkRanks(const Kernel &self,
                       const std::vector<std::vector<int64_t>> &sizes) {
  intptr_t count = mfaKernelGetNumParameters(self.handle);
  for (intptr_t index = 0;
       index < std::min(count, static_cast<intptr_t>(sizes.size())); ++index) {
    MfaParameter parameter = mfaKernelGetParameter(self.handle, index);
    auto rank = static_cast<int64_t>(sizes[index].size());
    if (rank != std::max<int64_t>(parameter.rank, 0))
      throwError(PyExc_ValueError,
                 toString(parameter.name) + ": expected rank " +
                     std::to_string(std::max<int64_t>(parameter.rank, 0)) +
                     " but got rank " + std::to_string(rank));
  }
}

static void launchKernel(const Kernel &self, nb::sequence values, int device,
                         uintptr_t stream) {
  using Extents = std::vector<int64_t>;
  size_t count = nb::len(values);
  // The arguments point into these.
  std::vector<Extents> sizes(count), strides(count);
  std::vector<MfaArgument> arguments(count);
  for (size_t index = 0; index < count; ++index) {
    nb::object value = values[index];
    MfaArgument &argument = arguments[index];
    argument = {};
    if (!nb::isinstance<nb::tuple>(value)) {
      argument.number = nb::cast<float>(value);
      // Of a parameter of type index.
      if (nb::isinstance<nb::int_>(value))
        argument.integer = nb::cast<int64_t>(value);
      continue;
    }
    auto [address, itsSizes, itsStrides] =
        nb::cast<std::tuple<uintptr_t, Extents, Extents>>(value);
    if (itsSizes.size() != itsStrides.size())
      throwError(PyExc_ValueError,
                 "argument " + std::to_string(index) +
                     ": expected as many strides as sizes but got " +
                     std::to_string(itsStrides.size()) + " and " +
                     std::to_string(itsSizes.size()));
    sizes[index] = std::move(itsSizes);
    strides[index] = std::move(itsStrides);
    argument.data = reinterpret_cast<void *>(address);
    argument.sizes = sizes[index].data();
    argument.strides = strides[index].data();
  }
  checkRanks(self, sizes);
  MfaError error;
  {
    nb::gil_scoped_release release;
    error = mfaKernelLaunch(self.handle, arguments.data(),
                            static_cast<intptr_t>(count), device,
                            reinterpret_cast<void *>(stream));
  }
  check(error);
}

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

static std::optional<std::string> getCUDAUnavailableReason() {
  MfaError error = mfaCheckCUDA();
  if (mfaErrorIsNull(error))
    return std::nullopt;
  std::string reason = toString(mfaErrorGetMessage(error));
  mfaErrorDestroy(error);
  return reason;
}

static std::string getDeviceChip(int device) {
  std::string chip;
  check(mfaGetDeviceChip(device, append, &chip));
  return chip;
}

//===----------------------------------------------------------------------===//
// Signals
//===----------------------------------------------------------------------===//

/// Python runs handlers of signals in its main thread only; in others there is
/// no use in waiting for the GIL.
static std::atomic<unsigned long> mainThread{0};

/// Runs the Python handlers of signals that have come. True where one of them
/// raised (KeyboardInterrupt, by default), and then that is the thread's error.
static bool checkSignals(void *) {
  if (PyThread_get_thread_ident() != mainThread)
    return false;
  nb::gil_scoped_acquire acquire;
  return PyErr_CheckSignals() != 0;
}

static void watchSignals(unsigned long thread) {
  mainThread = thread;
  mfaSetInterruptHandler(checkSignals, /*userData=*/nullptr);
}

static void setNumThreads(int64_t count) {
  if (count < 1)
    throw nb::value_error(
        ("expected 1 thread or more but got " + std::to_string(count)).c_str());
  mfaSetNumThreads(count);
}

//===----------------------------------------------------------------------===//
// Bindings
//===----------------------------------------------------------------------===//

static void bindProblem(nb::module_ &m) {
  nb::class_<Problem>(m, "Problem")
      .def("__init__", &initProblem, nb::arg("dtype"), nb::arg("head_dim"),
           nb::arg("value_dim"), nb::kw_only(), nb::arg("mask_rank") = 0,
           nb::arg("mask_dtype") = "f16", nb::arg("mask_broadcast") = 0,
           nb::arg("mask_unit_stride") = false,
           nb::arg("scale").none() = nb::none(), nb::arg("lse") = false,
           nb::arg("num_queries") = 0, nb::arg("sinks") = false,
           nb::arg("rules") = "", nb::arg("grouped_heads") = false)
      .def("__eq__",
           [](const Problem &self, nb::handle other) {
             return nb::isinstance<Problem>(other) &&
                    getFields(self) ==
                        getFields(nb::cast<const Problem &>(other));
           })
      .def("__hash__", &hashProblem)
      .def_prop_ro(
          "mask_broadcast",
          [](const Problem &self) { return self.problem.maskBroadcast; })
      .def_prop_ro("lse",
                   [](const Problem &self) -> bool { return self.problem.lse; })
      .def_prop_ro("sinks", [](const Problem &self) -> bool {
        return self.problem.sinks;
      });
  nb::class_<Rules>(m, "Rules")
      .def(
          "__init__",
          [](Rules *self, std::string text, std::vector<std::string> names) {
            new (self)
                Rules{std::move(text), std::move(names), nb::none(), {}, {}, 0};
          },
          nb::arg("text"), nb::arg("names"))
      .def_rw("expressions", &Rules::expressions, nb::arg().none())
      .def("set_reads",
           [](Rules &self,
              const std::vector<std::tuple<unsigned, unsigned, unsigned>>
                  &reads) {
             self.reads.clear();
             for (auto [capture, dim, position] : reads)
               self.reads.push_back({capture, dim, position});
           })
      .def_ro("text", &Rules::text)
      .def_ro("names", &Rules::names);
}

static void bindDescriptions(nb::module_ &m) {
  nb::class_<MfaParameter>(m, "Parameter")
      .def_prop_ro("name",
                   [](const MfaParameter &self) { return toString(self.name); })
      .def_prop_ro("dtype",
                   [](const MfaParameter &self) {
                     return getTypeName(self.elementType);
                   })
      .def_ro("rank", &MfaParameter::rank)
      .def_prop_ro(
          "sizes",
          [](const MfaParameter &self) { return getExtents(self, self.sizes); })
      .def_prop_ro("strides", [](const MfaParameter &self) {
        return getExtents(self, self.strides);
      });
  nb::class_<MfaFunction>(m, "Function")
      .def_prop_ro("name",
                   [](const MfaFunction &self) { return toString(self.name); })
      .def_ro("threads", &MfaFunction::threads)
      .def_ro("dynamic_shared_bytes", &MfaFunction::dynamicSharedBytes);
  nb::class_<MfaResources>(m, "Resources")
      .def_ro("registers", &MfaResources::registers)
      .def_ro("local_bytes", &MfaResources::localBytes)
      .def_ro("static_shared_bytes", &MfaResources::staticSharedBytes)
      .def_ro("max_threads", &MfaResources::maxThreads);
}

void mfa::python::bindKernel(nb::module_ &m) {
  nb::enum_<MfaTarget>(m, "Target")
      .value("cpu", MfaTargetCPU)
      .value("sim", MfaTargetSim)
      .value("cuda", MfaTargetCUDA);
  bindProblem(m);
  bindDescriptions(m);
  nb::class_<TileLists>(m, "TileLists")
      .def(nb::init<bool>(), nb::arg("assumes_finite"))
      .def("clear", [](TileLists &self) { mfaKeptTileListsClear(self.handle); })
      .def("__len__", [](const TileLists &self) {
        return mfaKeptTileListsGetSize(self.handle);
      });
  // Descriptions of a kernel point into it.
  nb::class_<Kernel>(m, "Kernel")
      .def_prop_ro(
          "target",
          [](const Kernel &self) { return mfaKernelGetTarget(self.handle); })
      .def_prop_ro("chip",
                   [](const Kernel &self) {
                     return toString(mfaKernelGetChip(self.handle));
                   })
      .def_prop_ro("stages", &getStages)
      .def_prop_ro("schedule",
                   [](const Kernel &self) {
                     return toString(mfaKernelGetSchedule(self.handle));
                   })
      .def_prop_ro("ptx",
                   [](const Kernel &self) {
                     return toString(mfaKernelGetPTX(self.handle));
                   })
      .def_prop_ro("parameters", &getParameters)
      .def_prop_ro("functions", &getFunctions)
      .def("ir", &printStage, nb::arg("stage"))
      .def("cubin", &getCubin)
      .def("resources", &getResources, nb::arg("index") = 0,
           nb::arg("device") = MFA_CURRENT_DEVICE)
      .def("serialize", &serialize)
      .def_prop_ro("has_new_machine_code",
                   [](const Kernel &self) {
                     return mfaKernelHasNewMachineCode(self.handle);
                   })
      .def("load", &load, nb::arg("device") = MFA_CURRENT_DEVICE)
      .def("launch", &launchKernel, nb::arg("arguments"), nb::kw_only(),
           nb::arg("device") = MFA_CURRENT_DEVICE, nb::arg("stream") = 0);

  m.def("compile_problem", &compileProblem, nb::arg("problem"), nb::kw_only(),
        nb::arg("target"), nb::arg("chip") = "",
        nb::arg("f32_product") = "tf32x3", nb::arg("schedule") = "",
        nb::arg("tile_lists") = "rules", nb::arg("count_tiles_for") = "",
        nb::arg("schedules") = "");
  m.def("compile_source", &compileSource, nb::arg("source"), nb::kw_only(),
        nb::arg("entry") = "", nb::arg("target"), nb::arg("chip") = "",
        nb::arg("f32_product") = "tf32x3");
  m.def("deserialize", &deserialize, nb::arg("data"));
  m.def("version", [] { return toString(mfaGetVersion()); });
  m.def("compiler_id", [] { return toString(mfaGetCompilerId()); });
  m.def("watch_signals", &watchSignals, nb::arg("main_thread"));
  m.def("num_devices", &mfaGetNumDevices);
  m.def("get_num_threads", &mfaGetNumThreads);
  m.def("set_num_threads", &setNumThreads, nb::arg("count"));
  m.def("cuda_unavailable_reason", &getCUDAUnavailableReason);
  m.def("device_chip", &getDeviceChip, nb::arg("device") = 0);
}
