//===- LowerTensorMaps.cpp - Tensor maps from host to kernel --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFALOWERTENSORMAPSPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using mfa_gpu::EncodeTensorMapOp;

/// The runtime's name of cuTensorMapEncodeTiled, as upstream's runtime has it.
static constexpr StringLiteral kEncode = "mgpuTensorMapEncodeTiled";
/// What addresses and strides are multiples of, and the alignment of a map.
static constexpr int64_t kAlignment = 16, kMapAlignment = 64;
/// After which the widest swizzle repeats.
static constexpr int64_t kPatternBytes = 1024;

namespace {
/// CUtensorMapDataType, CUtensorMapSwizzle and CUtensorMapL2promotion (CUDA
/// driver API).
enum DataType { UInt8 = 0, Float16 = 6, Float32 = 7, BFloat16 = 9 };
enum Swizzle { NoSwizzle = 0, Swizzle32 = 1, Swizzle64 = 2, Swizzle128 = 3 };
enum L2Promotion { Promote128 = 2 };
} // namespace

static DataType getDataType(Type element) {
  if (element.isF16())
    return Float16;
  if (element.isBF16())
    return BFloat16;
  return element.isF32() ? Float32 : UInt8;
}

/// The swizzle of a box: that of its rows, where there are several.
static Swizzle getSwizzle(ArrayRef<int64_t> box, int64_t elementBytes) {
  if (llvm::all_of(box.drop_back(), [](int64_t size) { return size == 1; }))
    return NoSwizzle;
  switch (box.back() * elementBytes) {
  case 32:
    return Swizzle32;
  case 64:
    return Swizzle64;
  case 128:
    return Swizzle128;
  default:
    return NoSwizzle;
  }
}

namespace {
struct EncodeTensorMap : OpRewritePattern<EncodeTensorMapOp> {
  EncodeTensorMap(LLVM::LLVMFuncOp encode)
      : OpRewritePattern(encode.getContext()), encode(encode) {}

  LogicalResult matchAndRewrite(EncodeTensorMapOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<MemRefType>(op.getSource().getType());
    int64_t elementBytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    auto metadata = memref::ExtractStridedMetadataOp::create(b, op.getSource());
    auto toI64 = [&](OpFoldResult value) {
      return arith::IndexCastOp::create(
          b, b.getI64Type(),
          getValueOrCreateConstantIndexOp(b, b.getLoc(), value));
    };
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIntOp::create(b, value, 64);
    };
    Value bytes = constant(elementBytes);
    Value base = arith::IndexCastOp::create(
        b, b.getI64Type(),
        memref::ExtractAlignedPointerAsIndexOp::create(b, op.getSource()));
    base = arith::AddIOp::create(
        b, base,
        arith::MulIOp::create(b, toI64(metadata.getConstifiedMixedOffset()),
                              bytes));

