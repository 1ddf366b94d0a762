//===- CUDADriver.cpp - The CUDA driver, loaded at run time ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/CUDADriver.h"

#include <atomic>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <pthread.h>
#include <vector>

using namespace mfa::runtime;

static_assert(sizeof(CUtensorMap) == 128, "size fixed by the driver");
static_assert(sizeof(CUlaunchAttribute) == 72, "size fixed by the driver");
static_assert(sizeof(CUmemPoolProps) == 88, "size fixed by the driver");
static_assert(sizeof(CUlaunchConfig) == 56, "size fixed by the driver");

std::string CUDAError::message() const {
  std::string out = call;
  if (code >= 0)
    out += " failed with code " + std::to_string(code) + " (" + name + ")";
  if (!text.empty())
    out += ": " + text;
  if (!log.empty())
    out += "\n" + log;
  return out;
}

/// Said where a process uses CUDA after the one that it was forked from.
static constexpr const char *kForked =
    "expected a process of its own but got one forked from a process that has "
    "used CUDA; use the 'spawn' start method of multiprocessing, or CUDA in "
    "the forked processes only";

/// Without the trailing newlines and zero bytes of a log buffer.
static std::string trimLog(const char *buffer) {
  std::string log = buffer;
  log.erase(log.find_last_not_of(" \n\r\t") + 1);
  return log;
}

/// What this process has of the driver. A forked one has a copy of its parent's
/// state, with which every call of the driver fails or worse.
enum class DriverState { Unused, Used, Inherited };
static std::atomic<DriverState> driverState{DriverState::Unused};

const CUDADriver *CUDADriver::get(CUDAError *error) {
  static std::atomic<bool> isRegistered{false};
  if (!isRegistered.exchange(true))
    pthread_atfork(/*prepare=*/nullptr, /*parent=*/nullptr, [] {
      if (driverState == DriverState::Used)
        driverState = DriverState::Inherited;
    });
  // Before the variable below, which the parent may have been initialising.
  if (driverState == DriverState::Inherited) {
    if (error)
      *error = CUDAError{"using the CUDA driver", -1, "", kForked, ""};
    return nullptr;
  }
  struct Loaded {
    CUDADriver driver;
    CUDAStatus status;
    Loaded() : status(driver.load()) {}
  };
  static const Loaded loaded;
  if (!loaded.status)
    return &loaded.driver;
  if (error)
    *error = *loaded.status;
  return nullptr;
}

CUDAStatus CUDADriver::load() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return CUDAError{"loading the CUDA driver", -1, "",
                     reason ? reason : "no reason given", ""};
  }

  struct Symbol {
    const char *name;
    void **slot;
    bool optional;
  };
