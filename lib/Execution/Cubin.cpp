//===- Cubin.cpp - Machine code of GPU kernels ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Execution/Kernel.h"
#include "mfa/Support/Files.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace llvm;
using namespace mfa::exec;
using namespace mfa::runtime;

/// Path of ptxas; empty where there is none.
static std::string findPtxas() {
  SmallVector<std::string> folders;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (std::optional<std::string> root = sys::Process::GetEnv(variable))
      folders.push_back(*root + "/bin");
  folders.push_back("/usr/local/cuda/bin");
  SmallVector<StringRef> paths(folders.begin(), folders.end());
  if (ErrorOr<std::string> found = sys::findProgramByName("ptxas", paths))
    return *found;
  if (ErrorOr<std::string> found = sys::findProgramByName("ptxas"))
    return *found;
  return "";
}

static Expected<std::string> readFile(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeError(ErrorKind::Compilation, "cannot read '", path,
                     "': ", buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

/// Runs ptxas on the text.
static Expected<std::string> assemble(StringRef ptxas, StringRef chip,
                                      StringRef text) {
  SmallString<128> folder;
  if (std::error_code error =
          sys::fs::createUniqueDirectory("mfa-ptxas", folder))
    return makeError(ErrorKind::Compilation,
                     "cannot make a folder for ptxas: ", error.message());
  std::string input = (folder + "/kernels.ptx").str(),
              output = (folder + "/kernels.cubin").str(),
              log = (folder + "/log").str();
  auto run = [&]() -> Expected<std::string> {
    if (Error error =
            mfa::writeFile(input, [&](raw_ostream &os) { os << text; }))
      return makeError(ErrorKind::Compilation, toString(std::move(error)));
    std::string arch = ("-arch=" + chip).str(), message;
    StringRef arguments[] = {ptxas, arch, "-O3", input, "-o", output};
    std::optional<StringRef> redirects[] = {std::nullopt, StringRef(log),
                                            StringRef(log)};
    int status = sys::ExecuteAndWait(ptxas, arguments, /*Env=*/std::nullopt,
                                     redirects, /*SecondsToWait=*/0,
                                     /*MemoryLimit=*/0, &message);
    if (status == 0)
      return readFile(output);
    Expected<std::string> said = readFile(log);
    if (!said)
      return said.takeError();
    return makeError(ErrorKind::Compilation, "'", ptxas, "' failed: ", message,
                     StringRef(*said).rtrim('\n'));
  };
  Expected<std::string> cubin = run();
  sys::fs::remove_directories(folder);
  return cubin;
}

Expected<std::string> Kernel::getCubin() const {
  auto isPTX = [](const auto &image) { return image->isPTX(); };
  if (images.empty() || (images.size() != 1 && !all_of(images, isPTX)))
    return makeError(ErrorKind::InvalidArgument,
                     "expected a program for CUDA, with its GPU kernels as PTX "
                     "or all in one module, but got ",
                     images.size(), " modules");
  CUDAImage &first = *images.front();
  if (!first.isPTX())
    return std::string(first.getCode());
  // Kernels of several modules are loaded one by one. Compiled as one text,
  // they are in one cubin.
  CUDAImage joined(StringRef(ptx.c_str(), ptx.size() + 1), first.getOptLevel());
  CUDAImage &image = images.size() == 1 ? first : joined;
  std::string cubin = image.getCubin();
  if (!cubin.empty())
    return cubin;
  // The driver compiles for the GPU that is there.
  Expected<std::string> present = getDeviceChip(/*device=*/0);
  std::string reason;
  if (!present)
    reason = toString(present.takeError());
  else if (StringRef(*present).rtrim('a') != StringRef(options.chip).rtrim('a'))
    reason = "GPU 0 is of another architecture, " + *present;
  else if (!image.canBeLinked())
    reason = "the driver hands out no machine code of kernels by wgmma that is "
             "worth running";
  if (reason.empty()) {
    const CUDADriver &driver = *CUDADriver::get();
    DeviceScope scope(driver, /*device=*/0);
    CUDAStatus status = scope.getError();
    if (!status)
      status = image.getCubin(cubin);
    if (status)
      return makeError(ErrorKind::Driver, status->message());
    return cubin;
  }
  std::string ptxas = findPtxas();
  if (ptxas.empty())
    return makeError(ErrorKind::Driver, "expected a GPU of architecture ",
                     options.chip, " or ptxas to compile PTX, but ", reason,
                     ", and ptxas is not in $CUDA_HOME/bin, $CUDA_PATH/bin, "
                     "/usr/local/cuda/bin or $PATH");
  Expected<std::string> assembled = assemble(ptxas, options.chip, ptx);
  if (assembled)
    image.setCubin(*assembled);
  return assembled;
}
