//===- CUDACall.h - Calls of the driver by entry points ---------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_CUDACALL_H
#define MFA_LIB_RUNTIME_CUDACALL_H

#include "mfa/Runtime/CUDADriver.h"

#include <array>
#include <initializer_list>

#define MFA_ENTRY extern "C" __attribute__((visibility("default")))

namespace mfa::runtime {

/// A ranked memref descriptor as lowered host code passes it: the header is
/// followed by `rank` sizes and `rank` strides, in elements.
struct MemRefDescriptor {
  char *allocated;
  char *aligned;
  int64_t offset;
  int64_t sizesAndStrides[];
};

inline CUdeviceptr toDevice(const void *pointer) {
  return reinterpret_cast<CUdeviceptr>(pointer);
}

/// Records and reports an error; true if there was one.
bool failed(const CUDAStatus &status);

/// True while an error waits to be taken, or since the thread's ErrorScope
/// began: work that may rest on what failed is not begun.
bool hasFailed();

/// Error of an entry point that found its arguments wrong.
CUDAError makeError(const char *call, std::string text);

/// Stream of the thread's StreamScope; none outside of one.
std::optional<CUstream> getCurrentStream();

/// Sets what getCurrentDevice returns.
void setCurrentDevice(int device);

/// The driver, for one call, with a context current: in a StreamScope the
/// caller's, else the primary context of the thread's GPU.
class Call {
public:
  Call();

  /// False where there is no driver or no context, which has been reported.
  explicit operator bool() const { return driver != nullptr; }
  const CUDAFunctions *operator->() const { return driver->operator->(); }
  const CUDADriver &operator*() const { return *driver; }

  /// Reports the failure of a driver function; true if it succeeded.
  bool succeeded(const char *call, CUresult result) const {
    return result == CUDA_SUCCESS || !failed(driver->check(call, result));
  }

private:
  const CUDADriver *driver;
  std::optional<ContextScope> scope;
};

/// Checks the sizes of a launch, which the driver takes in 32 bits. False where
/// there is nothing to launch: an error, now or before, or a grid without
/// blocks.
bool canLaunch(const char *entry, std::initializer_list<intptr_t> grid,
               std::initializer_list<intptr_t> other);

/// What mfaOverlapLaunch has said of the thread's next launch, which takes it.
bool takeOverlap();

/// To be called by whatever puts something else than a kernel into a stream.
void noteStreamWork();

/// A launch of sizes that canLaunch has checked.
CUlaunchConfig makeConfig(std::array<intptr_t, 3> grid,
                          std::array<intptr_t, 3> block, int32_t sharedBytes,
                          CUstream stream);

/// Launches a kernel that has been allowed the shared memory. With `mayOverlap`
/// it may begin before the one in front of it has ended, where that one is of
/// the same call (StreamScope) and the last thing in the stream, as far as this
/// thread knows: whatever other threads put in between, the kernel waits for
/// what it follows.
void launchOnStream(const Call &call, CUfunction function,
                    CUlaunchConfig config, void **params, void **extra,
                    bool mayOverlap);

/// A launch of clusters of blocks.
struct ClusterLaunch {
  intptr_t clusterX, clusterY, clusterZ, gridX, gridY, gridZ;
  intptr_t blockX, blockY, blockZ;
  int32_t sharedBytes;
  CUstream stream;
  void **params, **extra;

  bool canLaunch() const;
  /// Launches a kernel that has been allowed the shared memory.
  void run(const Call &call, CUfunction function) const;
};

/// Allows the kernel the dynamic shared memory that a launch asks for; false if
/// the driver does not.
bool allowSharedMemory(const Call &call, CUfunction function, int32_t bytes);

/// While it lives, calls of this thread that a capture would refuse, in
/// whatever stream and thread it goes on, are allowed.
class RelaxedCapture {
public:
  explicit RelaxedCapture(const CUDAFunctions &driver) : driver(driver) {
    driver.cuThreadExchangeStreamCaptureMode(&mode);
  }
  ~RelaxedCapture() { driver.cuThreadExchangeStreamCaptureMode(&mode); }
  RelaxedCapture(const RelaxedCapture &) = delete;
  RelaxedCapture &operator=(const RelaxedCapture &) = delete;

private:
  const CUDAFunctions &driver;
  int mode = CU_STREAM_CAPTURE_MODE_RELAXED;
};

/// Whether what is launched on the stream becomes part of a graph.
bool isCapturing(const CUDAFunctions &driver, CUstream stream);

/// Memory of the current GPU that belongs to `stream` as launches on it do: a
/// captured graph has its own, and neither call waits. From a pool that keeps
/// what is freed for the next call; by plain cuMemAlloc where the driver or the
/// GPU has no pools. Null on error.
CUdeviceptr allocateOnStream(const Call &call, uint64_t bytes, CUstream stream);
/// Also frees memory that did not come from there, at once.
void freeOnStream(const Call &call, CUdeviceptr pointer, CUstream stream);

} // namespace mfa::runtime

//===----------------------------------------------------------------------===//
// Entry points that other files define or call
//===----------------------------------------------------------------------===//

MFA_ENTRY void *mgpuMemAlloc(uint64_t bytes, mfa::runtime::CUstream stream,
                             bool isHostShared);

MFA_ENTRY void mgpuMemFree(void *pointer, mfa::runtime::CUstream stream);

MFA_ENTRY void mfaOverlapLaunch();
MFA_ENTRY void *mfaAcquireRowCounter();
MFA_ENTRY void mfaReleaseRowCounter(void *counter);

MFA_ENTRY void
mgpuTensorMapEncodeTiled(mfa::runtime::CUtensorMap *map, int dataType,
                         uint32_t rank, void *address, const uint64_t *sizes,
                         const uint64_t *byteStrides, const uint32_t *box,
                         const uint32_t *elementStrides, int interleave,
                         int swizzle, int l2Promotion, int outOfBoundsFill);

MFA_ENTRY void *mgpuTensorMapEncodeTiledMemref(
    int64_t rank, mfa::runtime::MemRefDescriptor *descriptor, int dataType,
    int interleave, int swizzle, int l2Promotion, int outOfBoundsFill,
    int64_t *boxSizes);

#endif // MFA_LIB_RUNTIME_CUDACALL_H
