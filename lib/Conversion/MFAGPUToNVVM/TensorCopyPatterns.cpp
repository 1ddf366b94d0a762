//===- TensorCopyPatterns.cpp - Copies by the tensor memory accelerator ---===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Conversion/NVGPUToNVVM/NVGPUToNVVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

/// The address of a tensor map, an argument of the kernel by value. It is
/// stored once at the function's entry; `mfa-lower-tensor-maps` makes the
/// argument itself the variable.
Value getMapPointer(LaneBuilder &b, Value map) {
  for (Operation *user : map.getUsers())
    if (auto store = dyn_cast<LLVM::StoreOp>(user))
      return store.getAddr();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfterValue(map);
  Value variable =
      LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                             map.getType(), b.i32(1), kTensorMapAlignment);
  LLVM::StoreOp::create(b, map, variable, kTensorMapAlignment);
  return variable;
}

/// Coordinates as the hardware takes them, of the contiguous dimension first.
SmallVector<Value> getCoordinates(LaneBuilder &b, ValueRange coordinates) {
  SmallVector<Value> result;
  for (Value coordinate : llvm::reverse(coordinates))
    result.push_back(arith::IndexCastOp::create(b, b.getI32Type(), coordinate));
  return result;
}

/// The address of barrier `index` of a group, which `convert-nvgpu-to-nvvm`
/// makes a memref of i64.
Value getBarrierPointer(LaneBuilder &b, Value barriers, Value index) {
  MemRefType type = nvgpu::getMBarrierMemrefType(
      b.getContext(), cast<nvgpu::MBarrierGroupType>(barriers.getType()));
  Value memref =
      UnrealizedConversionCastOp::create(b, type, barriers).getResult(0);
  Value number = arith::IndexCastUIOp::create(b, b.getI32Type(), index);
  return b.advance(
      b.sharedPointer(cast<TypedValue<MemRefType>>(memref), b.i32(0), b.i32(0)),
      b.mul(number, 8));
}

struct TensorLoadPattern : OpConversionPattern<TensorLoadOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(TensorLoadOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    Value zero = b.i32(0);
    Value destination = b.sharedPointer(
        cast<TypedValue<MemRefType>>(op.getDestination()), zero, zero);
    // Every chip has the form whose destination may be in another block.
    auto anyBlock = LLVM::LLVMPointerType::get(
        b.getContext(),
        static_cast<unsigned>(NVVM::NVVMMemorySpace::SharedCluster));
    destination = LLVM::AddrSpaceCastOp::create(b, anyBlock, destination);
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        b, destination, getMapPointer(b, op.getMap()),
        getCoordinates(b, op.getCoordinates()),
        getBarrierPointer(b, op.getBarriers(), op.getIndex()),
        /*im2colOffsets=*/ValueRange(), /*multicastMask=*/Value(),
        /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE,
        /*isCTAOnly=*/false, /*group=*/NVVM::CTAGroupKindAttr(),
        /*predicate=*/Value());
    rewriter.eraseOp(op);
    return success();
  }
};

struct TensorStorePattern : OpConversionPattern<TensorStoreOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(TensorStoreOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    Value zero = b.i32(0);
    Value source = b.sharedPointer(cast<TypedValue<MemRefType>>(op.getSource()),
                                   zero, zero);
    NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
        b, getMapPointer(b, op.getMap()), source,
        getCoordinates(b, op.getCoordinates()), /*l2CacheHint=*/Value(),
        NVVM::TMAStoreMode::TILE, /*predicate=*/Value());
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void mfa_gpu::populateTensorCopyPatterns(const TypeConverter &converter,
                                         RewritePatternSet &patterns) {
  patterns.add<TensorLoadPattern, TensorStorePattern>(converter,
                                                      patterns.getContext());
}
