//===- MFADialect.cpp - The masked attention dialect ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/BufferDeallocationOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/IntegerSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mfa;

#include "mfa/Dialect/MFA/IR/MFADialect.cpp.inc"

#include "mfa/Dialect/MFA/IR/MFAEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mfa/Dialect/MFA/IR/MFAAttrs.cpp.inc"

void MFADialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mfa/Dialect/MFA/IR/MFAAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "mfa/Dialect/MFA/IR/MFAOps.cpp.inc"
      >();
  declarePromisedInterfaces<bufferization::BufferizableOpInterface,
                            MaskedAttentionOp>();
  declarePromisedInterfaces<bufferization::BufferDeallocationOpInterface,
                            MaskedAttentionOp>();
  declarePromisedInterfaces<RuntimeVerifiableOpInterface, MaskedAttentionOp>();
}

/// Of a product of a warpgroup, which is of 64 rows.
static constexpr int64_t kRowsOfWgmmaWarp = 16;

namespace {
/// What the forms of one schedule differ in.
struct ScheduleForm {
  int64_t tileRows, smallTileRows, warps;
  bool splitsKeys;
  TileChoice tiles;

  explicit ScheduleForm(ScheduleAttr of)
      : tileRows(of.getTileRows()), smallTileRows(of.getSmallTileRows()),
        warps(of.getWarps()), splitsKeys(of.getSplitsKeys()),
        tiles(of.getTiles()) {}
};
} // namespace

static ScheduleAttr rebuild(ScheduleAttr of, const ScheduleForm &form) {
  return ScheduleAttr::get(
      of.getContext(), of.getKind(), form.tileRows, of.getTileKeys(),
      form.smallTileRows, form.warps, of.getStages(), of.getF32Product(),
      of.getPingPong(), form.splitsKeys, of.getPersistent(), of.getRowCounter(),
      of.getAdjacentHeads(), of.getEarlyTurns(), form.tiles, of.getLanes(),
      of.getRegisterRows(), of.getRegisterColumns(), of.getDotProducts(),
      of.getMatrixProducts());
}

ScheduleAttr ScheduleAttr::get(MLIRContext *context, int64_t tileRows,
                               int64_t tileKeys, int64_t lanes,
                               int64_t registerRows, int64_t registerColumns,
                               bool dotProducts, bool matrixProducts,
                               TileChoice tiles) {
  return get(context, KernelKind::CPU, tileRows, tileKeys, /*smallTileRows=*/0,
             /*warps=*/0, /*stages=*/0, F32Product::TF32x3, /*pingPong=*/false,
             /*splitsKeys=*/false, /*persistent=*/false, /*rowCounter=*/false,
             /*adjacentHeads=*/0, /*earlyTurns=*/false, tiles, lanes,
             registerRows, registerColumns, dotProducts, matrixProducts);
}

ScheduleAttr ScheduleAttr::withoutSplits() const {
  ScheduleForm form(*this);
  form.splitsKeys = false;
  return rebuild(*this, form);
}

ScheduleAttr ScheduleAttr::withoutSmallTiles() const {
  ScheduleForm form(*this);
  form.smallTileRows = 0;
  return rebuild(*this, form);
}

ScheduleAttr ScheduleAttr::withSmallTiles() const {
  ScheduleForm form(*this);
  form.tileRows = form.smallTileRows;
  form.warps = form.tileRows / kRowsOfWgmmaWarp;
  form.smallTileRows = 0;
  return rebuild(*this, form);
}

ScheduleAttr ScheduleAttr::withTiles(TileChoice tiles) const {
  ScheduleForm form(*this);
  form.tiles = tiles;
  return rebuild(*this, form);
}

namespace {
/// A parameter, and whether it is as a schedule has it that does not name it.
struct NamedParameter {
  StringLiteral name;
  bool isDefault;
};
} // namespace

