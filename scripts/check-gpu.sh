#!/usr/bin/env bash
# Checks the Python package on a machine with a GPU, which needs no LLVM: the tests
# of arrays on the GPU and on the CPU, what a call costs the host, and some cases of
# the benchmark. python3 must have torch, numpy, pytest and hypothesis; what it has
# further (jax, matplotlib) is used. Takes a minute or two.
#
# Usage: scripts/check-gpu.sh WHEEL [DIR]
#
# WHEEL is what `pip wheel --no-deps .` made. Reports and logs go to DIR (build-gpu).

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ $# -lt 1 ] || [ "$1" = --help ] || [ ! -f "$1" ]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
  [ "${1:-}" = --help ] && exit 0
  echo "error: expected a wheel but got: ${1:-nothing}" >&2
  exit 1
fi
wheel="$(realpath "$1")"
folder="${2:-build-gpu}"
mkdir -p "$folder"
folder="$(realpath "$folder")"

site="$(mktemp -d)"
trap 'rm -rf "$site"' EXIT
python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir \
  --target "$site" "$wheel"
export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

failed=0
# part NAME COMMAND...: runs a command with a log of its own.
part() {
  local name="$1" begin="$SECONDS" status=0
  shift
  "$@" >"$folder/$name.log" 2>&1 || status=$?
  printf '%s: %s, %d s\n' "$name" \
    "$([ "$status" -eq 0 ] && echo ok || echo "FAILED ($folder/$name.log)")" \
    $((SECONDS - begin))
  [ "$status" -eq 0 ] || failed=1
}

part start python3 -c '
import torch, mfa
print(mfa.__version__, mfa.__file__)
print(torch.__version__, torch.cuda.get_device_name())
x = torch.randn(1, 64, 2, 64, device="cuda", dtype=torch.float16)
kernel = mfa.compile(x, x, x)
print(kernel.schedule, kernel.resources)
'
cat "$folder/start.log"
part tests python3 -m pytest -q -rs -p no:cacheprovider python/tests/test_cuda.py \
  python/tests/test_numpy.py python/tests/test_errors.py python/tests/test_jax.py \
  python/tests/test_torch.py
grep -E '^(FAILED|ERROR|SKIPPED|E  )|passed|failed' "$folder/tests.log" | head -n 40
part cost python3 benchmarks/host_cost.py --json "$folder/host_cost.json" \
  --names MFA 'MFA, out=' 'torch SDPA with a mask'
cat "$folder/cost.log"
part benchmark python3 benchmarks/attention.py --quick --no-first-call \
  --seconds 0.1 --json "$folder/attention.json" --plot "$folder/attention.png"
cat "$folder/benchmark.log"
exit "$failed"
