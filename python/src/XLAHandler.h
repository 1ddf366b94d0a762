//===- XLAHandler.h - Masked attention as XLA calls it ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Handlers of XLA's foreign functions, which mfa.jax registers. A call has
//
//   arguments   q, k, v, mask if there is one, sinks if there are any, and the
//               arrays that the rules capture
//   results     out, and lse if it is asked for
//   attributes  mask, sinks: bool, whether there are such arguments
//               rules: text, as of MfaProblem::rules; "" for none
//               target, tiles: as of masked_attention; "" for None
//               scale: f32; without it 1/sqrt(D)
//               integers: [i64], numbers: [f64], which the rules capture, after
//               the arrays; without them none
//               arguments, results: [i64], for each a number of its type (that
//               of XLA), its rank and its sizes: what is known of them when XLA
//               makes an executable, and the kernel is compiled; without them
//               it is compiled when the call first runs
//
// That is all that a kernel is found or compiled by: an executable may come
// from another process, through JAX's cache of compiled programs.
//
// XLA calls from threads of its own, or in the thread that calls from Python
// while it has given the GIL away. A call whose kernel is known touches no
// Python.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_XLAHANDLER_H
#define MFA_PYTHON_XLAHANDLER_H

#include <nanobind/nanobind.h>

namespace mfa::python {

/// Adds `xla_handlers`, which gives the handlers as capsules, by XLA's names of
/// the platforms and of stages, and `end_xla_calls`, for the end of the
/// process.
void bindXLAHandlers(nanobind::module_ &m);

} // namespace mfa::python

#endif // MFA_PYTHON_XLAHANDLER_H
