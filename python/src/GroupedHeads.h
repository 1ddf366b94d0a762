//===- GroupedHeads.h - Heads of a group as queries -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The heads of a group, which attend to the same keys, are seen as the queries
// of one head where there is one query, so that a kernel reads keys and values
// once for all of them:
//
//   q, out  [B, 1, H, D]        [B, G, h, D]
//   mask    [B|1, H|1, 1, Sk|1] [B|1, h|1, G|1, Sk|1]
//   lse     [B, H, 1]           [B, h, G]
//
// The pass mfa-group-heads-as-queries does the same in programs that know the
// number of heads, which kernels of this package leave to the launch.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_GROUPEDHEADS_H
#define MFA_PYTHON_GROUPEDHEADS_H

#include "Operands.h"

namespace mfa::python {

/// The size of a group where it takes the place of the one query, or 0.
int64_t getGroupedQueries(const Operands &operands, MfaTarget target);

/// Changes the view of the mask for groups of `size` heads.
void groupMask(MaskView &view, int64_t size);

/// Changes the views of q and of the outputs, which are there.
void groupHeads(Operands &operands, int64_t size);

} // namespace mfa::python

#endif // MFA_PYTHON_GROUPEDHEADS_H
