//===- SymbolicSizes.cpp - Sizes as products ------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SymbolicSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

/// Sizes that are computed from each other further than this stay symbols.
static constexpr unsigned kMaxDepth = 512;

SymbolicSize SymbolicSize::times(const SymbolicSize &other) const {
  SymbolicSize product = *this;
  product.factor *= other.factor;
  llvm::append_range(product.symbols, other.symbols);
  llvm::sort(product.symbols, [](const Symbol &a, const Symbol &b) {
    return std::pair(a.first.getAsOpaquePointer(), a.second) <
           std::pair(b.first.getAsOpaquePointer(), b.second);
  });
  product.isNatural &= other.isNatural;
  return product;
}

std::optional<SymbolicSize>
SymbolicSize::dividedBy(const SymbolicSize &divisor) const {
  if (divisor.factor == 0 || factor % divisor.factor != 0)
    return std::nullopt;
  SymbolicSize quotient = *this;
  quotient.factor /= divisor.factor;
  for (const Symbol &symbol : divisor.symbols) {
    auto *found = llvm::find(quotient.symbols, symbol);
    if (found == quotient.symbols.end())
      return std::nullopt;
    quotient.symbols.erase(found);
  }
  return quotient;
}

SymbolicSize SymbolicSizes::getSize(OpFoldResult size) {
  if (std::optional<int64_t> known = getConstantIntValue(size))
    return SymbolicSize::get(*known);
  return getNumber(cast<Value>(size));
}

/// The dimensions of the source that a slice keeps.
static SmallVector<OpFoldResult> getSliceSizes(tensor::ExtractSliceOp slice) {
  SmallVector<OpFoldResult> sizes;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
    if (!dropped[dim])
      sizes.push_back(size);
  return sizes;
}

SymbolicSize SymbolicSizes::getSize(Value array, int64_t dim) {
  auto symbol = [&] {
    return SymbolicSize{1, {{array, dim}}, /*isNatural=*/true};
  };
  // An array of the same shape in its place, as far as there are any.
  while (true) {
    auto type = dyn_cast<RankedTensorType>(array.getType());
    if (!type)
      return symbol();
    if (ShapedType::isStatic(type.getDimSize(dim)))
      return SymbolicSize::get(type.getDimSize(dim));
    Operation *producer = array.getDefiningOp();
    if (!producer)
      return symbol();
    if (auto op = dyn_cast<tensor::CastOp>(producer)) {
      if (!isa<RankedTensorType>(op.getSource().getType()))
        return symbol();
      array = op.getSource();
    } else if (auto op = dyn_cast<DestinationStyleOpInterface>(producer)) {
      array = op.getTiedOpOperand(cast<OpResult>(array))->get();
    } else if (auto op = dyn_cast<tensor::InsertSliceOp>(producer)) {
      array = op.getDest();
    } else if (isa_and_nonnull<arith::ArithDialect>(producer->getDialect()) &&
               producer->getNumOperands() > 0) {
      array = producer->getOperands().back();
    } else {
      break;
    }
  }
  if (depth > kMaxDepth)
    return symbol();
  ++depth;
  auto leave = llvm::scope_exit([&] { --depth; });
  return llvm::TypeSwitch<Operation *, SymbolicSize>(array.getDefiningOp())
      .Case(
          [&](tensor::EmptyOp op) { return getSize(op.getMixedSizes()[dim]); })
      .Case([&](tensor::GenerateOp op) {
        return getNumber(
            op.getDynamicExtents()[op.getType().getDynamicDimIndex(dim)]);
      })
      .Case([&](tensor::ExpandShapeOp op) {
        return getSize(op.getMixedOutputShape()[dim]);
      })
      .Case([&](tensor::CollapseShapeOp op) {
        SymbolicSize product;
        for (int64_t source : op.getReassociationIndices()[dim])
          product = product.times(getSize(op.getSrc(), source));
        return product;
      })
      .Case([&](tensor::ExtractSliceOp op) {
        return getSize(getSliceSizes(op)[dim]);
      })
      .Case([&](tensor::ReshapeOp op) {
        auto shape = op.getShape().getDefiningOp<tensor::FromElementsOp>();
        return shape ? getNumber(shape.getElements()[dim]) : symbol();
      })
      .Default([&](Operation *) { return symbol(); });
}

SymbolicSize SymbolicSizes::getNumber(Value number) {
  if (auto found = numbers.find(number); found != numbers.end())
    return found->second;
  if (depth > kMaxDepth)
    return {1, {{number, SymbolicSize::kNumber}}, /*isNatural=*/false};
  ++depth;
  SymbolicSize size = computeNumber(number);
  --depth;
  numbers[number] = size;
  return size;
}

