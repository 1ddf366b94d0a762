//===- WarpgroupPatterns.cpp - Matrix products by wgmma -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A product of tiles as wgmma m64nNk16 over steps of 16 summed elements.
// Factors in shared memory are named by 64-bit descriptors (PTX ISA, "Matrix
// descriptor format"), byte counts less their low 4 bits:
//
//   bits  0-13   address of the first chunk of the step
//   bits 16-29   L   columns contiguous: from panel to panel
//   bits 32-45   S   from 8 rows to the next 8 rows
//   bits 62-63   rows of 128 (1), 64 (2) or 32 (3) bytes
//
// A factor whose summed dimension is its columns moves by 32 bytes from step to
// step, within a panel; the address, not the descriptor, says where in the
// swizzle it is. One whose summed dimension is its rows (value) moves by 16
// rows.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

constexpr int64_t kStep = 16;
constexpr int64_t kWarpgroupRows = 64;
constexpr int64_t kWarpgroupWarps = 4;

//===----------------------------------------------------------------------===//
// Descriptors
//===----------------------------------------------------------------------===//

class Descriptor {
public:
  Descriptor(LaneBuilder &b, TypedValue<MemRefType> panels, Value firstRow,
             bool sumsCols)
      : b(b), rows(panels.getType().getDimSize(1)),
        rowBytes(panels.getType().getDimSize(2) *
                 getElementBytes(panels.getType().getElementType())),
        sumsCols(sumsCols) {
    Value pointer = b.panelPointer(panels, firstRow);
    Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), pointer);
    // Shared memory ends below 2^18.
    address = arith::AndIOp::create(b, address, b.i32(0x3ffff));
    address = arith::ExtUIOp::create(
        b, b.getI64Type(), arith::ShRUIOp::create(b, address, b.i32(4)));
    uint64_t layout = rowBytes == 128 ? 1 : rowBytes == 64 ? 2 : 3;
    uint64_t panelBytes = rows * rowBytes;
    uint64_t format = encode(sumsCols ? kChunkBytes : panelBytes) << 16 |
                      encode(8 * rowBytes) << 32 | layout << 62;
    first =
        arith::OrIOp::create(b, address, b.i64(static_cast<int64_t>(format)));
  }

  /// For summed elements from `k`.
  Value at(int64_t k) {
    int64_t bytes = k * rowBytes;
    if (sumsCols) {
      int64_t col = 2 * k;
      bytes = col / rowBytes * rows * rowBytes + col % rowBytes;
    }
    return b.add(first, b.i64(encode(bytes)));
  }

private:
  static uint64_t encode(uint64_t bytes) { return bytes >> 4; }

  LaneBuilder &b;
  int64_t rows, rowBytes;
  bool sumsCols;
  Value first;
};

//===----------------------------------------------------------------------===//
// Registers that asynchronous products use
//===----------------------------------------------------------------------===//

/// The first `count` fields.
SmallVector<Value> unpackStruct(LaneBuilder &b, Value packed, size_t count) {
  SmallVector<Value> values;
  for (size_t i = 0; i < count; ++i)
    values.push_back(
        LLVM::ExtractValueOp::create(b, packed, static_cast<int64_t>(i)));
  return values;
}

