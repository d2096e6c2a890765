# The front door. `make help` explains every target.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BUILD := build/release
JIELONG := $(BUILD)/jielong
JOBS ?= $(shell nproc)

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: up
up: build ## Install packages, build, fetch the default model and serve the chat page
	@scripts/up.sh $(JIELONG)

.PHONY: build
build: ## Install packages and build the program: build/release/jielong
	@scripts/install-packages.sh
	@scripts/page.sh --optional
	@mkdir -p build
	@cmake --preset release -DJIELONG_TESTS=OFF >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target jielong_program

.PHONY: page
page: ## Build the chat page (web/dist), which becomes part of the program
	@scripts/install-packages.sh
	@scripts/page.sh

.PHONY: test
test: ## Install packages and run everything that CI runs (STAGES="release model": only some)
	@scripts/ci.sh $(STAGES)

.PHONY: check
check: ## Check includes, formatting, documentation snippets; clang-tidy on changed files
	@scripts/ci.sh floors format snippets tidy

.PHONY: format
format: ## Format the sources with clang-format
	@scripts/format.sh --write

.PHONY: fuzz
fuzz: ## Run every parser under libFuzzer, briefly (FUZZ_RUNS=1000000: for long; FUZZ=gguf: one)
	@scripts/fuzz.sh

.PHONY: bench
bench: build ## Measure speed on the default model (more in bench/README.md)
	@$(JIELONG) pull --quiet smollm2
	@$(JIELONG) bench smollm2

.PHONY: bench-peers
bench-peers: build ## Build llama.cpp from source and compare with it (see bench/README.md)
	@scripts/install-packages.sh --bench
	@cmake --preset release -DJIELONG_TESTS=OFF -DJIELONG_BENCH=ON >build/configure.log 2>&1 || \
		{ cat build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target bench_peak
	@bench/run.sh $(JIELONG)

.PHONY: bench-serve
bench-serve: build ## Build llama.cpp from source and compare servers under concurrent clients
	@scripts/install-packages.sh --bench
	@bench/peers.sh build/peers
	@$(JIELONG) pull --quiet smollm2
	@bench/serve.py --jielong $(JIELONG) --llama build/peers/llama.cpp/bin/llama-server \
		--out build/bench-serve "$$($(JIELONG) show --path --quiet smollm2)"

.PHONY: bench-training
bench-training: build ## Compare training with PyTorch, and with llm.c in $$LLM_C_SOURCE (PYTHON: one that has torch)
	@scripts/install-packages.sh --bench
	@cmake --preset release -DJIELONG_TESTS=OFF -DJIELONG_BENCH=ON >build/configure.log 2>&1 || \
		{ cat build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target bench_training bench_peak
	@bench/training.py --ours $(BUILD)/bench_training --probe $(BUILD)/bench_peak \
		--python $(or $(PYTHON),python3) --out build/bench-training

.PHONY: soak
soak: build ## Put a server of a tiny model under load for ten minutes and look for leaks
	@tests/clients/load.py --program $(JIELONG) --minutes 10

.PHONY: package
package: build ## Make the Debian packages in dist/
	@cmake --build --preset release -j $(JOBS)
	@cd $(BUILD) && cpack -G DEB -B $(CURDIR)/dist

.PHONY: install
install: build ## Install under PREFIX, by default /usr/local
	@cmake --build --preset release -j $(JOBS)
	@cmake --install $(BUILD) --prefix $(or $(PREFIX),/usr/local)

.PHONY: clean
clean: ## Remove what was built
	rm -rf build dist web/dist web/build
