//===- mfa-c/Kernel.h - Compile and launch masked attention -----*- C -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is a program compiled for a target: masked attention described by an
// MfaProblem, or a function of a module. All functions may be called from any
// thread at once; only the destruction of a kernel excludes its other uses.
// Nothing but the interrupt handler is kept outside of the kernels.
//
// A process may be forked at any time, by any thread: the child compiles,
// loads and runs kernels as its parent did, kernels of the parent included. A
// fork waits for compilations of other threads. Only CUDA cannot be used in the
// child of a process that has used it (the driver does not allow it), which is
// an error of kind MfaErrorDriver.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_C_KERNEL_H
#define MFA_C_KERNEL_H

#include "mfa-c/Support.h"
#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

//===----------------------------------------------------------------------===//
// Problems and options
//===----------------------------------------------------------------------===//

typedef enum MfaElementType {
  MfaElementF16,
  MfaElementBF16,
  MfaElementF32,
  /// One byte, for masks and arrays that regions read; any but 0 is true.
  MfaElementI1,
  /// For arrays that regions read.
  MfaElementI32,
  MfaElementI64,
} MfaElementType;

/// Dimensions of a mask, as bits.
enum {
  MfaMaskBatch = 1 << 0,
  MfaMaskHeads = 1 << 1,
  MfaMaskQueries = 1 << 2,
  MfaMaskKeys = 1 << 3,
};

typedef enum MfaScale {
  /// 1/sqrt(headDim), a part of the code.
  MfaScaleDefault,
  /// MfaProblem::scale, a part of the code.
  MfaScaleStatic,
  /// An argument of every launch.
  MfaScaleArgument,
} MfaScale;

/// All of a masked attention that changes its code. Batch, other lengths,
/// heads, the heads of key and value (which divide them) and all strides are
/// arguments of a launch. Zeros are f16, any number of queries, no mask, the
/// default scale, no log-sum-exp, no sinks and no regions.
typedef struct MfaProblem {
  /// Of query, key, value and output: f16, bf16 or f32.
  MfaElementType elementType;
  /// D and Dv, multiples of 8 from 8 to 256.
  int64_t headDim;
  int64_t valueDim;
  /// The number of queries where the code shall know it, or 0 where launches
  /// say it. Of up to 64, known to be few, a GPU reads long keys at the speed
  /// of its memory.
  int64_t numQueries;
  /// 3 for a mask [batch, query, key], 4 for [batch, head, query, key], 0
  /// without a mask.
  int64_t maskRank;
  MfaElementType maskType;
  /// Dimensions in which the mask has size 1 and is broadcast, a set of
  /// MfaMask* bits. The other dimensions have full size (which may be 1 too).
  unsigned maskBroadcast;
  /// The keys of the mask lie side by side: its last stride is 1 in the code,
  /// which is faster, and not an argument of a launch.
  bool maskUnitStride;
  MfaScale scaleKind;
  float scale;
  /// Also write the natural log-sum-exp of the masked scores of each row.
  bool lse;
  /// An argument `sinks` [H] of f32: one more logit for each row of a head.
  bool sinks;
  /// What the regions of the op are, as MLIR text; empty for none. A module
  /// with functions `keep`, `score` or both, each of one block, on (the score,
  /// an f32, for `score`) batch, head, query and key (index), then captures:
  /// index, f32, or memrefs of open sizes. Both functions have the same
  /// captures, and return an i1 and an f32.
  ///
  ///   func.func @keep(%b: index, %h: index, %q: index, %k: index,
  ///                   %window: index loc("window")) -> i1 {
  ///     %d = arith.subi %q, %k : index
  ///     %c = arith.cmpi slt, %d, %window : index
  ///     return %c : i1
  ///   }
  ///
  /// A capture is an argument of every launch, and its location is its name
  /// there. One of the attribute mfa.size = "batch", "heads", "queries" or
  /// "keys" is that size of the launch instead, which the compiler knows.
  MlirStringRef rules;
  /// The queries of the arrays are the `numQueries` query heads that share a
  /// key head, of one query: `query` is [B, numQueries, h, D] for [B, 1, H, D].
  /// Regions see the heads and the query that these are. `sinks` is
  /// [h, numQueries].
  bool groupedHeads;
} MfaProblem;

