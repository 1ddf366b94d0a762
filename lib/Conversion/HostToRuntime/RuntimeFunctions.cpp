//===- RuntimeFunctions.cpp - Functions of the runtime --------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuntimeFunctions.h"

using namespace mlir;

FailureOr<func::FuncOp> mfa::declareRuntimeFunction(ModuleOp module,
                                                    StringRef name,
                                                    FunctionType type) {
  if (Operation *symbol = SymbolTable::lookupSymbolIn(module, name)) {
    auto function = dyn_cast<func::FuncOp>(symbol);
    if (function && function.isDeclaration() &&
        function.getFunctionType() == type)
      return function;
    return symbol->emitError("expected the runtime function '")
           << name << "', declared as " << type
           << ", but got another definition of that name; rename it";
  }
  auto builder = OpBuilder::atBlockBegin(module.getBody());
  auto function = func::FuncOp::create(builder, module.getLoc(), name, type);
  function.setPrivate();
  return function;
}

std::string mfa::formatPosition(Location loc) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (auto position = loc->findInstanceOf<FileLineColLoc>())
    stream << " (" << position.getFilename().getValue() << ":"
           << position.getLine() << ":" << position.getColumn() << ")";
  return text;
}
