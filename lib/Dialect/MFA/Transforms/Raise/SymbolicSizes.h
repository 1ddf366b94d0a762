//===- SymbolicSizes.h - Sizes as products ----------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters compute sizes by arithmetic: products and quotients of the sizes of
// arguments, guards against negative ones, sizes of views of views. Each size
// is brought to a product of a number and of sizes of arrays that nothing tells
// more of, so that two ways to compute the same size are seen to be equal:
//
//   select(b * 4 < 0, n / (b * s), b * 4)  ->  4 * b,  as b is a size
//
// It is assumed that the products do not overflow.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SYMBOLICSIZES_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SYMBOLICSIZES_H

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::mfa::raising {

/// A number times symbols.
struct SymbolicSize {
  /// The size of a dimension of an array, or with `kNumber` a number.
  using Symbol = std::pair<Value, int64_t>;
  static constexpr int64_t kNumber = -1;

  int64_t factor = 1;
  /// Ordered; more than once in a power.
  SmallVector<Symbol, 2> symbols;
  /// Whether it is known not to be negative.
  bool isNatural = true;

  static SymbolicSize get(int64_t number) { return {number, {}, number >= 0}; }

  bool isNumber() const { return symbols.empty() || factor == 0; }
  bool operator==(const SymbolicSize &other) const {
    return factor == other.factor && symbols == other.symbols;
  }
  bool operator!=(const SymbolicSize &other) const { return !(*this == other); }

  SymbolicSize times(const SymbolicSize &other) const;
  /// The quotient, where it is such a product as well.
  std::optional<SymbolicSize> dividedBy(const SymbolicSize &divisor) const;
};

class SymbolicSizes {
public:
  /// The size of a dimension of an array.
  SymbolicSize getSize(Value array, int64_t dim);
  /// The same where it is a number, else ShapedType::kDynamic.
  int64_t getStaticSize(Value array, int64_t dim) {
    SymbolicSize size = getSize(array, dim);
    return size.isNumber() ? size.factor : ShapedType::kDynamic;
  }
  /// An integer or index.
  SymbolicSize getNumber(Value number);
  /// A truth value, where it is known.
  std::optional<bool> decide(Value condition);

private:
  SymbolicSize getSize(OpFoldResult size);
  SymbolicSize computeNumber(Value number);

  llvm::DenseMap<Value, SymbolicSize> numbers;
  unsigned depth = 0;
};

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SYMBOLICSIZES_H
