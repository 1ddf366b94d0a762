//===- KeyTiles.cpp - Which key tiles a row tile visits -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Analysis/KeyTiles.h"
#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/Analysis/Presburger/Simplex.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace mlir::mfa;
using presburger::DivisionRepr;
using presburger::IntegerPolyhedron;
using presburger::Simplex;
using presburger::VarKind;

/// Systems that grow past this are given up: all tiles are in the set.
static constexpr unsigned kMaxConstraints = 96;

namespace {

/// A system of constraints from which variables are eliminated. Dimensions are
/// those of `TileDim`, and all that has to go, or be a quotient of what stays,
/// are locals.
class Projection : public FlatLinearConstraints {
public:
  using FlatLinearConstraints::FlatLinearConstraints;

  /// Whether a system of a bearable size is left.
  bool run();

private:
  /// How often a local is bounded, and whether coefficients are 1 there.
  struct Uses {
    unsigned equalities = 0, lower = 0, upper = 0;
    bool unitEquality = false, unitLower = true, unitUpper = true;
  };
  unsigned getFirstLocal() const { return getVarKindOffset(VarKind::Local); }
  Uses countUses(unsigned position) const;
  /// Locals that are quotients of dimensions, symbols and other such locals.
  llvm::SmallBitVector findQuotients() const;
  /// Whether a row of coefficients has locals that are no quotients, but for
  /// that at `position`.
  bool hasOthers(ArrayRef<DynamicAPInt> row, unsigned position,
                 const llvm::SmallBitVector &quotients) const;
  /// Makes the local its only bound on a side, rounded, where it has one.
  bool pin(unsigned position, const llvm::SmallBitVector &quotients);
  /// Eliminates one local, or makes it a quotient.
  bool step(const llvm::SmallBitVector &quotients);

  bool mayPin = true;
};

} // namespace

Projection::Uses Projection::countUses(unsigned position) const {
  Uses uses;
  for (unsigned i = 0, e = getNumEqualities(); i < e; ++i) {
    DynamicAPInt factor = atEq(i, position);
    uses.equalities += factor != 0;
    uses.unitEquality |= factor == 1 || factor == -1;
  }
  for (unsigned i = 0, e = getNumInequalities(); i < e; ++i) {
    DynamicAPInt factor = atIneq(i, position);
    if (factor > 0) {
      ++uses.lower;
      uses.unitLower &= factor == 1;
    } else if (factor < 0) {
      ++uses.upper;
      uses.unitUpper &= factor == -1;
    }
  }
  return uses;
}

llvm::SmallBitVector Projection::findQuotients() const {
  unsigned count = getNumLocalVars();
  llvm::SmallBitVector quotients(count);
  DivisionRepr divisions = getLocalReprs();
  for (bool changed = true; changed;) {
    changed = false;
    for (unsigned i = 0; i < count; ++i) {
      if (quotients[i] || !divisions.hasRepr(i))
        continue;
      ArrayRef<DynamicAPInt> dividend = divisions.getDividend(i);
      bool isKnown = true;
      for (unsigned j = 0; j < count; ++j)
        isKnown &= dividend[divisions.getDivOffset() + j] == 0 || quotients[j];
      quotients[i] = isKnown;
      changed |= isKnown;
    }
  }
  return quotients;
}

bool Projection::hasOthers(ArrayRef<DynamicAPInt> row, unsigned position,
                           const llvm::SmallBitVector &quotients) const {
  for (unsigned i = 0, e = getNumLocalVars(); i < e; ++i) {
    unsigned other = getFirstLocal() + i;
    if (other != position && !quotients[i] && row[other] != 0)
      return true;
  }
  return false;
}

bool Projection::pin(unsigned position, const llvm::SmallBitVector &quotients) {
  Uses uses = countUses(position);
  if (uses.equalities || (uses.lower != 1 && uses.upper != 1))
    return false;
  bool fromAbove = uses.upper == 1;
  for (unsigned i = 0, e = getNumInequalities(); i < e; ++i) {
    auto row = llvm::to_vector(getInequality(i));
    DynamicAPInt factor = row[position];
    if (fromAbove ? factor >= 0 : factor <= 0)
      continue;
    if (hasOthers(row, position, quotients))
      return false;
    // factor x + rest >= 0 leaves the x nearest to it, for which
    // factor x + rest <= |factor| - 1 holds.
    for (DynamicAPInt &coefficient : row)
      coefficient = -coefficient;
    row.back() += (factor < 0 ? -factor : factor) - 1;
    addInequality(row);
    return true;
  }
  return false;
}

