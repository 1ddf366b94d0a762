//===- DropUnusedKernelArguments.cpp - What launches need not pass --------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFADROPUNUSEDKERNELARGUMENTSPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

/// How many arguments of a lowered kernel an operand of its launch becomes.
static unsigned getNumArguments(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  return memref ? MemRefDescriptor::getNumUnpackedValues(memref) : 1;
}

/// True if the launch passes what the kernel takes, as far as numbers tell.
static bool fits(gpu::LaunchFuncOp launch, LLVM::LLVMFuncOp kernel) {
  unsigned count = 0;
  for (Type type : launch.getKernelOperands().getTypes()) {
    if (isa<UnrankedMemRefType>(type))
      return false;
    count += getNumArguments(type);
  }
  return count == kernel.getNumArguments();
}

/// Removes the arguments for which `isUnused` is set. The interface's own
/// method refuses functions that return nothing: it counts void as no result,
/// but a function type of the llvm dialect has one.
static void eraseArguments(LLVM::LLVMFuncOp kernel, const BitVector &isUnused) {
  LLVM::LLVMFunctionType type = kernel.getFunctionType();
  SmallVector<Type> storage;
  TypeRange parameters = filterTypesOut(type.getParams(), isUnused, storage);
  function_interface_impl::eraseFunctionArguments(
      kernel, isUnused,
      LLVM::LLVMFunctionType::get(type.getReturnType(),
                                  llvm::to_vector(parameters)));
}

/// Leaves out the operands for which `isUnused` is set. A memref of which only
/// a part is used is taken apart.
static void dropOperands(gpu::LaunchFuncOp launch, const BitVector &isUnused,
                         const LLVMTypeConverter &converter) {
  OpBuilder builder(launch);
  Location loc = launch.getLoc();
  SmallVector<Value> operands;
  unsigned first = 0;
  for (Value operand : launch.getKernelOperands()) {
    unsigned end = first + getNumArguments(operand.getType());
    int unused = isUnused.find_first_in(first, end);
    if (unused == -1) {
      operands.push_back(operand);
    } else if (isUnused.find_first_unset_in(first, end) != -1) {
      auto type = cast<MemRefType>(operand.getType());
      Value descriptor = UnrealizedConversionCastOp::create(
                             builder, loc, converter.convertType(type), operand)
                             .getResult(0);
      SmallVector<Value> values;
      MemRefDescriptor::unpack(builder, loc, descriptor, type, values);
      for (auto [i, value] : llvm::enumerate(values)) {
        if (!isUnused[first + i])
          operands.push_back(value);
        else if (Operation *op = value.getDefiningOp(); op->use_empty())
          op->erase();
      }
    }
    first = end;
  }
  launch.getKernelOperandsMutable().assign(operands);
}

namespace {
struct DropUnusedKernelArgumentsPass
    : mfa::impl::MFADropUnusedKernelArgumentsPassBase<
          DropUnusedKernelArgumentsPass> {
  using MFADropUnusedKernelArgumentsPassBase::
      MFADropUnusedKernelArgumentsPassBase;

  void runOnOperation() override {
    llvm::MapVector<LLVM::LLVMFuncOp, SmallVector<gpu::LaunchFuncOp>> launches;
    SymbolTableCollection symbols;
    getOperation().walk([&](gpu::LaunchFuncOp launch) {
      if (auto kernel = symbols.lookupNearestSymbolFrom<LLVM::LLVMFuncOp>(
              launch, launch.getKernelAttr()))
        launches[kernel].push_back(launch);
    });
    LLVMTypeConverter converter(&getContext());
    for (auto &[kernel, ofKernel] : launches) {
      if (kernel.isExternal() ||
          !llvm::all_of(ofKernel, [&](auto op) { return fits(op, kernel); }))
        continue;
      BitVector isUnused(kernel.getNumArguments());
      for (BlockArgument argument : kernel.getArguments())
        if (argument.use_empty())
          isUnused.set(argument.getArgNumber());
      if (isUnused.none())
        continue;
      eraseArguments(kernel, isUnused);
      for (gpu::LaunchFuncOp launch : ofKernel)
        dropOperands(launch, isUnused, converter);
      numDropped += isUnused.count();
    }
  }
};
} // namespace
