//===- XLAHandler.cpp - Masked attention as XLA calls it ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "XLAHandler.h"

#include "Checks.h"
#include "GroupedHeads.h"
#include "KernelTable.h"
#include "Launch.h"
#include "XLAFFI.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <string_view>

using namespace mfa::python;

namespace {
/// What becomes an error of XLA.
struct Failure {
  xla::ErrorCode code;
  std::string message;
};
} // namespace

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

namespace {
class AttributeReader {
public:
  explicit AttributeReader(const xla::Attributes &attributes)
      : attributes(attributes) {}

  /// A text; nullopt for an empty one.
  std::optional<std::string_view> readText(std::string_view name) const {
    auto *text = static_cast<const xla::ByteSpan *>(
        get(name, xla::AttributeType::String, "a text"));
    if (text->size == 0)
      return std::nullopt;
    return std::string_view(text->data, text->size);
  }

  bool readFlag(std::string_view name) const {
    return *static_cast<const bool *>(
        getScalar(name, xla::DataType::Pred, "a bool"));
  }

  std::optional<float> readFloat(std::string_view name) const {
    if (find(name) < 0)
      return std::nullopt;
    return *static_cast<const float *>(
        getScalar(name, xla::DataType::F32, "an f32"));
  }

  /// The elements of an array, which need not be there.
  template <typename T>
  std::pair<const T *, size_t> readArray(std::string_view name,
                                         xla::DataType type,
                                         const char *expected) const {
    if (find(name) < 0)
      return {nullptr, 0};
    auto *array = static_cast<const xla::ArrayAttribute *>(
        get(name, xla::AttributeType::Array, expected));
    if (array->type != type)
      fail(name, expected);
    return {static_cast<const T *>(array->data), array->size};
  }

private:
  [[noreturn]] static void fail(std::string_view name, const char *expected) {
    throwError(PyExc_ValueError, "expected an attribute '" + std::string(name) +
                                     "', " + expected + ", as mfa.jax writes");
  }

  int64_t find(std::string_view name) const {
    for (int64_t index = 0; index < attributes.size; ++index) {
      const xla::ByteSpan &known = *attributes.names[index];
      if (std::string_view(known.data, known.size) == name)
        return index;
    }
    return -1;
  }

  const void *get(std::string_view name, xla::AttributeType type,
                  const char *expected) const {
    int64_t index = find(name);
    if (index < 0 || attributes.types[index] != type)
      fail(name, expected);
    return attributes.values[index];
  }

  const void *getScalar(std::string_view name, xla::DataType type,
                        const char *expected) const {
    auto *scalar = static_cast<const xla::Scalar *>(
        get(name, xla::AttributeType::Scalar, expected));
    if (scalar->type != type)
      fail(name, expected);
    return scalar->value;
  }

  const xla::Attributes &attributes;
};
} // namespace

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

static std::optional<MfaElementType> getElementType(xla::DataType type) {
  switch (type) {
  case xla::DataType::F16:
    return MfaElementF16;
  case xla::DataType::BF16:
    return MfaElementBF16;
  case xla::DataType::F32:
    return MfaElementF32;
  case xla::DataType::Pred:
    return MfaElementI1;
  case xla::DataType::S32:
    return MfaElementI32;
  case xla::DataType::S64:
    return MfaElementI64;
  default:
    return std::nullopt;
  }
}

namespace {
/// Reads the arguments, or the results, of a call in their order.
class BufferReader {
public:
  BufferReader(const xla::Buffers &buffers, const char *what,
               dlpack::DeviceType deviceType, int32_t deviceId)
      : buffers(buffers), what(what), deviceType(deviceType),
        deviceId(deviceId) {}

  void read(const char *name, const ReadOptions &options, Array &array) {
    if (next >= buffers.size || buffers.types[next] != xla::Buffers::kBuffer)
      throwError(PyExc_ValueError,
                 std::string(name) + ": expected it among the " + what +
                     " but got " + std::to_string(buffers.size));
    const auto &buffer =
        *static_cast<const xla::Buffer *>(buffers.values[next++]);
    std::optional<MfaElementType> type = getElementType(buffer.type);
    checkForm(name, type,
              "XLA's type " + std::to_string(static_cast<int>(buffer.type)),
              buffer.rank, options);
    array.name = name;
    array.isOutput = options.isOutput;
    array.elementType = *type;
    array.deviceType = deviceType;
    array.deviceId = deviceId;
    array.data = buffer.data;
    array.rank = static_cast<int>(buffer.rank);
    std::copy_n(buffer.sizes, array.rank, array.sizes.begin());
    setContiguous(array);
  }