typedef enum MfaTarget {
  /// Host code for this machine, through linalg.
  MfaTargetCPU,
  /// The GPU kernel, simulated and checked on this machine; slow.
  MfaTargetSim,
  /// A GPU kernel and the host code that launches it.
  MfaTargetCUDA,
} MfaTarget;

typedef enum MfaF32Product {
  /// Three tf32 products, as accurate as f32.
  MfaF32ProductTF32x3,
  /// One tf32 product: factors are rounded to 10 bits.
  MfaF32ProductTF32,
} MfaF32Product;

/// Which GPU kernels have a list of key tiles that is made at each run.
typedef enum MfaTileLists {
  /// Those whose rule reads arrays, or whose tiles are no ranges.
  MfaTileListsRules,
  /// Those, and masks where the sizes are worth it.
  MfaTileListsAuto,
  /// All that have a rule, or a mask that varies over keys.
  MfaTileListsAlways,
  MfaTileListsNever,
} MfaTileLists;

/// How to compile. Zeros are the CPU and the defaults.
typedef struct MfaOptions {
  MfaTarget target;
  /// GPU architecture, such as `sm_90a`. Empty: that of GPU 0 for
  /// MfaTargetCUDA, or sm_80 where none answers and for MfaTargetSim.
  MlirStringRef chip;
  MfaF32Product f32Product;
  /// A schedule as text, `#mfa.schedule<...>`; empty to select one. Only for
  /// problems: in a module it is an attribute of the op.
  MlirStringRef schedule;
  MfaTileLists tileLists;
  /// File of the table that schedules of GPU kernels are selected from; empty
  /// for the one that is built in.
  MlirStringRef schedules;
  /// With MfaTargetCPU: a GPU architecture. The program counts the tiles of
  /// keys that kernels for it visit, and computes nothing: its last argument is
  /// an array [4] of MfaElementI64, to which the numbers of tiles are added
  /// that are skipped, visited freely, visited with the mask, and tested.
  /// Query, key, value and outputs are not read.
  MlirStringRef countTilesFor;
} MfaOptions;

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

/// A compiled program.
struct MfaKernel {
  void *ptr;
};
typedef struct MfaKernel MfaKernel;

/// Returns true for the kernel that no call made.
static inline bool mfaKernelIsNull(MfaKernel kernel) { return !kernel.ptr; }

/// Compiles a masked attention. Its arguments are `query` [B, Sq, H, D], `key`
/// [B, Sk, h, D], `value` [B, Sk, h, Dv], `mask` if there is one, `scale` if it
/// is an argument, `sinks` [H] if there are any, the captures of the rules,
/// `output` [B, Sq, H, Dv], and `lse` [B, H, Sq] if it is asked for. `output`
/// and `lse` share memory neither with each other nor with another argument,
/// nor do their own elements; launches check it.
MLIR_CAPI_EXPORTED MfaError mfaKernelCompileProblem(const MfaProblem *problem,
                                                    const MfaOptions *options,
                                                    MfaKernel *kernel);

/// Compiles the function `entry` of a module given as MLIR text or bytecode,
/// with everything that it calls. An empty `entry` means the only public
/// function. A function that has no results, and memrefs, tensors, f32 and
/// index as parameters, can be launched; of others only the code can be looked
/// at.
MLIR_CAPI_EXPORTED MfaError mfaKernelCompileSource(MlirStringRef source,
                                                   MlirStringRef entry,
                                                   const MfaOptions *options,
                                                   MfaKernel *kernel);

/// As mfaKernelCompileSource; the module stays as it is, and is not referred to
/// later. Its dialects are upstream's and the project's.
MLIR_CAPI_EXPORTED MfaError mfaKernelCompileModule(MlirModule module,
                                                   MlirStringRef entry,
                                                   const MfaOptions *options,
                                                   MfaKernel *kernel);

/// Passes the kernel as bytes to the callback, once: code, and for CUDA the
/// machine code of the GPU kernels that were loaded.
MLIR_CAPI_EXPORTED void mfaKernelSerialize(MfaKernel kernel,
                                           MlirStringCallback callback,
                                           void *userData);

