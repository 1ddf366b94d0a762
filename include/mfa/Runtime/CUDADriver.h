//===- CUDADriver.h - The CUDA driver, loaded at run time -------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of the CUDA driver API that launching compiled kernels takes,
// found in libcuda.so.1 by dlopen: neither building nor starting a program
// needs a CUDA toolkit or a GPU. Types, values and signatures are those of the
// CUDA driver API reference, version 12.
//
// Nothing here depends on LLVM, so that the shared library made of it can be
// loaded into any process, whatever LLVM that process may hold.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_CUDADRIVER_H
#define MFA_RUNTIME_CUDADRIVER_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace mfa::runtime {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = uint64_t;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;
using CUevent = struct CUevent_st *;
using CUlinkState = struct CUlinkState_st *;
using CUmemoryPool = struct CUmemPoolHandle_st *;

/// The driver's values that this library passes or compares, by their names.
enum : int {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
  CUDA_ERROR_NOT_READY = 600,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97,
  CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 0,
  CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES = 1,
  CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES = 3,
  CU_FUNC_ATTRIBUTE_NUM_REGS = 4,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
  CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED = 14,
  CU_JIT_INFO_LOG_BUFFER = 3,
  CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES = 4,
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
  CU_JIT_OPTIMIZATION_LEVEL = 7,
  CU_JIT_INPUT_PTX = 1,
  CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION = 4,
  CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6,
  CU_MEM_ATTACH_GLOBAL = 1,
  CU_MEM_ALLOCATION_TYPE_PINNED = 1,
  CU_MEM_LOCATION_TYPE_DEVICE = 1,
  CU_MEMPOOL_ATTR_RELEASE_THRESHOLD = 4,
  CU_STREAM_CAPTURE_MODE_RELAXED = 2,
  CU_STREAM_CAPTURE_STATUS_NONE = 0,
  CU_STREAM_NON_BLOCKING = 1,
  CU_EVENT_DEFAULT = 0,
  CU_EVENT_DISABLE_TIMING = 2,
};

/// A tensor map as cuTensorMapEncodeTiled writes it: 128 bytes that the driver
/// requires on a 64-byte boundary.
struct alignas(64) CUtensorMap {
  uint64_t opaque[16];
};

/// One attribute of a launch: an identifier, padded to 8 bytes, then a union
/// of 64 bytes, of which these members are used here.
struct CUlaunchAttribute {
  int id;
  int padding;
  union {
    char bytes[64];
    struct {
      unsigned x, y, z;
    } clusterDim;
    int programmaticStreamSerializationAllowed;
  } value;
};

struct CUlaunchConfig {
  unsigned gridDimX, gridDimY, gridDimZ;
  unsigned blockDimX, blockDimY, blockDimZ;
  unsigned sharedMemBytes;
  CUstream stream;
  CUlaunchAttribute *attributes;
  unsigned numAttributes;
};

/// What a memory pool is made of; the bytes past the location are zeros.
struct CUmemPoolProps {
  int allocType;
  int handleTypes;
  struct {
    int type;
    int id;
  } location;
  char zeros[72];
};

/// A failed call: what was called, what the driver answered, and what its
/// compiler wrote, if it was that one.
struct CUDAError {
  /// Name of the driver function, or of the step where no driver was called.
  std::string call;
  /// The driver's code; -1 where no driver was called.
  CUresult code = -1;
  /// The driver's name of the code, such as CUDA_ERROR_INVALID_PTX.
  std::string name;
  /// The driver's own sentence, or the reason where no driver was called.
  std::string text;
  /// Log of the driver's PTX compiler; empty for all other calls.
  std::string log;

  /// All of it as one message, the log on lines of its own.
  std::string message() const;
};

/// Nothing when all went well.
using CUDAStatus = std::optional<CUDAError>;

