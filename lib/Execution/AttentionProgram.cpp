//===- AttentionProgram.cpp - Programs of one masked attention ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Execution/AttentionProgram.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace llvm;
using mfa::runtime::ElementType;
using mlir::MLIRContext;
using mlir::Value;

mlir::Type mfa::exec::getElementType(MLIRContext &context, ElementType type) {
  switch (type) {
  case ElementType::F16:
    return mlir::Float16Type::get(&context);
  case ElementType::BF16:
    return mlir::BFloat16Type::get(&context);
  case ElementType::F32:
    return mlir::Float32Type::get(&context);
  case ElementType::I1:
    return mlir::IntegerType::get(&context, 1);
  case ElementType::I32:
    return mlir::IntegerType::get(&context, 32);
  case ElementType::I64:
    return mlir::IntegerType::get(&context, 64);
  }
  return {};
}

std::optional<ElementType> mfa::exec::getElementType(mlir::Type type) {
  for (ElementType element :
       {ElementType::F16, ElementType::BF16, ElementType::F32, ElementType::I1,
        ElementType::I32, ElementType::I64})
    if (type == getElementType(*type.getContext(), element))
      return element;
  return std::nullopt;
}

std::optional<mlir::mfa::ScheduleAttr>
mfa::exec::parseSchedule(MLIRContext &context, StringRef text) {
  context.loadDialect<mlir::mfa::MFADialect>();
  mlir::Attribute attribute = mlir::parseAttribute(text, &context);
  if (auto schedule =
          mlir::dyn_cast_if_present<mlir::mfa::ScheduleAttr>(attribute))
    return schedule;
  return std::nullopt;
}

mlir::OwningOpRef<mlir::ModuleOp>
mfa::exec::buildAttentionProgram(MLIRContext &context, StringRef name,
                                 const AttentionOperands &operands,
                                 mlir::mfa::ScheduleAttr schedule) {
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                      mlir::mfa::MFADialect>();
  mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module->getBody());
  auto function = mlir::func::FuncOp::create(builder, loc, name,
                                             builder.getFunctionType({}, {}));
  mlir::Block *body = function.addEntryBlock();
  auto addArgument = [&](StringRef argument, mlir::Type type) -> Value {
    if (!type)
      return {};
    return body->addArgument(
        type, mlir::NameLoc::get(builder.getStringAttr(argument)));
  };
  Value query = addArgument("query", operands.query);
  Value key = addArgument("key", operands.key);
  Value value = addArgument("value", operands.value);
  Value mask = addArgument("mask", operands.mask);
  Value scale;
  if (operands.scaleIsArgument)
    scale = addArgument("scale", builder.getF32Type());
  Value sinks = addArgument("sinks", operands.sinks);
  SmallVector<Value> captures;
  for (auto [index, type] : enumerate(operands.captures)) {
    bool isNamed = index < operands.captureNames.size();
    captures.push_back(addArgument(
        isNamed ? StringRef(operands.captureNames[index]) : "capture", type));
  }
  Value output = addArgument("output", operands.output);
  Value lse = addArgument("lse", operands.lse);
  function.setType(builder.getFunctionType(body->getArgumentTypes(), {}));

  builder.setInsertionPointToStart(body);
  if (!scale && operands.scale)
    scale = mlir::arith::ConstantOp::create(
        builder, loc, builder.getF32FloatAttr(*operands.scale));
  auto op = mlir::mfa::MaskedAttentionOp::create(
      builder, loc, query, key, value, mask, scale, output, lse, schedule);
  if (sinks)
    op.getSinksMutable().assign(sinks);
  if (operands.buildRegions)
    operands.buildRegions(op, captures);
  mlir::func::ReturnOp::create(builder, loc);
  return module;
}
