//===- CheckAllocations.cpp - Buffers larger than any address space -------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuntimeFunctions.h"
#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

namespace mlir::mfa {
#define GEN_PASS_DEF_MFACHECKALLOCATIONSPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

/// What differences of addresses can be.
static constexpr int64_t kMaxBytes = std::numeric_limits<int64_t>::max();

/// The bytes of an element, or a bound of them.
static int64_t getElementBytes(Type type, const DataLayout &layout) {
  if (isa<IntegerType, FloatType, IndexType, ComplexType, VectorType>(type) ||
      isa<DataLayoutTypeInterface>(type))
    return layout.getTypeSize(type).getKnownMinValue();
  // Descriptors of buffers, and what a data layout does not know.
  constexpr int64_t bound = 1024;
  return bound;
}

/// The bytes that the static sizes stand for, where none of the dynamic ones is
/// more than 1; none where that overflows.
static std::optional<int64_t> getStaticBytes(MemRefType type,
                                             const DataLayout &layout) {
  int64_t bytes = getElementBytes(type.getElementType(), layout);
  for (int64_t size : type.getShape())
    if (ShapedType::isStatic(size) && size != 0 &&
        llvm::MulOverflow(bytes, size, bytes))
      return std::nullopt;
  return bytes;
}

/// Asserts that the product of all sizes and the bytes of an element does not
/// overflow. A size of 0 counts as 1, so that the order of the sizes has no
/// say, and one below 0 as the large number that it is in the product.
static void checkSize(Operation *op, MemRefType type, ValueRange dynamicSizes) {
  std::optional<int64_t> staticBytes =
      getStaticBytes(type, DataLayout::closest(op));
  if (staticBytes && dynamicSizes.empty())
    return;
  OpBuilder b(op);
  Location loc = op->getLoc();
  std::string message;
  llvm::raw_string_ostream stream(message);
  stream << "expected " << type
         << " to have sizes of 0 or more that take at most " << kMaxBytes
         << " bytes" << mfa::formatPosition(loc);
  auto emitAssert = [&](Value condition) {
    cf::AssertOp::create(b, loc, condition, message);
  };
  if (!staticBytes) {
    emitAssert(arith::ConstantIntOp::create(b, loc, /*value=*/0, /*width=*/1));
    return;
  }
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value bytes = arith::ConstantIndexOp::create(b, loc, *staticBytes);
  Value isValid;
  auto require = [&](Value condition) {
    isValid =
        isValid ? arith::AndIOp::create(b, loc, isValid, condition).getResult()
                : condition;
  };
  for (Value size : dynamicSizes) {
    Value factor = arith::MaxUIOp::create(b, loc, size, one);
    auto product = arith::MulUIExtendedOp::create(b, loc, bytes, factor);
    require(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                  product.getHigh(), zero));
    bytes = product.getLow();
  }
  require(
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, bytes, zero));
  emitAssert(isValid);
}

namespace {
struct CheckAllocationsPass
    : mfa::impl::MFACheckAllocationsPassBase<CheckAllocationsPass> {
  using MFACheckAllocationsPassBase::MFACheckAllocationsPassBase;

  void runOnOperation() override {
    // Kernels allocate nothing.
    getOperation()->walk<WalkOrder::PreOrder>([](Operation *op) {
      if (isa<gpu::GPUModuleOp>(op))
        return WalkResult::skip();
      llvm::TypeSwitch<Operation *, void>(op)
          .Case<memref::AllocOp, memref::AllocaOp, gpu::AllocOp>([](auto op) {
            checkSize(op, op.getType(), op.getDynamicSizes());
          });
      return WalkResult::advance();
    });
  }
};
} // namespace
