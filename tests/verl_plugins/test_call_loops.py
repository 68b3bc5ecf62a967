"""The agent loops with a scripted policy: tokens, masks, seeds, failures."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest
from verl.experimental.agent_loop.agent_loop import DictConfigWrap, _agent_loop_registry
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.workers.rollout.replica import TokenOutput

from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.drivers import Services
from tests.verl_plugins.conftest import composed
from verl_plugins.agent_loops.customer import CustomerAgentLoop
from verl_plugins.agent_loops.sales import SalesAgentLoop
from verl_plugins.agent_loops.settings import SimulatedCallSettings

LINES = ("Hello, this is Li.", "It is fifteen percent.", "Shall I set it up for you, then?")
END = "<|im_end|>"


class Policy:
    """Replaces verl's client of the rollout servers; says its lines in turn."""

    def __init__(self, tokenizer, lines=LINES) -> None:
        self.tokenizer, self.lines = tokenizer, lines
        self.prompts: list[list[int]] = []
        self.drawn: list[list[int]] = []

    async def generate(self, request_id, *, prompt_ids, sampling_params, **_):
        line = self.lines[len(self.prompts) % len(self.lines)] + END
        ids = self.tokenizer(line, add_special_tokens=False)["input_ids"][
            : sampling_params["max_tokens"]
        ]
        self.prompts.append(list(prompt_ids))
        self.drawn.append(ids)
        steps = {"min_global_steps": len(self.prompts), "max_global_steps": len(self.prompts)}
        return TokenOutput(token_ids=ids, log_probs=[-0.5] * len(ids), extra_fields=steps)


def play(cls, recipe, tokenizer, seed, *overrides, policy=None, override_services=None):
    """Play one call; return the loop's outputs and the policy."""
    config = composed(recipe, "cpu_smoke", "actor_rollout_ref.model.path=none", *overrides)
    policy = policy or Policy(tokenizer)

    async def main():
        loop = cls(
            DictConfigWrap(config),
            policy,
            tokenizer,
            None,
            RLHFDataset,
            DictConfigWrap(config.data),
            hf_model_type="llama",
        )
        return await loop.run(
            {"temperature": 1.0, "top_p": 1.0}, extra_info={"index": seed, "seed": seed}
        )

    outputs = asyncio.run(main())
    return (outputs if isinstance(outputs, list) else [outputs]), policy


def sales(tokenizer, seed=0, *overrides, **rest):
    return play(
        SalesAgentLoop,
        "sales_grpo",
        tokenizer,
        seed,
        "data.max_response_length=512",
        *overrides,
        **rest,
    )


def customer(tokenizer, seed=0, *overrides, **rest):
    return play(
        CustomerAgentLoop,
        "usp_grpo",
        tokenizer,
        seed,
        "gsim.encoder=hashing",
        "gsim.library=memory",
        *overrides,
        **rest,
    )


def test_both_loops_are_registered_by_name() -> None:
    assert _agent_loop_registry["gsim_sales"]["_target_"].endswith("SalesAgentLoop")
    assert _agent_loop_registry["gsim_customer"]["_target_"].endswith("CustomerAgentLoop")


def test_the_masks_of_a_sales_call_token_by_token(tokenizer) -> None:
    (output,), policy = sales(tokenizer)
    call = output.extra_fields["messages"]
    ids: list[int] = []
    mask: list[int] = []
    for turn, drawn in enumerate(policy.drawn):
        ids += drawn
        mask += [1] * len(drawn)
        if turn + 1 < len(policy.drawn):
            heard = (
                f"<|im_start|>user\n{call[2 * turn + 1]['content']}{END}\n<|im_start|>assistant\n"
            )
            between = tokenizer(heard, add_special_tokens=False)["input_ids"]
            ids += between
            mask += [0] * len(between)
    assert tokenizer.decode(output.response_ids) == tokenizer.decode(ids)
    assert output.response_ids == ids
    assert output.response_mask == mask
    assert output.response_logprobs == [-0.5 if own else 0.0 for own in mask]


def test_sampled_tokens_are_kept(tokenizer) -> None:
    """Each prompt starts with the tokens of the one before; nothing is tokenized again."""
    (output,), policy = sales(tokenizer)
    whole = output.prompt_ids + output.response_ids
    for prompt, drawn in zip(policy.prompts, policy.drawn, strict=True):
        assert whole[: len(prompt)] == prompt
        assert whole[len(prompt) : len(prompt) + len(drawn)] == drawn


def test_odd_tokens_survive_the_call(tokenizer) -> None:
    """Ids that the tokenizer would not produce for their text are kept."""
    odd = (
        tokenizer("H", add_special_tokens=False)["input_ids"]
        + tokenizer("i", add_special_tokens=False)["input_ids"]
    )
    assert odd != tokenizer("Hi", add_special_tokens=False)["input_ids"]

    class Odd(Policy):
        async def generate(self, request_id, *, prompt_ids, sampling_params, **_):
            self.prompts.append(list(prompt_ids))
            self.drawn.append(odd)
            return TokenOutput(token_ids=odd, log_probs=[-1.0] * len(odd), extra_fields={})

    (output,), policy = sales(tokenizer, policy=Odd(tokenizer))
    trained = [
        token for token, own in zip(output.response_ids, output.response_mask, strict=True) if own
    ]
    assert trained == odd * len(policy.drawn)


def test_hidden_state_reaches_no_prompt(tokenizer) -> None:
    (output,), policy = sales(tokenizer)
    seen = tokenizer.decode(policy.prompts[-1])
    profile = CustomerProfile.model_validate(output.extra_fields["profile"])
    assert profile.listing in seen  # which is public
    for hidden in (profile.archetype, profile.style, *profile.pain_points, *profile.traits):
        assert hidden not in seen
    assert "Others said" not in seen  # guidance


