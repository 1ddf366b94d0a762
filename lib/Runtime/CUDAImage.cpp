//===- CUDAImage.cpp - Kernels loaded where they are used -----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/CUDAImage.h"
#include "CUDACall.h"
#include "mfa/Runtime/CUDARuntime.h"

#include <cstring>

using namespace mfa::runtime;

//===----------------------------------------------------------------------===//
// Images
//===----------------------------------------------------------------------===//

CUDAKernel::~CUDAKernel() {
  Loaded *entry = loaded;
  while (entry) {
    Loaded *next = entry->next;
    delete entry;
    entry = next;
  }
}

CUDAKernel::Loaded *CUDAKernel::load(CUcontext context) {
  Call call;
  if (!call)
    return nullptr;
  std::lock_guard<std::mutex> lock(image.mutex);
  // Another thread may have been first.
  for (Loaded *entry = loaded; entry; entry = entry->next)
    if (entry->context == context)
      return entry;
  CUmodule module;
  if (failed(image.getModule(*call, context, module)))
    return nullptr;
  CUfunction function;
  if (!call.succeeded(
          "cuModuleGetFunction",
          call->cuModuleGetFunction(&function, module, name.c_str())))
    return nullptr;
  auto *entry = new Loaded{context, function, /*sharedBytes=*/{0}, loaded};
  loaded.store(entry, std::memory_order_release);
  return entry;
}

CUDAImage::~CUDAImage() {
  CUDAKernel *kernel = kernels;
  while (kernel) {
    CUDAKernel *next = kernel->next;
    delete kernel;
    kernel = next;
  }
  if (modules.empty())
    return;
  // The driver may be gone already at the end of the process, or a context with
  // its modules, or the process be a fork of the one that loaded them: there is
  // nothing to be done about it.
  const CUDADriver *found = CUDADriver::get();
  if (!found)
    return;
  const CUDADriver &driver = *found;
  for (const Module &module : modules) {
    if (driver->cuCtxPushCurrent(module.context) != CUDA_SUCCESS)
      continue;
    driver->cuModuleUnload(module.module);
    CUcontext popped;
    driver->cuCtxPopCurrent(&popped);
  }
}

bool CUDAImage::isPTX() const {
  return mfa::runtime::isPTX(code.data(), code.size());
}

bool CUDAImage::canBeLinked() const {
  return code.find("wgmma.") == std::string_view::npos;
}

CUDAKernel *CUDAImage::getKernel(const char *name) {
  auto find = [&]() -> CUDAKernel * {
    for (CUDAKernel *kernel = kernels.load(std::memory_order_acquire); kernel;
         kernel = kernel->next)
      if (kernel->name == name)
        return kernel;
    return nullptr;
  };
  if (CUDAKernel *kernel = find())
    return kernel;
  std::lock_guard<std::mutex> lock(mutex);
  if (CUDAKernel *kernel = find())
    return kernel;
  auto *kernel = new CUDAKernel(*this, name);
  kernel->next = kernels;
  kernels.store(kernel, std::memory_order_release);
  return kernel;
}

CUDAStatus CUDAImage::makeCubin(const CUDADriver &driver) {
  if (!cubin.empty())
    return std::nullopt;
  CUDAStatus error =
      driver.compilePTX(code.data(), code.size(), optLevel, cubin);
  isNew.store(!error, std::memory_order_relaxed);
  return error;
}

CUDAStatus CUDAImage::getCubin(std::string &result) {
  CUDAError missing;
  const CUDADriver *driver = CUDADriver::get(&missing);
  if (!driver)
    return missing;
  std::lock_guard<std::mutex> lock(mutex);
  CUDAStatus error = makeCubin(*driver);
  result = cubin;
  return error;
}

std::string CUDAImage::getCubin() const {
  std::lock_guard<std::mutex> lock(mutex);
  return cubin;
}

void CUDAImage::setCubin(std::string code) {
  std::lock_guard<std::mutex> lock(mutex);
  cubin = std::move(code);
}

std::string CUDAImage::saveCubin() {
  std::lock_guard<std::mutex> lock(mutex);
  isNew.store(false, std::memory_order_relaxed);
  return cubin;
}

CUDAStatus CUDAImage::getModule(const CUDADriver &driver, CUcontext context,
                                CUmodule &module) {
  for (const Module &loaded : modules)
    if (loaded.context == context) {
      module = loaded.module;
      return std::nullopt;
    }
  auto load = [&](std::string_view data, int level) {
    return driver.loadModule(data.data(), level, module);
  };
  auto loadPTX = [&]() -> CUDAStatus {
    if (!canBeLinked())
      return load(code, optLevel);
    CUDAStatus error = makeCubin(driver);
    return error ? error : load(cubin, /*level=*/-1);
  };
  CUDAStatus error;
  if (!isPTX()) {
    error = load(code, /*level=*/-1);
  } else if (cubin.empty()) {
    error = loadPTX();
  } else if ((error = load(cubin, /*level=*/-1))) {
    cubin.clear();
    error = loadPTX();
  }
  if (error)
    return error;
  modules.push_back({context, module});
  return std::nullopt;
}

