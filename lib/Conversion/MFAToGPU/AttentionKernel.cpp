//===- AttentionKernel.cpp - The kernel of one masked attention -----------===//
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
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::FragmentAttr;
using mfa_gpu::FragmentKind;
using mfa_gpu::ReduceKind;
using mfa_gpu::TileType;

namespace {

constexpr double kLog2E = 1.4426950408889634;
constexpr double kLn2 = 0.6931471805599453;

class AttentionKernel {
public:
  AttentionKernel(OpBuilder &builder, MaskedAttentionOp op,
                  const KernelOperands &operands)
      : b(op.getLoc(), builder), op(op), operands(operands),
        schedule(*op.getSchedule()), memory(getSharedMemory(op, schedule)),
        maskForm(getMaskForm(op)), element(op.getElementType()),
        f32(b.getF32Type()), tileRows(schedule.getTileRows()),
        tileKeys(schedule.getTileKeys()) {}

  void build();

private:
  /// What the loop over keys carries.
  struct Softmax {
    Value output, rowMax, rowSum;
  };

  //===--- Values and types -----------------------------------------------===//

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value constant(double value) {
    return arith::ConstantOp::create(
        b, b.getF32FloatAttr(static_cast<float>(value)));
  }
  Value negativeInfinity() {
    return constant(-std::numeric_limits<double>::infinity());
  }
  Value dim(Value array, unsigned position) {
    return b.createOrFold<memref::DimOp>(array, position);
  }
  TileType matrixTile(int64_t cols, Type type,
                      FragmentKind kind = FragmentKind::Accumulator) {
    return TileType::get(
        b.getContext(), {tileRows, cols}, type,
        FragmentAttr::get(b.getContext(), kind, schedule.getWarps()));
  }
  TileType rowTile(Type type) {
    return TileType::get(b.getContext(), {tileRows}, type,
                         FragmentAttr::get(b.getContext(), FragmentKind::Row,
                                           schedule.getWarps()));
  }
  Value splat(TileType type, Value value) {
    return mfa_gpu::SplatOp::create(b, type, value);
  }
  /// A map with one result, from f32 and other scalars to one scalar.
  Value map(TileType type, ValueRange inputs,
            function_ref<Value(ValueRange)> body, bool coordinates = false) {
    return mfa_gpu::MapOp::create(
               b, TypeRange(type), inputs,
               [&](OpBuilder &nested, Location loc, ValueRange args) {
                 OpBuilder::InsertionGuard guard(b);
                 b.setInsertionPoint(nested.getInsertionBlock(),
                                     nested.getInsertionPoint());
                 Value result = body(args);
                 mfa_gpu::YieldOp::create(b, result);
               },
               coordinates)
        .getResult(0);
  }

  //===--- Views ----------------------------------------------------------===//

  /// `min(size - first, limit)`: a constant where tiles cover `size` exactly.
  OpFoldResult tileSize(Value size, Value first, int64_t limit) {
    std::optional<int64_t> known = getConstantIntValue(size);
    if (known && *known % limit == 0)
      return b.getIndexAttr(limit);
    Value rest = arith::SubIOp::create(b, size, first);
    return arith::MinUIOp::create(b, rest, index(limit)).getResult();
  }

