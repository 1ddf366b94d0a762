//===- CUDARuntime.cpp - What lowered host code calls ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/CUDARuntime.h"
#include "CUDACall.h"

#include <array>
#include <atomic>
#include <mutex>

using namespace mfa::runtime;

namespace {
/// A module as a program loads it. The driver gets it with the first function
/// that is asked for: of several kernels, it compiles those that are launched.
class ImageModule {
public:
  ImageModule(const void *image, int optLevel)
      : image(image), optLevel(optLevel) {}

  /// The driver's module, with a context current; null where it does not load,
  /// which is reported once.
  CUmodule get(const CUDADriver &driver) {
    std::lock_guard<std::mutex> lock(mutex);
    if (!wasLoaded)
      failed(driver.loadModule(image, optLevel, module));
    wasLoaded = true;
    return module;
  }

  /// As `get`, but null for one that is not loaded yet.
  CUmodule getLoaded() const { return module; }

private:
  const void *image;
  int optLevel;
  std::mutex mutex;
  bool wasLoaded = false;
  CUmodule module = nullptr;
};

/// The bytes between the first and the last element of a buffer.
struct ByteRange {
  char *begin;
  uint64_t size;
};
} // namespace

static ByteRange getByteRange(int64_t rank, const MemRefDescriptor *descriptor,
                              int64_t elementBytes) {
  int64_t last = 0;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t size = descriptor->sizesAndStrides[dim];
    if (size == 0)
      return {descriptor->aligned, 0};
    last += (size - 1) * descriptor->sizesAndStrides[rank + dim];
  }
  return {descriptor->aligned + descriptor->offset * elementBytes,
          static_cast<uint64_t>((last + 1) * elementBytes)};
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

/// A cubin or fatbin, which stays where it is until it is unloaded.
MFA_ENTRY ImageModule *mgpuModuleLoad(void *image, size_t) {
  return new ImageModule(image, /*optLevel=*/-1);
}

/// PTX that ends in a zero byte, and stays where it is. The size that later
/// versions of upstream pass as a third argument is not needed.
MFA_ENTRY ImageModule *mgpuModuleLoadJIT(void *image, int optLevel, size_t) {
  return new ImageModule(image, optLevel);
}

MFA_ENTRY void mgpuModuleUnload(ImageModule *image) {
  if (CUmodule module = image->getLoaded())
    if (Call call; call)
      call.succeeded("cuModuleUnload", call->cuModuleUnload(module));
  delete image;
}

MFA_ENTRY CUfunction mgpuModuleGetFunction(ImageModule *image,
                                           const char *name) {
  CUfunction function = nullptr;
  Call call;
  if (!call)
    return function;
  if (CUmodule module = image->get(*call))
    call.succeeded("cuModuleGetFunction",
                   call->cuModuleGetFunction(&function, module, name));
  return function;
}

MFA_ENTRY void mgpuLaunchKernel(CUfunction function, intptr_t gridX,
                                intptr_t gridY, intptr_t gridZ, intptr_t blockX,
                                intptr_t blockY, intptr_t blockZ,
                                int32_t sharedBytes, CUstream stream,
                                void **params, void **extra, size_t) {
  bool mayOverlap = takeOverlap();
  if (!function || !canLaunch("mgpuLaunchKernel", {gridX, gridY, gridZ},
                              {blockX, blockY, blockZ, sharedBytes}))
    return;
  Call call;
  if (!call || !allowSharedMemory(call, function, sharedBytes))
    return;
  launchOnStream(call, function,
                 makeConfig({gridX, gridY, gridZ}, {blockX, blockY, blockZ},
                            sharedBytes, stream),
                 params, extra, mayOverlap);
}

MFA_ENTRY void mgpuLaunchClusterKernel(CUfunction function, intptr_t clusterX,
                                       intptr_t clusterY, intptr_t clusterZ,
                                       intptr_t gridX, intptr_t gridY,
                                       intptr_t gridZ, intptr_t blockX,
                                       intptr_t blockY, intptr_t blockZ,
                                       int32_t sharedBytes, CUstream stream,
                                       void **params, void **extra, size_t) {
  takeOverlap(); // Never of a launch with clusters.
  ClusterLaunch launch = {clusterX, clusterY, clusterZ, gridX,  gridY,
                          gridZ,    blockX,   blockY,   blockZ, sharedBytes,
                          stream,   params,   extra};
  if (!function || !launch.canLaunch())
    return;
  Call call;
  if (call && allowSharedMemory(call, function, sharedBytes))
    launch.run(call, function);
}

