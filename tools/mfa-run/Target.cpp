//===- Target.cpp - Where programs run ------------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Target.h"
#include "Options.h"
#include "mfa/Execution/Stages.h"
#include "mfa/Pipelines/Pipelines.h"
#include "mfa/Runtime/CPURuntime.h"
#include "mfa/Runtime/CUDARuntime.h"
#include "mfa/Runtime/Sim/Sim.h"
#include "mfa/Support/Memory.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MemAlloc.h"
#include "llvm/Support/Threading.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>

using namespace llvm;
using namespace mfa;
using namespace mfa::run;
using namespace mfa::runtime;

//===----------------------------------------------------------------------===//
// The host
//===----------------------------------------------------------------------===//

namespace {
class HostDevice : public Device {
public:
  ~HostDevice() override {
    for (auto [pointer, bytes] : sizes)
      deallocate_buffer(pointer, bytes, kAlignment);
  }

  Expected<char *> allocate(size_t bytes, bool) override {
    char *pointer = static_cast<char *>(allocate_buffer(bytes, kAlignment));
    sizes.emplace(pointer, bytes);
    return pointer;
  }

  void deallocate(char *pointer) override {
    auto found = sizes.find(pointer);
    deallocate_buffer(pointer, found->second, kAlignment);
    sizes.erase(found);
  }

  void deallocateResult(char *pointer) override { std::free(pointer); }

  Error copyToDevice(char *target, ArrayRef<char> source) override {
    // Arrays without elements may have no address.
    std::copy(source.begin(), source.end(), target);
    return Error::success();
  }

  Error copyFromDevice(MutableArrayRef<char> target,
                       const char *source) override {
    std::copy_n(source, target.size(), target.begin());
    return Error::success();
  }

  Error run(function_ref<void()> program) override {
    program();
    return Error::success();
  }

  Expected<std::vector<double>> measure(function_ref<void()> program,
                                        int count) override {
    std::vector<double> times;
    for (int index = 0; index < count; ++index) {
      auto begin = std::chrono::steady_clock::now();
      program();
      std::chrono::duration<double, std::milli> time =
          std::chrono::steady_clock::now() - begin;
      times.push_back(time.count());
    }
    return times;
  }

  std::vector<EntryPoint> getEntryPoints() const override {
    std::vector<EntryPoint> entryPoints = getCPUEntryPoints();
    entryPoints.push_back({"malloc", reinterpret_cast<void *>(allocateShared)});
    return entryPoints;
  }

  std::string getDescription() const override {
    unsigned threads = mfa::runtime::getNumThreads();
    return std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  }

private:
  /// malloc of the program.
  static void *allocateShared(size_t bytes) {
    return allocateOrReport(bytes, mfaReportError);
  }

  static constexpr size_t kAlignment = 256;
  std::map<char *, size_t> sizes;
};
} // namespace

static void buildCPUPipeline(mlir::OpPassManager &pm,
                             const LoweringOptions &options) {
  mlir::mfa::MFAToCPUOptions pipeline;
  pipeline.vectors = !options.reference;
  mlir::mfa::buildMFAToCPUPipeline(pm, pipeline);
}

static Expected<std::unique_ptr<Device>> openHost() {
  return std::make_unique<HostDevice>();
}

static std::string getNoChip() { return ""; }

//===----------------------------------------------------------------------===//
// The simulator
//===----------------------------------------------------------------------===//

namespace {
/// The host as a GPU: kernels run on it through the simulator's runtime.
class SimDevice : public HostDevice {
public:
  SimDevice() { mfaSimSetFaultHandler(addFault, this); }
  ~SimDevice() override { mfaSimSetFaultHandler(nullptr, nullptr); }

  Error run(function_ref<void()> program) override {
    program();
    return takeError();
  }

  Expected<std::vector<double>> measure(function_ref<void()> program,
                                        int count) override {
    auto times = HostDevice::measure(program, count);
    if (Error error = takeError())
      return std::move(error);
    return times;
  }

  std::vector<EntryPoint> getEntryPoints() const override {
    std::vector<EntryPoint> entryPoints = HostDevice::getEntryPoints();
    append_range(entryPoints, mfa::sim::getEntryPoints());
    return entryPoints;
  }

  Error takeError() override {
    std::string text;
    std::swap(text, faults);
    if (text.empty())
      return Error::success();
    return makeError("the simulated kernel faulted\n",
                     StringRef(text).rtrim('\n'));
  }

private:
  static void addFault(const char *report, void *user) {
    static_cast<SimDevice *>(user)->faults += report;
  }

