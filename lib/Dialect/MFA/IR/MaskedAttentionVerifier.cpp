//===- MaskedAttentionVerifier.cpp - Rules of masked attention ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskedAttentionRules.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// An operand and its name in diagnostics.
struct NamedArray {
  StringRef name;
  Value value;

  ShapedType getType() const { return cast<ShapedType>(value.getType()); }
};
} // namespace

/// Query, key, value and output: the arrays of rank 4 that share one element
/// type.
static SmallVector<NamedArray> getMatrices(MaskedAttentionOp op) {
  return {{"query", op.getQuery()},
          {"key", op.getKey()},
          {"value", op.getValue()},
          {"output", op.getOutput()}};
}

static SmallVector<NamedArray> getArrays(MaskedAttentionOp op) {
  SmallVector<NamedArray> arrays = getMatrices(op);
  if (Value mask = op.getMask())
    arrays.push_back({"mask", mask});
  if (Value sinks = op.getSinks())
    arrays.push_back({"sinks", sinks});
  for (Value capture : op.getCaptures())
    if (isa<ShapedType>(capture.getType()))
      arrays.push_back({"captures", capture});
  if (Value lse = op.getLse())
    arrays.push_back({"lse", lse});
  return arrays;
}

static bool isFloatElement(Type type) {
  return type.isF16() || type.isBF16() || type.isF32();
}

/// What an array that regions read may hold.
static bool isNumber(Type type) {
  return type.isIndex() || type.isSignlessInteger() || isa<FloatType>(type);
}

/// All tensors or all memrefs, each of a kind whose elements lie where the
/// sizes and strides say.
static LogicalResult verifyStorage(MaskedAttentionOp op) {
  bool isTensor = op.hasTensorSemantics();
  for (const NamedArray &array : getArrays(op)) {
    if (isa<TensorType>(array.getType()) != isTensor)
      return op.emitOpError("expected '")
             << array.name << "' to be a " << (isTensor ? "tensor" : "memref")
             << " as 'output' is, but got " << array.getType();
    if (auto tensor = dyn_cast<RankedTensorType>(array.getType())) {
      if (tensor.getEncoding())
        return op.emitOpError("expected '")
               << array.name << "' to be a dense tensor without an encoding, "
               << "but got " << tensor;
      continue;
    }
    auto memref = cast<MemRefType>(array.getType());
    if (memref.getMemorySpace())
      return op.emitOpError("expected '")
             << array.name << "' to be in the default memory space (see "
             << "memref.memory_space_cast), but got " << memref;
    if (!memref.isStrided())
      return op.emitOpError("expected '")
             << array.name << "' to have a strided layout, but got " << memref;
  }
  return success();
}

static LogicalResult verifyRanks(MaskedAttentionOp op) {
  for (const NamedArray &array : getMatrices(op))
    if (array.getType().getRank() != 4)
      return op.emitOpError("expected '")
             << array.name
             << "' to have rank 4 (batch, sequence, head, dimension), but got "
             << array.getType();
  if (ShapedType mask = op.getMaskType())
    if (mask.getRank() != 3 && mask.getRank() != 4)
      return op.emitOpError(
                 "expected 'mask' to have rank 3 (batch, query, key) or 4 "
                 "(batch, head, query, key), but got ")
             << mask;
  if (ShapedType sinks = op.getSinksType())
    if (sinks.getRank() != 1 && sinks.getRank() != 2)
      return op.emitOpError("expected 'sinks' to have rank 1 (head) or 2 "
                            "(head, query), but got ")
             << sinks;
  if (ShapedType lse = op.getLseType())
    if (lse.getRank() != 3)
      return op.emitOpError(
                 "expected 'lse' to have rank 3 (batch, head, query), but got ")
             << lse;
  return success();
}

static LogicalResult verifyElementTypes(MaskedAttentionOp op) {
  Type element = op.getElementType();
  if (!isFloatElement(element))
    return op.emitOpError("expected 'query' to have elements of f16, bf16 or "
                          "f32, but got ")
           << element;
  for (const NamedArray &array : getMatrices(op))
    if (array.getType().getElementType() != element)
      return op.emitOpError("expected '")
             << array.name << "' to have the element type of 'query', "
             << element << ", but got " << array.getType().getElementType();
  if (ShapedType mask = op.getMaskType()) {
    Type maskElement = mask.getElementType();
    if (!isFloatElement(maskElement) && !maskElement.isInteger(1))
      return op.emitOpError("expected 'mask' to have elements of f16, bf16, "
                            "f32 or i1, but got ")
             << maskElement;
  }
  if (ShapedType sinks = op.getSinksType())
    if (!sinks.getElementType().isF32())
      return op.emitOpError(
                 "expected 'sinks' to have elements of f32, but got ")
             << sinks.getElementType();
  for (Type capture : op.getCaptures().getTypes())
    if (auto array = dyn_cast<ShapedType>(capture);
        array && !isNumber(array.getElementType()))
      return op.emitOpError("expected an array in 'captures' to have elements "
                            "of index, integers or floats, but got ")
             << array.getElementType();
  if (ShapedType lse = op.getLseType())
    if (!lse.getElementType().isF32())
      return op.emitOpError("expected 'lse' to have elements of f32, but got ")
             << lse.getElementType();
  return success();
}

