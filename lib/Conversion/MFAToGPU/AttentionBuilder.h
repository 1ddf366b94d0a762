//===- AttentionBuilder.h - What attention kernels share --------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// FlashAttention-2 (Dao, "FlashAttention-2: Faster attention with better
// parallelism and work partitioning", 2023) over register tiles. For each tile
// of keys j, with m the row maximum and l the row sum so far:
//
//   t  = query . key_j^T * scale + mask_j        -inf past the last key
//   m' = max(m, rowmax t)
//   p  = exp2((t - m') log2 e)
//   a  = exp2((m - m') log2 e)
//   l' = a l + rowsum p
//   o' = a o + p . value_j
//
// and in the end o / l and m + ln l. l = 0 marks a row without any key.
//
// Any m near the row maximum will do. So it stays as it is, and a is 1, while
// the maximum has not grown by more than a limit (FlashAttention-4, 2025). Most
// steps then leave o alone. (Kernels that try the old maximum, as follows, take
// the exact one when they do a step again.)
//
// Nor need the maximum of j be known before p. With m' = m, a maximum that has
// grown too far shows in p itself: in each lane's part of rowsum p, which is
// wanted anyway. Where it shows in any lane of a warp, p is forgotten and the
// step done again as above; so it is while a row has had no key, and m is -inf.
//
// The kinds of kernels differ in how tiles move and who moves them.
//
// Where keys are split, each block has m, l and o of its own keys, and what is
// said of two steps above holds for two blocks: with m' the largest m of all,
//
//   o' = sum of exp2((m - m') log2 e) o,   l' likewise.
//
// The log-sum-exp of a block would not do in the place of m and l: next to a
// mask of -1e4 or the lowest finite value, an f32 has no digits left for ln l.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_ATTENTIONBUILDER_H
#define MFA_LIB_CONVERSION_MFATOGPU_ATTENTIONBUILDER_H

#include "AttentionKernel.h"
#include "KernelBuilder.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"

namespace mlir::mfa {

class AttentionBuilder {
public:
  AttentionBuilder(OpBuilder &builder, MaskedAttentionOp op,
                   const KernelOperands &operands);

protected:
  //===--- Values and types -----------------------------------------------===//

  mfa_gpu::TileType
  matrixTile(int64_t cols, Type type,
             mfa_gpu::FragmentKind kind = mfa_gpu::FragmentKind::Accumulator);
  mfa_gpu::TileType rowTile(Type type);

  //===--- Views ----------------------------------------------------------===//

  /// Rows of one head of query, key, value or output.
  Value rowsOfHead(Value array, Value head, Value first, OpFoldResult rows);
  /// The first indices of the mask for this block's rows and keys from
  /// `firstKey`, 0 where it does not vary.
  SmallVector<OpFoldResult> maskOffsets(Value firstKey);
  /// That part of the mask, with one row or column where it does not vary.
  Value maskView(Value firstKey, OpFoldResult keys);
  /// A buffer for `matrix`, its stages the first dimension.
  Value allocateShared(const SharedMatrix &matrix);
  /// One stage of it.
  Value sharedMatrix(Value buffer, const SharedMatrix &matrix, Value stage);

  //===--- Parts of the kernel --------------------------------------------===//

  // What has to do with weights and their sums is in OnlineSoftmax.cpp.

  /// What of the loop's state is not the output: m and l above.
  struct Softmax {
    Value rowMax, rowSum;
  };
  /// A tile of t above, or of t / scale.
  struct Scores {
    Value tile;
    bool isScaled;
  };
  /// A step of it up to the maximum: weights are exp2(scores factor - base),
  /// and `correction` is the factor of what was summed before, 1 but for rows
  /// whose maximum has grown.
  struct SoftmaxStep {
    Value scores, factor, base;
    Value rowMax, hasGrown, correction;
  };

