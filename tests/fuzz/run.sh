#!/bin/sh
# Fuzzes each target, or those that are named, for SECONDS_OF_FUZZING, from its corpus beside this
# file. Ends with 1 if one of them found something; the input that shows it is named.
#
#   sh tests/fuzz/run.sh                                            each for 30 seconds
#   SECONDS_OF_FUZZING=600 sh tests/fuzz/run.sh                     each for ten minutes
#   sh tests/fuzz/run.sh hardened envelope                          two of them
#   MERGE=1 sh tests/fuzz/run.sh                                    makes the corpora anew
#
# Everything is built with counters that libFuzzer reads, in a directory of its own: the toolchain
# may be the stable one. New inputs stay in that directory, until MERGE=1 picks from them, and from
# the corpus, the fewest that reach all that they reach together.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}/fuzz-rust
triple=$(rustc -vV | sed -n 's/^host: //p')
all="config cookie_header envelope file_open hardened payload_edits redis_replies signature"
seconds=${SECONDS_OF_FUZZING:-30}

cd "$here"
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --locked --quiet --bins --target "$triple" --target-dir "$target"

# Sockets of targets, which end without taking anything away.
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# Text is 2,000 bytes at most: more finds nothing that less does not, and takes longer.
longest() {
    case $1 in
        file_open) echo 64 ;;
        *) echo 2000 ;;
    esac
}

failed=
for name in ${*:-$all}; do
    program=$target/$triple/debug/$name
    new=$target/new/$name
    options="-max_len=$(longest "$name") -timeout=20 -rss_limit_mb=2048 -verbosity=0"
    mkdir -p "$new" "$target/found"
    if [ -n "${MERGE:-}" ]; then
        rm -rf "$target/fewest" && mkdir "$target/fewest"
        "$program" -set_cover_merge=1 -use_counters=0 $options "$target/fewest" \
            "$here/corpus/$name" "$new"
        for named in "$here/corpus/$name"/*; do
            case ${named##*/} in
                [0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*) rm "$named" ;;
            esac
        done
        cp "$target/fewest"/* "$here/corpus/$name"
        continue
    fi
    echo "$name: $seconds seconds"
    if "$program" $options -max_total_time="$seconds" -print_final_stats=1 \
        -artifact_prefix="$target/found/$name-" "$new" "$here/corpus/$name" \
        >"$target/$name.log" 2>&1; then
        sed -n 's/^stat::number_of_executed_units: */  inputs: /p' "$target/$name.log"
    else
        failed="$failed $name"
        tail -n 40 "$target/$name.log"
    fi
done
[ -z "$failed" ] || { echo "found something:$failed"; exit 1; }
