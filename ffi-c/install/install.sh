#!/bin/sh
# Installs the C library under PREFIX; `make install` is the way to call it.
#
#   include/rudder_session.h .ffi.h .hpp
#   lib/librudder_session.so -> .so.<ABI> -> .so.<version>
#   lib/librudder_session.a                     without any global symbol but the header's
#   lib/pkgconfig/rudder_session.pc, rudder_session-static.pc
#   lib/cmake/RudderSession/
#
# What is installed finds its own place, so the tree may be moved afterwards.

set -eu

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
profile=${PROFILE:-release}
cargo=${CARGO:-cargo}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

cd "$top"
"$cargo" build --locked --profile "$profile" -p rudder-session-ffi
target=${CARGO_TARGET_DIR:-target}
[ "$profile" = dev ] && built=$target/debug || built=$target/$profile

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
abi=$(sed -n 's/^const ABI_VERSION: c_int = \([0-9]*\);/\1/p' ffi-c/src/version.rs)

lib=$root/lib
mkdir -p "$root/include" "$lib/pkgconfig" "$lib/cmake/RudderSession"
install -m 644 include/rudder_session.h include/rudder_session.ffi.h include/rudder_session.hpp \
    "$root/include"

install -m 755 "$built/librudder_session.so" "$lib/librudder_session.so.$version"
ln -sf "librudder_session.so.$version" "$lib/librudder_session.so.$abi"
ln -sf "librudder_session.so.$abi" "$lib/librudder_session.so"

# A static library of Rust's brings the symbols of all it is made of; a program with two such
# libraries would not link. So it becomes one object, in which only those of the list are global.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed 's/^/--undefined=/' ffi-c/exports.txt > "$work/roots"
ld -r --gc-sections "@$work/roots" -o "$work/rudder_session.o" "$built/librudder_session.a"
# Bitcode of several objects in one section is none that a tool with LLVM's plugin could read.
objcopy --keep-global-symbols=ffi-c/exports.txt --remove-section=.llvmbc \
    --remove-section=.llvmcmd "$work/rudder_session.o"
rm -f "$lib/librudder_session.a"
ar rcs "$lib/librudder_session.a" "$work/rudder_session.o"
chmod 644 "$lib/librudder_session.a"

for file in rudder_session.pc rudder_session-static.pc; do
    sed "s/@VERSION@/$version/" "$here/$file.in" > "$lib/pkgconfig/$file"
done
for file in RudderSessionConfig.cmake RudderSessionConfigVersion.cmake; do
    sed "s/@VERSION@/$version/" "$here/$file.in" > "$lib/cmake/RudderSession/$file"
done
echo "installed rudder_session $version (ABI $abi) in $root"
