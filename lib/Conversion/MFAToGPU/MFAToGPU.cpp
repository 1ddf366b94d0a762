//===- MFAToGPU.cpp - Masked attention as GPU kernels ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mfa/Support/Chip.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_CONVERTMFATOGPUPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

namespace {

constexpr int64_t kWarpSize = 32;
/// Warps of a wgmma kernel that load.
constexpr int64_t kProducerWarps = 4;

bool isWgmma(MaskedAttentionOp op) {
  return op.getSchedule()->getKind() == KernelKind::Wgmma;
}

int64_t getNumThreads(MaskedAttentionOp op) {
  int64_t warps = op.getSchedule()->getWarps();
  return kWarpSize * (isWgmma(op) ? warps + kProducerWarps : warps);
}

/// The kernels of a module, one for each form of the op: ops that agree in
/// types, schedule and constant scale share one.
class Kernels {
public:
  Kernels(ModuleOp module, const Chip &chip) : module(module), chip(chip) {}

  /// The kernel for `op`, whose operands are those of the op in order, without
  /// a scale that is built in, and the tensor maps of a wgmma kernel.
  gpu::GPUFuncOp get(OpBuilder &builder, MaskedAttentionOp op);

  const Chip &getChip() const { return chip; }

private:
  gpu::GPUModuleOp getModule(OpBuilder &builder, Location loc);

  ModuleOp module;
  Chip chip;
  gpu::GPUModuleOp kernels;
  llvm::MapVector<Attribute, gpu::GPUFuncOp> byForm;
};

/// A scale that the kernel has as a constant, or null.
FloatAttr getConstantScale(MaskedAttentionOp op) {
  FloatAttr scale;
  if (!op.getScale() || matchPattern(op.getScale(), m_Constant(&scale)))
    return scale;
  return {};
}

bool passesScale(MaskedAttentionOp op) {
  return op.getScale() && !getConstantScale(op);
}

SmallVector<Value> getKernelArguments(MaskedAttentionOp op) {
  SmallVector<Value> arguments{op.getQuery(), op.getKey(), op.getValue()};
  if (op.getMask())
    arguments.push_back(op.getMask());
  if (passesScale(op))
    arguments.push_back(op.getScale());
  arguments.push_back(op.getOutput());
  if (op.getLse())
    arguments.push_back(op.getLse());
  return arguments;
}

gpu::GPUModuleOp Kernels::getModule(OpBuilder &builder, Location loc) {
  if (kernels)
    return kernels;
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  builder.getUnitAttr());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module.getBody());
  auto target = NVVM::NVVMTargetAttr::get(builder.getContext(), /*optLevel=*/3,
                                          "nvptx64-nvidia-cuda", chip.name,
                                          chip.ptxFeature);
  kernels = gpu::GPUModuleOp::create(builder, loc, "mfa_kernels",
                                     builder.getArrayAttr(target));
  SymbolTable(module).insert(kernels);
  return kernels;
}

