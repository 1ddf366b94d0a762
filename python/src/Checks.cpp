//===- Checks.cpp - What arguments must be --------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "mfa/Runtime/Overlap.h"

#include <algorithm>

using namespace mfa::python;
using mfa::runtime::Conflict;
using mfa::runtime::findConflict;
using mfa::runtime::StridedArray;

[[noreturn]] static void throwValue(const Array &array,
                                    const std::string &rest) {
  throwError(PyExc_ValueError, std::string(array.name) + ": " + rest);
}

static void checkEqual(const Array &array, const char *what, int64_t expected,
                       int64_t actual) {
  if (expected != actual)
    throwValue(array, "expected " + std::string(what) + " " +
                          std::to_string(expected) + ", as of q, but got " +
                          std::to_string(actual) + " in shape " +
                          formatSizes(array));
}

static void checkHeadDim(const Array &array, const char *what, int64_t size) {
  if (size < 1 || size > 256)
    throwValue(array, "expected " + std::string(what) +
                          " to be from 1 to 256 but got " +
                          std::to_string(size) + " in shape " +
                          formatSizes(array));
}

static void checkUnitStride(const Array &array) {
  if (array.strides[3] != 1 && array.getNumElements() != 0)
    throwValue(array, "expected unit stride in the last dimension but got "
                      "strides " +
                          formatSizes(array.strides.data(), 4) +
                          "; pass a contiguous copy");
}

static void checkDevice(const Array &array, const Array &q) {
  if (array.deviceType != q.deviceType || array.deviceId != q.deviceId)
    throwValue(array, "expected an array on " + formatDevice(q) +
                          ", where q is, but got one on " +
                          formatDevice(array));
}

/// On a GPU, all arrays belong to the library of q: each library has its work
/// on streams of its own, and the kernel is put into one.
static void checkLibrary(const Array &array, const Array &q) {
  bool isSame = array.type == q.type ||
                (array.type->api && array.type->api == q.type->api);
  if (isSame || !q.isOnCUDA())
    return;
  static PyObject *check = nullptr;
  getFunction(check, "mfa._arrays", "check_library")(array.name, array.object,
                                                     q.object);
}