  /// A matrix out of an array: two of the dimensions keep more than one index.
  Value matrixView(Value array, ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes, unsigned rowDim,
                   unsigned colDim) {
    auto type = cast<MemRefType>(array.getType());
    auto toShape = [](OpFoldResult size) {
      return getConstantIntValue(size).value_or(ShapedType::kDynamic);
    };
    SmallVector<OpFoldResult> steps(type.getRank(), b.getIndexAttr(1));
    auto viewType =
        cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
            {toShape(sizes[rowDim]), toShape(sizes[colDim])}, type, offsets,
            sizes, steps));
    return memref::SubViewOp::create(b, viewType, array, offsets, sizes, steps);
  }

  /// Rows of one head of query, key, value or output.
  Value rowsOfHead(Value array, Value head, Value first, OpFoldResult rows) {
    OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
    int64_t cols = cast<MemRefType>(array.getType()).getDimSize(3);
    return matrixView(array, {batch, first, head, zero},
                      {one, rows, one, b.getIndexAttr(cols)}, 1, 3);
  }

  /// The part of the mask for this block's rows and keys from `firstKey`, with
  /// one row or column where the mask does not vary.
  Value maskView(Value firstKey, OpFoldResult keys) {
    unsigned rank = op.getMaskType().getRank();
    SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
    SmallVector<OpFoldResult> sizes(rank, b.getIndexAttr(1));
    auto select = [&](ScoreDim dim, OpFoldResult offset, OpFoldResult size) {
      if (std::optional<unsigned> position = op.getMaskDim(dim)) {
        offsets[*position] = offset;
        sizes[*position] = size;
      }
    };
    OpFoldResult one = b.getIndexAttr(1);
    select(ScoreDim::Batch, batch, one);
    select(ScoreDim::Head, head, one);
    select(ScoreDim::Query, firstRow, rows);
    select(ScoreDim::Key, firstKey, keys);
    return matrixView(operands.mask, offsets, sizes, rank - 2, rank - 1);
  }

  //===--- Shared memory --------------------------------------------------===//

  /// `matrix` with its stages as first dimension.
  Value allocateShared(const SharedMatrix &matrix) {
    auto space = gpu::AddressSpaceAttr::get(b.getContext(),
                                            gpu::AddressSpace::Workgroup);
    auto type = MemRefType::get({matrix.stages, matrix.rows, matrix.pitch},
                                matrix.element, AffineMap(), space);
    return memref::ViewOp::create(b, type, sharedBytes, index(matrix.offset),
                                  ValueRange());
  }

  Value sharedMatrix(Value buffer, const SharedMatrix &matrix, Value stage) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    OpFoldResult stageOffset = matrix.stages == 1 ? zero : OpFoldResult(stage);
    return matrixView(
        buffer, {stageOffset, zero, zero},
        {one, b.getIndexAttr(matrix.rows), b.getIndexAttr(matrix.cols)}, 1, 2);
  }

  Value stageOf(Value tile) {
    if (schedule.getStages() == 1)
      return {};
    return arith::RemUIOp::create(b, tile, index(schedule.getStages()));
  }

  //===--- Parts of the kernel --------------------------------------------===//

  void locateBlock();
  void copyTile(Value view, Value buffer, const SharedMatrix &matrix,
                Value tile) {
    mfa_gpu::CopyAsyncOp::create(b, view,
                                 sharedMatrix(buffer, matrix, stageOf(tile)));
  }
  void copyKeyAndMask(Value tile);
  void copyValue(Value tile);
  /// `body(next)` where there is a tile after `tile`; one `cp.async` group.
  void copyNext(Value tile, function_ref<void(Value)> body);
  void waitForCopies() {
    NVVM::CpAsyncWaitGroupOp::create(b, 0);
    gpu::BarrierOp::create(b);
  }
  void loadRowMask();
  Value scores(Value tile);
  Value maskTile(Value tile);
  Value addScaleAndMask(Value products, Value maskRegisters);
  Value maskTail(Value scores, Value tile);
  Softmax update(const Softmax &state, Value scores, Value tile);
  void finish(const Softmax &state);

  Value toF32(Value value) {
    if (value.getType().isF32())
      return value;
    if (value.getType().isInteger(1))
      return arith::SelectOp::create(b, value, constant(0), negativeInfinity());
    return arith::ExtFOp::create(b, f32, value);
  }

  /// Masks of these types reach values whose product with log2 e overflows.
  bool maskMayOverflow() {
    if (maskForm == MaskForm::None)
      return false;
    Type type = op.getMaskType().getElementType();
    return type.isF32() || type.isBF16();
  }

  ImplicitLocOpBuilder b;
  MaskedAttentionOp op;
  KernelOperands operands;
  ScheduleAttr schedule;
  SharedMemory memory;
  MaskForm maskForm;
  Type element;
  Type f32;
  int64_t tileRows, tileKeys;

  // The block's place.
  Value batch, head, keyHead, firstRow, numKeys, numTiles;
  OpFoldResult rows;
  // Buffers in shared memory.
  Value sharedBytes, queryBuffer, keyBuffer, valueBuffer, maskBuffer;
  // A mask that is not in shared memory: row tile or scalar.
  Value rowMask, scalarMask;
  // Factor of the scores' natural units, `t` above, to powers of two; without a
  // mask and with a positive scale `t` is left unscaled and it holds both.
  Value toLog2;
  bool foldsScale = false;
};

