//===- KernelModules.cpp - Where kernels are put --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelModules.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

static bool isKernelName(ModuleOp module, StringRef name) {
  return llvm::any_of(module.getOps<gpu::GPUModuleOp>(), [&](auto kernels) {
    return kernels.lookupSymbol(name) != nullptr;
  });
}

static gpu::GPUModuleOp createKernelModule(OpBuilder &builder, Location loc,
                                           ModuleOp module,
                                           const mfa::Chip &chip) {
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  builder.getUnitAttr());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module.getBody());
  auto target = NVVM::NVVMTargetAttr::get(builder.getContext(), /*optLevel=*/3,
                                          "nvptx64-nvidia-cuda", chip.name,
                                          chip.ptxFeature);
  auto kernels = gpu::GPUModuleOp::create(builder, loc, "mfa_kernels",
                                          builder.getArrayAttr(target));
  SymbolTable(module).insert(kernels);
  return kernels;
}

gpu::GPUFuncOp mfa::createKernel(OpBuilder &builder, Location loc,
                                 ModuleOp module, const Chip &chip,
                                 StringRef name, FunctionType type,
                                 int64_t threads) {
  auto isUsed = [&](StringRef other) { return isKernelName(module, other); };
  SmallString<32> symbol(name);
  unsigned number = 0;
  if (isUsed(symbol))
    symbol = SymbolTable::generateSymbolName<32>(name, isUsed, number);
  OpBuilder::InsertionGuard guard(builder);
  gpu::GPUModuleOp parent = createKernelModule(builder, loc, module, chip);
  builder.setInsertionPointToEnd(parent.getBody());
  auto kernel = gpu::GPUFuncOp::create(builder, loc, symbol, type);
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  builder.getUnitAttr());
  kernel.setKnownBlockSizeAttr(
      builder.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  return kernel;
}
