//===- TMTensorAttention.cpp - torch-mlir's op of attention ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TMTensorAttention.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

bool raising::isTMTensorAttention(Operation *op) {
  return op->getName().getStringRef() == "tm_tensor.attention";
}

void WrittenOut::undo() {
  ops.back()->getResult(0).replaceAllUsesWith(original->getResult(0));
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}

namespace {
/// Reads the operands of the op, and writes it out.
class AttentionWriter {
public:
  AttentionWriter(Operation *op, std::string &reason)
      : op(op), reason(reason), b(op->getLoc(), op) {}

  LogicalResult read();
  WrittenOut write();

private:
  LogicalResult refuse(const Twine &text) {
    reason = text.str();
    return failure();
  }
  LogicalResult readAttributes();
  LogicalResult checkShapes();

  RankedTensorType getType(Value array) {
    return cast<RankedTensorType>(array.getType());
  }
  /// A map of the loops of the batch and of others behind these.
  AffineMap getMap(unsigned numLoops, ArrayRef<unsigned> others);
  Value getFloat(double value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }
  Value widen(OpBuilder &nested, Location loc, Value number) {
    if (number.getType().isF32())
      return number;
    return arith::ExtFOp::create(nested, loc, nested.getF32Type(), number);
  }
  Value buildEmpty(ArrayRef<OpFoldResult> last, Type element);
  Value buildGeneric(ArrayRef<Value> inputs, Value init,
                     ArrayRef<AffineMap> maps, bool isReduction,
                     function_ref<Value(OpBuilder &, ValueRange)> body);

  Operation *op;
  std::string &reason;
  ImplicitLocOpBuilder b;
  Value query, key, value, mask, init;
  double scale = 0;
  unsigned numBatches = 0;
  SmallVector<OpFoldResult> batches;
};
} // namespace

LogicalResult AttentionWriter::readAttributes() {
  SmallVector<NamedAttribute> attributes(op->getDiscardableAttrs());
  if (auto inherent =
          dyn_cast_or_null<DictionaryAttr>(op->getPropertiesAsAttribute()))
    llvm::append_range(attributes, inherent);
  FloatAttr factor;
  for (NamedAttribute attribute : attributes) {
    StringRef name = attribute.getName();
    if (name == "operandSegmentSizes") {
      auto sizes = dyn_cast<DenseI32ArrayAttr>(attribute.getValue());
      auto numInputs = static_cast<int32_t>(op->getNumOperands()) - 1;
      if (!sizes || sizes.asArrayRef() != ArrayRef<int32_t>{numInputs, 1})
        return refuse("expected one destination");
    } else if (name == "scale") {
      factor = dyn_cast<FloatAttr>(attribute.getValue());
      if (!factor)
        return refuse("expected a float as its scale");
    } else {
      return refuse("its attribute '" + name + "' is not known");
    }
  }
  int64_t headDim = getType(query).getShape().back();
  if (ShapedType::isDynamic(headDim))
    return refuse("the head size of query and key is dynamic");
  scale = factor ? factor.getValueAsDouble()
                 : 1 / std::sqrt(static_cast<double>(headDim));
  return success();
}

LogicalResult AttentionWriter::checkShapes() {
  Type element = getType(query).getElementType();
  if (!element.isF16() && !element.isBF16() && !element.isF32())
    return refuse("expected operands of f16, bf16 or f32");
  int64_t rank = getType(query).getRank();
  if (rank < 3)
    return refuse("expected operands [batch, sequence, dimension]");
  for (Value operand : op->getOperands())
    if (getType(operand).getRank() != rank)
      return refuse("its operands differ in rank");
  if (getType(key).getElementType() != element ||
      getType(value).getElementType() != element ||
      getType(op->getResult(0)).getElementType() != element)
    return refuse("query, key, value and result differ in their types");
  if (mask) {
    Type maskType = getType(mask).getElementType();
    if (!maskType.isInteger(1) && !maskType.isF16() && !maskType.isBF16() &&
        !maskType.isF32())
      return refuse(
          llvm::formatv("expected a mask of i1, f16, bf16 or f32, but "
                        "got {0}",
                        maskType)
              .str());
  }
  // A size of 1 in one of them would be one that is repeated.
  auto agree = [&](Value a, int64_t dim, Value other, int64_t otherDim) {
    int64_t size = getType(a).getDimSize(dim);
    int64_t otherSize = getType(other).getDimSize(otherDim);
    return size == otherSize || ShapedType::isDynamic(size) ||
           ShapedType::isDynamic(otherSize);
  };
  bool areEqual = agree(query, rank - 1, key, rank - 1) &&
                  agree(key, rank - 2, value, rank - 2) &&
                  agree(init, rank - 2, query, rank - 2) &&
                  agree(init, rank - 1, value, rank - 1);
  for (int64_t dim = 0; dim < rank - 2; ++dim)
    for (Value operand : op->getOperands())
      areEqual &= agree(query, dim, operand, dim);
  if (mask)
    areEqual &= agree(mask, rank - 2, query, rank - 2) &&
                agree(mask, rank - 1, key, rank - 2);
  if (!areEqual)
    return refuse("its operands differ in sizes that should be the same");
  numBatches = rank - 2;
  return success();
}

