#!/bin/sh
# Samples the two hottest paths: decoding a cookie, and loading from Redis with 256 under way.
#
#   perf record --> perf script --> target/flame/NAME.txt --make bench-report--> flame-NAME.svg
#
# perf needs no symbols beyond those of a release build.
set -eu
cd "$(dirname "$0")/../.."
command -v perf >/dev/null || { echo "perf is not here: Debian's package is linux-perf"; exit 1; }

sample() {
	name=$1
	shift
	perf record --quiet --freq 497 --call-graph dwarf,8192 --output "target/flame/$name.perf" \
		"$@" >/dev/null
	perf script --input "target/flame/$name.perf" 2>/dev/null >"target/flame/$name.txt"
	rm "target/flame/$name.perf"
}

codec=$(cargo bench -p rudder-session-benches --bench codec --no-run 2>&1 |
	sed -n 's/.*(\(.*\)).*/\1/p' | tail -n 1)
peers=target/peers/release/rudder-session-peers
cargo build --release --quiet --manifest-path benches/peers/Cargo.toml --target-dir target/peers

mkdir -p target/flame
sample decode-1024 "$codec" --bench --profile-time 3 '^codec/decode/1024$'
sample load-redis-256 "$peers" --only submit --rounds 12 load/256/+0ms
