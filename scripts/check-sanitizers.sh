#!/usr/bin/env bash
# Builds the project with AddressSanitizer and UndefinedBehaviorSanitizer, runs tests
# of what reads input or executes kernels, and those of the runtimes once more with
# ThreadSanitizer, then fuzzes for a minute.
#
# Usage: scripts/check-sanitizers.sh [--all | --fuzz SECONDS [SEED]]
#   --all   also run the tests that take minutes each
#   --fuzz  only fuzz, for so many seconds; what is found is kept in
#           build-sanitize/findings

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$MFA_SOURCE_DIR"

# What input reaches: files, command lines, kernels as bytes and as arguments; and
# code that computes, for the CPU and simulated.
tests='CAPI/(overlap|process|rules|serialization)|Runtime/(npy|overlap)|Tools/mfa-run'
tests+='|Fuzz/(complete|driver)|Integration/CPU/(problems-1|.*mlir)|Integration/Sim/.*mlir'
only_fuzz=0
seconds=60
seed=1
if [ "${1:-}" = "--all" ]; then
  tests+='|CAPI|Fuzz|Integration/CPU|Integration/Sim/(persistent|splits)'
  shift
elif [ "${1:-}" = "--fuzz" ]; then
  [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] ||
    die "expected --fuzz SECONDS but got '--fuzz ${2:-}'"
  only_fuzz=1
  seconds="$2"
  shift 2
  if [[ "${1:-}" =~ ^[0-9]+$ ]]; then
    seed="$1"
    shift
  fi
fi
show_usage "${BASH_SOURCE[0]}" "$@"

dir="$MFA_SOURCE_DIR/build-sanitize"
fuzzers=(mfa-npy-fuzzer mfa-run-fuzzer mfa-opt-fuzzer)
targets=("${fuzzers[@]}")
if [ "$only_fuzz" -eq 0 ]; then
  targets+=(mfa-opt mfa-run mfa-planted-fuzzer mfa-npy-test mfa-overlap-test
    mfa-capi-{counters,kernel,lists,overlap,process,rules,serialization}-test
    mfa_cpu_runtime mfa_sim_runtime mfa_fake_cuda)
fi

step "Packages"
install_packages "${MFA_PACKAGES[@]}"
step "Configuration with sanitizers"
configure_project sanitize "$dir"
step "Build with sanitizers"
build_project "$dir" "${targets[@]}"

status=0
# run_tests DIR FILTER: results are kept in DIR/test/results.json.
run_tests() {
  "/usr/lib/llvm-$LLVM_MAJOR/bin/lit" -sv --timeout 900 --filter "$2" \
    -o "$1/test/results.json" --param mfa_tools_dir="$dir/bin" "$1/test" || status=1
}
if [ "$only_fuzz" -eq 0 ]; then
  step "Tests with AddressSanitizer and UndefinedBehaviorSanitizer"
  run_tests "$dir" "$tests"

  # The runtimes are all that threads run in.
  step "Runtimes with ThreadSanitizer"
  configure_project sanitize-thread "$dir-thread"
  build_project "$dir-thread" mfa_cpu_runtime mfa_sim_runtime
  run_tests "$dir-thread" 'Integration/(CPU|Sim)/.*mlir'
fi

findings="$dir/findings"
mkdir -p "$findings"
for fuzzer in "${fuzzers[@]}"; do
  step "$fuzzer, $((seconds / ${#fuzzers[@]} + 1)) s"
  corpus=()
  [ "$fuzzer" = mfa-opt-fuzzer ] && corpus=(test examples)
  "$dir/bin/$fuzzer" "-seed=$seed" "-artifact_prefix=$findings/" \
    -known=test/Fuzz/known.txt \
    "-max_total_time=$((seconds / ${#fuzzers[@]} + 1))" "${corpus[@]}" || status=1
done
exit "$status"
