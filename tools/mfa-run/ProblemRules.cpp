//===- ProblemRules.cpp - Rules and scores of a problem -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProblemRules.h"
#include "Options.h"
#include "mfa/Dialect/MFA/IR/Rules.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <random>

using namespace llvm;
using namespace mfa::run;
using namespace mfa::runtime;
using mlir::Value;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

namespace {
/// A term as its option writes it; `form` has the number that some take.
template <typename Kind>
struct TermForm {
  StringLiteral name, form;
  Kind kind;
  bool hasNumber;
};
} // namespace

static constexpr TermForm<KeepTerm::Kind> kKeepForms[] = {
    {"causal", "causal", KeepTerm::Causal, false},
    {"causal-end", "causal-end", KeepTerm::CausalEnd, false},
    {"window", "window:<keys>", KeepTerm::Window, true},
    {"prefix", "prefix:<keys>", KeepTerm::Prefix, true},
    {"documents", "documents:<number>", KeepTerm::Documents, true},
    {"dilated", "dilated:<step>", KeepTerm::Dilated, true}};

static constexpr TermForm<ScoreTerm::Kind> kScoreForms[] = {
    {"softcap", "softcap:<limit>", ScoreTerm::Softcap, true},
    {"alibi", "alibi", ScoreTerm::ALiBi, false}};

