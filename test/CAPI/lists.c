//===- lists.c - Test of lists of key tiles that launches share -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention within documents, for the CPU, in simulation, and as what is said
// to a stand-in for the driver; lists.test compares what it prints.
//
//===----------------------------------------------------------------------===//

#include "Errors.h"

enum { Length = 256, Heads = 2, D = 16 };

struct Data {
  float query[Length * Heads * D], output[Length * Heads * D],
      expected[Length * Heads * D];
  int32_t documents[Length];
};

static const char *const kRules =
    "func.func @keep(%b: index, %h: index, %q: index, %k: index, %documents: "
    "memref<?xi32, strided<[1]>> loc(\"documents\")) -> i1 {\n"
    "  %0 = memref.load %documents[%q] : memref<?xi32, strided<[1]>>\n"
    "  %1 = memref.load %documents[%k] : memref<?xi32, strided<[1]>>\n"
    "  %2 = arith.cmpi eq, %0, %1 : i32\n"
    "  return %2 : i1\n"
    "}\n";

static MfaKernel compile(MfaTarget target) {
  MfaProblem problem = {0};
  problem.elementType = MfaElementF32;
  problem.headDim = problem.valueDim = D;
  problem.rules = text(kRules);
  MfaOptions options = {0};
  options.target = target;
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  return kernel;
}

enum Kind { Plain, Shared, ListsOnly };

/// A call on the first keys.
static MfaError call(enum Kind kind, MfaKernel kernel, MfaKeptTileLists lists,
                     struct Data *data, int64_t keys, void *stream) {
  const int64_t query[] = {1, Length, Heads, D}, key[] = {1, keys, Heads, D};
  const int64_t strides[] = {Length * Heads * D, Heads * D, D, 1};
  const int64_t documents[] = {Length}, unit[] = {1};
  MfaArgument arguments[] = {
      {.data = data->query, .sizes = query, .strides = strides},
      {.data = data->query, .sizes = key, .strides = strides},
      {.data = data->query, .sizes = key, .strides = strides},
      {.data = data->documents, .sizes = documents, .strides = unit},
      {.data = data->output, .sizes = query, .strides = strides}};
  switch (kind) {
  case Plain:
    return mfaKernelLaunch(kernel, arguments, 5, MFA_CURRENT_DEVICE, stream);
  case Shared:
    return mfaKernelLaunchWithLists(kernel, lists, /*distinct=*/false,
                                    arguments, 5, MFA_CURRENT_DEVICE, stream);
  case ListsOnly:
    return mfaKernelMakeLists(kernel, lists, arguments, 5, MFA_CURRENT_DEVICE,
                              stream);
  }
  return (MfaError){NULL};
}

/// Compares a call with shared lists with one that makes its own.
static void compare(const char *name, MfaKernel kernel, MfaKeptTileLists lists,
                    struct Data *data, int64_t keys) {
  require(call(Plain, kernel, lists, data, keys, NULL));
  memcpy(data->expected, data->output, sizeof(data->output));
  memset(data->output, 0, sizeof(data->output));
  require(call(Shared, kernel, lists, data, keys, NULL));
  bool isSame = !memcmp(data->expected, data->output, sizeof(data->output));
  printf("%s: %s, %d lists\n", name, isSame ? "the same" : "another result",
         (int)mfaKeptTileListsGetSize(lists));
}

static struct Data *makeData(void) {
  struct Data *data = calloc(1, sizeof(*data));
  for (int i = 0; i < Length * Heads * D; ++i)
    data->query[i] = (float)(i * 37 % 101) / 50 - 1;
  for (int i = 0; i < Length; ++i)
    data->documents[i] = i / (Length / 4);
  return data;
}

static void testHost(MfaTarget target, const char *name) {
  printf("%s\n", name);
  struct Data *data = makeData();
  MfaKernel kernel = compile(target);
  MfaKeptTileLists lists = mfaKeptTileListsCreate(/*assumesFinite=*/false);
  data->output[0] = 77;
  require(call(ListsOnly, kernel, lists, data, Length, NULL));
  printf("prepared: output %g, %d lists\n", data->output[0],
         (int)mfaKeptTileListsGetSize(lists));
  compare("first", kernel, lists, data, Length);
  compare("second", kernel, lists, data, Length);
  compare("fewer keys", kernel, lists, data, Length / 2);
  for (int i = 0; i < Length; ++i)
    data->documents[i] = 0;
  compare("other documents in place", kernel, lists, data, Length);
  mfaKeptTileListsClear(lists);
  printf("cleared: %d lists\n", (int)mfaKeptTileListsGetSize(lists));
  compare("anew", kernel, lists, data, Length);
  // Each number of keys has a list, but not more than there is room for.
  for (int keys = 1; keys <= 40; ++keys)
    require(call(Shared, kernel, lists, data, keys, NULL));
  compare("after many", kernel, lists, data, Length);
  report(call(Shared, kernel, lists, data, -1, NULL));
  mfaKeptTileListsDestroy(lists);
  mfaKernelDestroy(kernel);
  free(data);
}

static void testModule(void) {
  MfaOptions options = {0};
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileSource(text("func.func @main() { return }"), text(""),
                                 &options, &kernel));
  MfaKeptTileLists lists = mfaKeptTileListsCreate(false);
  report(mfaKernelLaunchWithLists(kernel, lists, true, NULL, 0,
                                  MFA_CURRENT_DEVICE, NULL));
  mfaKeptTileListsDestroy(lists);
  mfaKeptTileListsDestroy((MfaKeptTileLists){NULL});
  mfaKernelDestroy(kernel);
}

/// Says what the stand-in's lines that come next are about.
static void say(const char *what) { fprintf(stderr, "%s\n", what); }

static void testCUDA(void) {
  struct Data *data = makeData();
  MfaKernel kernel = compile(MfaTargetCUDA);
  require(mfaKernelLoad(kernel, 0));
  void *first = (void *)0x51, *second = (void *)0x52;
  MfaKeptTileLists lists = mfaKeptTileListsCreate(false);
  say("captured without a list");
  setenv("MFA_FAKE_CUDA_CAPTURING", "1", 1);
  report(call(Shared, kernel, lists, data, Length, first));
  unsetenv("MFA_FAKE_CUDA_CAPTURING");
  say("list alone");
  report(call(ListsOnly, kernel, lists, data, Length, first));
  say("there while the GPU is at it");
  setenv("MFA_FAKE_CUDA_BUSY", "1", 1);
  report(call(Shared, kernel, lists, data, Length, second));
  say("captured while the GPU is at it");
  setenv("MFA_FAKE_CUDA_CAPTURING", "1", 1);
  report(call(Shared, kernel, lists, data, Length, second));
  unsetenv("MFA_FAKE_CUDA_BUSY");
  say("there");
  report(call(Shared, kernel, lists, data, Length, second));
  say("cleared in a capture");
  mfaKeptTileListsClear(lists);
  unsetenv("MFA_FAKE_CUDA_CAPTURING");
  say("anew");
  report(call(Shared, kernel, lists, data, Length, second));
  say("destroyed");
  mfaKeptTileListsDestroy(lists);
  say("end");
  mfaKernelDestroy(kernel);
  free(data);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "cuda")) {
    testCUDA();
    return 0;
  }
  testHost(MfaTargetSim, "sim");
  testHost(MfaTargetCPU, "cpu");
  testModule();
  return 0;
}
