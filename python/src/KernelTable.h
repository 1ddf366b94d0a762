//===- KernelTable.h - The kernels that calls use ---------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each is compiled once for a process. A call finds it by a key made of what of
// its arguments changes the code.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_KERNELTABLE_H
#define MFA_PYTHON_KERNELTABLE_H

#include "Kernel.h"
#include "Operands.h"

#include <memory>
#include <optional>
#include <string_view>

namespace mfa::python {

/// The problem of a call, whose number of queries the kernel does not know.
MfaProblem makeProblem(const Operands &operands, const MaskView &mask,
                       bool lse);

/// Throws ValueError unless the problem of a call is one for which a kernel was
/// compiled.
void checkProblem(const MfaProblem &actual, const MfaProblem &expected);

/// `cpu`, `sim` or `cuda`.
const char *getTargetName(MfaTarget target);

/// The number of what the argument `tiles` chooses. Throws ValueError for what
/// is no choice.
unsigned parseTileLists(nb::handle tiles);
unsigned parseTileLists(std::optional<std::string_view> tiles);

/// Looks a kernel up here, then in mfa._kernels, which compiles it or has it
/// from disk. `rules` is null where there are none.
std::shared_ptr<Kernel> getKernel(const MfaProblem &problem, Rules *rules,
                                  MfaTarget target, int32_t device,
                                  unsigned tileLists);

/// What getKernel has given before, for threads without the GIL: null for what
/// is not known yet. Rules and kernels are added by who holds it; rules live as
/// long as the process.
Rules *findKnownRules(std::string_view text);
Rules *addKnownRules(nb::object rules);
std::shared_ptr<Kernel> findKnownKernel(const MfaProblem &problem,
                                        const Rules *rules, MfaTarget target,
                                        int32_t device, unsigned tileLists);
void addKnownKernel(const MfaProblem &problem, const Rules *rules,
                    MfaTarget target, int32_t device, unsigned tileLists,
                    std::shared_ptr<Kernel> kernel);

/// Drops all kernels, those of rules included.
void forgetKernels();

} // namespace mfa::python

#endif // MFA_PYTHON_KERNELTABLE_H
