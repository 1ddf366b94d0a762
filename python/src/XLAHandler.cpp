//===- XLAHandler.cpp - Masked attention as XLA calls it ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "XLAHandler.h"

#include "Checks.h"
#include "GroupedHeads.h"
#include "KernelTable.h"
#include "Launch.h"
#include "XLAErrors.h"
#include "XLAReader.h"

#include <memory>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <string_view>

using namespace mfa::python;

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// The rules of a text.
static Rules *findRules(std::optional<std::string_view> text) {
  if (!text)
    return nullptr;
  if (Rules *known = findKnownRules(*text))
    return known;
  return callPython([&] {
    static PyObject *make = nullptr;
    nb::object made = getFunction(make, "mfa._rules", "rules_of_text")(
        nb::str(text->data(), text->size()));
    return addKnownRules(std::move(made));
  });
}

/// The kernel of a call; at first it is compiled, or read from disk.
static std::shared_ptr<Kernel> findKernel(const MfaProblem &problem,
                                          Rules *rules, MfaTarget target,
                                          int32_t device, unsigned tileLists) {
  if (auto known = findKnownKernel(problem, rules, target, device, tileLists))
    return known;
  return callPython([&] {
    auto kernel = getKernel(problem, rules, target, device, tileLists);
    addKnownKernel(problem, rules, target, device, tileLists, kernel);
    return kernel;
  });
}

//===----------------------------------------------------------------------===//
// The call
//===----------------------------------------------------------------------===//

namespace {
/// A call, read and checked.
struct Attention {
  Operands operands;
  Plan plan;
  std::shared_ptr<Kernel> kernel;
  bool hasLSE = false;
};
} // namespace

/// Reads a call on a device, and finds its kernel.
static Attention readCall(const xla::Buffers &argumentBuffers,
                          const xla::Buffers &resultBuffers,
                          const AttributeReader &attributes,
                          dlpack::DeviceType deviceType, int32_t device) {
  BufferReader arguments(argumentBuffers, "arguments", deviceType, device);
  Attention attention;
  Operands &operands = attention.operands;
  arguments.read("q", kTensorOptions, operands.q);
  arguments.read("k", kTensorOptions, operands.k);
  arguments.read("v", kTensorOptions, operands.v);
  if (attributes.readFlag("mask"))
    arguments.read("mask", kMaskOptions, operands.mask);
  if (attributes.readFlag("sinks"))
    arguments.read("sinks", kSinksOptions, operands.sinks);
  Rules *rules = findRules(attributes.readText("rules"));
  readCaptures(rules, arguments, attributes, operands);
  arguments.checkEnd();
  BufferReader results(resultBuffers, "results", deviceType, device);
  results.read("out", kOutOptions, operands.out);
  attention.hasLSE = results.getNumLeft() != 0;
  if (attention.hasLSE)
    results.read("lse", kLSEOptions, operands.lse);
  results.checkEnd();

  MaskView mask = checkArguments(operands);
  if (needsPadding(operands))
    throwError(PyExc_ValueError,
               "expected head sizes that are multiples of 8, as mfa.jax makes "
               "them, but got " +
                   std::to_string(operands.getHeadDim()) + " and " +
                   std::to_string(operands.getValueDim()));
  setScale(attributes.readFloat("scale"), operands);
  std::optional<std::string> targetName;
  if (auto text = attributes.readText("target"))
    targetName = std::string(*text);
  MfaTarget target = getTarget(targetName, operands.q);
  unsigned tileLists = parseTileLists(attributes.readText("tiles"));

  attention.plan = makePlan(operands, mask, target, attention.hasLSE);
  attention.kernel =
      findKernel(attention.plan.problem, rules, target, device, tileLists);
  checkCaptures(*attention.kernel, attention.hasLSE, operands);
  if (rules)
    checkReads(*rules, operands);
  return attention;
}

/// What XLA asks for when it makes an executable: the kernel is compiled then.
static void prepare(const xla::CallFrame &frame,
                    dlpack::DeviceType deviceType) {
  AttributeReader attributes(frame.attributes);
  if (!attributes.has("arguments"))
    return;
  auto readForms = [&](const char *name) {
    return attributes.readArray<int64_t>(name, xla::DataType::S64,
                                         "an array of i64");
  };
  BufferForms arguments(readForms("arguments")), results(readForms("results"));
  // One GPU stands for all: others of its architecture have the same kernels.
  readCall(arguments.get(), results.get(), attributes, deviceType,
           /*device=*/0);
}

