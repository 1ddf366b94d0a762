//===- kernel.c - Test of compiled programs from C ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints what the functions of mfa-c/Kernel.h give; kernel.test compares it.
//
//===----------------------------------------------------------------------===//

#include "Errors.h"
#include "mfa-c/Dialects.h"
#include "mfa-c/Passes.h"
#include "mlir-c/IR.h"
#include "mlir-c/RegisterEverything.h"

#include <math.h>
#include <time.h>

static void drop(MlirStringRef part, void *user) {
  (void)part;
  (void)user;
}

enum { B = 2, Sq = 5, Sk = 7, H = 4, G = 2, D = 16 };

/// The operands of a problem in f32, and what the output should be.
struct Data {
  float query[B * Sq * H * D], key[B * Sk * G * D], value[B * Sk * G * D];
  char mask[B * Sq * Sk];
  float output[B * Sq * H * D], expected[B * Sq * H * D];
};

static float number(int seed) {
  return (float)((seed * 7919 + 13) % 257) / 128.0f - 1.0f;
}

static void compute(struct Data *data, float scale) {
  for (int b = 0; b < B; ++b)
    for (int i = 0; i < Sq; ++i)
      for (int h = 0; h < H; ++h) {
        double weights[Sk], sum = 0;
        const float *query = data->query + ((b * Sq + i) * H + h) * D;
        for (int j = 0; j < Sk; ++j) {
          double score = 0;
          for (int d = 0; d < D; ++d)
            score += (double)query[d] *
                     data->key[((b * Sk + j) * G + h / (H / G)) * D + d];
          weights[j] =
              data->mask[(b * Sq + i) * Sk + j] ? exp(score * scale) : 0;
          sum += weights[j];
        }
        for (int d = 0; d < D; ++d) {
          double result = 0;
          for (int j = 0; j < Sk; ++j)
            result += weights[j] *
                      data->value[((b * Sk + j) * G + h / (H / G)) * D + d];
          data->expected[((b * Sq + i) * H + h) * D + d] =
              sum == 0 ? 0 : (float)(result / sum);
        }
      }
}

static struct Data *makeData(float scale) {
  struct Data *data = calloc(1, sizeof(*data));
  for (int i = 0; i < B * Sq * H * D; ++i)
    data->query[i] = number(i);
  for (int i = 0; i < B * Sk * G * D; ++i) {
    data->key[i] = number(i + 1000);
    data->value[i] = number(i + 2000);
  }
  for (int i = 0; i < B * Sq * Sk; ++i)
    data->mask[i] = i % 3 != 0 && i / Sk != 4; // Row 4 attends to nothing.
  compute(data, scale);
  return data;
}

static MfaProblem makeProblem(void) {
  MfaProblem problem = {0};
  problem.elementType = MfaElementF32;
  problem.headDim = problem.valueDim = D;
  problem.maskRank = 4;
  problem.maskType = MfaElementI1;
  problem.maskBroadcast = MfaMaskHeads;
  problem.scaleKind = MfaScaleArgument;
  return problem;
}

/// Launches the kernel of makeProblem.
static MfaError launch(MfaKernel kernel, struct Data *data, float scale,
                       int64_t keys, void *stream) {
  const int64_t query[] = {B, Sq, H, D}, key[] = {B, keys, G, D};
  const int64_t mask[] = {B, 1, Sq, Sk};
  const int64_t queryStrides[] = {Sq * H * D, H * D, D, 1};
  const int64_t keyStrides[] = {Sk * G * D, G * D, D, 1};
  const int64_t maskStrides[] = {Sq * Sk, 0, Sk, 1};
  const int64_t value[] = {B, Sk, G, D};
  MfaArgument arguments[] = {
      {.data = data->query, .sizes = query, .strides = queryStrides},
      {.data = data->key, .sizes = key, .strides = keyStrides},
      {.data = data->value, .sizes = value, .strides = keyStrides},
      {.data = data->mask, .sizes = mask, .strides = maskStrides},
      {.number = scale},
      {.data = data->output, .sizes = query, .strides = queryStrides}};
  return mfaKernelLaunch(kernel, arguments, 6, MFA_CURRENT_DEVICE, stream);
}