SymbolicSize SymbolicSizes::computeNumber(Value number) {
  SymbolicSize symbol{
      1, {{number, SymbolicSize::kNumber}}, /*isNatural=*/false};
  APInt constant;
  if (matchPattern(number, m_ConstantInt(&constant)) &&
      constant.getSignificantBits() <= 64)
    return SymbolicSize::get(constant.getSExtValue());
  Operation *op = number.getDefiningOp();
  if (!op)
    return symbol;
  auto operand = [&](unsigned index) {
    return getNumber(op->getOperand(index));
  };
  return llvm::TypeSwitch<Operation *, SymbolicSize>(op)
      .Case([&](tensor::DimOp dim) {
        std::optional<int64_t> index = dim.getConstantIndex();
        return index ? getSize(dim.getSource(), *index) : symbol;
      })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp,
            arith::ExtUIOp, arith::TruncIOp>([&](Operation *) {
        Value source = op->getOperand(0);
        if (!source.getType().isInteger(1))
          return operand(0);
        std::optional<bool> truth = decide(source);
        if (!truth)
          return symbol;
        int64_t one = isa<arith::ExtSIOp, arith::IndexCastOp>(op) ? -1 : 1;
        return SymbolicSize::get(*truth ? one : 0);
      })
      .Case([&](arith::MulIOp) { return operand(0).times(operand(1)); })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp,
            arith::CeilDivSIOp, arith::CeilDivUIOp>([&](Operation *) {
        return operand(0).dividedBy(operand(1)).value_or(symbol);
      })
      .Case<arith::AddIOp, arith::SubIOp>([&](Operation *) {
        SymbolicSize a = operand(0), b = operand(1);
        int64_t sign = isa<arith::SubIOp>(op) ? -1 : 1;
        if (b.isNumber() && b.factor == 0)
          return a;
        if (a.isNumber() && b.isNumber())
          return SymbolicSize::get(a.factor + sign * b.factor);
        if (a.isNumber() && a.factor == 0 && sign == 1)
          return b;
        return symbol;
      })
      .Case<arith::MaxUIOp, arith::MaxSIOp, arith::MinUIOp, arith::MinSIOp>(
          [&](Operation *) {
            SymbolicSize a = operand(0);
            return a == operand(1) ? a : symbol;
          })
      .Case([&](arith::SelectOp select) {
        if (std::optional<bool> truth = decide(select.getCondition()))
          return operand(*truth ? 1 : 2);
        SymbolicSize a = operand(1);
        return a == operand(2) ? a : symbol;
      })
      .Default([&](Operation *) { return symbol; });
}

/// Whether `a` and `b` compare so, where that follows from that they are equal,
/// or from their signs.
static std::optional<bool> compare(arith::CmpIPredicate predicate,
                                   const SymbolicSize &a,
                                   const SymbolicSize &b) {
  using Predicate = arith::CmpIPredicate;
  bool areNatural = a.isNatural && b.isNatural;
  switch (predicate) {
  case Predicate::eq:
  case Predicate::ne: {
    bool isEqual = predicate == Predicate::eq;
    if (a == b)
      return isEqual;
    if (a.isNumber() && b.isNumber())
      return !isEqual;
    return std::nullopt;
  }
  case Predicate::slt:
  case Predicate::ult:
    if (predicate == Predicate::ult && !areNatural)
      return std::nullopt;
    if (a.isNumber() && b.isNumber())
      return a.factor < b.factor;
    if (a == b || (a.isNatural && b.isNumber() && b.factor <= 0))
      return false;
    if (b.isNatural && a.isNumber() && a.factor < 0)
      return true;
    return std::nullopt;
  case Predicate::sgt:
    return compare(Predicate::slt, b, a);
  case Predicate::ugt:
    return compare(Predicate::ult, b, a);
  case Predicate::sge:
  case Predicate::uge:
  case Predicate::sle:
  case Predicate::ule: {
    std::optional<bool> inverse =
        compare(arith::invertPredicate(predicate), a, b);
    if (!inverse)
      return std::nullopt;
    return !*inverse;
  }
  }
  llvm_unreachable("unknown predicate");
}

std::optional<bool> SymbolicSizes::decide(Value condition) {
  APInt constant;
  if (matchPattern(condition, m_ConstantInt(&constant)))
    return !constant.isZero();
  auto comparison = condition.getDefiningOp<arith::CmpIOp>();
  if (!comparison || isa<ShapedType>(comparison.getLhs().getType()))
    return std::nullopt;
  return compare(comparison.getPredicate(), getNumber(comparison.getLhs()),
                 getNumber(comparison.getRhs()));
}
