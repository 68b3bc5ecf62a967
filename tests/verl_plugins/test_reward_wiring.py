"""The rewards through verl's reward manager, built from each recipe's configuration."""

import asyncio

import numpy as np
import pytest
import torch
from verl import DataProto
from verl.trainer.ppo.reward import load_reward_manager

from reward_fns.multi_level import compute_score
from tests.verl_plugins.conftest import composed

CONTEXT = [{"role": "user", "content": "Would you like to donate something of your payment?"}]


def reward_of(
    config,
    tokenizer,
    answer: str,
    *,
    truth: str = "",
    extra: dict | None = None,
    fields: dict | None = None,
):
    """Return verl's reward of a response, computed as in its reward worker."""
    ids = tokenizer(answer, return_tensors="pt", add_special_tokens=False)["input_ids"]
    row = {
        "data_source": "gsim",
        "reward_model": {"ground_truth": truth},
        "extra_info": extra or {},
        "tool_extra_fields": fields or {},
    }
    data = DataProto.from_dict(
        tensors={
            "prompts": ids,
            "responses": ids,
            "attention_mask": torch.ones(1, 2 * ids.shape[1], dtype=torch.long),
        },
        non_tensors={name: np.array([value], dtype=object) for name, value in row.items()},
    )

    async def run():
        return await load_reward_manager(config, tokenizer).run_single(data)

    return asyncio.run(run())


@pytest.mark.slow
def test_customer_grpo_has_the_three_rewards_of_the_rows_context(tokenizer) -> None:
    config = composed(
        "customer_grpo",
        "cpu_smoke",
        "actor_rollout_ref.model.path=x",
        "data.train_files=x",
        "data.val_files=x",
    )
    found = reward_of(
        config, tokenizer, "Not today, sorry.", truth="No, not today.", extra={"context": CONTEXT}
    )
    alone = asyncio.run(
        compute_score(
            "gsim",
            "Not today, sorry.",
            "No, not today.",
            {"context": CONTEXT},
            discriminator="charity",
        )
    )
    assert found["reward_score"] == pytest.approx(alone["score"])
    assert found["reward_extra_info"] == pytest.approx(alone)


def test_sales_grpo_has_the_reward_of_outcome_and_progress(tokenizer) -> None:
    config = composed("sales_grpo", "cpu_smoke", "actor_rollout_ref.model.path=x")
    fields = {"outcome": "declined", "turn_scores": [0.25, 0.25, -0.5]}
    found = reward_of(config, tokenizer, "Goodbye.", fields=fields)
    assert found["reward_extra_info"] == {"score": 0.1, "outcome": 0.0, "progress": 0.5}


@pytest.mark.slow
def test_usp_grpo_rewards_a_call_that_reveals_its_profile(tokenizer, group) -> None:
    config = composed("usp_grpo", "cpu_smoke", "actor_rollout_ref.model.path=x")
    call, other = group.calls[0], group.calls[-1]
    roles = {"sales": "user", "customer": "assistant"}
    messages = [{"role": roles[turn.role], "content": turn.text} for turn in call.turns]
    own, strange = (
        reward_of(
            config,
            tokenizer,
            "x",
            fields={"messages": messages, "profile": profile.model_dump(mode="json")},
        )
        for profile in (call.profile, other.profile)
    )
    assert own["reward_score"] > strange["reward_score"]
