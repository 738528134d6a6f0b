# Everything a developer, CI or a curious visitor runs. Each target does its own set-up, in .venv, from hash-locked
# files: a machine with Python 3.11 or newer, pip and make needs nothing else. ARGS reaches the command underneath.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Any Python from 3.11 on will do, whatever `python3` is here. Say `make PYTHON=/path/to/python …` to choose.
PYTHON := $(or $(PYTHON),$(shell for p in python3.11 python3 python3.12 python3.13 python3.14 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { command -v $$p; break; }; done))

# `pip --python` serves a venv without a pip of its own (Debian keeps ensurepip in another package, python3-venv).
PIP = $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check
# Wheels only; cpe (under stix2-validator) has none and is built by the locked setuptools.
INSTALL = $(PIP) install -qq --require-hashes --only-binary :all: --no-binary cpe --no-build-isolation
EDITABLE = $(PIP) install -qq --no-deps --no-build-isolation --no-index -e .

# No test and no check waits for the network.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

# ── set-up ──────────────────────────────────────────────────────────────────────────────────────────────────────

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Harkara needs Python 3.11 or newer. Install it, or say: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "$(PYTHON) has no pip. Install it (Debian: apt-get install python3-pip)." >&2; exit 1; }
	@$(PYTHON) -m venv --without-pip --clear $(VENV)

# What serving needs: enough for `make demo`.
$(VENV)/.serve: requirements-server.lock requirements-build.lock pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV): what serving needs"
	@$(INSTALL) -r requirements-server.lock -r requirements-build.lock
	@$(EDITABLE)
	@touch $@

# The same versions, and the tools of tests and checks.
$(VENV)/.develop: requirements.lock $(VENV)/.serve
	@echo "Setting up $(VENV): what tests and checks need"
	@$(INSTALL) -r requirements.lock
	@touch $@

.PHONY: setup
setup: $(VENV)/.develop ## make .venv with everything that tests and checks need

# ── use ─────────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: demo
demo: $(VENV)/.serve ## an exchange and its agencies on this machine (ARGS=--once: once through, then stop)
	@$(BIN)/harkara demo $(ARGS)

# ── tests ───────────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: test
test: $(VENV)/.develop ## all tests, in parallel, against the embedded store (ARGS=tests/attacks: those alone)
	$(BIN)/python -m pytest -n auto $(ARGS)

.PHONY: test-redis
test-redis: $(VENV)/.develop ## the tests that touch a store, against the redis-server on the PATH
	@# what bad input leaves in the broker's memory has nothing to do with its store
	HARKARA_TEST_STORE=redis HARKARA_STORE_BINARY=$$(command -v redis-server) $(BIN)/python -m pytest -n auto $(or $(ARGS),$(wildcard tests/store tests/service tests/web tests/client tests/cli tests/contract tests/journeys tests/faults tests/attacks tests/test_wiring.py)) --ignore=tests/web/test_memory.py

.PHONY: lint
lint: $(VENV)/.develop ## format, lint, types, the compose file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	@# the schema of compose files comes with check-jsonschema
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

.PHONY: check
check: lint ## lint, and architecture, contract, packaging
	@# thousands of requests to a broker are for `make test`
	$(BIN)/python -m pytest -n auto tests/architecture tests/contract tests/packaging tests/protocol/test_json_schema.py \
		--ignore=tests/contract/test_schemathesis.py

.PHONY: fuzz
fuzz: $(VENV)/.develop ## fuzz every decoder, 5 minutes in all (ARGS="--seconds 60 --target bulletin")
	$(BIN)/python -m tests.fuzz.campaign $(ARGS)

.PHONY: bench
bench: $(VENV)/.develop ## posts per second beside what one would build by hand, as a ratio; steps, refusals, start
	$(BIN)/python -m bench.posts $(ARGS)
	$(BIN)/python -m bench.steps
	$(BIN)/python -m bench.refusals
	$(BIN)/python -m bench.start

.PHONY: soak
soak: $(VENV)/.develop ## 1,000 feeds while everything dies now and then; nothing may be lost (ARGS="--minutes 20")
	$(BIN)/python -m bench.soak $(ARGS)

# ── make things ─────────────────────────────────────────────────────────────────────────────────────────────────

.PHONY: schemas
schemas: $(VENV)/.develop ## write schemas/*.schema.json from the types
	$(BIN)/python -m tests.contract.write_schemas

.PHONY: vectors
vectors: $(VENV)/.develop ## write schemas/vectors/ from fixed entropy
	$(BIN)/python -m tests.vectors.make_vectors

.PHONY: licences
licences: $(VENV)/.develop ## write docs/licences.md and docs/sbom.cdx.json (CycloneDX) from the lock files
	$(BIN)/python -m tests.packaging.write_licences

.PHONY: build
build: $(VENV)/.develop ## the wheel, in dist/, the same bytes each time
	rm -rf dist
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 1750000000)} $(BIN)/python -m build --no-isolation --wheel .

# The lock files hold names, versions and hashes, never the address of a registry: the installer's own settings say
# where to fetch, the hashes say what. Server and build are locked first and bind the third.
UV ?= uv
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command 'make lock' $(ARGS)

.PHONY: lock
lock: ## resolve the lock files anew (needs uv; ARGS=--upgrade for newer versions)
	$(LOCK) pyproject.toml --extra server --extra interop --output-file requirements-server.lock
	$(LOCK) --group build --constraints requirements-server.lock --output-file requirements-build.lock
	$(LOCK) pyproject.toml --extra server --extra interop --group dev --group build \
		--constraints requirements-server.lock --constraints requirements-build.lock --output-file requirements.lock

.PHONY: clean
clean: ## remove .venv and everything made
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
