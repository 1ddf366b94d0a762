//===- Passes.td - Passes on the mfa dialect ---------------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_PASSES_TD
#define MFA_DIALECT_MFA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def MFATileAttentionPass : Pass<"mfa-tile-attention"> {
  let summary = "Split masked attention into parallel tiles of query rows";
  let description = [{
    Each tile is one batch, one query head and `rows` query rows, with the slice
    of every operand that it reads. Tiles are independent: they are the
    iterations of one `scf.forall`. The scores of one tile are small, where
    those of the whole op would take 4 * B * H * Sq * Sk bytes.

    ```mlir
    mfa.masked_attention
      ins(%q, %k, %v : memref<2x128x8x64xf32>, memref<2x96x2x64xf32>,
                       memref<2x96x2x64xf32>)
      outs(%o : memref<2x128x8x64xf32>)
    ```
    becomes, with `rows=64`,
    ```mlir
    scf.forall (%b, %h, %r) = (0, 0, 0) to (2, 8, 128) step (1, 1, 64) {
      %group = affine.apply affine_map<(d0) -> (d0 floordiv 4)>(%h)
      %tq = memref.subview %q[%b, %r, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1]
      %tk = memref.subview %k[%b, 0, %group, 0] [1, 96, 1, 64] [1, 1, 1, 1]
      %tv = memref.subview %v[%b, 0, %group, 0] [1, 96, 1, 64] [1, 1, 1, 1]
      %to = memref.subview %o[%b, %r, %h, 0] [1, 64, 1, 64] [1, 1, 1, 1]
      mfa.masked_attention ins(%tq, %tk, %tv) outs(%to)
    }
    ```
  }];
  let options = [
    Option<"rows", "rows", "int64_t", "64", "query rows of a tile, 1 to 2147483647">,
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect",
  ];
}

def MFAAnalyzeKeyTilesPass : Pass<"mfa-analyze-key-tiles"> {
  let summary = "Find which tiles of keys the regions of an op leave";
  let description = [{
    From the regions `keep` and `score` of each op (of a score: where it selects a
    constant of -inf) follows which tiles of keys the rows of a tile have to visit,
    and in which of these each pair has to be tested. The result, a
    `#mfa.key_tiles`, becomes the attribute `mfa.key_tiles` of the op; one that is
    there already is kept. Ops without regions have none.

    ```mlir
    mfa.masked_attention ins(%q, %k, %v : ...) outs(%o : ...)
      keep {
      ^bb0(%b: index, %h: index, %q: index, %k: index):
        %c = arith.cmpi sle, %k, %q : index
        mfa.yield %c : i1
      }
    ```
    gets, with `rows=128 keys=128` and Sq and Sk open,
    ```mlir
    #visit = affine_set<(b, h, t, j)[sq, sk] : (t - j >= 0)>
    #test = affine_set<(b, h, t, j)[sq, sk] : (j - t >= 0, sk - t * 128 - 2 >= 0)>
    {mfa.key_tiles = #mfa.key_tiles<rows = 128, keys = 128, visit = [#visit], test = [#test]>}
    ```

    What is read off a region: `arith` on index and integers (sums, differences,
    products with constants, quotients and remainders by positive constants, min,
    max, select, casts), comparisons, and truth values made of these. An element of
    an array, a product of two variables and the like are unknown: true and false
    are both possible. Captured integers and sizes are symbols. Integers are taken
    not to overflow.

    What is skipped and what is not tested is sound for every region. It is exact
    where coefficients allow, which those of causal rules, windows, prefixes,
    padding and dilated blocks do.
  }];
  let options = [
    Option<"rows", "rows", "int64_t", "128", "query rows of a tile, 1 to 2147483647">,
    Option<"keys", "keys", "int64_t", "128", "keys of a tile, 1 to 2147483647">,
  ];
  let dependentDialects = ["::mlir::mfa::MFADialect"];
}

