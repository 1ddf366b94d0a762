//===- Axes.h - Dimensions as lists of axes ---------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters merge dimensions (batch x heads), split them again, and add and
// drop sizes of 1. So an index of an array is written as a list of *axes*, as
// the digits of a number are:
//
//   tensor<8x6x16>  [b, h] [q] [d]      the first index is b * 4 + h
//   tensor<2x4x6x1> [b] [h] [q] []      an index of a size of 1 is no axis
//
// Merging dimensions joins lists, splitting one cuts its list. Where a cut
// falls into an axis, the axis is made of two: that is noted, and what is being
// matched is matched again with the new axes.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_AXES_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_AXES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::mfa::raising {

/// A part of an iteration space that nothing divides further.
using Axis = unsigned;
using AxisList = SmallVector<Axis, 2>;

/// An index of an array: the number that the axes are the digits of, the last
/// one the lowest, and a constant.
struct Index {
  AxisList axes;
  int64_t offset = 0;

  bool operator==(const Index &other) const {
    return axes == other.axes && offset == other.offset;
  }
};
using Indices = SmallVector<Index, 4>;

class AxisSpace {
public:
  /// The axes of a loop of `op` with a size or ShapedType::kDynamic. The same
  /// each time, for as long as no axis is divided.
  const AxisList &getLoopAxes(Operation *op, unsigned loop, int64_t size);

  int64_t getSize(Axis axis) const { return axes[axis].size; }
  /// The product of sizes, or ShapedType::kDynamic.
  int64_t getSize(ArrayRef<Axis> list) const;

  /// Cuts a list into one for each of the sizes, whose product it has. Fails
  /// where that is not known to be possible, or only with other axes.
  FailureOr<SmallVector<AxisList>> cut(ArrayRef<Axis> list,
                                       ArrayRef<int64_t> sizes);

  /// Whether a cut failed that divided axes make possible. If so, all axes are
  /// new.
  bool divideAxes();

private:
  using Loop = std::pair<Operation *, unsigned>;
  struct AxisInfo {
    Loop loop;
    unsigned position;
    int64_t size;
  };

  SmallVector<AxisInfo> axes;
  llvm::DenseMap<Loop, AxisList> loops;
  /// The sizes of the axes of the loops that are divided.
  llvm::DenseMap<Loop, SmallVector<int64_t>> factors;
  /// The axis to be divided, and the size of its lower part.
  std::optional<std::pair<Axis, int64_t>> division;
};

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_AXES_H