bool Projection::step(const llvm::SmallBitVector &quotients) {
  // In order: without loss by an equality, then by bounds with a coefficient of
  // 1, the fewest new constraints first; else as a quotient; else with loss.
  std::optional<unsigned> exact, lossy;
  unsigned leastExact = 0, leastLossy = 0;
  for (unsigned i = 0, e = getNumLocalVars(); i < e; ++i) {
    if (quotients[i])
      continue;
    unsigned position = getFirstLocal() + i;
    Uses uses = countUses(position);
    if (uses.unitEquality) {
      (void)gaussianEliminateVar(position);
      return true;
    }
    unsigned cost = uses.lower * uses.upper;
    bool isExact = !uses.equalities && (uses.unitLower || uses.unitUpper);
    if (isExact && (!exact || cost < leastExact)) {
      exact = position;
      leastExact = cost;
    }
    if (!lossy || cost < leastLossy) {
      lossy = position;
      leastLossy = cost;
    }
  }
  if (!exact && mayPin)
    for (unsigned i = 0, e = getNumLocalVars(); i < e; ++i)
      if (!quotients[i] && pin(getFirstLocal() + i, quotients))
        return true;
  fourierMotzkinEliminate(exact ? *exact : *lossy);
  return getNumConstraints() <= kMaxConstraints;
}

bool Projection::run() {
  // Each step takes a local away, or makes it a quotient; where one does not,
  // as a bound was redundant, the others are eliminated.
  std::optional<unsigned> numLeft;
  while (true) {
    gcdTightenInequalities();
    normalizeConstraintsByGCD();
    removeTrivialRedundancy();
    for (unsigned i = getNumLocalVars(); i-- > 0;)
      if (isColZero(getFirstLocal() + i))
        removeVar(VarKind::Local, i);
    llvm::SmallBitVector quotients = findQuotients();
    if (quotients.all())
      return true;
    unsigned left = quotients.size() - quotients.count();
    mayPin &= !numLeft || left < *numLeft;
    numLeft = left;
    if (!step(quotients))
      return false;
  }
}

/// A length, as a symbol where it is not known.
static AffineExpr getLength(unsigned symbol, int64_t known,
                            MLIRContext *context) {
  return ShapedType::isDynamic(known) ? getAffineSymbolExpr(symbol, context)
                                      : getAffineConstantExpr(known, context);
}

/// The tiles that have a pair for which `constraints` hold.
static std::optional<IntegerPolyhedron>
projectToTiles(const Constraints &constraints, unsigned numSymbols,
               const TileShape &shape, MLIRContext *context) {
  auto dim = [&](unsigned i) { return getAffineDimExpr(i, context); };
  // Dimensions of the pairs: query and key are behind those of the tiles.
  AffineExpr query = dim(kNumTileDims), key = dim(kNumTileDims + 1);
  SmallVector<AffineExpr> dims = {dim(kTileBatch), dim(kTileHead), query, key};
  SmallVector<AffineExpr> symbols;
  for (unsigned i = 0; i < numSymbols; ++i)
    symbols.push_back(getAffineSymbolExpr(kNumTileSymbols + i, context));

  Constraints all;
  auto addTile = [&](AffineExpr position, AffineExpr tile, int64_t size,
                     AffineExpr length) {
    all.add(tile);
    all.add(position - tile * size);
    all.add(tile * size + (size - 1) - position);
    all.add(length - 1 - position);
  };
  addTile(query, dim(kRowTile), shape.rows,
          getLength(kQueryLength, shape.queryLength, context));
  addTile(key, dim(kKeyTile), shape.keys,
          getLength(kKeyLength, shape.keyLength, context));
  for (auto [expression, isEquality] :
       llvm::zip(constraints.expressions, constraints.areEqualities))
    all.add(expression.replaceDimsAndSymbols(dims, symbols), isEquality);

  IntegerSet set =
      IntegerSet::get(kNumTileDims + 2, kNumTileSymbols + numSymbols,
                      all.expressions, all.areEqualities);
  Projection system{IntegerPolyhedron(FlatLinearValueConstraints(set))};
  system.convertToLocal(VarKind::SetDim, kNumTileDims, kNumTileDims + 2);
  if (!system.run())
    return std::nullopt;
  return system;
}

/// A set that holds everywhere.
static IntegerSet makeUniverse(unsigned numSymbols, MLIRContext *context) {
  return IntegerSet::get(kNumTileDims, kNumTileSymbols + numSymbols,
                         getAffineConstantExpr(0, context), true);
}

