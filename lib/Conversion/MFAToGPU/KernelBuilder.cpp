//===- KernelBuilder.cpp - Ops of attention kernels -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::TileType;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Value KernelBuilder::negativeInfinity() {
  return constant(-std::numeric_limits<double>::infinity());
}

Value KernelBuilder::toI32(Value index) {
  if (index.getType().isInteger(32))
    return index;
  return createOrFold<arith::IndexCastUIOp>(getI32Type(), index);
}

Value KernelBuilder::toIndex(Value number) {
  if (number.getType().isIndex())
    return number;
  return createOrFold<arith::IndexCastUIOp>(getIndexType(), number);
}

Value KernelBuilder::isZero(Value number) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, number,
                               constant(0));
}

Value KernelBuilder::negate(Value condition) {
  return arith::XOrIOp::create(*this, condition,
                               arith::ConstantIntOp::create(*this, true, 1));
}

Value KernelBuilder::dim(Value array, unsigned position) {
  return createOrFold<memref::DimOp>(array, position);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelBuilder::guarded(Value condition, function_ref<void()> then) {
  auto branch = scf::IfOp::create(*this, condition);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
}

SmallVector<Value>
KernelBuilder::choose(OpFoldResult condition,
                      function_ref<SmallVector<Value>()> then,
                      function_ref<SmallVector<Value>()> otherwise) {
  if (auto known = dyn_cast<Attribute>(condition))
    return cast<BoolAttr>(known).getValue() ? then() : otherwise();
  auto fill = [&](function_ref<SmallVector<Value>()> body) {
    return [this, body](OpBuilder &nested, Location) {
      OpBuilder::InsertionGuard guard(*this);
      setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
      scf::YieldOp::create(*this, body());
    };
  };
  auto choice = scf::IfOp::create(*this, cast<Value>(condition), fill(then),
                                  fill(otherwise));
  return SmallVector<Value>(choice.getResults());
}

Value KernelBuilder::isAnyOfBlock(Value condition) {
  Type type = getI32Type();
  auto any = NVVM::BarrierOp::create(
      *this, type, /*barrierId=*/Value(), /*numberOfThreads=*/Value(),
      NVVM::BarrierReductionAttr::get(getContext(), NVVM::BarrierReduction::OR),
      arith::ExtUIOp::create(*this, type, condition));
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne,
                               any.getResult(0), i32(0));
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value KernelBuilder::map(TileType type, ValueRange inputs,
                         function_ref<Value(ValueRange)> body,
                         bool coordinates) {
  return mfa_gpu::MapOp::create(
             *this, TypeRange(type), inputs,
             [&](OpBuilder &nested, Location, ValueRange args) {
               OpBuilder::InsertionGuard guard(*this);
               setInsertionPoint(nested.getInsertionBlock(),
                                 nested.getInsertionPoint());
               Value result = body(args);
               mfa_gpu::YieldOp::create(*this, result);
             },
             coordinates)
      .getResult(0);
}

Value KernelBuilder::scaleRows(Value tile, Value factors) {
  return map(cast<TileType>(tile.getType()), {tile, factors},
             [&](ValueRange args) -> Value {
               return arith::MulFOp::create(*this, args[0], args[1]);
             });
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

Value KernelBuilder::view(Value array, ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes,
                          ArrayRef<unsigned> dims) {
  auto type = cast<MemRefType>(array.getType());
  auto shape = llvm::map_to_vector(dims, [&](unsigned dim) {
    return getConstantIntValue(sizes[dim]).value_or(ShapedType::kDynamic);
  });
  SmallVector<OpFoldResult> steps(type.getRank(), getIndexAttr(1));
  auto viewType =
      cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
          shape, type, offsets, sizes, steps));
  return memref::SubViewOp::create(*this, viewType, array, offsets, sizes,
                                   steps);
}

Value KernelBuilder::matrixView(Value array, ArrayRef<OpFoldResult> offsets,
                                ArrayRef<OpFoldResult> sizes, unsigned rowDim,
                                unsigned colDim) {
  return view(array, offsets, sizes, {rowDim, colDim});
}

Value KernelBuilder::vectorView(Value array, ArrayRef<OpFoldResult> offsets,
                                ArrayRef<OpFoldResult> sizes, unsigned dim) {
  return view(array, offsets, sizes, dim);
}

bool mfa::isMultiple(Value size, int64_t of) {
  std::optional<int64_t> known = getConstantIntValue(size);
  return known && *known % of == 0;
}

OpFoldResult KernelBuilder::tileSize(Value size, Value first, int64_t limit) {
  if (isMultiple(size, limit))
    return getIndexAttr(limit);
  Value rest = arith::SubIOp::create(*this, size, first);
  return arith::MinUIOp::create(*this, rest, index(limit)).getResult();
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

static void annotateLoop(Operation *loop, LLVM::LoopUnrollAttr unroll,
                         LLVM::LoopLICMAttr licm) {
  loop->setAttr(LLVM::LoopAnnotationAttr::getMnemonic(),
                LLVM::LoopAnnotationAttr::get(
                    loop->getContext(), /*disableNonforced=*/{},
                    /*vectorize=*/{}, /*interleave=*/{}, unroll,
                    /*unrollAndJam=*/{}, licm, /*distribute=*/{},
                    /*pipeline=*/{}, /*peeled=*/{}, /*unswitch=*/{},
                    /*mustProgress=*/{}, /*isVectorized=*/{}, /*startLoc=*/{},
                    /*endLoc=*/{}, /*parallelAccesses=*/{}));
}

void mfa::keepInvariantsInside(Operation *loop) {
  Builder b(loop->getContext());
  annotateLoop(loop, /*unroll=*/{},
               LLVM::LoopLICMAttr::get(b.getContext(), b.getBoolAttr(true),
                                       /*versioningDisable=*/{}));
}

static LLVM::LoopUnrollAttr getUnroll(MLIRContext *context, bool disable,
                                      IntegerAttr count) {
  return LLVM::LoopUnrollAttr::get(
      context, BoolAttr::get(context, disable), count,
      /*runtimeDisable=*/{}, /*full=*/{}, /*followupUnrolled=*/{},
      /*followupRemainder=*/{}, /*followupAll=*/{});
}

void mfa::keepRolled(Operation *loop) {
  annotateLoop(loop, getUnroll(loop->getContext(), /*disable=*/true, {}),
               /*licm=*/{});
}

void mfa::unroll(Operation *loop, int64_t times) {
  annotateLoop(loop,
               getUnroll(loop->getContext(), /*disable=*/false,
                         Builder(loop->getContext()).getI32IntegerAttr(times)),
               /*licm=*/{});
}
