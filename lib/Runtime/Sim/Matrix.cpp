//===- Matrix.cpp - Matrix loads and products of a warp -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include "Convert.h"
#include <cstring>

using namespace mfa::sim;

//===----------------------------------------------------------------------===//
// ldmatrix and stmatrix
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Warp-level matrix load instruction: ldmatrix". Matrices are 8x8
// with elements of 16 bits. Lane 8 * i + r holds the address of row r of matrix
// i, 16 bytes. Register i of lane l holds elements (l / 4, 2 * (l % 4)) and the
// next one of the row, or of the column if the matrix is transposed.

namespace {
struct Matrix {
  uint16_t elements[8][8];
};
} // namespace

static constexpr uint32_t kRowBytes = 16;
static constexpr uint32_t kTransposed = 0x100;

/// The host address of a matrix row, which `warp.lane(id)` points to.
static char *accessRow(Warp &warp, uint32_t id, uint32_t flags, uint32_t site) {
  Thread &lane = warp.lane(id);
  return warp.block->accessShared(lane, lane.words()[0], kRowBytes,
                                  kShared | flags | kRowBytes << kAlignShift,
                                  site);
}

static void computeLoadMatrix(Warp &warp, uint32_t lanes, uint32_t parameter,
                              uint32_t site) {
  uint32_t count = parameter & 0xff;
  Matrix matrices[4];
  for (uint32_t i = 0; i < count * 8; ++i)
    memcpy(matrices[i / 8].elements[i % 8], accessRow(warp, i, 0, site),
           kRowBytes);
  for (uint32_t id = 0; id < kWarpSize; ++id) {
    uint32_t *words = warp.lane(id).words();
    uint32_t major = id / 4, minor = id % 4 * 2;
    for (uint32_t i = 0; i < count; ++i) {
      const auto &elements = matrices[i].elements;
      bool transposed = parameter & kTransposed;
      uint32_t low =
          transposed ? elements[minor][major] : elements[major][minor];
      uint32_t high =
          transposed ? elements[minor + 1][major] : elements[major][minor + 1];
      words[i] = low | high << 16;
    }
  }
}

void mfaSimLoadMatrix(ThreadState *state, uint32_t address, uint32_t count,
                      uint32_t transposed, uint32_t site) {
  Thread &self = getThread(state);
  self.words()[0] = address;
  self.warp->meetAligned(self, computeLoadMatrix,
                         count | (transposed ? kTransposed : 0), site);
}

static void computeStoreMatrix(Warp &warp, uint32_t lanes, uint32_t parameter,
                               uint32_t site) {
  uint32_t count = parameter & 0xff;
  Matrix matrices[4];
  for (uint32_t id = 0; id < kWarpSize; ++id) {
    const uint32_t *words = warp.lane(id).words();
    uint32_t major = id / 4, minor = id % 4 * 2;
    for (uint32_t i = 0; i < count; ++i) {
      auto &elements = matrices[i].elements;
      bool transposed = parameter & kTransposed;
      uint16_t &low =
          transposed ? elements[minor][major] : elements[major][minor];
      uint16_t &high =
          transposed ? elements[minor + 1][major] : elements[major][minor + 1];
      low = words[i + 1];
      high = words[i + 1] >> 16;
    }
  }
  for (uint32_t i = 0; i < count * 8; ++i)
    memcpy(accessRow(warp, i, kWrite, site), matrices[i / 8].elements[i % 8],
           kRowBytes);
}

void mfaSimStoreMatrix(ThreadState *state, uint32_t address, uint32_t count,
                       uint32_t transposed, uint32_t site) {
  Thread &self = getThread(state);
  memmove(self.words() + 1, self.words(), count * sizeof(uint32_t));
  self.words()[0] = address;
  self.warp->meetAligned(self, computeStoreMatrix,
                         count | (transposed ? kTransposed : 0), site);
}

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Matrix fragments for mma.m16n8k16" and the like. With g = lane / 4
// and t = lane % 4, and p elements in a register, register r of A holds row
// g + 8 * (r % 2) and columns from p * t + 4 * p * (r / 2), register r of B
// the same rows of its column g, and accumulator c the element
// (g + 8 * (c / 2), 2 * t + c % 2).

