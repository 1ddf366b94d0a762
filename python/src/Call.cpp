//===- Call.cpp - Calls of masked attention on arrays ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happens in a call from Python: the arrays are read and checked, their
// kernel is looked up, outputs are made, and the kernel is launched. All of it
// is here, so that a call on GPU arrays costs the host a few microseconds.
//
//===----------------------------------------------------------------------===//

#include "Array.h"
#include "DeviceArray.h"
#include "Kernel.h"
#include "Overlap.h"
#include "Torch.h"

#include <cmath>
#include <memory>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <unordered_map>
#include <vector>

using namespace mfa::python;

namespace {
/// A value that the functions of a call refer to: an array, or a number where
/// the array has no object.
struct Capture {
  const char *name = nullptr;
  Array array;
  double number = 0;
  int64_t integer = 0;
  bool isInteger = false;

  bool isArray() const { return array.object.is_valid(); }
};

/// The arguments of a call, checked. Optional ones have no object.
struct Operands {
  Array q, k, v, mask, sinks, out, lse;
  /// What regions read.
  std::vector<Capture> captures;
  float scale = 0;
  /// The scale is 1/sqrt(D), which the kernel has built in: of no mask or zeros
  /// of one, a tile of scores needs no product with it.
  bool hasDefaultScale = false;

  bool hasMask() const { return mask.object.is_valid(); }
  bool hasSinks() const { return sinks.object.is_valid(); }
  int64_t getBatch() const { return q.sizes[0]; }
  int64_t getSeqQ() const { return q.sizes[1]; }
  int64_t getHeads() const { return q.sizes[2]; }
  int64_t getHeadDim() const { return q.sizes[3]; }
  int64_t getSeqK() const { return k.sizes[1]; }
  int64_t getKVHeads() const { return k.sizes[2]; }
  int64_t getValueDim() const { return v.sizes[3]; }
};

/// Sizes and strides of the mask as [B|1, H|1, Sq|1, Sk|1], and what of them is
/// known in the code of the kernel: dimensions of size 1 that are broadcast,
/// and that keys lie side by side.
struct MaskView {
  std::array<int64_t, 4> sizes = {}, strides = {};
  unsigned broadcast = 0;
  bool hasUnitStride = false;
};

/// Queries of up to this number are known in the code of the kernel.
constexpr int64_t kMaxKnownQueries = 64;
} // namespace

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

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

/// The mask seen as rank 4. A dimension of size 1, or one that was expanded, is
/// a broadcast one; which of these the code knows of is a choice that keeps the
/// number of kernels small: never the batch, nor a dimension that is 1 in q or
/// k as well, so that lengths and batch do not change the code.
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

