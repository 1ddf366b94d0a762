//===- MmaPatterns.cpp - Matrix products by mma.sync ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A product of tiles as a loop, unrolled, over m16n8k16 (16-bit) or m16n8k8
// (tf32) products. Fragments of the factors (PTX ISA, "Matrix fragments for
// mma.m16n8k16" and "... mma.m16n8k8"), with lane = 4 g + t:
//
//   16-bit  A  a0 (g, 2t..)  a1 (g+8, 2t..)  a2 (g, 2t+8..)  a3 (g+8, 2t+8..)
//           B  b0 (k 2t.., n g)               b1 (k 2t+8.., n g)
//   tf32    A  a0 (g, t)     a1 (g+8, t)     a2 (g, t+4)     a3 (g+8, t+4)
//           B  b0 (k t, n g)                  b1 (k t+4, n g)
//
// The order of the summed index is free as long as both factors agree on it.
// For tf32, a left factor in registers holds columns 2t and 2t+1 of every 8 (it
// was an accumulator), so they take the places t and t+4 of the fragment, and
// rows of the right factor are picked to match (`pairs`). Factors from shared
// memory come in their own order through `ldmatrix`, for which four tf32 are
// eight 16-bit elements.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

using Registers = SmallVector<Value, 4>;

/// A fragment of a factor as the registers of one or, for f32 split in two
/// tf32, two `mma.sync` operands.
struct Factor {
  Registers high, low;
};

class Product {
public:
  Product(LaneBuilder &b, MmaOp op, ValueRange lhsRegisters)
      : b(b), op(op), accumulator(op.getType()), lhsRegisters(lhsRegisters),
        rhs(cast<TypedValue<MemRefType>>(op.getRhs())),
        element(rhs.getType().getElementType()), isF32(element.isF32()),
        elementBytes(getElementBytes(element)),
        step(2 * kChunkBytes / elementBytes),
        depth(rhs.getType().getDimSize(op.getTransposeRhs() ? 1 : 0)),
        lhsInRegisters(isa<TileType>(op.getLhs().getType())) {
    zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
    Value lane = b.lane();
    Value lowRow = b.urem(lane, 16);
    Value highChunk = b.udiv(lane, 16);
    if (!lhsInRegisters) {
      lhs = cast<TypedValue<MemRefType>>(op.getLhs());
      lhsPointer = b.sharedPointer(lhs, b.add(b.warpRow(accumulator), lowRow),
                                   chunkToCol(highChunk));
    }
    if (!op.getTransposeRhs() && !isF32) {
      rhsPointer = b.sharedPointer(rhs, lowRow, chunkToCol(highChunk));
    } else if (!op.getTransposeRhs()) {
      int64_t rowsOfLane = lhsInRegisters ? 2 : 1;
      rhsPointer =
          b.sharedPointer(rhs, b.mul(b.colGroup(), rowsOfLane), b.rowGroup());
    } else if (isF32 && lhsInRegisters) {
      rhsPointer = b.sharedPointer(rhs, b.rowGroup(), b.mul(b.colGroup(), 2));
    } else {
      Value row = b.add(b.urem(lane, 8), b.mul(highChunk, 8));
      Value chunk = b.urem(b.udiv(lane, 8), 2);
      rhsPointer = b.sharedPointer(rhs, row, chunkToCol(chunk));
    }
  }

  SmallVector<Value> emit(ValueRange initial) {
    SmallVector<Value> result(initial);
    if (!op.getF32Split()) {
      addProduct(result, 0, depth, 0, accumulator.getCols());
      return result;
    }
    // The tensor core truncates its sums, an error that grows with every
    // product. So parts of the sum are formed there, short ones, and are added
    // with rounding (Ootomo and Yokota, section 3.2). With the left factor in
    // registers a part is held for few columns at a time, else for all.
    if (lhsInRegisters) {
      for (int64_t k = 0; k < depth; k += kPartDepth)
        for (int64_t n = 0; n < accumulator.getCols(); n += 16)
          addPart(result, k, std::min(k + kPartDepth, depth), n,
                  std::min(n + 16, accumulator.getCols()));
      return result;
    }
    // Both factors in shared memory: whole parts by a loop, which keeps the
    // code of the widest heads short, and what is left after it.
    int64_t looped = depth / kPartDepth * kPartDepth;
    if (looped > kPartDepth)
      result = loopOverParts(result, looped);
    else
      looped = 0;
    for (int64_t k = looped; k < depth; k += kPartDepth)
      addPart(result, k, std::min(k + kPartDepth, depth), 0,
              accumulator.getCols());
    return result;
  }

private:
  /// Summed elements of a part of an f32 product.
  static constexpr int64_t kPartDepth = 64;