gpu::GPUFuncOp Kernels::get(OpBuilder &builder, MaskedAttentionOp op) {
  SmallVector<Value> arguments = getKernelArguments(op);
  SmallVector<Type> types = llvm::to_vector(ValueRange(arguments).getTypes());
  SmallVector<Value KernelOperands::*> maps;
  if (isWgmma(op)) {
    maps = {&KernelOperands::queryMap, &KernelOperands::keyMap,
            &KernelOperands::valueMap, &KernelOperands::outputMap};
    if (!getTensorBoxes(op).mask.empty())
      maps.push_back(&KernelOperands::maskMap);
  }
  types.append(maps.size(), mfa_gpu::getTensorMapType(builder.getContext()));
  auto type = builder.getFunctionType(types, {});
  // Which operands are there follows from the segment sizes.
  SmallVector<Attribute> form{
      TypeAttr::get(type), *op.getSchedule(),
      builder.getDenseI32ArrayAttr(op.getProperties().operandSegmentSizes)};
  if (FloatAttr scale = getConstantScale(op))
    form.push_back(scale);
  gpu::GPUFuncOp &kernel = byForm[builder.getArrayAttr(form)];
  if (kernel)
    return kernel;

  OpBuilder::InsertionGuard guard(builder);
  Location loc = op.getLoc();
  gpu::GPUModuleOp parent = getModule(builder, loc);
  builder.setInsertionPointToEnd(parent.getBody());
  kernel = gpu::GPUFuncOp::create(builder, loc, "masked_attention", type);
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                  builder.getUnitAttr());
  auto threads = static_cast<int32_t>(getNumThreads(op));
  kernel.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr({threads, 1, 1}));
  // Without a bound of registers setmaxnreg has no effect.
  if (isWgmma(op))
    kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    builder.getI32IntegerAttr(1));
  SymbolTable(parent).insert(kernel);

  builder.setInsertionPointToStart(&kernel.getBody().front());
  unsigned next = 0;
  auto take = [&](StringRef name) {
    BlockArgument argument = kernel.getArgument(next++);
    argument.setLoc(NameLoc::get(builder.getStringAttr(name), loc));
    return argument;
  };
  KernelOperands operands;
  operands.query = take("query");
  operands.key = take("key");
  operands.value = take("value");
  if (op.getMask())
    operands.mask = take("mask");
  if (passesScale(op))
    operands.scale = take("scale");
  else if (FloatAttr scale = getConstantScale(op))
    operands.scale = arith::ConstantOp::create(builder, loc, scale);
  else
    operands.scale = op.getOrCreateScale(builder);
  operands.output = take("output");
  if (op.getLse())
    operands.lse = take("lse");
  for (Value KernelOperands::*map : maps)
    operands.*map = take("tensor_map");
  if (isWgmma(op))
    buildWgmmaKernel(builder, op, operands);
  else
    buildMmaSyncKernel(builder, op, operands);
  gpu::ReturnOp::create(builder, loc);
  return kernel;
}

/// Says which operands are known to be read element by element.
void remarkSlowOperands(MaskedAttentionOp op) {
  auto check = [&](StringRef name, Value operand) {
    if (!operand)
      return;
    auto type = cast<MemRefType>(operand.getType());
    int64_t bits = type.getElementTypeBitWidth();
    int64_t elements = 128 / std::max<int64_t>(bits, 8);
    SmallVector<int64_t> strides = type.getStridesAndOffset().first;
    bool isUnit = ShapedType::isDynamic(strides.back()) ||
                  strides.back() == 1 || type.getShape().back() == 1;
    bool isAligned = true;
    for (auto [size, stride] :
         llvm::drop_end(llvm::zip_equal(type.getShape(), strides)))
      isAligned &=
          size == 1 || ShapedType::isDynamic(stride) || stride % elements == 0;
    if (isUnit && isAligned)
      return;
    op.emitRemark() << "'" << name
                    << "' is read element by element, since its rows do not "
                       "all start on 16-byte boundaries: "
                    << type;
  };
  check("query", op.getQuery());
  check("key", op.getKey());
  check("value", op.getValue());
  MaskForm form = getMaskForm(op);
  if (form == MaskForm::Matrix || form == MaskForm::KeyVector)
    check("mask", op.getMask());
}