  std::string faults;
};
} // namespace

template <typename Pipeline>
static void setKernelOptions(const LoweringOptions &options,
                             Pipeline &pipeline) {
  pipeline.chip = options.chip;
  pipeline.f32Product = options.f32Product;
  pipeline.tiles = options.tileLists;
  pipeline.schedules = options.schedules;
}

static void buildSimPipeline(mlir::OpPassManager &pm,
                             const LoweringOptions &options) {
  mlir::mfa::MFAToSimOptions pipeline;
  setKernelOptions(options, pipeline);
  pipeline.count = options.count;
  mlir::mfa::buildMFAToSimPipeline(pm, pipeline);
}

static Expected<std::unique_ptr<Device>> openSim() {
  return std::make_unique<SimDevice>();
}

static std::string getSimChip() { return "sm_80"; }

//===----------------------------------------------------------------------===//
// CUDA
//===----------------------------------------------------------------------===//

static Error toError(const CUDAStatus &status) {
  if (!status)
    return Error::success();
  return createStringError(status->message());
}

namespace {
/// The first GPU, its primary context and the default stream.
class CUDADevice : public Device {
public:
  CUDADevice(const CUDADriver &driver, std::string description)
      : driver(driver), description(std::move(description)),
        scope(driver, /*device=*/0) {
    // The message comes with the error that a run returns.
    setErrorHandler(nullptr);
  }

  Error getOpenError() const { return toError(scope.getError()); }

  Expected<char *> allocate(size_t bytes, bool hostShared) override {
    CUdeviceptr pointer = 0;
    Error error =
        hostShared ? check("cuMemAllocManaged",
                           driver->cuMemAllocManaged(&pointer, bytes,
                                                     CU_MEM_ATTACH_GLOBAL))
                   : check("cuMemAlloc", driver->cuMemAlloc(&pointer, bytes));
    if (error)
      return std::move(error);
    return reinterpret_cast<char *>(pointer);
  }

  void deallocate(char *pointer) override {
    driver->cuMemFree(toDevice(pointer));
  }

  void deallocateResult(char *pointer) override {
    driver->cuMemFree(toDevice(pointer));
  }

  Error copyToDevice(char *target, ArrayRef<char> source) override {
    return check(
        "cuMemcpyHtoD",
        driver->cuMemcpyHtoD(toDevice(target), source.data(), source.size()));
  }

  Error copyFromDevice(MutableArrayRef<char> target,
                       const char *source) override {
    return check(
        "cuMemcpyDtoH",
        driver->cuMemcpyDtoH(target.data(), toDevice(source), target.size()));
  }

  Error run(function_ref<void()> program) override {
    // The program's own streams do not wait for copies in the default stream.
    if (Error error = synchronize())
      return error;
    program();
    if (Error error = takeError())
      return error;
    return synchronize();
  }

  Expected<std::vector<double>> measure(function_ref<void()> program,
                                        int count) override {
    StreamScope stream(nullptr);
    std::vector<CUevent> events(count + 1, nullptr);
    Error error = Error::success();
    for (CUevent &event : events)
      if (!error)
        error = check("cuEventCreate",
                      driver->cuEventCreate(&event, CU_EVENT_DEFAULT));
    // One event between every two runs; nothing waits on the host.
    for (int index = 0; index <= count && !error; ++index) {
      if (index > 0) {
        // A call of its own.
        StreamScope scope(nullptr);
        program();
      }
      error =
          check("cuEventRecord", driver->cuEventRecord(events[index], nullptr));
    }
    if (!error)
      error = takeError();
    if (!error)
      error = synchronize();
    std::vector<double> times;
    for (int index = 0; index < count && !error; ++index) {
      float milliseconds = 0.0f;
      error = check("cuEventElapsedTime",
                    driver->cuEventElapsedTime(&milliseconds, events[index],
                                               events[index + 1]));
      times.push_back(milliseconds);
    }
    for (CUevent event : events)
      if (event)
        driver->cuEventDestroy(event);
    if (error)
      return std::move(error);
    return times;
  }

