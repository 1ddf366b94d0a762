//===- VectorMath.cpp - Functions of vectors of f32 -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorMath.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// Functions of vectors of f64 whose elements come from f32. Series end where
/// what is left is below 2^-40 of the result, which rounding to f32 hides.
class Doubles {
public:
  explicit Doubles(VectorBuilder &b) : b(b), type(b.vectorOf(b.getF64Type())) {}

  Value extend(Value x) { return arith::ExtFOp::create(b, type, x); }
  Value truncate(Value x) {
    return arith::TruncFOp::create(b, b.vectorOfF32(), x);
  }

  Value exp2(Value x);
  Value log2(Value x);
  /// sin(x + quarters * pi / 2), for |x| below 2^40.
  Value sin(Value x, int64_t quarters);
  Value tan(Value x);
  Value atan(Value x);
  Value atan2(Value quotient, Value y, Value x);
  Value asin(Value x);
  Value sinh(Value x);
  Value asinh(Value x);
  Value acosh(Value x);
  Value atanh(Value x);
  Value cbrt(Value x);

  Value number(double value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, b.getF64FloatAttr(value)));
  }
  Value scale(Value x, double factor) { return b.multiply(x, number(factor)); }
  Value abs(Value x) { return math::AbsFOp::create(b, x); }
  Value compare(arith::CmpFPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpFOp::create(b, predicate, lhs, rhs);
  }
  Value compare(arith::CmpFPredicate predicate, Value lhs, double rhs) {
    return compare(predicate, lhs, number(rhs));
  }

private:
  /// Added to a number below 2^51 it rounds that, and leaves it in the low bits
  /// of the sum.
  static constexpr double kRounding = 6755399441055744.0;

  /// The number next to a multiple of pi / 2, which multiple in the low bits,
  /// and what is left of the number.
  struct Quarter {
    Value bits, rest;
  };
  Quarter reduce(Value x);
  /// Of numbers up to pi / 4.
  Value smallSin(Value x);
  Value smallCos(Value x);

  Value divide(Value lhs, Value rhs) {
    return arith::DivFOp::create(b, lhs, rhs);
  }
  Value sqrt(Value x) { return math::SqrtOp::create(b, x); }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(b, condition, yes, no);
  }
  Value withSign(Value magnitude, Value sign) {
    return math::CopySignOp::create(b, magnitude, sign);
  }
  Value bitsOf(Value x) {
    return vector::BitCastOp::create(b, b.vectorOf(b.getI64Type()), x);
  }
  Value ofBits(Value bits) { return vector::BitCastOp::create(b, type, bits); }
  Value integer(int64_t value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(b.vectorOf(b.getI64Type()),
                                  b.getI64IntegerAttr(value)));
  }
  /// coefficients[0] + coefficients[1] * x + ...
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = number(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = b.fma(sum, x, number(coefficient));
    return sum;
  }

  VectorBuilder &b;
  VectorType type;
};
} // namespace

static constexpr double kPi = 3.14159265358979323846,
                        kLog2E = 1.44269504088896340736,
                        kLn2 = 0.69314718055994530942,
                        kInfinity64 = std::numeric_limits<double>::infinity();
static constexpr int64_t kMantissaBits = 52, kExponentBias = 1023;

//===----------------------------------------------------------------------===//
// Powers and logarithms
//===----------------------------------------------------------------------===//

Value Doubles::exp2(Value x) {
  // Far beyond what f32 has, and a power of f64. A NaN stays.
  constexpr double kMost = 1000;
  auto bound = [&](arith::CmpFPredicate predicate, double limit) {
    x = select(compare(predicate, x, limit), number(limit), x);
  };
  bound(arith::CmpFPredicate::OLT, -kMost);
  bound(arith::CmpFPredicate::OGT, kMost);
  Value rounded = b.add(x, number(kRounding));
  Value rest = b.subtract(x, b.subtract(rounded, number(kRounding)));
  SmallVector<double> coefficients = {1};
  for (int64_t i = 1; i <= 11; ++i)
    coefficients.push_back(coefficients.back() * kLn2 / i);
  Value exponent = b.add(bitsOf(rounded), integer(kExponentBias));
  Value power = arith::ShLIOp::create(b, exponent, integer(kMantissaBits));
  return b.multiply(polynomial(rest, coefficients), ofBits(power));
}

