#!/bin/sh
# Fuzzes the C functions for SECONDS_OF_FUZZING, from the corpus beside this file.
#
# The library is built with counters that libFuzzer reads, in a directory of its own. New inputs
# stay in that directory. The corpus has the inputs that were written by hand, with names, and the
# fewest others that reach the edges which ten minutes had reached, made from `new` by
#
#   fuzz -set_cover_merge=1 -use_counters=0 -max_len=6000 fewest corpus new

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}/fuzz

cd "$top"
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
    CARGO_PROFILE_DEV_OPT_LEVEL=2 CARGO_PROFILE_DEV_DEBUG=line-tables-only \
    cargo rustc --locked -p rudder-session-ffi --lib --crate-type staticlib \
    --target x86_64-unknown-linux-gnu --target-dir "$target"
clang -g -O1 -fsanitize=fuzzer,address -Iinclude "$here/fuzz.c" \
    "$target/x86_64-unknown-linux-gnu/debug/librudder_session.a" \
    -lgcc_s -lpthread -lm -ldl -o "$target/fuzz"
mkdir -p "$target/new"
exec "$target/fuzz" -max_total_time="${SECONDS_OF_FUZZING:-600}" -max_len=6000 -timeout=20 \
    -artifact_prefix="$target/" -print_final_stats=1 "$target/new" "$here/corpus"
