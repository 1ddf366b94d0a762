//===- ProblemRules.cpp - The regions of a problem ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemRules.h"
#include "mfa/Execution/AttentionProgram.h"
#include "mfa/Execution/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Parser/Parser.h"

using namespace llvm;
using namespace mfa::exec;
using mlir::mfa::MaskedAttentionOp;
using mlir::mfa::ScoreDim;

template <typename... Args>
static Error refuse(const Args &...args) {
  return makeError(ErrorKind::InvalidArgument, "rules: ", args...);
}

static constexpr StringLiteral kSizeAttr = "mfa.size";

static std::optional<ScoreDim> parseSize(StringRef name) {
  return StringSwitch<std::optional<ScoreDim>>(name)
      .Case("batch", ScoreDim::Batch)
      .Case("heads", ScoreDim::Head)
      .Case("queries", ScoreDim::Query)
      .Case("keys", ScoreDim::Key)
      .Default(std::nullopt);
}

/// Arguments of a function in front of the captures.
static SmallVector<mlir::Type> getPositionTypes(mlir::func::FuncOp function) {
  mlir::Builder builder(function.getContext());
  SmallVector<mlir::Type> types(4, builder.getIndexType());
  if (function.getSymName() == "score")
    types.insert(types.begin(), builder.getF32Type());
  return types;
}

/// A number, or a memref of open sizes that a launch can give.
static bool isCaptureAllowed(mlir::Type type) {
  if (type.isIndex() || type.isF32())
    return true;
  auto memref = mlir::dyn_cast<mlir::MemRefType>(type);
  int64_t offset;
  SmallVector<int64_t> strides;
  return memref && !memref.getMemorySpace() &&
         memref.getNumDynamicDims() == static_cast<size_t>(memref.getRank()) &&
         mlir::succeeded(memref.getStridesAndOffset(strides, offset)) &&
         offset == 0 && getElementType(memref.getElementType());
}

Expected<ProblemRules::Capture>
ProblemRules::readCapture(mlir::func::FuncOp function, unsigned index) {
  mlir::BlockArgument argument = function.getArgument(index);
  Capture capture;
  capture.type = argument.getType();
  capture.name = "capture";
  if (auto name = mlir::dyn_cast<mlir::NameLoc>(argument.getLoc()))
    capture.name = name.getName().str();
  if (!isCaptureAllowed(capture.type))
    return refuse(
        "expected '", capture.name,
        "' to be an index, an f32, or a memref of open sizes, without "
        "an offset, of f16, bf16, f32, i1, i32 or i64, but got ",
        capture.type);
  if (auto size = function.getArgAttr(index, kSizeAttr)) {
    auto text = mlir::dyn_cast<mlir::StringAttr>(size);
    capture.size = text ? parseSize(text.getValue()) : std::nullopt;
    if (!capture.size || !capture.type.isIndex())
      return refuse("expected ", kSizeAttr,
                    " to be \"batch\", \"heads\", \"queries\" or \"keys\", of "
                    "an index, but got ",
                    size, " of ", capture.type);
  }
  return capture;
}

Error ProblemRules::add(mlir::func::FuncOp function) {
  StringRef name = function.getSymName();
  bool isScore = name == "score";
  if (!isScore && name != "keep")
    return refuse("expected functions 'keep' and 'score' but got '", name, "'");
  if (!llvm::hasSingleElement(function.getBody()))
    return refuse("expected '", name, "' to be of one block but got ",
                  function.getBody().getBlocks().size());
  SmallVector<mlir::Type> positions = getPositionTypes(function);
  mlir::Builder builder(function.getContext());
  mlir::Type result = isScore ? mlir::Type(builder.getF32Type())
                              : mlir::Type(builder.getI1Type());
  ArrayRef<mlir::Type> inputs = function.getArgumentTypes();
  if (inputs.take_front(positions.size()) != ArrayRef(positions) ||
      function.getResultTypes() != ArrayRef(result))
    return refuse("expected '", name, "' to be of (", isScore ? "f32, " : "",
                  "index, index, index, index, captures) -> ", result,
                  " but got ", function.getFunctionType());
  std::vector<Capture> own;
  for (size_t index = positions.size(); index < inputs.size(); ++index) {
    Expected<Capture> capture = readCapture(function, index);
    if (!capture)
      return capture.takeError();
    own.push_back(std::move(*capture));
  }
  if ((keep || score) && own != captures)
    return refuse("expected 'keep' and 'score' to have the same captures");
  captures = std::move(own);
  (isScore ? score : keep) = function;
  return Error::success();
}

