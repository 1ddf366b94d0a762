//===- SelectSchedule.cpp - Schedules of GPU kernels ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFASELECTSCHEDULEPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {
struct SelectSchedulePass
    : mfa::impl::MFASelectSchedulePassBase<SelectSchedulePass> {
  using MFASelectSchedulePassBase::MFASelectSchedulePassBase;
  void runOnOperation() override {}
};
} // namespace
