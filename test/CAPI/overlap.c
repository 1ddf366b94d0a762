//===- overlap.c - Test of outputs in other arguments, from C -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Launches kernels with outputs in the memory of other arguments and beside it;
// overlap.test compares what they say.
//
//===----------------------------------------------------------------------===//

#include "Errors.h"

#include <stddef.h>

enum { S = 6, H = 2, D = 8, kNumArguments = 9 };

/// Says how a launch, or what comes before it, went; true if there was an
/// error.
static bool reportOf(const char *what, MfaError error) {
  printf("%s: ", what);
  if (report(error))
    return true;
  printf("launched\n");
  return false;
}

static const char *const kRules =
    "func.func @score(%s: f32, %b: index, %h: index, %q: index, %k: index,\n"
    "    %slopes: memref<?xf32, strided<[?]>> loc(\"slopes\")) -> f32 {\n"
    "  %0 = memref.load %slopes[%h] : memref<?xf32, strided<[?]>>\n"
    "  %1 = arith.mulf %s, %0 : f32\n"
    "  return %1 : f32\n"
    "}\n";

static MfaKernel compile(MfaTarget target) {
  MfaProblem problem = {0};
  problem.elementType = MfaElementF32;
  problem.headDim = problem.valueDim = D;
  problem.maskRank = 3;
  problem.maskType = MfaElementF32;
  problem.scaleKind = MfaScaleArgument;
  problem.lse = true;
  problem.sinks = true;
  problem.rules = mlirStringRefCreate(kRules, strlen(kRules));
  MfaOptions options = {0};
  options.target = target;
  MfaKernel kernel = {NULL};
  if (reportOf("compile", mfaKernelCompileProblem(&problem, &options, &kernel)))
    exit(1);
  return kernel;
}

/// All arrays are views of one buffer, each array after the other: query, key,
/// value, mask, sinks, slopes, output, log-sum-exp.
struct Arguments {
  float buffer[4096];
  MfaArgument all[kNumArguments];
};

static const int64_t kSizes[] = {1, S, H, D}, kMaskSizes[] = {1, S, S},
                     kHeads[] = {H}, kLSESizes[] = {1, H, S};
static const int64_t kStrides[] = {S * H * D, H *D, D, 1},
                     kMaskStrides[] = {S * S, S, 1}, kUnit[] = {1},
                     kLSEStrides[] = {H * S, S, 1};

static void reset(struct Arguments *arguments) {
  for (int i = 0; i < 4096; ++i)
    arguments->buffer[i] = (float)((i * 7919 + 13) % 257) / 128.0f - 1.0f;
  const int64_t *const sizes[] = {kSizes, kSizes, kSizes, kMaskSizes, NULL,
                                  kHeads, kHeads, kSizes, kLSESizes};
  const int64_t *const strides[] = {kStrides,     kStrides, kStrides,
                                    kMaskStrides, NULL,     kUnit,
                                    kUnit,        kStrides, kLSEStrides};
  const int counts[] = {S * H * D, S * H * D, S * H * D, S * S, 0,
                        H,         H,         S * H * D, H * S};
  float *data = arguments->buffer;
  for (int i = 0; i < kNumArguments; ++i) {
    arguments->all[i] = (MfaArgument){.data = data,
                                      .sizes = sizes[i],
                                      .strides = strides[i],
                                      .number = 0.25f};
    data += counts[i];
  }
}

/// Launches with argument `index` at an offset in the buffer, and says where
/// the buffer changed in spite of an error.
static void launchWith(MfaKernel kernel, const char *what, int index,
                       ptrdiff_t offset, const int64_t *strides) {
  static struct Arguments arguments, before;
  reset(&arguments);
  before = arguments;
  arguments.all[index].data = arguments.buffer + offset;
  if (strides)
    arguments.all[index].strides = strides;
  MfaError error = mfaKernelLaunch(kernel, arguments.all, kNumArguments,
                                   MFA_CURRENT_DEVICE, NULL);
  bool failed = reportOf(what, error);
  bool changed =
      memcmp(arguments.buffer, before.buffer, sizeof(before.buffer)) != 0;
  if (failed == changed)
    printf("  the buffer has %schanged\n", changed ? "" : "not ");
}

static void testLaunches(MfaKernel kernel) {
  enum { query, key, value, mask, scale, sinks, slopes, output, lse };
  static struct Arguments layout;
  reset(&layout);
  const int64_t rowStrides[] = {S * H * D, D, 2 * H * S * D, 1},
                expanded[] = {S * H * D, 0, D, 1},
                folded[] = {S * H * D, H * D, D - 1, 1};
  ptrdiff_t offsets[kNumArguments];
  for (int i = 0; i < kNumArguments; ++i)
    offsets[i] = (float *)layout.all[i].data - layout.buffer;

  launchWith(kernel, "side by side", output, offsets[output], NULL);
  launchWith(kernel, "output on query", output, offsets[query], NULL);
  launchWith(kernel, "output in key", output, offsets[key] + 3, NULL);
  launchWith(kernel, "output in value", output, offsets[value] + S * H * D - 1,
             NULL);
  launchWith(kernel, "output in mask", mask, offsets[output] + 40, NULL);
  launchWith(kernel, "output in sinks", sinks, offsets[output] + 5, NULL);
  launchWith(kernel, "output in slopes", slopes, offsets[output] + 5, NULL);
  launchWith(kernel, "lse in output", lse, offsets[output] + 7, NULL);
  launchWith(kernel, "lse in query", lse, offsets[query], NULL);
  launchWith(kernel, "expanded output", output, 2000, expanded);
  launchWith(kernel, "folded output", output, 2000, folded);
  launchWith(kernel, "output with gaps", output, 2000, rowStrides);
  launchWith(kernel, "inputs that share", value, offsets[key], NULL);

  // Who knows better is believed.
  layout.all[output].data = layout.all[query].data;
  reportOf("distinct",
           mfaKernelLaunchDistinct(kernel, layout.all, kNumArguments,
                                   MFA_CURRENT_DEVICE, NULL));
}

int main(int argc, char **argv) {
  MfaTarget target =
      argc > 1 && strcmp(argv[1], "sim") == 0 ? MfaTargetSim : MfaTargetCPU;
  MfaKernel kernel = compile(target);
  testLaunches(kernel);

  // What a kernel writes is kept with it.
  struct Bytes bytes = {NULL, 0};
  mfaKernelSerialize(kernel, append, &bytes);
  mfaKernelDestroy(kernel);
  if (reportOf("deserialize",
               mfaKernelDeserialize(
                   mlirStringRefCreate(bytes.data, bytes.length), &kernel)))
    return 1;
  free(bytes.data);
  launchWith(kernel, "output on query", 7, 0, NULL);
  mfaKernelDestroy(kernel);
  return 0;
}
