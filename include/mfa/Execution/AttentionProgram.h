//===- AttentionProgram.h - Programs of one masked attention ----*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_EXECUTION_ATTENTIONPROGRAM_H
#define MFA_EXECUTION_ATTENTIONPROGRAM_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Runtime/ElementType.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mfa::exec {

/// The type of one element; none for a type that arrays cannot have.
mlir::Type getElementType(mlir::MLIRContext &context,
                          runtime::ElementType type);
std::optional<runtime::ElementType> getElementType(mlir::Type type);

/// Reads `#mfa.schedule<...>`; none for another text, with the parser's
/// diagnostics where it is no attribute.
std::optional<mlir::mfa::ScheduleAttr> parseSchedule(mlir::MLIRContext &context,
                                                     llvm::StringRef text);

/// Operands of a masked attention on buffers.
struct AttentionOperands {
  mlir::MemRefType query, key, value;
  /// Null without a mask.
  mlir::MemRefType mask;
  /// A scale that is known; 1/sqrt(D) without.
  std::optional<float> scale;
  /// The scale is an argument of the function instead.
  bool scaleIsArgument = false;
  /// Null without sinks.
  mlir::MemRefType sinks;
  /// What the regions are given: index, f32 or memrefs.
  llvm::SmallVector<mlir::Type> captures;
  /// Their names; `capture` for those that are missing.
  std::vector<std::string> captureNames;
  mlir::MemRefType output;
  /// Null where it is not asked for.
  mlir::MemRefType lse;
  /// Builds the regions of the op; may be null.
  std::function<void(mlir::mfa::MaskedAttentionOp, mlir::ValueRange captures)>
      buildRegions;
};

/// Writes function `name`, whose parameters are the operands in the order
/// above, and have their names as locations. `schedule` may be null.
mlir::OwningOpRef<mlir::ModuleOp>
buildAttentionProgram(mlir::MLIRContext &context, llvm::StringRef name,
                      const AttentionOperands &operands,
                      mlir::mfa::ScheduleAttr schedule);

} // namespace mfa::exec

#endif // MFA_EXECUTION_ATTENTIONPROGRAM_H
