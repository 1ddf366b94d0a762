//===- Compile.cpp - From a program to a kernel ---------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompilerScope.h"
#include "ProblemProgram.h"
#include "mfa/Execution/AttentionProgram.h"
#include "mfa/Execution/Stages.h"
#include "mfa/Pipelines/Pipelines.h"
#include "mfa/Support/Chip.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;
using namespace mfa::exec;
using mlir::MLIRContext;
using mlir::ModuleOp;
using mlir::ShapedType;

//===----------------------------------------------------------------------===//
// Contexts and diagnostics
//===----------------------------------------------------------------------===//

namespace {
/// A context for one compilation. Its threads are those that compile the GPU
/// kernels of a program, of which there are seldom more than two.
class Session {
public:
  Session() : context(makeRegistry()) {
    // Passes that have not begun when the compilation is interrupted are left
    // out.
    if (auto *interrupts = mfa::runtime::InterruptScope::getCurrent())
      context.registerActionHandler(
          [interrupts](function_ref<void()> run,
                       const mlir::tracing::Action &action) {
            if (!mlir::isa<mlir::PassExecutionAction>(action) ||
                !interrupts->shouldStop())
              run();
          });
  }

  MLIRContext &getContext() { return context; }

  /// Whether the compilation shall end.
  bool isInterrupted() { return scope.isInterrupted(); }

  /// Calls `action`; where it fails, the error carries all diagnostics. Text in
  /// `source` is quoted in them.
  Error run(StringRef source,
            function_ref<mlir::LogicalResult(SourceMgr &)> action) {
    if (isInterrupted())
      return makeInterruptError();
    std::string text;
    raw_string_ostream os(text);
    SourceMgr sources;
    sources.AddNewSourceBuffer(
        MemoryBuffer::getMemBuffer(source, "program", false), SMLoc());
    mlir::SourceMgrDiagnosticHandler handler(sources, &context, os);
    bool succeeded = mlir::succeeded(action(sources));
    if (isInterrupted())
      return makeInterruptError();
    if (succeeded)
      return Error::success();
    return makeError(ErrorKind::Compilation, StringRef(text).rtrim('\n'));
  }

private:
  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }

  CompilerScope scope;
  MLIRContext context;
};
} // namespace

static Expected<mlir::OwningOpRef<ModuleOp>> parse(Session &session,
                                                   StringRef source) {
  mlir::OwningOpRef<ModuleOp> module;
  Error error = session.run(source, [&](SourceMgr &sources) {
    module = mlir::parseSourceFile<ModuleOp>(sources, &session.getContext());
    return mlir::success(static_cast<bool>(module));
  });
  if (error)
    return std::move(error);
  return module;
}

//===----------------------------------------------------------------------===//
// Pipelines
//===----------------------------------------------------------------------===//

static void addTileCount(mlir::OpPassManager &pm, const Options &options) {
  mlir::mfa::MFAToNVVMOptions kernels;
  kernels.chip = options.countTilesFor;
  kernels.f32Product = options.f32Product;
  kernels.tiles = options.tileLists;
  kernels.schedules = options.schedules;
  mlir::mfa::addKeyTileCount(pm, kernels);
}

/// On its way to `stage`, where that is given.
static void buildPipeline(mlir::OpPassManager &pm, const Options &options,
                          StringRef stage = "") {
  switch (options.target) {
  case Target::CPU: {
    if (!options.countTilesFor.empty())
      addTileCount(pm, options);
    mlir::mfa::MFAToCPUOptions pipeline;
    pipeline.vectors = stage != "linalg";
    return mlir::mfa::buildMFAToCPUPipeline(pm, pipeline);
  }
  case Target::Sim: {
    mlir::mfa::MFAToSimOptions pipeline;
    pipeline.chip = options.chip;
    pipeline.f32Product = options.f32Product;
    pipeline.tiles = options.tileLists;
    pipeline.schedules = options.schedules;
    return mlir::mfa::buildMFAToSimPipeline(pm, pipeline);
  }
  case Target::CUDA: {
    mlir::mfa::MFAToNVVMOptions pipeline;
    pipeline.chip = options.chip;
    pipeline.f32Product = options.f32Product;
    pipeline.tiles = options.tileLists;
    pipeline.schedules = options.schedules;
    return mlir::mfa::buildMFAToNVVMPipeline(pm, pipeline);
  }
  }
}

