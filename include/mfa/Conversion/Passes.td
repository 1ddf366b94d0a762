//===- Passes.td - Conversions between dialects ------------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_CONVERSION_PASSES_TD
#define MFA_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertMFAToGPUPass : Pass<"convert-mfa-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Write each masked attention on buffers as a GPU kernel";
  let description = [{
    Each op becomes a launch of a kernel by its schedule, in a `gpu.module` of its
    own. Ops on tensors or without a schedule are errors.

    Regions become part of the kernel. Of the tiles of keys those that no row of a
    tile keeps a key of are skipped, and `keep` is evaluated in those alone where a
    row may drop a key, as `mfa-analyze-key-tiles` finds for the tiles of the
    schedule. An attribute `mfa.key_tiles` for tiles of that size is taken as it is.
    Where rows further on visit more keys, blocks take the last rows first.

    A schedule with `small_tile_rows` becomes two kernels, of which a launch without
    a list of tiles takes the one whose tiles of rows fill the GPU better, by the
    numbers of queries, heads, batches and multiprocessors.

    Where the schedule says `tiles = list`, more kernels run in front of that one, on
    its stream, and make the list of the tiles that it visits, of those that the
    closed form leaves: one finds by the region `keep` and the mask what has to be
    done with each tile; one puts those of the same rows in order; and where a
    mask excludes a tile, one looks whether all scores and values are finite, as else
    that may not be skipped. The list is in memory that is allocated for the
    launch. With `tiles = auto` there are kernels with a list and without, and the
    launch takes the former where sizes say that making the list takes at most a 50th
    of the attention's time.

    A list made for a `wgmma` kernel by a rule that has, besides bounds of the key, 8
    operations or more for each pair, or reads arrays by the key, has what the rule keeps
    of tested tiles as bits, which the attention kernel tests in its place. There are
    kernels with bits and without, and a launch takes the former where enough heads, of
    all batches, share a bit, 8 or, of a rule that reads by the key, 32, and the bits
    take no more memory than the queries.

    A `wgmma` kernel copies tiles by tensor maps, which an array has whose rows start
    on 16-byte boundaries; where query, key, value or output is another, which the
    launch finds out, a kernel of the kind `mma_sync` runs. A mask of other rows, of an
    odd number of keys say, is copied in front of each launch, to rows of the next
    multiple of 16 bytes (`masked_attention_mask_copy`), unless query rows are 64 at
    most. Where types tell that this is so, a remark says it.

    Where an op is launched as several kernels, each but the first may begin before
    the one in front of it has ended, from sm_90 on (programmatic dependent launch):
    it waits for that one with `nvvm.griddepcontrol wait` before it touches memory,
    and `mfa_gpu.overlap_launch` is in front of its launch. The one in front lets it
    begin when all of its own blocks are there. What is no kernel, allocations and
    counters that are set to 0, comes in front of the first one, but for the copy of a
    mask: where memory is allocated behind that, as for a list or for split keys, the
    next kernel begins when the copy has ended.

    Functions that have no
    instruction (`mfa-expand-region-math` comes before) are errors. `cf.assert` in
    a region has no effect in a kernel.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect",
    "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::mfa_gpu::MFAGPUDialect",
    "::mlir::nvgpu::NVGPUDialect",
    "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect",
  ];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_80\"",
           "GPU architecture the kernels are for, such as sm_80 or sm_90a; "
           "the error of another lists all from sm_80 to sm_121a">,
    Option<"schedules", "schedules", "std::string", "\"\"",
           "file of the table of schedules (default: the one that is built "
           "in), for mma_sync kernels in the place of wgmma kernels">,
  ];
}

