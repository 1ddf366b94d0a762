//===- Kernel.cpp - Compile and launch programs, in C ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa-c/Kernel.h"
#include "Error.h"
#include "mfa/Runtime/CPURuntime.h"
#include "mfa/Runtime/CUDADriver.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Support.h"
#include "mlir/CAPI/Utils.h"

using namespace llvm;
using namespace mfa::exec;
using mfa::runtime::CUDADriver;
using mfa::runtime::CUstream;
using mfa::runtime::KeptTileLists;

static_assert(MFA_DYNAMIC == mlir::ShapedType::kDynamic);

static Kernel &unwrap(MfaKernel kernel) {
  return *static_cast<Kernel *>(kernel.ptr);
}

/// Stores a kernel that could be made.
static MfaError store(Expected<std::unique_ptr<Kernel>> kernel,
                      MfaKernel *result) {
  if (!kernel)
    return mfa::capi::wrap(kernel.takeError());
  result->ptr = kernel->release();
  return {nullptr};
}

//===----------------------------------------------------------------------===//
// From C and to C
//===----------------------------------------------------------------------===//

static ElementType fromC(MfaElementType type) {
  switch (type) {
  case MfaElementF16:
    return ElementType::F16;
  case MfaElementBF16:
    return ElementType::BF16;
  case MfaElementF32:
    return ElementType::F32;
  case MfaElementI1:
    return ElementType::I1;
  case MfaElementI32:
    return ElementType::I32;
  case MfaElementI64:
    return ElementType::I64;
  }
  return ElementType::F16;
}

static MfaElementType toC(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return MfaElementF16;
  case ElementType::BF16:
    return MfaElementBF16;
  case ElementType::F32:
    return MfaElementF32;
  case ElementType::I1:
    return MfaElementI1;
  case ElementType::I32:
    return MfaElementI32;
  case ElementType::I64:
    return MfaElementI64;
  }
  return MfaElementF16;
}

static Problem fromC(const MfaProblem &problem) {
  Problem result;
  result.type = fromC(problem.elementType);
  result.headDim = problem.headDim;
  result.valueDim = problem.valueDim;
  result.numQueries = problem.numQueries;
  result.maskRank = problem.maskRank;
  result.maskType = fromC(problem.maskType);
  result.maskBroadcast = problem.maskBroadcast;
  result.maskUnitStride = problem.maskUnitStride;
  if (problem.scaleKind == MfaScaleStatic)
    result.scale = problem.scale;
  result.scaleIsArgument = problem.scaleKind == MfaScaleArgument;
  result.lse = problem.lse;
  result.sinks = problem.sinks;
  result.rules = unwrap(problem.rules).str();
  result.groupedHeads = problem.groupedHeads;
  return result;
}

