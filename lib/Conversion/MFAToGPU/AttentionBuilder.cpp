//===- AttentionBuilder.cpp - What attention kernels share ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::FragmentAttr;
using mfa_gpu::FragmentKind;
using mfa_gpu::ReduceKind;
using mfa_gpu::TileType;

static constexpr double kLog2E = 1.4426950408889634;
static constexpr double kLn2 = 0.6931471805599453;
/// By how much the row maximum may exceed m where weights are rounded to 16
/// bits: they are 2^8 at most, far from the largest f16. An f32 exponent of 8
/// has lost three bits, which f32 operands would show.
static constexpr double kMaxGrowth = 8 * kLn2;
/// A lane's sum of a row's weights, in a step whose maximum it does not know:
/// no weight is larger, far from the largest f16.
static constexpr double kMaxEarlySum = 0x1p10;
/// The product of a maximum with log2 e is rounded: here by 4 at most, which
/// all weights of the row have in common. Past it weights might be infinite.
static constexpr double kMaxBase = 0x1p26;

static gpu::AddressSpaceAttr getSharedSpace(MLIRContext *context) {
  return gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
}

AttentionBuilder::AttentionBuilder(OpBuilder &builder, MaskedAttentionOp op,
                                   const KernelOperands &operands)
    : b(op.getLoc(), builder), op(op), operands(operands),
      schedule(*op.getSchedule()), memory(getSharedMemory(op, schedule)),
      maskForm(getMaskForm(op)), element(op.getElementType()),
      f32(b.getF32Type()), tileRows(schedule.getTileRows()),
      tileKeys(schedule.getTileKeys()),
      clusterBlocks(schedule.getClusterBlocks()),
      triesOldMax(schedule.getKind() == KernelKind::Wgmma) {
  toLog2 = constant(kLog2E);
  if (!operands.scale)
    return;
  FloatAttr scale;
  bool isKnown = matchPattern(operands.scale, m_Constant(&scale));
  if (isKnown)
    scaleToLog2 = constant(scale.getValueAsDouble() * kLog2E);
  else if (triesOldMax)
    scaleToLog2 = arith::MulFOp::create(b, operands.scale, toLog2);
  canScaleLate = !triesOldMax && isKnown &&
                 scale.getValue().isFiniteNonZero() &&
                 !scale.getValue().isNegative();
}

//===----------------------------------------------------------------------===//
// Values and types
//===----------------------------------------------------------------------===//

Value AttentionBuilder::negativeInfinity() {
  return constant(-std::numeric_limits<double>::infinity());
}

Value AttentionBuilder::dim(Value array, unsigned position) {
  return b.createOrFold<memref::DimOp>(array, position);
}

TileType AttentionBuilder::matrixTile(int64_t cols, Type type,
                                      FragmentKind kind) {
  return TileType::get(
      b.getContext(), {tileRows, cols}, type,
      FragmentAttr::get(b.getContext(), kind, schedule.getWarps()));
}

TileType AttentionBuilder::rowTile(Type type) {
  return TileType::get(b.getContext(), {tileRows}, type,
                       FragmentAttr::get(b.getContext(), FragmentKind::Row,
                                         schedule.getWarps()));
}

