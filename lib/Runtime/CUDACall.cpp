//===- CUDACall.cpp - Calls of the driver by entry points -----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CUDACall.h"
#include "mfa/Runtime/CUDARuntime.h"

#include <cstdio>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

using namespace mfa::runtime;

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

static void printError(const CUDAError &error) {
  std::fprintf(stderr, "error: %s\n", error.message().c_str());
}

namespace {
struct ErrorState {
  std::mutex mutex;
  ErrorHandler handler = printError;
  CUDAStatus first;
};
} // namespace

static ErrorState &getErrorState() {
  static ErrorState state;
  return state;
}

static thread_local ErrorScope *currentErrors = nullptr;

ErrorScope::ErrorScope() : previous(currentErrors) { currentErrors = this; }

ErrorScope::~ErrorScope() { currentErrors = previous; }

ErrorHandler mfa::runtime::setErrorHandler(ErrorHandler handler) {
  ErrorState &state = getErrorState();
  std::lock_guard<std::mutex> lock(state.mutex);
  std::swap(handler, state.handler);
  return handler;
}

CUDAStatus mfa::runtime::takeFirstError() {
  ErrorState &state = getErrorState();
  std::lock_guard<std::mutex> lock(state.mutex);
  CUDAStatus first;
  std::swap(first, state.first);
  return first;
}

bool mfa::runtime::failed(const CUDAStatus &status) {
  if (!status)
    return false;
  if (currentErrors) {
    currentErrors->add(*status);
    return true;
  }
  ErrorState &state = getErrorState();
  ErrorHandler handler;
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    if (!state.first)
      state.first = status;
    handler = state.handler;
  }
  if (handler)
    handler(*status);
  return true;
}

bool mfa::runtime::hasFailed() {
  if (currentErrors)
    return currentErrors->getFirst().has_value();
  ErrorState &state = getErrorState();
  std::lock_guard<std::mutex> lock(state.mutex);
  return state.first.has_value();
}

CUDAError mfa::runtime::makeError(const char *call, std::string text) {
  return CUDAError{call, -1, "", std::move(text), ""};
}

//===----------------------------------------------------------------------===//
// Device and stream of the calling thread
//===----------------------------------------------------------------------===//

static thread_local int currentDevice = 0;
static thread_local std::optional<CUstream> currentStream;

int mfa::runtime::getCurrentDevice() { return currentDevice; }

void mfa::runtime::setCurrentDevice(int device) { currentDevice = device; }

std::optional<CUstream> mfa::runtime::getCurrentStream() {
  return currentStream;
}

StreamScope::StreamScope(CUstream stream) : previous(currentStream) {
  currentStream = stream;
  noteStreamWork();
}

StreamScope::~StreamScope() {
  currentStream = previous;
  noteStreamWork();
}

