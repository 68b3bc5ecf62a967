"""A launch with vLLM rollouts, by the Python that GSIM_VLLM_PYTHON names (make test-vllm)."""

import os

import pytest

from tests.launch.conftest import launch
from tests.launch.test_recipes import moved, on_recorded_contexts, trained

PYTHON = os.environ.get("GSIM_VLLM_PYTHON")


@pytest.mark.slow
@pytest.mark.skipif(
    not PYTHON, reason="vLLM's CPU build needs a separate environment: make test-vllm"
)
def test_customer_grpo_with_vllm(tiny_model, training_files, tmp_path) -> None:
    steps = launch(
        "customer_grpo",
        tmp_path / "log.jsonl",
        *on_recorded_contexts(tiny_model, training_files),
        python=str(PYTHON),
        machine="cpu_vllm",
        VLLM_CPU_KVCACHE_SPACE="1",
    )
    assert moved(trained(steps)[1])
