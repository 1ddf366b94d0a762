//===- MFAAttrs.td - Attributes of the mfa dialect ---------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_IR_MFAATTRS_TD
#define MFA_DIALECT_MFA_IR_MFAATTRS_TD

include "mfa/Dialect/MFA/IR/MFADialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def MFA_KernelKind : I32EnumAttr<"KernelKind", "family of kernels", [
    I32EnumAttrCase<"MmaSync", 0, "mma_sync">,
    I32EnumAttrCase<"Wgmma", 1, "wgmma">,
    I32EnumAttrCase<"CPU", 2, "cpu">]> {
  let cppNamespace = "::mlir::mfa";
  let genSpecializedAttr = 0;
}

def MFA_F32Product : I32EnumAttr<"F32Product",
    "how a product of f32 matrices is formed on tensor cores", [
    I32EnumAttrCase<"TF32x3", 0, "tf32x3">,
    I32EnumAttrCase<"TF32", 1, "tf32">]> {
  let cppNamespace = "::mlir::mfa";
  let genSpecializedAttr = 0;
}

def MFA_TileChoice : I32EnumAttr<"TileChoice",
    "which tiles of keys a kernel visits", [
    I32EnumAttrCase<"Ranges", 0, "ranges">,
    I32EnumAttrCase<"List", 1, "list">,
    I32EnumAttrCase<"Auto", 2, "auto">]> {
  let cppNamespace = "::mlir::mfa";
  let genSpecializedAttr = 0;
}

def MFA_ScheduleAttr : AttrDef<MFA_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "how a kernel computes one masked attention";
  let description = [{
    Every choice that the lowering makes for one op. `mfa-select-schedule` attaches
    it for a GPU and `mfa-select-cpu-schedule` for a CPU; a schedule that is already
    there is kept, so that it can be written by hand or by a tuner.

    | parameter | meaning | limits |
    |---|---|---|
    | `kind` | `mma_sync`: one warp multiplies 16-row fragments with `mma.sync`, tiles arrive through `cp.async` (sm_80 and newer); `wgmma`: warpgroups multiply 64-row tiles with `wgmma`, four more warps load tiles by TMA (sm_90a, 16-bit operands); `cpu`: a thread multiplies vectors (see below) | |
    | `tile_rows` | query rows of a block | a multiple of 16 x `warps` up to 128 x `warps`; `wgmma`: 16 x `warps` |
    | `small_tile_rows` | `wgmma`: query rows of a block, and a 16th as many warps, in launches that fill the GPU better so: where tiles of `tile_rows` rows have too many past the last query, or leave too much of the GPU idle in the last round of blocks. 0 for none. Tiles of a list keep `tile_rows` | 0, or a multiple of 64 below `tile_rows`, with `ping_pong` at least 128; without `splits_keys` |
    | `tile_keys` | keys of one step of the loop | a multiple of 16 up to 1024; `wgmma`: up to 256 |
    | `warps` | warps of a block that compute, each with `tile_rows / warps` query rows | 1 to 16; `wgmma`: 4, 8 or 12 |
    | `stages` | key, value and mask tiles in flight; 1 overlaps the loads of one operand with the product of the other | `mma_sync`: 1 or 2; `wgmma`: 1 to 4 |
    | `ping_pong` | `wgmma`: warpgroups take turns, by named barriers, to start their products, so that the softmax of one runs under the products of another | `wgmma` with 8 or 12 warps |
    | `persistent` | `wgmma`: one block for each multiprocessor takes one tile of query rows after another, and loads keys, values and mask of the next while the output of this one is stored; where shared memory has room for it the next query tile, too. With at most 8 warps and no regions the last product of a tile is in one turn with the first of the next. Without it a block has one tile | `wgmma` without `splits_keys` |
    | `row_counter` | with `persistent`: a block takes its next tile of query rows from a counter in memory, when it needs one, and not in steps of the grid, so that all blocks end together where tiles of rows visit other numbers of keys | with `persistent` |
    | `adjacent_heads` | how many heads have their tiles of the same query rows side by side in the grid, before the next rows of these heads; 0 for all heads of the batch. Multiprocessors then read one mask tile for so many heads, and keys and values of so many heads, at a time from the L2 cache. With `row_counter` and without a list of tiles there are no more than have 16 MiB of keys and values, but two | 0 to 2147483647 |
    | `early_turns` | with `ping_pong`: a warpgroup passes its turn when a quarter of its product of query and key is still to come, so that the next one's products start without a gap | with `ping_pong` |
    | `f32_product` | for f32 operands: `tf32x3` splits each factor in two and is f32-accurate (a block whose output is not finite is computed again by plain multiply-adds, several times slower), `tf32` rounds the factors to 10 bits and is three times as fast | |
    | `splits_keys` | whether several blocks share the keys of the same query rows, each with a range of them, and a second kernel combines their sums: for grids that would leave multiprocessors idle. How many is computed where the program runs, from the sizes and the number of multiprocessors; where it is one, the blocks store the output and there is no second kernel | |
    | `tiles` | which tiles of keys a block visits. `ranges`: those that the closed form of the regions leaves (`#mfa.key_tiles`). `list`: of these, those that a list in memory names, which small kernels make at each run from the region `keep` and the mask; it knows of tiles where neither has to be looked at, too. `auto`: `list`, but with a mask only where the sizes of a run are worth it, else `ranges` | without a region `keep`, and a mask that varies over keys, every choice is `ranges` |

    ```mlir
    #mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 4,
                  stages = 1, f32_product = tf32x3>
    ```

    On a CPU a thread takes one tile of query rows of a head after another. Of the
    parameters above `kind`, `tile_rows`, `tile_keys` and `tiles` apply, and these:

    | parameter | meaning | limits |
    |---|---|---|
    | `tile_rows` | query rows that share the copy of a tile of keys and values | a multiple of `register_rows`, up to 4096 |
    | `tile_keys` | keys of one step of the loop | a multiple of `lanes` x `register_columns`, up to 4096 |
    | `lanes` | f32 elements of a vector | 4, 8 or 16; with `dot_products` 8 or 16 |
    | `register_rows`, `register_columns` | rows, and vectors of each row, of what is summed up in registers at a time | 1 to 16, 1 to 8; with `matrix_products` 16 or 32, and 2 |
    | `tiles` | `ranges`: as above. `list`: of these, the tiles of which `keep` keeps a pair, for which each pair of a tile that it may cut is looked at first | `ranges` or `list` |
    | `dot_products` | bf16 operands are multiplied in pairs, by an instruction (AVX512-BF16), and weights are rounded to bf16; else all products are of f32 | only with bf16 |
    | `matrix_products` | these products are of matrices, in tile registers of 16 rows and 16 sums of each (AMX-BF16) | with `dot_products` and 16 `lanes` |

    ```mlir
    #mfa.schedule<kind = cpu, tile_rows = 192, tile_keys = 192, lanes = 16,
                  register_rows = 4, register_columns = 4>
    ```
  }];
  let parameters = (ins
    EnumParameter<MFA_KernelKind>:$kind,
    "int64_t":$tile_rows,
    "int64_t":$tile_keys,
    DefaultValuedParameter<"int64_t", "0">:$small_tile_rows,
    DefaultValuedParameter<"int64_t", "0">:$warps,
    DefaultValuedParameter<"int64_t", "0">:$stages,
    DefaultValuedParameter<"::mlir::mfa::F32Product",
                           "::mlir::mfa::F32Product::TF32x3">:$f32_product,
    DefaultValuedParameter<"bool", "false">:$ping_pong,
    DefaultValuedParameter<"bool", "false">:$splits_keys,
    DefaultValuedParameter<"bool", "false">:$persistent,
    DefaultValuedParameter<"bool", "false">:$row_counter,
    DefaultValuedParameter<"int64_t", "0">:$adjacent_heads,
    DefaultValuedParameter<"bool", "false">:$early_turns,
    DefaultValuedParameter<"::mlir::mfa::TileChoice",
                           "::mlir::mfa::TileChoice::Ranges">:$tiles,
    DefaultValuedParameter<"int64_t", "0">:$lanes,
    DefaultValuedParameter<"int64_t", "0">:$register_rows,
    DefaultValuedParameter<"int64_t", "0">:$register_columns,
    DefaultValuedParameter<"bool", "false">:$dot_products,
    DefaultValuedParameter<"bool", "false">:$matrix_products);
  let assemblyFormat = "`<` struct(params) `>`";
  let builders = [
    // Of a CPU.
    AttrBuilder<(ins "int64_t":$tileRows, "int64_t":$tileKeys, "int64_t":$lanes,
                     "int64_t":$registerRows, "int64_t":$registerColumns,
                     "bool":$dotProducts, "bool":$matrixProducts,
                     "::mlir::mfa::TileChoice":$tiles)>,
  ];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isForCPU() const { return getKind() == KernelKind::CPU; }
    /// The same schedule for blocks that have all keys of their rows.
    ScheduleAttr withoutSplits() const;
    /// The same schedule for tiles of `tile_rows` rows in all launches.
    ScheduleAttr withoutSmallTiles() const;
    /// The same schedule for tiles of `small_tile_rows` rows in all launches.
    ScheduleAttr withSmallTiles() const;
    /// The same schedule for other tiles of keys.
    ScheduleAttr withTiles(TileChoice tiles) const;
  }];
}

