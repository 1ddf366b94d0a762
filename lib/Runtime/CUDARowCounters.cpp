//===- CUDARowCounters.cpp - Counters of query rows on a GPU --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A counter is 0 in front of each launch that draws from it, and the launch
// leaves it so. Launches of one stream run one after another and share one;
// those of others may run at the same time. So each stream has a counter, which
// is set to 0 once: to allocate, set and free one for each launch would cost
// the host as much as the launch.
//
//===----------------------------------------------------------------------===//

#include "CUDACall.h"
#include "mfa/Runtime/CUDARuntime.h"

#include <mutex>
#include <optional>
#include <unordered_map>

using namespace mfa::runtime;

namespace {
/// What tells a stream from all that there are and were: its handle may become
/// another's.
struct StreamKey {
  uint64_t context = 0, stream = 0;
  bool operator==(const StreamKey &other) const {
    return context == other.context && stream == other.stream;
  }
};

/// The counters of the streams of one context, side by side. The memory goes
/// with the context.
class ContextCounters {
public:
  /// That of a stream; null on error, and where there are too many streams.
  CUdeviceptr get(const Call &call, uint64_t id, CUstream stream);

private:
  /// Apart from each other as what one access brings to the cache.
  static constexpr size_t kBytes = 64, kMaxCount = 1024;
  CUdeviceptr memory = 0;
  std::unordered_map<uint64_t, CUdeviceptr> counters;
};

/// Those of the process. Never destroyed, as launches may come while it ends.
struct RowCounters {
  std::mutex mutex;
  std::unordered_map<uint64_t, ContextCounters> contexts;

  static RowCounters &get() {
    static auto *counters = new RowCounters;
    return *counters;
  }
};

/// The counter of this thread's last launch.
struct LastCounter {
  StreamKey key;
  CUdeviceptr pointer = 0;
};
thread_local LastCounter lastCounter;
/// One for the launch alone, and where it was allocated.
thread_local CUdeviceptr temporary = 0;
thread_local std::optional<CUstream> streamOfTemporary;
} // namespace

static bool clear(const Call &call, CUdeviceptr counter, CUstream stream) {
  noteStreamWork();
  return call.succeeded("cuMemsetD32Async",
                        call->cuMemsetD32Async(counter, 0, 1, stream));
}

CUdeviceptr ContextCounters::get(const Call &call, uint64_t id,
                                 CUstream stream) {
  auto known = counters.find(id);
  if (known != counters.end())
    return known->second;
  if (counters.size() == kMaxCount)
    return 0;
  if (!memory) {
    // Another stream may be captured.
    RelaxedCapture relaxed(*call.operator->());
    if (!call.succeeded("cuMemAlloc",
                        call->cuMemAlloc(&memory, kBytes * kMaxCount)))
      return 0;
  }
  CUdeviceptr counter = memory + kBytes * counters.size();
  if (!clear(call, counter, stream))
    return 0;
  counters.emplace(id, counter);
  return counter;
}

/// The driver's CU_STREAM_PER_THREAD.
static CUstream getStreamOfThread() {
  return reinterpret_cast<CUstream>(uintptr_t(2));
}

/// The counter of the stream; null where it has none of its own.
static CUdeviceptr getKept(const Call &call, CUstream stream) {
  // A graph may run beside launches of the stream that it was captured from,
  // and one handle stands for the default streams of all threads.
  if (!call->cuStreamGetId || !call->cuCtxGetId ||
      stream == getStreamOfThread() || isCapturing(*call.operator->(), stream))
    return 0;
  StreamKey key;
  if (!call.succeeded("cuCtxGetId",
                      call->cuCtxGetId(/*context=*/nullptr, &key.context)) ||
      !call.succeeded("cuStreamGetId",
                      call->cuStreamGetId(stream, &key.stream)))
    return 0;
  if (lastCounter.pointer && lastCounter.key == key)
    return lastCounter.pointer;
  RowCounters &all = RowCounters::get();
  std::lock_guard<std::mutex> lock(all.mutex);
  CUdeviceptr counter = all.contexts[key.context].get(call, key.stream, stream);
  if (counter)
    lastCounter = {key, counter};
  return counter;
}

/// A counter for one launch: in a stream, or, where launches have streams of
/// their own, for whichever comes next.
static CUdeviceptr allocate(const Call &call, std::optional<CUstream> stream) {
  if (stream) {
    temporary = allocateOnStream(call, sizeof(uint32_t), *stream);
    if (temporary)
      clear(call, temporary, *stream);
  } else if (call.succeeded("cuMemAlloc",
                            call->cuMemAlloc(&temporary, sizeof(uint32_t)))) {
    if (clear(call, temporary, /*stream=*/nullptr))
      call.succeeded("cuCtxSynchronize", call->cuCtxSynchronize());
  }
  streamOfTemporary = stream;
  return temporary;
}

MFA_ENTRY void *mfaAcquireRowCounter() {
  Call call;
  if (!call || hasFailed())
    return nullptr;
  std::optional<CUstream> stream = getCurrentStream();
  CUdeviceptr counter = stream ? getKept(call, *stream) : 0;
  if (!counter && !hasFailed())
    counter = allocate(call, stream);
  return reinterpret_cast<void *>(counter);
}

MFA_ENTRY void mfaReleaseRowCounter(void *counter) {
  if (!temporary || toDevice(counter) != temporary)
    return;
  if (Call call; call) {
    if (streamOfTemporary)
      freeOnStream(call, temporary, *streamOfTemporary);
    else if (call.succeeded("cuCtxSynchronize", call->cuCtxSynchronize()))
      call.succeeded("cuMemFree", call->cuMemFree(temporary));
  }
  temporary = 0;
}