#define MFA_SYMBOL(field, name, optional)                                      \
  Symbol({name, reinterpret_cast<void **>(&functions.field), optional})
  // The exported names carry the version of the signature; the fields do not.
  const Symbol symbols[] = {
      MFA_SYMBOL(cuInit, "cuInit", false),
      MFA_SYMBOL(cuDriverGetVersion, "cuDriverGetVersion", false),
      MFA_SYMBOL(cuGetErrorName, "cuGetErrorName", false),
      MFA_SYMBOL(cuGetErrorString, "cuGetErrorString", false),
      MFA_SYMBOL(cuDeviceGetCount, "cuDeviceGetCount", false),
      MFA_SYMBOL(cuDeviceGet, "cuDeviceGet", false),
      MFA_SYMBOL(cuDeviceGetName, "cuDeviceGetName", false),
      MFA_SYMBOL(cuDeviceGetAttribute, "cuDeviceGetAttribute", false),
      MFA_SYMBOL(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", false),
      MFA_SYMBOL(cuCtxPushCurrent, "cuCtxPushCurrent_v2", false),
      MFA_SYMBOL(cuCtxPopCurrent, "cuCtxPopCurrent_v2", false),
      MFA_SYMBOL(cuCtxGetCurrent, "cuCtxGetCurrent", false),
      MFA_SYMBOL(cuCtxGetDevice, "cuCtxGetDevice", false),
      MFA_SYMBOL(cuCtxSynchronize, "cuCtxSynchronize", false),
      MFA_SYMBOL(cuModuleLoadDataEx, "cuModuleLoadDataEx", false),
      MFA_SYMBOL(cuModuleUnload, "cuModuleUnload", false),
      MFA_SYMBOL(cuModuleGetFunction, "cuModuleGetFunction", false),
      MFA_SYMBOL(cuFuncGetAttribute, "cuFuncGetAttribute", false),
      MFA_SYMBOL(cuFuncSetAttribute, "cuFuncSetAttribute", false),
      MFA_SYMBOL(cuLinkCreate, "cuLinkCreate_v2", false),
      MFA_SYMBOL(cuLinkAddData, "cuLinkAddData_v2", false),
      MFA_SYMBOL(cuLinkComplete, "cuLinkComplete", false),
      MFA_SYMBOL(cuLinkDestroy, "cuLinkDestroy", false),
      MFA_SYMBOL(cuLaunchKernel, "cuLaunchKernel", false),
      MFA_SYMBOL(cuStreamCreate, "cuStreamCreate", false),
      MFA_SYMBOL(cuStreamDestroy, "cuStreamDestroy_v2", false),
      MFA_SYMBOL(cuStreamSynchronize, "cuStreamSynchronize", false),
      MFA_SYMBOL(cuStreamWaitEvent, "cuStreamWaitEvent", false),
      MFA_SYMBOL(cuStreamIsCapturing, "cuStreamIsCapturing", false),
      MFA_SYMBOL(cuThreadExchangeStreamCaptureMode,
                 "cuThreadExchangeStreamCaptureMode", false),
      MFA_SYMBOL(cuEventCreate, "cuEventCreate", false),
      MFA_SYMBOL(cuEventDestroy, "cuEventDestroy_v2", false),
      MFA_SYMBOL(cuEventQuery, "cuEventQuery", false),
      MFA_SYMBOL(cuEventSynchronize, "cuEventSynchronize", false),
      MFA_SYMBOL(cuEventRecord, "cuEventRecord", false),
      MFA_SYMBOL(cuEventElapsedTime, "cuEventElapsedTime", false),
      MFA_SYMBOL(cuMemAlloc, "cuMemAlloc_v2", false),
      MFA_SYMBOL(cuMemAllocManaged, "cuMemAllocManaged", false),
      MFA_SYMBOL(cuMemFree, "cuMemFree_v2", false),
      MFA_SYMBOL(cuMemcpyAsync, "cuMemcpyAsync", false),
      MFA_SYMBOL(cuMemcpyHtoD, "cuMemcpyHtoD_v2", false),
      MFA_SYMBOL(cuMemcpyDtoH, "cuMemcpyDtoH_v2", false),
      MFA_SYMBOL(cuMemsetD16Async, "cuMemsetD16Async", false),
      MFA_SYMBOL(cuMemsetD32Async, "cuMemsetD32Async", false),
      MFA_SYMBOL(cuMemHostRegister, "cuMemHostRegister_v2", false),
      MFA_SYMBOL(cuMemHostUnregister, "cuMemHostUnregister", false),
      MFA_SYMBOL(cuMemPoolCreate, "cuMemPoolCreate", true),
      MFA_SYMBOL(cuMemPoolSetAttribute, "cuMemPoolSetAttribute", true),
      MFA_SYMBOL(cuMemAllocFromPoolAsync, "cuMemAllocFromPoolAsync", true),
      MFA_SYMBOL(cuMemFreeAsync, "cuMemFreeAsync", true),
      MFA_SYMBOL(cuLaunchKernelEx, "cuLaunchKernelEx", true),
      MFA_SYMBOL(cuTensorMapEncodeTiled, "cuTensorMapEncodeTiled", true),
      MFA_SYMBOL(cuCtxGetId, "cuCtxGetId", true),
      MFA_SYMBOL(cuStreamGetId, "cuStreamGetId", true),
  };
#undef MFA_SYMBOL
  for (const Symbol &symbol : symbols) {
    *symbol.slot = dlsym(library, symbol.name);
    if (!*symbol.slot && !symbol.optional)
      return CUDAError{
          "loading the CUDA driver", -1, "",
          std::string("libcuda.so.1 has no function ") + symbol.name, ""};
  }

  driverState = DriverState::Used;
  CUDAStatus error = initialize();
  // A failed start leaves a child nothing but the failure.
  if (error)
    driverState = DriverState::Unused;
  return error;
}

