//===- ProblemRules.cpp - Rules and scores of a problem -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemRules.h"
#include "Options.h"
#include "RandomRule.h"
#include "mfa/Dialect/MFA/IR/Rules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <random>

using namespace llvm;
using namespace mfa::run;
using namespace mfa::runtime;
using mlir::Value;
using mlir::mfa::KeepRule;
using mlir::mfa::RegionBuilder;
using mlir::mfa::ScoreFunction;

/// Distances beyond have the bias of this one.
static constexpr int64_t kFarthest = 16;
/// Rows and columns of an image between neighbours, at most.
static constexpr int64_t kNeighbours = 2;

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

using Captures = std::vector<RuleCapture>;
using Keep = std::function<bool(AttentionRow, int64_t)>;
using Score = std::function<double(double, AttentionRow, int64_t)>;
/// What a term captures, as IR: values, and numbers that the program knows.
using CapturedValues = ArrayRef<mlir::OpFoldResult>;

struct mfa::run::KeepForm {
  /// As the option writes it, and what the number after it is; empty for none.
  StringLiteral name, number;
  /// The least number.
  int64_t least;
  Captures (*capture)(const Problem &problem, int64_t number);
  KeepRule (*build)(int64_t number, CapturedValues captures);
  Keep (*makeReference)(const AttentionShape &shape, int64_t number,
                        ArrayRef<RuleCapture> captures);
};

struct mfa::run::ScoreForm {
  StringLiteral name, number;
  Captures (*capture)(const Problem &problem, float number);
  ScoreFunction (*build)(float number, CapturedValues captures);
  Score (*makeReference)(float number, ArrayRef<RuleCapture> captures);
};

static const std::vector<float> &getArray(const RuleCapture &capture) {
  return std::get<RuleArray>(capture).values;
}

static Value getArray(mlir::OpFoldResult capture) {
  return cast<Value>(capture);
}

/// The document of each position: of a random division of the sequence, the
/// same for queries and keys.
static RuleArray makeDocuments(const Problem &problem, int64_t number,
                               int64_t size) {
  int64_t batches = problem.shape.batch;
  RuleArray ids{ElementType::I32, {batches, size}, {}};
  std::mt19937_64 random(problem.seed);
  constexpr uint64_t whole = 1 << 20;
  for (int64_t batch = 0; batch < batches; ++batch) {
    std::vector<uint64_t> ends;
    for (int64_t end = 1; end < number; ++end)
      ends.push_back(random() % whole);
    for (int64_t position = 0; position < size; ++position)
      ids.values.push_back(static_cast<float>(count_if(ends, [&](uint64_t end) {
        return end * size <= static_cast<uint64_t>(position) * whole;
      })));
  }
  return ids;
}

/// Numbers below `end`.
static RuleArray makeRandom(const Problem &problem, ElementType type,
                            SmallVector<int64_t> shape, uint64_t end) {
  RuleArray array{type, std::move(shape), {}};
  std::mt19937_64 random(problem.seed);
  for (int64_t i = 0, size = mlir::computeProduct(array.shape); i < size; ++i)
    array.values.push_back(static_cast<float>(random() % end));
  return array;
}

static RuleArray makeSlopes(const Problem &problem) {
  int64_t heads = problem.shape.heads;
  RuleArray slopes{ElementType::F32, {heads}, {}};
  for (int64_t head = 0; head < heads; ++head)
    slopes.values.push_back(std::exp2(-8.0f * static_cast<float>(head + 1) /
                                      static_cast<float>(heads)));
  return slopes;
}

static Captures captureNothing(const Problem &, int64_t) { return {}; }
static Captures captureNothing(const Problem &, float) { return {}; }
static Captures captureNumber(const Problem &, int64_t number) {
  return {number};
}

namespace rules = mlir::mfa::rules;

