//===- Epilogue.cpp - What a kernel stores in the end ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::TileType;

void Epilogue::store(const RowTile &rows, Value output,
                     const OnlineSoftmax::State &state,
                     function_ref<void(Value rounded)> storeOutput) {
  OnlineSoftmax::State whole = state;
  whole.rowSum =
      mfa_gpu::AllReduceOp::create(b, mfa_gpu::ReduceKind::Add, state.rowSum);
  if (problem.schedule.getSplitsKeys())
    return storePartial(rows, output, whole);
  Total total = addSink(rows, whole);
  storeOutput(normalize(output, whole.rowSum, total));
  storeLse(rows, total.state);
}

Epilogue::Total Epilogue::addSink(const RowTile &rows,
                                  const OnlineSoftmax::State &state) {
  if (!problem.operands.sinks)
    return {state, Value()};
  TileType row = problem.rowTile(problem.f32);
  // One for the head, or one for each row.
  Value sink;
  SmallVector<Value> ofRows;
  if (Value sinks = problem.operands.sinks;
      cast<ShapedType>(sinks.getType()).getRank() == 1) {
    sink = memref::LoadOp::create(b, sinks, rows.head);
  } else {
    Value view = b.vectorView(sinks, {rows.head, rows.firstRow},
                              {b.getIndexAttr(1), rows.rows}, 1);
    ofRows.push_back(mfa_gpu::LoadOp::create(b, row, view));
  }
  auto getSink = [&](ValueRange args) { return sink ? sink : args.back(); };
  Total total;
  SmallVector<Value> inputs{state.rowMax};
  llvm::append_range(inputs, ofRows);
  total.state.rowMax = b.map(row, inputs, [&](ValueRange args) -> Value {
    Value logit = getSink(args);
    Value isMore =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UGT, logit, args[0]);
    return arith::SelectOp::create(b, isMore, logit, args[0]);
  });
  Value base = b.map(row, total.state.rowMax, [&](ValueRange args) {
    return getFiniteBase(b, args[0]);
  });
  total.ratio = b.map(row, {state.rowMax, base}, [&](ValueRange args) {
    return getWeight(b, args[0], args[1], problem.weightBits);
  });
  inputs = {state.rowSum, total.ratio, base};
  llvm::append_range(inputs, ofRows);
  total.state.rowSum = b.map(row, inputs, [&](ValueRange args) -> Value {
    return math::FmaOp::create(
        b, args[0], args[1],
        getSinkWeight(b, getSink(args), args[2], problem.weightBits));
  });
  return total;
}

Value Epilogue::normalize(Value output, Value rowSum, const Total &total) {
  TileType row = problem.rowTile(problem.f32);
  SmallVector<Value> inputs{total.state.rowSum};
  if (total.ratio)
    inputs.push_back(total.ratio);
  Value inverse = b.map(row, inputs, [&](ValueRange args) -> Value {
    // A reciprocal of one instruction, good to 1 ulp. The exact one calls a
    // function, around which the whole output tile would be spilled.
    Value dividend = args.size() > 1 ? args[1] : b.constant(1);
    return arith::DivFOp::create(b, dividend, args[0],
                                 arith::FastMathFlags::afn);
  });
  Value divided =
      b.map(cast<TileType>(output.getType()), {output, inverse, rowSum},
            [&](ValueRange args) -> Value {
              Value scaled = arith::MulFOp::create(b, args[0], args[1]);
              return arith::SelectOp::create(b, b.isZero(args[2]),
                                             b.constant(0), scaled);
            });
  return mfa_gpu::ConvertOp::create(b, problem.outputTile(problem.element),
                                    divided);
}

void Epilogue::storeLse(const RowTile &rows,
                        const OnlineSoftmax::State &state) {
  if (!problem.operands.lse)
    return;
  Value lse =
      b.map(problem.rowTile(problem.f32), {state.rowMax, state.rowSum},
            [&](ValueRange args) {
              return getLogSumExp(b, args[0], args[1], problem.weightBits);
            });
  OpFoldResult one = b.getIndexAttr(1);
  mfa_gpu::StoreOp::create(b, lse,
                           b.vectorView(problem.operands.lse,
                                        {rows.batch, rows.head, rows.firstRow},
                                        {one, one, rows.rows}, 2));
}

void Epilogue::storePartial(const RowTile &rows, Value output,
                            const OnlineSoftmax::State &state) {
  Value range = gpu::BlockIdOp::create(b, gpu::Dimension::y);
  OpFoldResult one = b.getIndexAttr(1);
  int64_t valueDim = problem.getOp().getValueDim();
  auto offsetsOf = [&](int64_t col) -> SmallVector<OpFoldResult> {
    return {range, rows.batch, rows.firstRow, rows.head, b.getIndexAttr(col)};
  };
  auto store = [&](Value tile, Value view) {
    mfa_gpu::StoreOp::create(b, tile, view);
  };
  Value partial = problem.operands.partial;
  store(output,
        b.matrixView(partial, offsetsOf(0),
                     {one, one, rows.rows, one, b.getIndexAttr(valueDim)}, 2,
                     4));
  SmallVector<OpFoldResult> column{one, one, rows.rows, one, one};
  store(state.rowMax, b.vectorView(partial, offsetsOf(valueDim), column, 2));
  store(state.rowSum,
        b.vectorView(partial, offsetsOf(valueDim + 1), column, 2));
}
