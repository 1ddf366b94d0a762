//===- Kernel.h - Compile and launch programs -------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is a program compiled for a target, ready to be launched by the
// program that embeds it. mfa-c/Kernel.h is the same for C. All of it may be
// used by any number of threads at once.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_EXECUTION_KERNEL_H
#define MFA_EXECUTION_KERNEL_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Execution/HostCode.h"
#include "mfa/Runtime/CUDAImage.h"
#include "mfa/Runtime/ElementType.h"
#include "mfa/Runtime/Interrupt.h"
#include "mfa/Runtime/KeptTileLists.h"
#include "mlir/IR/OwningOpRef.h"
#include <optional>

namespace mfa::exec {

using runtime::ElementType;

enum class ErrorKind {
  InvalidArgument,
  Compilation,
  RuntimeCheck,
  Driver,
  Simulation,
  Serialization,
  Interrupted
};

/// An error with what it is about; see mfa-c/Support.h for the kinds.
class KernelError : public llvm::ErrorInfo<KernelError> {
public:
  // NOLINTNEXTLINE(readability-identifier-naming): llvm::ErrorInfo names it.
  static char ID;

  KernelError(ErrorKind kind, std::string message)
      : kind(kind), text(std::move(message)) {}

  ErrorKind getKind() const { return kind; }
  void log(llvm::raw_ostream &os) const override { os << text; }
  std::string message() const override { return text; }
  std::error_code convertToErrorCode() const override {
    return llvm::inconvertibleErrorCode();
  }

private:
  ErrorKind kind;
  std::string text;
};

/// A KernelError made of the text of all arguments.
template <typename... Args>
llvm::Error makeError(ErrorKind kind, const Args &...args) {
  std::string message;
  llvm::raw_string_ostream os(message);
  (os << ... << args);
  return llvm::make_error<KernelError>(kind, message);
}

/// Dimensions of a mask, as bits.
enum MaskDims : unsigned {
  MaskBatch = 1 << 0,
  MaskHeads = 1 << 1,
  MaskQueries = 1 << 2,
  MaskKeys = 1 << 3,
};

/// All of a masked attention that changes its code: batch, other lengths, heads
/// and strides are arguments of a launch.
struct Problem {
  ElementType type = ElementType::F16;
  int64_t headDim = 0, valueDim = 0;
  /// Sq where the code knows it, which it makes use of when there are few
  /// queries; 0 where launches say it.
  int64_t numQueries = 0;
  /// 0 (no mask), 3 or 4.
  int64_t maskRank = 0;
  ElementType maskType = ElementType::F16;
  /// MaskDims in which the mask has size 1 and is broadcast.
  unsigned maskBroadcast = 0;
  /// The last stride of the mask is 1 in the code.
  bool maskUnitStride = false;
  /// A scale that is known; 1/sqrt(headDim) without.
  std::optional<float> scale;
  /// The scale is an argument of every launch.
  bool scaleIsArgument = false;
  bool lse = false;
  /// An array [H] of f32 is an argument of every launch.
  bool sinks = false;
  /// The regions as MLIR text; see MfaProblem::rules.
  std::string rules;
  /// See MfaProblem::groupedHeads.
  bool groupedHeads = false;
};

enum class Target { CPU, Sim, CUDA };

struct Options {
  Target target = Target::CPU;
  /// Empty: the architecture of GPU 0 for CUDA, or sm_80.
  std::string chip;
  mlir::mfa::F32Product f32Product = mlir::mfa::F32Product::TF32x3;
  /// `#mfa.schedule<...>`, for problems only; empty to select one.
  std::string schedule;
  mlir::mfa::TileLists tileLists = mlir::mfa::TileLists::Rules;
  /// File of the table that schedules of GPU kernels are selected from; empty
  /// for the one that is built in.
  std::string schedules;
  /// With target CPU: an architecture. The program counts the tiles of keys
  /// that kernels for it visit, and computes nothing (mfa-count-key-tiles).
  std::string countTilesFor;
};

/// A parameter of the entry function.
struct Parameter {
  std::string name;
  /// A number: an f32, or an index where `type` is I64.
  bool isNumber = false;
  ElementType type = ElementType::F32;
  /// ShapedType::kDynamic where a launch says them.
  llvm::SmallVector<int64_t, 4> sizes, strides;
  /// The elements lie in row-major order without gaps.
  bool isContiguous = false;
  /// Elements between the address that the code takes and element 0.
  int64_t offset = 0;
};

/// A GPU kernel of the program; -1 for what is not constant.
struct GPUFunction {
  std::string name;
  int64_t threads = -1, dynamicSharedBytes = -1;
};

/// What the driver says of a GPU kernel; see MfaResources.
struct Resources {
  int registers = 0, localBytes = 0, staticSharedBytes = 0, maxThreads = 0;
};

/// The value of a parameter; strides count elements.
struct LaunchArgument {
  void *data;
  const int64_t *sizes, *strides;
  float number;
  int64_t integer;
};

/// A compiled program.
class Kernel {
public:
  /// Compiles a masked attention; its parameters are those of the op.
  static llvm::Expected<std::unique_ptr<Kernel>>
  compile(const Problem &problem, const Options &options);

