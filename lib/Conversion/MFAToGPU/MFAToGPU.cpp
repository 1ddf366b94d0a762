//===- MFAToGPU.cpp - Masked attention as GPU kernels ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/RegionMath.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mfa/Support/OptionCheck.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_CONVERTMFATOGPUPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

namespace {

struct ConvertMFAToGPUPass
    : mfa::impl::ConvertMFAToGPUPassBase<ConvertMFAToGPUPass> {
  using ConvertMFAToGPUPassBase::ConvertMFAToGPUPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return checkPassOptions(*this, context, [&](const OptionCheck &check) {
      if (failed(check.chip(chip)))
        return failure();
      return readScheduleTable(schedules, check, &table);
    });
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<Chip> known = lookupChip(chip);
    if (failed(checkForms(*known)))
      return signalPassFailure();
    // Kernels go where their launches are; no op is left in an inner module
    // when it is the turn of the one around it.
    module.walk([&](ModuleOp parent) {
      Kernels kernels(parent, *known, *table);
      RewritePatternSet patterns(&getContext());
      populateLaunchPatterns(patterns, kernels);
      walkAndApplyPatterns(parent, std::move(patterns));
    });
  }

private:
  std::shared_ptr<const ScheduleTable> table;

  /// An attribute that somebody wrote by hand.
  LogicalResult checkKeyTiles(MaskedAttentionOp op) {
    auto tiles = op->getAttrOfType<KeyTilesAttr>(kKeyTilesName);
    if (!tiles || !tiles.getSymbols())
      return success();
    ArrayRef<int64_t> symbols = tiles.getSymbols().asArrayRef();
    for (size_t i = 0; i < symbols.size(); i += 2) {
      int64_t capture = symbols[i], dimension = symbols[i + 1];
      int64_t count = op.getCaptures().size();
      bool isThere = capture >= 0 && capture < count;
      if (isThere) {
        Type type = op.getCaptures()[capture].getType();
        auto array = dyn_cast<MemRefType>(type);
        isThere = array ? dimension >= 0 && dimension < array.getRank()
                        : dimension == -1 && type.isIntOrIndex();
      }
      if (!isThere)
        return op.emitOpError("expected symbols of '")
               << kKeyTilesName
               << "' to be integers or sizes among the op's captures, but got "
               << capture << ", " << dimension;
    }
    return success();
  }

  /// What no kernel can be written for, said before anything is changed.
  LogicalResult checkForms(const Chip &known) {
    WalkResult result = getOperation().walk([&](MaskedAttentionOp op) {
      if (op.hasTensorSemantics()) {
        op.emitOpError("expected buffers, but got tensors: bufferize first "
                       "(one-shot-bufferize)");
        return WalkResult::interrupt();
      }
      if (failed(checkRegionMath(op)) || failed(checkKeyTiles(op)))
        return WalkResult::interrupt();
      if (!op.getSchedule()) {
        op.emitOpError("expected a schedule: run mfa-select-schedule first");
        return WalkResult::interrupt();
      }
      if (op.getSchedule()->isForCPU()) {
        op.emitOpError("expected a schedule of kind mma_sync or wgmma for a "
                       "GPU, but got one of kind cpu");
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
