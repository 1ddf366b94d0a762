//===- Files.cpp - Files that tools read and write ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Support/Files.h"
#include "mfa/Support/Memory.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

#include <filesystem>
#include <unistd.h>

using namespace llvm;
using namespace mfa;
namespace fs = llvm::sys::fs;

//===----------------------------------------------------------------------===//
// Paths
//===----------------------------------------------------------------------===//

/// Where a symbolic link leads to, whether there is something or not; any other
/// path itself.
static std::string followLinks(StringRef path) {
  namespace stdfs = std::filesystem;
  // As many as Linux follows.
  constexpr int maxLinks = 40;
  stdfs::path target(path.str());
  for (int count = 0; count < maxLinks; ++count) {
    std::error_code error;
    if (!stdfs::is_symlink(stdfs::symlink_status(target, error)))
      break;
    stdfs::path next = stdfs::read_symlink(target, error);
    if (error)
      break;
    target = target.parent_path() / next;
  }
  return target.string();
}

/// The folder of a file.
static StringRef getFolder(StringRef path) {
  StringRef folder = sys::path::parent_path(path);
  return folder.empty() ? "." : folder;
}

static bool isInPlace(const fs::file_status &status) {
  return fs::exists(status) && !fs::is_regular_file(status);
}

bool mfa::isSameFile(StringRef first, StringRef second) {
  fs::file_status status;
  if (!fs::status(first, status) && isInPlace(status))
    return false;
  if (fs::equivalent(first, second))
    return true;
  // Files that are not there yet: their folders and names.
  std::string firstTarget = followLinks(first),
              secondTarget = followLinks(second);
  return sys::path::filename(firstTarget) ==
             sys::path::filename(secondTarget) &&
         fs::equivalent(getFolder(firstTarget), getFolder(secondTarget));
}

/// True if `path` leads to what `descriptor` is open for, unless to a device.
static bool leadsTo(StringRef path, int descriptor) {
  fs::file_status file, opened;
  if (fs::status(path, file) || fs::status(descriptor, opened) ||
      opened.type() == fs::file_type::character_file)
    return false;
  return fs::exists(opened) && fs::equivalent(file, opened);
}