Value Doubles::log2(Value x) {
  // x = 2^n * m, with m from sqrt(1/2) to sqrt(2), and with s = (m - 1) / (m +
  // 1) ln m = 2 * (s + s^3 / 3 + ...).
  constexpr int64_t kRootOfHalf = 0x3fe6a09e667f3bcd, kBias = 1024;
  Value bits = bitsOf(x);
  Value biased = arith::ShRUIOp::create(
      b, b.add(bits, integer((kBias << kMantissaBits) - kRootOfHalf)),
      integer(kMantissaBits));
  Value n = b.subtract(biased, integer(kBias));
  Value m = ofBits(
      b.subtract(bits, arith::ShLIOp::create(b, n, integer(kMantissaBits))));
  constexpr int64_t kRoundingBits = 0x4338000000000000;
  Value exponent =
      b.subtract(ofBits(b.add(n, integer(kRoundingBits))), number(kRounding));
  Value one = number(1);
  Value s = divide(b.subtract(m, one), b.add(m, one));
  SmallVector<double> coefficients;
  for (int64_t i = 0; i <= 8; ++i)
    coefficients.push_back(2 * kLog2E / (2 * i + 1));
  Value result = b.fma(s, polynomial(b.multiply(s, s), coefficients), exponent);
  Value isZero = compare(arith::CmpFPredicate::OEQ, x, 0);
  Value isNegative = compare(arith::CmpFPredicate::OLT, x, 0);
  Value other = select(isZero, number(-kInfinity64), x);
  other = select(isNegative, number(std::nan("")), other);
  Value isPositive = compare(arith::CmpFPredicate::OGT, x, 0);
  Value isFinite = compare(arith::CmpFPredicate::OLT, x, kInfinity64);
  return select(arith::AndIOp::create(b, isPositive, isFinite), result, other);
}

Value Doubles::cbrt(Value x) {
  return withSign(exp2(scale(log2(abs(x)), 1.0 / 3)), x);
}

//===----------------------------------------------------------------------===//
// Trigonometric functions
//===----------------------------------------------------------------------===//

Doubles::Quarter Doubles::reduce(Value x) {
  // pi / 2 in two parts. Not vector.fma, which rounds the product where the CPU
  // has no such instruction: of large numbers all is lost then.
  constexpr double kHigh = 1.57079632679489655800,
                   kLow = 6.12323399573676603587e-17;
  Value rounded = b.fma(x, number(2 / kPi), number(kRounding));
  Value count = b.subtract(rounded, number(kRounding));
  Value rest = math::FmaOp::create(b, count, number(-kHigh), x);
  rest = math::FmaOp::create(b, count, number(-kLow), rest);
  return {bitsOf(rounded), rest};
}

Value Doubles::smallSin(Value x) {
  SmallVector<double> coefficients = {1};
  for (int64_t i = 1; i <= 6; ++i)
    coefficients.push_back(-coefficients.back() / (2 * i * (2 * i + 1)));
  return b.multiply(x, polynomial(b.multiply(x, x), coefficients));
}

Value Doubles::smallCos(Value x) {
  SmallVector<double> coefficients = {1};
  for (int64_t i = 1; i <= 7; ++i)
    coefficients.push_back(-coefficients.back() / (2 * i * (2 * i - 1)));
  return polynomial(b.multiply(x, x), coefficients);
}

Value Doubles::sin(Value x, int64_t quarters) {
  Quarter quarter = reduce(x);
  Value number = b.add(quarter.bits, integer(quarters));
  Value isOdd = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ne, arith::AndIOp::create(b, number, integer(1)),
      integer(0));
  Value result = select(isOdd, smallCos(quarter.rest), smallSin(quarter.rest));
  // The second lowest bit is the sign.
  Value sign = arith::ShLIOp::create(
      b, arith::AndIOp::create(b, number, integer(2)), integer(62));
  return ofBits(arith::XOrIOp::create(b, bitsOf(result), sign));
}

Value Doubles::tan(Value x) {
  Quarter quarter = reduce(x);
  Value isOdd = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ne,
      arith::AndIOp::create(b, quarter.bits, integer(1)), integer(0));
  Value sine = smallSin(quarter.rest), cosine = smallCos(quarter.rest);
  return divide(select(isOdd, cosine, sine),
                select(isOdd, arith::NegFOp::create(b, sine), cosine));
}

