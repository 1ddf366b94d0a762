//===- OutlineParallelLoops.cpp - Parallel loops on the runtime's threads -===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A parallel loop becomes a function of one index and a call of the runtime,
// which calls that function for every index, on several threads. What the body
// uses from outside travels in a struct on the caller's stack. Its members have
// the types that the conversion to the llvm dialect will give the values, so
// that the casts written here fold away there.
//
//===----------------------------------------------------------------------===//

#include "RuntimeFunctions.h"
#include "mfa/Conversion/Passes.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFAOUTLINEPARALLELLOOPSPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

/// Declared in mfa/Runtime/CPURuntime.h.
static constexpr StringLiteral kParallelFor = "mfaParallelFor";
static constexpr StringLiteral kUseTileRegisters = "mfaUseTileRegisters";

/// The first op in `module` itself of which `isWanted` says so.
static Operation *findOp(ModuleOp module,
                         function_ref<bool(Operation *)> isWanted) {
  Operation *found = nullptr;
  module.walk([&](Operation *op) {
    if (!isWanted(op) || SymbolTable::getNearestSymbolTable(op) != module)
      return WalkResult::advance();
    found = op;
    return WalkResult::interrupt();
  });
  return found;
}

static bool usesTileRegisters(Operation *op) {
  return isa_and_nonnull<amx::AMXDialect>(op->getDialect());
}

/// Of the index of an iteration, and what the loop uses of the outside.
static FunctionType getBodyType(Builder &builder) {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  return builder.getFunctionType({builder.getIndexType(), pointer}, {});
}

namespace {
struct OutlineParallelLoop : OpRewritePattern<scf::ParallelOp> {
  /// Without `parallelFor`, calls are one after another. `useTileRegisters` is
  /// there where a loop needs it.
  OutlineParallelLoop(SymbolTable &symbols, func::FuncOp parallelFor,
                      func::FuncOp useTileRegisters)
      : OpRewritePattern(symbols.getOp()->getContext()), symbols(symbols),
        parallelFor(parallelFor), useTileRegisters(useTileRegisters) {}

  LogicalResult matchAndRewrite(scf::ParallelOp op,
                                PatternRewriter &rewriter) const override {
    auto caller = op->getParentOfType<func::FuncOp>();
    if (!caller || caller->getParentOp() != symbols.getOp())
      return rewriter.notifyMatchFailure(
          op, "expected a loop in a func.func of the module");
    if (op->getParentOfType<scf::ParallelOp>())
      return rewriter.notifyMatchFailure(
          op, "the loop around it already runs on every thread");
    if (op.getNumReductions() != 0)
      return rewriter.notifyMatchFailure(op, "expected no reduction");
    LLVMTypeConverter converter(op.getContext());
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(op.getRegion(), used);
    for (Value value : used)
      if (!converter.convertType(value.getType()))
        return rewriter.notifyMatchFailure(
            op, "expected the body to use values with an llvm type only");

    Location loc = op.getLoc();
    if (op->walk([](Operation *nested) {
            return usesTileRegisters(nested) ? WalkResult::interrupt()
                                             : WalkResult::advance();
          }).wasInterrupted())
      func::CallOp::create(rewriter, loc, useTileRegisters, ValueRange());
    SmallVector<Value> tripCounts = getTripCounts(rewriter, op);
    Value count = tripCounts.front();
    for (Value tripCount : ArrayRef(tripCounts).drop_front())
      count = rewriter.createOrFold<arith::MulIOp>(loc, count, tripCount);
    useLinearIndex(rewriter, op, tripCounts);

    used.clear();
    getUsedValuesDefinedAbove(op.getRegion(), used);
    repeatConstants(rewriter, op.getRegion(), used);
    ArrayRef<Value> captures = used.getArrayRef();
    SmallVector<Type> members;
    for (Value capture : captures)
      members.push_back(converter.convertType(capture.getType()));
    auto structType =
        LLVM::LLVMStructType::getLiteral(op.getContext(), members);

    func::FuncOp body = outlineBody(rewriter, op, caller, structType, captures);
    Value function;
    if (parallelFor)
      function = func::ConstantOp::create(rewriter, loc, body.getFunctionType(),
                                          body.getSymName());
    Value context = storeCaptures(rewriter, loc, caller, structType, captures);
    if (parallelFor)
      func::CallOp::create(rewriter, loc, parallelFor,
                           ValueRange{count, function, context});
    else
      callOneByOne(rewriter, loc, body, count, context);
    rewriter.eraseOp(op);
    return success();
  }

private:
  static void callOneByOne(PatternRewriter &rewriter, Location loc,
                           func::FuncOp body, Value count, Value context) {
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
    Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
    scf::ForOp::create(
        rewriter, loc, zero, count, one, ValueRange(),
        [&](OpBuilder &nested, Location loc, Value index, ValueRange) {
          func::CallOp::create(nested, loc, body, ValueRange{index, context});
          scf::YieldOp::create(nested, loc);
        });
  }

