//===- Array.h - Arrays of any library --------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arguments that are arrays. Types with DLPack's C interface (torch) are read
// within a tenth of a microsecond each; all others by the Python functions of
// mfa._arrays.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_ARRAY_H
#define MFA_PYTHON_ARRAY_H

#include "DLPack.h"
#include "mfa-c/Kernel.h"

#include <array>
#include <nanobind/nanobind.h>
#include <optional>
#include <string>

namespace mfa::python {

namespace nb = nanobind;

/// What is known of a type of arrays. Lives as long as the process.
struct ArrayType {
  /// Null for a type without DLPack's C interface.
  const dlpack::ExchangeAPI *api = nullptr;
  /// A torch.Tensor or a subclass.
  bool isTorch = false;
  /// torch.Tensor itself, or a subclass to which torch's operations mean the
  /// same, such as torch.nn.Parameter: its instances can be plain (see
  /// Torch.h).
  bool isPlainTorch = false;
  /// No tensor, but an object that torch's operations take in place of one,
  /// such as a torch.fx.Proxy.
  bool hasTorchFunction = false;
  /// An array of a trace or a transform of JAX.
  bool isTraced = false;
};

/// An argument that is an array of rank 0 to 4.
struct Array {
  /// Name of the argument, for messages.
  const char *name = nullptr;
  nb::handle object;
  const ArrayType *type = nullptr;
  MfaElementType elementType = MfaElementF16;
  /// CPU or CUDA.
  dlpack::DeviceType deviceType = dlpack::CPU;
  int32_t deviceId = 0;
  void *data = nullptr;
  int rank = 0;
  /// Strides count elements.
  std::array<int64_t, 4> sizes = {}, strides = {};
  bool readOnly = false;
  /// It will be written.
  bool isOutput = false;
  /// A tensor that was made under torch.inference_mode.
  bool isInference = false;
  /// What must live until the array has been used.
  nb::object owner;

  /// Whether the call has such an argument.
  bool isGiven() const { return name; }
  bool isOnCUDA() const { return deviceType == dlpack::CUDA; }
  int64_t getNumElements() const;
};

/// What an argument may be.
struct ReadOptions {
  int minRank, maxRank;
  bool allowBool = false;
  /// It will be written.
  bool isOutput = false;
  /// int32 and int64.
  bool allowIntegers = false;
};

inline constexpr ReadOptions kTensorOptions = {4, 4};
inline constexpr ReadOptions kMaskOptions = {3, 4, /*allowBool=*/true};
inline constexpr ReadOptions kSinksOptions = {1, 1};
inline constexpr ReadOptions kCaptureOptions = {0, 4, /*allowBool=*/true,
                                                /*isOutput=*/false,
                                                /*allowIntegers=*/true};
inline constexpr ReadOptions kOutOptions = {4, 4, /*allowBool=*/false,
                                            /*isOutput=*/true};
inline constexpr ReadOptions kLSEOptions = {3, 3, /*allowBool=*/false,
                                            /*isOutput=*/true};

/// Throws TypeError unless the element type, called `typeName` by its library,
/// is known and allowed, and ValueError unless the rank is.
void checkForm(const char *name, std::optional<MfaElementType> type,
               const std::string &typeName, int64_t rank,
               const ReadOptions &options);

/// Gives the array the strides of row-major order.
void setContiguous(Array &array);

/// Reads an argument. Returns false for a tensor of torch and a traced array of
/// JAX that have no memory to read, unless it `mustRead`. Throws TypeError for
/// what is no array or has another element type than f16, bf16, f32 and, where
/// allowed, booleans and integers; ValueError for one of another rank or
/// another device.
bool readArray(const char *name, nb::handle object, const ReadOptions &options,
               bool mustRead, Array &array);

/// Whether an object is an array of a trace of JAX.
bool isTraced(nb::handle object);

/// Reads an array that makeOutput made.
void readOutput(const char *name, nb::handle object, int rank, Array &array);

/// The stream on which the library of `array` works on the array's GPU.
void *getCurrentStream(const Array &array);

/// An uninitialised array of the library and device of `like`.
nb::object makeOutput(const Array &like, const int64_t *sizes, int rank,
                      MfaElementType type);

/// What the caller gets for an output that makeOutput made, once it has been
/// written or that has been put into `stream`; `inputs` is what is read for it.
nb::object finishOutput(const Array &like, nb::object output, void *stream,
                        nb::handle inputs);

nb::object makeTuple(const int64_t *values, int count);

/// How many bytes an element has.
int64_t getByteWidth(MfaElementType type);

/// Name of a type in messages and in problems: `bf16`.
const char *getTypeName(MfaElementType type);

/// Sizes or strides as `(2, 16, 128)`.
std::string formatSizes(const int64_t *sizes, int rank);
inline std::string formatSizes(const Array &array) {
  return formatSizes(array.sizes.data(), array.rank);
}

/// `cpu` or `cuda:0`.
std::string formatDevice(const Array &array);

/// A function of a Python module of the package, kept for the process. `cache`
/// is where, initially null; the caller holds the GIL.
nb::handle getFunction(PyObject *&cache, const char *module, const char *name);

/// Throws what nanobind makes a Python exception of, with a message: ValueError
/// or TypeError, else RuntimeError. Nothing of Python is touched, so that
/// threads without the GIL may.
[[noreturn]] void throwError(PyObject *type, const std::string &message);

} // namespace mfa::python

#endif // MFA_PYTHON_ARRAY_H