void AttentionKernel::locateBlock() {
  Value numQueries = dim(operands.query, 1);
  Value numHeads = dim(operands.query, 2);
  Value numKeyHeads = dim(operands.key, 2);
  numKeys = dim(operands.key, 1);
  Value rowTiles =
      b.createOrFold<arith::CeilDivUIOp>(numQueries, index(tileRows));
  numTiles = b.createOrFold<arith::CeilDivUIOp>(numKeys, index(tileKeys));

  Value block = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  auto place = affine::AffineDelinearizeIndexOp::create(
      b, block, ArrayRef<OpFoldResult>{rowTiles, numHeads},
      /*hasOuterBound=*/false);
  batch = place.getResult(0);
  head = place.getResult(2);
  firstRow = arith::MulIOp::create(b, place.getResult(1), index(tileRows));
  rows = tileSize(numQueries, firstRow, tileRows);
  Value group = b.createOrFold<arith::DivUIOp>(numHeads, numKeyHeads);
  keyHead = b.createOrFold<arith::DivUIOp>(head, group);
}

void AttentionKernel::copyKeyAndMask(Value tile) {
  Value firstKey = arith::MulIOp::create(b, tile, index(tileKeys));
  OpFoldResult keys = tileSize(numKeys, firstKey, tileKeys);
  copyTile(rowsOfHead(operands.key, keyHead, firstKey, keys), keyBuffer,
           memory.key, tile);
  if (maskBuffer)
    copyTile(maskView(firstKey, keys), maskBuffer, memory.mask, tile);
}

void AttentionKernel::copyValue(Value tile) {
  Value firstKey = arith::MulIOp::create(b, tile, index(tileKeys));
  copyTile(rowsOfHead(operands.value, keyHead, firstKey,
                      tileSize(numKeys, firstKey, tileKeys)),
           valueBuffer, memory.value, tile);
}

void AttentionKernel::copyNext(Value tile, function_ref<void(Value)> body) {
  Value next = arith::AddIOp::create(b, tile, index(1));
  Value exists =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, next, numTiles);
  auto guarded = scf::IfOp::create(b, exists);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(guarded.thenBlock());
    body(next);
  }
  NVVM::CpAsyncCommitGroupOp::create(b);
}

void AttentionKernel::loadRowMask() {
  if (maskForm != MaskForm::QueryVector && maskForm != MaskForm::Scalar)
    return;
  Value view = maskView(index(0), b.getIndexAttr(1));
  if (maskForm == MaskForm::Scalar) {
    Value zero = index(0);
    scalarMask = toF32(memref::LoadOp::create(b, view, ValueRange{zero, zero}));
    return;
  }
  auto matrix = cast<MemRefType>(view.getType());
  SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0));
  SmallVector<OpFoldResult> steps(2, b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes{rows, b.getIndexAttr(1)};
  auto vectorType =
      cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
          {matrix.getDimSize(0)}, matrix, offsets, sizes, steps));
  Value vector =
      memref::SubViewOp::create(b, vectorType, view, offsets, sizes, steps);
  Value loaded =
      mfa_gpu::LoadOp::create(b, rowTile(matrix.getElementType()), vector);
  rowMask = map(rowTile(f32), loaded,
                [&](ValueRange args) { return toF32(args[0]); });
}

