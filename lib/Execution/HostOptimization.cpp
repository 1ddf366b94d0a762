//===- HostOptimization.cpp - LLVM's passes on host code ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostOptimization.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Operator.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/ADCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/LoopUnrollPass.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include "llvm/Transforms/Utils/LoopUtils.h"

using namespace llvm;
using namespace mfa::exec;

static bool isVector(const Value *value) {
  return value->getType()->isVectorTy();
}

/// A matrix of AMX is made of vectors already.
static bool isVectorOrTile(const Value *value) {
  return isVector(value) || value->getType()->isX86_AMXTy();
}

static bool anyInstruction(const Loop &loop,
                           function_ref<bool(const Instruction &)> predicate) {
  return any_of(loop.blocks(), [&](const BasicBlock *block) {
    return any_of(*block, predicate);
  });
}

static bool hasVectors(const Loop &loop) {
  return anyInstruction(loop, [](const Instruction &instruction) {
    return isVectorOrTile(&instruction) ||
           any_of(instruction.operands(), isVectorOrTile);
  });
}

namespace {
/// Loops over vectors are written with as many sums as there are registers.
/// LLVM makes several iterations of one where a model of the CPU says that
/// large loops are cheap, which takes a third of the time of compilation; here
/// it makes two of one, and only of small loops with many sums, which are the
/// products.
struct UnrollVectorLoops : PassInfoMixin<UnrollVectorLoops> {
  PreservedAnalyses run(Function &function, FunctionAnalysisManager &manager) {
    for (Loop *loop :
         manager.getResult<LoopAnalysis>(function).getLoopsInPreorder())
      if (hasManySums(*loop))
        addStringMetadataToLoop(loop, "llvm.loop.unroll.count", 2);
      else if (hasVectors(*loop))
        addStringMetadataToLoop(loop, "llvm.loop.unroll.disable", 1);
    return PreservedAnalyses::all();
  }

private:
  static bool hasManySums(const Loop &loop) {
    constexpr size_t kManySums = 4, kFewInstructions = 128;
    size_t numInstructions = 0;
    for (const BasicBlock *block : loop.blocks())
      numInstructions += block->size();
    return loop.isInnermost() && numInstructions <= kFewInstructions &&
           size_t(count_if(loop.getHeader()->phis(), [](const PHINode &phi) {
             return isVector(&phi);
           })) >= kManySums;
  }
};
} // namespace

/// A call of a function that could become a part of the loop.
static bool callsDefinition(const Instruction &instruction) {
  auto *call = dyn_cast<CallBase>(&instruction);
  const Function *callee = call ? call->getCalledFunction() : nullptr;
  return callee && !callee->isDeclaration();
}

/// A loop that does nothing but change a float in the order of its iterations,
/// such as one that finds the largest of a few.
static bool isInOrder(const Loop &loop) {
  return any_of(loop.getHeader()->phis(),
                [](const PHINode &phi) {
                  return phi.getType()->isFloatingPointTy();
                }) &&
         !anyInstruction(loop, [](const Instruction &instruction) {
           return instruction.mayWriteToMemory() ||
                  (isa<FPMathOperator>(instruction) &&
                   instruction.hasAllowReassoc());
         });
}

/// Whether no loop is left for LLVM to make one over vectors of.
static bool isOfVectorLoops(Module &module) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    DominatorTree dominators(function);
    LoopInfo loops(dominators);
    for (const Loop *loop : loops.getLoopsInPreorder())
      if (anyInstruction(*loop, callsDefinition) ||
          (loop->isInnermost() && !hasVectors(*loop) && !isInOrder(*loop)))
        return false;
  }
  return true;
}

/// What the lowering of loops over vectors leaves to do: of all that LLVM has,
/// these bring the whole rate, in less than half the time
/// (docs/performance.md).
static FunctionPassManager makeVectorLoopPasses() {
  FunctionPassManager passes;
  passes.addPass(UnrollVectorLoops());
  passes.addPass(SROAPass(SROAOptions::ModifyCFG));
  passes.addPass(InstCombinePass());
  passes.addPass(SimplifyCFGPass());
  LoopPassManager loops;
  loops.addPass(LoopRotatePass());
  loops.addPass(LICMPass(LICMOptions()));
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(loops),
                                                 /*UseMemorySSA=*/true));
  passes.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(LoopUnrollPass(LoopUnrollOptions(
      /*OptLevel=*/3, /*OnlyWhenForced=*/true)));
  passes.addPass(InstCombinePass());
  passes.addPass(SimplifyCFGPass());
  return passes;
}

/// What simulated code needs in front of a fast code generator: values in
/// registers instead of memory, each computed once. Its time goes to the calls
/// of the simulator, which nothing makes faster.
static FunctionPassManager makeSimulationPasses() {
  FunctionPassManager passes;
  passes.addPass(SROAPass(SROAOptions::ModifyCFG));
  passes.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(SimplifyCFGPass());
  passes.addPass(ADCEPass());
  return passes;
}

static ModulePassManager makeModulePasses(FunctionPassManager functionPasses) {
  ModulePassManager passes;
  passes.addPass(createModuleToFunctionPassAdaptor(std::move(functionPasses)));
  return passes;
}

static ModulePassManager makePasses(PassBuilder &builder, Module &module,
                                    HostCodeUse use) {
  if (use == HostCodeUse::Simulates)
    return makeModulePasses(makeSimulationPasses());
  if (use == HostCodeUse::Computes && isOfVectorLoops(module))
    return makeModulePasses(makeVectorLoopPasses());
  builder.registerPipelineStartEPCallback(
      [](ModulePassManager &passes, OptimizationLevel) {
        passes.addPass(createModuleToFunctionPassAdaptor(UnrollVectorLoops()));
      });
  return builder.buildPerModuleDefaultPipeline(use == HostCodeUse::Launches
                                                   ? OptimizationLevel::O1
                                                   : OptimizationLevel::O3);
}

void mfa::exec::optimizeHostCode(Module &module, TargetMachine &machine,
                                 HostCodeUse use,
                                 const std::function<bool()> &shouldStop) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = use == HostCodeUse::Computes;
  tuning.SLPVectorization = use == HostCodeUse::Computes;
  PassInstrumentationCallbacks callbacks;
  if (shouldStop)
    callbacks.registerShouldRunOptionalPassCallback(
        [&](StringRef, Any) { return !shouldStop(); });
  PassBuilder builder(&machine, tuning, /*PGOOpt=*/std::nullopt, &callbacks);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  makePasses(builder, module, use).run(module, modules);
}