static void checkResult(const char *name, struct Data *data) {
  double worst = 0;
  for (int i = 0; i < B * Sq * H * D; ++i) {
    double error = fabs((double)data->output[i] - data->expected[i]);
    if (!(error <= worst))
      worst = error;
  }
  printf("%s: %s\n", name, worst < 1e-5 ? "right" : "wrong");
}

static void printParameters(MfaKernel kernel) {
  intptr_t count = mfaKernelGetNumParameters(kernel);
  printf("%d parameters\n", (int)count);
  for (intptr_t index = 0; index < count; ++index) {
    MfaParameter parameter = mfaKernelGetParameter(kernel, index);
    printf("  %.*s: type %d, rank %d,", (int)parameter.name.length,
           parameter.name.data, (int)parameter.elementType,
           (int)parameter.rank);
    for (int64_t dim = 0; dim < parameter.rank; ++dim)
      if (parameter.sizes[dim] == MFA_DYNAMIC)
        printf(" ?");
      else
        printf(" %d", (int)parameter.sizes[dim]);
    printf("\n");
  }
}

/// Compiles for a target of this machine, launches, serializes.
static void testHost(MfaTarget target, const char *name) {
  const float scale = 0.3f;
  struct Data *data = makeData(scale);
  MfaProblem problem = makeProblem();
  MfaOptions options = {0};
  options.target = target;
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  printParameters(kernel);
  for (intptr_t i = 0; i < mfaKernelGetNumStages(kernel); ++i) {
    struct Bytes stage = {NULL, 0};
    MlirStringRef stageName = mfaKernelGetStageName(kernel, i);
    require(mfaKernelPrintStage(kernel, stageName, append, &stage));
    printf("stage %.*s: %s\n", (int)stageName.length, stageName.data,
           strstr(stage.data, "module") ? "a module" : stage.data);
    free(stage.data);
  }
  printf("schedule '%s', chip '%s'\n", mfaKernelGetSchedule(kernel).data,
         mfaKernelGetChip(kernel).data);
  require(launch(kernel, data, scale, Sk, NULL));
  checkResult(name, data);

  // A wrong size is found by the code itself, and the kernel is good after it.
  report(launch(kernel, data, scale, Sk - 1, NULL));
  memset(data->output, 0xff, sizeof(data->output));
  require(launch(kernel, data, scale, Sk, NULL));
  checkResult("after an error", data);

  struct Bytes bytes = {NULL, 0};
  mfaKernelSerialize(kernel, append, &bytes);
  mfaKernelDestroy(kernel);
  MlirStringRef all = mlirStringRefCreate(bytes.data, bytes.length);
  require(mfaKernelDeserialize(all, &kernel));
  memset(data->output, 0xff, sizeof(data->output));
  require(launch(kernel, data, scale, Sk, NULL));
  checkResult("deserialized", data);
  mfaKernelDestroy(kernel);

  // Damage anywhere is noticed.
  MfaKernel none = {NULL};
  report(mfaKernelDeserialize(text("nonsense"), &none));
  report(mfaKernelDeserialize(mlirStringRefCreate(bytes.data, bytes.length / 2),
                              &none));
  int accepted = 0;
  for (size_t i = 0; i < bytes.length; i += 1 + bytes.length / 50) {
    bytes.data[i] ^= 0x10;
    MfaError error = mfaKernelDeserialize(all, &none);
    accepted += mfaErrorIsNull(error);
    mfaErrorDestroy(error);
    bytes.data[i] ^= 0x10;
  }
  printf("%d of the damaged ones were accepted\n", accepted);
  free(bytes.data);
  free(data);
}

