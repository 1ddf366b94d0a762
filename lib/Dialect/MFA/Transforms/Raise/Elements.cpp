//===- Elements.cpp - What an element of an array is computed from --------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elements.h"
#include "ConstantArrays.h"
#include "Views.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/CastInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

/// Expressions of more nodes are not looked at.
static constexpr unsigned kMaxNodes = 4096;

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

void Node::Profile(llvm::FoldingSetNodeID &id) const {
  id.AddInteger(static_cast<unsigned>(kind));
  id.AddPointer(type.getAsOpaquePointer());
  id.AddPointer(constant ? Attribute(constant).getAsOpaquePointer() : nullptr);
  id.AddPointer(value.getAsOpaquePointer());
  for (const Index &index : indices) {
    id.AddInteger(index.axes.size());
    for (Axis axis : index.axes)
      id.AddInteger(axis);
    id.AddInteger(index.offset);
  }
  for (auto [axis, coefficient] : linear.terms) {
    id.AddInteger(axis);
    id.AddInteger(coefficient);
  }
  id.AddInteger(linear.constant);
  id.AddInteger(static_cast<unsigned>(relation));
  if (op) {
    id.AddPointer(op->getName().getAsOpaquePointer());
    id.AddPointer(op->getAttrDictionary().getAsOpaquePointer());
  }
  for (Node *operand : operands)
    id.AddPointer(operand);
}

std::optional<double> Node::getFloat() const {
  auto number = dyn_cast_or_null<FloatAttr>(constant);
  if (!number)
    return std::nullopt;
  return number.getValueAsDouble();
}

bool Node::isFloat(double number) const {
  std::optional<double> known = getFloat();
  return known && *known == number;
}

Node *Elements::unique(Node node) {
  llvm::FoldingSetNodeID id;
  node.Profile(id);
  void *position;
  if (Node *found = uniqued.FindNodeOrInsertPos(id, position))
    return found;
  nodes.push_back(std::move(node));
  uniqued.InsertNode(&nodes.back(), position);
  return &nodes.back();
}

Node *Elements::getElement(Value array, Indices indices) {
  Node node;
  node.kind = NodeKind::Element;
  node.type = getElementTypeOrSelf(array);
  node.value = array;
  node.indices = std::move(indices);
  return unique(std::move(node));
}

Node *Elements::getScalar(Value value) {
  TypedAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return getConstant(constant);
  // What is computed from constants in front of the arrays.
  Operation *op = value.getDefiningOp();
  if (op &&
      isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
          op->getDialect()) &&
      op->getNumOperands() == 1)
    if (Node *operand = getScalar(op->getOperand(0)); operand->isConstant())
      if (Node *folded = foldConstants(op, operand))
        return folded;
  Node node;
  node.kind = NodeKind::Scalar;
  node.type = value.getType();
  node.value = value;
  return unique(std::move(node));
}

Node *Elements::getConstant(TypedAttr value) {
  Node node;
  node.kind = NodeKind::Constant;
  node.type = value.getType();
  node.constant = value;
  return unique(std::move(node));
}

Node *Elements::getBool(MLIRContext *context, bool value) {
  return getConstant(BoolAttr::get(context, value));
}

