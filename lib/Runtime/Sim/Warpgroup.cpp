//===- Warpgroup.cpp - Meetings, accumulators and registers of warpgroups -===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include <cstring>

using namespace mfa::sim;

//===----------------------------------------------------------------------===//
// Meeting
//===----------------------------------------------------------------------===//

void Block::prepareWarpgroups() {
  warpgroups.resize(warps.size() / kWarpsOfGroup);
  for (uint32_t i = 0; i < warpgroups.size(); ++i) {
    Warpgroup &group = warpgroups[i];
    // The memory of products is kept.
    std::vector<Product> products = std::move(group.products);
    for (Product &product : products)
      product.number = 0;
    group = Warpgroup();
    group.products = std::move(products);
    group.block = this;
    group.threads = &threads[i * kThreadsOfGroup];
    group.index = i;
    group.registers = launch->kernel.registers;
  }
  freeRegisters = 0;
}

Warpgroup &Block::getWarpgroup(Thread &self, uint32_t site) {
  uint32_t index = self.warpId / kWarpsOfGroup;
  if (index >= warpgroups.size())
    fail(FaultKind::Divergence, self, site,
         "all threads of a warpgroup have to execute it, but the block has no "
         "other warps for the last one");
  return warpgroups[index];
}

void Block::meetWarpgroup(Thread &self, GroupMeetFn compute, uint32_t parameter,
                          uint32_t site) {
  Warpgroup &group = getWarpgroup(self, site);
  if (self.warp->live != ~0u)
    fail(FaultKind::Divergence, self, site,
         "all threads of a warpgroup have to execute it, but " +
             describeLanes(*self.warp, ~self.warp->live) + " left the kernel");
  uint32_t others = 0;
  for (uint32_t lanes : group.arrived)
    others |= lanes;
  if (others && group.site != site)
    fail(FaultKind::Divergence, self, site,
         format("the thread arrives while others of warpgroup %u wait at ",
                group.index) +
             launch->describeSite(group.site));
  group.site = site;
  group.arrived[self.warpId % kWarpsOfGroup] |= 1u << self.laneId;
  for (uint32_t lanes : group.arrived)
    if (lanes != ~0u)
      return suspend(self, Thread::Status::AtWarp, site);
  if (!compute(group, parameter, site))
    return suspend(self, Thread::Status::AtWarp, site);
  release(group);
  self.warp->ready &= ~(1u << self.laneId);
}

void Block::release(Warpgroup &group) {
  for (uint32_t i = 0; i < kWarpsOfGroup; ++i) {
    warps[group.index * kWarpsOfGroup + i].ready |= group.arrived[i];
    group.arrived[i] = 0;
  }
}

void Block::exitWarpgroup(Thread &self) {
  uint32_t index = self.warpId / kWarpsOfGroup;
  if (index >= warpgroups.size())
    return;
  const Warpgroup &group = warpgroups[index];
  for (uint32_t lanes : group.arrived)
    if (lanes)
      fail(FaultKind::Divergence, self, group.site,
           format("lane %u of warp %u leaves the kernel while others of its "
                  "warpgroup wait for it",
                  self.laneId, self.warpId));
}