/// Returns true where the driver has made machine code since the kernel was
/// compiled, deserialized or last serialized: it is worth serializing again.
MLIR_CAPI_EXPORTED bool mfaKernelHasNewMachineCode(MfaKernel kernel);

/// Makes a kernel of the bytes of mfaKernelSerialize, within milliseconds. The
/// bytes hold machine code, so take them from nobody who may not run code here.
/// Damaged ones are errors, in whatever field, and so are those of another
/// version of the compiler and those made for another CPU.
MLIR_CAPI_EXPORTED MfaError mfaKernelDeserialize(MlirStringRef bytes,
                                                 MfaKernel *kernel);

/// Destroys a kernel; a null one is let pass. GPU work launched before must
/// have ended.
MLIR_CAPI_EXPORTED void mfaKernelDestroy(MfaKernel kernel);

//===----------------------------------------------------------------------===//
// What was compiled. Strings live as long as the kernel.
//===----------------------------------------------------------------------===//

MLIR_CAPI_EXPORTED MfaTarget mfaKernelGetTarget(MfaKernel kernel);

/// Returns the GPU architecture; empty for the CPU.
MLIR_CAPI_EXPORTED MlirStringRef mfaKernelGetChip(MfaKernel kernel);

/// Returns how many stages of the lowering mfaKernelPrintStage can print.
MLIR_CAPI_EXPORTED intptr_t mfaKernelGetNumStages(MfaKernel kernel);

/// Returns the name of a stage: `mfa`, then `linalg` (CPU) or `gpu` and `nvvm`,
/// then `llvm`, and for CUDA `ptx`.
MLIR_CAPI_EXPORTED MlirStringRef mfaKernelGetStageName(MfaKernel kernel,
                                                       intptr_t index);

/// Passes the program at a stage of its lowering, as text, to the callback. The
/// lowering is repeated for it, up to there.
MLIR_CAPI_EXPORTED MfaError mfaKernelPrintStage(MfaKernel kernel,
                                                MlirStringRef stage,
                                                MlirStringCallback callback,
                                                void *userData);

/// Returns the schedules of the kernels, `#mfa.schedule<...>`, one a line in
/// the order of the program; empty for the CPU.
MLIR_CAPI_EXPORTED MlirStringRef mfaKernelGetSchedule(MfaKernel kernel);

/// Returns the PTX of all GPU kernels as one text, followed by a zero byte;
/// empty unless the target is CUDA.
MLIR_CAPI_EXPORTED MlirStringRef mfaKernelGetPTX(MfaKernel kernel);

/// Passes the machine code of all GPU kernels to the callback. It is made of
/// the PTX by the CUDA driver where there is one, else by ptxas, which is
/// looked for in $CUDA_HOME/bin, $CUDA_PATH/bin, /usr/local/cuda/bin and $PATH.
MLIR_CAPI_EXPORTED MfaError mfaKernelGetCubin(MfaKernel kernel,
                                              MlirStringCallback callback,
                                              void *userData);

/// A GPU kernel of the program.
typedef struct MfaFunction {
  /// Name in the PTX.
  MlirStringRef name;
  /// Threads of a block, and the bytes of shared memory that a launch gives it;
  /// -1 where they are not constant.
  int64_t threads;
  int64_t dynamicSharedBytes;
} MfaFunction;

/// Returns how many GPU kernels there are; 0 for the CPU.
MLIR_CAPI_EXPORTED intptr_t mfaKernelGetNumFunctions(MfaKernel kernel);

/// Returns GPU kernel `index`.
MLIR_CAPI_EXPORTED MfaFunction mfaKernelGetFunction(MfaKernel kernel,
                                                    intptr_t index);

/// What a GPU kernel takes of a multiprocessor, as the driver says.
typedef struct MfaResources {
  /// 32-bit registers of a thread.
  int32_t registers;
  /// Bytes of local memory of a thread; not 0 where registers are spilled.
  int32_t localBytes;
  /// Bytes of shared memory of a block beside those that a launch gives it.
  int32_t staticSharedBytes;
  /// Most threads of a block that the registers allow.
  int32_t maxThreads;
} MfaResources;