Node *Elements::rebuild(Node *node, ArrayRef<Node *> operands) {
  switch (node->kind) {
  case NodeKind::Apply:
    return apply(node->op, operands);
  case NodeKind::And:
    return getAnd(operands[0], operands[1]);
  case NodeKind::Or:
    return getOr(operands[0], operands[1]);
  case NodeKind::Not:
    return getNot(operands[0]);
  case NodeKind::Select:
    return getSelect(operands[0], operands[1], operands[2]);
  default:
    return node;
  }
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Node *Elements::step(Node *node) {
  if (!node->isElement())
    return nullptr;
  if (!node->next) {
    Node *next = stepThrough(node);
    node->next = next;
    if (next)
      visited.insert(node->value.getDefiningOp());
  }
  return *node->next;
}

Node *Elements::resolve(Node *node) {
  while (Node *next = step(node))
    node = next;
  // A constant that is converted is a constant.
  if (node->kind == NodeKind::Apply && isa<CastOpInterface>(node->op))
    if (Node *operand = resolve(node->operands[0]); operand->isConstant())
      return apply(node->op, operand);
  return node;
}

Node *Elements::stepThrough(Node *node) {
  Value array = node->value;
  const Indices &indices = node->indices;
  Operation *producer = array.getDefiningOp();
  if (!producer || !isa<RankedTensorType>(array.getType()))
    return nullptr;
  auto move = [&](Value source, std::optional<Indices> moved) -> Node * {
    return moved ? getElement(source, std::move(*moved)) : nullptr;
  };
  return llvm::TypeSwitch<Operation *, Node *>(producer)
      .Case([&](tensor::CastOp cast) -> Node * {
        return isa<RankedTensorType>(cast.getSource().getType())
                   ? getElement(cast.getSource(), indices)
                   : nullptr;
      })
      .Case([&](tensor::ExpandShapeOp op) {
        return move(op.getSrc(), getViewed(op, indices));
      })
      .Case([&](tensor::CollapseShapeOp op) {
        return move(op.getSrc(), getViewed(op, indices, space));
      })
      .Case([&](tensor::ReshapeOp op) {
        return move(op.getSource(), getViewed(op, indices, space, sizes));
      })
      .Case([&](tensor::ExtractSliceOp op) {
        sliced = true;
        return move(op.getSource(), getViewed(op, indices));
      })
      .Case([&](tensor::ConcatOp op) -> Node * {
        sliced = true;
        auto part = getPart(op, indices, space);
        return part ? getElement(part->first, std::move(part->second))
                    : nullptr;
      })
      .Case([&](tensor::InsertSliceOp op) -> Node * {
        sliced = true;
        auto part = getPart(op, indices, space);
        return part ? getElement(part->first, std::move(part->second))
                    : nullptr;
      })
      .Case([&](tensor::SplatOp op) { return getScalar(op.getInput()); })
      .Case([&](tensor::FromElementsOp op) -> Node * {
        return op.getElements().size() == 1 ? getScalar(op.getElements()[0])
                                            : nullptr;
      })
      .Case([&](tensor::GenerateOp op) {
        return stepThroughGenerate(op, indices);
      })
      .Case([&](linalg::LinalgOp op) {
        return stepThroughLinalg(op, cast<OpResult>(array), indices);
      })
      .Default([&](Operation *op) -> Node * {
        if (std::optional<ConstantArray> constant = ConstantArray::get(array))
          return constant->isSplat() ? getConstant(constant->getElement(0))
                                     : findRule(*this, *constant, indices);
        if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
                op->getDialect()) ||
            !OpTrait::hasElementwiseMappableTraits(op) ||
            op->getNumResults() != 1)
          return nullptr;
        SmallVector<Node *> operands;
        for (Value operand : op->getOperands()) {
          if (!isa<RankedTensorType>(operand.getType()))
            return nullptr;
          operands.push_back(getElement(operand, indices));
        }
        return apply(op, operands);
      });
}

Node *Elements::stepThroughGenerate(Operation *op, const Indices &indices) {
  auto generate = cast<tensor::GenerateOp>(op);
  Block &body = generate.getBody().front();
  llvm::DenseMap<Value, Node *> known;
  for (auto [argument, index] : llvm::zip_equal(body.getArguments(), indices))
    if (std::optional<Linear> linear = raising::getLinear(index, space))
      known[argument] = getPosition(*linear, argument.getType());
    else
      return nullptr;
  Value yielded = body.getTerminator()->getOperand(0);
  return evaluate(yielded, linalg::LinalgOp(), {}, known);
}

Node *Elements::stepThroughLinalg(linalg::LinalgOp op, OpResult result,
                                  const Indices &indices) {
  if (!op.hasPureTensorSemantics() ||
      op.getNumParallelLoops() != op.getNumLoops())
    return nullptr;
  // The loops from the indices of the result.
  LoopAxes loops(op.getNumLoops());
  llvm::SmallBitVector isBound(op.getNumLoops());
  AffineMap map = op.getIndexingMapMatchingResult(result);
  for (auto [expr, index] : llvm::zip_equal(map.getResults(), indices)) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim) {
      if (!index.axes.empty() || index.offset != 0)
        return nullptr;
      continue;
    }
    // A constant index would be a loop of one iteration with an offset.
    if (index.offset != 0)
      return nullptr;
    loops[dim.getPosition()] = index.axes;
    isBound.set(dim.getPosition());
  }
  if (!isBound.all())
    return nullptr;
  // What is in the destination is not known.
  for (OpOperand &init : op.getDpsInitsMutable())
    if (op.payloadUsesValueFromOperand(&init))
      return nullptr;
  return getYielded(op, result.getResultNumber(), loops);
}