static const char *const kScaled =
    "func.func @main(%q: memref<1x4x2x8xf32>, %k: memref<1x4x2x8xf32>,\n"
    "                %o: memref<1x4x2x8xf32>) {\n"
    "  mfa.masked_attention ins(%q, %k, %k : memref<1x4x2x8xf32>,\n"
    "      memref<1x4x2x8xf32>, memref<1x4x2x8xf32>)\n"
    "      outs(%o : memref<1x4x2x8xf32>)\n"
    "  return\n"
    "}\n";

static const char *const kWithResult =
    "func.func @with_result(%q: tensor<1x4x2x8xf32>) -> tensor<1x4x2x8xf32> {\n"
    "  return %q : tensor<1x4x2x8xf32>\n"
    "}\n";

/// Modules, as text and as objects, and what is wrong with some.
static void testModules(void) {
  MfaOptions options = {0};
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileSource(text(kScaled), text(""), &options, &kernel));
  printParameters(kernel);
  float zeros[64] = {0}, output[64];
  const int64_t sizes[] = {1, 4, 2, 8}, strides[] = {64, 16, 8, 1};
  const int64_t gaps[] = {64, 16, 9, 1}, longer[] = {1, 5, 2, 8};
  MfaArgument arguments[3];
  for (int i = 0; i < 3; ++i)
    arguments[i] = (MfaArgument){
        .data = i == 2 ? output : zeros, .sizes = sizes, .strides = strides};
  memset(output, 0xff, sizeof(output));
  require(mfaKernelLaunch(kernel, arguments, 3, MFA_CURRENT_DEVICE, NULL));
  printf("output[63] = %g\n", output[63]);
  report(mfaKernelLaunch(kernel, arguments, 2, MFA_CURRENT_DEVICE, NULL));
  arguments[1].sizes = longer;
  report(mfaKernelLaunch(kernel, arguments, 3, MFA_CURRENT_DEVICE, NULL));
  arguments[1].sizes = sizes;
  arguments[1].strides = gaps;
  report(mfaKernelLaunch(kernel, arguments, 3, MFA_CURRENT_DEVICE, NULL));
  arguments[1].strides = strides;
  arguments[1].data = NULL;
  report(mfaKernelLaunch(kernel, arguments, 3, MFA_CURRENT_DEVICE, NULL));
  mfaKernelDestroy(kernel);

  report(mfaKernelCompileSource(text("func.func @main() { oops }"), text(""),
                                &options, &kernel));
  report(
      mfaKernelCompileSource(text(kScaled), text("other"), &options, &kernel));
  report(
      mfaKernelCompileSource(text("module {}"), text(""), &options, &kernel));
  report(mfaKernelCompileSource(text("func.func @first() { return }\n"
                                     "func.func @second() { return }"),
                                text(""), &options, &kernel));
  options.chip = text("sm_80");
  report(mfaKernelCompileSource(text(kScaled), text(""), &options, &kernel));
  options.target = MfaTargetCUDA;
  options.chip = text("sm_20");
  report(mfaKernelCompileSource(text(kScaled), text(""), &options, &kernel));
  options.schedule = text("#mfa.schedule<>");
  report(mfaKernelCompileSource(text(kScaled), text(""), &options, &kernel));

  // A function that has code but cannot be launched.
  options = (MfaOptions){0};
  require(
      mfaKernelCompileSource(text(kWithResult), text(""), &options, &kernel));
  printf("'with_result' takes %d arguments\n",
         (int)mfaKernelGetNumParameters(kernel));
  report(mfaKernelLaunch(kernel, arguments, 1, MFA_CURRENT_DEVICE, NULL));
  report(mfaKernelPrintStage(kernel, text("gpu"), drop, NULL));
  mfaKernelDestroy(kernel);
  options.target = MfaTargetCUDA;

  // A module of the caller's context, which stays as it is.
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  mlirRegisterAllDialects(registry);
  mfaRegisterAllDialects(registry);
  MlirContext context =
      mlirContextCreateWithRegistry(registry, /*threadingEnabled=*/false);
  MlirModule module = mlirModuleCreateParse(context, text(kScaled));
  options.chip = text("sm_90");
  require(mfaKernelCompileModule(module, text("main"), &options, &kernel));
  MfaFunction function = mfaKernelGetFunction(kernel, 0);
  printf("%d functions: %.*s, %d threads, %d bytes\n",
         (int)mfaKernelGetNumFunctions(kernel), (int)function.name.length,
         function.name.data, (int)function.threads,
         (int)function.dynamicSharedBytes);
  printf("schedule '%s'\n", mfaKernelGetSchedule(kernel).data);
  printf("PTX: %s\n", strstr(mfaKernelGetPTX(kernel).data, ".target sm_90")
                          ? "for sm_90"
                          : "wrong");
  mfaKernelDestroy(kernel);

  // The same by passes.
  mlirRegisterAllLLVMTranslations(context);
  mlirRegisterAllMFAPasses();
  MlirPassManager manager = mlirPassManagerCreate(context);
  struct Bytes errors = {NULL, 0};
  if (mlirLogicalResultIsFailure(mlirParsePassPipeline(
          mlirPassManagerGetAsOpPassManager(manager),
          text("builtin.module(mfa-to-nvvm{chip=sm_80})"), append, &errors)))
    printf("pipeline: %s\n", errors.data);
  MlirLogicalResult lowered =
      mlirPassManagerRunOnOp(manager, mlirModuleGetOperation(module));
  printf("mfa-to-nvvm: %s\n",
         mlirLogicalResultIsSuccess(lowered) ? "success" : "failure");
  mlirPassManagerDestroy(manager);
  mlirModuleDestroy(module);
  mlirContextDestroy(context);
  mlirDialectRegistryDestroy(registry);

  MlirDialectHandle handles[] = {mlirGetDialectHandle__mfa__(),
                                 mlirGetDialectHandle__mfa_gpu__()};
  for (int i = 0; i < 2; ++i) {
    MlirStringRef name = mlirDialectHandleGetNamespace(handles[i]);
    printf("dialect %.*s\n", (int)name.length, name.data);
  }
}