/// |q / width - k / width| and |q % width - k % width| <= kNeighbours
static Value buildNeighbours(RegionBuilder &b, int64_t width) {
  using namespace mlir::arith;
  auto areNear = [&](Value query, Value key) -> Value {
    Value distance = SubIOp::create(b, query, key);
    return AndIOp::create(b,
                          CmpIOp::create(b, CmpIPredicate::sle, distance,
                                         b.getIndex(kNeighbours)),
                          CmpIOp::create(b, CmpIPredicate::sge, distance,
                                         b.getIndex(-kNeighbours)));
  };
  Value query = b.getQuery(), key = b.getKey(), size = b.getIndex(width);
  Value ofRows =
      areNear(DivSIOp::create(b, query, size), DivSIOp::create(b, key, size));
  return AndIOp::create(
      b, ofRows,
      areNear(RemSIOp::create(b, query, size), RemSIOp::create(b, key, size)));
}

static const KeepForm kKeepForms[] = {
    // k <= q
    {"causal", "", 0, captureNothing,
     [](int64_t, CapturedValues) { return rules::causal(); },
     [](const AttentionShape &, int64_t, ArrayRef<RuleCapture>) -> Keep {
       return [](AttentionRow row, int64_t key) { return row.query >= key; };
     }},
    // k <= q + (Sk - Sq)
    {"causal-end", "", 0, captureNothing,
     [](int64_t, CapturedValues) {
       return rules::causal(rules::Alignment::End);
     },
     [](const AttentionShape &shape, int64_t, ArrayRef<RuleCapture>) -> Keep {
       return [seqQ = shape.seqQ, seqK = shape.seqK](AttentionRow row,
                                                     int64_t key) {
         return seqQ - row.query <= seqK - key;
       };
     }},
    // |q - k| <= number
    {"window", "keys", 0, captureNumber,
     [](int64_t, CapturedValues captures) {
       return rules::window(captures[0], captures[0]);
     },
     [](const AttentionShape &, int64_t number, ArrayRef<RuleCapture>) -> Keep {
       return [=](AttentionRow row, int64_t key) {
         return std::abs(row.query - key) <= number;
       };
     }},
    // |q - k| <= number * (h + 1)
    {"window-by-head", "keys", 0, captureNothing,
     [](int64_t number, CapturedValues) -> KeepRule {
       return [=](RegionBuilder &b) -> Value {
         using namespace mlir::arith;
         Value heads = AddIOp::create(b, b.getHead(), b.getIndex(1));
         Value reach = MulIOp::create(b, heads, b.getIndex(number));
         return rules::window(reach, reach)(b);
       };
     },
     [](const AttentionShape &, int64_t number, ArrayRef<RuleCapture>) -> Keep {
       return [=](AttentionRow row, int64_t key) {
         return std::abs(row.query - key) <= number * (row.head + 1);
       };
     }},
    // k < number, or k <= q
    {"prefix", "keys", 0, captureNumber,
     [](int64_t, CapturedValues captures) {
       return rules::prefix(captures[0]);
     },
     [](const AttentionShape &, int64_t number, ArrayRef<RuleCapture>) -> Keep {
       return [=](AttentionRow row, int64_t key) {
         return key < std::max(number, row.query + 1);
       };
     }},
    // k < a random length of each batch
    {"lengths", "", 0,
     [](const Problem &problem, int64_t) -> Captures {
       return {makeRandom(problem, ElementType::I32, {problem.shape.batch},
                          problem.shape.seqK + 1)};
     },
     [](int64_t, CapturedValues captures) {
       return rules::lengths(captures[0]);
     },
     [](const AttentionShape &, int64_t,
        ArrayRef<RuleCapture> captures) -> Keep {
       return [lengths = getArray(captures[0])](AttentionRow row, int64_t key) {
         return static_cast<float>(key) < lengths[row.batch];
       };
     }},
    // Of `number` documents of random lengths, q's is k's.
    {"documents", "number", 1,
     [](const Problem &problem, int64_t number) -> Captures {
       return {makeDocuments(problem, number, problem.shape.seqQ),
               makeDocuments(problem, number, problem.shape.seqK)};
     },
     [](int64_t, CapturedValues captures) {
       return rules::documents(getArray(captures[0]), getArray(captures[1]));
     },
     [](const AttentionShape &shape, int64_t,
        ArrayRef<RuleCapture> captures) -> Keep {
       return [seqQ = shape.seqQ, seqK = shape.seqK,
               queryIds = getArray(captures[0]),
               keyIds = getArray(captures[1])](AttentionRow row, int64_t key) {
         return queryIds[row.batch * seqQ + row.query] ==
                keyIds[row.batch * seqK + key];
       };
     }},
    // (q - k) is a multiple of number.
    {"dilated", "step", 1, captureNothing,
     [](int64_t number, CapturedValues) { return rules::dilated(number); },
     [](const AttentionShape &, int64_t number, ArrayRef<RuleCapture>) -> Keep {
       return [=](AttentionRow row, int64_t key) {
         return std::abs(row.query - key) % number == 0;
       };
     }},
    // In an image of that width, up to kNeighbours rows and columns away.
    {"neighbours", "width", 1, captureNothing,
     [](int64_t number, CapturedValues) -> KeepRule {
       return [=](RegionBuilder &b) { return buildNeighbours(b, number); };
     },
     [](const AttentionShape &, int64_t number, ArrayRef<RuleCapture>) -> Keep {
       return [=](AttentionRow row, int64_t key) {
         return std::abs(row.query / number - key / number) <= kNeighbours &&
                std::abs(row.query % number - key % number) <= kNeighbours;
       };
     }},
    // Random squares of number x number pairs, others for each head.
    {"blocks", "size", 1,
     [](const Problem &problem, int64_t number) -> Captures {
       auto count = [&](int64_t size) { return divideCeil(size, number); };
       const AttentionShape &shape = problem.shape;
       return {makeRandom(problem, ElementType::I1,
                          {shape.heads, static_cast<int64_t>(count(shape.seqQ)),
                           static_cast<int64_t>(count(shape.seqK))},
                          2)};
     },
     [](int64_t number, CapturedValues captures) {
       return rules::blocks(number, number, getArray(captures[0]));
     },
     [](const AttentionShape &shape, int64_t number,
        ArrayRef<RuleCapture> captures) -> Keep {
       int64_t rows = divideCeil(shape.seqQ, number);
       int64_t columns = divideCeil(shape.seqK, number);
       return
           [=, table = getArray(captures[0])](AttentionRow row, int64_t key) {
             int64_t block = row.head * rows + row.query / number;
             return table[block * columns + key / number] != 0;
           };
     }},
    // The random rule of that number.
    {"random", "seed", 0,
     [](const Problem &problem, int64_t number) -> Captures {
       const AttentionShape &shape = problem.shape;
       RandomRuleData data = RandomRule(number).makeData(shape);
       auto array = [](SmallVector<int64_t> shape, std::vector<float> values) {
         return RuleArray{ElementType::I32, std::move(shape),
                          std::move(values)};
       };
       return {data.number,
               array({shape.batch, shape.seqQ}, std::move(data.ofQueries)),
               array({shape.batch, shape.seqK}, std::move(data.ofKeys)),
               array({shape.heads}, std::move(data.ofHeads))};
     },
     [](int64_t number, CapturedValues captures) {
       return RandomRule(number).build(captures);
     },
     [](const AttentionShape &shape, int64_t number,
        ArrayRef<RuleCapture> captures) -> Keep {
       return RandomRule(number).makeReference(
           shape, {std::get<int64_t>(captures[0]), getArray(captures[1]),
                   getArray(captures[2]), getArray(captures[3])});
     }}};