/// The driver's functions. Each pointer is set once the driver is loaded, but
/// for those marked optional, which a driver may be too old to have.
struct CUDAFunctions {
  CUresult (*cuInit)(unsigned);
  CUresult (*cuDriverGetVersion)(int *);
  CUresult (*cuGetErrorName)(CUresult, const char **);
  CUresult (*cuGetErrorString)(CUresult, const char **);
  CUresult (*cuDeviceGetCount)(int *);
  CUresult (*cuDeviceGet)(CUdevice *, int);
  CUresult (*cuDeviceGetName)(char *, int, CUdevice);
  CUresult (*cuDeviceGetAttribute)(int *, int, CUdevice);
  CUresult (*cuDevicePrimaryCtxRetain)(CUcontext *, CUdevice);
  CUresult (*cuCtxPushCurrent)(CUcontext);
  CUresult (*cuCtxPopCurrent)(CUcontext *);
  CUresult (*cuCtxGetCurrent)(CUcontext *);
  CUresult (*cuCtxGetDevice)(CUdevice *);
  CUresult (*cuCtxSynchronize)();
  CUresult (*cuModuleLoadDataEx)(CUmodule *, const void *, unsigned, int *,
                                 void **);
  CUresult (*cuModuleUnload)(CUmodule);
  CUresult (*cuModuleGetFunction)(CUfunction *, CUmodule, const char *);
  CUresult (*cuFuncGetAttribute)(int *, int, CUfunction);
  CUresult (*cuFuncSetAttribute)(CUfunction, int, int);
  CUresult (*cuLinkCreate)(unsigned, int *, void **, CUlinkState *);
  CUresult (*cuLinkAddData)(CUlinkState, int, void *, size_t, const char *,
                            unsigned, int *, void **);
  CUresult (*cuLinkComplete)(CUlinkState, void **, size_t *);
  CUresult (*cuLinkDestroy)(CUlinkState);
  CUresult (*cuLaunchKernel)(CUfunction, unsigned, unsigned, unsigned, unsigned,
                             unsigned, unsigned, unsigned, CUstream, void **,
                             void **);
  CUresult (*cuStreamCreate)(CUstream *, unsigned);
  CUresult (*cuStreamDestroy)(CUstream);
  CUresult (*cuStreamSynchronize)(CUstream);
  CUresult (*cuStreamWaitEvent)(CUstream, CUevent, unsigned);
  CUresult (*cuStreamIsCapturing)(CUstream, int *);
  CUresult (*cuThreadExchangeStreamCaptureMode)(int *);
  CUresult (*cuEventCreate)(CUevent *, unsigned);
  CUresult (*cuEventDestroy)(CUevent);
  CUresult (*cuEventQuery)(CUevent);
  CUresult (*cuEventSynchronize)(CUevent);
  CUresult (*cuEventRecord)(CUevent, CUstream);
  CUresult (*cuEventElapsedTime)(float *, CUevent, CUevent);
  CUresult (*cuMemAlloc)(CUdeviceptr *, size_t);
  CUresult (*cuMemAllocManaged)(CUdeviceptr *, size_t, unsigned);
  CUresult (*cuMemFree)(CUdeviceptr);
  CUresult (*cuMemcpyAsync)(CUdeviceptr, CUdeviceptr, size_t, CUstream);
  CUresult (*cuMemcpyHtoD)(CUdeviceptr, const void *, size_t);
  CUresult (*cuMemcpyDtoH)(void *, CUdeviceptr, size_t);
  CUresult (*cuMemsetD16Async)(CUdeviceptr, unsigned short, size_t, CUstream);
  CUresult (*cuMemsetD32Async)(CUdeviceptr, unsigned, size_t, CUstream);
  CUresult (*cuMemHostRegister)(void *, size_t, unsigned);
  CUresult (*cuMemHostUnregister)(void *);
  /// Optional, all four together: CUDA 11.2.
  CUresult (*cuMemPoolCreate)(CUmemoryPool *, const CUmemPoolProps *);
  CUresult (*cuMemPoolSetAttribute)(CUmemoryPool, int, void *);
  CUresult (*cuMemAllocFromPoolAsync)(CUdeviceptr *, size_t, CUmemoryPool,
                                      CUstream);
  CUresult (*cuMemFreeAsync)(CUdeviceptr, CUstream);
  /// Optional: CUDA 11.8.
  CUresult (*cuLaunchKernelEx)(const CUlaunchConfig *, CUfunction, void **,
                               void **);
  /// Optional: CUDA 12.0.
  CUresult (*cuTensorMapEncodeTiled)(CUtensorMap *, int, uint32_t, void *,
                                     const uint64_t *, const uint64_t *,
                                     const uint32_t *, const uint32_t *, int,
                                     int, int, int);
  CUresult (*cuCtxGetId)(CUcontext, uint64_t *);
  CUresult (*cuStreamGetId)(CUstream, uint64_t *);
};

