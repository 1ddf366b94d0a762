//===- Problem.cpp - A generated problem ----------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "Options.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace llvm;
using namespace mfa::run;
using namespace mfa::runtime;

static constexpr NamedValue<MaskFill> kMaskFills[] = {
    {"random", MaskFill::Random},
    {"zero", MaskFill::Zero},
    {"causal", MaskFill::Causal},
    {"padding", MaskFill::Padding},
    {"row-masked", MaskFill::RowMasked},
    {"first-tile-masked", MaskFill::FirstTileMasked},
    {"all-masked", MaskFill::AllMasked},
    {"-1e4", MaskFill::Minus1e4},
    {"finfo-min", MaskFill::FinfoMin},
    {"mixed-inf", MaskFill::MixedInf},
    {"-1e9", MaskFill::Minus1e9},
    {"1e38", MaskFill::Huge},
    {"steep", MaskFill::Steep}};

static constexpr NamedValue<Layout> kLayouts[] = {
    {"bshd", Layout::BSHD},
    {"bhsd", Layout::BHSD},
    {"packed-qkv", Layout::PackedQKV},
    {"broadcast-batch", Layout::BroadcastBatch},
    {"padded-rows", Layout::PaddedRows}};

static constexpr NamedValue<DataOperand> kDataOperands[] = {
    {"query", DataOperand::Query},
    {"key", DataOperand::Key},
    {"value", DataOperand::Value},
    {"mask", DataOperand::Mask}};

static constexpr NamedValue<bool> kMaskKinds[] = {{"none", false},
                                                  {"dense", true}};

static constexpr NamedValue<ElementType> kFloatTypes[] = {
    {"f16", ElementType::F16},
    {"bf16", ElementType::BF16},
    {"f32", ElementType::F32}};

static constexpr NamedValue<ElementType> kMaskTypes[] = {
    {"f16", ElementType::F16},
    {"bf16", ElementType::BF16},
    {"f32", ElementType::F32},
    {"i1", ElementType::I1}};

/// Sets `result` to the named value of an option; leaves it without the option.
template <typename T, size_t N>
static Error parseChoice(const opt::InputArgList &args, OptionID id,
                         const NamedValue<T> (&choices)[N], T &result) {
  const opt::Arg *arg = args.getLastArg(id);
  if (!arg)
    return Error::success();
  SmallVector<StringRef> names;
  for (const NamedValue<T> &choice : choices) {
    if (choice.name == arg->getValue()) {
      result = choice.value;
      return Error::success();
    }
    names.push_back(choice.name);
  }
  return makeChoiceError(arg->getSpelling().rtrim('='), names, arg->getValue());
}

/// Sets `result` to the integer value of an option; leaves it without.
static Error parseInteger(const opt::InputArgList &args, OptionID id,
                          int64_t min, int64_t &result) {
  Expected<int64_t> value = getInteger(args, id, result, min);
  if (!value)
    return value.takeError();
  result = *value;
  return Error::success();
}

/// Error if an operand has more elements than is worth a run, which is far from
/// overflow.
static Error checkNumElements(ArrayRef<int64_t> sizes) {
  constexpr int64_t maxElements = int64_t{1} << 36;
  int64_t elements = 1;
  for (int64_t size : sizes)
    if (MulOverflow(elements, size, elements) || elements > maxElements)
      return makeError("the problem is too large: expected at most ",
                       maxElements, " elements in each operand");
  return Error::success();
}

