//===- NVVMToHost.cpp - Simulate GPU kernels on the host ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"
#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_SIMULATEGPUPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;
namespace sim = ::mfa::sim;

/// Largest shared memory of a block, in bytes, by compute capability: CUDA C++
/// Programming Guide, "Technical Specifications per Compute Capability".
static uint32_t getSharedLimit(gpu::GPUModuleOp module) {
  constexpr uint32_t kLargest = 227 << 10;
  ArrayAttr targets = module.getTargetsAttr();
  if (!targets || targets.empty())
    return kLargest;
  auto target = dyn_cast<NVVM::NVVMTargetAttr>(targets[0]);
  if (!target)
    return kLargest;
  StringRef chip = target.getChip();
  if (chip == "sm_80" || chip == "sm_87")
    return 163 << 10;
  if (chip.starts_with("sm_86") || chip.starts_with("sm_89") ||
      chip.starts_with("sm_12"))
    return 99 << 10;
  return kLargest;
}

namespace {

/// Keeps the reason why a pattern did not apply, for the message about the op
/// that remains.
class ReasonListener : public RewriterBase::Listener {
public:
  void
  notifyMatchFailure(Location loc,
                     function_ref<void(Diagnostic &)> reasonCallback) override {
    Diagnostic diagnostic(loc, DiagnosticSeverity::Remark);
    reasonCallback(diagnostic);
    reasons[loc] = diagnostic.str();
  }

  StringRef getReason(Location loc) const {
    auto it = reasons.find(loc);
    return it == reasons.end() ? StringRef() : StringRef(it->second);
  }

private:
  DenseMap<Location, std::string> reasons;
};

/// Moves the contents of one gpu.module into the host module and rewrites
/// them.
class KernelModule {
public:
  KernelModule(gpu::GPUModuleOp module, ModuleOp host, bool checks, bool counts,
               SimulatedKernelMap &kernels)
      : module(module), host(host), simulation(host, checks), counts(counts),
        kernels(kernels) {}

  LogicalResult run();

private:
  LogicalResult checkContents();
  void layOutShared();
  void moveGlobals();
  void moveFunctions();
  LogicalResult rewriteFunctions();
  SmallVector<Block *> tabulateBlocks();
  void countBlocks(ArrayRef<Block *> blocks);
  void describeKernels();
  LLVM::LLVMFuncOp createEntry(const SimulatedKernel &kernel,
                               OpBuilder &builder);
  LLVM::GlobalOp createString(OpBuilder &builder, StringRef name,
                              StringRef text);

  gpu::GPUModuleOp module;
  ModuleOp host;
  Simulation simulation;
  bool counts;
  SimulatedKernelMap &kernels;
  uint32_t staticShared = 0;
  /// The table of operations for KernelInfo::blocks.
  std::string blockTable;
  SmallVector<LLVM::LLVMFuncOp> functions;
  /// Functions that are kernels, with the name that launches use.
  SmallVector<std::pair<SymbolRefAttr, SimulatedKernel>> entryPoints;
};

} // namespace

LogicalResult KernelModule::run() {
  if (failed(checkContents()))
    return failure();
  layOutShared();
  moveFunctions();
  moveGlobals();
  IRRewriter rewriter(host.getContext());
  for (LLVM::LLVMFuncOp function : functions)
    (void)eraseUnreachableBlocks(rewriter, function->getRegions());
  SmallVector<Block *> blocks;
  if (counts)
    blocks = tabulateBlocks();
  if (failed(rewriteFunctions()))
    return failure();
  countBlocks(blocks);
  describeKernels();
  module.erase();
  return success();
}

LogicalResult KernelModule::checkContents() {
  for (Operation &op : *module.getBody()) {
    if (auto function = dyn_cast<LLVM::LLVMFuncOp>(op)) {
      if (function.isVarArg())
        return function.emitOpError("with variable arguments is not simulated");
      continue;
    }
    if (!isa<LLVM::GlobalOp, LLVM::ComdatOp>(op))
      return op.emitOpError("is not simulated: expected functions and globals "
                            "of the llvm dialect (see convert-gpu-to-nvvm)");
  }
  return success();
}