struct LaunchAttentionKernel : OpRewritePattern<MaskedAttentionOp> {
  LaunchAttentionKernel(MLIRContext *context, Kernels &kernels)
      : OpRewritePattern(context), kernels(kernels) {}

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.hasTensorSemantics() || !op.getSchedule())
      return rewriter.notifyMatchFailure(op, "needs buffers and a schedule");
    if (llvm::is_contained(op.getOutputType().getShape(), 0)) {
      rewriter.eraseOp(op);
      return success();
    }
    remarkSlowOperands(op);
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    if (isWgmma(op)) {
      if (failed(launchWgmma(b, op)))
        return failure();
    } else {
      launch(b, op, getKernelArguments(op));
    }
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// The wgmma kernel where all of its operands have tensor maps, which only
  /// their addresses and strides tell, else the mma_sync kernel.
  LogicalResult launchWgmma(ImplicitLocOpBuilder &b,
                            MaskedAttentionOp op) const {
    FailureOr<ScheduleAttr> other = getMmaSyncSchedule(
        op, kernels.getChip(), op.getSchedule()->getF32Product());
    if (failed(other))
      return failure();
    TensorBoxes boxes = getTensorBoxes(op);
    SmallVector<Value> arguments = getKernelArguments(op);
    Value isValid;
    auto encode = [&](Value array, ArrayRef<int64_t> box) {
      if (box.empty())
        return;
      auto map = mfa_gpu::EncodeTensorMapOp::create(b, array, box);
      arguments.push_back(map.getMap());
      Value isMapValid = map.getIsValid();
      isValid = isValid ? b.createOrFold<arith::AndIOp>(isValid, isMapValid)
                        : isMapValid;
    };
    encode(op.getQuery(), boxes.query);
    encode(op.getKey(), boxes.key);
    encode(op.getValue(), boxes.value);
    encode(op.getOutput(), boxes.output);
    encode(op.getMask(), boxes.mask);
    auto choice = scf::IfOp::create(b, isValid, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    launch(b, op, arguments);
    b.setInsertionPointToStart(choice.elseBlock());
    auto simple = cast<MaskedAttentionOp>(b.clone(*op));
    simple.setScheduleAttr(*other);
    launch(b, simple, getKernelArguments(simple));
    simple.erase();
    return success();
  }

  void launch(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
              ValueRange arguments) const {
    gpu::GPUFuncOp kernel = kernels.get(b, op);
    ScheduleAttr schedule = *op.getSchedule();
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    Value batch = b.createOrFold<memref::DimOp>(op.getQuery(), 0);
    Value queries = b.createOrFold<memref::DimOp>(op.getQuery(), 1);
    Value heads = b.createOrFold<memref::DimOp>(op.getQuery(), 2);
    Value tiles = b.createOrFold<arith::CeilDivUIOp>(
        queries, index(schedule.getTileRows()));
    Value blocks = b.createOrFold<arith::MulIOp>(
        b.createOrFold<arith::MulIOp>(batch, tiles), heads);
    // A grid of no blocks is an error to the driver.
    Value isNeeded = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne,
                                                   blocks, index(0));
    auto guarded = scf::IfOp::create(b, isNeeded);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(guarded.thenBlock());
    Value one = index(1);
    Value sharedBytes = arith::ConstantIntOp::create(
        b, getSharedMemory(op, schedule).bytes, 32);
    gpu::LaunchFuncOp::create(
        b, kernel, gpu::KernelDim3{blocks, one, one},
        gpu::KernelDim3{index(getNumThreads(op)), one, one}, sharedBytes,
        arguments);
  }

  Kernels &kernels;
};

struct ConvertMFAToGPUPass
    : mfa::impl::ConvertMFAToGPUPassBase<ConvertMFAToGPUPass> {
  using ConvertMFAToGPUPassBase::ConvertMFAToGPUPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<Chip> known = lookupChip(chip);
    if (!known) {
      module.emitError() << "expected 'chip' to be one of " << getChipNames()
                         << ", but got '" << chip << "'";
      return signalPassFailure();
    }
    if (failed(checkForms(*known)))
      return signalPassFailure();
    Kernels kernels(module, *known);
    RewritePatternSet patterns(&getContext());
    patterns.add<LaunchAttentionKernel>(&getContext(), kernels);
    walkAndApplyPatterns(module, std::move(patterns));
  }

private:
  /// What no kernel can be written for, said before anything is changed.
  LogicalResult checkForms(const Chip &known) {
    WalkResult result = getOperation().walk([&](MaskedAttentionOp op) {
      if (op.hasTensorSemantics()) {
        op.emitOpError("expected buffers, but got tensors: bufferize first "
                       "(one-shot-bufferize)");
        return WalkResult::interrupt();
      }
      if (!op.getSchedule()) {
        op.emitOpError("expected a schedule: run mfa-select-schedule first");
        return WalkResult::interrupt();
      }
      if (isWgmma(op) && !known.hasWgmma) {
        op.emitOpError("expected a schedule for '")
            << known.name
            << "', but got one of kind wgmma, which needs chip 'sm_90a'";
        return WalkResult::interrupt();
      }
      if (isWgmma(op) && op.getElementType().isF32()) {
        op.emitOpError("expected a schedule of kind mma_sync for operands of "
                       "f32, but got one of kind wgmma");
        return WalkResult::interrupt();
      }
      int64_t bytes = getSharedMemory(op, *op.getSchedule()).getTotalBytes();
      if (bytes > known.maxSharedBytes) {
        op.emitOpError("expected a schedule that fits ")
            << known.maxSharedBytes << " bytes of shared memory on '"
            << known.name << "', but got " << *op.getSchedule()
            << ", which takes " << bytes;
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace
