//===- Report.cpp - What a kernel did, in numbers -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "Launch.h"
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

using namespace mfa::sim;

//===----------------------------------------------------------------------===//
// Counters
//===----------------------------------------------------------------------===//

void Counters::add(const Counters &other) {
  launches += other.launches;
  blocks += other.blocks;
  threads += other.threads;
  globalRead += other.globalRead;
  globalWritten += other.globalWritten;
  sharedRead += other.sharedRead;
  sharedWritten += other.sharedWritten;
  tensorRead += other.tensorRead;
  tensorWritten += other.tensorWritten;
  products += other.products;
  productMultiplications += other.productMultiplications;
  sharedPasses += other.sharedPasses;
  bankConflicts += other.bankConflicts;
  barrierWaits += other.barrierWaits;
  warpWaits += other.warpWaits;
  if (basicBlocks.size() < other.basicBlocks.size())
    basicBlocks.resize(other.basicBlocks.size());
  for (size_t i = 0; i < other.basicBlocks.size(); ++i)
    basicBlocks[i] += other.basicBlocks[i];
}

/// Passes that lanes need together: shared memory has 32 banks of 4 bytes, and
/// one pass serves one word of each bank to any number of lanes.
static uint32_t getPasses(const LoggedAccess *first, size_t count) {
  std::vector<uint32_t> words[32];
  size_t passes = 1;
  for (size_t i = 0; i < count; ++i) {
    uint32_t end = first[i].offset + first[i].bytes;
    for (uint32_t word = first[i].offset / 4; word * 4 < end; ++word) {
      std::vector<uint32_t> &bank = words[word % 32];
      if (std::find(bank.begin(), bank.end(), word) == bank.end())
        bank.push_back(word);
      passes = std::max(passes, bank.size());
    }
  }
  return passes;
}

void Counters::countPass(const std::vector<LoggedAccess> &accesses) {
  // Lanes are served in groups that can fetch 128 bytes together.
  uint32_t bytes = std::max(4u, accesses.front().bytes);
  size_t group = std::max<size_t>(1, 128 / bytes);
  for (size_t i = 0; i < accesses.size(); i += group) {
    size_t count = std::min(group, accesses.size() - i);
    uint32_t passes = getPasses(&accesses[i], count);
    sharedPasses += passes;
    bankConflicts += passes - 1;
  }
}

void Counters::countPasses(std::vector<LoggedAccess> *logs[], uint32_t lanes) {
  // Accesses belong together that are the n-th one of their lane at a site.
  std::map<std::pair<uint32_t, uint32_t>, std::vector<LoggedAccess>> groups;
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    std::map<uint32_t, uint32_t> seen;
    for (const LoggedAccess &access : *logs[lane])
      groups[{seen[access.site]++, access.site}].push_back(access);
    logs[lane]->clear();
  }
  for (const auto &entry : groups)
    countPass(entry.second);
}

std::map<std::string, uint64_t>
mfa::sim::countInstructions(const char *blocks, const Counters &counters) {
  std::map<std::string, uint64_t> counts;
  if (!blocks)
    return counts;
  // One line a basic block: "operation count" pairs, separated by tabs.
  size_t number = 0;
  for (const char *line = blocks; *line; ++number) {
    const char *end = strchr(line, '\n');
    uint64_t executions =
        number < counters.basicBlocks.size() ? counters.basicBlocks[number] : 0;
    while (line < end) {
      const char *space = strchr(line, ' ');
      char *next;
      uint64_t count = strtoull(space, &next, 10);
      if (executions)
        counts[std::string(line, space - line)] += count * executions;
      line = next + (*next == '\t');
    }
    line = end + 1;
  }
  return counts;
}

//===----------------------------------------------------------------------===//
// Reports of the process
//===----------------------------------------------------------------------===//

namespace {
struct KernelReport {
  const char *blocks = nullptr;
  Counters counters;
  std::map<std::string, uint64_t> instructions;
};

struct Reports {
  std::mutex mutex;
  std::atomic<bool> enabled{false};
  std::map<std::string, KernelReport> kernels;
};
} // namespace