Value AttentionBuilder::map(TileType type, ValueRange inputs,
                            function_ref<Value(ValueRange)> body,
                            bool coordinates) {
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

Value AttentionBuilder::scaleRows(Value tile, Value factors) {
  return map(cast<TileType>(tile.getType()), {tile, factors},
             [&](ValueRange args) -> Value {
               return arith::MulFOp::create(b, args[0], args[1]);
             });
}

void AttentionBuilder::guarded(Value condition, function_ref<void()> then) {
  auto branch = scf::IfOp::create(b, condition);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
}

Value AttentionBuilder::negate(Value condition) {
  return arith::XOrIOp::create(b, condition,
                               arith::ConstantIntOp::create(b, true, 1));
}

SmallVector<Value>
AttentionBuilder::choose(Value condition,
                         function_ref<SmallVector<Value>()> then,
                         function_ref<SmallVector<Value>()> otherwise) {
  auto fill = [&](function_ref<SmallVector<Value>()> body) {
    return [this, body](OpBuilder &nested, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(nested.getInsertionBlock(),
                          nested.getInsertionPoint());
      scf::YieldOp::create(b, body());
    };
  };
  auto choice = scf::IfOp::create(b, condition, fill(then), fill(otherwise));
  return SmallVector<Value>(choice.getResults());
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

bool AttentionBuilder::isMultiple(Value size, int64_t of) {
  std::optional<int64_t> known = getConstantIntValue(size);
  return known && *known % of == 0;
}

OpFoldResult AttentionBuilder::tileSize(Value size, Value first,
                                        int64_t limit) {
  if (isMultiple(size, limit))
    return b.getIndexAttr(limit);
  Value rest = arith::SubIOp::create(b, size, first);
  return arith::MinUIOp::create(b, rest, index(limit)).getResult();
}

Value AttentionBuilder::matrixView(Value array, ArrayRef<OpFoldResult> offsets,
                                   ArrayRef<OpFoldResult> sizes,
                                   unsigned rowDim, unsigned colDim) {
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

Value AttentionBuilder::vectorView(Value array, ArrayRef<OpFoldResult> offsets,
                                   ArrayRef<OpFoldResult> sizes, unsigned dim) {
  auto type = cast<MemRefType>(array.getType());
  SmallVector<OpFoldResult> steps(type.getRank(), b.getIndexAttr(1));
  auto viewType =
      cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
          {getConstantIntValue(sizes[dim]).value_or(ShapedType::kDynamic)},
          type, offsets, sizes, steps));
  return memref::SubViewOp::create(b, viewType, array, offsets, sizes, steps);
}

Value AttentionBuilder::rowsOfHead(Value array, Value head, Value first,
                                   OpFoldResult rows) {
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
  int64_t cols = cast<MemRefType>(array.getType()).getDimSize(3);
  return matrixView(array, {batch, first, head, zero},
                    {one, rows, one, b.getIndexAttr(cols)}, 1, 3);
}

SmallVector<OpFoldResult> AttentionBuilder::maskOffsets(Value firstKey) {
  SmallVector<OpFoldResult> offsets(op.getMaskType().getRank(),
                                    b.getIndexAttr(0));
  std::pair<ScoreDim, Value> places[] = {{ScoreDim::Batch, batch},
                                         {ScoreDim::Head, head},
                                         {ScoreDim::Query, firstRow},
                                         {ScoreDim::Key, firstKey}};
  for (auto [dim, offset] : places)
    if (std::optional<unsigned> position = op.getMaskDim(dim))
      offsets[*position] = offset;
  return offsets;
}

Value AttentionBuilder::maskView(Value firstKey, OpFoldResult keys) {
  unsigned rank = op.getMaskType().getRank();
  SmallVector<OpFoldResult> sizes(rank, b.getIndexAttr(1));
  if (std::optional<unsigned> position = op.getMaskDim(ScoreDim::Query))
    sizes[*position] = rows;
  if (std::optional<unsigned> position = op.getMaskDim(ScoreDim::Key))
    sizes[*position] = keys;
  return matrixView(operands.mask, maskOffsets(firstKey), sizes, rank - 2,
                    rank - 1);
}

Value AttentionBuilder::allocateShared(const SharedMatrix &matrix) {
  SmallVector<int64_t> shape{matrix.stages};
  if (matrix.panels)
    shape.push_back(matrix.panels);
  shape.append({matrix.rows, matrix.pitch});
  auto type = MemRefType::get(shape, matrix.element, AffineMap(),
                              getSharedSpace(b.getContext()));
  return memref::ViewOp::create(b, type, sharedBytes, index(matrix.offset),
                                ValueRange());
}

Value AttentionBuilder::sharedMatrix(Value buffer, const SharedMatrix &matrix,
                                     Value stage) {
  auto type = cast<MemRefType>(buffer.getType());
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets(type.getRank(), zero);
  SmallVector<OpFoldResult> steps(type.getRank(), one);
  SmallVector<OpFoldResult> sizes{one};
  if (matrix.stages > 1)
    offsets[0] = stage;
  if (matrix.panels)
    sizes.push_back(b.getIndexAttr(matrix.panels));
  sizes.push_back(b.getIndexAttr(matrix.rows));
  sizes.push_back(b.getIndexAttr(matrix.panels ? matrix.pitch : matrix.cols));
  SmallVector<int64_t> shape;
  for (OpFoldResult size : ArrayRef(sizes).drop_front())
    shape.push_back(*getConstantIntValue(size));
  auto viewType =
      cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
          shape, type, offsets, sizes, steps));
  return memref::SubViewOp::create(b, viewType, buffer, offsets, sizes, steps);
}

