//===- DLPack.h - The DLPack interface of arrays ----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of DLPack's C interface, version 1, that reading arrays takes: the
// description of a tensor, and the table of functions that an array type offers
// as the capsule `__dlpack_c_exchange_api__`. Source: the DLPack specification.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_DLPACK_H
#define MFA_PYTHON_DLPACK_H

#include <cstdint>

namespace mfa::python::dlpack {

enum DeviceType : int32_t { CPU = 1, CUDA = 2, CUDAHost = 3, CUDAManaged = 13 };
enum TypeCode : uint8_t { Int = 0, Float = 2, BFloat = 4, Bool = 6 };

struct Device {
  int32_t type;
  int32_t id;
};

struct DataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

/// Strides count elements and may be null for a contiguous array.
struct Tensor {
  void *data;
  Device device;
  int32_t rank;
  DataType dtype;
  int64_t *sizes;
  int64_t *strides;
  uint64_t byteOffset;
};

struct Version {
  uint32_t major;
  uint32_t minor;
};

/// Functions of an array type. Each returns 0, or -1 with a Python error set.
struct ExchangeAPI {
  Version version;
  ExchangeAPI *previous;
  /// Functions that own what they return; not used here.
  void *unused[3];
  /// Describes an array, which keeps owning all that the description points to.
  int (*describe)(void *object, Tensor *tensor);
  /// The stream on which the library works on a device.
  int (*currentStream)(DeviceType type, int32_t id, void **stream);
};

/// Name of the capsule that holds an ExchangeAPI.
inline constexpr const char *kExchangeCapsule = "dlpack_exchange_api";

} // namespace mfa::python::dlpack

#endif // MFA_PYTHON_DLPACK_H
