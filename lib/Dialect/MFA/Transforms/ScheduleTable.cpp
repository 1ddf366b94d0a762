//===- ScheduleTable.cpp - The table of schedules -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/ScheduleTable.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::mfa;

static constexpr StringLiteral kBuiltinTable =
#include "Schedules.inc"
    ;

/// The largest head that kernels are for.
static constexpr int64_t kMaxHeadDim = 256;

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

static constexpr StringLiteral kKernels[] = {"mma_sync", "wgmma"};
static constexpr StringLiteral kElements[] = {"16-bit", "f32"};
static constexpr StringLiteral kQueries[] = {"few", "many"};
static constexpr StringLiteral kMasks[] = {"none", "scalar", "queries", "keys",
                                           "matrix"};
static constexpr StringLiteral kMaskElements[] = {"i1", "16-bit", "f32"};
static constexpr StringLiteral kRules[] = {"none", "even", "uneven", "list",
                                           "mask-list"};
static constexpr StringLiteral kScores[] = {"none", "short", "long"};

namespace {
struct NamedField {
  StringLiteral name;
  ArrayRef<StringLiteral> values;
};
} // namespace

/// In the order of `RowField`.
static constexpr NamedField kFields[kNumRowFields] = {
    {"kernel", kKernels},
    {"elements", kElements},
    {"queries", kQueries},
    {"mask", kMasks},
    {"mask_elements", kMaskElements},
    {"rule", kRules},
    {"score", kScores}};

static std::array<unsigned, kNumRowFields> getValues(const RowKey &key) {
  return {key.kernel,       key.elements, key.queries, key.mask,
          key.maskElements, key.rule,     key.score};
}

static RowKey makeKey(const std::array<unsigned, kNumRowFields> &values,
                      int64_t headDim) {
  auto [kernel, elements, queries, mask, maskElements, rule, score] = values;
  return {static_cast<row::Kernel>(kernel),
          static_cast<row::Elements>(elements),
          static_cast<row::Queries>(queries),
          static_cast<row::Mask>(mask),
          static_cast<row::MaskElements>(maskElements),
          static_cast<row::Rule>(rule),
          static_cast<row::Score>(score),
          headDim};
}

/// Calls `visit` with the values of each kind of op that kernels are for.
static void forEachKind(
    function_ref<void(const std::array<unsigned, kNumRowFields> &)> visit) {
  unsigned count = 1;
  for (const NamedField &field : kFields)
    count *= field.values.size();
  for (unsigned i = 0; i < count; ++i) {
    std::array<unsigned, kNumRowFields> values;
    unsigned rest = i;
    for (auto [value, field] : llvm::zip_equal(values, kFields)) {
      value = rest % field.values.size();
      rest /= field.values.size();
    }
    RowKey key = makeKey(values, kMaxHeadDim);
    bool hasKernel = key.kernel != row::Wgmma || key.elements == row::Bits16;
    bool isRepeated =
        key.mask == row::NoMask && key.maskElements != row::Mask16Bits;
    bool hasRule = key.rule != row::MaskList ||
                   (key.mask == row::Matrix && key.score == row::NoScore);
    if (hasKernel && hasRule && !isRepeated)
      visit(values);
  }
}

bool ScheduleTable::Row::matches(const RowKey &key) const {
  if (key.headDim > headDim)
    return false;
  for (auto [i, value] : llvm::enumerate(getValues(key))) {
    bool counts = static_cast<RowField>(i) != RowField::MaskElements ||
                  key.mask != row::NoMask;
    if (counts && !(values[i] >> value & 1))
      return false;
  }
  return true;
}

const ScheduleTable::Row *ScheduleTable::find(const RowKey &key) const {
  auto found =
      llvm::find_if(rows, [&](const Row &row) { return row.matches(key); });
  return found == rows.end() ? nullptr : &*found;
}