static Error parseSizes(const opt::InputArgList &args, AttentionShape &shape) {
  if (Error error = parseInteger(args, OPT_batch, 0, shape.batch))
    return error;
  shape.seqQ = 128;
  if (Error error = parseInteger(args, OPT_seq_q, 0, shape.seqQ))
    return error;
  shape.seqK = shape.seqQ;
  if (Error error = parseInteger(args, OPT_seq_k, 0, shape.seqK))
    return error;
  if (Error error = parseInteger(args, OPT_heads, 1, shape.heads))
    return error;
  shape.kvHeads = shape.heads;
  if (Error error = parseInteger(args, OPT_kv_heads, 1, shape.kvHeads))
    return error;
  if (shape.heads % shape.kvHeads != 0)
    return makeError("--kv-heads: expected a divisor of the ", shape.heads,
                     " query heads but got ", shape.kvHeads);

  shape.headDim = 64;
  if (Error error = parseInteger(args, OPT_head_dim, 0, shape.headDim))
    return error;
  shape.valueDim = shape.headDim;
  if (Error error = parseInteger(args, OPT_v_head_dim, 0, shape.valueDim))
    return error;
  for (auto [name, size] : {std::pair("--head-dim", shape.headDim),
                            std::pair("--v-head-dim", shape.valueDim)})
    if (size < 8 || size > 256 || size % 8 != 0)
      return makeError(
          name, ": expected a multiple of 8 from 8 to 256 but got ", size);

  int64_t dim = std::max(shape.headDim, shape.valueDim);
  const int64_t operands[][4] = {{shape.batch, shape.seqQ, shape.heads, dim},
                                 {shape.batch, shape.seqK, shape.kvHeads, dim},
                                 {shape.batch, shape.heads, shape.seqQ, 1}};
  for (const auto &sizes : operands)
    if (Error error = checkNumElements(sizes))
      return error;
  return Error::success();
}

/// Reads `--mask-shape` and checks it against the problem's sizes.
static Error parseMaskShape(const opt::InputArgList &args, Problem &problem) {
  AttentionShape &shape = problem.shape;
  const opt::Arg *arg = args.getLastArg(OPT_mask_shape);
  problem.maskShape = {shape.batch, shape.seqQ, shape.seqK};
  if (arg) {
    problem.maskShape.clear();
    for (StringRef text : split(arg->getValue(), ',')) {
      int64_t size;
      if (text.getAsInteger(10, size) || size < 0)
        return makeError("--mask-shape: expected sizes separated by commas but "
                         "got '",
                         arg->getValue(), "'");
      problem.maskShape.push_back(size);
    }
  }
  size_t rank = problem.maskShape.size();
  if (rank != 3 && rank != 4)
    return makeError("--mask-shape: expected 3 or 4 sizes but got ", rank);

  shape.maskShape = {problem.maskShape[0], rank == 4 ? problem.maskShape[1] : 1,
                     problem.maskShape[rank - 2], problem.maskShape[rank - 1]};
  const int64_t full[] = {shape.batch, shape.heads, shape.seqQ, shape.seqK};
  const StringRef names[] = {"batch", "heads", "query rows", "keys"};
  for (int dim = 0; dim < 4; ++dim) {
    int64_t size = shape.maskShape[dim];
    if (size != full[dim] && size != 1)
      return makeError("--mask-shape: expected ", full[dim], " or 1 for the ",
                       names[dim], " but got ", size);
  }
  return checkNumElements(shape.maskShape);
}

/// Reads `--mask-true`.
static Error parseMaskTrue(const opt::InputArgList &args, Problem &problem) {
  const opt::Arg *arg = args.getLastArg(OPT_mask_true);
  if (!arg)
    return Error::success();
  StringRef text = arg->getValue();
  problem.maskTrue = 0;
  if (text != "any" &&
      (text.getAsInteger(10, problem.maskTrue) || problem.maskTrue == 0))
    return makeError("--mask-true: expected a byte from 1 to 255 or 'any' but "
                     "got '",
                     text, "'");
  if (problem.maskType != ElementType::I1)
    return makeError("--mask-true: needs an i1 mask but the mask is ",
                     getName(problem.maskType));
  return Error::success();
}

