//===- ElementPatterns.cpp - Work on the elements of tiles ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

/// Which register of a `row` tile belongs to element `index` of a tile.
static int64_t getRowRegister(TileType tile, int64_t index) {
  int64_t row = getElementOffset(tile, index).row;
  return 2 * (row / 16) + (row % 16) / 8;
}

/// Element `index` of a lane as a scalar.
static Value getElement(LaneBuilder &b, TileType tile, ValueRange registers,
                        int64_t index) {
  int64_t packed = getElementsPerRegister(tile);
  if (packed == 1)
    return registers[index];
  return b.unpack(registers[index / packed], tile.getElementType(),
                  index % packed);
}

/// Scalars, one an element, as the registers of `tile`.
static SmallVector<Value> toRegisters(LaneBuilder &b, TileType tile,
                                      ArrayRef<Value> elements) {
  int64_t packed = getElementsPerRegister(tile);
  if (packed == 1)
    return SmallVector<Value>(elements);
  SmallVector<Value> registers;
  for (size_t i = 0; i < elements.size(); i += packed)
    registers.push_back(b.pack(elements[i], elements[i + 1]));
  return registers;
}

namespace {
struct SplatPattern : OpConversionPattern<SplatOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(SplatOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    TileType tile = op.getType();
    SmallVector<Value> elements(tile.getElementsPerLane(),
                                adaptor.getValue().front());
    rewriter.replaceOpWithMultiple(op, {toRegisters(b, tile, elements)});
    return success();
  }
};

/// Repeats the region for each element of a lane.
struct MapPattern : OpConversionPattern<MapOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(MapOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    auto first = cast<TileType>(op.getResultTypes()[0]);
    Block &body = op.getBody().front();
    SmallVector<SmallVector<Value>> results(op.getNumResults());
    Value laneRow, laneCol;
    if (op.getCoordinates()) {
      laneRow = b.add(b.warpRow(first), b.rowGroup());
      laneCol = b.mul(b.colGroup(), 2);
    }

    for (int64_t i = 0, e = first.getElementsPerLane(); i < e; ++i) {
      IRMapping mapping;
      for (auto [n, input] : llvm::enumerate(op.getInputs())) {
        auto tile = cast<TileType>(input.getType());
        bool repeats = tile.getKind() == FragmentKind::Row &&
                       first.getKind() != FragmentKind::Row;
        ValueRange registers = adaptor.getInputs()[n];
        mapping.map(body.getArgument(n),
                    repeats ? registers[getRowRegister(first, i)]
                            : getElement(b, tile, registers, i));
      }
      if (op.getCoordinates()) {
        ElementOffset offset = getElementOffset(first, i);
        unsigned n = op.getNumOperands();
        mapping.map(body.getArgument(n), b.add(laneRow, b.i32(offset.row)));
        if (first.getKind() != FragmentKind::Row)
          mapping.map(body.getArgument(n + 1),
                      b.add(laneCol, b.i32(offset.col)));
      }
      for (Operation &nested : body.without_terminator())
        if (Value value =
                getOfColumn(b, nested, body, mapping, laneCol, first, i))
          mapping.map(nested.getResult(0), value);
        else
          b.clone(nested, mapping);
      for (auto [n, value] :
           llvm::enumerate(body.getTerminator()->getOperands()))
        results[n].push_back(mapping.lookupOrDefault(value));
    }

    SmallVector<SmallVector<Value>> registers;
    for (auto [type, elements] : llvm::zip(op.getResultTypes(), results))
      registers.push_back(toRegisters(b, cast<TileType>(type), elements));
    rewriter.replaceOpWithMultiple(op, std::move(registers));
    return success();
  }

private:
  /// What an op of the body makes of the column of element i as a float, where
  /// the column is the lane's first one and a number; else null:
  ///
  ///   fma(column, factor, sum) = fma(number, factor, fma(first, factor, sum))
  ///   column <= bound          = number <= bound - first
  ///
  /// What comes of the first column is the same for all elements of a row, and
  /// of a number there is nothing to convert.
  static Value getOfColumn(LaneBuilder &b, Operation &op, Block &body,
                           IRMapping &mapping, Value laneCol, TileType tile,
                           int64_t i) {
    if (!laneCol || tile.getKind() == FragmentKind::Row ||
        !isa<math::FmaOp, arith::CmpFOp>(op))
      return {};
    auto cast = op.getOperand(0).getDefiningOp<arith::SIToFPOp>();
    if (!cast || cast.getIn() != body.getArguments().back())
      return {};
    Value first = arith::SIToFPOp::create(b, cast.getType(), laneCol);
    Value number = arith::ConstantOp::create(
        b, b.getF32FloatAttr(getElementOffset(tile, i).col));
    Value other = mapping.lookupOrDefault(op.getOperand(1));
    if (auto compare = dyn_cast<arith::CmpFOp>(op))
      return arith::CmpFOp::create(b, compare.getPredicate(), number,
                                   arith::SubFOp::create(b, other, first));
    Value ofFirst = math::FmaOp::create(
        b, first, other, mapping.lookupOrDefault(op.getOperand(2)));
    return math::FmaOp::create(b, number, other, ofFirst);
  }
};
} // namespace