static void testProblems(void) {
  MfaOptions options = {0};
  MfaKernel kernel = {NULL};
  MfaProblem problem = makeProblem();
  problem.headDim = 12;
  report(mfaKernelCompileProblem(&problem, &options, &kernel));
  problem = makeProblem();
  problem.elementType = MfaElementI1;
  report(mfaKernelCompileProblem(&problem, &options, &kernel));
  problem = makeProblem();
  problem.maskRank = 2;
  report(mfaKernelCompileProblem(&problem, &options, &kernel));
  problem.maskRank = 3;
  report(mfaKernelCompileProblem(&problem, &options, &kernel));
  problem = makeProblem();
  options.schedule = text("7");
  report(mfaKernelCompileProblem(&problem, &options, &kernel));
  options.schedule = text("#mfa.schedule<oops>");
  report(mfaKernelCompileProblem(&problem, &options, &kernel));
  options = (MfaOptions){0};
  options.target = MfaTargetSim;
  options.schedules = text("missing.json");
  report(mfaKernelCompileProblem(&problem, &options, &kernel));
}

#define CAPTURES                                                               \
  "%allowed: memref<?x?x?xi1, strided<[?, ?, 1]>> loc(\"allowed\"), "          \
  "%limit: index loc(\"limit\"), %factor: f32 loc(\"factor\"), "               \
  "%keys: index {mfa.size = \"keys\"} loc(\"keys\")"

