//===- FoldTransposes.cpp - Transposed copies of operands as views --------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mlir/Analysis/AliasAnalysis.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFAFOLDTRANSPOSESPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

/// What a buffer is a transposed view of, which the alias analysis does not
/// know.
static Value getSource(Value buffer) {
  while (auto transpose = buffer.getDefiningOp<memref::TransposeOp>())
    buffer = transpose.getIn();
  return buffer;
}

/// Whether an op, or one in its regions, may write to a buffer.
static bool mayWrite(Operation *op, Value buffer, AliasAnalysis &aliases) {
  auto writes = [&](const MemoryEffects::EffectInstance &effect) {
    if (!isa<MemoryEffects::Write, MemoryEffects::Free>(effect.getEffect()))
      return false;
    Value written = effect.getValue();
    return !written ||
           !aliases.alias(getSource(written), getSource(buffer)).isNo();
  };
  WalkResult result = op->walk([&](Operation *nested) {
    // The effect of an assertion is that it may end the program.
    if (isa<cf::AssertOp>(nested))
      return WalkResult::advance();
    auto effects = dyn_cast<MemoryEffectOpInterface>(nested);
    if (!effects)
      return nested->hasTrait<OpTrait::HasRecursiveMemoryEffects>()
                 ? WalkResult::advance()
                 : WalkResult::interrupt();
    SmallVector<MemoryEffects::EffectInstance> instances;
    effects.getEffects(instances);
    return llvm::any_of(instances, writes) ? WalkResult::interrupt()
                                           : WalkResult::advance();
  });
  return result.wasInterrupted();
}

namespace {
class TransposeFolder {
public:
  TransposeFolder(MaskedAttentionOp op, AliasAnalysis &aliases)
      : op(op), aliases(aliases) {}

  void run() {
    for (OpOperand &operand : op->getOpOperands())
      if (isa<MemRefType>(operand.get().getType()) && !op.isDpsInit(&operand))
        foldInput(operand);
    foldOutput();
  }

private:
  /// Query, key, value and output have unit stride in the last dimension.
  bool mayReorder(const OpOperand &operand, ArrayRef<int64_t> permutation) {
    Value value = operand.get();
    bool isRow = value == op.getQuery() || value == op.getKey() ||
                 value == op.getValue() || value == op.getOutput();
    return !isRow ||
           permutation.back() == static_cast<int64_t>(permutation.size()) - 1;
  }
  /// Whether an op after `first` and in front of `last` may write one of
  /// `buffers`.
  bool isWrittenBetween(Operation *first, Operation *last,
                        ArrayRef<Value> buffers) {
    for (Operation *between = first->getNextNode(); between != last;
         between = between->getNextNode())
      for (Value buffer : buffers)
        if (mayWrite(between, buffer, aliases))
          return true;
    return false;
  }
  void foldInput(OpOperand &operand);
  void foldOutput();
  Value makeView(OpBuilder &builder, Value buffer,
                 ArrayRef<int64_t> permutation) {
    return memref::TransposeOp::create(
        builder, op.getLoc(), buffer,
        AffineMapAttr::get(AffineMap::getPermutationMap(
            SmallVector<int64_t>(permutation), op.getContext())));
  }

  MaskedAttentionOp op;
  AliasAnalysis &aliases;
};
} // namespace

void TransposeFolder::foldInput(OpOperand &operand) {
  auto alloc = operand.get().getDefiningOp<memref::AllocOp>();
  if (!alloc)
    return;
  linalg::TransposeOp transpose;
  for (Operation *user : alloc->getUsers()) {
    auto candidate = dyn_cast<linalg::TransposeOp>(user);
    if (!candidate || candidate.getInit() != alloc.getResult())
      continue;
    if (transpose)
      return; // Written twice.
    transpose = candidate;
  }
  if (!transpose || transpose->getBlock() != op->getBlock() ||
      !transpose->isBeforeInBlock(op) ||
      !mayReorder(operand, transpose.getPermutation()))
    return;
  Value source = transpose.getInput();
  if (isWrittenBetween(transpose, op, {source, alloc}))
    return;
  for (Value init : op.getDpsInits())
    if (!aliases.alias(getSource(init), getSource(source)).isNo())
      return;
  OpBuilder builder(op);
  Value view = makeView(builder, source, transpose.getPermutation());
  for (OpOperand &other : op->getOpOperands())
    if (other.get() == alloc.getResult() &&
        mayReorder(other, transpose.getPermutation()))
      other.set(view);
  if (!llvm::all_of(alloc->getUsers(), [&](Operation *user) {
        return user == transpose.getOperation();
      }))
    return;
  transpose->erase();
  alloc->erase();
}

void TransposeFolder::foldOutput() {
  auto alloc = op.getOutput().getDefiningOp<memref::AllocOp>();
  if (!alloc || !alloc.getMemref().hasNUses(2))
    return;
  linalg::TransposeOp transpose;
  for (Operation *user : alloc->getUsers())
    if (auto candidate = dyn_cast<linalg::TransposeOp>(user))
      if (candidate.getInput() == alloc.getResult())
        transpose = candidate;
  OpOperand &operand = op.getOutputMutable();
  if (!transpose || transpose->getBlock() != op->getBlock() ||
      !op->isBeforeInBlock(transpose) ||
      !mayReorder(operand, transpose.getPermutation()))
    return;
  // The op moves down to where its result is copied to its place.
  SmallVector<Value> inputs;
  for (OpOperand &input : op->getOpOperands())
    if (isa<MemRefType>(input.get().getType()) && !op.isDpsInit(&input))
      inputs.push_back(input.get());
  if (isWrittenBetween(op, transpose, inputs) || op.getLse())
    return;
  Value target = transpose.getInit();
  for (Value input : inputs)
    if (!aliases.alias(getSource(input), getSource(target)).isNo())
      return;
  op->moveBefore(transpose);
  OpBuilder builder(op);
  // The output is a permutation of the target, the inverse of the copy.
  SmallVector<int64_t> inverse(transpose.getPermutation().size());
  for (auto [to, from] : llvm::enumerate(transpose.getPermutation()))
    inverse[from] = to;
  operand.set(makeView(builder, target, inverse));
  transpose->erase();
  alloc->erase();
}

namespace {
struct FoldTransposesPass
    : mfa::impl::MFAFoldTransposesPassBase<FoldTransposesPass> {
  void runOnOperation() override {
    auto &aliases = getAnalysis<AliasAnalysis>();
    SmallVector<MaskedAttentionOp> ops;
    getOperation()->walk([&](MaskedAttentionOp op) { ops.push_back(op); });
    for (MaskedAttentionOp op : ops)
      TransposeFolder(op, aliases).run();
  }
};
} // namespace
