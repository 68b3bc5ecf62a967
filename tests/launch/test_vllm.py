"""One launch with rollouts by real vLLM, in the environment that `make test-vllm` makes and names by GSIM_VLLM_PYTHON."""

import os

import pytest

from tests.launch.conftest import launch
from tests.launch.test_recipes import moved, on_recorded_contexts, trained

PYTHON = os.environ.get("GSIM_VLLM_PYTHON")


@pytest.mark.slow
@pytest.mark.skipif(
    not PYTHON, reason="vLLM's CPU build is in an environment of its own: make test-vllm"
)
def test_customer_grpo_with_vllm(tiny_model, training_files, tmp_path) -> None:
    steps = launch(
        "customer_grpo",
        tmp_path / "log.jsonl",
        *on_recorded_contexts(tiny_model, training_files),
        python=str(PYTHON),
        CONFIG="cpu_vllm",
        VLLM_CPU_KVCACHE_SPACE="1",
    )
    assert moved(trained(steps)[1])
