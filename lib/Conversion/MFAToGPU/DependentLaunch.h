//===- DependentLaunch.h - Launches that overlap ----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Of the kernels that one op is launched as, each but the first may begin while
// the one in front of it still runs (programmatic dependent launch, from sm_90
// on; elsewhere nothing here writes anything):
//
// - The one in front lets it: all of its blocks have to say so, hence are
//   there. Waiting blocks take no place that one of them has yet to get.
// - Every thread of the later one waits, before it touches global memory,
//   until the one in front has ended and its writes are to be seen. As that one
//   has waited itself, all kernels further in front have ended, too.
// - The launch of the later one says that it may overlap. What it follows is
//   for the runtime to know: a list of key tiles may be there already.
//
// The first kernel of a call follows what others launch and never overlaps.
// Where it is always the first one it does not wait either; nor does the last
// one let others begin.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_DEPENDENTLAUNCH_H
#define MFA_LIB_CONVERSION_MFATOGPU_DEPENDENTLAUNCH_H

#include "Kernels.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa {

/// Says of a copy of an op, which is launched in its place, that a kernel may
/// be launched for it in front of all that are launched by it.
void setFollowsLaunch(MaskedAttentionOp op);
bool followsLaunch(MaskedAttentionOp op);

/// What tells kernels of `op` apart which differ by that, beside `variant`.
Attribute withLaunchOrder(MaskedAttentionOp op, Attribute variant);

/// At the start of a kernel: lets the next one begin.
void createLaunchDependents(OpBuilder &builder, Location loc, const Chip &chip);
/// At the start of a kernel: waits for the one in front of it, if its launch
/// overlaps.
void createWaitForLaunch(OpBuilder &builder, Location loc, const Chip &chip);

/// On the host, in front of the launch of a kernel that waits: it may overlap.
void createOverlapLaunch(ImplicitLocOpBuilder &b, const Chip &chip);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_DEPENDENTLAUNCH_H