static constexpr uint32_t kRows = 16;
static constexpr uint32_t kColumns = 8;
static constexpr uint32_t kMaxDepth = 16;

namespace {
/// How the elements of the multiplicands lie in registers.
struct Multiplicand {
  uint32_t depth;
  uint32_t perRegister;
  float (*convert)(uint32_t bits);
};
} // namespace

static Multiplicand getMultiplicand(MmaKind kind) {
  switch (kind) {
  case MmaKind::F16K16:
    return {16, 2, convertF16};
  case MmaKind::BF16K16:
    return {16, 2, convertBF16};
  case MmaKind::TF32K8:
    return {8, 1, convertTF32};
  case MmaKind::F16K8:
    return {8, 2, convertF16};
  case MmaKind::BF16K8:
    return {8, 2, convertBF16};
  case MmaKind::TF32K4:
    break;
  }
  return {4, 1, convertTF32};
}

/// d = a * b + c with sums in f64 and one rounding at the end: the value that
/// any order of the hardware's sum approximates.
__attribute__((target_clones("arch=haswell", "default"))) static void
multiply(const float (*a)[kMaxDepth], const double (*b)[kColumns],
         float (*c)[kColumns], uint32_t depth) {
  for (uint32_t i = 0; i < kRows; ++i) {
    double sum[kColumns];
    for (uint32_t j = 0; j < kColumns; ++j)
      sum[j] = c[i][j];
    for (uint32_t k = 0; k < depth; ++k)
      for (uint32_t j = 0; j < kColumns; ++j)
        sum[j] += a[i][k] * b[k][j];
    for (uint32_t j = 0; j < kColumns; ++j)
      c[i][j] = static_cast<float>(sum[j]);
  }
}

static void computeMma(Warp &warp, uint32_t lanes, uint32_t parameter,
                       uint32_t site) {
  const Multiplicand form = getMultiplicand(static_cast<MmaKind>(parameter));
  const uint32_t per = form.perRegister;
  const uint32_t halves = form.depth / (4 * per);
  const uint32_t elementBits = 32 / per;
  const uint32_t elementMask = ~0u >> (32 - elementBits);
  float a[kRows][kMaxDepth];
  double b[kMaxDepth][kColumns];
  float c[kRows][kColumns];
  for (uint32_t id = 0; id < kWarpSize; ++id) {
    const uint32_t *words = warp.lane(id).words();
    const float *floats = warp.lane(id).floats();
    const uint32_t g = id / 4, t = id % 4;
    for (uint32_t half = 0; half < halves; ++half)
      for (uint32_t e = 0; e < per; ++e) {
        uint32_t k = per * t + 4 * per * half + e;
        auto element = [&](uint32_t word) {
          return form.convert(words[word] >> (e * elementBits) & elementMask);
        };
        a[g][k] = element(2 * half);
        a[g + 8][k] = element(2 * half + 1);
        b[k][g] = element(4 + half);
      }
    for (uint32_t i = 0; i < 4; ++i)
      c[g + 8 * (i / 2)][2 * t + i % 2] = floats[6 + i];
  }
  multiply(a, b, c, form.depth);
  for (uint32_t id = 0; id < kWarpSize; ++id) {
    float *floats = warp.lane(id).floats();
    const uint32_t g = id / 4, t = id % 4;
    for (uint32_t i = 0; i < 4; ++i)
      floats[i] = c[g + 8 * (i / 2)][2 * t + i % 2];
  }
}

void mfaSimMma(ThreadState *state, uint32_t kind, uint32_t site) {
  Thread &self = getThread(state);
  self.warp->meetAligned(self, computeMma, kind, site);
}
