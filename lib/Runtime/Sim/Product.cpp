//===- Product.cpp - Matrix products of a warpgroup -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate". D has 64
// rows, warp w of the warpgroup holds rows 16 * w to 16 * w + 15 of it, and of
// A where that comes from registers, both as mma.sync lays out such a tile.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Convert.h"
#include <cstring>

using namespace mfa::sim;

//===----------------------------------------------------------------------===//
// Matrices in shared memory
//===----------------------------------------------------------------------===//

namespace {
/// A 64-bit matrix descriptor: where a matrix of `outer` rows (A) or columns
/// (B) and 32 bytes of depth lies in shared memory.
///
/// Matrices consist of core matrices, 8 lines of 16 bytes (of depth if the
/// matrix is K-major, of the outer dimension if it is MN-major). Without a
/// swizzle the lines of a core matrix follow one another. With one, they are
/// `span` bytes apart, 32, 64 or 128, and the core matrices between them make a
/// line of `span` bytes, whose chunks are then exchanged by the number of the
/// 128-byte line.
///
///                     K-major                     MN-major
///   no swizzle        8 rows -> stride offset     8 outer -> stride offset
///                     16 bytes -> leading offset  8 of depth -> leading offset
///   swizzle           8 rows -> stride offset     span -> leading offset
///                                                 8 of depth -> stride offset
struct MatrixDescriptor {
  uint32_t start;
  uint32_t leading;
  uint32_t stride;
  uint32_t baseOffset;
  /// Bytes of a line, 16 without a swizzle.
  uint32_t span;

  explicit MatrixDescriptor(uint64_t bits)
      : start((bits & 0x3fff) << 4), leading((bits >> 16 & 0x3fff) << 4),
        stride((bits >> 32 & 0x3fff) << 4), baseOffset(bits >> 49 & 7) {
    const uint32_t mode = bits >> 62;
    span = mode ? 256u >> mode : 16;
  }

  /// Exchanges chunks of 16 bytes within a line.
  uint32_t swizzle(uint32_t address) const {
    const uint32_t mask = span / 16 - 1;
    return address ^ ((((address >> 7) - baseOffset) & mask) << 4);
  }

  /// The offset of a chunk of 16 bytes in shared memory: of K-major matrices
  /// the chunk `chunk` of depth of line `line`, of MN-major ones the chunk of
  /// the outer dimension at depth `line`.
  uint32_t getChunk(uint32_t line, uint32_t chunk, bool isMNMajor) const {
    uint32_t offset = line % 8 * span;
    if (span == 16) {
      offset += isMNMajor ? chunk * stride + line / 8 * leading
                          : line / 8 * stride + chunk * leading;
    } else {
      const uint32_t chunks = span / 16;
      offset += line / 8 * stride + chunk % chunks * 16;
      if (isMNMajor)
        offset += chunk / chunks * leading;
    }
    return swizzle(start + offset);
  }
};

/// What a product multiplies, from its parameter.
struct Form {
  explicit Form(uint32_t parameter)
      : type(static_cast<ProductType>(parameter & kProductTypeMask)),
        flags(parameter), columns((parameter >> kProductColumnsShift) * 8) {}

  ProductType type;
  uint32_t flags;
  uint32_t columns;

  bool has(ProductFlags flag) const { return flags & flag; }
  uint32_t getElementBytes() const { return type == ProductType::TF32 ? 4 : 2; }
  uint32_t getDepth() const { return 32 / getElementBytes(); }

  float convert(const char *bytes) const {
    uint32_t bits = 0;
    memcpy(&bits, bytes, getElementBytes());
    return type == ProductType::F16    ? convertF16(bits)
           : type == ProductType::BF16 ? convertBF16(bits)
                                       : convertTF32(bits);
  }
};

constexpr uint32_t kMaxDepth = 16;

/// The operands of a product.
struct Operands {
  float a[kProductRows][kMaxDepth];
  /// By depth, so that a row of D is computed with vectors.
  double b[kMaxDepth][kProductMaxColumns];
};
} // namespace

/// Reads a matrix from shared memory; `put(outer, depth, value)` keeps its
/// elements.
template <typename Function>
static void readMatrix(Warpgroup &group, const Form &form, uint64_t bits,
                       uint32_t outer, bool isMNMajor, uint32_t clock,
                       uint32_t site, Function &&put) {
  const MatrixDescriptor descriptor(bits);
  const uint32_t perChunk = 16 / form.getElementBytes();
  const uint32_t lines = isMNMajor ? form.getDepth() : outer;
  const uint32_t chunks = isMNMajor ? outer / perChunk : 2;
  for (uint32_t line = 0; line < lines; ++line)
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      const char *bytes = group.block->accessProduct(
          group, descriptor.getChunk(line, chunk, isMNMajor), clock, site);
      for (uint32_t i = 0; i < perChunk; ++i) {
        const float value = form.convert(bytes + i * form.getElementBytes());
        const uint32_t along = chunk * perChunk + i;
        if (isMNMajor)
          put(along, line, value);
        else
          put(line, along, value);
      }
    }
}

