//===- TopLevel.cpp - What modules have outside of functions --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Support/TopLevel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

LogicalResult mfa::checkTopLevel(Operation *module) {
  for (Operation &op : module->getRegion(0).getOps()) {
    // A module without a name is no symbol.
    bool isOfModule = isa<ModuleOp, SymbolOpInterface, LLVM::GlobalCtorsOp,
                          LLVM::GlobalDtorsOp, LLVM::ModuleFlagsOp,
                          LLVM::LinkerOptionsOp, LLVM::AddressOfOp>(op);
    if (!isOfModule && !op.hasTrait<OpTrait::ConstantLike>())
      return op.emitOpError("expected in a function: what is outside of "
                            "functions is not run");
  }
  return success();
}
