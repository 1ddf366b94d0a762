//===- Tiles.cpp - Tiles that a problem's kernel visits -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tiles.h"
#include "ProblemCall.h"
#include "ProblemProgram.h"
#include "RunProblem.h"
#include "mfa/Support/Memory.h"

using namespace llvm;
using namespace mfa::run;

Expected<TileCounts> mfa::run::countTiles(mlir::MLIRContext &context,
                                          const Options &options,
                                          const Problem &problem) {
  if (Error error = checkMemory(
          "the problem", getRequiredBytes(problem, layOutOperands(problem))))
    return std::move(error);
  const Target &target = getTileCountTarget();
  Expected<std::unique_ptr<Device>> device = target.open();
  if (!device)
    return device.takeError();
  Operands operands = makeOperands(problem);
  auto module = buildVerifiedProgram(context, options, problem, operands);
  if (!module)
    return module.takeError();
  LoweringOptions lowering = getLoweringOptions(options, target);
  Timing timing;
  auto program =
      compile(**module, kProblemEntry, target, lowering, **device, timing);
  if (!program)
    return program.takeError();
  auto call = ProblemCall::create(problem, operands, **device);
  if (!call)
    return call.takeError();
  if (Error error = call->upload())
    return std::move(error);

  // In the order of mfa-count-key-tiles.
  std::array<int64_t, 4> counts = {};
  Descriptor descriptor =
      makeDescriptor(reinterpret_cast<char *>(counts.data()),
                     /*offset=*/0, counts.size(), 1);
  void *added = descriptor.data();
  SmallVector<void *> arguments(call->getArguments());
  arguments.push_back(&added);
  if (arguments.size() != program->numParams)
    return makeError("the lowered program takes ", program->numParams,
                     " arguments, not ", arguments.size());
  if (Error error = (*device)->run([&] { program->call(arguments); }))
    return std::move(error);
  return TileCounts{lowering.chip, counts[0], counts[1], counts[2], counts[3]};
}