  int64_t getNumLeft() const { return buffers.size - next; }

  void checkEnd() const {
    if (next != buffers.size)
      throwError(PyExc_ValueError, "expected " + std::to_string(next) + " " +
                                       what + " but got " +
                                       std::to_string(buffers.size));
  }

private:
  const xla::Buffers &buffers;
  const char *what;
  dlpack::DeviceType deviceType;
  int32_t deviceId;
  int64_t next = 0;
};
} // namespace

/// The captures of the rules: arrays, integers and numbers, in this order.
static void readCaptures(const Rules *rules, BufferReader &buffers,
                         const AttributeReader &attributes,
                         Operands &operands) {
  auto [integers, numIntegers] = attributes.readArray<int64_t>(
      "integers", xla::DataType::S64, "an array of i64");
  auto [numbers, numNumbers] = attributes.readArray<double>(
      "numbers", xla::DataType::F64, "an array of f64");
  size_t numArrays = buffers.getNumLeft(),
         count = numArrays + numIntegers + numNumbers,
         expected = rules ? rules->names.size() : 0;
  if (count != expected)
    throwError(PyExc_ValueError, "expected " + std::to_string(expected) +
                                     " captures, as the rules have, but got " +
                                     std::to_string(count));
  operands.captures.resize(count);
  for (size_t index = 0; index < count; ++index) {
    Capture &capture = operands.captures[index];
    capture.name = rules->names[index].c_str();
    if (index < numArrays) {
      buffers.read(capture.name, kCaptureOptions, capture.array);
    } else if (index < numArrays + numIntegers) {
      capture.isInteger = true;
      capture.integer = integers[index - numArrays];
    } else {
      capture.number = numbers[index - numArrays - numIntegers];
    }
  }
}

//===----------------------------------------------------------------------===//
// Python
//===----------------------------------------------------------------------===//

namespace {
/// Who is in Python. A thread that asks for the GIL of an interpreter that has
/// ended is ended by that, whatever C++ it is in; so none asks any more once
/// the end has been announced.
class PythonGate {
public:
  static PythonGate &get() {
    // Never destroyed, as threads of XLA may outlive this module's variables.
    static auto *gate = new PythonGate;
    return *gate;
  }

  void enter() {
    std::lock_guard<std::mutex> lock(mutex);
    if (isClosed)
      throw Failure{xla::ErrorCode::Cancelled,
                    "expected a kernel that is known, as Python is ending, but "
                    "got a call that needs another one"};
    ++numInside;
  }

  void leave() {
    std::lock_guard<std::mutex> lock(mutex);
    if (--numInside == 0)
      isEmpty.notify_all();
  }

  /// Waits for those inside, who may need the GIL.
  void close() {
    nb::gil_scoped_release release;
    std::unique_lock<std::mutex> lock(mutex);
    isClosed = true;
    isEmpty.wait(lock, [&] { return numInside == 0; });
  }

private:
  std::mutex mutex;
  std::condition_variable isEmpty;
  unsigned numInside = 0;
  bool isClosed = false;
};

struct PythonVisit {
  PythonVisit() { PythonGate::get().enter(); }
  ~PythonVisit() { PythonGate::get().leave(); }
};

/// The GIL, for a thread of XLA: taken behind the gate, and given back before.
struct PythonAccess {
  PythonVisit visit;
  nb::gil_scoped_acquire acquire;
};
} // namespace

/// What is said of the Python error of this thread, which holds the GIL.
/// KeyboardInterrupt is left to Python: it is raised again in the main thread
/// once XLA has come back.
static Failure takePythonError(nb::python_error &error) {
  if (error.matches(PyExc_KeyboardInterrupt)) {
    PyErr_SetInterrupt();
    return {xla::ErrorCode::Cancelled, "interrupted"};
  }
  bool isValue =
      error.matches(PyExc_ValueError) || error.matches(PyExc_TypeError);
  auto message = nb::cast<std::string>(nb::str(error.value()));
  if (!isValue && !error.matches(PyExc_RuntimeError))
    message =
        nb::cast<std::string>(error.type().attr("__name__")) + ": " + message;
  return {isValue ? xla::ErrorCode::InvalidArgument : xla::ErrorCode::Internal,
          message};
}