static const ScoreForm kScoreForms[] = {
    // number * tanh(s / number)
    {"softcap", "limit", captureNothing,
     [](float number, CapturedValues) { return rules::softcap(number); },
     [](float number, ArrayRef<RuleCapture>) -> Score {
       return [limit = static_cast<double>(number)](double score, AttentionRow,
                                                    int64_t) {
         return limit * std::tanh(score / limit);
       };
     }},
    // s + 2^(-8 (h + 1) / H) * (k - q)
    {"alibi", "",
     [](const Problem &problem, float) -> Captures {
       return {makeSlopes(problem)};
     },
     [](float, CapturedValues captures) {
       return rules::alibi(getArray(captures[0]));
     },
     [](float, ArrayRef<RuleCapture> captures) -> Score {
       return [slopes = getArray(captures[0])](double score, AttentionRow row,
                                               int64_t key) {
         return score - static_cast<double>(slopes[row.head]) *
                            static_cast<double>(row.query - key);
       };
     }},
    // s + a random number of the head and of k - q from -16 to 16
    {"relative-bias", "",
     [](const Problem &problem, float) -> Captures {
       RuleArray table =
           makeRandom(problem, ElementType::F32,
                      {problem.shape.heads, 2 * kFarthest + 1}, 1024);
       for (float &bias : table.values)
         bias = bias / 256.0f - 2.0f;
       return {std::move(table)};
     },
     [](float, CapturedValues captures) {
       return rules::relativeBias(getArray(captures[0]),
                                  rules::clippedDistance(kFarthest));
     },
     [](float, ArrayRef<RuleCapture> captures) -> Score {
       return [table = getArray(captures[0])](double score, AttentionRow row,
                                              int64_t key) {
         int64_t distance = std::clamp(key - row.query, -kFarthest, kFarthest);
         int64_t first = row.head * (2 * kFarthest + 1);
         return score +
                static_cast<double>(table[first + distance + kFarthest]);
       };
     }}};

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

