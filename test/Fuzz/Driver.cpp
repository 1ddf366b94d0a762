//===- Driver.cpp - Runs a fuzz target ------------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A main program for a fuzz target where there is no libFuzzer, with those of
// its options that it has. It knows nothing of coverage. Inputs run in a child
// process, many of them one after another; one that crashes, takes too long or
// too much memory is kept, and the next child goes on behind it. The same seed
// and corpus give the same inputs.
//
//===----------------------------------------------------------------------===//

#include "Fuzzer.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using Clock = std::chrono::steady_clock;

/// A finding ends the process by a signal, never by an exit: programs that are
/// fuzzed may exit.
extern "C" const char *__asan_default_options() {
  return "abort_on_error=1:handle_abort=1:detect_leaks=0";
}
extern "C" const char *__ubsan_default_options() {
  return "abort_on_error=1:print_stacktrace=1";
}

namespace {

constexpr size_t kMaxSize = 1 << 20;
/// Inputs that one child runs.
constexpr uint64_t kInputsOfChild = 200;
constexpr size_t kMostFindings = 20;

struct Options {
  unsigned seed = 1;
  uint64_t runs = UINT64_MAX;
  double maxTotalTime = 0;
  double timeout = 120;
  uint64_t rssLimit = 4096;
  std::string artifactPrefix = "./";
  std::string known;
  std::vector<std::string> inputs;
};

/// What parent and child share: the input that runs now.
struct Current {
  uint64_t number;
  size_t size;
  uint8_t data[kMaxSize];
};

[[noreturn]] void die(const std::string &text) {
  fprintf(stderr, "error: %s\n", text.c_str());
  exit(2);
}

template <typename T>
bool parse(const char *arg, const char *name, T &value) {
  size_t length = strlen(name);
  if (strncmp(arg, name, length) != 0 || arg[length] != '=')
    return false;
  const char *text = arg + length + 1;
  if constexpr (std::is_same_v<T, std::string>) {
    value = text;
  } else {
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (!*text || *end || errno || !(number >= 0) || number > 4e9)
      die(std::string(name) + ": expected a number but got '" + text + "'");
    value = static_cast<T>(number);
  }
  return true;
}

Options parseOptions(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const char *arg = argv[i];
    if (parse(arg, "-seed", options.seed) ||
        parse(arg, "-runs", options.runs) ||
        parse(arg, "-max_total_time", options.maxTotalTime) ||
        parse(arg, "-timeout", options.timeout) ||
        parse(arg, "-rss_limit_mb", options.rssLimit) ||
        parse(arg, "-artifact_prefix", options.artifactPrefix) ||
        parse(arg, "-known", options.known))
      continue;
    if (*arg == '-')
      die("expected -seed, -runs, -max_total_time, -timeout, -rss_limit_mb, "
          "-artifact_prefix or -known, each with =VALUE, or files and folders "
          "but got '" +
          std::string(arg) + "'");
    options.inputs.push_back(arg);
  }
  return options;
}

std::string read(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    die("cannot read '" + path.string() + "'");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The files of the folders, in an order that does not depend on the machine.
std::vector<std::string> readCorpus(const std::vector<std::string> &folders) {
  std::vector<std::filesystem::path> paths;
  for (const std::string &folder : folders)
    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && entry.path().extension() != ".py")
        paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const std::filesystem::path &path : paths)
    if (std::string text = read(path); text.size() < kMaxSize / 2)
      corpus.push_back(std::move(text));
  if (corpus.empty())
    corpus.emplace_back();
  return corpus;
}

/// The lines of a file but empty ones and comments; none without a file.
std::vector<std::string> readLines(const std::string &path) {
  std::vector<std::string> lines;
  if (path.empty())
    return lines;
  std::istringstream text(read(path));
  for (std::string line; std::getline(text, line);)
    if (!line.empty() && line.front() != '#')
      lines.push_back(line);
  return lines;
}

/// Whether a report has all texts of a line, which stand between " && ", but
/// those behind a "!", of which it has none.
bool matches(const std::string &report, const std::string &line) {
  const std::string mark = " && ";
  for (size_t begin = 0; begin < line.size();) {
    size_t end = std::min(line.find(mark, begin), line.size());
    bool isWanted = line[begin] != '!';
    std::string text =
        line.substr(begin + !isWanted, end - begin - size_t(!isWanted));
    if ((report.find(text) != std::string::npos) != isWanted)
      return false;
    begin = end + mark.size();
  }
  return true;
}