/// Calls a function with the GIL.
template <typename Function>
static auto callPython(Function function) {
  PythonAccess access;
  try {
    return function();
  } catch (nb::python_error &error) {
    throw takePythonError(error);
  }
}

static Failure takeError(MfaError error) {
  MfaErrorKind kind = mfaErrorGetKind(error);
  MlirStringRef text = mfaErrorGetMessage(error);
  std::string message(text.data, text.length);
  mfaErrorDestroy(error);
  if (kind == MfaErrorInterrupted) {
    // By what Python's handler of a signal has raised in this thread.
    PythonAccess access;
    if (PyErr_Occurred()) {
      nb::python_error raised;
      return takePythonError(raised);
    }
    return {xla::ErrorCode::Cancelled, message};
  }
  bool isValue =
      kind == MfaErrorInvalidArgument || kind == MfaErrorRuntimeCheck;
  return {isValue ? xla::ErrorCode::InvalidArgument : xla::ErrorCode::Internal,
          message};
}

/// The rules of a text.
static Rules *findRules(std::optional<std::string_view> text) {
  if (!text)
    return nullptr;
  if (Rules *known = findKnownRules(*text))
    return known;
  return callPython([&] {
    static PyObject *make = nullptr;
    nb::object made = getFunction(make, "mfa._rules", "rules_of_text")(
        nb::str(text->data(), text->size()));
    return addKnownRules(std::move(made));
  });
}

/// The kernel of a call; at first it is compiled, or read from disk.
static std::shared_ptr<Kernel> findKernel(const MfaProblem &problem,
                                          Rules *rules, MfaTarget target,
                                          int32_t device, unsigned tileLists) {
  if (auto known = findKnownKernel(problem, rules, target, device, tileLists))
    return known;
  return callPython([&] {
    auto kernel = getKernel(problem, rules, target, device, tileLists);
    addKnownKernel(problem, rules, target, device, tileLists, kernel);
    return kernel;
  });
}

//===----------------------------------------------------------------------===//
// The call
//===----------------------------------------------------------------------===//

static void attend(const xla::CallFrame &frame, dlpack::DeviceType deviceType,
                   int32_t device, void *stream) {
  AttributeReader attributes(frame.attributes);
  BufferReader arguments(frame.arguments, "arguments", deviceType, device);
  Operands operands;
  arguments.read("q", kTensorOptions, operands.q);
  arguments.read("k", kTensorOptions, operands.k);
  arguments.read("v", kTensorOptions, operands.v);
  if (attributes.readFlag("mask"))
    arguments.read("mask", kMaskOptions, operands.mask);
  if (attributes.readFlag("sinks"))
    arguments.read("sinks", kSinksOptions, operands.sinks);
  Rules *rules = findRules(attributes.readText("rules"));
  readCaptures(rules, arguments, attributes, operands);
  arguments.checkEnd();
  BufferReader results(frame.results, "results", deviceType, device);
  results.read("out", kOutOptions, operands.out);
  const bool hasLSE = results.getNumLeft() != 0;
  if (hasLSE)
    results.read("lse", kLSEOptions, operands.lse);
  results.checkEnd();

  MaskView mask = checkArguments(operands);
  const int64_t outSizes[] = {operands.getBatch(), operands.getSeqQ(),
                              operands.getHeads(), operands.getValueDim()};
  const int64_t lseSizes[] = {operands.getBatch(), operands.getHeads(),
                              operands.getSeqQ()};
  checkOutputs(operands, outSizes, lseSizes);
  if (needsPadding(operands))
    throwError(PyExc_ValueError,
               "expected head sizes that are multiples of 8, as mfa.jax makes "
               "them, but got " +
                   std::to_string(operands.getHeadDim()) + " and " +
                   std::to_string(operands.getValueDim()));
  setScale(attributes.readFloat("scale"), operands);
  std::optional<std::string> targetName;
  if (auto text = attributes.readText("target"))
    targetName = std::string(*text);
  MfaTarget target = getTarget(targetName, operands.q);
  unsigned tileLists = parseTileLists(attributes.readText("tiles"));

  Plan plan = makePlan(operands, mask, target, hasLSE);
  std::shared_ptr<Kernel> kernel =
      findKernel(plan.problem, rules, target, device, tileLists);
  checkCaptures(*kernel, hasLSE, operands);
  if (plan.groupedQueries)
    groupHeads(operands, plan.groupedQueries);
  MfaError error = launch(*kernel, operands, plan.mask, stream);
  if (!mfaErrorIsNull(error))
    throw takeError(error);
  if (mfaKernelHasNewMachineCode(kernel->handle))
    callPython([&] {
      static PyObject *save = nullptr;
      getFunction(save, "mfa._kernels", "save")(kernel);
    });
}

