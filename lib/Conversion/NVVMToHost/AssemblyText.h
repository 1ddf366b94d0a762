//===- AssemblyText.h - Reading inline assembly -----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_NVVMTOHOST_ASSEMBLYTEXT_H
#define MFA_LIB_CONVERSION_NVVMTOHOST_ASSEMBLYTEXT_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir::mfa {

/// An operand of an instruction.
struct AssemblyOperand {
  enum class Kind {
    /// `$3`: an output or input of the inline assembly, by `value`.
    Reference,
    /// The number `value`.
    Integer,
    /// A register that the text declares, by `name`.
    Register,
    /// `{...}`.
    List,
  };
  Kind kind;
  int64_t value = 0;
  StringRef name = {};
  std::vector<AssemblyOperand> elements = {};
};

/// An instruction with its qualifiers, such as `setp.ne.b32`.
struct AssemblyInstruction {
  StringRef name;
  SmallVector<AssemblyOperand> operands;
};

/// Reads the instructions of a text, without scopes and declarations of
/// registers. On failure `error` says what is not understood.
FailureOr<SmallVector<AssemblyInstruction>> parseAssembly(StringRef text,
                                                          std::string &error);

/// What the constraints of inline assembly say about its references, outputs
/// before inputs.
struct AssemblyConstraints {
  unsigned outputs = 0;
  /// For each input the output that it shares a register with, or -1.
  SmallVector<int> ties;
};

FailureOr<AssemblyConstraints> parseConstraints(StringRef text);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_NVVMTOHOST_ASSEMBLYTEXT_H
