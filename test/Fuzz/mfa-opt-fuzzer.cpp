//===- mfa-opt-fuzzer.cpp - Lowers mutated programs -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An input is a program, whose first line may be a comment with a pipeline:
//
//   // pipeline: builtin.module(mfa-to-nvvm{chip=sm_90a})
//
// It is parsed, verified, printed and parsed again, and goes through the
// pipeline. Every failure has to say why. A corpus is the folder of the tests:
// the mutator takes one part of a file that holds several.
//
//===----------------------------------------------------------------------===//

#include "Fuzzer.h"
#include "mfa/InitAll.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <unistd.h>

using namespace llvm;
using mfa::fuzz::Random;

static constexpr StringLiteral kPipelineMark = "// pipeline: ";

static const mlir::DialectRegistry &getRegistry() {
  static const mlir::DialectRegistry registry = [] {
    mlir::DialectRegistry registry;
    mlir::registerAllDialects(registry);
    mlir::registerAllExtensions(registry);
    mlir::registerAllGPUToLLVMIRTranslations(registry);
    mlir::mfa::registerAllDialects(registry);
    return registry;
  }();
  return registry;
}

int LLVMFuzzerInitialize(int *, char ***) {
  getRegistry();
  mlir::registerAllPasses();
  mlir::mfa::registerAllPasses();
  return 0;
}

/// Ends the process.
[[noreturn]] static void report(StringRef what) {
  errs() << what << "\n";
  std::abort();
}

/// LLVM 22 parses tensor.from_elements into a type for each element of its
/// tensor, however many these are.
static bool hasHugeList(StringRef text) {
  constexpr uint64_t kMostElements = 1 << 20;
  while (!text.empty()) {
    StringRef line;
    std::tie(line, text) = text.split('\n');
    line = line.split("from_elements").second.rsplit('<').second;
    uint64_t elements = 1, dim;
    for (; !line.consumeInteger(10, dim) && line.consume_front("x");)
      if (elements = SaturatingMultiply(elements, dim);
          elements > kMostElements)
        return true;
  }
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // With an end that the lexer sees.
  std::string text(reinterpret_cast<const char *>(data), size);
  if (hasHugeList(text))
    return 0;
  std::string pipeline = "builtin.module(canonicalize)";
  if (StringRef first = StringRef(text).split('\n').first;
      first.consume_front(kPipelineMark))
    pipeline = first.str();

  // LLVM ends the program at code that it cannot translate. Such code must come
  // from the program, not from the passes.
  bool hasCode =
      StringRef(text).contains("llvm.") || StringRef(text).contains("gpu.");
  ScopedFatalErrorHandler fatal(
      [](void *hasCode, const char *message, bool) {
        errs() << "LLVM ERROR: " << message << "\n";
        if (*static_cast<bool *>(hasCode))
          _exit(EXIT_FAILURE);
      },
      &hasCode);

  mlir::MLIRContext context(getRegistry(),
                            mlir::MLIRContext::Threading::DISABLED);
  size_t errors = 0;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
          ++errors;
        // Its text is made, as for a user.
        errs() << diagnostic << "\n";
        return mlir::success();
      });
  auto parse = [&](StringRef source) {
    errors = 0;
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::parseSourceString<mlir::ModuleOp>(source, &context);
    if (!module && errors == 0)
      report("parser: failed without an error");
    return module;
  };
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(text);
  if (!module)
    return 0;
  // Some ops of the transform dialect are parsed into what they cannot print.
  if (!StringRef(text).contains("transform.")) {
    std::string printed;
    raw_string_ostream(printed) << *module;
    if (!parse(printed))
      report("what was printed cannot be parsed: " + printed);
  }

  mlir::PassManager manager(&context);
  std::string message;
  raw_string_ostream messages(message);
  errors = 0;
  StringRef passes = pipeline;
  if (passes.consume_front("builtin.module("))
    passes.consume_back(")");
  if (failed(mlir::parsePassPipeline(passes, manager, messages))) {
    if (message.empty() && errors == 0)
      report("pipeline: failed without an error");
    return 0;
  }
  if (failed(manager.run(*module)) && errors == 0)
    report("passes: failed without an error");
  return 0;
}

namespace {
struct PassName {
  StringLiteral name;
  /// The op that it runs on, unless that is a module.
  StringLiteral anchor;
  /// Options, each with its values behind `=`, separated by `|`.
  ArrayRef<StringLiteral> options;
};
} // namespace

static constexpr StringLiteral kChip = "chip=sm_80|sm_80|sm_86|sm_89|sm_90|sm_"
                                       "90a|sm_90a|sm_100|sm_120|sm_75|sm_|7";