CUDAStatus CUDADriver::initialize() {
  CUresult result = functions.cuInit(0);
  if (CUDAStatus error = check("cuInit", result)) {
    // Another library of the parent may have been the one that used it.
    if (result == CUDA_ERROR_NOT_INITIALIZED)
      error->text += std::string(": ") + kForked;
    return error;
  }
  if (CUDAStatus error =
          check("cuDeviceGetCount", functions.cuDeviceGetCount(&deviceCount)))
    return error;
  if (deviceCount == 0)
    return CUDAError{"looking for a GPU", -1, "",
                     "the CUDA driver reports no device", ""};
  return std::nullopt;
}

CUDAStatus CUDADriver::check(const char *call, CUresult result) const {
  if (result == CUDA_SUCCESS)
    return std::nullopt;
  const char *name = nullptr, *text = nullptr;
  functions.cuGetErrorName(result, &name);
  functions.cuGetErrorString(result, &text);
  return CUDAError{call, result, name ? name : "unknown",
                   text ? text : "no description", ""};
}

CUDAStatus CUDADriver::getPrimaryContext(int device, CUcontext &context) const {
  // Never released: the context lives as long as the process, as those of
  // other CUDA users in it do.
  static std::mutex mutex;
  static std::map<int, CUcontext> contexts;
  std::lock_guard<std::mutex> lock(mutex);
  auto found = contexts.find(device);
  if (found != contexts.end()) {
    context = found->second;
    return std::nullopt;
  }
  CUdevice handle;
  if (CUDAStatus error =
          check("cuDeviceGet", functions.cuDeviceGet(&handle, device)))
    return error;
  if (CUDAStatus error =
          check("cuDevicePrimaryCtxRetain",
                functions.cuDevicePrimaryCtxRetain(&context, handle)))
    return error;
  contexts.emplace(device, context);
  return std::nullopt;
}

CUDAStatus CUDADriver::getDeviceName(int device, std::string &name) const {
  CUdevice handle;
  if (CUDAStatus error =
          check("cuDeviceGet", functions.cuDeviceGet(&handle, device)))
    return error;
  char buffer[256] = {};
  if (CUDAStatus error =
          check("cuDeviceGetName",
                functions.cuDeviceGetName(buffer, sizeof(buffer) - 1, handle)))
    return error;
  name = buffer;
  return std::nullopt;
}

CUDAStatus CUDADriver::getChip(int device, std::string &chip) const {
  CUdevice handle;
  if (CUDAStatus error =
          check("cuDeviceGet", functions.cuDeviceGet(&handle, device)))
    return error;
  int major = 0, minor = 0;
  if (CUDAStatus error = check(
          "cuDeviceGetAttribute",
          functions.cuDeviceGetAttribute(
              &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, handle)))
    return error;
  if (CUDAStatus error = check(
          "cuDeviceGetAttribute",
          functions.cuDeviceGetAttribute(
              &minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, handle)))
    return error;
  chip = "sm_" + std::to_string(10 * major + minor);
  // With the instructions that this architecture alone has (wgmma).
  if (major == 9)
    chip += "a";
  return std::nullopt;
}

namespace {
/// Options of the driver's PTX compiler, and the logs that it writes.
class JITOptions {
public:
  explicit JITOptions(int optLevel) : errorLog(16384), infoLog(16384) {
    add(CU_JIT_ERROR_LOG_BUFFER, errorLog.data());
    add(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, asPointer(errorLog.size() - 1));
    add(CU_JIT_INFO_LOG_BUFFER, infoLog.data());
    add(CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, asPointer(infoLog.size() - 1));
    if (optLevel >= 0)
      add(CU_JIT_OPTIMIZATION_LEVEL, asPointer(optLevel));
  }

