# Every target makes what it needs: the first run creates .venv and installs the
# package into it, later runs start at once. `make PYTHON=python3.12 ...` picks the
# interpreter that .venv is made with.

PYTHON ?= python3
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEMO := runs/demo

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-full lint docs bench

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed ## Train online on the cue-accumulation task and write a report
	rm -rf $(DEMO)
	$(BIN)/onspike train cue-accumulation --out $(DEMO) --set train.epochs=3

test: $(VENV)/.installed-test ## Run the quick tests
	$(BIN)/pytest -n $(JOBS) -m "not slow"

test-full: $(VENV)/.installed-test ## Run all tests
	$(BIN)/pytest -n $(JOBS)

lint: $(VENV)/.installed-lint ## Check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

docs: $(VENV)/.installed-docs ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.installed ## Measure the time of one tick
	$(BIN)/python benchmarks/tick.py

# Stamps: .venv is made once, and an extra installed again when pyproject.toml changes.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("onspike needs Python 3.11 or later; this is " + sys.version.split()[0] + ": try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-%: pyproject.toml $(VENV)/.created
	$(PIP) install --editable '.[$*]'
	@touch $@
