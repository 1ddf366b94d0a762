//===- mfa-run-fuzzer.cpp - Runs mutated command lines of mfa-run ---------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An input is a command line without the name of the tool, one argument a line.
// It runs in a folder with a program, arrays and a table of problems.
//
//===----------------------------------------------------------------------===//

#include "Folder.h"
#include "Fuzzer.h"
#include "Tool.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/TargetSelect.h"
#include <unistd.h>

using namespace llvm;
using mfa::fuzz::Random;

static constexpr const char *kProgram = R"(
func.func @main(%query: tensor<1x5x2x8xf16>, %key: tensor<1x?x1x8xf16>,
                %scale: f32) -> (tensor<1x5x2x8xf16>, tensor<1x2x5xf32>) {
  %init = tensor.empty() : tensor<1x5x2x8xf16>
  %lse = tensor.empty() : tensor<1x2x5xf32>
  %results:2 = mfa.masked_attention
      ins(%query, %key, %key : tensor<1x5x2x8xf16>, tensor<1x?x1x8xf16>,
          tensor<1x?x1x8xf16>)
      scale(%scale : f32)
      outs(%init : tensor<1x5x2x8xf16>) lse(%lse : tensor<1x2x5xf32>)
      -> tensor<1x5x2x8xf16>, tensor<1x2x5xf32>
  return %results#0, %results#1 : tensor<1x5x2x8xf16>, tensor<1x2x5xf32>
}
func.func @copy(%from: memref<?xf32>, %to: memref<?xf32>) {
  memref.copy %from, %to : memref<?xf32> to memref<?xf32>
  return
}
func.func @number(%from: tensor<f32>, %to: memref<f32>, %factor: f32) {
  %value = tensor.extract %from[] : tensor<f32>
  %product = arith.mulf %value, %factor : f32
  memref.store %product, %to[] : memref<f32>
  return
}
func.func private @other(%from: tensor<4x4xi1>)
)";

static constexpr const char *kTable = R"(
# Problems.
--seq-q 3 --seq-k 5 --head-dim 8 --dtype f16
--name=two --seq-q=2 --heads=4 --kv-heads=2 --head-dim=16 --mask=dense
)";

static void writeArray(const mfa::fuzz::Folder &folder, StringRef name,
                       StringRef type, StringRef shape, size_t bytes) {
  std::string header =
      ("{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape +
       "), }")
          .str();
  header.append((64 - (header.size() + 11) % 64) % 64, ' ');
  header += '\n';
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file += static_cast<char>(header.size());
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(bytes, '\x3c');
  folder.write(name, file);
}

int LLVMFuzzerInitialize(int *, char ***) {
  InitializeNativeTarget();
  static mfa::fuzz::Folder folder;
  folder.write("program.mlir", kProgram);
  folder.write("broken.mlir", "func.func @main( {");
  folder.write("table.txt", kTable);
  writeArray(folder, "query.npy", "<f2", "1, 5, 2, 8,", 160);
  writeArray(folder, "key.npy", "<f2", "1, 3, 1, 8,", 48);
  writeArray(folder, "wide.npy", "<f8", "1, 5, 2, 8,", 640);
  writeArray(folder, "row.npy", "<f4", "6,", 24);
  writeArray(folder, "none.npy", "<f4", "", 4);
  // Nothing here is for a GPU that may be there.
  setenv("CUDA_VISIBLE_DEVICES", "", /*overwrite=*/1);
  return chdir(folder.getPath().str().c_str());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  SmallVector<StringRef> lines;
  StringRef(text).split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/true);
  std::vector<std::string> copies(lines.begin(), lines.end());
  std::vector<const char *> args;
  for (const std::string &copy : copies)
    args.push_back(copy.c_str());
  // The options' parser takes null for the end.
  args.push_back(nullptr);
  mfa::run::runTool(ArrayRef(args).drop_back());
  return 0;
}

namespace {
struct Option {
  StringLiteral name;
  /// Of which one is taken; none for a flag.
  ArrayRef<StringLiteral> values;
};
} // namespace

/// Sizes that are small, or so large or wrong that there must be an error.
static constexpr StringLiteral kSizes[] = {"0",
                                           "1",
                                           "1",
                                           "2",
                                           "3",
                                           "4",
                                           "5",
                                           "8",
                                           "16",
                                           "24",
                                           "33",
                                           "-1",
                                           "2147483647",
                                           "2147483648",
                                           "9223372036854775807",
                                           "18446744073709551616",
                                           "1e3",
                                           "0x10",
                                           "",
                                           " 4",
                                           "4x"};
