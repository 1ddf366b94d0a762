//===- Warp.cpp - Operations that the lanes of a warp execute together ----===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mfa::sim;

/// Calls `function(lane)` for each lane of a set.
template <typename Function>
static void forEachLane(Warp &warp, uint32_t lanes, Function &&function) {
  for (; lanes; lanes &= lanes - 1)
    function(warp.lane(__builtin_ctz(lanes)));
}

//===----------------------------------------------------------------------===//
// Meeting
//===----------------------------------------------------------------------===//

void Warp::meet(Thread &self, uint32_t mask, MeetFn compute, uint32_t parameter,
                uint32_t site) {
  if (!(mask >> self.laneId & 1))
    block->fail(FaultKind::Divergence, self, site,
                format("lane %u executes it with the lane mask 0x%08x, which "
                       "does not name that lane",
                       self.laneId, mask));
  arrive(self, mask, compute, parameter, site, /*aligned=*/false);
}

void Warp::meetAligned(Thread &self, MeetFn compute, uint32_t parameter,
                       uint32_t site) {
  if (live != ~0u)
    block->fail(FaultKind::Divergence, self, site,
                format("all 32 lanes of a warp have to execute it, but warp %u "
                       "has only lanes 0x%08x left",
                       index, live));
  arrive(self, ~0u, compute, parameter, site, /*aligned=*/true);
}

void Warp::arrive(Thread &self, uint32_t mask, MeetFn compute,
                  uint32_t parameter, uint32_t site, bool aligned) {
  const uint32_t bit = 1u << self.laneId;
  auto it = std::find_if(meets.begin(), meets.end(), [&](const Meet &meet) {
    return aligned || meet.aligned || meet.mask == mask;
  });
  if (it == meets.end()) {
    meets.push_back({mask, 0, site, parameter, compute, aligned});
    it = meets.end() - 1;
  }
  bool same = aligned ? it->aligned && it->site == site
                      : it->compute == compute && it->parameter == parameter;
  if (!same) {
    std::string first = block->getLaunch().describeSite(it->site);
    block->fail(FaultKind::Divergence, self, site,
                format("lane %u of warp %u arrives while lanes 0x%08x wait at ",
                       self.laneId, index, it->arrived) +
                    first);
  }
  it->arrived |= bit;
  if (it->arrived == (mask & live))
    return finish(*it, bit);
  block->suspend(self, Thread::Status::AtWarp, site);
}

void Warp::finish(Meet &meet, uint32_t running) {
  Meet done = meet;
  meet = meets.back();
  meets.pop_back();
  done.compute(*this, done.arrived, done.parameter, done.site);
  ready |= done.arrived & ~running;
  if (done.arrived == present && block->getLaunch().counting)
    block->flushLog(*this);
}

void Warp::exit(Thread &self) {
  const uint32_t bit = 1u << self.laneId;
  live &= ~bit;
  for (size_t i = 0; i < meets.size();) {
    Meet &meet = meets[i];
    if (!(meet.mask & bit)) {
      ++i;
      continue;
    }
    if (meet.aligned)
      block->fail(FaultKind::Divergence, self, meet.site,
                  format("lane %u of warp %u leaves the kernel while lanes "
                         "0x%08x wait for it",
                         self.laneId, index, meet.arrived));
    if (meet.arrived == (meet.mask & live))
      finish(meet, 0);
    else
      ++i;
  }
}

//===----------------------------------------------------------------------===//
// Synchronisation, shuffles, votes and reductions
//===----------------------------------------------------------------------===//

static void computeWarpSync(Warp &warp, uint32_t lanes, uint32_t parameter,
                            uint32_t site) {
  if (!warp.block->hasChecks())
    return;
  std::vector<Thread *> &group = warp.block->getGroup();
  forEachLane(warp, lanes, [&](Thread &lane) { group.push_back(&lane); });
  warp.block->synchronize(group);
}

void mfaSimWarpSync(ThreadState *state, uint32_t mask, uint32_t site) {
  Thread &self = getThread(state);
  self.warp->meet(self, mask, computeWarpSync, 0, site);
}

/// Slot words: value, offset, clamp; results: valid, value. The source lane is
/// that of the PTX ISA, "shfl.sync".
static void computeShuffle(Warp &warp, uint32_t lanes, uint32_t parameter,
                           uint32_t site) {
  uint32_t values[kWarpSize];
  forEachLane(warp, lanes,
              [&](Thread &lane) { values[lane.laneId] = lane.words()[0]; });
  forEachLane(warp, lanes, [&](Thread &lane) {
    uint32_t *words = lane.words();
    uint32_t id = lane.laneId;
    uint32_t offset = words[1] & 31;
    uint32_t clamp = words[2] & 31;
    uint32_t segment = words[2] >> 8 & 31;
    uint32_t maxLane = (id & segment) | (clamp & ~segment);
    uint32_t minLane = id & segment;
    uint32_t source = id;
    bool valid = false;
    switch (static_cast<ShuffleKind>(parameter)) {
    case ShuffleKind::Up:
      source = id - offset;
      valid = static_cast<int32_t>(source) >= static_cast<int32_t>(maxLane);
      break;
    case ShuffleKind::Down:
      source = id + offset;
      valid = source <= maxLane;
      break;
    case ShuffleKind::Bfly:
      source = id ^ offset;
      valid = source <= maxLane;
      break;
    case ShuffleKind::Idx:
      source = minLane | (offset & ~segment);
      valid = source <= maxLane;
      break;
    }
    if (!valid)
      source = id;
    if (!(lanes >> source & 1))
      warp.block->fail(FaultKind::Divergence, lane, site,
                       format("lane %u reads lane %u, which does not take part "
                              "(lanes 0x%08x do)",
                              id, source, lanes));
    words[0] = valid;
    words[1] = values[source];
  });
}