  std::vector<EntryPoint> getEntryPoints() const override {
    std::vector<EntryPoint> entryPoints = getCUDAEntryPoints();
    llvm::append_range(entryPoints, getCPUEntryPoints());
    // Buffers that the program's host code allocates reach kernels as well.
    entryPoints.push_back({"malloc", reinterpret_cast<void *>(allocateShared)});
    entryPoints.push_back({"free", reinterpret_cast<void *>(freeManaged)});
    return entryPoints;
  }

  Error takeError() override { return toError(takeFirstError()); }

  std::string getDescription() const override { return description; }

private:
  static CUdeviceptr toDevice(const void *pointer) {
    return reinterpret_cast<CUdeviceptr>(pointer);
  }

  Error check(const char *call, CUresult result) const {
    return toError(driver.check(call, result));
  }

  Error synchronize() const {
    return check("cuCtxSynchronize", driver->cuCtxSynchronize());
  }

  /// malloc of the program's host code: memory that both sides can touch.
  static void *allocateShared(size_t bytes) {
    void *memory = allocateManaged(bytes);
    if (!memory && bytes != 0)
      if (CUDAStatus error = takeFirstError())
        mfaReportError(error->message().c_str());
    return memory;
  }

  const CUDADriver &driver;
  std::string description;
  ContextScope scope;
};
} // namespace

static void buildCUDAPipeline(mlir::OpPassManager &pm,
                              const LoweringOptions &options) {
  mlir::mfa::MFAToNVVMOptions pipeline;
  setKernelOptions(options, pipeline);
  mlir::mfa::buildMFAToNVVMPipeline(pm, pipeline);
}

static Expected<std::unique_ptr<Device>> openCUDA() {
  CUDAError reason;
  const CUDADriver *driver = CUDADriver::get(&reason);
  if (!driver)
    return makeError("target 'cuda' needs a GPU: ", reason.message());
  std::string name, chip;
  if (Error error = toError(driver->getDeviceName(0, name)))
    return std::move(error);
  if (Error error = toError(driver->getChip(0, chip)))
    return std::move(error);
  auto device = std::make_unique<CUDADevice>(*driver, name + " (" + chip + ")");
  if (Error error = device->getOpenError())
    return std::move(error);
  return device;
}

/// The GPU's own architecture, sm_80 without a GPU.
static std::string getCUDAChip() {
  std::string chip;
  const CUDADriver *driver = CUDADriver::get();
  if (!driver || driver->getChip(0, chip))
    return "sm_80";
  return chip;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static const Target kTargets[] = {
    {"cpu", /*hasChip=*/false, exec::HostCodeUse::Computes, exec::kCPUStages,
     buildCPUPipeline, openHost, getNoChip},
    {"sim", /*hasChip=*/true, exec::HostCodeUse::Simulates, exec::kSimStages,
     buildSimPipeline, openSim, getSimChip},
    {"cuda", /*hasChip=*/true, exec::HostCodeUse::Launches, exec::kCUDAStages,
     buildCUDAPipeline, openCUDA, getCUDAChip},
};

static void buildTileCountPipeline(mlir::OpPassManager &pm,
                                   const LoweringOptions &options) {
  mlir::mfa::MFAToNVVMOptions kernels;
  setKernelOptions(options, kernels);
  mlir::mfa::addKeyTileCount(pm, kernels);
  buildCPUPipeline(pm, options);
}

static const Target kTileCountTarget = {"cpu",
                                        /*hasChip=*/true,
                                        exec::HostCodeUse::Computes,
                                        exec::kCPUStages,
                                        buildTileCountPipeline,
                                        openHost,
                                        getCUDAChip};

const Target &mfa::run::getTileCountTarget() { return kTileCountTarget; }

ArrayRef<Target> mfa::run::getTargets() { return kTargets; }

Expected<const Target *> mfa::run::findTarget(StringRef name) {
  if (name.empty()) {
    bool hasGPU = CUDADriver::get() != nullptr;
    return find_if(kTargets, [&](const Target &target) {
      return target.name == (hasGPU ? "cuda" : "cpu");
    });
  }
  SmallVector<StringRef> names;
  for (const Target &target : kTargets) {
    if (target.name == name)
      return &target;
    names.push_back(target.name);
  }
  return makeChoiceError("--target", names, name);
}

Expected<const Target *> mfa::run::findTargetOfStage(StringRef stage,
                                                     bool needsChip) {
  for (const Target &target : kTargets)
    if (is_contained(target.stages, stage) && (target.hasChip || !needsChip))
      return &target;
  return findTarget("");
}
