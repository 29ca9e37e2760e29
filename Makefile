# Two commands for everyone: `make demo` and `make test`. Each does all the set-up it needs; a second run is instant.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
NO_GUI := QT_QPA_PLATFORM=offscreen

.PHONY: demo test lint types contracts tests benchmark screenshots study-sharing clean

demo: .venv/.installed
	@$(BIN)/python main.py --demo

test: lint types contracts tests

lint: .venv/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.developer
	$(BIN)/mypy

contracts: .venv/.developer
	$(BIN)/lint-imports

tests: .venv/.developer
	$(NO_GUI) $(BIN)/python -m pytest -q -n 2 --dist loadfile

benchmark: .venv/.developer
	$(PIP) install -e '.[bench]'
	$(NO_GUI) $(BIN)/python -m pytest -q -s -m "benchmark or slow" -o timeout=3600 tests $(wildcard tests/benchmarks/bench_*.py)

study-sharing: .venv/.installed
	$(BIN)/python -m resources.studies.sharing --full --out demo-output/sharing

groups-table: .venv/.developer
	$(BIN)/python -m tests.groups_table

screenshots: .venv/.developer
	$(NO_GUI) $(BIN)/python -m tests.screenshots docs/screenshots
	$(NO_GUI) $(BIN)/python -m tests.walk docs/screenshots

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LayerScope needs Python 3.11 or newer; name one with make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	@$(PIP) install --upgrade pip

.venv/.installed: .venv/bin/python pyproject.toml
	@test -e .venv/.developer || { echo "Installing LayerScope into .venv (once; PyTorch is large) ..."; $(PIP) install -e .; }
	@touch $@

.venv/.developer: .venv/bin/python pyproject.toml
	@echo "Installing LayerScope and its development tools into .venv (once) ..."
	$(PIP) install -e '.[dev,zoo,parquet]'
	@touch $@ .venv/.installed

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .pytest_cache demo-output