def ConvertMFAToVectorPass : Pass<"convert-mfa-to-vector"> {
  let summary = "Write each masked attention on buffers as loops over vectors";
  let description = [{
    For ops with a schedule of kind `cpu`, which `mfa-select-cpu-schedule` attaches.
    Others are left as they are; `mfa-decompose-attention` takes every op.

    Tiles of query rows of one head are independent: they are the iterations of one
    `scf.parallel`. Each goes through the keys tile by tile with the online softmax,
    and sees of a tile a copy that is packed for vectors: keys with the elements of
    one dimension side by side, values with their rows padded to whole vectors. Rows
    are taken `register_rows` at a time, and with them

    | step | in registers |
    |---|---|
    | scores = query . key | sums of `register_rows` x `register_columns` vectors over the head's dimension |
    | scale, mask, `score`, `keep`, maximum | a vector of keys of one row |
    | weights = exp(scores - maximum), their sum | a vector of keys of one row |
    | output = output * exp(old maximum - maximum) + weights . value | sums of `register_rows` x `register_columns` vectors over the tile's keys |

    Tiles of keys that no row keeps a key of are skipped, and `keep` is evaluated in
    those alone where a row may drop a key, as `mfa-analyze-key-tiles` finds for
    tiles of the schedule. Regions are evaluated for a vector of keys; an access to
    an array whose elements are not side by side is one for each key, also where the
    type leaves that open and it is so when the program runs. In `score` these
    functions of f32 are polynomials, good to so many units in the last place
    but for numbers below 2^-126, which are as 0 where they are results, and as
    2^-126 where they are operands of a logarithm:

    | `math` op | `exp` | `log` | `log2` | `log1p` | `expm1` | `erf` | `tanh` |
    |---|---|---|---|---|---|---|---|
    | units | 1 | 1 | 1.5 | 2 | 2.5 | 3 | 4 |

    and these are computed in f64, good to 0.6 units, with all f32 numbers:

    | `math` op | but for |
    |---|---|
    | `exp2`, `log10`, `cbrt`, `atan`, `asin`, `acos`, `sinh`, `cosh`, `asinh`, `acosh`, `atanh` | |
    | `sin`, `cos`, `tan` | finite numbers of 2^40 and more |
    | `powf` | bases that are 0, less, or infinite, and infinite exponents |
    | `atan2` | two zeros or two infinities |

    A vector of keys one of which is such an exception has the C library's function,
    as have all others, and those of `keep`, for one key at a time.

    Up to two rows are worth no copies: they read keys and values where they are.

    The copies are on the stack of the thread that takes a tile, some hundred KiB: a
    schedule for which they are more than 1 MiB is an error. So is one with
    `dot_products` for an op that is not of bf16.

    With `matrix_products` sums are tiles of 16 rows of 16, ops of the `amx` dialect:
    each step multiplies 16 rows of 32 dimensions or keys by 32 of 16 sums. Dimensions
    and keys up to a multiple of 32 are 0, and all that is not a product is in vectors,
    which read scores and scale output in memory.

    Results do not depend on the number of threads.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::amx::AMXDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect",
    "::mlir::ub::UBDialect",
    "::mlir::vector::VectorDialect",
    "::mlir::x86vector::X86VectorDialect",
  ];
}

def MFAMoveBuffersToGPUPass
    : Pass<"mfa-move-buffers-to-gpu", "::mlir::func::FuncOp"> {
  let summary = "Allocate and copy the buffers of a function on the GPU";
  let description = [{
    Buffers of a function that launches kernels are in GPU memory: its arguments
    by convention, and what it allocates by this pass, which turns `memref.alloc`,
    `memref.dealloc`, `memref.copy`, `bufferization.clone` and
    `bufferization.dealloc` into the ops of the gpu dialect. Views and sizes stay on
    the host. An op that would read or write elements on the host is an error.

    ```mlir
    %b = memref.alloc() : memref<4xf32>
    ```
    becomes
    ```mlir
    %t0 = gpu.wait async
    %b, %t1 = gpu.alloc async [%t0] () : memref<4xf32>
    gpu.wait [%t1]
    ```

    A copy from or to a buffer with another layout than the identity stays, for
    `mfa-launch-copies`. A constant of the program (`memref.get_global`) is copied
    to the GPU where the function begins and freed where it returns; a `memref.load`
    of it stays on the host.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect",
  ];
}

def MFALaunchCopiesPass : Pass<"mfa-launch-copies", "::mlir::ModuleOp"> {
  let summary = "Copy to buffers by kernels";
  let description = [{
    Turns each `memref.copy` and `linalg.fill` in a function into the launch of a
    kernel with a thread for each element. Those of the same types share a kernel.

    ```mlir
    memref.copy %a, %b : memref<64x16xf32, strided<[128, 1]>> to memref<64x16xf32>
    ```
    becomes
    ```mlir
    gpu.launch_func @mfa_kernels::@copy blocks in (%c4, %c1, %c1) threads in (%c256, %c1, %c1)
        args(%a : memref<64x16xf32, strided<[128, 1]>>, %b : memref<64x16xf32>)
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_80\"",
           "GPU architecture the kernels are for, such as sm_80 or sm_90a">,
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect",
  ];
}

def ConvertMFAGPUToNVVMPass
    : Pass<"convert-mfa-gpu-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Lower kernels on register tiles to the nvvm and llvm dialects";
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect",
  ];
}

def SimulateGPUPass : Pass<"mfa-simulate-gpu", "::mlir::ModuleOp"> {
  let summary = "Rewrite GPU kernels as host code that simulates them";
  let description = [{
    Moves the functions of every `gpu.module`, in the `llvm` and `nvvm`
    dialects, into the surrounding module and rewrites them into host code that
    executes one thread: special registers are read from the state of the
    thread, which is a new argument 0, and everything that concerns other
    threads or memory becomes a call of the simulator's runtime (`mfaSim*`).
    Each `gpu.launch_func` becomes a call of `mfaSimLaunch`; its operands may be
    memrefs or values of the llvm dialect. Buffers in GPU memory become buffers
    of the host, and waiting for the GPU becomes nothing, since all that a token
    stands for is done when the op that makes it returns.

    A pointer to shared memory stays an offset into the window of the block.
    An operation that the simulator does not know is an error.

    ```mlir
    gpu.module @m {
      llvm.func @k(%p: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
        %t = nvvm.read.ptx.sreg.tid.x : i32
        nvvm.barrier0
        llvm.store %t, %p : i32, !llvm.ptr<1>
        llvm.return
      }
    }
    ```

    becomes

    ```mlir
    llvm.func internal @m_k(%state: !llvm.ptr, %p: !llvm.ptr<1>) {
      %0 = llvm.getelementptr %state[8] : (!llvm.ptr) -> !llvm.ptr, i8
      %t = llvm.load %0 : !llvm.ptr -> i32
      llvm.call @mfaSimBarrier(%state, %id, %all, %site0) : ...
      %1 = llvm.call @mfaSimAccess(%state, %address, %bytes, %flags, %site1) : ...
      llvm.store %t, %1 : i32, !llvm.ptr
      llvm.return
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect",
  ];
  let options = [
    Option<"checks", "checks", "bool", "true",
           "Check every access to memory; without, kernels run faster and "
           "only barriers and warp-wide operations are checked">,
    Option<"count", "count", "bool", "false",
           "Count what kernels execute, for the simulator's report">,
  ];
}

def MFALowerTensorMapsPass : Pass<"mfa-lower-tensor-maps", "::mlir::ModuleOp"> {
  let summary = "Encode tensor maps on the host and pass them to kernels";
  let description = [{
    Turns each `mfa_gpu.encode_tensor_map` into tests of the array's address,
    sizes and strides and, where they pass, a call of the runtime function
    `mgpuTensorMapEncodeTiled`, which takes the arguments of the driver's
    cuTensorMapEncodeTiled.

    A kernel in the `llvm` dialect that stores a tensor map, which it got by
    value, to a variable uses the argument in its place: hardware reads tensor
    maps from the memory of parameters, not from a thread's.

    ```mlir
    llvm.func @kernel(%map: !llvm.array<16 x i64>) attributes {nvvm.kernel} {
      %one = llvm.mlir.constant(1 : i32) : i32
      %variable = llvm.alloca %one x !llvm.array<16 x i64> {alignment = 64 : i64} : (i32) -> !llvm.ptr
      llvm.store %map, %variable : !llvm.array<16 x i64>, !llvm.ptr
    ```
    becomes
    ```mlir
    llvm.func @kernel(%map: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<16 x i64>, nvvm.grid_constant}) attributes {nvvm.kernel} {
    ```

    The symbol of a kernel's dynamic shared memory becomes an external one, which
    lies behind the kernel's variables in shared memory, and is aligned for
    tensor maps where the kernel takes some.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect",
  ];
}

def MFALowerDeviceQueriesPass
    : Pass<"mfa-lower-device-queries", "::mlir::ModuleOp"> {
  let summary = "Ask the runtime about the GPU and about the caller";
  let description = [{
    Turns each `mfa_gpu.multiprocessors` into a call of the runtime function
    `mfaGetMultiprocessorCount` (see `mfa/Runtime/CUDARuntime.h`).

    ```mlir
    %count = mfa_gpu.multiprocessors
    ```
    becomes
    ```mlir
    %0 = llvm.call @mfaGetMultiprocessorCount() : () -> i64
    %count = arith.index_cast %0 : i64 to index
    ```

    `mfa_gpu.preparation` asks `mfaGetPreparation`, and `mfa_gpu.kept_tile_list`
    gets its memory from `mfaGetKeptTileList` and asks
    `mfaIsKeptTileListFilled` about it (see `mfa/Runtime/KeptTileLists.h`).
    `mfa_gpu.acquire_row_counter` and `mfa_gpu.release_row_counter` are calls of
    `mfaAcquireRowCounter` and `mfaReleaseRowCounter`, and
    `mfa_gpu.overlap_launch` is one of `mfaOverlapLaunch`.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect",
  ];
}

def MFALowerExpandShapesPass : Pass<"mfa-lower-expand-shapes"> {
  let summary = "Lower shapes that are expanded to several dynamic sizes";
  let description = [{
    Turns each `memref.expand_shape` with several dynamic sizes in place of one
    size of its source into a `memref.reinterpret_cast` with the sizes that it
    names. Upstream's `expand-strided-metadata`, which goes behind this pass, does
    so for one of them, and crashes at more.

    ```mlir
    %1 = memref.expand_shape %0 [[0, 1], [2]] output_shape [%h, %g, 8]
        : memref<?x8xf16> into memref<?x?x8xf16>
    ```
    becomes
    ```mlir
    %base, %offset, %sizes:2, %strides:2 = memref.extract_strided_metadata %0
        : memref<?x8xf16> -> memref<f16>, index, index, index, index, index
    %stride = arith.muli %c8, %g : index
    %1 = memref.reinterpret_cast %base to offset: [0], sizes: [%h, %g, 8],
        strides: [%stride, 8, 1] : memref<f16> to memref<?x?x8xf16>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect",
  ];
}

def MFACheckAllocationsPass : Pass<"mfa-check-allocations"> {
  let summary = "Check that the sizes of buffers do not overflow";
  let description = [{
    Puts an assertion in front of each `memref.alloc`, `memref.alloca` and
    `gpu.alloc` of the host whose bytes may be more than a signed 64-bit number
    counts. The product of such sizes wraps around, and too little memory would be
    allocated. Sizes of 0 count as 1 and those below 0 as unsigned numbers.

    ```mlir
    %0 = memref.alloc(%n) : memref<?xf32>
    ```
    becomes
    ```mlir
    %size = arith.maxui %n, %c1 : index
    %low, %high = arith.mului_extended %c4, %size : index
    %fits = arith.cmpi eq, %high, %c0 : index
    %isPositive = arith.cmpi sge, %low, %c0 : index
    %isValid = arith.andi %fits, %isPositive : i1
    cf.assert %isValid, "expected memref<?xf32> to have sizes ..."
    %0 = memref.alloc(%n) : memref<?xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect",
  ];
}

def MFALowerAssertsPass : Pass<"mfa-lower-asserts", "::mlir::ModuleOp"> {
  let summary = "Report failed assertions to the runtime";
  let description = [{
    Turns each `cf.assert` into a branch to a call of the runtime function
    `mfaReportError`, which receives the message and does not return (see
    `mfa/Runtime/CPURuntime.h`). The default lowering of `cf.assert` aborts the
    process instead, which takes the decision from the program that embeds the
    compiled code.

    The message is one line. Of a check made by `generate-runtime-verification`
    it is the text and the position in the source.

    Runs where control flow is unstructured, after `convert-scf-to-cf`; an
    assertion inside structured control flow stays.

    ```mlir
    func.func @f(%ok: i1) {
      cf.assert %ok, "expected 2 dimensions"
      return
    }
    ```
    becomes
    ```mlir
    llvm.mlir.global private constant @assert_message("expected 2 dimensions\00")
    func.func private @mfaReportError(!llvm.ptr)
    func.func @f(%ok: i1) {
      cf.cond_br %ok, ^bb1, ^bb2
    ^bb1:
      return
    ^bb2:
      %message = llvm.mlir.addressof @assert_message : !llvm.ptr
      call @mfaReportError(%message) : (!llvm.ptr) -> ()
      llvm.unreachable
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect",
  ];
}

def MFAOutlineParallelLoopsPass
    : Pass<"mfa-outline-parallel-loops", "::mlir::ModuleOp"> {
  let summary = "Run parallel loops on the threads of the runtime";
  let description = [{
    Moves the body of each outermost `scf.parallel` to a function of one index,
    the position of the iteration with the last loop fastest, and replaces the
    loop by a call of the runtime function `mfaParallelFor`, which calls the
    function for every index on several threads (see
    `mfa/Runtime/CPURuntime.h`). Values from outside the loop travel in a struct
    on the caller's stack. With `threads=false` a loop in this thread calls the
    function, whose memory on the stack lives as long as a call. Loops with reductions
    and loops inside other parallel loops stay; `convert-scf-to-cf` makes them
    sequential.

    In front of a loop whose body has ops of the `amx` dialect, the runtime function
    `mfaUseTileRegisters` asks the system for these registers.

    ```mlir
    func.func @f(%a: memref<?xf32>, %n: index) {
      scf.parallel (%i) = (%c0) to (%n) step (%c1) {
        memref.store %zero, %a[%i] : memref<?xf32>
      }
      return
    }
    ```
    becomes
    ```mlir
    func.func private @mfaParallelFor(index, (index, !llvm.ptr) -> (), !llvm.ptr)
    func.func private @f_parallel(%i: index, %context: !llvm.ptr) {
      // loads %a from the context
      memref.store %zero, %a[%i] : memref<?xf32>
      return
    }
    func.func @f(%a: memref<?xf32>, %n: index) {
      %context = llvm.alloca %one x !llvm.struct<...> : (i64) -> !llvm.ptr
      // stores %a in the context
      %body = constant @f_parallel : (index, !llvm.ptr) -> ()
      call @mfaParallelFor(%n, %body, %context)
          : (index, (index, !llvm.ptr) -> (), !llvm.ptr) -> ()
      return
    }
    ```
  }];
  let options = [
    Option<"threads", "threads", "bool", "true",
           "on the threads of the runtime; false: one after another in this one">,
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect",
  ];
}

def MFADecomposeLinalgPass : Pass<"mfa-decompose-linalg"> {
  let summary = "Write composite linalg ops on tensors step by step";
  let description = [{
    Turns ops with a decomposition (`linalg.softmax`, the Winograd transforms),
    `linalg.pack` and `linalg.unpack` into linalg and tensor ops that bufferize and
    become loops. Ops on buffers stay.

    ```mlir
    %1 = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32>
    ```
    becomes a maximum, a `linalg.generic` of `math.exp`, a sum and a division.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect",
  ];
}

def MFAExpandCopiesPass : Pass<"mfa-expand-copies"> {
  let summary = "Write copies between layouts as linalg.copy";
  let description = [{
    Turns each `memref.copy` of ranked buffers that is not one range of bytes into a
    `linalg.copy`, which becomes loops. Upstream's lowering would call a function of
    a runtime that copies element by element.

    ```mlir
    memref.copy %a, %b : memref<4x8xf32, strided<[16, 1]>> to memref<4x8xf32>
    ```
    becomes
    ```mlir
    linalg.copy ins(%a : memref<4x8xf32, strided<[16, 1]>>) outs(%b : memref<4x8xf32>)
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def MFALowerMathPass : Pass<"mfa-lower-math"> {
  let summary = "Lower the math ops of the host that LLVM has no intrinsic for";
  let description = [{
    `math.acosh`, `asinh`, `atanh`, `cbrt`, `erf` and `erfc` become calls of libm, as
    do `expm1` and `log1p`, whose intrinsics would be computed from `exp` and `log`;
    those of f16 and bf16 are computed in f32. Vectors have a call for each element, of
    which there may be 4096. `math.clampf`, `isinf` and `isnormal`
    become ops of arith. Other ops, and kernels in a `gpu.module`, stay.

    ```mlir
    %1 = math.erf %0 : f32
    ```
    becomes
    ```mlir
    func.func private @erff(f32) -> f32 attributes {llvm.readnone}
    %1 = call @erff(%0) : (f32) -> f32
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect",
    "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect",
  ];
}

def MFAEmulateBF16Pass : Pass<"mfa-emulate-bf16"> {
  let summary = "Compute with bf16 in f32 on the host";
  let description = [{
    Ops of arith and math on bf16 compute in f32, and each rounds its result to bf16;
    that rounding is not folded away. What computers have bf16 for, `arith.extf` and
    `arith.truncf`, is left for `arith-expand`. Kernels in a `gpu.module` stay.

    ```mlir
    %2 = arith.addf %0, %1 : bf16
    ```
    becomes
    ```mlir
    %3 = arith.extf %0 : bf16 to f32
    %4 = arith.extf %1 : bf16 to f32
    %5 = arith.addf %3, %4 : f32
    %2 = arith.truncf %5 : f32 to bf16
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect",
  ];
}

def MFADropUnusedKernelArgumentsPass
    : Pass<"mfa-drop-unused-kernel-arguments", "::mlir::ModuleOp"> {
  let summary = "Drop what launches pass and kernels do not use";
  let description = [{
    Removes the arguments without uses of each kernel in the `llvm` dialect that
    this module launches, and what its launches pass for them. A memref is eleven
    arguments at rank 4: the driver copies each of them in every launch, while a
    kernel that reads through tensor maps, or knows sizes and strides from the
    memref's type, uses few.

    ```mlir
    gpu.module @kernels {
      llvm.func @kernel(%allocated: !llvm.ptr, %aligned: !llvm.ptr, %offset: i64,
                        %size: i64, %stride: i64) attributes {gpu.kernel, nvvm.kernel} {
        llvm.store %size, %aligned : i64, !llvm.ptr
    ...
    gpu.launch_func @kernels::@kernel blocks in (%one, %one, %one) threads in (%one, %one, %one)
        args(%array : memref<?xi64>)
    ```
    becomes
    ```mlir
    gpu.module @kernels {
      llvm.func @kernel(%aligned: !llvm.ptr, %size: i64) attributes {gpu.kernel, nvvm.kernel} {
        llvm.store %size, %aligned : i64, !llvm.ptr
    ...
    %descriptor = builtin.unrealized_conversion_cast %array : memref<?xi64> to !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %aligned = llvm.extractvalue %descriptor[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %size = llvm.extractvalue %descriptor[3, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    gpu.launch_func @kernels::@kernel blocks in (%one, %one, %one) threads in (%one, %one, %one)
        args(%aligned : !llvm.ptr, %size : i64)
    ```
    A kernel that nothing here launches keeps its arguments, as does one whose
    launch passes another number of them.
  }];
  let statistics = [
    Statistic<"numDropped", "dropped", "Number of arguments dropped">,
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def MFABooleansToBytesPass : Pass<"mfa-booleans-to-bytes"> {
  let summary = "Load and store booleans as bytes";
  let description = [{
    An `i1` in memory is a byte, and true unless the byte is 0, as in NumPy and
    PyTorch: `numpy.uint8` seen as `bool` has others than 0 and 1. LLVM leaves
    open what a load of `i1` makes of them, and backends test the lowest bit. So
    each load of an `i1` becomes a load and a test of the byte, and each store
    one of 0 or 1.

    Runs on loads and stores of the `llvm` dialect, of the host and of kernels.
    Vectors of `i1`, which are packed bits, stay.

    ```mlir
    %keep = llvm.load %address : !llvm.ptr -> i1
    llvm.store %keep, %other : i1, !llvm.ptr
    ```
    becomes
    ```mlir
    %byte = llvm.load %address : !llvm.ptr -> i8
    %keep = llvm.icmp "ne" %byte, %zero : i8
    %stored = llvm.zext %keep : i1 to i8
    llvm.store %stored, %other : i8, !llvm.ptr
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def MFASerializeKernelsPass
    : Pass<"mfa-serialize-kernels", "::mlir::ModuleOp"> {
  let summary = "Compile each module of GPU kernels to a binary, all at once";
  let description = [{
    What upstream's `gpu-module-to-binary` does to one `gpu.module` after another,
    on the threads of the context: each becomes a `gpu.binary` in its place.
    Globals that are not visible outside of their module, and those in shared
    memory, get names that no other module uses, so that the assembly of all
    kernels can be read and assembled as one text.
  }];
  let options = [
    Option<"format", "format", "std::string", "\"isa\"",
           "What the kernels are compiled to: isa (PTX), bin, fatbin, or llvm "
           "(LLVM IR)">,
  ];
  let dependentDialects = ["::mlir::gpu::GPUDialect"];
}

#endif // MFA_CONVERSION_PASSES_TD