static xla::Error *makeError(const xla::CallFrame &frame, xla::ErrorCode code,
                             const std::string &text) {
  std::string message = "mfa.masked_attention: " + text;
  xla::CreateErrorArguments arguments = {sizeof(arguments), nullptr,
                                         message.c_str(), code};
  return frame.api->createError(&arguments);
}

/// Calls `function`, and returns what it throws as an error of XLA.
template <typename Function>
static xla::Error *guard(const xla::CallFrame &frame, Function function) {
  try {
    return function();
  } catch (const Failure &failure) {
    return makeError(frame, failure.code, failure.message);
  } catch (const nb::builtin_exception &error) {
    return makeError(frame, xla::ErrorCode::InvalidArgument, error.what());
  } catch (const std::exception &error) {
    return makeError(frame, xla::ErrorCode::Internal, error.what());
  }
}

//===----------------------------------------------------------------------===//
// Handlers
//===----------------------------------------------------------------------===//

/// Answers what XLA asks when a handler is registered. Returns false for a
/// call.
static bool tellMetadata(const xla::CallFrame &frame) {
  if (!frame.extensions || frame.extensions->type != xla::Extension::kMetadata)
    return false;
  xla::Metadata &metadata =
      *reinterpret_cast<xla::MetadataExtension *>(frame.extensions)->metadata;
  metadata.version = {sizeof(xla::APIVersion), nullptr, xla::kMajorVersion,
                      xla::kMinorVersion};
  metadata.traits = 0;
  return true;
}

static xla::Error *attendOnCPU(xla::CallFrame *frame) {
  if (tellMetadata(*frame))
    return nullptr;
  return guard(*frame, [&]() -> xla::Error * {
    attend(*frame, dlpack::CPU, /*device=*/0, /*stream=*/nullptr);
    return nullptr;
  });
}

static xla::Error *attendOnCUDA(xla::CallFrame *frame) {
  if (tellMetadata(*frame))
    return nullptr;
  return guard(*frame, [&]() -> xla::Error * {
    const xla::API &api = *frame->api;
    if (api.structSize < offsetof(xla::API, getDevice) + sizeof(api.getDevice))
      throw Failure{xla::ErrorCode::FailedPrecondition,
                    "expected a jaxlib whose XLA tells the device of a call, "
                    "0.6 or newer, but got an older one"};
    xla::GetStreamArguments stream = {sizeof(stream), nullptr, frame->context,
                                      nullptr};
    if (xla::Error *error = api.getStream(&stream))
      return error;
    xla::GetDeviceArguments device = {sizeof(device), nullptr, frame->context,
                                      0};
    if (xla::Error *error = api.getDevice(&device))
      return error;
    attend(*frame, dlpack::CUDA, device.device, stream.stream);
    return nullptr;
  });
}

void mfa::python::bindXLAHandlers(nb::module_ &m) {
  m.def("xla_handlers", [] {
    auto wrap = [](xla::Handler *handler) {
      return nb::capsule(reinterpret_cast<void *>(handler));
    };
    nb::dict handlers;
    handlers["cpu"] = wrap(&attendOnCPU);
    handlers["CUDA"] = wrap(&attendOnCUDA);
    return handlers;
  });
  m.def("end_xla_calls", [] { PythonGate::get().close(); });
}
