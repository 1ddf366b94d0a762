//===- Operands.cpp - Operands of a generated problem ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Operands.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace llvm;
using namespace mfa::run;
using namespace mfa::runtime;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

namespace {
/// Random numbers by position, so that any thread may ask for any of them:
/// splitmix64 of seed, stream and index.
class Random {
public:
  Random(uint64_t seed, uint64_t stream)
      : base(mix(seed * 0x9e3779b97f4a7c15 + stream)) {}

  uint64_t bits(int64_t index) const {
    return mix(base + static_cast<uint64_t>(index) * 0x9e3779b97f4a7c15);
  }

  /// Below `count`, which is positive.
  int64_t below(int64_t index, int64_t count) const {
    return static_cast<int64_t>(bits(index) % static_cast<uint64_t>(count));
  }

  /// Near enough to a standard normal number: the sum of four 16-bit uniform
  /// ones, scaled to variance 1.
  float normal(int64_t index) const {
    uint64_t word = bits(index);
    int64_t sum = 0;
    for (int part = 0; part < 4; ++part)
      sum += static_cast<int64_t>((word >> (16 * part)) & 0xffff);
    constexpr double mean = 2.0 * 65535.0;
    constexpr double deviation = 65536.0 / 1.7320508075688772;
    return static_cast<float>((static_cast<double>(sum) - mean) / deviation);
  }

private:
  static uint64_t mix(uint64_t word) {
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    return word ^ (word >> 31);
  }

  uint64_t base;
};

/// Streams of random numbers, one for each use.
enum Stream : uint64_t {
  QueryStream,
  KeyStream,
  ValueStream,
  MaskStream,
  ChoiceStream,
  TrueStream
};
} // namespace

/// Calls `body` for every index, in long runs on several threads.
static void forEachIndex(int64_t count, function_ref<void(int64_t)> body) {
  constexpr int64_t run = 1 << 16;
  parallelFor(0, (count + run - 1) / run, [&](size_t part) {
    int64_t begin = static_cast<int64_t>(part) * run;
    for (int64_t index = begin; index < std::min(count, begin + run); ++index)
      body(index);
  });
}