Value createAssembly(LaneBuilder &b, Type type, ValueRange operands,
                     StringRef text, ArrayRef<std::string> constraints) {
  return LLVM::InlineAsmOp::create(
             b, type, operands, text, llvm::join(constraints, ","),
             /*has_side_effects=*/true, /*is_align_stack=*/false,
             LLVM::TailCallKind::None,
             LLVM::AsmDialectAttr::get(b.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}

/// `registers`, as values that exist from here on: arithmetic on their sources
/// does not move below this point, nor that on the results above it. LLVM does
/// not know what `wgmma` fences and waits order.
SmallVector<Value> pinRegisters(LaneBuilder &b, ValueRange registers) {
  if (registers.empty())
    return {};
  SmallVector<std::string> constraints;
  for (Type type : registers.getTypes())
    constraints.push_back(type.isF32() ? "=f" : "=r");
  for (size_t i = 0; i < registers.size(); ++i)
    constraints.push_back(std::to_string(i));
  bool isSingle = registers.size() == 1;
  Type type = isSingle
                  ? registers[0].getType()
                  : LLVM::LLVMStructType::getLiteral(
                        b.getContext(), llvm::to_vector(registers.getTypes()));
  Value pinned = createAssembly(b, type, registers, "", constraints);
  if (isSingle)
    return {pinned};
  return unpackStruct(b, pinned, registers.size());
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A product from its fence to its last commit as inline assembly. Its steps
/// are one text: one for each hands all sums on from step to step, which was
/// half of a kernel for LLVM. All descriptors are in registers before the
/// first step then. Where that counts, the steps are apart.
///
/// Outputs are the sums and, in front of the fence, the registers of the left
/// factor, which both are pinned by that. Inputs are what these are before, and
/// descriptors.
class ProductAssembly {
public:
  /// `sums` is empty for a product that begins at zero.
  ProductAssembly(LaneBuilder &b, Type element, int64_t cols, bool transposeRhs,
                  ValueRange sums, ValueRange lhs)
      : b(b), numSums(cols / 2), isTransposed(transposeRhs),
        isZero(sums.empty()), lhs(lhs), sumList(list(0, numSums)) {
    StringRef type = element.isF16() ? "f16" : "bf16";
    name =
        llvm::formatv("wgmma.mma_async.sync.aligned.m{0}n{1}k{2}.f32.{3}.{3}",
                      kWarpgroupRows, cols, kStep, type);
    addOutputs(sums, lhs);
    addText("wgmma.fence.sync.aligned;");
  }

  /// The step of summed elements from `k`. The left factor is in registers
  /// where it has no descriptor.
  void multiply(int64_t k, Value lhsStep, Value rhsStep) {
    std::string factor =
        lhsStep ? addInput(lhsStep, "l") : getRegisters(k / kStep * 4);
    std::string descriptor = addInput(rhsStep, "l");
    // Scales, and the order of a factor that is in shared memory.
    addText(llvm::formatv("{{ .reg .pred p; setp.ne.b32 p, {0}, 0; {1} {2}, "
                          "{3}, {4}, p, 1, 1, {5}{6}; }",
                          isZero ? 0 : 1, name, sumList, factor, descriptor,
                          lhsStep ? "0, " : "", isTransposed ? 0 : 1)
                .str());
    isZero = false;
  }

  void commit() { addText("wgmma.commit_group.sync.aligned;"); }

  /// What follows is an assembly of its own.
  void split() {
    SmallVector<Value> values = create(outputs.size());
    if (values.size() > numSums)
      lhs.assign(values.begin() + numSums, values.end());
    values.resize(numSums);
    outputs.clear();
    inputs.clear();
    constraints.clear();
    text.clear();
    addOutputs(values, {});
  }

  /// The sums.
  SmallVector<Value> finish() { return create(numSums); }

private:
  /// Creates the assembly and returns the first of its outputs.
  SmallVector<Value> create(size_t count) {
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), outputs);
    return unpackStruct(b, createAssembly(b, type, inputs, text, constraints),
                        count);
  }

  static std::string list(ArrayRef<std::string> references) {
    return "{" + llvm::join(references, ", ") + "}";
  }

  static std::string list(size_t first, size_t count) {
    SmallVector<std::string> references;
    for (size_t i = first; i < first + count; ++i)
      references.push_back(reference(i));
    return list(references);
  }

  static std::string reference(size_t index) {
    return "$" + std::to_string(index);
  }

  void addText(const Twine &instructions) {
    text += (text.empty() ? instructions : " " + instructions).str();
  }

  void addOutputs(ValueRange sums, ValueRange lhs) {
    // What nothing is tied to is written before all inputs are read.
    for (size_t i = 0; i < numSums; ++i)
      addOutput(b.getF32Type(), sums.empty() ? "=&f" : "=f");
    for (Value value : lhs)
      addOutput(value.getType(), "=r");
    for (auto [i, value] : llvm::enumerate(sums))
      addInput(value, std::to_string(i));
    for (auto [i, value] : llvm::enumerate(lhs))
      addInput(value, std::to_string(numSums + i));
  }

  void addOutput(Type type, StringRef constraint) {
    outputs.push_back(type);
    constraints.push_back(constraint.str());
  }

  std::string addInput(Value value, StringRef constraint) {
    inputs.push_back(value);
    constraints.push_back(constraint.str());
    return reference(constraints.size() - 1);
  }

  /// Four registers of the left factor.
  std::string getRegisters(size_t first) {
    if (outputs.size() > numSums)
      return list(numSums + first, 4);
    SmallVector<std::string> references;
    for (Value value : ArrayRef(lhs).slice(first, 4))
      references.push_back(addInput(value, "r"));
    return list(references);
  }

  LaneBuilder &b;
  size_t numSums;
  bool isTransposed, isZero;
  SmallVector<Value> lhs;
  std::string sumList, name, text;
  SmallVector<Type> outputs;
  SmallVector<Value> inputs;
  SmallVector<std::string> constraints;
};

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

struct WarpgroupMmaPattern : OpConversionPattern<WarpgroupMmaOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(WarpgroupMmaOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    auto rhs = cast<TypedValue<MemRefType>>(op.getRhs());
    Type element = rhs.getType().getElementType();
    int64_t cols = op.getType().getCols();

    SmallVector<Value> lhsRegisters;
    std::optional<Descriptor> lhs;
    int64_t depth;
    if (auto tile = dyn_cast<TileType>(op.getLhs().getType())) {
      lhsRegisters = llvm::to_vector(adaptor.getLhs());
      depth = tile.getCols();
    } else {
      auto panels = cast<TypedValue<MemRefType>>(op.getLhs());
      Value warpgroup = b.udiv(b.warp(), kWarpgroupWarps);
      lhs.emplace(b, panels, b.mul(warpgroup, kWarpgroupRows),
                  /*sumsCols=*/true);
      depth = panels.getType().getDimSize(0) * panels.getType().getDimSize(2);
    }
    Descriptor rhsDescriptor(b, rhs, b.i32(0), op.getTransposeRhs());

    // A kernel of several warpgroups says how many registers they have. One of
    // a single warpgroup takes as many as it needs, and up to 24 more with all
    // descriptors in front.
    bool isApart = op.getType().getRows() == kWarpgroupRows;
    ProductAssembly assembly(b, element, cols, op.getTransposeRhs(),
                             adaptor.getAccumulator(), lhsRegisters);
    for (int64_t k = 0; k < depth; k += kStep) {
      if (k == op.getSplit())
        assembly.commit();
      if (isApart && k > 0)
        assembly.split();
      assembly.multiply(k, lhs ? lhs->at(k) : Value(), rhsDescriptor.at(k));
    }
    assembly.commit();
    rewriter.replaceOpWithMultiple(op, {assembly.finish()});
    return success();
  }
};

struct WarpgroupWaitPattern : OpConversionPattern<WarpgroupWaitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(WarpgroupWaitOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LaneBuilder b(op.getLoc(), rewriter);
    NVVM::WgmmaWaitGroupSyncOp::create(b, op.getPending());
    SmallVector<SmallVector<Value>> results;
    for (ValueRange registers : adaptor.getTiles())
      results.push_back(pinRegisters(b, registers));
    rewriter.replaceOpWithMultiple(op, results);
    return success();
  }
};

} // namespace

void mfa_gpu::populateWarpgroupPatterns(const TypeConverter &converter,
                                        RewritePatternSet &patterns) {
  patterns.add<WarpgroupMmaPattern, WarpgroupWaitPattern>(
      converter, patterns.getContext());
}
