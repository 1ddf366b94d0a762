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

int64_t SharedMatrix::getTileBytes() const {
  int64_t elements = panels ? getStageElements() : rows * cols;
  return elements * getElementBytes(element);
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

/// Bytes of a row of a panel that `wgmma` and tensor maps know.
static constexpr int64_t kPanelBytes[] = {32, 64, 128};
/// Of a panel.
static constexpr int64_t kPanelAlignment = 1024;

static SharedMatrix getPanels(int64_t stages, int64_t rows, int64_t cols,
                              Type element) {
  int64_t bytes = getElementBytes(element);
  const int64_t *rowBytes = llvm::find_if(
      kPanelBytes, [&](int64_t span) { return cols * bytes <= span; });
  int64_t pitch =
      (rowBytes == std::end(kPanelBytes) ? kPanelBytes[2] : *rowBytes) / bytes;
  int64_t panels = llvm::divideCeil(cols, pitch);
  return {0, stages, rows, cols, pitch, element, panels};
}

/// What a block can have on chips with wgmma (CUDA C++ Programming Guide, 9.0).
static constexpr int64_t kMaxWgmmaBytes = 227 * 1024;

/// Everything in panels, with so many query tiles, and with the output or
/// without.
static SharedMemory layOutPanels(MaskedAttentionOp op, ScheduleAttr schedule,
                                 int64_t queryStages, bool hasOutput) {
  Type element = op.getElementType();
  int64_t headDim = mfa::getPaddedDim(op.getHeadDim(), element);
  int64_t valueDim = mfa::getPaddedDim(op.getValueDim(), element);
  int64_t rows = schedule.getTileRows(), keys = schedule.getTileKeys();
  int64_t stages = schedule.getStages();

  SharedMemory memory;
  memory.staticBytes = kPanelAlignment;
  auto place = [&](SharedMatrix matrix) {
    matrix.offset = memory.bytes;
    memory.bytes =
        llvm::alignTo(memory.bytes + matrix.getBytes(), kPanelAlignment);
    return matrix;
  };
  memory.query = place(getPanels(queryStages, rows, headDim, element));
  memory.key = place(getPanels(stages, keys, headDim, element));
  memory.value = place(getPanels(stages, keys, valueDim, element));
  MaskForm form = mfa::getMaskForm(op);
  if (form == MaskForm::Matrix)
    memory.mask =
        place(getPanels(stages, rows, keys, op.getMaskType().getElementType()));
  if (form == MaskForm::KeyVector)
    memory.mask = place({0, stages, 1, keys,
                         static_cast<int64_t>(llvm::alignTo(keys, 128)),
                         op.getMaskType().getElementType()});
  memory.output = place(getPanels(1, hasOutput ? rows : 0, valueDim, element));
  return memory;
}

static SharedMemory getWgmmaMemory(MaskedAttentionOp op,
                                   ScheduleAttr schedule) {
  // What persistent blocks do better with, if there is room: the output in
  // shared memory, from where it is stored while they go on, then two queries.
  if (schedule.getPersistent())
    for (int64_t queryStages : {2, 1}) {
      SharedMemory memory =
          layOutPanels(op, schedule, queryStages, /*hasOutput=*/true);
      if (memory.getTotalBytes() <= kMaxWgmmaBytes)
        return memory;
    }
  return layOutPanels(op, schedule, /*queryStages=*/1, /*hasOutput=*/false);
}

SharedMemory mfa::getSharedMemory(MaskedAttentionOp op, ScheduleAttr schedule) {
  if (schedule.getKind() == KernelKind::Wgmma)
    return getWgmmaMemory(op, schedule);
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
