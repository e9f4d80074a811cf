# Needs Python 3.11 or newer and make; everything else arrives in .venv and node_modules.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST_ARGS ?=
N ?= 1000
CRASH_ARGS ?=

.DEFAULT_GOAL := help
# An installation starts many processes: without its bytecode kept, each spends seconds compiling a thousand modules.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help frontend run test zones relive fuzz check bench crash clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 18

# Node builds the front end; where there is none, it comes as a Python package.
FRONTEND = $(shell command -v npm >/dev/null 2>&1 || echo '[frontend]')
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Cartwheel needs Python 3.11 or newer; $(PYTHON) is older. Name another: make run PYTHON=python3.13"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages (about half a minute the first time) …"
	@$(PIP) install --no-compile --editable ".$(FRONTEND)"
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing what tests and checks need …"
	@$(PIP) install --editable ".[dev]"
	@touch $@

run: $(VENV)/installed ## Start Cartwheel with its demo shop
	@exec $(BIN)/cartwheel demo

test: $(VENV)/installed-dev ## Run the tests
	@$(BIN)/python -m webapp.assets
	@$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

zones: $(VENV)/installed-dev ## Test local time in every zone and at every change of clocks, 2020 to 2035
	@CARTWHEEL_TEST_ALL_ZONES=1 $(BIN)/python -m pytest -n 2 tests/automation/test_times.py tests/automation/test_schedule.py

relive: $(VENV)/installed-dev ## Let the demo shop live for 60 days, and hold its backtests against that (some minutes)
	@CARTWHEEL_TEST_DEMO_DAYS=60 CARTWHEEL_TEST_DEMO_MINUTES=240 CARTWHEEL_TEST_DEMO_CUSTOMERS=60 $(BIN)/python -m pytest -n 0 -s tests/stories/test_the_demo_relived.py

fuzz: $(VENV)/installed-dev ## Throw 20,000 broken bodies at every parser and every door
	@CARTWHEEL_FUZZ=20000 $(BIN)/python -m pytest -n 2 tests/automation/platforms tests/automation/test_fuzzed_files.py \
	  tests/webapp/doors/test_fuzzed_hooks.py tests/webapp/doors/test_api.py tests/webapp/doors/test_storefront.py

check: $(VENV)/installed-dev ## Lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/installed-dev ## Measure the hot paths
	@$(BIN)/python -m webapp.assets
	@$(BIN)/cartwheel bench

crash: $(VENV)/installed-dev ## Kill workers N times on each database and broker and count what was lost or doubled
	@$(BIN)/python -m tests.crash --kills $(N) $(CRASH_ARGS)

clean: ## Remove what was built; the data folder stays
	@rm -rf $(VENV) node_modules webapp/static/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