Value AttentionKernel::maskTile(Value tile) {
  if (!maskBuffer)
    return {};
  Type type = memory.mask.element;
  Value loaded = mfa_gpu::LoadOp::create(
      b, matrixTile(tileKeys, type),
      sharedMatrix(maskBuffer, memory.mask, stageOf(tile)));
  if (type.isF16() || type.isBF16())
    return mfa_gpu::ConvertOp::create(b, matrixTile(tileKeys, f32), loaded);
  return loaded;
}

Value AttentionKernel::addScaleAndMask(Value products, Value maskRegisters) {
  if (foldsScale)
    return products;
  SmallVector<Value> inputs{products};
  if (maskRegisters)
    inputs.push_back(maskRegisters);
  if (rowMask)
    inputs.push_back(rowMask);
  return map(matrixTile(tileKeys, f32), inputs, [&](ValueRange args) -> Value {
    Value mask = args.size() > 1 ? toF32(args[1]) : scalarMask;
    if (!mask)
      return arith::MulFOp::create(b, args[0], operands.scale);
    return math::FmaOp::create(b, args[0], operands.scale, mask);
  });
}

Value AttentionKernel::maskTail(Value scores, Value tile) {
  std::optional<int64_t> known = getConstantIntValue(numKeys);
  if (known && *known % tileKeys == 0)
    return scores;
  Value firstKey = arith::MulIOp::create(b, tile, index(tileKeys));
  Value keysLeft = arith::SubIOp::create(b, numKeys, firstKey);
  Value isTail = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, keysLeft,
                                       index(tileKeys));
  auto branch = scf::IfOp::create(b, scores.getType(), isTail,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value limit = arith::IndexCastUIOp::create(b, b.getI32Type(), keysLeft);
  Value masked = map(
      cast<TileType>(scores.getType()), scores,
      [&](ValueRange args) -> Value {
        Value inside =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, args[2], limit);
        return arith::SelectOp::create(b, inside, args[0], negativeInfinity());
      },
      /*coordinates=*/true);
  scf::YieldOp::create(b, masked);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, scores);
  return branch.getResult(0);
}

Value AttentionKernel::scores(Value tile) {
  TileType type = matrixTile(tileKeys, f32);
  bool splits =
      element.isF32() && schedule.getF32Product() == F32Product::TF32x3;
  Value products = mfa_gpu::MmaOp::create(
      b, type, sharedMatrix(queryBuffer, memory.query, Value()),
      sharedMatrix(keyBuffer, memory.key, stageOf(tile)),
      splat(type, constant(0)), /*transpose_rhs=*/true, splits);
  return maskTail(addScaleAndMask(products, maskTile(tile)), tile);
}

