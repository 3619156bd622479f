# Everything runs in .venv; nothing depends on what happens to be installed globally.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint bench load soak lock audit-deps clean

demo: $(READY)  ## the main job: a day in an energy community, cleared on shares
	$(BIN)/mpc-market demo

# Two at a time: much of a test of services is waiting. The tests of one file stay together, with what they share.
test: $(READY) lint  ## lint, types and all tests: 25 to 28 minutes on two cores
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## the clearing: about twelve minutes; see benchmarks/README.md
	$(BIN)/python -m benchmarks

load: $(READY)  ## whole markets: three quarters of an hour; see benchmarks/README.md
	$(BIN)/python -m benchmarks.load
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.intake
	$(BIN)/python -m benchmarks.settlement
	$(BIN)/python -m benchmarks.many_markets

lock: $(READY)  ## pin everything the container installs, by hash; keeps what still fits (UPGRADE=--upgrade: all anew)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[supply]'
	echo 'setuptools>=77' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command 'make lock' $(UPGRADE) pyproject.toml - --output-file deploy/requirements.lock

# An advisory service that knows nothing of a package, or is not reached, is no clean bill: --strict.
audit-deps: $(READY)  ## look for known vulnerabilities in what the container installs; needs PyPI's advisories
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[supply]'
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement deploy/requirements.lock || \
		{ echo 'audit-deps: vulnerable, or NOT AUDITED because the advisories could not be had: see above'; exit 1; }

soak: $(READY)  ## half an hour of crashes, bad lines and hostile peers: MINUTES=5 SEED=text make soak
	$(BIN)/python -m soak --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED)) --json soak.json

# Importing the kernels compiles them once; every later start loads the machine code.
$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,bench,dev]'
	$(BIN)/python -c 'import mpc_market.field.kernels'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