static std::vector<float> makeNormal(const Random &random, ElementType type,
                                     int64_t count, float factor) {
  std::vector<float> values(count);
  float lowest = getLowest(type);
  forEachIndex(count, [&](int64_t index) {
    float value = random.normal(index) * factor;
    values[index] = roundTo(type, std::clamp(value, lowest, -lowest));
  });
  return values;
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

namespace {
/// The values of a dense mask, by position.
class MaskValues {
public:
  explicit MaskValues(const Problem &problem)
      : problem(problem), random(problem.seed, MaskStream),
        choice(problem.seed, ChoiceStream) {
    const std::array<int64_t, 4> &shape = problem.shape.maskShape;
    specialRow = shape[2] > 0 ? choice.below(0, shape[2]) : 0;
    // One key of few stays visible.
    constexpr int64_t tile = 128;
    maskedKeys = shape[3] > tile ? tile : shape[3] / 2;
  }

  float get(int64_t batch, int64_t row, int64_t key, int64_t linear) const {
    switch (problem.maskFill) {
    case MaskFill::Random:
      return getRandom(linear);
    case MaskFill::Zero:
      return 0.0f;
    case MaskFill::Causal:
      return key > row ? -kInfinity : 0.0f;
    case MaskFill::Padding: {
      int64_t keys = problem.shape.maskShape[3];
      return key > choice.below(1 + batch, keys) ? -kInfinity : 0.0f;
    }
    case MaskFill::RowMasked:
      return row == specialRow ? -kInfinity : getRandom(linear);
    case MaskFill::FirstTileMasked:
      return key < maskedKeys ? -kInfinity : getRandom(linear);
    case MaskFill::AllMasked:
      return -kInfinity;
    case MaskFill::Minus1e4:
      return getFinite(-10000.0f, row, key);
    case MaskFill::FinfoMin:
      return getFinite(getLowest(problem.maskType), row, key);
    case MaskFill::MixedInf:
      return random.bits(linear) % 3 == 0 ? -kInfinity : getRandom(linear);
    case MaskFill::Minus1e9:
      return getFinite(-1e9f, row, key);
    case MaskFill::Huge:
      return row == specialRow || key % 2 == 1 ? -3e38f : 1e38f;
    case MaskFill::Steep:
      return 30.0f * getRandom(linear);
    }
    return 0.0f;
  }

private:
  float getRandom(int64_t linear) const {
    if (problem.maskType == ElementType::I1)
      return random.bits(linear) % 4 == 0 ? -kInfinity : 0.0f;
    return random.normal(linear);
  }

  /// `value` throughout one row and on every second key of the others.
  float getFinite(float value, int64_t row, int64_t key) const {
    return row == specialRow || key % 2 == 1 ? value : 0.0f;
  }

  const Problem &problem;
  Random random, choice;
  int64_t specialRow, maskedKeys;
};
} // namespace

static std::vector<float> makeMask(const Problem &problem) {
  const std::array<int64_t, 4> &shape = problem.shape.maskShape;
  int64_t count = shape[0] * shape[1] * shape[2] * shape[3];
  MaskValues values(problem);
  std::vector<float> mask(count);
  bool isBool = problem.maskType == ElementType::I1;
  forEachIndex(count, [&](int64_t linear) {
    int64_t key = linear % shape[3];
    int64_t row = linear / shape[3] % shape[2];
    int64_t batch = linear / shape[3] / shape[2] / shape[1];
    float value = values.get(batch, row, key, linear);
    mask[linear] = isBool ? value : roundTo(problem.maskType, value);
  });
  return mask;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

bool Operand::isStrided() const {
  int64_t contiguous = 1;
  for (int64_t dim = shape.size() - 1; dim >= 0; --dim) {
    if (strides[dim] != contiguous)
      return true;
    contiguous *= shape[dim];
  }
  return offset != 0;
}

void mfa::run::forEachOffset(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides,
                             function_ref<void(int64_t)> visit) {
  if (is_contained(shape, 0))
    return;
  if (shape.empty())
    return visit(0);
  SmallVector<int64_t> indices(shape.size(), 0);
  int64_t inner = shape.back();
  while (true) {
    int64_t begin = 0;
    for (auto [index, stride] : zip_equal(indices, strides))
      begin += index * stride;
    for (int64_t step = 0; step < inner; ++step)
      visit(begin + step * strides.back());
    int64_t dim = static_cast<int64_t>(shape.size()) - 2;
    while (dim >= 0 && ++indices[dim] == shape[dim])
      indices[dim--] = 0;
    if (dim < 0)
      return;
  }
}

void Operand::forEachElement(const Buffer &buffer,
                             function_ref<void(int64_t)> visit) const {
  int64_t width = getByteWidth(type), begin = buffer.begin + offset * width;
  forEachOffset(shape, strides,
                [&](int64_t element) { visit(begin + element * width); });
}

static SmallVector<int64_t> getContiguousStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t dim = static_cast<int64_t>(shape.size()) - 2; dim >= 0; --dim)
    strides[dim] = strides[dim + 1] * shape[dim + 1];
  return strides;
}

/// Elements from the first one of the buffer to the last one of the operand.
static int64_t getExtent(const Operand &operand) {
  int64_t last = operand.offset;
  for (auto [size, stride] : zip_equal(operand.shape, operand.strides)) {
    if (size == 0)
      return operand.offset;
    last += (size - 1) * stride;
  }
  return last + 1;
}

namespace {
/// Lays the operands out and fills them.
class OperandBuilder {
public:
  explicit OperandBuilder(const Problem &problem)
      : problem(problem), shape(problem.shape) {}

  Operands layOut() {
    layOutQueryKeyValue();
    operands.output = makeArray(
        {shape.batch, shape.seqQ, shape.heads, shape.valueDim}, problem.type);
    addBuffer({&operands.output});
    if (shape.hasMask) {
      layOutMask();
      addBuffer({&*operands.mask});
    }
    if (problem.sinks) {
      operands.sinks = makeContiguous({shape.heads}, ElementType::F32);
      addBuffer({&*operands.sinks});
    }
    operands.captures = makeCaptures(problem);
    for (const RuleCapture &capture : operands.captures)
      if (const auto *array = std::get_if<RuleArray>(&capture)) {
        Operand operand = makeContiguous(array->shape, array->type);
        addBuffer({&operand});
        operands.capturedArrays.push_back(operand);
      }
    if (problem.lse) {
      operands.lse = makeContiguous({shape.batch, shape.heads, shape.seqQ},
                                    ElementType::F32);
      addBuffer({&*operands.lse});
    }
    return std::move(operands);
  }

  Operands build() {
    operands = layOut();
    for (Buffer &buffer : operands.buffers)
      buffer.bytes.assign(buffer.size, '\xff');
    fill();
    return std::move(operands);
  }

private:
  static Operand makeContiguous(ArrayRef<int64_t> sizes, ElementType type) {
    Operand operand;
    operand.type = type;
    operand.shape = SmallVector<int64_t>(sizes);
    operand.strides = getContiguousStrides(sizes);
    return operand;
  }