LogicalResult AttentionWriter::read() {
  unsigned numOperands = op->getNumOperands();
  if (op->getNumResults() != 1 || (numOperands != 4 && numOperands != 5))
    return refuse("expected query, key, value, a mask or none, a destination, "
                  "and one result");
  for (Type type : op->getOperandTypes())
    if (!isa<RankedTensorType>(type))
      return refuse("expected operands that are ranked tensors");
  query = op->getOperand(0);
  key = op->getOperand(1);
  value = op->getOperand(2);
  mask = numOperands == 5 ? op->getOperand(3) : Value();
  init = op->getOperand(numOperands - 1);
  if (op->getResult(0).getType() != init.getType())
    return refuse("its result has another type than its destination");
  if (failed(checkShapes()))
    return failure();
  return readAttributes();
}

AffineMap AttentionWriter::getMap(unsigned numLoops,
                                  ArrayRef<unsigned> others) {
  SmallVector<AffineExpr> exprs;
  for (unsigned dim = 0; dim < numBatches; ++dim)
    exprs.push_back(b.getAffineDimExpr(dim));
  for (unsigned other : others)
    exprs.push_back(b.getAffineDimExpr(numBatches + other));
  return AffineMap::get(numBatches + numLoops, 0, exprs, b.getContext());
}

Value AttentionWriter::buildEmpty(ArrayRef<OpFoldResult> last, Type element) {
  SmallVector<OpFoldResult> sizes(batches);
  llvm::append_range(sizes, last);
  return tensor::EmptyOp::create(b, sizes, element);
}

Value AttentionWriter::buildGeneric(
    ArrayRef<Value> inputs, Value init, ArrayRef<AffineMap> maps,
    bool isReduction, function_ref<Value(OpBuilder &, ValueRange)> body) {
  SmallVector<utils::IteratorType> iterators(maps.front().getNumDims(),
                                             utils::IteratorType::parallel);
  if (isReduction)
    iterators.back() = utils::IteratorType::reduction;
  return linalg::GenericOp::create(
             b, init.getType(), inputs, init, maps, iterators,
             [&](OpBuilder &nested, Location loc, ValueRange arguments) {
               Value yielded = body(nested, arguments);
               linalg::YieldOp::create(nested, loc, yielded);
             })
      .getResult(0);
}

