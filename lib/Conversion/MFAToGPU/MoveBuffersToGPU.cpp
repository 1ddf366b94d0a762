//===- MoveBuffersToGPU.cpp - Buffers of a function on the GPU ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFAMOVEBUFFERSTOGPUPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

//===----------------------------------------------------------------------===//
// Ops of the gpu dialect
//===----------------------------------------------------------------------===//

/// Builds one op of the gpu dialect between two waits. Upstream lowers these
/// ops only where they are asynchronous.
template <typename Build>
static Operation *buildSynchronously(OpBuilder &builder, Location loc,
                                     Build build) {
  auto token = builder.getType<gpu::AsyncTokenType>();
  Value start =
      gpu::WaitOp::create(builder, loc, token, ValueRange()).getAsyncToken();
  auto async = cast<gpu::AsyncOpInterface>(build(token, ValueRange(start)));
  gpu::WaitOp::create(builder, loc, Type(), async.getAsyncToken());
  return async;
}

static Value createAlloc(OpBuilder &builder, Location loc, MemRefType type,
                         ValueRange sizes, ValueRange symbols = {}) {
  return buildSynchronously(builder, loc,
                            [&](Type token, ValueRange start) -> Operation * {
                              return gpu::AllocOp::create(builder, loc, type,
                                                          token, start, sizes,
                                                          symbols);
                            })
      ->getResult(0);
}

static void createDealloc(OpBuilder &builder, Location loc, Value buffer) {
  buildSynchronously(
      builder, loc, [&](Type token, ValueRange start) -> Operation * {
        return gpu::DeallocOp::create(builder, loc, token, start, buffer);
      });
}

/// The driver copies ranges of bytes: upstream's lowering takes buffers without
/// gaps that begin where their memory does.
static bool canDriverCopy(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  return memref && memref.getLayout().isIdentity();
}

/// Other copies are left for kernels.
static void createCopy(OpBuilder &builder, Location loc, Value source,
                       Value target) {
  if (!canDriverCopy(source.getType()) || !canDriverCopy(target.getType())) {
    memref::CopyOp::create(builder, loc, source, target);
    return;
  }
  buildSynchronously(builder, loc,
                     [&](Type token, ValueRange start) -> Operation * {
                       return gpu::MemcpyOp::create(builder, loc, token, start,
                                                    target, source);
                     });
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
struct AllocPattern : OpRewritePattern<memref::AllocOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::AllocOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, createAlloc(rewriter, op.getLoc(), op.getType(),
                                       op.getDynamicSizes(),
                                       op.getSymbolOperands()));
    return success();
  }
};

struct DeallocPattern : OpRewritePattern<memref::DeallocOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::DeallocOp op,
                                PatternRewriter &rewriter) const override {
    createDealloc(rewriter, op.getLoc(), op.getMemref());
    rewriter.eraseOp(op);
    return success();
  }
};

struct CopyPattern : OpRewritePattern<memref::CopyOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::CopyOp op,
                                PatternRewriter &rewriter) const override {
    if (!canDriverCopy(op.getSource().getType()) ||
        !canDriverCopy(op.getTarget().getType()))
      return rewriter.notifyMatchFailure(op, "left for a kernel");
    createCopy(rewriter, op.getLoc(), op.getSource(), op.getTarget());
    rewriter.eraseOp(op);
    return success();
  }
};

struct ClonePattern : OpRewritePattern<bufferization::CloneOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(bufferization::CloneOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto type = dyn_cast<MemRefType>(op.getType());
    if (!type)
      return rewriter.notifyMatchFailure(op, "expected a ranked buffer");
    auto contiguous = MemRefType::get(type.getShape(), type.getElementType());
    if (!memref::CastOp::areCastCompatible(contiguous, type))
      return rewriter.notifyMatchFailure(
          op, "expected a type that a buffer without gaps may have");
    SmallVector<Value> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim))
        sizes.push_back(
            memref::DimOp::create(rewriter, loc, op.getInput(), dim));
    Value clone = createAlloc(rewriter, loc, contiguous, sizes);
    createCopy(rewriter, loc, op.getInput(), clone);
    if (type != contiguous)
      clone = memref::CastOp::create(rewriter, loc, type, clone);
    rewriter.replaceOp(op, clone);
    return success();
  }
};