static raw_ostream &operator<<(raw_ostream &os, const SizeUse &use) {
  return os << "dimension " << use.dim << " of '" << use.operandName << "'";
}

static std::string toText(const SizeUse &use) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << use;
  return text;
}

static void appendSize(InFlightDiagnostic &diag, int64_t size) {
  if (ShapedType::isDynamic(size))
    diag << "a dynamic size; cast it to a static one";
  else
    diag << size;
}

/// What to do with a size that only is no multiple of kMinDim: zeros after the
/// rows of query and key do not change the scores, and those of value make
/// columns of the output that can be left out.
static void appendPadding(InFlightDiagnostic &diag, int64_t size,
                          const SizeUse &first, const SizeUse &second) {
  if (ShapedType::isDynamic(size) || size < 1 ||
      size > MaskedAttentionOp::kMaxDim)
    return;
  int64_t padded = llvm::alignTo(size, MaskedAttentionOp::kMinDim);
  diag << "; pad '" << first.operandName << "' and '" << second.operandName
       << "' with zeros to " << padded;
  if (first.operandName == "query")
    diag << " and give the scale, 1/sqrt(" << size << ")";
  else
    diag << " and take the first " << size << " columns of the output";
}

/// The dimension of `first` is within the limits, that of `second` is equal.
static LogicalResult verifyDim(MaskedAttentionOp op, StringRef symbol,
                               const SizeUse &first, const SizeUse &second) {
  int64_t size = first.getStaticSize();
  if (ShapedType::isDynamic(size) || size < MaskedAttentionOp::kMinDim ||
      size > MaskedAttentionOp::kMaxDim ||
      size % MaskedAttentionOp::kMinDim != 0) {
    InFlightDiagnostic diag = op.emitOpError("expected ");
    diag << toText(first) << " (" << symbol
         << ") to be static and a multiple of " << MaskedAttentionOp::kMinDim
         << " from " << MaskedAttentionOp::kMinDim << " to "
         << MaskedAttentionOp::kMaxDim << ", but got ";
    appendSize(diag, size);
    appendPadding(diag, size, first, second);
    return diag;
  }
  if (second.getStaticSize() != size) {
    InFlightDiagnostic diag = op.emitOpError("expected ");
    diag << toText(second) << " (" << symbol << ") to be " << size << " as "
         << toText(first) << ", but got ";
    appendSize(diag, second.getStaticSize());
    return diag;
  }
  return success();
}

/// All static sizes among the uses of one size are equal. Dynamic ones are
/// checked at run time, where checks are generated.
static std::optional<std::string> findSharedSizeConflict(MaskedAttentionOp op,
                                                         SharedSize size,
                                                         OperandMap operands) {
  std::optional<SizeUse> first;
  for (SizeUse use : op.getSizeUses(size)) {
    use.operand = operands(use.operand);
    int64_t actual = use.getStaticSize();
    if (ShapedType::isDynamic(actual))
      continue;
    if (!first) {
      first = use;
      continue;
    }
    int64_t expected = first->getStaticSize();
    if (actual == expected)
      continue;
    std::string text;
    llvm::raw_string_ostream os(text);
    os << "expected " << use << " (" << stringifySharedSize(size) << ") to be "
       << expected << " as " << *first;
    if (use.operandName == "mask")
      os << ", or 1 to broadcast";
    os << ", but got " << actual;
    return text;
  }
  return std::nullopt;
}

static std::optional<std::string> findHeadConflict(MaskedAttentionOp op,
                                                   OperandMap operands) {
  auto getHeads = [&](Value operand) {
    return cast<ShapedType>(operands(operand).getType())
        .getDimSize(MaskedAttentionOp::kHead);
  };
  int64_t heads = getHeads(op.getQuery()), kvHeads = getHeads(op.getKey());
  if (heads == 0 || kvHeads == 0)
    return std::string("expected '") + (heads == 0 ? "query" : "key") +
           "' to have at least one head, but got 0";
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(kvHeads) ||
      heads % kvHeads == 0)
    return std::nullopt;
  return "expected the heads of 'query' to be a multiple of the heads of "
         "'key', but got " +
         std::to_string(heads) + " and " + std::to_string(kvHeads);
}

/// `factors` multiplied, or nothing where no integer of 64 bits holds it. Open
/// sizes and strides count as one, and so do sizes of zero, which others may be
/// multiplied without.
static std::optional<int64_t> multiplyKnown(ArrayRef<int64_t> factors) {
  int64_t product = 1;
  for (int64_t factor : factors)
    if (factor != 0 && ShapedType::isStatic(factor) &&
        llvm::MulOverflow(product, factor, product))
      return std::nullopt;
  return product;
}