Value Doubles::atan(Value x) {
  // Of numbers up to tan(pi / 8): of larger ones t it is pi / 4 + atan((t - 1)
  // / (t + 1)), and of those above 1 pi / 2 - atan(1 / t).
  Value one = number(1), size = abs(x);
  Value isAboveOne = compare(arith::CmpFPredicate::OGT, size, one);
  Value t = select(isAboveOne, divide(one, size), size);
  Value isLarge = compare(arith::CmpFPredicate::OGT, t, 0.41421356237309504880);
  Value s = select(isLarge, divide(b.subtract(t, one), b.add(t, one)), t);
  SmallVector<double> coefficients;
  for (int64_t i = 0; i <= 14; ++i)
    coefficients.push_back((i % 2 ? -1.0 : 1.0) / (2 * i + 1));
  Value start = select(isLarge, number(kPi / 4), number(0));
  Value result = b.fma(s, polynomial(b.multiply(s, s), coefficients), start);
  result = select(isAboveOne, b.subtract(number(kPi / 2), result), result);
  return withSign(result, x);
}

Value Doubles::atan2(Value quotient, Value y, Value x) {
  Value result = atan(quotient);
  Value isNegative = compare(arith::CmpFPredicate::OLT, x, 0);
  result = select(isNegative, b.subtract(number(kPi), result), result);
  return withSign(result, y);
}

Value Doubles::asin(Value x) {
  Value one = number(1);
  return atan(divide(x, sqrt(b.multiply(b.subtract(one, x), b.add(one, x)))));
}

//===----------------------------------------------------------------------===//
// Hyperbolic functions
//===----------------------------------------------------------------------===//

/// Below it, sinh(x) and the inverses of sinh and tanh are x, and differences
/// of numbers near 1 would have lost it.
static constexpr double kSmall = 0x1p-13;

Value Doubles::sinh(Value x) {
  Value exp = exp2(scale(x, kLog2E));
  Value result = scale(b.subtract(exp, divide(number(1), exp)), 0.5);
  return select(compare(arith::CmpFPredicate::OLT, abs(x), kSmall), x, result);
}

Value Doubles::asinh(Value x) {
  Value size = abs(x);
  Value root = sqrt(b.fma(size, size, number(1)));
  Value result = withSign(scale(log2(b.add(size, root)), kLn2), x);
  return select(compare(arith::CmpFPredicate::OLT, size, kSmall), x, result);
}

Value Doubles::acosh(Value x) {
  Value one = number(1);
  Value root = sqrt(b.multiply(b.subtract(x, one), b.add(x, one)));
  return scale(log2(b.add(x, root)), kLn2);
}