static Options fromC(const MfaOptions &options) {
  Options result;
  switch (options.target) {
  case MfaTargetCPU:
    result.target = Target::CPU;
    break;
  case MfaTargetSim:
    result.target = Target::Sim;
    break;
  case MfaTargetCUDA:
    result.target = Target::CUDA;
    break;
  }
  result.chip = unwrap(options.chip).str();
  result.f32Product = options.f32Product == MfaF32ProductTF32
                          ? mlir::mfa::F32Product::TF32
                          : mlir::mfa::F32Product::TF32x3;
  result.schedule = unwrap(options.schedule).str();
  result.schedules = unwrap(options.schedules).str();
  result.countTilesFor = unwrap(options.countTilesFor).str();
  switch (options.tileLists) {
  case MfaTileListsRules:
    result.tileLists = mlir::mfa::TileLists::Rules;
    break;
  case MfaTileListsAuto:
    result.tileLists = mlir::mfa::TileLists::Auto;
    break;
  case MfaTileListsAlways:
    result.tileLists = mlir::mfa::TileLists::Always;
    break;
  case MfaTileListsNever:
    result.tileLists = mlir::mfa::TileLists::Never;
    break;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

MfaError mfaKernelCompileProblem(const MfaProblem *problem,
                                 const MfaOptions *options, MfaKernel *kernel) {
  return store(Kernel::compile(fromC(*problem), fromC(*options)), kernel);
}

MfaError mfaKernelCompileSource(MlirStringRef source, MlirStringRef entry,
                                const MfaOptions *options, MfaKernel *kernel) {
  return store(Kernel::compile(unwrap(source), unwrap(entry), fromC(*options)),
               kernel);
}

MfaError mfaKernelCompileModule(MlirModule module, MlirStringRef entry,
                                const MfaOptions *options, MfaKernel *kernel) {
  std::string bytes;
  raw_string_ostream os(bytes);
  if (mlir::failed(mlir::writeBytecodeToFile(unwrap(module), os)))
    return mfa::capi::wrap(mfa::exec::makeError(
        ErrorKind::Compilation, "the module cannot be written as bytecode"));
  return store(Kernel::compile(bytes, unwrap(entry), fromC(*options)), kernel);
}

void mfaKernelSerialize(MfaKernel kernel, MlirStringCallback callback,
                        void *userData) {
  std::string bytes = unwrap(kernel).serialize();
  callback(wrap(StringRef(bytes)), userData);
}

bool mfaKernelHasNewMachineCode(MfaKernel kernel) {
  return unwrap(kernel).hasNewMachineCode();
}

MfaError mfaKernelDeserialize(MlirStringRef bytes, MfaKernel *kernel) {
  return store(Kernel::deserialize(unwrap(bytes)), kernel);
}

void mfaKernelDestroy(MfaKernel kernel) {
  delete static_cast<Kernel *>(kernel.ptr);
}

//===----------------------------------------------------------------------===//
// What was compiled
//===----------------------------------------------------------------------===//

MfaTarget mfaKernelGetTarget(MfaKernel kernel) {
  switch (unwrap(kernel).getOptions().target) {
  case Target::CPU:
    return MfaTargetCPU;
  case Target::Sim:
    return MfaTargetSim;
  case Target::CUDA:
    return MfaTargetCUDA;
  }
  return MfaTargetCPU;
}

MlirStringRef mfaKernelGetChip(MfaKernel kernel) {
  return wrap(StringRef(unwrap(kernel).getOptions().chip));
}

intptr_t mfaKernelGetNumStages(MfaKernel kernel) {
  return unwrap(kernel).getStages().size();
}

MlirStringRef mfaKernelGetStageName(MfaKernel kernel, intptr_t index) {
  return wrap(unwrap(kernel).getStages()[index]);
}

MfaError mfaKernelPrintStage(MfaKernel kernel, MlirStringRef stage,
                             MlirStringCallback callback, void *userData) {
  mlir::detail::CallbackOstream stream(callback, userData);
  return mfa::capi::wrap(unwrap(kernel).printStage(unwrap(stage), stream));
}

MlirStringRef mfaKernelGetSchedule(MfaKernel kernel) {
  return wrap(unwrap(kernel).getSchedule());
}

MlirStringRef mfaKernelGetPTX(MfaKernel kernel) {
  return wrap(unwrap(kernel).getPTX());
}

MfaError mfaKernelGetCubin(MfaKernel kernel, MlirStringCallback callback,
                           void *userData) {
  Expected<std::string> cubin = unwrap(kernel).getCubin();
  if (!cubin)
    return mfa::capi::wrap(cubin.takeError());
  callback(wrap(StringRef(*cubin)), userData);
  return {nullptr};
}

intptr_t mfaKernelGetNumFunctions(MfaKernel kernel) {
  return unwrap(kernel).getFunctions().size();
}

MfaFunction mfaKernelGetFunction(MfaKernel kernel, intptr_t index) {
  const GPUFunction &function = unwrap(kernel).getFunctions()[index];
  return {wrap(StringRef(function.name)), function.threads,
          function.dynamicSharedBytes};
}

MfaError mfaKernelGetResources(MfaKernel kernel, intptr_t index, int device,
                               MfaResources *resources) {
  Expected<Resources> result = unwrap(kernel).getResources(index, device);
  if (!result)
    return mfa::capi::wrap(result.takeError());
  *resources = {result->registers, result->localBytes,
                result->staticSharedBytes, result->maxThreads};
  return {nullptr};
}

//===----------------------------------------------------------------------===//
// Parameters and launch
//===----------------------------------------------------------------------===//

intptr_t mfaKernelGetNumParameters(MfaKernel kernel) {
  return unwrap(kernel).isLaunchable() ? unwrap(kernel).getParameters().size()
                                       : -1;
}

MfaParameter mfaKernelGetParameter(MfaKernel kernel, intptr_t index) {
  const Parameter &parameter = unwrap(kernel).getParameters()[index];
  int64_t rank = parameter.isNumber ? -1 : parameter.sizes.size();
  return {wrap(StringRef(parameter.name)),
          rank,
          toC(parameter.type),
          parameter.sizes.data(),
          parameter.strides.data(),
          parameter.isContiguous};
}

/// The structures of the two languages are alike, so that nothing is copied.
static ArrayRef<LaunchArgument> fromC(const MfaArgument *arguments,
                                      intptr_t numArguments) {
  static_assert(
      sizeof(MfaArgument) == sizeof(LaunchArgument) &&
      offsetof(MfaArgument, data) == offsetof(LaunchArgument, data) &&
      offsetof(MfaArgument, sizes) == offsetof(LaunchArgument, sizes) &&
      offsetof(MfaArgument, strides) == offsetof(LaunchArgument, strides) &&
      offsetof(MfaArgument, number) == offsetof(LaunchArgument, number) &&
      offsetof(MfaArgument, integer) == offsetof(LaunchArgument, integer));
  return ArrayRef(reinterpret_cast<const LaunchArgument *>(arguments),
                  static_cast<size_t>(numArguments));
}

static MfaError toC(Error error) {
  if (!error)
    return {nullptr};
  return mfa::capi::wrap(std::move(error));
}

static MfaError launch(MfaKernel kernel, const MfaArgument *arguments,
                       intptr_t numArguments, int device, void *stream,
                       bool distinct) {
  return toC(unwrap(kernel).launch(fromC(arguments, numArguments), device,
                                   static_cast<CUstream>(stream), distinct));
}

MfaError mfaKernelLaunch(MfaKernel kernel, const MfaArgument *arguments,
                         intptr_t numArguments, int device, void *stream) {
  return launch(kernel, arguments, numArguments, device, stream,
                /*distinct=*/false);
}

MfaError mfaKernelLaunchDistinct(MfaKernel kernel, const MfaArgument *arguments,
                                 intptr_t numArguments, int device,
                                 void *stream) {
  return launch(kernel, arguments, numArguments, device, stream,
                /*distinct=*/true);
}

static KeptTileLists &unwrap(MfaKeptTileLists lists) {
  return *static_cast<KeptTileLists *>(lists.ptr);
}

MfaKeptTileLists mfaKeptTileListsCreate(bool assumesFinite) {
  return {new KeptTileLists(assumesFinite)};
}

void mfaKeptTileListsDestroy(MfaKeptTileLists lists) {
  delete static_cast<KeptTileLists *>(lists.ptr);
}

void mfaKeptTileListsClear(MfaKeptTileLists lists) { unwrap(lists).clear(); }

intptr_t mfaKeptTileListsGetSize(MfaKeptTileLists lists) {
  return static_cast<intptr_t>(unwrap(lists).size());
}

MfaError mfaKernelLaunchWithLists(MfaKernel kernel, MfaKeptTileLists lists,
                                  bool distinct, const MfaArgument *arguments,
                                  intptr_t numArguments, int device,
                                  void *stream) {
  return toC(unwrap(kernel).launchWithLists(
      unwrap(lists), /*listsOnly=*/false, fromC(arguments, numArguments),
      device, static_cast<CUstream>(stream), distinct));
}

MfaError mfaKernelMakeLists(MfaKernel kernel, MfaKeptTileLists lists,
                            const MfaArgument *arguments, intptr_t numArguments,
                            int device, void *stream) {
  return toC(unwrap(kernel).launchWithLists(
      unwrap(lists), /*listsOnly=*/true, fromC(arguments, numArguments), device,
      static_cast<CUstream>(stream), /*distinct=*/true));
}

MfaError mfaKernelLoad(MfaKernel kernel, int device) {
  return mfa::capi::wrap(unwrap(kernel).load(device));
}

void mfaSetInterruptHandler(MfaInterruptHandler handler, void *userData) {
  mfa::exec::setInterruptHandler(handler, userData);
}

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

MfaError mfaCheckCUDA(void) {
  mfa::runtime::CUDAError reason;
  if (CUDADriver::get(&reason))
    return {nullptr};
  return mfa::capi::wrap(
      mfa::exec::makeError(ErrorKind::Driver, reason.message()));
}

intptr_t mfaGetNumThreads(void) { return mfa::runtime::getNumThreads(); }

void mfaSetNumThreads(intptr_t count) {
  mfa::runtime::setNumThreads(std::clamp<intptr_t>(count, 1, 1 << 16));
}

int mfaGetNumDevices(void) {
  const CUDADriver *driver = CUDADriver::get();
  return driver ? driver->getDeviceCount() : 0;
}

MfaError mfaGetDeviceChip(int device, MlirStringCallback callback,
                          void *userData) {
  Expected<std::string> chip = getDeviceChip(device);
  if (!chip)
    return mfa::capi::wrap(chip.takeError());
  callback(wrap(StringRef(*chip)), userData);
  return {nullptr};
}