static constexpr StringLiteral kProduct = "f32-product=tf32x3|tf32|f32";
// No fuzzer writes files: of these one is empty, and one is not there.
static constexpr StringLiteral kSchedules = "schedules=|/dev/null|/no-file";
static constexpr StringLiteral kChecks = "checks=true|false|2";
static constexpr StringLiteral kCount = "count=true|false";
static constexpr StringLiteral kFormat = "format=isa|llvm|elf|";
static constexpr StringLiteral kTileRows =
    "tile-rows=1|16|64|0|-3|9223372036854775807|x";
static constexpr StringLiteral kRows =
    "rows=1|32|64|0|-3|9223372036854775807|x";
static constexpr StringLiteral kKeys = "keys=1|32|112|0|-3|x";
static constexpr StringLiteral kParallel = "parallel=true|false";
static constexpr StringLiteral kVectors = "vectors=true|false";
static constexpr StringLiteral kCPU =
    "cpu=host|x86-64|x86-64-v3|x86-64-v4|znver4|x|";
static constexpr StringLiteral kThreads = "threads=true|false";

static constexpr StringLiteral kRowsWithoutKeys =
    "rows-without-keys=exact|zero|ignored|none";
static constexpr StringLiteral kExclusion = "exclusion=-1e4|-1e9|-inf|0|nan|x";
static constexpr StringLiteral kSharedWeights = "shared-weights=true|false";
static constexpr StringLiteral kReport = "report=true|false";

static constexpr StringLiteral kKernelOptions[] = {kChip, kProduct, kSchedules};
static constexpr StringLiteral kConvertOptions[] = {kChip, kSchedules};
static constexpr StringLiteral kCPUOption[] = {kCPU};
static constexpr StringLiteral kThreadsOption[] = {kThreads};
static constexpr StringLiteral kCPUOptions[] = {kTileRows, kParallel, kVectors,
                                                kCPU};
static constexpr StringLiteral kNVVMOptions[] = {kChip, kProduct, kFormat,
                                                 kSchedules};
static constexpr StringLiteral kSimOptions[] = {kChip, kProduct, kChecks,
                                                kCount, kSchedules};
static constexpr StringLiteral kSimulateOptions[] = {kChecks, kCount};
static constexpr StringLiteral kFormatOption[] = {kFormat};
static constexpr StringLiteral kRowsOption[] = {kRows};
static constexpr StringLiteral kRaiseOptions[] = {kRowsWithoutKeys, kExclusion,
                                                  kSharedWeights, kReport};
static constexpr StringLiteral kReportOptions[] = {kExclusion, kSharedWeights};
static constexpr StringLiteral kTilesOptions[] = {kRows, kKeys};

/// Every pass and pipeline of the project, and some that go with them.
static constexpr PassName kPasses[] = {
    {"mfa-to-cpu", "", kCPUOptions},
    {"mfa-to-nvvm", "", kNVVMOptions},
    {"mfa-to-sim", "", kSimOptions},
    {"convert-mfa-gpu-to-nvvm", "gpu.module", {}},
    {"convert-mfa-to-gpu", "", kConvertOptions},
    {"convert-mfa-to-vector", "", {}},
    {"mfa-analyze-key-tiles", "", kTilesOptions},
    {"mfa-booleans-to-bytes", "", {}},
    {"mfa-check-allocations", "", {}},
    {"mfa-count-key-tiles", "", {}},
    {"mfa-decompose-attention", "", {}},
    {"mfa-decompose-linalg", "", {}},
    {"mfa-drop-unused-kernel-arguments", "", {}},
    {"mfa-emulate-bf16", "", {}},
    {"mfa-expand-copies", "", {}},
    {"mfa-expand-region-math", "", {}},
    {"mfa-fold-transposes", "", {}},
    {"mfa-group-heads-as-queries", "", {}},
    {"mfa-launch-copies", "", {}},
    {"mfa-lower-asserts", "", {}},
    {"mfa-lower-device-queries", "", {}},
    {"mfa-lower-expand-shapes", "", {}},
    {"mfa-lower-math", "", {}},
    {"mfa-lower-tensor-maps", "", {}},
    {"mfa-move-buffers-to-gpu", "func.func", {}},
    {"mfa-nested-modules", "", {}},
    {"mfa-outline-parallel-loops", "", kThreadsOption},
    {"mfa-raise-attention", "", kRaiseOptions},
    {"mfa-raise-report", "", kReportOptions},
    {"mfa-select-cpu-schedule", "", kCPUOption},
    {"mfa-select-schedule", "", kKernelOptions},
    {"mfa-serialize-kernels", "", kFormatOption},
    {"mfa-simulate-gpu", "", kSimulateOptions},
    {"mfa-tile-attention", "", kRowsOption},
    {"canonicalize", "", {}},
    {"cse", "", {}},
    {"generate-runtime-verification", "", {}},
    {"gpu-kernel-outlining", "", {}},
    {"one-shot-bufferize{bufferize-function-boundaries=true}", "", {}},
    {"convert-linalg-to-loops", "func.func", {}},
};
/// Those of kPasses that lower whole programs.
static constexpr size_t kPipelines = 3;

