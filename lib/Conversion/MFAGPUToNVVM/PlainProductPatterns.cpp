//===- PlainProductPatterns.cpp - f32 products without tensor cores -------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A product of f32 tiles by multiply-adds, each lane its own elements of the
// accumulator. It is what kernels do once more, rarely, so the summed dimension
// is a loop: of short code rather than of fast one.
//
// Of a left factor in registers a lane has but two columns of every 8. The
// others come from the lanes of its row, and the registers of the next 8
// columns take the place of these from one iteration to the next.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

/// Summed elements of an iteration, and of the vectors that lanes load.
constexpr int64_t kStep = 8, kVector = 4;

class PlainProduct {
public:
  PlainProduct(LaneBuilder &b, MmaOp op)
      : b(b), accumulator(op.getType()),
        rhs(cast<TypedValue<MemRefType>>(op.getRhs())),
        isTransposed(op.getTransposeRhs()) {
    depth = rhs.getType().getDimSize(isTransposed ? 1 : 0);
    if (!isa<TileType>(op.getLhs().getType())) {
      lhs = cast<TypedValue<MemRefType>>(op.getLhs());
      lhsPointer = b.sharedPointer(
          lhs, b.add(b.warpRow(accumulator), b.rowGroup()), b.i32(0));
    }
    Value col = b.mul(b.colGroup(), 2);
    rhsPointer = isTransposed ? b.sharedPointer(rhs, col, b.i32(0))
                              : b.sharedPointer(rhs, b.i32(0), col);
  }

  SmallVector<Value> emit(ValueRange lhsRegisters, ValueRange sums) {
    SmallVector<Value> carried(sums);
    llvm::append_range(carried, lhsRegisters);
    auto loop =
        scf::ForOp::create(b, b.i32(0), b.i32(depth), b.i32(kStep), carried);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value k = loop.getInductionVar();
    SmallVector<Value> results(
        loop.getRegionIterArgs().take_front(sums.size()));
    ValueRange left = loop.getRegionIterArgs().drop_front(sums.size());
    for (int64_t first = 0; first < kStep; first += kVector)
      addVector(results, left, k, first);
    // Four registers of every 16 rows are 8 columns.
    int64_t rowRegisters = depth / kStep * 4;
    for (size_t i = 0; i < left.size(); i += rowRegisters) {
      llvm::append_range(results, left.slice(i + 4, rowRegisters - 4));
      llvm::append_range(results, left.slice(i, 4));
    }
    scf::YieldOp::create(b, results);
    return SmallVector<Value>(loop.getResults().take_front(sums.size()));
  }

private:
  using Vector = std::array<Value, kVector>;

  static int64_t pitchBytes(MemRefType type) {
    return getRowPitch(type) * sizeof(float);
  }

  /// Elements next to each other.
  SmallVector<Value> load(Value pointer, int64_t count) {
    Value vector =
        LLVM::LoadOp::create(b, VectorType::get({count}, b.getF32Type()),
                             pointer, count * sizeof(float));
    SmallVector<Value> elements;
    for (int64_t i = 0; i < count; ++i)
      elements.push_back(LLVM::ExtractElementOp::create(b, vector, b.i32(i)));
    return elements;
  }

  /// The left factor in row g or, of the `half` 1, g + 8 of 16-row fragment m,
  /// and summed elements from `k` + `first`.
  Vector loadLeft(ValueRange registers, int64_t m, int64_t half, Value k,
                  int64_t first) {
    Vector result;
    if (lhs) {
      int64_t offset = (16 * m + 8 * half) * pitchBytes(lhs.getType());
      Value pointer = b.advance(lhsPointer, b.mul(k, sizeof(float)));
      llvm::copy(
          load(b.advance(pointer, offset + first * sizeof(float)), kVector),
          result.begin());
      return result;
    }
    Value lane = b.lane();
    Value firstOfRow = b.add(lane, b.mul(b.urem(lane, 4), -1));
    for (int64_t i = 0; i < kVector; ++i) {
      Value mine = registers[m * (depth / kStep * 4) + 2 * half + i % 2];
      Value source = b.add(firstOfRow, b.i32((first + i) / 2));
      result[i] = NVVM::ShflOp::create(
          b, mine.getType(), b.i32(-1), mine, source, b.i32(31),
          NVVM::ShflKind::idx, /*return_value_and_is_valid=*/UnitAttr());
    }
    return result;
  }

  /// The right factor in columns `col` + 2t and the one after it.
  std::array<Vector, 2> loadRight(int64_t col, Value k, int64_t first) {
    std::array<Vector, 2> result;
    int64_t pitch = pitchBytes(rhs.getType());
    Value pointer =
        b.advance(rhsPointer, b.mul(k, isTransposed ? sizeof(float) : pitch));
    if (isTransposed) {
      for (int64_t i : {0, 1})
        llvm::copy(
            load(b.advance(pointer, (col + i) * pitch + first * sizeof(float)),
                 kVector),
            result[i].begin());
      return result;
    }
    for (int64_t d = 0; d < kVector; ++d) {
      SmallVector<Value> pair = load(
          b.advance(pointer, (first + d) * pitch + col * sizeof(float)), 2);
      result[0][d] = pair[0];
      result[1][d] = pair[1];
    }
    return result;
  }

  void addVector(MutableArrayRef<Value> sums, ValueRange lhsRegisters, Value k,
                 int64_t first) {
    SmallVector<Vector> left;
    for (int64_t m = 0; m < accumulator.getRowFragments(); ++m)
      for (int64_t half : {0, 1})
        left.push_back(loadLeft(lhsRegisters, m, half, k, first));
    int64_t cols = accumulator.getCols();
    for (int64_t col = 0; col < cols; col += 8) {
      std::array<Vector, 2> right = loadRight(col, k, first);
      for (auto [row, factors] : llvm::enumerate(left))
        for (int64_t i : {0, 1}) {
          Value &sum =
              sums[4 * (row / 2 * (cols / 8) + col / 8) + 2 * (row % 2) + i];
          for (int64_t d = 0; d < kVector; ++d)
            sum = LLVM::FMAOp::create(b, factors[d], right[i][d], sum);
        }
    }
  }

  LaneBuilder &b;
  TileType accumulator;
  TypedValue<MemRefType> lhs, rhs;
  bool isTransposed;
  int64_t depth;
  Value lhsPointer, rhsPointer;
};

struct PlainProductPattern : OpConversionPattern<MmaOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(MmaOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getF32Plain())
      return rewriter.notifyMatchFailure(op, "for the tensor core");
    LaneBuilder b(op.getLoc(), rewriter);
    PlainProduct product(b, op);
    ValueRange lhsRegisters;
    if (isa<TileType>(op.getLhs().getType()))
      lhsRegisters = adaptor.getLhs();
    rewriter.replaceOpWithMultiple(
        op, {product.emit(lhsRegisters, adaptor.getAccumulator())});
    return success();
  }
};

} // namespace

void mfa_gpu::populatePlainProductPatterns(const TypeConverter &converter,
                                           RewritePatternSet &patterns) {
  patterns.add<PlainProductPattern>(converter, patterns.getContext());
}
