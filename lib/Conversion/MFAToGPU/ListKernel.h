//===- ListKernel.h - Warps of kernels that make lists ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_LISTKERNEL_H
#define MFA_LIB_CONVERSION_MFATOGPU_LISTKERNEL_H

#include "TileList.h"
#include "mfa/Dialect/MFA/Transforms/TileClasses.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

namespace mlir::mfa {

constexpr int64_t kListWarps = kListThreads / kWarpSize;

/// The warps of a kernel, each with a task of its own.
class ListKernel {
public:
  ListKernel(KernelBuilder &b, MaskedAttentionOp op, Value list)
      : b(b), op(op), list(list) {
    thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
    lane = arith::RemUIOp::create(b, thread, b.index(kWarpSize));
    warp = arith::DivUIOp::create(b, thread, b.index(kWarpSize));
    numTiles = countTilesOf(b, op, list);
  }

protected:
  /// `body` for the indices of the warp's task, if there is one, among those
  /// below the bounds.
  void forTask(ArrayRef<OpFoldResult> bounds,
               function_ref<void(ValueRange task)> body);
  /// The same for the task of the block's warp with that number.
  void forTaskOf(Value warp, ArrayRef<OpFoldResult> bounds,
                 function_ref<void(ValueRange task)> body);
  Value vote(Value condition, NVVM::VoteSyncKind kind);
  /// Of the lanes' numbers.
  Value findExtreme(Value number, Extreme which);
  Value toNumber(TileClass tileClass) {
    return b.i32(static_cast<int64_t>(tileClass));
  }
  Value isFirstLane() {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0));
  }
  /// Where the row of a task has the class of a tile.
  Value classColumn(Value tile) {
    return arith::AddIOp::create(
        b, arith::AddIOp::create(b, numTiles, b.index(kFirstTile)), tile);
  }

  KernelBuilder &b;
  MaskedAttentionOp op;
  Value list, thread, lane, warp, numTiles;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_LISTKERNEL_H
