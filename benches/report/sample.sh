#!/bin/sh
# Samples the two hottest paths: what a cookie costs, and what a load from Redis does.
#
#   criterion --profile-time--> perf record --> perf script --> target/flame/NAME.txt
#
# `make bench-report` draws them. perf needs no symbols beyond those of a release build.
set -eu
cd "$(dirname "$0")/../.."
command -v perf >/dev/null || { echo "perf is not here: Debian's package is linux-perf"; exit 1; }

bench() {
	cargo bench -p rudder-session-benches --bench "$1" --no-run 2>&1 |
		sed -n 's/.*(\(.*\)).*/\1/p' | tail -n 1
}

sample() {
	name=$1 program=$2 case=$3
	perf record --quiet --freq 997 --call-graph dwarf,8192 --output "target/flame/$name.perf" \
		"$program" --bench --profile-time 3 "$case"
	perf script --input "target/flame/$name.perf" 2>/dev/null >"target/flame/$name.txt"
	rm "target/flame/$name.perf"
}

mkdir -p target/flame
sample decode-1024 "$(bench codec)" '^codec/decode/1024$'
sample load-redis-256 "$(bench store)" '^store/load/redis_tcp/256$'
