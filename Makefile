# `make` alone prints the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

NODE := node-binding
NODE_VERSIONS := $(NODE)/test/node-versions
PEERS_CRATE := --manifest-path benches/peers/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/peers
VECTORS ?= tests/vectors/vectors.json
# Many tests wait for servers, and not for a processor.
TEST_THREADS := 4
# Runs a command, and fails if what it prints holds a secret. test-node's scripts call it themselves.
SEARCH := python3 -B $(CURDIR)/tests/output/search.py
# `npm ci` is needed again only when the lock file changes.
NPM_STAMP := $(NODE)/node_modules/.package-lock.json
NODE_VERSIONS_STAMP := $(NODE_VERSIONS)/node_modules/.package-lock.json
PACKAGING := $(NODE)/test/packaging
PACKAGING_STAMP := $(PACKAGING)/node_modules/.package-lock.json
BROWSER := $(NODE)/test/browser
BROWSER_STAMP := $(BROWSER)/node_modules/.package-lock.json
NODE_BENCHES := benches/node
NODE_BENCHES_STAMP := $(NODE_BENCHES)/node_modules/.package-lock.json
# napi's command has cargo compile the addon anew the second time that it is called.
ADDON_STAMP := $(NODE)/build/.addon
ADDON_SOURCES := $(shell find core/src $(NODE)/src -name '*.rs') \
	Cargo.toml Cargo.lock core/Cargo.toml $(NODE)/Cargo.toml $(NODE)/build.rs