def test_a_group_starts_alike_and_another_seed_differs(tokenizer) -> None:
    one, two, other = (sales(tokenizer, seed)[0][0] for seed in (5, 5, 6))
    assert one.prompt_ids == two.prompt_ids
    assert one.extra_fields["profile"] == two.extra_fields["profile"]
    assert one.extra_fields["messages"] == two.extra_fields["messages"]
    assert one.extra_fields["profile"] != other.extra_fields["profile"]


def test_extra_fields_have_the_outcome_and_the_reward_of_each_turn(tokenizer) -> None:
    (output,), policy = sales(tokenizer)
    fields = output.extra_fields
    assert fields["outcome"] in {"accepted", "declined", "hung_up", "sales_ended", "turn_limit"}
    assert len(fields["turn_scores"]) == len(policy.drawn)
    assert len(fields["messages"]) == 2 * len(policy.drawn)
    assert output.num_turns == len(fields["messages"]) + 1
    assert (fields["min_global_steps"], fields["max_global_steps"]) == (1, len(policy.drawn))
    assert output.reward_score is None  # the reward function's business


def test_a_call_without_room_ends_at_the_turn_limit_and_fits(tokenizer) -> None:
    (output,), _ = sales(tokenizer, 0, "data.max_response_length=48", "gsim.max_turns=12")
    assert output.extra_fields["outcome"] == "turn_limit"
    assert len(output.response_ids) <= 48
    assert (
        output.response_mask[-1] == 1
    )  # the policy has the last word: the customer's answer had no room


def test_a_customer_call_has_a_sequence_per_turn_with_the_simulators_prompt(tokenizer) -> None:
    outputs, policy = customer(
        tokenizer,
        0,
        "gsim.guidance=true",
        policy=Policy(tokenizer, ("Who is this?", "I have no time for this.", "Hm, well.")),
    )
    call = outputs[0].extra_fields["messages"]
    assert len(outputs) == len(call) // 2 == len(policy.drawn)
    for turn, (output, prompt, drawn) in enumerate(
        zip(outputs, policy.prompts, policy.drawn, strict=True)
    ):
        assert (output.prompt_ids, output.response_ids) == (prompt, drawn)
        assert output.response_mask == [1] * len(drawn)
        text = tokenizer.decode(prompt)
        assert text.count("Mood:") == 1  # this turn's guidance, and none of an earlier one
        for message in call[: 2 * turn + 1]:
            assert message["content"] in text
        assert text.endswith("<|im_start|>assistant\n")
    assert {tuple(output.extra_fields["messages"][0].items()) for output in outputs} == {
        tuple(call[0].items())
    }


def test_a_customer_without_guidance_sees_the_profile_and_the_call_so_far(tokenizer) -> None:
    """The baseline USP: each prompt extends the one before."""
    _, policy = customer(tokenizer)
    texts = [tokenizer.decode(prompt) for prompt in policy.prompts]
    assert len(texts) > 1
    assert not any("Mood:" in text for text in texts)
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))


def test_a_customer_group_starts_alike(tokenizer) -> None:
    one, two = (customer(tokenizer, 5)[0] for _ in range(2))
    assert [output.prompt_ids for output in one] == [output.prompt_ids for output in two]


def test_an_empty_customer_response_is_silence_and_is_trained_on(tokenizer) -> None:
    outputs, _ = customer(tokenizer, policy=Policy(tokenizer, ("",)))
    assert outputs
    assert {message["content"] for message in outputs[0].extra_fields["messages"][1::2]} == {"..."}


@pytest.mark.parametrize("kind", [sales, customer])
def test_a_failing_simulator_leaves_the_sample_out(tokenizer, kind, monkeypatch, caplog) -> None:
    async def fail(self, request):
        raise SimulatorError("the server is down")

    monkeypatch.setattr(Services, "answer", fail)
    outputs, _ = kind(tokenizer)
    assert outputs == []
    assert "left out: the server is down" in caplog.text


def test_other_errors_are_not_hidden(tokenizer, monkeypatch) -> None:
    async def fail(self, request):
        raise ZeroDivisionError

    monkeypatch.setattr(Services, "answer", fail)
    with pytest.raises(ZeroDivisionError):
        sales(tokenizer)


def test_wrong_settings_are_answered_with_the_legal_ones() -> None:
    with pytest.raises(ConfigurationError, match="Legal fields: group, customer"):
        SimulatedCallSettings.from_verl_config(
            composed(
                "sales_grpo", "cpu_smoke", "actor_rollout_ref.model.path=x", "+gsim.max_turn=3"
            )
        )
    with pytest.raises(ConfigurationError, match="no node 'gsim'"):
        SimulatedCallSettings.from_verl_config(
            composed("customer_grpo", "cpu_smoke", "actor_rollout_ref.model.path=x")
        )


def test_the_policys_words_alone_make_no_deal(tokenizer) -> None:
    """Prompt injections by a policy that writes the chat template's control tokens."""
    from tests.helpers.attacks import INJECTIONS

    outcomes = []
    for seed in range(8):
        policy = Policy(tokenizer, tuple(np.random.default_rng(seed).permutation(INJECTIONS)))
        (output,), _ = sales(
            tokenizer,
            seed,
            "gsim.max_turns=8",
            "gsim.turn_tokens=96",
            "data.max_response_length=2048",
            policy=policy,
        )
        outcomes.append(output.extra_fields["outcome"])
    assert "accepted" not in outcomes