AttentionKernel::Softmax AttentionKernel::update(const Softmax &state,
                                                 Value scores, Value tile) {
  TileType row = rowTile(f32);
  auto scoreType = cast<TileType>(scores.getType());
  Value rowMax = mfa_gpu::ReduceOp::create(b, ReduceKind::Max, scores,
                                           state.rowMax, /*partial=*/false);
  // A row without a key so far: any finite base keeps exp2 free of NaN.
  Value base = map(row, rowMax, [&](ValueRange args) -> Value {
    Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[0],
                                          negativeInfinity());
    return arith::SelectOp::create(b, isEmpty, constant(0), args[0]);
  });
  Value oldMax = state.rowMax;
  if (maskMayOverflow()) {
    // Rows whose maximum times log2 e is no f32 (a mask of the lowest finite
    // value, say) are moved to a maximum of 0 first. Rare, so behind a branch.
    Value isHuge = map(rowTile(b.getI1Type()), base, [&](ValueRange args) {
      Value isHigh = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT,
                                           args[0], constant(0x1p126));
      Value isLow = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, args[0],
                                          constant(-0x1p126));
      return arith::OrIOp::create(b, isHigh, isLow);
    });
    auto branch = scf::IfOp::create(b, TypeRange{scoreType, row, row},
                                    mfa_gpu::AnyOp::create(b, isHuge),
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    auto subtract = [&](ValueRange args) -> Value {
      return arith::SubFOp::create(b, args[0], args[1]);
    };
    Value movedScores = map(scoreType, {scores, base}, subtract);
    Value movedMax = map(row, {oldMax, base}, subtract);
    Value zero = splat(row, constant(0));
    scf::YieldOp::create(b, ValueRange{movedScores, movedMax, zero});
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, ValueRange{scores, oldMax, base});
    scores = branch.getResult(0);
    oldMax = branch.getResult(1);
    base = branch.getResult(2);
  }
  Value baseLog2 = map(row, base, [&](ValueRange args) -> Value {
    return arith::MulFOp::create(b, args[0], toLog2);
  });
  Value weights = map(scoreType, {scores, baseLog2}, [&](ValueRange args) {
    Value exponent = math::FmaOp::create(b, args[0], toLog2,
                                         arith::NegFOp::create(b, args[1]));
    return math::Exp2Op::create(b, exponent);
  });
  Value correction = map(row, {oldMax, baseLog2}, [&](ValueRange args) {
    // Rounded like the base of the earlier tiles.
    Value old = arith::MulFOp::create(b, args[0], toLog2);
    return math::Exp2Op::create(b, arith::SubFOp::create(b, old, args[1]));
  });
  auto multiply = [&](ValueRange args) -> Value {
    return arith::MulFOp::create(b, args[0], args[1]);
  };
  Value rowSum = map(row, {state.rowSum, correction}, multiply);
  rowSum = mfa_gpu::ReduceOp::create(b, ReduceKind::Add, weights, rowSum,
                                     /*partial=*/true);
  auto outputType = cast<TileType>(state.output.getType());
  Value output = map(outputType, {state.output, correction}, multiply);
  Value factor = mfa_gpu::ConvertOp::create(
      b, matrixTile(tileKeys, element, FragmentKind::Operand), weights);
  bool splits =
      element.isF32() && schedule.getF32Product() == F32Product::TF32x3;
  output = mfa_gpu::MmaOp::create(
      b, outputType, factor,
      sharedMatrix(valueBuffer, memory.value, stageOf(tile)), output,
      /*transpose_rhs=*/false, splits);
  return {output, rowMax, rowSum};
}

void AttentionKernel::finish(const Softmax &state) {
  TileType row = rowTile(f32);
  Value rowSum = mfa_gpu::AllReduceOp::create(b, ReduceKind::Add, state.rowSum);
  Value inverse = map(row, rowSum, [&](ValueRange args) -> Value {
    // A reciprocal of one instruction, good to 1 ulp. The exact one calls a
    // function, around which the whole output tile would be spilled.
    return arith::DivFOp::create(b, constant(1), args[0],
                                 arith::FastMathFlags::afn);
  });
  auto isEmpty = [&](Value sum) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sum,
                                 constant(0));
  };
  Value output =
      map(cast<TileType>(state.output.getType()),
          {state.output, inverse, rowSum}, [&](ValueRange args) -> Value {
            Value scaled = arith::MulFOp::create(b, args[0], args[1]);
            return arith::SelectOp::create(b, isEmpty(args[2]), constant(0),
                                           scaled);
          });
  Value rounded = mfa_gpu::ConvertOp::create(
      b, matrixTile(memory.output.cols, element), output);

  // Through shared memory, in place of the query tile, to whole rows.
  waitForCopies();
  Value buffer =
      sharedMatrix(allocateShared(memory.output), memory.output, Value());
  mfa_gpu::StoreOp::create(b, rounded, buffer);
  gpu::BarrierOp::create(b);
  mfa_gpu::CopyOp::create(b, buffer,
                          rowsOfHead(operands.output, head, firstRow, rows));

  if (!operands.lse)
    return;
  Value lse = map(row, {state.rowMax, rowSum}, [&](ValueRange args) -> Value {
    Value natural = args[0];
    if (foldsScale)
      natural = arith::MulFOp::create(b, natural, operands.scale);
    Value logSum = math::Log2Op::create(b, args[1]);
    Value sum = math::FmaOp::create(b, logSum, constant(kLn2), natural);
    return arith::SelectOp::create(b, isEmpty(args[1]), negativeInfinity(),
                                   sum);
  });
  OpFoldResult one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets{batch, head, firstRow};
  SmallVector<OpFoldResult> sizes{one, one, rows};
  SmallVector<OpFoldResult> steps(3, one);
  auto type = cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
      {getConstantIntValue(rows).value_or(ShapedType::kDynamic)},
      cast<MemRefType>(operands.lse.getType()), offsets, sizes, steps));
  Value view =
      memref::SubViewOp::create(b, type, operands.lse, offsets, sizes, steps);
  mfa_gpu::StoreOp::create(b, lse, view);
}

