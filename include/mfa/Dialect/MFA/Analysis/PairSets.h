//===- PairSets.h - Which pairs a region keeps, as affine sets --*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can be told of a region `keep`, or `score`, of masked attention without
// running it: a condition on the position of a pair of query and key is read
// off the ops of the region as a union of systems of affine constraints.
//
// What is not affine (an element of an array, a product of two variables, bits)
// is an unknown, which may be true and false: where a pair is kept, and where
// it is dropped, are both supersets.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_ANALYSIS_PAIRSETS_H
#define MFA_DIALECT_MFA_ANALYSIS_PAIRSETS_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/ValueRange.h"

namespace mlir::mfa {

/// Constraints that all hold: expressions that are at least 0, or 0 where
/// `areEqualities` says so. Dimensions are batch, head, query and key, symbols
/// the values of `PairSets::symbols`.
struct Constraints {
  SmallVector<AffineExpr> expressions;
  SmallVector<bool> areEqualities;

  void add(AffineExpr expression, bool isEquality = false) {
    expressions.push_back(expression);
    areEqualities.push_back(isEquality);
  }
  void append(const Constraints &other) {
    expressions.append(other.expressions);
    areEqualities.append(other.areEqualities);
  }
};

/// Where at least one of the systems holds.
using ConstraintUnion = SmallVector<Constraints>;

struct PairSets {
  /// Supersets of the pairs that are kept, and of those that are dropped.
  ConstraintUnion kept, dropped;
  /// The captured integers, and sizes of captured arrays, which constraints
  /// name as symbols: arguments of the block, or results of `dim` ops in it.
  SmallVector<Value> symbols;
};

/// The pairs that the block of a region `keep` keeps: where it yields true.
/// `positions` are its arguments for batch, head, query and key. Arithmetic on
/// positions and captured integers is taken to be without overflow.
PairSets findKeptPairs(Block &keep, ValueRange positions);

/// The pairs that two rules keep both.
PairSets intersect(const PairSets &a, const PairSets &b);

/// The pairs that the block of a region `score` keeps: where it does not select
/// a constant of -inf.
PairSets findScoredPairs(Block &score, ValueRange positions);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_ANALYSIS_PAIRSETS_H
