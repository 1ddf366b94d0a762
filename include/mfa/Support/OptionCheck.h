//===- OptionCheck.h - Checks of pass and pipeline options ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_SUPPORT_OPTIONCHECK_H
#define MFA_SUPPORT_OPTIONCHECK_H

#include "mfa/Support/Chip.h"
#include "mlir/Pass/Pass.h"

namespace mlir::mfa {

/// The largest tile of query rows that passes and pipelines take.
inline constexpr int64_t kMaxTileRows = (int64_t{1} << 31) - 1;

/// The forms that kernels can be embedded in.
inline constexpr llvm::StringLiteral kKernelFormats[] = {"isa", "bin", "fatbin",
                                                         "llvm"};

/// Checks the options of a pass or pipeline, each with an error that names both
/// and says what was expected: "owner: expected 'rows' to be 1 to 64, but got
/// -3".
class OptionCheck {
public:
  using ErrorHandler = llvm::function_ref<LogicalResult(const Twine &)>;

  /// For a pipeline, whose text is being parsed.
  OptionCheck(StringRef owner, ErrorHandler handler)
      : owner(owner), handler(handler) {}

  LogicalResult range(StringRef name, int64_t value, int64_t min,
                      int64_t max) const;
  LogicalResult negative(StringRef name, double value) const;
  LogicalResult choice(StringRef name, StringRef value,
                       ArrayRef<llvm::StringLiteral> choices) const;
  /// One of the chips that `lookupChip` knows.
  LogicalResult chip(StringRef value) const;
  /// One of the CPUs that `lookupCPU` knows.
  LogicalResult cpu(StringRef value) const;
  /// A file whose reading, by the option of that name, came to `error`.
  LogicalResult file(StringRef name, StringRef path, llvm::Error error) const;

private:
  LogicalResult fail(const Twine &message) const;

  StringRef owner;
  ErrorHandler handler;
};

/// Checks the options of a pass in its `initialize`, which comes before any
/// pass of a pipeline runs, however the pass was made.
LogicalResult
checkPassOptions(Pass &pass, MLIRContext *context,
                 llvm::function_ref<LogicalResult(const OptionCheck &)> check);

} // namespace mlir::mfa

#endif // MFA_SUPPORT_OPTIONCHECK_H
