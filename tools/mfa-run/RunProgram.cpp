//===- RunProgram.cpp - Run a program on arrays from files ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunProgram.h"
#include "Arguments.h"
#include "Execution.h"
#include "Lowering.h"
#include "Operands.h"
#include "mfa/Support/Memory.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;
using namespace mfa;
using namespace mfa::run;
using namespace mfa::runtime;

/// Reads and verifies the program; what is wrong with it has been printed.
static Expected<mlir::OwningOpRef<mlir::ModuleOp>>
parseProgram(mlir::MLIRContext &context, StringRef path) {
  Expected<std::unique_ptr<MemoryBuffer>> file = readFile(path);
  if (!file)
    return makeError("cannot read '", path, "': ", toString(file.takeError()));
  // The copy ends in the zero that the parser wants.
  SourceMgr sources;
  sources.AddNewSourceBuffer(
      MemoryBuffer::getMemBufferCopy((*file)->getBuffer(), path), SMLoc());
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  if (!module)
    return makeError("'", path, "' is not a valid program");
  return module;
}

/// The function to run: `--entry`, or the only public one of the program.
static Expected<mlir::func::FuncOp> findEntry(mlir::ModuleOp module,
                                              StringRef name) {
  SmallVector<mlir::func::FuncOp> functions;
  for (auto function : module.getOps<mlir::func::FuncOp>())
    if (function.isPublic() && !function.isDeclaration())
      functions.push_back(function);
  std::string names;
  for (mlir::func::FuncOp function : functions) {
    if (function.getSymName() == name)
      return function;
    names += (names.empty() ? "'" : ", '") + function.getSymName().str() + "'";
  }
  if (name.empty() && functions.size() == 1)
    return functions.front();
  if (functions.empty())
    return makeError("the program has no public function with a body");
  if (name.empty())
    return makeError("--entry: expected one of the program's functions: ",
                     names);
  return makeError("--entry: no function '", name, "' in the program: it has ",
                   names);
}

/// Checks the entry's signature and the number of files against it.
static Error checkSignature(mlir::func::FuncOp entry, const Options &options) {
  mlir::FunctionType type = entry.getFunctionType();
  for (auto [index, input] : enumerate(type.getInputs()))
    if (Error error =
            checkArgumentType(("argument " + Twine(index + 1)).str(), input))
      return error;
  for (auto [index, result] : enumerate(type.getResults())) {
    std::string what = ("result " + Twine(index + 1)).str();
    if (Error error = checkResultType(what, result))
      return error;
  }
  if (options.args.size() != type.getNumInputs())
    return makeError("'", entry.getSymName(), "' takes ", type.getNumInputs(),
                     " arguments but got ", options.args.size(), " --arg");
  // A program may be run for its time alone.
  if (options.outs.empty() && options.bench)
    return Error::success();
  if (type.getNumResults() != 0) {
    if (options.outs.size() != type.getNumResults())
      return makeError("'", entry.getSymName(), "' gives ",
                       type.getNumResults(), " results but got ",
                       options.outs.size(), " --out");
    return Error::success();
  }
  size_t numBuffers = 0;
  while (numBuffers < type.getNumInputs() &&
         isa<mlir::MemRefType>(
             type.getInput(type.getNumInputs() - 1 - numBuffers)))
    ++numBuffers;
  if (options.outs.empty() || options.outs.size() > numBuffers)
    return makeError("'", entry.getSymName(), "' has no results and ends with ",
                     numBuffers, " memref arguments but got ",
                     options.outs.size(), " --out");
  return Error::success();
}

namespace {
/// Arguments of the entry on a device, and the descriptors of its results.
class ProgramCall {
public:
  ProgramCall(mlir::FunctionType type, Device &device)
      : type(type), device(device) {
    // One descriptor after the other, each of 3 words and 2 for a dimension.
    size_t words = 0;
    for (mlir::Type result : type.getResults())
      words += 3 + 2 * cast<mlir::ShapedType>(result).getRank();
    results.resize(words);
  }
  ~ProgramCall() { freeResults(); }
  ProgramCall(const ProgramCall &) = delete;
  ProgramCall &operator=(const ProgramCall &) = delete;

  Error addArgument(const Array &array) {
    if (array.isScalar) {
      std::memcpy(&scalars.emplace_back(0), array.bytes.data(),
                  array.bytes.size());
      values.push_back(nullptr);
      memory.push_back(nullptr);
      return Error::success();
    }
    // An empty array has an address as well.
    auto owned = DeviceMemory::allocate(
        device, std::max<size_t>(array.bytes.size(), 1), /*hostShared=*/true);
    if (!owned)
      return owned.takeError();
    if (Error error = device.copyToDevice(owned->get(), array.bytes))
      return error;
    SmallVector<int64_t> strides(array.shape.size(), 1);
    for (int64_t dim = static_cast<int64_t>(strides.size()) - 2; dim >= 0;
         --dim)
      strides[dim] = strides[dim + 1] * array.shape[dim + 1];
    memory.push_back(std::make_unique<DeviceMemory>(std::move(*owned)));
    descriptors.push_back(std::make_unique<Descriptor>(
        makeDescriptor(memory.back()->get(), 0, array.shape, strides)));
    values.push_back(descriptors.back()->data());
    return Error::success();
  }

  /// Addresses of the parameters' values, that of the results first.
  std::vector<void *> getArguments() {
    std::vector<void *> arguments;
    resultAddress = results.data();
    if (type.getNumResults() != 0)
      arguments.push_back(&resultAddress);
    uint64_t *nextScalar = scalars.data();
    for (void *&value : values)
      arguments.push_back(value ? static_cast<void *>(&value) : nextScalar++);
    return arguments;
  }

  /// Reads back an argument.
  Expected<Array> readArgument(unsigned index) {
    return read(static_cast<const intptr_t *>(values[index]),
                type.getInput(index));
  }

  /// Reads a result after the call.
  Expected<Array> readResult(unsigned index) {
    const intptr_t *words = results.data();
    for (mlir::Type before : type.getResults().take_front(index))
      words += 3 + 2 * cast<mlir::ShapedType>(before).getRank();
    return read(words, type.getResult(index));
  }

  /// Frees the results of a call, which belong to the caller.
  void freeResults() {
    SmallPtrSet<char *, 4> buffers;
    const intptr_t *words = results.data();
    for (mlir::Type result : type.getResults()) {
      buffers.insert(reinterpret_cast<char *>(words[0]));
      words += 3 + 2 * cast<mlir::ShapedType>(result).getRank();
    }
    for (char *buffer : buffers)
      if (buffer)
        device.deallocateResult(buffer);
    std::fill(results.begin(), results.end(), 0);
  }

private:
  /// Reads the array that a descriptor describes.
  Expected<Array> read(const intptr_t *words, mlir::Type type) {
    int64_t rank = cast<mlir::ShapedType>(type).getRank();
    ArrayRef<int64_t> shape(words + 3, rank), strides(words + 3 + rank, rank);
    Array array;
    array.type = *getArrayElementType(type);
    array.shape.assign(shape.begin(), shape.end());
    // The first and the last element from the one at index 0.
    int64_t width = getByteWidth(array.type), first = 0, last = 0;
    uint64_t count = 1;
    for (auto [size, stride] : zip_equal(shape, strides)) {
      if (size < 0)
        return makeError("expected sizes of 0 or more but got shape ",
                         shapeToText(shape));
      count = SaturatingMultiply(count, static_cast<uint64_t>(size));
    }
    if (Error error = checkMemory("an array of shape " + shapeToText(shape),
                                  SaturatingMultiply<uint64_t>(count, width)))
      return std::move(error);
    if (count == 0)
      return array;
    for (auto [size, stride] : zip_equal(shape, strides))
      (stride < 0 ? first : last) += (size - 1) * stride;
    std::vector<char> bytes((last - first + 1) * width);
    const char *source =
        reinterpret_cast<const char *>(words[1]) + (words[2] + first) * width;
    if (Error error = device.copyFromDevice(bytes, source))
      return std::move(error);
    array.bytes.resize(count * width);
    char *target = array.bytes.data();
    forEachOffset(shape, strides, [&](int64_t offset) {
      std::memcpy(target, bytes.data() + (offset - first) * width, width);
      target += width;
    });
    return array;
  }

  mlir::FunctionType type;
  Device &device;
  std::vector<std::unique_ptr<DeviceMemory>> memory;
  std::vector<std::unique_ptr<Descriptor>> descriptors;
  /// Address of an array's descriptor; null for a number.
  std::vector<void *> values;
  /// Numbers, each at the beginning of its word.
  std::vector<uint64_t> scalars;
  std::vector<intptr_t> results;
  void *resultAddress = nullptr;
};
} // namespace

/// Writes the results, or the last arguments of a function that has none: all
/// of the files or none of them.
static Error writeResults(ProgramCall &call, mlir::FunctionType type,
                          const Options &options) {
  std::vector<std::unique_ptr<OutputFile>> files;
  for (auto [index, path] : enumerate(options.outs)) {
    bool isResult = type.getNumResults() != 0;
    unsigned position =
        isResult ? index : type.getNumInputs() - options.outs.size() + index;
    Expected<Array> array =
        isResult ? call.readResult(position) : call.readArgument(position);
    if (!array)
      return makeError(isResult ? "result " : "argument ", position + 1, ": ",
                       toString(array.takeError()));
    Expected<std::unique_ptr<OutputFile>> file = OutputFile::create(path);
    if (!file)
      return makeError("--out: ", toString(file.takeError()));
    writeArray((*file)->os(), *array);
    if (Error error = (*file)->finish())
      return makeError("--out: ", toString(std::move(error)));
    files.push_back(std::move(*file));
  }
  for (const std::unique_ptr<OutputFile> &file : files)
    if (Error error = file->keep())
      return makeError("--out: ", toString(std::move(error)));
  return Error::success();
}

Expected<Report> mfa::run::runProgram(mlir::MLIRContext &context,
                                      const Options &options,
                                      const Target &target, Device &device) {
  auto module = parseProgram(context, options.program);
  if (!module)
    return module.takeError();
  Expected<mlir::func::FuncOp> entry = findEntry(**module, options.entry);
  if (!entry)
    return entry.takeError();
  if (Error error = checkSignature(*entry, options))
    return std::move(error);

  // The lowering replaces the function; its name and type are needed after it.
  std::string name = entry->getSymName().str();
  mlir::FunctionType type = entry->getFunctionType();
  ProgramCall call(type, device);
  for (auto [index, input] : enumerate(type.getInputs())) {
    Expected<Array> array = readArgument(index, input, options.args[index]);
    if (!array)
      return array.takeError();
    if (Error error = call.addArgument(*array))
      return std::move(error);
  }

  Report report;
  report.target = target.name;
  report.entry = name;
  LoweringOptions lowering = getLoweringOptions(options, target);
  report.chip = lowering.chip;
  auto program =
      compile(**module, name, target, lowering, device, report.timing);
  if (!program)
    return program.takeError();
  std::vector<void *> arguments = call.getArguments();
  if (arguments.size() != program->numParams)
    return makeError("the lowered program takes ", program->numParams,
                     " arguments, not ", arguments.size());
  auto runOnce = [&] {
    call.freeResults();
    program->call(arguments);
  };
  if (Error error = device.run(runOnce))
    return std::move(error);
  report.timing.firstResult = getSecondsSinceStart();
  if (Error error = writeResults(call, type, options))
    return std::move(error);
  if (options.bench) {
    Expected<BenchResult> measured = bench(device, runOnce, options.benchLock);
    if (!measured)
      return measured.takeError();
    report.bench = *measured;
  }
  return report;
}

Error mfa::run::emitProgram(mlir::MLIRContext &context, const Options &options,
                            const Target &target) {
  auto module = parseProgram(context, options.program);
  if (!module)
    return module.takeError();
  if (mlir::failed(emitStage(**module, options.emit, target,
                             getLoweringOptions(options, target), outs())))
    return makeError("the lowering to target '", target.name, "' failed");
  return Error::success();
}