  /// What holds for all of this block's rows: the keys, and the start of its
  /// shared memory.
  void locateBlock();
  /// Batch, head and rows of the tile of query rows `number`, counted through
  /// adjacent heads, then all rows, then the other heads, then the batch.
  /// Blocks of a cluster share the number, and each has its part of the rows.
  void locateRows(Value number);
  /// Mask values that stay the same for all keys.
  void loadRowMask();
  Softmax initialSoftmax();
  /// The first key of a tile, counted from the first of this block.
  Value firstKeyOfTile(Value tile);
  /// A 16-bit mask as f32.
  Value widenMask(Value maskRegisters);
  /// `maskRegisters` may be null.
  Scores addScaleAndMask(Value products, Value maskRegisters);
  /// The part of the mask that is in shared memory, in registers as it is.
  Value loadMaskTile(Value shared);
  /// Whether the last tile of keys may have fewer than `tileKeys`.
  bool hasTail();
  /// -inf for all keys but the first `count`.
  Scores keepKeys(Scores scores, Value count);
  SoftmaxStep updateRowMax(Value rowMax, Scores scores);
  /// Whether the numbers of all of the warp's rows, each lane's part of them,
  /// are within +-limit. NaN is not.
  Value areWithin(Value numbers, double limit);
  /// Whether weights of all rows may be computed with this maximum as the base:
  /// a finite one, whose product with log2 e is exact enough.
  Value areBases(Value rowMax);
  /// The weights of a step with the maximum of the steps before as the base,
  /// the row sums with these, and whether no weight of the warp's is too large:
  /// what can be told without the other lanes' scores.
  struct EarlyWeights {
    Value weights, rowSum, areGood;
  };
  EarlyWeights tryOldMax(Value products, Value maskRegisters,
                         const Softmax &state);
  /// The same where the mask excludes all keys of the step: weights of 0,
  /// unless a score is no finite number.
  EarlyWeights excludeAll(Value products, const Softmax &state);
  /// The output so far, in units of the step.
  Value rescale(Value output, const SoftmaxStep &step);
  /// The weights of a step. Adds them to the row sum.
  Value weigh(const SoftmaxStep &step, Value &rowSum);
  /// The left factor of the product with the values.
  Value toFactor(Value weights);
  /// The output, divided by the row sums, in the element type.
  Value normalize(Value output, Value rowSum);
  void storeLse(const Softmax &state);
  /// Output and state of a block that has but some of the keys, for the
  /// combining kernel.
  void storePartial(Value output, const Softmax &state);
  /// The natural log-sum-exp from maximum and sum of weights.
  Value logSumExp(Value rowMax, Value rowSum);
  /// Whether a number is outside of +-limit, or none.
  Value isOutside(Value number, double limit);
  /// Whether a maximum's product with log2 e is too inexact for a base.
  Value isHuge(Value rowMax);

  Value toF32(Value value);

  KernelBuilder b;
  MaskedAttentionOp op;
  KernelOperands operands;
  ScheduleAttr schedule;
  SharedMemory memory;
  MaskForm maskForm;
  Type element;
  Type f32;
  int64_t tileRows, tileKeys, clusterBlocks;
  /// Whether steps try the old maximum first, so that their own is rare.
  bool triesOldMax;

  // The rows' place, and how many tiles of rows a head has: of a cluster, those
  // that all its blocks have together.
  Value batch, head, keyHead, firstRow, rowTiles, numKeys;
  // The tiles of keys that the block has; all, from 0, where `firstTile` is
  // null.
  Value split, firstTile, numTiles;
  OpFoldResult rows;
  Value sharedBytes;
  // A mask that is not in shared memory: row tile or scalar.
  Value rowMask, scalarMask;
  // log2 e, and its product with the scale, if that is known or the old maximum
  // is tried. With a positive one that is known, scores without a mask may stay
  // unscaled up to the exponent in kernels that do not try it.
  Value toLog2, scaleToLog2;
  bool isScaleKnown = false, canScaleLate = false;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_ATTENTIONBUILDER_H