/// The loaded driver. Thread-safe: all state is set before the first answer.
class CUDADriver {
public:
  /// The driver of this process, loaded and initialised by the first call; null
  /// where there is none, and then `error` (if given) says why. There is none
  /// in a process forked from one that has a driver.
  static const CUDADriver *get(CUDAError *error = nullptr);

  const CUDAFunctions *operator->() const { return &functions; }

  /// Number of GPUs, at least 1.
  int getDeviceCount() const { return deviceCount; }

  /// Retains (once for the process) and returns the primary context of GPU
  /// `device`: the one that CUDA runtimes in the same process use too.
  CUDAStatus getPrimaryContext(int device, CUcontext &context) const;

  /// Wraps the answer of a driver call; no error for CUDA_SUCCESS.
  CUDAStatus check(const char *call, CUresult result) const;

  /// Name of GPU `device`, such as `NVIDIA H100 80GB HBM3`.
  CUDAStatus getDeviceName(int device, std::string &name) const;

  /// Architecture of GPU `device` as LLVM spells it, with the features of the
  /// architecture alone where it has some: `sm_80`, `sm_90a`.
  CUDAStatus getChip(int device, std::string &chip) const;

  /// Error unless the driver knows the version of PTX that the text (ending in
  /// a zero byte) is of, and the GPU of the current context can run what it is
  /// for. What is not known of either is left to the driver.
  CUDAStatus checkPTX(const char *text) const;

  /// Loads PTX text (ending in a zero byte), a cubin or a fatbin into the
  /// current context. `optLevel` (0 to 4) is the driver's PTX optimisation
  /// level; -1 leaves the driver's default.
  CUDAStatus loadModule(const void *image, int optLevel,
                        CUmodule &module) const;

  /// Compiles PTX text (of `size` bytes, the final zero byte included) to a
  /// cubin for the GPU of the current context; `optLevel` as above.
  CUDAStatus compilePTX(const void *text, size_t size, int optLevel,
                        std::string &cubin) const;

private:
  CUDADriver() = default;
  CUDAStatus load();
  CUDAStatus initialize();
  /// Where the driver refused the version of PTX text, says which it is and
  /// which the driver's.
  void addVersions(const char *text, CUDAError &error) const;

  CUDAFunctions functions = {};
  int deviceCount = 0;
};

/// True for device code that is PTX text: not an ELF file nor a fatbin.
bool isPTX(const void *code, size_t size);

/// Makes the primary context of a GPU current for the life of the object, and
/// restores the caller's.
class ContextScope {
public:
  explicit ContextScope(const CUDADriver &driver, int device);
  ~ContextScope();
  ContextScope(const ContextScope &) = delete;
  ContextScope &operator=(const ContextScope &) = delete;

  /// Set when the context could not be made current.
  const CUDAStatus &getError() const { return error; }

private:
  const CUDADriver &driver;
  CUDAStatus error;
};

/// For the life of the object, makes the primary context of a GPU current where
/// it is not yet. For `device` -1 that is the current context, or that of GPU 0
/// where none is current.
class DeviceScope {
public:
  explicit DeviceScope(const CUDADriver &driver, int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope &) = delete;
  DeviceScope &operator=(const DeviceScope &) = delete;

  /// Set when no context could be made current.
  const CUDAStatus &getError() const { return error; }

  CUcontext getContext() const { return context; }

private:
  const CUDADriver &driver;
  CUDAStatus error;
  CUcontext context = nullptr;
  bool isPushed = false;
};

} // namespace mfa::runtime

#endif // MFA_RUNTIME_CUDADRIVER_H
