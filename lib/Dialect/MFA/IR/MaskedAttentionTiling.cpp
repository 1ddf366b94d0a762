//===- MaskedAttentionTiling.cpp - Tiles of masked attention --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The iteration domain is [B, H, Sq], all parallel: a tile computes whole rows
// of the output from the whole key sequence. Each operand is sliced along the
// dimensions of the domain that it has; broadcast mask dimensions are not.
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include <numeric>

using namespace mlir;
using namespace mlir::mfa;

/// Positions in the iteration domain.
enum : unsigned {
  kBatchLoop = 0,
  kHeadLoop = 1,
  kQueryLoop = 2,
  kNumLoops = 3
};

namespace {
/// Offsets and sizes of a part of an array or of the iteration domain.
struct Tile {
  SmallVector<OpFoldResult> offsets, sizes;

  void add(OpFoldResult offset, OpFoldResult size) {
    offsets.push_back(offset);
    sizes.push_back(size);
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Grouped heads
//===----------------------------------------------------------------------===//

static int64_t getKnownDivisor(OpFoldResult value);

/// The largest number known to divide `expr`, given one for each operand.
static int64_t getKnownDivisor(AffineExpr expr, ArrayRef<int64_t> operands,
                               unsigned numDims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::abs(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return operands[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return operands[numDims + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t lhs = getKnownDivisor(binary.getLHS(), operands, numDims);
  int64_t rhs = getKnownDivisor(binary.getRHS(), operands, numDims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return std::gcd(lhs, rhs);
  case AffineExprKind::Mul:
    return lhs * rhs;
  default:
    return 1;
  }
}

/// The largest number known to divide `value`; 0 for 0, which all divide.
static int64_t getKnownDivisor(OpFoldResult value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return std::abs(*constant);
  auto dynamic = cast<Value>(value);
  auto ofMap = [](AffineMap map, ValueRange operands) {
    SmallVector<int64_t> divisors = llvm::map_to_vector(
        operands, [](Value operand) { return getKnownDivisor(operand); });
    int64_t divisor = 0;
    for (AffineExpr expr : map.getResults())
      divisor =
          std::gcd(divisor, getKnownDivisor(expr, divisors, map.getNumDims()));
    return divisor;
  };
  if (auto apply = dynamic.getDefiningOp<affine::AffineApplyOp>())
    return ofMap(apply.getAffineMap(), apply.getMapOperands());
  if (auto min = dynamic.getDefiningOp<affine::AffineMinOp>())
    return ofMap(min.getAffineMap(), min.getMapOperands());

  auto argument = dyn_cast<BlockArgument>(dynamic);
  auto loop = argument ? dyn_cast_or_null<LoopLikeOpInterface>(
                             argument.getOwner()->getParentOp())
                       : LoopLikeOpInterface();
  if (!loop)
    return 1;
  std::optional<SmallVector<Value>> ivs = loop.getLoopInductionVars();
  std::optional<SmallVector<OpFoldResult>> lowers = loop.getLoopLowerBounds();
  std::optional<SmallVector<OpFoldResult>> steps = loop.getLoopSteps();
  if (!ivs || !lowers || !steps)
    return 1;
  for (auto [iv, lower, step] : llvm::zip_equal(*ivs, *lowers, *steps))
    if (iv == dynamic)
      return std::gcd(getKnownDivisor(lower), getKnownDivisor(step));
  return 1;
}

/// Whether the tile of heads is all of them.
static bool hasAllHeads(MaskedAttentionOp op, OpFoldResult offset,
                        OpFoldResult size) {
  if (!isZeroInteger(offset))
    return false;
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return *constant == op.getNumHeads();
  FailureOr<bool> isEqual = ValueBoundsConstraintSet::areEqual(
      size, {op.getQuery(), MaskedAttentionOp::kHead});
  return succeeded(isEqual) && *isEqual;
}

/// The heads of key and value that a tile of query heads reads, such that head
/// j of the tile reads head j / (H / h) of theirs. With G = H / h, a tile that
/// starts at head o and has n heads is one of
///
///   all heads                       all of them
///   n = 1                           head o / G
///   n <= gcd(o, G)                  head o / G: a part of one group
///   n and o multiples of G          n / G heads from o / G: whole groups
///
/// The last two need a static G. Any other tile would read different numbers
/// of rows per key head, which the op cannot express.
static LogicalResult getKVHeadTile(MaskedAttentionOp op, OpBuilder &builder,
                                   OpFoldResult offset, OpFoldResult size,
                                   OpFoldResult &kvOffset,
                                   OpFoldResult &kvSize) {
  Location loc = op.getLoc();
  int64_t group = op.getGroupSize();
  if (group == 1) {
    kvOffset = offset;
    kvSize = size;
    return success();
  }
  if (hasAllHeads(op, offset, size)) {
    kvOffset = builder.getIndexAttr(0);
    kvSize = linalg::createFoldedDimOp(builder, loc, op.getKey(),
                                       MaskedAttentionOp::kHead);
    return success();
  }

  FailureOr<int64_t> maxSize = ValueBoundsConstraintSet::computeConstantBound(
      presburger::BoundType::UB, size, /*stopCondition=*/nullptr,
      /*closedUB=*/true);
  bool isOneHead = succeeded(maxSize) && *maxSize <= 1;
  if (ShapedType::isDynamic(group)) {
    if (!isOneHead)
      return op.emitOpError("expected a tile of one head or of all heads where "
                            "the heads of 'query' or 'key' are dynamic");
    auto getHeads = [&](Value array) {
      return getValueOrCreateConstantIndexOp(
          builder, loc,
          linalg::createFoldedDimOp(builder, loc, array,
                                    MaskedAttentionOp::kHead));
    };
    Value groupSize = arith::DivUIOp::create(
        builder, loc, getHeads(op.getQuery()), getHeads(op.getKey()));
    kvOffset =
        arith::DivUIOp::create(
            builder, loc, getValueOrCreateConstantIndexOp(builder, loc, offset),
            groupSize)
            .getResult();
    kvSize = builder.getIndexAttr(1);
    return success();
  }

  AffineExpr perGroup = builder.getAffineSymbolExpr(0).floorDiv(group);
  int64_t offsetDivisor = getKnownDivisor(offset);
  bool isPartOfGroup =
      succeeded(maxSize) && *maxSize <= std::gcd(offsetDivisor, group);
  bool isWholeGroups =
      offsetDivisor % group == 0 && getKnownDivisor(size) % group == 0;
  if (!isOneHead && !isPartOfGroup && !isWholeGroups)
    return op.emitOpError("expected a tile of whole groups of ")
           << group << " heads or of an equal part of one group, aligned to "
           << "its size";
  kvOffset =
      affine::makeComposedFoldedAffineApply(builder, loc, perGroup, offset);
  kvSize = isWholeGroups ? affine::makeComposedFoldedAffineApply(builder, loc,
                                                                 perGroup, size)
                         : OpFoldResult(builder.getIndexAttr(1));
  return success();
}

//===----------------------------------------------------------------------===//
// Tiles of the arrays
//===----------------------------------------------------------------------===//

/// The tile of query (`lastSize` is D) or output (Dv).
static Tile getRowsTile(OpBuilder &builder, ArrayRef<OpFoldResult> offsets,
                        ArrayRef<OpFoldResult> sizes, int64_t lastSize) {
  Tile tile;
  for (unsigned loop : {kBatchLoop, kQueryLoop, kHeadLoop})
    tile.add(offsets[loop], sizes[loop]);
  tile.add(builder.getIndexAttr(0), builder.getIndexAttr(lastSize));
  return tile;
}

/// The tile of the log-sum-exp, whose dimensions are those of the domain.
static Tile getLseTile(ArrayRef<OpFoldResult> offsets,
                       ArrayRef<OpFoldResult> sizes) {
  return {llvm::to_vector(offsets), llvm::to_vector(sizes)};
}

static Tile getMaskTile(MaskedAttentionOp op, OpBuilder &builder,
                        ArrayRef<OpFoldResult> offsets,
                        ArrayRef<OpFoldResult> sizes) {
  Tile tile;
  for (unsigned dim = 0, e = op.getMaskType().getRank(); dim < e; ++dim)
    tile.add(
        builder.getIndexAttr(0),
        linalg::createFoldedDimOp(builder, op.getLoc(), op.getMask(), dim));
  for (auto [scoreDim, loop] : {std::pair(ScoreDim::Batch, kBatchLoop),
                                std::pair(ScoreDim::Head, kHeadLoop),
                                std::pair(ScoreDim::Query, kQueryLoop)})
    if (std::optional<unsigned> dim = op.getMaskDim(scoreDim)) {
      tile.offsets[*dim] = offsets[loop];
      tile.sizes[*dim] = sizes[loop];
    }
  return tile;
}

static Operation *createSlice(OpBuilder &builder, Location loc, Value array,
                              const Tile &tile) {
  SmallVector<OpFoldResult> strides(tile.offsets.size(),
                                    builder.getIndexAttr(1));
  if (isa<TensorType>(array.getType()))
    return tensor::ExtractSliceOp::create(builder, loc, array, tile.offsets,
                                          tile.sizes, strides);
  return memref::SubViewOp::create(builder, loc, array, tile.offsets,
                                   tile.sizes, strides);
}

/// Makes the regions of a tile see the positions in the arrays of the whole op:
/// adds the offsets, which are captured where they are not constants, to the
/// positions in the tile.
static void shiftPositions(OpBuilder &builder, MaskedAttentionOp tile,
                           ArrayRef<OpFoldResult> offsets) {
  for (auto [loop, offset] : llvm::enumerate(offsets)) {
    if (isZeroInteger(offset))
      continue;
    bool isCaptured = false;
    for (Region *region : {&tile.getScore(), &tile.getKeep()}) {
      if (region->empty() || tile.getPositions(*region)[loop].use_empty())
        continue;
      auto value = dyn_cast<Value>(offset);
      if (value && !isCaptured)
        tile.addCapture(value);
      isCaptured = true;
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(&region->front());
      Value shift =
          value
              ? tile.getCaptureArguments(*region).back()
              : getValueOrCreateConstantIndexOp(builder, tile.getLoc(), offset);
      Value position = tile.getPositions(*region)[loop];
      auto sum = arith::AddIOp::create(builder, tile.getLoc(), position, shift);
      position.replaceAllUsesExcept(sum, sum);
    }
  }
}

//===----------------------------------------------------------------------===//
// TilingInterface
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> MaskedAttentionOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(kNumLoops,
                                          utils::IteratorType::parallel);
}

SmallVector<Range> MaskedAttentionOp::getIterationDomain(OpBuilder &builder) {
  SmallVector<OpFoldResult> sizes = getMixedScoreSizes(builder);
  SmallVector<Range> domain;
  for (unsigned loop : {kBatchLoop, kHeadLoop, kQueryLoop})
    domain.push_back(
        {builder.getIndexAttr(0), sizes[loop], builder.getIndexAttr(1)});
  return domain;
}

/// A tile keeps the schedule: every schedule is correct for every size.
FailureOr<TilingResult>
MaskedAttentionOp::getTiledImplementation(OpBuilder &builder,
                                          ArrayRef<OpFoldResult> offsets,
                                          ArrayRef<OpFoldResult> sizes) {
  Location loc = getLoc();
  OpFoldResult kvHeadOffset, kvHeadSize;
  if (failed(getKVHeadTile(*this, builder, offsets[kHeadLoop], sizes[kHeadLoop],
                           kvHeadOffset, kvHeadSize)))
    return failure();

  SmallVector<Value> operands = llvm::to_vector(getOperation()->getOperands());
  SmallVector<Operation *> slices;
  auto slice = [&](OpOperand &operand, const Tile &tile) {
    slices.push_back(createSlice(builder, loc, operand.get(), tile));
    operands[operand.getOperandNumber()] = slices.back()->getResult(0);
  };
  slice(getQueryMutable(), getRowsTile(builder, offsets, sizes, getHeadDim()));
  for (OpOperand *operand : {&getKeyMutable(), &getValueMutable()}) {
    Tile tile;
    tile.add(offsets[kBatchLoop], sizes[kBatchLoop]);
    tile.add(
        builder.getIndexAttr(0),
        linalg::createFoldedDimOp(builder, loc, operand->get(), kSequence));
    tile.add(kvHeadOffset, kvHeadSize);
    tile.add(builder.getIndexAttr(0),
             linalg::createFoldedDimOp(builder, loc, operand->get(), kDim));
    slice(*operand, tile);
  }
  if (getMask())
    slice(*getMaskMutable().begin(),
          getMaskTile(*this, builder, offsets, sizes));
  if (getSinks()) {
    Tile tile;
    tile.add(offsets[kHeadLoop], sizes[kHeadLoop]);
    if (getSinksType().getRank() == 2)
      tile.add(offsets[kQueryLoop], sizes[kQueryLoop]);
    slice(*getSinksMutable().begin(), tile);
  }
  slice(getOutputMutable(),
        getRowsTile(builder, offsets, sizes, getValueDim()));
  if (getLse())
    slice(*getLseMutable().begin(), getLseTile(offsets, sizes));

  SmallVector<Type> resultTypes;
  if (hasTensorSemantics())
    for (OpOperand &init : getDpsInitsMutable())
      resultTypes.push_back(operands[init.getOperandNumber()].getType());
  auto tiled = cast<MaskedAttentionOp>(getOperation()->clone());
  tiled->setOperands(operands);
  for (auto [result, type] :
       llvm::zip_equal(tiled.getResults(), TypeRange(resultTypes)))
    result.setType(type);
  builder.insert(tiled);
  shiftPositions(builder, tiled, offsets);
  return TilingResult{
      {tiled}, SmallVector<Value>(tiled.getResults()), std::move(slices)};
}

LogicalResult MaskedAttentionOp::getResultTilePosition(
    OpBuilder &builder, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  Tile tile = resultNumber == 0
                  ? getRowsTile(builder, offsets, sizes, getValueDim())
                  : getLseTile(offsets, sizes);
  resultOffsets = tile.offsets;
  resultSizes = tile.sizes;
  return success();
}

/// Whether a tile of `array` is all of its rows' elements: a tile of the
/// domain computes whole rows. The log-sum-exp has one element a row.
static bool hasWholeRows(Value array, ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes) {
  auto type = cast<ShapedType>(array.getType());
  return type.getRank() == kNumLoops ||
         (isZeroInteger(offsets[MaskedAttentionOp::kDim]) &&
          getConstantIntValue(sizes[MaskedAttentionOp::kDim]) ==
              type.getDimSize(MaskedAttentionOp::kDim));
}

/// The tile of the domain that goes with a tile of query, output or lse.
static FailureOr<Tile> getDomainTile(Value array,
                                     ArrayRef<OpFoldResult> offsets,
                                     ArrayRef<OpFoldResult> sizes) {
  if (!hasWholeRows(array, offsets, sizes))
    return failure();
  if (offsets.size() == kNumLoops)
    return getLseTile(offsets, sizes);
  Tile tile;
  for (unsigned dim : {MaskedAttentionOp::kBatch, MaskedAttentionOp::kHead,
                       MaskedAttentionOp::kSequence})
    tile.add(offsets[dim], sizes[dim]);
  return tile;
}

LogicalResult MaskedAttentionOp::getIterationDomainTileFromResultTile(
    OpBuilder &, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes,
    SmallVectorImpl<OpFoldResult> &iterDomainOffsets,
    SmallVectorImpl<OpFoldResult> &iterDomainSizes) {
  FailureOr<Tile> tile =
      getDomainTile(getDpsInits()[resultNumber], offsets, sizes);
  if (failed(tile))
    return failure();
  iterDomainOffsets.assign(tile->offsets);
  iterDomainSizes.assign(tile->sizes);
  return success();
}

FailureOr<TilingResult> MaskedAttentionOp::generateResultTileValue(
    OpBuilder &builder, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes) {
  FailureOr<Tile> tile =
      getDomainTile(getDpsInits()[resultNumber], offsets, sizes);
  if (failed(tile))
    return failure();
  FailureOr<TilingResult> result =
      getTiledImplementation(builder, tile->offsets, tile->sizes);
  if (failed(result))
    return failure();
  result->tiledValues = {result->tiledValues[resultNumber]};
  return result;
}

/// A tile of key, value or mask does not say which rows use it.
LogicalResult MaskedAttentionOp::getIterationDomainTileFromOperandTiles(
    OpBuilder &, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes,
    SmallVectorImpl<OpFoldResult> &iterDomainOffsets,
    SmallVectorImpl<OpFoldResult> &iterDomainSizes) {
  std::optional<Tile> common;
  for (auto [number, offsets, sizes] :
       llvm::zip_equal(operandNumbers, allOffsets, allSizes)) {
    OpOperand &operand = getOperation()->getOpOperand(number);
    if (&operand != &getQueryMutable() && !isDpsInit(&operand))
      return failure();
    FailureOr<Tile> tile = getDomainTile(operand.get(), offsets, sizes);
    if (failed(tile))
      return failure();
    if (common &&
        (common->offsets != tile->offsets || common->sizes != tile->sizes))
      return failure();
    common = *tile;
  }
  if (!common)
    return failure();
  iterDomainOffsets.assign(common->offsets);
  iterDomainSizes.assign(common->sizes);
  return success();
}

FailureOr<TilingResult>
MaskedAttentionOp::getTiledImplementationFromOperandTiles(
    OpBuilder &builder, ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes) {
  SmallVector<OpFoldResult> offsets, sizes;
  if (failed(getIterationDomainTileFromOperandTiles(
          builder, operandNumbers, allOffsets, allSizes, offsets, sizes)))
    return failure();
  return getTiledImplementation(builder, offsets, sizes);
}

bool MaskedAttentionOp::isOpFusableWithConsumerSlice(
    unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes) {
  return hasWholeRows(getDpsInits()[resultNumber], offsets, sizes);
}

bool MaskedAttentionOp::isOpFusableWithProducerSlices(
    ArrayRef<unsigned> operandNumbers,
    ArrayRef<SmallVector<OpFoldResult>> allOffsets,
    ArrayRef<SmallVector<OpFoldResult>> allSizes) {
  for (auto [number, offsets, sizes] :
       llvm::zip_equal(operandNumbers, allOffsets, allSizes)) {
    OpOperand &operand = getOperation()->getOpOperand(number);
    bool hasRows = &operand == &getQueryMutable() || isDpsInit(&operand);
    if (!hasRows || !hasWholeRows(operand.get(), offsets, sizes))
      return false;
  }
  return true;
}
