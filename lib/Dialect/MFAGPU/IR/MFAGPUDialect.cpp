//===- MFAGPUDialect.cpp - Tiles in the registers of a block -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mfa_gpu;

//===----------------------------------------------------------------------===//
// Attributes and types
//===----------------------------------------------------------------------===//

/// `128x64xf32`, as in builtin shaped types.
static ParseResult parseTileShape(AsmParser &parser,
                                  SmallVector<int64_t> &shape,
                                  Type &elementType) {
  return failure(parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
                 parser.parseType(elementType));
}

static void printTileShape(AsmPrinter &printer, ArrayRef<int64_t> shape,
                           Type elementType) {
  for (int64_t size : shape)
    printer << size << 'x';
  printer << elementType;
}

#include "mfa/Dialect/MFAGPU/IR/MFAGPUDialect.cpp.inc"

#include "mfa/Dialect/MFAGPU/IR/MFAGPUEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mfa/Dialect/MFAGPU/IR/MFAGPUAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "mfa/Dialect/MFAGPU/IR/MFAGPUTypes.cpp.inc"

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<int64_t> shape, Type elementType,
                               FragmentAttr fragment) {
  bool isRow = fragment.getKind() == FragmentKind::Row;
  size_t rank = isRow ? 1 : 2;
  if (shape.size() != rank)
    return emitError() << "expected a tile of rank " << rank
                       << ", but got rank " << shape.size();
  if (fragment.getWarps() < 1)
    return emitError() << "expected at least one warp, but got "
                       << fragment.getWarps();
  constexpr int64_t kMostWarps = 32;
  if (fragment.getWarps() > kMostWarps)
    return emitError() << "expected at most " << kMostWarps
                       << " warps, but got " << fragment.getWarps();
  int64_t rowMultiple = 16 * fragment.getWarps();
  if (shape[0] < 1 || shape[0] % rowMultiple != 0)
    return emitError() << "expected rows to be a positive multiple of "
                       << rowMultiple << " (16 x warps), but got " << shape[0];
  if (!elementType.isF16() && !elementType.isBF16() && !elementType.isF32() &&
      !elementType.isInteger(1))
    return emitError() << "expected elements of f16, bf16, f32 or i1, but got "
                       << elementType;
  // Far more than fits the registers: what is unrolled stays finite.
  constexpr int64_t kMostRowsOfWarp = 128, kMostCols = 1024;
  if (shape[0] > kMostRowsOfWarp * fragment.getWarps())
    return emitError() << "expected rows to be at most "
                       << kMostRowsOfWarp * fragment.getWarps()
                       << " (128 x warps), but got " << shape[0];
  if (isRow)
    return success();
  bool is16BitOperand = fragment.getKind() == FragmentKind::Operand &&
                        elementType.getIntOrFloatBitWidth() == 16;
  int64_t colMultiple = is16BitOperand ? 16 : 8;
  if (shape[1] < 1 || shape[1] % colMultiple != 0)
    return emitError() << "expected columns to be a positive multiple of "
                       << colMultiple << ", but got " << shape[1];
  if (shape[1] > kMostCols)
    return emitError() << "expected columns to be at most " << kMostCols
                       << ", but got " << shape[1];
  return success();
}

int64_t TileType::getElementsPerLane() const {
  if (getKind() == FragmentKind::Row)
    return 2 * getRowFragments();
  return 4 * getRowFragments() * (getCols() / 8);
}

//===----------------------------------------------------------------------===//
// Dialect
//===----------------------------------------------------------------------===//

namespace {
/// Prints `#accumulator` for `#mfa_gpu.fragment<accumulator, warps = 4>`, so
/// that a kernel reads.
struct FragmentAliasInterface : public OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attr, raw_ostream &os) const override {
    auto fragment = dyn_cast<FragmentAttr>(attr);
    if (!fragment)
      return AliasResult::NoAlias;
    os << stringifyFragmentKind(fragment.getKind());
    return AliasResult::FinalAlias;
  }
};
} // namespace

void MFAGPUDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mfa/Dialect/MFAGPU/IR/MFAGPUAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "mfa/Dialect/MFAGPU/IR/MFAGPUTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "mfa/Dialect/MFAGPU/IR/MFAGPUOps.cpp.inc"
      >();
  addInterfaces<FragmentAliasInterface>();
}