static constexpr StringLiteral kDims[] = {"8",  "8",   "16",  "24",
                                          "64", "72",  "256", "0",
                                          "12", "264", "-8",  "2147483640"};
static constexpr StringLiteral kTypes[] = {"f16", "bf16", "f32",
                                           "i1",  "f64",  ""};
static constexpr StringLiteral kMasks[] = {"none", "dense", "dense", "sparse"};
static constexpr StringLiteral kShapes[] = {
    "1,1,1",
    "1,1,1,1",
    "1,5,5",
    "2,1,4,4",
    "1,2,3",
    "0,0,0",
    "1,1,1,1,1",
    "",
    ",",
    "1,,1",
    "-1,1,1",
    "9223372036854775807,9223372036854775807,4",
    "1,2147483647,2147483647"};
static constexpr StringLiteral kScales[] = {
    "0", "1", "-0.5", "1e-30", "1e38", "1e39", "nan", "inf", "-inf", "", "x"};
static constexpr StringLiteral kFills[] = {
    "random",     "zero",       "causal",
    "padding",    "row-masked", "first-tile-masked",
    "all-masked", "-1e4",       "finfo-min",
    "mixed-inf",  "-1e9",       "steep",
    "none"};
static constexpr StringLiteral kKeeps[] = {"causal",
                                           "causal-end",
                                           "window:3",
                                           "prefix:2",
                                           "documents:3",
                                           "dilated:2",
                                           "neighbours:3",
                                           "causal+window:4",
                                           "window:-1",
                                           "dilated:0",
                                           "prefix:x",
                                           "documents:9223372036854775807",
                                           "causal+",
                                           "all",
                                           ""};
static constexpr StringLiteral kScores[] = {
    "softcap:30", "alibi",       "softcap:2+alibi",
    "softcap:0",  "softcap:nan", "softcap",
    "alibi:2",    "+",           ""};
static constexpr StringLiteral kBytes[] = {"1", "2",   "255", "any",
                                           "0", "256", ""};
static constexpr StringLiteral kOperands[] = {"query", "key", "value", "mask",
                                              "scale"};
static constexpr StringLiteral kLayouts[] = {
    "bshd", "bhsd", "packed-qkv", "broadcast-batch", "padded-rows", "dense"};
static constexpr StringLiteral kEntries[] = {"main",  "copy", "number",
                                             "other", "",     "@main"};
static constexpr StringLiteral kFiles[] = {
    "query.npy", "query.npy", "key.npy",   "key.npy",     "wide.npy", "row.npy",
    "none.npy",  "table.txt", ".",         "missing.npy", "",         "1.5",
    "nan",       "1e99",      "/dev/null", "out.npy"};
static constexpr StringLiteral kOutputs[] = {
    "out.npy", "lse.npy", ".", "missing/out.npy", "", "/dev/full", "-"};
static constexpr StringLiteral kTargets[] = {"cpu",  "cpu", "sim", "sim",
                                             "cuda", "gpu", ""};
static constexpr StringLiteral kChips[] = {"sm_80",
                                           "sm_86",
                                           "sm_89",
                                           "sm_90",
                                           "sm_90a",
                                           "sm_100",
                                           "sm_120a",
                                           "sm_20",
                                           "sm_",
                                           "gfx90a",
                                           "sm_99999999999999999999",
                                           ""};
static constexpr StringLiteral kSchedules[] = {
    "#mfa.schedule<kind = mma_sync, tile_rows = 16, tile_keys = 16, warps = 1, "
    "stages = 2>",
    "#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, "
    "stages = 1, splits_keys = true>",
    "#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 12, "
    "stages = 2>",
    "#mfa.schedule<kind = mma_sync, tile_rows = 0, tile_keys = -16, warps = 0, "
    "stages = 99999>",
    "#mfa.schedule<kind = mma_sync>",
    "#mfa.schedule<",
    "7",
    ""};
static constexpr StringLiteral kProducts[] = {"tf32", "tf32x3", "f32"};
static constexpr StringLiteral kRaises[] = {"exact", "zero", "ignored", "",
                                            "none"};
static constexpr StringLiteral kTileLists[] = {"rules", "auto", "always",
                                               "never", "some"};
static constexpr StringLiteral kStages[] = {"mfa",  "linalg", "vector", "gpu",
                                            "nvvm", "llvm",   "ptx",    "c"};
