//===- linalg-run.cpp - A compiler that finds attention and runs it -------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Takes a program of linalg on tensors as torch-mlir writes it, in which
// attention is a dozen ops, and runs it twice on the same random arguments: as
// it is, and with what mfa-raise-attention finds in it. Both results are
// compared.
//
//   linalg-run PROGRAM [cpu|sim]
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Execution/Kernel.h"
#include "mfa/Execution/Stages.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <cmath>
#include <random>

using namespace mlir;
namespace exec = ::mfa::exec;
using exec::ElementType;
using exec::Kernel;
using exec::Target;

static constexpr double kTolerance = 1e-5;

/// Makes the module a program of memrefs whose results are its last arguments,
/// as a launch takes it. This is upstream's; an embedding compiler has its own.
static void addBuffers(OpPassManager &pm) {
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  bufferization::BufferResultsToOutParamsPassOptions results;
  results.modifyPublicFunctions = true;
  pm.addPass(bufferization::createBufferResultsToOutParamsPass(results));
}

/// Compiles the program, raised or as it is. What is wrong has been printed.
static std::unique_ptr<Kernel> compile(StringRef path, bool raises,
                                       Target target) {
  DialectRegistry registry;
  exec::registerDialects(registry);
  MLIRContext context(registry);
  auto module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return nullptr;

  PassManager raising(&context);
  if (raises)
    raising.addPass(mlir::mfa::createMFARaiseAttentionPass());
  raising.addPass(createCanonicalizerPass());
  if (failed(raising.run(*module)))
    return nullptr;
  if (raises) {
    bool isFound = false;
    AsmState names(module->getOperation());
    module->walk([&](mlir::mfa::MaskedAttentionOp op) {
      op->print(llvm::outs(), names);
      llvm::outs() << "\n";
      isFound = true;
    });
    if (!isFound) {
      llvm::errs() << "error: no attention was found; mfa-opt "
                      "--mfa-raise-report says why\n";
      return nullptr;
    }
  }

  PassManager lowering(&context);
  addBuffers(lowering);
  if (failed(lowering.run(*module)))
    return nullptr;
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  exec::Options options;
  options.target = target;
  auto kernel = Kernel::compile(text, /*entry=*/"", options);
  if (kernel)
    return std::move(*kernel);
  llvm::errs() << "error: " << llvm::toString(kernel.takeError()) << "\n";
  return nullptr;
}

namespace {
/// The arguments of a launch, with their memory.
class Arguments {
public:
  /// Fails for what no random number can be made for.
  bool add(const exec::Parameter &parameter, std::mt19937 &random) {
    int64_t count = 1;
    for (int64_t size : parameter.sizes)
      count *= size;
    if (parameter.isNumber || count < 0)
      return false;
    std::vector<char> &bytes = memory.emplace_back();
    if (parameter.type == ElementType::I1) {
      bytes.assign(count, 1);
    } else if (parameter.type == ElementType::F32) {
      bytes.resize(count * sizeof(float));
      std::normal_distribution<float> normal;
      float *numbers = reinterpret_cast<float *>(bytes.data());
      std::generate_n(numbers, count, [&] { return normal(random); });
    } else {
      return false;
    }
    values.push_back({bytes.data(), parameter.sizes.data(),
                      parameter.strides.data(), /*number=*/0, /*integer=*/0});
    return true;
  }

  ArrayRef<exec::LaunchArgument> getValues() const { return values; }
  /// The last argument, which holds the result.
  ArrayRef<float> getResult() const {
    const std::vector<char> &bytes = memory.back();
    return {reinterpret_cast<const float *>(bytes.data()),
            bytes.size() / sizeof(float)};
  }

private:
  std::vector<std::vector<char>> memory;
  std::vector<exec::LaunchArgument> values;
};
} // namespace

/// Launches the kernel on numbers that are the same for each. Returns false
/// where that fails, with what is wrong printed.
static bool run(const Kernel &kernel, Arguments &arguments) {
  std::mt19937 random(0);
  for (const exec::Parameter &parameter : kernel.getParameters())
    if (!arguments.add(parameter, random)) {
      llvm::errs() << "error: " << parameter.name
                   << ": expected an array of f32 or i1 of known sizes\n";
      return false;
    }
  if (auto error = kernel.launch(arguments.getValues(), /*device=*/-1,
                                 /*stream=*/nullptr)) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
    return false;
  }
  return true;
}

int main(int argc, char **argv) {
  StringRef name = argc == 3 ? argv[2] : "cpu";
  if (argc < 2 || argc > 3 || (name != "cpu" && name != "sim")) {
    llvm::errs() << "usage: linalg-run PROGRAM [cpu|sim]\n";
    return 1;
  }
  Target target = name == "cpu" ? Target::CPU : Target::Sim;
  auto plain = compile(argv[1], /*raises=*/false, Target::CPU);
  auto raised = plain ? compile(argv[1], /*raises=*/true, target) : nullptr;
  Arguments expected, actual;
  if (!raised || !run(*plain, expected) || !run(*raised, actual))
    return 1;
  double difference = 0;
  for (auto [x, y] : llvm::zip_equal(expected.getResult(), actual.getResult()))
    // Not by std::max, which would let NaN pass.
    if (double each = std::abs(x - y); !(each <= difference))
      difference = each;
  llvm::outs() << "largest difference on " << name << ": " << difference
               << "\n";
  return difference <= kTolerance ? 0 : 1;
}
