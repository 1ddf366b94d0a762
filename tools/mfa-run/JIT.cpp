//===- JIT.cpp - Host code in memory --------------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "JIT.h"
#include "Options.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace mfa::run;
using mfa::runtime::EntryPoint;

static constexpr StringLiteral kPackedEntry = "mfa_run_packed_entry";

JITProgram::~JITProgram() {
  if (jit)
    consumeError(jit->deinitialize(jit->getMainJITDylib()));
}

void JITProgram::call(ArrayRef<void *> arguments) const {
  packedEntry(const_cast<void **>(arguments.data()));
}

/// Adds a function of one parameter, an array of addresses, that loads each
/// parameter of `callee` from its address and calls it.
static void addPackedEntry(Function &callee) {
  LLVMContext &context = callee.getContext();
  Type *pointer = PointerType::getUnqual(context);
  auto *type = FunctionType::get(Type::getVoidTy(context), pointer,
                                 /*isVarArg=*/false);
  Function *packed = Function::Create(type, GlobalValue::ExternalLinkage,
                                      kPackedEntry, callee.getParent());
  IRBuilder<> builder(BasicBlock::Create(context, "entry", packed));
  SmallVector<Value *> arguments;
  for (const auto &[index, parameter] : enumerate(callee.args())) {
    Value *slot = builder.CreateConstGEP1_64(pointer, packed->getArg(0), index);
    Value *address = builder.CreateLoad(pointer, slot);
    arguments.push_back(builder.CreateLoad(parameter.getType(), address));
  }
  builder.CreateCall(&callee, arguments);
  builder.CreateRetVoid();
}

/// LLVM's own pipeline for this machine, with the vectorisers.
static void optimize(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3)
      .run(module, modules);
}

static void initializeNativeTarget() {
  static const bool initialized = [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialized;
}

Expected<std::unique_ptr<JITProgram>>
JITProgram::create(mlir::ModuleOp module, StringRef entry,
                   ArrayRef<EntryPoint> entryPoints) {
  initializeNativeTarget();
  auto host = orc::JITTargetMachineBuilder::detectHost();
  if (!host)
    return host.takeError();
  host->setCodeGenOptLevel(CodeGenOptLevel::Default);
  Expected<std::unique_ptr<TargetMachine>> machine =
      host->createTargetMachine();
  if (!machine)
    return machine.takeError();

  auto context = std::make_unique<LLVMContext>();
  std::unique_ptr<Module> llvmModule =
      mlir::translateModuleToLLVMIR(module, *context);
  if (!llvmModule)
    return makeError("the lowered program has no translation to LLVM IR");
  llvmModule->setDataLayout((*machine)->createDataLayout());
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  Function *callee = llvmModule->getFunction(("_mlir_ciface_" + entry).str());
  if (!callee || callee->isDeclaration())
    return makeError("the lowered program has no C interface of '", entry, "'");
  addPackedEntry(*callee);
  std::unique_ptr<JITProgram> program(new JITProgram);
  program->numParams = callee->arg_size();
  optimize(*llvmModule, **machine);

  auto jit =
      orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*host)).create();
  if (!jit)
    return jit.takeError();
  program->jit = std::move(*jit);
  orc::LLJIT &compiler = *program->jit;
  orc::JITDylib &library = compiler.getMainJITDylib();
  orc::SymbolMap symbols;
  for (const EntryPoint &entryPoint : entryPoints)
    symbols[compiler.mangleAndIntern(entryPoint.name)] = {
        orc::ExecutorAddr::fromPtr(entryPoint.address),
        JITSymbolFlags::Exported | JITSymbolFlags::Callable};
  if (Error error = library.define(orc::absoluteSymbols(std::move(symbols))))
    return std::move(error);
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      compiler.getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));

  if (Error error = compiler.addIRModule(
          orc::ThreadSafeModule(std::move(llvmModule), std::move(context))))
    return std::move(error);
  Expected<orc::ExecutorAddr> address = compiler.lookup(kPackedEntry);
  if (!address)
    return address.takeError();
  program->packedEntry = address->toPtr<void (*)(void **)>();
  if (Error error = compiler.initialize(library))
    return std::move(error);
  return program;
}
