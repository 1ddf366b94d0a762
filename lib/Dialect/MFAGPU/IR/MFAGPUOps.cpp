//===- MFAGPUOps.cpp - Ops of the mfa_gpu dialect ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMTypes.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa_gpu;

#define GET_OP_CLASSES
#include "mfa/Dialect/MFAGPU/IR/MFAGPUOps.cpp.inc"

Type mfa_gpu::getTensorMapType(MLIRContext *context) {
  return LLVM::LLVMArrayType::get(IntegerType::get(context, 64), 16);
}

//===----------------------------------------------------------------------===//
// Rules shared by several ops
//===----------------------------------------------------------------------===//

static bool isShared(MemRefType type) {
  return gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type);
}

static LogicalResult verifyShared(Operation *op, StringRef name,
                                  MemRefType type) {
  if (!isShared(type))
    return op->emitOpError() << "expected '" << name
                             << "' to be in shared memory "
                                "(#gpu.address_space<workgroup>), but got "
                             << type;
  if (!type.hasStaticShape())
    return op->emitOpError() << "expected '" << name
                             << "' in shared memory to have static sizes, but "
                                "got "
                             << type;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)) ||
      llvm::any_of(strides, [](int64_t stride) {
        return ShapedType::isDynamic(stride) || stride < 0;
      }))
    return op->emitOpError()
           << "expected '" << name
           << "' in shared memory to have static strides, but got " << type;
  // Its addresses have 32 bits. No product of what is below overflows.
  int64_t elementBytes = (type.getElementTypeBitWidth() + 7) / 8;
  for (auto [size, stride] : llvm::zip_equal(type.getShape(), strides)) {
    if (size == 0)
      return op->emitOpError()
             << "expected '" << name
             << "' in shared memory to have elements, but got " << type;
    int64_t bytes = elementBytes;
    if (llvm::MulOverflow(bytes, size, bytes) ||
        llvm::MulOverflow(bytes, std::max<int64_t>(stride, 1), bytes) ||
        bytes > std::numeric_limits<int32_t>::max())
      return op->emitOpError()
             << "expected '" << name
             << "' in shared memory to have less than 2 GiB, but got " << type;
  }
  return success();
}

static LogicalResult verifyGlobal(Operation *op, StringRef name,
                                  MemRefType type) {
  if (isShared(type))
    return op->emitOpError() << "expected '" << name
                             << "' to be in global memory, but got " << type;
  return success();
}

static LogicalResult verifyKind(Operation *op, StringRef name, TileType type,
                                FragmentKind kind) {
  if (type.getKind() != kind)
    return op->emitOpError()
           << "expected '" << name << "' to be a tile of kind "
           << stringifyFragmentKind(kind) << ", but got " << type;
  return success();
}

static LogicalResult verifySameElement(Operation *op, Type a, Type b) {
  if (a != b)
    return op->emitOpError()
           << "expected equal element types, but got " << a << " and " << b;
  return success();
}

/// Shared memory in panels, each of rows of 32, 64 or 128 bytes, and more than
/// one only of 128.
static LogicalResult verifyPanels(Operation *op, StringRef name,
                                  MemRefType type) {
  if (failed(verifyShared(op, name, type)))
    return failure();
  int64_t bits = std::max(type.getElementTypeBitWidth(), 8u);
  int64_t bytes = type.getDimSize(2) * bits / 8;
  bool isSpan =
      bytes == 128 || (type.getDimSize(0) == 1 && (bytes == 64 || bytes == 32));
  if (!isSpan || type.getDimSize(1) % 8 != 0)
    return op->emitOpError() << "expected '" << name
                             << "' in panels to have rows of 128 bytes, or one "
                                "panel of 64 or 32, "
                                "and a multiple of 8 of them, but got "
                             << type;
  return success();
}

/// A tile in panels, whose last one may have more columns.
static LogicalResult verifyInPanels(Operation *op, MemRefType panels,
                                    TileType tile) {
  int64_t rest = panels.getDimSize(0) * panels.getDimSize(2) - tile.getCols();
  if (panels.getDimSize(1) == tile.getRows() && rest >= 0)
    return success();
  return op->emitOpError("expected the panels to hold the tile, but got ")
         << panels << " for " << tile;
}