template <typename Form>
static std::string spell(const Form &form) {
  if (form.number.empty())
    return form.name.str();
  return (form.name + ":<" + form.number + ">").str();
}

/// Reads terms joined by '+'. `parseNumber` reads the number of a term and says
/// whether it may have it.
template <typename Term, typename Form, size_t N>
static Expected<SmallVector<Term>>
parseTerms(StringRef option, StringRef text, const Form (&forms)[N],
           function_ref<Error(Term &, StringRef)> parseNumber) {
  SmallVector<Term> terms;
  for (StringRef part : split(text, '+')) {
    auto [name, number] = part.split(':');
    const Form *form = find_if(forms, [&](const Form &form) {
      return form.name == name && form.number.empty() != part.contains(':');
    });
    if (form == std::end(forms)) {
      SmallVector<std::string> names = map_to_vector(forms, spell<Form>);
      SmallVector<StringRef> choices(names.begin(), names.end());
      return makeChoiceError(option, choices, part);
    }
    Term term{form};
    if (!form->number.empty())
      if (Error error = parseNumber(term, number))
        return std::move(error);
    terms.push_back(term);
  }
  return terms;
}

Expected<SmallVector<KeepTerm>> mfa::run::parseKeep(StringRef text) {
  return parseTerms<KeepTerm>(
      "--keep", text, kKeepForms, [](KeepTerm &term, StringRef text) -> Error {
        constexpr int64_t most = std::numeric_limits<int32_t>::max();
        int64_t least = term.form->least;
        if (text.getAsInteger(10, term.number) || term.number < least ||
            term.number > most)
          return makeError("--keep: expected an integer from ", least, " to ",
                           most, " but got '", text, "'");
        return Error::success();
      });
}

Expected<SmallVector<ScoreTerm>> mfa::run::parseScore(StringRef text) {
  return parseTerms<ScoreTerm>(
      "--score", text, kScoreForms,
      [](ScoreTerm &term, StringRef text) -> Error {
        double number;
        if (text.getAsDouble(number) || !std::isfinite(number) || number <= 0)
          return makeError("--score: expected a positive number but got '",
                           text, "'");
        term.number = static_cast<float>(number);
        return Error::success();
      });
}

