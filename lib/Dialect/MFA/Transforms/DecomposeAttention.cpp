//===- DecomposeAttention.cpp - Masked attention as linalg ops ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The op written out step by step. Every step is one linalg op on the op's own
// operands (no operand is transposed, repeated or copied), so this file reads
// as the definition of what the op computes.
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

#include <cmath>
#include <limits>

namespace mlir::mfa {
#define GEN_PASS_DEF_MFADECOMPOSEATTENTIONPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using mfa::MaskedAttentionOp;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

namespace {
/// Creates linalg ops and the arrays they work on, as tensors or as buffers,
/// whichever the decomposed op is on. An "array" below is a value of either
/// kind.
class ArrayBuilder {
public:
  using Body = function_ref<Value(OpBuilder &, Location, ValueRange)>;

  ArrayBuilder(OpBuilder &builder, Location loc, bool onTensors)
      : builder(builder), loc(loc), onTensors(onTensors) {}

  Value constant(float value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF32FloatAttr(value));
  }

  OpFoldResult extent(Value array, int64_t dim) {
    return onTensors ? tensor::getMixedSize(builder, loc, array, dim)
                     : memref::getMixedSize(builder, loc, array, dim);
  }

  /// A new f32 array of `shape`, `value` everywhere. Buffers are freed by
  /// `freeScratch`.
  Value scratch(ArrayRef<OpFoldResult> shape, float value) {
    Value array;
    if (onTensors) {
      array =
          tensor::EmptyOp::create(builder, loc, shape, builder.getF32Type());
    } else {
      auto [staticShape, extents] = decomposeMixedValues(shape);
      array = memref::AllocOp::create(
          builder, loc, MemRefType::get(staticShape, builder.getF32Type()),
          extents);
      scratchBuffers.push_back(array);
    }
    auto fill = linalg::FillOp::create(builder, loc, constant(value), array);
    return onTensors ? fill.getResult(0) : array;
  }

  void freeScratch() {
    for (Value buffer : scratchBuffers)
      memref::DeallocOp::create(builder, loc, buffer);
  }

  /// One linalg.generic that writes `output`. `maps` has one map for each input
  /// and one for the output; loops that do not occur in the output's map are
  /// reductions. `body` receives one element of each input and of the output.
  /// Returns the written array.
  Value generic(ValueRange inputs, Value output, ArrayRef<AffineMap> maps,
                Body body) {
    AffineMap outputMap = maps.back();
    SmallVector<utils::IteratorType> iterators;
    for (unsigned dim = 0; dim < outputMap.getNumDims(); ++dim)
      iterators.push_back(outputMap.isFunctionOfDim(dim)
                              ? utils::IteratorType::parallel
                              : utils::IteratorType::reduction);
    auto op = linalg::GenericOp::create(
        builder, loc, onTensors ? TypeRange(output.getType()) : TypeRange(),
        inputs, output, maps, iterators,
        [&](OpBuilder &nested, Location loc, ValueRange elements) {
          Value result = body(nested, loc, elements);
          linalg::YieldOp::create(nested, loc, result);
        });
    return onTensors ? op.getResult(0) : output;
  }

