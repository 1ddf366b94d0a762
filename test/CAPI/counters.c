//===- counters.c - Test of counters of rows, from C ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Errors.h"

#include <pthread.h>
#include <stdint.h>

static MfaKernel compile(MfaTarget target) {
  MfaProblem problem = {0};
  problem.elementType = MfaElementF16;
  problem.headDim = problem.valueDim = 128;
  MfaOptions options = {0};
  options.target = target;
  options.chip = text("sm_90a");
  options.schedule =
      text("#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, "
           "warps = 8, stages = 2, persistent = true, row_counter = true>");
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  return kernel;
}

/// Attention of ones; whether all of the output is ones goes to `isRight`.
static MfaError launch(MfaKernel kernel, int64_t queries, int64_t keys,
                       uintptr_t stream, bool *isRight) {
  enum { Dim = 128, One = 0x3c00 };
  const int64_t count = (queries > keys ? queries : keys) * Dim;
  uint16_t *ones = aligned_alloc(64, 2 * count * sizeof(uint16_t));
  uint16_t *output = ones + count;
  for (int64_t i = 0; i < count; ++i)
    ones[i] = One;
  memset(output, 0, count * sizeof(uint16_t));
  const int64_t strides[] = {count, Dim, Dim, 1};
  const int64_t querySizes[] = {1, queries, 1, Dim};
  const int64_t keySizes[] = {1, keys, 1, Dim};
  MfaArgument query = {.data = ones, .sizes = querySizes, .strides = strides};
  MfaArgument key = {.data = ones, .sizes = keySizes, .strides = strides};
  MfaArgument arguments[] = {query, key, key, query};
  arguments[3].data = output;
  MfaError error =
      mfaKernelLaunch(kernel, arguments, 4, MFA_CURRENT_DEVICE, (void *)stream);
  *isRight = memcmp(ones, output, queries * Dim * sizeof(uint16_t)) == 0;
  free(ones);
  return error;
}

static void launchOn(MfaKernel kernel, uintptr_t stream) {
  bool isRight;
  require(launch(kernel, /*queries=*/64, /*keys=*/64, stream, &isRight));
}

static void *launchInThread(void *kernel) {
  launchOn(*(MfaKernel *)kernel, 0x60);
  launchOn(*(MfaKernel *)kernel, 0x80);
  return NULL;
}

static void testStreams(void) {
  MfaKernel kernel = compile(MfaTargetCUDA);
  const uintptr_t streams[] = {0x60, 0x70, 0x60, 0x70, 0x70};
  for (int i = 0; i < 5; ++i)
    launchOn(kernel, streams[i]);
  printf("another thread\n");
  pthread_t thread;
  pthread_create(&thread, NULL, launchInThread, &kernel);
  pthread_join(thread, NULL);
  printf("the first again\n");
  launchOn(kernel, 0x80);
  mfaKernelDestroy(kernel);
}

static bool countDown(void *left) { return --*(int *)left < 0; }

/// A launch that ends in the middle of its rows, and one behind it.
static void testInterrupt(void) {
  MfaKernel kernel = compile(MfaTargetSim);
  bool isRight;
  int left = 2;
  mfaSetInterruptHandler(countDown, &left);
  report(launch(kernel, /*queries=*/1 << 20, /*keys=*/64, 0, &isRight));
  printf("%s\n", isRight ? "all rows" : "not all rows");
  mfaSetInterruptHandler(NULL, NULL);
  require(launch(kernel, /*queries=*/5000, /*keys=*/64, 0, &isRight));
  printf("%s\n", isRight ? "all rows" : "not all rows");
  mfaKernelDestroy(kernel);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  // In the order of what the driver's stand-in prints on stderr.
  setvbuf(stdout, NULL, _IONBF, 0);
  if (strcmp(what, "streams") == 0)
    testStreams();
  else if (strcmp(what, "interrupt") == 0)
    testInterrupt();
  return 0;
}