ifeq ($(wildcard $(NODE)/*.node),)
.PHONY: $(ADDON_STAMP)
endif

.PHONY: help
help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: addon ts ## Start the demo at http://127.0.0.1:3000 (PORT, SESSION_DRIVER, SESSION_FILE, REDIS_URL)
	@cd $(NODE) && exec node build/demo/main.js

.PHONY: test
test: test-rust test-c test-node test-pack ## Run all tests: Rust, C, Node, packages

.PHONY: test-rust
test-rust: redis-server ## Run the tests of the engine and those that cross crates
	python3 -B tests/output/test_search.py
	cargo build -p rudder-session-ffi
	RUST_TEST_THREADS=$(TEST_THREADS) $(SEARCH) --trace cargo test \
		-p rudder-session -p rudder-session-cli -p rudder-session-node -p rudder-session-tests -- --nocapture

.PHONY: test-c
test-c: redis-server c-tools addon ts ## Run the tests of the C library, and of its examples in C, C++, Python, Go and PHP
	$(SEARCH) --trace cargo test -p rudder-session-ffi -- --nocapture

.PHONY: test-c-fuzz
test-c-fuzz: c-tools ## Fuzz the C functions with libFuzzer (SECONDS_OF_FUZZING=600)
	sh ffi-c/tests/fuzz/run.sh

.PHONY: test-fuzz
test-fuzz: c-tools ## Fuzz cookies, envelopes, edits, settings, files and replies of Redis (SECONDS_OF_FUZZING=30, FUZZ="hardened")
	sh tests/fuzz/run.sh $(FUZZ)

.PHONY: test-mutations
test-mutations: redis-server addon ts ## Take one defence away at a time, in a copy, and see that a test notices (MUTATIONS="rack Flask")
	python3 tests/mutations/run.py $(MUTATIONS)

.PHONY: test-c-threads
test-c-threads: c-tools ## Run threads through the C functions under ThreadSanitizer (OPERATIONS=20000)
	sh ffi-c/tests/tsan/run.sh

.PHONY: test-miri
test-miri: ## Run the unit tests of the C library in Miri, of a nightly toolchain (MIRI=contract::queues)
	sh ffi-c/tests/miri/run.sh $(MIRI)

.PHONY: test-node
test-node: redis-server addon ts $(NODE_VERSIONS_STAMP) ## Run the tests of the addon, the fallback and the TypeScript on Node 20, 22 and 24
	cd $(NODE) && npm run test:nodes

.PHONY: test-load
test-load: redis-server addon ts ## Send 10,000 requests from 50 connections to each kind of server with each driver
	cd $(NODE) && npm run --silent test:load

.PHONY: test-pack
test-pack: addon $(PACKAGING_STAMP) ## Pack, and install what was packed by npm and pnpm
	cd $(NODE) && $(SEARCH) npm run --silent test:pack

.PHONY: test-browser
test-browser: redis-server chromium addon ts $(BROWSER_STAMP) ## Drive the demo with a real browser, and take pictures of it in node-binding/build/pictures
	cd $(NODE) && npm run --silent test:browser

.PHONY: test-vectors
test-vectors: redis-server addon ts ## Run VECTORS=/path/to/file.json through Rust, C and Node, the fallback included
	@file="$$(realpath "$(VECTORS)")" && status=0; \
	cargo run --quiet -p rudder-session-tests --bin vectors -- "$$file" || status=1; \
	(cd $(NODE) && VECTORS="$$file" npm run --silent vectors) || status=1; \
	(cd $(NODE) && VECTORS="$$file" SESSION_NATIVE=0 npm run --silent vectors) || status=1; \
	exit $$status

.PHONY: test-faults
test-faults: redis-server addon ts ## Run the long fault tests of the stores, the timing, the differential and the fuzz targets, some forty minutes (FAULTS="--seed 1 --soak 600 NAME")
	cargo run --release --quiet -p rudder-session-tests --bin faults -- $(FAULTS)
	cd $(NODE) && npm run --silent test:differential
	@$(MAKE) test-fuzz

.PHONY: lint
lint: lint-rust lint-node ## Check formatting, clippy, types and TypeScript style

.PHONY: lint-rust
lint-rust:
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo fmt --check --manifest-path benches/peers/Cargo.toml
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml

.PHONY: lint-node
lint-node: $(NPM_STAMP)
	cd $(NODE) && npm run lint

.PHONY: lint-peers
lint-peers: ## Check what others are compared with, which takes minutes to compile the first time
	cargo clippy $(PEERS_CRATE) -- -D warnings

.PHONY: lint-fuzz
lint-fuzz: ## Check what is fuzzed, which compiles libFuzzer
	cargo clippy --manifest-path tests/fuzz/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/fuzz-rust -- -D warnings

.PHONY: bench
bench: redis-server ## Run the criterion suites: codec, payload, C library, stores; under twenty minutes
	cargo build --release -p rudder-session-ffi
	cargo bench -p rudder-session-benches

.PHONY: bench-peers
bench-peers: redis-server ## Compare cookies, payloads and loads from Redis with others' (PEERS="--rounds 20 load/256")
	cargo run --release $(PEERS_CRATE) -- $(PEERS)

.PHONY: bench-guard
bench-guard: valgrind ## Fail if a hot path takes 3 % more instructions than it did (UPDATE=1 writes what it takes now)
	@cargo run --release --quiet -p rudder-session-benches --bin guard

.PHONY: bench-growth
bench-growth: ## Fill the memory and the file store with a million sessions: room, speed, opening
	cargo run --release --quiet -p rudder-session-benches --bin growth

.PHONY: bench-node
bench-node: redis-server addon ts $(NODE_BENCHES_STAMP) ## Compare the Node package with what it replaces (BENCH="codec redis")
	cd $(NODE_BENCHES) && node main.mjs $(BENCH)

.PHONY: bench-http
bench-http: redis-server addon ts $(NODE_BENCHES_STAMP) ## Compare HTTP servers with no session, another package's and ours (HTTP="express hono")
	cd $(NODE_BENCHES) && node http/main.mjs $(HTTP)

.PHONY: bench-flame
bench-flame: redis-server ## Sample the two hottest paths with perf, for the report's flame graphs
	@sh benches/report/sample.sh

.PHONY: bench-report
bench-report: ## Write benches/REPORT.md and target/bench/report.json; runs what was not run yet
	@[ -f target/bench/peers.json ] || $(MAKE) bench-peers
	@[ -f target/bench/node.json ] || $(MAKE) bench-node
	@[ -f target/bench/http.json ] || $(MAKE) bench-http
	@cargo run --release --quiet $(PEERS_CRATE) --bin report

.PHONY: install
install: ## Install the C library, its headers and packages (PREFIX=/usr/local, DESTDIR=, PROFILE=release)
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" PROFILE="$(PROFILE)" sh ffi-c/install/install.sh

.PHONY: header
header: ## Generate include/rudder_session.h and .ffi.h anew
	UPDATE_HEADER=1 cargo test -p rudder-session-ffi --test header the_committed_header

.PHONY: pack
pack: addon ## Make the npm packages in node-binding/build/pack, of this platform only
	cd $(NODE) && npm run --silent pack

.PHONY: pack-rudderjs
pack-rudderjs: addon ## Make the tarball that installs as @rudderjs/session, in node-binding/build/pack-rudderjs
	cd $(NODE) && npm run --silent pack:rudderjs

.PHONY: sbom
sbom: ## List all that is in what we ship, as CycloneDX, in target/sbom (installs cargo-cyclonedx)
	@sh tests/supply/sbom.sh

# Sources, licences and bans need no network once the crates are here; advisories and npm's do. What else is checked without
# one, in `make test`: tests/supply_chain.rs, and the header in ffi-c/tests/header.rs.
.PHONY: audit
audit: $(NPM_STAMP) ## Check licences, sources and advisories of all dependencies (installs cargo-deny)
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources
	cargo deny check advisories
	cd $(NODE) && npm audit

.PHONY: addon
addon: $(ADDON_STAMP)

$(ADDON_STAMP): $(NPM_STAMP) $(ADDON_SOURCES)
	cd $(NODE) && npm run --silent build:addon
	@mkdir -p $(@D) && touch $@

.PHONY: ts
ts: $(NPM_STAMP)
	cd $(NODE) && npm run --silent build

$(NPM_STAMP): $(NODE)/package-lock.json
	cd $(NODE) && npm ci
	@touch $@

$(NODE_VERSIONS_STAMP): $(NODE_VERSIONS)/package-lock.json
	cd $(NODE_VERSIONS) && npm ci
	@touch $@

$(PACKAGING_STAMP): $(PACKAGING)/package-lock.json
	cd $(PACKAGING) && npm ci
	@touch $@

$(BROWSER_STAMP): $(BROWSER)/package-lock.json
	cd $(BROWSER) && npm ci
	@touch $@

$(NODE_BENCHES_STAMP): $(NODE_BENCHES)/package-lock.json
	cd $(NODE_BENCHES) && npm ci --ignore-scripts
	@touch $@

# What the examples of the C library are written in, and what its tests look into it with.
C_TOOLS := gcc:gcc g++:g++ clang:clang cmake:cmake pkg-config:pkg-config python3:python3 \
	go:golang-go php:php-cli nm:binutils valgrind:valgrind
.PHONY: c-tools
c-tools:
	@missing=; for tool in $(C_TOOLS); do \
		command -v "$${tool%%:*}" >/dev/null || missing="$$missing $${tool##*:}"; done; \
	[ -z "$$missing" ] || { \
		echo "not here:$$missing: installing"; \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq $$missing; }

.PHONY: valgrind
valgrind:
	@command -v valgrind >/dev/null || { \
		echo "valgrind is not here: installing it"; \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq valgrind; }

# The tests start servers of their own; they need the program only.
.PHONY: redis-server
redis-server:
	@command -v redis-server >/dev/null || { \
		echo "redis-server is not here: installing it"; \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq redis-server; }

# Debian's; CHROMIUM=/path/to/another is used instead.
.PHONY: chromium
chromium:
	@[ -x "$${CHROMIUM:-/usr/bin/chromium}" ] || { \
		echo "chromium is not here: installing it"; \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq chromium; }

.PHONY: clean
clean: ## Remove everything that was built
	cargo clean
	rm -rf $(NODE)/node_modules $(NODE)/dist $(NODE)/build $(NODE)/*.node
	rm -rf $(NODE_VERSIONS)/node_modules $(PACKAGING)/node_modules $(BROWSER)/node_modules
	rm -rf $(NODE_BENCHES)/node_modules