  /// Splits dimension `dim` of `array` into the two of `extents`. Buffers keep
  /// their strides: this is a view.
  Value split(Value array, int64_t dim, ArrayRef<OpFoldResult> extents) {
    auto type = llvm::cast<ShapedType>(array.getType());
    SmallVector<ReassociationIndices> groups;
    SmallVector<OpFoldResult> shape;
    for (int64_t source = 0; source < type.getRank(); ++source) {
      ReassociationIndices &group = groups.emplace_back();
      SmallVector<OpFoldResult> parts(extents);
      if (source != dim)
        parts = {extent(array, source)};
      for (OpFoldResult part : parts) {
        group.push_back(shape.size());
        shape.push_back(part);
      }
    }

    // The extent has to be static exactly where its parts are.
    int64_t whole = 1;
    for (OpFoldResult part : extents) {
      std::optional<int64_t> size = getConstantIntValue(part);
      if (!size) {
        whole = ShapedType::kDynamic;
        break;
      }
      whole *= *size;
    }
    SmallVector<int64_t> sourceShape(type.getShape());
    sourceShape[dim] = whole;
    array = cast(array, type.clone(sourceShape));
    SmallVector<int64_t> staticShape = decomposeMixedValues(shape).first;
    if (onTensors)
      return tensor::ExpandShapeOp::create(
          builder, loc, type.clone(staticShape), array, groups, shape);
    if (llvm::count_if(extents, [](OpFoldResult extent) {
          return !getConstantIntValue(extent);
        }) > 1)
      return splitStrides(array, dim, extents.back(), shape);
    return memref::ExpandShapeOp::create(builder, loc, staticShape, array,
                                         groups, shape);
  }

  /// Undoes `split` on a tensor: back to `type`.
  Value merge(Value array, int64_t dim, RankedTensorType type) {
    SmallVector<ReassociationIndices> groups;
    int64_t part = 0;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      groups.push_back({part++});
      if (i == dim)
        groups.back().push_back(part++);
    }
    return cast(tensor::CollapseShapeOp::create(builder, loc, array, groups),
                type);
  }

private:
  /// The view of `shape` in which dimension `dim` of `buffer` is split in two,
  /// the second of extent `inner`. This is what memref.expand_shape means where
  /// both are dynamic, a case that `expand-strided-metadata` does not lower.
  Value splitStrides(Value buffer, int64_t dim, OpFoldResult inner,
                     ArrayRef<OpFoldResult> shape) {
    auto metadata =
        memref::ExtractStridedMetadataOp::create(builder, loc, buffer);
    OpFoldResult offset = metadata.getConstifiedMixedOffset();
    SmallVector<OpFoldResult> strides = metadata.getConstifiedMixedStrides();
    Value outer = arith::MulIOp::create(
        builder, loc,
        getValueOrCreateConstantIndexOp(builder, loc, strides[dim]),
        getValueOrCreateConstantIndexOp(builder, loc, inner));
    strides.insert(strides.begin() + dim, outer);
    auto layout = StridedLayoutAttr::get(
        builder.getContext(), decomposeMixedValues(offset).first.front(),
        decomposeMixedValues(strides).first);
    auto type = MemRefType::get(decomposeMixedValues(shape).first,
                                getElementTypeOrSelf(buffer), layout);
    return memref::ReinterpretCastOp::create(builder, loc, type, buffer, offset,
                                             shape, strides);
  }

  Value cast(Value array, Type type) {
    if (array.getType() == type)
      return array;
    if (onTensors)
      return tensor::CastOp::create(builder, loc, type, array);
    return memref::CastOp::create(builder, loc, type, array);
  }

  OpBuilder &builder;
  Location loc;
  bool onTensors;
  SmallVector<Value> scratchBuffers;
};
} // namespace

/// `element` as f32; an i1 mask element as the additive 0 or -inf.
static Value toF32(OpBuilder &builder, Location loc, Value element) {
  Type f32 = builder.getF32Type();
  if (element.getType() == f32)
    return element;
  if (isa<FloatType>(element.getType()))
    return arith::ExtFOp::create(builder, loc, f32, element);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  Value minusInfinity = arith::ConstantOp::create(
      builder, loc, builder.getF32FloatAttr(-kInfinity));
  return arith::SelectOp::create(builder, loc, element, zero, minusInfinity);
}

/// The f32 `element` rounded to `type`.
static Value roundTo(OpBuilder &builder, Location loc, Type type,
                     Value element) {
  if (element.getType() == type)
    return element;
  return arith::TruncFOp::create(builder, loc, type, element);
}

