//===- Barriers.cpp - Barriers in the shared memory of a block ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Barriers.h"
#include "Warpgroups.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::mfa;

Barriers::Barriers(KernelBuilder &b, int64_t count) : count(count) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  group = nvgpu::MBarrierCreateOp::create(
      b, nvgpu::MBarrierGroupType::get(b.getContext(), space, count));
}

void Barriers::init(KernelBuilder &b, int64_t arrivals) const {
  for (int64_t i = 0; i < count; ++i)
    nvgpu::MBarrierInitOp::create(b, group, b.index(arrivals), b.index(i),
                                  Value());
}

void Barriers::wait(KernelBuilder &b, Place place) const {
  // Nanoseconds before the instruction gives up and is tried again.
  constexpr int64_t kPatience = 10'000'000;
  nvgpu::MBarrierTryWaitParityOp::create(b, group, place.parity,
                                         b.index(kPatience), place.stage);
}

void Barriers::waitForPrevious(KernelBuilder &b, Place place) const {
  wait(b, {place.stage, b.negate(place.parity)});
}

void Barriers::arrive(KernelBuilder &b, Value stage) const {
  nvgpu::MBarrierArriveOp::create(b, group, stage);
}

void Barriers::arriveAsWarp(KernelBuilder &b, const Warpgroups &warpgroups,
                            Value stage) const {
  // The warp's lanes are done before one of them says so.
  NVVM::SyncWarpOp::create(b,
                           arith::ConstantIntOp::create(b, b.getI32Type(), -1));
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        warpgroups.getLane(), b.index(0));
  b.guarded(isFirst, [&] { arrive(b, stage); });
}