  unsigned size() const { return keys.size(); }
  int *getKeys() { return keys.data(); }
  void **getValues() { return values.data(); }

  std::string getLog() const {
    std::string log = trimLog(errorLog.data());
    std::string info = trimLog(infoLog.data());
    if (!info.empty())
      log += (log.empty() ? "" : "\n") + info;
    return log;
  }

private:
  /// Integral options travel in the pointer itself.
  static void *asPointer(uintptr_t value) {
    return reinterpret_cast<void *>(value);
  }

  void add(int key, void *value) {
    keys.push_back(key);
    values.push_back(value);
  }

  std::vector<char> errorLog, infoLog;
  std::vector<int> keys;
  std::vector<void *> values;
};
} // namespace

CUDAStatus CUDADriver::loadModule(const void *image, int optLevel,
                                  CUmodule &module) const {
  // At least as long as the magic number of machine code.
  auto *text = static_cast<const char *>(image);
  bool isText = isPTX(image, /*size=*/4);
  if (isText)
    if (CUDAStatus error = checkPTX(text))
      return error;
  JITOptions options(optLevel);
  CUDAStatus error = check(
      "cuModuleLoadDataEx",
      functions.cuModuleLoadDataEx(&module, image, options.size(),
                                   options.getKeys(), options.getValues()));
  if (error)
    error->log = options.getLog();
  if (error && isText)
    addVersions(text, *error);
  return error;
}

CUDAStatus CUDADriver::compilePTX(const void *text, size_t size, int optLevel,
                                  std::string &cubin) const {
  if (CUDAStatus error = checkPTX(static_cast<const char *>(text)))
    return error;
  JITOptions options(optLevel);
  CUlinkState state;
  if (CUDAStatus error =
          check("cuLinkCreate",
                functions.cuLinkCreate(options.size(), options.getKeys(),
                                       options.getValues(), &state)))
    return error;
  CUDAStatus error =
      check("cuLinkAddData",
            functions.cuLinkAddData(state, CU_JIT_INPUT_PTX,
                                    const_cast<void *>(text), size, "kernels",
                                    /*numOptions=*/0, nullptr, nullptr));
  void *image = nullptr;
  size_t imageSize = 0;
  if (!error)
    error = check("cuLinkComplete",
                  functions.cuLinkComplete(state, &image, &imageSize));
  if (error) {
    error->log = options.getLog();
    addVersions(static_cast<const char *>(text), *error);
  } else {
    cubin.assign(static_cast<const char *>(image), imageSize);
  }
  functions.cuLinkDestroy(state);
  return error;
}

ContextScope::ContextScope(const CUDADriver &driver, int device)
    : driver(driver) {
  CUcontext context = nullptr;
  error = driver.getPrimaryContext(device, context);
  if (!error)
    error = driver.check("cuCtxPushCurrent", driver->cuCtxPushCurrent(context));
}

ContextScope::~ContextScope() {
  if (error)
    return;
  CUcontext popped;
  driver->cuCtxPopCurrent(&popped);
}

DeviceScope::DeviceScope(const CUDADriver &driver, int device)
    : driver(driver) {
  CUcontext current = nullptr;
  error = driver.check("cuCtxGetCurrent", driver->cuCtxGetCurrent(&current));
  if (error)
    return;
  if (device < 0 && current) {
    context = current;
    return;
  }
  error = driver.getPrimaryContext(device < 0 ? 0 : device, context);
  if (error || context == current)
    return;
  error = driver.check("cuCtxPushCurrent", driver->cuCtxPushCurrent(context));
  isPushed = !error;
}

DeviceScope::~DeviceScope() {
  CUcontext popped;
  if (isPushed)
    driver->cuCtxPopCurrent(&popped);
}