//===----------------------------------------------------------------------===//
// Parts of the kernel
//===----------------------------------------------------------------------===//

void AttentionBuilder::locateBlock() {
  numKeys = dim(operands.key, 1);
  rowTiles = b.createOrFold<arith::CeilDivUIOp>(
      dim(operands.query, 1), index(clusterBlocks * tileRows));
  numTiles = b.createOrFold<arith::CeilDivUIOp>(numKeys, index(tileKeys));
  if (schedule.getSplitsKeys()) {
    split = gpu::BlockIdOp::create(b, gpu::Dimension::y);
    Value splits = gpu::GridDimOp::create(b, gpu::Dimension::y);
    // There are no more ranges than tiles, so that each has one.
    auto firstOf = [&](Value range) -> Value {
      return arith::DivUIOp::create(
          b, arith::MulIOp::create(b, range, numTiles), splits);
    };
    firstTile = firstOf(split);
    Value end = firstOf(arith::AddIOp::create(b, split, index(1)));
    numTiles = arith::SubIOp::create(b, end, firstTile);
  }
  sharedBytes = gpu::DynamicSharedMemoryOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), AffineMap(),
                         getSharedSpace(b.getContext())));
}

void AttentionBuilder::locateRows(Value number) {
  // In 32 bits, which count all tiles that any memory holds: of sizes that are
  // not known, a division in 64 takes a hundred instructions.
  Value zero = arith::ConstantIntOp::create(b, 0, 32);
  auto divide = [&](Value value, Value by, Value limit = Value()) {
    // The quotient is less than `limit`.
    if (limit && isConstantIntValue(limit, 1))
      return std::pair(zero, value);
    return std::pair(b.createOrFold<arith::DivUIOp>(value, by),
                     b.createOrFold<arith::RemUIOp>(value, by));
  };
  auto multiply = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  };
  Value numHeads = toI32(dim(operands.query, 2));
  Value tiles = toI32(rowTiles);
  auto [inBatch, rest] = divide(toI32(number), multiply(tiles, numHeads),
                                toI32(dim(operands.query, 0)));
  Value heads = numHeads, firstHead;
  if (int64_t adjacent = schedule.getAdjacentHeads()) {
    // Heads in runs of `adjacent`, of which the last may be shorter.
    Value length = arith::ConstantIntOp::create(b, adjacent, 32);
    Value run;
    std::tie(run, rest) = divide(rest, multiply(tiles, length));
    firstHead = multiply(run, length);
    heads = b.createOrFold<arith::MinUIOp>(
        b.createOrFold<arith::SubIOp>(numHeads, firstHead), length);
  }
  auto [row, inRun] = divide(rest, heads, tiles);
  Value headOfRow =
      firstHead ? b.createOrFold<arith::AddIOp>(firstHead, inRun) : inRun;
  Value group =
      b.createOrFold<arith::DivUIOp>(numHeads, toI32(dim(operands.key, 2)));
  batch = toIndex(inBatch);
  head = toIndex(headOfRow);
  keyHead = toIndex(b.createOrFold<arith::DivUIOp>(headOfRow, group));
  int64_t clusterRows = clusterBlocks * tileRows;
  Value queries = dim(operands.query, 1);
  firstRow = arith::MulIOp::create(b, toIndex(row), index(clusterRows));
  if (clusterBlocks > 1) {
    Value rank = gpu::ClusterBlockIdOp::create(b, gpu::Dimension::x);
    firstRow = arith::AddIOp::create(
        b, firstRow, arith::MulIOp::create(b, rank, index(tileRows)));
  }
  if (clusterBlocks == 1 || isMultiple(queries, clusterRows)) {
    rows = tileSize(queries, firstRow, tileRows);
    return;
  }
  // The last cluster of a head may have blocks without any row, which load
  // their part of keys and values for the others.
  firstRow = arith::MinUIOp::create(b, firstRow, queries);
  Value left = arith::SubIOp::create(b, queries, firstRow);
  rows = arith::MinUIOp::create(b, left, index(tileRows)).getResult();
}

