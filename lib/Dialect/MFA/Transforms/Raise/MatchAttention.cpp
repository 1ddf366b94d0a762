//===- MatchAttention.cpp - Attention that ends in a product --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

namespace {
class AttentionMatcher {
public:
  AttentionMatcher(Elements &elements, const RaiseOptions &options,
                   std::optional<Refusal> &refusal)
      : elements(elements), options(options), refusal(refusal) {}

  std::optional<Attention> match(linalg::LinalgOp op, Operation *&softmax);

private:
  /// Factors of a sum of products.
  std::optional<std::pair<Node *, Node *>> getFactors(const Reduction &product);
  SmallVector<Node *> findScoreProducts(Node *score, const AxisList &keys);
  bool isScoreProduct(Node *node);
  LogicalResult checkUses(const Attention &attention);

  Elements &elements;
  const RaiseOptions &options;
  std::optional<Refusal> &refusal;
};
} // namespace

std::optional<std::pair<Node *, Node *>>
AttentionMatcher::getFactors(const Reduction &product) {
  if (product.combiner != Combiner::Add)
    return std::nullopt;
  Node *factors = stripCasts(elements, product.element);
  if (!factors->is<arith::MulFOp>())
    return std::nullopt;
  return std::pair(factors->operands[0], factors->operands[1]);
}

bool AttentionMatcher::isScoreProduct(Node *node) {
  std::optional<Reduction> product = matchReduction(elements, node);
  return product && getFactors(*product);
}

/// Products among what the scores are computed from that vary over all keys.
SmallVector<Node *> AttentionMatcher::findScoreProducts(Node *score,
                                                        const AxisList &keys) {
  constexpr unsigned kMaxNodes = 4096;
  auto hasKeys = [&](Node *node) {
    return llvm::all_of(keys, [&](Axis key) {
      return llvm::any_of(node->indices, [&](const Index &index) {
        return llvm::is_contained(index.axes, key);
      });
    });
  };
  SmallVector<Node *> found, open{score};
  llvm::SmallDenseSet<Node *> seen;
  while (!open.empty() && seen.size() < kMaxNodes) {
    Node *node = open.pop_back_val();
    if (!seen.insert(node).second)
      continue;
    if (!node->isElement()) {
      llvm::append_range(open, llvm::reverse(node->operands));
    } else if (hasKeys(node)) {
      if (Node *next = elements.step(node))
        open.push_back(next);
      else if (isScoreProduct(node))
        found.push_back(node);
    }
  }
  return found;
}

/// Whether what is between the products is used by nothing else: else it would
/// be computed as before, and attention besides.
LogicalResult AttentionMatcher::checkUses(const Attention &attention) {
  SmallVector<Operation *> open{attention.scoreProduct};
  llvm::SmallDenseSet<Operation *> seen;
  while (!open.empty()) {
    Operation *op = open.pop_back_val();
    for (Operation *user : op->getUsers()) {
      // An element that is read in the body of an op is used by that op.
      while (isa<linalg::LinalgOp, tensor::GenerateOp>(user->getParentOp()))
        user = user->getParentOp();
      if (user == attention.product || isa<tensor::DimOp>(user) ||
          !seen.insert(user).second)
        continue;
      if (elements.getVisited().contains(user)) {
        open.push_back(user);
      } else if (!isOpTriviallyDead(user)) {
        refusal = Refusal{user->getLoc(),
                          "the scores or weights are used by another op"};
        return failure();
      }
    }
  }
  return success();
}

std::optional<Attention> AttentionMatcher::match(linalg::LinalgOp op,
                                                 Operation *&softmax) {
  std::optional<Reduction> product = matchReduction(elements, op);
  auto factors = product ? getFactors(*product) : std::nullopt;
  if (!factors)
    return std::nullopt;
  Attention attention;
  attention.product = op;
  Node *value = nullptr;
  for (auto [weights, other] :
       {*factors, std::pair(factors->second, factors->first)}) {
    LogicalResult matched = matchSoftmax(elements, weights, product->reduced,
                                         attention.softmax, refusal);
    softmax = attention.softmax.sum;
    if (!softmax)
      continue;
    if (failed(matched))
      return std::nullopt;
    value = other;
    break;
  }
  if (!value)
    return std::nullopt;
  if (!product->start || !product->start->isFloat(0)) {
    refusal = Refusal{op->getLoc(),
                      "the product of weights and value does not start from 0"};
    return std::nullopt;
  }

  SmallVector<Node *> products =
      findScoreProducts(attention.softmax.score, product->reduced);
  if (products.empty())
    refusal = Refusal{softmax->getLoc(),
                      "the scores are not computed from a product of two "
                      "arrays"};
  for (Node *scoreProduct : products) {
    Attention attempt = attention;
    std::optional<Refusal> reason;
    if (succeeded(matchOperands(elements, *product, value, scoreProduct,
                                attempt, reason)) &&
        succeeded(
            matchScores(elements, scoreProduct, options, attempt, reason))) {
      refusal.reset();
      if (!options.sharedWeights && failed(checkUses(attempt)))
        return std::nullopt;
      return attempt;
    }
    if (!refusal)
      refusal = reason;
  }
  return std::nullopt;
}

std::optional<Attention>
raising::matchAttention(Elements &elements, linalg::LinalgOp product,
                        const RaiseOptions &options, Operation *&softmax,
                        std::optional<Refusal> &refusal) {
  return AttentionMatcher(elements, options, refusal).match(product, softmax);
}
