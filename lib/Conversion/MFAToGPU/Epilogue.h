//===- Epilogue.h - What a kernel stores in the end -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_EPILOGUE_H
#define MFA_LIB_CONVERSION_MFATOGPU_EPILOGUE_H

#include "KernelProblem.h"
#include "OnlineSoftmax.h"

namespace mlir::mfa {

/// From the weighted values of rows, and their maximum and each lane's sum of
/// weights, to output and log-sum-exp; or, in a block that has but some of the
/// keys, to what the combining kernel takes.
class Epilogue {
public:
  explicit Epilogue(const KernelProblem &problem)
      : problem(problem), b(problem.b) {}

  /// `storeOutput` stores a tile of the element type.
  void store(const RowTile &rows, Value output,
             const OnlineSoftmax::State &state,
             function_ref<void(Value rounded)> storeOutput);

private:
  /// The output, divided by the row sums, in the element type.
  Value normalize(Value output, Value rowSum);
  void storeLse(const RowTile &rows, const OnlineSoftmax::State &state);
  void storePartial(const RowTile &rows, Value output,
                    const OnlineSoftmax::State &state);

  const KernelProblem &problem;
  KernelBuilder &b;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_EPILOGUE_H
