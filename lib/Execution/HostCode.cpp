//===- HostCode.cpp - Host code as an object and in memory ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Execution/HostCode.h"
#include "HostOptimization.h"
#include "mfa/Runtime/CompilerRuntime.h"
#include "mfa/Support/CPU.h"
#include "mfa/Support/TopLevel.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Target/LLVMIR/LLVMTranslationInterface.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/CompileUtils.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/SubtargetFeature.h"

using namespace llvm;
using namespace mfa::exec;
using mfa::runtime::EntryPoint;

/// Functions that every object defines.
static constexpr StringLiteral kEntry = "mfa_entry";
static constexpr StringLiteral kInitializer = "mfa_initialize";
static constexpr StringLiteral kFinalizer = "mfa_finalize";
/// A number of 64 bits that every object has: of what it is the code.
static constexpr StringLiteral kDigest = "mfa_digest";

static void initializeNativeTarget() {
  static const bool initialized = [] {
    InitializeNativeTarget();
    InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialized;
}

static Expected<orc::JITTargetMachineBuilder>
detectHost(CodeGenOptLevel level = CodeGenOptLevel::Default) {
  initializeNativeTarget();
  Expected<mlir::mfa::CPU> cpu = mlir::mfa::getHostCPU();
  if (!cpu)
    return cpu.takeError();
  orc::JITTargetMachineBuilder host((Triple(cpu->triple)));
  host.setCPU(cpu->name);
  host.addFeatures(SubtargetFeatures(cpu->features).getFeatures());
  host.setCodeGenOptLevel(level);
  return host;
}

Expected<std::string> mfa::exec::getHostCPU() {
  auto host = detectHost();
  if (!host)
    return host.takeError();
  return host->getTargetTriple().str() + " " + host->getCPU() + " " +
         host->getFeatures().getString();
}

/// Adds the empty body of a function that returns nothing.
static Function *addFunction(Module &module, StringRef name,
                             ArrayRef<Type *> parameters) {
  LLVMContext &context = module.getContext();
  auto *type = FunctionType::get(Type::getVoidTy(context), parameters,
                                 /*isVarArg=*/false);
  Function *function =
      Function::Create(type, GlobalValue::ExternalLinkage, name, module);
  BasicBlock::Create(context, "entry", function);
  return function;
}

/// Adds a function of one parameter, an array of addresses, that loads each
/// parameter of `callee` from its address and calls it.
static void addEntry(Function &callee) {
  Type *pointer = PointerType::getUnqual(callee.getContext());
  Function *entry = addFunction(*callee.getParent(), kEntry, pointer);
  IRBuilder<> builder(&entry->getEntryBlock());
  SmallVector<Value *> arguments;
  for (const auto &[index, parameter] : enumerate(callee.args())) {
    Value *slot = builder.CreateConstGEP1_64(pointer, entry->getArg(0), index);
    Value *address = builder.CreateLoad(pointer, slot);
    arguments.push_back(builder.CreateLoad(parameter.getType(), address));
  }
  builder.CreateCall(&callee, arguments);
  builder.CreateRetVoid();
}

/// Replaces the list of global constructors or destructors by a function that
/// calls them: objects are loaded without the part of the system's loader that
/// would go through the list.
static void replaceList(Module &module, StringRef list, StringRef name,
                        iterator_range<orc::CtorDtorIterator> elements) {
  SmallVector<std::pair<unsigned, Function *>> functions;
  for (const orc::CtorDtorIterator::Element &element : elements)
    functions.push_back({element.Priority, element.Func});
  stable_sort(functions, less_first());
  Function *caller = addFunction(module, name, {});
  IRBuilder<> builder(&caller->getEntryBlock());
  for (auto [priority, function] : functions)
    builder.CreateCall(function);
  builder.CreateRetVoid();
  if (GlobalVariable *variable = module.getNamedGlobal(list))
    variable->eraseFromParent();
}

/// Names the first op that the lowering has left, or that LLVM IR has no place
/// for. Casts between its types and those of the llvm dialect come after it, as
/// they say nothing to a user.
static mlir::LogicalResult checkLowered(mlir::ModuleOp module) {
  mlir::Operation *found = nullptr;
  module->walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation *op) {
    bool isOther =
        op != module && isa<mlir::ModuleOp, mlir::gpu::GPUModuleOp>(op);
    if (isOther)
      return mlir::WalkResult::skip();
    bool isCast = isa<mlir::UnrealizedConversionCastOp>(op);
    mlir::Dialect *dialect = op->getDialect();
    if (!isCast && dialect &&
        dialect
            ->getRegisteredInterface<mlir::LLVMTranslationDialectInterface>())
      return mlir::WalkResult::advance();
    if (!found || !isCast)
      found = op;
    return isCast ? mlir::WalkResult::advance() : mlir::WalkResult::interrupt();
  });
  if (!found)
    return mlir::mfa::checkTopLevel(module);
  return found->emitOpError("expected a lowering to the llvm dialect, but "
                            "there is none here: write it as other ops");
}

namespace {
/// What the linker says: functions that nothing defines, and the rest.
struct LinkErrors {
  SmallVector<std::string> missing;
  std::string others;

