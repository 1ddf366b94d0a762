//===- Stages.cpp - A program on its way through a pipeline ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Execution/Stages.h"
#include "PTX.h"
#include "mfa/InitAll.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"

using namespace llvm;
using mlir::ModuleOp;
using mlir::Operation;
using mlir::Pass;
using mlir::PassManager;

void mfa::exec::registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  mlir::mfa::registerAllDialects(registry);
}

namespace {
/// A stage in the middle of a pipeline, by the pass that completes it.
struct PassStage {
  StringLiteral name;
  StringLiteral pass;
  /// The stage is what the pass gets, not what it makes.
  bool before;
};

constexpr PassStage kPassStages[] = {
    {"linalg", "mfa-decompose-attention", false},
    {"vector", "convert-mfa-to-vector", false},
    {"gpu", "convert-mfa-to-gpu", false},
    // What is next in the pipeline for a GPU, and in that for the simulator. A
    // pass on functions would not do: neighbouring passes on functions and on
    // kernels run function by function, in the order of the module.
    {"nvvm", "mfa-lower-asserts", true},
    {"nvvm", "mfa-simulate-gpu", true},
};

/// Keeps the text of the module where it first gets to a stage.
class StageCapture : public mlir::PassInstrumentation {
public:
  StageCapture(StringRef stage, std::string &text) : stage(stage), text(text) {}

  void runBeforePass(Pass *pass, Operation *op) override {
    capture(pass, op, /*before=*/true);
  }
  void runAfterPass(Pass *pass, Operation *op) override {
    capture(pass, op, /*before=*/false);
  }

private:
  void capture(Pass *pass, Operation *op, bool before) {
    bool reached = any_of(kPassStages, [&](const PassStage &candidate) {
      return candidate.name == stage && candidate.before == before &&
             candidate.pass == pass->getArgument();
    });
    if (!reached || !text.empty())
      return;
    auto module = dyn_cast<ModuleOp>(op);
    if (!module)
      module = op->getParentOfType<ModuleOp>();
    raw_string_ostream os(text);
    module.print(os);
    os << "\n";
  }

  StringRef stage;
  std::string &text;
};
} // namespace

/// Prints the assembly of every kernel in the module.
static mlir::LogicalResult printAssembly(ModuleOp module, raw_ostream &os) {
  SmallVector<StringRef> texts;
  module.walk([&](mlir::gpu::BinaryOp binary) {
    for (mlir::Attribute attribute : binary.getObjects())
      if (auto object = dyn_cast<mlir::gpu::ObjectAttr>(attribute))
        texts.push_back(object.getObject().getValue());
  });
  if (texts.empty())
    return module.emitError("expected a kernel in the lowered program");
  os << mfa::exec::joinPTX(texts);
  return mlir::success();
}

/// Passes are verified in debug builds only.
static void setVerifier([[maybe_unused]] PassManager &pm) {
#ifdef NDEBUG
  pm.enableVerifier(false);
#endif
}

mlir::LogicalResult
mfa::exec::lower(ModuleOp module,
                 function_ref<void(mlir::OpPassManager &)> buildPipeline,
                 std::unique_ptr<mlir::PassInstrumentation> notes) {
  PassManager pm(module.getContext());
  buildPipeline(pm);
  setVerifier(pm);
  if (notes)
    pm.addInstrumentation(std::move(notes));
  return pm.run(module);
}

mlir::LogicalResult
mfa::exec::printStage(ModuleOp module, StringRef stage,
                      function_ref<void(mlir::OpPassManager &)> buildPipeline,
                      raw_ostream &os) {
  if (stage == "mfa") {
    module.print(os);
    os << "\n";
    return mlir::success();
  }
  std::string text;
  bool isPassStage = any_of(kPassStages, [&](const PassStage &candidate) {
    return candidate.name == stage;
  });
  if (isPassStage)
    // One thread, so that a nested pass may look at the whole module.
    module.getContext()->disableMultithreading();
  PassManager pm(module.getContext());
  buildPipeline(pm);
  setVerifier(pm);
  if (isPassStage)
    pm.addInstrumentation(std::make_unique<StageCapture>(stage, text));
  mlir::LogicalResult lowered = pm.run(module);
  os << text;
  if (failed(lowered) || isPassStage)
    return lowered;
  if (stage == "ptx")
    return printAssembly(module, os);
  module.print(os);
  os << "\n";
  return mlir::success();
}
