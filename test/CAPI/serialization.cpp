//===- serialization.cpp - Test of serialized kernels with right sums -----===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Changes every field of a serialized kernel in turn, then bytes at random, and
// corrects the checksum: what can be read by somebody must not be trusted for
// having one. The host code is machine code, which is changed in length only.
//
//===----------------------------------------------------------------------===//

#include "mfa-c/Kernel.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace llvm;

static std::string toString(MfaError error) {
  std::string text = std::to_string(mfaErrorGetKind(error)) + " " +
                     mfaErrorGetMessage(error).data;
  mfaErrorDestroy(error);
  return text;
}

static MfaKernel compile(MfaTarget target, bool fromSource) {
  MfaOptions options = {};
  options.target = target;
  MfaKernel kernel = {};
  MfaError error;
  if (fromSource) {
    // With sizes, strides and an offset that are constants.
    MlirStringRef text = mlirStringRefCreateFromCString(R"(
      func.func @main(%q: memref<1x4x2x8xf32, strided<[640, 160, 80, 1], offset: 3>>,
                      %k: memref<1x4x2x8xf32>, %s: f32,
                      %o: memref<1x4x2x8xf32>) {
        mfa.masked_attention ins(%q, %k, %k :
            memref<1x4x2x8xf32, strided<[640, 160, 80, 1], offset: 3>>,
            memref<1x4x2x8xf32>, memref<1x4x2x8xf32>) scale(%s : f32)
            outs(%o : memref<1x4x2x8xf32>)
        return
      })");
    error = mfaKernelCompileSource(text, mlirStringRefCreateFromCString(""),
                                   &options, &kernel);
  } else {
    MfaProblem problem = {};
    problem.elementType = MfaElementF32;
    problem.headDim = problem.valueDim = 16;
    problem.maskRank = 3;
    problem.maskType = MfaElementI1;
    problem.scaleKind = MfaScaleArgument;
    problem.sinks = true;
    problem.rules = mlirStringRefCreateFromCString(R"(
      func.func @keep(%b: index, %h: index, %q: index, %k: index,
                      %limit: index loc("limit")) -> i1 {
        %0 = arith.cmpi slt, %k, %limit : index
        return %0 : i1
      })");
    error = mfaKernelCompileProblem(&problem, &options, &kernel);
  }
  if (mfaErrorIsNull(error))
    return kernel;
  std::printf("error %s\n", toString(error).c_str());
  std::exit(1);
}

namespace {
/// A serialized kernel taken apart.
struct Serialized {
  std::string head;
  std::string body;
  /// Where in the body each number lies, and each string with its length.
  struct Field {
    std::string name;
    size_t begin;
    bool isString;
  };
  std::vector<Field> fields;
  /// Where the host code, the last string, begins.
  size_t codeBegin = 0;

  explicit Serialized(const std::string &bytes) {
    // Magic number, the compiler's id, checksum.
    size_t size = 8 + 8 + support::endian::read64le(bytes.data() + 8);
    head = bytes.substr(0, size);
    body = bytes.substr(size + 8);
    walk();
  }

  /// With the checksum of `changed`.
  std::string assemble(const std::string &changed) const {
    char sum[8];
    support::endian::write64le(sum, xxh3_64bits(StringRef(changed)));
    return head + std::string(sum, 8) + changed;
  }

private:
  size_t at = 0;

  uint64_t number(const char *name) {
    fields.push_back({name, at, false});
    at += 8;
    return support::endian::read64le(body.data() + at - 8);
  }
  void string(const char *name) {
    fields.push_back({name, at, true});
    at += 8 + support::endian::read64le(body.data() + at);
  }
  void numbers(const char *name) {
    for (uint64_t count = number(name); count; --count)
      number(name);
  }

  void walk() {
    number("target"), string("chip"), number("product"), string("option");
    number("lists"), string("schedules"), string("counted");
    string("source"), string("entry"), string("schedule");
    for (uint64_t count = number("parameters"); count; --count) {
      string("parameter"), number("kind"), number("type");
      numbers("sizes"), numbers("strides"), number("layout"), number("offset");
    }
    number("outputs");
    for (uint64_t count = number("functions"); count; --count)
      string("function"), number("threads"), number("shared");
    for (uint64_t count = number("cubins"); count; --count)
      string("cubin");
    codeBegin = at;
    string("code");
  }
};
} // namespace