/// Shared globals become constant offsets, those without a size (dynamic shared
/// memory) the offset of the first byte behind the others.
void KernelModule::layOutShared() {
  DenseMap<StringAttr, uint32_t> offsets;
  SmallVector<LLVM::GlobalOp> shared;
  uint32_t end = sim::kSharedBase;
  uint64_t dynamicAlignment = 16;
  for (auto global : module.getOps<LLVM::GlobalOp>()) {
    if (global.getAddrSpace() != sim::kShared)
      continue;
    shared.push_back(global);
    Type type = global.getGlobalType();
    uint64_t size = Simulation::getByteSize(global, type);
    uint64_t alignment = global.getAlignment().value_or(
        DataLayout::closest(global).getTypeABIAlignment(type));
    if (!size) {
      dynamicAlignment = std::max(dynamicAlignment, alignment);
      continue;
    }
    end = llvm::alignTo(end, alignment);
    offsets[global.getSymNameAttr()] = end;
    end += size;
  }
  end = llvm::alignTo(end, dynamicAlignment);
  staticShared = end - sim::kSharedBase;

  module.walk([&](LLVM::AddressOfOp op) {
    if (op.getType().getAddressSpace() != sim::kShared)
      return;
    auto it = offsets.find(op.getGlobalNameAttr().getAttr());
    uint32_t offset = it == offsets.end() ? end : it->second;
    OpBuilder builder(op);
    Value constant = Simulation::createI64(builder, op.getLoc(), offset);
    Value pointer =
        LLVM::IntToPtrOp::create(builder, op.getLoc(), op.getType(), constant);
    op.replaceAllUsesWith(pointer);
    op.erase();
  });
  for (LLVM::GlobalOp global : shared)
    global.erase();
}

/// Gives a symbol of the kernel module a name that is free in the host module.
static void renameForHost(Operation *symbol, gpu::GPUModuleOp module,
                          ModuleOp host) {
  std::string base =
      (module.getName() + "_" + SymbolTable::getSymbolName(symbol).getValue())
          .str();
  std::string name = base;
  for (unsigned i = 0; host.lookupSymbol(name); ++i)
    name = base + "_" + std::to_string(i);
  auto attr = StringAttr::get(symbol->getContext(), name);
  // Fails only if the module holds operations with unknown uses of symbols,
  // which its contents exclude.
  (void)SymbolTable::replaceAllSymbolUses(symbol, attr, module);
  SymbolTable::setSymbolName(symbol, attr);
}

void KernelModule::moveGlobals() {
  for (auto global : module.getOps<LLVM::GlobalOp>())
    renameForHost(global, module, host);
  for (auto global :
       llvm::make_early_inc_range(module.getOps<LLVM::GlobalOp>()))
    global->moveBefore(module);
}

/// What the kernel's pointers to parameters passed by value point to.
static SmallVector<Type> getByValueTypes(LLVM::LLVMFuncOp kernel) {
  SmallVector<Type> types;
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i) {
    auto attr = kernel.getArgAttrOfType<TypeAttr>(
        i, LLVM::LLVMDialect::getByValAttrName());
    types.push_back(attr ? attr.getValue() : Type());
  }
  return types;
}

/// Registers of a thread of a kernel with a bound on them: the bound itself, or
/// what the blocks that have to fit on a multiprocessor leave to each thread;
/// 0 without.
static uint32_t getRegisters(LLVM::LLVMFuncOp kernel) {
  auto getInteger = [&](StringRef name) -> uint64_t {
    auto attr = kernel->getAttrOfType<IntegerAttr>(name);
    return attr ? attr.getValue().getZExtValue() : 0;
  };
  if (uint64_t most = getInteger(NVVM::NVVMDialect::getMaxnregAttrName()))
    return most;
  uint64_t blocks = getInteger(NVVM::NVVMDialect::getMinctasmAttrName());
  auto extents = kernel->getAttrOfType<DenseI32ArrayAttr>(
      NVVM::NVVMDialect::getReqntidAttrName());
  if (!extents)
    extents = kernel->getAttrOfType<DenseI32ArrayAttr>(
        NVVM::NVVMDialect::getMaxntidAttrName());
  if (!blocks || !extents)
    return 0;
  constexpr uint64_t kRegisters = 64 << 10;
  constexpr uint64_t kMostOfThread = 255;
  uint64_t threads = blocks;
  for (int32_t extent : extents.asArrayRef())
    threads *= std::max(extent, 1);
  return llvm::alignDown(std::min(kRegisters / threads, kMostOfThread), 8);
}

