//===- MemoryPatterns.cpp - Accesses to memory ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Simulation.h"

using namespace mlir;
using namespace mlir::mfa;
namespace sim = ::mfa::sim;

static unsigned getAddressSpace(Value pointer) {
  return cast<LLVM::LLVMPointerType>(pointer.getType()).getAddressSpace();
}

/// Address spaces whose accesses the simulator knows: generic, global and
/// shared.
static bool isSimulated(Value pointer) {
  unsigned space = getAddressSpace(pointer);
  return space == sim::kGeneric || space == sim::kGlobal ||
         space == sim::kShared;
}

/// Whether `pointer` is a constant distance into a variable of the kernel's
/// own: on the stack of the thread, or a global outside shared memory, neither
/// of which the runtime knows.
static bool isOwnVariable(Value pointer) {
  while (auto gep = pointer.getDefiningOp<LLVM::GEPOp>()) {
    if (!gep.getDynamicIndices().empty() &&
        !gep.getBase().getDefiningOp<LLVM::AddressOfOp>())
      return false;
    pointer = gep.getBase();
  }
  return pointer.getDefiningOp<LLVM::AllocaOp>() ||
         pointer.getDefiningOp<LLVM::AddressOfOp>();
}

/// The host address of `bytes` bytes (of type i64) at `pointer`, checked if the
/// simulation checks accesses.
static Value createHostAddress(Simulation &simulation, OpBuilder &builder,
                               Operation *op, Value pointer, Value bytes,
                               uint32_t flags, uint64_t alignment) {
  Location loc = op->getLoc();
  unsigned space = getAddressSpace(pointer);
  Type i64 = builder.getI64Type();
  Type hostPointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value address = LLVM::PtrToIntOp::create(builder, loc, i64, pointer);
  if (simulation.hasChecks() && !isOwnVariable(pointer)) {
    flags |= space | static_cast<uint32_t>(alignment) << sim::kAlignShift;
    return simulation.callRuntime(
        builder, op, "mfaSimAccess", hostPointer,
        {address, bytes, Simulation::createI32(builder, loc, flags)});
  }
  if (space == sim::kShared) {
    Value window =
        LLVM::LoadOp::create(builder, loc, i64, Simulation::getState(op));
    address = LLVM::AddOp::create(builder, loc, address, window);
  }
  return LLVM::IntToPtrOp::create(builder, loc, hostPointer, address);
}

/// What an atomic access says of others; nothing for one that is not atomic.
static uint32_t getOrderFlags(LLVM::AtomicOrdering ordering) {
  switch (ordering) {
  case LLVM::AtomicOrdering::not_atomic:
    return 0;
  case LLVM::AtomicOrdering::unordered:
  case LLVM::AtomicOrdering::monotonic:
    return sim::kAtomic;
  case LLVM::AtomicOrdering::acquire:
    return sim::kAtomic | sim::kAcquire;
  case LLVM::AtomicOrdering::release:
    return sim::kAtomic | sim::kRelease;
  case LLVM::AtomicOrdering::acq_rel:
  case LLVM::AtomicOrdering::seq_cst:
    break;
  }
  return sim::kAtomic | sim::kAcquire | sim::kRelease;
}

namespace {

/// An op that accesses a value through its operand `pointerIndex`.
template <typename OpTy, unsigned pointerIndex, uint32_t flags>
struct AccessPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Value pointer = op->getOperand(pointerIndex);
    if (!isSimulated(pointer))
      return rewriter.notifyMatchFailure(op,
                                         "expected address space 0, 1 or 3");
    Type type = getAccessedType(op);
    uint64_t alignment =
        op.getAlignment().value_or(Simulation::getNaturalAlignment(op, type));
    Value bytes = Simulation::createI64(rewriter, op.getLoc(),
                                        Simulation::getByteSize(op, type));
    Value address =
        createHostAddress(this->simulation, rewriter, op, pointer, bytes,
                          flags | getOrderFlags(op), alignment);
    rewriter.modifyOpInPlace(op,
                             [&] { op->setOperand(pointerIndex, address); });
    return success();
  }

private:
  static Type getAccessedType(LLVM::LoadOp op) { return op.getType(); }
  static Type getAccessedType(LLVM::StoreOp op) {
    return op.getValue().getType();
  }
  static Type getAccessedType(LLVM::AtomicRMWOp op) {
    return op.getVal().getType();
  }
  static Type getAccessedType(LLVM::AtomicCmpXchgOp op) {
    return op.getVal().getType();
  }

  static uint32_t getOrderFlags(LLVM::AtomicRMWOp op) {
    return ::getOrderFlags(op.getOrdering());
  }
  static uint32_t getOrderFlags(LLVM::AtomicCmpXchgOp op) {
    return ::getOrderFlags(op.getSuccessOrdering());
  }
  template <typename LoadOrStoreOp>
  static uint32_t getOrderFlags(LoadOrStoreOp op) {
    return ::getOrderFlags(op.getOrdering());
  }
};

/// The length of a memory intrinsic as i64.
static Value createLength(OpBuilder &builder, Location loc, Value length) {
  if (length.getType().isInteger(64))
    return length;
  return LLVM::ZExtOp::create(builder, loc, builder.getI64Type(), length);
}

