//===- RandomRule.cpp - Rules made of a number ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomRule.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

#include <random>

using namespace mfa::run;
using namespace mfa::runtime;
using namespace mlir;
using mlir::mfa::RegionBuilder;
using mlir::mfa::ScoreDim;

//===----------------------------------------------------------------------===//
// Operations: as IR, and as what it means
//===----------------------------------------------------------------------===//

namespace {
/// A leaf reads from these.
struct Point {
  AttentionRow row;
  int64_t key;
  const AttentionShape &shape;
  const RandomRuleData &data;
};

struct Leaf {
  Value (*build)(RegionBuilder &b, ArrayRef<OpFoldResult> captures);
  int64_t (*evaluate)(const Point &at);
};

/// Conditions are 0 and 1. The second operand of quotients, remainders and
/// multiples is a constant.
struct Binary {
  Value (*build)(RegionBuilder &b, Value lhs, Value rhs);
  int64_t (*evaluate)(int64_t lhs, int64_t rhs);
};
} // namespace

template <typename Op>
static Value createBinary(RegionBuilder &b, Value lhs, Value rhs) {
  return Op::create(b, lhs, rhs);
}

template <arith::CmpIPredicate predicate>
static Value createCompare(RegionBuilder &b, Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, predicate, lhs, rhs);
}

/// An element of a captured array of integers.
static Value readNumber(RegionBuilder &b, OpFoldResult array,
                        ValueRange indices) {
  Value number = b.read(cast<Value>(array), indices);
  return arith::IndexCastOp::create(b, b.getIndexType(), number);
}

static const Leaf kLeaves[] = {
    {[](RegionBuilder &b, ArrayRef<OpFoldResult>) { return b.getQuery(); },
     [](const Point &at) { return at.row.query; }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult>) { return b.getKey(); },
     [](const Point &at) { return at.key; }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult>) { return b.getHead(); },
     [](const Point &at) { return at.row.head; }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult>) { return b.getBatch(); },
     [](const Point &at) { return at.row.batch; }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult>) {
       return b.getSize(ScoreDim::Query);
     },
     [](const Point &at) { return at.shape.seqQ; }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult>) {
       return b.getSize(ScoreDim::Key);
     },
     [](const Point &at) { return at.shape.seqK; }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult> captures) {
       return b.capture(captures[0]);
     },
     [](const Point &at) { return at.data.number; }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult> captures) {
       return readNumber(b, captures[1], {b.getBatch(), b.getQuery()});
     },
     [](const Point &at) {
       return static_cast<int64_t>(
           at.data.ofQueries[at.row.batch * at.shape.seqQ + at.row.query]);
     }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult> captures) {
       return readNumber(b, captures[2], {b.getBatch(), b.getKey()});
     },
     [](const Point &at) {
       return static_cast<int64_t>(
           at.data.ofKeys[at.row.batch * at.shape.seqK + at.key]);
     }},
    {[](RegionBuilder &b, ArrayRef<OpFoldResult> captures) {
       return readNumber(b, captures[3], b.getHead());
     },
     [](const Point &at) {
       return static_cast<int64_t>(at.data.ofHeads[at.row.head]);
     }}};
/// Those that are a position of the pair come more often.
constexpr size_t kNumPositions = 2;

static const Binary kByConstant[] = {
    {createBinary<arith::MulIOp>,
     [](int64_t lhs, int64_t rhs) { return lhs * rhs; }},
    {createBinary<arith::FloorDivSIOp>,
     [](int64_t lhs, int64_t rhs) {
       return llvm::divideFloorSigned(lhs, rhs);
     }},
    {createBinary<arith::CeilDivSIOp>,
     [](int64_t lhs, int64_t rhs) { return llvm::divideCeilSigned(lhs, rhs); }},
    {createBinary<arith::DivSIOp>,
     [](int64_t lhs, int64_t rhs) { return lhs / rhs; }},
    {createBinary<arith::RemSIOp>,
     [](int64_t lhs, int64_t rhs) { return lhs % rhs; }}};

static const Binary kOfNumbers[] = {
    {createBinary<arith::AddIOp>,
     [](int64_t lhs, int64_t rhs) { return lhs + rhs; }},
    {createBinary<arith::SubIOp>,
     [](int64_t lhs, int64_t rhs) { return lhs - rhs; }},
    {createBinary<arith::MinSIOp>,
     [](int64_t lhs, int64_t rhs) { return std::min(lhs, rhs); }},
    {createBinary<arith::MaxSIOp>,
     [](int64_t lhs, int64_t rhs) { return std::max(lhs, rhs); }}};

static const Binary kComparisons[] = {
    {createCompare<arith::CmpIPredicate::eq>,
     [](int64_t lhs, int64_t rhs) -> int64_t { return lhs == rhs; }},
    {createCompare<arith::CmpIPredicate::ne>,
     [](int64_t lhs, int64_t rhs) -> int64_t { return lhs != rhs; }},
    {createCompare<arith::CmpIPredicate::slt>,
     [](int64_t lhs, int64_t rhs) -> int64_t { return lhs < rhs; }},
    {createCompare<arith::CmpIPredicate::sle>,
     [](int64_t lhs, int64_t rhs) -> int64_t { return lhs <= rhs; }},
    {createCompare<arith::CmpIPredicate::sgt>,
     [](int64_t lhs, int64_t rhs) -> int64_t { return lhs > rhs; }},
    {createCompare<arith::CmpIPredicate::sge>,
     [](int64_t lhs, int64_t rhs) -> int64_t { return lhs >= rhs; }}};

