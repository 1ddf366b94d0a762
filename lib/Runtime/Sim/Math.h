//===- Math.h - Functions that the host's compiler expects ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_MATH_H
#define MFA_LIB_RUNTIME_SIM_MATH_H

#if defined(__x86_64__)
#include <emmintrin.h>

// NOLINTNEXTLINE(readability-identifier-naming): the compiler's name for it.
extern "C" __attribute__((visibility("default"), weak)) __m128i
__truncsfbf2(float x);
#endif

#endif // MFA_LIB_RUNTIME_SIM_MATH_H
