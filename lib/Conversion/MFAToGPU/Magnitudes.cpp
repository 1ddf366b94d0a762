//===- Magnitudes.cpp - Whether all scores are finite ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Magnitudes.h"
#include "TileList.h"
#include "WideLoads.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

/// Query, key and value.
static constexpr int64_t kNumArrays = 3;
/// No sum of products is more than this, the largest f32 but for rounding.
static constexpr double kLargestSum = 0x1p127;

MemRefType mfa::getMagnitudesType(MaskedAttentionOp op) {
  return MemRefType::get({kNumArrays, ShapedType::kDynamic},
                         IntegerType::get(op.getContext(), 32));
}

static Value reduceWarp(KernelBuilder &b, Value number) {
  return NVVM::ReduxOp::create(b, b.getI32Type(), number, NVVM::ReduxKind::UMAX,
                               b.i32(-1));
}

/// The bits of an element as f32, without the sign.
static Value createBits(KernelBuilder &b, Value element) {
  if (!element.getType().isF32())
    element = arith::ExtFOp::create(b, b.getF32Type(), element);
  return arith::AndIOp::create(
      b, arith::BitcastOp::create(b, b.getI32Type(), element),
      b.i32(std::numeric_limits<int32_t>::max()));
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

/// The largest of 0 and what `body` gives for numbers of the range, with so
/// many loads for each; none are loads in a loop of their own.
static Value createMaximum(KernelBuilder &b, Value first, Value end, Value step,
                           int64_t loads, function_ref<Value(Value)> body) {
  // LLVM knows how often a loop of steps of 1 runs, which it has to.
  Value distance = b.createOrFold<arith::SubIOp>(
      b.createOrFold<arith::MaxUIOp>(end, first), first);
  auto loop = scf::ForOp::create(
      b, b.index(0), b.createOrFold<arith::CeilDivUIOp>(distance, step),
      b.index(1), b.i32(0));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value next = body(b.createOrFold<arith::AddIOp>(
      first, b.createOrFold<arith::MulIOp>(loop.getInductionVar(), step)));
  scf::YieldOp::create(
      b, arith::MaxUIOp::create(b, loop.getRegionIterArg(0), next).getResult());
  if (loads)
    unroll(loop, llvm::divideCeil(kLoadsAtOnce, loads));
  return loop.getResult(0);
}

/// The magnitude of a lane's part of an array [B, S, heads, D], each `warps`-th
/// position.
static Value createElementMagnitude(KernelBuilder &b, Value array, Value warp,
                                    Value warps, Value lane) {
  int64_t dim = cast<MemRefType>(array.getType()).getDimSize(3);
  Value positions = b.dim(array, 1);
  Value count = b.createOrFold<arith::MulIOp>(b.dim(array, 0), positions);
  return createMaximum(b, warp, count, warps, /*loads=*/0, [&](Value number) {
    Value batch = arith::DivUIOp::create(b, number, positions);
    Value position = arith::RemUIOp::create(b, number, positions);
    return createMaximum(
        b, b.index(0), b.dim(array, 2), b.index(1),
        llvm::divideCeil(dim, kWarpSize), [&](Value head) {
          Value largest = b.i32(0);
          for (int64_t first = 0; first < dim; first += kWarpSize) {
            Value col = b.createOrFold<arith::AddIOp>(lane, b.index(first));
            // Lanes past the last column have that one as well.
            if (first + kWarpSize > dim)
              col = arith::MinUIOp::create(b, col, b.index(dim - 1));
            Value element = memref::LoadOp::create(
                b, array, ValueRange{batch, position, head, col});
            largest =
                b.createOrFold<arith::MaxUIOp>(largest, createBits(b, element));
          }
          return largest;
        });
  });
}

//===----------------------------------------------------------------------===//
// 16 bytes at a time
//===----------------------------------------------------------------------===//

namespace {
/// Chunks of 16 bytes of an aligned array [B, S, heads, D], in order: where a
/// thread is, and how far it goes at a time. So nothing is divided on the way.
class ChunkWalk {
public:
  ChunkWalk(KernelBuilder &b, Value array, const WideArray &wide)
      : b(b), wide(wide), batches(b.toI32(b.dim(array, 0))),
        positions(b.toI32(b.dim(array, 1))),
        headChunks(getHeadChunks(cast<MemRefType>(array.getType()))),
        chunks(b.createOrFold<arith::MulIOp>(b.toI32(b.dim(array, 2)),
                                             b.i32(headChunks))) {}

  static int64_t getHeadChunks(MemRefType type) {
    return type.getDimSize(3) / WideArray::countElements(type.getElementType());
  }

  /// A batch, a position, and a chunk of that, as numbers of 32 bits.
  using Place = SmallVector<Value>;
  /// Where the chunk of that number is, of the smallest array's as well.
  Place split(Value number);
  Place add(ValueRange place, ValueRange step);
  /// Where there is no such batch, the address of the array.
  Value addressOf(ValueRange place);
  /// As an index, like all numbers that may be large.
  Value count();

private:
  KernelBuilder &b;
  const WideArray &wide;
  Value batches, positions;
  int64_t headChunks;
  /// Of a position.
  Value chunks;
};
} // namespace

ChunkWalk::Place ChunkWalk::split(Value number) {
  // An array without elements has no chunk, but is divided by.
  auto divide = [&](Value number, Value by) -> std::pair<Value, Value> {
    Value divisor = b.createOrFold<arith::MaxUIOp>(by, b.i32(1));
    return {b.createOrFold<arith::DivUIOp>(number, divisor),
            b.createOrFold<arith::RemUIOp>(number, divisor)};
  };
  auto [row, chunk] = divide(number, chunks);
  auto [batch, position] = divide(row, positions);
  return {batch, position, chunk};
}

ChunkWalk::Place ChunkWalk::add(ValueRange place, ValueRange step) {
  Value carry;
  auto addDigit = [&](Value lhs, Value rhs, Value base) -> Value {
    Value sum = b.createOrFold<arith::AddIOp>(lhs, rhs);
    if (carry)
      sum = b.createOrFold<arith::AddIOp>(
          sum, arith::ExtUIOp::create(b, b.getI32Type(), carry));
    if (!base)
      return sum;
    carry = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, sum, base);
    return arith::SelectOp::create(
        b, carry, b.createOrFold<arith::SubIOp>(sum, base), sum);
  };
  Value chunk = addDigit(place[2], step[2], chunks);
  Value position = addDigit(place[1], step[1], positions);
  Value batch = addDigit(place[0], step[0], Value());
  return {batch, position, chunk};
}