MFA_ENTRY CUstream mgpuStreamCreate() {
  if (std::optional<CUstream> given = getCurrentStream())
    return *given;
  CUstream stream = nullptr;
  noteStreamWork();
  if (Call call; call)
    call.succeeded("cuStreamCreate",
                   call->cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  return stream;
}

/// True for the stream of the caller's StreamScope, which is the caller's to
/// wait for and to destroy, and for a stream that could not be made.
static bool isForeign(CUstream stream) {
  return stream == getCurrentStream().value_or(nullptr);
}

MFA_ENTRY void mgpuStreamDestroy(CUstream stream) {
  if (isForeign(stream))
    return;
  if (Call call; call)
    call.succeeded("cuStreamDestroy", call->cuStreamDestroy(stream));
}

MFA_ENTRY void mgpuStreamSynchronize(CUstream stream) {
  if (isForeign(stream))
    return;
  if (Call call; call)
    call.succeeded("cuStreamSynchronize", call->cuStreamSynchronize(stream));
}

MFA_ENTRY void mgpuStreamWaitEvent(CUstream stream, CUevent event) {
  if (!event)
    return;
  noteStreamWork();
  if (Call call; call)
    call.succeeded("cuStreamWaitEvent",
                   call->cuStreamWaitEvent(stream, event, /*flags=*/0));
}

MFA_ENTRY CUevent mgpuEventCreate() {
  CUevent event = nullptr;
  if (Call call; call)
    call.succeeded("cuEventCreate",
                   call->cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  return event;
}

MFA_ENTRY void mgpuEventDestroy(CUevent event) {
  if (!event)
    return;
  if (Call call; call)
    call.succeeded("cuEventDestroy", call->cuEventDestroy(event));
}

MFA_ENTRY void mgpuEventSynchronize(CUevent event) {
  if (!event)
    return;
  if (Call call; call)
    call.succeeded("cuEventSynchronize", call->cuEventSynchronize(event));
}

MFA_ENTRY void mgpuEventRecord(CUevent event, CUstream stream) {
  if (!event)
    return;
  noteStreamWork();
  if (Call call; call)
    call.succeeded("cuEventRecord", call->cuEventRecord(event, stream));
}

/// Device memory for what comes next on the stream, or managed memory if the
/// host shares it; null for no bytes, for which the driver has no pointer.
MFA_ENTRY void *mgpuMemAlloc(uint64_t bytes, CUstream stream,
                             bool isHostShared) {
  if (bytes == 0)
    return nullptr;
  CUdeviceptr pointer = 0;
  if (Call call; call) {
    if (isHostShared)
      call.succeeded(
          "cuMemAllocManaged",
          call->cuMemAllocManaged(&pointer, bytes, CU_MEM_ATTACH_GLOBAL));
    else
      pointer = allocateOnStream(call, bytes, stream);
  }
  return reinterpret_cast<void *>(pointer);
}

MFA_ENTRY void mgpuMemFree(void *pointer, CUstream stream) {
  if (!pointer)
    return;
  if (Call call; call)
    freeOnStream(call, toDevice(pointer), stream);
}

MFA_ENTRY void mgpuMemcpy(void *target, void *source, size_t bytes,
                          CUstream stream) {
  if (bytes == 0 || hasFailed())
    return;
  noteStreamWork();
  if (Call call; call)
    call.succeeded(
        "cuMemcpyAsync",
        call->cuMemcpyAsync(toDevice(target), toDevice(source), bytes, stream));
}

MFA_ENTRY void mgpuMemset32(void *target, unsigned value, size_t count,
                            CUstream stream) {
  if (count == 0 || hasFailed())
    return;
  noteStreamWork();
  if (Call call; call)
    call.succeeded(
        "cuMemsetD32Async",
        call->cuMemsetD32Async(toDevice(target), value, count, stream));
}

MFA_ENTRY void mgpuMemset16(void *target, unsigned short value, size_t count,
                            CUstream stream) {
  if (count == 0 || hasFailed())
    return;
  noteStreamWork();
  if (Call call; call)
    call.succeeded(
        "cuMemsetD16Async",
        call->cuMemsetD16Async(toDevice(target), value, count, stream));
}

MFA_ENTRY void mgpuMemHostRegister(void *pointer, uint64_t bytes) {
  if (bytes == 0)
    return;
  if (Call call; call)
    call.succeeded("cuMemHostRegister",
                   call->cuMemHostRegister(pointer, bytes, /*flags=*/0));
}

MFA_ENTRY void mgpuMemHostUnregister(void *pointer) {
  if (Call call; call)
    call.succeeded("cuMemHostUnregister", call->cuMemHostUnregister(pointer));
}

MFA_ENTRY void mgpuMemHostRegisterMemRef(int64_t rank,
                                         MemRefDescriptor *descriptor,
                                         int64_t elementBytes) {
  ByteRange range = getByteRange(rank, descriptor, elementBytes);
  mgpuMemHostRegister(range.begin, range.size);
}

MFA_ENTRY void mgpuMemHostUnregisterMemRef(int64_t rank,
                                           MemRefDescriptor *descriptor,
                                           int64_t elementBytes) {
  ByteRange range = getByteRange(rank, descriptor, elementBytes);
  if (range.size != 0)
    mgpuMemHostUnregister(range.begin);
}

MFA_ENTRY void mgpuSetDefaultDevice(int32_t device) {
  setCurrentDevice(device);
}

/// Not of upstream: how many multiprocessors the current GPU has, or 1 on
/// error. Launches ask for it, so it is asked of the driver once.
MFA_ENTRY int64_t mfaGetMultiprocessorCount() {
  static std::array<std::atomic<int>, 64> known;
  CUdevice device;
  Call call;
  if (!call || !call.succeeded("cuCtxGetDevice", call->cuCtxGetDevice(&device)))
    return 1;
  bool isNumbered = device >= 0 && static_cast<size_t>(device) < known.size();
  if (int count = isNumbered ? known[device].load() : 0)
    return count;
  int count = 1;
  if (call.succeeded(
          "cuDeviceGetAttribute",
          call->cuDeviceGetAttribute(
              &count, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device)) &&
      isNumbered)
    known[device] = count;
  return count;
}

void *mfa::runtime::allocateManaged(size_t bytes) {
  return mgpuMemAlloc(bytes, /*stream=*/nullptr, /*isHostShared=*/true);
}

void mfa::runtime::freeManaged(void *pointer) {
  if (!pointer)
    return;
  if (Call call; call)
    call.succeeded("cuMemFree", call->cuMemFree(toDevice(pointer)));
}

const std::vector<EntryPoint> &mfa::runtime::getCUDAEntryPoints() {
#define MFA_ENTRY_POINT(name)                                                  \
  EntryPoint({#name, reinterpret_cast<void *>(name)})
  static const std::vector<EntryPoint> entryPoints = {
      MFA_ENTRY_POINT(mgpuModuleLoad),
      MFA_ENTRY_POINT(mgpuModuleLoadJIT),
      MFA_ENTRY_POINT(mgpuModuleUnload),
      MFA_ENTRY_POINT(mgpuModuleGetFunction),
      MFA_ENTRY_POINT(mgpuLaunchKernel),
      MFA_ENTRY_POINT(mgpuLaunchClusterKernel),
      MFA_ENTRY_POINT(mgpuStreamCreate),
      MFA_ENTRY_POINT(mgpuStreamDestroy),
      MFA_ENTRY_POINT(mgpuStreamSynchronize),
      MFA_ENTRY_POINT(mgpuStreamWaitEvent),
      MFA_ENTRY_POINT(mgpuEventCreate),
      MFA_ENTRY_POINT(mgpuEventDestroy),
      MFA_ENTRY_POINT(mgpuEventSynchronize),
      MFA_ENTRY_POINT(mgpuEventRecord),
      MFA_ENTRY_POINT(mgpuMemAlloc),
      MFA_ENTRY_POINT(mgpuMemFree),
      MFA_ENTRY_POINT(mgpuMemcpy),
      MFA_ENTRY_POINT(mgpuMemset32),
      MFA_ENTRY_POINT(mgpuMemset16),
      MFA_ENTRY_POINT(mgpuMemHostRegister),
      MFA_ENTRY_POINT(mgpuMemHostUnregister),
      MFA_ENTRY_POINT(mgpuMemHostRegisterMemRef),
      MFA_ENTRY_POINT(mgpuMemHostUnregisterMemRef),
      MFA_ENTRY_POINT(mgpuSetDefaultDevice),
      MFA_ENTRY_POINT(mfaGetMultiprocessorCount),
      MFA_ENTRY_POINT(mfaOverlapLaunch),
      MFA_ENTRY_POINT(mfaAcquireRowCounter),
      MFA_ENTRY_POINT(mfaReleaseRowCounter),
      MFA_ENTRY_POINT(mfaGetPreparation),
      MFA_ENTRY_POINT(mfaGetKeptTileList),
      MFA_ENTRY_POINT(mfaIsKeptTileListFilled),
      MFA_ENTRY_POINT(mgpuTensorMapEncodeTiled),
      MFA_ENTRY_POINT(mgpuTensorMapEncodeTiledMemref),
  };
#undef MFA_ENTRY_POINT
  return entryPoints;
}
