//===- Kernels.h - The attention kernels of a module ------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KERNELS_H
#define MFA_LIB_CONVERSION_MFATOGPU_KERNELS_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/ScheduleTable.h"
#include "mfa/Support/Chip.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::mfa {

inline bool isWgmma(MaskedAttentionOp op) {
  return op.getSchedule()->getKind() == KernelKind::Wgmma;
}

/// Threads of a block of the kernel for `op`, and of the one that adds up its
/// ranges of keys.
int64_t getNumThreads(MaskedAttentionOp op);
int64_t getCombineThreads(MaskedAttentionOp op);

/// What the kernel of `op` takes of the op, in order: without a scale that is
/// built in, and without what another kernel finishes rows with.
SmallVector<Value> getKernelArguments(MaskedAttentionOp op);
/// What the kernels take of the op that find the classes of key tiles and put
/// them in order.
SmallVector<Value> getTileClassesArguments(MaskedAttentionOp op);
SmallVector<Value> getTileOrderArguments(MaskedAttentionOp op);
/// What the kernel that has whole rows takes: sinks and destinations.
SmallVector<Value> getFinishingArguments(MaskedAttentionOp op);

/// The kernels of a module, one for each form of the op: ops that agree in
/// types, schedule and constant scale share one. Each is in a `gpu.module` of
/// its own, so that kernels are compiled at the same time, and by the driver
/// not before they are launched.
class Kernels {
public:
  Kernels(ModuleOp module, const Chip &chip, const ScheduleTable &schedules)
      : module(module), chip(chip), schedules(schedules) {}

  /// The kernel for `op`, whose operands are those of `getKernelArguments`, the
  /// tensor maps of a wgmma kernel, the partial sums of one that splits keys,
  /// the list of key tiles, and the counter of rows.
  gpu::GPUFuncOp get(OpBuilder &builder, MaskedAttentionOp op,
                     ValueRange arguments);
  /// The kernel that takes the partial sums, output and lse.
  gpu::GPUFuncOp getCombine(OpBuilder &builder, MaskedAttentionOp op,
                            ValueRange arguments);

  /// The kernels that make a list of key tiles (TileList.h). Their arguments
  /// are those of `getTileClassesArguments`, the list, and, without a mask that
  /// is listed, the counter of rows of a schedule that has one for whole rows;
  /// query, key, value and the magnitudes; those of `getTileOrderArguments`,
  /// the list with the classes if a mask is listed, the list, the number of
  /// steps that rows have at least, and the magnitudes if a mask is listed.
  gpu::GPUFuncOp getTileClasses(OpBuilder &builder, MaskedAttentionOp op,
                                ValueRange arguments);
  gpu::GPUFuncOp getMagnitudes(OpBuilder &builder, MaskedAttentionOp op,
                               ValueRange arguments);
  gpu::GPUFuncOp getTileOrder(OpBuilder &builder, MaskedAttentionOp op,
                              ValueRange arguments);

  const Chip &getChip() const { return chip; }
  const ScheduleTable &getSchedules() const { return schedules; }

  /// The kernel that copies a mask to aligned rows (MaskCopy.h): from the one
  /// to the other.
  gpu::GPUFuncOp getMaskCopy(OpBuilder &builder, MaskedAttentionOp op,
                             ValueRange arguments);

private:
  /// An empty kernel for ops of that form, by the types of the arguments, the
  /// constant scale and `variant`, or the one that is there and has a body.
  gpu::GPUFuncOp lookupOrCreate(OpBuilder &builder, MaskedAttentionOp op,
                                StringRef name, ValueRange arguments,
                                Attribute variant, int64_t threads);

  ModuleOp module;
  Chip chip;
  const ScheduleTable &schedules;
  llvm::MapVector<Attribute, gpu::GPUFuncOp> byForm;
};

/// Launches of `kernels` in place of ops with a schedule: of the kernel that
/// fits what is known at the launch, or of two one after another.
void populateLaunchPatterns(RewritePatternSet &patterns, Kernels &kernels);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KERNELS_H