  /// The number of iterations of each loop, at least 0.
  static SmallVector<Value> getTripCounts(PatternRewriter &rewriter,
                                          scf::ParallelOp op) {
    Location loc = op.getLoc();
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
    SmallVector<Value> counts;
    for (auto [lower, upper, step] : llvm::zip_equal(
             op.getLowerBound(), op.getUpperBound(), op.getStep())) {
      Value length = rewriter.createOrFold<arith::SubIOp>(loc, upper, lower);
      Value count =
          rewriter.createOrFold<arith::CeilDivSIOp>(loc, length, step);
      counts.push_back(rewriter.createOrFold<arith::MaxSIOp>(loc, count, zero));
    }
    return counts;
  }

  /// Replaces the induction variables in the body by one index that counts all
  /// iterations, the last loop fastest.
  static void useLinearIndex(PatternRewriter &rewriter, scf::ParallelOp op,
                             ValueRange tripCounts) {
    Location loc = op.getLoc();
    Block *body = op.getBody();
    unsigned numLoops = op.getNumLoops();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(body);
    Value linear = body->insertArgument(0u, rewriter.getIndexType(), loc);
    auto indices = affine::AffineDelinearizeIndexOp::create(
        rewriter, loc, linear, tripCounts, /*hasOuterBound=*/true);
    for (unsigned loop = 0; loop < numLoops; ++loop) {
      Value offset = rewriter.createOrFold<arith::MulIOp>(
          loc, indices.getResult(loop), op.getStep()[loop]);
      Value variable = rewriter.createOrFold<arith::AddIOp>(
          loc, op.getLowerBound()[loop], offset);
      rewriter.replaceAllUsesWith(body->getArgument(1 + loop), variable);
    }
    body->eraseArguments(1, numLoops);
    rewriter.setInsertionPoint(body->getTerminator());
    rewriter.replaceOpWithNewOp<func::ReturnOp>(body->getTerminator());
  }

  /// Repeats the constants among the values that `region` uses from outside in
  /// the region, and removes them from `used`.
  static void repeatConstants(PatternRewriter &rewriter, Region &region,
                              llvm::SetVector<Value> &used) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(&region.front());
    used.remove_if([&](Value value) {
      Operation *definition = value.getDefiningOp();
      if (!definition || !definition->hasTrait<OpTrait::ConstantLike>())
        return false;
      Value constant = rewriter.clone(*definition)->getResult(0);
      replaceAllUsesInRegionWith(value, constant, region);
      return true;
    });
  }

  /// Moves the body, whose argument is the index, to a function of the index
  /// and a pointer to the struct of captured values.
  func::FuncOp outlineBody(PatternRewriter &rewriter, scf::ParallelOp op,
                           func::FuncOp caller, LLVM::LLVMStructType structType,
                           ValueRange captures) const {
    Location loc = op.getLoc();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(caller);
    FunctionType bodyType = getBodyType(rewriter);
    auto function = func::FuncOp::create(
        rewriter, loc, (caller.getSymName() + "_parallel").str(), bodyType);
    function.setPrivate();
    symbols.insert(function, rewriter.getInsertionPoint());

    Region &region = function.getBody();
    rewriter.inlineRegionBefore(op.getRegion(), region, region.end());
    Block &entry = region.front();
    Value context = entry.addArgument(bodyType.getInput(1), loc);
    rewriter.setInsertionPointToStart(&entry);
    Value members = LLVM::LoadOp::create(rewriter, loc, structType, context);
    for (auto [index, capture] : llvm::enumerate(captures)) {
      Value member =
          LLVM::ExtractValueOp::create(rewriter, loc, members, index);
      auto cast = UnrealizedConversionCastOp::create(rewriter, loc,
                                                     capture.getType(), member);
      replaceAllUsesInRegionWith(capture, cast.getResult(0), region);
    }
    return function;
  }