static Reports &getReports() {
  static Reports &reports = *new Reports();
  static bool initialized = [] {
    const char *wanted = getenv("MFA_SIM_REPORT");
    if (!wanted)
      return true;
    reports.enabled = true;
    if (!strcmp(wanted, "json"))
      atexit([] { mfaSimPrintReport(true); });
    else
      atexit([] { mfaSimPrintReport(false); });
    return true;
  }();
  (void)initialized;
  return reports;
}

bool mfa::sim::isReporting() { return getReports().enabled; }

void mfaSimEnableReport(bool enabled) { getReports().enabled = enabled; }

void mfa::sim::addToReport(const KernelInfo &kernel, const Counters &counters) {
  Reports &reports = getReports();
  std::lock_guard<std::mutex> lock(reports.mutex);
  KernelReport &report = reports.kernels[kernel.name];
  report.counters.add(counters);
  // The tables live in the compiled program, which may be gone when the report
  // is asked for.
  for (const auto &[name, count] : countInstructions(kernel.blocks, counters))
    report.instructions[name] += count;
}

namespace {
struct Row {
  const char *name;
  const char *key;
  uint64_t Counters::*field;
};
} // namespace

static constexpr Row kRows[] = {
    {"launches", "launches", &Counters::launches},
    {"blocks", "blocks", &Counters::blocks},
    {"threads", "threads", &Counters::threads},
    {"bytes read from global memory", "global_bytes_read",
     &Counters::globalRead},
    {"bytes written to global memory", "global_bytes_written",
     &Counters::globalWritten},
    {"bytes read from shared memory", "shared_bytes_read",
     &Counters::sharedRead},
    {"bytes written to shared memory", "shared_bytes_written",
     &Counters::sharedWritten},
    {"bytes read by tensor copies", "tensor_bytes_read", &Counters::tensorRead},
    {"bytes written by tensor copies", "tensor_bytes_written",
     &Counters::tensorWritten},
    {"products of a warpgroup", "warpgroup_products", &Counters::products},
    {"multiplications of these products", "warpgroup_multiplications",
     &Counters::productMultiplications},
    {"passes through shared memory", "shared_passes", &Counters::sharedPasses},
    {"passes added by bank conflicts", "bank_conflicts",
     &Counters::bankConflicts},
    {"waits of a thread at a barrier", "barrier_waits",
     &Counters::barrierWaits},
    {"waits of a lane for its warp", "warp_waits", &Counters::warpWaits},
};

static std::string toTable(const std::string &name,
                           const KernelReport &report) {
  std::string text = "kernel " + name + "\n";
  auto addRow = [&](const char *label, uint64_t value) {
    text += format("  %-40s %16llu\n", label,
                   static_cast<unsigned long long>(value));
  };
  for (const Row &row : kRows)
    addRow(row.name, report.counters.*row.field);
  if (report.instructions.empty())
    return text;
  text += "  operations executed by threads\n";
  for (const auto &[operation, count] : report.instructions)
    addRow(("  " + operation).c_str(), count);
  return text;
}

static std::string toJSON(const std::string &name, const KernelReport &report) {
  std::string text = "{\"kernel\": \"" + name + "\"";
  for (const Row &row : kRows)
    text += format(", \"%s\": %llu", row.key,
                   static_cast<unsigned long long>(report.counters.*row.field));
  text += ", \"operations\": {";
  const char *separator = "";
  for (const auto &[operation, count] : report.instructions) {
    text += separator + ("\"" + operation + "\": ") + std::to_string(count);
    separator = ", ";
  }
  return text + "}}";
}

std::string mfa::sim::getReport(bool json) {
  Reports &reports = getReports();
  std::lock_guard<std::mutex> lock(reports.mutex);
  std::string text = json ? "[" : "";
  const char *separator = "";
  for (const auto &[name, report] : reports.kernels) {
    if (json)
      text += separator + toJSON(name, report);
    else
      text += toTable(name, report);
    separator = ",\n ";
  }
  return json ? text + "]\n" : text;
}

void mfaSimPrintReport(bool json) {
  fputs(getReport(json).c_str(), stdout);
  fflush(stdout);
}