/// accumulator + lhs * rhs in f32. The order of the summation is left to the
/// compiler, so that the loop over the summed dimension can be vectorized.
static Value multiplyAdd(OpBuilder &builder, Location loc, Value lhs, Value rhs,
                         Value accumulator) {
  auto flags = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;
  Value product = arith::MulFOp::create(builder, loc, toF32(builder, loc, lhs),
                                        toF32(builder, loc, rhs), flags);
  return arith::AddFOp::create(builder, loc, accumulator, product, flags);
}

/// Whether a row, given its largest score, has no key to attend to: every score
/// is -inf, or there are no keys. False for a row with a NaN.
static Value isFullyMasked(OpBuilder &builder, Location loc, Value rowMax) {
  Value minusInfinity = arith::ConstantOp::create(
      builder, loc, builder.getF32FloatAttr(-kInfinity));
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, rowMax,
                               minusInfinity);
}

/// What weights are relative to: the largest score, or 0 where that is -inf (so
/// that -inf - -inf does not occur).
static Value getBase(OpBuilder &builder, Location loc, Value largest) {
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  return arith::SelectOp::create(
      builder, loc, isFullyMasked(builder, loc, largest), zero, largest);
}

/// An array with more or less of its sizes known.
static Value castArray(OpBuilder &builder, Value array, Type type) {
  if (array.getType() == type)
    return array;
  if (isa<TensorType>(type))
    return tensor::CastOp::create(builder, array.getLoc(), type, array);
  return memref::CastOp::create(builder, array.getLoc(), type, array);
}

/// The value that `region` yields for `arguments`.
static Value inlineRegion(OpBuilder &builder, Region &region,
                          ValueRange arguments) {
  IRMapping mapping;
  for (auto [parameter, argument] :
       llvm::zip_equal(region.getArguments(), arguments))
    mapping.map(parameter, castArray(builder, argument, parameter.getType()));
  for (Operation &op : region.front().without_terminator())
    builder.clone(op, mapping);
  return mapping.lookup(
      cast<mfa::YieldOp>(region.front().getTerminator()).getValue());
}

/// The score of a pair after the regions of `op`, in the body of a linalg op
/// whose loops are batch, heads, query and key.
static Value applyRegions(OpBuilder &builder, Location loc,
                          MaskedAttentionOp op,
                          ArrayRef<OpFoldResult> headExtents, Value score) {
  auto index = [&](unsigned loop) -> Value {
    return linalg::IndexOp::create(builder, loc, loop);
  };
  SmallVector<Value> arguments{score, index(0)};
  Value head = index(1);
  if (headExtents.size() == 2) {
    Value group =
        getValueOrCreateConstantIndexOp(builder, loc, headExtents.back());
    Value first = arith::MulIOp::create(builder, loc, head, group);
    head = arith::AddIOp::create(builder, loc, first, index(2));
  }
  unsigned query = 1 + headExtents.size();
  arguments.append({head, index(query), index(query + 1)});
  llvm::append_range(arguments, op.getCaptures());
  if (!op.getScore().empty())
    score = inlineRegion(builder, op.getScore(), arguments);
  if (op.getKeep().empty())
    return score;
  Value isKept =
      inlineRegion(builder, op.getKeep(), ValueRange(arguments).drop_front());
  Value minusInfinity = arith::ConstantOp::create(
      builder, loc, builder.getF32FloatAttr(-kInfinity));
  return arith::SelectOp::create(builder, loc, isKept, score, minusInfinity);
}

