//===- BufferDeallocationOpInterfaceImpl.cpp - Ownership of captures ------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/BufferDeallocationOpInterfaceImpl.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Bufferization/IR/BufferDeallocationOpInterface.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace mlir::mfa;

namespace {
/// The regions of masked attention own none of the buffers that they read. Of
/// an op with regions buffer deallocation has to be told so: it has gone
/// through the regions before it asks, has given their blocks an i1 for each
/// buffer among the arguments, which says whether the block owns it, and frees
/// what is owned at the end.
struct MaskedAttentionDeallocation
    : BufferDeallocationOpInterface::ExternalModel<MaskedAttentionDeallocation,
                                                   MaskedAttentionOp> {
  FailureOr<Operation *> process(Operation *op, DeallocationState &,
                                 const DeallocationOptions &) const {
    auto attention = cast<MaskedAttentionOp>(op);
    dropOwnership(attention, attention.getScore(), /*numScores=*/1);
    dropOwnership(attention, attention.getKeep(), /*numScores=*/0);
    return op;
  }

private:
  static void dropOwnership(MaskedAttentionOp op, Region &region,
                            unsigned numScores) {
    if (region.empty())
      return;
    Block &block = region.front();
    for (Operation &nested : llvm::make_early_inc_range(llvm::reverse(block)))
      if (!isa<YieldOp>(nested) && !isAllowedInRegions(&nested))
        nested.erase();
    unsigned numArguments =
        numScores + MaskedAttentionOp::kNumPositions + op.getCaptures().size();
    block.eraseArguments(numArguments, block.getNumArguments() - numArguments);
  }
};
} // namespace

void mfa::registerBufferDeallocationOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MFADialect *) {
    MaskedAttentionOp::attachInterface<MaskedAttentionDeallocation>(*context);
  });
}
