//===- OptionCheck.cpp - Checks of pass and pipeline options --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Support/OptionCheck.h"
#include "mfa/Support/CPU.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::mfa;

LogicalResult OptionCheck::fail(const Twine &message) const {
  return handler(owner + ": " + message);
}

LogicalResult OptionCheck::range(StringRef name, int64_t value, int64_t min,
                                 int64_t max) const {
  if (value >= min && value <= max)
    return success();
  return fail("expected '" + name + "' to be " + Twine(min) + " to " +
              Twine(max) + ", but got " + Twine(value));
}

LogicalResult OptionCheck::negative(StringRef name, double value) const {
  if (value < 0)
    return success();
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", value);
  return fail("expected '" + name + "' to be negative, but got " + text);
}

LogicalResult OptionCheck::choice(StringRef name, StringRef value,
                                  ArrayRef<llvm::StringLiteral> choices) const {
  if (llvm::is_contained(choices, value))
    return success();
  return fail("expected '" + name + "' to be " +
              llvm::join(choices.drop_back(), ", ") + " or " + choices.back() +
              ", but got '" + value + "'");
}

LogicalResult OptionCheck::chip(StringRef value) const {
  if (lookupChip(value))
    return success();
  return fail("expected 'chip' to be one of " + getChipNames() + ", but got '" +
              value + "'");
}

LogicalResult OptionCheck::cpu(StringRef value) const {
  llvm::Expected<CPU> found = lookupCPU(value);
  if (found)
    return success();
  std::string message = llvm::toString(found.takeError());
  // What is wrong is MFA_CPU.
  if (value == "host")
    return fail("cpu=host: " + message);
  return fail("expected 'cpu' to be host, or a CPU of this architecture that "
              "LLVM knows, but got '" +
              value + "'");
}

LogicalResult OptionCheck::file(StringRef name, StringRef path,
                                llvm::Error error) const {
  if (!error)
    return success();
  return fail(name + "=" + path + ": " + llvm::toString(std::move(error)));
}

LogicalResult mfa::checkPassOptions(
    Pass &pass, MLIRContext *context,
    llvm::function_ref<LogicalResult(const OptionCheck &)> check) {
  return check(OptionCheck(pass.getArgument(), [&](const Twine &message) {
    return emitError(UnknownLoc::get(context), message);
  }));
}