static Error parseMask(const opt::InputArgList &args, Problem &problem) {
  bool &dense = problem.shape.hasMask;
  if (Error error = parseChoice(args, OPT_mask, kMaskKinds, dense))
    return error;
  problem.maskType = problem.type;
  if (Error error =
          parseChoice(args, OPT_mask_dtype, kMaskTypes, problem.maskType))
    return error;
  if (Error error =
          parseChoice(args, OPT_mask_fill, kMaskFills, problem.maskFill))
    return error;
  if (!dense) {
    for (OptionID id :
         {OPT_mask_dtype, OPT_mask_shape, OPT_mask_fill, OPT_mask_true})
      if (const opt::Arg *arg = args.getLastArg(id))
        return makeError("option '", arg->getSpelling().rtrim('='),
                         "' needs --mask dense");
    return Error::success();
  }
  if (Error error = parseMaskShape(args, problem))
    return error;
  if (Error error = parseMaskTrue(args, problem))
    return error;
  if (problem.maskType == ElementType::I1 &&
      (problem.maskFill == MaskFill::Minus1e4 ||
       problem.maskFill == MaskFill::FinfoMin ||
       problem.maskFill == MaskFill::Minus1e9 ||
       problem.maskFill == MaskFill::Huge))
    return makeError("--mask-fill: '", args.getLastArgValue(OPT_mask_fill),
                     "' needs a floating-point mask but the mask is i1");
  if (problem.maskType == ElementType::F16 &&
      (problem.maskFill == MaskFill::Minus1e9 ||
       problem.maskFill == MaskFill::Huge))
    return makeError("--mask-fill: '", args.getLastArgValue(OPT_mask_fill),
                     "' needs a bf16 or f32 mask but the mask "
                     "is f16, whose lowest number is -65504");
  return Error::success();
}

/// Reads the operand that an option puts a special number into.
static Error parseDataOperand(const opt::InputArgList &args, OptionID id,
                              const Problem &problem,
                              std::optional<DataOperand> &operand) {
  const opt::Arg *arg = args.getLastArg(id);
  if (!arg)
    return Error::success();
  DataOperand choice = DataOperand::Query;
  if (Error error = parseChoice(args, id, kDataOperands, choice))
    return error;
  if (choice == DataOperand::Mask &&
      (!problem.shape.hasMask || problem.maskType == ElementType::I1))
    return makeError(arg->getSpelling().rtrim('='),
                     ": 'mask' needs a floating-point mask");
  operand = choice;
  return Error::success();
}

/// Reads a finite number.
static Error parseNumber(const opt::InputArgList &args, OptionID id,
                         float &number) {
  const opt::Arg *arg = args.getLastArg(id);
  double value;
  if (!arg)
    return Error::success();
  number = std::numeric_limits<float>::infinity();
  if (!StringRef(arg->getValue()).getAsDouble(value))
    number = static_cast<float>(value);
  if (!std::isfinite(number))
    return makeError(arg->getSpelling().rtrim('='),
                     ": expected a finite f32 but got '", arg->getValue(), "'");
  return Error::success();
}

static Error parseData(const opt::InputArgList &args, Problem &problem) {
  const AttentionShape &shape = problem.shape;
  int64_t seed = 0;
  if (Error error = parseInteger(args, OPT_seed, 0, seed))
    return error;
  problem.seed = seed;
  if (Error error = parseDataOperand(args, OPT_nan, problem, problem.nan))
    return error;
  if (Error error = parseDataOperand(args, OPT_inf, problem, problem.inf))
    return error;
  const std::pair<OptionID, float *> factors[] = {
      {OPT_query_factor, &problem.queryFactor},
      {OPT_key_factor, &problem.keyFactor},
      {OPT_value_factor, &problem.valueFactor}};
  for (auto [id, factor] : factors)
    if (Error error = parseNumber(args, id, *factor))
      return error;
  if (Error error = parseChoice(args, OPT_layout, kLayouts, problem.layout))
    return error;
  if (problem.layout == Layout::PackedQKV && shape.seqQ != shape.seqK)
    return makeError("--layout: 'packed-qkv' needs as many keys as query rows "
                     "but got ",
                     shape.seqQ, " query rows and ", shape.seqK, " keys");
  return parseInteger(args, OPT_offset, 0, problem.offset);
}