/// Reads terms joined by '+'. `parseNumber` reads the number of a term and says
/// whether it may have it.
template <typename Term, typename Kind, size_t N>
static Expected<SmallVector<Term>>
parseTerms(StringRef option, StringRef text, const TermForm<Kind> (&forms)[N],
           function_ref<Error(Term &, StringRef)> parseNumber) {
  SmallVector<Term> terms;
  for (StringRef part : split(text, '+')) {
    auto [name, number] = part.split(':');
    const TermForm<Kind> *form =
        find_if(forms, [&](const TermForm<Kind> &form) {
          return form.name == name && form.hasNumber == part.contains(':');
        });
    if (form == std::end(forms)) {
      SmallVector<StringRef> choices;
      for (const TermForm<Kind> &choice : forms)
        choices.push_back(choice.form);
      return makeChoiceError(option, choices, part);
    }
    Term term{form->kind};
    if (form->hasNumber)
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
        bool isCount =
            term.kind == KeepTerm::Documents || term.kind == KeepTerm::Dilated;
        int64_t least = isCount ? 1 : 0;
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

template <typename Term, typename Kind, size_t N>
static void printTerms(raw_ostream &os, ArrayRef<Term> terms,
                       const TermForm<Kind> (&forms)[N]) {
  interleave(
      terms, os,
      [&](const Term &term) {
        const TermForm<Kind> *form =
            find_if(forms, [&](const TermForm<Kind> &form) {
              return form.kind == term.kind;
            });
        os << form->name;
        if (form->hasNumber)
          os << ":" << term.number;
      },
      "+");
}

void mfa::run::print(raw_ostream &os, ArrayRef<KeepTerm> terms) {
  printTerms(os, terms, kKeepForms);
}

void mfa::run::print(raw_ostream &os, ArrayRef<ScoreTerm> terms) {
  printTerms(os, terms, kScoreForms);
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

static bool isCaptured(const Problem &problem, const KeepTerm &term) {
  return problem.dynamic &&
         (term.kind == KeepTerm::Window || term.kind == KeepTerm::Prefix);
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

static RuleArray makeSlopes(const Problem &problem) {
  int64_t heads = problem.shape.heads;
  RuleArray slopes{ElementType::F32, {heads}, {}};
  for (int64_t head = 0; head < heads; ++head)
    slopes.values.push_back(std::exp2(-8.0f * static_cast<float>(head + 1) /
                                      static_cast<float>(heads)));
  return slopes;
}

std::vector<RuleCapture> mfa::run::makeCaptures(const Problem &problem) {
  std::vector<RuleCapture> captures;
  for (const KeepTerm &term : problem.keep) {
    if (isCaptured(problem, term))
      captures.push_back(term.number);
    if (term.kind == KeepTerm::Documents)
      for (int64_t size : {problem.shape.seqQ, problem.shape.seqK})
        captures.push_back(makeDocuments(problem, term.number, size));
  }
  for (const ScoreTerm &term : problem.score)
    if (term.kind == ScoreTerm::ALiBi)
      captures.push_back(makeSlopes(problem));
  return captures;
}

std::vector<float> mfa::run::makeSinks(const Problem &problem) {
  std::mt19937_64 random(problem.seed);
  std::vector<float> sinks;
  for (int64_t head = 0; head < problem.shape.heads; ++head)
    sinks.push_back(static_cast<float>(random() % 4096) / 512.0f - 3.0f);
  return sinks;
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

void mfa::run::buildRegions(mlir::mfa::MaskedAttentionOp op,
                            const Problem &problem, mlir::ValueRange captures) {
  namespace rules = mlir::mfa::rules;
  size_t next = 0;
  for (const KeepTerm &term : problem.keep) {
    mlir::OpFoldResult number =
        mlir::Builder(op.getContext()).getIndexAttr(term.number);
    if (isCaptured(problem, term))
      number = captures[next++];
    switch (term.kind) {
    case KeepTerm::Causal:
      addKeep(op, rules::causal());
      break;
    case KeepTerm::CausalEnd:
      addKeep(op, rules::causal(rules::Alignment::End));
      break;
    case KeepTerm::Window:
      addKeep(op, rules::window(number, number));
      break;
    case KeepTerm::Prefix:
      addKeep(op, rules::prefix(number));
      break;
    case KeepTerm::Documents:
      addKeep(op, rules::documents(captures[next], captures[next + 1]));
      next += 2;
      break;
    case KeepTerm::Dilated:
      addKeep(op, rules::dilated(term.number));
      break;
    }
  }
  for (const ScoreTerm &term : problem.score) {
    switch (term.kind) {
    case ScoreTerm::Softcap:
      addScore(op, rules::softcap(term.number));
      break;
    case ScoreTerm::ALiBi:
      addScore(op, rules::alibi(captures[next++]));
      break;
    }
  }
}

//===----------------------------------------------------------------------===//
// Reference
//===----------------------------------------------------------------------===//

using Keep = std::function<bool(AttentionRow, int64_t)>;
using Score = std::function<double(double, AttentionRow, int64_t)>;

static Keep makeKeep(const AttentionShape &shape, const KeepTerm &term,
                     ArrayRef<RuleArray> arrays) {
  int64_t number = term.number, seqQ = shape.seqQ, seqK = shape.seqK;
  switch (term.kind) {
  case KeepTerm::Causal:
    return [](AttentionRow row, int64_t key) { return row.query >= key; };
  case KeepTerm::CausalEnd:
    return [=](AttentionRow row, int64_t key) {
      return seqQ - row.query <= seqK - key;
    };
  case KeepTerm::Window:
    return [=](AttentionRow row, int64_t key) {
      return std::abs(row.query - key) <= number;
    };
  case KeepTerm::Prefix:
    return [=](AttentionRow row, int64_t key) {
      return key < std::max(number, row.query + 1);
    };
  case KeepTerm::Documents:
    return [=, queryIds = arrays[0].values,
            keyIds = arrays[1].values](AttentionRow row, int64_t key) {
      return queryIds[row.batch * seqQ + row.query] ==
             keyIds[row.batch * seqK + key];
    };
  case KeepTerm::Dilated:
    return [=](AttentionRow row, int64_t key) {
      return std::abs(row.query - key) % number == 0;
    };
  }
  return {};
}

static Score makeScore(const ScoreTerm &term, ArrayRef<RuleArray> arrays) {
  double limit = term.number;
  switch (term.kind) {
  case ScoreTerm::Softcap:
    return [=](double score, AttentionRow, int64_t) {
      return limit * std::tanh(score / limit);
    };
  case ScoreTerm::ALiBi:
    return [slopes = arrays[0].values](double score, AttentionRow row,
                                       int64_t key) {
      return score - static_cast<double>(slopes[row.head]) *
                         static_cast<double>(row.query - key);
    };
  }
  return {};
}

void mfa::run::setRules(const Problem &problem, ArrayRef<RuleCapture> captures,
                        AttentionInputs &inputs) {
  SmallVector<RuleArray> arrays;
  for (const RuleCapture &capture : captures)
    if (const auto *array = std::get_if<RuleArray>(&capture))
      arrays.push_back(*array);
  ArrayRef<RuleArray> rest = arrays;
  std::vector<Keep> keeps;
  for (const KeepTerm &term : problem.keep) {
    keeps.push_back(makeKeep(problem.shape, term, rest));
    if (term.kind == KeepTerm::Documents)
      rest = rest.drop_front(2);
  }
  std::vector<Score> scores;
  for (const ScoreTerm &term : problem.score) {
    scores.push_back(makeScore(term, rest));
    if (term.kind == ScoreTerm::ALiBi)
      rest = rest.drop_front(1);
  }
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
