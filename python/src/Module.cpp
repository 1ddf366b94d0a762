//===- Module.cpp - The extension module mfa._mfa -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"
#include "XLAHandler.h"

NB_MODULE(_mfa, m) {
  m.doc() = "The compiled part of the package mfa; see python/mfa/_mfa.pyi.";
  // Kernels live as long as the process, as GPU code cannot be unloaded while
  // it ends.
  nanobind::set_leak_warnings(false);
  mfa::python::bindKernel(m);
  mfa::python::bindCall(m);
  mfa::python::bindXLAHandlers(m);
}
