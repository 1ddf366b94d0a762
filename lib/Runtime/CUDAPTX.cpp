//===- CUDAPTX.cpp - Which driver and which GPU PTX needs -----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the driver itself says of PTX that is too new for it names neither
// version, and of PTX for another GPU only a line of its assembler's log.
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/CUDADriver.h"

#include <cstdio>
#include <cstring>
#include <string_view>

using namespace mfa::runtime;

bool mfa::runtime::isPTX(const void *code, size_t size) {
  // Machine code is an ELF file or begins with the magic number of a fatbin.
  constexpr std::string_view elf("\x7f"
                                 "ELF",
                                 4),
      fatbin("\x50\xed\x55\xba", 4);
  std::string_view magic(static_cast<const char *>(code), size);
  magic = magic.substr(0, 4);
  return magic != elf && magic != fatbin;
}

namespace {
/// A version of PTX and the first driver that compiles it.
struct PTXRelease {
  int major, minor;
  /// As cuDriverGetVersion counts: 12080 for CUDA 12.8.
  int cuda;
  /// NVIDIA's branch of the driver.
  const char *branch;
};

/// What the text says of itself, zeros where it does not.
struct PTXHead {
  int major = 0, minor = 0;
  /// `.target sm_90a` is 9, 0 and 'a'.
  int archMajor = 0, archMinor = 0;
  char archSuffix = 0;
};
} // namespace

/// PTX ISA, "Release Notes", table "PTX Release History".
static constexpr PTXRelease kReleases[] = {
    {7, 0, 11000, "R445"}, {7, 1, 11010, "R455"}, {7, 2, 11020, "R460"},
    {7, 3, 11030, "R465"}, {7, 4, 11040, "R470"}, {7, 5, 11050, "R495"},
    {7, 6, 11060, "R510"}, {7, 7, 11070, "R515"}, {7, 8, 11080, "R520"},
    {8, 0, 12000, "R525"}, {8, 1, 12010, "R530"}, {8, 2, 12020, "R535"},
    {8, 3, 12030, "R545"}, {8, 4, 12040, "R550"}, {8, 5, 12050, "R555"},
    {8, 6, 12070, "R565"}, {8, 7, 12080, "R570"}, {8, 8, 12090, "R575"},
    {9, 0, 13000, "R580"},
};

static PTXHead readHead(const char *text) {
  PTXHead head;
  if (const char *version = std::strstr(text, ".version "))
    std::sscanf(version, ".version %d.%d", &head.major, &head.minor);
  int arch = 0;
  if (const char *target = std::strstr(text, ".target "))
    std::sscanf(target, ".target sm_%d%c", &arch, &head.archSuffix);
  head.archMajor = arch / 10;
  head.archMinor = arch % 10;
  return head;
}

static std::string formatArch(const PTXHead &head) {
  std::string text =
      "sm_" + std::to_string(head.archMajor * 10 + head.archMinor);
  if (head.archSuffix == 'a' || head.archSuffix == 'f')
    text += head.archSuffix;
  return text;
}

static std::string formatCUDA(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

static std::string formatVersion(const PTXHead &head) {
  return "PTX " + std::to_string(head.major) + "." + std::to_string(head.minor);
}

static CUDAError refuse(std::string text) {
  return {"loading PTX", -1, "", std::move(text), ""};
}

static CUDAStatus checkVersion(const PTXHead &head, int driver) {
  for (const PTXRelease &release : kReleases) {
    if (release.major != head.major || release.minor != head.minor ||
        driver >= release.cuda)
      continue;
    return refuse("expected a driver of CUDA " + formatCUDA(release.cuda) +
                  " (" + release.branch + ") or newer, which " +
                  formatVersion(head) + " of a kernel for " + formatArch(head) +
                  " needs, but got one of CUDA " + formatCUDA(driver) +
                  "; update NVIDIA's driver");
  }
  return std::nullopt;
}

/// Whether a GPU of compute capability `major`.`minor` runs the code: one of
/// the architecture or a newer one, but code with the features of one
/// architecture (a) runs there alone, that of a family (f) in the family (PTX
/// ISA, ".target").
static bool runs(const PTXHead &head, int major, int minor) {
  if (head.archSuffix == 'a')
    return major == head.archMajor && minor == head.archMinor;
  if (head.archSuffix == 'f')
    return major == head.archMajor && minor >= head.archMinor;
  return major > head.archMajor ||
         (major == head.archMajor && minor >= head.archMinor);
}

void CUDADriver::addVersions(const char *text, CUDAError &error) const {
  int version = 0;
  if (error.code == CUDA_ERROR_UNSUPPORTED_PTX_VERSION &&
      functions.cuDriverGetVersion(&version) == CUDA_SUCCESS)
    error.text += " (" + formatVersion(readHead(text)) +
                  " and a driver of CUDA " + formatCUDA(version) + ")";
}

CUDAStatus CUDADriver::checkPTX(const char *text) const {
  PTXHead head = readHead(text);
  int version = 0;
  if (functions.cuDriverGetVersion(&version) == CUDA_SUCCESS)
    if (CUDAStatus error = checkVersion(head, version))
      return error;
  CUdevice device;
  int major = 0, minor = 0;
  std::string name;
  if (functions.cuCtxGetDevice(&device) != CUDA_SUCCESS ||
      functions.cuDeviceGetAttribute(
          &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device) !=
          CUDA_SUCCESS ||
      functions.cuDeviceGetAttribute(
          &minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device) !=
          CUDA_SUCCESS ||
      head.archMajor == 0 || runs(head, major, minor) ||
      getDeviceName(device, name))
    return std::nullopt;
  return refuse("expected a GPU that runs code for " + formatArch(head) +
                ", for which the kernel was compiled, but got " + name +
                " of sm_" + std::to_string(10 * major + minor));
}