  /// The first of the four registers of a fragment of the accumulator.
  int64_t getFirst(int64_t m, int64_t col) {
    return 4 * (m * (accumulator.getCols() / 8) + col / 8);
  }

  /// Forms the product of a range of summed elements for a range of columns,
  /// and adds it to `sums` with rounding.
  void addPart(MutableArrayRef<Value> sums, int64_t firstDepth,
               int64_t endDepth, int64_t firstCol, int64_t endCol) {
    SmallVector<Value> part(sums.size(), zero);
    addProduct(part, firstDepth, endDepth, firstCol, endCol);
    for (int64_t m = 0; m < accumulator.getRowFragments(); ++m)
      for (int64_t col = firstCol; col < endCol; col += 8)
        for (int64_t i = getFirst(m, col), e = i + 4; i < e; ++i)
          sums[i] = arith::AddFOp::create(b, sums[i], part[i]);
  }

  /// Parts of all columns over the first `endDepth` summed elements, one an
  /// iteration. Both factors are in shared memory.
  SmallVector<Value> loopOverParts(ValueRange initial, int64_t endDepth) {
    auto loop = scf::ForOp::create(b, b.i32(0), b.i32(endDepth),
                                   b.i32(kPartDepth), initial);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    llvm::SaveAndRestore<Value> saveLhs(lhsPointer), saveRhs(rhsPointer);
    Value k = loop.getInductionVar();
    int64_t rhsStep =
        op.getTransposeRhs() ? elementBytes : pitchBytes(rhs.getType());
    lhsPointer = b.advance(lhsPointer, b.mul(k, elementBytes));
    rhsPointer = b.advance(rhsPointer, b.mul(k, rhsStep));
    SmallVector<Value> sums(loop.getRegionIterArgs());
    addPart(sums, 0, kPartDepth, 0, accumulator.getCols());
    scf::YieldOp::create(b, sums);
    return loop.getResults();
  }

  /// Adds the product over the given range of summed elements to the given
  /// columns of `sums`.
  void addProduct(MutableArrayRef<Value> sums, int64_t firstDepth,
                  int64_t endDepth, int64_t firstCol, int64_t endCol) {
    int64_t rowFragments = accumulator.getRowFragments();
    for (int64_t k = firstDepth; k < endDepth; k += step) {
      SmallVector<Factor> left;
      for (int64_t m = 0; m < rowFragments; ++m)
        left.push_back(split(loadLeft(m, k)));
      for (int64_t n = firstCol; n < endCol; n += 16) {
        // The right factor is loaded for 16 columns at a time where they exist.
        int64_t groups = std::min<int64_t>(2, (endCol - n) / 8);
        SmallVector<Registers, 2> right = loadRight(n, k, groups);
        for (int64_t group = 0; group < groups; ++group) {
          Factor factor = split(right[group]);
          for (int64_t m = 0; m < rowFragments; ++m)
            multiply(left[m], factor,
                     sums.slice(getFirst(m, n + 8 * group), 4));
        }
      }
    }
  }

  Value chunkToCol(Value chunk) {
    return b.mul(chunk, kChunkBytes / elementBytes);
  }

  int64_t pitchBytes(MemRefType type) {
    return getRowPitch(type) * elementBytes;
  }

  /// Rows 16 m to 16 m + 15 of the warp, `step` columns from `k`.
  Registers loadLeft(int64_t m, int64_t k) {
    if (!lhsInRegisters)
      return Registers(b.loadMatrix4(
          b.advance(lhsPointer,
                    16 * m * pitchBytes(lhs.getType()) + k * elementBytes),
          false));
    // Four registers for 16 columns of 16-bit elements or 8 of f32.
    int64_t first = 4 * (m * (depth / step) + k / step);
    Registers result;
    for (Value value : lhsRegisters.slice(first, 4))
      result.push_back(LLVM::BitcastOp::create(b, b.getI32Type(), value));
    // e0 to e3 of an accumulator are (g, 2t), (g, 2t+1), (g+8, 2t), ...
    if (isF32)
      std::swap(result[1], result[2]);
    return result;
  }

