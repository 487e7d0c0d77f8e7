# The front door. `make` lists the targets; each does its own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PYTHONSAFEPATH := 1

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help build demo test soak fuzz lint debug asan bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

build: ## system packages (as root on Debian), .venv, native modules; quick when nothing changed
	@scripts/setup

demo: build ## two routers over TLS with a TCP service and AMQP through both; KEEP=1 leaves them running
	@KEEP=$(KEEP) PYTHONPATH=scripts $(BIN)/python -m demo

test: build ## all tests but the lint and the campaigns of tests/soak; ARGS= is passed to pytest
	$(PYTEST) --ignore=tests/soak $(ARGS)

soak: build ## gigabytes through two and three routers, everything checked; ARGS="--scale 0.01 --only messages"
	PYTHONPATH=tests:tests/support $(BIN)/python -m soak $(ARGS)

fuzz: build ## 100,000 cases for each decoder of control messages; ARGS="--cases 1000 --seed 7 --only mesh"
	PYTHONPATH=tests/support $(BIN)/python tests/fuzz/decoders.py $(ARGS)

lint: build ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

debug: build ## native tests on a build with bounds checks
	scripts/native-tests debug

asan: build ## native tests on a build with AddressSanitizer
	scripts/native-tests asan

bench: build ## load tests beside nginx and HAProxy; ARGS="--quick --only tcp-one"; result in perf/results/
	@scripts/setup-bench
	PYTHONPATH=perf $(BIN)/python -m load.bench $(ARGS)

clean: ## remove what was built; the .venv stays, and is set up again by the next target
	rm -rf build dist *.egg-info .venv/setup.stamp .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find amqp router adaptors mgmt cli config tests perf -name __pycache__ -prune -exec rm -rf {} +
	find amqp router adaptors -name '*.so' -delete
