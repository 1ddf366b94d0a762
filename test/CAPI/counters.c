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

static MfaKernel compile(void) {
  MfaProblem problem = {0};
  problem.elementType = MfaElementF16;
  problem.headDim = problem.valueDim = 128;
  MfaOptions options = {0};
  options.target = MfaTargetCUDA;
  options.schedule =
      text("#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, "
           "warps = 8, stages = 2, persistent = true, row_counter = true>");
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  return kernel;
}

static void launch(MfaKernel kernel, uintptr_t stream) {
  enum { Length = 64, Dim = 128 };
  char *memory = aligned_alloc(64, 2 * 2 * Length * Dim);
  const int64_t sizes[] = {1, Length, 1, Dim};
  const int64_t strides[] = {Length * Dim, Dim, Dim, 1};
  MfaArgument argument = {.data = memory, .sizes = sizes, .strides = strides};
  MfaArgument arguments[] = {argument, argument, argument, argument};
  arguments[3].data = memory + 2 * Length * Dim;
  require(mfaKernelLaunch(kernel, arguments, 4, MFA_CURRENT_DEVICE,
                          (void *)stream));
  free(memory);
}

static void *launchInThread(void *kernel) {
  launch(*(MfaKernel *)kernel, 0x60);
  launch(*(MfaKernel *)kernel, 0x80);
  return NULL;
}

int main(void) {
  // In the order of what the driver's stand-in prints on stderr.
  setvbuf(stdout, NULL, _IONBF, 0);
  MfaKernel kernel = compile();
  const uintptr_t streams[] = {0x60, 0x70, 0x60, 0x70, 0x70};
  for (int i = 0; i < 5; ++i)
    launch(kernel, streams[i]);
  printf("another thread\n");
  pthread_t thread;
  pthread_create(&thread, NULL, launchInThread, &kernel);
  pthread_join(thread, NULL);
  printf("the first again\n");
  launch(kernel, 0x80);
  mfaKernelDestroy(kernel);
  return 0;
}
