//===- VectorRegion.h - Regions for several keys at once ------ -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_VECTORREGION_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_VECTORREGION_H

#include "LaneLoads.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::mfa {

/// `count` lanes of an f32 vector that are in `lanes`; the others are `rest`.
Value keepLanes(VectorBuilder &b, const KeyLanes &lanes, Value vector,
                Value rest);

/// Evaluates a region of `mfa.masked_attention` for the keys of a vector: ops
/// on numbers that are the same for all keys once, those that work element by
/// element on vectors, and every other one for each key by itself.
class VectorRegion {
public:
  VectorRegion(VectorBuilder &b, const KeyLanes &keys) : b(b), keys(keys) {}

  /// What the region yields, a vector. `score`, which is one, is null in a
  /// region without; the others are the same for all keys.
  Value evaluate(Region &region, Value score, Value batch, Value head,
                 Value query, ValueRange captures);

private:
  /// A value in all lanes: the same, growing by one from lane to lane, or any.
  struct Lanes {
    enum Kind { Uniform, Consecutive, Any } kind;
    /// That of the first lane, or a vector.
    Value value;
  };

  void evaluate(Operation &op);
  /// Once, with what the operands are in the first lane.
  void evaluateUniform(Operation &op, Lanes::Kind kind);
  /// Where one operand is consecutive and the result is as well.
  bool evaluateConsecutive(Operation &op);
  bool evaluateLoad(memref::LoadOp op);
  void evaluateElements(Operation &op);
  void evaluateEachLane(Operation &op);
  void evaluateAssert(Operation &op);
  void setResults(Operation &op, Lanes::Kind kind, ValueRange results);
  Value toVector(const Lanes &lanes);

  VectorBuilder &b;
  KeyLanes keys;
  /// Whether functions may differ from the C library's in the last place: those
  /// of `keep` stay exact next to whole numbers.
  bool isOfScore = false;
  llvm::DenseMap<Value, Lanes> values;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_VECTORREGION_H
