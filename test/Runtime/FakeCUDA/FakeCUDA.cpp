//===- FakeCUDA.cpp - A CUDA driver without a GPU -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stands in for libcuda.so.1 in tests of what is said to the driver: device
// memory is host memory, kernels do nothing, and each call that matters is a
// line on stderr. MFA_FAKE_CUDA_FAIL names a function that fails
// (with MFA_FAKE_CUDA_UNSUPPORTED, one that compiles for the version of PTX),
// MFA_FAKE_CUDA_DEVICES is the number of GPUs (default 1),
// MFA_FAKE_CUDA_MAJOR the first digit of their architecture (default 8),
// with MFA_FAKE_CUDA_CAPTURING streams are captured, with MFA_FAKE_CUDA_BUSY no
// event has been yet, MFA_FAKE_CUDA_VERSION what cuDriverGetVersion says
// (default 13000), and with MFA_FAKE_CUDA_QUIET launches say nothing. As the
// real one, it fails in a process that was forked after cuInit.
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/CUDADriver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

using namespace mfa::runtime;

/// What a function that shall fail returns; 0 for all others.
static CUresult getResult(const char *name) {
  const char *failing = std::getenv("MFA_FAKE_CUDA_FAIL");
  if (!failing || std::strcmp(failing, name) != 0)
    return CUDA_SUCCESS;
  constexpr CUresult invalidValue = 1, invalidPtx = 218;
  bool compiles = std::strcmp(name, "cuModuleLoadDataEx") == 0 ||
                  std::strcmp(name, "cuLinkAddData") == 0;
  if (compiles && std::getenv("MFA_FAKE_CUDA_UNSUPPORTED"))
    return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
  return compiles ? invalidPtx : invalidValue;
}

/// The process that called cuInit; 0 before.
static pid_t user = 0;

/// What any other function returns in a process that was forked from it.
static CUresult getStateResult() {
  return user == 0 || user == getpid() ? CUDA_SUCCESS
                                       : CUDA_ERROR_NOT_INITIALIZED;
}

template <typename... Args>
static void log(const char *format, Args... args) {
  std::fprintf(stderr, "fake: ");
  std::fprintf(stderr, format, args...);
  std::fprintf(stderr, "\n");
}

template <typename T>
static T makeHandle(uintptr_t value) {
  return reinterpret_cast<T>(value);
}

#define FAKE extern "C" __attribute__((visibility("default"))) CUresult

FAKE cuInit(unsigned) {
  if (user == 0)
    user = getpid();
  CUresult state = getStateResult();
  return state ? state : getResult("cuInit");
}

FAKE cuDriverGetVersion(int *version) {
  const char *chosen = std::getenv("MFA_FAKE_CUDA_VERSION");
  *version = chosen ? std::atoi(chosen) : 13000;
  return CUDA_SUCCESS;
}

FAKE cuGetErrorName(CUresult code, const char **name) {
  *name = code == 218   ? "CUDA_ERROR_INVALID_PTX"
          : code == 222 ? "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"
          : code == 3   ? "CUDA_ERROR_NOT_INITIALIZED"
                        : "CUDA_ERROR_INVALID_VALUE";
  return CUDA_SUCCESS;
}

FAKE cuGetErrorString(CUresult code, const char **text) {
  *text = code == 218   ? "a PTX JIT compilation failed"
          : code == 222 ? "the provided PTX was compiled with an unsupported "
                          "toolchain."
          : code == 3   ? "initialization error"
                        : "invalid argument";
  return CUDA_SUCCESS;
}

FAKE cuDeviceGetCount(int *count) {
  const char *devices = std::getenv("MFA_FAKE_CUDA_DEVICES");
  *count = devices ? std::atoi(devices) : 1;
  return CUDA_SUCCESS;
}

FAKE cuDeviceGet(CUdevice *device, int ordinal) {
  *device = ordinal;
  return getResult("cuDeviceGet");
}

FAKE cuDeviceGetName(char *name, int size, CUdevice) {
  std::snprintf(name, size, "Fake GPU");
  return CUDA_SUCCESS;
}

