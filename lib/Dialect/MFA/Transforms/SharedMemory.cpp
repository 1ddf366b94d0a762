//===- SharedMemory.cpp - Shared memory of a schedule ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::mfa;

static constexpr int64_t kChunkBytes = 16;

static int64_t getElementBytes(Type element) {
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

int64_t SharedMatrix::getBytes() const {
  return rows ? stages * getStageElements() * getElementBytes(element) : 0;
}

MaskForm mfa::getMaskForm(MaskedAttentionOp op) {
  if (!op.getMask())
    return MaskForm::None;
  bool hasQuery = !op.isMaskBroadcast(ScoreDim::Query);
  bool hasKey = !op.isMaskBroadcast(ScoreDim::Key);
  if (hasKey)
    return hasQuery ? MaskForm::Matrix : MaskForm::KeyVector;
  return hasQuery ? MaskForm::QueryVector : MaskForm::Scalar;
}

int64_t mfa::getPaddedDim(int64_t dim, Type element) {
  return llvm::alignTo(dim, element.isF32() ? 8 : 16);
}

/// The pitch for `ldmatrix`.
static int64_t getMatrixPitch(int64_t cols, Type element) {
  int64_t bytes = getElementBytes(element);
  return (llvm::divideCeil(cols * bytes, kChunkBytes) | 1) * kChunkBytes /
         bytes;
}

/// The pitch for reading an accumulator fragment.
static int64_t getFragmentPitch(int64_t cols, Type element) {
  if (!element.isF32())
    return getMatrixPitch(cols, element);
  return llvm::alignTo(cols, 32) + 8;
}

SharedMemory mfa::getSharedMemory(MaskedAttentionOp op, ScheduleAttr schedule) {
  Type element = op.getElementType();
  int64_t headDim = getPaddedDim(op.getHeadDim(), element);
  int64_t valueDim = getPaddedDim(op.getValueDim(), element);
  int64_t rows = schedule.getTileRows(), keys = schedule.getTileKeys();
  int64_t stages = schedule.getStages();

  SharedMemory memory;
  auto place = [&](int64_t stages, int64_t rows, int64_t cols, int64_t pitch,
                   Type element) {
    SharedMatrix matrix{memory.bytes, stages, rows, cols, pitch, element};
    memory.bytes += matrix.getBytes();
    return matrix;
  };
  memory.query =
      place(1, rows, headDim, getMatrixPitch(headDim, element), element);
  memory.output = {0,      1, rows, valueDim, getMatrixPitch(valueDim, element),
                   element};
  memory.bytes = std::max(memory.bytes, memory.output.getBytes());
  memory.key =
      place(stages, keys, headDim, getMatrixPitch(headDim, element), element);
  memory.value =
      place(stages, keys, valueDim, getMatrixPitch(valueDim, element), element);
  MaskForm form = getMaskForm(op);
  if (form == MaskForm::Matrix || form == MaskForm::KeyVector) {
    Type maskElement = op.getMaskType().getElementType();
    memory.mask = place(stages, form == MaskForm::Matrix ? rows : 1, keys,
                        getFragmentPitch(keys, maskElement), maskElement);
  }
  return memory;
}
