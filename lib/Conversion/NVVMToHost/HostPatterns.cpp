//===- HostPatterns.cpp - What the host does with a GPU -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::mfa;
namespace sim = ::mfa::sim;

/// A token of what has been done already.
static Value createToken(OpBuilder &builder, Location loc) {
  return gpu::WaitOp::create(
             builder, loc, builder.getType<gpu::AsyncTokenType>(), ValueRange())
      .getAsyncToken();
}

namespace {

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

struct AllocPattern : OpRewritePattern<gpu::AllocOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(gpu::AllocOp op,
                                PatternRewriter &rewriter) const override {
    // The alignment that the driver guarantees.
    SmallVector<Value> results{memref::AllocOp::create(
        rewriter, op.getLoc(), op.getType(), op.getDynamicSizes(),
        op.getSymbolOperands(), rewriter.getI64IntegerAttr(256))};
    if (op.getAsyncToken())
      results.push_back(createToken(rewriter, op.getLoc()));
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct DeallocPattern : OpRewritePattern<gpu::DeallocOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(gpu::DeallocOp op,
                                PatternRewriter &rewriter) const override {
    memref::DeallocOp::create(rewriter, op.getLoc(), op.getMemref());
    if (op.getAsyncToken())
      rewriter.replaceOp(op, createToken(rewriter, op.getLoc()));
    else
      rewriter.eraseOp(op);
    return success();
  }
};

struct MemcpyPattern : OpRewritePattern<gpu::MemcpyOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(gpu::MemcpyOp op,
                                PatternRewriter &rewriter) const override {
    memref::CopyOp::create(rewriter, op.getLoc(), op.getSrc(), op.getDst());
    if (op.getAsyncToken())
      rewriter.replaceOp(op, createToken(rewriter, op.getLoc()));
    else
      rewriter.eraseOp(op);
    return success();
  }
};

/// A loop for each dimension.
struct MemsetPattern : OpRewritePattern<gpu::MemsetOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(gpu::MemsetOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto number = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(rewriter, loc, value);
    };
    auto type = cast<MemRefType>(op.getDst().getType());
    SmallVector<Value> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      sizes.push_back(
          rewriter.createOrFold<memref::DimOp>(loc, op.getDst(), dim));
    SmallVector<Value> zeros(sizes.size(), number(0));
    SmallVector<Value> ones(sizes.size(), number(1));
    scf::buildLoopNest(rewriter, loc, zeros, sizes, ones,
                       [&](OpBuilder &b, Location loc, ValueRange indices) {
                         memref::StoreOp::create(b, loc, op.getValue(),
                                                 op.getDst(), indices);
                       });
    if (op.getAsyncToken())
      rewriter.replaceOp(op, createToken(rewriter, loc));
    else
      rewriter.eraseOp(op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Memory for one value, in the frame of the function around a launch.
class Frame {
public:
  Frame(Operation *launch, OpBuilder &builder)
      : builder(builder), loc(launch->getLoc()),
        entry(&launch->getParentOfType<FunctionOpInterface>()
                   .getFunctionBody()
                   .front()),
        pointer(LLVM::LLVMPointerType::get(builder.getContext())) {}

  Value allocate(Type type, unsigned alignment = 0) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(entry);
    return LLVM::AllocaOp::create(builder, loc, pointer, type,
                                  Simulation::createI32(builder, loc, 1),
                                  alignment);
  }

  /// The address of a member, `indices` being those of a getelementptr.
  Value getMember(Value base, Type type, ArrayRef<LLVM::GEPArg> indices) {
    return LLVM::GEPOp::create(builder, loc, pointer, type, base, indices);
  }

  void store(Value value, Value address) {
    LLVM::StoreOp::create(builder, loc, value, address);
  }

private:
  OpBuilder &builder;
  Location loc;
  Block *entry;
  Type pointer;
};

/// Packs the operands as `cuLaunchKernel` takes them, one pointer for each
/// parameter of the kernel, and describes the memrefs among them.
struct LaunchPattern : OpRewritePattern<gpu::LaunchFuncOp> {
  LaunchPattern(MLIRContext *context, const SimulatedKernelMap &kernels,
                Simulation &simulation)
      : OpRewritePattern(context), kernels(kernels), simulation(simulation),
        converter(context) {}

