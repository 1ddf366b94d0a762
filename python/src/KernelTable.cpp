//===- KernelTable.cpp - The kernels that calls use -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTable.h"

#include <functional>
#include <map>
#include <mutex>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

using namespace mfa::python;

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

MfaProblem mfa::python::makeProblem(const Operands &operands,
                                    const MaskView &mask, bool lse) {
  MfaProblem problem = {};
  problem.elementType = operands.q.elementType;
  problem.headDim = operands.getHeadDim();
  problem.valueDim = operands.getValueDim();
  problem.maskRank = operands.hasMask() ? 4 : 0;
  problem.maskType =
      operands.hasMask() ? operands.mask.elementType : MfaElementF16;
  problem.maskBroadcast = mask.broadcast;
  problem.maskUnitStride = mask.hasUnitStride;
  problem.scaleKind =
      operands.hasDefaultScale ? MfaScaleDefault : MfaScaleArgument;
  problem.lse = lse;
  problem.sinks = operands.hasSinks();
  return problem;
}

void mfa::python::checkProblem(const MfaProblem &actual,
                               const MfaProblem &expected) {
  auto describe = [](const MfaProblem &problem) {
    std::string text = std::string(getTypeName(problem.elementType)) + ", D " +
                       std::to_string(problem.headDim) + ", Dv " +
                       std::to_string(problem.valueDim);
    if (problem.maskRank)
      text += std::string(", mask of ") + getTypeName(problem.maskType);
    else
      text += ", no mask";
    if (problem.sinks)
      text += ", sinks";
    return text + (problem.lse ? ", with lse" : ", without lse");
  };
  std::string actualText = describe(actual), expectedText = describe(expected);
  if (actualText != expectedText)
    throwError(PyExc_ValueError, "expected arguments for which the kernel was "
                                 "compiled, " +
                                     expectedText + ", but got " + actualText);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// All of a problem that masked_attention varies, and where it runs.
static uint64_t makeKey(const MfaProblem &problem, MfaTarget target,
                        int32_t device, unsigned tileLists) {
  uint64_t key = static_cast<uint32_t>(device);
  auto add = [&](unsigned bits, uint64_t value) { key = key << bits | value; };
  add(2, target);
  add(2, problem.elementType);
  add(6, problem.headDim / 8);
  add(6, problem.valueDim / 8);
  add(1, problem.maskRank != 0);
  add(2, problem.maskType);
  add(4, problem.maskBroadcast);
  add(1, problem.maskUnitStride);
  add(1, problem.scaleKind == MfaScaleArgument);
  add(1, problem.lse);
  add(1, problem.sinks);
  add(7, problem.numQueries);
  add(2, tileLists);
  return key;
}

const char *mfa::python::getTargetName(MfaTarget target) {
  switch (target) {
  case MfaTargetCPU:
    return "cpu";
  case MfaTargetSim:
    return "sim";
  case MfaTargetCUDA:
    return "cuda";
  }
  return "";
}

namespace {
/// Kernels of this process, by key. Who reads or changes it holds the GIL, as
/// all code of this module does but for launches.
struct KernelTable {
  KernelsByKey kernels;
  /// The number of times that kernels have been forgotten.
  uint64_t generation = 0;

  static KernelTable &get() {
    // Never destroyed: GPU kernels cannot be unloaded while the process ends.
    static auto *table = new KernelTable;
    return *table;
  }
};
} // namespace

/// Kernels with these regions, or those without where `rules` is null.
static KernelsByKey &getKernels(Rules *rules) {
  KernelTable &table = KernelTable::get();
  if (!rules)
    return table.kernels;
  if (rules->generation != table.generation) {
    rules->kernels.clear();
    rules->generation = table.generation;
  }
  return rules->kernels;
}

/// What the argument `tiles` may be, besides None for the first; as
/// mfa._mfa.compile_problem takes them.
static constexpr const char *kTileLists[] = {"rules", "auto", "always",
                                             "never"};

[[noreturn]] static void throwTileLists(const std::string &actual) {
  throwError(PyExc_ValueError,
             "tiles: expected None, 'auto', 'always' or 'never' but got " +
                 actual);
}

unsigned mfa::python::parseTileLists(std::optional<std::string_view> tiles) {
  if (!tiles)
    return 0;
  for (unsigned choice = 1; choice < std::size(kTileLists); ++choice)
    if (*tiles == kTileLists[choice])
      return choice;
  throwTileLists("'" + std::string(*tiles) + "'");
}

unsigned mfa::python::parseTileLists(nb::handle tiles) {
  if (tiles.is_none())
    return 0;
  if (!nb::isinstance<nb::str>(tiles))
    throwTileLists(nb::cast<std::string>(nb::repr(tiles)));
  return parseTileLists(
      std::optional<std::string_view>(nb::cast<std::string>(tiles)));
}

std::shared_ptr<Kernel> mfa::python::getKernel(const MfaProblem &problem,
                                               Rules *rules, MfaTarget target,
                                               int32_t device,
                                               unsigned tileLists) {
  uint64_t key = makeKey(problem, target, device, tileLists);
  KernelsByKey &known = getKernels(rules);
  auto found = known.find(key);
  if (found != known.end())
    return found->second;
  static PyObject *get = nullptr;
  nb::object mask = nb::none();
  if (problem.maskRank)
    mask = nb::str(getTypeName(problem.maskType));
  auto kernel = nb::cast<std::shared_ptr<Kernel>>(getFunction(
      get, "mfa._kernels", "get_kernel")(
      getTypeName(problem.elementType), problem.headDim, problem.valueDim, mask,
      problem.maskBroadcast, static_cast<bool>(problem.maskUnitStride),
      problem.scaleKind == MfaScaleArgument, static_cast<bool>(problem.lse),
      getTargetName(target), device,
      nb::arg("num_queries") = problem.numQueries,
      nb::arg("sinks") = static_cast<bool>(problem.sinks),
      nb::arg("rules") = rules ? rules->text : std::string(),
      nb::arg("tile_lists") = kTileLists[tileLists]));
  return getKernels(rules).try_emplace(key, std::move(kernel)).first->second;
}

//===----------------------------------------------------------------------===//
// Kernels for threads without the GIL
//===----------------------------------------------------------------------===//

namespace {
struct KnownKernels {
  std::mutex mutex;
  std::map<std::string, Rules *, std::less<>> rules;
  /// By rules, null for none, then as in KernelTable.
  std::unordered_map<const Rules *, KernelsByKey> kernels;

  static KnownKernels &get() {
    // Never destroyed, as threads of XLA may outlive this module's variables.
    static auto *known = new KnownKernels;
    return *known;
  }
};
} // namespace

Rules *mfa::python::findKnownRules(std::string_view text) {
  KnownKernels &known = KnownKernels::get();
  std::lock_guard<std::mutex> lock(known.mutex);
  auto found = known.rules.find(text);
  return found == known.rules.end() ? nullptr : found->second;
}

Rules *mfa::python::addKnownRules(nb::object rules) {
  auto *added = nb::cast<Rules *>(rules);
  KnownKernels &known = KnownKernels::get();
  std::lock_guard<std::mutex> lock(known.mutex);
  auto [entry, isNew] = known.rules.try_emplace(added->text, added);
  if (isNew)
    rules.release();
  return entry->second;
}

std::shared_ptr<Kernel> mfa::python::findKnownKernel(const MfaProblem &problem,
                                                     const Rules *rules,
                                                     MfaTarget target,
                                                     int32_t device,
                                                     unsigned tileLists) {
  KnownKernels &known = KnownKernels::get();
  std::lock_guard<std::mutex> lock(known.mutex);
  const KernelsByKey &kernels = known.kernels[rules];
  auto found = kernels.find(makeKey(problem, target, device, tileLists));
  return found == kernels.end() ? nullptr : found->second;
}

void mfa::python::addKnownKernel(const MfaProblem &problem, const Rules *rules,
                                 MfaTarget target, int32_t device,
                                 unsigned tileLists,
                                 std::shared_ptr<Kernel> kernel) {
  KnownKernels &known = KnownKernels::get();
  std::lock_guard<std::mutex> lock(known.mutex);
  known.kernels[rules].try_emplace(makeKey(problem, target, device, tileLists),
                                   std::move(kernel));
}

static void forgetKnownKernels() {
  KnownKernels &known = KnownKernels::get();
  decltype(known.kernels) kernels;
  std::lock_guard<std::mutex> lock(known.mutex);
  kernels.swap(known.kernels);
}

void mfa::python::forgetKernels() {
  forgetKnownKernels();
  KernelTable &table = KernelTable::get();
  ++table.generation;
  KernelsByKey kernels;
  // What the last of them runs as it ends may look kernels up.
  kernels.swap(table.kernels);
}