  /// Stores the captured values in a struct in the caller's frame; returns its
  /// address.
  static Value storeCaptures(PatternRewriter &rewriter, Location loc,
                             func::FuncOp caller,
                             LLVM::LLVMStructType structType,
                             ValueRange captures) {
    Value address;
    {
      // In the entry block, so that a loop does not grow the stack.
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(&caller.getBody().front());
      Value one = LLVM::ConstantOp::create(rewriter, loc,
                                           rewriter.getI64IntegerAttr(1));
      address = LLVM::AllocaOp::create(
          rewriter, loc, LLVM::LLVMPointerType::get(rewriter.getContext()),
          structType, one);
    }
    Value members = LLVM::PoisonOp::create(rewriter, loc, structType);
    for (auto [index, capture] : llvm::enumerate(captures)) {
      Value member =
          convert(rewriter, loc, capture, structType.getBody()[index]);
      members =
          LLVM::InsertValueOp::create(rewriter, loc, members, member, index);
    }
    LLVM::StoreOp::create(rewriter, loc, members, address);
    return address;
  }

  /// Between a type and the one that the conversion to llvm gives it.
  static Value convert(PatternRewriter &rewriter, Location loc, Value value,
                       Type type) {
    if (value.getType() == type)
      return value;
    return UnrealizedConversionCastOp::create(rewriter, loc, type, value)
        .getResult(0);
  }

  SymbolTable &symbols;
  mutable func::FuncOp parallelFor, useTileRegisters;
};

struct OutlineParallelLoopsPass
    : mfa::impl::MFAOutlineParallelLoopsPassBase<OutlineParallelLoopsPass> {
  using MFAOutlineParallelLoopsPassBase::MFAOutlineParallelLoopsPassBase;

  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](ModuleOp module) {
      return failed(outline(module)) ? WalkResult::interrupt()
                                     : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// A loop that is left runs in one thread, as a branch back: memory that each
  /// of its iterations allocates on the stack is allocated once, in the
  /// function, where it does not grow.
  static void hoistScratch(scf::ParallelOp loop) {
    auto function = loop->getParentOfType<FunctionOpInterface>();
    if (!function)
      return;
    loop.walk([&](memref::AllocaOp alloca) {
      if (alloca->getNumOperands() == 0 &&
          alloca->getParentWithTrait<OpTrait::AutomaticAllocationScope>() ==
              loop)
        alloca->moveBefore(&function.getFunctionBody().front().front());
    });
  }

  /// The loops of `module` itself: those of modules in it have been outlined.
  LogicalResult outline(ModuleOp module) {
    if (!findOp(module, [](Operation *op) { return isa<scf::ParallelOp>(op); }))
      return success();

    func::FuncOp parallelFor, useTileRegisters;
    OpBuilder builder(&getContext());
    if (findOp(module, usesTileRegisters)) {
      FailureOr<func::FuncOp> declared = mfa::declareRuntimeFunction(
          module, kUseTileRegisters, builder.getFunctionType({}, {}));
      if (failed(declared))
        return failure();
      useTileRegisters = *declared;
    }
    if (threads) {
      FunctionType body = getBodyType(builder);
      FailureOr<func::FuncOp> declared = mfa::declareRuntimeFunction(
          module, kParallelFor,
          builder.getFunctionType({body.getInput(0), body, body.getInput(1)},
                                  {}));
      if (failed(declared))
        return failure();
      parallelFor = *declared;
    }

    SymbolTable symbols(module);
    RewritePatternSet patterns(&getContext());
    patterns.add(std::make_unique<OutlineParallelLoop>(symbols, parallelFor,
                                                       useTileRegisters));
    walkAndApplyPatterns(module, std::move(patterns));
    module.walk(hoistScratch);
    return success();
  }
};
} // namespace