uint32_t mfaSimShuffle(ThreadState *state, uint32_t mask, uint32_t value,
                       uint32_t offset, uint32_t clamp, uint32_t kind,
                       uint32_t site) {
  Thread &self = getThread(state);
  uint32_t *words = self.words();
  words[0] = value;
  words[1] = offset;
  words[2] = clamp;
  self.warp->meet(self, mask, computeShuffle, kind, site);
  return words[1];
}

static void computeVote(Warp &warp, uint32_t lanes, uint32_t parameter,
                        uint32_t site) {
  uint32_t ballot = 0;
  forEachLane(warp, lanes, [&](Thread &lane) {
    ballot |= (lane.words()[0] != 0) << lane.laneId;
  });
  uint32_t result = 0;
  switch (static_cast<VoteKind>(parameter)) {
  case VoteKind::Any:
    result = ballot != 0;
    break;
  case VoteKind::All:
    result = ballot == lanes;
    break;
  case VoteKind::Ballot:
    result = ballot;
    break;
  case VoteKind::Uniform:
    result = ballot == lanes || ballot == 0;
    break;
  }
  forEachLane(warp, lanes, [&](Thread &lane) { lane.words()[0] = result; });
}

uint32_t mfaSimVote(ThreadState *state, uint32_t mask, uint32_t predicate,
                    uint32_t kind, uint32_t site) {
  Thread &self = getThread(state);
  self.words()[0] = predicate;
  self.warp->meet(self, mask, computeVote, kind, site);
  return self.words()[0];
}

static uint32_t reduceIntegers(ReduceKind kind, uint32_t a, uint32_t b) {
  int32_t signedA = a, signedB = b;
  switch (kind) {
  case ReduceKind::Add:
    return a + b;
  case ReduceKind::And:
    return a & b;
  case ReduceKind::Or:
    return a | b;
  case ReduceKind::Xor:
    return a ^ b;
  case ReduceKind::Max:
    return std::max(signedA, signedB);
  case ReduceKind::Min:
    return std::min(signedA, signedB);
  case ReduceKind::UMax:
    return std::max(a, b);
  case ReduceKind::UMin:
    return std::min(a, b);
  case ReduceKind::FMin:
  case ReduceKind::FMax:
    break;
  }
  return 0;
}

static uint32_t reduceFloats(uint32_t parameter, uint32_t a, uint32_t b) {
  float x, y;
  memcpy(&x, &a, sizeof(x));
  memcpy(&y, &b, sizeof(y));
  bool isMax = static_cast<ReduceKind>(parameter & 0xff) == ReduceKind::FMax;
  float result = isMax ? std::fmax(x, y) : std::fmin(x, y);
  if ((parameter & kReduceNaN) && (std::isnan(x) || std::isnan(y)))
    result = NAN;
  uint32_t bits;
  memcpy(&bits, &result, sizeof(bits));
  return bits;
}

static void computeReduce(Warp &warp, uint32_t lanes, uint32_t parameter,
                          uint32_t site) {
  auto kind = static_cast<ReduceKind>(parameter & 0xff);
  bool isFloat = kind == ReduceKind::FMin || kind == ReduceKind::FMax;
  uint32_t result = 0;
  bool first = true;
  forEachLane(warp, lanes, [&](Thread &lane) {
    uint32_t value = lane.words()[0];
    if (parameter & kReduceAbs)
      value &= 0x7fffffff;
    if (first)
      result = value;
    else
      result = isFloat ? reduceFloats(parameter, result, value)
                       : reduceIntegers(kind, result, value);
    first = false;
  });
  forEachLane(warp, lanes, [&](Thread &lane) { lane.words()[0] = result; });
}

uint32_t mfaSimReduce(ThreadState *state, uint32_t value, uint32_t mask,
                      uint32_t kind, uint32_t site) {
  Thread &self = getThread(state);
  self.words()[0] = value;
  self.warp->meet(self, mask, computeReduce, kind, site);
  return self.words()[0];
}

/// The hardware elects the lowest lane in practice; kernels may not rely on
/// it, but one lane has to be chosen.
static void computeElect(Warp &warp, uint32_t lanes, uint32_t parameter,
                         uint32_t site) {
  uint32_t leader = __builtin_ctz(lanes);
  forEachLane(warp, lanes,
              [&](Thread &lane) { lane.words()[0] = lane.laneId == leader; });
}

uint32_t mfaSimElect(ThreadState *state, uint32_t mask, uint32_t site) {
  Thread &self = getThread(state);
  self.warp->meet(self, mask, computeElect, 0, site);
  return self.words()[0];
}
