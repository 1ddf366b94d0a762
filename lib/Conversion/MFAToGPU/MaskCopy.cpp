//===- MaskCopy.cpp - Copies of masks with aligned rows -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskCopy.h"
#include "KernelBuilder.h"
#include "LaunchTileLists.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

/// What rows of a copy are multiples of, in elements.
static int64_t getRowMultiple(MemRefType mask) {
  return kAlignedRowBytes / llvm::divideCeil(mask.getElementTypeBitWidth(), 8);
}

/// Whether indices of a dimension may all be the same elements, so that one of
/// them is copied: not those of query rows, of which a tensor copy takes many.
static bool mayBeShared(MemRefType mask, int64_t dim) {
  int64_t queryDim = mask.getRank() - 2;
  int64_t stride = mask.getStridesAndOffset().first[dim];
  return dim < queryDim && mask.getDimSize(dim) != 1 &&
         (ShapedType::isDynamic(stride) || stride == 0);
}

/// The type of a copy: its strides are known where all sizes are.
static MemRefType getCopyType(MemRefType mask) {
  SmallVector<int64_t> strides(mask.getRank(), 1);
  auto multiply = [](int64_t lhs, int64_t rhs) {
    return ShapedType::isDynamic(lhs) || ShapedType::isDynamic(rhs)
               ? ShapedType::kDynamic
               : lhs * rhs;
  };
  int64_t keys = mask.getShape().back();
  int64_t next =
      ShapedType::isDynamic(keys)
          ? keys
          : static_cast<int64_t>(llvm::alignTo(keys, getRowMultiple(mask)));
  for (int64_t dim = mask.getRank() - 2; dim >= 0; --dim) {
    bool isShared = mayBeShared(mask, dim);
    strides[dim] = isShared ? ShapedType::kDynamic : next;
    next =
        isShared ? ShapedType::kDynamic : multiply(next, mask.getDimSize(dim));
  }
  return MemRefType::get(
      mask.getShape(), mask.getElementType(),
      StridedLayoutAttr::get(mask.getContext(), /*offset=*/0, strides));
}

/// Whether whatever has the one type may have the other.
static bool isMoreGeneral(MemRefType type, MemRefType than) {
  auto [strides, offset] = type.getStridesAndOffset();
  auto [otherStrides, otherOffset] = than.getStridesAndOffset();
  auto covers = [](int64_t number, int64_t other) {
    return ShapedType::isDynamic(number) || number == other;
  };
  return covers(offset, otherOffset) &&
         llvm::all_of_zip(strides, otherStrides, covers);
}

MemRefType mfa::getMaskOrCopyType(MemRefType mask) {
  MemRefType copy = getCopyType(mask);
  if (!mayHaveAlignedRows(mask))
    return copy;
  if (isMoreGeneral(mask, copy))
    return mask;
  SmallVector<int64_t> strides(mask.getRank(), ShapedType::kDynamic);
  return MemRefType::get(
      mask.getShape(), mask.getElementType(),
      StridedLayoutAttr::get(mask.getContext(), ShapedType::kDynamic, strides));
}

Value mfa::launchMaskCopy(ImplicitLocOpBuilder &b, Kernels &kernels,
                          MaskedAttentionOp op, Value &token) {
  Value mask = op.getMask();
  auto type = cast<MemRefType>(op.getMaskType());
  int64_t rank = type.getRank();
  Value one = createIndex(b, 1);
  auto toValue = [&](OpFoldResult number) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), number);
  };
  auto multiply = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  };
  auto metadata = memref::ExtractStridedMetadataOp::create(b, mask);
  SmallVector<OpFoldResult> sizes = metadata.getConstifiedMixedSizes();
  SmallVector<OpFoldResult> maskStrides = metadata.getConstifiedMixedStrides();

  // Of dimensions that are shared one index is copied.
  Value multiple = createIndex(b, getRowMultiple(type));
  Value pitch = multiply(
      b.createOrFold<arith::CeilDivUIOp>(toValue(sizes[rank - 1]), multiple),
      multiple);
  SmallVector<OpFoldResult> copied(sizes), strides(rank, b.getIndexAttr(1));
  Value next = pitch, rows = one;
  for (int64_t dim = rank - 2; dim >= 0; --dim) {
    Value count = toValue(sizes[dim]), stride = next;
    if (mayBeShared(type, dim)) {
      Value isShared =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                toValue(maskStrides[dim]), createIndex(b, 0));
      count = arith::SelectOp::create(b, isShared, one, count);
      stride = arith::SelectOp::create(b, isShared, createIndex(b, 0), next);
      copied[dim] = count;
    }
    strides[dim] = getAsOpFoldResult(stride);
    next = multiply(next, count);
    rows = multiply(rows, count);
  }

  Value source = memref::SubViewOp::create(
      b, mask, SmallVector<OpFoldResult>(rank, b.getIndexAttr(0)), copied,
      SmallVector<OpFoldResult>(rank, b.getIndexAttr(1)));
  SmallVector<OpFoldResult> allocated(copied);
  allocated.back() = getAsOpFoldResult(pitch);
  SmallVector<int64_t> shape;
  SmallVector<Value> openSizes;
  dispatchIndexOpFoldResults(allocated, openSizes, shape);
  auto buffer =
      gpu::AllocOp::create(b, MemRefType::get(shape, type.getElementType()),
                           token.getType(), token, openSizes, ValueRange());
  SmallVector<Value> arguments{source, buffer.getMemref()};
  token = launchAfter(b, kernels.getMaskCopy(b, op, arguments),
                      gpu::KernelDim3{rows, one, one}, kMaskCopyThreads,
                      arguments, buffer.getAsyncToken());
  Value copy = memref::ReinterpretCastOp::create(
      b, getCopyType(type), buffer.getMemref(), b.getIndexAttr(0), sizes,
      strides);
  return b.createOrFold<memref::CastOp>(getMaskOrCopyType(type), copy);
}

void mfa::buildMaskCopyKernel(OpBuilder &builder, Location loc, Value source,
                              Value target) {
  // Of a thread, on their way at a time.
  constexpr int64_t kLoads = 4;
  KernelBuilder b(loc, builder);
  SmallVector<OpFoldResult> bounds;
  unsigned last = cast<MemRefType>(source.getType()).getRank() - 1;
  for (unsigned dim = 0; dim < last; ++dim)
    bounds.push_back(getAsOpFoldResult(b.dim(source, dim)));
  Value row = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  SmallVector<Value> place(
      affine::AffineDelinearizeIndexOp::create(b, row, bounds).getResults());
  place.emplace_back();
  Value keys = b.dim(source, last), threads = b.index(kMaskCopyThreads);
  Value lastKey = arith::SubIOp::create(b, keys, b.index(1));
  Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  auto loop = scf::ForOp::create(
      b, b.index(0), b.createOrFold<arith::CeilDivUIOp>(keys, threads),
      b.index(1));
  unroll(loop, kLoads);
  b.setInsertionPointToStart(loop.getBody());
  // Threads past the last key have that one as well, so that no branch keeps
  // one load from being sent before another is there.
  Value key = arith::AddIOp::create(
      b, arith::MulIOp::create(b, loop.getInductionVar(), threads), thread);
  place.back() = arith::MinUIOp::create(b, key, lastKey);
  memref::StoreOp::create(b, memref::LoadOp::create(b, source, place), target,
                          place);
}
