//===- ProblemCall.cpp - The call of a problem's program ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemCall.h"

using namespace llvm;
using namespace mfa::run;

Expected<ProblemCall> ProblemCall::create(const Problem &problem,
                                          const Operands &operands,
                                          Device &device) {
  ProblemCall call(operands, device);
  for (const Buffer &buffer : operands.buffers) {
    Expected<DeviceMemory> memory = DeviceMemory::allocate(
        device, buffer.bytes.size(), /*hostShared=*/false);
    if (!memory)
      return memory.takeError();
    call.memory.push_back(std::move(*memory));
  }
  call.addOperand(operands.query);
  call.addOperand(operands.key);
  call.addOperand(operands.value);
  if (operands.mask)
    call.addOperand(*operands.mask);
  if (problem.scale && problem.dynamic)
    call.addScale(*problem.scale);
  if (operands.sinks)
    call.addOperand(*operands.sinks);
  const Operand *array = operands.capturedArrays.data();
  for (const RuleCapture &capture : operands.captures) {
    if (const auto *number = std::get_if<int64_t>(&capture))
      call.addIndex(*number);
    else
      call.addOperand(*array++);
  }
  call.addOperand(operands.output);
  if (operands.lse)
    call.addOperand(*operands.lse);
  return call;
}

Error ProblemCall::upload() {
  for (auto [buffer, target] : zip_equal(operands.buffers, memory))
    if (Error error = device.copyToDevice(target.get(), buffer.bytes))
      return error;
  return Error::success();
}

Expected<std::vector<Buffer>> ProblemCall::download() {
  std::vector<Buffer> buffers = operands.buffers;
  for (auto [buffer, source] : zip_equal(buffers, memory))
    if (Error error = device.copyFromDevice(buffer.bytes, source.get()))
      return std::move(error);
  return buffers;
}

ArrayRef<void *> ProblemCall::getArguments() {
  arguments.clear();
  for (Parameter &parameter : parameters)
    arguments.push_back(&parameter.value);
  return arguments;
}

void ProblemCall::addOperand(const Operand &operand) {
  const Buffer &buffer = operands.buffers[operand.buffer];
  descriptors.push_back(std::make_unique<Descriptor>(
      makeDescriptor(memory[operand.buffer].get() + buffer.begin,
                     operand.offset, operand.shape, operand.strides)));
  Parameter parameter;
  parameter.value.descriptor = descriptors.back()->data();
  parameters.push_back(parameter);
}

void ProblemCall::addScale(float scale) {
  Parameter parameter;
  parameter.value.scale = scale;
  parameters.push_back(parameter);
}

void ProblemCall::addIndex(int64_t index) {
  Parameter parameter;
  parameter.value.index = index;
  parameters.push_back(parameter);
}
