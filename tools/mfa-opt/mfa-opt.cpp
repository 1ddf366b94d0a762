//===- mfa-opt.cpp - The optimizer driver ---------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/InitAll.h"
#include "mfa/Support/Files.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"

#include <csignal>

using namespace llvm;

/// Prints an error as LLVM's tools do.
static int fail(const Twine &message) {
  WithColor::error(errs(), "mfa-opt") << message << "\n";
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  InitLLVM initializer(argc, argv);
  // A file that may grow no further (ulimit -f) is an error of the write.
  std::signal(SIGXFSZ, SIG_IGN);
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllGPUToLLVMIRTranslations(registry);
  mlir::mfa::registerAllDialects(registry);
  mlir::registerAllPasses();
  mlir::mfa::registerAllPasses();

  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv, "Masked flash attention optimizer driver\n", registry);
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  // What only prints lists.
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::asMainReturnCode(
        mlir::MlirOptMain(argc, argv, input, output, registry));

  // As upstream's main function, but that the output is complete or untouched,
  // and that what cannot be written is an error with the file's name.
  if (input == "-" && sys::Process::StandardInIsUserInput())
    errs() << "(processing input from stdin now, hit ctrl-c/ctrl-d to "
              "interrupt)\n";
  std::string message;
  std::unique_ptr<MemoryBuffer> source = mlir::openInputFile(input, &message);
  if (!source)
    return fail(message);
  Expected<std::unique_ptr<mfa::OutputFile>> file =
      mfa::OutputFile::create(output);
  if (!file)
    return fail(toString(file.takeError()));
  if (failed(mlir::MlirOptMain((*file)->os(), std::move(source), registry,
                               config)))
    return EXIT_FAILURE;
  if (Error error = (*file)->keep())
    return fail(toString(std::move(error)));
  return EXIT_SUCCESS;
}
