#!/usr/bin/env bash
# Builds mfa-opt and mfa-run with all of MLIR and LLVM that they need inside, and
# packs them into build-static/mfa-<version>-linux-<machine>.tar.xz. They run on
# any Linux with a C library as new as this machine's.
#
# Usage: scripts/package-static.sh [--check]
#   --check  build and test the tools, but do not pack them

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$MFA_SOURCE_DIR"

pack=1
if [ "${1:-}" = "--check" ]; then
  pack=0
  shift
fi
show_usage "${BASH_SOURCE[0]}" "$@"

tools=(mfa-opt mfa-run)
dir="$MFA_SOURCE_DIR/build-static"
MFA_PACKAGES+=(xz-utils)

step "Packages"
install_packages "${MFA_PACKAGES[@]}"
step "Configuration of the self-contained tools"
configure_project static "$dir"
step "Build of the self-contained tools"
build_project "$dir" "${tools[@]}"

step "Test of the self-contained tools"
# Alone in an empty directory, without the environment.
alone="$(mktemp -d)"
trap 'rm -rf "$alone"' EXIT
for tool in "${tools[@]}"; do
  # The loader, and what the kernel maps by itself, are named as well.
  others="$(ldd "$dir/bin/$tool" |
    grep -vE '^\s*(linux-vdso|libc|libm|/lib.*/ld-linux[^ ]*)\.so' || true)"
  [ -z "$others" ] || die "$tool needs more than libc and libm:" "$others"
  cp "$dir/bin/$tool" "$alone/"
  echo "$tool: $(du -h "$alone/$tool" | cut -f 1), needs libc and libm only"
done
cp examples/masked_attention.mlir "$alone/"
cd "$alone"
env -i ./mfa-opt masked_attention.mlir --mfa-to-nvvm -o stages.mlir ||
  die "mfa-opt does not work by itself"
env -i ./mfa-run --seq-q 33 --head-dim 32 --mask dense --target cpu --check ||
  die "mfa-run does not work by itself"
cd "$MFA_SOURCE_DIR"

[ "$pack" -eq 1 ] || exit 0
step "Package"
version="$(sed -n 's/^project(MFA VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)"
name="mfa-$version-linux-$(uname -m)"
rm -rf "${dir:?}/$name"
mkdir -p "$dir/$name"
cp LICENSE examples/masked_attention.mlir "${tools[@]/#/$dir/bin/}" "$dir/$name/"
tar -C "$dir" -c "$name" | xz -T0 >"$dir/$name.tar.xz"
ls -lh "$dir/$name.tar.xz"
