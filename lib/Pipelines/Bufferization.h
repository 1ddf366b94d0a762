//===- Bufferization.h - Tensors to buffers, for every pipeline -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_PIPELINES_BUFFERIZATION_H
#define MFA_LIB_PIPELINES_BUFFERIZATION_H

#include "mlir/Pass/PassManager.h"

namespace mlir::mfa {

/// Tensors to buffers. A function takes a tensor as a contiguous buffer, which
/// it may write, and returns one as a buffer that the caller frees. Buffers are
/// owned, but not freed yet: `bufferization.dealloc` says where they may be,
/// and `bufferization.clone` where one of them has to have two owners.
void addBufferization(OpPassManager &pm);

/// Frees buffers of the host.
void addHostDeallocation(OpPassManager &pm);

/// Tells MLIR what launches of ready kernels do with buffers, so that programs
/// with such launches can be bufferized.
void registerLaunchEffects(DialectRegistry &registry);

} // namespace mlir::mfa

#endif // MFA_LIB_PIPELINES_BUFFERIZATION_H