  /// A BSHD array with the strides of the layout.
  Operand makeArray(ArrayRef<int64_t> sizes, ElementType type) const {
    Operand operand = makeContiguous(sizes, type);
    int64_t seq = sizes[1], heads = sizes[2], dim = sizes[3];
    if (problem.layout == Layout::BHSD)
      operand.strides = {heads * seq * dim, dim, seq * dim, 1};
    if (problem.layout == Layout::PaddedRows) {
      int64_t row = dim + 3, token = heads * row + 2;
      operand.strides = {seq * token + 1, token, row, 1};
    }
    return operand;
  }

  void layOutQueryKeyValue() {
    operands.query = makeArray(
        {shape.batch, shape.seqQ, shape.heads, shape.headDim}, problem.type);
    operands.key = makeArray(
        {shape.batch, shape.seqK, shape.kvHeads, shape.headDim}, problem.type);
    operands.value = makeArray(
        {shape.batch, shape.seqK, shape.kvHeads, shape.valueDim}, problem.type);
    if (problem.layout == Layout::BroadcastBatch)
      operands.key.strides[0] = operands.value.strides[0] = 0;
    if (problem.layout != Layout::PackedQKV) {
      addBuffer({&operands.query});
      addBuffer({&operands.key});
      addBuffer({&operands.value});
      return;
    }

    int64_t row = 0;
    for (Operand *operand : {&operands.query, &operands.key, &operands.value}) {
      operand->offset = row;
      row += operand->shape[2] * operand->shape[3];
    }
    for (Operand *operand : {&operands.query, &operands.key, &operands.value})
      operand->strides = {shape.seqQ * row, row, operand->shape[3], 1};
    addBuffer({&operands.query, &operands.key, &operands.value});
  }

  void layOutMask() {
    Operand mask = makeContiguous(problem.maskShape, problem.maskType);
    if (problem.layout == Layout::BroadcastBatch)
      // All but the query and key strides.
      std::fill(mask.strides.begin(), mask.strides.end() - 2, 0);
    if (problem.layout == Layout::PaddedRows) {
      size_t rank = mask.shape.size();
      mask.strides[rank - 2] = mask.shape[rank - 1] + 7;
      for (size_t dim = rank - 2; dim-- > 0;)
        mask.strides[dim] = mask.strides[dim + 1] * mask.shape[dim + 1] + 1;
    }
    operands.mask = mask;
  }

  /// Adds a buffer for operands that share it.
  void addBuffer(std::initializer_list<Operand *> sharing) {
    int64_t elements = 0;
    int64_t width = 1;
    for (Operand *operand : sharing) {
      operand->buffer = operands.buffers.size();
      elements = std::max(elements, getExtent(*operand));
      width = getByteWidth(operand->type);
    }
    Buffer buffer;
    buffer.begin = (kGuardElements + problem.offset) * width;
    buffer.size = buffer.begin + (elements + kGuardElements) * width;
    operands.buffers.push_back(std::move(buffer));
  }

  /// Stores `values` in row-major order and returns what is there afterwards:
  /// where a stride is zero, the last value of each place, everywhere.
  std::vector<float> store(const Operand &operand, ArrayRef<float> values) {
    Buffer &buffer = operands.buffers[operand.buffer];
    const float *next = values.begin();
    operand.forEachElement(buffer, [&](int64_t byte) {
      storeElement(operand.type, buffer.bytes.data() + byte, *next++);
    });
    if (!is_contained(operand.strides, 0))
      return values.vec();
    return gather(operand, buffer);
  }

  /// Replaces the bytes that stand for true in a mask of booleans.
  void replaceTrue(const Operand &mask) {
    Random random(problem.seed, TrueStream);
    char *bytes = operands.buffers[mask.buffer].bytes.data();
    mask.forEachElement(operands.buffers[mask.buffer], [&](int64_t byte) {
      if (bytes[byte] != 0)
        bytes[byte] = static_cast<char>(
            problem.maskTrue ? problem.maskTrue : 1 + random.bits(byte) % 255);
    });
  }

  /// Puts a NaN, and an infinity of either sign, at a random place.
  void putNaN(std::vector<float> &values) const {
    Random random(problem.seed, ChoiceStream);
    if (!values.empty())
      values[random.below(-1, values.size())] =
          std::numeric_limits<float>::quiet_NaN();
  }
  void putInfinity(std::vector<float> &values) const {
    Random random(problem.seed, ChoiceStream);
    if (!values.empty())
      values[random.below(-2, values.size())] =
          random.below(-3, 2) ? kInfinity : -kInfinity;
  }

