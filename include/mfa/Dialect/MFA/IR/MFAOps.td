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
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class MFA_Op<string mnemonic, list<Trait> traits = []>
    : Op<MFA_Dialect, mnemonic, traits>;

/// A tensor or a buffer; the verifier names the rule for each operand.
def MFA_Array : AnyTypeOf<[AnyRankedTensor, AnyMemRef],
                          "ranked tensor or memref">;

def MFA_MaskedAttentionOp : MFA_Op<"masked_attention", [
    AttrSizedOperandSegments, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary = "softmax(query . key * scale + mask) . value, for each head";
  let description = [{
    Masked attention on arrays stored batch, sequence, head, dimension (BSHD).
  }];

  let arguments = (ins
    MFA_Array:$query,
    MFA_Array:$key,
    MFA_Array:$value,
    Optional<MFA_Array>:$mask,
    Optional<F32>:$scale,
    MFA_Array:$output,
    Optional<MFA_Array>:$lse,
    OptionalAttr<MFA_ScheduleAttr>:$schedule);
  let results = (outs Variadic<AnyRankedTensor>:$results);

  let assemblyFormat = [{
    attr-dict
    `ins` `(` $query `,` $key `,` $value `:`
              type($query) `,` type($key) `,` type($value) `)`
    (`mask` `(` $mask^ `:` type($mask) `)`)?
    (`scale` `(` $scale^ `:` type($scale) `)`)?
    `outs` `(` $output `:` type($output) `)`
    (`lse` `(` $lse^ `:` type($lse) `)`)?
    (`schedule` `(` qualified($schedule)^ `)`)?
    custom<ResultTypes>(type($results))
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
    /// Elements in a query or key row (D), a multiple of 8 up to 256.
    int64_t getHeadDim() { return getQueryType().getDimSize(kDim); }
    /// Elements in a value or output row (Dv), a multiple of 8 up to 256.
    int64_t getValueDim() { return getValueType().getDimSize(kDim); }
    ::mlir::Type getElementType() { return getQueryType().getElementType(); }

    bool hasTensorSemantics() {
      return ::llvm::isa<::mlir::TensorType>(getOutput().getType());
    }

    ::mlir::MutableOperandRange getDpsInitsMutable();
  }];

  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

#endif // MFA_DIALECT_MFA_IR_MFAOPS_TD
