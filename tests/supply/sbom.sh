#!/bin/sh
# Writes what is in each thing that we ship, as CycloneDX 1.5, to target/sbom.
#
#   rudder-session.cdx.json        the engine
#   rudder-session-cli.cdx.json    the command
#   rudder-session-ffi.cdx.json    the C library
#   rudder-session-node.cdx.json   the addon
#   npm.cdx.json                   the TypeScript package, which depends on nothing
#
# Of crates it names what is built for any platform, and what it is built with. Needs no network
# once the crates are here.

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
out=${CARGO_TARGET_DIR:-$top/target}/sbom
# cargo-cyclonedx writes beside each manifest.
clean() { find "$top" -name rudder-sbom.json -not -path '*/node_modules/*' -delete; }
trap clean EXIT

cd "$top"
command -v cargo-cyclonedx >/dev/null || cargo install --locked cargo-cyclonedx
mkdir -p "$out"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
cargo cyclonedx --quiet --format json --spec-version 1.5 --target all \
    --override-filename rudder-sbom
mv core/rudder-sbom.json "$out/rudder-session.cdx.json"
mv core/cli/rudder-sbom.json "$out/rudder-session-cli.cdx.json"
mv ffi-c/rudder-sbom.json "$out/rudder-session-ffi.cdx.json"
mv node-binding/rudder-sbom.json "$out/rudder-session-node.cdx.json"
(cd node-binding && npm sbom --sbom-format cyclonedx --package-lock-only --omit dev --omit peer \
    --omit optional) >"$out/npm.cdx.json"
for file in "$out"/*.cdx.json; do
    echo "$file: $(grep -c '"purl"' "$file") lines with a package"
done
