//===- BufferDeallocationOpInterfaceImpl.h - Ownership ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_BUFFERDEALLOCATIONOPINTERFACEIMPL_H
#define MFA_DIALECT_MFA_TRANSFORMS_BUFFERDEALLOCATIONOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;

namespace mfa {
/// Attaches BufferDeallocationOpInterface to the ops of the mfa dialect, for
/// upstream's pass `ownership-based-buffer-deallocation`.
void registerBufferDeallocationOpInterfaceExternalModels(
    DialectRegistry &registry);
} // namespace mfa
} // namespace mlir

#endif // MFA_DIALECT_MFA_TRANSFORMS_BUFFERDEALLOCATIONOPINTERFACEIMPL_H