/// Of the polynomial for 2^f: the least relative error for |f| <= 1/2 with a
/// first coefficient of 1.
static constexpr float kPowerCoefficients[] = {0.693282929f, 0.242210962f,
                                               0.0550089314f};

/// 2^x by a polynomial, as the description of Exp2Op has it.
static Value getPowerByPolynomial(LaneBuilder &b, Value x) {
  auto constant = [&](float value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  };
  // Where exponents would wrap. NaN stays what it is: its bits become those of
  // a number that is too large, if not of NaN.
  x = arith::MaximumFOp::create(b, x, constant(-127));
  x = arith::MinimumFOp::create(b, x, constant(127));
  // A number of this size has no bits left behind the point, and its last ones
  // are those of the integer.
  Value shift = constant(0x1.8p23f);
  Value shifted = arith::AddFOp::create(b, x, shift);
  Value fraction =
      arith::SubFOp::create(b, x, arith::SubFOp::create(b, shifted, shift));
  // With the 1, 2^-127 has all bits 0.
  Value power = constant(kPowerCoefficients[2]);
  for (float coefficient : {kPowerCoefficients[1], kPowerCoefficients[0], 1.0f})
    power = math::FmaOp::create(b, power, fraction, constant(coefficient));
  auto toBits = [&](Value number) -> Value {
    return arith::BitcastOp::create(b, b.getI32Type(), number);
  };
  Value exponent = arith::ShLIOp::create(b, toBits(shifted), b.i32(23));
  return arith::BitcastOp::create(b, b.getF32Type(),
                                  b.add(toBits(power), exponent));
}

namespace {
struct Exp2Pattern : OpConversionPattern<Exp2Op> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(Exp2Op op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    TileType tile = op.getTile().getType();
    int64_t polynomials = op.getPolynomials();
    SmallVector<Value> results;
    for (auto [i, x] : llvm::enumerate(adaptor.getTile())) {
      // Spread evenly: after each such group the next fraction of one is due.
      int64_t group = getElementOffset(tile, i).col / 8;
      bool isPolynomial =
          (group + 1) * polynomials / 8 > group * polynomials / 8;
      results.push_back(isPolynomial ? getPowerByPolynomial(b, x)
                                     : math::Exp2Op::create(b, x).getResult());
    }
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};
} // namespace

static Value combine(LaneBuilder &b, ReduceKind kind, Value lhs, Value rhs) {
  switch (kind) {
  case ReduceKind::Max:
    return LLVM::MaxNumOp::create(b, lhs, rhs);
  case ReduceKind::Add:
    return arith::AddFOp::create(b, lhs, rhs);
  }
  llvm_unreachable("unknown reduction");
}

/// Combines the four lanes of a row, which are neighbours.
static Value combineLanes(LaneBuilder &b, ReduceKind kind, Value value) {
  for (int64_t bit : {1, 2})
    value = combine(b, kind, value, b.exchange(value, bit));
  return value;
}

namespace {
struct ReducePattern : OpConversionPattern<ReduceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(ReduceOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    TileType tile = op.getTile().getType();
    ReduceKind kind = op.getKind();
    // One chain a row, joined with `init` last, so that the chain does not wait
    // for the previous iteration.
    SmallVector<Value> rows(adaptor.getInit().size());
    for (int64_t i = 0, e = tile.getElementsPerLane(); i < e; ++i) {
      Value &row = rows[getRowRegister(tile, i)];
      Value element = getElement(b, tile, adaptor.getTile(), i);
      row = row ? combine(b, kind, row, element) : element;
    }
    for (auto [row, init] : llvm::zip(rows, adaptor.getInit())) {
      if (!op.getPartial())
        row = combineLanes(b, kind, row);
      row = combine(b, kind, row, init);
    }
    rewriter.replaceOpWithMultiple(op, {rows});
    return success();
  }
};

struct AllReducePattern : OpConversionPattern<AllReduceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(AllReduceOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    SmallVector<Value> rows;
    for (Value row : adaptor.getRows())
      rows.push_back(combineLanes(b, op.getKind(), row));
    rewriter.replaceOpWithMultiple(op, {rows});
    return success();
  }
};

struct AnyPattern : OpConversionPattern<AnyOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(AnyOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    Value any;
    for (Value element : adaptor.getTile()) {
      Value bits = element.getType().isF32()
                       ? arith::BitcastOp::create(b, b.getI32Type(), element)
                       : element;
      any = any ? arith::OrIOp::create(b, any, bits) : bits;
    }
    if (!any.getType().isInteger(1)) {
      // A sign is no number.
      bool isPacked = getElementsPerRegister(op.getTile().getType()) == 2;
      Value numbers = b.i32(isPacked ? 0x7fff7fff : 0x7fffffff);
      any = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                  arith::AndIOp::create(b, any, numbers),
                                  b.i32(0));
    }
    Value allLanes = arith::ConstantIntOp::create(b, b.getI32Type(), -1);
    rewriter.replaceOpWithNewOp<NVVM::VoteSyncOp>(op, b.getI1Type(), allLanes,
                                                  any, NVVM::VoteSyncKind::any);
    return success();
  }
};

