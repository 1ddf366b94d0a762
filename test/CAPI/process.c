//===- process.c - Test of forks, interrupts and threads from C -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Errors.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

static MfaKernel compile(MfaTarget target, int64_t dim) {
  MfaProblem problem = {0};
  problem.elementType = MfaElementF32;
  problem.headDim = problem.valueDim = dim;
  MfaOptions options = {0};
  options.target = target;
  MfaKernel kernel = {NULL};
  require(mfaKernelCompileProblem(&problem, &options, &kernel));
  return kernel;
}

/// Self-attention of ones, whose output is ones. Lengths are chosen so that all
/// threads have to do.
static MfaError launch(MfaKernel kernel, int64_t heads, int64_t length,
                       int64_t dim, float **output) {
  int64_t count = length * heads * dim;
  float *ones = malloc(count * sizeof(float));
  *output = calloc(count, sizeof(float));
  for (int64_t i = 0; i < count; ++i)
    ones[i] = 1;
  const int64_t sizes[] = {1, length, heads, dim};
  const int64_t strides[] = {count, heads * dim, dim, 1};
  MfaArgument argument = {.data = ones, .sizes = sizes, .strides = strides};
  MfaArgument arguments[] = {argument, argument, argument, argument};
  arguments[3].data = *output;
  MfaError error =
      mfaKernelLaunch(kernel, arguments, 4, MFA_CURRENT_DEVICE, NULL);
  free(ones);
  return error;
}

static void check(const char *name, MfaKernel kernel, int64_t dim) {
  const int64_t heads = 4, length = 40;
  float *output;
  require(launch(kernel, heads, length, dim, &output));
  bool right = true;
  for (int64_t i = 0; i < heads * length * dim; ++i)
    right &= output[i] > 0.999f && output[i] < 1.001f;
  free(output);
  printf("%s: %s\n", name, right ? "right" : "wrong");
}

/// Waits for a forked process, which alarm ends where it hangs.
static void join(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    printf("the child was ended by signal %d\n", WTERMSIG(status));
  else if (WEXITSTATUS(status))
    printf("the child failed\n");
}

static pid_t begin(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0)
    alarm(120);
  return child;
}

static void end(void) {
  fflush(stdout);
  _exit(0);
}

static void testFork(MfaTarget target) {
  MfaKernel kernel = compile(target, 16);
  check("parent", kernel, 16);
  pid_t child = begin();
  if (child == 0) {
    check("child", kernel, 16);
    MfaKernel other = compile(target, 24);
    check("compiled in the child", other, 24);
    pid_t grandchild = begin();
    if (grandchild == 0) {
      check("grandchild", other, 24);
      end();
    }
    join(grandchild);
    mfaKernelDestroy(other);
    mfaKernelDestroy(kernel);
    end();
  }
  join(child);
  check("parent again", kernel, 16);
  mfaKernelDestroy(kernel);
}

/// A process that has used CUDA, and its child.
static void testCUDAFork(void) {
  MfaKernel kernel = compile(MfaTargetCUDA, 16);
  require(mfaKernelLoad(kernel, 0));
  pid_t child = begin();
  if (child == 0) {
    report(mfaCheckCUDA());
    report(mfaKernelLoad(kernel, 0));
    printf("%d devices\n", mfaGetNumDevices());
    mfaKernelDestroy(kernel);
    MfaKernel host = compile(MfaTargetCPU, 16);
    check("cpu", host, 16);
    end();
  }
  join(child);
  require(mfaKernelLoad(kernel, 0));
  mfaKernelDestroy(kernel);
}

struct Calls {
  int left;
  int made;
};