int64_t Elements::getLoopSize(linalg::LinalgOp op, unsigned loop) {
  int64_t size = ShapedType::kDynamic;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type)
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [expr, dim] : llvm::zip_equal(map.getResults(), type.getShape()))
      if (auto affineDim = dyn_cast<AffineDimExpr>(expr))
        if (affineDim.getPosition() == loop && ShapedType::isStatic(dim))
          size = dim;
  }
  return size;
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

Node *Elements::getYielded(linalg::LinalgOp op, unsigned result,
                           const LoopAxes &loops) {
  Block *body = op.getBlock();
  llvm::DenseMap<Value, Node *> known;
  return evaluate(body->getTerminator()->getOperand(result), op, loops, known);
}

/// The element of an input that an argument of the body stands for; null for a
/// map that is not of dimensions and zeros.
static std::optional<Indices> getIndices(AffineMap map, const LoopAxes &loops) {
  Indices indices;
  for (AffineExpr expr : map.getResults()) {
    Index index;
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      index.axes = loops[dim.getPosition()];
    else if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      index.offset = constant.getValue();
    else
      return std::nullopt;
    indices.push_back(std::move(index));
  }
  return indices;
}

Node *Elements::evaluateArgument(BlockArgument argument, linalg::LinalgOp op,
                                 const LoopAxes &loops) {
  OpOperand *operand = op.getMatchingOpOperand(argument);
  if (op.isDpsInit(operand))
    return getScalar(argument);
  if (!isa<RankedTensorType>(operand->get().getType()))
    return getScalar(operand->get());
  std::optional<Indices> indices =
      ::getIndices(op.getMatchingIndexingMap(operand), loops);
  return indices ? getElement(operand->get(), *indices) : nullptr;
}

/// The position that `select(n == 1, 0, position)` is of a loop of n
/// iterations: how exporters read an array that may be repeated along a
/// dimension.
Value Elements::getBroadcastPosition(arith::SelectOp select,
                                     linalg::LinalgOp op) {
  auto comparison = select.getCondition().getDefiningOp<arith::CmpIOp>();
  auto index = select.getFalseValue().getDefiningOp<linalg::IndexOp>();
  if (!comparison || comparison.getPredicate() != arith::CmpIPredicate::eq ||
      !matchPattern(comparison.getRhs(), m_One()) ||
      !matchPattern(select.getTrueValue(), m_Zero()) || !index)
    return {};
  SymbolicSize size = sizes.getNumber(comparison.getLhs());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [dim, expr] : llvm::enumerate(map.getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr);
          loop && loop.getPosition() == index.getDim())
        return sizes.getSize(operand.get(), dim) == size ? index.getResult()
                                                         : Value();
  }
  return {};
}

Node *Elements::evaluate(Value value, linalg::LinalgOp op,
                         const LoopAxes &loops,
                         llvm::DenseMap<Value, Node *> &known) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  auto compute = [&]() -> Node * {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return op && argument.getOwner() == op.getBlock()
                 ? evaluateArgument(argument, op, loops)
                 : getScalar(value);
    Operation *nested = value.getDefiningOp();
    bool isInBody = op ? nested->getBlock() == op.getBlock()
                       : isa<tensor::GenerateOp>(nested->getParentOp());
    if (!isInBody || nested->hasTrait<OpTrait::ConstantLike>())
      return getScalar(value);
    if (auto index = dyn_cast<linalg::IndexOp>(nested)) {
      std::optional<Linear> linear =
          raising::getLinear(Index{loops[index.getDim()], 0}, space);
      return linear ? getPosition(*linear, index.getType()) : nullptr;
    }
    if (auto select = dyn_cast<arith::SelectOp>(nested); select && op)
      if (Value position = getBroadcastPosition(select, op))
        return evaluate(position, op, loops, known);
    auto extract = dyn_cast<tensor::ExtractOp>(nested);
    bool isNumeric = isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
                         nested->getDialect()) &&
                     nested->getNumResults() == 1 &&
                     nested->getNumRegions() == 0;
    if (!isNumeric && !extract)
      return nullptr;
    SmallVector<Node *> operands;
    for (Value operand :
         extract ? OperandRange(extract.getIndices()) : nested->getOperands()) {
      operands.push_back(evaluate(operand, op, loops, known));
      if (!operands.back())
        return nullptr;
    }
    return extract ? gather(extract, operands) : apply(nested, operands);
  };
  Node *node = compute();
  known[value] = node;
  return node;
}

