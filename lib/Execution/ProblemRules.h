//===- ProblemRules.h - The regions of a problem ----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_EXECUTION_PROBLEMRULES_H
#define MFA_LIB_EXECUTION_PROBLEMRULES_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace mfa::exec {

/// The functions of Problem::rules.
class ProblemRules {
public:
  /// Reads and checks the text. What its functions may do is left to the
  /// verifier of the op.
  static llvm::Expected<ProblemRules> parse(mlir::MLIRContext &context,
                                            llvm::StringRef text);

  /// Types and names of the captures that a launch gives.
  llvm::SmallVector<mlir::Type> getLaunchTypes() const;
  std::vector<std::string> getLaunchNames() const;

  /// Makes the functions the regions of `op`, which leaves them empty. Where
  /// `groupSize` is not 0, the queries of `op` are the heads of groups of this
  /// size, and the functions see the heads and the one query that they are.
  void moveInto(mlir::mfa::MaskedAttentionOp op, mlir::ValueRange launchValues,
                int64_t groupSize);

private:
  struct Capture {
    mlir::Type type;
    std::string name;
    /// The size that it is, which no launch gives.
    std::optional<mlir::mfa::ScoreDim> size;

    bool operator==(const Capture &other) const {
      return type == other.type && name == other.name && size == other.size;
    }
  };

  llvm::Error add(mlir::func::FuncOp function);
  static llvm::Expected<Capture> readCapture(mlir::func::FuncOp function,
                                             unsigned index);

  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp keep, score;
  std::vector<Capture> captures;
};

} // namespace mfa::exec

#endif // MFA_LIB_EXECUTION_PROBLEMRULES_H
