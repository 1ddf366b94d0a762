//===- ProblemCall.h - The call of a problem's program ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_PROBLEMCALL_H
#define MFA_RUN_PROBLEMCALL_H

#include "Execution.h"
#include "Operands.h"

namespace mfa::run {

/// A problem's operands on a device, and the call that runs it there.
class ProblemCall {
public:
  static llvm::Expected<ProblemCall>
  create(const Problem &problem, const Operands &operands, Device &device);

  /// Copies the operands to the device: the data, and NaN everywhere else.
  llvm::Error upload();
  /// Copies all buffers back.
  llvm::Expected<std::vector<Buffer>> download();

  /// Addresses of the parameters' values.
  llvm::ArrayRef<void *> getArguments();

private:
  /// The value of a parameter: the address of a descriptor, or a number.
  struct Parameter {
    union {
      void *descriptor;
      float scale;
      int64_t index;
    } value;
  };

  ProblemCall(const Operands &operands, Device &device)
      : operands(operands), device(device) {}

  void addOperand(const Operand &operand);
  void addScale(float scale);
  void addIndex(int64_t index);

  const Operands &operands;
  Device &device;
  std::vector<DeviceMemory> memory;
  std::vector<std::unique_ptr<Descriptor>> descriptors;
  std::vector<Parameter> parameters;
  std::vector<void *> arguments;
};

} // namespace mfa::run

#endif // MFA_RUN_PROBLEMCALL_H
