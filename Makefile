# The two commands: `make run` serves, `make test` checks. Both set up what they need first.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The CPU build of torch. On Linux its version says so: when no index has it, this fails rather than fetch gigabytes of CUDA.
TORCH := torch==2.13.0$(if $(filter Linux,$(shell uname -s)),+cpu)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

.DEFAULT_GOAL := help

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: $(VENV)/installed ## Set up, then serve on 127.0.0.1:8000.
	@$(BIN)/mlops-assistant serve

test: $(VENV)/installed-dev format-check lint types contracts stack-lint tests ## Set up, then check format, lint, types, contracts, stack and tests.

install: $(VENV)/installed ## Set up what serving needs.

install-dev: $(VENV)/installed-dev ## Set up what developing needs.

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found. Install one, or name it: make run PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/torch: $(VENV)/bin/python
	@echo "Installing torch (CPU)..."
	@$(PIP) --retries 0 --extra-index-url $(TORCH_INDEX) $(TORCH)
	@touch $@

$(VENV)/installed: requirements.lock requirements-packaging.lock pyproject.toml $(VENV)/torch
	@echo "Installing the packages..."
	@$(PIP) --no-deps --requirement requirements.lock --requirement requirements-packaging.lock
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@echo "Installing the packages for developing..."
	@$(PIP) --no-deps --requirement requirements-dev.lock
	@touch $@

format: $(VENV)/installed-dev ## Format the code.
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

format-check: $(VENV)/installed-dev
	@$(BIN)/ruff format --check --quiet

lint: $(VENV)/installed-dev ## Lint.
	@$(BIN)/ruff check --quiet

types: $(VENV)/installed-dev ## Check the types (pyright strict).
	@$(BIN)/basedpyright --level error

contracts: $(VENV)/installed-dev ## Check the direction of imports.
	@$(BIN)/lint-imports --no-logo >$(VENV)/contracts.log 2>&1 || { cat $(VENV)/contracts.log; exit 1; }

stack-lint: $(VENV)/installed-dev ## Lint workflows, scripts, the stack's files and how Terraform's are formatted.
	@$(BIN)/yamllint --strict .github deploy tests/deploy tests/stack docker-compose.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml deploy/compose.slim.yml
	@$(BIN)/zizmor --offline --quiet --no-progress .github
	@$(BIN)/shellcheck deploy/*.sh .ci/run
	@$(BIN)/hadolint --failure-threshold warning Dockerfile
	@! docker compose version >/dev/null 2>&1 || docker compose --env-file /dev/null config --quiet
	@! command -v terraform >/dev/null || terraform -chdir=deploy/terraform fmt -check -diff

tests: $(VENV)/installed-dev ## Run the tests, faults on Postgres excepted.
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal -m "not exhaustive and not stack"

stack: $(VENV)/installed-dev ## Build the image, start the compose stack, and kill and update parts of it (CONTAINERS says with what).
	@$(BIN)/python -m pytest -q tests/stack

faults: $(VENV)/installed-dev ## Kill and cut off real processes in the middle of turns; print what was lost or doubled.
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal tests/faults

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--no-annotate --overrides requirements.overrides

lock: $(VENV)/bin/python ## Compile the locked sets of packages from pyproject.toml.
	@$(PIP) uv
	@$(LOCK) pyproject.toml --output-file requirements.lock
	@$(LOCK) --constraints requirements.lock --group packaging --output-file requirements-packaging.lock
	@$(LOCK) --constraints requirements.lock --constraints requirements-packaging.lock --group dev \
		pyproject.toml --output-file requirements-dev.lock

clean: ## Remove what was set up; the data in var/ stays.
	rm -rf $(VENV) *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: help run test install install-dev format format-check lint types contracts stack-lint tests stack faults lock clean
