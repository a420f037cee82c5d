#!/bin/sh
# Runs the threads of tests/c/threads.c under ThreadSanitizer, the engine compiled with it too.
#
#   engine and C program, instrumented  +  std_locks.c  -->  no data race
#   the same, with a race planted                       -->  the race is reported
#
# The stable compiler is asked for its unstable flags. Its std is not instrumented: std_locks.c
# stands between it and the engine.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}/tsan
platform=x86_64-unknown-linux-gnu
rust_libs=$(rustc --print sysroot)/lib/rustlib/$platform/lib

cd "$top"
RUSTC_BOOTSTRAP=1 \
RUSTFLAGS="-Zsanitizer=thread -Zexternal-clangrt -Cunsafe-allow-abi-mismatch=sanitizer" \
    cargo rustc --locked -p rudder-session-ffi --lib --crate-type staticlib \
    --target $platform --target-dir "$target"

library=$target/$platform/debug/librudder_session.a
nm "$library" 2>/dev/null | awk '$1 == "U" && /3std3sys4sync/ { print $2 }' | sort -u >"$target/std"

# The one function of std that the engine calls and whose symbol ends so.
named() {
    found=$(grep "$1\$" "$target/std") && [ "$(echo "$found" | wc -l)" = 1 ] || {
        echo "std has not one function that ends in $1: see std_locks.c" >&2
        exit 1
    }
    echo "$found"
}

macros= wraps=-Wl,--wrap=__tsan_atomic64_fetch_sub
while read -r macro end; do
    name=$(named "$end")
    macros="$macros -D$macro=$name" wraps="$wraps -Wl,--wrap=$name"
done <<NAMES
MUTEX_LOCK 5mutex5futexNtB2_5Mutex14lock_contended
RWLOCK_READ 6rwlock5futexNtB2_6RwLock14read_contended
RWLOCK_WRITE 6rwlock5futexNtB2_6RwLock15write_contended
CONDVAR_WAIT 7condvar5futexNtB2_7Condvar4wait
CONDVAR_WAIT_TIMEOUT 7condvar5futexNtB2_7Condvar12wait_timeout
NAMES

# The run-time of the compiler's own ThreadSanitizer, which is newer than clang's.
clang -g -O1 -std=c99 -Iinclude -fsanitize=thread -c ffi-c/tests/c/threads.c -o "$target/threads.o"
clang -g -O1 -std=c99 $macros -c "$here/std_locks.c" -o "$target/std_locks.o"
clang "$target/threads.o" "$target/std_locks.o" $wraps \
    "$library" \
    -Wl,--whole-archive "$rust_libs/librustc-stable_rt.tsan.a" -Wl,--no-whole-archive \
    -lgcc_s -lpthread -lm -ldl -lrt -lstdc++ -o "$target/threads"

if "$target/threads" 1600 race >"$target/planted" 2>&1; then
    echo "the planted race was not reported" >&2
    exit 1
fi
grep -q 'ThreadSanitizer: data race' "$target/planted"
grep -q 'rudder_session::' "$target/planted"
"$target/threads" "${OPERATIONS:-20000}"