const char *Block::accessProduct(Warpgroup &group, uint32_t offset,
                                 uint32_t clock, uint32_t site) {
  constexpr uint32_t kChunkBytes = 16;
  Thread &first = group.threads[0];
  checkShared(first, offset, kChunkBytes, kShared, site);
  counters.sharedRead += kChunkBytes;
  if (hasChecks()) {
    hasAsyncReads = true;
    const Access access = getAgentAccess(getProductAgent(group), clock, site);
    for (uint32_t i = 0; i < kWarpsOfGroup; ++i)
      recordAsyncRead(group.threads[i * kWarpSize], offset, kChunkBytes,
                      getProductReader(group), access);
  }
  return window.get() + offset;
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

/// Where the slot holds what.
static constexpr uint32_t kDescriptorWord = kProductAWord + 4;
static constexpr uint32_t kScaleWord = kDescriptorWord + 4;

static uint32_t getRow(const Thread &thread, uint32_t index) {
  return thread.warpId % kWarpsOfGroup * 16 + thread.laneId / 4 +
         index / 2 % 2 * 8;
}

static uint32_t getColumn(const Thread &thread, uint32_t index) {
  return index / 4 * 8 + thread.laneId % 4 * 2 + index % 2;
}

float Block::getAccumulator(const Product &product, const Thread &thread,
                            uint32_t index) {
  return product.values[getRow(thread, index) * product.columns +
                        getColumn(thread, index)];
}

/// Reports ordinary values in registers that no fence ordered with the product.
static void checkRegisters(Thread &thread, const char *what, uint32_t site) {
  if (thread.hasRegisterFence)
    return;
  thread.block->report(FaultKind::MissingFence, thread, site, [&] {
    return std::string(what) +
           " are in registers that other instructions wrote, with no "
           "wgmma.fence behind them";
  });
}

/// Whether the accumulators of all threads are those of one product, as it left
/// them.
static bool areAccumulatorsOf(const Warpgroup &group, const Product &product,
                              uint32_t columns) {
  if (product.columns != columns)
    return false;
  for (uint32_t i = 0; i < kThreadsOfGroup; ++i) {
    Thread &thread = group.threads[i];
    for (uint32_t j = 0; j < columns / 2; ++j)
      if (thread.words()[j] != Handle::encode(product.number, j))
        return false;
  }
  return true;
}

/// Collects the accumulators that a product starts from. Where they do not
/// count, what the registers hold does not either.
static void readAccumulators(Warpgroup &group, const Form &form, bool used,
                             std::vector<float> &values, uint32_t site) {
  values.assign(kProductRows * form.columns, 0.0f);
  const Product *last = group.find(group.threads[0].words()[0]);
  if (last && areAccumulatorsOf(group, *last, form.columns)) {
    if (used)
      values = last->values;
    return;
  }
  for (uint32_t i = 0; i < kThreadsOfGroup; ++i) {
    Thread &thread = group.threads[i];
    for (uint32_t j = 0; j < form.columns / 2; ++j) {
      const uint32_t bits = thread.words()[j];
      const bool isHandle = Handle::isHandle(bits);
      if (!isHandle)
        checkRegisters(thread, "the accumulators", site);
      if (used)
        values[getRow(thread, j) * form.columns + getColumn(thread, j)] =
            isHandle ? thread.block->readHandle(thread, bits, site)
                     : thread.floats()[j];
    }
  }
}

/// Collects A from registers, which hold elements as for mma.sync.
static void readRegisters(Warpgroup &group, const Form &form,
                          Operands &operands, uint32_t site) {
  const uint32_t per = 4 / form.getElementBytes();
  for (uint32_t i = 0; i < kThreadsOfGroup; ++i) {
    Thread &thread = group.threads[i];
    checkRegisters(thread, "elements of A", site);
    for (uint32_t j = 0; j < 4; ++j) {
      const char *bytes =
          reinterpret_cast<const char *>(&thread.words()[kProductAWord + j]);
      const uint32_t row =
          thread.warpId % kWarpsOfGroup * 16 + thread.laneId / 4 + j % 2 * 8;
      for (uint32_t e = 0; e < per; ++e)
        operands.a[row][thread.laneId % 4 * per + j / 2 * 4 * per + e] =
            form.convert(bytes + e * form.getElementBytes());
    }
  }
}

//===----------------------------------------------------------------------===//
// The product
//===----------------------------------------------------------------------===//

/// values += a * b with sums in f64 and one rounding at the end, as for
/// mma.sync.
__attribute__((target_clones("arch=haswell", "default"))) static void
multiply(const Operands &operands, float *values, uint32_t columns,
         uint32_t depth) {
  for (uint32_t i = 0; i < kProductRows; ++i) {
    double sum[kProductMaxColumns];
    float *row = values + i * columns;
    for (uint32_t j = 0; j < columns; ++j)
      sum[j] = row[j];
    for (uint32_t k = 0; k < depth; ++k)
      for (uint32_t j = 0; j < columns; ++j)
        sum[j] += operands.a[i][k] * operands.b[k][j];
    for (uint32_t j = 0; j < columns; ++j)
      row[j] = static_cast<float>(sum[j]);
  }
}

/// Checks that what has to be the same for all threads is.
static void checkUniform(Warpgroup &group, uint32_t site) {
  constexpr uint32_t kWords = kScaleWord + 1 - kDescriptorWord;
  for (uint32_t i = 1; i < kThreadsOfGroup; ++i)
    if (memcmp(group.threads[i].words() + kDescriptorWord,
               group.threads[0].words() + kDescriptorWord,
               kWords * sizeof(uint32_t)))
      group.block->fail(FaultKind::InvalidOperand, group.threads[i], site,
                        "the thread has other descriptors, or another scale-d, "
                        "than the first one of its warpgroup");
}

static bool computeProduct(Warpgroup &group, uint32_t parameter,
                           uint32_t site) {
  const Form form(parameter);
  checkUniform(group, site);
  Thread &first = group.threads[0];
  uint64_t descriptors[2];
  memcpy(descriptors, first.words() + kDescriptorWord, sizeof(descriptors));

  const bool accumulates = first.words()[kScaleWord];
  std::vector<float> values;
  readAccumulators(group, form, accumulates, values, site);

  const uint32_t clock = group.block->startProduct(group);
  static thread_local Operands operands;
  if (form.has(kProductARegisters))
    readRegisters(group, form, operands, site);
  else
    readMatrix(group, form, descriptors[0], kProductRows,
               form.has(kProductAMNMajor), clock, site,
               [&](uint32_t row, uint32_t k, float value) {
                 operands.a[row][k] = value;
               });
  const float sign =
      form.has(kProductNegatesA) != form.has(kProductNegatesB) ? -1.0f : 1.0f;
  readMatrix(group, form, descriptors[1], form.columns,
             form.has(kProductBMNMajor), clock, site,
             [&](uint32_t column, uint32_t k, float value) {
               operands.b[k][column] = sign * value;
             });
  multiply(operands, values.data(), form.columns, form.getDepth());

  group.products.resize(Warpgroup::kKept);
  Product &product = group.products[++group.lastNumber % Warpgroup::kKept];
  product = {group.lastNumber, first.closedProductGroups, site, form.columns,
             std::move(values)};
  for (uint32_t i = 0; i < kThreadsOfGroup; ++i)
    for (uint32_t j = 0; j < form.columns / 2; ++j)
      group.threads[i].words()[j] = Handle::encode(product.number, j);
  group.block->countProduct(kProductRows * form.columns * form.getDepth());
  return true;
}

uint32_t Block::startProduct(Warpgroup &group) {
  constexpr size_t kKeptGroups = 64;
  const uint32_t clock = cluster.tickAgent();
  const uint32_t number = group.threads[0].closedProductGroups;
  auto &clocks = group.groupClocks;
  if (clocks.empty() || clocks.back().first != number)
    clocks.push_back({number, clock});
  else
    clocks.back().second = clock;
  if (clocks.size() > 2 * kKeptGroups)
    clocks.erase(clocks.begin(), clocks.end() - kKeptGroups);
  return clock;
}

void mfaSimProduct(ThreadState *state, uint64_t a, uint64_t b,
                   uint32_t accumulates, uint32_t form, uint32_t site) {
  Thread &self = getThread(state);
  memcpy(self.words() + kDescriptorWord, &a, sizeof(a));
  memcpy(self.words() + kDescriptorWord + 2, &b, sizeof(b));
  self.words()[kScaleWord] = accumulates != 0;
  self.block->meetWarpgroup(self, computeProduct, form, site);
}