std::string Block::describeWarpgroups() const {
  std::string text;
  for (const Warpgroup &group : warpgroups) {
    std::string present, missing;
    for (uint32_t i = 0; i < kWarpsOfGroup; ++i) {
      const Warp &warp = warps[group.index * kWarpsOfGroup + i];
      const uint32_t lanes = group.arrived[i];
      if (lanes)
        present += (present.empty() ? "" : ", ") + describeLanes(warp, lanes);
      if (lanes != ~0u)
        missing += (missing.empty() ? "" : ", ") + describeLanes(warp, ~lanes);
    }
    if (present.empty())
      continue;
    text += "\n  " + present + " wait for ";
    if (group.wantedRegisters)
      text += format("%u registers a thread instead of %u, while the block has "
                     "%lld to spare,",
                     group.wantedRegisters, group.registers,
                     static_cast<long long>(freeRegisters));
    else
      text += missing;
    text += " at " + launch->describeSite(group.site);
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Accumulators
//===----------------------------------------------------------------------===//

Product *Warpgroup::find(uint32_t bits) {
  if (!Handle::isHandle(bits) || products.empty())
    return nullptr;
  Product &product = products[Handle::getNumber(bits) % kKept];
  if (!product.number ||
      Handle::encode(product.number, Handle::getIndex(bits)) != bits ||
      Handle::getIndex(bits) >= product.columns / 2)
    return nullptr;
  return &product;
}

float mfaSimAccumulator(ThreadState *state, float value, uint32_t site) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  if (!Handle::isHandle(bits))
    return value;
  Thread &self = getThread(state);
  // What follows the use may reuse the register.
  self.hasRegisterFence = false;
  return self.block->readHandle(self, bits, site);
}

float Block::readHandle(Thread &self, uint32_t bits, uint32_t site) {
  Warpgroup &group = getWarpgroup(self, site);
  Product *product = group.find(bits);
  if (!product)
    fail(FaultKind::InvalidOperand, self, site,
         format("the accumulator belongs to a product of the warpgroup before "
                "the latest %u",
                Warpgroup::kKept));
  if (product->group >= self.completedProductGroups)
    report(FaultKind::InFlight, self, site, [&] {
      return "use of an accumulator that a product may still be writing\n  "
             "started by: " +
             launch->describeSite(product->site);
    });
  return getAccumulator(*product, self, Handle::getIndex(bits));
}

void mfaSimProductFence(ThreadState *state, uint32_t site) {
  getThread(state).hasRegisterFence = true;
}

void mfaSimProductCommit(ThreadState *state, uint32_t site) {
  ++getThread(state).closedProductGroups;
}

void mfaSimProductWait(ThreadState *state, uint32_t pending, uint32_t site) {
  Thread &self = getThread(state);
  if (self.closedProductGroups > pending)
    self.block->completeProducts(self, self.closedProductGroups - pending,
                                 site);
}

void Block::completeProducts(Thread &self, uint32_t end, uint32_t site) {
  self.completedProductGroups = std::max(self.completedProductGroups, end);
  if (!hasChecks())
    return;
  const Warpgroup &group = getWarpgroup(self, site);
  uint32_t clock = 0;
  for (auto [number, last] : group.groupClocks)
    if (number < end)
      clock = std::max(clock, last);
  uint32_t agent = getProductAgent(group) + self.warpId % kWarpsOfGroup;
  if (self.knows->clocks[agent] >= clock)
    return;
  Knowledge *merged = pool.copy(*self.knows);
  merged->clocks[agent] = clock;
  pool.assign(self.knows, merged);
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

/// Registers that a warpgroup has more than before if each of its threads has
/// `count`.
static int64_t getGrowth(const Warpgroup &group, uint32_t count) {
  return (int64_t(count) - int64_t(group.registers)) * kThreadsOfGroup;
}

static bool computeRegisters(Warpgroup &group, uint32_t count, uint32_t site) {
  return group.block->setRegisters(group, count);
}

bool Block::setRegisters(Warpgroup &group, uint32_t count) {
  if (getGrowth(group, count) > freeRegisters) {
    group.wantedRegisters = count;
    return false;
  }
  freeRegisters -= getGrowth(group, count);
  group.registers = count;
  for (Warpgroup &other : warpgroups) {
    const uint32_t wanted = other.wantedRegisters;
    if (!wanted || getGrowth(other, wanted) > freeRegisters)
      continue;
    freeRegisters -= getGrowth(other, wanted);
    other.registers = wanted;
    other.wantedRegisters = 0;
    release(other);
  }
  return true;
}

void mfaSimSetRegisters(ThreadState *state, uint32_t count, uint32_t increases,
                        uint32_t site) {
  Thread &self = getThread(state);
  Block &block = *self.block;
  const Warpgroup &group = block.getWarpgroup(self, site);
  if (!group.registers)
    block.fail(FaultKind::InvalidOperand, self, site,
               "the kernel has no bound of registers, without which it has no "
               "effect (nvvm.maxnreg, or nvvm.maxntid with nvvm.minctasm)");
  if (count % 8 || count < 24 || count > 256)
    block.fail(
        FaultKind::InvalidOperand, self, site,
        format("expected a multiple of 8 from 24 to 256 but got %u", count));
  if (increases ? count < group.registers : count > group.registers)
    block.fail(FaultKind::InvalidOperand, self, site,
               format("expected %s %u registers, which each thread has, but "
                      "got %u",
                      increases ? "at least" : "at most", group.registers,
                      count));
  block.meetWarpgroup(self, computeRegisters, count, site);
}