const TableSchedule &ScheduleTable::lookup(const RowKey &key) const {
  const Row *row = find(key);
  assert(row && "a table has a row for every op");
  return row->schedule;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Reads a table, up to the first thing that is wrong with it.
class ScheduleTable::Reader {
public:
  Reader() : context(MLIRContext::Threading::DISABLED) {}

  LogicalResult read(const llvm::json::Value &root, ScheduleTable &table) {
    const llvm::json::Object *object = root.getAsObject();
    if (!object)
      return refuse("the file", "expected an object");
    if (failed(checkNames(*object, "the file",
                          {"device", "driver", "assembler", "rows"})))
      return failure();
    for (StringRef name : {"device", "driver", "assembler"})
      if (const llvm::json::Value *value = object->get(name))
        if (!value->getAsString())
          return refuse(name, "expected a text");
    const llvm::json::Array *rows = object->getArray("rows");
    if (!rows)
      return refuse("rows", "expected a list of rows");
    for (auto [i, value] : llvm::enumerate(*rows)) {
      Row row;
      if (failed(readRow(value, ("rows[" + Twine(i) + "]").str(), row)))
        return failure();
      table.rows.push_back(row);
    }
    return checkRows(table);
  }

  std::string problem;

private:
  LogicalResult refuse(const Twine &where, const Twine &what) {
    problem = (where + ": " + what).str();
    return failure();
  }

  LogicalResult checkNames(const llvm::json::Object &object, StringRef where,
                           ArrayRef<StringRef> names) {
    for (const auto &[name, value] : object)
      if (!llvm::is_contained(names, name.str()))
        return refuse(where, "expected no '" + StringRef(name) +
                                 "', but only " + llvm::join(names, ", "));
    return success();
  }

  /// A parameter that may be absent, by the value's getter of its type.
  template <typename T>
  LogicalResult readParameter(const llvm::json::Object &object, StringRef where,
                              StringRef name,
                              std::optional<T> (llvm::json::Value::*get)()
                                  const,
                              StringRef type, T &value) {
    const llvm::json::Value *found = object.get(name);
    if (!found)
      return success();
    std::optional<T> read = (found->*get)();
    if (!read)
      return refuse(where + "." + name, "expected " + type);
    value = *read;
    return success();
  }

  LogicalResult readInteger(const llvm::json::Object &object, StringRef where,
                            StringRef name, int64_t &value) {
    return readParameter(object, where, name, &llvm::json::Value::getAsInteger,
                         "an integer", value);
  }

  LogicalResult readBool(const llvm::json::Object &object, StringRef where,
                         StringRef name, bool &value) {
    return readParameter(object, where, name, &llvm::json::Value::getAsBoolean,
                         "true or false", value);
  }

  /// A field's value, or a list of several.
  LogicalResult readField(const llvm::json::Value &value, StringRef where,
                          const NamedField &field, unsigned &bits) {
    ArrayRef<llvm::json::Value> all = value;
    if (const llvm::json::Array *list = value.getAsArray())
      all = ArrayRef(list->data(), list->size());
    bits = 0;
    for (const llvm::json::Value &each : all) {
      std::optional<StringRef> text = each.getAsString();
      const StringLiteral *found =
          llvm::find(field.values, text.value_or(StringRef()));
      if (!text || found == field.values.end())
        return refuse(where + "." + field.name,
                      "expected " + llvm::join(field.values.drop_back(), ", ") +
                          " or " + field.values.back() +
                          (text ? ", but got '" + *text + "'" : Twine()));
      bits |= 1u << (found - field.values.begin());
    }
    if (!bits)
      return refuse(where + "." + field.name,
                    "expected a value, but got an empty list");
    return success();
  }

  /// Rates and what they are of come together, or not at all.
  LogicalResult checkRates(const llvm::json::Object &measured, StringRef where,
                           StringRef what, ArrayRef<StringRef> rates) {
    bool isThere =
        measured.get(what) ||
        llvm::any_of(rates, [&](StringRef rate) { return measured.get(rate); });
    if (!isThere)
      return success();
    if (!measured.getString(what))
      return refuse(where + "." + what, "expected a text");
    for (StringRef rate : rates)
      if (!measured.getNumber(rate))
        return refuse(where + "." + rate, "expected a number");
    return success();
  }

  /// The figures are for people; what they say has to be in its place.
  LogicalResult checkMeasured(const llvm::json::Value *value, StringRef where) {
    if (!value)
      return refuse(where, "expected figures, or null without a measurement");
    if (value->getAsNull())
      return success();
    const llvm::json::Object *object = value->getAsObject();
    if (!object)
      return refuse(where, "expected figures, or null without a measurement");
    if (failed(checkNames(*object, where,
                          {"case", "tflops", "next", "next_tflops",
                           "small_case", "small_tflops", "large_tflops"})))
      return failure();
    if (!object->getString("case"))
      return refuse(where + ".case", "expected a text");
    if (!object->getNumber("tflops"))
      return refuse(where + ".tflops", "expected a number");
    if (failed(checkRates(*object, where, "next", {"next_tflops"})))
      return failure();
    return checkRates(*object, where, "small_case",
                      {"small_tflops", "large_tflops"});
  }

  LogicalResult readSchedule(const llvm::json::Object &object, StringRef where,
                             unsigned kernels, TableSchedule &schedule) {
    if (failed(checkNames(object, where,
                          {"tile_rows", "tile_keys", "small_tile_rows", "warps",
                           "stages", "ping_pong", "persistent", "row_counter",
                           "adjacent_heads", "early_turns"})))
      return failure();
    if (failed(readInteger(object, where, "tile_rows", schedule.tileRows)) ||
        failed(readInteger(object, where, "tile_keys", schedule.tileKeys)) ||
        failed(readInteger(object, where, "small_tile_rows",
                           schedule.smallTileRows)) ||
        failed(readInteger(object, where, "warps", schedule.warps)) ||
        failed(readInteger(object, where, "stages", schedule.stages)) ||
        failed(readBool(object, where, "ping_pong", schedule.pingPong)) ||
        failed(readBool(object, where, "persistent", schedule.persistent)) ||
        failed(readBool(object, where, "row_counter", schedule.rowCounter)) ||
        failed(readInteger(object, where, "adjacent_heads",
                           schedule.adjacentHeads)) ||
        failed(readBool(object, where, "early_turns", schedule.earlyTurns)))
      return failure();
    for (unsigned kernel : {row::MmaSync, row::Wgmma})
      if ((kernels >> kernel & 1) &&
          failed(
              checkSchedule(where, static_cast<row::Kernel>(kernel), schedule)))
        return failure();
    return success();
  }

  /// By the rules of the attribute.
  LogicalResult checkSchedule(StringRef where, row::Kernel kernel,
                              const TableSchedule &schedule) {
    std::string message;
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
    LogicalResult result = ScheduleAttr::verify(
        [&] { return emitError(UnknownLoc::get(&context)); },
        kernel == row::Wgmma ? KernelKind::Wgmma : KernelKind::MmaSync,
        schedule.tileRows, schedule.tileKeys, schedule.smallTileRows,
        schedule.warps, schedule.stages, F32Product::TF32x3, schedule.pingPong,
        /*splitsKeys=*/false, schedule.persistent, schedule.rowCounter,
        schedule.adjacentHeads, schedule.earlyTurns, TileChoice::Ranges,
        /*lanes=*/0, /*registerRows=*/0, /*registerColumns=*/0,
        /*dotProducts=*/false, /*matrixProducts=*/false);
    if (failed(result))
      return refuse(where, message);
    // Both are halved until the tiles fit.
    if (kernel == row::MmaSync && !(llvm::isPowerOf2_64(schedule.tileRows) &&
                                    llvm::isPowerOf2_64(schedule.warps)))
      return refuse(where,
                    "expected 'tile_rows' and 'warps' of an mma_sync schedule "
                    "to be powers of two, but got " +
                        Twine(schedule.tileRows) + " and " +
                        Twine(schedule.warps));
    return success();
  }

  LogicalResult readRow(const llvm::json::Value &value, StringRef where,
                        Row &row) {
    const llvm::json::Object *object = value.getAsObject();
    if (!object)
      return refuse(where, "expected an object");
    SmallVector<StringRef> names = {"head_dim", "schedule", "measured"};
    for (const NamedField &field : kFields)
      names.push_back(field.name);
    if (failed(checkNames(*object, where, names)))
      return failure();
    for (auto [field, bits] : llvm::zip_equal(kFields, row.values)) {
      const llvm::json::Value *found = object->get(field.name);
      bits = (1u << field.values.size()) - 1;
      if (found && failed(readField(*found, where, field, bits)))
        return failure();
    }
    row.headDim = 0;
    if (failed(readInteger(*object, where, "head_dim", row.headDim)))
      return failure();
    if (row.headDim < 1 || row.headDim > kMaxHeadDim)
      return refuse(where + ".head_dim", "expected 1 to " + Twine(kMaxHeadDim) +
                                             ", but got " + Twine(row.headDim));
    const llvm::json::Object *schedule = object->getObject("schedule");
    std::string place = (where + ".schedule").str();
    if (!schedule)
      return refuse(place, "expected an object");
    if (failed(readSchedule(*schedule, place,
                            row.values[static_cast<unsigned>(RowField::Kernel)],
                            row.schedule)))
      return failure();
    return checkMeasured(object->get("measured"), (where + ".measured").str());
  }

  /// Whether all ops have a row, and all rows an op.
  LogicalResult checkRows(const ScheduleTable &table) {
    SmallVector<int64_t> dims = {kMaxHeadDim};
    for (const Row &row : table.rows)
      dims.push_back(row.headDim);
    llvm::sort(dims);
    dims.erase(llvm::unique(dims), dims.end());
    std::vector<bool> counts(table.rows.size());
    std::string hole;
    forEachKind([&](const std::array<unsigned, kNumRowFields> &values) {
      for (int64_t dim : dims) {
        if (const Row *row = table.find(makeKey(values, dim))) {
          counts[row - table.rows.data()] = true;
        } else if (hole.empty()) {
          llvm::raw_string_ostream os(hole);
          for (auto [field, value] : llvm::zip_equal(kFields, values))
            os << field.name << " " << field.values[value] << ", ";
          os << "head_dim " << dim;
        }
      }
    });
    if (!hole.empty())
      return refuse("rows", "expected a row for every op, but there is none "
                            "for " +
                                hole);
    auto unused = llvm::find(counts, false);
    if (unused != counts.end())
      return refuse("rows[" + Twine(unused - counts.begin()) + "]",
                    "expected a row that is the first to match an op, but all "
                    "that it matches have one further up");
    return success();
  }

  /// For the verifier's errors: where a pipeline's options are checked there is
  /// no context yet.
  MLIRContext context;
};

/// Whether lists and objects are in one another so deeply that the parser,
/// which calls itself for each, might have too little stack.
static bool isNestedTooDeeply(StringRef text) {
  // A table has rows in a list in an object, with objects and lists.
  constexpr int kMostLevels = 64;
  int level = 0, most = 0;
  bool isInString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (isInString && c == '\\')
      ++i;
    else if (c == '"')
      isInString = !isInString;
    else if (!isInString && (c == '[' || c == '{'))
      most = std::max(most, ++level);
    else if (!isInString && (c == ']' || c == '}'))
      --level;
  }
  return most > kMostLevels;
}

llvm::Expected<ScheduleTable> ScheduleTable::parse(StringRef text) {
  if (isNestedTooDeeply(text))
    return llvm::createStringError(
        "the file: expected an object of rows, but got lists or objects that "
        "are in more than 64 others");
  llvm::Expected<llvm::json::Value> root = llvm::json::parse(text);
  if (!root)
    return root.takeError();
  ScheduleTable table;
  Reader reader;
  if (failed(reader.read(*root, table)))
    return llvm::createStringError(reader.problem);
  return table;
}

std::shared_ptr<const ScheduleTable> ScheduleTable::getBuiltin() {
  static const auto table = [] {
    llvm::Expected<ScheduleTable> table = parse(kBuiltinTable);
    if (!table)
      llvm::reportFatalInternalError(table.takeError());
    return std::make_shared<const ScheduleTable>(std::move(*table));
  }();
  return table;
}

LogicalResult
mfa::readScheduleTable(StringRef path, const OptionCheck &check,
                       std::shared_ptr<const ScheduleTable> *table) {
  if (path.empty()) {
    if (table)
      *table = ScheduleTable::getBuiltin();
    return success();
  }
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> file =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file)
    return check.file(
        "schedules", path,
        llvm::createStringError(file.getError(), file.getError().message()));
  llvm::Expected<ScheduleTable> read =
      ScheduleTable::parse((*file)->getBuffer());
  if (!read)
    return check.file("schedules", path, read.takeError());
  if (table)
    *table = std::make_shared<const ScheduleTable>(std::move(*read));
  return success();
}