/// The rules of what is summed up in registers at a time. CPUs have eight tile
/// registers of 16 rows: up to four for sums, two for what a step multiplies
/// the rows by. A step is of 32 keys.
static LogicalResult
verifyRegisters(function_ref<InFlightDiagnostic()> emitError, int64_t lanes,
                int64_t registerRows, int64_t registerColumns, bool dotProducts,
                bool matrixProducts) {
  if (!matrixProducts) {
    if (registerRows < 1 || registerRows > 16)
      return emitError() << "expected 'register_rows' of a cpu schedule to be "
                            "1 to 16, but got "
                         << registerRows;
    if (registerColumns < 1 || registerColumns > 8)
      return emitError() << "expected 'register_columns' of a cpu schedule to "
                            "be 1 to 8, but got "
                         << registerColumns;
    return success();
  }
  if (!dotProducts || lanes != 16)
    return emitError() << "expected a cpu schedule with 'matrix_products' to "
                          "have 'dot_products' and 16 'lanes'";
  if ((registerRows != 16 && registerRows != 32) || registerColumns != 2)
    return emitError() << "expected 'register_rows' and 'register_columns' of "
                          "a cpu schedule with 'matrix_products' to be 16 or "
                          "32, and 2, but got "
                       << registerRows << " and " << registerColumns;
  return success();
}

/// The rules of a schedule for a CPU but for the parameters that are not for
/// it.
static LogicalResult
verifyCPUSchedule(function_ref<InFlightDiagnostic()> emitError,
                  int64_t tileRows, int64_t tileKeys, int64_t lanes,
                  int64_t registerRows, int64_t registerColumns,
                  bool dotProducts, bool matrixProducts) {
  constexpr int64_t kMostRows = 4096, kMostKeys = 4096;
  if (lanes != 4 && lanes != 8 && lanes != 16)
    return emitError() << "expected 'lanes' of a cpu schedule to be 4, 8 or "
                          "16, but got "
                       << lanes;
  if (dotProducts && lanes == 4)
    return emitError() << "expected 'lanes' of a cpu schedule with "
                          "'dot_products' to be 8 or 16, but got 4";
  if (failed(verifyRegisters(emitError, lanes, registerRows, registerColumns,
                             dotProducts, matrixProducts)))
    return failure();
  if (tileRows < 1 || tileRows > kMostRows || tileRows % registerRows != 0)
    return emitError() << "expected 'tile_rows' of a cpu schedule to be a "
                          "multiple of 'register_rows', "
                       << registerRows << ", up to " << kMostRows
                       << ", but got " << tileRows;
  int64_t blockKeys = lanes * registerColumns;
  if (tileKeys < 1 || tileKeys > kMostKeys || tileKeys % blockKeys != 0)
    return emitError() << "expected 'tile_keys' of a cpu schedule to be a "
                          "multiple of 'lanes' x 'register_columns', "
                       << blockKeys << ", up to " << kMostKeys << ", but got "
                       << tileKeys;
  return success();
}