/// Splits the extent of the query heads, if the heads are grouped, into the
/// extents of key heads and of query heads for each key head: query head j
/// reads key head j / (H / h). Without grouping, the extent itself.
static SmallVector<OpFoldResult, 2> getHeadExtents(OpBuilder &builder,
                                                   Location loc,
                                                   OpFoldResult queryHeads,
                                                   OpFoldResult keyHeads) {
  if (isEqualConstantIntOrValue(queryHeads, keyHeads))
    return {queryHeads};
  std::optional<int64_t> numQueryHeads = getConstantIntValue(queryHeads);
  std::optional<int64_t> numKeyHeads = getConstantIntValue(keyHeads);
  if (numQueryHeads && numKeyHeads)
    return {keyHeads, builder.getIndexAttr(*numQueryHeads / *numKeyHeads)};
  Value group = arith::DivUIOp::create(
      builder, loc, getValueOrCreateConstantIndexOp(builder, loc, queryHeads),
      getValueOrCreateConstantIndexOp(builder, loc, keyHeads));
  return {keyHeads, group};
}

namespace {
struct DecomposeAttention : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    MLIRContext *context = op.getContext();
    Location loc = op.getLoc();
    ArrayBuilder arrays(rewriter, loc, op.hasTensorSemantics());

    // Grouped heads: every array with query heads is seen with two dimensions
    // of heads, [key head, head within the group], and the key and the value
    // are indexed by the first alone.
    Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
    Value mask = op.getMask(), sinks = op.getSinks(), output = op.getOutput(),
          lse = op.getLse();
    SmallVector<OpFoldResult, 2> headExtents = getHeadExtents(
        rewriter, loc, arrays.extent(query, MaskedAttentionOp::kHead),
        arrays.extent(key, MaskedAttentionOp::kHead));
    bool grouped = headExtents.size() == 2;
    bool maskHasHeads = mask && op.getMaskType().getRank() == 4;
    if (grouped) {
      query = arrays.split(query, MaskedAttentionOp::kHead, headExtents);
      output = arrays.split(output, MaskedAttentionOp::kHead, headExtents);
      if (lse)
        lse = arrays.split(lse, /*dim=*/1, headExtents);
      if (maskHasHeads && op.getMaskType().getDimSize(1) != 1)
        mask = arrays.split(mask, /*dim=*/1, headExtents);
      if (sinks)
        sinks = arrays.split(sinks, /*dim=*/0, headExtents);
    }

    // The loops: batch, heads, query row i, then key j, then element d of a
    // row. Rows are indexed by `row`, scores by `score`.
    unsigned numHeadDims = headExtents.size();
    SmallVector<AffineExpr> loops;
    for (unsigned dim = 0; dim < numHeadDims + 4; ++dim)
      loops.push_back(getAffineDimExpr(dim, context));
    ArrayRef<AffineExpr> all = loops;
    AffineExpr b = loops[0], i = loops[numHeadDims + 1],
               j = loops[numHeadDims + 2], d = loops[numHeadDims + 3];
    ArrayRef<AffineExpr> heads = all.slice(1, numHeadDims);
    ArrayRef<AffineExpr> row = all.take_front(numHeadDims + 2);
    ArrayRef<AffineExpr> score = all.take_front(numHeadDims + 3);
    auto map = [&](ArrayRef<AffineExpr> domain, ArrayRef<AffineExpr> results) {
      return AffineMap::get(domain.size(), 0, results, context);
    };
    auto bshd = [](AffineExpr batch, AffineExpr sequence,
                   ArrayRef<AffineExpr> heads, AffineExpr element) {
      SmallVector<AffineExpr> index{batch, sequence};
      index.append(heads.begin(), heads.end());
      index.push_back(element);
      return index;
    };

    SmallVector<OpFoldResult> rowShape{
        arrays.extent(query, MaskedAttentionOp::kBatch)};
    llvm::append_range(rowShape, headExtents);
    rowShape.push_back(arrays.extent(query, MaskedAttentionOp::kSequence));
    SmallVector<OpFoldResult> scoreShape(rowShape), outputShape(rowShape);
    scoreShape.push_back(arrays.extent(key, MaskedAttentionOp::kSequence));
    outputShape.push_back(arrays.extent(value, MaskedAttentionOp::kDim));

