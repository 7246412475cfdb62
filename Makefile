# `make help` lists the targets. On a bare Debian 12 with the Rust toolchain, `make run` and `make test` install what is missing.

.DEFAULT_GOAL := help
SHELL := /bin/bash

TARGET := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET)/x86_64-unknown-linux-gnu/release
SUITE := $(BIN)/bt-suite --bin $(BIN)
VERSION := $(shell sed -n '/workspace.package/,/^$$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
DIST := btc-$(VERSION)-x86_64
# Tracing needs root; the build does not.
ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

TEST_KERNELS := 5.10,6.1,7.3
ALL_KERNELS := 5.10,6.1,6.12,6.18,7.3
FACTS_KERNELS := 6.12,6.12g,7.3,5.10,5.10g
FACTS := compiler/facts/tracepoints-x86_64.txt
CONSTANTS := compiler/facts/constants-x86_64.txt

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

.PHONY: run
run: deps-build binaries tracees ## SCRIPT=x.bt [ARGS="..."]: install what is missing, build, compile the script and run it
	@test -n "$(SCRIPT)" || { echo 'usage: make run SCRIPT=fixtures/run/hello.bt [ARGS="..."]' >&2; exit 2; }
	@mkdir -p target/run
	$(BIN)/btc "$(SCRIPT)" -o "target/run/$(basename $(notdir $(SCRIPT))).bpf.o"
	$(ROOT) $(BIN)/btrun "target/run/$(basename $(notdir $(SCRIPT))).bpf.o" $(ARGS)

.PHONY: test
test: deps-build deps-test unit build tracees ## install what is missing, build, and run all tests (beside Debian's bpftrace, and on kernels 5.10, 6.1 and 7.3 in VMs)
	$(ROOT) $(SUITE) --kernel $(TEST_KERNELS) ui object host commands docs peer kernels tools

.PHONY: test-kernels
test-kernels: deps-build deps-test build tracees ## run the scripts on all kernels in VMs: 5.10, 6.1, 6.12, 6.18 and 7.3
	$(SUITE) --kernel $(ALL_KERNELS) kernels

.PHONY: check
check: deps-build deps-check ## formatting, lints, and the tests that need no privileges
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(MAKE) unit build tracees
	$(SUITE) ui object

.PHONY: vm
vm: deps-build deps-test build tracees ## KERNEL=6.1 SCRIPT=x.bt [SECONDS=10]: run one script on a stock Debian kernel in a VM
	@test -n "$(KERNEL)" -a -n "$(SCRIPT)" || { echo 'usage: make vm KERNEL=6.1 SCRIPT=fixtures/run/hello.bt' >&2; exit 2; }
	$(SUITE) --kernel $(KERNEL) --script "$(SCRIPT)" --seconds $(or $(SECONDS),10)

.PHONY: bless
bless: build ## rewrite the recorded diagnostics beside fixtures/ui/*.bt
	BLESS=1 $(SUITE) ui

.PHONY: docs
docs: deps-build ## rewrite docs/stdlib.md from what the compiler knows of its functions
	BLESS=1 cargo test --quiet -p btc docs::

RECORDED := print_values print_map print_map_top printf_many printf_strings hist lhist agg_stats errorf records ntop buf enum_names

.PHONY: records
records: deps-build ## record runs of fixtures anew, for the tests that print them again (as root)
	cargo build --profile quick -p btc -p btrun --features btrun/record --target-dir target/record
	mkdir -p fixtures/records
	for name in $(RECORDED); do \
	  rm -f fixtures/records/$$name.*; \
	  target/record/x86_64-unknown-linux-gnu/quick/btc fixtures/run/$$name.bt -o target/record/$$name.bpf.o && \
	  cp target/record/$$name.bpf.json fixtures/records/$$name.json && \
	  $(ROOT) env BTRUN_RECORD=fixtures/records/$$name.records target/record/x86_64-unknown-linux-gnu/quick/btrun -q target/record/$$name.bpf.o >fixtures/records/$$name.txt || exit 1; \
	done
	BLESS=1 cargo test -q -p btrun recordings_print

.PHONY: bench
# Strings of both tools have 64 bytes, the default of Debian's bpftrace (btc's is bpftrace 0.26's, 1024).
bench: deps-build deps-bench build tracees ## compare with Debian's bpftrace, side by side (as root)
	$(ROOT) env BPFTRACE_STRLEN=64 $(BIN)/bt-bench --bin $(BIN)

.PHONY: dist
dist: deps-build binaries ## static binaries in dist/btc-VERSION-x86_64.tar.gz
	rm -rf dist/$(DIST)
	mkdir -p dist/$(DIST)
	cp $(BIN)/btc $(BIN)/btrun README.md dist/$(DIST)/
	if compgen -G 'docs/man/*.1' >/dev/null; then mkdir dist/$(DIST)/man && cp docs/man/*.1 dist/$(DIST)/man/; fi
	tar -C dist --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - $(DIST) | gzip -n9 >dist/$(DIST).tar.gz
	rm -rf dist/$(DIST)
	@ls -l dist/$(DIST).tar.gz

.PHONY: facts
facts: deps-build deps-test build tracees ## record the kernels' tracepoint formats and the headers' constants for the compiler
	$(SUITE) --kernel $(FACTS_KERNELS) --facts target/facts
	{ sed -n '/^#/p' $(FACTS); $(BIN)/bt-facts merge $(foreach k,$(subst $(comma), ,$(FACTS_KERNELS)),target/facts/$(k)); } >target/facts/all
	mv target/facts/all $(FACTS)
	{ sed -n '/^#/p' $(CONSTANTS); $(BIN)/bt-facts constants compiler/facts/headers.txt; } >target/facts/constants
	mv target/facts/constants $(CONSTANTS)

comma := ,

.PHONY: build
build: deps-build ## everything, in release mode
	cargo build --release --workspace

# What a user needs, without the harness.
.PHONY: binaries
binaries:
	cargo build --release -p btc -p btrun

.PHONY: unit
unit: deps-build deps-check ## the unit tests of all crates
	cargo test --workspace --quiet

.PHONY: tracees
tracees: deps-build ## the programs that fixtures trace
	@$(MAKE) --no-print-directory -s -C fixtures/tracees OUT=$(CURDIR)/target/tracees

.PHONY: deps deps-build deps-check deps-test deps-bench
deps: ## install what is missing to build, test and bench (Debian)
	@.ci/deps build check test bench
deps-build:
	@.ci/deps build
deps-check:
	@.ci/deps check
deps-test:
	@.ci/deps test
deps-bench:
	@.ci/deps bench

.PHONY: clean
clean: ## remove what was built
	cargo clean
	rm -rf dist
