//===- mfa-plugin.cpp - The project in another's mlir-opt -----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loaded by a tool that links libMLIR.so, such as Debian's mlir-opt:
//
//   mlir-opt --load-dialect-plugin=MFAPlugin.so --load-pass-plugin=MFAPlugin.so
//            --pass-pipeline="builtin.module(mfa-to-cpu)" program.mlir
//
//===----------------------------------------------------------------------===//

#include "mfa/InitAll.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "mfa", MFA_VERSION,
          [](mlir::DialectRegistry *registry) {
            mlir::mfa::registerAllDialects(*registry);
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "mfa", MFA_VERSION,
          [] { mlir::mfa::registerAllPasses(); }};
}
