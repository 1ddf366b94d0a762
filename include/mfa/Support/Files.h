//===- Files.h - Files that tools read and write ----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_SUPPORT_FILES_H
#define MFA_SUPPORT_FILES_H

#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <optional>
#include <string>

namespace mfa {

/// Reads a file, or a pipe to its end. An error is the reason alone: what
/// cannot be opened, a device (it has no end), more bytes than memory.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(llvm::StringRef path);

/// A file of results that is complete or untouched: what is written goes to a
/// temporary file in the same folder, which `keep` moves into place. Without
/// `keep`, nothing is left behind, nor where a signal ends the process.
///
/// `-` is standard output. A device or pipe is written in place. A symbolic
/// link stays, and what it leads to is written. A file that is there already
/// keeps its permissions, and is an error where these forbid writing.
///
/// Every error is `cannot write 'path': reason`.
class OutputFile {
public:
  /// Error where `path` cannot be written, as far as that can be known before.
  static llvm::Error check(llvm::StringRef path);

  static llvm::Expected<std::unique_ptr<OutputFile>>
  create(llvm::StringRef path);
  ~OutputFile();

  llvm::raw_ostream &os() { return *stream; }

  /// Writes all of the file; error if anything was lost. After it, no more may
  /// be written, and `keep` fails only for reasons that have nothing to do with
  /// the room there is: several files are finished before any is kept.
  llvm::Error finish();
  /// Finishes the file and moves it into place.
  llvm::Error keep();

private:
  explicit OutputFile(llvm::StringRef path) : path(path) {}

  llvm::Error makeError(std::error_code error) const;
  /// Opens the temporary file, for a target that is there if `permissions` are.
  std::error_code openTemporary(std::optional<llvm::sys::fs::perms> permissions,
                                int &descriptor);

  /// As the user named it.
  std::string path;
  /// Where `temporary` is moved to; both empty for what is written in place.
  std::string target, temporary;
  /// Null for standard output, and when the file is finished.
  std::unique_ptr<llvm::raw_fd_ostream> ownStream;
  llvm::raw_fd_ostream *stream = nullptr;
};

/// Writes a file, as OutputFile does.
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<void(llvm::raw_ostream &)> write);

/// Writes all that is buffered for standard output; error if anything written
/// to it so far was lost. To be called once, at the end: what is written later
/// is not looked at.
llvm::Error finishStandardOutput();

/// True if both paths lead to the same file, whether it exists or not. Devices
/// and pipes are like no other.
bool isSameFile(llvm::StringRef first, llvm::StringRef second);

/// True if `path` leads to where standard output goes, unless that is a device.
bool isStandardOutput(llvm::StringRef path);

} // namespace mfa

#endif // MFA_SUPPORT_FILES_H