static const Binary kOfConditions[] = {
    {createBinary<arith::AndIOp>,
     [](int64_t lhs, int64_t rhs) { return lhs & rhs; }},
    {createBinary<arith::OrIOp>,
     [](int64_t lhs, int64_t rhs) { return lhs | rhs; }},
    {createBinary<arith::XOrIOp>,
     [](int64_t lhs, int64_t rhs) { return lhs ^ rhs; }}};

//===----------------------------------------------------------------------===//
// Trees
//===----------------------------------------------------------------------===//

/// One of a leaf, an operation of two operands, a choice of three, a constant
/// number, and a constant truth.
struct RandomRule::Node {
  const Leaf *leaf = nullptr;
  const Binary *operation = nullptr;
  int64_t constant = 0;
  bool isTruth = false;
  std::vector<std::shared_ptr<const Node>> operands;

  Value build(RegionBuilder &b, ArrayRef<OpFoldResult> captures) const {
    if (leaf)
      return leaf->build(b, captures);
    SmallVector<Value> values;
    for (const auto &operand : operands)
      values.push_back(operand->build(b, captures));
    if (operation)
      return operation->build(b, values[0], values[1]);
    if (!values.empty())
      return arith::SelectOp::create(b, values[0], values[1], values[2]);
    if (isTruth)
      return arith::ConstantOp::create(b, b.getBoolAttr(constant != 0));
    return b.getIndex(constant);
  }

  int64_t evaluate(const Point &at) const {
    if (leaf)
      return leaf->evaluate(at);
    if (operation)
      return operation->evaluate(operands[0]->evaluate(at),
                                 operands[1]->evaluate(at));
    if (!operands.empty())
      return operands[operands[0]->evaluate(at) ? 1 : 2]->evaluate(at);
    return constant;
  }
};

namespace {
/// Makes trees. It takes of the generator one number at a time, in a fixed
/// order, and no distribution of the library, which may differ.
class TreeMaker {
public:
  using Node = RandomRule::Node;
  using Tree = std::shared_ptr<const Node>;

  explicit TreeMaker(uint64_t seed) : random(seed) {}

  Tree makeCondition(int depth) {
    if (depth == 0 || pick(10) < 2) {
      Tree lhs = makeNumber(1 + pick(2));
      Tree rhs = makeNumber(pick(2));
      return make(pickOf(kComparisons), lhs, rhs);
    }
    switch (pick(5)) {
    case 0: {
      Node yes;
      yes.constant = yes.isTruth = true;
      return make(kOfConditions[2], makeCondition(depth - 1), share(yes));
    }
    case 1: {
      Node choice;
      for (int i = 0; i < 3; ++i)
        choice.operands.push_back(makeCondition(depth - 1));
      return share(choice);
    }
    default:
      break;
    }
    Tree lhs = makeCondition(depth - 1), rhs = makeCondition(depth - 1);
    return make(pickOf(kOfConditions), lhs, rhs);
  }

private:
  int64_t pick(int64_t end) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(end));
  }

  template <size_t N>
  const Binary &pickOf(const Binary (&operations)[N]) {
    return operations[pick(N)];
  }

  static Tree share(Node &node) {
    return std::make_shared<const Node>(std::move(node));
  }

  static Tree make(const Binary &operation, Tree lhs, Tree rhs) {
    Node node;
    node.operation = &operation;
    node.operands = {std::move(lhs), std::move(rhs)};
    return share(node);
  }

  Tree makeConstant(int64_t value) {
    Node node;
    node.constant = value;
    return share(node);
  }

  Tree makeNumber(int64_t depth) {
    if (depth == 0 || pick(10) < 3) {
      if (pick(5) == 0)
        return makeConstant(pick(100) - 30);
      Node node;
      node.leaf =
          &kLeaves[pick(2) ? pick(kNumPositions) : pick(std::size(kLeaves))];
      return share(node);
    }
    Tree lhs = makeNumber(depth - 1);
    if (pick(2)) {
      int64_t rhs = 2 + pick(16);
      return make(pickOf(kByConstant), lhs, makeConstant(rhs));
    }
    const Binary &operation = pickOf(kOfNumbers);
    return make(operation, lhs, makeNumber(depth - 1));
  }

  std::mt19937_64 random;
};
} // namespace

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

RandomRule::RandomRule(uint64_t seed)
    : seed(seed), root(TreeMaker(seed).makeCondition(3)) {}

RandomRule::~RandomRule() = default;

RandomRuleData RandomRule::makeData(const AttentionShape &shape) const {
  std::mt19937_64 random(seed);
  RandomRuleData data;
  data.number = static_cast<int64_t>(random() % 60);
  // Increasing ones, as of documents, or any.
  auto makeArray = [&](int64_t rows, int64_t size, uint64_t end) {
    std::vector<float> values;
    bool increases = random() % 2;
    for (int64_t row = 0; row < rows; ++row) {
      uint64_t value = 0;
      for (int64_t i = 0; i < size; ++i) {
        value = increases ? value + (random() % 8 == 0) : random() % end;
        values.push_back(static_cast<float>(value));
      }
    }
    return values;
  };
  data.ofQueries = makeArray(shape.batch, shape.seqQ, 8);
  data.ofKeys = makeArray(shape.batch, shape.seqK, 8);
  data.ofHeads = makeArray(1, shape.heads, 64);
  return data;
}

mlir::mfa::KeepRule RandomRule::build(ArrayRef<OpFoldResult> captures) const {
  return [root = root, captures = llvm::to_vector(captures)](RegionBuilder &b) {
    return root->build(b, captures);
  };
}

std::function<bool(AttentionRow, int64_t)>
RandomRule::makeReference(const AttentionShape &shape,
                          RandomRuleData data) const {
  return [root = root, shape, data = std::move(data)](AttentionRow row,
                                                      int64_t key) {
    return root->evaluate({row, key, shape, data}) != 0;
  };
}
