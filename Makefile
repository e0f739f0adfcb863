# `make run` ends with Easel at http://127.0.0.1:8000; `make test` checks everything. Needs Python 3.11 to 3.14 and make.
# Without an NVIDIA GPU, add PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu" to save gigabytes.

# The oldest that is there: the lock, the images and the documents' figures are of 3.11, and wheels are out for it longest.
# Each is run, not just looked up: a version manager's shim may be there and lead nowhere.
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3.14 python3; do \
  $$each -c '' 2>/dev/null && break; done; echo $$each)
VENV ?= .venv
PIP_ARGS ?=
# Processes of tests at a time: much of the suite waits. Each has its own Redis, ports and folders.
JOBS ?= 2
BIN := $(VENV)/bin

.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

run: $(VENV)/.installed ## install, then start Easel; Ctrl-C stops it
	@$(BIN)/easel up

test: $(VENV)/.installed-dev ## install, then linters, types and the whole suite
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pytest -n $(JOBS) --dist loadfile

chaos: $(VENV)/.installed-dev ## kill, freeze and cut off everything for some minutes; ends with a table of the figures
	$(BIN)/pytest tests/chaos -m "chaos or not chaos"

screenshots: $(VENV)/.installed-dev ## draw with the bundled model and take the pictures of the page in docs/ anew
	$(BIN)/python -m tests.docs.screenshots

lock: $(VENV)/.installed ## resolve the versions anew into requirements.lock
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --python-version 3.11 --universal --no-emit-package easel --no-annotate --all-extras \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || \
	  { echo "Easel needs Python 3.11 to 3.14; found: $$($(PYTHON) --version)." \
	  "Try: make $(MAKECMDGOALS) PYTHON=/path/to/python3.13"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian and Ubuntu: apt install $(notdir $(PYTHON))-venv"; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml requirements.lock
	$(BIN)/pip install -q $(PIP_ARGS) -c requirements.lock -e '.[api,worker,s3]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install -q $(PIP_ARGS) -c requirements.lock -e '.[api,worker,s3,otel,dev]'
	@touch $@

.PHONY: help run test chaos screenshots lock