ArrayRef<StringRef> Kernel::getStages() const {
  switch (options.target) {
  case Target::CPU:
    return kCPUStages;
  case Target::Sim:
    return kSimStages;
  case Target::CUDA:
    return kCUDAStages;
  }
  return {};
}

/// Fills in the architecture where none is given, and checks it.
static Error resolveChip(Options &options) {
  if (options.target == Target::CPU) {
    if (!options.chip.empty())
      return makeError(ErrorKind::InvalidArgument,
                       "expected no chip for the CPU but got '", options.chip,
                       "'");
    if (options.countTilesFor.empty() ||
        mlir::mfa::lookupChip(options.countTilesFor))
      return Error::success();
    return makeError(ErrorKind::InvalidArgument,
                     "expected the chip to count tiles for to be one of ",
                     mlir::mfa::getChipNames(), " but got '",
                     options.countTilesFor, "'");
  }
  if (!options.countTilesFor.empty())
    return makeError(ErrorKind::InvalidArgument,
                     "expected the CPU as the target that counts tiles");
  if (options.chip.empty()) {
    options.chip = "sm_80";
    if (options.target == Target::CUDA && mfa::runtime::CUDADriver::get()) {
      Expected<std::string> chip = getDeviceChip(/*device=*/0);
      if (!chip)
        return chip.takeError();
      options.chip = *chip;
    }
  }
  if (!mlir::mfa::lookupChip(options.chip))
    return makeError(
        ErrorKind::InvalidArgument, "expected the chip to be one of ",
        mlir::mfa::getChipNames(), " but got '", options.chip, "'");
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Entry functions
//===----------------------------------------------------------------------===//

/// The function called `name`, or the only public one.
static Expected<mlir::func::FuncOp> findEntry(ModuleOp module, StringRef name) {
  SmallVector<mlir::func::FuncOp> functions;
  std::string names;
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    if (function.getSymName() == name)
      return function;
    functions.push_back(function);
    names += (names.empty() ? "'" : ", '") + function.getSymName().str() + "'";
  }
  if (name.empty() && functions.size() == 1)
    return functions.front();
  if (functions.empty())
    return makeError(ErrorKind::InvalidArgument,
                     "expected a public function with a body in the program");
  if (name.empty())
    return makeError(
        ErrorKind::InvalidArgument,
        "expected the name of one of the program's functions: ", names);
  return makeError(ErrorKind::InvalidArgument,
                   "expected one of the program's functions, ", names,
                   ", but got '", name, "'");
}

/// Strides of an array in row-major order without gaps.
static void setContiguous(Parameter &parameter) {
  parameter.isContiguous = true;
  int64_t stride = 1;
  for (int64_t size : reverse(parameter.sizes)) {
    parameter.strides.push_back(stride);
    stride = ShapedType::isDynamic(size) || ShapedType::isDynamic(stride)
                 ? ShapedType::kDynamic
                 : stride * size;
  }
  std::reverse(parameter.strides.begin(), parameter.strides.end());
}

/// What a launch has to know of a parameter; none where it cannot give one.
static std::optional<Parameter> getParameter(mlir::BlockArgument argument) {
  Parameter parameter;
  parameter.name = "argument " + std::to_string(argument.getArgNumber() + 1);
  if (auto name = mlir::dyn_cast<mlir::NameLoc>(argument.getLoc()))
    parameter.name = name.getName().str();
  bool isIndex = argument.getType().isIndex();
  parameter.isNumber = isIndex || argument.getType().isF32();
  if (isIndex)
    parameter.type = ElementType::I64;
  if (parameter.isNumber)
    return parameter;
  auto shaped = mlir::dyn_cast<ShapedType>(argument.getType());
  if (!shaped || !shaped.hasRank())
    return std::nullopt;
  std::optional<ElementType> element = getElementType(shaped.getElementType());
  if (!element)
    return std::nullopt;
  parameter.type = *element;
  append_range(parameter.sizes, shaped.getShape());
  auto memref = mlir::dyn_cast<mlir::MemRefType>(argument.getType());
  if (!memref) {
    // A function's tensors become contiguous buffers.
    auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(argument.getType());
    if (!tensor || tensor.getEncoding())
      return std::nullopt;
    setContiguous(parameter);
    return parameter;
  }
  int64_t offset;
  SmallVector<int64_t> strides;
  if (memref.getMemorySpace() ||
      mlir::failed(memref.getStridesAndOffset(strides, offset)))
    return std::nullopt;
  if (memref.getLayout().isIdentity()) {
    setContiguous(parameter);
    return parameter;
  }
  append_range(parameter.strides, strides);
  parameter.offset = ShapedType::isDynamic(offset) ? 0 : offset;
  return parameter;
}