LogicalResult ScheduleAttr::verify(
    function_ref<InFlightDiagnostic()> emitError, KernelKind kind,
    int64_t tileRows, int64_t tileKeys, int64_t smallTileRows, int64_t warps,
    int64_t stages, F32Product f32Product, bool pingPong, bool splitsKeys,
    bool persistent, bool rowCounter, int64_t adjacentHeads, bool earlyTurns,
    TileChoice tiles, int64_t lanes, int64_t registerRows,
    int64_t registerColumns, bool dotProducts, bool matrixProducts) {
  const NamedParameter ofGPU[] = {
      {"small_tile_rows", smallTileRows == 0},
      {"warps", warps == 0},
      {"stages", stages == 0},
      {"f32_product", f32Product == F32Product::TF32x3},
      {"ping_pong", !pingPong},
      {"splits_keys", !splitsKeys},
      {"persistent", !persistent},
      {"row_counter", !rowCounter},
      {"adjacent_heads", adjacentHeads == 0},
      {"early_turns", !earlyTurns}};
  const NamedParameter ofCPU[] = {{"lanes", lanes == 0},
                                  {"register_rows", registerRows == 0},
                                  {"register_columns", registerColumns == 0},
                                  {"dot_products", !dotProducts},
                                  {"matrix_products", !matrixProducts}};
  bool isForCPU = kind == KernelKind::CPU;
  for (const NamedParameter &parameter :
       isForCPU ? ArrayRef(ofGPU) : ArrayRef(ofCPU))
    if (!parameter.isDefault)
      return emitError() << "expected no '" << parameter.name
                         << "' in a schedule of kind "
                         << stringifyKernelKind(kind);
  if (isForCPU && tiles == TileChoice::Auto)
    return emitError() << "expected 'tiles' of a cpu schedule to be ranges or "
                          "list, but got auto";
  if (isForCPU)
    return verifyCPUSchedule(emitError, tileRows, tileKeys, lanes, registerRows,
                             registerColumns, dotProducts, matrixProducts);

  constexpr int64_t kMaxHeads = (int64_t{1} << 31) - 1;
  bool isWgmma = kind == KernelKind::Wgmma;
  if (isWgmma && (warps < 4 || warps > 12 || warps % 4 != 0))
    return emitError() << "expected 'warps' of a wgmma schedule to be 4, 8 or "
                          "12 (whole warpgroups), but got "
                       << warps;
  if (warps < 1 || warps > 16)
    return emitError() << "expected 'warps' to be 1 to 16, but got " << warps;
  if (isWgmma && tileRows != kRowsOfWgmmaWarp * warps)
    return emitError() << "expected 'tile_rows' of a wgmma schedule to be "
                       << kRowsOfWgmmaWarp * warps
                       << " (16 x 'warps'), but got " << tileRows;
  if (tileRows < 1 || tileRows % (16 * warps) != 0)
    return emitError() << "expected 'tile_rows' to be a positive multiple of "
                       << 16 * warps << " (16 x 'warps'), but got " << tileRows;
  // Far more than fits the registers: what is unrolled stays finite.
  constexpr int64_t kMostRowsOfWarp = 128, kMostKeys = 1024;
  if (tileRows > kMostRowsOfWarp * warps)
    return emitError() << "expected 'tile_rows' to be at most "
                       << kMostRowsOfWarp * warps
                       << " (128 x 'warps'), but got " << tileRows;
  if (tileKeys < 1 || tileKeys % 16 != 0)
    return emitError()
           << "expected 'tile_keys' to be a positive multiple of 16, but got "
           << tileKeys;
  if (isWgmma && tileKeys > 256)
    return emitError() << "expected 'tile_keys' of a wgmma schedule to be at "
                          "most 256, but got "
                       << tileKeys;
  if (tileKeys > kMostKeys)
    return emitError() << "expected 'tile_keys' to be at most " << kMostKeys
                       << ", but got " << tileKeys;
  if (isWgmma && (stages < 1 || stages > 4))
    return emitError()
           << "expected 'stages' of a wgmma schedule to be 1 to 4, but got "
           << stages;
  if (!isWgmma && (stages < 1 || stages > 2))
    return emitError() << "expected 'stages' to be 1 or 2, but got " << stages;
  if (pingPong && !(isWgmma && warps > 4))
    return emitError() << "expected 'ping_pong' in a wgmma schedule of 8 or 12 "
                          "warps (warpgroups that take turns), but got it in "
                          "one of kind "
                       << stringifyKernelKind(kind) << " with " << warps
                       << " warps";
  if (earlyTurns && !pingPong)
    return emitError() << "expected 'early_turns' with 'ping_pong' (turns to "
                          "pass), but got it without";
  if (persistent && (!isWgmma || splitsKeys))
    return emitError() << "expected 'persistent' in a wgmma schedule without "
                          "'splits_keys', but got it in one of kind "
                       << stringifyKernelKind(kind)
                       << (splitsKeys ? " with 'splits_keys'" : "");
  if (rowCounter && !persistent)
    return emitError() << "expected 'row_counter' with 'persistent' (blocks "
                          "that take more rows), but got it without";
  if (adjacentHeads < 0 || adjacentHeads > kMaxHeads)
    return emitError() << "expected 'adjacent_heads' to be 0 (all heads) to "
                       << kMaxHeads << ", but got " << adjacentHeads;
  if (smallTileRows == 0)
    return success();
  // Whole warpgroups, and two of them where they take turns.
  constexpr int64_t kRowsOfWarpgroup = 4 * kRowsOfWgmmaWarp;
  int64_t fewest = (pingPong ? 2 : 1) * kRowsOfWarpgroup;
  if (!isWgmma || splitsKeys)
    return emitError() << "expected 'small_tile_rows' in a wgmma schedule "
                          "without 'splits_keys', but got "
                       << smallTileRows << " in one of kind "
                       << stringifyKernelKind(kind)
                       << (splitsKeys ? " with 'splits_keys'" : "");
  if (smallTileRows < fewest || smallTileRows >= tileRows ||
      smallTileRows % kRowsOfWarpgroup != 0)
    return emitError() << "expected 'small_tile_rows' to be 0 or a multiple of "
                       << kRowsOfWarpgroup << " from " << fewest
                       << (pingPong ? " (with 'ping_pong')" : "")
                       << " to below 'tile_rows', " << tileRows << ", but got "
                       << smallTileRows;
  return success();
}