static bool countDown(void *user) {
  struct Calls *calls = user;
  ++calls->made;
  return --calls->left < 0;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void testInterrupt(MfaTarget target) {
  MfaKernel kernel = compile(target, 64);
  // Far longer than anybody wants to wait.
  const int64_t length = target == MfaTargetCPU ? 1 << 16 : 1 << 13;
  struct Calls calls = {.left = 2, .made = 0};
  mfaSetInterruptHandler(countDown, &calls);
  double start = now();
  float *output;
  report(launch(kernel, 16, length, 64, &output));
  free(output);
  printf("asked %d times, %s\n", calls.made,
         now() - start < 20 ? "prompt" : "late");
  // One that lets it go on.
  calls.left = 1 << 30;
  check("asked for nothing", kernel, 64);
  calls.left = 0;
  MfaProblem problem = {0};
  problem.elementType = MfaElementF32;
  problem.headDim = problem.valueDim = 128;
  MfaOptions options = {0};
  options.target = target;
  MfaKernel none = {NULL};
  // Compilations of less than the time between two questions are not asked.
  MfaError error = mfaKernelCompileProblem(&problem, &options, &none);
  bool refused = report(error);
  printf("compilation %s\n",
         refused == mfaKernelIsNull(none) ? "ended" : "left something");
  mfaKernelDestroy(none);
  mfaSetInterruptHandler(NULL, NULL);
  check("without a handler", kernel, 64);
  mfaKernelDestroy(kernel);
}

/// What a thread with little stack, or a fiber, does.
struct Caller {
  MfaKernel kernel;
  int64_t length;
  const float *expected;
  bool isRight;
};

static void call(struct Caller *caller) {
  const int64_t heads = 2, dim = 128;
  float *output = NULL;
  bool failed =
      report(launch(caller->kernel, heads, caller->length, dim, &output));
  caller->isRight =
      !failed && (!caller->expected ||
                  memcmp(output, caller->expected,
                         heads * caller->length * dim * sizeof(float)) == 0);
  free(output);
}

static void *callInThread(void *caller) {
  call(caller);
  return NULL;
}

static void callInSmallThread(struct Caller *caller) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, callInThread, caller) == 0)
    pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
}

static ucontext_t mainContext, fiberContext;
static struct Caller *callerOfFiber;

static void runFiber(void) { call(callerOfFiber); }

static void callInFiber(struct Caller *caller) {
  enum { size = 64 << 10 };
  char *stack = malloc(size);
  callerOfFiber = caller;
  getcontext(&fiberContext);
  fiberContext.uc_stack.ss_sp = stack;
  fiberContext.uc_stack.ss_size = size;
  fiberContext.uc_link = &mainContext;
  makecontext(&fiberContext, runFiber, 0);
  swapcontext(&mainContext, &fiberContext);
  free(stack);
}

/// Calls on stacks that are too small for the copies of tiles: of one tile of
/// rows, and of several, with one thread and with more.
static void testStacks(void) {
  MfaKernel kernel = compile(MfaTargetCPU, 128);
  for (int64_t length = 3; length < 1000; length *= 100) {
    float *expected;
    require(launch(kernel, 2, length, 128, &expected));
    for (int threads = 1; threads <= 3; threads += 2) {
      mfaSetNumThreads(threads);
      struct Caller caller = {kernel, length, expected, false};
      callInSmallThread(&caller);
      printf("%d rows, %d threads: %s", (int)length, threads,
             caller.isRight ? "right" : "wrong");
      caller.isRight = false;
      callInFiber(&caller);
      printf(", fiber: %s\n", caller.isRight ? "right" : "wrong");
    }
    free(expected);
  }
  // Questions are asked by the thread that calls.
  struct Calls calls = {.left = 2, .made = 0};
  mfaSetInterruptHandler(countDown, &calls);
  struct Caller caller = {kernel, 1 << 17, NULL, false};
  double start = now();
  callInSmallThread(&caller);
  printf("asked %d times, %s\n", calls.made,
         now() - start < 20 ? "prompt" : "late");
  mfaSetInterruptHandler(NULL, NULL);
  mfaKernelDestroy(kernel);
}

int main(int argc, char **argv) {
  const char *test = argc > 1 ? argv[1] : "";
  MfaTarget target =
      argc > 2 && strcmp(argv[2], "sim") == 0 ? MfaTargetSim : MfaTargetCPU;
  if (strcmp(test, "fork") == 0)
    testFork(target);
  else if (strcmp(test, "cuda") == 0)
    testCUDAFork();
  else if (strcmp(test, "interrupt") == 0)
    testInterrupt(target);
  else if (strcmp(test, "stacks") == 0)
    testStacks();
  return 0;
}