    Value isValid = isMultiple(b, base);
    auto require = [&](Value condition) {
      isValid = arith::AndIOp::create(b, isValid, condition);
    };
    // The driver counts dimensions from the contiguous one, whose stride it
    // does not take.
    SmallVector<Value> sizes, strides;
    SmallVector<OpFoldResult> mixedSizes = metadata.getConstifiedMixedSizes();
    SmallVector<OpFoldResult> mixedStrides =
        metadata.getConstifiedMixedStrides();
    for (auto [size, stride, boxSize] : llvm::reverse(
             llvm::zip_equal(mixedSizes, mixedStrides, op.getBox()))) {
      Value count = toI64(size), step = toI64(stride);
      auto compareStep = [&](arith::CmpIPredicate predicate, int64_t other) {
        return b.createOrFold<arith::CmpIOp>(predicate, step, constant(other));
      };
      require(arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, count,
                                    constant(0)));
      if (boxSize == 1 && !sizes.empty()) {
        // All indices are one. The driver takes no stride of 0.
        Value isBroadcast = compareStep(arith::CmpIPredicate::eq, 0);
        count = arith::SelectOp::create(b, isBroadcast, constant(1), count);
      }
      Value isSingle = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, count,
                                             constant(1));
      if (sizes.empty()) {
        Value isUnit = compareStep(arith::CmpIPredicate::eq, 1);
        require(arith::OrIOp::create(b, isSingle, isUnit));
      } else {
        Value pitch = arith::MulIOp::create(b, step, bytes);
        Value isKnown = arith::AndIOp::create(
            b, compareStep(arith::CmpIPredicate::sgt, 0), isMultiple(b, pitch));
        require(arith::OrIOp::create(b, isSingle, isKnown));
        // Of one index any stride will do, but not any is taken.
        strides.push_back(
            arith::SelectOp::create(b, isSingle, constant(kAlignment), pitch));
      }
      sizes.push_back(count);
    }

    SmallVector<Value> box, steps;
    for (int64_t size : llvm::reverse(op.getBox())) {
      box.push_back(arith::ConstantIntOp::create(b, size, 32));
      steps.push_back(arith::ConstantIntOp::create(b, 1, 32));
    }
    Value map = allocate(b, op.getMap().getType(), 1, kMapAlignment);
    Value sizeArray = store(b, sizes), strideArray = store(b, strides);
    Value boxArray = store(b, box), stepArray = store(b, steps);
    auto encoded = scf::IfOp::create(b, isValid);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(encoded.thenBlock());
      auto i32 = [&](int64_t value) -> Value {
        return arith::ConstantIntOp::create(b, value, 32);
      };
      Value address = LLVM::IntToPtrOp::create(b, map.getType(), base);
      LLVM::CallOp::create(
          b, encode,
          ValueRange{map, i32(getDataType(type.getElementType())),
                     i32(type.getRank()), address, sizeArray, strideArray,
                     boxArray, stepArray, /*interleave=*/i32(0),
                     i32(getSwizzle(op.getBox(), elementBytes)),
                     i32(Promote128), /*oobFill=*/i32(0)});
    }
    Value loaded = LLVM::LoadOp::create(b, op.getMap().getType(), map);
    rewriter.replaceOp(op, {loaded, isValid});
    return success();
  }

private:
  static Value isMultiple(ImplicitLocOpBuilder &b, Value value) {
    Value low = arith::AndIOp::create(
        b, value, arith::ConstantIntOp::create(b, kAlignment - 1, 64));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, low,
                                 arith::ConstantIntOp::create(b, 0, 64));
  }

  /// A variable of the function, once also in a loop.
  static Value allocate(ImplicitLocOpBuilder &b, Type type, int64_t count,
                        unsigned alignment = 0) {
    OpBuilder::InsertionGuard guard(b);
    Operation *scope = b.getInsertionBlock()->getParentOp();
    if (!scope->hasTrait<OpTrait::AutomaticAllocationScope>())
      scope = scope->getParentWithTrait<OpTrait::AutomaticAllocationScope>();
    b.setInsertionPointToStart(&scope->getRegion(0).front());
    return LLVM::AllocaOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), type,
        arith::ConstantIntOp::create(b, count, 64), alignment);
  }

  static Value store(ImplicitLocOpBuilder &b, ValueRange values) {
    Type type = values[0].getType();
    Value array = allocate(b, type, values.size());
    for (auto [i, value] : llvm::enumerate(values)) {
      Value place =
          LLVM::GEPOp::create(b, array.getType(), type, array,
                              ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
      LLVM::StoreOp::create(b, value, place);
    }
    return array;
  }

  mutable LLVM::LLVMFuncOp encode;
};

/// Replaces the variable that a tensor map is stored to, which would be in
/// local memory, by the argument itself, in the memory of parameters.
struct PassTensorMapsByReference : OpRewritePattern<LLVM::LLVMFuncOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LLVM::LLVMFuncOp kernel,
                                PatternRewriter &rewriter) const override {
    if (!kernel->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
      return rewriter.notifyMatchFailure(kernel, "no kernel");
    MLIRContext *context = kernel.getContext();
    Type mapType = mfa_gpu::getTensorMapType(context);
    auto pointer = LLVM::LLVMPointerType::get(context);
    SmallVector<Type> types(kernel.getArgumentTypes());
    bool changed = false;
    for (BlockArgument argument : kernel.getArguments()) {
      if (argument.getType() != mapType || !argument.hasOneUse())
        continue;
      auto store = dyn_cast<LLVM::StoreOp>(*argument.user_begin());
      if (!store || !store.getAddr().getDefiningOp<LLVM::AllocaOp>())
        continue;
      Operation *variable = store.getAddr().getDefiningOp();
      argument.setType(pointer);
      rewriter.eraseOp(store);
      rewriter.replaceOp(variable, argument);
      unsigned i = argument.getArgNumber();
      types[i] = pointer;
      kernel.setArgAttr(i, LLVM::LLVMDialect::getByValAttrName(),
                        TypeAttr::get(mapType));
      kernel.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                        rewriter.getI64IntegerAttr(kMapAlignment));
      kernel.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(),
                        rewriter.getUnitAttr());
      changed = true;
    }
    if (!changed)
      return rewriter.notifyMatchFailure(kernel, "takes no tensor map");
    kernel.setFunctionType(LLVM::LLVMFunctionType::get(
        kernel.getFunctionType().getReturnType(), types));
    return success();
  }
};