/// The parameters of a function that can be launched.
static std::optional<std::vector<Parameter>>
getParameters(mlir::func::FuncOp function) {
  if (function.getNumResults() != 0)
    return std::nullopt;
  std::vector<Parameter> parameters;
  for (mlir::BlockArgument argument : function.getArguments()) {
    std::optional<Parameter> parameter = getParameter(argument);
    if (!parameter)
      return std::nullopt;
    parameters.push_back(std::move(*parameter));
  }
  return parameters;
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

static HostCodeUse getHostCodeUse(Target target) {
  switch (target) {
  case Target::CPU:
    return HostCodeUse::Computes;
  case Target::Sim:
    return HostCodeUse::Simulates;
  case Target::CUDA:
    return HostCodeUse::Launches;
  }
  return HostCodeUse::Computes;
}

namespace {
/// Notes schedules and kernels where the lowering has just made them.
class KernelNotes : public mlir::PassInstrumentation {
public:
  KernelNotes(std::string &schedule, std::vector<GPUFunction> &functions)
      : schedule(schedule), functions(functions) {}

  void runAfterPass(mlir::Pass *pass, mlir::Operation *op) override {
    if (pass->getArgument() == "mfa-select-schedule" ||
        pass->getArgument() == "mfa-select-cpu-schedule")
      op->walk([&](mlir::mfa::MaskedAttentionOp attention) {
        // An interrupted pass leaves none.
        if (!attention.getSchedule())
          return;
        raw_string_ostream os(schedule);
        if (!schedule.empty())
          os << "\n";
        os << *attention.getSchedule();
      });
    if (pass->getArgument() == "convert-mfa-to-gpu")
      op->walk([&](mlir::gpu::LaunchFuncOp launch) { note(launch); });
  }

private:
  static int64_t getConstant(mlir::Value value) {
    APInt constant;
    if (value && matchPattern(value, mlir::m_ConstantInt(&constant)))
      return constant.getSExtValue();
    return -1;
  }

  void note(mlir::gpu::LaunchFuncOp launch) {
    GPUFunction function;
    function.name = launch.getKernelName().str();
    if (any_of(functions, [&](const GPUFunction &other) {
          return other.name == function.name;
        }))
      return;
    function.threads = getConstant(launch.getBlockSizeX());
    function.dynamicSharedBytes =
        launch.getDynamicSharedMemorySize()
            ? getConstant(launch.getDynamicSharedMemorySize())
            : 0;
    functions.push_back(std::move(function));
  }

  std::string &schedule;
  std::vector<GPUFunction> &functions;
};
} // namespace

/// Makes kernels, which have no public constructor.
class Kernel::Compiler {
public:
  static Expected<std::unique_ptr<Kernel>>
  compile(Session &session, ModuleOp module, std::string source,
          StringRef entryName, const Options &options, size_t numOutputs) {
    std::unique_ptr<Kernel> kernel(new Kernel);
    kernel->source = std::move(source);
    kernel->options = options;
    kernel->numOutputs = numOutputs;
    // Counts are a parameter.
    if (!options.countTilesFor.empty())
      if (Error error = session.run(kernel->source, [&](SourceMgr &) {
            return lower(module, [&](mlir::OpPassManager &pm) {
              addTileCount(pm, options);
            });
          }))
        return std::move(error);
    Expected<mlir::func::FuncOp> entry = findEntry(module, entryName);
    if (!entry)
      return entry.takeError();
    kernel->entry = entry->getSymName().str();
    std::optional<std::vector<Parameter>> parameters = ::getParameters(*entry);
    if (parameters)
      kernel->parameters = std::move(*parameters);
    (*entry)->setAttr(mlir::LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                      mlir::UnitAttr::get(module.getContext()));

    Error error = session.run(kernel->source, [&](SourceMgr &) {
      if (mlir::failed(mlir::verify(module)))
        return mlir::failure();
      return lower(
          module, [&](mlir::OpPassManager &pm) { buildPipeline(pm, options); },
          std::make_unique<KernelNotes>(kernel->schedule, kernel->functions));
    });
    if (error)
      return std::move(error);
    Expected<HostObject> object = compileHostCode(
        module, parameters ? kernel->entry : "", getHostCodeUse(options.target),
        kernel->getDigest(), [&] { return session.isInterrupted(); });
    if (session.isInterrupted()) {
      consumeError(object.takeError());
      return makeInterruptError();
    }
    if (!object)
      return makeError(ErrorKind::Compilation, toString(object.takeError()));
    if (parameters && object->numParams != kernel->parameters.size())
      return makeError(ErrorKind::Compilation, "the lowered program takes ",
                       object->numParams, " arguments, not ",
                       kernel->parameters.size());
    kernel->object = object->buffer->getBuffer().str();
    if (Error error = kernel->link())
      return makeError(ErrorKind::Compilation, toString(std::move(error)));
    return kernel;
  }
};

/// That a schedule of the caller is for the CPU, or not, as the target is.
/// Tiles are counted for a GPU, on the CPU.
static Error checkScheduleKind(ModuleOp module, const Options &options) {
  bool isForCPU =
      options.target == Target::CPU && options.countTilesFor.empty();
  std::optional<mlir::mfa::KernelKind> wrong;
  module.walk([&](mlir::mfa::MaskedAttentionOp op) {
    std::optional<mlir::mfa::ScheduleAttr> schedule = op.getSchedule();
    if (schedule && schedule->isForCPU() != isForCPU)
      wrong = schedule->getKind();
  });
  if (!wrong)
    return Error::success();
  return makeError(ErrorKind::InvalidArgument, "expected a schedule of kind ",
                   isForCPU ? "cpu for the CPU" : "mma_sync or wgmma for a GPU",
                   ", but got one of kind ",
                   mlir::mfa::stringifyKernelKind(*wrong));
}

Expected<std::unique_ptr<Kernel>> Kernel::compile(const Problem &problem,
                                                  const Options &given) {
  Options options = given;
  if (Error error = resolveChip(options))
    return std::move(error);
  Session session;
  mlir::OwningOpRef<ModuleOp> module;
  std::optional<Error> refusal;
  Error error = session.run("", [&](SourceMgr &) {
    auto built = buildProgram(session.getContext(), problem, options.schedule);
    if (!built) {
      refusal = built.takeError();
      return mlir::success();
    }
    module = std::move(*built);
    refusal = checkScheduleKind(*module, options);
    return mlir::verify(*module);
  });
  if (refusal && *refusal) {
    consumeError(std::move(error));
    return std::move(*refusal);
  }
  if (error)
    return std::move(error);
  std::string source;
  raw_string_ostream os(source);
  if (mlir::failed(mlir::writeBytecodeToFile(*module, os)))
    return makeError(ErrorKind::Compilation, "the program has no bytecode");
  // Who counts writes the numbers only.
  size_t numOutputs = options.countTilesFor.empty() && problem.lse ? 2 : 1;
  return Compiler::compile(session, *module, std::move(source), "", options,
                           numOutputs);
}

Expected<std::unique_ptr<Kernel>>
Kernel::compile(StringRef source, StringRef entry, const Options &given) {
  Options options = given;
  if (!options.schedule.empty())
    return makeError(ErrorKind::InvalidArgument,
                     "expected the schedule as an attribute of the op in the "
                     "program, not as an option");
  if (Error error = resolveChip(options))
    return std::move(error);
  Session session;
  Expected<mlir::OwningOpRef<ModuleOp>> module = parse(session, source);
  if (!module)
    return module.takeError();
  return Compiler::compile(session, **module, source.str(), entry, options,
                           /*numOutputs=*/0);
}

Error Kernel::printStage(StringRef stage, raw_ostream &os) const {
  if (!is_contained(getStages(), stage))
    return makeError(ErrorKind::InvalidArgument, "expected one of the stages ",
                     join(getStages(), ", "), " but got '", stage, "'");
  if (stage == "ptx") {
    os << getPTX();
    return Error::success();
  }
  Session session;
  Expected<mlir::OwningOpRef<ModuleOp>> module = parse(session, source);
  if (!module)
    return module.takeError();
  return session.run(source, [&](SourceMgr &) {
    return mfa::exec::printStage(
        **module, stage,
        [&](mlir::OpPassManager &pm) { buildPipeline(pm, options, stage); },
        os);
  });
}