  /// Compiles function `entry` (if empty: the only public one) of a module as
  /// text or bytecode.
  static llvm::Expected<std::unique_ptr<Kernel>>
  compile(llvm::StringRef source, llvm::StringRef entry,
          const Options &options);

  /// Makes a kernel of the bytes that `serialize` gave, which hold code: they
  /// are from someone that is trusted. What is damaged is an error.
  static llvm::Expected<std::unique_ptr<Kernel>>
  deserialize(llvm::StringRef bytes);
  std::string serialize() const;

  /// True where the driver has compiled PTX since `serialize` was last called:
  /// serialized again, the kernel has that machine code, too.
  bool hasNewMachineCode() const;

  Kernel(const Kernel &) = delete;
  Kernel &operator=(const Kernel &) = delete;
  ~Kernel();

  const Options &getOptions() const { return options; }

  /// Names of the stages that `printStage` can print.
  llvm::ArrayRef<llvm::StringRef> getStages() const;
  llvm::Error printStage(llvm::StringRef stage, llvm::raw_ostream &os) const;

  /// Schedules of the program's ops, one a line.
  llvm::StringRef getSchedule() const { return schedule; }
  llvm::ArrayRef<GPUFunction> getFunctions() const { return functions; }
  /// PTX of all GPU kernels as one text, followed by a zero byte.
  llvm::StringRef getPTX() const { return ptx; }
  /// Machine code of the GPU kernels, by the driver or else by ptxas.
  llvm::Expected<std::string> getCubin() const;
  llvm::Expected<Resources> getResources(unsigned index, int device) const;

  /// False where the entry has results or parameters that no launch can give.
  bool isLaunchable() const { return host->hasEntry(); }
  llvm::ArrayRef<Parameter> getParameters() const { return parameters; }

  /// Runs the kernel: at once on the CPU and in simulation, in `stream` for
  /// CUDA. An output of a problem that shares memory with another argument, or
  /// within, is an error before anything runs, unless outputs are known to be
  /// `distinct`. `device` is the GPU whose
  /// primary context is used, -1 for the current context.
  llvm::Error launch(llvm::ArrayRef<LaunchArgument> arguments, int device,
                     runtime::CUstream stream, bool distinct = false) const;

  /// The same of a problem, with lists of key tiles that launches with the same
  /// mask and the same captures share. With `listsOnly` a list is made where
  /// there is none, and nothing else is done.
  llvm::Error launchWithLists(runtime::KeptTileLists &lists, bool listsOnly,
                              llvm::ArrayRef<LaunchArgument> arguments,
                              int device, runtime::CUstream stream,
                              bool distinct = false) const;

  /// Loads all GPU kernels into a context. Without, each is loaded when it is
  /// first launched there.
  llvm::Error load(int device) const;

private:
  class Compiler;

  Kernel() = default;

  /// Links the object code: what a compiled and a deserialized kernel have in
  /// common.
  llvm::Error link();
  /// All but the code, as bytes, and their hash, which the code contains.
  std::string serializeDescription() const;
  uint64_t getDigest() const;
  llvm::Error checkArguments(llvm::ArrayRef<LaunchArgument> arguments) const;
  llvm::Error checkOverlap(llvm::ArrayRef<LaunchArgument> arguments) const;
  /// Whether the schedule may ask for a list of key tiles.
  bool mayHaveLists() const;
  /// All of a launch that the list of this kernel depends on, but for contents.
  std::vector<int64_t>
  getListKey(llvm::ArrayRef<LaunchArgument> arguments) const;

  Options options;
  /// The program as it was given, for `printStage`.
  std::string source, entry;
  std::vector<Parameter> parameters;
  /// How many of the last parameters are arrays that a problem writes, and that
  /// share memory with no other. Of a module that is not known: 0.
  size_t numOutputs = 0;
  std::string schedule, ptx;
  std::vector<GPUFunction> functions;
  /// Host code, with the device code inside.
  std::string object;
  runtime::CUDAImages images;
  std::unique_ptr<HostProgram> host;
  /// No other kernel of the process has it.
  int64_t number = 0;
};

/// Sets what the threads that compile, run kernels on the CPU and simulate them
/// ask about every 50 ms; null for nothing. Where it returns true, the call
/// ends with an error of kind Interrupted. Not to be set while others are in a
/// call.
void setInterruptHandler(runtime::InterruptHandler handler, void *user);

/// A text that differs between any two builds of the compiler, and between
/// machines with different CPUs.
llvm::StringRef getCompilerId();

/// Architecture of a GPU as Options::chip takes it: with the features that only
/// it has, where kernels can be compiled for them (`sm_90a`).
llvm::Expected<std::string> getDeviceChip(int device);

} // namespace mfa::exec

#endif // MFA_EXECUTION_KERNEL_H