template <typename Term>
static void printTerms(raw_ostream &os, ArrayRef<Term> terms) {
  interleave(
      terms, os,
      [&](const Term &term) {
        os << term.form->name;
        if (!term.form->number.empty())
          os << ":" << term.number;
      },
      "+");
}

void mfa::run::print(raw_ostream &os, ArrayRef<KeepTerm> terms) {
  printTerms(os, terms);
}

void mfa::run::print(raw_ostream &os, ArrayRef<ScoreTerm> terms) {
  printTerms(os, terms);
}

//===----------------------------------------------------------------------===//
// Regions and references of a problem
//===----------------------------------------------------------------------===//

/// Whether the program knows the capture.
static bool isKnown(const Problem &problem, const RuleCapture &capture) {
  return !problem.dynamic && std::holds_alternative<int64_t>(capture);
}

/// Calls `function` with each term of both kinds and what it captures.
template <typename Function>
static void forEachTerm(const Problem &problem, Function function) {
  for (const KeepTerm &term : problem.keep)
    function(term, term.form->capture(problem, term.number));
  for (const ScoreTerm &term : problem.score)
    function(term, term.form->capture(problem, term.number));
}

std::vector<RuleCapture> mfa::run::makeCaptures(const Problem &problem) {
  std::vector<RuleCapture> captures;
  forEachTerm(problem, [&](const auto &, Captures &&ofTerm) {
    for (RuleCapture &capture : ofTerm)
      if (!isKnown(problem, capture))
        captures.push_back(std::move(capture));
  });
  return captures;
}

std::vector<float> mfa::run::makeSinks(const Problem &problem) {
  std::mt19937_64 random(problem.seed);
  std::vector<float> sinks;
  for (int64_t head = 0; head < problem.shape.heads; ++head)
    sinks.push_back(static_cast<float>(random() % 4096) / 512.0f - 3.0f);
  return sinks;
}

static void add(mlir::mfa::MaskedAttentionOp op, const KeepTerm &term,
                CapturedValues captures) {
  addKeep(op, term.form->build(term.number, captures));
}

static void add(mlir::mfa::MaskedAttentionOp op, const ScoreTerm &term,
                CapturedValues captures) {
  addScore(op, term.form->build(term.number, captures));
}

void mfa::run::buildRegions(mlir::mfa::MaskedAttentionOp op,
                            const Problem &problem, mlir::ValueRange captures) {
  mlir::Builder b(op.getContext());
  forEachTerm(problem, [&](const auto &term, const Captures &ofTerm) {
    SmallVector<mlir::OpFoldResult> values;
    for (const RuleCapture &capture : ofTerm) {
      if (isKnown(problem, capture)) {
        values.push_back(b.getIndexAttr(std::get<int64_t>(capture)));
        continue;
      }
      values.push_back(captures.front());
      captures = captures.drop_front();
    }
    add(op, term, values);
  });
}

void mfa::run::setRules(const Problem &problem, AttentionInputs &inputs) {
  std::vector<Keep> keeps;
  for (const KeepTerm &term : problem.keep)
    keeps.push_back(term.form->makeReference(
        problem.shape, term.number, term.form->capture(problem, term.number)));
  std::vector<Score> scores;
  for (const ScoreTerm &term : problem.score)
    scores.push_back(term.form->makeReference(
        term.number, term.form->capture(problem, term.number)));
  if (!keeps.empty())
    inputs.keep = [keeps](AttentionRow row, int64_t key) {
      return all_of(keeps, [&](const Keep &keep) { return keep(row, key); });
    };
  if (!scores.empty())
    inputs.score = [scores](double value, AttentionRow row, int64_t key) {
      for (const Score &score : scores)
        value = score(value, row, key);
      return value;
    };
}
