#!/bin/sh
# Runs the unit tests of the C library, where all the unsafe code of the engine is, in Miri, which
# notices each use of memory that is not ours, not there any more, or not yet written.
#
#   rustup component add miri --toolchain nightly
#   sh ffi-c/tests/miri/run.sh                    all of them
#   sh ffi-c/tests/miri/run.sh contract::queues   those with this in their names
#
# Each test has a process of its own. Miri knows no locks of files and hardly any of the network, and
# is some hundred times slower than a processor: what it cannot run is named and is no failure.
# Tree Borrows, since an older model takes crossbeam-epoch, which the memory store uses, for wrong.

set -eu

cd "$(dirname "$0")/../.."
MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-tree-borrows -Zmiri-ignore-leaks"
export MIRIFLAGS
limit=${SECONDS_FOR_A_TEST:-120}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

miri="cargo +nightly miri test --quiet -p rudder-session-ffi --lib --"

names=$($miri --list 2>/dev/null | sed -n 's/: test$//p' | grep -F -e "${1:-}")
passed=0 beyond="" failed=""
for name in $names; do
    status=0
    timeout "$limit" $miri --exact "$name" >"$log" 2>&1 || status=$?
    if [ "$status" = 0 ]; then
        passed=$((passed + 1))
        echo "  passed: $name"
    elif [ "$status" = 124 ] || grep -q "unsupported operation" "$log"; then
        beyond="$beyond $name"
    else
        failed="$failed $name"
        cat "$log"
    fi
done
echo "$passed tests passed in Miri"
for name in $beyond; do echo "  not run: $name"; done
[ "$passed" -gt 0 ] && [ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