  /// Fragments of columns `n` to `n` + 8 `groups` - 1, rows from `k`.
  SmallVector<Registers, 2> loadRight(int64_t n, int64_t k, int64_t groups) {
    int64_t pitch = pitchBytes(rhs.getType());
    bool isTransposed = op.getTransposeRhs();
    if (!isF32 || (isTransposed && !lhsInRegisters)) {
      int64_t offset = isTransposed ? n * pitch + k * elementBytes
                                    : k * pitch + n * elementBytes;
      SmallVector<Value> r =
          b.loadMatrix4(b.advance(rhsPointer, offset), !isTransposed);
      return {{r[0], r[1]}, {r[2], r[3]}};
    }
    SmallVector<Registers, 2> result;
    for (int64_t group = 0; group < groups; ++group) {
      int64_t col = n + 8 * group;
      Registers fragment;
      for (int64_t i = 0; i < 2; ++i) {
        int64_t offset;
        if (isTransposed)
          offset = col * pitch + (k + i) * elementBytes;
        else
          offset =
              (k + i * (lhsInRegisters ? 1 : 4)) * pitch + col * elementBytes;
        fragment.push_back(LLVM::LoadOp::create(
            b, b.getI32Type(), b.advance(rhsPointer, offset), elementBytes));
      }
      result.push_back(fragment);
    }
    return result;
  }

  /// x = high + low with high rounded to the 10 bits of a tf32 and low exact
  /// (Ootomo and Yokota, "Recovering single precision accuracy from tensor
  /// cores", 2022); the tensor core truncates low.
  Factor split(const Registers &registers) {
    if (!op.getF32Split())
      return {registers, {}};
    Factor result;
    for (Value bits : registers) {
      Value rounded = b.add(bits, b.i32(1 << 12));
      Value high = arith::AndIOp::create(b, rounded, b.i32(~0x1fff));
      Value value = LLVM::BitcastOp::create(b, b.getF32Type(), bits);
      Value part = LLVM::BitcastOp::create(b, b.getF32Type(), high);
      Value rest = arith::SubFOp::create(b, value, part);
      result.high.push_back(high);
      result.low.push_back(LLVM::BitcastOp::create(b, b.getI32Type(), rest));
    }
    return result;
  }

  void multiply(const Factor &left, const Factor &right,
                MutableArrayRef<Value> sums) {
    if (op.getF32Split()) {
      // Small terms first.
      multiply(left.low, right.high, sums);
      multiply(left.high, right.low, sums);
    }
    multiply(left.high, right.high, sums);
  }

  void multiply(ArrayRef<Value> left, ArrayRef<Value> right,
                MutableArrayRef<Value> sums) {
    SmallVector<Value> a(left), c(right);
    NVVM::MMATypes type = NVVM::MMATypes::tf32;
    if (element.isBF16())
      type = NVVM::MMATypes::bf16;
    if (element.isF16()) {
      type = NVVM::MMATypes::f16;
      auto pair = VectorType::get({2}, element);
      for (SmallVector<Value> *factor : {&a, &c})
        for (Value &value : *factor)
          value = LLVM::BitcastOp::create(b, pair, value);
    }
    SmallVector<Type> types(4, b.getF32Type());
    auto resultType = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
    Value product = NVVM::MmaOp::create(
        b, resultType, a, c, SmallVector<Value>(sums),
        ArrayRef<int64_t>{16, 8, step}, std::nullopt, std::nullopt,
        std::array<NVVM::MMATypes, 2>{type, type},
        std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                       NVVM::MMALayout::col});
    for (int64_t i = 0; i < 4; ++i)
      sums[i] = LLVM::ExtractValueOp::create(b, product, i);
  }

  LaneBuilder &b;
  MmaOp op;
  TileType accumulator;
  ValueRange lhsRegisters;
  TypedValue<MemRefType> lhs, rhs;
  Type element;
  bool isF32;
  int64_t elementBytes;
  /// Summed elements of one instruction.
  int64_t step;
  int64_t depth;
  bool lhsInRegisters;
  Value lhsPointer, rhsPointer, zero;
};

struct MmaPattern : OpConversionPattern<MmaOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(MmaOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (op.getF32Plain())
      return rewriter.notifyMatchFailure(op, "not for the tensor core");
    auto rhs = cast<MemRefType>(op.getRhs().getType());
    bool usesMatrices = !rhs.getElementType().isF32() || op.getTransposeRhs();
    if (usesMatrices && op.getType().getCols() % 16 != 0)
      return rewriter.notifyMatchFailure(
          op, "ldmatrix takes the right factor 16 columns at a time");
    LaneBuilder b(op.getLoc(), rewriter);
    Product product(b, op, adaptor.getLhs());
    rewriter.replaceOpWithMultiple(op,
                                   {product.emit(adaptor.getAccumulator())});
    return success();
  }
};

} // namespace

void mfa_gpu::populateMmaPatterns(const TypeConverter &converter,
                                  RewritePatternSet &patterns) {
  patterns.add<MmaPattern>(converter, patterns.getContext());
}