  void fill() {
    std::vector<float> query =
        makeNormal(Random(problem.seed, QueryStream), problem.type,
                   shape.batch * shape.seqQ * shape.heads * shape.headDim,
                   problem.queryFactor);
    int64_t keyRows = shape.batch * shape.seqK * shape.kvHeads;
    std::vector<float> key =
        makeNormal(Random(problem.seed, KeyStream), problem.type,
                   keyRows * shape.headDim, problem.keyFactor);
    std::vector<float> value =
        makeNormal(Random(problem.seed, ValueStream), problem.type,
                   keyRows * shape.valueDim, problem.valueFactor);
    std::vector<float> mask;
    if (shape.hasMask)
      mask = makeMask(problem);
    auto dataOf = [&](DataOperand operand) -> std::vector<float> & {
      return operand == DataOperand::Query   ? query
             : operand == DataOperand::Key   ? key
             : operand == DataOperand::Value ? value
                                             : mask;
    };
    if (problem.inf)
      putInfinity(dataOf(*problem.inf));
    if (problem.nan)
      putNaN(dataOf(*problem.nan));

    AttentionInputs &inputs = operands.inputs;
    inputs.shape = shape;
    inputs.scale = problem.getScale();
    inputs.query = store(operands.query, query);
    inputs.key = store(operands.key, key);
    inputs.value = store(operands.value, value);
    if (problem.sinks)
      inputs.sinks = store(*operands.sinks, makeSinks(problem));
    const Operand *next = operands.capturedArrays.data();
    for (const RuleCapture &capture : operands.captures)
      if (const auto *array = std::get_if<RuleArray>(&capture))
        store(*next++, array->values);
    setRules(problem, inputs);
    if (!shape.hasMask)
      return;
    bool isBool = problem.maskType == ElementType::I1;
    if (isBool)
      for (float &element : mask)
        element = element == 0.0f;
    inputs.mask = store(*operands.mask, mask);
    if (isBool && problem.maskTrue != 1)
      replaceTrue(*operands.mask);
    if (isBool)
      for (float &element : inputs.mask)
        element = element != 0.0f ? 0.0f : -kInfinity;
  }

  const Problem &problem;
  const AttentionShape &shape;
  Operands operands;
};
} // namespace

Operands mfa::run::layOutOperands(const Problem &problem) {
  return OperandBuilder(problem).layOut();
}

uint64_t mfa::run::getRequiredBytes(const Problem &problem,
                                    const Operands &layout) {
  // Sizes are checked to be far from overflow.
  uint64_t buffers = 0, largest = 0, floats = 0;
  for (const Buffer &buffer : layout.buffers) {
    buffers += buffer.size;
    largest = std::max<uint64_t>(largest, buffer.size);
  }
  const AttentionShape &shape = problem.shape;
  for (const Operand *operand :
       {&layout.query, &layout.key, &layout.value, &layout.output}) {
    uint64_t count = 1;
    for (int64_t size : operand->shape)
      count *= size;
    floats += count;
  }
  if (shape.hasMask)
    floats += shape.maskShape[0] * shape.maskShape[1] * shape.maskShape[2] *
              shape.maskShape[3];
  // Values exist twice while they are stored, and the largest buffer while
  // stray writes are looked for.
  constexpr uint64_t copiesOfBuffers = 4, copiesOfFloats = 2;
  return copiesOfBuffers * buffers + largest +
         copiesOfFloats * sizeof(float) * floats;
}

Operands mfa::run::makeOperands(const Problem &problem) {
  return OperandBuilder(problem).build();
}

std::vector<float> mfa::run::gather(const Operand &operand,
                                    const Buffer &buffer) {
  std::vector<float> values;
  operand.forEachElement(buffer, [&](int64_t byte) {
    values.push_back(loadElement(operand.type, buffer.bytes.data() + byte));
  });
  return values;
}

bool mfa::run::hasStrayWrite(const Buffer &before, const Buffer &after,
                             const Operand *output) {
  if (!output)
    return before.bytes != after.bytes;
  std::vector<char> expected = before.bytes;
  int64_t width = getByteWidth(output->type);
  output->forEachElement(after, [&](int64_t byte) {
    std::memcpy(expected.data() + byte, after.bytes.data() + byte, width);
  });
  return expected != after.bytes;
}
