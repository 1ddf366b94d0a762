#!/usr/bin/env bash
# Checks that `pip install .` works where a user would type it: in a clean clone of
# the last commit, in a new environment, with build isolation, so that pip itself
# fetches what the build needs. Then makes a call. Takes as long as the build, which
# is short where ccache has the objects of an earlier one; prints how long.
#
# Usage: scripts/check-isolation.sh [PYTHON]

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$MFA_SOURCE_DIR"

python=python3
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  python="$1"
  shift
  check_python "$python"
fi
show_usage "${BASH_SOURCE[0]}" "$@"
MFA_PACKAGES+=(python3-dev python3-venv)

step "Packages"
install_packages "${MFA_PACKAGES[@]}"

step "Clone and environment"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
git clone -q . "$folder/mfa"
prepare_environment "$folder/venv" "$python"

jobs="$(build_jobs)"
step "pip install ., $jobs compilers at once"
begin="$SECONDS"
# ccache knows the objects of another clone by their paths within the sources.
CCACHE_BASEDIR="$folder/mfa" CMAKE_BUILD_PARALLEL_LEVEL="$jobs" \
  run_logged "$MFA_SOURCE_DIR/build-static/logs/isolation.log" \
  "$folder/venv/bin/pip" install --disable-pip-version-check -v "$folder/mfa" ||
  die "pip install failed; its output is in build-static/logs/isolation.log"
echo "installed in $((SECONDS - begin)) s"

step "A call"
(cd / && MFA_CACHE_DIR="" "$folder/venv/bin/python" -c '
import mfa
import numpy as np
q = np.ones((1, 3, 2, 16), np.float32)
assert np.allclose(mfa.masked_attention(q, q, q), 1)
print("mfa", mfa.__version__, "works")')