void AttentionBuilder::loadRowMask() {
  if (maskForm != MaskForm::QueryVector && maskForm != MaskForm::Scalar)
    return;
  Value view = maskView(index(0), b.getIndexAttr(1));
  if (maskForm == MaskForm::Scalar) {
    Value zero = index(0);
    scalarMask = toF32(memref::LoadOp::create(b, view, ValueRange{zero, zero}));
    return;
  }
  auto matrix = cast<MemRefType>(view.getType());
  OpFoldResult zero = b.getIndexAttr(0);
  Value vector = vectorView(view, {zero, zero}, {rows, b.getIndexAttr(1)}, 0);
  Value loaded =
      mfa_gpu::LoadOp::create(b, rowTile(matrix.getElementType()), vector);
  rowMask = map(rowTile(f32), loaded,
                [&](ValueRange args) { return toF32(args[0]); });
}

AttentionBuilder::Softmax AttentionBuilder::initialSoftmax() {
  return {splat(rowTile(f32), negativeInfinity()),
          splat(rowTile(f32), constant(0))};
}

Value AttentionBuilder::firstKeyOfTile(Value tile) {
  if (firstTile)
    tile = arith::AddIOp::create(b, firstTile, tile);
  return arith::MulIOp::create(b, tile, index(tileKeys));
}

Value AttentionBuilder::loadMaskTile(Value shared) {
  Type type = cast<MemRefType>(shared.getType()).getElementType();
  return mfa_gpu::LoadOp::create(b, matrixTile(tileKeys, type), shared);
}

Value AttentionBuilder::widenMask(Value maskRegisters) {
  Type type = cast<TileType>(maskRegisters.getType()).getElementType();
  if (!type.isF16() && !type.isBF16())
    return maskRegisters;
  return mfa_gpu::ConvertOp::create(b, matrixTile(tileKeys, f32),
                                    maskRegisters);
}

AttentionBuilder::Scores
AttentionBuilder::addScaleAndMask(Value products, Value maskRegisters) {
  if (maskForm == MaskForm::None && canScaleLate)
    return {products, /*isScaled=*/false};
  SmallVector<Value> inputs{products};
  if (maskRegisters)
    inputs.push_back(widenMask(maskRegisters));
  if (rowMask)
    inputs.push_back(rowMask);
  Value scores =
      map(matrixTile(tileKeys, f32), inputs, [&](ValueRange args) -> Value {
        Value mask = args.size() > 1 ? toF32(args[1]) : scalarMask;
        if (!mask)
          return arith::MulFOp::create(b, args[0], operands.scale);
        return math::FmaOp::create(b, args[0], operands.scale, mask);
      });
  return {scores, /*isScaled=*/true};
}

bool AttentionBuilder::hasTail() {
  std::optional<int64_t> known = getConstantIntValue(numKeys);
  return !known || *known % tileKeys != 0;
}

