//===- Rules.cpp - Regions of masked attention in C -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa-c/Rules.h"
#include "mfa/Dialect/MFA/IR/Rules.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Wrap.h"

using namespace mlir;
using namespace mlir::mfa;

DEFINE_C_API_PTR_METHODS(MfaRule, KeepRule)
DEFINE_C_API_PTR_METHODS(MfaScore, ScoreFunction)

static MfaRule create(KeepRule rule) {
  return wrap(new KeepRule(std::move(rule)));
}

static MfaScore create(ScoreFunction function) {
  return wrap(new ScoreFunction(std::move(function)));
}

static std::vector<KeepRule> unwrapAll(intptr_t numRules,
                                       MfaRule const *rules) {
  std::vector<KeepRule> result;
  for (MfaRule rule : llvm::ArrayRef(rules, static_cast<size_t>(numRules)))
    result.push_back(*unwrap(rule));
  return result;
}

MfaRule mfaRuleCausal(MfaAlignment alignment, int64_t offset) {
  return create(rules::causal(alignment == MfaAlignEnd
                                  ? rules::Alignment::End
                                  : rules::Alignment::Start,
                              offset));
}

MfaRule mfaRuleWindow(int64_t left, int64_t right) {
  return create(rules::window(left, right));
}

MfaRule mfaRuleWindowOfValues(MlirValue left, MlirValue right) {
  return create(
      rules::window(OpFoldResult(unwrap(left)), OpFoldResult(unwrap(right))));
}

MfaRule mfaRulePrefix(MlirValue lengths) {
  return create(rules::prefix(unwrap(lengths)));
}

MfaRule mfaRuleLengths(MlirValue lengths) {
  return create(rules::lengths(unwrap(lengths)));
}

MfaRule mfaRuleDocuments(MlirValue queryIds, MlirValue keyIds) {
  return create(rules::documents(
      unwrap(queryIds), mlirValueIsNull(keyIds) ? Value() : unwrap(keyIds)));
}

MfaRule mfaRuleDilated(int64_t step) { return create(rules::dilated(step)); }

MfaRule mfaRuleBlocks(int64_t querySize, int64_t keySize, MlirValue table) {
  return create(rules::blocks(querySize, keySize, unwrap(table)));
}

MfaRule mfaRuleAllOf(intptr_t numRules, MfaRule const *parts) {
  return create(rules::allOf(unwrapAll(numRules, parts)));
}

MfaRule mfaRuleAnyOf(intptr_t numRules, MfaRule const *parts) {
  return create(rules::anyOf(unwrapAll(numRules, parts)));
}

MfaRule mfaRuleNoneOf(intptr_t numRules, MfaRule const *parts) {
  return create(rules::noneOf(unwrapAll(numRules, parts)));
}

void mfaRuleDestroy(MfaRule rule) { delete unwrap(rule); }

MfaScore mfaScoreSoftcap(double limit) { return create(rules::softcap(limit)); }

MfaScore mfaScoreALiBi(MlirValue slopes) {
  return create(rules::alibi(unwrap(slopes)));
}

MfaScore mfaScoreRelativeBias(MlirValue table, int64_t limit) {
  return create(
      rules::relativeBias(unwrap(table), rules::clippedDistance(limit)));
}

void mfaScoreDestroy(MfaScore score) { delete unwrap(score); }

bool mfaOperationIsMaskedAttention(MlirOperation op) {
  return isa<MaskedAttentionOp>(unwrap(op));
}

void mfaMaskedAttentionAddKeep(MlirOperation op, MfaRule rule) {
  addKeep(cast<MaskedAttentionOp>(unwrap(op)), *unwrap(rule));
}

void mfaMaskedAttentionAddScore(MlirOperation op, MfaScore score) {
  addScore(cast<MaskedAttentionOp>(unwrap(op)), *unwrap(score));
}
