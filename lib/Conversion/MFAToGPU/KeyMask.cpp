//===- KeyMask.cpp - What a mask of keys does to a step -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyMask.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::mfa;

KeyMask mfa::lookAtKeyMask(const KernelProblem &problem,
                           const BlockMemory &memory, Value stage, Value lane) {
  KernelBuilder &b = problem.b;
  // As words, so that each lane of a warp has a part of the tile: the registers
  // of a fragment have all of it four times in each row.
  struct Pattern {
    uint32_t noMask, noMaskBits, excluded;
  };
  Type type = problem.memory.mask.element;
  Pattern pattern = type.isInteger(1) ? Pattern{0x01010101, ~0u, 0}
                    : type.isF32()    ? Pattern{0, 0x7fffffff, 0xff800000}
                    : type.isBF16()   ? Pattern{0, 0x7fff7fff, 0xff80ff80}
                                      : Pattern{0, 0x7fff7fff, 0xfc00fc00};
  constexpr int64_t kWordBytes = 4;
  int64_t count = problem.memory.mask.getTileBytes() / kWordBytes;
  SharedMatrix matrix = problem.memory.mask;
  matrix.pitch = problem.memory.mask.getBytes() / matrix.stages / kWordBytes;
  matrix.cols = count;
  matrix.element = b.getI32Type();
  Value words = memory.getBuffer(matrix).getTile(b, stage);
  auto number = [&](uint32_t bits) -> Value {
    return arith::ConstantIntOp::create(b, b.getI32Type(),
                                        static_cast<int32_t>(bits));
  };
  Value changed = number(0), left = number(0);
  for (int64_t first = 0; first < count; first += kWarpSize) {
    // Lanes past the last word have that one too.
    Value place = arith::AddIOp::create(b, lane, b.index(first));
    if (first + kWarpSize > count)
      place = arith::MinUIOp::create(b, place, b.index(count - 1));
    Value word =
        memref::LoadOp::create(b, words, ValueRange{b.index(0), place});
    auto collect = [&](Value &into, uint32_t expected) {
      Value difference = arith::XOrIOp::create(b, word, number(expected));
      into = arith::OrIOp::create(b, into, difference);
    };
    collect(changed, pattern.noMask);
    collect(left, pattern.excluded);
  }
  auto anyBit = [&](Value bits) -> Value {
    Value isAny =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits, number(0));
    return NVVM::VoteSyncOp::create(b, b.getI1Type(), number(~0u), isAny,
                                    NVVM::VoteSyncKind::any);
  };
  // A sign alone is no number.
  changed = arith::AndIOp::create(b, changed, number(pattern.noMaskBits));
  return {anyBit(changed), anyBit(left)};
}
