//===- KeepRegion.h - A region `keep` in a kernel ---------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Most rules keep, of each row, the keys between two bounds, or are that and
// something else:
//
//   causal and a window       k <= q and q - k <= size      [q - size, q]
//   a prefix and causal       k < length[b] or k <= q       [, max(length[b] -
//   1,
//                                                                   q)]
//   causal, within documents  k <= q and id[q] == id[k]     [, q] and the rest
//
// Bounds are computed once for each row of a tile, as columns of it. What is
// left for a score is one comparison with a number for each bound, instead of
// the positions and all that a rule makes of them.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KEEPREGION_H
#define MFA_LIB_CONVERSION_MFATOGPU_KEEPREGION_H

#include "KernelBuilder.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include <optional>
#include <vector>

namespace mlir::mfa {

/// A region `keep` as bounds of the key, and a rest. Without a region it is
/// false, and keeps everything.
class KeepRegion {
public:
  explicit KeepRegion(MaskedAttentionOp op);

  explicit operator bool() const { return block; }
  bool hasLow() const { return !lows.empty(); }
  bool hasHigh() const { return !highs.empty(); }
  bool hasRest() const { return !rest.empty(); }
  /// Whether the rest reads arrays at the place of the key.
  bool readsByKey() const;
  /// How many operations it has for each pair.
  int64_t countRestOps() const;

  /// The first and the last key that the bounds leave, indices; of a side
  /// without a bound it is null. `mapping` has all arguments but the key.
  Value inlineLow(KernelBuilder &b, const IRMapping &mapping) const;
  Value inlineHigh(KernelBuilder &b, const IRMapping &mapping) const;
  /// Whether the rest keeps a pair. `mapping` has all arguments.
  Value inlineRest(KernelBuilder &b, IRMapping mapping) const;

private:
  enum class Side { Low, High };
  /// A condition that leaves the keys on one side of a bound: a comparison with
  /// the key, one without it, which leaves all keys or none, or several, of
  /// which all or any have to hold.
  struct Bound {
    Value condition;
    bool isNegated = false;
    /// Not of one without the key.
    std::optional<Side> side;
    bool isAny = false;
    std::vector<Bound> parts;
  };

  std::optional<Bound> getBound(Value condition, bool isNegated) const;
  std::optional<Bound> getComparison(Value condition, bool isNegated) const;
  /// How often a number has the key in it, as far as it is linear in that.
  std::optional<int64_t> getKeyCoefficient(Value number) const;
  bool dependsOnKey(Value value) const;

  Value inlineValue(KernelBuilder &b, IRMapping &mapping, Value value) const;
  Value inlineBound(KernelBuilder &b, IRMapping &mapping, const Bound &bound,
                    Side side) const;
  Value inlineBounds(KernelBuilder &b, const IRMapping &mapping,
                     ArrayRef<Bound> bounds, Side side) const;

  Block *block = nullptr;
  SmallVector<Value, 4> positions;
  Value key;
  llvm::SetVector<Operation *> ofKey;
  std::vector<Bound> lows, highs;
  /// Conditions that all have to hold.
  SmallVector<Value> rest;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KEEPREGION_H
