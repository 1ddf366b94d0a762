//===- ProblemProgram.cpp - The program of a generated problem ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemProgram.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using llvm::function_ref;
using llvm::SmallVector;
using namespace mfa::run;
using mlir::MLIRContext;
using mlir::ShapedType;
using mlir::Value;

static mlir::Type getElementType(MLIRContext &context, ElementType type) {
  switch (type) {
  case ElementType::F16:
    return mlir::Float16Type::get(&context);
  case ElementType::BF16:
    return mlir::BFloat16Type::get(&context);
  case ElementType::F32:
    return mlir::Float32Type::get(&context);
  case ElementType::I1:
    return mlir::IntegerType::get(&context, 1);
  }
  return {};
}

/// Type of an operand. `isOpen` says of a dimension that its size is unknown.
static mlir::MemRefType getType(MLIRContext &context, const Operand &operand,
                                function_ref<bool(unsigned)> isOpen) {
  SmallVector<int64_t> shape(operand.shape);
  bool open = false;
  for (unsigned dim = 0; dim < shape.size(); ++dim)
    if (isOpen(dim)) {
      shape[dim] = ShapedType::kDynamic;
      open = true;
    }
  mlir::MemRefLayoutAttrInterface layout;
  if (operand.isStrided()) {
    SmallVector<int64_t> strides(operand.strides);
    if (open)
      std::fill(strides.begin(), strides.end() - 1, ShapedType::kDynamic);
    layout = mlir::StridedLayoutAttr::get(
        &context, open ? ShapedType::kDynamic : operand.offset, strides);
  }
  return mlir::MemRefType::get(shape, getElementType(context, operand.type),
                               layout);
}

mlir::OwningOpRef<mlir::ModuleOp>
mfa::run::buildProgram(MLIRContext &context, const Problem &problem,
                       const Operands &operands,
                       mlir::mfa::ScheduleAttr schedule) {
  auto isOpenArray = [&](unsigned dim) {
    return problem.dynamic && dim != mlir::mfa::MaskedAttentionOp::kDim;
  };
  auto isOpenMask = [&](unsigned dim) {
    return problem.dynamic && operands.mask->shape[dim] != 1;
  };
  auto isOpenLSE = [&](unsigned) { return problem.dynamic; };
  mlir::Type f32 = mlir::Float32Type::get(&context);
  bool scaleIsArgument = problem.scale && problem.dynamic;

  SmallVector<mlir::Type> types;
  for (const Operand *operand :
       {&operands.query, &operands.key, &operands.value})
    types.push_back(getType(context, *operand, isOpenArray));
  if (operands.mask)
    types.push_back(getType(context, *operands.mask, isOpenMask));
  if (scaleIsArgument)
    types.push_back(f32);
  types.push_back(getType(context, operands.output, isOpenArray));
  if (operands.lse)
    types.push_back(getType(context, *operands.lse, isOpenLSE));

  mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module->getBody());
  auto function = mlir::func::FuncOp::create(
      builder, loc, kProblemEntry, builder.getFunctionType(types, {}));
  mlir::Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  const mlir::BlockArgument *next = body->getArguments().begin();
  Value query = *next++, key = *next++, value = *next++;
  Value mask = operands.mask ? Value(*next++) : Value();
  Value scale;
  if (scaleIsArgument)
    scale = *next++;
  else if (problem.scale)
    scale = mlir::arith::ConstantOp::create(
        builder, loc, builder.getF32FloatAttr(*problem.scale));
  Value output = *next++;
  Value lse = operands.lse ? Value(*next++) : Value();
  mlir::mfa::MaskedAttentionOp::create(builder, loc, query, key, value, mask,
                                       scale, output, lse, schedule);
  mlir::func::ReturnOp::create(builder, loc);
  return module;
}
