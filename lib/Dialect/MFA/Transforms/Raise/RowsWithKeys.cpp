//===- RowsWithKeys.cpp - Rules that keep a key in each row ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowsWithKeys.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

namespace {
/// The truth of rules at one key of each row.
class Witness {
public:
  /// The key is `key`, a function of the query.
  Witness(Elements &elements, const Roles &roles, Linear key)
      : elements(elements), roles(roles), key(std::move(key)) {}

  /// True or false in all rows, or not known.
  std::optional<bool> getTruth(Node *rule) const;

private:
  std::optional<bool> getTruthOfComparison(Node *rule) const;

  Elements &elements;
  const Roles &roles;
  Linear key;
};
} // namespace

std::optional<bool> Witness::getTruthOfComparison(Node *rule) const {
  Linear substituted;
  substituted.constant = rule->linear.constant;
  for (auto [axis, coefficient] : rule->linear.terms) {
    if (!llvm::is_contained(roles.keys, axis))
      substituted.add(axis, coefficient);
    else
      substituted = substituted.plus(key, coefficient);
  }
  Node *known =
      elements.getCompare(rule->relation, std::move(substituted), rule->type);
  return known->isConstant() ? getTruth(known) : std::nullopt;
}

std::optional<bool> Witness::getTruth(Node *rule) const {
  switch (rule->kind) {
  case NodeKind::Constant:
    return !cast<IntegerAttr>(rule->constant).getValue().isZero();
  case NodeKind::Compare:
    return getTruthOfComparison(rule);
  case NodeKind::Not: {
    std::optional<bool> truth = getTruth(rule->operands[0]);
    return truth ? std::optional<bool>(!*truth) : std::nullopt;
  }
  case NodeKind::And:
  case NodeKind::Or: {
    // The value that decides alone.
    bool decides = rule->kind == NodeKind::Or;
    std::optional<bool> a = getTruth(rule->operands[0]),
                        b = getTruth(rule->operands[1]);
    if ((a && *a == decides) || (b && *b == decides))
      return decides;
    return a && b ? std::optional<bool>(!decides) : std::nullopt;
  }
  default:
    return std::nullopt;
  }
}

bool raising::keepsKeyInEachRow(Elements &elements, const Roles &roles,
                                ArrayRef<Node *> rules) {
  if (rules.empty())
    return true;
  const AxisSpace &space = elements.getSpace();
  int64_t numKeys = space.getSize(roles.keys),
          numQueries = space.getSize(roles.queries);
  SmallVector<Linear> keys{Linear()};
  bool isPlain = roles.keys.size() <= 1 && roles.queries.size() <= 1;
  if (isPlain && ShapedType::isStatic(numKeys)) {
    if (numKeys > 0)
      keys.push_back(Linear{{}, numKeys - 1});
    if (ShapedType::isStatic(numQueries) && numQueries <= numKeys) {
      Linear own;
      if (!roles.queries.empty())
        own.add(roles.queries.front(), 1);
      keys.push_back(own);
      own.constant = numKeys - numQueries;
      keys.push_back(own);
    }
  }
  return llvm::any_of(keys, [&](const Linear &key) {
    Witness witness(elements, roles, key);
    return llvm::all_of(rules, [&](Node *rule) {
      return witness.getTruth(rule).value_or(false);
    });
  });
}
