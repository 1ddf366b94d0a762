//===- CPU.cpp - What the lowering knows of a CPU -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Support/CPU.h"
#include "mfa/Support/TileRegisters.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include "llvm/TargetParser/Triple.h"

#include <cstdlib>

using namespace llvm;
using mlir::mfa::CPU;

namespace {
/// Vectors by the feature that brings them; the first that a CPU has counts.
struct VectorUnit {
  StringLiteral feature;
  int64_t lanes, registers;
};
} // namespace

static constexpr VectorUnit kX86Units[] = {{"+avx512f,+avx512vl", 16, 32},
                                           {"+avx", 8, 16}};
static constexpr VectorUnit kAArch64Units[] = {{"+neon", 4, 32}};

static ArrayRef<VectorUnit> getVectorUnits(const Triple &triple) {
  if (triple.isX86())
    return kX86Units;
  if (triple.isAArch64())
    return kAArch64Units;
  return {};
}

static Expected<CPU> makeCPU(StringRef name, StringRef features) {
  static const bool initialized = [] {
    InitializeNativeTarget();
    return true;
  }();
  (void)initialized;
  CPU cpu;
  cpu.triple = sys::getProcessTriple();
  cpu.name = name;
  cpu.features = features;
  std::string message;
  Triple triple(cpu.triple);
  const Target *target = TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return createStringError(message);
  std::unique_ptr<MCSubtargetInfo> base(
      target->createMCSubtargetInfo(triple, /*CPU=*/"", /*Features=*/""));
  if (!base || !base->isCPUStringValid(name))
    return createStringError("expected a CPU of " + triple.getArchName() +
                             " that LLVM knows, but got '" + name + "'");
  std::unique_ptr<MCSubtargetInfo> info(
      target->createMCSubtargetInfo(triple, name, features));
  for (const VectorUnit &unit : getVectorUnits(triple))
    if (info->checkFeatures(unit.feature)) {
      cpu.lanes = unit.lanes;
      cpu.registers = unit.registers;
      break;
    }
  cpu.hasBF16Products =
      triple.isX86() && info->checkFeatures("+avx512bf16,+avx512vl");
  cpu.hasMatrixProducts =
      cpu.hasBF16Products && info->checkFeatures("+amx-tile,+amx-bf16");
  return cpu;
}

/// Of this machine: without tile registers where the system keeps them from
/// this process.
static Expected<CPU> makeHostCPU(StringRef name, StringRef features) {
  Expected<CPU> cpu = makeCPU(name, features);
  if (!cpu || !cpu->hasMatrixProducts)
    return cpu;
  const std::string &refusal = mlir::mfa::requestTileRegisters();
  if (refusal.empty())
    return cpu;
  SubtargetFeatures less(features);
  less.AddFeature("amx-tile", /*Enable=*/false);
  cpu = makeCPU(name, less.getString());
  if (cpu)
    cpu->tileRefusal = refusal;
  return cpu;
}

/// That this machine has what `cpu` has of the features that code with vectors
/// is made of. (Of others, virtual machines hide some.)
static Error checkHostHas(const CPU &cpu) {
  static constexpr StringLiteral kVectorFeatures[] = {
      "amx-", "avx", "bmi", "f16c", "fma", "sse", "ssse", "sve"};
  std::string message;
  Triple triple(cpu.triple);
  const Target *target = TargetRegistry::lookupTarget(triple, message);
  std::unique_ptr<MCSubtargetInfo> info(
      target->createMCSubtargetInfo(triple, cpu.name, /*Features=*/""));
  for (const auto &feature : sys::getHostCPUFeatures()) {
    StringRef name = feature.first();
    bool isOfVectors = any_of(kVectorFeatures, [&](StringRef prefix) {
      return name.starts_with(prefix);
    });
    if (isOfVectors && !feature.second &&
        info->checkFeatures(("+" + name).str()))
      return createStringError(
          "expected a CPU whose features this machine has, but '" + cpu.name +
          "' has '" + name + "', and this machine has not");
  }
  return Error::success();
}

static Expected<CPU> detectHost() {
  if (const char *name = std::getenv("MFA_CPU"); name && *name) {
    Expected<CPU> cpu = makeHostCPU(name, /*features=*/"");
    if (cpu)
      if (Error error = checkHostHas(*cpu))
        cpu = std::move(error);
    if (!cpu)
      return createStringError("MFA_CPU: " + toString(cpu.takeError()));
    return cpu;
  }
  SubtargetFeatures features;
  for (const auto &feature : sys::getHostCPUFeatures())
    features.AddFeature(feature.first(), feature.second);
  return makeHostCPU(sys::getHostCPUName(), features.getString());
}

Expected<CPU> mlir::mfa::getHostCPU() { return detectHost(); }

Expected<CPU> mlir::mfa::lookupCPU(StringRef name) {
  return name == "host" ? getHostCPU() : makeCPU(name, /*features=*/"");
}