/// No mod, floordiv or ceildiv by 0 or less, which has no meaning.
static bool dividesByPositives(IntegerSet set) {
  bool isValid = true;
  set.walkExprs([&](AffineExpr expr) {
    AffineExprKind kind = expr.getKind();
    if (kind != AffineExprKind::Mod && kind != AffineExprKind::FloorDiv &&
        kind != AffineExprKind::CeilDiv)
      return;
    auto divisor =
        dyn_cast<AffineConstantExpr>(cast<AffineBinaryOpExpr>(expr).getRHS());
    isValid &= divisor && divisor.getValue() >= 1;
  });
  return isValid;
}

LogicalResult KeyTilesAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t rows, int64_t keys,
                                   DenseI64ArrayAttr symbols, ArrayAttr visit,
                                   ArrayAttr test) {
  for (auto [name, size] : {std::pair("rows", rows), std::pair("keys", keys)})
    if (size < 1)
      return emitError() << "expected '" << name
                         << "' to be at least 1, but got " << size;
  int64_t numbers = symbols ? symbols.size() : 0;
  if (numbers % 2 != 0)
    return emitError() << "expected 'symbols' to have two numbers for each "
                          "symbol, but got "
                       << numbers;
  // Batch, head, row tile and key tile; Sq and Sk.
  unsigned numDims = 4, numSymbols = 2 + numbers / 2;
  for (auto [name, sets] : {std::pair("visit", visit), std::pair("test", test)})
    for (Attribute element : sets) {
      auto set = dyn_cast<IntegerSetAttr>(element);
      if (!set)
        return emitError() << "expected '" << name
                           << "' to have affine sets, but got " << element;
      if (set.getValue().getNumDims() != numDims ||
          set.getValue().getNumSymbols() != numSymbols)
        return emitError() << "expected a set of '" << name << "' to have "
                           << numDims << " dimensions and " << numSymbols
                           << " symbols, but got " << set;
      for (AffineExpr constraint : set.getValue().getConstraints())
        if (!constraint.isPureAffine())
          return emitError() << "expected a set of '" << name
                             << "' to multiply and divide by constants only, "
                                "but got "
                             << set;
      if (!dividesByPositives(set.getValue()))
        return emitError() << "expected a set of '" << name
                           << "' to divide by constants of at least 1 only, "
                              "but got "
                           << set;
    }
  return success();
}
