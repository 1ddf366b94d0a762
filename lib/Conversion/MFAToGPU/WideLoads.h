//===- WideLoads.h - Loads of 16 bytes of an array --------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Kernels that read an array once are as fast as memory where each lane loads
// 16 bytes at a time, and has several such loads on their way. That is possible
// where all rows of the last dimension start on 16-byte boundaries, which only
// addresses and strides tell.

#ifndef MFA_LIB_CONVERSION_MFATOGPU_WIDELOADS_H
#define MFA_LIB_CONVERSION_MFATOGPU_WIDELOADS_H

#include "KernelBuilder.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir::mfa {

/// Bytes of a load.
constexpr int64_t kWideBytes = 16;

/// Loads of a lane that are on their way at a time.
constexpr int64_t kWideLoads = 8;

/// Addresses of an array in global memory.
class WideArray {
public:
  WideArray(KernelBuilder &b, Value array);

  /// Elements of a load; those of i1 are bytes.
  static int64_t countElements(Type element);

  /// Whether all rows start on 16-byte boundaries, and their elements are next
  /// to each other.
  Value isAligned() const;

  Value getBase() const { return base; }
  /// What the index of a dimension, of type index or a number of 32 bits, adds
  /// to the address; 0 in a dimension of size 1.
  Value offsetOf(unsigned dim, Value index) const;

private:
  KernelBuilder &b;
  MemRefType type;
  Value base;
  /// In bytes, but the last.
  SmallVector<Value> strides;
};

/// The 16 bytes at an address, as a vector of integers.
Value loadWide(KernelBuilder &b, Value address, int64_t bits);

/// A vector of such integers that are all the same.
Value splatWide(KernelBuilder &b, int64_t value, int64_t bits);

/// Gives threads of a kernel with blocks of so many of them registers for the
/// loads, of 64 for each of 1024 threads of a multiprocessor. For more threads
/// ptxas would take less, and wait for some loads in front of others.
void keepLoadsTogether(gpu::GPUFuncOp kernel, int64_t threads);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_WIDELOADS_H
