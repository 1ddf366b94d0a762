//===- EmitElements.h - Expressions in regions ------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_EMITELEMENTS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_EMITELEMENTS_H

#include "Attention.h"
#include "mfa/Dialect/MFA/IR/Rules.h"

namespace mlir::mfa::raising {

/// Builds expressions in a region of the op.
///
/// The dialect's emitter of the same name, by which canonicalization moves
/// masks into regions, starts from an op and clones what is in its body:
/// indices are values, one for each dimension, and nothing is known of them.
/// Here all of that has been read: nodes are simplified, positions are sums of
/// axes that roles give a place in the op's, and what stands for the score is
/// set from outside. They have in common that constants are built.
class ElementEmitter {
public:
  ElementEmitter(RegionBuilder &b, const AxisSpace &space, const Roles &roles)
      : b(b), space(space), roles(roles) {}

  /// The value of a node, of its type.
  Value emit(Node *node);
  /// The value of a float as an f32.
  Value emitFloat(Node *node);
  /// `value` stands for `node` from here on.
  void set(Node *node, Value value) { values[node] = value; }
  /// An op of floats, in f32, whose operand `hole` is `value`.
  Value emitFunction(Node *node, unsigned hole, Value value);
  Value emitConstant(TypedAttr value);

private:
  Value emitNew(Node *node);
  Value emitIndex(const Index &index);
  /// A sum of positions, as an index.
  Value emitLinear(const Linear &linear);
  Value emitTerm(Value position, int64_t coefficient);
  Value emitAxis(Axis axis);
  Value emitCompare(Node *node);
  Value convertIndex(Value index, Type type);
  Value toFloat(Value value);

  RegionBuilder &b;
  const AxisSpace &space;
  const Roles &roles;
  llvm::DenseMap<Node *, Value> values;
};

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_EMITELEMENTS_H
