# `make` alone prints the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

NODE := node-binding
NODE_VERSIONS := $(NODE)/test/node-versions
VECTORS ?= tests/vectors/vectors.json
# `npm ci` is needed again only when the lock file changes.
NPM_STAMP := $(NODE)/node_modules/.package-lock.json
NODE_VERSIONS_STAMP := $(NODE_VERSIONS)/node_modules/.package-lock.json

.PHONY: help
help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: addon ts ## Start the demo at http://127.0.0.1:3000 (PORT, SESSION_DRIVER, SESSION_FILE, REDIS_URL)
	@cd $(NODE) && exec node build/demo/main.js

.PHONY: test
test: test-rust test-c test-node ## Run all tests: Rust, C, Node

.PHONY: test-rust
test-rust: redis-server ## Run the tests of the engine and those that cross crates
	cargo build -p rudder-session-ffi
	cargo test -p rudder-session -p rudder-session-node -p rudder-session-tests

.PHONY: test-c
test-c: redis-server ## Run the tests of the C library, its header and its C programs
	cargo test -p rudder-session-ffi

.PHONY: test-node
test-node: redis-server addon ts $(NODE_VERSIONS_STAMP) ## Run the tests of the addon and the TypeScript on Node 20, 22 and 24
	cd $(NODE) && npm run test:nodes

.PHONY: test-vectors
test-vectors: redis-server addon ts ## Run VECTORS=/path/to/file.json through Rust, C and Node
	@file="$$(realpath "$(VECTORS)")" && status=0; \
	cargo run --quiet -p rudder-session-tests --bin vectors -- "$$file" || status=1; \
	(cd $(NODE) && VECTORS="$$file" npm run --silent vectors) || status=1; \
	exit $$status

.PHONY: test-faults
test-faults: redis-server ## Run the long fault tests of the stores, some ten minutes (FAULTS="--seed 1 --soak 600 NAME")
	cargo run --release --quiet -p rudder-session-tests --bin faults -- $(FAULTS)

.PHONY: lint
lint: $(NPM_STAMP) ## Check formatting, clippy, types and TypeScript style
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	cd $(NODE) && npm run lint

.PHONY: bench
bench: ## Run the criterion benches of the codec
	cargo bench -p rudder-session-benches

.PHONY: header
header: ## Generate include/rudder_session.h anew
	UPDATE_HEADER=1 cargo test -p rudder-session-ffi the_committed_header

.PHONY: audit
audit: $(NPM_STAMP) ## Check licences, sources and advisories of all dependencies (installs cargo-deny)
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check bans licenses sources
	cargo deny check advisories
	cd $(NODE) && npm audit

.PHONY: addon
addon: $(NPM_STAMP)
	cd $(NODE) && npm run --silent build:addon

.PHONY: ts
ts: $(NPM_STAMP)
	cd $(NODE) && npm run --silent build

$(NPM_STAMP): $(NODE)/package-lock.json
	cd $(NODE) && npm ci
	@touch $@

$(NODE_VERSIONS_STAMP): $(NODE_VERSIONS)/package-lock.json
	cd $(NODE_VERSIONS) && npm ci
	@touch $@

# The tests start servers of their own; they need the program only.
.PHONY: redis-server
redis-server:
	@command -v redis-server >/dev/null || { \
		echo "redis-server is not here: installing it"; \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq redis-server; }

.PHONY: clean
clean: ## Remove everything that was built
	cargo clean
	rm -rf $(NODE)/node_modules $(NODE)/dist $(NODE)/build $(NODE)/*.node $(NODE_VERSIONS)/node_modules
