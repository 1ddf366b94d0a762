//===- RaiseAttention.cpp - Find attention in linalg programs -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raise/Attention.h"
#include "Raise/TMTensorAttention.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Support/OptionCheck.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Format.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFARAISEATTENTIONPASS
#define GEN_PASS_DEF_MFARAISEREPORTPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

/// Axes are divided a few times until all views agree.
static constexpr unsigned kMaxAttempts = 32;

namespace {
/// What became of a softmax.
struct Outcome {
  std::optional<Refusal> refusal;
  /// What was found, in words.
  std::string description;
};

/// Finds the attentions of a program, one product after the other.
class Raiser {
public:
  explicit Raiser(RaiseOptions options) : options(options) {}

  void collect(Operation *root);
  /// Raises what can be, or with `changes` off only finds it.
  unsigned run(bool changes);
  void report(bool alsoRaised);
  /// Has to be called in the end: puts ops back that were not raised.
  void finish();

private:
  void writeOut(Operation *root);
  bool visit(linalg::LinalgOp product, bool changes);
  void eraseDead(ArrayRef<Operation *> start);
  Refusal findUse(Operation *softmax);

  RaiseOptions options;
  SmallVector<linalg::LinalgOp> products;
  /// By the op that sums up the exponentials, or is a softmax, in the order of
  /// the program.
  llvm::MapVector<Operation *, std::optional<Outcome>> softmaxes;
  llvm::DenseSet<Operation *> erased;
  /// Attention that was one op, by the sum of its exponentials.
  llvm::MapVector<Operation *, WrittenOut> writtenOut;
  /// Such ops that are not known in their form, and why.
  SmallVector<std::pair<Operation *, std::string>> unknown;
  /// Products that attention was put in the place of.
  llvm::DenseSet<Operation *> raised;
};
} // namespace

