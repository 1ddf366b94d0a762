//===- LaunchTileLists.h - Launches that list key tiles ---------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_LAUNCHTILELISTS_H
#define MFA_LIB_CONVERSION_MFATOGPU_LAUNCHTILELISTS_H

#include "Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa {

/// A constant of the host code in front of launches.
inline Value createIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

/// A list of key tiles (TileList.h) for a launch.
struct LaunchedTileList {
  Value list;
  /// What it is there after.
  Value token;
  /// False where the caller wants the list alone.
  Value computes;
  /// Memory that is freed after the launch.
  SmallVector<Value, 2> temporaries;
};

/// Gets the list of `op`, whose rows have a step for each of `parts` parts of
/// the keys, as far as there are tiles. Where the caller keeps one that an
/// earlier run has made (mfa_gpu.kept_tile_list) nothing is launched for it, or
/// what the numbers in query, key and value decide; else it is made, after
/// `token`. A counter of rows that is not null is 0 after that, too.
///
/// Launches under a condition are followed by nothing that has their token: all
/// of a run are on one stream, in the order of the code.
LaunchedTileList launchTileList(ImplicitLocOpBuilder &b, Kernels &kernels,
                                MaskedAttentionOp op, Value parts, Value token,
                                Value counter = Value());

/// `launch` where the caller wants more than the list, and then frees what is
/// not kept. Returns what all of it is done after.
Value launchWithTileList(ImplicitLocOpBuilder &b, const LaunchedTileList &tiles,
                         function_ref<void()> launch);

/// Launches a kernel without dynamic shared memory after `token`, and returns
/// that of the launch.
Value launchAfter(ImplicitLocOpBuilder &b, gpu::GPUFuncOp kernel,
                  gpu::KernelDim3 grid, int64_t threads, ValueRange arguments,
                  Value token);

Value createNot(ImplicitLocOpBuilder &b, Value condition);

/// `build` where the condition holds.
void launchIf(ImplicitLocOpBuilder &b, Value condition,
              function_ref<void()> build);

/// Whether the caller wants more than lists.
Value wantsMoreThanLists(ImplicitLocOpBuilder &b);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_LAUNCHTILELISTS_H