/// Whether all elements, if these are many, have places in memory.
static bool isAddressable(ShapedType type) {
  int64_t bytes = llvm::divideCeil(type.getElementType().isIndex()
                                       ? IndexType::kInternalStorageBitWidth
                                       : type.getElementTypeBitWidth(),
                                   8);
  if (auto memref = dyn_cast<MemRefType>(type)) {
    auto [strides, offset] = memref.getStridesAndOffset();
    if (!multiplyKnown({offset, bytes}) ||
        !llvm::all_of_zip(strides, memref.getShape(),
                          [&](int64_t stride, int64_t size) {
                            return multiplyKnown({size, stride, bytes});
                          }))
      return false;
  }
  SmallVector<int64_t> factors(type.getShape());
  factors.push_back(bytes);
  return multiplyKnown(factors).has_value();
}

/// What is computed from sizes is no more than there are bytes in an array, or
/// scores, so that 64 bits hold it.
static std::optional<std::string> findOverflow(MaskedAttentionOp op,
                                               OperandMap operands) {
  for (const NamedArray &array : getArrays(op)) {
    auto type = cast<ShapedType>(operands(array.value).getType());
    if (isAddressable(type))
      continue;
    std::string text;
    llvm::raw_string_ostream(text)
        << "expected '" << array.name << "' to lie within 2^63 bytes, but got '"
        << type << "'";
    return text;
  }
  auto getSize = [&](Value operand, unsigned dim) {
    return cast<ShapedType>(operands(operand).getType()).getDimSize(dim);
  };
  int64_t batch = getSize(op.getQuery(), MaskedAttentionOp::kBatch),
          heads = getSize(op.getQuery(), MaskedAttentionOp::kHead),
          queries = getSize(op.getQuery(), MaskedAttentionOp::kSequence),
          keys = getSize(op.getKey(), MaskedAttentionOp::kSequence);
  if (multiplyKnown({batch, heads, queries, keys}))
    return std::nullopt;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "expected fewer than 2^63 scores (batch x heads x queries x keys), but "
        "got ";
  llvm::interleave(
      ArrayRef<int64_t>{batch, heads, queries, keys}, os,
      [&](int64_t size) {
        if (ShapedType::isDynamic(size))
          os << '?';
        else
          os << size;
      },
      " x ");
  return text;
}

std::optional<std::string> mfa::findSizeConflict(MaskedAttentionOp op,
                                                 OperandMap operands) {
  for (SharedSize size :
       {SharedSize::Batch, SharedSize::Heads, SharedSize::KVHeads,
        SharedSize::QueryLength, SharedSize::KeyLength})
    if (auto conflict = findSharedSizeConflict(op, size, operands))
      return conflict;
  if (auto conflict = findHeadConflict(op, operands))
    return conflict;
  return findOverflow(op, operands);
}

std::optional<std::string> mfa::findStorageConflict(MaskedAttentionOp op,
                                                    OperandMap operands) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const NamedArray &array : getMatrices(op)) {
    auto type = cast<MemRefType>(operands(array.value).getType());
    int64_t stride = type.getStridesAndOffset().first.back();
    if (ShapedType::isDynamic(stride) || stride == 1)
      continue;
    os << "expected '" << array.name
       << "' to have unit stride in its last dimension, but got stride "
       << stride << "; copy it to a contiguous buffer";
    return text;
  }
  SmallVector<NamedArray> written = {{"output", op.getOutput()}};
  if (Value lse = op.getLse())
    written.push_back({"lse", lse});
  for (const NamedArray &array : written) {
    Value buffer = operands(array.value);
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<int64_t> strides = type.getStridesAndOffset().first;
    for (auto [dim, stride] : llvm::enumerate(strides)) {
      if (stride != 0 || type.getDimSize(dim) <= 1)
        continue;
      os << "expected '" << array.name
         << "' to have distinct elements, but got stride 0 in dimension " << dim
         << " of size " << type.getDimSize(dim);
      return text;
    }
    for (const NamedArray &other : getArrays(op)) {
      if (other.name == array.name || operands(other.value) != buffer)
        continue;
      os << "expected '" << array.name
         << "' to be a buffer of its own, but got that of '" << other.name
         << "'";
      return text;
    }
  }
  return std::nullopt;
}

LogicalResult MaskedAttentionOp::verify() {
  // Each step relies on those before it.
  if (failed(verifyStorage(*this)) || failed(verifyRanks(*this)) ||
      failed(verifyElementTypes(*this)))
    return failure();
  if (failed(verifyDim(*this, "D", {getQuery(), "query", kDim},
                       {getKey(), "key", kDim})) ||
      failed(verifyDim(*this, "Dv", {getValue(), "value", kDim},
                       {getOutput(), "output", kDim})))
    return failure();
  auto asIs = [](Value operand) { return operand; };
  if (std::optional<std::string> conflict = findSizeConflict(*this, asIs))
    return emitOpError(*conflict);
  if (hasTensorSemantics())
    return success();
  if (std::optional<std::string> conflict = findStorageConflict(*this, asIs))
    return emitOpError(*conflict);
  return success();
}
