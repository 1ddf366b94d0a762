//===- Reductions.cpp - Linalg ops that reduce ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reductions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

Node *raising::stripCasts(Elements &elements, Node *node) {
  while (true) {
    node = elements.resolve(node);
    if (node->is<arith::ExtFOp>() || node->is<arith::TruncFOp>()) {
      node = node->operands[0];
      continue;
    }
    if (node->is<arith::MulFOp>()) {
      Node *a = elements.resolve(node->operands[0]),
           *b = elements.resolve(node->operands[1]);
      if (b->isFloat(1) || a->isFloat(1)) {
        node = b->isFloat(1) ? a : b;
        continue;
      }
    }
    return node;
  }
}

/// What `node` combines the value `accumulated` with, and how.
static std::optional<std::pair<Combiner, Node *>>
splitCombiner(Node *node, Value accumulated) {
  Combiner combiner;
  if (node->is<arith::AddFOp>())
    combiner = Combiner::Add;
  else if (node->is<arith::MaximumFOp>() || node->is<arith::MaxNumFOp>())
    combiner = Combiner::Maximum;
  else if (node->kind == NodeKind::And)
    combiner = Combiner::And;
  else
    return std::nullopt;
  for (unsigned side : {0, 1}) {
    Node *other = node->operands[1 - side];
    if (node->operands[side]->kind == NodeKind::Scalar &&
        node->operands[side]->value == accumulated)
      return std::pair(combiner, other);
  }
  return std::nullopt;
}

static std::optional<Reduction> match(Elements &elements, linalg::LinalgOp op,
                                      unsigned result, const LoopAxes &loops) {
  Node *yielded = elements.getYielded(op, result, loops);
  if (!yielded)
    return std::nullopt;
  OpOperand *init = op.getDpsInitOperand(result);
  auto split = splitCombiner(yielded, op.getMatchingBlockArgument(init));
  if (!split)
    return std::nullopt;
  Reduction reduction{op, split->first, split->second, {}};
  SmallVector<unsigned> dims;
  op.getReductionDims(dims);
  for (unsigned dim : dims)
    llvm::append_range(reduction.reduced, loops[dim]);
  // The number that the result starts from.
  Indices indices;
  for (AffineExpr expr : op.getMatchingIndexingMap(init).getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    indices.push_back(dim ? Index{loops[dim.getPosition()], 0} : Index());
  }
  Node *start = elements.resolve(elements.getElement(init->get(), indices));
  if (start->isConstant())
    reduction.start = start;
  elements.markVisited(op);
  return reduction;
}

std::optional<Reduction> raising::matchReduction(Elements &elements,
                                                 linalg::LinalgOp op) {
  LoopAxes loops;
  for (unsigned loop = 0, e = op.getNumLoops(); loop < e; ++loop)
    loops.push_back(elements.getSpace().getLoopAxes(
        op, loop, Elements::getLoopSize(op, loop)));
  return match(elements, op, 0, loops);
}

std::optional<Reduction> raising::matchReduction(Elements &elements, Node *node,
                                                 const AxisList *reduced) {
  node = elements.resolve(node);
  auto op = node->isElement() ? node->value.getDefiningOp<linalg::LinalgOp>()
                              : linalg::LinalgOp();
  if (!op || !op.hasPureTensorSemantics() || op.getNumReductionLoops() == 0)
    return std::nullopt;
  auto result = cast<OpResult>(node->value);
  LoopAxes loops(op.getNumLoops());
  llvm::SmallBitVector isBound(op.getNumLoops());
  AffineMap map = op.getIndexingMapMatchingResult(result);
  for (auto [expr, index] : llvm::zip_equal(map.getResults(), node->indices)) {
    if (index.offset != 0)
      return std::nullopt;
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      loops[dim.getPosition()] = index.axes;
      isBound.set(dim.getPosition());
    } else if (!index.axes.empty()) {
      return std::nullopt;
    }
  }
  AxisSpace &space = elements.getSpace();
  const AxisList kNone;
  for (unsigned loop = 0, e = op.getNumLoops(); loop < e; ++loop) {
    if (isBound[loop])
      continue;
    int64_t size = Elements::getLoopSize(op, loop);
    if (op.getIteratorTypesArray()[loop] != utils::IteratorType::reduction)
      return std::nullopt;
    if (!reduced) {
      loops[loop] = space.getLoopAxes(op, loop, size);
      continue;
    }
    // One loop is over the axes, others are of one iteration.
    int64_t expected = space.getSize(*reduced);
    if (size == 1)
      continue;
    if (!elements.mayBeSame(size, expected))
      return std::nullopt;
    loops[loop] = *reduced;
    reduced = &kNone;
  }
  if (reduced && !reduced->empty())
    return std::nullopt;
  return match(elements, op, result.getResultNumber(), loops);
}

bool raising::mayBeProduct(linalg::LinalgOp op) {
  return op.hasPureTensorSemantics() && op.getNumReductionLoops() > 0 &&
         op.getNumDpsInits() == 1;
}