class Driver {
public:
  explicit Driver(Options newOptions)
      : options(std::move(newOptions)), corpus(readCorpus(options.inputs)),
        known(readLines(options.known)) {
    void *memory = mmap(nullptr, sizeof(Current), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    log = tmpfile();
    if (memory == MAP_FAILED || !log)
      die("no memory or no temporary file");
    current = static_cast<Current *>(memory);
  }

  int run();

private:
  void make(uint64_t number);
  [[noreturn]] void runChild(uint64_t begin, uint64_t end);
  void watch(pid_t child);
  std::string getReport();
  void keep(const std::string &what);
  bool isOver() const {
    return options.maxTotalTime &&
           std::chrono::duration<double>(Clock::now() - start).count() >
               options.maxTotalTime;
  }

  Options options;
  std::vector<std::string> corpus;
  /// Lines that reports match which are no findings.
  std::vector<std::string> known;
  Current *current = nullptr;
  FILE *log = nullptr;
  Clock::time_point start = Clock::now();
  size_t findings = 0;
  size_t knownFindings = 0;
};

/// Makes input `number`.
void Driver::make(uint64_t number) {
  mfa::fuzz::Random random(uint64_t(options.seed) << 32 ^ number);
  const std::string &parent = random.pick(corpus);
  std::copy(parent.begin(), parent.end(), current->data);
  current->size = LLVMFuzzerCustomMutator(current->data, parent.size(),
                                          kMaxSize, random.below(UINT32_MAX));
  current->number = number;
}

void Driver::runChild(uint64_t begin, uint64_t end) {
  int file = fileno(log);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  for (uint64_t number = begin; number < end; ++number) {
    fflush(stdout);
    if (ftruncate(file, 0) == 0)
      lseek(file, 0, SEEK_SET);
    make(number);
    LLVMFuzzerTestOneInput(current->data, current->size);
  }
  _exit(0);
}

/// Resident memory of a process in MiB, or 0.
uint64_t getMemory(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE) >> 20;
}

/// Processor time of a process in seconds, or 0.
double getProcessorTime(pid_t process) {
  clockid_t clock;
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 ||
      clock_gettime(clock, &time) != 0)
    return 0;
  return time.tv_sec + time.tv_nsec * 1e-9;
}

/// Waits for a child to end, or ends it.
void Driver::watch(pid_t child) {
  uint64_t number = current->number;
  // On a busy machine an input that computes has longer; one that waits for
  // something has not for ever.
  constexpr double kMostWaiting = 10;
  Clock::time_point begin = Clock::now();
  double beginOfWork = 0;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::string what;
    if (current->number != number) {
      number = current->number;
      begin = Clock::now();
      beginOfWork = getProcessorTime(child);
    } else {
      std::chrono::duration<double> passed = Clock::now() - begin;
      double worked = getProcessorTime(child) - beginOfWork;
      if (worked > options.timeout ||
          passed.count() > kMostWaiting * options.timeout)
        what = "timeout";
    }
    if (getMemory(child) > options.rssLimit)
      what = "memory";
    if (what.empty() && !isOver())
      continue;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    if (!what.empty())
      keep(what);
    return;
  }
  if (WIFSIGNALED(status))
    keep("crash");
}

/// What the child printed since the current input began: from the beginning of
/// the first report, if there is one, else the end.
std::string Driver::getReport() {
  rewind(log);
  std::string text;
  char part[4096];
  while (size_t bytes = fread(part, 1, sizeof(part), log))
    text.append(part, bytes);
  constexpr size_t kMostBytes = 20000;
  size_t begin = std::min({text.find("ERROR"), text.find("runtime error: "),
                           text.find("Assertion")});
  if (begin == std::string::npos)
    begin = text.size() - std::min(text.size(), kMostBytes);
  else
    begin = text.rfind('\n', begin) + 1;
  return text.substr(begin, kMostBytes);
}

/// Keeps the current input and shows the report, unless it is a known one.
void Driver::keep(const std::string &what) {
  std::string report = getReport();
  for (const std::string &line : known)
    if (matches(report, line)) {
      ++knownFindings;
      return;
    }
  ++findings;
  std::string path = options.artifactPrefix + what + "-" +
                     std::to_string(options.seed) + "-" +
                     std::to_string(current->number);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<char *>(current->data), current->size);
  printf("%s: seed %u, input %llu, kept in %s\n%s\n", what.c_str(),
         options.seed, static_cast<unsigned long long>(current->number),
         path.c_str(), report.c_str());
  fflush(stdout);
}

int Driver::run() {
  uint64_t next = 0;
  while (next < options.runs && !isOver() && findings < kMostFindings) {
    uint64_t end = next + std::min(kInputsOfChild, options.runs - next);
    current->number = next;
    current->size = 0;
    fflush(nullptr);
    pid_t child = fork();
    if (child < 0)
      die("cannot start a process");
    if (child == 0)
      runChild(next, end);
    watch(child);
    // A program that exits by itself ends the child.
    next = current->number + 1;
  }
  printf("seed %u: %llu inputs, %zu findings, %zu known ones\n", options.seed,
         static_cast<unsigned long long>(next), findings, knownFindings);
  return findings ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options = parseOptions(argc, argv);
  // A target may change the folder.
  options.artifactPrefix =
      std::filesystem::absolute(options.artifactPrefix).string();
  // Files are inputs of earlier runs, folders a corpus.
  if (!options.inputs.empty() &&
      !std::filesystem::is_directory(options.inputs.front())) {
    std::vector<std::string> texts;
    for (const std::string &path : options.inputs)
      texts.push_back(read(path));
    LLVMFuzzerInitialize(&argc, &argv);
    for (const std::string &text : texts)
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(text.data()),
                             text.size());
    return 0;
  }
  if (options.runs == UINT64_MAX && !options.maxTotalTime)
    options.runs = 1000;
  Driver driver(std::move(options));
  LLVMFuzzerInitialize(&argc, &argv);
  return driver.run();
}