Value Doubles::atanh(Value x) {
  Value one = number(1);
  Value quotient = divide(b.add(one, x), b.subtract(one, x));
  Value result = scale(log2(quotient), kLn2 / 2);
  return select(compare(arith::CmpFPredicate::OLT, abs(x), kSmall), x, result);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// `fast`, or the op itself where a lane of `isHard` is set.
static Value createUnlessHard(VectorBuilder &b, Operation &op,
                              ValueRange operands, Value isHard,
                              function_ref<Value()> fast) {
  Value isAnyHard =
      vector::ReductionOp::create(b, vector::CombiningKind::OR, isHard);
  auto slow = [&]() -> Value {
    OperationState state(b.getLoc(), op.getName(), operands, b.vectorOfF32(),
                         /*attributes=*/{});
    state.propertiesAttr = op.getPropertiesAsAttribute();
    return b.create(state)->getResult(0);
  };
  return b.choose(isAnyHard, slow, fast, b.vectorOfF32());
}

static Value createPower(VectorBuilder &b, Operation &op, ValueRange operands) {
  Doubles f(b);
  Value x = f.extend(operands[0]), y = f.extend(operands[1]);
  Value isPositive = f.compare(arith::CmpFPredicate::OGT, x, 0);
  Value isFinite = arith::AndIOp::create(
      b, f.compare(arith::CmpFPredicate::OLT, x, kInfinity64),
      f.compare(arith::CmpFPredicate::OLT, f.abs(y), kInfinity64));
  Value isEasy = arith::AndIOp::create(b, isPositive, isFinite);
  Value all = arith::ConstantOp::create(
      b, DenseElementsAttr::get(cast<VectorType>(isEasy.getType()), true));
  return createUnlessHard(
      b, op, operands, arith::XOrIOp::create(b, isEasy, all),
      [&] { return f.truncate(f.exp2(b.multiply(y, f.log2(x)))); });
}

static Value createArcTangent(VectorBuilder &b, Operation &op,
                              ValueRange operands) {
  Doubles f(b);
  Value y = f.extend(operands[0]), x = f.extend(operands[1]);
  // Not of two zeros or two infinities.
  Value quotient = arith::DivFOp::create(b, f.abs(y), f.abs(x));
  Value isHard = f.compare(arith::CmpFPredicate::UNO, quotient, quotient);
  return createUnlessHard(b, op, operands, isHard,
                          [&] { return f.truncate(f.atan2(quotient, y, x)); });
}

/// sin, cos or tan.
static Value createPeriodic(VectorBuilder &b, Operation &op, Value operand,
                            function_ref<Value(Doubles &, Value)> function) {
  constexpr double kMost = 0x1p40;
  Doubles f(b);
  Value x = f.extend(operand), size = f.abs(x);
  // Of infinity it is NaN by itself.
  Value isHard = arith::AndIOp::create(
      b, f.compare(arith::CmpFPredicate::OGE, size, kMost),
      f.compare(arith::CmpFPredicate::OLT, size, kInfinity64));
  return createUnlessHard(b, op, operand, isHard,
                          [&] { return f.truncate(function(f, x)); });
}

Value mfa::createVectorFunction(VectorBuilder &b, Operation &op,
                                ValueRange operands) {
  if (op.getNumResults() != 1 || !op.getResult(0).getType().isF32() ||
      operands.empty())
    return {};
  Doubles f(b);
  Value first = operands.front();
  auto compute = [&](function_ref<Value(Value)> function) -> Value {
    return f.truncate(function(f.extend(first)));
  };
  return TypeSwitch<Operation *, Value>(&op)
      .Case([&](math::SinOp) {
        return createPeriodic(b, op, first, [](Doubles &f, Value x) {
          return f.sin(x, /*quarters=*/0);
        });
      })
      .Case([&](math::CosOp) {
        return createPeriodic(b, op, first, [](Doubles &f, Value x) {
          return f.sin(x, /*quarters=*/1);
        });
      })
      .Case([&](math::TanOp) {
        return createPeriodic(b, op, first,
                              [](Doubles &f, Value x) { return f.tan(x); });
      })
      .Case([&](math::PowFOp) { return createPower(b, op, operands); })
      .Case([&](math::Atan2Op) { return createArcTangent(b, op, operands); })
      .Case([&](math::Exp2Op) {
        return compute([&](Value x) { return f.exp2(x); });
      })
      .Case([&](math::Log10Op) {
        return compute(
            [&](Value x) { return f.scale(f.log2(x), kLn2 / std::log(10.0)); });
      })
      .Case([&](math::CbrtOp) {
        return compute([&](Value x) { return f.cbrt(x); });
      })
      .Case([&](math::AtanOp) {
        return compute([&](Value x) { return f.atan(x); });
      })
      .Case([&](math::AsinOp) {
        return compute([&](Value x) { return f.asin(x); });
      })
      .Case([&](math::AcosOp) {
        return compute(
            [&](Value x) { return b.subtract(f.number(kPi / 2), f.asin(x)); });
      })
      .Case([&](math::SinhOp) {
        return compute([&](Value x) { return f.sinh(x); });
      })
      .Case([&](math::CoshOp) {
        return compute([&](Value x) {
          Value power = f.scale(x, kLog2E);
          Value sum = b.add(f.exp2(power), f.exp2(f.scale(power, -1)));
          return f.scale(sum, 0.5);
        });
      })
      .Case([&](math::AsinhOp) {
        return compute([&](Value x) { return f.asinh(x); });
      })
      .Case([&](math::AcoshOp) {
        return compute([&](Value x) { return f.acosh(x); });
      })
      .Case([&](math::AtanhOp) {
        return compute([&](Value x) { return f.atanh(x); });
      })
      .Default([](Operation *) { return Value(); });
}