/// Frees by comparing addresses on the host. (Upstream's lowering puts them in
/// arrays, which would have to be told from buffers of the GPU.)
struct OwnedDeallocPattern : OpRewritePattern<bufferization::DeallocOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(bufferization::DeallocOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto getAddress = [&](Value buffer) -> Value {
      return memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
    };
    auto compare = [&](arith::CmpIPredicate predicate, Value lhs, Value rhs) {
      return b.createOrFold<arith::CmpIOp>(predicate, lhs, rhs);
    };
    SmallVector<Value> addresses =
        llvm::map_to_vector(op.getMemrefs(), getAddress);
    SmallVector<Value> retained =
        llvm::map_to_vector(op.getRetained(), getAddress);
    Value no = arith::ConstantIntOp::create(b, 0, 1);

    // What is kept takes over the duty to free.
    SmallVector<Value> isOwner(retained.size(), no);
    for (auto [kept, owner] : llvm::zip_equal(retained, isOwner))
      for (auto [address, condition] :
           llvm::zip_equal(addresses, op.getConditions()))
        owner = b.createOrFold<arith::OrIOp>(
            owner,
            b.createOrFold<arith::AndIOp>(
                condition, compare(arith::CmpIPredicate::eq, address, kept)));

    for (auto [index, buffer] : llvm::enumerate(op.getMemrefs())) {
      Value isFreed = op.getConditions()[index];
      for (Value kept : retained)
        isFreed = b.createOrFold<arith::AndIOp>(
            isFreed, compare(arith::CmpIPredicate::ne, addresses[index], kept));
      // A buffer that is listed twice is freed once.
      for (size_t before = 0; before < index; ++before) {
        Value isOther = compare(arith::CmpIPredicate::ne, addresses[index],
                                addresses[before]);
        Value isKept = b.createOrFold<arith::CmpIOp>(
            arith::CmpIPredicate::eq, op.getConditions()[before], no);
        isFreed = b.createOrFold<arith::AndIOp>(
            isFreed, b.createOrFold<arith::OrIOp>(isOther, isKept));
      }
      auto guarded = scf::IfOp::create(b, isFreed);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(guarded.thenBlock());
      createDealloc(b, op.getLoc(), buffer);
    }
    rewriter.replaceOp(op, isOwner);
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// Gives a function that uses constants of the program on the GPU a copy of
/// each there, from its entry to its returns. Where the host reads an element,
/// it reads the constant.
static LogicalResult copyConstants(func::FuncOp func) {
  llvm::MapVector<Attribute, SmallVector<memref::GetGlobalOp>> constants;
  func.walk([&](memref::GetGlobalOp op) {
    constants[op.getNameAttr()].push_back(op);
  });
  SmallVector<Value> copies;
  for (auto &[name, uses] : constants) {
    auto isUsedByGPU = [](OpOperand &use) {
      return !isa<memref::LoadOp>(use.getOwner());
    };
    if (llvm::none_of(uses, [&](memref::GetGlobalOp op) {
          return llvm::any_of(op->getUses(), isUsedByGPU);
        }))
      continue;
    memref::GetGlobalOp first = uses.front();
    auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(
        first, first.getNameAttr());
    if (!global || !global.getConstant() || global.isExternal())
      return first.emitOpError("expected a constant, which is copied to the "
                               "GPU, but got a variable of the host");
    auto builder = OpBuilder::atBlockBegin(&func.getBody().front());
    Value host = builder.clone(*first)->getResult(0);
    Value copy = createAlloc(builder, first.getLoc(), first.getType(), {});
    createCopy(builder, first.getLoc(), host, copy);
    for (memref::GetGlobalOp op : uses)
      op.getResult().replaceUsesWithIf(copy, isUsedByGPU);
    copies.push_back(copy);
  }
  if (copies.empty())
    return success();
  func.walk([&](func::ReturnOp op) {
    OpBuilder builder(op);
    for (Value copy : copies)
      createDealloc(builder, op.getLoc(), copy);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Whether `op` reads or writes elements of a buffer where it stands, on the
/// host.
static bool accessesElements(Operation *op) {
  // Regions of an op are part of its kernel.
  if (isa_and_nonnull<mfa::MaskedAttentionOp>(op->getParentOp()))
    return false;
  if (auto load = dyn_cast<memref::LoadOp>(op))
    if (load.getMemRef().getDefiningOp<memref::GetGlobalOp>())
      return false;
  if (isa<mfa::MaskedAttentionOp, memref::AllocOp, memref::DeallocOp,
          memref::CopyOp, linalg::FillOp>(op) ||
      isa<gpu::GPUDialect>(op->getDialect()) || op->getNumRegions() > 0 ||
      isa<CallOpInterface, RegionBranchTerminatorOpInterface>(op))
    return false;
  bool hasBuffer = llvm::any_of(op->getOperandTypes(), [](Type type) {
    return isa<BaseMemRefType>(type);
  });
  if (!hasBuffer || isPure(op))
    return false;
  auto effects = dyn_cast<MemoryEffectOpInterface>(op);
  return effects && (effects.hasEffect<MemoryEffects::Read>() ||
                     effects.hasEffect<MemoryEffects::Write>());
}

namespace {
struct MoveBuffersToGPUPass
    : mfa::impl::MFAMoveBuffersToGPUPassBase<MoveBuffersToGPUPass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal())
      return;
    if (failed(copyConstants(func)))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<AllocPattern, ClonePattern, CopyPattern, DeallocPattern,
                 OwnedDeallocPattern>(&getContext());
    walkAndApplyPatterns(func, std::move(patterns));
    WalkResult result = func.walk([](Operation *op) {
      if (isa<bufferization::CloneOp>(op)) {
        op->emitOpError("expected a type that a buffer without gaps may have");
        return WalkResult::interrupt();
      }
      bool isLinalg = op->getDialect() &&
                      op->getDialect()->getNamespace() == "linalg" &&
                      op->getNumRegions() > 0 && !isa<linalg::FillOp>(op);
      if (!isLinalg && !accessesElements(op))
        return WalkResult::advance();
      op->emitOpError("expected buffers to be used by kernels only, but got an "
                      "access on the host: they are in GPU memory");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