    // scores[i, j] = sum over d of query[i, d] * key[j, d]
    Value scores = arrays.scratch(scoreShape, 0);
    scores = arrays.generic(
        {query, key}, scores,
        {map(all, bshd(b, i, heads, d)), map(all, bshd(b, j, heads.front(), d)),
         map(all, score)},
        [](OpBuilder &builder, Location loc, ValueRange elements) {
          return multiplyAdd(builder, loc, elements[0], elements[1],
                             elements[2]);
        });

    // scores = scores * scale + mask, then what the regions make of them
    SmallVector<Value> maskInputs;
    SmallVector<AffineMap> maskMaps;
    if (mask) {
      maskInputs.push_back(mask);
      maskMaps.push_back(map(score, getMaskIndex(op, b, heads, i, j)));
    }
    maskMaps.push_back(map(score, score));
    Value scale = op.getScale();
    if (!scale)
      scale = arrays.constant(1.0 / std::sqrt(double(op.getHeadDim())));
    scores = arrays.generic(
        maskInputs, scores, maskMaps,
        [&](OpBuilder &builder, Location loc, ValueRange elements) {
          Value scaled =
              arith::MulFOp::create(builder, loc, elements.back(), scale);
          if (mask)
            scaled = arith::AddFOp::create(
                builder, loc, scaled, toF32(builder, loc, elements.front()));
          if (op.hasRegions())
            scaled = applyRegions(builder, loc, op, headExtents, scaled);
          return scaled;
        });

    // rowMax = max over j of scores[j]; a NaN is passed on
    Value rowMax = arrays.scratch(rowShape, -kInfinity);
    rowMax = arrays.generic(
        scores, rowMax, {map(score, score), map(score, row)},
        [](OpBuilder &builder, Location loc, ValueRange elements) {
          return arith::MaximumFOp::create(builder, loc, elements[0],
                                           elements[1]);
        });

    // top = max(rowMax, sinks)
    Value top = rowMax;
    SmallVector<AffineExpr> sinkIndex(heads);
    if (sinks && op.getSinksType().getRank() == 2)
      sinkIndex.push_back(i);
    AffineMap sinkMap = map(row, sinkIndex);
    if (sinks) {
      top = arrays.scratch(rowShape, -kInfinity);
      top = arrays.generic(
          {rowMax, sinks}, top, {map(row, row), sinkMap, map(row, row)},
          [](OpBuilder &builder, Location loc, ValueRange elements) {
            return arith::MaximumFOp::create(builder, loc, elements[0],
                                             elements[1]);
          });
    }

    // weights[j] = exp(scores[j] - base), where base is top or 0
    auto relativeWeight = [](OpBuilder &builder, Location loc, Value score,
                             Value top) -> Value {
      return math::ExpOp::create(
          builder, loc,
          arith::SubFOp::create(builder, loc, score,
                                getBase(builder, loc, top)));
    };
    Value weights = arrays.generic(
        top, scores, {map(score, row), map(score, score)},
        [&](OpBuilder &builder, Location loc, ValueRange elements) {
          return relativeWeight(builder, loc, elements[1], elements[0]);
        });

    // rowSum = exp(sinks - base) + sum over j of weights[j]
    Value rowSum = arrays.scratch(rowShape, 0);
    if (sinks)
      rowSum = arrays.generic(
          {top, sinks}, rowSum, {map(row, row), sinkMap, map(row, row)},
          [&](OpBuilder &builder, Location loc, ValueRange elements) {
            return relativeWeight(builder, loc, elements[1], elements[0]);
          });
    rowSum = arrays.generic(
        weights, rowSum, {map(score, score), map(score, row)},
        [](OpBuilder &builder, Location loc, ValueRange elements) {
          return arith::AddFOp::create(builder, loc, elements[0], elements[1]);
        });