  LogicalResult matchAndRewrite(gpu::LaunchFuncOp op,
                                PatternRewriter &rewriter) const override {
    auto it = kernels.find(op.getKernelAttr());
    if (it == kernels.end())
      return rewriter.notifyMatchFailure(op, "unknown kernel");
    LLVM::LLVMFuncOp function = it->second.function;

    Location loc = op.getLoc();
    Frame frame(op, rewriter);
    SmallVector<Value> parameters;
    SmallVector<Accessible> accessible;
    ArrayRef<Type> byValue = it->second.byValue;
    for (Value operand : op.getKernelOperands()) {
      Type type = converter.convertType(operand.getType());
      if (!type)
        return rewriter.notifyMatchFailure(
            op, "an operand has no counterpart in the llvm dialect");
      if (Type pointee = parameters.size() < byValue.size()
                             ? byValue[parameters.size()]
                             : Type()) {
        Value memory = operand;
        if (type == pointee) {
          memory = frame.allocate(type, kParameterAlignment);
          frame.store(convert(rewriter, loc, operand, type), memory);
        } else if (!isa<LLVM::LLVMPointerType>(type)) {
          return rewriter.notifyMatchFailure(op, [&](Diagnostic &diag) {
            diag << "expected " << pointee << " or a pointer to it but got "
                 << operand.getType();
          });
        }
        parameters.push_back(memory);
        accessible.push_back(
            {memory, sim::kByValue, Simulation::getByteSize(op, pointee)});
        continue;
      }
      Value memory = frame.allocate(type);
      frame.store(convert(rewriter, loc, operand, type), memory);
      auto memref = dyn_cast<MemRefType>(operand.getType());
      if (!memref) {
        parameters.push_back(memory);
        continue;
      }
      accessible.push_back(
          {memory, static_cast<uint32_t>(memref.getRank()),
           Simulation::getByteSize(
               op, converter.convertType(memref.getElementType()))});
      for (int64_t i = 0, e = 3 + 2 * memref.getRank(); i < e; ++i)
        parameters.push_back(
            frame.getMember(memory, rewriter.getI64Type(),
                            ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)}));
    }
    // Argument 0 of the rewritten kernel is the thread's state.
    if (parameters.size() != function.getNumArguments() - 1)
      return rewriter.notifyMatchFailure(op, [&](Diagnostic &diag) {
        diag << "expected " << function.getNumArguments() - 1
             << " arguments after expanding memrefs but got "
             << parameters.size();
      });

    Type pointer = LLVM::LLVMPointerType::get(getContext());
    Type i64 = rewriter.getI64Type();
    SmallVector<Value> arguments{
        LLVM::AddressOfOp::create(rewriter, loc, it->second.info)};
    SmallVector<Value> extents{op.getGridSizeX(),  op.getGridSizeY(),
                               op.getGridSizeZ(),  op.getBlockSizeX(),
                               op.getBlockSizeY(), op.getBlockSizeZ()};
    StringRef launch = "mfaSimLaunch";
    if (op.hasClusterSize()) {
      launch = "mfaSimLaunchCluster";
      extents.insert(
          extents.begin(),
          {op.getClusterSizeX(), op.getClusterSizeY(), op.getClusterSizeZ()});
    }
    for (Value extent : extents)
      arguments.push_back(convert(rewriter, loc, extent, i64));
    Value shared = op.getDynamicSharedMemorySize();
    arguments.push_back(shared ? shared
                               : Simulation::createI32(rewriter, loc, 0));
    Type array = LLVM::LLVMArrayType::get(pointer, parameters.size());
    Value table = frame.allocate(array);
    for (auto [i, parameter] : llvm::enumerate(parameters))
      frame.store(parameter,
                  frame.getMember(table, array, {0, static_cast<int32_t>(i)}));
    arguments.push_back(table);
    arguments.push_back(describeMemory(rewriter, loc, frame, accessible));
    arguments.push_back(
        Simulation::createI64(rewriter, loc, accessible.size()));
    simulation.callFunction(rewriter, loc, launch, {}, arguments);
    if (op.getAsyncToken())
      rewriter.replaceOp(op, createToken(rewriter, loc));
    else
      rewriter.eraseOp(op);
    return success();
  }

private:
  /// Casts a value to what it becomes in the llvm dialect.
  static Value convert(OpBuilder &builder, Location loc, Value value,
                       Type type) {
    if (value.getType() == type)
      return value;
    if (value.getType().isInteger(32) && type.isInteger(64))
      return LLVM::SExtOp::create(builder, loc, type, value);
    return UnrealizedConversionCastOp::create(builder, loc, type, value)
        .getResult(0);
  }

  /// A memref or parameter as mfa::sim::MemrefArgument describes it.
  struct Accessible {
    Value descriptor;
    uint32_t rank;
    uint64_t elementBytes;
  };

  /// The driver aligns tensor maps among the parameters.
  static constexpr unsigned kParameterAlignment = 64;

  /// An array of mfa::sim::MemrefArgument.
  Value describeMemory(OpBuilder &builder, Location loc, Frame &frame,
                       ArrayRef<Accessible> memory) const {
    Type pointer = LLVM::LLVMPointerType::get(getContext());
    Type i32 = builder.getI32Type();
    Type entry =
        LLVM::LLVMStructType::getLiteral(getContext(), {pointer, i32, i32});
    Type array = LLVM::LLVMArrayType::get(entry, memory.size());
    Value table = frame.allocate(array);
    for (auto [i, accessible] : llvm::enumerate(memory)) {
      Value fields[] = {
          accessible.descriptor,
          Simulation::createI32(builder, loc, accessible.rank),
          Simulation::createI32(builder, loc, accessible.elementBytes)};
      for (auto [j, field] : llvm::enumerate(fields))
        frame.store(field, frame.getMember(table, array,
                                           {0, static_cast<int32_t>(i),
                                            static_cast<int32_t>(j)}));
    }
    return table;
  }

  const SimulatedKernelMap &kernels;
  Simulation &simulation;
  LLVMTypeConverter converter;
};

} // namespace

void mlir::mfa::populateHostPatterns(const SimulatedKernelMap &kernels,
                                     Simulation &simulation,
                                     RewritePatternSet &patterns) {
  patterns.add<AllocPattern, DeallocPattern, MemcpyPattern, MemsetPattern>(
      patterns.getContext());
  patterns.add<LaunchPattern>(patterns.getContext(), kernels, simulation);
}