/// Tries what should be refused; counts what is not.
static int refuse(const Serialized &kernel, const std::string &body,
                  std::map<std::string, int> *messages = nullptr) {
  if (body == kernel.body)
    return 0;
  std::string bytes = kernel.assemble(body);
  MfaKernel result = {};
  MfaError error = mfaKernelDeserialize(
      mlirStringRefCreate(bytes.data(), bytes.size()), &result);
  if (mfaErrorIsNull(error)) {
    mfaKernelDestroy(result);
    return 1;
  }
  bool isRightKind = mfaErrorGetKind(error) == MfaErrorSerialization;
  std::string text = toString(error);
  if (messages)
    ++(*messages)[text];
  return !isRightKind;
}

static int changeFields(const Serialized &kernel,
                        std::map<std::string, int> &messages) {
  int accepted = 0;
  for (const Serialized::Field &field : kernel.fields) {
    const std::string &body = kernel.body;
    uint64_t bits = support::endian::read64le(body.data() + field.begin);
    auto value = static_cast<int64_t>(bits);
    int before = accepted;
    for (int64_t other :
         {int64_t(-1), int64_t(0), int64_t(1), int64_t(2), int64_t(3),
          int64_t(7), int64_t(bits + 1), int64_t(bits - 1), int64_t(bits + 8),
          int64_t(-bits), int64_t(1) << 33, INT64_MAX, INT64_MIN,
          INT64_MAX / 8 + 1}) {
      std::string changed = body;
      support::endian::write64le(&changed[field.begin], other);
      accepted += refuse(kernel, changed, &messages);
    }
    if (field.isString && value > 0) {
      // One byte less, one more, and another one, with the right length.
      std::string shorter = body, longer = body, other = body;
      shorter.erase(field.begin + 8, 1);
      support::endian::write64le(&shorter[field.begin], value - 1);
      longer.insert(field.begin + 8, 1, 'x');
      support::endian::write64le(&longer[field.begin], value + 1);
      other[field.begin + 8] ^= 1;
      for (const std::string &changed : {shorter, longer, other})
        accepted += refuse(kernel, changed, &messages);
    }
    if (field.name == "cubins") {
      // One more, as it should be written.
      std::string changed = body;
      support::endian::write64le(&changed[field.begin], value + 1);
      changed.insert(field.begin + 8, 8, '\0');
      accepted += refuse(kernel, changed, &messages);
    }
    if (accepted != before)
      std::printf("%s: accepted\n", field.name.c_str());
  }
  return accepted;
}

static int changeBytes(const Serialized &kernel, int count) {
  std::mt19937 random(7);
  int accepted = 0;
  auto pick = [&](size_t end) {
    return std::uniform_int_distribution<size_t>(0, end - 1)(random);
  };
  // The source is most of the description; the rest shall not be missed.
  std::vector<size_t> starts;
  for (const Serialized::Field &field : kernel.fields)
    starts.push_back(field.begin);
  for (int i = 0; i < count; ++i) {
    std::string changed = kernel.body;
    for (size_t changes = 1 + pick(3); changes; --changes) {
      size_t limit = std::min(kernel.codeBegin, changed.size());
      size_t at =
          pick(2) ? pick(limit)
                  : std::min(starts[pick(starts.size())] + pick(8), limit - 1);
      switch (pick(4)) {
      case 0:
        changed[at] ^= 1 << pick(8);
        break;
      case 1:
        changed[at] = static_cast<char>(pick(256));
        break;
      case 2:
        changed.erase(at, 1 + pick(16));
        break;
      case 3:
        changed.insert(at, 1 + pick(16), static_cast<char>(pick(256)));
        break;
      }
    }
    accepted += refuse(kernel, changed);
  }
  return accepted;
}

int main(int argc, char **argv) {
  StringRef name = argc > 1 ? argv[1] : "";
  MfaKernel made = compile(name == "sim"    ? MfaTargetSim
                           : name == "cuda" ? MfaTargetCUDA
                                            : MfaTargetCPU,
                           name == "source");
  std::string bytes;
  mfaKernelSerialize(
      made,
      [](MlirStringRef part, void *user) {
        static_cast<std::string *>(user)->append(part.data, part.length);
      },
      &bytes);
  mfaKernelDestroy(made);
  Serialized kernel(bytes);
  if (kernel.assemble(kernel.body) != bytes)
    return 1;
  std::printf("%zu fields\n", kernel.fields.size());
  std::map<std::string, int> messages;
  int accepted = changeFields(kernel, messages);
  std::printf("%d changed fields were accepted\n", accepted);
  std::printf("%d changed bytes were accepted\n", changeBytes(kernel, 500));
  for (const auto &[message, count] : messages)
    std::printf("%s\n", message.c_str());
  return 0;
}
