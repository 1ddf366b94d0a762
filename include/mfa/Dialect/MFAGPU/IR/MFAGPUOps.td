//===- MFAGPUOps.td - Ops of the mfa_gpu dialect -----------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFAGPU_IR_MFAGPUOPS_TD
#define MFA_DIALECT_MFAGPU_IR_MFAGPUOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def MFAGPU_Dialect : Dialect {
  let name = "mfa_gpu";
  let cppNamespace = "::mlir::mfa_gpu";
  let summary = "Tiles in the registers of a block, for attention kernels";
  let description = [{
    What upstream's `nvgpu` lacks: a value that is a whole tile, held in the
    registers of the warps of a block, and the few ops an attention kernel needs
    on it. Between threads nothing is implicit but what each op says; barriers
    and `cp.async` groups are upstream's own ops.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Attributes and types
//===----------------------------------------------------------------------===//

def MFAGPU_FragmentKind : I32EnumAttr<"FragmentKind",
    "which fragment of a matrix product a tile is", [
    I32EnumAttrCase<"Accumulator", 0, "accumulator">,
    I32EnumAttrCase<"Operand", 1, "operand">,
    I32EnumAttrCase<"Row", 2, "row">]> {
  let cppNamespace = "::mlir::mfa_gpu";
  let genSpecializedAttr = 0;
}

def MFAGPU_FragmentAttr : AttrDef<MFAGPU_Dialect, "Fragment"> {
  let mnemonic = "fragment";
  let summary = "how a tile is spread over the lanes of the warps of a block";
  let description = [{
    The rows of a tile are split into `warps` bands, one a warp, and each band
    into fragments of 16 rows. Within a fragment, with lane = 4 g + t, a lane
    holds of every 8 columns

    ```
              column 2t   2t+1
      row g          e0    e1        g = lane / 4   (0 to 7)
      row g + 8      e2    e3        t = lane mod 4 (0 to 3)
    ```

    which is the C fragment of `mma.sync` m16n8 and, per warp, of `wgmma` (PTX
    ISA, "Matrix fragments for mma.m16n8k16"; "Register fragments for wgmma").
    The A operand of a 16-bit m16n8k16 product is two such 8-column groups with
    adjacent columns packed in pairs: the same elements in the same lanes, so a
    score tile becomes the left operand of the next product without moving.

    | kind | elements of a lane |
    |---|---|
    | `accumulator` | as in the picture, one element a register; 16-bit elements and i1 two adjacent columns a register |
    | `operand` | as in the picture, in the order the product takes them |
    | `row` | one element for row g and one for row g + 8, the same in the 4 lanes of a row |
  }];
  let parameters = (ins
    EnumParameter<MFAGPU_FragmentKind>:$kind,
    "int64_t":$warps);
  let assemblyFormat = "`<` $kind `,` `warps` `=` $warps `>`";
}

def MFAGPU_TileType : TypeDef<MFAGPU_Dialect, "Tile"> {
  let mnemonic = "tile";
  let summary = "a matrix or a column of row values in registers";
  let description = [{
    `!mfa_gpu.tile<128x64xf32, #mfa_gpu.fragment<accumulator, warps = 4>>` is a
    matrix of 128 rows and 64 columns; a tile of kind `row` has one dimension.
    Rows are a multiple of 16 x `warps` up to 128 x `warps`, columns of 8 up to
    1024 (16-bit `operand`: of 16), and there are at most 32 warps.
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$shape,
    "::mlir::Type":$elementType,
    "::mlir::mfa_gpu::FragmentAttr":$fragment);
  let assemblyFormat = [{
    `<` custom<TileShape>($shape, $elementType) `,` $fragment `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getRows() const { return getShape()[0]; }
    int64_t getCols() const { return getShape()[1]; }
    int64_t getWarps() const { return getFragment().getWarps(); }
    FragmentKind getKind() const { return getFragment().getKind(); }
    /// 16-row fragments of one warp.
    int64_t getRowFragments() const { return getRows() / (16 * getWarps()); }
    /// Elements that one lane holds.
    int64_t getElementsPerLane() const;
    TileType cloneWith(::mlir::Type elementType) const {
      return get(getContext(), getShape(), elementType, getFragment());
    }
  }];
}

def MFAGPU_ReduceKind : I32EnumAttr<"ReduceKind", "reduction of a row", [
    I32EnumAttrCase<"Max", 0, "max">,
    I32EnumAttrCase<"Add", 1, "add">]> {
  let cppNamespace = "::mlir::mfa_gpu";
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

class MFAGPU_Op<string mnemonic, list<Trait> traits = []>
    : Op<MFAGPU_Dialect, mnemonic, traits>;

/// A buffer whose elements have a size.
class MFAGPU_MemRef<list<int> ranks>
    : MemRefRankOf<[AnySignlessInteger, AnyFloat], ranks>;

def MFAGPU_SharedMemRef : MFAGPU_MemRef<[2]>;

/// A matrix in shared memory as tensor maps write it and `wgmma` reads it.
def MFAGPU_PanelMemRef : MFAGPU_MemRef<[3]>;

def MFAGPU_CopyAsyncOp : MFAGPU_Op<"copy_async"> {
  let summary = "start copying a matrix from global to shared memory";
  let description = [{
    All threads of the block copy `source` to the upper left corner of
    `destination` and zeros to the rest of it. Sizes of the source may be
    dynamic; they never exceed the destination's. The copy is complete after the
    `cp.async` group that the threads commit next was waited for and a barrier.

    Rows that start on 16-byte boundaries are copied by `cp.async`, 16 bytes at
    a time; otherwise elements are loaded one by one. Strides and base decide at
    run time where they are not known before.
  }];
  let arguments = (ins
    Arg<MFAGPU_SharedMemRef, "", [MemRead]>:$source,
    Arg<MFAGPU_SharedMemRef, "", [MemWrite]>:$destination);
  let assemblyFormat = [{
    $source `to` $destination attr-dict `:` type($source) `to` type($destination)
  }];
  let hasVerifier = 1;
}

def MFAGPU_CopyOp : MFAGPU_Op<"copy"> {
  let summary = "copy a matrix from shared to global memory";
  let description = [{
    All threads of the block copy the upper left corner of `source` to all of
    `destination`, whose sizes may be dynamic and never exceed the source's: 16
    bytes at a time where its rows start on 16-byte boundaries, else by element.
  }];
  let arguments = (ins
    Arg<MFAGPU_SharedMemRef, "", [MemRead]>:$source,
    Arg<MFAGPU_SharedMemRef, "", [MemWrite]>:$destination);
  let assemblyFormat = [{
    $source `to` $destination attr-dict `:` type($source) `to` type($destination)
  }];
  let hasVerifier = 1;
}

def MFAGPU_LoadOp : MFAGPU_Op<"load"> {
  let summary = "load a tile";
  let description = [{
    A matrix tile comes from shared memory of the same sizes; a source of one
    row is repeated for every row of the tile. A source of rank 3 is in panels
    (see `warpgroup_mma`). A `row` tile comes from a vector in global memory,
    with zeros past its end.
  }];
  let arguments = (ins
    Arg<MFAGPU_MemRef<[1, 2, 3]>, "", [MemRead]>:$source);
  let results = (outs MFAGPU_TileType:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
}

def MFAGPU_StoreOp : MFAGPU_Op<"store"> {
  let summary = "store a tile";
  let description = [{
    An `accumulator` tile goes to shared memory of the same sizes, in rows or
    in panels (see `warpgroup_mma`), or to a matrix in global memory with a
    static multiple of 8 columns; a `row` tile goes to a vector in global memory.
    Rows of a matrix start there on 8-byte boundaries, of 16-bit elements on
    16-byte boundaries. Rows and columns past those of the destination in global
    memory are dropped.
  }];
  let arguments = (ins
    MFAGPU_TileType:$tile,
    Arg<MFAGPU_MemRef<[1, 2, 3]>, "", [MemWrite]>:$destination);
  let assemblyFormat = [{
    $tile `to` $destination attr-dict `:` type($tile) `to` type($destination)
  }];
  let hasVerifier = 1;
}

def MFAGPU_SplatOp : MFAGPU_Op<"splat", [Pure,
    TypesMatchWith<"the value has the element type of the tile", "result",
                   "value",
                   "::llvm::cast<TileType>($_self).getElementType()">]> {
  let summary = "a tile with one value everywhere";
  let arguments = (ins AnyType:$value);
  let results = (outs MFAGPU_TileType:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
}

def MFAGPU_MmaOp : MFAGPU_Op<"mma", [
    AllTypesMatch<["accumulator", "result"]>]> {
  let summary = "add a matrix product to an accumulator tile";
  let description = [{
    `result = lhs . rhs + accumulator`, or `lhs . transpose(rhs) + accumulator`
    with `transpose_rhs`. The left operand is an `operand` tile or in shared
    memory, the right one in shared memory. Operands are f16, bf16 or f32, the
    accumulator f32. With `f32_split`, f32 factors are each written as the sum
    of two tf32 numbers and three products are added, which is f32-accurate
    where no factor is infinite or near the end of f32's range; what is wrong
    there is an infinity or NaN. With `f32_plain` f32 factors are multiplied and
    added as they are, without the tensor core. With neither they are truncated
    to tf32 by it.
  }];
  let arguments = (ins
    AnyTypeOf<[MFAGPU_TileType, MFAGPU_SharedMemRef]>:$lhs,
    Arg<MFAGPU_SharedMemRef, "", [MemRead]>:$rhs,
    MFAGPU_TileType:$accumulator,
    UnitAttr:$transpose_rhs,
    UnitAttr:$f32_split,
    UnitAttr:$f32_plain);
  let results = (outs MFAGPU_TileType:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs `,` $accumulator attr-dict `:`
    type($lhs) `,` type($rhs) `,` type($accumulator)
  }];
  let hasVerifier = 1;
}

def MFAGPU_MapOp : MFAGPU_Op<"map", [
    RecursiveMemoryEffects, SingleBlock]> {
  let summary = "compute each element of tiles from those of others";
  let description = [{
    The region is evaluated for every element: its arguments are the elements of
    the inputs, all of the first result's sizes or `row` tiles, which are
    repeated along their row. With `coordinates`, two more i32 arguments are row
    and column in the tile (for `row` results, the row alone).

    ```mlir
    %t = mfa_gpu.map %score, %mask : !score, !score to !score {
    ^bb0(%s: f32, %m: f32):
      %0 = math.fma %s, %scale, %m : f32
      mfa_gpu.yield %0 : f32
    }
    ```
  }];
  let arguments = (ins
    Variadic<MFAGPU_TileType>:$inputs,
    UnitAttr:$coordinates);
  let results = (outs Variadic<MFAGPU_TileType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $inputs (`coordinates` $coordinates^)? attr-dict `:`
    type($inputs) `to` type($results) $body
  }];
  let hasVerifier = 1;
  let builders = [
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::ValueRange":$inputs,
      "::llvm::function_ref<void(::mlir::OpBuilder &, ::mlir::Location, "
      "::mlir::ValueRange)>":$body, CArg<"bool", "false">:$coordinates)>
  ];
  let skipDefaultBuilders = 1;
}

def MFAGPU_YieldOp : MFAGPU_Op<"yield", [
    Pure, ReturnLike, Terminator, HasParent<"MapOp">]> {
  let summary = "the elements of the results of a map";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def MFAGPU_Exp2Op : MFAGPU_Op<"exp2", [Pure, SameOperandsAndResultType]> {
  let summary = "2 to the power of each element";
  let description = [{
    Of an `accumulator` tile of f32. The special function unit, which all other
    functions need too, has a result for a quarter of a warp every other cycle.
    Of each 8 groups of 8 columns `polynomials` do without it: with n the
    nearest integer of x and f = x - n,

      2^x = (1 + f (c1 + f (c2 + f c3))) 2^n,

    whose last product is a sum of exponents (FlashAttention-4, 2025). Results
    from -126 on are within 1.1e-4 of the power, and 2^127 from 127 on; below
    they are less than 2^-125, and 0 up to -127, so at -inf; of NaN they are NaN
    or 2^127 at least.
  }];
  let arguments = (ins
    MFAGPU_TileType:$tile,
    ConfinedAttr<I64Attr, [IntNonNegative, IntMaxValue<8>]>:$polynomials);
  let results = (outs MFAGPU_TileType:$result);
  let assemblyFormat = "$tile `polynomials` $polynomials attr-dict `:` type($tile)";
  let hasVerifier = 1;
}

def MFAGPU_ReduceOp : MFAGPU_Op<"reduce", [
    AllTypesMatch<["init", "result"]>]> {
  let summary = "reduce each row of a tile";
  let description = [{
    Combines each row of `tile` with `init`. With `partial`, each lane combines
    only the columns it holds, and `all_reduce` combines the lanes later: a sum
    that is carried through a loop needs no exchange between lanes inside it.
    Of a number and a NaN, `max` takes the number.
  }];
  let arguments = (ins
    MFAGPU_ReduceKind:$kind,
    MFAGPU_TileType:$tile,
    MFAGPU_TileType:$init,
    UnitAttr:$partial);
  let results = (outs MFAGPU_TileType:$result);
  let assemblyFormat = [{
    $kind $tile `,` $init (`partial` $partial^)? attr-dict `:`
    type($tile) `,` type($init)
  }];
  let hasVerifier = 1;
}

def MFAGPU_AllReduceOp : MFAGPU_Op<"all_reduce", [SameOperandsAndResultType]> {
  let summary = "combine the partial reductions of the lanes of each row";
  let arguments = (ins MFAGPU_ReduceKind:$kind, MFAGPU_TileType:$rows);
  let results = (outs MFAGPU_TileType:$result);
  let assemblyFormat = "$kind $rows attr-dict `:` type($rows)";
  let hasVerifier = 1;
}

def MFAGPU_AnyOp : MFAGPU_Op<"any", [Pure]> {
  let summary = "whether any element that the warp has is true, or not 0";
  let description = [{
    The same for all lanes of a warp, and another from warp to warp: for code
    that only touches the warp's own rows.
  }];
  let arguments = (ins MFAGPU_TileType:$tile);
  let results = (outs I1:$result);
  let assemblyFormat = "$tile attr-dict `:` type($tile)";
}

def MFAGPU_ConvertOp : MFAGPU_Op<"convert", [Pure]> {
  let summary = "change the element type or the fragment of a tile";
  let description = [{
    f16 or bf16 to f32 (`accumulator` to `accumulator`), or f32 to f16, bf16 or
    f32 (`accumulator` to `operand` or `accumulator`). No element leaves its
    lane.
  }];
  let arguments = (ins MFAGPU_TileType:$tile);
  let results = (outs MFAGPU_TileType:$result);
  let assemblyFormat = "$tile attr-dict `:` type($tile) `to` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// The GPU
//===----------------------------------------------------------------------===//

def MFAGPU_MultiprocessorsOp : MFAGPU_Op<"multiprocessors"> {
  let summary = "how many multiprocessors the GPU has";
  let description = [{
    On the host, where the program runs: of the GPU that launches go to. The
    simulator, which has none, answers 16.
  }];
  let results = (outs Index:$count);
  let assemblyFormat = "attr-dict";
}

def MFAGPU_AcquireRowCounterOp : MFAGPU_Op<"acquire_row_counter"> {
  let summary = "a number in GPU memory that is 0 in front of each launch";
  let description = [{
    On the host: memory of the GPU, or of the simulator, for the next launch,
    whose kernel finds 0 in it and leaves 0. Runs of one stream may be given the
    same; `release_row_counter` follows the launch.

    ```mlir
    %counter = mfa_gpu.acquire_row_counter : memref<1xi32>
    gpu.launch_func @kernels::@kernel blocks in (...) threads in (...)
        args(%counter : memref<1xi32>)
    mfa_gpu.release_row_counter %counter : memref<1xi32>
    ```
  }];
  let results = (outs MemRefRankOf<[I32], [1]>:$counter);
  let assemblyFormat = "attr-dict `:` type($counter)";
}

def MFAGPU_ReleaseRowCounterOp : MFAGPU_Op<"release_row_counter"> {
  let summary = "what acquire_row_counter gave is not used any more";
  let arguments = (ins MemRefRankOf<[I32], [1]>:$counter);
  let assemblyFormat = "$counter attr-dict `:` type($counter)";
}

def MFAGPU_OverlapLaunchOp : MFAGPU_Op<"overlap_launch",
    [MemoryEffects<[MemWrite]>]> {
  let summary = "the next launch may begin before the one in front of it ends";
  let description = [{
    On the host, in front of a launch whose kernel begins with
    `nvvm.griddepcontrol wait` (sm_90 and later). Where what this run has put
    into the stream last is a kernel, blocks of the next one may be there when
    all of its blocks have come to `nvvm.griddepcontrol launch_dependents`, or
    have ended. The runtime knows what was last: launches that depend on
    conditions, allocations and copies may be in between. In front of a run's
    first kernel this means nothing, and so it does to the simulator, whose
    launches come one after another.

    ```mlir
    gpu.launch_func @kernels::@first blocks in (...) threads in (...)
    mfa_gpu.overlap_launch
    gpu.launch_func @kernels::@second blocks in (...) threads in (...)
    ```
  }];
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Lists that several runs of a program share
//===----------------------------------------------------------------------===//

def MFAGPU_PreparationOp : MFAGPU_Op<"preparation"> {
  let summary = "what this run of the program is for";
  let description = [{
    On the host, of the run that asks. With `lists_only` its caller wants the
    lists of key tiles that later runs share, and no attention. With
    `assumes_finite` the caller promises that no score and no value is infinite
    or NaN. Both are false for a caller that says nothing.
  }];
  let results = (outs I1:$lists_only, I1:$assumes_finite);
  let assemblyFormat = "attr-dict";
}

def MFAGPU_KeptTileListOp : MFAGPU_Op<"kept_tile_list"> {
  let summary = "the memory of a list that several runs share";
  let description = [{
    On the host: the memory that the caller keeps for the list of this kernel
    and these sizes, of tiles of `rows` queries and `keys` keys, with a step at
    least for each of `parts` parts. `is_filled` says that an earlier run has
    made the list. Where `is_kept` is false the caller keeps none: then the
    buffer is nothing to use, and `is_filled` is false. A buffer that was not
    filled is so for runs that begin after this one has succeeded.
  }];
  let arguments = (ins Index:$rows, Index:$keys, Index:$parts,
                       Variadic<Index>:$dynamic_sizes);
  let results = (outs MFAGPU_MemRef<[4]>:$buffer, I1:$is_kept, I1:$is_filled);
  let assemblyFormat = [{
    `rows` $rows `keys` $keys `parts` $parts `sizes` `(` $dynamic_sizes `)`
    attr-dict `:` type($buffer)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

/// What the driver encodes in 128 bytes (CUDA driver API,
/// `cuTensorMapEncodeTiled`).
def MFAGPU_TensorMap : Type<
    CPred<"$_self == ::mlir::mfa_gpu::getTensorMapType($_self.getContext())">,
    "a tensor map, !llvm.array<16 x i64>">,
    BuildableType<"::mlir::mfa_gpu::getTensorMapType($_builder.getContext())">;

def MFAGPU_EncodeTensorMapOp : MFAGPU_Op<"encode_tensor_map"> {
  let summary = "describe an array to the tensor memory accelerator";
  let description = [{
    On the host: a tensor map of `source`, which is in global memory, for copies
    of `box` elements of it. A box of several rows is swizzled (see
    `warpgroup_mma`). `is_valid` is false where the hardware cannot copy from
    such an array: its base or a stride is not a multiple of 16 bytes, its last
    stride is not 1, or it is empty. The map is then without meaning. Of a
    dimension with stride 0, where all indices are one, and a box of one index
    the map has but index 0.
  }];
  let arguments = (ins
    MFAGPU_MemRef<[3, 4]>:$source,
    DenseI64ArrayAttr:$box);
  let results = (outs MFAGPU_TensorMap:$map, I1:$is_valid);
  let assemblyFormat = "$source `box` $box attr-dict `:` type($source)";
  let hasVerifier = 1;
}

class MFAGPU_TensorCopyOp<string mnemonic, list<Trait> traits = []>
    : MFAGPU_Op<mnemonic, traits> {
  let hasVerifier = 1;
}

def MFAGPU_TensorLoadOp : MFAGPU_TensorCopyOp<"tensor_load"> {
  let summary = "start copying a box from global to shared memory";
  let description = [{
    One thread starts the copy of the box at `coordinates` of the array of
    `map`; elements outside of the array are zeros. It counts as bytes that the
    barrier `index` of `barriers` expects.
  }];
  let arguments = (ins
    MFAGPU_TensorMap:$map,
    Variadic<Index>:$coordinates,
    Arg<MFAGPU_MemRef<[2]>, "", [MemWrite]>:$destination,
    AnyType:$barriers,
    Index:$index);
  let assemblyFormat = [{
    $map `[` $coordinates `]` `to` $destination `,` $barriers `[` $index `]`
    attr-dict `:` type($destination) `,` type($barriers)
  }];
}

def MFAGPU_TensorStoreOp : MFAGPU_TensorCopyOp<"tensor_store", [
    MemoryEffects<[MemWrite]>]> {
  let summary = "start copying a box from shared to global memory";
  let description = [{
    One thread starts the copy to the box at `coordinates` of the array of
    `map`; elements outside of the array are dropped. The copy is part of the
    bulk group that the thread commits next.
  }];
  let arguments = (ins
    Arg<MFAGPU_MemRef<[2]>, "", [MemRead]>:$source,
    MFAGPU_TensorMap:$map,
    Variadic<Index>:$coordinates);
  let assemblyFormat = [{
    $source `to` $map `[` $coordinates `]` attr-dict `:` type($source)
  }];
}

//===----------------------------------------------------------------------===//
// Products of warpgroups
//===----------------------------------------------------------------------===//

def MFAGPU_WarpgroupMmaOp : MFAGPU_Op<"warpgroup_mma"> {
  let summary = "start adding a matrix product to an accumulator tile";
  let description = [{
    `result = lhs . rhs + accumulator`, or `lhs . transpose(rhs) + accumulator`
    with `transpose_rhs`; without an accumulator, from zero. The left operand is
    an `operand` tile or in shared memory, the right one in shared memory.
    Operands are f16 or bf16, the accumulator f32. Each four warps are a
    warpgroup with 64 rows.

    The product is one `wgmma` group: until `warpgroup_wait` the result must not
    be used, nor an operand tile or shared memory that it reads be overwritten.
    With `split`, the summed elements from there on are a group of their own,
    so that `warpgroup_wait` can tell that only these are left.

    A matrix of rank 3 in shared memory is in panels, one after another, each a
    slice of the columns whose rows take 128 bytes (or 64 or 32, where the
    matrix is no wider). In the hardware's 128-byte swizzle, 16-byte chunk c of
    row r is at chunk c xor (r mod 8), and panels start at multiples of 1024
    bytes (PTX ISA, "Asynchronous warpgroup level matrix shared memory layout").
  }];
  let arguments = (ins
    AnyTypeOf<[MFAGPU_TileType, MFAGPU_PanelMemRef]>:$lhs,
    Arg<MFAGPU_PanelMemRef, "", [MemRead]>:$rhs,
    Optional<MFAGPU_TileType>:$accumulator,
    UnitAttr:$transpose_rhs,
    OptionalAttr<I64Attr>:$split);
  let results = (outs MFAGPU_TileType:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`,` $accumulator^)? attr-dict `:`
    type($lhs) `,` type($rhs) (`,` type($accumulator)^)? `to` type($result)
  }];
  let hasVerifier = 1;
}

def MFAGPU_WarpgroupWaitOp : MFAGPU_Op<"warpgroup_wait", [
    TypesMatchWith<"results are the tiles", "tiles", "results", "$_self">]> {
  let summary = "wait for products of the warpgroup";
  let description = [{
    Waits until at most the latest `pending` products, or parts of products that
    are split, are not complete, and hands on the tiles that are.
  }];
  let arguments = (ins
    ConfinedAttr<I64Attr, [IntNonNegative]>:$pending,
    Variadic<MFAGPU_TileType>:$tiles);
  let results = (outs Variadic<MFAGPU_TileType>:$results);
  let assemblyFormat = "$pending (`,` $tiles^ `:` type($tiles))? attr-dict";
}

#endif // MFA_DIALECT_MFAGPU_IR_MFAGPUOPS_TD
