//===- LowerAsserts.cpp - Failed assertions reported to the runtime -------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuntimeFunctions.h"
#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFALOWERASSERTSPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using mfa::formatPosition;

/// Declared in mfa/Runtime/CPURuntime.h.
static constexpr StringLiteral kReportError = "mfaReportError";

/// What to tell the user, on one line. Checks made by
/// `generate-runtime-verification` carry their text in a frame of several
/// lines, "ERROR: ...", the op, "^ text" and "Location: ..."; of it, the text
/// and the position in the source, or the name there, remain.
static std::string getMessage(cf::AssertOp op) {
  StringRef framed = op.getMsg().split("\n^ ").second;
  if (framed.empty())
    return op.getMsg().str();
  std::string message;
  llvm::raw_string_ostream stream(message);
  stream << framed.split("\nLocation: ").first;
  std::string position = formatPosition(op.getLoc());
  auto name = op.getLoc()->findInstanceOf<NameLoc>();
  if (position.empty() && name)
    stream << " of '" << name.getName().getValue() << "'";
  stream << position;
  return message;
}

namespace {
struct LowerAssert : OpRewritePattern<cf::AssertOp> {
  LowerAssert(SymbolTable &symbols, func::FuncOp reportError)
      : OpRewritePattern(reportError.getContext()), symbols(symbols),
        reportError(reportError) {}

  LogicalResult matchAndRewrite(cf::AssertOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<FunctionOpInterface>(op->getParentOp()))
      return rewriter.notifyMatchFailure(
          op, "expected an assertion in a block of a function; lower "
              "structured control flow first");

    Location loc = op.getLoc();
    LLVM::GlobalOp message = createMessage(rewriter, loc, getMessage(op));
    Block *block = op->getBlock();
    Block *passed = rewriter.splitBlock(block, std::next(op->getIterator()));
    Block *failed = rewriter.createBlock(passed->getParent());
    Value text = LLVM::AddressOfOp::create(rewriter, loc, message);
    func::CallOp::create(rewriter, loc, reportError, text);
    LLVM::UnreachableOp::create(rewriter, loc);

    rewriter.setInsertionPointToEnd(block);
    cf::CondBranchOp::create(rewriter, loc, op.getArg(), passed, failed);
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// The text as a null-terminated constant of the module.
  LLVM::GlobalOp createMessage(PatternRewriter &rewriter, Location loc,
                               std::string text) const {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(reportError);
    text.push_back('\0');
    auto type = LLVM::LLVMArrayType::get(rewriter.getI8Type(), text.size());
    auto global = LLVM::GlobalOp::create(
        rewriter, loc, type, /*isConstant=*/true, LLVM::Linkage::Private,
        "assert_message", rewriter.getStringAttr(text));
    symbols.insert(global, rewriter.getInsertionPoint());
    return global;
  }

  SymbolTable &symbols;
  mutable func::FuncOp reportError;
};

struct LowerAssertsPass : mfa::impl::MFALowerAssertsPassBase<LowerAssertsPass> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](ModuleOp module) {
      return failed(lower(module)) ? WalkResult::interrupt()
                                   : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// The assertions of `module` itself: those of modules in it have been
  /// lowered, and those of kernels are no concern of the host's.
  LogicalResult lower(ModuleOp module) {
    SmallVector<Operation *> asserts;
    module.walk([&](cf::AssertOp op) {
      if (SymbolTable::getNearestSymbolTable(op) == module)
        asserts.push_back(op);
    });
    if (asserts.empty())
      return success();

    auto type = FunctionType::get(
        &getContext(), LLVM::LLVMPointerType::get(&getContext()), {});
    FailureOr<func::FuncOp> reportError =
        mfa::declareRuntimeFunction(module, kReportError, type);
    if (failed(reportError))
      return failure();

    SymbolTable symbols(module);
    RewritePatternSet patterns(&getContext());
    patterns.add(std::make_unique<LowerAssert>(symbols, *reportError));
    // A walk would lose its place where a block is split.
    (void)applyOpPatternsGreedily(asserts, std::move(patterns),
                                  GreedyRewriteConfig().setStrictness(
                                      GreedyRewriteStrictness::ExistingOps));
    return success();
  }
};
} // namespace