  void add(Error error) {
    handleAllErrors(
        std::move(error),
        [&](orc::SymbolsNotFound &notFound) {
          for (const orc::SymbolStringPtr &symbol : notFound.getSymbols()) {
            StringRef name = *symbol;
            name.consume_front("_mlir_ciface_");
            missing.push_back(name.str());
          }
        },
        // Follows from what was reported before it.
        [](orc::FailedToMaterialize &) {},
        [&](ErrorInfoBase &other) { others += other.message() + "\n"; });
  }

  Error take(Error failure) const {
    if (missing.empty() && others.empty())
      return failure;
    consumeError(std::move(failure));
    if (missing.empty())
      return makeError("the compiled program cannot be linked: ",
                       StringRef(others).rtrim('\n'));
    std::vector<std::string> sorted(missing.begin(), missing.end());
    sort(sorted);
    std::string names;
    for (const std::string &name : sorted)
      names += (names.empty() ? "'" : ", '") + name + "'";
    return makeError("expected the program or the runtime to define what the "
                     "program calls, but neither defines ",
                     names);
  }
};
} // namespace

Expected<HostObject>
mfa::exec::compileHostCode(mlir::ModuleOp source, StringRef entry,
                           HostCodeUse use, uint64_t digest,
                           const std::function<bool()> &shouldStop) {
  auto host =
      detectHost(use == HostCodeUse::Simulates ? CodeGenOptLevel::None
                                               : CodeGenOptLevel::Default);
  if (!host)
    return host.takeError();
  Expected<std::unique_ptr<TargetMachine>> machine =
      host->createTargetMachine();
  if (!machine)
    return machine.takeError();

  LLVMContext context;
  std::unique_ptr<Module> module;
  if (mlir::succeeded(checkLowered(source)))
    module = mlir::translateModuleToLLVMIR(source, context);
  if (!module)
    return makeError("the lowered program has no translation to LLVM IR");
  module->setDataLayout((*machine)->createDataLayout());
  module->setTargetTriple((*machine)->getTargetTriple());

  HostObject object;
  if (!entry.empty()) {
    Function *callee = module->getFunction(("_mlir_ciface_" + entry).str());
    if (!callee || callee->isDeclaration())
      return makeError("the lowered program has no C interface of '", entry,
                       "'");
    object.numParams = callee->arg_size();
    addEntry(*callee);
  }
  replaceList(*module, "llvm.global_ctors", kInitializer,
              orc::getConstructors(*module));
  replaceList(*module, "llvm.global_dtors", kFinalizer,
              orc::getDestructors(*module));
  auto *number = ConstantInt::get(Type::getInt64Ty(context), digest);
  new GlobalVariable(*module, number->getType(), /*isConstant=*/true,
                     GlobalValue::ExternalLinkage, number, kDigest);
  optimizeHostCode(*module, **machine, use, shouldStop);
  if (shouldStop && shouldStop())
    return makeError("interrupted");
  auto buffer = orc::SimpleCompiler(**machine)(*module);
  if (!buffer)
    return buffer.takeError();
  object.buffer = std::move(*buffer);
  return object;
}

HostProgram::HostProgram() = default;

HostProgram::~HostProgram() {
  if (finalizer)
    finalizer();
}

Expected<std::unique_ptr<HostProgram>>
HostProgram::load(std::unique_ptr<MemoryBuffer> object,
                  ArrayRef<EntryPoint> entryPoints, uint64_t digest) {
  auto host = detectHost();
  if (!host)
    return host.takeError();
  auto jit = orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(std::move(*host))
                 .setPlatformSetUp(orc::setUpInactivePlatform)
                 .create();
  if (!jit)
    return jit.takeError();
  std::unique_ptr<HostProgram> program(new HostProgram);
  program->jit = std::move(*jit);
  orc::LLJIT &linker = *program->jit;
  orc::JITDylib &library = linker.getMainJITDylib();
  auto errors = std::make_shared<LinkErrors>();
  linker.getExecutionSession().setErrorReporter(
      [errors](Error error) { errors->add(std::move(error)); });
  orc::SymbolMap symbols;
  for (ArrayRef<EntryPoint> table :
       {ArrayRef(runtime::getCompilerEntryPoints()), entryPoints})
    for (const EntryPoint &entryPoint : table)
      symbols[linker.mangleAndIntern(entryPoint.name)] = {
          orc::ExecutorAddr::fromPtr(entryPoint.address),
          JITSymbolFlags::Exported | JITSymbolFlags::Callable};
  if (Error error = library.define(orc::absoluteSymbols(std::move(symbols))))
    return std::move(error);
  auto process = orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      linker.getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  if (Error error = linker.addObjectFile(std::move(object)))
    return std::move(error);

  Expected<orc::ExecutorAddr> actual = linker.lookup(kDigest);
  if (!actual)
    return errors->take(actual.takeError());
  if (*actual->toPtr<const uint64_t *>() != digest)
    return makeError("the code is that of another program");
  Expected<orc::ExecutorAddr> initializer = linker.lookup(kInitializer);
  if (!initializer)
    return errors->take(initializer.takeError());
  Expected<orc::ExecutorAddr> finalizer = linker.lookup(kFinalizer);
  if (!finalizer)
    return finalizer.takeError();
  Expected<orc::ExecutorAddr> entry = linker.lookup(kEntry);
  if (entry)
    program->entry = entry->toPtr<void (*)(void **)>();
  else
    consumeError(entry.takeError());
  initializer->toPtr<void (*)()>()();
  program->finalizer = finalizer->toPtr<void (*)()>();
  return program;
}