/// An element of an array at computed indices. Where these count as axes do, it
/// is an element like any other.
Node *Elements::gather(Operation *op, ArrayRef<Node *> operands) {
  Indices indices;
  for (Node *operand : operands) {
    std::optional<Linear> linear = raising::getLinear(resolve(operand));
    std::optional<Index> index =
        linear ? raising::getIndex(*linear, space) : std::nullopt;
    if (!index)
      break;
    indices.push_back(std::move(*index));
  }
  Value array = cast<tensor::ExtractOp>(op).getTensor();
  if (indices.size() == operands.size())
    return getElement(array, std::move(indices));
  Node node;
  node.kind = NodeKind::Apply;
  node.type = op->getResult(0).getType();
  node.value = array;
  node.op = op;
  node.operands.assign(operands.begin(), operands.end());
  return unique(std::move(node));
}

//===----------------------------------------------------------------------===//
// Whole expressions
//===----------------------------------------------------------------------===//

Node *Elements::replaceOperands(Node *node,
                                function_ref<Node *(Node *)> replace) {
  SmallVector<Node *> operands;
  for (Node *operand : node->operands) {
    operands.push_back(replace(operand));
    if (!operands.back())
      return nullptr;
  }
  return node->is<tensor::ExtractOp>() ? gather(node->op, operands)
                                       : rebuild(node, operands);
}

Node *Elements::expand(Node *root, function_ref<bool(Node *)> stays) {
  llvm::DenseMap<Node *, Node *> done;
  unsigned count = 0;
  auto visit = [&](auto &&self, Node *node) -> Node * {
    if (auto found = done.find(node); found != done.end())
      return found->second;
    if (++count > kMaxNodes)
      return nullptr;
    Node *result = node;
    if (node->isElement()) {
      Node *next = stays(node) ? nullptr : step(node);
      if (next)
        result = self(self, next);
    } else if (!node->operands.empty()) {
      result = replaceOperands(
          node, [&](Node *operand) { return self(self, operand); });
      if (!result)
        return nullptr;
      // A simplification may have uncovered elements.
      if (result != node)
        result = self(self, result);
    }
    done[node] = result;
    return result;
  };
  return visit(visit, root);
}

Node *Elements::substitute(Node *root, const AxisList &from, const Index &to) {
  auto isFrom = [&](Axis axis) { return llvm::is_contained(from, axis); };
  std::optional<Linear> target = raising::getLinear(to, space);
  llvm::DenseMap<Node *, Node *> done;
  auto replaceElement = [&](Node *node) -> Node * {
    Indices indices = node->indices;
    for (Index &index : indices) {
      if (index.axes == from) {
        index.axes = to.axes;
        index.offset += to.offset;
      } else if (llvm::any_of(index.axes, isFrom)) {
        return nullptr;
      }
    }
    return getElement(node->value, std::move(indices));
  };
  auto replaceLinear = [&](Node *node) -> Node * {
    Linear linear = node->linear;
    for (auto [axis, coefficient] : node->linear.terms) {
      if (!isFrom(axis))
        continue;
      if (from.size() != 1 || !target)
        return nullptr;
      linear.add(axis, -coefficient);
      linear = linear.plus(*target, coefficient);
    }
    return node->kind == NodeKind::Position
               ? getPosition(linear, node->type)
               : getCompare(node->relation, linear, node->type);
  };
  auto visit = [&](auto &&self, Node *node) -> Node * {
    if (auto found = done.find(node); found != done.end())
      return found->second;
    Node *result = node;
    if (node->isElement()) {
      result = replaceElement(node);
    } else if (node->kind == NodeKind::Position ||
               node->kind == NodeKind::Compare) {
      result = replaceLinear(node);
    } else if (!node->operands.empty()) {
      result = replaceOperands(
          node, [&](Node *operand) { return self(self, operand); });
    }
    return done[node] = result;
  };
  Node *expanded = expand(root);
  return expanded ? visit(visit, expanded) : nullptr;
}

bool Elements::areSame(Node *a, Node *b) {
  if (a == b || resolve(a) == resolve(b))
    return true;
  Node *expanded = expand(a);
  return expanded && expanded == expand(b);
}