/// Fits the mask to a kernel that was compiled beforehand.
static void fitMask(const Operands &operands, MaskView &view,
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
// One query
//===----------------------------------------------------------------------===//

// The heads of a group, which attend to the same keys, are seen as the queries
// of one head, so that a kernel reads keys and values once for all of them:
//
//   q, out  [B, 1, H, D]        [B, G, h, D]
//   mask    [B|1, H|1, 1, Sk|1] [B|1, h|1, G|1, Sk|1]
//   lse     [B, H, 1]           [B, h, G]
//
// The pass mfa-group-heads-as-queries does the same in programs that know the
// number of heads, which kernels of this package leave to the launch.

/// The size of a group where it takes the place of the one query, or 0.
static int64_t getGroupedQueries(const Operands &operands, MfaTarget target) {
  int64_t size = operands.getHeads() / operands.getKVHeads();
  bool isGrouped = operands.getSeqQ() == 1 && target != MfaTargetCPU &&
                   size <= kMaxKnownQueries;
  return isGrouped ? size : 0;
}

static void groupMask(MaskView &view, int64_t size) {
  constexpr int heads = 1, queries = 2;
  bool isBroadcast = view.broadcast & MfaMaskHeads;
  view.sizes[heads] /= size;
  view.sizes[queries] = size;
  view.strides[queries] = view.strides[heads];
  view.strides[heads] *= size;
  view.broadcast &= ~MfaMaskQueries;
  if (isBroadcast)
    view.broadcast |= MfaMaskQueries;
}

static void groupHeads(Operands &operands, int64_t size) {
  for (Array *array : {&operands.q, &operands.out}) {
    array->sizes[1] = size;
    array->sizes[2] /= size;
    array->strides[1] = array->strides[2];
    array->strides[2] *= size;
  }
  Array &lse = operands.lse;
  lse.sizes[1] /= size;
  lse.sizes[2] = size;
  lse.strides[2] = lse.strides[1];
  lse.strides[1] *= size;
}

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

/// What is written shares no memory with what is read nor with itself: a kernel
/// reads and writes in no order.
static void checkOverlap(const Operands &operands) {
  auto check = [](const Array &array, const Array &other) {
    if (other.object.is_valid() && overlap(array, other))
      throwValue(array, std::string("expected memory of its own but got an "
                                    "array that shares some with ") +
                            other.name);
  };
  for (const Array *array : {&operands.out, &operands.lse}) {
    if (!array->object.is_valid())
      continue;
    if (overlapsItself(*array))
      throwValue(*array, "expected elements of their own but got overlapping "
                         "ones, of strides " +
                             formatSizes(array->strides.data(), array->rank));
    for (const Array *input : {&operands.q, &operands.k, &operands.v,
                               &operands.mask, &operands.sinks})
      check(*array, *input);
    for (const Capture &capture : operands.captures)
      check(*array, capture.array);
  }
  if (operands.out.object.is_valid())
    check(operands.out, operands.lse);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

static MfaProblem makeProblem(const Operands &operands, const MaskView &mask,
                              bool lse) {
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

static const char *getTargetName(MfaTarget target) {
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

/// The number of the choice.
static unsigned parseTileLists(nb::handle tiles) {
  if (tiles.is_none())
    return 0;
  if (nb::isinstance<nb::str>(tiles))
    for (unsigned choice = 1; choice < std::size(kTileLists); ++choice)
      if (nb::cast<std::string>(tiles) == kTileLists[choice])
        return choice;
  throwError(PyExc_ValueError,
             "tiles: expected None, 'auto', 'always' or 'never' but got " +
                 nb::cast<std::string>(nb::repr(tiles)));
}

/// Looks a kernel up here, then in mfa._kernels, which compiles it or has it
/// from disk.
static std::shared_ptr<Kernel> getKernel(const MfaProblem &problem,
                                         Rules *rules, MfaTarget target,
                                         int32_t device, unsigned tileLists) {
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

static void forgetKernels() {
  KernelTable &table = KernelTable::get();
  ++table.generation;
  KernelsByKey kernels;
  // What the last of them runs as it ends may look kernels up.
  kernels.swap(table.kernels);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

static MfaTarget parseTarget(nb::handle target, const Array &q) {
  if (target.is_none())
    return q.isOnCUDA() ? MfaTargetCUDA : MfaTargetCPU;
  std::string name;
  if (!nb::try_cast(target, name))
    throwError(PyExc_TypeError, "target: expected 'cpu', 'sim' or 'cuda' but "
                                "got " +
                                    nb::cast<std::string>(nb::repr(target)));
  for (MfaTarget known : {MfaTargetCPU, MfaTargetSim, MfaTargetCUDA})
    if (name == getTargetName(known)) {
      if ((known == MfaTargetCUDA) != q.isOnCUDA())
        throwError(PyExc_ValueError,
                   "target: expected one for arrays on " + formatDevice(q) +
                       (q.isOnCUDA() ? ", 'cuda'," : ", 'cpu' or 'sim',") +
                       " but got '" + name + "'");
      return known;
    }
  throwError(PyExc_ValueError,
             "target: expected 'cpu', 'sim' or 'cuda' but got '" + name + "'");
}

static void readScale(nb::handle scale, Operands &operands) {
  float byDefault = 1.0f / std::sqrt(static_cast<float>(operands.getHeadDim()));
  operands.scale = byDefault;
  operands.hasDefaultScale = true;
  if (scale.is_none())
    return;
  double value = PyFloat_AsDouble(scale.ptr());
  if (value == -1.0 && PyErr_Occurred()) {
    PyErr_Clear();
    throwError(PyExc_TypeError, "scale: expected a number but got " +
                                    nb::cast<std::string>(nb::repr(scale)));
  }
  operands.scale = static_cast<float>(value);
  operands.hasDefaultScale = operands.scale == byDefault;
}

static MfaArgument makeArgument(const Array &array) {
  return {array.data, array.sizes.data(), array.strides.data(), 0.0f, 0};
}

static MfaArgument makeArgument(const Capture &capture) {
  if (capture.isArray())
    return makeArgument(capture.array);
  return {nullptr, nullptr, nullptr, static_cast<float>(capture.number),
          capture.integer};
}

static void launch(const Kernel &kernel, const Operands &operands,
                   const MaskView &mask, void *stream) {
  // Without captures, which seldom are many.
  constexpr size_t most = 8;
  MfaArgument few[most + 8];
  std::vector<MfaArgument> many;
  MfaArgument *arguments = few;
  if (operands.captures.size() > std::size(few) - most) {
    many.resize(most + operands.captures.size());
    arguments = many.data();
  }
  intptr_t count = 0;
  for (const Array *array : {&operands.q, &operands.k, &operands.v})
    arguments[count++] = makeArgument(*array);
  std::array<int64_t, 4> maskSizes = mask.sizes;
  if (operands.hasMask()) {
    for (int dim = 0; dim < 4; ++dim)
      if (mask.broadcast >> dim & 1)
        maskSizes[dim] = 1;
    arguments[count++] = {operands.mask.data, maskSizes.data(),
                          mask.strides.data(), 0.0f, 0};
  }
  if (!operands.hasDefaultScale)
    arguments[count++] = {nullptr, nullptr, nullptr, operands.scale, 0};
  if (operands.hasSinks())
    arguments[count++] = makeArgument(operands.sinks);
  for (const Capture &capture : operands.captures)
    arguments[count++] = makeArgument(capture);
  arguments[count++] = makeArgument(operands.out);
  if (operands.lse.object.is_valid())
    arguments[count++] = makeArgument(operands.lse);
  MfaError error;
  {
    nb::gil_scoped_release release;
    error = mfaKernelLaunch(kernel.handle, arguments, count,
                            operands.q.isOnCUDA() ? operands.q.deviceId : 0,
                            stream);
  }
  if (!mfaErrorIsNull(error))
    raise(error);
}

/// What keeps the memory of an array alive.
static nb::object getOwner(const Array &array) {
  if (array.owner.is_valid())
    return array.owner;
  return array.object.is_valid() ? nb::borrow(array.object) : nb::none();
}

/// Checks that arrays are those for which `kernel` was compiled.
static void checkProblem(const MfaProblem &actual, const MfaProblem &expected) {
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
// Other ways
//===----------------------------------------------------------------------===//

namespace {
/// What a call was given, as it was given.
struct Call {
  nb::handle q, k, v, mask, scale;
  bool returnLSE;
  nb::handle out, target, rules, captures, sinks, tiles;
};

/// Reads the arguments of a call.
class ArgumentReader {
public:
  /// Where `readsMemory`, tensors of torch are read whatever torch means by
  /// them: the caller is its dispatcher.
  explicit ArgumentReader(bool readsMemory) : readsMemory(readsMemory) {}

  /// Returns false for a tensor that torch alone can read; see readArray.
  bool read(const char *name, nb::handle object, const ReadOptions &options,
            Array &array) {
    if (!readArray(name, object, options, readsMemory, array))
      return false;
    if (array.type->isTorch && !readsMemory)
      tensors.add(array);
    return true;
  }

  /// Captures are any number, and are inspected at once.
  bool readCapture(const char *name, nb::handle object, Capture &capture) {
    capture.name = name;
    if (PyFloat_Check(object.ptr())) {
      capture.number = PyFloat_AsDouble(object.ptr());
      return true;
    }
    if (PyLong_Check(object.ptr())) {
      capture.isInteger = true;
      capture.integer = PyLong_AsLongLong(object.ptr());
      if (capture.integer == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        throwError(PyExc_ValueError,
                   std::string(name) +
                       ": expected an integer of 64 bits but got " +
                       nb::cast<std::string>(nb::str(object)));
      }
      return true;
    }
    Array &array = capture.array;
    if (!readArray(name, object,
                   {0, 4, /*allowBool=*/true, /*isOutput=*/false,
                    /*allowIntegers=*/true},
                   readsMemory, array))
      return false;
    if (!array.type->isTorch || readsMemory)
      return true;
    TensorList own;
    own.add(array);
    return isTorchCallPlain() && mfa::python::arePlain(own);
  }

  /// Returns true where all tensors that were read are plain.
  bool arePlain() const {
    return tensors.count == 0 ||
           (isTorchCallPlain() && mfa::python::arePlain(tensors));
  }

private:
  bool readsMemory;
  TensorList tensors;
};
} // namespace

/// Calls torch's operators, which are masked attention as torch's dispatcher
/// sees it, on tensors that are not plain.
static nb::object callOperator(const Call &call, bool hasKernel) {
  if (hasKernel)
    throwError(PyExc_TypeError,
               "expected plain tensors, outside of modes, traces and "
               "transforms of torch, as a compiled kernel reads their memory, "
               "but got others; call mfa.masked_attention instead");
  static PyObject *callOp = nullptr;
  DynamoPause pause;
  return getFunction(callOp, "mfa.torch", "call_op")(
      call.q, call.k, call.v, call.mask, call.scale, call.returnLSE, call.out,
      call.target, call.rules, call.captures, call.sinks);
}

/// Kernels have head sizes that are multiples of 8.
static bool needsPadding(const Operands &operands) {
  return operands.getHeadDim() % 8 != 0 || operands.getValueDim() % 8 != 0;
}

/// Calls with padded copies of the arrays, which have been checked.
static nb::object callPadded(const Call &call, const Operands &operands,
                             nb::handle out, nb::handle lse) {
  static PyObject *attend = nullptr;
  DynamoPause pause;
  nb::object result = getFunction(attend, "mfa._padding", "attend")(
      call.q, call.k, call.v, call.mask, call.scale, call.returnLSE, out, lse,
      call.target, call.rules, call.captures, call.sinks, call.tiles);
  noteWritten(operands.out, operands.lse);
  return result;
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// Returns false for a tensor that torch alone can read.
static bool readCaptures(ArgumentReader &reader, const Rules &rules,
                         nb::handle captures, Operands &operands) {
  auto values = nb::cast<nb::tuple>(captures);
  if (values.size() != rules.names.size())
    throwError(PyExc_ValueError, "expected " +
                                     std::to_string(rules.names.size()) +
                                     " captures, as the rules have, but got " +
                                     std::to_string(values.size()));
  operands.captures.resize(values.size());
  for (size_t index = 0; index < values.size(); ++index)
    if (!reader.readCapture(rules.names[index].c_str(), values[index],
                            operands.captures[index]))
      return false;
  return true;
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

static std::string describeParameter(MfaElementType type, int64_t rank) {
  if (rank < 0)
    return type == MfaElementI64 ? "an integer" : "a number";
  return "an array of " + std::string(getTypeName(type)) + " of rank " +
         std::to_string(rank);
}

/// Checks captures against the parameters of the kernel, which reads them by
/// these.
static void checkCaptures(const Kernel &kernel, bool hasLSE,
                          Operands &operands) {
  // They are in front of the outputs.
  intptr_t first = mfaKernelGetNumParameters(kernel.handle) - (hasLSE ? 2 : 1) -
                   static_cast<intptr_t>(operands.captures.size());
  for (size_t index = 0; index < operands.captures.size(); ++index) {
    Capture &capture = operands.captures[index];
    MfaParameter parameter = mfaKernelGetParameter(
        kernel.handle, first + static_cast<intptr_t>(index));
    int64_t rank = capture.isArray() ? capture.array.rank : -1;
    MfaElementType type = capture.isArray()   ? capture.array.elementType
                          : capture.isInteger ? MfaElementI64
                                              : MfaElementF32;
    // An integer is a number, too.
    if (rank < 0 && parameter.rank < 0 && capture.isInteger &&
        parameter.elementType == MfaElementF32) {
      capture.number = static_cast<double>(capture.integer);
      continue;
    }
    if (rank != parameter.rank || type != parameter.elementType)
      throwError(PyExc_TypeError,
                 std::string(capture.name) + ": expected " +
                     describeParameter(parameter.elementType, parameter.rank) +
                     ", for which the rules were written, but got " +
                     describeParameter(type, rank));
  }
}

//===----------------------------------------------------------------------===//
// Masked attention
//===----------------------------------------------------------------------===//

/// Masked attention on arrays; see mfa.masked_attention. `kernel`, if it is not
/// None, is the one to launch, compiled for `problem` and `target`. For
/// `readsMemory` see ArgumentReader.
static nb::object attend(nb::handle q, nb::handle k, nb::handle v,
                         nb::handle mask, nb::handle scale, bool returnLSE,
                         nb::handle out, nb::handle target, nb::handle kernel,
                         nb::handle problem, bool readsMemory, nb::handle rules,
                         nb::handle captures, nb::handle sinks,
                         nb::handle tiles) {
  const Call call = {q,   k,      v,     mask,     scale, returnLSE,
                     out, target, rules, captures, sinks, tiles};
  nb::object outArray = nb::borrow(out), lseArray = nb::none();
  if (returnLSE && nb::isinstance<nb::tuple>(out)) {
    auto pair = nb::cast<nb::tuple>(out);
    if (pair.size() != 2)
      throwError(PyExc_ValueError,
                 "out: expected an array or a pair (out, lse) "
                 "but got a tuple of " +
                     std::to_string(pair.size()));
    outArray = pair[0];
    lseArray = pair[1];
  }
  const bool makesOut = outArray.is_none(),
             makesLSE = returnLSE && lseArray.is_none();

  Operands operands;
  ArgumentReader reader(readsMemory);
  if (!reader.read("q", q, {4, 4}, operands.q) ||
      !reader.read("k", k, {4, 4}, operands.k) ||
      !reader.read("v", v, {4, 4}, operands.v) ||
      (!mask.is_none() &&
       !reader.read("mask", mask, {3, 4, /*allowBool=*/true}, operands.mask)) ||
      (!sinks.is_none() &&
       !reader.read("sinks", sinks, {1, 1}, operands.sinks)) ||
      (!rules.is_none() &&
       !readCaptures(reader, nb::cast<Rules &>(rules), captures, operands)) ||
      (!makesOut && !reader.read("out", outArray,
                                 {4, 4, /*allowBool=*/false, /*isOutput=*/true},
                                 operands.out)) ||
      (!lseArray.is_none() &&
       !reader.read("lse", lseArray,
                    {3, 3, /*allowBool=*/false, /*isOutput=*/true},
                    operands.lse)) ||
      !reader.arePlain())
    return callOperator(call, !kernel.is_none());

  checkInputs(operands);
  MaskView maskView;
  if (operands.hasMask())
    maskView = viewMask(operands);
  if (operands.hasSinks())
    checkSinks(operands);
  for (const Capture &capture : operands.captures)
    if (capture.isArray()) {
      checkDevice(capture.array, operands.q);
      checkLibrary(capture.array, operands.q);
    }
  readScale(scale, operands);
  MfaTarget targetKind = parseTarget(target, operands.q);
  const int64_t outSizes[] = {operands.getBatch(), operands.getSeqQ(),
                              operands.getHeads(), operands.getValueDim()};
  const int64_t lseSizes[] = {operands.getBatch(), operands.getHeads(),
                              operands.getSeqQ()};
  if (!makesOut) {
    checkType(operands.out, operands.q);
    checkOutput(operands.out, operands.q, outSizes);
    checkUnitStride(operands.out);
  }
  if (operands.lse.object.is_valid()) {
    if (operands.lse.elementType != MfaElementF32)
      throwError(PyExc_TypeError, std::string("lse: expected elements of type "
                                              "f32 but got ") +
                                      getTypeName(operands.lse.elementType));
    checkOutput(operands.lse, operands.q, lseSizes);
  }
  checkOverlap(operands);
  if (kernel.is_none() && needsPadding(operands))
    return callPadded(call, operands, outArray, lseArray);

  const unsigned tileLists = parseTileLists(tiles);
  Rules *const regions = rules.is_none() ? nullptr : &nb::cast<Rules &>(rules);
  std::shared_ptr<Kernel> toLaunch;
  int64_t groupedQueries = 0;
  if (!kernel.is_none()) {
    const MfaProblem &expected = nb::cast<const Problem &>(problem).problem;
    checkProblem(makeProblem(operands, maskView, returnLSE), expected);
    if (operands.hasMask())
      fitMask(operands, maskView, expected);
    operands.hasDefaultScale = expected.scaleKind == MfaScaleDefault;
    toLaunch = nb::cast<std::shared_ptr<Kernel>>(kernel);
  } else {
    // Sinks are of the query heads.
    if (!operands.hasSinks())
      groupedQueries = getGroupedQueries(operands, targetKind);
    if (groupedQueries)
      groupMask(maskView, groupedQueries);
    MfaProblem wanted = makeProblem(operands, maskView, returnLSE);
    wanted.numQueries = groupedQueries;
    toLaunch =
        getKernel(wanted, regions, targetKind,
                  operands.q.isOnCUDA() ? operands.q.deviceId : 0, tileLists);
  }

  if (regions)
    checkCaptures(*toLaunch, returnLSE, operands);

  // Nothing can be wrong with the arguments any more.
  const bool writesArguments = !makesOut || operands.lse.object.is_valid();
  if (makesOut) {
    outArray = makeOutput(operands.q, outSizes, 4, operands.q.elementType);
    readOutput("out", outArray, 4, operands.out);
  }
  if (makesLSE) {
    lseArray = makeOutput(operands.q, lseSizes, 3, MfaElementF32);
    readOutput("lse", lseArray, 3, operands.lse);
  }
  void *stream = nullptr;
  if (operands.q.isOnCUDA())
    stream = getCurrentStream(operands.q);
  if (groupedQueries)
    groupHeads(operands, groupedQueries);
  launch(*toLaunch, operands, maskView, stream);
  if (writesArguments)
    noteWritten(operands.out, operands.lse);
  if (mfaKernelHasNewMachineCode(toLaunch->handle)) {
    static PyObject *save = nullptr;
    getFunction(save, "mfa._kernels", "save")(toLaunch);
  }

  if (!operands.q.type->isTorch) {
    nb::tuple inputs = nb::make_tuple(
        getOwner(operands.q), getOwner(operands.k), getOwner(operands.v),
        getOwner(operands.mask), getOwner(operands.sinks), captures);
    if (makesOut)
      outArray = finishOutput(operands.q, outArray, stream, inputs);
    if (makesLSE)
      lseArray = finishOutput(operands.q, lseArray, stream, inputs);
  }
  if (!returnLSE)
    return outArray;
  return nb::make_tuple(outArray, lseArray);
}

void mfa::python::bindCall(nb::module_ &m) {
  m.def("attend", &attend, nb::arg("q").none(), nb::arg("k").none(),
        nb::arg("v").none(), nb::arg("mask").none(), nb::arg("scale").none(),
        nb::arg("return_lse"), nb::arg("out").none(), nb::arg("target").none(),
        nb::arg("kernel").none() = nb::none(),
        nb::arg("problem").none() = nb::none(), nb::arg("reads_memory") = false,
        nb::arg("rules").none() = nb::none(),
        nb::arg("captures").none() = nb::none(),
        nb::arg("sinks").none() = nb::none(),
        nb::arg("tiles").none() = nb::none());
  m.def("forget_kernels", &forgetKernels);
  m.def("call_paused", [](nb::handle function, const nb::args &args,
                          const nb::kwargs &kwargs) {
    DynamoPause pause;
    return nb::object(function(*args, **kwargs));
  });
  bindDeviceArray(m);
}
