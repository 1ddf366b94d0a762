//===- Execution.cpp - Compile and run a program --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Execution.h"
#include "Lowering.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"

#include <algorithm>
#include <chrono>

using namespace llvm;
using namespace mfa;
using namespace mfa::run;

static const auto kStart = std::chrono::steady_clock::now();

double mfa::run::getSecondsSinceStart() {
  std::chrono::duration<double> time =
      std::chrono::steady_clock::now() - kStart;
  return time.count();
}

Descriptor mfa::run::makeDescriptor(char *pointer, int64_t offset,
                                    ArrayRef<int64_t> shape,
                                    ArrayRef<int64_t> strides) {
  auto address = reinterpret_cast<intptr_t>(pointer);
  Descriptor words = {address, address, static_cast<intptr_t>(offset)};
  append_range(words, shape);
  append_range(words, strides);
  return words;
}

Expected<DeviceMemory> DeviceMemory::allocate(Device &device, size_t bytes,
                                              bool hostShared) {
  Expected<char *> pointer = device.allocate(bytes, hostShared);
  if (!pointer)
    return pointer.takeError();
  return DeviceMemory(device, *pointer);
}

LoweringOptions mfa::run::getLoweringOptions(const Options &options,
                                             const Target &target) {
  LoweringOptions lowering;
  if (target.hasChip)
    lowering.chip =
        options.chip.empty() ? target.getDefaultChip() : options.chip;
  lowering.count = !options.simReport.empty();
  lowering.reference = options.reference;
  lowering.tileLists = StringSwitch<mlir::mfa::TileLists>(options.tileLists)
                           .Case("auto", mlir::mfa::TileLists::Auto)
                           .Case("always", mlir::mfa::TileLists::Always)
                           .Case("never", mlir::mfa::TileLists::Never)
                           .Default(mlir::mfa::TileLists::Rules);
  lowering.schedules = options.schedules;
  if (!options.raise.empty())
    lowering.raise = StringSwitch<mlir::mfa::RowsWithoutKeys>(options.raise)
                         .Case("zero", mlir::mfa::RowsWithoutKeys::Zero)
                         .Case("ignored", mlir::mfa::RowsWithoutKeys::Ignored)
                         .Default(mlir::mfa::RowsWithoutKeys::Exact);
  lowering.f32Product = *mlir::mfa::symbolizeF32Product(options.f32Product);
  return lowering;
}

/// Compiles the host code and loads it.
static Expected<CompiledProgram> load(mlir::ModuleOp module, StringRef entry,
                                      const Target &target, Device &device) {
  Expected<exec::HostObject> object =
      exec::compileHostCode(module, entry, target.hostCode);
  if (!object)
    return object.takeError();
  auto host = exec::HostProgram::load(std::move(object->buffer),
                                      device.getEntryPoints());
  if (!host)
    return host.takeError();
  return CompiledProgram{std::move(*host), object->numParams};
}

Expected<CompiledProgram> mfa::run::compile(mlir::ModuleOp module,
                                            StringRef entry,
                                            const Target &target,
                                            const LoweringOptions &options,
                                            Device &device, Timing &timing) {
  auto function = module.lookupSymbol<mlir::func::FuncOp>(entry);
  function->setAttr(mlir::LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                    mlir::UnitAttr::get(module.getContext()));
  double begin = getSecondsSinceStart();
  if (mlir::failed(lower(module, target, options)))
    return makeError("the lowering to target '", target.name, "' failed");
  double lowered = getSecondsSinceStart();
  timing.lowering = lowered - begin;
  Expected<CompiledProgram> program = load(module, entry, target, device);
  // A kernel that did not load is the better explanation.
  if (Error error = device.takeError()) {
    if (!program)
      consumeError(program.takeError());
    return std::move(error);
  }
  timing.jit = getSecondsSinceStart() - lowered;
  return program;
}

/// Opens a file, makes it if need be, and waits until no other process has it
/// locked.
static Error lockFile(StringRef path, int &descriptor) {
  if (std::error_code error = sys::fs::openFileForReadWrite(
          path, descriptor, sys::fs::CD_OpenAlways, sys::fs::OF_None))
    return makeError("--bench-lock: cannot open '", path,
                     "': ", error.message());
  if (std::error_code error = sys::fs::lockFile(descriptor))
    return makeError("--bench-lock: cannot lock '", path,
                     "': ", error.message());
  return Error::success();
}

Expected<BenchResult> mfa::run::bench(Device &device,
                                      function_ref<void()> program,
                                      StringRef lockPath) {
  int lock = -1;
  // Closed, a file is not locked any more.
  llvm::scope_exit close([&] {
    if (lock >= 0)
      sys::Process::SafelyCloseFileDescriptor(lock);
  });
  if (!lockPath.empty())
    if (Error error = lockFile(lockPath, lock))
      return std::move(error);
  constexpr double minMilliseconds = 500.0, maxMilliseconds = 10000.0;
  constexpr int minRuns = 20, maxRuns = 2000, warmUps = 3;
  Expected<std::vector<double>> first = device.measure(program, 1);
  if (!first)
    return first.takeError();
  double estimate = std::max(first->front(), 1e-3);
  // The estimate of a first run is high; a second warm-up makes it fit.
  if (estimate * warmUps < maxMilliseconds) {
    Expected<std::vector<double>> warm = device.measure(program, warmUps);
    if (!warm)
      return warm.takeError();
    estimate = std::max(*std::min_element(warm->begin(), warm->end()), 1e-3);
  }
  int runs = std::clamp(static_cast<int>(minMilliseconds / estimate), minRuns,
                        maxRuns);
  runs =
      std::max(1, std::min(runs, static_cast<int>(maxMilliseconds / estimate)));
  Expected<std::vector<double>> times = device.measure(program, runs);
  if (!times)
    return times.takeError();
  std::sort(times->begin(), times->end());
  BenchResult result;
  result.runs = runs;
  result.medianMilliseconds =
      0.5 * ((*times)[(runs - 1) / 2] + (*times)[runs / 2]);
  return result;
}