/// `row` values that belong to the rows of `tile`.
static LogicalResult verifyRowsOf(Operation *op, StringRef name, TileType rows,
                                  TileType tile) {
  if (failed(verifyKind(op, name, rows, FragmentKind::Row)))
    return failure();
  if (rows.getRows() != tile.getRows() || rows.getWarps() != tile.getWarps())
    return op->emitOpError() << "expected '" << name << "' to have the rows of "
                             << tile << ", but got " << rows;
  return success();
}

/// The sizes of the part of `inner` that exists never exceed those of `outer`.
static LogicalResult verifyFits(Operation *op, MemRefType inner,
                                MemRefType outer) {
  for (auto [in, out] : llvm::zip(inner.getShape(), outer.getShape()))
    if (!ShapedType::isDynamic(in) && in > out)
      return op->emitOpError() << "expected the global matrix to fit the "
                                  "shared one, but got "
                               << inner << " and " << outer;
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static LogicalResult verifyCopy(Operation *op, MemRefType global,
                                StringRef globalName, MemRefType shared,
                                StringRef sharedName) {
  if (failed(verifyGlobal(op, globalName, global)) ||
      failed(verifyShared(op, sharedName, shared)) ||
      failed(verifySameElement(op, global.getElementType(),
                               shared.getElementType())))
    return failure();
  return verifyFits(op, global, shared);
}

LogicalResult CopyAsyncOp::verify() {
  return verifyCopy(*this, cast<MemRefType>(getSource().getType()), "source",
                    cast<MemRefType>(getDestination().getType()),
                    "destination");
}

LogicalResult CopyOp::verify() {
  return verifyCopy(*this, cast<MemRefType>(getDestination().getType()),
                    "destination", cast<MemRefType>(getSource().getType()),
                    "source");
}

LogicalResult LoadOp::verify() {
  auto source = cast<MemRefType>(getSource().getType());
  TileType tile = getType();
  if (failed(verifySameElement(*this, source.getElementType(),
                               tile.getElementType())))
    return failure();
  if (source.getRank() == 1) {
    if (failed(verifyGlobal(*this, "source", source)))
      return failure();
    return verifyKind(*this, "result", tile, FragmentKind::Row);
  }
  if (failed(isInPanels(source) ? verifyPanels(*this, "source", source)
                                : verifyShared(*this, "source", source)))
    return failure();
  if (tile.getKind() == FragmentKind::Row)
    return emitOpError("expected a matrix tile from a source of rank 2 or 3, "
                       "but got ")
           << tile;
  if (isInPanels(source))
    return verifyInPanels(*this, source, tile);
  bool rowsMatch =
      source.getDimSize(0) == tile.getRows() || source.getDimSize(0) == 1;
  if (!rowsMatch || source.getDimSize(1) != tile.getCols())
    return emitOpError("expected the source to have the sizes of the tile or "
                       "one row, but got ")
           << source << " for " << tile;
  return success();
}

/// A matrix in global memory that lanes write pairs of f32 to.
static LogicalResult verifyGlobalMatrix(StoreOp op, MemRefType destination,
                                        TileType tile) {
  if (failed(verifyKind(op, "tile", tile, FragmentKind::Accumulator)))
    return failure();
  Type element = tile.getElementType();
  if (!element.isF32() && !element.isF16() && !element.isBF16())
    return op.emitOpError("expected a tile of f32, f16 or bf16 for global "
                          "memory, but got ")
           << tile;
  int64_t cols = destination.getDimSize(1);
  if (ShapedType::isDynamic(cols) || cols % 8 != 0 ||
      destination.getStridesAndOffset().first.back() != 1)
    return op.emitOpError("expected a destination in global memory with a "
                          "static multiple of 8 columns next to each other, "
                          "but got ")
           << destination;
  if (destination.getDimSize(0) > tile.getRows() || cols > tile.getCols())
    return op.emitOpError(
               "expected the global matrix to fit the tile, but got ")
           << destination << " for " << tile;
  return success();
}

LogicalResult StoreOp::verify() {
  auto destination = cast<MemRefType>(getDestination().getType());
  TileType tile = getTile().getType();
  if (failed(verifySameElement(*this, destination.getElementType(),
                               tile.getElementType())))
    return failure();
  if (destination.getRank() == 1) {
    if (failed(verifyGlobal(*this, "destination", destination)))
      return failure();
    return verifyKind(*this, "tile", tile, FragmentKind::Row);
  }
  if (!isInPanels(destination) && !isShared(destination))
    return verifyGlobalMatrix(*this, destination, tile);
  if (failed(isInPanels(destination)
                 ? verifyPanels(*this, "destination", destination)
                 : verifyShared(*this, "destination", destination)) ||
      failed(verifyKind(*this, "tile", tile, FragmentKind::Accumulator)))
    return failure();
  if (isInPanels(destination))
    return verifyInPanels(*this, destination, tile);
  if (destination.getShape() != tile.getShape())
    return emitOpError("expected the destination to have the sizes of the "
                       "tile, but got ")
           << destination << " for " << tile;
  return success();
}

LogicalResult MmaOp::verify() {
  auto rhs = cast<MemRefType>(getRhs().getType());
  TileType accumulator = getType();
  if (failed(verifyShared(*this, "rhs", rhs)) ||
      failed(verifyKind(*this, "accumulator", accumulator,
                        FragmentKind::Accumulator)))
    return failure();
  if (!accumulator.getElementType().isF32())
    return emitOpError("expected an accumulator of f32, but got ")
           << accumulator;
  int64_t rows, depth;
  Type element;
  if (auto tile = dyn_cast<TileType>(getLhs().getType())) {
    if (failed(verifyKind(*this, "lhs", tile, FragmentKind::Operand)))
      return failure();
    if (tile.getWarps() != accumulator.getWarps())
      return emitOpError("expected 'lhs' and 'accumulator' to have the same "
                         "warps, but got ")
             << tile << " and " << accumulator;
    rows = tile.getRows(), depth = tile.getCols();
    element = tile.getElementType();
  } else {
    auto lhs = cast<MemRefType>(getLhs().getType());
    if (failed(verifyShared(*this, "lhs", lhs)))
      return failure();
    rows = lhs.getDimSize(0), depth = lhs.getDimSize(1);
    element = lhs.getElementType();
  }
  if (!element.isF16() && !element.isBF16() && !element.isF32())
    return emitOpError("expected factors of f16, bf16 or f32, but got ")
           << element;
  if (failed(verifySameElement(*this, element, rhs.getElementType())))
    return failure();
  if (getF32Split() && !element.isF32())
    return emitOpError("expected factors of f32 with 'f32_split', but got ")
           << element;
  if (getF32Plain() && !element.isF32())
    return emitOpError("expected factors of f32 with 'f32_plain', but got ")
           << element;
  if (getF32Plain() && getF32Split())
    return emitOpError("expected one of 'f32_split' and 'f32_plain', but got "
                       "both");
  unsigned depthDim = getTransposeRhs() ? 1 : 0;
  if (rows != accumulator.getRows() || depth != rhs.getDimSize(depthDim) ||
      rhs.getDimSize(1 - depthDim) != accumulator.getCols())
    return emitOpError("expected the sizes of a product, but got ")
           << rows << 'x' << depth << " times "
           << (getTransposeRhs() ? "the transpose of " : "")
           << rhs.getDimSize(0) << 'x' << rhs.getDimSize(1) << " for "
           << accumulator;
  int64_t depthMultiple = element.isF32() ? 8 : 16;
  if (depth % depthMultiple != 0)
    return emitOpError("expected the summed dimension to be a multiple of ")
           << depthMultiple << ", but got " << depth;
  return success();
}

void MapOp::build(OpBuilder &builder, OperationState &state, TypeRange results,
                  ValueRange inputs,
                  function_ref<void(OpBuilder &, Location, ValueRange)> body,
                  bool coordinates) {
  state.addTypes(results);
  state.addOperands(inputs);
  if (coordinates)
    state.getOrAddProperties<Properties>().coordinates = builder.getUnitAttr();
  OpBuilder::InsertionGuard guard(builder);
  Region *region = state.addRegion();
  Block *block = builder.createBlock(region);
  for (Value input : inputs)
    block->addArgument(cast<TileType>(input.getType()).getElementType(),
                       state.location);
  if (coordinates) {
    bool isRow = cast<TileType>(results[0]).getKind() == FragmentKind::Row;
    for (int i = 0, e = isRow ? 1 : 2; i < e; ++i)
      block->addArgument(builder.getI32Type(), state.location);
  }
  body(builder, state.location, block->getArguments());
}

LogicalResult MapOp::verify() {
  if (getNumResults() == 0)
    return emitOpError("expected at least one result");
  auto first = cast<TileType>(getResult(0).getType());
  for (Type type : getResultTypes()) {
    auto tile = cast<TileType>(type);
    if (tile.getShape() != first.getShape() ||
        tile.getFragment() != first.getFragment())
      return emitOpError("expected results of equal sizes and fragments, but "
                         "got ")
             << first << " and " << tile;
  }
  SmallVector<Type> expected;
  for (Value input : getInputs()) {
    auto tile = cast<TileType>(input.getType());
    expected.push_back(tile.getElementType());
    bool isSame = tile.getShape() == first.getShape() &&
                  tile.getFragment() == first.getFragment();
    if (!isSame && failed(verifyRowsOf(*this, "inputs", tile, first)))
      return failure();
  }
  if (getCoordinates())
    expected.append(first.getKind() == FragmentKind::Row ? 1 : 2,
                    IntegerType::get(getContext(), 32));
  Block &block = getBody().front();
  if (!llvm::equal(block.getArgumentTypes(), expected))
    return emitOpError("expected region arguments of types ")
           << expected << ", but got " << block.getArgumentTypes();
  SmallVector<Type> yielded =
      llvm::map_to_vector(getResultTypes(), [](Type type) {
        return cast<TileType>(type).getElementType();
      });
  Operation *terminator = block.getTerminator();
  if (!llvm::equal(terminator->getOperandTypes(), yielded))
    return emitOpError("expected the region to yield ")
           << yielded << ", but got " << terminator->getOperandTypes();
  return success();
}

LogicalResult ReduceOp::verify() {
  TileType tile = getTile().getType();
  if (failed(verifyKind(*this, "tile", tile, FragmentKind::Accumulator)) ||
      failed(verifyRowsOf(*this, "init", getInit().getType(), tile)))
    return failure();
  return verifySameElement(*this, tile.getElementType(),
                           getInit().getType().getElementType());
}

LogicalResult AllReduceOp::verify() {
  return verifyKind(*this, "rows", getType(), FragmentKind::Row);
}

LogicalResult Exp2Op::verify() {
  TileType tile = getTile().getType();
  if (failed(verifyKind(*this, "tile", tile, FragmentKind::Accumulator)))
    return failure();
  if (!tile.getElementType().isF32())
    return emitOpError("expected a tile of f32, but got ") << tile;
  return success();
}

LogicalResult ConvertOp::verify() {
  TileType from = getTile().getType(), to = getType();
  if (failed(verifyKind(*this, "tile", from, FragmentKind::Accumulator)))
    return failure();
  if (from.getShape() != to.getShape() || from.getWarps() != to.getWarps() ||
      to.getKind() == FragmentKind::Row)
    return emitOpError("expected a matrix tile of the same sizes and warps, "
                       "but got ")
           << from << " and " << to;
  Type narrow = from.getElementType().isF32() ? to.getElementType()
                                              : from.getElementType();
  Type wide = from.getElementType().isF32() ? from.getElementType()
                                            : to.getElementType();
  if (!wide.isF32() || narrow.isInteger(1))
    return emitOpError("expected to convert between f32 and f16, bf16 or f32, "
                       "but got ")
           << from << " and " << to;
  return success();
}

//===----------------------------------------------------------------------===//
// Lists that several runs of a program share
//===----------------------------------------------------------------------===//

LogicalResult KeptTileListOp::verify() {
  auto type = cast<MemRefType>(getBuffer().getType());
  if (failed(verifyGlobal(*this, "buffer", type)))
    return failure();
  if (!type.getLayout().isIdentity() || !type.getElementType().isInteger(32))
    return emitOpError("expected a buffer of i32 in row-major order, but got ")
           << type;
  size_t count = getDynamicSizes().size();
  if (count != static_cast<size_t>(type.getNumDynamicDims()))
    return emitOpError("expected ")
           << type.getNumDynamicDims() << " sizes, those that " << type
           << " leaves open, but got " << count;
  return success();
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

LogicalResult EncodeTensorMapOp::verify() {
  auto source = cast<MemRefType>(getSource().getType());
  if (failed(verifyGlobal(*this, "source", source)))
    return failure();
  if (static_cast<int64_t>(getBox().size()) != source.getRank())
    return emitOpError("expected a box of rank ")
           << source.getRank() << ", but got " << getBox();
  if (llvm::any_of(getBox(),
                   [](int64_t size) { return size < 1 || size > 256; }))
    return emitOpError("expected a box with sizes of 1 to 256, but got ")
           << getBox();
  return success();
}

static LogicalResult verifyBarriers(Operation *op, Value barriers) {
  if (isa<nvgpu::MBarrierGroupType>(barriers.getType()))
    return success();
  return op->emitOpError("expected 'barriers' to be !nvgpu.mbarrier.group, but "
                         "got ")
         << barriers.getType();
}

LogicalResult TensorLoadOp::verify() {
  if (failed(verifyBarriers(*this, getBarriers())))
    return failure();
  return verifyShared(*this, "destination",
                      cast<MemRefType>(getDestination().getType()));
}

LogicalResult TensorStoreOp::verify() {
  return verifyShared(*this, "source", cast<MemRefType>(getSource().getType()));
}

//===----------------------------------------------------------------------===//
// Products of warpgroups
//===----------------------------------------------------------------------===//

LogicalResult WarpgroupMmaOp::verify() {
  auto rhs = cast<MemRefType>(getRhs().getType());
  TileType result = getType();
  if (failed(verifyPanels(*this, "rhs", rhs)) ||
      failed(verifyKind(*this, "result", result, FragmentKind::Accumulator)))
    return failure();
  if (getAccumulator() && getAccumulator().getType() != result)
    return emitOpError("expected 'accumulator' to have the type of the result, "
                       "but got ")
           << getAccumulator().getType() << " and " << result;
  if (!result.getElementType().isF32() || result.getWarps() % 4 != 0 ||
      result.getRows() != 16 * result.getWarps())
    return emitOpError("expected a result of f32 with 16 rows a warp and a "
                       "multiple of 4 warps, but got ")
           << result;
  int64_t rows, depth;
  Type element = rhs.getElementType();
  if (auto tile = dyn_cast<TileType>(getLhs().getType())) {
    if (failed(verifyKind(*this, "lhs", tile, FragmentKind::Operand)) ||
        failed(verifySameElement(*this, tile.getElementType(), element)))
      return failure();
    rows = tile.getRows(), depth = tile.getCols();
  } else {
    auto lhs = cast<MemRefType>(getLhs().getType());
    if (failed(verifyPanels(*this, "lhs", lhs)) ||
        failed(verifySameElement(*this, lhs.getElementType(), element)))
      return failure();
    rows = lhs.getDimSize(1), depth = lhs.getDimSize(0) * lhs.getDimSize(2);
  }
  if (!element.isF16() && !element.isBF16())
    return emitOpError("expected factors of f16 or bf16, but got ") << element;
  int64_t rhsCols = rhs.getDimSize(0) * rhs.getDimSize(2);
  int64_t rhsDepth = getTransposeRhs() ? rhsCols : rhs.getDimSize(1);
  bool colsMatch = getTransposeRhs() ? rhs.getDimSize(1) == result.getCols()
                                     : rhsCols >= result.getCols();
  if (rows != result.getRows() || depth != rhsDepth || !colsMatch)
    return emitOpError("expected the sizes of a product, but got ")
           << rows << 'x' << depth << " times "
           << (getTransposeRhs() ? "the transpose of " : "") << rhs << " for "
           << result;
  if (depth % 16 != 0 || result.getCols() > 256)
    return emitOpError("expected a multiple of 16 summed elements and at most "
                       "256 columns, but got ")
           << depth << " and " << result.getCols();
  if (std::optional<int64_t> split = getSplit())
    if (*split <= 0 || *split >= depth || *split % 16 != 0)
      return emitOpError(
                 "expected 'split' to be a multiple of 16 between 0 and "
                 "the ")
             << depth << " summed elements, but got " << *split;
  return success();
}
