//===- EntryPoint.h - Functions that compiled code calls by name *- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_ENTRYPOINT_H
#define MFA_RUNTIME_ENTRYPOINT_H

namespace mfa::runtime {

/// A function that compiled host code calls by name.
struct EntryPoint {
  const char *name;
  void *address;
};

} // namespace mfa::runtime

#endif // MFA_RUNTIME_ENTRYPOINT_H