/// The set without what holds for every tile of the problem.
static IntegerSet dropKnown(IntegerSet set, const TileShape &shape) {
  MLIRContext *context = set.getContext();
  unsigned numSymbols = set.getNumSymbols();
  auto dim = [&](unsigned i) { return getAffineDimExpr(i, context); };
  auto lastOf = [&](unsigned tile, int64_t size, AffineExpr length) {
    return simplifyAffineExpr(length - 1 - dim(tile) * size, kNumTileDims,
                              numSymbols);
  };
  AffineExpr known[] = {
      dim(kRowTile), dim(kKeyTile),
      lastOf(kRowTile, shape.rows,
             getLength(kQueryLength, shape.queryLength, context)),
      lastOf(kKeyTile, shape.keys,
             getLength(kKeyLength, shape.keyLength, context))};
  Constraints rest;
  for (auto [expression, isEquality] :
       llvm::zip(set.getConstraints(), set.getEqFlags())) {
    AffineExpr simple =
        simplifyAffineExpr(expression, kNumTileDims, numSymbols);
    auto constant = dyn_cast<AffineConstantExpr>(simple);
    bool isKnown = constant ? (isEquality ? constant.getValue() == 0
                                          : constant.getValue() >= 0)
                            : !isEquality && llvm::is_contained(known, simple);
    if (!isKnown)
      rest.add(simple, isEquality);
  }
  if (rest.expressions.empty())
    return makeUniverse(numSymbols - kNumTileSymbols, context);
  return IntegerSet::get(kNumTileDims, numSymbols, rest.expressions,
                         rest.areEqualities);
}

/// Removes systems all of whose points another one has as well, but for those
/// where that is a long question.
static void removeSubsets(SmallVectorImpl<IntegerPolyhedron> &systems) {
  constexpr size_t maxSystems = 8;
  auto hasQuotients = [](const IntegerPolyhedron &system) {
    return system.getNumLocalVars() != 0;
  };
  if (systems.size() > maxSystems || llvm::any_of(systems, hasQuotients))
    return;
  for (unsigned i = systems.size(); i-- > 0;)
    for (unsigned j = 0; j < systems.size(); ++j)
      if (i != j && systems[i].isSubsetOf(systems[j])) {
        systems.erase(systems.begin() + i);
        break;
      }
}

static SmallVector<IntegerSet> findTiles(const ConstraintUnion &pairs,
                                         unsigned numSymbols,
                                         const TileShape &shape,
                                         MLIRContext *context) {
  SmallVector<IntegerPolyhedron, 1> systems;
  for (const Constraints &constraints : pairs) {
    std::optional<IntegerPolyhedron> system =
        projectToTiles(constraints, numSymbols, shape, context);
    if (!system)
      return {makeUniverse(numSymbols, context)};
    // Over the rationals: no set that is not empty is lost.
    if (!system->isObviouslyEmpty() && !Simplex(*system).isEmpty())
      systems.push_back(*system);
  }
  // Upstream's PresburgerRelation::coalesce would do more, but that of
  // LLVM 22.1 gives systems with coefficients of its own.
  removeSubsets(systems);
  SmallVector<IntegerSet> sets;
  for (FlatLinearConstraints system : systems) {
    system.removeRedundantConstraints();
    IntegerSet set = system.getAsIntegerSet(context);
    if (!set)
      return {makeUniverse(numSymbols, context)};
    sets.push_back(dropKnown(set, shape));
  }
  return sets;
}

KeyTiles mfa::findKeyTiles(const PairSets &pairs, const TileShape &shape,
                           MLIRContext *context) {
  unsigned numSymbols = pairs.symbols.size();
  return {findTiles(pairs.kept, numSymbols, shape, context),
          findTiles(pairs.dropped, numSymbols, shape, context)};
}

KeyTileRange mfa::getKeyTileRange(IntegerSet set) {
  KeyTileRange range;
  MLIRContext *context = set.getContext();
  AffineExpr tile = getAffineDimExpr(kKeyTile, context);
  AffineExpr zero = getAffineConstantExpr(0, context);
  for (auto [expression, isEquality] :
       llvm::zip(set.getConstraints(), set.getEqFlags())) {
    // factor tile + rest, where the tile is in no quotient.
    AffineExpr rest = simplifyAffineExpr(expression.replace(tile, zero),
                                         set.getNumDims(), set.getNumSymbols());
    auto factor = dyn_cast<AffineConstantExpr>(
        simplifyAffineExpr(expression - rest, set.getNumDims(),
                           set.getNumSymbols())
            .replace(tile, getAffineConstantExpr(1, context)));
    bool isLinear =
        factor && factor.getValue() != 0 &&
        simplifyAffineExpr(expression - rest - tile * factor.getValue(),
                           set.getNumDims(), set.getNumSymbols()) == zero;
    if (!isLinear) {
      range.rest.add(expression, isEquality);
      continue;
    }
    int64_t number = factor.getValue();
    if (isEquality && number < 0) {
      rest = -rest;
      number = -number;
    }
    if (number > 0)
      range.first.push_back((-rest).ceilDiv(number));
    if (isEquality)
      range.end.push_back((-rest).floorDiv(number) + 1);
    else if (number < 0)
      range.end.push_back(rest.floorDiv(-number) + 1);
  }
  return range;
}