/// Extents of the clusters that a kernel has to be launched with, or zeros.
static std::array<uint32_t, 3> getClusterExtents(LLVM::LLVMFuncOp kernel) {
  std::array<uint32_t, 3> result = {};
  auto extents = kernel->getAttrOfType<DenseI32ArrayAttr>(
      NVVM::NVVMDialect::getClusterDimAttrName());
  if (!extents)
    return result;
  result.fill(1);
  for (auto [i, extent] : llvm::enumerate(extents.asArrayRef().take_front(3)))
    result[i] = extent;
  return result;
}

/// Attributes of a GPU function mean nothing to the host.
static void removeDeviceAttributes(LLVM::LLVMFuncOp function) {
  for (NamedAttribute attr : llvm::to_vector(function->getDiscardableAttrs()))
    function->removeDiscardableAttr(attr.getName());
  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
}

void KernelModule::moveFunctions() {
  Type pointer = LLVM::LLVMPointerType::get(host.getContext());
  // Names change while all of their uses are still in the module.
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (function.isExternal())
      continue;
    if (function->hasAttr(gpu::GPUDialect::getKernelFuncAttrName()) ||
        function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
      entryPoints.push_back(
          {SymbolRefAttr::get(module.getNameAttr(),
                              {FlatSymbolRefAttr::get(function)}),
           {function, /*info=*/{}, getByValueTypes(function),
            getRegisters(function), getClusterExtents(function)}});
    renameForHost(function, module, host);
    functions.push_back(function);
  }
  for (LLVM::LLVMFuncOp function : functions) {
    removeDeviceAttributes(function);
    function.setLinkage(LLVM::Linkage::Internal);
    SmallVector<Type> types{pointer};
    llvm::append_range(types, function.getArgumentTypes());
    function.setFunctionType(LLVM::LLVMFunctionType::get(
        function.getFunctionType().getReturnType(), types));
    function.front().insertArgument(0u, pointer, function.getLoc());
    function->moveBefore(module);
  }
}

namespace {
/// Hands the thread's state to the callee.
struct CallPattern : SimulationPattern<LLVM::CallOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(LLVM::CallOp op,
                                PatternRewriter &rewriter) const override {
    FlatSymbolRefAttr callee = op.getCalleeAttr();
    auto function =
        callee ? simulation.getHost().lookupSymbol<LLVM::LLVMFuncOp>(callee)
               : LLVM::LLVMFuncOp();
    if (!function || function.isExternal())
      return rewriter.notifyMatchFailure(op, [&](Diagnostic &diag) {
        diag << "the callee has no body in the module of the kernel";
        if (callee)
          diag << ": " << callee;
      });
    SmallVector<Value> arguments{Simulation::getState(op)};
    llvm::append_range(arguments, op.getArgOperands());
    rewriter.replaceOpWithNewOp<LLVM::CallOp>(op, function, arguments);
    return success();
  }
};
} // namespace

/// Whether an op may remain in a function of the host, rewritten or not.
static bool isSimulated(Operation *op, ModuleOp host) {
  if (!isa<LLVM::LLVMDialect>(op->getDialect()))
    return false;
  if (auto call = dyn_cast<LLVM::CallOp>(op))
    return call.getCalleeAttr() && host.lookupSymbol(call.getCalleeAttr());
  // Intrinsics that the host has as well, such as llvm.fabs.
  if (auto call = dyn_cast<LLVM::CallIntrinsicOp>(op))
    return !call.getIntrin().starts_with("llvm.nvvm.");
  if (isa<LLVM::InlineAsmOp, LLVM::AddrSpaceCastOp>(op))
    return false;
  // Accesses to memory go through the generic pointer of the host.
  auto isForeign = [](Type type) {
    auto pointer = dyn_cast<LLVM::LLVMPointerType>(type);
    return pointer && pointer.getAddressSpace() != 0;
  };
  if (auto load = dyn_cast<LLVM::LoadOp>(op))
    return !isForeign(load.getAddr().getType());
  if (auto store = dyn_cast<LLVM::StoreOp>(op))
    return !isForeign(store.getAddr().getType());
  if (isa<LLVM::AtomicRMWOp, LLVM::AtomicCmpXchgOp, LLVM::MemcpyOp,
          LLVM::MemmoveOp, LLVM::MemsetOp, LLVM::AllocaOp>(op))
    return llvm::none_of(op->getOperandTypes(), isForeign) &&
           llvm::none_of(op->getResultTypes(), isForeign);
  return true;
}

