//===- Simulation.h - Building calls of the simulator -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every function of a simulated kernel has the state of its thread, a
// `mfa::sim::ThreadState`, as argument 0. The patterns replace each operation
// of the GPU by accesses to that state and calls of the runtime.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_NVVMTOHOST_SIMULATION_H
#define MFA_LIB_CONVERSION_NVVMTOHOST_SIMULATION_H

#include "mfa/Runtime/Sim/ABI.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include <array>

namespace mlir::mfa {

/// What the patterns share while the kernels of one module are rewritten.
class Simulation {
public:
  Simulation(ModuleOp host, bool checks) : host(host), checks(checks) {}

  /// The module that the kernels are moved into.
  ModuleOp getHost() const { return host; }

  /// Whether accesses to memory are checked.
  bool hasChecks() const { return checks; }

  /// The state of the thread that executes `op`.
  static Value getState(Operation *op);

  /// Constants of type i32 and i64.
  static Value createI32(OpBuilder &builder, Location loc, uint32_t value);
  static Value createI64(OpBuilder &builder, Location loc, uint64_t value);

  /// The address of the state's byte `offset`.
  static Value createStateAddress(OpBuilder &builder, Operation *op,
                                  uint32_t offset);

  /// The offset of a shared or generic pointer into the shared memory window.
  static Value createSharedOffset(OpBuilder &builder, Operation *op,
                                  Value pointer);

  /// Stores values to consecutive words of the slot, from word `first` on.
  static void storeToSlot(OpBuilder &builder, Operation *op, ValueRange values,
                          uint32_t first = 0);

  /// Loads a value from word `word` of the slot.
  static Value loadFromSlot(OpBuilder &builder, Operation *op, Type type,
                            uint32_t word);

  /// Loads words of the slot as the fields of a struct, or as a single value
  /// if `type` is not a struct.
  static Value loadStructFromSlot(OpBuilder &builder, Operation *op, Type type);

  /// Calls a function of the runtime with the state before and the site of
  /// `op` behind the given arguments. A null result type means none; the
  /// value returned is null then.
  Value callRuntime(OpBuilder &builder, Operation *op, StringRef function,
                    Type result, ValueRange arguments);

  /// Calls a function of the runtime with the given arguments alone.
  Value callFunction(OpBuilder &builder, Location loc, StringRef function,
                     Type result, ValueRange arguments);

  /// Bytes that a value of `type` takes in memory, and the alignment that the
  /// GPU expects of it.
  static uint64_t getByteSize(Operation *op, Type type);
  static uint64_t getNaturalAlignment(Operation *op, Type type);

  /// The table of operations for KernelInfo::sites.
  StringRef getSites() const { return sites; }

private:
  uint32_t addSite(Operation *op);

  ModuleOp host;
  bool checks;
  std::string sites;
  uint32_t siteCount = 0;
};

/// A pattern that calls the runtime.
template <typename OpTy>
struct SimulationPattern : OpRewritePattern<OpTy> {
  SimulationPattern(MLIRContext *context, Simulation &simulation)
      : OpRewritePattern<OpTy>(context), simulation(simulation) {}

protected:
  Simulation &simulation;
};

/// Replaces an op without results by a call of the runtime.
template <typename OpTy>
struct RuntimeCallPattern : SimulationPattern<OpTy> {
  using GetArguments = SmallVector<Value> (*)(OpTy op, OpBuilder &builder);

  /// Without `getArguments` the function takes none of its own.
  RuntimeCallPattern(MLIRContext *context, Simulation &simulation,
                     StringRef function, GetArguments getArguments = nullptr)
      : SimulationPattern<OpTy>(context, simulation), function(function),
        getArguments(getArguments) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> arguments;
    if (getArguments)
      arguments = getArguments(op, rewriter);
    this->simulation.callRuntime(rewriter, op, function, {}, arguments);
    rewriter.eraseOp(op);
    return success();
  }

private:
  StringRef function;
  GetArguments getArguments;
};

/// Adds the patterns for special registers, arithmetic and intrinsics.
void populateScalarPatterns(Simulation &simulation,
                            RewritePatternSet &patterns);

/// Adds the patterns for loads, stores, atomics and asynchronous copies.
void populateMemoryPatterns(Simulation &simulation,
                            RewritePatternSet &patterns);

/// Adds the patterns for barriers and operations of a warp.
void populateWarpPatterns(Simulation &simulation, RewritePatternSet &patterns);

/// Adds the patterns for mbarriers and the barrier of the cluster.
void populateMBarrierPatterns(Simulation &simulation,
                              RewritePatternSet &patterns);

/// Adds the patterns for copies between tensors and shared memory, and for
/// fences between proxies.
void populateTensorCopyPatterns(Simulation &simulation,
                                RewritePatternSet &patterns);

/// Adds the patterns for products of a warpgroup, also as inline assembly, and
/// its registers.
void populateWarpgroupPatterns(Simulation &simulation,
                               RewritePatternSet &patterns);

/// Makes values that may stand for accumulators of a product of a warpgroup
/// what they stand for wherever an op computes with them. Comes before the
/// patterns.
void resolveAccumulators(Simulation &simulation, LLVM::LLVMFuncOp function);

/// Hands fields of structs on without the structs, and erases those that have
/// no use then. Comes behind the patterns.
void takeAggregatesApart(LLVM::LLVMFuncOp function);

/// A kernel that was moved into the host module.
struct SimulatedKernel {
  /// Takes the thread's state and then the arguments of the kernel.
  LLVM::LLVMFuncOp function;
  /// The constant of type mfa::sim::KernelInfo that describes it.
  LLVM::GlobalOp info;
  /// For each argument of the kernel, the type of what its pointer points to if
  /// that is passed by value, or null.
  SmallVector<Type> byValue;
  /// KernelInfo::registers.
  uint32_t registers = 0;
  /// KernelInfo::cluster.
  std::array<uint32_t, 3> cluster = {};
};

/// Kernels by the symbol under which gpu.launch_func refers to them.
using SimulatedKernelMap = llvm::DenseMap<Attribute, SimulatedKernel>;

/// Adds the patterns for the host: launches through the runtime, and buffers.
void populateHostPatterns(const SimulatedKernelMap &kernels,
                          Simulation &simulation, RewritePatternSet &patterns);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_NVVMTOHOST_SIMULATION_H