static void checkType(const Array &array, const Array &q) {
  if (array.elementType != q.elementType)
    throwError(PyExc_TypeError,
               std::string(array.name) + ": expected elements of type " +
                   getTypeName(q.elementType) + ", as of q, but got " +
                   getTypeName(array.elementType));
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

static void checkInputs(const Operands &operands) {
  const Array &q = operands.q, &k = operands.k, &v = operands.v;
  for (const Array *array : {&k, &v}) {
    checkDevice(*array, q);
    checkLibrary(*array, q);
    checkType(*array, q);
    checkEqual(*array, "batch", q.sizes[0], array->sizes[0]);
  }
  checkHeadDim(q, "the head size", q.sizes[3]);
  checkHeadDim(v, "the head size", v.sizes[3]);
  checkEqual(k, "head size", q.sizes[3], k.sizes[3]);
  for (int dim : {1, 2})
    if (v.sizes[dim] != k.sizes[dim])
      throwValue(
          v, std::string("expected ") + (dim == 1 ? "length " : "heads ") +
                 std::to_string(k.sizes[dim]) + ", as of k, but got " +
                 std::to_string(v.sizes[dim]) + " in shape " + formatSizes(v));
  int64_t heads = q.sizes[2], kvHeads = k.sizes[2];
  if (heads == 0 || kvHeads == 0)
    throwValue(heads == 0 ? q : k, "expected at least one head but got shape " +
                                       formatSizes(heads == 0 ? q : k));
  if (heads % kvHeads != 0)
    throwValue(k, "expected a number of heads that divides the " +
                      std::to_string(heads) + " of q but got " +
                      std::to_string(kvHeads));
  for (const Array *array : {&q, &k, &v})
    checkUnitStride(*array);
}

static void checkSinks(const Operands &operands) {
  const Array &sinks = operands.sinks;
  checkDevice(sinks, operands.q);
  checkLibrary(sinks, operands.q);
  if (sinks.elementType != MfaElementF32)
    throwError(PyExc_TypeError, std::string("sinks: expected elements of type "
                                            "f32 but got ") +
                                    getTypeName(sinks.elementType));
  if (sinks.sizes[0] != operands.getHeads())
    throwValue(sinks, "expected shape (" + std::to_string(operands.getHeads()) +
                          ",), the heads of q, but got " + formatSizes(sinks));
}

/// Checks that captures that are arrays are where q is.
static void checkCapturePlaces(const Operands &operands) {
  for (const Capture &capture : operands.captures)
    if (capture.isArray()) {
      checkDevice(capture.array, operands.q);
      checkLibrary(capture.array, operands.q);
    }
}

void mfa::python::checkReads(const Rules &rules, const Operands &operands) {
  const std::array<int64_t, 4> sizes = {operands.getBatch(),
                                        operands.getHeads(), operands.getSeqQ(),
                                        operands.getSeqK()};
  auto isTooSmall = [&](const PositionRead &read) {
    const Array &array = operands.captures[read.capture].array;
    return array.sizes[read.dim] < sizes[read.position];
  };
  auto found = std::find_if(rules.reads.begin(), rules.reads.end(), isTooSmall);
  // Of no pair there is nothing to read.
  if (found == rules.reads.end() ||
      std::count(sizes.begin(), sizes.end(), 0) != 0)
    return;
  const Array &array = operands.captures[found->capture].array;
  std::vector<int64_t> expected(array.sizes.begin(),
                                array.sizes.begin() + array.rank);
  for (const PositionRead &read : rules.reads)
    if (read.capture == found->capture)
      expected[read.dim] = std::max(expected[read.dim], sizes[read.position]);
  throwValue(array, "expected shape " +
                        formatSizes(expected.data(), array.rank) +
                        " or larger, as it is read for each batch, head, query "
                        "or key, but got " +
                        formatSizes(array));
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

// A dimension of size 1, or one that was expanded, is a broadcast one; which of
// these the code knows of is a choice that keeps the number of kernels small:
// never the batch, nor a dimension that is 1 in q or k as well, so that lengths
// and batch do not change the code.
static MaskView viewMask(const Operands &operands) {
  const Array &mask = operands.mask;
  checkDevice(mask, operands.q);
  checkLibrary(mask, operands.q);
  MaskView view;
  int skipped = 4 - mask.rank;
  for (int dim = 0; dim < 4; ++dim) {
    int source = dim == 0 ? 0 : dim - skipped;
    bool isAbsent = skipped && dim == 1;
    view.sizes[dim] = isAbsent ? 1 : mask.sizes[source];
    view.strides[dim] = isAbsent ? 0 : mask.strides[source];
  }
  const std::array<int64_t, 4> full = {operands.getBatch(), operands.getHeads(),
                                       operands.getSeqQ(), operands.getSeqK()};
  for (int dim = 0; dim < 4; ++dim) {
    if (view.sizes[dim] != full[dim] && view.sizes[dim] != 1) {
      std::string expected = mask.rank == 3
                                 ? "(" + std::to_string(full[0]) + "|1, "
                                 : "(" + std::to_string(full[0]) + "|1, " +
                                       std::to_string(full[1]) + "|1, ";
      expected +=
          std::to_string(full[2]) + "|1, " + std::to_string(full[3]) + "|1)";
      throwValue(mask, "expected shape " + expected + " but got " +
                           formatSizes(mask));
    }
    bool isBroadcast = view.sizes[dim] == 1 || view.strides[dim] == 0;
    if (isBroadcast)
      view.strides[dim] = 0;
    view.sizes[dim] = full[dim];
    bool isKnown = dim == 1 || (dim > 1 && full[dim] != 1);
    if (isBroadcast && isKnown)
      view.broadcast |= 1u << dim;
  }
  if (!(view.broadcast & MfaMaskKeys)) {
    // One key has no neighbour.
    if (view.sizes[3] <= 1)
      view.strides[3] = 1;
    view.hasUnitStride = view.strides[3] == 1;
  }
  return view;
}

MaskView mfa::python::checkArguments(const Operands &operands) {
  checkInputs(operands);
  MaskView mask;
  if (operands.hasMask())
    mask = viewMask(operands);
  if (operands.hasSinks())
    checkSinks(operands);
  checkCapturePlaces(operands);
  return mask;
}

void mfa::python::fitMask(const Operands &operands, MaskView &view,
                          const MfaProblem &problem) {
  unsigned broadcast = problem.maskBroadcast;
  for (int dim = 0; dim < 4; ++dim) {
    bool isBroadcast = view.strides[dim] == 0 || view.sizes[dim] == 1;
    if ((broadcast >> dim & 1) && !isBroadcast)
      throwValue(operands.mask,
                 "expected size 1 in dimension " +
                     std::to_string(operands.mask.rank == 3 && dim > 0 ? dim - 1
                                                                       : dim) +
                     ", for which the kernel was compiled, but got shape " +
                     formatSizes(operands.mask));
  }
  if (problem.maskUnitStride && !view.hasUnitStride)
    throwValue(
        operands.mask,
        "expected unit stride in the last dimension, for which the "
        "kernel was compiled, but got strides " +
            formatSizes(operands.mask.strides.data(), operands.mask.rank));
  view.broadcast = broadcast;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

static void checkOutput(const Array &array, const Array &q,
                        const int64_t *sizes) {
  checkDevice(array, q);
  checkLibrary(array, q);
  if (!std::equal(sizes, sizes + array.rank, array.sizes.begin()))
    throwValue(array, "expected shape " + formatSizes(sizes, array.rank) +
                          " but got " + formatSizes(array));
  if (array.readOnly)
    throwValue(array, "expected a writable array but got a read-only one");
  for (int dim = 0; dim < array.rank; ++dim)
    if (array.strides[dim] == 0 && array.sizes[dim] > 1)
      throwValue(array, "expected elements of their own but got an expanded "
                        "array of strides " +
                            formatSizes(array.strides.data(), array.rank));
}

/// What is written shares no memory with what is read nor with itself.
static void checkOverlap(const Operands &operands) {
  const size_t most = 7 + operands.captures.size();
  FewValues<const Array *> arrays(most);
  FewValues<StridedArray> memory(most);
  size_t count = 0, numWritten = 0;
  auto add = [&](const Array &array) {
    if (!array.isGiven())
      return;
    arrays[count] = &array;
    memory[count++] = {array.data, getByteWidth(array.elementType), array.rank,
                       array.sizes.data(), array.strides.data()};
    numWritten += array.isOutput;
  };
  for (const Array *array :
       {&operands.q, &operands.k, &operands.v, &operands.mask, &operands.sinks})
    add(*array);
  for (const Capture &capture : operands.captures)
    add(capture.array);
  for (const Array *array : {&operands.out, &operands.lse})
    add(*array);
  std::optional<Conflict> conflict =
      findConflict(memory.begin(), count, numWritten);
  if (!conflict)
    return;
  const Array &written = *arrays[conflict->written];
  if (conflict->written == conflict->other)
    throwValue(written, "expected elements of their own but got overlapping "
                        "ones, of strides " +
                            formatSizes(written.strides.data(), written.rank));
  throwValue(written, std::string("expected memory of its own but got an array "
                                  "that shares some with ") +
                          arrays[conflict->other]->name);
}

void mfa::python::checkOutputs(const Operands &operands,
                               const int64_t *outSizes,
                               const int64_t *lseSizes) {
  const Array &out = operands.out, &lse = operands.lse;
  if (out.isGiven()) {
    checkType(out, operands.q);
    checkOutput(out, operands.q, outSizes);
    checkUnitStride(out);
  }
  if (lse.isGiven()) {
    if (lse.elementType != MfaElementF32)
      throwError(PyExc_TypeError, std::string("lse: expected elements of type "
                                              "f32 but got ") +
                                      getTypeName(lse.elementType));
    checkOutput(lse, operands.q, lseSizes);
  }
  if (out.isGiven() || lse.isGiven())
    checkOverlap(operands);
}