Value ChunkWalk::addressOf(ValueRange place) {
  auto add = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::AddIOp>(lhs, rhs);
  };
  Value width = b.i32(headChunks);
  Value head = b.createOrFold<arith::DivUIOp>(place[2], width);
  Value col = b.createOrFold<arith::MulIOp>(
      b.createOrFold<arith::RemUIOp>(place[2], width), b.i32(kWideBytes));
  Value address =
      add(add(add(wide.offsetOf(0, place[0]), wide.offsetOf(1, place[1])),
              wide.offsetOf(2, head)),
          b.toIndex(col));
  Value isThere =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place[0], batches);
  return add(wide.getBase(),
             arith::SelectOp::create(b, isThere, address, b.index(0)));
}

Value ChunkWalk::count() {
  Value rows =
      b.createOrFold<arith::MulIOp>(b.toIndex(batches), b.toIndex(positions));
  return b.createOrFold<arith::MulIOp>(rows, b.toIndex(chunks));
}

/// The magnitude of a thread's part of an aligned array, of `threads` in all.
static Value createWideMagnitude(KernelBuilder &b, Value array,
                                 const WideArray &wide, Value thread,
                                 Value threads) {
  Type element = cast<MemRefType>(array.getType()).getElementType();
  int64_t bits = element.getIntOrFloatBitWidth();
  ChunkWalk walk(b, array, wide);
  SmallVector<Value> state = walk.split(thread), step = walk.split(threads);
  state.push_back(splatWide(b, 0, bits));
  Value stride =
      b.createOrFold<arith::MulIOp>(b.toIndex(threads), b.index(kWideLoads));
  auto loop = scf::ForOp::create(b, b.index(0), walk.count(), stride, state);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ValueRange places = loop.getRegionIterArgs().drop_back();
    SmallVector<Value> place(places), loaded;
    for (int64_t i = 0; i < kWideLoads; ++i) {
      loaded.push_back(loadWide(b, walk.addressOf(place), bits));
      place = walk.add(place, step);
    }
    Value largest = loop.getRegionIterArgs().back();
    Value withoutSign =
        splatWide(b, llvm::maskTrailingOnes<uint64_t>(bits - 1), bits);
    for (Value words : loaded)
      largest = arith::MaxUIOp::create(
          b, largest, arith::AndIOp::create(b, words, withoutSign));
    place.push_back(largest);
    scf::YieldOp::create(b, place);
  }
  Value largest = LLVM::vector_reduce_umax::create(b, b.getIntegerType(bits),
                                                   loop.getResults().back());
  return createBits(b, arith::BitcastOp::create(b, element, largest));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

static bool mayBeWide(MemRefType type) {
  return mayHaveAlignedRows(type) &&
         type.getDimSize(3) % WideArray::countElements(type.getElementType()) ==
             0;
}

