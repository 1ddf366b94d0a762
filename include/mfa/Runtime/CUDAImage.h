//===- CUDAImage.h - Kernels loaded where they are used ---------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The entry points of CUDARuntime.h load a program's kernels once, each into
// the context in which it is first launched. Those declared here load them into
// each context that they are launched in, when they first are, and keep what a
// launch needs at hand: that is for programs that other programs embed, with
// contexts of their own.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_CUDAIMAGE_H
#define MFA_RUNTIME_CUDAIMAGE_H

#include "mfa/Runtime/CUDADriver.h"
#include "mfa/Runtime/EntryPoint.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace mfa::runtime {

class CUDAImage;

/// A kernel of an image.
class CUDAKernel {
public:
  CUDAKernel(CUDAImage &image, const char *name) : image(image), name(name) {}
  ~CUDAKernel();

  /// The kernel in a context.
  struct Loaded {
    CUcontext context;
    CUfunction function;
    /// Dynamic shared memory that launches may ask for.
    std::atomic<int32_t> sharedBytes;
    Loaded *next;
  };

  /// The kernel in the current context, which is `context`; null after an error
  /// that has been reported.
  Loaded *get(CUcontext context) {
    for (Loaded *entry = loaded.load(std::memory_order_acquire); entry;
         entry = entry->next)
      if (entry->context == context)
        return entry;
    return load(context);
  }

  const std::string &getName() const { return name; }

private:
  friend class CUDAImage;
  Loaded *load(CUcontext context);

  CUDAImage &image;
  std::string name;
  std::atomic<Loaded *> loaded = nullptr;
  /// Next kernel of the image.
  CUDAKernel *next = nullptr;
};

/// Device code of a program.
class CUDAImage {
public:
  /// `code` is PTX text with its final zero byte, or a cubin or fatbin, and
  /// outlives the image. For `optLevel` see CUDADriver::loadModule.
  CUDAImage(std::string_view code, int optLevel)
      : code(code), optLevel(optLevel) {}
  /// Unloads the code from all contexts.
  ~CUDAImage();
  CUDAImage(const CUDAImage &) = delete;
  CUDAImage &operator=(const CUDAImage &) = delete;

  std::string_view getCode() const { return code; }

  /// True for PTX text.
  bool isPTX() const;

  int getOptLevel() const { return optLevel; }

  /// The kernel `name`, which lives as long as the image.
  CUDAKernel *getKernel(const char *name);

  /// Whether the driver's linker, which is how it hands out machine code, makes
  /// as good code as loading the PTX does. It compiles for linking: setmaxnreg
  /// has no effect then, and products of wgmma wait for each other.
  bool canBeLinked() const;

  /// Machine code for the GPU of the current context, which is made of the PTX
  /// once, with the driver's linker.
  CUDAStatus getCubin(std::string &cubin);

  /// Machine code that was made of the PTX; empty if there is none yet.
  std::string getCubin() const;

  /// Sets the machine code, so that none needs to be made. Where the driver
  /// refuses to load it (another one may have made it), it is made again.
  void setCubin(std::string cubin);

  /// As getCubin() const, for who keeps it: `hasNewCubin` is true from when
  /// machine code is made to when it is saved.
  std::string saveCubin();
  bool hasNewCubin() const { return isNew.load(std::memory_order_relaxed); }

  /// Loads the code into the current context, which is `context`.
  CUDAStatus load(CUcontext context);

private:
  friend class CUDAKernel;
  struct Module {
    CUcontext context;
    CUmodule module;
  };

  CUDAStatus makeCubin(const CUDADriver &driver);
  /// The module in the current context; `mutex` is held.
  CUDAStatus getModule(const CUDADriver &driver, CUcontext context,
                       CUmodule &module);

  std::string_view code;
  int optLevel;
  /// Guards what follows, but for reading the list of kernels.
  mutable std::mutex mutex;
  std::string cubin;
  std::atomic<bool> isNew = false;
  std::vector<Module> modules;
  std::atomic<CUDAKernel *> kernels = nullptr;
};

using CUDAImages = std::vector<std::unique_ptr<CUDAImage>>;

/// While it lives, a program that this thread loads adds its images to
/// `images`.
class ImageScope {
public:
  explicit ImageScope(CUDAImages &images);
  ~ImageScope();
  ImageScope(const ImageScope &) = delete;
  ImageScope &operator=(const ImageScope &) = delete;

private:
  CUDAImages *previous;
};

/// All entry points of CUDARuntime.h, with those that load and launch kernels
/// replaced. Programs that have them are loaded in an ImageScope and called in
/// a StreamScope.
std::vector<EntryPoint> getCUDAImageEntryPoints();

} // namespace mfa::runtime

#endif // MFA_RUNTIME_CUDAIMAGE_H