/// Asks the driver for the resources of GPU kernel `index`, which is loaded
/// where it is not yet; for `device` see mfaKernelLaunch. The target is CUDA.
MLIR_CAPI_EXPORTED MfaError mfaKernelGetResources(MfaKernel kernel,
                                                  intptr_t index, int device,
                                                  MfaResources *resources);

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// A size or stride that is an argument of every launch.
#define MFA_DYNAMIC INT64_MIN

typedef struct MfaParameter {
  /// Name, for messages: `query`, or `argument 1` in a module.
  MlirStringRef name;
  /// -1 for a number, else the rank of an array.
  int64_t rank;
  /// Of a number f32, or MfaElementI64 for one of type index.
  MfaElementType elementType;
  /// Sizes and strides, `rank` of each, MFA_DYNAMIC where they are open.
  const int64_t *sizes;
  const int64_t *strides;
  /// The strides are those of row-major order without gaps.
  bool contiguous;
} MfaParameter;

/// Returns how many arguments a launch takes, or -1 where the function has
/// results or parameters of other types and cannot be launched.
MLIR_CAPI_EXPORTED intptr_t mfaKernelGetNumParameters(MfaKernel kernel);

/// Returns parameter `index`, which lives as long as the kernel.
MLIR_CAPI_EXPORTED MfaParameter mfaKernelGetParameter(MfaKernel kernel,
                                                      intptr_t index);

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

/// The value of a parameter: an array, or a number.
typedef struct MfaArgument {
  /// Element 0 of the array: in GPU memory for CUDA, else in host memory. May
  /// be null where the array has no elements.
  void *data;
  /// As many as the parameter's rank; strides count elements.
  const int64_t *sizes;
  const int64_t *strides;
  /// The number, where the parameter is one of type f32 or of type index.
  float number;
  int64_t integer;
} MfaArgument;

/// The device of the calling thread's current CUDA context.
#define MFA_CURRENT_DEVICE (-1)

/// Runs the kernel. For the CPU and the simulator it has run when this returns,
/// and `device` and `stream` are not used. For CUDA it is put into `stream` (a
/// CUstream or cudaStream_t; null is the default stream) and nothing waits for
/// it; the GPU kernel is loaded first where it is not loaded in the context.
///
/// `device` is MFA_CURRENT_DEVICE or the number of the GPU whose primary
/// context (that of the CUDA runtime, and of frameworks on it) is used,
/// whatever the thread's current context is. Without a current context, that is
/// GPU 0.
///
/// An output of a problem that shares memory with another argument, or whose
/// elements share some, is an error of kind MfaErrorInvalidArgument that names
/// both, before anything runs. Views of one buffer that interleave share none.
/// What a module writes is not known: there the caller sees to it.
MLIR_CAPI_EXPORTED MfaError mfaKernelLaunch(MfaKernel kernel,
                                            const MfaArgument *arguments,
                                            intptr_t numArguments, int device,
                                            void *stream);

/// The same for callers that have allocated the outputs themselves, or compared
/// them with the inputs: a launch costs 0.1 us less, and does not look for
/// memory that they share. Where they share some, outputs hold anything.
MLIR_CAPI_EXPORTED MfaError
mfaKernelLaunchDistinct(MfaKernel kernel, const MfaArgument *arguments,
                        intptr_t numArguments, int device, void *stream);

//===----------------------------------------------------------------------===//
// Lists of key tiles that launches share
//===----------------------------------------------------------------------===//

/// A kernel with a list of key tiles (MfaTileLists) makes it in each launch.
/// Launches that have a mask, and what the function `keep` reads, in common,
/// such as the layers of a model, may share theirs: the first one for some
/// kernel, sizes, numbers and CUDA context keeps it here, and later ones wait
/// for it, by an event where they are on other streams, and launch nothing to
/// make one. For a mask without `assumesFinite`, query, key and value are still
/// looked at in each launch where the mask excludes a tile.
///
/// It is the caller who sees to it that contents are the same: lists are found
/// by the sizes of all inputs and the numbers among them, not by addresses. For
/// other contents, in place or not, there are mfaKeptTileListsClear and other
/// objects.
///
/// While a stream is captured into a graph no list is kept: a launch uses one
/// that is there, or makes its own, in the graph. Graphs that use lists, and
/// streams that did, have to end before the lists are cleared or destroyed.
/// What is destroyed, cleared, or makes room for another list (of 16) is freed
/// after the work before it on these streams; nothing waits for that.
struct MfaKeptTileLists {
  void *ptr;
};
typedef struct MfaKeptTileLists MfaKeptTileLists;