bool mfa::isStandardOutput(StringRef path) {
  return path == "-" || leadsTo(path, STDOUT_FILENO);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<MemoryBuffer>> mfa::readFile(StringRef path) {
  fs::file_status status;
  if (std::error_code error = fs::status(path, status))
    return createStringError(error.message());
  if (status.type() == fs::file_type::directory_file)
    return createStringError("it is a directory");
  bool isPipe = status.type() == fs::file_type::fifo_file ||
                status.type() == fs::file_type::socket_file;
  if (status.type() != fs::file_type::regular_file && !isPipe)
    return createStringError("expected a file or a pipe but got a device");
  // The other end of such a pipe is this process, which would wait for itself.
  if (isPipe && (leadsTo(path, STDOUT_FILENO) || leadsTo(path, STDERR_FILENO)))
    return createStringError("expected an input but got an output");
  if (!isPipe)
    if (Error error = checkMemory("the file", status.getSize()))
      return std::move(error);
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer =
      MemoryBuffer::getFile(path, /*IsText=*/false,
                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(buffer.getError().message());
  return std::move(*buffer);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Error makeWriteError(StringRef path, const Twine &reason) {
  if (path == "-")
    return createStringError("cannot write standard output: " + reason);
  return createStringError("cannot write '" + path + "': " + reason);
}

Error OutputFile::makeError(std::error_code error) const {
  return makeWriteError(path, error.message());
}

Error OutputFile::check(StringRef path) {
  if (path == "-")
    return Error::success();
  fs::file_status status;
  std::error_code missing = fs::status(path, status);
  if (fs::is_directory(status))
    return makeWriteError(path, "it is a directory");
  if (missing && missing != std::errc::no_such_file_or_directory &&
      missing != std::errc::not_a_directory)
    return makeWriteError(path, missing.message());
  if (!missing)
    if (std::error_code error = fs::access(path, fs::AccessMode::Write))
      return makeWriteError(path, error.message());
  if (isInPlace(status))
    return Error::success();
  std::string target = followLinks(path);
  StringRef folder = getFolder(target);
  if (!fs::is_directory(folder))
    return makeWriteError(path, "no folder '" + folder + "'");
  if (std::error_code error = fs::access(folder, fs::AccessMode::Write))
    return makeWriteError(path, error.message());
  return Error::success();
}

std::error_code OutputFile::openTemporary(std::optional<fs::perms> permissions,
                                          int &descriptor) {
  // Hidden, short, and not made of the target's name, which may be as long as
  // names can be.
  std::string prefix = (getFolder(target) + "/.mfa-" +
                        Twine(static_cast<int64_t>(::getpid())) + "-")
                           .str();
  std::error_code error;
  for (int number = 0; temporary.empty(); ++number) {
    std::string name = prefix + std::to_string(number);
    error = fs::openFileForReadWrite(name, descriptor, fs::CD_CreateNew,
                                     fs::OF_None);
    if (error == std::errc::file_exists)
      continue;
    if (error)
      return error;
    temporary = name;
  }
  sys::RemoveFileOnSignal(temporary);
  // Not every file system has permissions to keep.
  if (permissions)
    fs::setPermissions(descriptor, *permissions);
  return {};
}

Expected<std::unique_ptr<OutputFile>> OutputFile::create(StringRef path) {
  if (Error error = check(path))
    return std::move(error);
  std::unique_ptr<OutputFile> file(new OutputFile(path));
  if (isStandardOutput(path)) {
    file->stream = &outs();
    return file;
  }

  fs::file_status status;
  bool exists = !fs::status(path, status);
  std::string target = followLinks(path);
  int descriptor;
  std::error_code error;
  // A link of /proc may lead to a file that has no name any more.
  if (isInPlace(status) || (exists && !fs::equivalent(path, target))) {
    error = fs::openFileForWrite(path, descriptor, fs::CD_OpenExisting,
                                 fs::OF_None);
  } else {
    file->target = target;
    std::optional<fs::perms> permissions;
    if (exists)
      permissions = status.permissions();
    error = file->openTemporary(permissions, descriptor);
  }
  if (error)
    return file->makeError(error);
  file->ownStream =
      std::make_unique<raw_fd_ostream>(descriptor, /*shouldClose=*/true);
  file->stream = file->ownStream.get();
  return file;
}

OutputFile::~OutputFile() {
  // A stream must not go with an error that no one has seen.
  consumeError(finish());
  if (temporary.empty())
    return;
  fs::remove(temporary);
  sys::DontRemoveFileOnSignal(temporary);
}

/// The first error of a stream, which forgets it.
static std::error_code takeError(raw_fd_ostream &stream) {
  std::error_code error = stream.error();
  stream.clear_error();
  return error;
}

/// Writes what is buffered for standard output, which stays open.
static std::error_code flushStandardOutput() {
  outs().flush();
  if (std::error_code error = takeError(outs()))
    return error;
  // A file system may find only when a descriptor is closed that there is no
  // room.
  int copy = ::dup(STDOUT_FILENO);
  if (copy >= 0 && ::close(copy) != 0)
    return std::error_code(errno, std::generic_category());
  return {};
}

Error OutputFile::finish() {
  std::error_code error;
  if (stream == &outs()) {
    error = flushStandardOutput();
  } else if (ownStream) {
    ownStream->close();
    error = takeError(*ownStream);
    ownStream.reset();
  }
  stream = nullptr;
  return error ? makeError(error) : Error::success();
}

Error OutputFile::keep() {
  if (Error error = finish())
    return error;
  if (temporary.empty())
    return Error::success();
  if (std::error_code error = fs::rename(temporary, target))
    return makeError(error);
  sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return Error::success();
}

Error mfa::writeFile(StringRef path, function_ref<void(raw_ostream &)> write) {
  Expected<std::unique_ptr<OutputFile>> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  write((*file)->os());
  return (*file)->keep();
}

Error mfa::finishStandardOutput() {
  if (std::error_code error = flushStandardOutput())
    return makeWriteError("-", error.message());
  return Error::success();
}
