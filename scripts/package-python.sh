#!/usr/bin/env bash
# Builds the Python package as a wheel, with all of MLIR and LLVM that it needs
# inside, for the Python interpreter given or python3. It is put into
# build-static/wheels. The environment in build-static that it is built in is made
# anew where it is for another interpreter.
#
# Usage: scripts/package-python.sh [--check] [PYTHON]
#   --check  also install the wheel in an environment of its own in build-static,
#            with what the tests need, and run them; what pytest found is written
#            to build-static/python-tests.xml

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$MFA_SOURCE_DIR"

check=0
if [ "${1:-}" = "--check" ]; then
  check=1
  shift
fi
python=python3
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  python="$1"
  shift
  check_python "$python"
fi
show_usage "${BASH_SOURCE[0]}" "$@"

dir="$MFA_SOURCE_DIR/build-static"
venv="$dir/venv"
logs="$dir/logs"
mkdir -p "$logs"
MFA_PACKAGES+=(python3-dev python3-venv)

step "Packages"
install_packages "${MFA_PACKAGES[@]}"
prepare_environment "$venv" "$python"
# pip_install REQUIREMENT...
pip_install() {
  "$venv/bin/pip" install -q --disable-pip-version-check "$@"
}
pip_install "scikit-build-core>=0.11" "nanobind>=2.9" numpy ||
  die "pip could not install what the build of the wheel needs"

step "Build of the wheel"
rm -rf "$dir/wheels"
CMAKE_BUILD_PARALLEL_LEVEL="$(build_jobs)" run_logged "$logs/wheel.log" \
  "$venv/bin/pip" wheel --disable-pip-version-check --no-build-isolation \
  --no-deps -w "$dir/wheels" -v . ||
  die "the build of the wheel failed; its output is in $logs/wheel.log"
wheel="$(ls "$dir"/wheels/mfa-*.whl)"

step "Test of the wheel"
ls -lh "$wheel"
[ "$(stat -c %s "$wheel")" -lt 40000000 ] || die "the wheel is larger than 40 MB"
pip_install --force-reinstall --no-deps "$wheel"
module="$(cd / && "$venv/bin/python" -c 'import mfa._mfa as m; print(m.__file__)')"
# The loader, and what the kernel maps by itself, are named as well.
others="$(ldd "$module" | grep -vE '^\s*(linux-vdso|lib(c|m|dl|pthread)|/lib.*/ld-linux[^ ]*)\.so' || true)"
[ -z "$others" ] || die "the wheel needs more than the C library:" "$others"
exported="$(nm -D --defined-only "$module" | grep -v ' PyInit__mfa$' || true)"
[ -z "$exported" ] || die "the module shows symbols that other LLVMs have too:" \
  "$(echo "$exported" | head -n 3)"
echo "needs the C library only"

[ "$check" -eq 1 ] || exit 0
step "Tests of the Python package"
# torch comes with gigabytes of CUDA; without it its tests are skipped.
if [ "${MFA_TORCH:-1}" != 0 ] && ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
  pip_install torch || echo "torch could not be installed: its tests are skipped"
fi
pip_install "$wheel[test]" || die "pip could not install what the tests need"
rm -f "$dir/python-tests.xml"
MFA_FAKE_CUDA_DIR="$MFA_BUILD_DIR/lib/fake-cuda" MFA_TOOLS="$MFA_BUILD_DIR/bin" \
  "$venv/bin/python" -m pytest \
  -q -rs -n "$(build_jobs)" --dist loadfile -p no:cacheprovider \
  --junitxml="$dir/python-tests.xml" python/tests
