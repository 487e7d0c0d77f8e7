# The front door. `make` lists the targets; each does its own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PYTHONSAFEPATH := 1

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 2

SEEDS ?= 1000
ROUTERS ?= 12
EXAMPLES ?= 2000
MINUTES ?= 10
LIVES ?= 2000
SEED ?= 1
CYCLES ?= 200

.PHONY: help build demo test conformance interleavings soak churn programs tcp-lives tcp-crowds site-kills site-network bundles fuzz simulate simulate-report \
	image containers reference lint debug asan bench query-report command-report crds clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

build: ## system packages (as root on Debian), .venv, native modules; quick when nothing changed
	@scripts/setup

demo: build ## two routers over TLS with a TCP service and AMQP through both; KEEP=1 leaves them running
	@KEEP=$(KEEP) PYTHONPATH=scripts $(BIN)/python -m demo

test: build ## all tests but the lint and the campaigns (conformance, containers, soak, bundles); WORKERS=2 side by side, ARGS= goes to pytest
	$(PYTEST) -n $(WORKERS) --dist loadfile --ignore=tests/soak --ignore=tests/conformance --ignore=tests/containers --ignore=tests/bundles $(ARGS)

conformance: build ## what clients rely on, with proton and rhea (Node.js), on three topologies; ARGS= is passed to pytest
	scripts/setup-conformance
	SKROUTER_RHEA=$(CURDIR)/.venv/conformance $(PYTEST) tests/conformance $(ARGS)

interleavings: build ## random clients on one to four routers, every delivery and credit accounted for; EXAMPLES=2000
	SKROUTER_INTERLEAVINGS=$(EXAMPLES) $(PYTEST) tests/integration/router/forwarder/test_interleavings.py $(ARGS)

soak: build ## gigabytes through two and three routers, everything checked; ARGS="--scale 0.01 --only slow"
	PYTHONPATH=tests:tests/support $(BIN)/python -m soak $(ARGS)

churn: build ## clients that come and go for MINUTES=10, nothing may grow; result in perf/results/
	PYTHONPATH=tests:tests/support:perf $(BIN)/python -m soak.churn --minutes $(MINUTES) $(ARGS)

programs: build ## nginx, HTTP/2, Redis, PostgreSQL, ssh, iperf3, WebSocket through two routers; ARGS="--seconds 60 --only redis"
	@scripts/setup-programs
	PYTHONPATH=tests:tests/support $(BIN)/python -m programs $(ARGS)

tcp-lives: build ## random lives of TCP connections over one to three routers and an edge; LIVES=2000 SEED=1
	SKROUTER_TCP_LIVES=$(LIVES) SKROUTER_TCP_SEED=$(SEED) $(PYTEST) tests/system/test_tcp_lives.py $(ARGS)

tcp-crowds: build ## 5,000 idle connections and 50,000 short ones through two routers
	SKROUTER_TCP_IDLE=5000 SKROUTER_TCP_SHORT=50000 $(PYTEST) tests/system/test_tcp_crowds.py $(ARGS)

site-kills: build ## CYCLES=200 of create, update, delete on local sites, kill -9 at random points of each; SEED=1
	SKROUTER_SITE_KILLS=$(CYCLES) SKROUTER_SITE_SEED=$(SEED) $(PYTEST) -n 2 tests/system/sites/test_kills.py $(ARGS)

site-network: build ## three sites, one behind NAT, a web server and PostgreSQL across; links refused and revoked
	@scripts/setup-programs
	$(PYTEST) tests/system/sites/test_network.py $(ARGS)

bundles: build ## install a bundle of a site on fresh Debian systems (made with mmdebstrap, as root), and remove it again
	@scripts/setup-bundles
	$(PYTEST) tests/bundles $(ARGS)

fuzz: build ## 100,000 cases for each decoder of control messages, 10,000 for the management agent; ARGS="--cases 1000 --only agent"
	PYTHONPATH=tests/support $(BIN)/python tests/fuzz/decoders.py $(ARGS)

simulate: build ## random lives of simulated meshes; SEEDS=10000 ROUTERS=12; SEEDS=17-17 replays one with a trace
	PYTHONPATH=tests/support $(BIN)/python -m skrouter_testing.network --seeds $(SEEDS) --routers $(ROUTERS) $(ARGS)

simulate-report: build ## CPU, messages and memory in a mesh of ROUTERS=1000 (about an hour); result in perf/results/
	PYTHONPATH=perf:tests/support $(BIN)/python -m mesh.report $(if $(filter file,$(origin ROUTERS)),,--routers $(ROUTERS)) $(ARGS)

image: build ## images of router and system controller, as root on Debian 12; REGISTRY=example.org/team names them for a registry
	@scripts/setup-containers
	@scripts/image

containers: image ## sites on a real Podman, which serves as Docker too, in a machine of its own
	scripts/alone $(PYTEST) tests/containers $(ARGS)

reference: build ## write reference documents, man pages and shell completion anew from schema and parsers
	PYTHONPATH=scripts $(BIN)/python -m reference

lint: build ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

crds: build ## config/crd from the kinds in config/resources
	@scripts/crds

debug: build ## native tests on a build with bounds checks
	scripts/native-tests debug -n $(WORKERS) --dist loadfile

asan: build ## native tests on a build with AddressSanitizer
	scripts/native-tests asan -n $(WORKERS) --dist loadfile

bench: build ## load tests beside nginx and HAProxy; ARGS="--quick --only tcp-one"; result in perf/results/
	@scripts/setup-bench
	PYTHONPATH=perf $(BIN)/python -m load.bench $(ARGS)

query-report: build ## time of skstat on a router with 10,000 addresses and 1,000 links, and what it does to messages; perf/results/
	PYTHONPATH=perf:tests/support $(BIN)/python -m management.query $(ARGS)

command-report: build ## time of commands of skupper that need no network, held against their limits; perf/results/
	PYTHONPATH=perf $(BIN)/python -m commands.start_up $(ARGS)

clean: ## remove what was built; the .venv stays, and is set up again by the next target
	rm -rf build dist *.egg-info .venv/setup.stamp .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find amqp router adaptors mgmt cli config tests perf -name __pycache__ -prune -exec rm -rf {} +
	find amqp router adaptors -name '*.so' -delete
