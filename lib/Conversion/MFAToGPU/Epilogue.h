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
  /// Maximum and sum of rows whose sum of weights is `state`'s, with their
  /// sinks, and what turns a weight into one of these.
  struct Total {
    OnlineSoftmax::State state;
    Value ratio;
  };
  Total addSink(const RowTile &rows, const OnlineSoftmax::State &state);
  /// The output, times `ratio` if there is one and divided by the totals, in
  /// the element type. 0 in rows whose sum of weights is.
  Value normalize(Value output, Value rowSum, const Total &total);
  void storeLse(const RowTile &rows, const OnlineSoftmax::State &state);
  void storePartial(const RowTile &rows, Value output,
                    const OnlineSoftmax::State &state);

  const KernelProblem &problem;
  KernelBuilder &b;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_EPILOGUE_H