/// The mask of the data and the scale, as regions that capture them.
static const char *const kRules =
    "func.func @keep(%b: index, %h: index, %q: index, %k: index, " CAPTURES
    ") -> i1 {\n"
    "  %0 = memref.load %allowed[%b, %q, %k]"
    " : memref<?x?x?xi1, strided<[?, ?, 1]>>\n"
    "  %1 = arith.minsi %limit, %keys : index\n"
    "  %2 = arith.cmpi slt, %k, %1 : index\n"
    "  %3 = arith.andi %0, %2 : i1\n"
    "  return %3 : i1\n"
    "}\n"
    "func.func @score(%s: f32, %b: index, %h: index, %q: index, %k: "
    "index, " CAPTURES ") -> f32 {\n"
    "  %0 = arith.mulf %s, %factor : f32\n"
    "  return %0 : f32\n"
    "}\n";

static MfaProblem makeProblemWithRules(const char *rules) {
  MfaProblem problem = {0};
  problem.elementType = MfaElementF32;
  problem.headDim = problem.valueDim = D;
  problem.scaleKind = MfaScaleStatic;
  problem.scale = 1;
  problem.rules = text(rules);
  return problem;
}

static MfaError launchWithRules(MfaKernel kernel, struct Data *data,
                                float scale, int64_t limit, int64_t queries) {
  const int64_t query[] = {B, Sq, H, D}, key[] = {B, Sk, G, D};
  const int64_t queryStrides[] = {Sq * H * D, H * D, D, 1};
  const int64_t keyStrides[] = {Sk * G * D, G * D, D, 1};
  const int64_t allowed[] = {B, queries, Sk},
                allowedStrides[] = {Sq * Sk, Sk, 1};
  const int64_t heads[] = {H}, headStrides[] = {1};
  // None: -inf is no logit.
  float sinks[] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
  MfaArgument arguments[] = {
      {.data = data->query, .sizes = query, .strides = queryStrides},
      {.data = data->key, .sizes = key, .strides = keyStrides},
      {.data = data->value, .sizes = key, .strides = keyStrides},
      {.data = sinks, .sizes = heads, .strides = headStrides},
      {.data = data->mask, .sizes = allowed, .strides = allowedStrides},
      {.integer = limit},
      {.number = scale},
      {.data = data->output, .sizes = query, .strides = queryStrides}};
  return mfaKernelLaunch(kernel, arguments, 8, MFA_CURRENT_DEVICE, NULL);
}