def MFACountKeyTilesPass : Pass<"mfa-count-key-tiles", "::mlir::func::FuncOp"> {
  let summary = "Count the tiles of keys that kernels visit, instead of computing";
  let description = [{
    Puts loops that count in the place of each op, whose schedule says how large
    tiles are and how they are chosen. A function that has ops gets one more
    argument, a `memref<4xi64>`, to which these numbers of tiles are added:

    | element | tiles |
    |---|---|
    | 0 | skipped |
    | 1 | visited and free: no pair is tested, and no mask is read |
    | 2 | visited with the mask, and without a test of the region `keep` |
    | 3 | visited, each pair tested |

    With `tiles = list` each pair is looked at, as the kernels do that make the list;
    scores are taken to be finite. With `tiles = auto` an op with a region `keep` is
    counted so too; whether a mask has a list is decided by each launch, and is an
    error here. Not counted are tiles that are visited for a list to have a step, or
    each part of split keys; what a launch chooses another kernel for (fewer rows
    in a tile, arrays without a tensor map) is counted as if it did not.

    ```mlir
    func.func @f(%q: !q, %k: !q, %v: !q, %o: !q) {
      mfa.masked_attention ins(%q, %k, %v : !q, !q, !q) outs(%o : !q) schedule(...) keep {...}
    ```
    becomes
    ```mlir
    func.func @f(%q: !q, %k: !q, %v: !q, %o: !q, %counts: memref<4xi64>) {
      scf.for %batch = ... {
        scf.for %head = ... {
          scf.for %rows = ... {
    ```
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect",
  ];
}

def MFAExpandRegionMathPass : Pass<"mfa-expand-region-math"> {
  let summary = "Write functions in regions with what GPUs have instructions for";
  let description = [{
    In the regions of `mfa.masked_attention` and nowhere else: `exp`, `log`, `pow`
    and the like of f32 become `exp2`, `log2`, products and quotients, which are
    good to a few units in the last place; functions of f16 and bf16 are computed in
    f32. There is no library of functions in kernels: what is left, such as
    functions of f64, is an error. In `score` a product and a sum may be one
    instruction, with one rounding.

    | op | is computed as |
    |---|---|
    | `exp2`, `log2`, `sqrt`, `fma`, `absf`, `copysign`, `ceil`, `floor`, `round`, `roundeven`, `trunc` | an instruction or a few |
    | `tanh`, of an op on f16 or bf16 | an instruction, good to 2^-11 of the result |
    | `exp`, `log`, `log10`, `tanh`, `cbrt` | by `exp2` and `log2` |
    | `sinh`, `cosh`, `tan`, `asinh`, `acosh`, `atanh`, `powf`, `fpowi`, `rsqrt` | by the former |
    | `erf`, `erfc`, `sin`, `cos`, `asin`, `acos`, `atan`, `atan2`, `log1p`, `expm1` | polynomials |
    | `absi`, `ctlz`, `ipowi` by a constant | integer operations |
    | `arith.divf` | an approximate quotient, good to 2 units in the last place; in `score` the product with the reciprocal of a constant or captured divisor |
    | `arith.remf` | by a quotient, which is right up to 2^22 |
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect",
  ];
}

def MFADecomposeAttentionPass : Pass<"mfa-decompose-attention"> {
  let summary = "Write masked attention as the linalg ops that define it";
  let description = [{
    The reference, step by step, on tensors or buffers. With query heads H,
    key heads h and G = H / h, the steps for batch b, query head a * G + g (key
    head a), query row i and key j are

    | step | result |
    |---|---|
    | scores | s[j] = sum over d of query[i, d] * key[j, d], in f32 |
    | scale, mask, regions | s[j] = s[j] * scale + mask[i, j]; an i1 mask adds 0 or -inf; then score(s[j], b, h, i, j), and -inf where keep(b, h, i, j) is false |
    | largest score | m = max over j of s[j]; NaN if any score is |
    | top | t = max(m, sink); m without sinks |
    | weights | p[j] = exp(s[j] - t), with 0 for t where t is -inf |
    | sum | l = sum over j of p[j], and exp(sink - t) |
    | shares | p[j] = p[j] / l, with p rounded to the type of the value first |
    | product | a[d] = sum over j of p[j] * value[j, d], in f32 |
    | output | a[d], and 0 where m is -inf: the row is fully masked, or there are no keys |
    | lse | t + log(l), and -inf where t is -inf |

    Regions become a part of the body of a linalg op, which reads captured arrays
    as they do.

    No operand is copied: grouped heads are a split of the dimension of query
    heads, broadcast dimensions of the mask are zeros in its indexing map, and
    buffers may be strided. The scores and the row statistics are new f32
    arrays, the scores of B * H * Sq * Sk elements; `mfa-tile-attention` in
    front of this pass bounds them. The two products carry the fast-math flags
    `reassoc` and `contract`, so that their sums can be vectorized.

    ```mlir
    mfa.masked_attention
      ins(%q, %k, %v : memref<1x64x1x32xf32>, memref<1x96x1x32xf32>,
                       memref<1x96x1x32xf32>)
      mask(%mask : memref<1x64x96xf32>)
      outs(%o : memref<1x64x1x32xf32>)
    ```
    becomes
    ```mlir
    %scores = memref.alloc() : memref<1x1x64x96xf32>
    linalg.fill ins(%zero : f32) outs(%scores : memref<1x1x64x96xf32>)
    linalg.generic {iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"], ...}
        ins(%q, %k : memref<1x64x1x32xf32>, memref<1x96x1x32xf32>)
        outs(%scores : memref<1x1x64x96xf32>) {
    ^bb0(%query: f32, %key: f32, %score: f32):
      %product = arith.mulf %query, %key fastmath<reassoc,contract> : f32
      %sum = arith.addf %score, %product fastmath<reassoc,contract> : f32
      linalg.yield %sum : f32
    }
    linalg.generic {...} ins(%mask : memref<1x64x96xf32>)
                         outs(%scores : memref<1x1x64x96xf32>) {
    ^bb0(%mask: f32, %score: f32):
      %scaled = arith.mulf %score, %scale : f32
      %masked = arith.addf %scaled, %mask : f32
      linalg.yield %masked : f32
    }
    // ... one linalg op for each of the other steps
    memref.dealloc %scores : memref<1x1x64x96xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect",
  ];
}

def MFAGroupHeadsAsQueriesPass : Pass<"mfa-group-heads-as-queries"> {
  let summary = "Make the heads of a group the queries of one head";
  let description = [{
    With one query (Sq = 1) and H query heads for h key heads, the G = H / h
    query heads of a group attend to the same keys and values: head a * G + g
    is query g of a head a. Query, output, lse and a mask over heads are seen
    so; nothing is copied:

    | operand | before | after |
    |---|---|---|
    | query, output | [B, 1, H, D] | [B, G, h, D] |
    | key, value | [B, Sk, h, D] | the same |
    | mask over heads | [B\|1, H, 1, Sk\|1] | [B\|1, h, G, Sk\|1] |
    | other masks | | the same |
    | lse | [B, H, 1] | [B, h, G] |
    | sinks | [H] or [H, 1] | [h, G] |

    A kernel that has tiles of query rows then reads keys and values once for
    the whole group. On buffers; H and h are static and Sq is a static 1 in
    every operand. Regions see the positions before: head a * G + g and query 0.
    Other ops stay.

    ```mlir
    mfa.masked_attention
      ins(%q, %k, %v : memref<2x1x8x64xf16>, memref<2x96x2x64xf16>,
                       memref<2x96x2x64xf16>)
      outs(%o : memref<2x1x8x64xf16>)
    ```
    becomes
    ```mlir
    %0 = memref.collapse_shape %q [[0, 1], [2], [3]]
        : memref<2x1x8x64xf16> into memref<2x8x64xf16>
    %1 = memref.expand_shape %0 [[0], [1, 2], [3]] output_shape [2, 2, 4, 64]
        : memref<2x8x64xf16> into memref<2x2x4x64xf16>
    %2 = memref.transpose %1 (b, a, g, d) -> (b, g, a, d)
        : memref<2x2x4x64xf16> to memref<2x4x2x64xf16, strided<[512, 64, 256, 1]>>
    // ... the same for %o
    mfa.masked_attention
      ins(%2, %k, %v : memref<2x4x2x64xf16, strided<[512, 64, 256, 1]>>,
                       memref<2x96x2x64xf16>, memref<2x96x2x64xf16>)
      outs(%5 : memref<2x4x2x64xf16, strided<[512, 64, 256, 1]>>)
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

def MFASelectCPUSchedulePass : Pass<"mfa-select-cpu-schedule"> {
  let summary = "Attach to each masked attention the schedule of its CPU code";
  let description = [{
    Chooses vectors and tile sizes from a table by what the CPU has: the width of its
    vectors, and AVX512-BF16 for operands of bf16. Where a region `keep` reads arrays,
    tiles of keys are looked at before they are computed with (`tiles = list`). A schedule of kind `cpu` that is
    already on the op is kept; one for a GPU is replaced. Ops that have an operand
    without elements are left without.

    ```mlir
    mfa.masked_attention ins(...) outs(...)
    ```
    becomes, with `cpu=x86-64-v4`,
    ```mlir
    mfa.masked_attention ins(...) outs(...)
        schedule(#mfa.schedule<kind = cpu, tile_rows = 192, tile_keys = 192,
                               lanes = 16, register_rows = 4, register_columns = 4>)
    ```
  }];
  let options = [
    Option<"cpu", "cpu", "std::string", "\"host\"",
           "the CPU: host for this machine's, or a name of LLVM's such as x86-64, "
           "x86-64-v3, znver4 or neoverse-v2">,
  ];
}

def MFASelectSchedulePass : Pass<"mfa-select-schedule"> {
  let summary = "Attach to each masked attention the schedule of its kernel";
  let description = [{
    Chooses the kind of kernel: `wgmma` where the chip and the operands allow it, else
    `mma_sync`. Its tile sizes, warps, stages and the like are those of the first row
    of a table of schedules that the op matches: one that is built in, or a file
    (`schedules`; `docs/schedules.md`) that `benchmarks/tune.py` has written from
    measurements on a GPU. Rows are by kind of kernel, type, head size, number of query
    rows, form and type of the mask, rule and score.

    Tiles shrink until they fit the shared memory of the chip, and to the number of
    query rows where that is known. Keys are split between
    blocks (`splits_keys`) where up to 64 query rows have 512 keys or more and the
    grid is not known to fill the chip, or more rows have 2048 keys and are known
    to fill less than half of it. A row with `row_counter`, for rules by which tiles
    of rows visit other numbers of key tiles, is not taken where keys are split
    or each block has one tile of rows anyway: then that for even rules is. A
    schedule that is already on the op is kept.

    A block visits the tiles of keys that a list in memory names (`tiles = list` in
    the schedule) where the option `tiles` says so:

    | `tiles` | a region `keep` that reads arrays | another region `keep` | a mask that varies over keys |
    |---|---|---|---|
    | `rules` | list | ranges | ranges |
    | `auto` | list | ranges | decided at each launch, by its sizes |
    | `always` | list | list | list |
    | `never` | ranges | ranges | ranges |

    Of two columns that hold for one op, the first that is not `ranges` counts.

    ```mlir
    mfa.masked_attention ins(...) outs(...)
    ```
    becomes
    ```mlir
    mfa.masked_attention ins(...) outs(...)
        schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64,
                               warps = 4, stages = 1>)
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_80\"",
           "GPU architecture the kernel is for, such as sm_80 or sm_90a; "
           "the error of another lists all from sm_80 to sm_121a">,
    Option<"f32Product", "f32-product", "::mlir::mfa::F32Product",
           "::mlir::mfa::F32Product::TF32x3",
           "how f32 matrices are multiplied on tensor cores",
           [{::llvm::cl::values(
             clEnumValN(::mlir::mfa::F32Product::TF32x3, "tf32x3",
                        "three tf32 products, f32-accurate"),
             clEnumValN(::mlir::mfa::F32Product::TF32, "tf32",
                        "one tf32 product, 10-bit factors"))}]>,
    Option<"tiles", "tiles", "::mlir::mfa::TileLists",
           "::mlir::mfa::TileLists::Rules",
           "which ops have a list of key tiles made at run time",
           [{::llvm::cl::values(
             clEnumValN(::mlir::mfa::TileLists::Rules, "rules",
                        "those whose rule reads arrays, or whose tiles are "
                        "no ranges"),
             clEnumValN(::mlir::mfa::TileLists::Auto, "auto",
                        "those, and masks where the sizes are worth it"),
             clEnumValN(::mlir::mfa::TileLists::Always, "always",
                        "all that have a rule or a mask"),
             clEnumValN(::mlir::mfa::TileLists::Never, "never", "none"))}]>,
    Option<"schedules", "schedules", "std::string", "\"\"",
           "file of the table of schedules (default: the one that is built "
           "in)">,
  ];
  let statistics = [
    Statistic<"numSelected", "num-selected", "ops that were given a schedule">,
  ];
}

def MFARaiseAttentionPass : Pass<"mfa-raise-attention"> {
  let summary = "Find attention in linalg programs and make it masked attention";
  let description = [{
    Finds the products, softmax and all that is between them in linalg, arith, math
    and tensor ops on tensors, as torch-mlir, JAX through StableHLO and ONNX leave
    them, and puts one `mfa.masked_attention` in their place. `docs/raising.md` says
    which forms are found, and on which conditions.

    - Looked at are elements, not ops: views, transpositions, copies, broadcasts and
      conversions in between, the division into ops, and the order of operands make
      no difference. It should run before elementwise ops are fused and before unit
      dimensions are folded, which take apart what query, key and value are.
    - Factors of query, key and scores become the scale; an array that is added
      becomes the mask; what is computed from positions and small arrays becomes the
      regions `score` and `keep`; repeated key and value heads are read once.
    - The op computes what the program does, but for roundings to 16 bits in between.
      A finite number that scores of excluded keys are replaced with, or that is added
      to them, stays this number, unless it is at most `exclusion` and it is known
      that each row keeps a key.
    - Rows without keys are NaN in a program that divides 0 by 0. With
      `rows-without-keys=exact` they still are: where there may be such rows, the op
      gets an `lse`, which is -inf in them, and NaN is written where it is. With
      `zero` they are 0, as the op defines. With `ignored` so are rows in which all
      keys are excluded by finite numbers up to `exclusion`, of which the program
      makes means of excluded values: then all such numbers become the region `keep`,
      and kernels skip what it excludes.
    - An attention whose scores or weights are used elsewhere stays as it is, since
      they would be computed twice, unless `shared-weights` is set.
    - Ops that are no longer used are erased.
    - `tm_tensor.attention`, as which torch-mlir keeps torch's attention, is raised as
      well. Its dialect is not registered, so programs that have it are read with
      `--allow-unregistered-dialect`, in the generic form.

    With `report`, there is a remark for each softmax that was not raised, which says
    why. `mfa-raise-report` says what would be found, and changes nothing.

    ```mlir
    %scores = linalg.batch_matmul ins(%q, %kt : tensor<8x6x16xf32>, tensor<8x16x10xf32>) ...
    %scaled = linalg.generic ... { arith.mulf %in, %c : f32 ... }
    // ... maximum, difference, exponential, sum, quotient
    %o = linalg.batch_matmul ins(%weights, %v : tensor<8x6x10xf32>, tensor<8x10x16xf32>) ...
    ```
    becomes
    ```mlir
    %o = mfa.masked_attention
           ins(%q, %k, %v : tensor<2x6x4x16xf32>, tensor<2x10x4x16xf32>, tensor<2x10x4x16xf32>)
           outs(%empty : tensor<2x6x4x16xf32>) -> tensor<2x6x4x16xf32>
    ```
  }];
  let options = [
    Option<"rowsWithoutKeys", "rows-without-keys", "::mlir::mfa::RowsWithoutKeys",
           "::mlir::mfa::RowsWithoutKeys::Exact",
           "what is in rows all of whose keys are excluded",
           [{::llvm::cl::values(
             clEnumValN(::mlir::mfa::RowsWithoutKeys::Exact, "exact",
                        "what the program computes, NaN or 0"),
             clEnumValN(::mlir::mfa::RowsWithoutKeys::Zero, "zero",
                        "0 in place of NaN"),
             clEnumValN(::mlir::mfa::RowsWithoutKeys::Ignored, "ignored",
                        "0 in place of NaN and of means of excluded values"))}]>,
    Option<"exclusion", "exclusion", "double", "-1.0e9",
           "scores up to this one exclude a key where the row is known to keep "
           "another; negative">,
    Option<"sharedWeights", "shared-weights", "bool", "false",
           "raise products whose scores or weights are used elsewhere, too">,
    Option<"report", "report", "bool", "false",
           "a remark for each softmax that was not raised">,
  ];
  let statistics = [
    Statistic<"numRaised", "num-raised", "attentions that became an op">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect",
    "::mlir::mfa::MFADialect",
    "::mlir::tensor::TensorDialect",
  ];
}

def MFAFoldTransposesPass : Pass<"mfa-fold-transposes"> {
  let summary = "Read and write operands in place that are transposed in memory";
  let description = [{
    On buffers, the op takes any strides but for the last dimension of query, key,
    value and output. A copy that only changes the order of an operand's
    dimensions, such as one from BHSD storage, becomes a view; so does the copy of
    the output to where it belongs, and the op then writes there. Nothing is done
    where the array may be written in between.

    ```mlir
    %qt = memref.alloc() : memref<2x128x8x64xf16>
    linalg.transpose ins(%q : memref<2x8x128x64xf16>) outs(%qt : memref<2x128x8x64xf16>)
        permutation = [0, 2, 1, 3]
    mfa.masked_attention ins(%qt, ...) outs(...)
    ```
    becomes
    ```mlir
    %qt = memref.transpose %q (b, h, s, d) -> (b, s, h, d)
        : memref<2x8x128x64xf16> to memref<2x128x8x64xf16, strided<[65536, 64, 8192, 1]>>
    mfa.masked_attention ins(%qt, ...) outs(...)
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def MFARaiseReportPass : Pass<"mfa-raise-report"> {
  let summary = "Say of each softmax what mfa-raise-attention would make of it";
  let description = [{
    A remark for each softmax: what of attention was found, or why it was not
    raised, with a note at the op that shows it. Nothing is changed.

    ```
    program.mlir:40:9: remark: attention of f16: 4 heads on 2 of the key, scale 0.25, mask of f16
    program.mlir:92:9: remark: softmax is not raised: the scores or weights are used by another op
    program.mlir:99:5: note: seen here
    ```
  }];
  let options = [
    Option<"exclusion", "exclusion", "double", "-1.0e9",
           "as of mfa-raise-attention; negative">,
    Option<"sharedWeights", "shared-weights", "bool", "false",
           "as of mfa-raise-attention">,
  ];
  // torch-mlir's op is written out for as long as it is looked at.
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect",
  ];
}

#endif // MFA_DIALECT_MFA_TRANSFORMS_PASSES_TD
