//===- CUDATileLists.cpp - Memory of a GPU for lists that are kept --------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CUDACall.h"
#include "mfa/Runtime/CUDARuntime.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

using namespace mfa::runtime;

namespace {
/// Memory and what has to be done before it is free.
struct GPUMemory {
  CUcontext context = nullptr;
  CUdeviceptr pointer = 0;
  CUevent event = nullptr;
  /// That of the launch that filled it first, then those of others.
  std::vector<CUstream> streams;
};
} // namespace

/// Frees the memory after all that its streams have to do. False while one of
/// them is captured: then nothing has been done.
static bool release(const CUDAFunctions &driver, const GPUMemory &memory) {
  noteStreamWork();
  if (driver.cuCtxPushCurrent(memory.context) != CUDA_SUCCESS)
    return true; // It went with its context.
  bool isFree = true;
  {
    RelaxedCapture relaxed(driver);
    for (CUstream stream : memory.streams)
      isFree &= !isCapturing(driver, stream);
    if (isFree) {
      CUstream home = memory.streams.front();
      for (CUstream stream : memory.streams)
        if (stream != home) {
          driver.cuEventRecord(memory.event, stream);
          driver.cuStreamWaitEvent(home, memory.event, /*flags=*/0);
        }
      driver.cuEventDestroy(memory.event);
      // The driver refuses what is from no pool.
      if (!driver.cuMemFreeAsync ||
          driver.cuMemFreeAsync(memory.pointer, home) ==
              CUDA_ERROR_INVALID_VALUE)
        driver.cuMemFree(memory.pointer);
    }
  }
  CUcontext popped;
  driver.cuCtxPopCurrent(&popped);
  return isFree;
}

/// Frees the memory, and what captures have held back, where no capture does.
static void releaseWhereFree(const GPUMemory &memory) {
  // None in a process that was forked: it is its parent's.
  const CUDADriver *driver = CUDADriver::get();
  if (!driver)
    return;
  // Never destroyed, as lists may be freed while the process ends.
  static auto *mutex = new std::mutex;
  static auto *waiting = new std::vector<GPUMemory>;
  std::lock_guard<std::mutex> lock(*mutex);
  waiting->push_back(memory);
  waiting->erase(std::remove_if(waiting->begin(), waiting->end(),
                                [&](const GPUMemory &memory) {
                                  return release(*driver->operator->(), memory);
                                }),
                 waiting->end());
}

namespace {
class CUDAListMemory final : public TileListMemory {
public:
  explicit CUDAListMemory(GPUMemory memory) : memory(std::move(memory)) {}
  ~CUDAListMemory() override { releaseWhereFree(memory); }

  void *getData() const override {
    return reinterpret_cast<void *>(memory.pointer);
  }

  bool setFilled() override {
    noteStreamWork();
    Call call;
    return call && call.succeeded("cuEventRecord",
                                  call->cuEventRecord(memory.event,
                                                      memory.streams.front()));
  }

  bool use() override;

private:
  GPUMemory memory;
  /// Of the streams.
  std::mutex mutex;
  /// The event has been: nothing needs to wait for it.
  std::atomic<bool> isDone{false};
};
} // namespace

bool CUDAListMemory::use() {
  CUstream stream = getCurrentStream().value_or(nullptr);
  {
    std::lock_guard<std::mutex> lock(mutex);
    std::vector<CUstream> &streams = memory.streams;
    if (std::find(streams.begin(), streams.end(), stream) == streams.end())
      streams.push_back(stream);
  }
  if (isDone)
    return true;
  Call call;
  if (!call)
    return false;
  RelaxedCapture relaxed(*call.operator->());
  if (call->cuEventQuery(memory.event) == CUDA_SUCCESS) {
    isDone = true;
    return true;
  }
  noteStreamWork();
  if (!isCapturing(*call.operator->(), stream))
    return call.succeeded("cuStreamWaitEvent",
                          call->cuStreamWaitEvent(stream, memory.event,
                                                  /*flags=*/0));
  // A graph cannot wait for what is not a part of it.
  isDone = call.succeeded("cuEventSynchronize",
                          call->cuEventSynchronize(memory.event));
  return isDone;
}

std::unique_ptr<TileListMemory>
mfa::runtime::allocateTileListOnGPU(uint64_t bytes) {
  Call call;
  std::optional<CUstream> stream = getCurrentStream();
  if (!call || !stream)
    return nullptr;
  // A list of a graph is made each time that the graph runs.
  if (isCapturing(*call.operator->(), *stream))
    return nullptr;
  GPUMemory memory;
  memory.streams.push_back(*stream);
  if (!call.succeeded("cuCtxGetCurrent",
                      call->cuCtxGetCurrent(&memory.context)))
    return nullptr;
  memory.pointer = allocateOnStream(call, bytes, *stream);
  if (!memory.pointer)
    return nullptr;
  if (!call.succeeded(
          "cuEventCreate",
          call->cuEventCreate(&memory.event, CU_EVENT_DISABLE_TIMING))) {
    freeOnStream(call, memory.pointer, *stream);
    return nullptr;
  }
  return std::make_unique<CUDAListMemory>(std::move(memory));
}
