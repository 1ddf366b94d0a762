//===- WarpgroupPatterns.cpp - Matrix products by wgmma -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A product of tiles as wgmma m64nNk16 over steps of 16 summed elements.
// Factors in shared memory are named by 64-bit descriptors (PTX ISA, "Matrix
// descriptor format"), byte counts less their low 4 bits:
//
//   bits  0-13   address of the first chunk of the step
//   bits 16-29   L   columns contiguous: from panel to panel
//   bits 32-45   S   from 8 rows to the next 8 rows
//   bits 62-63   rows of 128 (1), 64 (2) or 32 (3) bytes
//
// A factor whose summed dimension is its columns moves by 32 bytes from step to
// step, within a panel; the address, not the descriptor, says where in the
// swizzle it is. One whose summed dimension is its rows (value) moves by 16
// rows.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

constexpr int64_t kStep = 16;
constexpr int64_t kWarpgroupRows = 64;
constexpr int64_t kWarpgroupWarps = 4;

//===----------------------------------------------------------------------===//
// Descriptors
//===----------------------------------------------------------------------===//

class Descriptor {
public:
  Descriptor(LaneBuilder &b, TypedValue<MemRefType> panels, Value firstRow,
             bool sumsCols)
      : b(b), rows(panels.getType().getDimSize(1)),
        rowBytes(panels.getType().getDimSize(2) *
                 getElementBytes(panels.getType().getElementType())),
        sumsCols(sumsCols) {
    Value pointer = b.panelPointer(panels, firstRow);
    Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), pointer);
    // Shared memory ends below 2^18.
    address = arith::AndIOp::create(b, address, b.i32(0x3ffff));
    address = arith::ExtUIOp::create(
        b, b.getI64Type(), arith::ShRUIOp::create(b, address, b.i32(4)));
    uint64_t layout = rowBytes == 128 ? 1 : rowBytes == 64 ? 2 : 3;
    uint64_t panelBytes = rows * rowBytes;
    uint64_t format = encode(sumsCols ? kChunkBytes : panelBytes) << 16 |
                      encode(8 * rowBytes) << 32 | layout << 62;
    first =
        arith::OrIOp::create(b, address, b.i64(static_cast<int64_t>(format)));
  }

  /// For summed elements from `k`.
  Value at(int64_t k) {
    int64_t bytes = k * rowBytes;
    if (sumsCols) {
      int64_t col = 2 * k;
      bytes = col / rowBytes * rows * rowBytes + col % rowBytes;
    }
    return b.add(first, b.i64(encode(bytes)));
  }

private:
  static uint64_t encode(uint64_t bytes) { return bytes >> 4; }

  LaneBuilder &b;
  int64_t rows, rowBytes;
  bool sumsCols;
  Value first;
};

//===----------------------------------------------------------------------===//
// Registers that asynchronous products use
//===----------------------------------------------------------------------===//

SmallVector<Value> unpackStruct(LaneBuilder &b, Value packed) {
  auto type = cast<LLVM::LLVMStructType>(packed.getType());
  SmallVector<Value> values;
  for (int64_t i = 0, e = type.getBody().size(); i < e; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, packed, i));
  return values;
}

Value packStruct(LaneBuilder &b, ValueRange values) {
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), llvm::to_vector(values.getTypes()));
  Value packed = LLVM::PoisonOp::create(b, type);
  for (auto [i, value] : llvm::enumerate(values))
    packed = LLVM::InsertValueOp::create(b, packed, value, i);
  return packed;
}

