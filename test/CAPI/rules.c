//===- rules.c - Test of regions of masked attention from C ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Adds every rule and score function of mfa-c/Rules.h to an op and prints it;
// rules.test compares it.
//
//===----------------------------------------------------------------------===//

#include "mfa-c/Rules.h"
#include "mfa-c/Dialects.h"
#include "mlir-c/RegisterEverything.h"

#include <stdio.h>
#include <string.h>

static const char *const kProgram =
    "func.func @attend(%q: tensor<1x16x4x8xf16>, %k: tensor<1x?x4x8xf16>,\n"
    "    %w: index, %lengths: tensor<1xi64>, %ids: tensor<?xi32>,\n"
    "    %table: tensor<4x1x1xi1>, %slopes: tensor<4xf32>,\n"
    "    %bias: tensor<4x9xf32>) -> tensor<1x16x4x8xf16> {\n"
    "  %0 = mfa.masked_attention\n"
    "    ins(%q, %k, %k : tensor<1x16x4x8xf16>, tensor<1x?x4x8xf16>,\n"
    "                     tensor<1x?x4x8xf16>)\n"
    "    outs(%q : tensor<1x16x4x8xf16>) -> tensor<1x16x4x8xf16>\n"
    "  return %0 : tensor<1x16x4x8xf16>\n"
    "}\n";

static void print(MlirStringRef part, void *user) {
  (void)user;
  fwrite(part.data, 1, part.length, stdout);
}

/// Adds a rule and destroys it.
static void add(MlirOperation op, MfaRule rule) {
  mfaMaskedAttentionAddKeep(op, rule);
  mfaRuleDestroy(rule);
}

static void addScore(MlirOperation op, MfaScore score) {
  mfaMaskedAttentionAddScore(op, score);
  mfaScoreDestroy(score);
}

int main(void) {
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  mlirRegisterAllDialects(registry);
  mfaRegisterAllDialects(registry);
  MlirContext context = mlirContextCreateWithRegistry(registry, false);
  mlirContextGetOrLoadDialect(context, mlirStringRefCreate("func", 4));
  mlirContextGetOrLoadDialect(context, mlirStringRefCreate("mfa", 3));
  MlirModule module = mlirModuleCreateParse(
      context, mlirStringRefCreate(kProgram, strlen(kProgram)));
  if (mlirModuleIsNull(module))
    return 1;
  MlirOperation function =
      mlirBlockGetFirstOperation(mlirModuleGetBody(module));
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(function, 0));
  MlirOperation op = mlirBlockGetFirstOperation(body);
  MlirValue arguments[8];
  for (intptr_t i = 0; i < 8; ++i)
    arguments[i] = mlirBlockGetArgument(body, i);
  MlirValue window = arguments[2], lengths = arguments[3], ids = arguments[4],
            table = arguments[5], slopes = arguments[6], bias = arguments[7];
  MlirValue null = {NULL};

  printf("is masked attention: %d %d\n", mfaOperationIsMaskedAttention(op),
         mfaOperationIsMaskedAttention(function));
  add(op, mfaRuleCausal(MfaAlignEnd, 3));
  add(op, mfaRuleWindow(7, 0));
  add(op, mfaRuleWindowOfValues(window, window));
  add(op, mfaRulePrefix(window));
  add(op, mfaRuleLengths(lengths));
  add(op, mfaRuleDocuments(ids, null));
  MfaRule parts[] = {mfaRuleDilated(5), mfaRuleBlocks(16, 64, table)};
  MfaRule groups[] = {mfaRuleAnyOf(2, parts), mfaRuleNoneOf(2, parts)};
  add(op, mfaRuleAllOf(2, groups));
  for (int i = 0; i < 2; ++i) {
    mfaRuleDestroy(parts[i]);
    mfaRuleDestroy(groups[i]);
  }
  addScore(op, mfaScoreSoftcap(30.0));
  addScore(op, mfaScoreALiBi(slopes));
  addScore(op, mfaScoreRelativeBias(bias, 4));

  printf("verified: %d\n", mlirOperationVerify(mlirModuleGetOperation(module)));
  mlirOperationPrint(mlirModuleGetOperation(module), print, NULL);
  mlirModuleDestroy(module);
  mlirContextDestroy(context);
  mlirDialectRegistryDestroy(registry);
  return 0;
}
