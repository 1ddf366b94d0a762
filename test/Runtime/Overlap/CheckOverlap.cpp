//===- CheckOverlap.cpp - Test of arrays that share memory ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Asks whether random views of one buffer share memory, and compares with the
// sets of their bytes; then what no set can hold.
//
// Usage: mfa-overlap-test COUNT SEED
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/Overlap.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <vector>

using namespace mfa::runtime;

namespace {
/// An array that owns its sizes and strides. Its memory is not touched.
struct View {
  int64_t address = 0, byteWidth = 1;
  std::vector<int64_t> sizes, strides;

  StridedArray get() const {
    return {reinterpret_cast<void *>(address), byteWidth,
            static_cast<int64_t>(sizes.size()), sizes.data(), strides.data()};
  }

  /// Adds the bytes of all elements to a set; false where two share one.
  bool addBytes(std::set<int64_t> &bytes) const {
    return addBytes(bytes, 0, address);
  }

private:
  bool addBytes(std::set<int64_t> &bytes, size_t dim, int64_t at) const {
    bool isNew = true;
    if (dim == sizes.size()) {
      for (int64_t byte = 0; byte < byteWidth; ++byte)
        isNew &= bytes.insert(at + byte).second;
      return isNew;
    }
    for (int64_t i = 0; i < sizes[dim]; ++i)
      isNew &= addBytes(bytes, dim + 1, at + i * strides[dim] * byteWidth);
    return isNew;
  }
};
} // namespace

static int64_t pick(std::mt19937 &random, int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(random);
}

/// Layouts as tensors have them, with gaps, in any order of dimensions, some
/// of them reversed or expanded; and strides at random.
static View makeView(std::mt19937 &random) {
  View view;
  view.byteWidth = int64_t{1} << pick(random, 0, 3);
  view.address = 4096 + pick(random, 0, 40) * (pick(random, 0, 3) ? 8 : 1);
  int64_t rank = pick(random, 0, 5), stride = 1;
  bool isLayout = pick(random, 0, 3) != 0;
  for (int64_t dim = 0; dim < rank; ++dim) {
    view.sizes.push_back(pick(random, pick(random, 0, 20) ? 1 : 0, 4));
    view.strides.push_back(isLayout ? stride : pick(random, -20, 20));
    stride *= view.sizes.back() ? view.sizes.back() : 1;
    stride += pick(random, 0, 2) ? 0 : pick(random, 0, 5);
    if (pick(random, 0, 9) == 0)
      view.strides.back() *= pick(random, -1, 0);
  }
  for (int64_t dim = rank - 1; dim > 0; --dim) {
    int64_t other = pick(random, 0, dim);
    std::swap(view.sizes[dim], view.sizes[other]);
    std::swap(view.strides[dim], view.strides[other]);
  }
  return view;
}

static void fail(const char *what, const View &view) {
  std::printf("%s: at %lld, width %lld,", what,
              static_cast<long long>(view.address),
              static_cast<long long>(view.byteWidth));
  for (size_t dim = 0; dim < view.sizes.size(); ++dim)
    std::printf(" %lld:%lld", static_cast<long long>(view.sizes[dim]),
                static_cast<long long>(view.strides[dim]));
  std::printf("\n");
}

static void checkRandom(int count, std::mt19937 &random) {
  int wrong = 0, overlapping = 0, folded = 0;
  for (int i = 0; i < count; ++i) {
    View first = makeView(random), second = makeView(random);
    std::set<int64_t> bytes, others;
    bool isDistinct = first.addBytes(bytes);
    second.addBytes(others);
    bool shares = false;
    for (int64_t byte : others)
      shares |= bytes.count(byte) != 0;
    overlapping += shares;
    folded += !isDistinct;
    if (overlap(first.get(), second.get()) != shares ||
        overlap(second.get(), first.get()) != shares) {
      ++wrong;
      fail("overlap", first);
      fail("  with", second);
    }
    if (overlapsItself(first.get()) == isDistinct) {
      ++wrong;
      fail("overlapsItself", first);
    }
  }
  std::printf("%d pairs, %d share memory, %d arrays within: %d wrong\n", count,
              overlapping, folded, wrong);
}

/// What is asked of arrays that are in no memory, and of those that would take
/// a search for ever: they may overlap.
static void checkExtremes() {
  View plain = {4096, 4, {4, 4}, {4, 1}};
  std::vector<View> views;
  for (int64_t stride :
       {INT64_MAX, INT64_MIN, INT64_MAX / 4, INT64_MIN / 4, int64_t{1} << 61})
    for (int64_t size : {int64_t{2}, int64_t{3}, INT64_MAX})
      views.push_back({4096, 4, {size, 2}, {stride, stride}});
  views.push_back({INT64_MAX - 8, 8, {4}, {1}});
  for (const View &view : views) {
    if (!overlap(plain.get(), view.get()) || !overlap(view.get(), view.get()) ||
        !overlapsItself(view.get()))
      fail("expected an overlap", view);
    // One element, or none, is wherever it is.
    for (int64_t size : {0, 1}) {
      View small = view;
      small.sizes.assign(small.sizes.size(), size);
      bool isAlone = small.address != plain.address || size == 0;
      if (overlapsItself(small.get()) ||
          overlap(plain.get(), small.get()) == isAlone)
        fail("expected one element", small);
    }
  }
  // Sums of 24 numbers, which are different but for a chance.
  std::mt19937_64 random(1);
  View first = {4096, 1, std::vector<int64_t>(12, 2), {}}, second = first;
  for (int64_t dim = 0; dim < 12; ++dim) {
    first.strides.push_back(static_cast<int64_t>(random() >> 20));
    second.strides.push_back(static_cast<int64_t>(random() >> 20));
  }
  second.address += first.strides[0] / 2;
  std::printf("of strides at random: %d\n", overlap(first.get(), second.get()));
}

/// Which of several arrays is named, and with which other one.
static void checkConflicts() {
  auto report = [](std::vector<View> views, size_t numWritten) {
    std::vector<StridedArray> arrays;
    for (const View &view : views)
      arrays.push_back(view.get());
    if (auto conflict = findConflict(arrays.data(), arrays.size(), numWritten))
      std::printf("%zu with %zu\n", conflict->written, conflict->other);
    else
      std::printf("none\n");
  };
  View a = {4096, 4, {8}, {1}}, b = {4128, 4, {8}, {1}},
       even = {8192, 4, {8}, {2}}, uneven = {8196, 4, {8}, {2}},
       folded = {16384, 4, {8, 2}, {1, 1}}, empty = {4096, 4, {8, 0}, {1, 1}},
       nowhere = {4096, 4, {3}, {INT64_MAX / 8}};
  report({a, a, even, uneven}, 2);
  report({a, b, even, even, uneven}, 3);
  report({a, even, b, uneven, even}, 2);
  report({folded, a, even}, 1);
  report({a, even, folded}, 2);
  report({a, b, empty}, 1);
  report({a, empty, b}, 1);
  report({nowhere, empty}, 1);
  report({nowhere, even}, 1);
  report({}, 0);
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  std::mt19937 random(static_cast<unsigned>(std::atoi(argv[2])));
  checkRandom(std::atoi(argv[1]), random);
  checkExtremes();
  checkConflicts();
  return 0;
}