/// Makes the symbol of dynamic shared memory an external one, `.extern .shared`
/// in PTX, which lies behind all variables of a kernel. Upstream's is internal:
/// a variable that ptxas may put before others, which then lie inside of what
/// the kernel uses as dynamic shared memory. Of panels, the swizzle goes by the
/// bits of addresses, so that they start where its pattern does.
struct PlaceDynamicSharedMemory : OpRewritePattern<LLVM::GlobalOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LLVM::GlobalOp global,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<LLVM::LLVMArrayType>(global.getType());
    if (global.getAddrSpace() !=
            static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared) ||
        !type || type.getNumElements() != 0)
      return rewriter.notifyMatchFailure(global, "no dynamic shared memory");
    auto parent = global->getParentOfType<gpu::GPUModuleOp>();
    Type mapType = mfa_gpu::getTensorMapType(getContext());
    auto takesMap = [&](LLVM::LLVMFuncOp function) {
      return llvm::any_of(llvm::seq(function.getNumArguments()),
                          [&](unsigned i) {
                            auto byVal = function.getArgAttrOfType<TypeAttr>(
                                i, LLVM::LLVMDialect::getByValAttrName());
                            return byVal && byVal.getValue() == mapType;
                          });
    };
    bool hasPanels =
        parent && llvm::any_of(parent.getOps<LLVM::LLVMFuncOp>(), takesMap);
    auto alignment = global.getAlignment().value_or(1);
    if (hasPanels)
      alignment = std::max<uint64_t>(alignment, kPatternBytes);
    if (global.getLinkage() == LLVM::Linkage::External &&
        alignment == global.getAlignment().value_or(1))
      return rewriter.notifyMatchFailure(global, "is in its place already");
    rewriter.modifyOpInPlace(global, [&] {
      global.setLinkage(LLVM::Linkage::External);
      global.setAlignment(alignment);
    });
    return success();
  }
};

struct LowerTensorMapsPass
    : mfa::impl::MFALowerTensorMapsPassBase<LowerTensorMapsPass> {
  using MFALowerTensorMapsPassBase::MFALowerTensorMapsPassBase;

  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](ModuleOp module) {
      return failed(encodeMaps(module)) ? WalkResult::interrupt()
                                        : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<PassTensorMapsByReference>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    RewritePatternSet placement(&getContext());
    placement.add<PlaceDynamicSharedMemory>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(placement));
  }

private:
  /// The maps of `module` itself: those of modules in it are encoded.
  LogicalResult encodeMaps(ModuleOp module) {
    bool encodes =
        module.walk([](EncodeTensorMapOp) { return WalkResult::interrupt(); })
            .wasInterrupted();
    if (!encodes)
      return success();
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    Type i32 = IntegerType::get(&getContext(), 32);
    OpBuilder builder(&getContext());
    FailureOr<LLVM::LLVMFuncOp> encode =
        LLVM::lookupOrCreateFn(builder, module, kEncode,
                               {pointer, i32, i32, pointer, pointer, pointer,
                                pointer, pointer, i32, i32, i32, i32},
                               LLVM::LLVMVoidType::get(&getContext()));
    if (failed(encode))
      return failure();
    RewritePatternSet patterns(&getContext());
    patterns.add<EncodeTensorMap>(*encode);
    walkAndApplyPatterns(module, std::move(patterns));
    return success();
  }
};

} // namespace
