"""Two training steps of each recipe with verl, Ray and transformers; checks the logged metrics."""

import os
import subprocess
import sys
import zlib

import pytest
import torch
from gsim_recipes.embedded_lora.stack import stack_loras
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from gsim_env.testing import mock_openai_server
from tests.launch.conftest import launch

pytestmark = pytest.mark.slow


def trained(steps: list[dict]) -> list[dict]:
    """Return the metrics of the two training steps, after checks that hold for every recipe."""
    training = [step["data"] for step in steps if step["step"] > 0]
    assert len(training) == 2
    for metrics in training:
        assert metrics["training/rollout_actor_probs_pearson_corr"] > 0.999
        assert metrics["training/rollout_probs_diff_max"] < 1e-4
        assert 1 <= metrics["response_length/min"] <= metrics["response_length/max"]
        assert metrics["gsim/reward/score/mean"] == pytest.approx(
            metrics["critic/score/mean"], abs=1e-4
        )
    return training


def moved(metrics: dict) -> bool:
    """Return whether there was a gradient and the policy differs from its reference."""
    return metrics["actor/grad_norm"] > 0 and metrics["actor/kl_loss"] > 1e-9


def on_recorded_contexts(model, files) -> list[str]:
    """Return the overrides for training customer_grpo on a few rows of D_sim."""
    d_sim = files / "d_sim"
    data = [f"data.train_files={d_sim}/train.parquet", f"data.val_files={d_sim}/test.parquet"]
    return [f"actor_rollout_ref.model.path={model}", *data, "data.train_max_samples=16"]


def test_customer_grpo(tiny_model, training_files, tmp_path) -> None:
    steps = launch(
        "customer_grpo",
        tmp_path / "log.jsonl",
        *on_recorded_contexts(tiny_model, training_files),
        f"trainer.default_local_dir={tmp_path}/checkpoints",
        "trainer.save_freq=2",
        "actor_rollout_ref.actor.checkpoint.save_contents=[hf_model]",
    )
    found = trained(steps)
    assert abs(found[0]["actor/kl_loss"]) < 1e-9  # before the first update
    assert moved(found[1])
    for metrics in found:
        terms = {
            name: metrics[f"gsim/reward/{name}/mean"]
            for name in ("score", "pattern", "format", "semantic")
        }
        weighed = 0.2 * terms["pattern"] + 0.15 * terms["format"] + 0.65 * terms["semantic"]
        assert terms["score"] == pytest.approx(weighed, abs=1e-4)
        assert 0 <= terms["pattern"] <= 1
        assert metrics["response_length/max"] <= 32
        assert metrics["gsim/masked_fraction"] == 0
    assert {
        step["step"] for step in steps if any(key.startswith("val-core/") for key in step["data"])
    } == {0, 2}
    before = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    after = AutoModelForCausalLM.from_pretrained(
        tmp_path / "checkpoints/global_step_2/actor/huggingface", dtype=torch.float32
    ).state_dict()
    assert before.keys() == after.keys()
    assert any(not torch.equal(weight, after[name]) for name, weight in before.items())


