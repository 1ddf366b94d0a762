//===- LaneLoads.h - Elements of arrays for several keys ------ -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_LANELOADS_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_LANELOADS_H

#include "VectorBuilder.h"

namespace mlir::mfa {

/// The array as one whose type says that its elements are side by side along
/// the last dimension, as it is known that they are.
Value withUnitStride(OpBuilder &builder, Location loc, Value array);

/// The keys of a vector: one for each lane from `first` on. Where `count` is
/// set, lanes from that one on are past the last key.
struct KeyLanes {
  Value first, count;
};

/// Which lanes have a key.
Value createLaneMask(VectorBuilder &b, const KeyLanes &lanes);

/// What each lane's element is of an array whose last index grows by one from
/// lane to lane; `indices` are those of the first lane. Lanes past the last key
/// are not read, and have some element of the others.
///
/// Elements that are side by side in memory are one load. Where the type leaves
/// open whether they are, that is asked as the program runs.
Value loadLanes(VectorBuilder &b, const KeyLanes &lanes, Value array,
                ValueRange indices);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_LANELOADS_H
