//===- SharedBuffers.cpp - Tiles in the shared memory of a block ----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedBuffers.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

static gpu::AddressSpaceAttr getSharedSpace(MLIRContext *context) {
  return gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
}

BlockMemory::BlockMemory(KernelBuilder &b)
    : b(b),
      bytes(gpu::DynamicSharedMemoryOp::create(
          b, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), AffineMap(),
                             getSharedSpace(b.getContext())))) {}

SharedBuffer BlockMemory::getBuffer(const SharedMatrix &matrix) const {
  SmallVector<int64_t> shape{matrix.stages};
  if (matrix.panels)
    shape.push_back(matrix.panels);
  shape.append({matrix.rows, matrix.pitch});
  auto type = MemRefType::get(shape, matrix.element, AffineMap(),
                              getSharedSpace(b.getContext()));
  return {memref::ViewOp::create(b, type, bytes, b.index(matrix.offset),
                                 ValueRange()),
          matrix};
}

Value SharedBuffer::getTile(KernelBuilder &b, Value stage) const {
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

Value SharedBuffer::getPanel(KernelBuilder &b, Value stage,
                             int64_t panel) const {
  Value tile = getTile(b, stage);
  if (!matrix.panels)
    return tile;
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  return b.matrixView(
      tile, {b.getIndexAttr(panel), zero, zero},
      {one, b.getIndexAttr(matrix.rows), b.getIndexAttr(matrix.pitch)}, 1, 2);
}
