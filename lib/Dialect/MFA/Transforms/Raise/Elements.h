//===- Elements.h - What an element of an array is computed from -*- C++ -*-==//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element of an array at given indices, as an expression. Views, copies,
// transpositions, broadcasts and casts of sizes only change indices; an
// elementwise op is its body on elements of its operands. So two programs that
// compute the same have the same expression, however they are divided into ops.
//
// Expressions are made where they are asked for, one op at a time, and each
// once: the same expression is the same node. Comparisons of positions have one
// form, so that k <= q, q >= k, k - q < 1 and !(q < k) are the same node.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ELEMENTS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ELEMENTS_H

#include "Axes.h"
#include "SymbolicSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/FoldingSet.h"
#include "llvm/ADT/SetVector.h"
#include <deque>
#include <limits>

namespace mlir::mfa::raising {

/// The score of a key that takes no part.
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

/// A sum of axes with coefficients, by axis and without zeros, and a constant.
struct Linear {
  SmallVector<std::pair<Axis, int64_t>, 2> terms;
  int64_t constant = 0;

  void add(Axis axis, int64_t coefficient);
  Linear plus(const Linear &other, int64_t factor = 1) const;
  Linear times(int64_t factor) const;
};

enum class NodeKind {
  /// `constant`, a number.
  Constant,
  /// An element of an array, `value`, at `indices`.
  Element,
  /// A number from outside of the arrays, `value`.
  Scalar,
  /// A position, `linear`, as an index or an integer.
  Position,
  /// `linear` and 0, compared by `relation`.
  Compare,
  /// Of truth values.
  And,
  Or,
  Not,
  /// The second operand where the first one is true, else the third.
  Select,
  /// `op` of the operands, on numbers. The op itself is in the body of a linalg
  /// op, or on whole arrays.
  Apply,
};

enum class Relation { AtLeastZero, Zero, NotZero };

struct Node : llvm::FoldingSetNode {
  NodeKind kind;
  /// Of the number that the node stands for.
  Type type;
  TypedAttr constant;
  Value value;
  Indices indices;
  Linear linear;
  Relation relation = Relation::Zero;
  Operation *op = nullptr;
  SmallVector<Node *, 3> operands;

  /// What `Elements::step` made of it.
  std::optional<Node *> next;

  void Profile(llvm::FoldingSetNodeID &id) const;

  template <typename Op>
  bool is() const {
    return kind == NodeKind::Apply && isa<Op>(op);
  }
  bool isElement() const { return kind == NodeKind::Element; }
  bool isConstant() const { return kind == NodeKind::Constant; }
  /// Whether it has to be `value` as a float.
  bool isFloat(double number) const;
  std::optional<double> getFloat() const;
};

/// The axes of each loop of a linalg op.
using LoopAxes = SmallVector<AxisList, 6>;

class Elements {
public:
  explicit Elements(AxisSpace &space) : space(space) {}

  AxisSpace &getSpace() { return space; }
  SymbolicSizes &getSizes() { return sizes; }

  Node *getElement(Value array, Indices indices);
  /// A number outside of arrays, which may be known.
  Node *getScalar(Value value);
  Node *getConstant(TypedAttr value);
  Node *getBool(MLIRContext *context, bool value);
  Node *getPosition(Linear linear, Type type);
  Node *getCompare(Relation relation, Linear linear, Type type);
  Node *getNot(Node *node);
  Node *getAnd(Node *a, Node *b);
  Node *getOr(Node *a, Node *b);
  Node *getSelect(Node *condition, Node *a, Node *b);
  /// `op` of numbers, simplified.
  Node *apply(Operation *op, ArrayRef<Node *> operands);
  /// The same op as `node` of other operands.
  Node *rebuild(Node *node, ArrayRef<Node *> operands);

  /// What an element is computed from, by the op that makes its array; null
  /// where that is no view and not elementwise, and for other nodes.
  Node *step(Node *node);
  /// Steps as far as there are any.
  Node *resolve(Node *node);
  /// Resolves all of an expression, but for elements that `stays` holds for.
  /// Null where it is too large.
  Node *expand(Node *node, function_ref<bool(Node *)> stays);
  Node *expand(Node *node) {
    return expand(node, [](Node *) { return false; });
  }
  /// The expression, expanded, with another index in the place of the axes
  /// `from`. Null where these are not an index of their own, and for one that
  /// is too large.
  Node *substitute(Node *node, const AxisList &from, const Index &to);
  /// Whether two expressions are the same.
  bool areSame(Node *a, Node *b);

  /// The value that the body of `op` yields for a result. Arguments that stand
  /// for results are scalars.
  Node *getYielded(linalg::LinalgOp op, unsigned result, const LoopAxes &loops);

  /// The size of a loop, where any operand tells it.
  static int64_t getLoopSize(linalg::LinalgOp op, unsigned loop);

  /// The ops that were stepped through.
  const llvm::SetVector<Operation *> &getVisited() const { return visited; }
  void markVisited(Operation *op) { visited.insert(op); }
  /// Whether a size and that of an axis may be the same. One that is not known
  /// is the other one's, unless there were slices.
  bool mayBeSame(int64_t size, int64_t other) const {
    if (ShapedType::isDynamic(size) != ShapedType::isDynamic(other))
      return !sliced;
    return size == other;
  }

private:
  Node *unique(Node node);
  Node *stepThrough(Node *node);
  Node *stepThroughGenerate(Operation *op, const Indices &indices);
  Node *stepThroughLinalg(linalg::LinalgOp op, OpResult result,
                          const Indices &indices);
  Node *evaluate(Value value, linalg::LinalgOp op, const LoopAxes &loops,
                 llvm::DenseMap<Value, Node *> &known);
  Node *evaluateArgument(BlockArgument argument, linalg::LinalgOp op,
                         const LoopAxes &loops);
  Value getBroadcastPosition(arith::SelectOp select, linalg::LinalgOp op);
  Node *gather(Operation *op, ArrayRef<Node *> indices);
  /// `node` of what `replace` makes of each of its operands; null where that is
  /// null for one.
  Node *replaceOperands(Node *node, function_ref<Node *(Node *)> replace);
  Node *foldConstants(Operation *op, ArrayRef<Node *> operands);
  Node *simplifyInteger(Operation *op, ArrayRef<Node *> operands);
  Node *simplifyBoolean(Operation *op, ArrayRef<Node *> operands);
  Node *simplifyFloat(Operation *op, ArrayRef<Node *> operands);
  Node *distributeOverSelect(Operation *op, ArrayRef<Node *> operands);

  AxisSpace &space;
  SymbolicSizes sizes;
  std::deque<Node> nodes;
  llvm::FoldingSet<Node> uniqued;
  llvm::SetVector<Operation *> visited;
  bool sliced = false;
};

/// The affine position that a node is, if it is an integer of that kind.
std::optional<Linear> getLinear(Node *node);
/// Bounds of a sum; none where it has no bound.
std::optional<int64_t> getMinimum(const Linear &linear, const AxisSpace &space);
std::optional<int64_t> getMaximum(const Linear &linear, const AxisSpace &space);
/// The index that counts as `linear` does: one whose axes are the digits of it.
std::optional<Index> getIndex(const Linear &linear, const AxisSpace &space);
/// The reverse; none where a size that counts is not known.
std::optional<Linear> getLinear(const Index &index, const AxisSpace &space);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ELEMENTS_H