Expected<Problem> mfa::run::parseProblem(const opt::InputArgList &args) {
  Problem problem;
  problem.name = args.getLastArgValue(OPT_name).str();
  if (Error error = parseSizes(args, problem.shape))
    return error;
  if (Error error = parseChoice(args, OPT_dtype, kFloatTypes, problem.type))
    return error;
  if (Error error = parseMask(args, problem))
    return error;
  if (args.hasArg(OPT_scale)) {
    problem.scale = 1.0f;
    if (Error error = parseNumber(args, OPT_scale, *problem.scale))
      return error;
  }
  if (const opt::Arg *arg = args.getLastArg(OPT_keep)) {
    auto keep = parseKeep(arg->getValue());
    if (!keep)
      return keep.takeError();
    problem.keep = *keep;
  }
  if (const opt::Arg *arg = args.getLastArg(OPT_score)) {
    auto score = parseScore(arg->getValue());
    if (!score)
      return score.takeError();
    problem.score = *score;
  }
  problem.sinks = args.hasArg(OPT_sinks);
  problem.lse = args.hasArg(OPT_lse);
  problem.dynamic = args.hasArg(OPT_dynamic);
  if (Error error = parseData(args, problem))
    return error;
  return problem;
}

float Problem::getScale() const {
  if (scale)
    return *scale;
  return static_cast<float>(1.0 /
                            std::sqrt(static_cast<double>(shape.headDim)));
}

template <typename T, size_t N>
static StringRef getChoiceName(const NamedValue<T> (&choices)[N], T value) {
  return find_if(
             choices,
             [&](const NamedValue<T> &choice) { return choice.value == value; })
      ->name;
}

std::string Problem::getCommandLine() const {
  std::string text;
  raw_string_ostream os(text);
  os << "--batch " << shape.batch << " --seq-q " << shape.seqQ << " --seq-k "
     << shape.seqK << " --heads " << shape.heads << " --kv-heads "
     << shape.kvHeads << " --head-dim " << shape.headDim;
  if (shape.valueDim != shape.headDim)
    os << " --v-head-dim " << shape.valueDim;
  os << " --dtype " << getName(type);
  if (shape.hasMask) {
    os << " --mask dense --mask-dtype " << getName(maskType)
       << " --mask-shape ";
    interleave(maskShape, os, ",");
    if (maskFill != MaskFill::Random)
      os << " --mask-fill " << getChoiceName(kMaskFills, maskFill);
    if (maskTrue == 0)
      os << " --mask-true any";
    else if (maskTrue != 1)
      os << " --mask-true " << static_cast<unsigned>(maskTrue);
  }
  if (scale)
    os << " --scale " << *scale;
  if (!keep.empty()) {
    os << " --keep ";
    print(os, keep);
  }
  if (!score.empty()) {
    os << " --score ";
    print(os, score);
  }
  if (sinks)
    os << " --sinks";
  if (lse)
    os << " --lse";
  if (dynamic)
    os << " --dynamic";
  if (seed != 0)
    os << " --seed " << seed;
  if (nan)
    os << " --nan " << getChoiceName(kDataOperands, *nan);
  if (inf)
    os << " --inf " << getChoiceName(kDataOperands, *inf);
  const std::pair<StringRef, float> factors[] = {
      {"query", queryFactor}, {"key", keyFactor}, {"value", valueFactor}};
  for (auto [operand, factor] : factors)
    if (factor != 1.0f)
      os << " --" << operand << "-factor " << factor;
  if (layout != Layout::BSHD)
    os << " --layout " << getChoiceName(kLayouts, layout);
  if (offset != 0)
    os << " --offset " << offset;
  return text;
}
