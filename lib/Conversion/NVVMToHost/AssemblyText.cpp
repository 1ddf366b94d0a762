//===- AssemblyText.cpp - Reading inline assembly -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AssemblyText.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// Recursive descent over
///
///   text        ::= (`{` | `}` | `;` | instruction)*
///   instruction ::= name (operand (`,` operand)*)? `;`
///   operand     ::= `$` digits | integer | name | `{` operand (`,` ...)* `}`
class Parser {
public:
  Parser(StringRef text, std::string &error) : rest(text), error(error) {}

  FailureOr<SmallVector<AssemblyInstruction>> parse() {
    SmallVector<AssemblyInstruction> instructions;
    for (;;) {
      skipSpace();
      if (rest.empty())
        return instructions;
      if (consume('{') || consume('}') || consume(';'))
        continue;
      AssemblyInstruction instruction;
      instruction.name = takeName();
      if (instruction.name.empty())
        return fail();
      if (instruction.name == ".reg") {
        rest = rest.drop_until([](char c) { return c == ';'; });
        continue;
      }
      if (failed(parseOperands(instruction.operands, ';')))
        return failure();
      instructions.push_back(std::move(instruction));
    }
  }

private:
  template <typename Operands>
  LogicalResult parseOperands(Operands &operands, char end) {
    skipSpace();
    while (!consume(end)) {
      if (!operands.empty() && !consume(','))
        return fail();
      AssemblyOperand operand;
      if (failed(parseOperand(operand)))
        return failure();
      operands.push_back(std::move(operand));
      skipSpace();
    }
    return success();
  }

  LogicalResult parseOperand(AssemblyOperand &operand) {
    skipSpace();
    if (consume('{')) {
      operand.kind = AssemblyOperand::Kind::List;
      return parseOperands(operand.elements, '}');
    }
    operand.kind = AssemblyOperand::Kind::Integer;
    if (consume('$'))
      operand.kind = AssemblyOperand::Kind::Reference;
    if (!rest.consumeInteger(10, operand.value))
      return success();
    operand.kind = AssemblyOperand::Kind::Register;
    operand.name = takeName();
    return operand.name.empty() ? fail() : success();
  }

  void skipSpace() { rest = rest.ltrim(); }

  bool consume(char c) {
    skipSpace();
    return rest.consume_front(StringRef(&c, 1));
  }

  StringRef takeName() {
    StringRef name = rest.take_while([](char c) {
      return llvm::isAlnum(c) || c == '_' || c == '.' || c == ':' || c == '%';
    });
    rest = rest.drop_front(name.size());
    return name;
  }

  LogicalResult fail() {
    error = ("assembly not understood: '" + rest.take_front(40) + "'").str();
    return failure();
  }

  StringRef rest;
  std::string &error;
};
} // namespace

FailureOr<SmallVector<AssemblyInstruction>>
mlir::mfa::parseAssembly(StringRef text, std::string &error) {
  return Parser(text, error).parse();
}

FailureOr<AssemblyConstraints> mlir::mfa::parseConstraints(StringRef text) {
  AssemblyConstraints constraints;
  for (StringRef constraint : llvm::split(text, ',')) {
    if (constraint.starts_with("~") || constraint.empty())
      continue;
    if (constraint.consume_front("=")) {
      ++constraints.outputs;
      continue;
    }
    // An indirect operand, a memory location or both at once.
    if (constraint.contains_insensitive('m') || constraint.contains('*') ||
        constraint.contains('+'))
      return failure();
    int tie = -1;
    if (constraint.getAsInteger(10, tie))
      tie = -1;
    constraints.ties.push_back(tie);
  }
  return constraints;
}
