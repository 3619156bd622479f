# Everything runs in .venv; nothing depends on what happens to be installed globally.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint bench clean

demo: $(READY)  ## the main job: a day in an energy community, cleared on shares
	$(BIN)/mpc-market demo

test: $(READY) lint  ## lint, types and all tests
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## about ten minutes; see benchmarks/README.md
	$(BIN)/python -m benchmarks

# Importing the kernels compiles them once; every later start loads the machine code.
$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,bench,dev]'
	$(BIN)/python -c 'import mpc_market.field.kernels'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
