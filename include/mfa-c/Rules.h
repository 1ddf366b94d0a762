//===- mfa-c/Rules.h - Regions of masked attention --------------*- C -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The regions of an mfa.masked_attention, from C. A rule says which pairs of a
// query q and a key k are kept, a score function what becomes of a score s; b
// is the batch and h the query head. Values are from outside the op; the op
// captures what is used of them.
//
//   MfaRule parts[] = {mfaRuleCausal(MfaAlignStart, 0), mfaRuleWindow(1023,
//   0)}; MfaRule rule = mfaRuleAllOf(2, parts); mfaMaskedAttentionAddKeep(op,
//   rule);
//
// Every rule and score function belongs to the caller, who destroys it; those
// that are made of others keep what they need of them.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_C_RULES_H
#define MFA_C_RULES_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct MfaRule {
  void *ptr;
} MfaRule;

typedef struct MfaScore {
  void *ptr;
} MfaScore;

/// Which positions of queries and keys are the same time.
typedef enum MfaAlignment {
  /// Query 0 and key 0.
  MfaAlignStart,
  /// The last query and the last key.
  MfaAlignEnd,
} MfaAlignment;

/// k <= q + offset; with MfaAlignEnd k <= q + (Sk - Sq) + offset.
MLIR_CAPI_EXPORTED MfaRule mfaRuleCausal(MfaAlignment alignment,
                                         int64_t offset);

/// q - left <= k <= q + right.
MLIR_CAPI_EXPORTED MfaRule mfaRuleWindow(int64_t left, int64_t right);

/// The same of values of type index.
MLIR_CAPI_EXPORTED MfaRule mfaRuleWindowOfValues(MlirValue left,
                                                 MlirValue right);

/// k < lengths[b], or k <= q (prefix-LM). `lengths` is an index or an array [B]
/// of integers.
MLIR_CAPI_EXPORTED MfaRule mfaRulePrefix(MlirValue lengths);

/// k < lengths[b]. `lengths` is an index or an array [B] of integers.
MLIR_CAPI_EXPORTED MfaRule mfaRuleLengths(MlirValue lengths);

/// queryIds[b, q] == keyIds[b, k], of arrays [B, S] or [S]. `keyIds` may be
/// null for those of the queries.
MLIR_CAPI_EXPORTED MfaRule mfaRuleDocuments(MlirValue queryIds,
                                            MlirValue keyIds);

/// (q - k) is a multiple of `step`, which is positive.
MLIR_CAPI_EXPORTED MfaRule mfaRuleDilated(int64_t step);

/// table[q / querySize, k / keySize], an array of i1: [Q, K], [H, Q, K] or
/// [B, H, Q, K]. Sizes are positive.
MLIR_CAPI_EXPORTED MfaRule mfaRuleBlocks(int64_t querySize, int64_t keySize,
                                         MlirValue table);

/// Pairs that all, any or none of the rules keep.
MLIR_CAPI_EXPORTED MfaRule mfaRuleAllOf(intptr_t numRules,
                                        MfaRule const *rules);
MLIR_CAPI_EXPORTED MfaRule mfaRuleAnyOf(intptr_t numRules,
                                        MfaRule const *rules);
MLIR_CAPI_EXPORTED MfaRule mfaRuleNoneOf(intptr_t numRules,
                                         MfaRule const *rules);

MLIR_CAPI_EXPORTED void mfaRuleDestroy(MfaRule rule);

/// limit * tanh(s / limit).
MLIR_CAPI_EXPORTED MfaScore mfaScoreSoftcap(double limit);

/// s + slopes[h] * (k - q). `slopes` is an array [H] of f32.
MLIR_CAPI_EXPORTED MfaScore mfaScoreALiBi(MlirValue slopes);

/// s + table[h, d + limit] for the distance d = k - q, those beyond -limit and
/// limit as these. `table` is an array [H, 2 * limit + 1] of f32.
MLIR_CAPI_EXPORTED MfaScore mfaScoreRelativeBias(MlirValue table,
                                                 int64_t limit);

MLIR_CAPI_EXPORTED void mfaScoreDestroy(MfaScore score);

/// Whether the op is an mfa.masked_attention.
MLIR_CAPI_EXPORTED bool mfaOperationIsMaskedAttention(MlirOperation op);

/// Keeps the pairs that `rule` keeps, of those that `op`, an
/// mfa.masked_attention, keeps already. Arrays are tensors for an op on tensors
/// and memrefs for one on memrefs; the verifier says what does not fit.
MLIR_CAPI_EXPORTED void mfaMaskedAttentionAddKeep(MlirOperation op,
                                                  MfaRule rule);

/// Applies `score` to the score that `op`, an mfa.masked_attention, has
/// already.
MLIR_CAPI_EXPORTED void mfaMaskedAttentionAddScore(MlirOperation op,
                                                   MfaScore score);

#ifdef __cplusplus
}
#endif

#endif // MFA_C_RULES_H