AttentionBuilder::Scores AttentionBuilder::keepKeys(Scores scores,
                                                    Value count) {
  Value limit = arith::IndexCastUIOp::create(b, b.getI32Type(), count);
  scores.tile = map(
      cast<TileType>(scores.tile.getType()), scores.tile,
      [&](ValueRange args) -> Value {
        Value inside =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, args[2], limit);
        return arith::SelectOp::create(b, inside, args[0], negativeInfinity());
      },
      /*coordinates=*/true);
  return scores;
}

AttentionBuilder::SoftmaxStep AttentionBuilder::updateRowMax(Value oldMax,
                                                             Scores scores) {
  TileType row = rowTile(f32);
  auto scoreType = cast<TileType>(scores.tile.getType());
  Value tileMax;
  if (scores.isScaled) {
    tileMax = mfa_gpu::ReduceOp::create(b, ReduceKind::Max, scores.tile, oldMax,
                                        /*partial=*/false);
  } else {
    Value lowest = splat(row, negativeInfinity());
    Value unscaled = mfa_gpu::ReduceOp::create(b, ReduceKind::Max, scores.tile,
                                               lowest, /*partial=*/false);
    tileMax = map(row, {unscaled, oldMax}, [&](ValueRange args) -> Value {
      Value scaled = arith::MulFOp::create(b, args[0], operands.scale);
      Value isMore =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, scaled, args[1]);
      return arith::SelectOp::create(b, isMore, scaled, args[1]);
    });
  }
  // From -inf it grows by inf, which is more than any limit.
  Value hasGrown = map(
      rowTile(b.getI1Type()), {tileMax, oldMax}, [&](ValueRange args) -> Value {
        Value growth = arith::SubFOp::create(b, args[0], args[1]);
        return arith::CmpFOp::create(
            b, arith::CmpFPredicate::UGT, growth,
            constant(element.isF32() || triesOldMax ? 0 : kMaxGrowth));
      });
  Value rowMax =
      map(row, {hasGrown, tileMax, oldMax}, [&](ValueRange args) -> Value {
        return arith::SelectOp::create(b, args[0], args[1], args[2]);
      });
  // A row without a key so far: any finite base keeps exp2 free of NaN.
  Value base = map(row, rowMax, [&](ValueRange args) -> Value {
    Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[0],
                                          negativeInfinity());
    return arith::SelectOp::create(b, isEmpty, constant(0), args[0]);
  });
  if (scores.isScaled && (maskMayOverflow() || triesOldMax)) {
    // Rows whose maximum times log2 e is no f32 (a mask of the lowest finite
    // value, say) are moved to a maximum of 0 first. Rare, so behind a branch.
    Value isAnyHuge = map(rowTile(b.getI1Type()), base,
                          [&](ValueRange args) { return isHuge(args[0]); });
    auto subtract = [&](ValueRange args) -> Value {
      return arith::SubFOp::create(b, args[0], args[1]);
    };
    auto moved = choose(
        mfa_gpu::AnyOp::create(b, isAnyHuge),
        [&]() -> SmallVector<Value> {
          return {map(scoreType, {scores.tile, base}, subtract),
                  map(row, {oldMax, base}, subtract), splat(row, constant(0))};
        },
        [&]() -> SmallVector<Value> { return {scores.tile, oldMax, base}; });
    scores.tile = moved[0];
    oldMax = moved[1];
    base = moved[2];
  }
  Value baseLog2 = map(row, base, [&](ValueRange args) -> Value {
    return arith::MulFOp::create(b, args[0], toLog2);
  });
  Value correction =
      map(row, {hasGrown, oldMax, baseLog2}, [&](ValueRange args) -> Value {
        // Rounded like the base of the earlier tiles.
        Value old = arith::MulFOp::create(b, args[1], toLog2);
        Value ratio =
            math::Exp2Op::create(b, arith::SubFOp::create(b, old, args[2]));
        return arith::SelectOp::create(b, args[0], ratio, constant(1));
      });
  Value factor = scores.isScaled ? toLog2 : scaleToLog2;
  return {scores.tile, factor, baseLog2, rowMax, hasGrown, correction};
}