/// Never many: each is a run.
static constexpr StringLiteral kRepeats[] = {"1", "2", "0", "-1", "4294967296"};
static constexpr StringLiteral kReports[] = {"table", "json", ""};
static constexpr StringLiteral kTables[] = {
    "table.txt", "missing.txt", ".", "program.mlir", "", "/dev/null"};

static constexpr Option kOptions[] = {{"--batch", kSizes},
                                      {"--seq-q", kSizes},
                                      {"--seq-k", kSizes},
                                      {"--heads", kSizes},
                                      {"--kv-heads", kSizes},
                                      {"--head-dim", kDims},
                                      {"--v-head-dim", kDims},
                                      {"--dtype", kTypes},
                                      {"--mask", kMasks},
                                      {"--mask-dtype", kTypes},
                                      {"--mask-shape", kShapes},
                                      {"--scale", kScales},
                                      {"--lse", {}},
                                      {"--dynamic", {}},
                                      {"--seed", kSizes},
                                      {"--mask-fill", kFills},
                                      {"--mask-true", kBytes},
                                      {"--keep", kKeeps},
                                      {"--score", kScores},
                                      {"--sinks", {}},
                                      {"--nan", kOperands},
                                      {"--inf", kOperands},
                                      {"--query-factor", kScales},
                                      {"--key-factor", kScales},
                                      {"--value-factor", kScales},
                                      {"--layout", kLayouts},
                                      {"--offset", kSizes},
                                      {"--entry", kEntries},
                                      {"--raise", kRaises},
                                      {"--arg", kFiles},
                                      {"--out", kOutputs},
                                      {"--target", kTargets},
                                      {"--chip", kChips},
                                      {"--schedule", kSchedules},
                                      {"--schedules", kTables},
                                      {"--f32-product", kProducts},
                                      {"--emit", kStages},
                                      {"--check", {}},
                                      {"--bench", {}},
                                      {"--bench-lock", kOutputs},
                                      {"--repeat", kRepeats},
                                      {"--timing", {}},
                                      {"--reference", {}},
                                      {"--threads", kRepeats},
                                      {"--tiles", {}},
                                      {"--tile-lists", kTileLists},
                                      {"--json", kOutputs},
                                      {"--sim-report", kReports},
                                      {"--problems", kTables},
                                      {"--name", kEntries},
                                      {"--help", {}}};

using Line = std::vector<std::string>;

static void add(Random &random, Line &line, const Option &option) {
  if (option.values.empty())
    return line.push_back(option.name.str());
  std::string value = random.pick(option.values).str();
  if (random.oneIn(2)) {
    line.push_back((option.name + "=" + value).str());
  } else {
    line.push_back(option.name.str());
    line.push_back(value);
  }
}

/// Command lines that run, and quickly.
static constexpr StringLiteral kLines[] = {
    "program.mlir --entry main --arg query.npy --arg key.npy --arg 0.5 "
    "--target cpu --out out.npy",
    "program.mlir --entry number --arg none.npy --arg none.npy --arg 2 "
    "--target cpu --out out.npy",
    "program.mlir --entry copy --arg row.npy --arg row.npy --target sim",
    "--problems table.txt --target cpu",
    "--seq-q 5 --seq-k 9 --head-dim 8 --target cpu",
    "--seq-q 5 --seq-k 9 --head-dim 8 --mask dense --target cpu --check",
    "--seq-q 5 --seq-k 9 --head-dim 8 --target sim",
    "--seq-q 5 --seq-k 9 --head-dim 8 --mask dense --target sim --check"};

static Line makeLine(StringRef text, char separator) {
  SmallVector<StringRef> parts;
  text.split(parts, separator);
  return Line(parts.begin(), parts.end());
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                               unsigned seed) {
  Random random(seed);
  StringRef text(reinterpret_cast<char *>(data), size);
  Line line =
      text.empty() ? makeLine(random.pick(kLines), ' ') : makeLine(text, '\n');
  for (size_t changes = 1 + random.below(4); changes; --changes) {
    size_t at = random.below(line.size());
    switch (random.below(8)) {
    case 0:
      if (!line.empty())
        line.erase(line.begin() + at);
      break;
    case 1:
      if (!line.empty() && !line[at].empty())
        line[at][random.below(line[at].size())] =
            static_cast<char>(1 + random.below(255));
      break;
    case 2:
      if (!line.empty())
        line.push_back(line[at]);
      break;
    default:
      add(random, line, random.pick(kOptions));
      break;
    }
  }
  return mfa::fuzz::copyOut(join(line, "\n"), data, maxSize);
}
