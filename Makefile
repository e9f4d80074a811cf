# Needs Python 3.11 or newer and make; everything else arrives in .venv and node_modules.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST_ARGS ?=
N ?= 1000

.DEFAULT_GOAL := help
.PHONY: help frontend run test check bench crash clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 18

$(VENV)/installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages (about half a minute the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

frontend: $(VENV)/installed
	@command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[frontend]"
	@$(BIN)/python -m webapp.assets

run: frontend ## Start Cartwheel with its demo shop
	@exec $(BIN)/cartwheel demo

test: frontend ## Run the tests
	@$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

check: $(VENV)/installed ## Lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/installed ## Measure the hot paths
	@$(BIN)/cartwheel bench

crash: $(VENV)/installed ## Kill workers N times at every point and count what was lost or doubled
	@$(BIN)/python -m tests.crash --kills $(N)

clean: ## Remove what was built; the data folder stays
	@rm -rf $(VENV) node_modules webapp/static/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