static std::string makePass(Random &random, const PassName &pass) {
  std::string text = pass.name.str();
  std::string options;
  for (StringRef option : pass.options) {
    if (random.oneIn(3))
      continue;
    auto [name, values] = option.split('=');
    SmallVector<StringRef> choices;
    values.split(choices, '|');
    options += (options.empty() ? "" : " ") + name.str() + "=" +
               random.pick(choices).str();
  }
  if (!options.empty())
    text += "{" + options + "}";
  return pass.anchor.empty() ? text : pass.anchor.str() + "(" + text + ")";
}

static std::string makePipeline(Random &random) {
  std::string text;
  bool isWhole = random.oneIn(2);
  for (size_t count = isWhole ? 1 : 1 + random.below(4); count; --count) {
    size_t choices = isWhole ? kPipelines : std::size(kPasses);
    text += (text.empty() ? "" : ",") +
            makePass(random, kPasses[random.below(choices)]);
  }
  return kPipelineMark.str() + "builtin.module(" + text + ")";
}

/// One of the parts of a file that split-file or -split-input-file take apart.
static StringRef pickPart(Random &random, StringRef text) {
  SmallVector<StringRef> parts;
  for (StringRef mark : {"//--- ", "// -----"})
    if (text.contains(mark)) {
      text.split(parts, mark);
      StringRef part = random.pick(parts);
      // What is left of the line of the mark is a name.
      return mark == "//--- " ? part.split('\n').second : part;
    }
  return text;
}

static constexpr StringLiteral kNumbers[] = {"0",
                                             "1",
                                             "2",
                                             "3",
                                             "7",
                                             "8",
                                             "16",
                                             "64",
                                             "100",
                                             "256",
                                             "-1",
                                             "-8",
                                             "65536",
                                             "2147483647",
                                             "4294967296",
                                             "9223372036854775807",
                                             "-9223372036854775808",
                                             "99999999999999999999",
                                             "1.5",
                                             "0x7FC0",
                                             "0xFF800000"};
static constexpr StringLiteral kTypes[] = {"f16",
                                           "bf16",
                                           "f32",
                                           "f64",
                                           "f8E4M3FN",
                                           "i1",
                                           "i8",
                                           "i32",
                                           "i64",
                                           "index",
                                           "vector<4xf16>",
                                           "none",
                                           "complex<f32>",
                                           "tensor<*xf16>",
                                           "memref<4xf32>",
                                           "!mfa_gpu.tile<64x64xf32>",
                                           "!llvm.ptr",
                                           "!llvm.ptr<3>",
                                           "!gpu.async.token"};
static constexpr StringLiteral kPieces[] = {"(",
                                            ")",
                                            "<",
                                            ">",
                                            "{",
                                            "}",
                                            "[",
                                            "]",
                                            ",",
                                            ":",
                                            "->",
                                            "=",
                                            "?",
                                            "x",
                                            "*",
                                            "%",
                                            "^",
                                            "@",
                                            "#",
                                            "!",
                                            "\"",
                                            "ins",
                                            "outs",
                                            "mask",
                                            "lse",
                                            "scale",
                                            "schedule",
                                            "true",
                                            "false",
                                            "loc(unknown)",
                                            "strided<[?, ?, ?, 1], offset: ?>",
                                            "#gpu.address_space<workgroup>",
                                            "affine_map<(d0) -> (d0)>",
                                            "dense<0>"};

/// A program without its comments, which nothing reads.
static std::string dropComments(StringRef text) {
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  erase_if(lines,
           [](StringRef line) { return line.ltrim().starts_with("//"); });
  return join(lines, "\n");
}

/// Some of the functions and modules of a long program, with its aliases.
static std::string pickOps(Random &random, StringRef text) {
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  constexpr size_t kLong = 60;
  if (lines.size() < kLong)
    return text.str();
  // An op on the top level ends with a bracket in the first column.
  std::string aliases;
  SmallVector<std::string> ops(1);
  for (StringRef line : lines) {
    if (line.starts_with("#") || line.starts_with("!")) {
      aliases += line.str() + "\n";
      continue;
    }
    ops.back() += line.str() + "\n";
    if (line.starts_with("}"))
      ops.emplace_back();
  }
  std::string result = aliases;
  for (size_t count = 1 + random.below(2); count; --count)
    result += random.pick(ops);
  return result;
}