/// `registers`, as values that exist from here on: arithmetic on their sources
/// does not move below this point, nor that on the results above it. LLVM does
/// not know what `wgmma` fences and waits order.
SmallVector<Value> pinRegisters(LaneBuilder &b, ValueRange registers) {
  if (registers.empty())
    return {};
  SmallVector<std::string> constraints;
  for (Type type : registers.getTypes())
    constraints.push_back(type.isF32() ? "=f" : "=r");
  for (size_t i = 0; i < registers.size(); ++i)
    constraints.push_back(std::to_string(i));
  bool isSingle = registers.size() == 1;
  Type type = isSingle
                  ? registers[0].getType()
                  : LLVM::LLVMStructType::getLiteral(
                        b.getContext(), llvm::to_vector(registers.getTypes()));
  auto pinned = LLVM::InlineAsmOp::create(
      b, type, registers, "", llvm::join(constraints, ","),
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
  if (isSingle)
    return {pinned.getResult(0)};
  return unpackStruct(b, pinned.getResult(0));
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

struct WarpgroupMmaPattern : OpConversionPattern<WarpgroupMmaOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(WarpgroupMmaOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    auto rhs = cast<TypedValue<MemRefType>>(op.getRhs());
    Type element = rhs.getType().getElementType();
    int64_t cols = op.getType().getCols();

    SmallVector<Value> lhsRegisters, accumulator;
    std::optional<Descriptor> lhs;
    int64_t depth;
    if (auto tile = dyn_cast<TileType>(op.getLhs().getType())) {
      lhsRegisters = llvm::to_vector(adaptor.getLhs());
      depth = tile.getCols();
    } else {
      auto panels = cast<TypedValue<MemRefType>>(op.getLhs());
      Value warpgroup = b.udiv(b.warp(), kWarpgroupWarps);
      lhs.emplace(b, panels, b.mul(warpgroup, kWarpgroupRows),
                  /*sumsCols=*/true);
      depth = panels.getType().getDimSize(0) * panels.getType().getDimSize(2);
    }
    Descriptor rhsDescriptor(b, rhs, b.i32(0), op.getTransposeRhs());

    // The registers are written before the fence.
    if (op.getAccumulator())
      accumulator = llvm::to_vector(adaptor.getAccumulator());
    size_t numSums = accumulator.size();
    accumulator.append(lhsRegisters);
    accumulator = pinRegisters(b, accumulator);
    lhsRegisters.assign(accumulator.begin() + numSums, accumulator.end());
    accumulator.resize(numSums);
    bool isFirst = accumulator.empty();
    if (isFirst)
      accumulator.assign(cols / 2, LLVM::PoisonOp::create(b, b.getF32Type()));

    NVVM::WgmmaFenceAlignedOp::create(b);
    Value sums = packStruct(b, accumulator);
    for (int64_t k = 0; k < depth; k += kStep) {
      if (k == op.getSplit())
        NVVM::WgmmaGroupSyncAlignedOp::create(b);
      Value rhsStep = rhsDescriptor.at(k);
      if (lhs)
        sums = multiplyShared(b, sums, lhs->at(k), rhsStep, element, cols,
                              op.getTransposeRhs(), isFirst);
      else
        sums = multiplyRegisters(
            b, sums, ArrayRef(lhsRegisters).slice(k / 4, 4), rhsStep, element,
            cols, op.getTransposeRhs(), isFirst);
      isFirst = false;
    }
    NVVM::WgmmaGroupSyncAlignedOp::create(b);
    rewriter.replaceOpWithMultiple(op, {unpackStruct(b, sums)});
    return success();
  }

  static Value multiplyShared(LaneBuilder &b, Value sums, Value lhs, Value rhs,
                              Type element, int64_t cols, bool transposeRhs,
                              bool isFirst) {
    MLIRContext *context = b.getContext();
    auto type = NVVM::WGMMATypesAttr::get(
        context,
        element.isF16() ? NVVM::WGMMATypes::f16 : NVVM::WGMMATypes::bf16);
    auto one = NVVM::WGMMAScaleInAttr::get(context, NVVM::WGMMAScaleIn::one);
    auto layout = [&](bool isRow) {
      return NVVM::MMALayoutAttr::get(context, isRow ? NVVM::MMALayout::row
                                                     : NVVM::MMALayout::col);
    };
    return NVVM::WgmmaMmaAsyncOp::create(
        b, sums.getType(), sums, lhs, rhs,
        NVVM::MMAShapeAttr::get(context, kWarpgroupRows, cols, kStep), type,
        type, NVVM::WGMMATypesAttr::get(context, NVVM::WGMMATypes::f32),
        NVVM::WGMMAScaleOutAttr::get(context, isFirst
                                                  ? NVVM::WGMMAScaleOut::zero
                                                  : NVVM::WGMMAScaleOut::one),
        one, one, layout(true), layout(!transposeRhs),
        NVVM::MMAIntOverflowAttr());
  }

  /// The nvvm op has no left factor in registers.
  static Value multiplyRegisters(LaneBuilder &b, Value sums,
                                 ArrayRef<Value> lhs, Value rhs, Type element,
                                 int64_t cols, bool transposeRhs,
                                 bool isFirst) {
    int64_t count = cols / 2;
    auto list = [](int64_t first, int64_t count) {
      return "{" +
             llvm::join(llvm::map_range(
                            llvm::seq(first, first + count),
                            [](int64_t i) { return "$" + std::to_string(i); }),
                        ", ") +
             "}";
    };
    // Operands: results, the sums tied to them, left factor, descriptor, and
    // whether the sums count.
    std::string type = element.isF16() ? "f16" : "bf16";
    std::string text;
    llvm::raw_string_ostream(text)
        << "{ .reg .pred p; setp.ne.b32 p, $" << 2 * count + 5
        << ", 0; wgmma.mma_async.sync.aligned.m64n" << cols << "k16.f32."
        << type << "." << type << " " << list(0, count) << ", "
        << list(2 * count, 4) << ", $" << 2 * count + 4 << ", p, 1, 1, "
        << (transposeRhs ? 0 : 1) << "; }";
    std::string constraints;
    for (int64_t i = 0; i < count; ++i)
      constraints += "=f,";
    for (int64_t i = 0; i < count; ++i)
      constraints += std::to_string(i) + ",";
    constraints += "r,r,r,r,l,n";
    SmallVector<Value> operands = unpackStruct(b, sums);
    operands.append(lhs.begin(), lhs.end());
    operands.push_back(rhs);
    operands.push_back(
        LLVM::ConstantOp::create(b, b.getI32Type(), isFirst ? 0 : 1));
    return LLVM::InlineAsmOp::create(
               b, sums.getType(), operands, text, constraints,
               /*has_side_effects=*/true, /*is_align_stack=*/false,
               LLVM::TailCallKind::None,
               LLVM::AsmDialectAttr::get(b.getContext(),
                                         LLVM::AsmDialect::AD_ATT),
               ArrayAttr())
        .getResult(0);
  }
};

struct WarpgroupWaitPattern : OpConversionPattern<WarpgroupWaitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(WarpgroupWaitOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    NVVM::WgmmaWaitGroupSyncOp::create(b, op.getPending());
    SmallVector<SmallVector<Value>> results;
    for (ValueRange registers : adaptor.getTiles())
      results.push_back(pinRegisters(b, registers));
    rewriter.replaceOpWithMultiple(op, results);
    return success();
  }
};

} // namespace

void mfa_gpu::populateWarpgroupPatterns(const TypeConverter &converter,
                                        RewritePatternSet &patterns) {
  patterns.add<WarpgroupMmaPattern, WarpgroupWaitPattern>(
      converter, patterns.getContext());
}
