# Everything a newcomer needs: `make demo`, then `make test`. Only Python 3.11+ and make are assumed.
PYTHON ?= python3
BIN := .venv/bin
PIP_FLAGS := --quiet --disable-pip-version-check --no-input

.PHONY: help demo test lint format env dev-env bench storm lock clean
help:            ## what can be done here
	@grep -hE '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: env        ## start everything embedded, run 300 journeys through 120 days, show the result
	@$(BIN)/senda demo

test: dev-env    ## all tests: pure core, workflows, ledger, end to end
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not alone"
	@$(BIN)/python -m pytest -m alone

lint: dev-env    ## style, types, the order of the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/pyright

format: dev-env  ## rewrite the code in the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: dev-env   ## measure against the floor of the engine, in one run
	@$(BIN)/python -m benchmarks

storm: dev-env   ## a thousand rounds of 64 requests at once for one person: permits exactly as the caps allow
	@$(BIN)/python -m tests.ledger.storm 1000

env: .venv/.ready      ## only the environment: afterwards .venv/bin/senda works
dev-env: .venv/.dev-ready

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Senda needs Python 3.11 or newer: make env PYTHON=python3.11"; exit 1; }
	@echo "Setting up .venv (once, about a minute) ..."
	@$(PYTHON) -m venv .venv

.venv/.ready: requirements.lock pyproject.toml | .venv/bin/python
	@$(BIN)/python -m pip install $(PIP_FLAGS) --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --no-index -e .
	@touch $@

.venv/.dev-ready: requirements-dev.lock .venv/.ready
	@$(BIN)/python -m pip install $(PIP_FLAGS) --require-hashes -r requirements-dev.lock
	@touch $@

lock:            ## resolve the dependencies anew (needs uv)
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra dev pyproject.toml -o requirements-dev.lock

clean:           ## remove the environment and what was built
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis
