//===- Kernel.cpp - Launch and look at compiled programs ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Execution/Kernel.h"
#include "CompilerScope.h"
#include "HostCall.h"
#include "PTX.h"
#include "mfa/Runtime/CUDARuntime.h"
#include "mfa/Runtime/Overlap.h"
#include "mfa/Runtime/Sim/Sim.h"
#include "mfa/Support/Chip.h"
#include "mfa/Support/Memory.h"

#include <atomic>

using namespace llvm;
using namespace mfa::exec;
using namespace mfa::runtime;
using mlir::ShapedType;

char KernelError::ID;

static Error toError(const CUDAStatus &status) {
  if (!status)
    return Error::success();
  return makeError(ErrorKind::Driver, status->message());
}

static Expected<const CUDADriver *> getDriver() {
  CUDAError reason;
  if (const CUDADriver *driver = CUDADriver::get(&reason))
    return driver;
  return toError(reason);
}

/// Runs `action` in a context of `device`; see Kernel::launch for -1.
static Error
runOnDevice(int device,
            function_ref<Error(const CUDADriver &, CUcontext)> action) {
  Expected<const CUDADriver *> driver = getDriver();
  if (!driver)
    return driver.takeError();
  DeviceScope scope(**driver, device);
  if (scope.getError())
    return toError(scope.getError());
  return action(**driver, scope.getContext());
}

Kernel::~Kernel() = default;

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

/// `malloc` of the program's host code, which does not expect it to fail.
static void *allocateOnHost(size_t bytes) {
  return mfa::allocateOrReport(bytes, HostCall::reportError);
}

/// The same, of memory that a GPU can reach.
static void *allocateShared(size_t bytes) {
  void *memory = allocateManaged(bytes);
  if (!memory && bytes != 0)
    HostCall::reportError("expected memory for a buffer of the program");
  return memory;
}

static std::vector<EntryPoint> getEntryPoints(Target target) {
  std::vector<EntryPoint> entryPoints;
  switch (target) {
  case Target::CPU:
    entryPoints.push_back({"malloc", reinterpret_cast<void *>(allocateOnHost)});
    break;
  case Target::Sim:
    entryPoints = mfa::sim::getEntryPoints();
    entryPoints.push_back({"malloc", reinterpret_cast<void *>(allocateOnHost)});
    break;
  case Target::CUDA:
    entryPoints = getCUDAImageEntryPoints();
    entryPoints.push_back({"malloc", reinterpret_cast<void *>(allocateShared)});
    entryPoints.push_back({"free", reinterpret_cast<void *>(freeManaged)});
    break;
  }
  append_range(entryPoints, HostCall::getEntryPoints());
  return entryPoints;
}

Error Kernel::link() {
  ImageScope scope(images);
  Expected<std::unique_ptr<HostProgram>> program =
      HostProgram::load(MemoryBuffer::getMemBufferCopy(object, "kernel"),
                        getEntryPoints(options.target), getDigest());
  if (!program)
    return program.takeError();
  host = std::move(*program);
  SmallVector<StringRef> texts;
  for (const auto &image : images)
    if (image->isPTX())
      texts.push_back(image->getCode());
  ptx = joinPTX(texts);
  static std::atomic<int64_t> numKernels{0};
  number = ++numKernels;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

/// Error unless the argument has the sizes and strides that the code was
/// compiled for. All others are checked by the code itself.
static Error checkArgument(const Parameter &parameter,
                           const LaunchArgument &argument) {
  auto refuse = [&](const auto &...args) {
    return makeError(ErrorKind::InvalidArgument, "'", parameter.name,
                     "': ", args...);
  };
  bool isEmpty = false;
  for (auto [dim, size] : enumerate(parameter.sizes)) {
    int64_t actual = argument.sizes[dim];
    if (actual != size && (ShapedType::isStatic(size) || actual < 0))
      return refuse("expected size ",
                    ShapedType::isStatic(size) ? std::to_string(size)
                                               : "0 or more",
                    " in dimension ", dim, " but got ", actual);
    isEmpty |= actual == 0;
  }
  if (isEmpty)
    return Error::success();
  if (!argument.data)
    return refuse("expected the address of its elements but got null");
  int64_t contiguous = 1;
  for (int64_t dim = parameter.sizes.size() - 1; dim >= 0; --dim) {
    int64_t size = argument.sizes[dim], stride = argument.strides[dim];
    int64_t expected =
        parameter.isContiguous ? contiguous : parameter.strides[dim];
    contiguous *= size;
    if (ShapedType::isStatic(expected) && stride != expected && size != 1)
      return refuse("expected stride ", expected, " in dimension ", dim,
                    " but got ", stride);
  }
  return Error::success();
}

Error Kernel::checkArguments(ArrayRef<LaunchArgument> arguments) const {
  if (!isLaunchable())
    return makeError(ErrorKind::InvalidArgument,
                     "expected a function without results, with memrefs, "
                     "tensors and numbers of f16, bf16, f32, i1, i32 or i64 "
                     "as parameters, to launch");
  if (arguments.size() != parameters.size())
    return makeError(ErrorKind::InvalidArgument, "expected ", parameters.size(),
                     " arguments but got ", arguments.size());
  for (size_t index = 0; index < parameters.size(); ++index)
    if (!parameters[index].isNumber)
      if (Error error = checkArgument(parameters[index], arguments[index]))
        return error;
  return Error::success();
}

/// Error where what is written shares memory with another array or within.
Error Kernel::checkOverlap(ArrayRef<LaunchArgument> arguments) const {
  if (numOutputs == 0)
    return Error::success();
  SmallVector<StridedArray, 12> arrays;
  for (auto [parameter, argument] : zip_equal(parameters, arguments))
    if (!parameter.isNumber)
      arrays.push_back({argument.data, getByteWidth(parameter.type),
                        static_cast<int64_t>(parameter.sizes.size()),
                        argument.sizes, argument.strides});
  std::optional<Conflict> conflict =
      findConflict(arrays.data(), arrays.size(), numOutputs);
  if (!conflict)
    return Error::success();
  SmallVector<StringRef> names;
  for (const Parameter &parameter : parameters)
    if (!parameter.isNumber)
      names.push_back(parameter.name);
  StringRef written = names[conflict->written];
  const StridedArray &array = arrays[conflict->written];
  if (conflict->other != conflict->written)
    return makeError(ErrorKind::InvalidArgument, "'", written,
                     "': expected memory of its own but got an array that "
                     "shares some with '",
                     names[conflict->other], "'");
  std::string strides;
  raw_string_ostream os(strides);
  interleaveComma(ArrayRef(array.strides, array.rank), os);
  return makeError(ErrorKind::InvalidArgument, "'", written,
                   "': expected elements of their own but got overlapping "
                   "ones, of strides (",
                   strides, ")");
}

namespace {
/// The arguments as the entry takes them: the address of each value, where that
/// of an array is the address of its memref descriptor.
class PackedArguments {
public:
  PackedArguments(ArrayRef<Parameter> parameters,
                  ArrayRef<LaunchArgument> arguments) {
    size_t numWords = 0;
    for (const Parameter &parameter : parameters)
      numWords += 3 + 2 * parameter.sizes.size();
    // Addresses are taken, so nothing may move.
    words.reserve(numWords);
    values.reserve(parameters.size());
    for (size_t index = 0; index < parameters.size(); ++index)
      add(parameters[index], arguments[index]);
  }

  void **get() { return slots.data(); }

private:
  void add(const Parameter &parameter, const LaunchArgument &argument) {
    Value value;
    if (parameter.isNumber && parameter.type == ElementType::I64)
      value.integer = argument.integer;
    else if (parameter.isNumber)
      value.number = argument.number;
    else
      value.descriptor = addDescriptor(parameter, argument);
    values.push_back(value);
    slots.push_back(&values.back());
  }

  intptr_t *addDescriptor(const Parameter &parameter,
                          const LaunchArgument &argument) {
    intptr_t *descriptor = words.end();
    auto address = reinterpret_cast<intptr_t>(argument.data) -
                   parameter.offset * getByteWidth(parameter.type);
    words.append({address, address, static_cast<intptr_t>(parameter.offset)});
    size_t rank = parameter.sizes.size();
    words.append(argument.sizes, argument.sizes + rank);
    words.append(argument.strides, argument.strides + rank);
    return descriptor;
  }

  union Value {
    void *descriptor;
    float number;
    int64_t integer;
  };

  // Enough for a problem.
  SmallVector<intptr_t, 64> words;
  SmallVector<Value, 8> values;
  SmallVector<void *, 8> slots;
};

/// Collects what the simulator says of this thread's launches. There may be one
/// within another, where an interrupt handler launches.
class FaultScope {
public:
  FaultScope() : previous(current) { select(this); }
  ~FaultScope() { select(previous); }
  FaultScope(const FaultScope &) = delete;
  FaultScope &operator=(const FaultScope &) = delete;

  Error takeError() {
    if (faults.empty())
      return Error::success();
    return makeError(ErrorKind::Simulation, "the simulated kernel faulted\n",
                     StringRef(faults).rtrim('\n'));
  }

private:
  static void addFault(const char *report, void *user) {
    static_cast<FaultScope *>(user)->faults += report;
  }

  static void select(FaultScope *scope) {
    current = scope;
    mfaSimSetThreadFaultHandler(scope ? addFault : nullptr, scope);
  }

  static thread_local FaultScope *current;
  FaultScope *previous;
  std::string faults;
};

thread_local FaultScope *FaultScope::current = nullptr;
} // namespace

static Error runChecked(const HostProgram &host, void **arguments) {
  HostCall call;
  if (!call.run(host, arguments))
    return makeError(ErrorKind::RuntimeCheck, call.getMessage());
  return Error::success();
}

namespace {
/// Lists that a run may keep, or null, and how.
struct ListRequest {
  KeptTileLists *lists = nullptr;
  std::vector<int64_t> key;
  bool listsOnly = false;
};
} // namespace

/// Runs the program, with lists of key tiles that are kept in `place`.
static Error runWithLists(const HostProgram &host, void **arguments,
                          const ListRequest &request, const void *place,
                          TileListAllocator allocate,
                          function_ref<Error(Error)> finish) {
  if (!request.lists)
    return finish(runChecked(host, arguments));
  std::vector<int64_t> key = request.key;
  key.push_back(reinterpret_cast<int64_t>(place));
  KeptTileListScope scope(*request.lists, std::move(key), request.listsOnly,
                          allocate);
  Error error = finish(runChecked(host, arguments));
  if (!error)
    scope.commit();
  return error;
}

static Error launchOnGPU(const HostProgram &host, void **arguments, int device,
                         CUstream stream, const ListRequest &request) {
  return runOnDevice(device, [&](const CUDADriver &, CUcontext context) {
    StreamScope streamScope(stream);
    ErrorScope errors;
    auto finish = [&](Error error) -> Error {
      if (!errors.getFirst())
        return error;
      // What the driver refused comes before what it led to.
      consumeError(std::move(error));
      return toError(errors.getFirst());
    };
    return runWithLists(host, arguments, request, context,
                        allocateTileListOnGPU, finish);
  });
}

/// On the CPU or in simulation.
static Error launchOnHost(const HostProgram &host, void **arguments,
                          const ListRequest &request) {
  InterruptScope interrupts(getInterruptHandler(), getInterruptUser());
  FaultScope faults;
  auto finish = [&](Error error) -> Error {
    if (!interrupts.isInterrupted())
      return error ? std::move(error) : faults.takeError();
    // Whatever failed as well has seen a part of the work only.
    consumeError(std::move(error));
    return makeInterruptError();
  };
  return runWithLists(host, arguments, request, /*place=*/nullptr,
                      allocateTileListOnHost, finish);
}

Error Kernel::launch(ArrayRef<LaunchArgument> arguments, int device,
                     CUstream stream, bool distinct) const {
  if (Error error = checkArguments(arguments))
    return error;
  if (!distinct)
    if (Error error = checkOverlap(arguments))
      return error;
  PackedArguments packed(parameters, arguments);
  if (options.target == Target::CUDA)
    return launchOnGPU(*host, packed.get(), device, stream, {});
  return launchOnHost(*host, packed.get(), {});
}

//===----------------------------------------------------------------------===//
// Lists that launches share
//===----------------------------------------------------------------------===//

bool Kernel::mayHaveLists() const {
  // Those of the CPU are a matter of each call.
  return options.target != Target::CPU &&
         (StringRef(schedule).contains("tiles = list") ||
          StringRef(schedule).contains("tiles = auto"));
}

std::vector<int64_t>
Kernel::getListKey(ArrayRef<LaunchArgument> arguments) const {
  std::vector<int64_t> key{number};
  for (auto [parameter, argument] :
       zip_equal(ArrayRef(parameters).drop_back(numOutputs),
                 arguments.drop_back(numOutputs))) {
    if (!parameter.isNumber)
      key.insert(key.end(), argument.sizes,
                 argument.sizes + parameter.sizes.size());
    else if (parameter.type == ElementType::I64)
      key.push_back(argument.integer);
    else
      key.push_back(bit_cast<int32_t>(argument.number));
  }
  return key;
}

Error Kernel::launchWithLists(KeptTileLists &lists, bool listsOnly,
                              ArrayRef<LaunchArgument> arguments, int device,
                              CUstream stream, bool distinct) const {
  if (Error error = checkArguments(arguments))
    return error;
  if (numOutputs == 0)
    return makeError(ErrorKind::InvalidArgument,
                     "expected the kernel of a problem, whose lists of key "
                     "tiles follow from its arguments, but got that of a "
                     "module; launch it without lists");
  if (!distinct)
    if (Error error = checkOverlap(arguments))
      return error;
  ListRequest request;
  if (mayHaveLists())
    request = {&lists, getListKey(arguments), listsOnly};
  else if (listsOnly)
    return Error::success();
  PackedArguments packed(parameters, arguments);
  if (options.target == Target::CUDA)
    return launchOnGPU(*host, packed.get(), device, stream, request);
  return launchOnHost(*host, packed.get(), request);
}

Error Kernel::load(int device) const {
  if (options.target != Target::CUDA)
    return Error::success();
  auto loadAll = [&](const CUDADriver &, CUcontext context) -> Error {
    for (const auto &image : images)
      if (CUDAStatus error = image->load(context))
        return toError(error);
    return Error::success();
  };
  return runOnDevice(device, loadAll);
}

//===----------------------------------------------------------------------===//
// Resources and devices
//===----------------------------------------------------------------------===//

/// The image with the kernel `name`.
static CUDAImage &findImage(const CUDAImages &images, StringRef name) {
  std::string definition = (".entry " + name + "(").str();
  for (const auto &image : images)
    if (StringRef(image->getCode()).contains(definition))
      return *image;
  return *images.front();
}

bool Kernel::hasNewMachineCode() const {
  return any_of(images, [](const auto &image) { return image->hasNewCubin(); });
}

Expected<Resources> Kernel::getResources(unsigned index, int device) const {
  if (images.empty() || index >= functions.size())
    return makeError(ErrorKind::InvalidArgument,
                     "expected the number of a GPU kernel compiled for CUDA, "
                     "of which there are ",
                     images.empty() ? 0 : functions.size(), ", but got ",
                     index);
  Resources resources;
  const std::pair<int, int *> attributes[] = {
      {CU_FUNC_ATTRIBUTE_NUM_REGS, &resources.registers},
      {CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, &resources.localBytes},
      {CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, &resources.staticSharedBytes},
      {CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, &resources.maxThreads}};
  auto ask = [&](const CUDADriver &driver, CUcontext context) -> Error {
    StreamScope stream(nullptr);
    ErrorScope errors;
    const std::string &name = functions[index].name;
    CUDAKernel *kernel = findImage(images, name).getKernel(name.c_str());
    CUDAKernel::Loaded *loaded = kernel->get(context);
    if (!loaded)
      return toError(errors.getFirst());
    for (auto [attribute, value] : attributes)
      if (CUDAStatus error = driver.check(
              "cuFuncGetAttribute",
              driver->cuFuncGetAttribute(value, attribute, loaded->function)))
        return toError(error);
    return Error::success();
  };
  if (Error error = runOnDevice(device, ask))
    return std::move(error);
  return resources;
}

Expected<std::string> mfa::exec::getDeviceChip(int device) {
  Expected<const CUDADriver *> driver = getDriver();
  if (!driver)
    return driver.takeError();
  std::string chip, name;
  if (CUDAStatus error = (*driver)->getChip(device, chip))
    return toError(error);
  if (mlir::mfa::lookupChip(chip + "a"))
    return chip + "a";
  if (mlir::mfa::lookupChip(chip))
    return chip;
  if (CUDAStatus error = (*driver)->getDeviceName(device, name))
    return toError(error);
  return makeError(ErrorKind::Driver,
                   "expected a GPU of one of the "
                   "architectures ",
                   mlir::mfa::getChipNames(), " but GPU ", device, ", ", name,
                   ", is of ", chip);
}
