//===- MFAOps.td - Ops of the mfa dialect ------------------*- tablegen -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_IR_MFAOPS_TD
#define MFA_DIALECT_MFA_IR_MFAOPS_TD

include "mfa/Dialect/MFA/IR/MFAAttrs.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

class MFA_Op<string mnemonic, list<Trait> traits = []>
    : Op<MFA_Dialect, mnemonic, traits>;

/// A tensor or a buffer; the verifier names the rule for each operand.
def MFA_Array : AnyTypeOf<[AnyRankedTensor, AnyMemRef],
                          "ranked tensor or memref">;

/// What the regions may use of the outside: a number or an array of them.
def MFA_Capture : AnyTypeOf<[Index, AnySignlessInteger, AnyFloat,
                             AnyRankedTensor, AnyMemRef],
                            "index, integer, float, ranked tensor or memref">;

def MFA_MaskedAttentionOp : MFA_Op<"masked_attention", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, IsolatedFromAbove,
    SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>,
    DeclareOpInterfaceMethods<ConditionallySpeculatable>,
    DeclareOpInterfaceMethods<TilingInterface,
        ["getLoopIteratorTypes", "getIterationDomain",
         "getTiledImplementation", "getResultTilePosition",
         "generateResultTileValue", "getIterationDomainTileFromResultTile",
         "getTiledImplementationFromOperandTiles",
         "getIterationDomainTileFromOperandTiles",
         "isOpFusableWithConsumerSlice", "isOpFusableWithProducerSlices"]>]> {
  let summary = "softmax(query . key * scale + mask) . value, for each head";
  let description = [{
    Attention with grouped heads and a dense mask, on arrays stored batch,
    sequence, head, dimension (BSHD). The op says what is computed and where the
    result goes; it is in destination style, on tensors or on memrefs.

    ```mlir
    %o = mfa.masked_attention
           ins(%q, %k, %v : tensor<2x1024x16x128xbf16>,
                            tensor<2x1024x4x128xbf16>,
                            tensor<2x1024x4x128xbf16>)
           mask(%m : tensor<2x1024x1024xbf16>)
           scale(%s : f32)
           outs(%init : tensor<2x1024x16x128xbf16>)
           -> tensor<2x1024x16x128xbf16>
    ```

    #### Operands

    | operand | clause | shape | element type |
    |---|---|---|---|
    | `query` | `ins` | `[B, Sq, H, D]` | T = f16, bf16 or f32 |
    | `key` | `ins` | `[B, Sk, h, D]` | T |
    | `value` | `ins` | `[B, Sk, h, Dv]` | T |
    | `mask` | `mask`, optional | `[B or 1, Sq or 1, Sk or 1]` or `[B or 1, H or 1, Sq or 1, Sk or 1]` | f16, bf16, f32 or i1, whatever T |
    | `scale` | `scale`, optional | | f32 |
    | `sinks` | `sinks`, optional | `[H]` or `[H, Sq]` | f32 |
    | `captures` | `captures`, any number | any | index, integers, floats |
    | `output` | `outs` | `[B, Sq, H, Dv]` | T |
    | `lse` | `lse`, optional | `[B, H, Sq]` | f32 |

    - D and Dv are static and a multiple of 8 from 8 to 256.
    - The other sizes are static or dynamic. B, Sq and Sk may be 0; H and h are at
      least 1, and H is a multiple of h.
    - Query head j reads key and value head j / (H / h).
    - A mask size that is a *static* 1 broadcasts, and nothing is materialised for
      it. Any other mask size, dynamic ones included, is the full size. A mask of
      rank 3 is the same for all heads.
    - Without `scale` the scale is 1/sqrt(D), rounded to f32.

    #### Meaning

    For each batch b, query head j with g = j / (H / h), and query row i:

    ```
    score[n]  = (sum over d of query[b, i, j, d] * key[b, n, g, d]) * scale
                + mask[b, j, i, n]                     for each key n
    score[n]  = the region score of (score[n], b, j, i, n)
    score[n]  = -inf where the region keep of (b, j, i, n) is false
    top       = max of sinks[j] and, over n, of score[n], or 0 where that is -inf
    weight[n] = exp(score[n] - top)
    total     = exp(sinks[j] - top) + sum over n of weight[n]
    output[b, i, j, d] = sum over n of weight[n] / total * value[b, n, g, d]
    lse[b, j, i]       = top + ln(total)
    ```

    Of sinks [H, Sq], sinks[j] is sinks[j, i]. Lines and terms of what the op does not have (mask, regions, sinks) are left
    out.

    - The order is scale, mask, score, keep, then softmax, then the product with
      value.
    - Sums are accumulated in f32, in any order, and scores, mask and weights are
      f32. For 16-bit T, `weight` is rounded to T before the product with value
      (not in `total`), and the output is rounded to T at the end.
    - A sum of products or a score beyond the largest f32 is an infinity. Where
      only parts of a sum are beyond it, the sum may be infinite or NaN as well.
      The output is a mean of values and in their range, also where their sum,
      before the division, would not be. (Kernels scale the weights by a power of
      two, which will do for 2^16 keys. Weights below 2^-100 of the largest one
      may be 0.)
    - A mask of i1 is exactly the additive mask of 0 (true, attend) and -inf
      (false). In memory each of its elements is a byte: 0 is false, and any
      other is true. With a mask of 0 the op equals the op without mask.
    - A row that is *fully masked* has a score of -inf for every key, or no key at
      all (Sk = 0). Its output is 0, whatever the values are, and its lse -inf,
      or sinks[j] where there are sinks.
    - -inf is exact: a key with weight 0 among other keys adds nothing, except that
      0 times a NaN or an infinity in its value is NaN. Large finite negatives,
      such as -1e4 or the lowest f16, are ordinary numbers.
    - A score of NaN (from query, key, scale, mask or the region score; NaN + -inf
      is NaN) makes its row NaN, output and lse, and no other row. A NaN in a value
      row reaches the outputs of its column d in every row that is not fully
      masked.
    - A key that is not kept is as if it were not there: a NaN in its score reaches
      nothing. Whether a NaN or an infinity in its value makes the outputs of its
      column d NaN is left open, since most such keys are never read. The same is
      left open for the score of a key that a mask of i1 forbids, since such a mask
      may be turned into a region.
    - An infinity in query or key is a number like any other. Scores that it makes
      -inf are excluded; those that it makes inf (inf - inf in the weight) or NaN
      (0 times inf, inf - inf) make their row NaN. A mask of -inf or false excludes
      a key whose score is finite or -inf; inf + -inf is NaN. (A key that is not
      kept is excluded whatever its score is.)

    What is in `output` and `lse` before the op is not read. If a size is 0 there is
    nothing to write.

    #### Regions and captures

    `score` changes a score, `keep` says which pairs of a query and a key take
    part. Each is one block, for one pair, whose arguments are

    | argument | type | |
    |---|---|---|
    | score, in `score` only | f32 | after scale and mask |
    | batch, head, query, key | index | positions in the arrays; the head is the query head |
    | one for each capture, in order | as the operand | |

    and which ends in `mfa.yield` of an f32, or of an i1, true where the pair is
    kept. Regions are isolated from above: all that they use of the outside is in
    `captures`, numbers and arrays alike. An array may be read at any index, with
    `tensor.extract` or `memref.load`.

    A region may have ops of `arith`, `math` and `index` on index, integers and
    floats, `tensor.extract`, `memref.load`, `tensor.dim` and `memref.dim` of
    captured arrays, and `cf.assert`, which run-time checks are made of. Every
    other op is an error: regions have no effects, and no regions of their own.

    A region holds for every pair of the problem and is evaluated for any of
    them, any number of times, in any order, or not at all where the result is
    known without: an index that is out of bounds, and a division by 0, is
    undefined behaviour also where a select drops the value.

    ```mlir
    // Causal, the last query at the last key: k <= q + (Sk - Sq).
    keep {
    ^bb0(%b: index, %h: index, %q: index, %k: index):
      %shift = arith.constant 128 : index
      %last = arith.addi %q, %shift : index
      %c = arith.cmpi sle, %k, %last : index
      mfa.yield %c : i1
    }

    // The last `window` keys, a number known at run time: captures(%w : index).
    keep {
    ^bb0(%b: index, %h: index, %q: index, %k: index, %window: index):
      %distance = arith.subi %q, %k : index
      %c = arith.cmpi slt, %distance, %window : index
      mfa.yield %c : i1
    }

    // Keys of the query's own document: captures(%ids : tensor<2x1024xi32>).
    keep {
    ^bb0(%b: index, %h: index, %q: index, %k: index, %ids: tensor<2x1024xi32>):
      %idq = tensor.extract %ids[%b, %q] : tensor<2x1024xi32>
      %idk = tensor.extract %ids[%b, %k] : tensor<2x1024xi32>
      %c = arith.cmpi eq, %idq, %idk : i32
      mfa.yield %c : i1
    }

    // Soft cap: 30 * tanh(s / 30).
    score {
    ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index):
      %cap = arith.constant 30.0 : f32
      %x = arith.divf %s, %cap : f32
      %t = math.tanh %x : f32
      %y = arith.mulf %t, %cap : f32
      mfa.yield %y : f32
    }

    // ALiBi: s + slopes[h] * (k - q), captures(%slopes : tensor<16xf32>).
    score {
    ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index,
         %slopes: tensor<16xf32>):
      %slope = tensor.extract %slopes[%h] : tensor<16xf32>
      %d = arith.subi %k, %q : index
      %i = arith.index_cast %d : index to i32
      %f = arith.sitofp %i : i32 to f32
      %x = arith.mulf %slope, %f : f32
      %y = arith.addf %s, %x : f32
      mfa.yield %y : f32
    }
    ```

    `mfa/Dialect/MFA/IR/Rules.h` builds these and other common regions, and
    combines them.

    #### Sinks

    A sink is one more logit of a row that has no value: it takes a share of the
    weights, and nothing comes of it. Neither scale, mask nor the regions apply to
    it. A sink of -inf is none. Sinks [H] are those of all rows of a head, sinks
    [H, Sq] of one row each; these are what sinks of heads become where a pass sees
    heads as queries.

    #### Tensors and memrefs

    All shaped operands, captures included, are tensors, or all are memrefs.

    On tensors the op has one result for `output` and, where there is an `lse`, a
    second one for it; their types are those of the destinations. Tensors carry no
    encoding. On memrefs the op has no results; it reads the inputs and writes
    `output` and `lse`.

    Memrefs are in the default memory space and have a strided layout. Query, key,
    value and output have unit stride in their last dimension; all other strides
    are free, 0 included, as are those of mask, sinks, captures and lse. So views of packed QKV,
    BHSD storage seen as BSHD and masks expanded by strides need no copy. The
    elements of output and lse are distinct: no stride of 0 where the size exceeds 1.
    They overlap neither one another nor an input; inputs may overlap each other.

    #### Errors

    Every rule above is checked by the verifier where sizes and strides are static.
    Where they are dynamic the rule holds at run time, else the behaviour is
    undefined; `generate-runtime-verification` adds a check with a message for
    each: shared sizes of batch, heads and sequences, mask sizes, at least one
    head, H a multiple of h, unit stride, no stride of 0 in a destination, indices
    of captured arrays in bounds (a `cf.assert` in the region, in front of the
    access). That two different buffers overlap is not checked.

    #### Forms

    ```mlir
    // No mask, 1/sqrt(64).
    %0 = mfa.masked_attention
           ins(%q, %k, %v : tensor<1x128x8x64xf16>, tensor<1x256x8x64xf16>,
                            tensor<1x256x8x64xf16>)
           outs(%o : tensor<1x128x8x64xf16>) -> tensor<1x128x8x64xf16>

    // A padding mask [B, 1, 1, Sk], and the log-sum-exp as a second result.
    %1:2 = mfa.masked_attention
             ins(%q, %k, %v : tensor<1x128x8x64xf16>, tensor<1x256x8x64xf16>,
                              tensor<1x256x8x64xf16>)
             mask(%padding : tensor<1x1x1x256xi1>)
             outs(%o : tensor<1x128x8x64xf16>)
             lse(%l : tensor<1x8x128xf32>)
             -> (tensor<1x128x8x64xf16>, tensor<1x8x128xf32>)

    // Dynamic sizes, Dv other than D, on buffers: nothing after the clauses.
    mfa.masked_attention
      ins(%q, %k, %v : memref<?x?x?x192xbf16>, memref<?x?x?x192xbf16>,
                       memref<?x?x?x128xbf16>)
      mask(%m : memref<?x?x?x?xf32>)
      outs(%o : memref<?x?x?x128xbf16>)

    // The query as a view of packed QKV, and a schedule for a GPU.
    mfa.masked_attention
      ins(%q, %k, %v :
          memref<2x128x8x64xf16, strided<[196608, 1536, 64, 1], offset: ?>>,
          memref<2x128x8x64xf16>, memref<2x128x8x64xf16>)
      outs(%o : memref<2x128x8x64xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64,
                             warps = 4, stages = 1>)

    // A window of keys, and sinks.
    %2 = mfa.masked_attention
           ins(%q, %k, %v : tensor<1x128x8x64xf16>, tensor<1x256x8x64xf16>,
                            tensor<1x256x8x64xf16>)
           sinks(%sinks : tensor<8xf32>)
           captures(%window : index)
           outs(%o : tensor<1x128x8x64xf16>)
           keep {
           ^bb0(%b: index, %h: index, %i: index, %n: index, %w: index):
             %distance = arith.subi %i, %n : index
             %c = arith.cmpi slt, %distance, %w : index
             mfa.yield %c : i1
           } -> tensor<1x128x8x64xf16>
    ```

    The clauses come in this order: `ins`, `mask`, `scale`, `sinks`, `captures`,
    `outs`, `lse`, `schedule`, `score`, `keep`. Two result types may also be written without parentheses.

    #### Interfaces

    - *Tiling*: the iteration domain is `[B, H, Sq]`, all parallel. A tile of heads
      is one head, all heads, an aligned equal part of one group, or whole groups;
      any other is an error. A tile keeps the schedule. Its regions see the
      positions in the arrays of the whole op: offsets are captured and added.
    - *Bufferization*: destinations are written in place where nothing else reads
      them. A slice whose last dimension does not have unit stride goes through a
      contiguous copy.
    - *Speculation*: on tensors of static shape the op may be moved freely, unless
      a region has an op that may not (a division, an assertion).
    - *Canonicalization*: sizes that casts hide become part of the op's types, but for
      those with which it would break a rule: on buffers such a cast stays, on tensors
      the op becomes an assertion that fails. A mask size that is found to be 1 is
      also written into the type of query or key, where it stays checked.
  }];

  let arguments = (ins
    MFA_Array:$query,
    MFA_Array:$key,
    MFA_Array:$value,
    Optional<MFA_Array>:$mask,
    Optional<F32>:$scale,
    Optional<MFA_Array>:$sinks,
    Variadic<MFA_Capture>:$captures,
    MFA_Array:$output,
    Optional<MFA_Array>:$lse,
    OptionalAttr<MFA_ScheduleAttr>:$schedule);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region AnyRegion:$score, AnyRegion:$keep);

  let assemblyFormat = [{
    attr-dict
    `ins` `(` $query `,` $key `,` $value `:`
              type($query) `,` type($key) `,` type($value) `)`
    (`mask` `(` $mask^ `:` type($mask) `)`)?
    (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`sinks` `(` $sinks^ `:` type($sinks) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)?
    `outs` `(` $output `:` type($output) `)`
    (`lse` `(` $lse^ `:` type($lse) `)`)?
    (`schedule` `(` qualified($schedule)^ `)`)?
    (`score` $score^)?
    (`keep` $keep^)?
    (`->` custom<ResultTypes>(type($results))^)?
  }];

  let builders = [
    OpBuilder<(ins "::mlir::Value":$query, "::mlir::Value":$key,
      "::mlir::Value":$value, "::mlir::Value":$mask, "::mlir::Value":$scale,
      "::mlir::Value":$output, CArg<"::mlir::Value", "{}">:$lse,
      CArg<"::mlir::mfa::ScheduleAttr", "{}">:$schedule)>
  ];

  let extraClassDeclaration = [{
    /// Positions of the dimensions of query, key, value and output (BSHD).
    enum : unsigned { kBatch = 0, kSequence = 1, kHead = 2, kDim = 3 };

    /// Limits of D and Dv, which are also multiples of `kMinDim`.
    static constexpr int64_t kMinDim = 8, kMaxDim = 256;

    /// Arguments of a region for the position of a pair: batch, head, query and
    /// key. In `score` the score is in front of them; captures follow.
    static constexpr unsigned kNumPositions = 4;

    bool hasRegions() { return !getScore().empty() || !getKeep().empty(); }
    /// The position of the pair among the arguments of `score` or `keep`, in the
    /// order of `ScoreDim`.
    ::mlir::Block::BlockArgListType getPositions(::mlir::Region &region);
    /// The arguments of `score` or `keep` that stand for the captures.
    ::mlir::Block::BlockArgListType getCaptureArguments(::mlir::Region &region);
    /// Adds a capture to the operands and to the regions that there are.
    void addCapture(::mlir::Value value);
    /// Makes the one block of a region that is empty, `score` or `keep`, with its
    /// arguments.
    ::mlir::Block *addRegionBlock(::mlir::Region &region);

    ::mlir::ShapedType getQueryType() {
      return ::llvm::cast<::mlir::ShapedType>(getQuery().getType());
    }
    ::mlir::ShapedType getKeyType() {
      return ::llvm::cast<::mlir::ShapedType>(getKey().getType());
    }
    ::mlir::ShapedType getValueType() {
      return ::llvm::cast<::mlir::ShapedType>(getValue().getType());
    }
    /// Null where there is no mask.
    ::mlir::ShapedType getMaskType() {
      return getMask() ? ::llvm::cast<::mlir::ShapedType>(getMask().getType())
                       : ::mlir::ShapedType();
    }
    ::mlir::ShapedType getOutputType() {
      return ::llvm::cast<::mlir::ShapedType>(getOutput().getType());
    }
    /// Null where there are no sinks.
    ::mlir::ShapedType getSinksType() {
      return getSinks() ? ::llvm::cast<::mlir::ShapedType>(getSinks().getType())
                        : ::mlir::ShapedType();
    }
    /// Null where the log-sum-exp is not asked for.
    ::mlir::ShapedType getLseType() {
      return getLse() ? ::llvm::cast<::mlir::ShapedType>(getLse().getType())
                      : ::mlir::ShapedType();
    }
    /// Elements in a query or key row (D), a multiple of 8 up to 256.
    int64_t getHeadDim() { return getQueryType().getDimSize(kDim); }
    /// Elements in a value or output row (Dv), a multiple of 8 up to 256.
    int64_t getValueDim() { return getValueType().getDimSize(kDim); }
    /// Query heads (H), or ShapedType::kDynamic.
    int64_t getNumHeads() { return getQueryType().getDimSize(kHead); }
    /// Key and value heads (h), or ShapedType::kDynamic.
    int64_t getNumKVHeads() { return getKeyType().getDimSize(kHead); }
    /// Query heads that read one key and value head (H / h), or
    /// ShapedType::kDynamic.
    int64_t getGroupSize();
    /// The element type of query, key, value and output.
    ::mlir::Type getElementType() { return getQueryType().getElementType(); }

    bool hasTensorSemantics() {
      return ::llvm::isa<::mlir::TensorType>(getOutput().getType());
    }

    /// The size of the scores over `dim` (B, H, Sq or Sk), or
    /// ShapedType::kDynamic.
    int64_t getScoreSize(::mlir::mfa::ScoreDim dim);
    /// The sizes of the scores, [B, H, Sq, Sk], dynamic ones read from query
    /// and key.
    ::llvm::SmallVector<::mlir::OpFoldResult>
    getMixedScoreSizes(::mlir::OpBuilder &builder);

    /// The dimension of the mask operand that runs over `dim`, or none where
    /// the mask does not vary over it: a size that is a static 1, the heads of
    /// a mask of rank 3, or no mask at all.
    ::std::optional<unsigned> getMaskDim(::mlir::mfa::ScoreDim dim);
    bool isMaskBroadcast(::mlir::mfa::ScoreDim dim) {
      return !getMaskDim(dim).has_value();
    }

    /// The operand dimensions that have to have `size`, those of query and key
    /// first and those of a mask last. Broadcast mask dimensions are left out.
    ::llvm::SmallVector<::mlir::mfa::SizeUse>
    getSizeUses(::mlir::mfa::SharedSize size);

    /// The scale operand, or 1/sqrt(D) rounded to f32 as a constant made where
    /// `builder` stands.
    ::mlir::Value getOrCreateScale(::mlir::OpBuilder &builder);

    ::mlir::MutableOperandRange getDpsInitsMutable();
  }];

  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def MFA_YieldOp : MFA_Op<"yield", [
    Pure, ReturnLike, Terminator, HasParent<"MaskedAttentionOp">]> {
  let summary = "result of a region of masked attention";
  let description = [{
    Ends a region of `mfa.masked_attention`: with the new score, an f32, or with
    an i1 that says whether the pair is kept.

    ```mlir
    mfa.yield %x : f32
    ```
  }];
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

#endif // MFA_DIALECT_MFA_IR_MFAOPS_TD
