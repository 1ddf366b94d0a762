//===- Attention.h - What was found of an attention -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ATTENTION_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ATTENTION_H

#include "Softmax.h"

namespace mlir::mfa::raising {

/// What of an array each of its dimensions is.
using Layout = SmallVector<AxisList, 4>;

/// An array that is an operand of the op, or has the elements of one in another
/// order.
struct Operand {
  Value array;
  Layout layout;
};

/// The dimensions of attention, as axes.
struct Roles {
  AxisList batch, heads, queries, keys, dim, valueDim;
  /// The first of the heads: those of key and value.
  AxisList keyHeads;

  Layout getQueryLayout() const { return {batch, queries, heads, dim}; }
  Layout getKeyLayout() const { return {batch, keys, keyHeads, dim}; }
  Layout getValueLayout() const { return {batch, keys, keyHeads, valueDim}; }
  Layout getOutputLayout() const { return {batch, queries, heads, valueDim}; }
};

/// One thing that happens to a score.
struct ScoreStep {
  enum Kind {
    /// `node` is added.
    Add,
    /// Where `node` is false, `fill` is added, or replaces the score.
    Exclude,
    /// `node`, an op on numbers of which operand `hole` is the score.
    Function,
  };
  Kind kind;
  Node *node;
  TypedAttr fill;
  bool replaces = false;
  unsigned hole = 0;

  bool isInfinite() const;
};

/// What the op does between the product of query and key and the softmax, in
/// its order.
struct Scores {
  /// The scale is a number times these.
  double scale = 1;
  SmallVector<Node *> scaleFactors;
  std::optional<Operand> mask;
  /// The array of the sinks, one for each head, or the one number that they
  /// are.
  std::optional<Operand> sinks;
  TypedAttr sink;
  SmallVector<ScoreStep> steps;
  /// Truth values that all have to hold.
  SmallVector<Node *> keep;
  /// Where the scores of the program begin, if they are not a chain of steps:
  /// `whole` is computed from the node `product`.
  Node *whole = nullptr, *product = nullptr;
  /// What scores are multiplied with in the end.
  double factor = 1;
  /// Whether there may be rows without keys, of which the program makes NaN.
  bool mayLoseRows = false;
};

struct Attention {
  /// The product of weights and value.
  Operation *product = nullptr;
  /// The product of query and key.
  Operation *scoreProduct = nullptr;
  Softmax softmax;
  Roles roles;
  Operand query, key, value;
  Type elementType;
  Scores scores;
  /// What the op's output is, or has the elements of in another order.
  Operand result;
};

/// What the user chooses.
struct RaiseOptions {
  /// Whether NaN in rows without keys may become 0.
  bool zeroesRows = false;
  /// Whether rows all of whose keys are excluded by finite numbers may, too.
  bool ignoresRows = false;
  /// Numbers up to this one exclude a key where another one is left.
  double exclusion = -1e9;
  /// Whether weights and scores may be used elsewhere too.
  bool sharedWeights = false;
};

/// Matches the attention that ends in `product`. Where there is none at all,
/// `softmax` stays null; where there is one that the op is not equal to,
/// `refusal` says why. `elements` then has what was looked at.
std::optional<Attention> matchAttention(Elements &elements,
                                        linalg::LinalgOp product,
                                        const RaiseOptions &options,
                                        Operation *&softmax,
                                        std::optional<Refusal> &refusal);

/// Finds the operands, and the roles of the axes of the product of weights and
/// value. `weights` and `value` are its factors, `scoreProduct` the element of
/// the other product.
LogicalResult matchOperands(Elements &elements, const Reduction &product,
                            Node *value, Node *scoreProduct,
                            Attention &attention,
                            std::optional<Refusal> &refusal);

/// Reads what is between `scoreProduct` and the softmax.
LogicalResult matchScores(Elements &elements, Node *scoreProduct,
                          const RaiseOptions &options, Attention &attention,
                          std::optional<Refusal> &refusal);

/// A number that is the same for all scores.
bool isUniform(Elements &elements, Node *node);

/// Puts `mfa.masked_attention` in the place of what was matched. Returns the
/// op.
Operation *buildAttention(Elements &elements, const Attention &attention,
                          const RaiseOptions &options);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ATTENTION_H
