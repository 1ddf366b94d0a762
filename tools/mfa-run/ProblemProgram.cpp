//===- ProblemProgram.cpp - The program of a generated problem ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemProgram.h"
#include "mfa/Execution/AttentionProgram.h"

using llvm::function_ref;
using llvm::SmallVector;
using namespace mfa::run;
using mlir::MLIRContext;
using mlir::ShapedType;

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
  return mlir::MemRefType::get(
      shape, mfa::exec::getElementType(context, operand.type), layout);
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
  auto isOpen = [&](unsigned) { return problem.dynamic; };
  exec::AttentionOperands types;
  types.query = getType(context, operands.query, isOpenArray);
  types.key = getType(context, operands.key, isOpenArray);
  types.value = getType(context, operands.value, isOpenArray);
  if (operands.mask)
    types.mask = getType(context, *operands.mask, isOpenMask);
  types.scale = problem.scale;
  types.scaleIsArgument = problem.scale && problem.dynamic;
  types.output = getType(context, operands.output, isOpenArray);
  if (operands.lse)
    types.lse = getType(context, *operands.lse, isOpen);
  if (operands.sinks)
    types.sinks = getType(context, *operands.sinks, isOpen);
  const Operand *array = operands.capturedArrays.data();
  for (const RuleCapture &capture : operands.captures) {
    if (std::holds_alternative<int64_t>(capture))
      types.captures.push_back(mlir::IndexType::get(&context));
    else
      types.captures.push_back(getType(context, *array++, isOpen));
  }
  types.buildRegions = [&](mlir::mfa::MaskedAttentionOp op,
                           mlir::ValueRange captures) {
    buildRegions(op, problem, captures);
  };
  return exec::buildAttentionProgram(context, kProblemEntry, types, schedule);
}
