//===- Array.cpp - Arrays of any library ----------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Array.h"

#include "Torch.h"

#include <algorithm>
#include <nanobind/stl/string.h>
#include <stdexcept>
#include <unordered_map>

using namespace mfa::python;

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

void mfa::python::throwError(PyObject *type, const std::string &message) {
  if (type == PyExc_ValueError)
    throw nb::value_error(message.c_str());
  if (type == PyExc_TypeError)
    throw nb::type_error(message.c_str());
  throw std::runtime_error(message);
}

const char *mfa::python::getTypeName(MfaElementType type) {
  switch (type) {
  case MfaElementF16:
    return "f16";
  case MfaElementBF16:
    return "bf16";
  case MfaElementF32:
    return "f32";
  case MfaElementI1:
    return "i1";
  case MfaElementI32:
    return "i32";
  case MfaElementI64:
    return "i64";
  }
  return "";
}

std::string mfa::python::formatSizes(const int64_t *sizes, int rank) {
  std::string text = "(";
  for (int dim = 0; dim < rank; ++dim)
    text += (dim ? ", " : "") + std::to_string(sizes[dim]);
  return text + (rank == 1 ? ",)" : ")");
}

std::string mfa::python::formatDevice(const Array &array) {
  return array.isOnCUDA() ? "cuda:" + std::to_string(array.deviceId) : "cpu";
}

static std::string getPythonTypeName(nb::handle object) {
  nb::handle type = object.type();
  auto name = nb::cast<std::string>(type.attr("__qualname__"));
  auto module = nb::cast<std::string>(type.attr("__module__"));
  return module == "builtins" ? name : module + "." + name;
}

//===----------------------------------------------------------------------===//
// Types of arrays
//===----------------------------------------------------------------------===//

nb::handle mfa::python::getFunction(PyObject *&cache, const char *module,
                                    const char *name) {
  if (!cache)
    cache = nb::getattr(nb::module_::import_(module), name).release().ptr();
  return cache;
}

/// Calls a function of mfa._arrays.
template <typename... Args>
static nb::object callArrays(PyObject *&cache, const char *name,
                             Args &&...args) {
  return getFunction(cache, "mfa._arrays", name)(std::forward<Args>(args)...);
}

/// Whether a type is that of the arrays of JAX's traces. Imports nothing.
static bool isTracer(nb::handle type) {
  PyObject *jax = PyDict_GetItemString(PyImport_GetModuleDict(), "jax");
  if (!jax || !PyType_Check(type.ptr()))
    return false;
  nb::object tracer =
      nb::getattr(nb::getattr(jax, "core", nb::none()), "Tracer", nb::none());
  if (tracer.is_none())
    return false;
  int isSubclass = PyObject_IsSubclass(type.ptr(), tracer.ptr());
  if (isSubclass < 0)
    throw nb::python_error();
  return isSubclass;
}

static ArrayType inspectType(nb::handle type) {
  ArrayType result;
  inspectTorchType(type, result);
  result.isTraced = isTracer(type);
  if (!nb::hasattr(type, "__dlpack_c_exchange_api__"))
    return result;
  nb::object capsule = type.attr("__dlpack_c_exchange_api__");
  if (!PyCapsule_IsValid(capsule.ptr(), dlpack::kExchangeCapsule))
    return result;
  auto *api = static_cast<const dlpack::ExchangeAPI *>(
      PyCapsule_GetPointer(capsule.ptr(), dlpack::kExchangeCapsule));
  if (api->version.major != 1 || !api->describe || !api->currentStream)
    return result;
  result.api = api;
  return result;
}