WrittenOut AttentionWriter::write() {
  Location loc = op->getLoc();
  Operation *before = op->getPrevNode();
  Type f32 = b.getF32Type();
  auto getSize = [&](Value array, unsigned dim) {
    return tensor::getMixedSize(b, loc, array, dim);
  };
  for (unsigned dim = 0; dim < numBatches; ++dim)
    batches.push_back(getSize(query, dim));
  OpFoldResult numQueries = getSize(query, numBatches);
  OpFoldResult numKeys = getSize(key, numBatches);
  OpFoldResult valueDim = getSize(value, numBatches + 1);
  Value zero = getFloat(0),
        low = getFloat(-std::numeric_limits<double>::infinity());
  auto fill = [&](Value number, ArrayRef<OpFoldResult> last) -> Value {
    Value empty = buildEmpty(last, f32);
    return linalg::FillOp::create(b, number, empty).getResult(0);
  };
  auto multiplyAdd = [&](OpBuilder &nested, ValueRange x) -> Value {
    Value product = arith::MulFOp::create(nested, loc, widen(nested, loc, x[0]),
                                          widen(nested, loc, x[1]));
    return arith::AddFOp::create(nested, loc, x[2], product);
  };

  // Loops are queries, keys, and what is summed up.
  Value scores =
      buildGeneric({query, key}, fill(zero, {numQueries, numKeys}),
                   {getMap(3, {0, 2}), getMap(3, {1, 2}), getMap(3, {0, 1})},
                   /*isReduction=*/true, multiplyAdd);
  AffineMap all = getMap(2, {0, 1}), rows = getMap(2, {0});
  Value factor = getFloat(scale);
  SmallVector<Value> inputs{scores};
  SmallVector<AffineMap> maps{all, all};
  if (mask) {
    inputs.push_back(mask);
    maps.push_back(all);
  }
  scores = buildGeneric(
      inputs, buildEmpty({numQueries, numKeys}, f32), maps,
      /*isReduction=*/false, [&](OpBuilder &nested, ValueRange x) -> Value {
        Value scaled = arith::MulFOp::create(nested, loc, x[0], factor);
        if (!mask)
          return scaled;
        if (x[1].getType().isInteger(1))
          return arith::SelectOp::create(nested, loc, x[1], scaled, low);
        return arith::AddFOp::create(nested, loc, scaled,
                                     widen(nested, loc, x[1]));
      });
  Value maximum = buildGeneric(
      scores, fill(low, numQueries), {all, rows}, /*isReduction=*/true,
      [&](OpBuilder &nested, ValueRange x) -> Value {
        return arith::MaximumFOp::create(nested, loc, x[0], x[1]);
      });
  Value exponentials =
      buildGeneric({scores, maximum}, buildEmpty({numQueries, numKeys}, f32),
                   {all, rows, all}, /*isReduction=*/false,
                   [&](OpBuilder &nested, ValueRange x) -> Value {
                     Value shifted =
                         arith::SubFOp::create(nested, loc, x[0], x[1]);
                     return math::ExpOp::create(nested, loc, shifted);
                   });
  Value sum = buildGeneric(
      exponentials, fill(zero, numQueries), {all, rows}, /*isReduction=*/true,
      [&](OpBuilder &nested, ValueRange x) -> Value {
        return arith::AddFOp::create(nested, loc, x[0], x[1]);
      });
  // A row without keys has weights of 0: the op divides by no sum that is 0.
  Value weights = buildGeneric(
      {exponentials, sum, maximum}, buildEmpty({numQueries, numKeys}, f32),
      {all, rows, rows, all}, /*isReduction=*/false,
      [&](OpBuilder &nested, ValueRange x) -> Value {
        Value quotient = arith::DivFOp::create(nested, loc, x[0], x[1]);
        Value isLow = arith::CmpFOp::create(
            nested, loc, arith::CmpFPredicate::OEQ, x[2], low);
        return arith::SelectOp::create(nested, loc, isLow, zero, quotient);
      });
  Value product =
      buildGeneric({weights, value}, fill(zero, {numQueries, valueDim}),
                   {getMap(3, {0, 2}), getMap(3, {2, 1}), getMap(3, {0, 1})},
                   /*isReduction=*/true, multiplyAdd);
  Value result = product;
  Type element = getType(init).getElementType();
  if (!element.isF32())
    result = buildGeneric(
        product, buildEmpty({numQueries, valueDim}, element), {all, all},
        /*isReduction=*/false, [&](OpBuilder &nested, ValueRange x) -> Value {
          return arith::TruncFOp::create(nested, loc, element, x[0]);
        });
  if (result.getType() != init.getType())
    result = tensor::CastOp::create(b, init.getType(), result);
  op->getResult(0).replaceAllUsesWith(result);

  WrittenOut written{op,
                     {},
                     product.getDefiningOp<linalg::LinalgOp>(),
                     sum.getDefiningOp<linalg::LinalgOp>()};
  Operation *next = before ? before->getNextNode() : &op->getBlock()->front();
  for (; next != op; next = next->getNextNode())
    written.ops.push_back(next);
  return written;
}

FailureOr<WrittenOut> raising::writeOutTMTensorAttention(Operation *op,
                                                         std::string &reason) {
  AttentionWriter writer(op, reason);
  if (failed(writer.read()))
    return failure();
  return writer.write();
}