void mfa::buildMagnitudesKernel(OpBuilder &builder, MaskedAttentionOp op,
                                const KernelOperands &operands,
                                Value magnitudes) {
  constexpr int64_t kWarps = kMagnitudeThreads / kWarpSize;
  KernelBuilder b(op.getLoc(), builder);
  auto kernel = cast<gpu::GPUFuncOp>(b.getInsertionBlock()->getParentOp());
  keepLoadsTogether(kernel, kMagnitudeThreads);
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Value ofWarps = kernel.addWorkgroupAttribution(
      MemRefType::get({kNumArrays, kWarps}, b.getI32Type(), AffineMap(), space),
      b.getLoc());
  Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  Value lane = arith::RemUIOp::create(b, thread, b.index(kWarpSize));
  Value warp = arith::DivUIOp::create(b, thread, b.index(kWarpSize));
  Value block = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  Value blocks = b.dim(magnitudes, 1);
  auto ofGrid = [&](Value number, int64_t perBlock) -> Value {
    return arith::AddIOp::create(
        b, arith::MulIOp::create(b, block, b.index(perBlock)), number);
  };
  auto countOf = [&](int64_t perBlock) -> Value {
    return b.createOrFold<arith::MulIOp>(blocks, b.index(perBlock));
  };
  auto createMagnitude = [&](Value array) -> Value {
    auto byElement = [&]() -> SmallVector<Value> {
      return {createElementMagnitude(b, array, ofGrid(warp, kWarps),
                                     countOf(kWarps), lane)};
    };
    if (!mayBeWide(cast<MemRefType>(array.getType())))
      return byElement()[0];
    WideArray wide(b, array);
    return b.choose(
        wide.isAligned(),
        [&]() -> SmallVector<Value> {
          return {createWideMagnitude(
              b, array, wide, b.toI32(ofGrid(thread, kMagnitudeThreads)),
              b.toI32(countOf(kMagnitudeThreads)))};
        },
        byElement)[0];
  };

  Value hasExcluded =
      createHasExcluded(b, op, operands.tileList, thread, kMagnitudeThreads);
  SmallVector<Value> largest = b.choose(
      hasExcluded,
      [&]() -> SmallVector<Value> {
        return {createMagnitude(operands.query), createMagnitude(operands.key),
                createMagnitude(operands.value)};
      },
      [&] { return SmallVector<Value>(kNumArrays, b.i32(0)); });
  Value isFirstLane =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0));
  for (Value &magnitude : largest)
    magnitude = reduceWarp(b, magnitude);
  b.guarded(isFirstLane, [&] {
    for (auto [i, magnitude] : llvm::enumerate(largest))
      memref::StoreOp::create(b, magnitude, ofWarps,
                              ValueRange{b.index(i), warp});
  });
  gpu::BarrierOp::create(b);
  Value isFirstWarp =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, warp, b.index(0));
  b.guarded(isFirstWarp, [&] {
    Value other = arith::MinUIOp::create(b, lane, b.index(kWarps - 1));
    for (Value i : {b.index(0), b.index(1), b.index(2)}) {
      Value magnitude = reduceWarp(
          b, memref::LoadOp::create(b, ofWarps, ValueRange{i, other}));
      b.guarded(isFirstLane, [&] {
        memref::StoreOp::create(b, magnitude, magnitudes, ValueRange{i, block});
      });
    }
  });
}

/// The largest magnitudes of query, key and value, for all lanes of a warp.
static SmallVector<Value> createLargest(KernelBuilder &b, Value magnitudes,
                                        Value lane) {
  // Most launches have no more parts than are loaded at once here: loads of a
  // loop of unknown length wait for each other where that is short.
  constexpr int64_t kLoads = 8;
  Value parts = b.dim(magnitudes, 1);
  Value last = b.createOrFold<arith::SubIOp>(parts, b.index(1));
  auto loop =
      scf::ForOp::create(b, b.index(0), parts, b.index(kLoads * kWarpSize),
                         SmallVector<Value>(kNumArrays, b.i32(0)));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> largest(loop.getRegionIterArgs());
    Value first = b.createOrFold<arith::AddIOp>(loop.getInductionVar(), lane);
    for (int64_t i = 0; i < kLoads; ++i) {
      // Behind the last it is that one again.
      Value part = arith::MinUIOp::create(
          b, b.createOrFold<arith::AddIOp>(first, b.index(i * kWarpSize)),
          last);
      for (auto [array, number] : llvm::enumerate(largest))
        number = arith::MaxUIOp::create(
            b, number,
            memref::LoadOp::create(b, magnitudes,
                                   ValueRange{b.index(array), part}));
    }
    scf::YieldOp::create(b, largest);
  }
  return llvm::map_to_vector(loop.getResults(), [&](Value number) -> Value {
    return arith::BitcastOp::create(b, b.getF32Type(), reduceWarp(b, number));
  });
}

Value mfa::createAreFinite(KernelBuilder &b, MaskedAttentionOp op,
                           Value magnitudes, Value scale, Value lane) {
  SmallVector<Value> largest = createLargest(b, magnitudes, lane);
  auto multiply = [&](Value lhs, Value rhs) -> Value {
    return arith::MulFOp::create(b, lhs, rhs);
  };
  // NaN is not below.
  auto isBelow = [&](Value number, double limit) -> Value {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, number,
                                 b.constant(limit));
  };
  Value sum =
      multiply(multiply(largest[0], largest[1]), b.constant(op.getHeadDim()));
  Value score = multiply(sum, math::AbsFOp::create(b, scale));
  Value areScores = arith::AndIOp::create(b, isBelow(sum, kLargestSum),
                                          isBelow(score, kLargestSum));
  return arith::AndIOp::create(
      b, areScores,
      isBelow(largest[2], std::numeric_limits<double>::infinity()));
}
