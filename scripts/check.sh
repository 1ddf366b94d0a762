#!/usr/bin/env bash
# Sets up what is missing, then runs every test. The last line is
#   N passed, N failed, N skipped
# and the exit status is 1 where a test or the set-up failed.
#
# Usage: scripts/check.sh

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$MFA_SOURCE_DIR"
show_usage "${BASH_SOURCE[0]}" "$@"

passed=0
failed=0
skipped=0

# part NAME COMMAND...: one test that is a command of its own.
part() {
  local name="$1"
  shift
  if "$@"; then
    echo "PASS: $name"
    passed=$((passed + 1))
  else
    echo "FAIL: $name"
    failed=$((failed + 1))
  fi
}

check_format() {
  git ls-files '*.h' '*.cpp' |
    xargs -r "clang-format-$LLVM_MAJOR" --dry-run --Werror
}


# Prints what lit skipped and why, then "passed failed skipped" as the last line.
count_lit() {
  python3 - "$1" <<'PYTHON'
import collections, json, sys

tests = json.load(open(sys.argv[1]))["tests"]
kinds = {"PASS": 0, "XFAIL": 0, "FLAKYPASS": 0, "UNSUPPORTED": 2, "SKIPPED": 2}
counts = [0, 0, 0]
reasons = collections.Counter()
for test in tests:
    kind = kinds.get(test["code"], 1)
    counts[kind] += 1
    if kind == 2:
        reasons[test["output"].strip()] += 1
for reason, count in reasons.most_common():
    print(f"skipped {count}: {reason}")
print(*counts)
PYTHON
}

# Prints what pytest skipped and why, then "passed failed skipped" as the last
# line.
count_pytest() {
  python3 - "$1" <<'PYTHON'
import collections, sys
import xml.etree.ElementTree as xml

counts = [0, 0, 0]
reasons = collections.Counter()
for case in xml.parse(sys.argv[1]).iter("testcase"):
    if case.find("failure") is not None or case.find("error") is not None:
        counts[1] += 1
    elif (skipped := case.find("skipped")) is not None:
        counts[2] += 1
        reasons[skipped.get("message", "")] += 1
    else:
        counts[0] += 1
for reason, count in reasons.most_common():
    print(f"skipped {count}: {reason}")
print(*counts)
PYTHON
}

# add_counts TEXT: shows the text but for its last line, which it adds up.
add_counts() {
  local more_passed more_failed more_skipped
  echo "$1" | sed '$d'
  read -r more_passed more_failed more_skipped < <(echo "$1" | tail -n 1)
  passed=$((passed + more_passed))
  failed=$((failed + more_failed))
  skipped=$((skipped + more_skipped))
}

# python3-psutil is for lit's --timeout.
MFA_PACKAGES+=("clang-format-$LLVM_MAJOR" python3-psutil xz-utils)
set_up

step "Format of the C++ sources"
part "clang-format" check_format

step "Self-contained tools"
part "static" scripts/package-static.sh --check

step "Python package"
results="$MFA_SOURCE_DIR/build-static/python-tests.xml"
rm -f "$results"
part "python" scripts/package-python.sh --check
[ ! -f "$results" ] || add_counts "$(count_pytest "$results")"

step "Tests of lit"
results="$MFA_BUILD_DIR/test/results.json"
rm -f "$results"
"/usr/lib/llvm-$LLVM_MAJOR/bin/lit" -v --timeout 900 -o "$results" \
  "$MFA_BUILD_DIR/test" || true
[ -f "$results" ] || die "lit did not run"
add_counts "$(count_lit "$results")"

step "Sanitizers and a minute of fuzzing"
sanitized=("$MFA_SOURCE_DIR"/build-sanitize{,-thread}/test/results.json)
rm -f "${sanitized[@]}"
part "sanitizers" scripts/check-sanitizers.sh
for results in "${sanitized[@]}"; do
  [ ! -f "$results" ] || add_counts "$(count_lit "$results")"
done

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