Expected<ProblemRules> ProblemRules::parse(mlir::MLIRContext &context,
                                           StringRef text) {
  context.loadDialect<mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect,
                      mlir::func::FuncDialect, mlir::math::MathDialect,
                      mlir::memref::MemRefDialect, mlir::mfa::MFADialect>();
  ProblemRules rules;
  std::string problems;
  {
    mlir::ScopedDiagnosticHandler handler(
        &context, [&](mlir::Diagnostic &diagnostic) {
          raw_string_ostream os(problems);
          os << (problems.empty() ? "" : "\n") << diagnostic;
          return mlir::success();
        });
    mlir::ParserConfig config(&context);
    rules.module =
        mlir::parseSourceString<mlir::ModuleOp>(text, config, "rules");
  }
  if (!rules.module)
    return refuse("expected MLIR text but got an error: ", problems);
  for (mlir::Operation &op : *rules.module->getBody()) {
    auto function = mlir::dyn_cast<mlir::func::FuncOp>(op);
    if (!function)
      return refuse("expected functions 'keep' and 'score' but got '",
                    op.getName(), "'");
    if (Error error = rules.add(function))
      return std::move(error);
  }
  if (!rules.keep && !rules.score)
    return refuse("expected a function 'keep' or 'score' but got none");
  return rules;
}

SmallVector<mlir::Type> ProblemRules::getLaunchTypes() const {
  SmallVector<mlir::Type> types;
  for (const Capture &capture : captures)
    if (!capture.size)
      types.push_back(capture.type);
  return types;
}

std::vector<std::string> ProblemRules::getLaunchNames() const {
  std::vector<std::string> names;
  for (const Capture &capture : captures)
    if (!capture.size)
      names.push_back(capture.name);
  return names;
}

/// head -> head * groupSize + query, query -> 0.
static void ungroupPositions(MaskedAttentionOp op, mlir::Region &region,
                             int64_t groupSize) {
  auto b =
      mlir::ImplicitLocOpBuilder::atBlockBegin(op.getLoc(), &region.front());
  auto position = [&](ScoreDim dim) -> mlir::Value {
    return op.getPositions(region)[static_cast<unsigned>(dim)];
  };
  mlir::Value head = position(ScoreDim::Head);
  mlir::Value query = position(ScoreDim::Query);
  mlir::Value zero = mlir::arith::ConstantIndexOp::create(b, 0);
  query.replaceAllUsesWith(zero);
  mlir::Value size = mlir::arith::ConstantIndexOp::create(b, groupSize);
  auto first = mlir::arith::MulIOp::create(b, head, size);
  auto own = mlir::arith::AddIOp::create(b, first, query);
  head.replaceAllUsesExcept(own, first);
}

/// A size of the op, or of the problem whose heads are grouped.
static mlir::Value getSize(mlir::OpBuilder &builder, MaskedAttentionOp op,
                           ScoreDim dim, int64_t groupSize) {
  mlir::Location loc = op.getLoc();
  if (groupSize && dim == ScoreDim::Query)
    return mlir::arith::ConstantIndexOp::create(builder, loc, 1);
  mlir::Value size = mlir::getValueOrCreateConstantIndexOp(
      builder, loc, op.getMixedScoreSizes(builder)[static_cast<unsigned>(dim)]);
  if (!groupSize || dim != ScoreDim::Head)
    return size;
  auto heads = mlir::arith::ConstantIndexOp::create(builder, loc, groupSize);
  return mlir::arith::MulIOp::create(builder, loc, size, heads);
}

void ProblemRules::moveInto(MaskedAttentionOp op, mlir::ValueRange launchValues,
                            int64_t groupSize) {
  mlir::OpBuilder builder(op);
  SmallVector<mlir::Value> values;
  for (const Capture &capture : captures) {
    if (!capture.size) {
      values.push_back(launchValues.front());
      launchValues = launchValues.drop_front();
      continue;
    }
    values.push_back(getSize(builder, op, *capture.size, groupSize));
  }
  op.getCapturesMutable().assign(values);
  for (auto [function, region] :
       {std::pair(score, &op.getScore()), std::pair(keep, &op.getKeep())}) {
    if (!function)
      continue;
    region->takeBody(function.getBody());
    mlir::Operation *end = region->front().getTerminator();
    builder.setInsertionPoint(end);
    mlir::mfa::YieldOp::create(builder, end->getLoc(), end->getOperand(0));
    end->erase();
    if (groupSize)
      ungroupPositions(op, *region, groupSize);
  }
}
