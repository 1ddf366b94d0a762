//===- TileAttention.cpp - Masked attention in parallel tiles -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Support/OptionCheck.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFATILEATTENTIONPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {
struct TileAttention : OpRewritePattern<mfa::MaskedAttentionOp> {
  TileAttention(MLIRContext *context, int64_t rows)
      : OpRewritePattern(context), rows(rows) {}

  LogicalResult matchAndRewrite(mfa::MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    // A view may not start at the end of its source, not even an empty view;
    // and there is no work to split.
    if (llvm::any_of(op->getOperandTypes(), [](Type type) {
          auto shaped = dyn_cast<ShapedType>(type);
          return shaped && llvm::is_contained(shaped.getShape(), 0);
        }))
      return rewriter.notifyMatchFailure(op, "an operand has no elements");
    auto options = scf::SCFTilingOptions()
                       .setLoopType(scf::SCFTilingOptions::LoopType::ForallOp)
                       .setTileSizes(getAsIndexOpFoldResult(op.getContext(),
                                                            {1, 1, rows}));
    FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
        rewriter, cast<TilingInterface>(op.getOperation()), options);
    if (failed(tiled))
      return rewriter.notifyMatchFailure(op, "failed to tile");
    rewriter.replaceOp(op, tiled->replacements);
    return success();
  }

private:
  int64_t rows;
};

struct TileAttentionPass
    : mfa::impl::MFATileAttentionPassBase<TileAttentionPass> {
  using MFATileAttentionPassBase::MFATileAttentionPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return mfa::checkPassOptions(
        *this, context, [&](const mfa::OptionCheck &check) {
          return check.range("rows", rows, 1, mfa::kMaxTileRows);
        });
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<TileAttention>(&getContext(), rows);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