/// Finds out about a type once. The type is kept alive, so that its address
/// stays its own.
static const ArrayType *getArrayType(nb::handle object) {
  static auto *types = new std::unordered_map<PyObject *, ArrayType>;
  // The arrays of a call, and of one call after another, are mostly of one
  // type.
  static std::pair<PyObject *, const ArrayType *> last = {};
  PyObject *type = object.type().ptr();
  if (type == last.first)
    return last.second;
  auto found = types->find(type);
  if (found != types->end()) {
    last = {type, &found->second};
    return last.second;
  }
  // This may run Python code, and with it other threads.
  ArrayType result = inspectType(type);
  auto [entry, isNew] = types->try_emplace(type, result);
  if (isNew)
    Py_INCREF(type);
  return &entry->second;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

int64_t Array::getNumElements() const {
  int64_t count = 1;
  for (int dim = 0; dim < rank; ++dim)
    count *= sizes[dim];
  return count;
}

[[noreturn]] static void throwNoArray(const char *name, nb::handle object) {
  throwError(PyExc_TypeError, std::string(name) +
                                  ": expected an array with DLPack (torch, "
                                  "numpy, jax) but got " +
                                  getPythonTypeName(object));
}

[[noreturn]] static void throwElementType(const char *name,
                                          const ReadOptions &options,
                                          const std::string &actual) {
  const char *others = options.allowIntegers ? ", f32, int32, int64 or bool"
                       : options.allowBool   ? ", f32 or bool"
                                             : " or f32";
  throwError(PyExc_TypeError, std::string(name) +
                                  ": expected elements of type f16, bf16" +
                                  others + " but got " + actual);
}

static bool isAllowed(MfaElementType type, const ReadOptions &options) {
  switch (type) {
  case MfaElementI1:
    return options.allowBool;
  case MfaElementI32:
  case MfaElementI64:
    return options.allowIntegers;
  default:
    return true;
  }
}

static std::optional<MfaElementType> getElementType(dlpack::DataType type) {
  if (type.lanes != 1)
    return std::nullopt;
  if (type.code == dlpack::BFloat && type.bits == 16)
    return MfaElementBF16;
  if (type.code == dlpack::Float && type.bits == 16)
    return MfaElementF16;
  if (type.code == dlpack::Float && type.bits == 32)
    return MfaElementF32;
  if (type.code == dlpack::Bool && type.bits == 8)
    return MfaElementI1;
  if (type.code == dlpack::Int && type.bits == 32)
    return MfaElementI32;
  if (type.code == dlpack::Int && type.bits == 64)
    return MfaElementI64;
  return std::nullopt;
}

static std::optional<MfaElementType> getElementType(const std::string &name) {
  for (MfaElementType type :
       {MfaElementF16, MfaElementBF16, MfaElementF32, MfaElementI1})
    if (name == getTypeName(type))
      return type;
  if (name == "int32")
    return MfaElementI32;
  if (name == "int64")
    return MfaElementI64;
  return std::nullopt;
}

static void checkRank(const char *name, int64_t rank, int minRank,
                      int maxRank) {
  if (rank >= minRank && rank <= maxRank)
    return;
  std::string expected = std::to_string(minRank);
  if (minRank != maxRank)
    expected +=
        (minRank + 1 == maxRank ? " or " : " to ") + std::to_string(maxRank);
  throwError(PyExc_ValueError, std::string(name) + ": expected rank " +
                                   expected + " but got rank " +
                                   std::to_string(rank));
}

void mfa::python::checkForm(const char *name,
                            std::optional<MfaElementType> type,
                            const std::string &typeName, int64_t rank,
                            const ReadOptions &options) {
  if (!type || !isAllowed(*type, options))
    throwElementType(name, options, typeName);
  checkRank(name, rank, options.minRank, options.maxRank);
}

void mfa::python::setContiguous(Array &array) {
  int64_t stride = 1;
  for (int dim = array.rank - 1; dim >= 0; --dim) {
    array.strides[dim] = stride;
    stride *= std::max<int64_t>(array.sizes[dim], 1);
  }
}

static void setDevice(Array &array, int32_t type, int32_t id) {
  if (type != dlpack::CPU && type != dlpack::CUDA && type != dlpack::CUDAHost &&
      type != dlpack::CUDAManaged)
    throwError(PyExc_ValueError, std::string(array.name) +
                                     ": expected an array on a CPU or a CUDA "
                                     "GPU but got DLPack device type " +
                                     std::to_string(type));
  bool isCUDA = type == dlpack::CUDA || type == dlpack::CUDAManaged;
  array.deviceType = isCUDA ? dlpack::CUDA : dlpack::CPU;
  array.deviceId = isCUDA ? id : 0;
}

int64_t mfa::python::getByteWidth(MfaElementType type) {
  switch (type) {
  case MfaElementI1:
    return 1;
  case MfaElementF16:
  case MfaElementBF16:
    return 2;
  case MfaElementF32:
  case MfaElementI32:
    return 4;
  case MfaElementI64:
    return 8;
  }
  return 0;
}

static bool readExchange(const ReadOptions &options, bool mayFail,
                         Array &array) {
  dlpack::Tensor tensor = {};
  if (array.type->api->describe(array.object.ptr(), &tensor) != 0) {
    if (mayFail) {
      PyErr_Clear();
      return false;
    }
    std::string message =
        std::string(array.name) + ": the array cannot be read";
    // Keeps the library's own error as the cause.
    nb::python_error cause;
    nb::raise_from(cause, PyExc_TypeError, "%s", message.c_str());
  }
  std::optional<MfaElementType> type = getElementType(tensor.dtype);
  if (!type || !isAllowed(*type, options))
    throwElementType(
        array.name, options,
        nb::cast<std::string>(nb::repr(array.object.attr("dtype"))));
  checkRank(array.name, tensor.rank, options.minRank, options.maxRank);
  array.elementType = *type;
  setDevice(array, tensor.device.type, tensor.device.id);
  array.rank = tensor.rank;
  array.data = static_cast<char *>(tensor.data) + tensor.byteOffset;
  int64_t stride = 1;
  for (int dim = tensor.rank - 1; dim >= 0; --dim) {
    array.sizes[dim] = tensor.sizes[dim];
    array.strides[dim] = tensor.strides ? tensor.strides[dim] : stride;
    stride *= tensor.sizes[dim];
  }
  return true;
}

static bool readPython(const ReadOptions &options, bool mayFail, Array &array) {
  static PyObject *describe = nullptr;
  nb::object result;
  try {
    result = callArrays(describe, "describe", array.name, array.object);
  } catch (const nb::python_error &) {
    if (!mayFail)
      throw;
    return false;
  }
  if (result.is_none())
    throwNoArray(array.name, array.object);
  auto fields = nb::cast<nb::tuple>(result);
  auto dtype = nb::cast<std::string>(fields[2]);
  auto sizes = nb::cast<nb::tuple>(fields[4]);
  auto strides = nb::cast<nb::tuple>(fields[5]);
  std::optional<MfaElementType> type = getElementType(dtype);
  checkForm(array.name, type, dtype, static_cast<int64_t>(sizes.size()),
            options);
  array.elementType = *type;
  setDevice(array, nb::cast<int32_t>(fields[0]), nb::cast<int32_t>(fields[1]));
  array.rank = static_cast<int>(sizes.size());
  array.data = reinterpret_cast<void *>(nb::cast<uintptr_t>(fields[3]));
  for (int dim = 0; dim < array.rank; ++dim) {
    array.sizes[dim] = nb::cast<int64_t>(sizes[dim]);
    array.strides[dim] = nb::cast<int64_t>(strides[dim]);
  }
  array.readOnly = nb::cast<bool>(fields[6]);
  array.owner = nb::borrow(fields[7]);
  return true;
}

/// Returns false where the library has no memory to describe and `mayFail`,
/// which otherwise is an error.
static bool readFields(const ReadOptions &options, bool mayFail, Array &array) {
  bool isRead = array.type->api ? readExchange(options, mayFail, array)
                                : readPython(options, mayFail, array);
  if (!isRead)
    return false;
  // Libraries give arrays without elements all kinds of strides.
  if (array.getNumElements() == 0)
    setContiguous(array);
  // Kernels compute addresses from it. A width is a power of two.
  int64_t width = getByteWidth(array.elementType);
  if (reinterpret_cast<uintptr_t>(array.data) & (width - 1))
    throwError(PyExc_ValueError,
               std::string(array.name) +
                   ": expected an address that is a multiple of " +
                   std::to_string(width) + " bytes, the size of " +
                   getTypeName(array.elementType) + ", but got " +
                   std::to_string(reinterpret_cast<uintptr_t>(array.data)));
  return true;
}

bool mfa::python::readArray(const char *name, nb::handle object,
                            const ReadOptions &options, bool mustRead,
                            Array &array) {
  array.name = name;
  array.object = object;
  array.type = getArrayType(object);
  array.isOutput = options.isOutput;
  const ArrayType &type = *array.type;
  bool mayFail =
      !mustRead && (type.isTorch || type.hasTorchFunction || type.isTraced);
  if (mayFail && !type.isPlainTorch)
    return false;
  return readFields(options, mayFail, array);
}

bool mfa::python::isTraced(nb::handle object) {
  return getArrayType(object)->isTraced;
}

void mfa::python::readOutput(const char *name, nb::handle object, int rank,
                             Array &array) {
  readArray(name, object, {rank, rank}, /*mustRead=*/true, array);
}

//===----------------------------------------------------------------------===//
// Streams and outputs
//===----------------------------------------------------------------------===//

void *mfa::python::getCurrentStream(const Array &array) {
  if (array.type->api) {
    void *stream = nullptr;
    if (array.type->api->currentStream(dlpack::CUDA, array.deviceId, &stream) !=
        0)
      throw nb::python_error();
    return stream;
  }
  static PyObject *currentStream = nullptr;
  return reinterpret_cast<void *>(nb::cast<uintptr_t>(callArrays(
      currentStream, "current_stream", array.object, array.deviceId)));
}

nb::object mfa::python::makeTuple(const int64_t *values, int count) {
  nb::object tuple = nb::steal(PyTuple_New(count));
  for (int i = 0; i < count; ++i)
    PyTuple_SetItem(tuple.ptr(), i, PyLong_FromLongLong(values[i]));
  return tuple;
}

nb::object mfa::python::makeOutput(const Array &like, const int64_t *sizes,
                                   int rank, MfaElementType type) {
  if (like.type->isTorch)
    if (nb::object output = makeTorchOutput(like, sizes, rank, type);
        output.is_valid())
      return output;
  static PyObject *makeOutput = nullptr;
  return callArrays(makeOutput, "make_output", like.object,
                    makeTuple(sizes, rank), getTypeName(type), like.deviceId);
}

nb::object mfa::python::finishOutput(const Array &like, nb::object output,
                                     void *stream, nb::handle inputs) {
  if (like.type->isTorch)
    return output;
  static PyObject *finish = nullptr;
  return callArrays(finish, "finish_output", like.object, output,
                    reinterpret_cast<uintptr_t>(stream), inputs);
}