def test_customer_grpo_of_a_lora(tiny_model, training_files, tmp_path) -> None:
    """As in grouped_customer: a bf16 LoRA, merged for the rollout, exported from the checkpoint."""
    lora = [
        f"actor_rollout_ref.model.{key}"
        for key in ("lora_rank=4", "lora_alpha=8", "lora.merge=true")
    ]
    steps = launch(
        "customer_grpo",
        tmp_path / "log.jsonl",
        *on_recorded_contexts(tiny_model, training_files),
        *lora,
        *(f"actor_rollout_ref.{role}.fsdp_config.model_dtype=bf16" for role in ("actor", "ref")),
        f"trainer.default_local_dir={tmp_path}/checkpoints",
        "trainer.val_before_train=false",
        "trainer.test_freq=-1",
        "trainer.save_freq=2",
        "actor_rollout_ref.actor.checkpoint.save_contents=[model]",
        "actor_rollout_ref.actor.optim.lr=1e-3",
    )
    found = [step["data"] for step in steps if step["step"] > 0]
    assert all(metrics["training/rollout_actor_probs_pearson_corr"] > 0.99 for metrics in found)
    assert moved(found[1])
    merge = [sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    where = [
        "--local_dir",
        str(tmp_path / "checkpoints/global_step_2/actor"),
        "--target_dir",
        str(tmp_path / "rl"),
    ]
    environment = {**os.environ, "GSIM_VERL_CPU": "1"}
    subprocess.run([*merge, *where], env=environment, check=True, capture_output=True)
    stack_loras([tmp_path / "rl/lora_adapter"] * 2, tmp_path / "sum")
    one, both = (
        load_file(tmp_path / name / "adapter_model.safetensors")
        for name in ("rl/lora_adapter", "sum")
    )
    changed = [name for name in one if ".lora_B." in name and one[name].abs().max() > 0]
    assert changed
    assert all(both[name].shape[1] == 2 * one[name].shape[1] for name in changed)


def test_sales_grpo_against_a_server_that_fails_now_and_then(tiny_model, tmp_path) -> None:
    """Calls that the customer's server fails are masked and counted; they get no reward."""

    def fault(body) -> str | int:
        return 500 if zlib.crc32(str(body["messages"]).encode()) % 8 == 0 else "ok"

    with mock_openai_server(fault) as server:
        customer = f"backend: openai, model: customer, base_url: '{server.url}', max_retries: 1"
        steps = launch(
            "sales_grpo",
            tmp_path / "log.jsonl",
            f"actor_rollout_ref.model.path={tiny_model}",
            f"gsim.customer={{{customer}}}",
            "gsim.encoder=hashing",
            "gsim.library=memory",
            "trainer.val_before_train=false",
            "trainer.test_freq=-1",
            OPENAI_API_KEY="none asked for",
        )
        assert server.requests
    found = trained(steps)
    for metrics in found:
        outcomes = {key: share for key, share in metrics.items() if key.startswith("gsim/outcome/")}
        assert sum(outcomes.values()) == pytest.approx(1.0)
        terms = {
            name: metrics[f"gsim/reward/{name}/mean"] for name in ("score", "outcome", "progress")
        }
        assert terms["outcome"] == outcomes.get("gsim/outcome/accepted", 0.0)
        assert terms["score"] == pytest.approx(terms["outcome"] + 0.2 * terms["progress"], abs=1e-5)
        assert metrics["num_turns/max"] <= 7
        advantages_differ = metrics["critic/advantages/max"] > metrics["critic/advantages/min"]
        assert metrics["actor/grad_norm"] > 1e-6 or not advantages_differ
    masked = [metrics["gsim/masked_fraction"] for metrics in found]
    assert 0 < sum(masked) < 2
    assert all(share in {k / 8 for k in range(8)} for share in masked)


def test_usp_grpo(tiny_model, tmp_path) -> None:
    steps = launch("usp_grpo", tmp_path / "log.jsonl", f"actor_rollout_ref.model.path={tiny_model}")
    found = trained(steps)
    for metrics in found:
        assert -1 <= metrics["gsim/reward/score/mean"] <= 1
        assert metrics["gsim/masked_fraction"] == 0
    assert moved(found[1])


def test_customer_sft(tiny_model, training_files, tmp_path) -> None:
    supervised(
        "customer_sft",
        tiny_model,
        training_files / "d_sim/train.parquet",
        tmp_path,
        "data.style=userlm",
    )


def test_profile_sft(tiny_model, training_files, tmp_path) -> None:
    supervised("profile_sft", tiny_model, training_files / "d_gen/train.parquet", tmp_path)


def supervised(recipe, model, file, folder, *overrides: str) -> None:
    steps = launch(
        recipe,
        folder / "log.jsonl",
        f"model.path={model}",
        f"data.train_files={file}",
        f"trainer.default_local_dir={folder}/checkpoints",
        *overrides,
    )
    losses = [step["data"]["train/loss"] for step in steps if "train/loss" in step["data"]]
    assert len(losses) == 2
    assert all(9 < loss < 13 for loss in losses)  # a random model: about ln(49,152) = 10.8
    before = AutoModelForCausalLM.from_pretrained(model).state_dict()
    saved = folder / "checkpoints/global_step_2/model_world_size_1_rank_0.pt"
    after = torch.load(saved, weights_only=False)
    assert any(
        not torch.equal(before[name], weight.full_tensor()) for name, weight in after.items()
    )
