//===- KeptTileLists.h - Lists that several launches share ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel with a list of key tiles has it made in front of it, in each run.
// Where the caller says that runs have a mask, and what rules read, in common,
// the first of them keeps its list, and the others find it.
//
// Nothing here depends on LLVM, nor on where the memory is.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_KEPTTILELISTS_H
#define MFA_RUNTIME_KEPTTILELISTS_H

#include "mfa/Runtime/EntryPoint.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace mfa::runtime {

/// Memory of a list, of the host or of a GPU; freed when nobody uses it.
class TileListMemory {
public:
  virtual ~TileListMemory() = default;
  virtual void *getData() const = 0;
  /// Work that the thread has put where it launches fills the memory. False
  /// where that cannot be waited for.
  virtual bool setFilled() = 0;
  /// What the thread launches next may read it. False where that cannot be
  /// had, which has been reported.
  virtual bool use() = 0;
};

/// Gives memory of so many bytes, or null where none can be kept now.
using TileListAllocator = std::unique_ptr<TileListMemory> (*)(uint64_t bytes);

/// Memory of the host, for kernels that have run when their launch returns.
std::unique_ptr<TileListMemory> allocateTileListOnHost(uint64_t bytes);

/// The lists of launches whose masks, and arrays that rules read, have the same
/// contents. May be used by any number of threads at once.
class KeptTileLists {
public:
  /// `assumesFinite`: no score and no value of these launches is infinite or
  /// NaN.
  explicit KeptTileLists(bool assumesFinite) : finite(assumesFinite) {}
  KeptTileLists(const KeptTileLists &) = delete;
  KeptTileLists &operator=(const KeptTileLists &) = delete;

  bool assumesFinite() const { return finite; }
  /// Forgets all lists, those included that are being made.
  void clear();
  /// How many lists there are.
  size_t size() const;

  /// The most lists that are kept: one more takes the place of the one that was
  /// not used for the longest time.
  static constexpr size_t kMost = 16;

private:
  friend class KeptTileListScope;
  using Key = std::vector<int64_t>;
  struct Entry {
    Key key;
    std::shared_ptr<TileListMemory> memory;
    uint64_t lastUse;
  };

  const bool finite;
  mutable std::mutex mutex;
  std::vector<Entry> entries;
  uint64_t numUses = 0;
  /// How often lists were forgotten.
  uint64_t generation = 0;
};

/// While it lives, programs that this thread runs keep their lists in `lists`.
/// `key` is all of a launch that lists depend on, but for contents.
class KeptTileListScope {
public:
  KeptTileListScope(KeptTileLists &lists, std::vector<int64_t> key,
                    bool listsOnly, TileListAllocator allocate);
  ~KeptTileListScope();
  KeptTileListScope(const KeptTileListScope &) = delete;
  KeptTileListScope &operator=(const KeptTileListScope &) = delete;

  /// The run has succeeded: lists that it made are there for others.
  void commit();

  // What programs ask of the thread's scope.
  int64_t getPreparation() const;
  void *get(int64_t bytes, int64_t rows, int64_t keys, int64_t parts);
  /// Of the list that `get` gave last.
  bool isFilled() const { return lastIsFilled; }
  /// Null outside of any.
  static KeptTileListScope *getCurrent();

private:
  KeptTileLists &lists;
  const std::vector<int64_t> key;
  const bool listsOnly;
  const TileListAllocator allocate;
  KeptTileListScope *const previous;
  uint64_t generation;
  bool lastIsFilled = false;
  /// Lists that are used until the scope ends, and those that it makes.
  std::vector<std::shared_ptr<TileListMemory>> used;
  std::vector<KeptTileLists::Entry> made;
};

/// The functions below, for a JIT's table of symbols.
std::vector<EntryPoint> getTileListEntryPoints();

} // namespace mfa::runtime

//===----------------------------------------------------------------------===//
// What lowered host code calls (mfa-lower-device-queries)
//===----------------------------------------------------------------------===//

extern "C" {

/// 1 where the thread's caller wants lists alone, plus 2 where it promises that
/// all is finite.
__attribute__((visibility("default"))) int64_t mfaGetPreparation();

/// Memory for a list of tiles of `rows` queries and `keys` keys, with a step
/// at least for each of `parts` parts; null where the caller keeps none.
__attribute__((visibility("default"))) void *
mfaGetKeptTileList(int64_t bytes, int64_t rows, int64_t keys, int64_t parts);

/// 1 where the list that the thread got last has been made.
__attribute__((visibility("default"))) int64_t mfaIsKeptTileListFilled();
}

#endif // MFA_RUNTIME_KEPTTILELISTS_H
