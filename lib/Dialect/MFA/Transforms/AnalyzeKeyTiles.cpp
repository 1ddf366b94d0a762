//===- AnalyzeKeyTiles.cpp - Which key tiles the regions of an op leave ---===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Analysis/KeyTiles.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mfa/Support/OptionCheck.h"
#include "mlir/Interfaces/ShapedOpInterfaces.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFAANALYZEKEYTILESPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

/// The pairs that both regions of an op keep.
static mfa::PairSets findPairs(mfa::MaskedAttentionOp op) {
  mfa::PairSets pairs;
  pairs.kept.emplace_back();
  Region &keep = op.getKeep(), &score = op.getScore();
  if (!keep.empty())
    pairs = mfa::findKeptPairs(keep.front(), op.getPositions(keep));
  if (!score.empty())
    pairs = mfa::intersect(
        pairs, mfa::findScoredPairs(score.front(), op.getPositions(score)));
  return pairs;
}

/// Which capture a symbol is, and which of its dimensions, or -1.
static std::pair<int64_t, int64_t> findSource(mfa::MaskedAttentionOp op,
                                              Value symbol) {
  int64_t dimension = -1;
  if (auto size = symbol.getDefiningOp<ShapedDimOpInterface>()) {
    // A dimension that is no constant has no symbol (PairSets.cpp).
    dimension = *getConstantIntValue(size.getDimension());
    symbol = size.getShapedValue();
  }
  auto argument = cast<BlockArgument>(symbol);
  unsigned first = op.getCaptureArguments(*argument.getParentRegion())
                       .front()
                       .getArgNumber();
  return {argument.getArgNumber() - first, dimension};
}

static ArrayAttr toAttribute(ArrayRef<IntegerSet> sets, MLIRContext *context) {
  return ArrayAttr::get(
      context, llvm::map_to_vector(sets, [](IntegerSet set) -> Attribute {
        return IntegerSetAttr::get(set);
      }));
}

static mfa::KeyTilesAttr analyze(mfa::MaskedAttentionOp op, int64_t rows,
                                 int64_t keys) {
  MLIRContext *context = op.getContext();
  mfa::PairSets pairs = findPairs(op);
  mfa::TileShape shape = {rows, keys, op.getScoreSize(mfa::ScoreDim::Query),
                          op.getScoreSize(mfa::ScoreDim::Key)};
  mfa::KeyTiles tiles = mfa::findKeyTiles(pairs, shape, context);
  SmallVector<int64_t> symbols;
  for (Value symbol : pairs.symbols) {
    auto [capture, dimension] = findSource(op, symbol);
    symbols.append({capture, dimension});
  }
  return mfa::KeyTilesAttr::get(
      context, rows, keys,
      symbols.empty() ? DenseI64ArrayAttr()
                      : DenseI64ArrayAttr::get(context, symbols),
      toAttribute(tiles.visit, context), toAttribute(tiles.test, context));
}

mfa::KeyTilesAttr mfa::getKeyTiles(MaskedAttentionOp op, int64_t rows,
                                   int64_t keys) {
  if (!op.hasRegions())
    return {};
  auto known = op->getAttrOfType<KeyTilesAttr>(kKeyTilesName);
  bool isOfSize = known && known.getRows() == rows && known.getKeys() == keys;
  return isOfSize ? known : analyze(op, rows, keys);
}

namespace {
struct AnalyzeKeyTilesPass
    : mfa::impl::MFAAnalyzeKeyTilesPassBase<AnalyzeKeyTilesPass> {
  using MFAAnalyzeKeyTilesPassBase::MFAAnalyzeKeyTilesPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return mfa::checkPassOptions(
        *this, context, [&](const mfa::OptionCheck &check) {
          return failure(
              failed(check.range("rows", rows, 1, mfa::kMaxTileRows)) ||
              failed(check.range("keys", keys, 1, mfa::kMaxTileRows)));
        });
  }

  void runOnOperation() override {
    getOperation()->walk([&](mfa::MaskedAttentionOp op) {
      if (op.hasRegions() && !op->hasAttr(mfa::kKeyTilesName))
        op->setAttr(mfa::kKeyTilesName, analyze(op, rows, keys));
    });
  }
};
} // namespace