FAKE cuDeviceGetAttribute(int *value, int attribute, CUdevice) {
  const char *major = std::getenv("MFA_FAKE_CUDA_MAJOR");
  *value = 0;
  if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
    *value = major ? std::atoi(major) : 8;
  else if (attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
    *value = 108;
  return CUDA_SUCCESS;
}

FAKE cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  log("retain context");
  *context = makeHandle<CUcontext>(0xc0 + device);
  return getResult("cuDevicePrimaryCtxRetain");
}

/// The stack of current contexts.
static thread_local std::vector<CUcontext> contexts;

FAKE cuCtxPushCurrent_v2(CUcontext context) {
  // The real driver may do worse than to return an error.
  if (getStateResult()) {
    log("used in a forked process");
    std::abort();
  }
  contexts.push_back(context);
  return CUDA_SUCCESS;
}

FAKE cuCtxPopCurrent_v2(CUcontext *) {
  contexts.pop_back();
  return CUDA_SUCCESS;
}

FAKE cuCtxGetCurrent(CUcontext *context) {
  *context = contexts.empty() ? nullptr : contexts.back();
  return CUDA_SUCCESS;
}

FAKE cuCtxGetDevice(CUdevice *device) {
  uintptr_t context = reinterpret_cast<uintptr_t>(contexts.back());
  *device = static_cast<CUdevice>(context - 0xc0);
  return CUDA_SUCCESS;
}

FAKE cuCtxSynchronize() {
  log("synchronize context");
  return getResult("cuCtxSynchronize");
}

FAKE cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count,
                        int *options, void **values) {
  log("load module, %s, context %s",
      std::strstr(static_cast<const char *>(image), ".target") ? "PTX"
                                                               : "binary",
      contexts.empty() ? "missing" : "current");
  CUresult result = getResult("cuModuleLoadDataEx");
  for (unsigned index = 0; index < count; ++index)
    if (result != CUDA_SUCCESS && options[index] == CU_JIT_ERROR_LOG_BUFFER)
      std::strcpy(static_cast<char *>(values[index]),
                  "ptxas fatal: unknown instruction\n");
  *module = result == CUDA_SUCCESS ? makeHandle<CUmodule>(0x30) : nullptr;
  return result;
}

FAKE cuModuleUnload(CUmodule) {
  log("unload module");
  return CUDA_SUCCESS;
}

FAKE cuModuleGetFunction(CUfunction *function, CUmodule, const char *name) {
  log("get function %s", name);
  *function = makeHandle<CUfunction>(0xf0);
  return getResult("cuModuleGetFunction");
}

FAKE cuFuncGetAttribute(int *value, int attribute, CUfunction) {
  *value = 100 + attribute;
  return getResult("cuFuncGetAttribute");
}

FAKE cuLinkCreate_v2(unsigned count, int *options, void **values,
                     CUlinkState *state) {
  for (unsigned index = 0; index < count; ++index)
    if (getResult("cuLinkAddData") != CUDA_SUCCESS &&
        options[index] == CU_JIT_ERROR_LOG_BUFFER)
      std::strcpy(static_cast<char *>(values[index]),
                  "ptxas fatal: unknown instruction\n");
  *state = makeHandle<CUlinkState>(0x11);
  return getResult("cuLinkCreate");
}

FAKE cuLinkAddData_v2(CUlinkState, int, void *text, size_t, const char *,
                      unsigned, int *, void **) {
  int kernels = 0;
  const char *next = static_cast<const char *>(text);
  while ((next = std::strstr(next, ".entry")))
    ++next, ++kernels;
  log("compile PTX with %d kernels", kernels);
  return getResult("cuLinkAddData");
}

FAKE cuLinkComplete(CUlinkState, void **image, size_t *size) {
  static char cubin[] = "\x7f"
                        "ELF of kernels";
  *image = cubin;
  *size = sizeof(cubin);
  return CUDA_SUCCESS;
}

FAKE cuLinkDestroy(CUlinkState) { return CUDA_SUCCESS; }