void Raiser::writeOut(Operation *root) {
  SmallVector<Operation *> ops;
  root->walk([&](Operation *op) {
    if (isTMTensorAttention(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    std::string reason;
    FailureOr<WrittenOut> written = writeOutTMTensorAttention(op, reason);
    if (succeeded(written))
      writtenOut.insert({written->sum, *written});
    else
      unknown.emplace_back(op, reason);
  }
}

void Raiser::finish() {
  for (auto &[sum, written] : writtenOut) {
    if (!raised.contains(written.product)) {
      written.undo();
      continue;
    }
    SmallVector<Operation *> producers;
    for (Value operand : written.original->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        producers.push_back(producer);
    written.original->erase();
    eraseDead(producers);
  }
}

void Raiser::collect(Operation *root) {
  writeOut(root);
  root->walk([&](Operation *candidate) {
    if (auto softmax = dyn_cast<linalg::SoftmaxOp>(candidate);
        softmax && softmax.hasPureTensorSemantics()) {
      softmaxes[softmax] = std::nullopt;
      return;
    }
    auto op = dyn_cast<linalg::LinalgOp>(candidate);
    if (!op || !mayBeProduct(op))
      return;
    AxisSpace space;
    bool isSum;
    unsigned attempt = 0;
    do {
      Elements elements(space);
      isSum = isSumOfExponentials(elements, op);
    } while (space.divideAxes() && ++attempt < kMaxAttempts);
    if (isSum)
      softmaxes[op] = std::nullopt;
    else
      products.push_back(op);
  });
}

/// Attention in words, for the report.
static std::string describe(const Attention &attention,
                            const AxisSpace &space) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto printSize = [&](const AxisList &axes) {
    int64_t size = space.getSize(axes);
    if (ShapedType::isDynamic(size))
      os << '?';
    else
      os << size;
  };
  const Roles &roles = attention.roles;
  os << "attention of " << attention.elementType << ": ";
  printSize(roles.heads);
  os << " heads on ";
  printSize(roles.keyHeads);
  os << " of the key";
  const Scores &scores = attention.scores;
  os << ", scale " << llvm::format("%.6g", scores.scale);
  if (!scores.scaleFactors.empty())
    os << " times a number";
  if (scores.mask) {
    os << ", mask of " << getElementTypeOrSelf(scores.mask->array);
  }
  if (scores.sinks || scores.sink)
    os << ", sinks";
  if (!scores.steps.empty() || scores.whole || scores.factor != 1)
    os << ", score";
  if (!scores.keep.empty())
    os << ", keep";
  if (scores.mayLoseRows)
    os << ", rows may have no keys";
  return text;
}

bool Raiser::visit(linalg::LinalgOp product, bool changes) {
  AxisSpace space;
  Operation *softmax = nullptr;
  for (unsigned attempt = 0; attempt < kMaxAttempts; ++attempt) {
    Elements elements(space);
    std::optional<Refusal> refusal;
    softmax = nullptr;
    std::optional<Attention> attention =
        matchAttention(elements, product, options, softmax, refusal);
    if (space.divideAxes())
      continue;
    if (!softmax)
      return false;
    std::optional<Outcome> &outcome = softmaxes[softmax];
    if (!attention) {
      if (!outcome)
        outcome = Outcome{refusal.value_or(Refusal{product->getLoc(),
                                                   "its form is not known"}),
                          {}};
      return false;
    }
    outcome = Outcome{std::nullopt, describe(*attention, space)};
    if (changes) {
      raised.insert(product);
      buildAttention(elements, *attention, options);
      eraseDead(attention->result.array.getDefiningOp());
    }
    return true;
  }
  return false;
}

void Raiser::eraseDead(ArrayRef<Operation *> start) {
  llvm::SetVector<Operation *> open(start.begin(), start.end());
  while (!open.empty()) {
    Operation *op = open.pop_back_val();
    if (!isOpTriviallyDead(op))
      continue;
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (Operation *producer = operand.getDefiningOp())
          if (!op->isAncestor(producer))
            open.insert(producer);
    });
    erased.insert(op);
    op->erase();
  }
}

unsigned Raiser::run(bool changes) {
  unsigned count = 0;
  for (linalg::LinalgOp product : products)
    if (!erased.contains(product))
      count += visit(product, changes);
  return count;
}

/// Where the weights of a softmax that no product takes go.
Refusal Raiser::findUse(Operation *softmax) {
  // Through views and elementwise ops, as far as to what is none of a softmax.
  llvm::SetVector<Operation *> open;
  open.insert(softmax);
  for (unsigned next = 0; next < open.size() && next < 64; ++next)
    for (Operation *user : open[next]->getUsers()) {
      auto op = dyn_cast<linalg::LinalgOp>(user);
      if (op && op.getNumReductionLoops() > 0)
        return {user->getLoc(),
                "its weights are not a factor of a product over the keys as "
                "they are"};
      if (op || isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                    tensor::CastOp, tensor::ExtractSliceOp>(user))
        open.insert(user);
    }
  return {softmax->getLoc(), "no product takes its weights"};
}

void Raiser::report(bool alsoRaised) {
  for (auto &[op, reason] : unknown)
    op->emitRemark("attention is not raised: ") << reason;
  for (auto &[sum, outcome] : softmaxes) {
    if (erased.contains(sum))
      continue;
    auto written = writtenOut.find(sum);
    Operation *softmax =
        written == writtenOut.end() ? sum : written->second.original;
    if (outcome && !outcome->refusal) {
      if (alsoRaised)
        softmax->emitRemark(outcome->description);
      continue;
    }
    Refusal refusal = outcome ? *outcome->refusal : findUse(sum);
    InFlightDiagnostic remark = softmax->emitRemark("softmax is not raised: ")
                                << refusal.reason;
    if (refusal.where != softmax->getLoc())
      remark.attachNote(refusal.where) << "seen here";
  }
}

static LogicalResult checkExclusion(Pass &pass, MLIRContext *context,
                                    double exclusion) {
  return mfa::checkPassOptions(pass, context,
                               [&](const mfa::OptionCheck &check) {
                                 return check.negative("exclusion", exclusion);
                               });
}

namespace {
struct RaiseAttentionPass
    : mfa::impl::MFARaiseAttentionPassBase<RaiseAttentionPass> {
  using MFARaiseAttentionPassBase::MFARaiseAttentionPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return checkExclusion(*this, context, exclusion);
  }

  void runOnOperation() override {
    Raiser raiser({rowsWithoutKeys != mfa::RowsWithoutKeys::Exact,
                   rowsWithoutKeys == mfa::RowsWithoutKeys::Ignored, exclusion,
                   sharedWeights});
    raiser.collect(getOperation());
    numRaised += raiser.run(/*changes=*/true);
    if (report)
      raiser.report(/*alsoRaised=*/false);
    raiser.finish();
  }
};

struct RaiseReportPass : mfa::impl::MFARaiseReportPassBase<RaiseReportPass> {
  using MFARaiseReportPassBase::MFARaiseReportPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return checkExclusion(*this, context, exclusion);
  }

  void runOnOperation() override {
    Raiser raiser({/*zeroesRows=*/false, /*ignoresRows=*/false, exclusion,
                   sharedWeights});
    raiser.collect(getOperation());
    raiser.run(/*changes=*/false);
    raiser.report(/*alsoRaised=*/true);
    raiser.finish();
    markAllAnalysesPreserved();
  }
};
} // namespace