static void attend(const xla::CallFrame &frame, dlpack::DeviceType deviceType,
                   int32_t device, void *stream) {
  Attention attention =
      readCall(frame.arguments, frame.results,
               AttributeReader(frame.attributes), deviceType, device);
  Operands &operands = attention.operands;
  const int64_t outSizes[] = {operands.getBatch(), operands.getSeqQ(),
                              operands.getHeads(), operands.getValueDim()};
  const int64_t lseSizes[] = {operands.getBatch(), operands.getHeads(),
                              operands.getSeqQ()};
  checkOutputs(operands, outSizes, lseSizes);
  if (attention.plan.groupedQueries)
    groupHeads(operands, attention.plan.groupedQueries);
  MfaError error =
      launch(*attention.kernel, operands, attention.plan.mask, stream);
  if (!mfaErrorIsNull(error))
    throw takeError(error);
  if (mfaKernelHasNewMachineCode(attention.kernel->handle))
    callPython([&] {
      static PyObject *save = nullptr;
      getFunction(save, "mfa._kernels", "save")(attention.kernel);
    });
}

static xla::Error *makeError(const xla::CallFrame &frame, xla::ErrorCode code,
                             const std::string &text) {
  std::string message = "mfa.masked_attention: " + text;
  xla::CreateErrorArguments arguments = {sizeof(arguments), nullptr,
                                         message.c_str(), code};
  return frame.api->createError(&arguments);
}

/// Calls `function`, and returns what it throws as an error of XLA.
template <typename Function>
static xla::Error *guard(const xla::CallFrame &frame, Function function) {
  try {
    return function();
  } catch (const Failure &failure) {
    return makeError(frame, failure.code, failure.message);
  } catch (const nb::builtin_exception &error) {
    return makeError(frame, xla::ErrorCode::InvalidArgument, error.what());
  } catch (const std::exception &error) {
    return makeError(frame, xla::ErrorCode::Internal, error.what());
  }
}

//===----------------------------------------------------------------------===//
// Handlers
//===----------------------------------------------------------------------===//

/// Answers what XLA asks when a handler is registered. Returns false for a
/// call.
static bool tellMetadata(const xla::CallFrame &frame) {
  if (!frame.extensions || frame.extensions->type != xla::Extension::kMetadata)
    return false;
  xla::Metadata &metadata =
      *reinterpret_cast<xla::MetadataExtension *>(frame.extensions)->metadata;
  metadata.version = {sizeof(xla::APIVersion), nullptr, xla::kMajorVersion,
                      xla::kMinorVersion};
  metadata.traits = 0;
  return true;
}

template <dlpack::DeviceType deviceType>
static xla::Error *prepareCall(xla::CallFrame *frame) {
  if (tellMetadata(*frame))
    return nullptr;
  return guard(*frame, [&]() -> xla::Error * {
    prepare(*frame, deviceType);
    return nullptr;
  });
}

static xla::Error *attendOnCPU(xla::CallFrame *frame) {
  if (tellMetadata(*frame))
    return nullptr;
  return guard(*frame, [&]() -> xla::Error * {
    attend(*frame, dlpack::CPU, /*device=*/0, /*stream=*/nullptr);
    return nullptr;
  });
}

static xla::Error *attendOnCUDA(xla::CallFrame *frame) {
  if (tellMetadata(*frame))
    return nullptr;
  return guard(*frame, [&]() -> xla::Error * {
    const xla::API &api = *frame->api;
    if (api.structSize < offsetof(xla::API, getDevice) + sizeof(api.getDevice))
      throw Failure{xla::ErrorCode::FailedPrecondition,
                    "expected a jaxlib whose XLA tells the device of a call, "
                    "0.6 or newer, but got an older one"};
    xla::GetStreamArguments stream = {sizeof(stream), nullptr, frame->context,
                                      nullptr};
    if (xla::Error *error = api.getStream(&stream))
      return error;
    xla::GetDeviceArguments device = {sizeof(device), nullptr, frame->context,
                                      0};
    if (xla::Error *error = api.getDevice(&device))
      return error;
    attend(*frame, dlpack::CUDA, device.device, stream.stream);
    return nullptr;
  });
}

void mfa::python::bindXLAHandlers(nb::module_ &m) {
  m.def("xla_handlers", [] {
    auto wrap = [](xla::Handler *handler) {
      return nb::capsule(reinterpret_cast<void *>(handler));
    };
    auto add = [&](nb::dict &platforms, const char *platform,
                   xla::Handler *instantiate, xla::Handler *execute) {
      nb::dict stages;
      stages["instantiate"] = wrap(instantiate);
      stages["execute"] = wrap(execute);
      platforms[platform] = stages;
    };
    nb::dict platforms;
    add(platforms, "cpu", &prepareCall<dlpack::CPU>, &attendOnCPU);
    add(platforms, "CUDA", &prepareCall<dlpack::CUDA>, &attendOnCUDA);
    return platforms;
  });
  m.def("end_xla_calls", [] { PythonGate::close(); });
}
