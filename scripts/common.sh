# shellcheck shell=bash
# Set-up shared by the scripts: packages, configuration and build.
#
# Sourced by bash with `set -euo pipefail`. Everything here may run again at any
# time and does only what is missing.

MFA_SOURCE_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
MFA_BUILD_DIR="${MFA_BUILD_DIR:-$MFA_SOURCE_DIR/build}"
LLVM_MAJOR=22

# A compiled header changes nothing but its time stamp from build to build, and
# two clones of the sources compile the same objects.
export CCACHE_SLOPPINESS="${CCACHE_SLOPPINESS:-pch_defines,time_macros}"
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$MFA_SOURCE_DIR}"
export CCACHE_NOHASHDIR=1

# Packages of Debian 12, by what needs them.
MFA_PACKAGES=(
  # to configure and compile
  cmake ninja-build g++ ccache git python3
  # LLVM and MLIR
  "llvm-$LLVM_MAJOR-dev" "llvm-$LLVM_MAJOR-tools"
  "libmlir-$LLVM_MAJOR-dev" "mlir-$LLVM_MAJOR-tools"
  # to link a self-contained executable
  libzstd-dev zlib1g-dev
  # fibers of the simulator
  libboost-context-dev
  # what the micro-tests of the simulator expect
  python3-numpy
)

# step TEXT: announces what comes next, with the time since the start.
step() {
  printf '\n== [%3ds] %s\n' "$SECONDS" "$*"
}

# die TEXT [LINE...]: ends with one error.
die() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  if [ $# -gt 0 ]; then
    printf '  %s\n' "$@" >&2
  fi
  exit 1
}

# show_usage SCRIPT [ARGUMENT...]: for a script without arguments: --help prints
# the comment at its head, anything else is an error.
show_usage() {
  local script="$1"
  shift
  [ $# -eq 0 ] && return
  [ "$1" != "--help" ] && [ "$1" != "-h" ] &&
    die "expected no arguments but got: $*" "see $script --help"
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$script"
  exit 0
}

# run_logged LOG COMMAND...: runs a long command and shows, of what it says, the
# lines that tell of progress; after a failure its last lines.
run_logged() {
  local log="$1" status=0
  shift
  mkdir -p "$(dirname "$log")"
  if [ -t 1 ]; then
    "$@" 2>&1 | tee "$log" || status=$?
  else
    # Not a terminal: every tenth step of the build is enough.
    "$@" 2>&1 | tee "$log" | sed -u '/^\[[0-9]*[1-9]\//d' || status=$?
  fi
  return "$status"
}

# missing_packages PACKAGE...: prints those that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    if ! dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
      grep -qx installed; then
      echo "$package"
    fi
  done
}

# install_packages PACKAGE...: installs those that are missing.
install_packages() {
  local missing root=()
  if ! command -v dpkg-query >/dev/null; then
    # Elsewhere the tools may have come by other means: CMake tells.
    echo "not a Debian system: nothing is installed here"
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    echo "nothing is missing"
    return 0
  fi
  echo "missing: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "cannot install packages: neither root nor sudo is at hand" \
        "as root, run: apt-get install --no-install-recommends ${missing[*]}"
    root=(sudo)
  fi
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
  # A list that one source fails to give may still have all we need.
  "${apt[@]}" -q update || echo "some package lists could not be updated"
  "${apt[@]}" -q -y install --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install: ${missing[*]}" \
      "LLVM $LLVM_MAJOR comes from Debian 12 with its security updates;" \
      "see above for what apt-get said"
}

# describe_python PYTHON: the interpreter behind an executable, which may be a
# link or that of an environment, with its version; fails where it is none.
describe_python() {
  "$1" -c 'if True:
    import os, sys
    base = getattr(sys, "_base_executable", "") or sys.executable
    print(os.path.realpath(base), "of version", sys.version.split()[0])' 2>/dev/null
}

# check_python PYTHON: ends where it is no interpreter that the package runs in.
check_python() {
  local python="$1" wanted
  command -v "$python" >/dev/null ||
    die "expected a Python interpreter but got '$python', which is not found"
  wanted="$(describe_python "$python")" ||
    die "expected a Python interpreter but got '$python', which runs no Python 3"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    die "expected Python 3.10 or newer but got '$python', $wanted"
}

# prepare_environment DIR PYTHON: a virtual environment for the interpreter. One
# that was made before is kept where it is for the same one, and else made anew.
prepare_environment() {
  local dir="$1" python="$2" wanted present
  check_python "$python"
  wanted="$(describe_python "$python")"
  if [ -x "$dir/bin/pip" ]; then
    present="$(describe_python "$dir/bin/python")" || present="one that does not run"
    if [ "$present" = "$wanted" ]; then
      return 0
    fi
    echo "the environment $dir is for $present: making it anew for $wanted"
    rm -rf "$dir"
  else
    echo "making the environment $dir for $wanted"
  fi
  "$python" -m venv --clear "$dir" ||
    die "'$python -m venv' could not make the environment $dir"
}

# configure_project PRESET DIR
configure_project() {
  run_logged "$2/logs/configure.log" \
    cmake --preset "$1" -S "$MFA_SOURCE_DIR" -B "$2" ||
    die "cmake failed; its output is in $2/logs/configure.log"
}

# build_jobs: compilers that may run at once: one a processor, and 1.5 GiB each.
build_jobs() {
  local jobs memory
  jobs="$(nproc)"
  memory="$(awk '/^MemAvailable:/ { print int($2 / 1572864) }' /proc/meminfo)"
  if [ "${memory:-$jobs}" -lt "$jobs" ]; then
    jobs=$((memory > 0 ? memory : 1))
  fi
  echo "$jobs"
}

# build_project DIR [TARGET...]
build_project() {
  local dir="$1"
  shift
  run_logged "$dir/logs/build.log" cmake --build "$dir" -j "$(build_jobs)" \
    --target "${@:-all}" ||
    die "the build failed; its output is in $dir/logs/build.log"
}

# set_up: packages, configuration and build.
set_up() {
  step "Packages"
  install_packages "${MFA_PACKAGES[@]}"
  step "Configuration"
  configure_project default "$MFA_BUILD_DIR"
  step "Build, $(build_jobs) compilers at once"
  build_project "$MFA_BUILD_DIR" all
}