def MFA_KeyTilesAttr : AttrDef<MFA_Dialect, "KeyTiles"> {
  let mnemonic = "key_tiles";
  let summary = "which tiles of keys the rows of an op visit";
  let description = [{
    What `mfa-analyze-key-tiles` found in the regions of an op, for tiles of `rows`
    query rows and `keys` keys. `visit` and `test` are unions of affine sets over
    `(batch, head, row tile, key tile)`, with symbols `[Sq, Sk, ...]`:

    | | the tile is in the union | it is in no set of it |
    |---|---|---|
    | `visit` | some pair of it may be kept | no pair of it is kept: it can be skipped |
    | `test` | some pair of it may be dropped | all pairs of it are kept: no pair needs a test |

    The symbols behind Sq and Sk are captures, a pair of numbers each in `symbols`:
    that of the capture, and -1 for its value or the dimension whose size it is.

    ```mlir
    // Causal, tiles of 128 rows and 128 keys. Sets have names: as MLIR reads an
    // attribute, a `>=` within would end it.
    #visit = affine_set<(b, h, t, j)[sq, sk] : (t - j >= 0)>
    #test = affine_set<(b, h, t, j)[sq, sk] : (j - t >= 0, sk - t * 128 - 2 >= 0)>
    #tiles = #mfa.key_tiles<rows = 128, keys = 128, visit = [#visit], test = [#test]>
    ```
  }];
  let parameters = (ins
    "int64_t":$rows,
    "int64_t":$keys,
    OptionalParameter<"::mlir::DenseI64ArrayAttr">:$symbols,
    "::mlir::ArrayAttr":$visit,
    "::mlir::ArrayAttr":$test);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // MFA_DIALECT_MFA_IR_MFAATTRS_TD
