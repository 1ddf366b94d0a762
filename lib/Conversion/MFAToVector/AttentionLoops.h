//===- AttentionLoops.h - An op as loops over vectors --------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_ATTENTIONLOOPS_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_ATTENTIONLOOPS_H

#include "mfa/Dialect/MFA/IR/MFA.h"

namespace mlir::mfa {

/// Writes, at the builder, the loops that compute `op`, which is on buffers, by
/// a schedule of a CPU.
void createAttentionLoops(OpBuilder &builder, MaskedAttentionOp op,
                          ScheduleAttr schedule);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_ATTENTIONLOOPS_H