struct ConvertPattern : OpConversionPattern<ConvertOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(ConvertOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    Type from = op.getTile().getType().getElementType();
    Type to = op.getType().getElementType();
    SmallVector<Value> registers;
    if (from == to) {
      registers = llvm::to_vector(adaptor.getTile());
    } else if (from.isF32()) {
      for (size_t i = 0; i < adaptor.getTile().size(); i += 2)
        registers.push_back(
            b.packRounded(adaptor.getTile()[i], adaptor.getTile()[i + 1], to));
    } else {
      for (Value packed : adaptor.getTile())
        llvm::append_range(registers, widen(b, packed, from));
    }
    rewriter.replaceOpWithMultiple(op, {registers});
    return success();
  }

  static SmallVector<Value, 2> widen(LaneBuilder &b, Value packed, Type from) {
    if (from.isF16())
      return {
          LLVM::FPExtOp::create(b, b.getF32Type(), b.unpack(packed, from, 0)),
          LLVM::FPExtOp::create(b, b.getF32Type(), b.unpack(packed, from, 1))};
    // A bf16 is the upper half of the f32 with the same value.
    Value low = arith::ShLIOp::create(b, packed, b.i32(16));
    Value high = arith::AndIOp::create(b, packed, b.i32(0xffff0000));
    return {LLVM::BitcastOp::create(b, b.getF32Type(), low),
            LLVM::BitcastOp::create(b, b.getF32Type(), high)};
  }
};

/// Base-2 exponential and logarithm of f32 by the special function unit.
/// Maximum relative error 2^-22 and absolute error 2^-22 (PTX ISA, ex2 and
/// lg2); subnormal results are flushed.
template <typename Op>
struct SpecialFunctionPattern : OpConversionPattern<Op> {
  SpecialFunctionPattern(const TypeConverter &converter, MLIRContext *context,
                         StringRef intrinsic)
      : OpConversionPattern<Op>(converter, context), intrinsic(intrinsic) {}

  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, op.getType(), rewriter.getStringAttr(intrinsic),
        adaptor.getOperand());
    return success();
  }

  StringRef intrinsic;
};

/// An intrinsic of LLVM that is one instruction, or a few. It is called by
/// name, since upstream's conversion would make a call of libdevice of its op.
template <typename Op>
struct IntrinsicPattern : OpConversionPattern<Op> {
  IntrinsicPattern(const TypeConverter &converter, MLIRContext *context,
                   StringRef intrinsic)
      : OpConversionPattern<Op>(converter, context), intrinsic(intrinsic) {}

  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    auto call = LLVM::CallIntrinsicOp::create(
        rewriter, op.getLoc(), op.getType(), rewriter.getStringAttr(intrinsic),
        adaptor.getOperands());
    // The exact ones are functions in PTX.
    if constexpr (llvm::is_one_of<Op, math::SqrtOp, math::TanhOp>::value)
      call.setFastmathFlags(LLVM::FastmathFlags::afn);
    rewriter.replaceOp(op, call);
    return success();
  }

  StringRef intrinsic;
};

} // namespace

void mfa_gpu::populateElementPatterns(const TypeConverter &converter,
                                      RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<SplatPattern, MapPattern, Exp2Pattern, ReducePattern,
               AllReducePattern, AnyPattern, ConvertPattern>(converter,
                                                             context);
  patterns.add<IntrinsicPattern<math::AbsFOp>>(converter, context,
                                               "llvm.fabs.f32");
  patterns.add<IntrinsicPattern<math::CeilOp>>(converter, context,
                                               "llvm.ceil.f32");
  patterns.add<IntrinsicPattern<math::CopySignOp>>(converter, context,
                                                   "llvm.copysign.f32");
  patterns.add<IntrinsicPattern<math::FloorOp>>(converter, context,
                                                "llvm.floor.f32");
  patterns.add<IntrinsicPattern<math::FmaOp>>(converter, context,
                                              "llvm.fma.f32");
  patterns.add<IntrinsicPattern<math::RoundOp>>(converter, context,
                                                "llvm.round.f32");
  patterns.add<IntrinsicPattern<math::RoundEvenOp>>(converter, context,
                                                    "llvm.roundeven.f32");
  patterns.add<IntrinsicPattern<math::SqrtOp>>(converter, context,
                                               "llvm.sqrt.f32");
  patterns.add<IntrinsicPattern<math::TanhOp>>(converter, context,
                                               "llvm.tanh.f32");
  patterns.add<IntrinsicPattern<math::TruncOp>>(converter, context,
                                                "llvm.trunc.f32");
  patterns.add<SpecialFunctionPattern<math::Exp2Op>>(
      converter, context, "llvm.nvvm.ex2.approx.ftz.f32");
  patterns.add<SpecialFunctionPattern<math::Log2Op>>(
      converter, context, "llvm.nvvm.lg2.approx.ftz.f");
}
