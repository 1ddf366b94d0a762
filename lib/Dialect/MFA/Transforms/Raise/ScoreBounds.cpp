//===- ScoreBounds.cpp - How low a step may make a score ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreBounds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

/// Whether an addend may be `least` or less, if its arrays hold what is meant
/// to be added. Arithmetic is taken to stay above that, but for logarithms and
/// factors as large as those of masks.
static bool mayBeAsLowAs(Elements &elements, Node *addend, double least) {
  constexpr double kLargeFactor = 1e3;
  Node *node = elements.expand(addend);
  if (!node)
    return true;
  auto visit = [&](auto &&self, Node *node, bool isFactor) -> bool {
    if (std::optional<double> number = node->getFloat())
      return isFactor ? std::isfinite(least) && std::abs(*number) > kLargeFactor
                      : *number <= least;
    if (node->isElement() || node->kind == NodeKind::Scalar ||
        node->is<tensor::ExtractOp>())
      return !isFactor;
    if (node->kind == NodeKind::Select)
      return self(self, node->operands[1], isFactor) ||
             self(self, node->operands[2], isFactor);
    if (node->is<math::LogOp>() || node->is<math::Log2Op>())
      return true;
    bool isConversion =
        node->is<arith::ExtFOp>() || node->is<arith::TruncFOp>();
    return llvm::any_of(node->operands, [&](Node *operand) {
      return self(self, operand, isFactor || !isConversion);
    });
  };
  return visit(visit, node, false);
}

bool raising::mayMake(Elements &elements, const ScoreStep &step, double least) {
  switch (step.kind) {
  case ScoreStep::Exclude:
    return cast<FloatAttr>(step.fill).getValueAsDouble() <= least;
  case ScoreStep::Add:
    return mayBeAsLowAs(elements, step.node, least);
  case ScoreStep::Function:
    return step.node->kind == NodeKind::Select &&
           mayBeAsLowAs(elements, step.node->operands[3 - step.hole], least);
  }
  llvm_unreachable("a kind of step");
}