    // weights[j] = weights[j], rounded to the type of the value, / rowSum.
    // Before the product, since a mean of values is in range where a sum of
    // them may not be.
    weights = arrays.generic(
        rowSum, weights, {map(score, row), map(score, score)},
        [&](OpBuilder &builder, Location loc, ValueRange elements) {
          Value weight =
              roundTo(builder, loc, op.getElementType(), elements[1]);
          return arith::DivFOp::create(
              builder, loc, toF32(builder, loc, weight), elements[0]);
        });

    // products[i, d] = sum over j of weights[i, j] * value[j, d]
    SmallVector<AffineExpr> product(row);
    product.push_back(d);
    Value products = arrays.scratch(outputShape, 0);
    products = arrays.generic(
        {weights, value}, products,
        {map(all, score), map(all, bshd(b, j, heads.front(), d)),
         map(all, product)},
        [](OpBuilder &builder, Location loc, ValueRange elements) {
          return multiplyAdd(builder, loc, elements[0], elements[1],
                             elements[2]);
        });

    // output = products, and 0 in fully masked rows. Here d takes the place of
    // j as the last loop.
    output = arrays.generic(
        {products, rowMax}, output,
        {map(score, score), map(score, row), map(score, bshd(b, i, heads, j))},
        [](OpBuilder &builder, Location loc, ValueRange elements) {
          Value zero = arith::ConstantOp::create(builder, loc,
                                                 builder.getF32FloatAttr(0));
          Value result = arith::SelectOp::create(
              builder, loc, isFullyMasked(builder, loc, elements[1]), zero,
              elements[0]);
          return roundTo(builder, loc, elements[2].getType(), result);
        });

    // lse = top + log(rowSum), and -inf where top is
    if (lse)
      lse = arrays.generic(
          {rowSum, top}, lse, {map(row, row), map(row, row), map(row, row)},
          [](OpBuilder &builder, Location loc, ValueRange elements) {
            Value sum = arith::AddFOp::create(
                builder, loc, elements[1],
                math::LogOp::create(builder, loc, elements[0]));
            return arith::SelectOp::create(
                builder, loc, isFullyMasked(builder, loc, elements[1]),
                elements[1], sum);
          });

    if (!op.hasTensorSemantics()) {
      arrays.freeScratch();
      rewriter.eraseOp(op);
      return success();
    }
    SmallVector<Value> results{output};
    if (lse)
      results.push_back(lse);
    if (grouped) {
      results[0] = arrays.merge(output, MaskedAttentionOp::kHead,
                                cast<RankedTensorType>(op.getOutputType()));
      if (lse)
        results[1] = arrays.merge(
            lse, /*dim=*/1, cast<RankedTensorType>(op.getLse().getType()));
    }
    rewriter.replaceOp(op, results);
    return success();
  }

private:
  /// Index of the mask element that is added to score (b, heads, i, j): 0 in
  /// the dimensions of the mask that broadcast.
  static SmallVector<AffineExpr> getMaskIndex(MaskedAttentionOp op,
                                              AffineExpr b,
                                              ArrayRef<AffineExpr> heads,
                                              AffineExpr i, AffineExpr j) {
    ShapedType type = op.getMaskType();
    AffineExpr zero = getAffineConstantExpr(0, op.getContext());
    auto broadcast = [&](int64_t dim, AffineExpr expr) {
      return type.getDimSize(dim) == 1 ? zero : expr;
    };
    int64_t rank = type.getRank();
    SmallVector<AffineExpr> index{broadcast(0, b)};
    if (rank == 4 && type.getDimSize(1) == 1)
      index.push_back(zero);
    else if (rank == 4)
      index.append(heads.begin(), heads.end());
    index.push_back(broadcast(rank - 2, i));
    index.push_back(broadcast(rank - 1, j));
    return index;
  }
};

struct DecomposeAttentionPass
    : mfa::impl::MFADecomposeAttentionPassBase<DecomposeAttentionPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    mfa::populateDecomposeAttentionPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace

void mfa::populateDecomposeAttentionPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeAttention>(patterns.getContext());
}
