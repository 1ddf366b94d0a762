//===- SerializeKernels.cpp - GPU kernels to binaries ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Support/OptionCheck.h"
#include "mfa/Support/TopLevel.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Threading.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFASERIALIZEKERNELSPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

static constexpr auto kSharedSpace =
    static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared);

/// Renames the local globals of each module that another one has as well.
static LogicalResult separateGlobals(ArrayRef<gpu::GPUModuleOp> modules) {
  SmallVector<std::unique_ptr<SymbolTable>> tables;
  for (gpu::GPUModuleOp module : modules)
    tables.push_back(std::make_unique<SymbolTable>(module));
  for (size_t index = 0; index < modules.size(); ++index) {
    gpu::GPUModuleOp module = modules[index];
    SmallVector<SymbolTable *> others;
    for (auto [other, table] : llvm::enumerate(tables))
      if (other != index)
        others.push_back(table.get());
    for (auto global :
         llvm::make_early_inc_range(module.getOps<LLVM::GlobalOp>())) {
      bool isShared = llvm::any_of(others, [&](SymbolTable *table) {
        return table->lookup(global.getSymName()) != nullptr;
      });
      // All symbols of dynamic shared memory stand for the same.
      bool isLocal = global.getLinkage() == LLVM::Linkage::Internal ||
                     global.getLinkage() == LLVM::Linkage::Private ||
                     global.getAddrSpace() == kSharedSpace;
      if (isShared && isLocal &&
          failed(tables[index]->renameToUnique(global, others)))
        return global.emitOpError("has uses that cannot be renamed");
    }
  }
  return success();
}

namespace {
struct MFASerializeKernelsPass
    : mfa::impl::MFASerializeKernelsPassBase<MFASerializeKernelsPass> {
  using MFASerializeKernelsPassBase::MFASerializeKernelsPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return mfa::checkPassOptions(
        *this, context, [&](const mfa::OptionCheck &check) {
          return check.choice("format", format, mfa::kKernelFormats);
        });
  }

  void runOnOperation() override {
    SmallVector<gpu::GPUModuleOp> modules;
    getOperation().walk<WalkOrder::PreOrder>([&](gpu::GPUModuleOp module) {
      modules.push_back(module);
      return WalkResult::skip();
    });
    if (llvm::any_of(modules, [](gpu::GPUModuleOp module) {
          return failed(mfa::checkTopLevel(module));
        }))
      return signalPassFailure();
    if (failed(separateGlobals(modules)))
      return signalPassFailure();
    if (failed(serialize(modules, getTarget())))
      signalPassFailure();
  }

private:
  gpu::CompilationTarget getTarget() const {
    // In the order of kKernelFormats.
    constexpr gpu::CompilationTarget targets[] = {
        gpu::CompilationTarget::Assembly, gpu::CompilationTarget::Binary,
        gpu::CompilationTarget::Fatbin, gpu::CompilationTarget::Offload};
    const auto *found = llvm::find(mfa::kKernelFormats, StringRef(format));
    return targets[found - mfa::kKernelFormats];
  }

  LogicalResult serialize(ArrayRef<gpu::GPUModuleOp> modules,
                          gpu::CompilationTarget target) {
    // Upstream's function transforms all modules inside of an op, one after
    // another, so each is given to it in an op of its own.
    SmallVector<ModuleOp> wrappers;
    OpBuilder builder(&getContext());
    for (gpu::GPUModuleOp module : modules) {
      builder.setInsertionPoint(module);
      wrappers.push_back(ModuleOp::create(builder, module.getLoc()));
      module->moveBefore(wrappers.back().getBody(),
                         wrappers.back().getBody()->end());
    }
    gpu::TargetOptions options(/*toolkitPath=*/{}, /*librariesToLink=*/{},
                               /*cmdOptions=*/{}, /*elfSection=*/{}, target);
    LogicalResult result =
        failableParallelForEach(&getContext(), wrappers, [&](ModuleOp wrapper) {
          return gpu::transformGpuModulesToBinaries(
              wrapper, /*handler=*/nullptr, options);
        });
    for (ModuleOp wrapper : wrappers) {
      wrapper->getBlock()->getOperations().splice(
          wrapper->getIterator(), wrapper.getBody()->getOperations());
      wrapper.erase();
    }
    return result;
  }
};

} // namespace