void AttentionKernel::build() {
  FloatAttr scale;
  bool isPositive = matchPattern(operands.scale, m_Constant(&scale)) &&
                    scale.getValue().isFiniteNonZero() &&
                    !scale.getValue().isNegative();
  foldsScale = maskForm == MaskForm::None && isPositive;
  toLog2 = constant(foldsScale ? scale.getValueAsDouble() * kLog2E : kLog2E);

  locateBlock();
  sharedBytes = gpu::DynamicSharedMemoryOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), AffineMap(),
                         gpu::AddressSpaceAttr::get(
                             b.getContext(), gpu::AddressSpace::Workgroup)));
  queryBuffer = allocateShared(memory.query);
  keyBuffer = allocateShared(memory.key);
  valueBuffer = allocateShared(memory.value);
  if (memory.mask.rows)
    maskBuffer = allocateShared(memory.mask);

  bool prefetchesAll = schedule.getStages() > 1;
  Value zero = index(0), one = index(1);
  mfa_gpu::CopyAsyncOp::create(
      b, rowsOfHead(operands.query, head, firstRow, rows),
      sharedMatrix(queryBuffer, memory.query, Value()));
  auto copyFirst = scf::IfOp::create(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, numKeys, zero));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(copyFirst.thenBlock());
    copyKeyAndMask(zero);
    if (prefetchesAll)
      copyValue(zero);
  }
  NVVM::CpAsyncCommitGroupOp::create(b);
  loadRowMask();

  TileType outputType = matrixTile(memory.output.cols, f32);
  Value initialOutput = splat(outputType, constant(0));
  Value initialMax = splat(rowTile(f32), negativeInfinity());
  Value initialSum = splat(rowTile(f32), constant(0));
  auto loop =
      scf::ForOp::create(b, zero, numTiles, one,
                         ValueRange{initialOutput, initialMax, initialSum});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value tile = loop.getInductionVar();
    Softmax state{loop.getRegionIterArg(0), loop.getRegionIterArg(1),
                  loop.getRegionIterArg(2)};
    // Key and mask tile are there, and the last tile's reads are done.
    waitForCopies();
    if (prefetchesAll) {
      copyNext(tile, [&](Value next) {
        copyKeyAndMask(next);
        copyValue(next);
      });
    } else {
      copyValue(tile);
      NVVM::CpAsyncCommitGroupOp::create(b);
    }
    Value tileScores = scores(tile);
    if (!prefetchesAll) {
      // The value tile is there, and key and mask tile are free.
      waitForCopies();
      copyNext(tile, [&](Value next) { copyKeyAndMask(next); });
    }
    Softmax next = update(state, tileScores, tile);
    scf::YieldOp::create(b, ValueRange{next.output, next.rowMax, next.rowSum});
  }
  finish({loop.getResult(0), loop.getResult(1), loop.getResult(2)});
}

} // namespace

void mfa::buildAttentionKernel(OpBuilder &builder, MaskedAttentionOp op,
                               const KernelOperands &operands) {
  AttentionKernel(builder, op, operands).build();
}
