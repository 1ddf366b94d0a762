//===- CUDARuntime.h - What lowered host code calls -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The entry points `mgpu*` that host code lowered by upstream's passes
// (`gpu-to-llvm`, `convert-nvgpu-to-nvvm`) calls, on the CUDA driver. Names and
// signatures are upstream's, so that libmfa_cuda_runtime.so serves the stock
// mlir-runner as well. Those of mfa-lower-device-queries are our own:
// `mfaGetMultiprocessorCount`, `mfaAcquireRowCounter`, `mfaReleaseRowCounter`,
// `mfaOverlapLaunch` and what KeptTileLists.h has.
//
// Memory that gpu.alloc asks for belongs to the stream of its token: it comes
// from a pool, without waiting, and can be part of a captured graph.
//
// A module is loaded when the first of its functions is asked for, so that of a
// program's kernels the driver compiles those that are launched.
//
// The entry points return no status. A failed one reports its error to the
// handler, by default a line on stderr, and records it if it is the first since
// the last `takeFirstError`. The calls after it go on, with null handles where
// one could not be made, but launch nothing and write to no memory until the
// error has been taken or its ErrorScope has ended: a kernel that reads what is
// not there would cost the process its context.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_CUDARUNTIME_H
#define MFA_RUNTIME_CUDARUNTIME_H

#include "mfa/Runtime/CUDADriver.h"
#include "mfa/Runtime/EntryPoint.h"
#include "mfa/Runtime/KeptTileLists.h"

#include <vector>

namespace mfa::runtime {

using ErrorHandler = void (*)(const CUDAError &error);

/// Replaces the handler of failed entry points; null keeps silent, and then
/// `takeFirstError` is the only way to learn of a failure. Returns the handler
/// that was there.
ErrorHandler setErrorHandler(ErrorHandler handler);

/// The first error since the last call, of any thread, and forgets it.
CUDAStatus takeFirstError();

/// While it lives, errors of this thread come here rather than to the handler
/// and `takeFirstError`.
class ErrorScope {
public:
  ErrorScope();
  ~ErrorScope();
  ErrorScope(const ErrorScope &) = delete;
  ErrorScope &operator=(const ErrorScope &) = delete;

  /// The first error since the scope began.
  const CUDAStatus &getFirst() const { return first; }
  void add(const CUDAError &error) {
    if (!first)
      first = error;
  }

private:
  CUDAStatus first;
  ErrorScope *previous;
};

/// GPU that the entry points of this thread use outside of a StreamScope: 0, or
/// what mgpuSetDefaultDevice said.
int getCurrentDevice();

/// While it lives, host code of this thread launches on `stream`:
/// mgpuStreamCreate returns it, and synchronising with it or destroying it does
/// nothing. The caller synchronises when it needs the results. `nullptr` is the
/// default stream. The context is the one that is current; it must not be null.
/// Outside of such a scope, lowered host code uses the primary context of the
/// thread's GPU, makes a stream of its own and waits for it.
class StreamScope {
public:
  explicit StreamScope(CUstream stream);
  ~StreamScope();
  StreamScope(const StreamScope &) = delete;
  StreamScope &operator=(const StreamScope &) = delete;

private:
  std::optional<CUstream> previous;
};

/// Memory that lowered host code and its kernels share, for the code's
/// `malloc`. Null for no bytes and, as entry points do, after an error that was
/// reported.
void *allocateManaged(size_t bytes);
/// Its `free`, which waits for the kernels that may still use the memory.
void freeManaged(void *pointer);

/// Memory for a list of key tiles, of the GPU and for the stream of the
/// thread's StreamScope; null while that is captured, and on error. Streams
/// that use it exist as long as it does.
std::unique_ptr<TileListMemory> allocateTileListOnGPU(uint64_t bytes);

/// Memory for a list of key tiles, of the GPU and for the stream of the
/// thread's StreamScope; null while that is captured, and on error. Streams
/// that use it exist as long as it does.
std::unique_ptr<TileListMemory> allocateTileListOnGPU(uint64_t bytes);

/// Every entry point, for a JIT's table of symbols.
const std::vector<EntryPoint> &getCUDAEntryPoints();

} // namespace mfa::runtime

#endif // MFA_RUNTIME_CUDARUNTIME_H