/// Regions, whose captures are arguments.
static void testRules(void) {
  const float scale = 0.3f;
  const MfaTarget targets[] = {MfaTargetCPU, MfaTargetSim};
  for (int i = 0; i < 2; ++i) {
    struct Data *data = makeData(scale);
    MfaProblem problem = makeProblemWithRules(kRules);
    problem.sinks = true;
    MfaOptions options = {0};
    options.target = targets[i];
    MfaKernel kernel = {NULL};
    require(mfaKernelCompileProblem(&problem, &options, &kernel));
    printParameters(kernel);
    struct Bytes bytes = {NULL, 0};
    mfaKernelSerialize(kernel, append, &bytes);
    mfaKernelDestroy(kernel);
    require(mfaKernelDeserialize(mlirStringRefCreate(bytes.data, bytes.length),
                                 &kernel));
    require(launchWithRules(kernel, data, scale, Sk, Sq));
    checkResult("all keys", data);
    for (int j = 0; j < B * Sq * Sk; ++j)
      data->mask[j] = data->mask[j] && j % Sk < 4;
    compute(data, scale);
    require(launchWithRules(kernel, data, scale, 4, Sq));
    checkResult("four keys", data);
    if (targets[i] == MfaTargetCPU)
      report(launchWithRules(kernel, data, scale, 4, Sq - 1));
    mfaKernelDestroy(kernel);
    free(bytes.data);
    free(data);
  }

#define POSITIONS "%b: index, %h: index, %q: index, %k: index"
#define KEEP(captures, body)                                                   \
  "func.func @keep(" POSITIONS captures ") -> i1 {\n" body "}\n"
#define YES "  %0 = arith.constant true\n  return %0 : i1\n"
  const char *const refused[] = {
      "causal",
      "func.func @mask() { return }",
      "module {}",
      "func.func @keep(%q: index, %k: index) -> i1 {\n" YES "}",
      "func.func @keep(" POSITIONS ") -> f32 {\n"
      "  %0 = arith.constant 0.0 : f32\n  return %0 : f32\n}",
      "func.func private @keep(index, index, index, index) -> i1",
      KEEP(", %x: f64 loc(\"x\")", YES),
      KEEP(", %x: memref<4xi32> loc(\"x\")", YES),
      KEEP(", %x: memref<?xi8> loc(\"x\")", YES),
      KEEP(", %x: index {mfa.size = \"depth\"}", YES),
      KEEP(", %x: index", YES) "func.func @score(%s: f32, " POSITIONS
                               ") -> f32 { return %s : f32 }",
      KEEP("", "  %m = memref.alloc() : memref<4xf32>\n" YES),
  };
  MfaOptions options = {0};
  MfaProblem grouped = makeProblemWithRules(kRules);
  grouped.groupedHeads = true;
  MfaKernel none = {NULL};
  report(mfaKernelCompileProblem(&grouped, &options, &none));
  for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); ++i) {
    MfaKernel kernel = {NULL};
    MfaProblem problem = makeProblemWithRules(refused[i]);
    if (!report(mfaKernelCompileProblem(&problem, &options, &kernel)))
      mfaKernelDestroy(kernel);
  }
}

/// What is said to the driver; kernel.test has a stand-in for it.
static void testCUDA(void) {
  struct Data *data = makeData(1.0f);
  MfaProblem problem = makeProblem();
  MfaOptions options = {0};
  options.target = MfaTargetCUDA;
  MfaKernel kernel = {NULL};
  require(mfaCheckCUDA());
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  printf("chip %s, %d devices\n", mfaKernelGetChip(kernel).data,
         mfaGetNumDevices());
  if (!report(launch(kernel, data, 1.0f, Sk, (void *)0x77))) {
    require(launch(kernel, data, 1.0f, Sk, NULL));
    report(launch(kernel, data, 1.0f, Sk - 1, NULL));
    require(mfaKernelLoad(kernel, mfaGetNumDevices() - 1));
    MfaResources resources;
    require(mfaKernelGetResources(kernel, 0, MFA_CURRENT_DEVICE, &resources));
    printf("%d registers, %d bytes of local memory\n", resources.registers,
           resources.localBytes);
    struct Bytes bytes = {NULL, 0};
    mfaKernelSerialize(kernel, append, &bytes);
    mfaKernelDestroy(kernel);
    require(mfaKernelDeserialize(mlirStringRefCreate(bytes.data, bytes.length),
                                 &kernel));
    free(bytes.data);
    printf("deserialized\n");
    require(launch(kernel, data, 1.0f, Sk, (void *)0x77));
  }
  mfaKernelDestroy(kernel);
  free(data);
}