CUDAStatus CUDAImage::load(CUcontext context) {
  CUDAError missing;
  const CUDADriver *driver = CUDADriver::get(&missing);
  if (!driver)
    return missing;
  std::lock_guard<std::mutex> lock(mutex);
  CUmodule module;
  return getModule(*driver, context, module);
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

static thread_local CUDAImages *currentImages = nullptr;

ImageScope::ImageScope(CUDAImages &images) : previous(currentImages) {
  currentImages = &images;
}

ImageScope::~ImageScope() { currentImages = previous; }

static CUDAImage *addImage(const void *code, size_t size, int optLevel) {
  currentImages->push_back(std::make_unique<CUDAImage>(
      std::string_view(static_cast<const char *>(code), size), optLevel));
  return currentImages->back().get();
}

static CUDAImage *loadImage(void *code, size_t size) {
  return addImage(code, size, /*optLevel=*/-1);
}

static CUDAImage *loadImageJIT(void *text, int optLevel) {
  size_t size = std::strlen(static_cast<const char *>(text)) + 1;
  return addImage(text, size, optLevel);
}

/// The images belong to the vector of the ImageScope.
static void unloadImage(CUDAImage *) {}

static CUDAKernel *getKernel(CUDAImage *image, const char *name) {
  return image->getKernel(name);
}

/// The kernel in the current context, which allows it `sharedBytes` of dynamic
/// shared memory; null after an error.
static CUfunction getFunction(const Call &call, CUDAKernel *kernel,
                              int32_t sharedBytes) {
  CUcontext context;
  if (!call ||
      !call.succeeded("cuCtxGetCurrent", call->cuCtxGetCurrent(&context)))
    return nullptr;
  CUDAKernel::Loaded *loaded = kernel->get(context);
  if (!loaded)
    return nullptr;
  if (loaded->sharedBytes.load(std::memory_order_relaxed) < sharedBytes) {
    if (!allowSharedMemory(call, loaded->function, sharedBytes))
      return nullptr;
    loaded->sharedBytes.store(sharedBytes, std::memory_order_relaxed);
  }
  return loaded->function;
}

static void launchKernel(CUDAKernel *kernel, intptr_t gridX, intptr_t gridY,
                         intptr_t gridZ, intptr_t blockX, intptr_t blockY,
                         intptr_t blockZ, int32_t sharedBytes, CUstream stream,
                         void **params, void **extra, size_t) {
  bool mayOverlap = takeOverlap();
  if (!canLaunch("mgpuLaunchKernel", {gridX, gridY, gridZ},
                 {blockX, blockY, blockZ, sharedBytes}))
    return;
  Call call;
  if (CUfunction function = getFunction(call, kernel, sharedBytes))
    launchOnStream(call, function,
                   makeConfig({gridX, gridY, gridZ}, {blockX, blockY, blockZ},
                              sharedBytes, stream),
                   params, extra, mayOverlap);
}

static void launchClusterKernel(CUDAKernel *kernel, intptr_t clusterX,
                                intptr_t clusterY, intptr_t clusterZ,
                                intptr_t gridX, intptr_t gridY, intptr_t gridZ,
                                intptr_t blockX, intptr_t blockY,
                                intptr_t blockZ, int32_t sharedBytes,
                                CUstream stream, void **params, void **extra,
                                size_t) {
  takeOverlap(); // Never of a launch with clusters.
  ClusterLaunch launch = {clusterX, clusterY, clusterZ, gridX,  gridY,
                          gridZ,    blockX,   blockY,   blockZ, sharedBytes,
                          stream,   params,   extra};
  if (!launch.canLaunch())
    return;
  Call call;
  if (CUfunction function = getFunction(call, kernel, sharedBytes))
    launch.run(call, function);
}

std::vector<EntryPoint> mfa::runtime::getCUDAImageEntryPoints() {
  std::vector<EntryPoint> entryPoints = getCUDAEntryPoints();
  const EntryPoint replacements[] = {
      {"mgpuModuleLoad", reinterpret_cast<void *>(loadImage)},
      {"mgpuModuleLoadJIT", reinterpret_cast<void *>(loadImageJIT)},
      {"mgpuModuleUnload", reinterpret_cast<void *>(unloadImage)},
      {"mgpuModuleGetFunction", reinterpret_cast<void *>(getKernel)},
      {"mgpuLaunchKernel", reinterpret_cast<void *>(launchKernel)},
      {"mgpuLaunchClusterKernel",
       reinterpret_cast<void *>(launchClusterKernel)},
  };
  for (EntryPoint &entryPoint : entryPoints)
    for (const EntryPoint &replacement : replacements)
      if (std::strcmp(entryPoint.name, replacement.name) == 0)
        entryPoint.address = replacement.address;
  return entryPoints;
}