Call::Call() : driver(CUDADriver::get()) {
  if (!driver) {
    CUDAError error;
    CUDADriver::get(&error);
    failed(error);
    return;
  }
  if (currentStream)
    return;
  scope.emplace(*driver, currentDevice);
  if (failed(scope->getError()))
    driver = nullptr;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

bool mfa::runtime::canLaunch(const char *entry,
                             std::initializer_list<intptr_t> grid,
                             std::initializer_list<intptr_t> other) {
  if (hasFailed())
    return false;
  for (const auto &sizes : {grid, other})
    for (intptr_t size : sizes)
      if (size < 0 || size > std::numeric_limits<int32_t>::max()) {
        failed(makeError(entry, "expected sizes from 0 to 2147483647 but got " +
                                    std::to_string(size)));
        return false;
      }
  for (intptr_t size : grid)
    if (size == 0)
      return false;
  return true;
}

bool mfa::runtime::allowSharedMemory(const Call &call, CUfunction function,
                                     int32_t bytes) {
  // 48 KB need no permission, but that is with the static memory of the kernel,
  // of which a symbol for the dynamic part alone takes a byte.
  constexpr int32_t unrestricted = 32 * 1024;
  return bytes <= unrestricted ||
         call.succeeded("cuFuncSetAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES)",
                        call->cuFuncSetAttribute(
                            function,
                            CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                            bytes));
}

static thread_local bool overlapsNext = false;
/// That of the kernel that the thread launched last, if the call has put
/// nothing into a stream since.
static thread_local std::optional<CUstream> streamOfLastKernel;

MFA_ENTRY void mfaOverlapLaunch() { overlapsNext = true; }

bool mfa::runtime::takeOverlap() { return std::exchange(overlapsNext, false); }

void mfa::runtime::noteStreamWork() { streamOfLastKernel.reset(); }

/// Whether launches can overlap, also those that a graph captures.
static bool canOverlap(const Call &call) {
  static const bool known = [&] {
    constexpr int oldest = 12030;
    int version = 0;
    return call->cuLaunchKernelEx &&
           call->cuDriverGetVersion(&version) == CUDA_SUCCESS &&
           version >= oldest;
  }();
  return known;
}

CUlaunchConfig mfa::runtime::makeConfig(std::array<intptr_t, 3> grid,
                                        std::array<intptr_t, 3> block,
                                        int32_t sharedBytes, CUstream stream) {
  CUlaunchConfig config = {};
  config.gridDimX = grid[0];
  config.gridDimY = grid[1];
  config.gridDimZ = grid[2];
  config.blockDimX = block[0];
  config.blockDimY = block[1];
  config.blockDimZ = block[2];
  config.sharedMemBytes = sharedBytes;
  config.stream = stream;
  return config;
}

void mfa::runtime::launchOnStream(const Call &call, CUfunction function,
                                  CUlaunchConfig config, void **params,
                                  void **extra, bool mayOverlap) {
  bool succeeded;
  if (mayOverlap && streamOfLastKernel == config.stream && canOverlap(call)) {
    CUlaunchAttribute attribute = {};
    attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    attribute.value.programmaticStreamSerializationAllowed = 1;
    config.attributes = &attribute;
    config.numAttributes = 1;
    succeeded = call.succeeded(
        "cuLaunchKernelEx",
        call->cuLaunchKernelEx(&config, function, params, extra));
  } else {
    succeeded = call.succeeded(
        "cuLaunchKernel",
        call->cuLaunchKernel(
            function, config.gridDimX, config.gridDimY, config.gridDimZ,
            config.blockDimX, config.blockDimY, config.blockDimZ,
            config.sharedMemBytes, config.stream, params, extra));
  }
  noteStreamWork();
  if (succeeded)
    streamOfLastKernel = config.stream;
}

bool ClusterLaunch::canLaunch() const {
  return mfa::runtime::canLaunch(
      "mgpuLaunchClusterKernel", {gridX, gridY, gridZ},
      {clusterX, clusterY, clusterZ, blockX, blockY, blockZ, sharedBytes});
}

void ClusterLaunch::run(const Call &call, CUfunction function) const {
  if (!call->cuLaunchKernelEx) {
    failed(makeError("mgpuLaunchClusterKernel",
                     "the CUDA driver has no cuLaunchKernelEx: clusters need a "
                     "driver of CUDA 11.8 or newer"));
    return;
  }
  // Every GPU with clusters runs those of 8 blocks; larger ones on request.
  constexpr intptr_t portableBlocks = 8;
  if (clusterX * clusterY * clusterZ > portableBlocks &&
      !call.succeeded("cuFuncSetAttribute(NON_PORTABLE_CLUSTER_SIZE_ALLOWED)",
                      call->cuFuncSetAttribute(
                          function,
                          CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED,
                          1)))
    return;

  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attribute.value.clusterDim = {static_cast<unsigned>(clusterX),
                                static_cast<unsigned>(clusterY),
                                static_cast<unsigned>(clusterZ)};
  CUlaunchConfig config = makeConfig(
      {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, stream);
  config.attributes = &attribute;
  config.numAttributes = 1;
  call.succeeded("cuLaunchKernelEx",
                 call->cuLaunchKernelEx(&config, function, params, extra));
  noteStreamWork();
}

//===----------------------------------------------------------------------===//
// Memory of a stream
//===----------------------------------------------------------------------===//

/// A pool on the GPU, or null where there is none to be had.
static CUmemoryPool createPool(const Call &call, CUdevice device) {
  CUmemPoolProps properties = {};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
  CUmemoryPool pool = nullptr;
  if (call->cuMemPoolCreate(&pool, &properties) != CUDA_SUCCESS)
    return nullptr;
  // By default a pool returns its memory to the system whenever the host waits
  // for the GPU, as it does after each token that a model writes.
  uint64_t kept = std::numeric_limits<uint64_t>::max();
  call.succeeded("cuMemPoolSetAttribute",
                 call->cuMemPoolSetAttribute(
                     pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &kept));
  return pool;
}

/// The pool of the current GPU, made by the first call for it. Never destroyed,
/// as the contexts that it serves. Null where there is none: for good where the
/// driver knows no pools, else until a later call gets one.
static CUmemoryPool getPool(const Call &call) {
  if (!call->cuMemPoolCreate || !call->cuMemPoolSetAttribute ||
      !call->cuMemAllocFromPoolAsync || !call->cuMemFreeAsync)
    return nullptr;
  CUdevice device;
  if (!call.succeeded("cuCtxGetDevice", call->cuCtxGetDevice(&device)))
    return nullptr;
  static std::mutex mutex;
  static std::map<CUdevice, CUmemoryPool> pools;
  std::lock_guard<std::mutex> lock(mutex);
  CUmemoryPool &pool = pools[device];
  if (!pool)
    pool = createPool(call, device);
  return pool;
}

CUdeviceptr mfa::runtime::allocateOnStream(const Call &call, uint64_t bytes,
                                           CUstream stream) {
  noteStreamWork();
  CUdeviceptr pointer = 0;
  if (CUmemoryPool pool = getPool(call))
    call.succeeded(
        "cuMemAllocFromPoolAsync",
        call->cuMemAllocFromPoolAsync(&pointer, bytes, pool, stream));
  else
    call.succeeded("cuMemAlloc", call->cuMemAlloc(&pointer, bytes));
  return pointer;
}

void mfa::runtime::freeOnStream(const Call &call, CUdeviceptr pointer,
                                CUstream stream) {
  noteStreamWork();
  // The driver refuses what is from no pool.
  if (getPool(call)) {
    CUresult result = call->cuMemFreeAsync(pointer, stream);
    if (result != CUDA_ERROR_INVALID_VALUE) {
      call.succeeded("cuMemFreeAsync", result);
      return;
    }
  }
  call.succeeded("cuMemFree", call->cuMemFree(pointer));
}

bool mfa::runtime::isCapturing(const CUDAFunctions &driver, CUstream stream) {
  int status = CU_STREAM_CAPTURE_STATUS_NONE;
  // An error says that another thread captures the default stream.
  return driver.cuStreamIsCapturing(stream, &status) != CUDA_SUCCESS ||
         status != CU_STREAM_CAPTURE_STATUS_NONE;
}
