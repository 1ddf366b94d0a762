//===- DeviceArray.h - GPU memory for another library -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_DEVICEARRAY_H
#define MFA_PYTHON_DEVICEARRAY_H

#include <nanobind/nanobind.h>

namespace mfa::python {

/// Adds the class DeviceArray: an output in GPU memory for a library, such as
/// jax, that lets nobody write its own arrays. It is handed over once, through
/// DLPack.
void bindDeviceArray(nanobind::module_ &m);

} // namespace mfa::python

#endif // MFA_PYTHON_DEVICEARRAY_H