LogicalResult KernelModule::rewriteFunctions() {
  RewritePatternSet set(host.getContext());
  populateScalarPatterns(simulation, set);
  populateMemoryPatterns(simulation, set);
  populateWarpPatterns(simulation, set);
  populateMBarrierPatterns(simulation, set);
  populateTensorCopyPatterns(simulation, set);
  populateWarpgroupPatterns(simulation, set);
  set.add<CallPattern>(set.getContext(), simulation);
  FrozenRewritePatternSet patterns(std::move(set));
  ReasonListener listener;
  bool allKnown = true;
  for (LLVM::LLVMFuncOp function : functions) {
    resolveAccumulators(simulation, function);
    walkAndApplyPatterns(function, patterns, &listener);
    takeAggregatesApart(function);
    function.walk([&](Operation *op) {
      if (op == function || isSimulated(op, host))
        return;
      InFlightDiagnostic error = op->emitOpError("is not simulated");
      if (StringRef reason = listener.getReason(op->getLoc()); !reason.empty())
        error << ": " << reason;
      allKnown = false;
    });
  }
  return success(allKnown);
}

/// Ops that become no instruction of the GPU.
static bool isFree(Operation *op) {
  return isa<LLVM::ConstantOp, LLVM::PoisonOp, LLVM::UndefOp, LLVM::ZeroOp,
             LLVM::BitcastOp, LLVM::InsertValueOp, LLVM::ExtractValueOp,
             LLVM::InsertElementOp, LLVM::ExtractElementOp, LLVM::AddressOfOp,
             LLVM::PtrToIntOp, LLVM::IntToPtrOp>(op);
}

/// Writes down what each block contains before it is rewritten.
SmallVector<Block *> KernelModule::tabulateBlocks() {
  SmallVector<Block *> blocks;
  for (LLVM::LLVMFuncOp function : functions) {
    for (Block &block : function.getBody()) {
      std::map<StringRef, unsigned> counts;
      for (Operation &op : block)
        if (!isFree(&op))
          ++counts[op.getName().getStringRef()];
      llvm::raw_string_ostream os(blockTable);
      llvm::interleave(
          counts, os,
          [&](const auto &entry) { os << entry.first << ' ' << entry.second; },
          "\t");
      os << '\n';
      blocks.push_back(&block);
    }
  }
  return blocks;
}

void KernelModule::countBlocks(ArrayRef<Block *> blocks) {
  OpBuilder builder(host.getContext());
  for (auto [number, block] : llvm::enumerate(blocks)) {
    builder.setInsertionPointToStart(block);
    Location loc = block->front().getLoc();
    simulation.callFunction(
        builder, loc, "mfaSimCountBlock", {},
        {Simulation::getState(&block->front()),
         Simulation::createI32(builder, loc, static_cast<uint32_t>(number))});
  }
}

/// A function that loads the arguments of a kernel and calls it.
LLVM::LLVMFuncOp KernelModule::createEntry(const SimulatedKernel &simulated,
                                           OpBuilder &builder) {
  LLVM::LLVMFuncOp kernel = simulated.function;
  Location loc = kernel.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(builder.getContext()), {pointer, pointer});
  auto entry = LLVM::LLVMFuncOp::create(builder, loc,
                                        (kernel.getName() + "_entry").str(),
                                        type, LLVM::Linkage::Internal);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(entry.addEntryBlock(builder));
  SmallVector<Value> arguments{entry.getArgument(0)};
  for (auto [i, type] :
       llvm::enumerate(kernel.getArgumentTypes().drop_front())) {
    Value field = LLVM::GEPOp::create(
        builder, loc, pointer, pointer, entry.getArgument(1),
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    Value address = LLVM::LoadOp::create(builder, loc, pointer, field);
    arguments.push_back(
        simulated.byValue[i]
            ? address
            : Value(LLVM::LoadOp::create(builder, loc, type, address)));
  }
  LLVM::CallOp::create(builder, loc, kernel, arguments);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return entry;
}

LLVM::GlobalOp KernelModule::createString(OpBuilder &builder, StringRef name,
                                          StringRef text) {
  std::string terminated = text.str();
  terminated.push_back('\0');
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), terminated.size());
  return LLVM::GlobalOp::create(builder, module.getLoc(), type,
                                /*isConstant=*/true, LLVM::Linkage::Internal,
                                name, builder.getStringAttr(terminated));
}