/// llvm.intr.memcpy and llvm.intr.memmove: a read and a write.
template <typename OpTy>
struct CopyPattern : SimulationPattern<OpTy> {
  using SimulationPattern<OpTy>::SimulationPattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!isSimulated(op.getSrc()) || !isSimulated(op.getDst()))
      return rewriter.notifyMatchFailure(op,
                                         "expected address space 0, 1 or 3");
    Value bytes = createLength(rewriter, op.getLoc(), op.getLen());
    Value source =
        createHostAddress(this->simulation, rewriter, op, op.getSrc(), bytes,
                          /*flags=*/0, /*alignment=*/1);
    Value target =
        createHostAddress(this->simulation, rewriter, op, op.getDst(), bytes,
                          sim::kWrite, /*alignment=*/1);
    rewriter.modifyOpInPlace(op, [&] {
      op.getSrcMutable().assign(source);
      op.getDstMutable().assign(target);
    });
    return success();
  }
};

/// llvm.intr.memset: a write.
struct FillPattern : SimulationPattern<LLVM::MemsetOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(LLVM::MemsetOp op,
                                PatternRewriter &rewriter) const override {
    if (!isSimulated(op.getDst()))
      return rewriter.notifyMatchFailure(op,
                                         "expected address space 0, 1 or 3");
    Value bytes = createLength(rewriter, op.getLoc(), op.getLen());
    Value target = createHostAddress(simulation, rewriter, op, op.getDst(),
                                     bytes, sim::kWrite, /*alignment=*/1);
    rewriter.modifyOpInPlace(op, [&] { op.getDstMutable().assign(target); });
    return success();
  }
};

/// Whether a pointer is an offset into shared memory: of the block, or of the
/// cluster, whose part that is the block's own begins at 0.
static bool isShared(Value pointer) {
  unsigned space = getAddressSpace(pointer);
  return space == sim::kShared ||
         space == static_cast<unsigned>(NVVM::NVVMMemorySpace::SharedCluster);
}

/// A cast between shared and generic addresses adds or subtracts the address
/// of the window; one between global and generic addresses changes nothing.
struct AddrSpaceCastPattern : SimulationPattern<LLVM::AddrSpaceCastOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(LLVM::AddrSpaceCastOp op,
                                PatternRewriter &rewriter) const override {
    bool fromShared = isShared(op.getArg());
    bool toShared = isShared(op.getRes());
    if (!(isSimulated(op.getArg()) || fromShared) ||
        !(isSimulated(op.getRes()) || toShared))
      return rewriter.notifyMatchFailure(
          op, "expected address spaces 0, 1, 3 and 7");
    Location loc = op.getLoc();
    Type i64 = rewriter.getI64Type();
    Value address = LLVM::PtrToIntOp::create(rewriter, loc, i64, op.getArg());
    if (fromShared != toShared) {
      Value window =
          LLVM::LoadOp::create(rewriter, loc, i64, Simulation::getState(op));
      if (toShared)
        address = LLVM::SubOp::create(rewriter, loc, address, window);
      else
        address = LLVM::AddOp::create(rewriter, loc, address, window);
    }
    rewriter.replaceOpWithNewOp<LLVM::IntToPtrOp>(op, op.getType(), address);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

struct CpAsyncPattern : SimulationPattern<NVVM::CpAsyncOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::CpAsyncOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value target = LLVM::PtrToIntOp::create(rewriter, loc,
                                            rewriter.getI32Type(), op.getDst());
    Value source = LLVM::PtrToIntOp::create(rewriter, loc,
                                            rewriter.getI64Type(), op.getSrc());
    Value bytes = Simulation::createI32(rewriter, loc, op.getSize());
    Value sourceBytes = op.getCpSize() ? op.getCpSize() : bytes;
    simulation.callRuntime(rewriter, op, "mfaSimCopyAsync", {},
                           {target, source, bytes, sourceBytes});
    rewriter.eraseOp(op);
    return success();
  }
};

/// The host's memory is at least as strongly ordered as any scope asks for.
struct MembarPattern : SimulationPattern<NVVM::MembarOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::MembarOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<LLVM::FenceOp>(
        op, LLVM::AtomicOrdering::seq_cst, /*syncscope=*/StringRef());
    return success();
  }
};

} // namespace

void mlir::mfa::populateMemoryPatterns(Simulation &simulation,
                                       RewritePatternSet &patterns) {
  patterns
      .add<AccessPattern<LLVM::LoadOp, 0, 0>,
           AccessPattern<LLVM::StoreOp, 1, sim::kWrite>,
           AccessPattern<LLVM::AtomicRMWOp, 0, sim::kWrite>,
           AccessPattern<LLVM::AtomicCmpXchgOp, 0, sim::kWrite>,
           CopyPattern<LLVM::MemcpyOp>, CopyPattern<LLVM::MemmoveOp>,
           FillPattern, AddrSpaceCastPattern, CpAsyncPattern, MembarPattern>(
          patterns.getContext(), simulation);
  patterns.add<RuntimeCallPattern<NVVM::CpAsyncCommitGroupOp>>(
      patterns.getContext(), simulation, "mfaSimCopyAsyncCommit");
  patterns.add<RuntimeCallPattern<NVVM::CpAsyncWaitGroupOp>>(
      patterns.getContext(), simulation, "mfaSimCopyAsyncWait",
      [](NVVM::CpAsyncWaitGroupOp op,
         OpBuilder &builder) -> SmallVector<Value> {
        return {Simulation::createI32(builder, op.getLoc(), op.getN())};
      });
}
