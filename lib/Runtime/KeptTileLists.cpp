//===- KeptTileLists.cpp - Lists that several launches share --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/KeptTileLists.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

using namespace mfa::runtime;

//===----------------------------------------------------------------------===//
// Memory of the host
//===----------------------------------------------------------------------===//

namespace {
class HostMemory final : public TileListMemory {
public:
  explicit HostMemory(void *data) : data(data) {}
  ~HostMemory() override { std::free(data); }
  void *getData() const override { return data; }
  bool setFilled() override { return true; }
  bool use() override { return true; }

private:
  void *data;
};
} // namespace

std::unique_ptr<TileListMemory>
mfa::runtime::allocateTileListOnHost(uint64_t bytes) {
  // As the driver aligns memory.
  constexpr uint64_t alignment = 256;
  if (bytes > UINT64_MAX - alignment)
    return nullptr;
  void *data = std::aligned_alloc(alignment, (bytes + alignment - 1) /
                                                 alignment * alignment);
  return data ? std::make_unique<HostMemory>(data) : nullptr;
}

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

void KeptTileLists::clear() {
  // Memory is freed without the lock.
  std::vector<Entry> forgotten;
  std::lock_guard<std::mutex> lock(mutex);
  ++generation;
  forgotten.swap(entries);
}

size_t KeptTileLists::size() const {
  std::lock_guard<std::mutex> lock(mutex);
  return entries.size();
}

static thread_local KeptTileListScope *currentScope = nullptr;

KeptTileListScope::KeptTileListScope(KeptTileLists &lists,
                                     std::vector<int64_t> key, bool listsOnly,
                                     TileListAllocator allocate)
    : lists(lists), key(std::move(key)), listsOnly(listsOnly),
      allocate(allocate), previous(currentScope) {
  std::lock_guard<std::mutex> lock(lists.mutex);
  generation = lists.generation;
  currentScope = this;
}

KeptTileListScope::~KeptTileListScope() { currentScope = previous; }

KeptTileListScope *KeptTileListScope::getCurrent() { return currentScope; }

int64_t KeptTileListScope::getPreparation() const {
  return (listsOnly ? 1 : 0) + (lists.assumesFinite() ? 2 : 0);
}

void *KeptTileListScope::get(int64_t bytes, int64_t rows, int64_t keys,
                             int64_t parts) {
  lastIsFilled = false;
  if (bytes <= 0)
    return nullptr;
  std::vector<int64_t> wanted = key;
  wanted.insert(wanted.end(), {bytes, rows, keys, parts});
  std::shared_ptr<TileListMemory> memory;
  {
    std::lock_guard<std::mutex> lock(lists.mutex);
    for (KeptTileLists::Entry &entry : lists.entries)
      if (entry.key == wanted) {
        entry.lastUse = ++lists.numUses;
        memory = entry.memory;
      }
  }
  if (memory) {
    if (!memory->use())
      return nullptr;
    used.push_back(memory);
    lastIsFilled = true;
    return memory->getData();
  }
  memory = allocate(static_cast<uint64_t>(bytes));
  if (!memory)
    return nullptr;
  made.push_back({std::move(wanted), memory, /*lastUse=*/0});
  return memory->getData();
}

void KeptTileListScope::commit() {
  made.erase(std::remove_if(made.begin(), made.end(),
                            [](const KeptTileLists::Entry &entry) {
                              return !entry.memory->setFilled();
                            }),
             made.end());
  std::vector<KeptTileLists::Entry> superfluous;
  std::lock_guard<std::mutex> lock(lists.mutex);
  // Contents may have changed before the lists were forgotten.
  if (generation != lists.generation)
    return;
  std::vector<KeptTileLists::Entry> &entries = lists.entries;
  for (KeptTileLists::Entry &entry : made) {
    bool isThere = std::any_of(entries.begin(), entries.end(),
                               [&](const KeptTileLists::Entry &other) {
                                 return other.key == entry.key;
                               });
    if (isThere)
      continue;
    entry.lastUse = ++lists.numUses;
    entries.push_back(entry);
    if (entries.size() <= KeptTileLists::kMost)
      continue;
    auto oldest = std::min_element(
        entries.begin(), entries.end(),
        [](const KeptTileLists::Entry &lhs, const KeptTileLists::Entry &rhs) {
          return lhs.lastUse < rhs.lastUse;
        });
    superfluous.push_back(std::move(*oldest));
    entries.erase(oldest);
  }
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

int64_t mfaGetPreparation() {
  return currentScope ? currentScope->getPreparation() : 0;
}

void *mfaGetKeptTileList(int64_t bytes, int64_t rows, int64_t keys,
                         int64_t parts) {
  return currentScope ? currentScope->get(bytes, rows, keys, parts) : nullptr;
}

int64_t mfaIsKeptTileListFilled() {
  return currentScope && currentScope->isFilled();
}

std::vector<EntryPoint> mfa::runtime::getTileListEntryPoints() {
  return {
      {"mfaGetPreparation", reinterpret_cast<void *>(&mfaGetPreparation)},
      {"mfaGetKeptTileList", reinterpret_cast<void *>(&mfaGetKeptTileList)},
      {"mfaIsKeptTileListFilled",
       reinterpret_cast<void *>(&mfaIsKeptTileListFilled)},
  };
}