void KernelModule::describeKernels() {
  OpBuilder builder(module);
  Location loc = module.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i32 = builder.getI32Type();
  auto infoType = LLVM::LLVMStructType::getLiteral(
      builder.getContext(),
      {pointer, pointer, pointer, pointer, i32, i32, i32, i32, i32, i32, i32});
  LLVM::GlobalOp sites = createString(
      builder, (module.getName() + "_sites").str(), simulation.getSites());
  LLVM::GlobalOp table;
  if (counts)
    table =
        createString(builder, (module.getName() + "_blocks").str(), blockTable);
  for (auto &[symbol, kernel] : entryPoints) {
    std::string prefix = kernel.function.getName().str();
    LLVM::GlobalOp name = createString(builder, prefix + "_name",
                                       symbol.getLeafReference().getValue());
    LLVM::LLVMFuncOp entry = createEntry(kernel, builder);
    kernel.info =
        LLVM::GlobalOp::create(builder, loc, infoType,
                               /*isConstant=*/true, LLVM::Linkage::Internal,
                               prefix + "_info", Attribute());
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&kernel.info.getInitializerRegion());
    Value blocks = counts
                       ? Value(LLVM::AddressOfOp::create(builder, loc, table))
                       : Value(LLVM::ZeroOp::create(builder, loc, pointer));
    Value fields[] = {
        LLVM::AddressOfOp::create(builder, loc, name),
        LLVM::AddressOfOp::create(builder, loc, entry),
        LLVM::AddressOfOp::create(builder, loc, sites),
        blocks,
        Simulation::createI32(builder, loc, staticShared),
        Simulation::createI32(builder, loc, getSharedLimit(module)),
        Simulation::createI32(builder, loc, simulation.hasChecks()),
        Simulation::createI32(builder, loc, kernel.registers),
        Simulation::createI32(builder, loc, kernel.cluster[0]),
        Simulation::createI32(builder, loc, kernel.cluster[1]),
        Simulation::createI32(builder, loc, kernel.cluster[2])};
    Value value = LLVM::PoisonOp::create(builder, loc, infoType);
    for (auto [i, field] : llvm::enumerate(fields))
      value = LLVM::InsertValueOp::create(builder, loc, value, field,
                                          static_cast<int64_t>(i));
    LLVM::ReturnOp::create(builder, loc, value);
    kernels[symbol] = kernel;
  }
}

namespace {
struct SimulateGPUPass : mlir::mfa::impl::SimulateGPUPassBase<SimulateGPUPass> {
  using Base::Base;

  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](ModuleOp host) {
      return failed(simulate(host)) ? WalkResult::interrupt()
                                    : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// Rewrites the kernels of `host` itself, whose launches are in it; modules
  /// in it have been rewritten.
  LogicalResult simulate(ModuleOp host) {
    SimulatedKernelMap kernels;
    for (auto module :
         llvm::make_early_inc_range(host.getOps<gpu::GPUModuleOp>()))
      if (failed(KernelModule(module, host, checks, count, kernels).run()))
        return failure();
    if (failed(rewriteHost(host, kernels)))
      return failure();
    host->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
    return success();
  }

  LogicalResult rewriteHost(ModuleOp host, const SimulatedKernelMap &kernels) {
    Simulation simulation(host, checks);
    RewritePatternSet patterns(&getContext());
    populateHostPatterns(kernels, simulation, patterns);
    ReasonListener listener;
    walkAndApplyPatterns(host, std::move(patterns), &listener);
    eraseWaits(host);
    WalkResult result = host.walk([&](Operation *op) {
      if (!isa_and_present<gpu::GPUDialect>(op->getDialect()))
        return WalkResult::advance();
      InFlightDiagnostic error = op->emitOpError("is not simulated");
      if (StringRef reason = listener.getReason(op->getLoc()); !reason.empty())
        error << ": " << reason;
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  /// Erases waits from the last to the first, so that a token loses its uses
  /// before its definition is reached.
  static void eraseWaits(ModuleOp host) {
    SmallVector<gpu::WaitOp> waits;
    host.walk([&](gpu::WaitOp op) { waits.push_back(op); });
    for (gpu::WaitOp op : llvm::reverse(waits))
      if (op->use_empty())
        op.erase();
  }
};
} // namespace