/// What a token is replaced by one of the same kind for.
static bool isNumber(StringRef token) {
  return isDigit(token.front()) ||
         (token.size() > 1 && token.front() == '-' && isDigit(token[1]));
}

/// Words with what belongs to them, shapes apart, and single other characters.
static SmallVector<StringRef> tokenize(StringRef text) {
  SmallVector<StringRef> tokens;
  auto isWord = [](char c) {
    return isAlnum(c) || c == '_' || c == '.' || c == '%' || c == '@' ||
           c == '#' || c == '!' || c == '$';
  };
  while (!text.empty()) {
    size_t length = 1;
    // The x between the sizes of a shape, and before its type.
    bool isShape = !tokens.empty() && text.front() == 'x' &&
                   (isDigit(tokens.back().front()) || tokens.back() == "?");
    if (isShape)
      length = 1;
    else if (isDigit(text.front()))
      length = text.take_while(isDigit).size();
    else if (isWord(text.front()))
      length = 1 + text.drop_front().take_while(isWord).size();
    tokens.push_back(text.take_front(length));
    text = text.drop_front(length);
  }
  return tokens;
}

static std::string mutateTokens(Random &random, StringRef text) {
  SmallVector<StringRef> tokens = tokenize(text);
  if (tokens.empty())
    return text.str();
  // A place that is no space.
  size_t at = random.below(tokens.size());
  for (size_t i = 0; i < 8 && isSpace(tokens[at].front()); ++i)
    at = random.below(tokens.size());
  auto pickLike = [&](auto accepts) {
    SmallVector<StringRef> others;
    copy_if(tokens, std::back_inserter(others), accepts);
    return others.empty() ? tokens[at] : random.pick(others);
  };
  StringRef token = tokens[at];
  switch (random.below(6)) {
  case 0:
    tokens[at] = "";
    break;
  case 1:
    tokens[at] = random.pick(kPieces);
    break;
  default:
    if (isNumber(token))
      tokens[at] = random.pick(kNumbers);
    else if (is_contained(kTypes, token))
      tokens[at] = random.pick(kTypes);
    else if (token.front() == '?')
      tokens[at] = random.pick(kNumbers);
    else if (token.size() > 1)
      // Another value, op, symbol or attribute of the program.
      tokens[at] = pickLike([&](StringRef other) {
        return other.size() > 1 &&
               (other.front() == token.front() || isAlpha(other.front())) &&
               other.contains('.') == token.contains('.');
      });
    else
      tokens[at] = random.pick(kPieces);
  }
  return join(tokens, "");
}

static std::string mutateLines(Random &random, StringRef text) {
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  size_t at = random.below(lines.size()), other = random.below(lines.size());
  switch (random.below(3)) {
  case 0:
    lines.erase(lines.begin() + at);
    break;
  case 1:
    lines.insert(lines.begin() + at, StringRef(lines[other]));
    break;
  case 2:
    std::swap(lines[at], lines[other]);
    break;
  }
  return join(lines, "\n");
}

/// Replaces every occurrence of a number or a type, which may leave a program
/// that is valid.
static std::string mutateAll(Random &random, StringRef text) {
  SmallVector<StringRef> tokens = tokenize(text);
  SmallVector<StringRef> candidates;
  copy_if(tokens, std::back_inserter(candidates), [](StringRef token) {
    return isNumber(token) || is_contained(kTypes, token);
  });
  if (candidates.empty())
    return text.str();
  StringRef from = random.pick(candidates);
  StringRef to = isNumber(from) ? random.pick(kNumbers) : random.pick(kTypes);
  for (StringRef &token : tokens)
    if (token == from)
      token = to;
  return join(tokens, "");
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                               unsigned seed) {
  Random random(seed);
  StringRef input(reinterpret_cast<char *>(data), size);
  std::string text = pickPart(random, input).str();
  std::string pipeline;
  if (StringRef(text).starts_with(kPipelineMark)) {
    auto [first, rest] = StringRef(text).split('\n');
    pipeline = first.str();
    text = rest.str();
  }
  text = pickOps(random, dropComments(text));
  if (pipeline.empty() || random.oneIn(2))
    pipeline = makePipeline(random);
  for (size_t changes = 1 + random.below(3); changes; --changes)
    switch (random.below(8)) {
    case 0:
    case 1:
      text = mutateLines(random, text);
      break;
    case 2:
    case 3:
    case 4:
      text = mutateAll(random, text);
      break;
    default:
      text = mutateTokens(random, text);
      break;
    }
  return mfa::fuzz::copyOut(pipeline + "\n" + text, data, maxSize);
}
