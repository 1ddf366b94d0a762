//===- WideLoads.cpp - Loads of 16 bytes of an array ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WideLoads.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mfa;

static int64_t getBytes(Type element) {
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

WideArray::WideArray(KernelBuilder &b, Value array)
    : b(b), type(cast<MemRefType>(array.getType())) {
  auto metadata = memref::ExtractStridedMetadataOp::create(b, array);
  auto toValue = [&](OpFoldResult number) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), number);
  };
  auto toBytes = [&](Value elements) {
    return b.createOrFold<arith::MulIOp>(
        elements, b.index(getBytes(type.getElementType())));
  };
  base = b.createOrFold<arith::AddIOp>(
      memref::ExtractAlignedPointerAsIndexOp::create(b,
                                                     metadata.getBaseBuffer()),
      toBytes(toValue(metadata.getConstifiedMixedOffset())));
  strides = llvm::map_to_vector(metadata.getConstifiedMixedStrides(), toValue);
  for (Value &stride : llvm::drop_end(MutableArrayRef(strides)))
    stride = toBytes(stride);
}

int64_t WideArray::countElements(Type element) {
  return kWideBytes / getBytes(element);
}

Value WideArray::isAligned() const {
  Value bits = base;
  for (auto [size, stride] :
       llvm::drop_end(llvm::zip_equal(type.getShape(), strides)))
    if (size != 1)
      bits = b.createOrFold<arith::OrIOp>(bits, stride);
  auto isEqual = [&](Value number, int64_t other) -> Value {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, number,
                                         b.index(other));
  };
  Value areRows =
      isEqual(b.createOrFold<arith::AndIOp>(bits, b.index(kWideBytes - 1)), 0);
  if (type.getShape().back() == 1)
    return areRows;
  return b.createOrFold<arith::AndIOp>(areRows, isEqual(strides.back(), 1));
}

Value WideArray::offsetOf(unsigned dim, Value index) const {
  if (type.getDimSize(dim) == 1)
    return b.index(0);
  return b.createOrFold<arith::MulIOp>(b.toIndex(index), strides[dim]);
}

static VectorType getWideType(KernelBuilder &b, int64_t bits) {
  return VectorType::get({8 * kWideBytes / bits}, b.getIntegerType(bits));
}

Value mfa::loadWide(KernelBuilder &b, Value address, int64_t bits) {
  // Of a generic address, LLVM would not know that it is in global memory.
  auto pointer = LLVM::LLVMPointerType::get(
      b.getContext(), static_cast<unsigned>(NVVM::NVVMMemorySpace::Global));
  Value number =
      arith::IndexCastUIOp::create(b, b.getI64Type(), address).getResult();
  return LLVM::LoadOp::create(b, getWideType(b, bits),
                              LLVM::IntToPtrOp::create(b, pointer, number),
                              /*alignment=*/kWideBytes);
}

Value mfa::splatWide(KernelBuilder &b, int64_t value, int64_t bits) {
  APInt number(bits, value, /*isSigned=*/false, /*implicitTrunc=*/true);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(getWideType(b, bits), number));
}

void mfa::keepLoadsTogether(gpu::GPUFuncOp kernel, int64_t threads) {
  constexpr int64_t kThreads = 1024;
  kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                  Builder(kernel).getI32IntegerAttr(kThreads / threads));
}
