//===- PTX.cpp - PTX texts ------------------------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PTX.h"

using namespace llvm;

/// The text up to the end of the line `.address_size`, which is the last of the
/// head (PTX ISA, "PTX Module Directives").
static StringRef getHead(StringRef text) {
  size_t directive = text.find("\n.address_size");
  if (directive == StringRef::npos)
    return {};
  return text.take_front(text.find('\n', directive + 1));
}

std::string mfa::exec::joinPTX(ArrayRef<StringRef> texts) {
  std::string joined;
  StringRef head;
  for (StringRef text : texts) {
    text = text.rtrim('\0');
    if (joined.empty())
      head = getHead(text);
    else if (!head.empty() && getHead(text) == head)
      text = text.drop_front(head.size());
    joined += text;
  }
  return joined;
}