/// Makes an object without lists. With `assumesFinite` the caller promises for
/// all launches that no score, in front of the mask, and no value is infinite
/// or NaN: then nothing looks whether they are, and tiles that the mask
/// excludes are skipped.
MLIR_CAPI_EXPORTED MfaKeptTileLists mfaKeptTileListsCreate(bool assumesFinite);

/// Destroys the lists; null ones are let pass.
MLIR_CAPI_EXPORTED void mfaKeptTileListsDestroy(MfaKeptTileLists lists);

/// Forgets all lists: the next launches make them again.
MLIR_CAPI_EXPORTED void mfaKeptTileListsClear(MfaKeptTileLists lists);

/// Returns how many lists are kept.
MLIR_CAPI_EXPORTED intptr_t mfaKeptTileListsGetSize(MfaKeptTileLists lists);

/// As mfaKernelLaunch, or with `distinct` as mfaKernelLaunchDistinct, with
/// lists of key tiles. The kernel is one of a problem (one of a module is an
/// error of kind MfaErrorInvalidArgument); on the CPU, and where it has no
/// list, this is a launch as any.
MLIR_CAPI_EXPORTED MfaError
mfaKernelLaunchWithLists(MfaKernel kernel, MfaKeptTileLists lists,
                         bool distinct, const MfaArgument *arguments,
                         intptr_t numArguments, int device, void *stream);

/// Makes the list of such a launch where it is not there, and nothing else:
/// outputs are not written. Does nothing on the CPU and for a kernel without a
/// list.
MLIR_CAPI_EXPORTED MfaError mfaKernelMakeLists(MfaKernel kernel,
                                               MfaKeptTileLists lists,
                                               const MfaArgument *arguments,
                                               intptr_t numArguments,
                                               int device, void *stream);

/// Loads all GPU kernels into a context, so that launches do not: loads are not
/// allowed while a stream is captured into a graph. Does nothing for other
/// targets.
MLIR_CAPI_EXPORTED MfaError mfaKernelLoad(MfaKernel kernel, int device);

//===----------------------------------------------------------------------===//
// Interrupts
//===----------------------------------------------------------------------===//

/// Returns true where the call that the thread is in shall end.
typedef bool (*MfaInterruptHandler)(void *userData);

/// Sets what calls that take long ask about every 50 ms, in the thread that
/// made the call: compilations between their passes (not within one, nor in
/// the generation of machine code), launches on the CPU between tiles of
/// queries, and simulated launches. Where the handler returns true the call
/// ends with MfaErrorInterrupted, and outputs hold anything. Null, the default,
/// stands for nothing. Must not be called while another thread is in a call.
MLIR_CAPI_EXPORTED void mfaSetInterruptHandler(MfaInterruptHandler handler,
                                               void *userData);

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

/// Returns null where a GPU answers through the CUDA driver, else why not.
MLIR_CAPI_EXPORTED MfaError mfaCheckCUDA(void);

/// How many threads of the CPU work on a launch for the CPU, or on a simulated
/// kernel: as many as the hardware has, or as the environment variable
/// MFA_NUM_THREADS says, until they are set for this process. A count below 1
/// is taken as 1. Results do not depend on it.
MLIR_CAPI_EXPORTED intptr_t mfaGetNumThreads(void);
MLIR_CAPI_EXPORTED void mfaSetNumThreads(intptr_t count);

/// Returns the number of GPUs; 0 without a driver.
MLIR_CAPI_EXPORTED int mfaGetNumDevices(void);

/// Passes the architecture of a GPU, as MfaOptions::chip takes it, to the
/// callback: `sm_90a` rather than `sm_90`, where the two differ.
MLIR_CAPI_EXPORTED MfaError mfaGetDeviceChip(int device,
                                             MlirStringCallback callback,
                                             void *userData);

#ifdef __cplusplus
}
#endif

#endif // MFA_C_KERNEL_H
