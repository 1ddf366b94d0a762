//===- Folder.h - A temporary folder of a fuzz target -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_TEST_FUZZ_FOLDER_H
#define MFA_TEST_FUZZ_FOLDER_H

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

namespace mfa::fuzz {

/// An empty folder until the process that made it ends.
class Folder {
public:
  Folder() : owner(llvm::sys::Process::getProcessId()) {
    if (llvm::sys::fs::createUniqueDirectory("mfa-fuzz", path))
      std::abort();
  }
  ~Folder() {
    if (llvm::sys::Process::getProcessId() == owner)
      llvm::sys::fs::remove_directories(path);
  }

  llvm::StringRef getPath() const { return path; }
  std::string getFile(llvm::StringRef name) const {
    return (path + "/" + name).str();
  }

  /// Writes a file; returns its path.
  std::string write(llvm::StringRef name, llvm::StringRef text) const {
    std::string file = getFile(name);
    std::error_code error;
    llvm::raw_fd_ostream os(file, error);
    if (error)
      std::abort();
    os << text;
    return file;
  }

private:
  llvm::SmallString<64> path;
  llvm::sys::Process::Pid owner;
};

} // namespace mfa::fuzz

#endif // MFA_TEST_FUZZ_FOLDER_H
