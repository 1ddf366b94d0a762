#!/usr/bin/env bash
# Sets up what is missing, then does the main job: lowers the example program
# stage by stage to PTX, runs it on the best target present (a GPU, else the
# CPU), checks the result and measures.
#
# Usage: scripts/quickstart.sh

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$MFA_SOURCE_DIR"
show_usage "${BASH_SOURCE[0]}" "$@"

set_up

export PATH="$MFA_BUILD_DIR/bin:$PATH"
program=examples/masked_attention.mlir
stages="$MFA_BUILD_DIR/stages"
mkdir -p "$stages"

# stage NUMBER NAME WHAT PATTERN: writes a stage of the lowering of the example
# and shows the first line of it that matches.
stage() {
  local file="$stages/$1-$2.mlir" target=(--target cuda --chip sm_80) shown
  [ "$2" = ptx ] && file="$stages/$1-$2.ptx"
  [ "$2" = linalg ] && target=(--target cpu)
  mfa-run "$program" --entry main --emit "$2" "${target[@]}" >"$file" ||
    die "mfa-run could not lower $program to $2"
  shown="$(grep -m 1 -e "$4" "$file")" || die "expected $4 in $file"
  printf '\n%s. %s: %s\n   %s, %d lines, one of them\n' \
    "$1" "$2" "$3" "${file#"$MFA_SOURCE_DIR"/}" "$(wc -l <"$file")"
  echo "$shown" | sed 's/^[[:space:]]*/     /' | cut -c 1-100
}

step "The example, stage by stage"
stage 1 mfa "the program, $program" 'mfa.masked_attention'
stage 2 linalg "the steps that define it: the reference, and what the CPU runs" \
  'linalg.generic'
stage 3 gpu "a kernel on tiles in registers" 'mfa_gpu.mma'
stage 4 nvvm "the kernel on fragments of warps" 'nvvm.mma.sync'
stage 5 ptx "what the driver compiles" 'mma.sync'

step "The example, run and checked"
python3 examples/run_masked_attention.py --mfa-run "$MFA_BUILD_DIR/bin/mfa-run"

step "The same problem, checked in full and measured"
mfa-run --batch 1 --seq-q 512 --heads 8 --kv-heads 2 --head-dim 64 \
  --dtype bf16 --mask dense --check --bench

step "A kernel for sm_80, simulated on the CPU and checked"
mfa-run --seq-q 70 --seq-k 136 --heads 2 --head-dim 64 --dtype bf16 \
  --mask dense --target sim --chip sm_80 --check

step "Done"
cat <<END
Next:
  export PATH=\$PWD/build/bin:\$PATH
  mfa-opt $program --mfa-to-nvvm=chip=sm_80 --mlir-print-ir-after-all
  mfa-run --help
END
