//===- RowsWithKeys.h - Rules that keep a key in each row -------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ROWSWITHKEYS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ROWSWITHKEYS_H

#include "Attention.h"

namespace mlir::mfa::raising {

/// Whether it is known that, in each row of queries, all of `rules` are true of
/// one key: the first, the last, the one at the query's own place, or that with
/// the last query at the last key. A problem without keys has no rows that need
/// one: sums over no keys are 0 in any case.
bool keepsKeyInEachRow(Elements &elements, const Roles &roles,
                       ArrayRef<Node *> rules);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_ROWSWITHKEYS_H
