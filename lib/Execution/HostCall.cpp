//===- HostCall.cpp - Calls of host code that may fail --------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCall.h"
#include "mfa/Runtime/CPURuntime.h"
#include "mfa/Support/TileRegisters.h"
#include <atomic>
#include <mutex>

using namespace llvm;
using namespace mfa::exec;
using mfa::runtime::EntryPoint;

/// The innermost call of this thread.
static thread_local HostCall *currentCall = nullptr;

/// Calls the entry where a failed check can return to. Host code keeps nothing
/// on its stack that a destructor would free.
static bool runEntry(std::jmp_buf &returnPoint, const HostProgram &program,
                     void **arguments) {
  if (setjmp(returnPoint) != 0)
    return false;
  program.call(arguments);
  return true;
}

bool HostCall::run(const HostProgram &program, void **arguments) {
  HostCall *previous = currentCall;
  currentCall = this;
  bool succeeded = runEntry(returnPoint, program, arguments);
  currentCall = previous;
  return succeeded;
}

void HostCall::reportError(const char *message) {
  HostCall *call = currentCall;
  call->message = message;
  std::longjmp(call->returnPoint, 1);
}

/// A piece of a parallel loop, called where a failed check can return to.
static bool runPiece(std::jmp_buf &returnPoint, void (*body)(int64_t, void *),
                     int64_t index, void *context) {
  if (setjmp(returnPoint) != 0)
    return false;
  body(index, context);
  return true;
}

bool HostCall::runLoop(int64_t count, void (*body)(int64_t, void *),
                       void *context, std::string &message) {
  struct Loop {
    void (*body)(int64_t, void *);
    void *context;
    std::string &message;
    std::mutex mutex = {};
    std::atomic<bool> hasFailed = false;
  } loop{body, context, message};
  mfaParallelFor(
      count,
      [](int64_t index, void *user) {
        auto &loop = *static_cast<Loop *>(user);
        if (loop.hasFailed)
          return;
        // The body runs on any thread: each piece is a call of its own.
        HostCall piece;
        HostCall *previous = currentCall;
        currentCall = &piece;
        bool succeeded =
            runPiece(piece.returnPoint, loop.body, index, loop.context);
        currentCall = previous;
        if (succeeded)
          return;
        std::lock_guard<std::mutex> lock(loop.mutex);
        if (!loop.hasFailed.exchange(true))
          loop.message = piece.message;
      },
      &loop);
  return !loop.hasFailed;
}

void HostCall::parallelFor(int64_t count, void (*body)(int64_t, void *),
                           void *context) {
  // No frame that is jumped over has anything to destroy.
  if (!runLoop(count, body, context, currentCall->message))
    std::longjmp(currentCall->returnPoint, 1);
}

void HostCall::useTileRegisters() {
  if (const std::string &refusal = mlir::mfa::requestTileRegisters();
      !refusal.empty())
    reportError(refusal.c_str());
}

ArrayRef<EntryPoint> HostCall::getEntryPoints() {
  static const EntryPoint entryPoints[] = {
      {"mfaParallelFor", reinterpret_cast<void *>(parallelFor)},
      {"mfaUseTileRegisters", reinterpret_cast<void *>(useTileRegisters)},
      {"mfaReportError", reinterpret_cast<void *>(reportError)}};
  return entryPoints;
}