Value AttentionBuilder::weigh(const SoftmaxStep &step, Value &rowSum) {
  auto type = cast<TileType>(step.scores.getType());
  Value weights = map(type, {step.scores, step.base}, [&](ValueRange args) {
    Value exponent = math::FmaOp::create(b, args[0], step.factor,
                                         arith::NegFOp::create(b, args[1]));
    return math::Exp2Op::create(b, exponent);
  });
  rowSum = mfa_gpu::ReduceOp::create(b, ReduceKind::Add, weights,
                                     scaleRows(rowSum, step.correction),
                                     /*partial=*/true);
  return weights;
}

Value AttentionBuilder::areWithin(Value numbers, double limit) {
  Value isOutside =
      map(rowTile(b.getI1Type()), numbers, [&](ValueRange args) -> Value {
        Value isHigh = arith::CmpFOp::create(b, arith::CmpFPredicate::UGT,
                                             args[0], constant(limit));
        Value isLow = arith::CmpFOp::create(b, arith::CmpFPredicate::ULT,
                                            args[0], constant(-limit));
        return arith::OrIOp::create(b, isHigh, isLow);
      });
  return negate(mfa_gpu::AnyOp::create(b, isOutside));
}

Value AttentionBuilder::areBases(Value rowMax) {
  return areWithin(rowMax, kMaxBase);
}

AttentionBuilder::EarlyWeights
AttentionBuilder::tryOldMax(Value products, Value maskRegisters,
                            const Softmax &state) {
  TileType row = rowTile(f32), tile = matrixTile(tileKeys, f32);
  auto fma = [&](Value lhs, Value rhs, Value sum) -> Value {
    return math::FmaOp::create(b, lhs, rhs, sum);
  };
  // (s scale + mask - m) log2 e, in an order that has all of a row first.
  SmallVector<Value> ofRow{state.rowMax};
  if (rowMask)
    ofRow.push_back(rowMask);
  Value shift = map(row, ofRow, [&](ValueRange args) -> Value {
    Value base = arith::MulFOp::create(b, args[0], toLog2);
    Value shift = arith::NegFOp::create(b, base);
    Value mask = args.size() > 1 ? args[1] : scalarMask;
    return mask ? fma(mask, toLog2, shift) : shift;
  });
  SmallVector<Value> inputs{products, shift};
  if (maskRegisters)
    inputs.push_back(widenMask(maskRegisters));
  Value weights = map(tile, inputs, [&](ValueRange args) -> Value {
    Value shift = args[1];
    if (maskRegisters && args[2].getType().isInteger(1))
      shift = arith::SelectOp::create(b, args[2], shift, negativeInfinity());
    else if (maskRegisters)
      shift = fma(args[2], toLog2, shift);
    return math::Exp2Op::create(b, fma(args[0], scaleToLog2, shift));
  });
  Value rowSum = mfa_gpu::ReduceOp::create(b, ReduceKind::Add, weights,
                                           splat(row, constant(0)),
                                           /*partial=*/true);
  Value areGood = areWithin(rowSum, kMaxEarlySum);
  rowSum = map(row, {rowSum, state.rowSum}, [&](ValueRange args) -> Value {
    return arith::AddFOp::create(b, args[0], args[1]);
  });
  return {weights, rowSum, areGood};
}

AttentionBuilder::EarlyWeights
AttentionBuilder::excludeAll(Value products, const Softmax &state) {
  Value sums = mfa_gpu::ReduceOp::create(b, ReduceKind::Add, products,
                                         splat(rowTile(f32), constant(0)),
                                         /*partial=*/true);
  return {splat(matrixTile(tileKeys, f32), constant(0)), state.rowSum,
          areWithin(sums, std::numeric_limits<float>::max())};
}