FAKE cuFuncSetAttribute(CUfunction, int attribute, int value) {
  log("set attribute %d to %d", attribute, value);
  return getResult("cuFuncSetAttribute");
}

// Logs a launch, with `more` behind what every launch has.
static void logLaunch(const CUlaunchConfig &config, const std::string &more) {
  // Timing of the host would be that of this output.
  if (std::getenv("MFA_FAKE_CUDA_QUIET"))
    return;
  log("launch (%u, %u, %u) x (%u, %u, %u), %u bytes, stream %p, context %p%s",
      config.gridDimX, config.gridDimY, config.gridDimZ, config.blockDimX,
      config.blockDimY, config.blockDimZ, config.sharedMemBytes,
      static_cast<void *>(config.stream),
      contexts.empty() ? nullptr : static_cast<void *>(contexts.back()),
      more.c_str());
}

FAKE cuLaunchKernel(CUfunction, unsigned gridX, unsigned gridY, unsigned gridZ,
                    unsigned blockX, unsigned blockY, unsigned blockZ,
                    unsigned shared, CUstream stream, void **, void **) {
  logLaunch({gridX, gridY, gridZ, blockX, blockY, blockZ, shared, stream,
             /*attributes=*/nullptr, /*numAttributes=*/0},
            "");
  return getResult("cuLaunchKernel");
}

FAKE cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction, void **,
                      void **) {
  std::string more;
  for (unsigned i = 0; i < config->numAttributes; ++i) {
    const CUlaunchAttribute &attribute = config->attributes[i];
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION) {
      if (attribute.value.programmaticStreamSerializationAllowed)
        more += ", overlapping";
      continue;
    }
    const auto &[x, y, z] = attribute.value.clusterDim;
    more += ", attribute " + std::to_string(config->attributes[i].id) +
            ": clusters of (" + std::to_string(x) + ", " + std::to_string(y) +
            ", " + std::to_string(z) + ")";
  }
  logLaunch(*config, more);
  return getResult("cuLaunchKernelEx");
}

FAKE cuStreamCreate(CUstream *stream, unsigned flags) {
  log("create stream, flags %u", flags);
  *stream = makeHandle<CUstream>(0x50);
  return getResult("cuStreamCreate");
}

FAKE cuStreamDestroy_v2(CUstream stream) {
  log("destroy stream %p", static_cast<void *>(stream));
  return CUDA_SUCCESS;
}

FAKE cuStreamSynchronize(CUstream stream) {
  log("synchronize stream %p", static_cast<void *>(stream));
  return getResult("cuStreamSynchronize");
}

FAKE cuStreamWaitEvent(CUstream, CUevent, unsigned) {
  log("wait for event");
  return CUDA_SUCCESS;
}

FAKE cuStreamGetId(CUstream stream, uint64_t *id) {
  *id = reinterpret_cast<uint64_t>(stream);
  return CUDA_SUCCESS;
}

FAKE cuCtxGetId(CUcontext, uint64_t *id) {
  *id = 1;
  return CUDA_SUCCESS;
}

FAKE cuStreamIsCapturing(CUstream, int *status) {
  *status = std::getenv("MFA_FAKE_CUDA_CAPTURING") != nullptr;
  return CUDA_SUCCESS;
}

FAKE cuThreadExchangeStreamCaptureMode(int *) { return CUDA_SUCCESS; }

FAKE cuEventCreate(CUevent *event, unsigned) {
  *event = makeHandle<CUevent>(0xe0);
  return CUDA_SUCCESS;
}

FAKE cuEventDestroy_v2(CUevent) { return CUDA_SUCCESS; }

FAKE cuEventQuery(CUevent) {
  return std::getenv("MFA_FAKE_CUDA_BUSY") ? CUDA_ERROR_NOT_READY
                                           : CUDA_SUCCESS;
}

FAKE cuEventSynchronize(CUevent) {
  log("synchronize event");
  return CUDA_SUCCESS;
}

FAKE cuEventRecord(CUevent, CUstream stream) {
  log("record event, stream %p", static_cast<void *>(stream));
  return CUDA_SUCCESS;
}