/// Which of a program's GPU kernels are loaded: the one that each launch takes.
static void testLoads(void) {
  enum { Length = 64, Heads = 1 };
  MfaProblem problem = {0};
  problem.elementType = MfaElementF16;
  problem.headDim = problem.valueDim = D;
  MfaOptions options = {0};
  options.target = MfaTargetCUDA;
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  printf("%d functions\n", (int)mfaKernelGetNumFunctions(kernel));
  // Inputs, which may be one and the same, and the output behind them.
  char *memory = aligned_alloc(64, 6 * Length * D);
  const int64_t sizes[] = {1, Length, Heads, D};
  const int64_t strides[] = {Length * D, D, D, 1};
  for (int offset = 0; offset <= 2; offset += 2)
    for (int repeat = 0; repeat < 2; ++repeat) {
      printf("arrays at offset %d\n", offset);
      MfaArgument argument = {
          .data = memory + offset, .sizes = sizes, .strides = strides};
      MfaArgument arguments[] = {argument, argument, argument, argument};
      arguments[3].data = memory + 3 * Length * D + offset;
      if (report(mfaKernelLaunch(kernel, arguments, 4, 0, NULL)))
        continue;
      printf("new machine code: %d\n", mfaKernelHasNewMachineCode(kernel));
      mfaKernelSerialize(kernel, drop, NULL);
    }
  struct Bytes cubin = {NULL, 0};
  require(mfaKernelGetCubin(kernel, append, &cubin));
  free(cubin.data);
  free(memory);
  mfaKernelDestroy(kernel);
}

/// Machine code for a chip; for none, of a program for the CPU.
static void testCubin(const char *chip) {
  MfaProblem problem = makeProblem();
  problem.elementType = MfaElementF16;
  MfaOptions options = {0};
  options.target = *chip ? MfaTargetCUDA : MfaTargetCPU;
  options.chip = text(chip);
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  struct Bytes cubin = {NULL, 0};
  if (!report(mfaKernelGetCubin(kernel, append, &cubin)))
    printf("%s: %s\n", chip, cubin.data);
  free(cubin.data);
  mfaKernelDestroy(kernel);
}

static double getSeconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/// Prints the time of compilation, loading and launching.
static void measure(MfaTarget target) {
  struct Data *data = makeData(1.0f);
  MfaProblem problem = makeProblem();
  MfaOptions options = {0};
  options.target = target;
  MfaKernel kernel = {NULL};
  double begin = getSeconds();
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  printf("compile: %.1f ms\n", 1e3 * (getSeconds() - begin));
  struct Bytes bytes = {NULL, 0};
  begin = getSeconds();
  mfaKernelSerialize(kernel, append, &bytes);
  printf("serialize: %.1f ms, %zu bytes\n", 1e3 * (getSeconds() - begin),
         bytes.length);
  mfaKernelDestroy(kernel);
  begin = getSeconds();
  require(mfaKernelDeserialize(mlirStringRefCreate(bytes.data, bytes.length),
                               &kernel));
  printf("deserialize: %.1f ms\n", 1e3 * (getSeconds() - begin));
  require(launch(kernel, data, 1.0f, Sk, NULL));
  enum { Count = 10000 };
  begin = getSeconds();
  for (int i = 0; i < Count; ++i)
    require(launch(kernel, data, 1.0f, Sk, NULL));
  printf("launch: %.3f us\n", 1e6 * (getSeconds() - begin) / Count);
  mfaKernelDestroy(kernel);
  free(bytes.data);
  free(data);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  // In the order of what the driver's stand-in prints on stderr.
  setvbuf(stdout, NULL, _IONBF, 0);
  if (strcmp(what, "host") == 0) {
    printf("version %s\n", mfaGetVersion().data);
    testHost(MfaTargetCPU, "cpu");
    testHost(MfaTargetSim, "sim");
  } else if (strcmp(what, "modules") == 0) {
    testModules();
  } else if (strcmp(what, "problems") == 0) {
    testProblems();
  } else if (strcmp(what, "rules") == 0) {
    testRules();
  } else if (strcmp(what, "cuda") == 0) {
    testCUDA();
  } else if (strcmp(what, "cubin") == 0) {
    testCubin("sm_80");
    testCubin("sm_90");
    testCubin("sm_90a");
    testCubin("");
  } else if (strcmp(what, "loads") == 0) {
    testLoads();
  } else if (strcmp(what, "measure-cpu") == 0) {
    measure(MfaTargetCPU);
  } else if (strcmp(what, "measure-cuda") == 0) {
    measure(MfaTargetCUDA);
  }
  return 0;
}