Value AttentionBuilder::rescale(Value output, const SoftmaxStep &step) {
  return choose(
      mfa_gpu::AnyOp::create(b, step.hasGrown),
      [&]() -> SmallVector<Value> {
        return {scaleRows(output, step.correction)};
      },
      [&]() -> SmallVector<Value> { return {output}; })[0];
}

Value AttentionBuilder::toFactor(Value weights) {
  return mfa_gpu::ConvertOp::create(
      b, matrixTile(tileKeys, element, FragmentKind::Operand), weights);
}

Value AttentionBuilder::normalize(Value output, Value rowSum) {
  TileType row = rowTile(f32);
  Value inverse = map(row, rowSum, [&](ValueRange args) -> Value {
    // A reciprocal of one instruction, good to 1 ulp. The exact one calls a
    // function, around which the whole output tile would be spilled.
    return arith::DivFOp::create(b, constant(1), args[0],
                                 arith::FastMathFlags::afn);
  });
  Value divided = map(
      cast<TileType>(output.getType()), {output, inverse, rowSum},
      [&](ValueRange args) -> Value {
        Value scaled = arith::MulFOp::create(b, args[0], args[1]);
        return arith::SelectOp::create(b, isZero(args[2]), constant(0), scaled);
      });
  return mfa_gpu::ConvertOp::create(b, matrixTile(memory.output.cols, element),
                                    divided);
}

void AttentionBuilder::storeLse(const Softmax &state) {
  if (!operands.lse)
    return;
  Value lse = map(rowTile(f32), {state.rowMax, state.rowSum},
                  [&](ValueRange args) { return logSumExp(args[0], args[1]); });
  OpFoldResult one = b.getIndexAttr(1);
  mfa_gpu::StoreOp::create(
      b, lse,
      vectorView(operands.lse, {batch, head, firstRow}, {one, one, rows}, 2));
}

void AttentionBuilder::storePartial(Value output, const Softmax &state) {
  OpFoldResult one = b.getIndexAttr(1);
  int64_t valueDim = op.getValueDim();
  auto offsetsOf = [&](int64_t col) -> SmallVector<OpFoldResult> {
    return {split, batch, firstRow, head, b.getIndexAttr(col)};
  };
  auto store = [&](Value tile, Value view) {
    mfa_gpu::StoreOp::create(b, tile, view);
  };
  store(output,
        matrixView(operands.partial, offsetsOf(0),
                   {one, one, rows, one, b.getIndexAttr(valueDim)}, 2, 4));
  SmallVector<OpFoldResult> column{one, one, rows, one, one};
  store(state.rowMax,
        vectorView(operands.partial, offsetsOf(valueDim), column, 2));
  store(state.rowSum,
        vectorView(operands.partial, offsetsOf(valueDim + 1), column, 2));
}

Value AttentionBuilder::logSumExp(Value rowMax, Value rowSum) {
  Value logSum = math::Log2Op::create(b, rowSum);
  Value sum = math::FmaOp::create(b, logSum, constant(kLn2), rowMax);
  return arith::SelectOp::create(b, isZero(rowSum), negativeInfinity(), sum);
}

Value AttentionBuilder::isHuge(Value rowMax) {
  Value isHigh = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, rowMax,
                                       constant(kMaxBase));
  Value isLow = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, rowMax,
                                      constant(-kMaxBase));
  return arith::OrIOp::create(b, isHigh, isLow);
}

Value AttentionBuilder::isZero(Value value) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, value,
                               constant(0));
}

Value AttentionBuilder::toF32(Value value) {
  if (value.getType().isF32())
    return value;
  if (value.getType().isInteger(1))
    return arith::SelectOp::create(b, value, constant(0), negativeInfinity());
  return arith::ExtFOp::create(b, f32, value);
}

bool AttentionBuilder::maskMayOverflow() {
  if (maskForm == MaskForm::None)
    return false;
  Type type = op.getMaskType().getElementType();
  return type.isF32() || type.isBF16();
}