FAKE cuEventElapsedTime(float *milliseconds, CUevent, CUevent) {
  *milliseconds = 250.0f;
  return CUDA_SUCCESS;
}

static CUresult allocate(CUdeviceptr *pointer, size_t bytes, const char *name) {
  CUresult result = getResult(name);
  if (result == CUDA_SUCCESS)
    *pointer = reinterpret_cast<CUdeviceptr>(
        std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  return result;
}

FAKE cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
  return allocate(pointer, bytes, "cuMemAlloc");
}

FAKE cuMemAllocManaged(CUdeviceptr *pointer, size_t bytes, unsigned) {
  return allocate(pointer, bytes, "cuMemAllocManaged");
}

FAKE cuMemFree_v2(CUdeviceptr pointer) {
  std::free(reinterpret_cast<void *>(pointer));
  return CUDA_SUCCESS;
}

FAKE cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *properties) {
  log("create pool on GPU %d", properties->location.id);
  *pool = makeHandle<CUmemoryPool>(0x90);
  return getResult("cuMemPoolCreate");
}

FAKE cuMemPoolSetAttribute(CUmemoryPool, int, void *) { return CUDA_SUCCESS; }

FAKE cuMemAllocFromPoolAsync(CUdeviceptr *pointer, size_t bytes, CUmemoryPool,
                             CUstream stream) {
  log("allocate %zu bytes, stream %p", bytes, static_cast<void *>(stream));
  return allocate(pointer, bytes, "cuMemAllocFromPoolAsync");
}

FAKE cuMemFreeAsync(CUdeviceptr pointer, CUstream stream) {
  CUresult result = getResult("cuMemFreeAsync");
  if (result != CUDA_SUCCESS)
    return result;
  log("free, stream %p", static_cast<void *>(stream));
  std::free(reinterpret_cast<void *>(pointer));
  return CUDA_SUCCESS;
}

FAKE cuMemcpyAsync(CUdeviceptr target, CUdeviceptr source, size_t bytes,
                   CUstream) {
  std::memmove(reinterpret_cast<void *>(target),
               reinterpret_cast<const void *>(source), bytes);
  return getResult("cuMemcpyAsync");
}

FAKE cuMemcpyHtoD_v2(CUdeviceptr target, const void *source, size_t bytes) {
  std::memcpy(reinterpret_cast<void *>(target), source, bytes);
  return getResult("cuMemcpyHtoD");
}

FAKE cuMemcpyDtoH_v2(void *target, CUdeviceptr source, size_t bytes) {
  std::memcpy(target, reinterpret_cast<const void *>(source), bytes);
  return getResult("cuMemcpyDtoH");
}

FAKE cuMemsetD16Async(CUdeviceptr target, unsigned short value, size_t count,
                      CUstream) {
  for (size_t index = 0; index < count; ++index)
    reinterpret_cast<unsigned short *>(target)[index] = value;
  return CUDA_SUCCESS;
}

FAKE cuMemsetD32Async(CUdeviceptr target, unsigned value, size_t count,
                      CUstream stream) {
  log("set %zu words to %u, stream %p", count, value,
      static_cast<void *>(stream));
  for (size_t index = 0; index < count; ++index)
    reinterpret_cast<unsigned *>(target)[index] = value;
  return CUDA_SUCCESS;
}

FAKE cuMemHostRegister_v2(void *, size_t bytes, unsigned) {
  log("register %zu bytes", bytes);
  return CUDA_SUCCESS;
}

FAKE cuMemHostUnregister(void *) {
  log("unregister");
  return CUDA_SUCCESS;
}

FAKE cuTensorMapEncodeTiled(CUtensorMap *, int type, uint32_t rank, void *,
                            const uint64_t *sizes, const uint64_t *strides,
                            const uint32_t *box, const uint32_t *, int, int,
                            int, int) {
  log("tensor map of type %d, rank %u, inner size %llu, stride %llu, box %u",
      type, rank, static_cast<unsigned long long>(sizes[0]),
      static_cast<unsigned long long>(strides[0]), box[0]);
  return getResult("cuTensorMapEncodeTiled");
}
