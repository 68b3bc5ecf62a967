"""Profile robustness test: do profiles show their archetype (appendix A.2, Table 4)?"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.evaluation.judge.cache import Judgment
from gsim_env.evaluation.judge.client import JudgeClient, JudgeQuestion
from gsim_env.evaluation.judge.judge import ALL
from gsim_env.evaluation.judge.reports import ProfileRobustnessReport
from gsim_env.evaluation.judge.rubric import (
    REASON_PATTERN,
    json_object_schema,
    judge_prompt_template,
)
from gsim_env.models import LanguageModel, ModelSpec
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.simulator import Simulator
from gsim_env.util.progress import ProgressCallback, no_progress
from gsim_env.util.stats import ConfidenceInterval, mean_confidence_interval
from gsim_env.util.text_safety import sanitize_text

__all__ = ["ProfileRobustnessReport", "run_profile_robustness_test"]

SCHEMA = json_object_schema(
    {"reason": {"type": "string", "pattern": REASON_PATTERN}, "valid": {"type": "boolean"}}
)


class _ProfileVerdict(BaseModel):
    """The judge's answer; strict, because ``"yes"`` is not ``true``.

    Attributes:
        reason: Why, in the judge's words.
        valid: Whether the profile shows the archetype.
    """

    model_config = ConfigDict(strict=True)

    reason: str
    valid: bool


async def run_profile_robustness_test(
    simulator: Simulator,
    model: ModelSpec | LanguageModel,
    n: int = 20,
    seed: int = 0,
    store: Path | None = None,
    progress: ProgressCallback = no_progress,
) -> ProfileRobustnessReport:
    """Let a judge decide whether drawn customer profiles show their archetype (Table 4).

    The judge sees the archetype's definition, never its name, which is also removed from the
    profile: a profile that only repeats the name does not pass.

    Args:
        simulator: The simulator; its source of profiles is tested.
        model: The judge: a backend, or a language model.
        n: Profiles per archetype; 20 in the paper.
        seed: Seed of the profiles and of the judge.
        store: A JSONL file to keep verdicts in; ``None`` to keep them in memory only.
        progress: Reports the verdicts done, as step ``"profiles"``.

    Raises:
        ConfigurationError: if ``n`` is below 1, or the judge cannot answer within a schema.
        CorpusError: if the file is malformed.
    """
    if n < 1:
        raise ConfigurationError(f"n must be at least 1, got {n}.")

    client = JudgeClient(model, store=store, seed=seed)
    archetypes = simulator.group.config.archetypes
    profiles: list[tuple[str, CustomerProfile]] = []
    undrawn = 0
    for archetype in archetypes:
        drawn = await _draw_profiles(simulator, archetype, n, seed)
        profiles += [(archetype, profile) for profile in drawn if profile is not None]
        undrawn += drawn.count(None)

    questions = [
        _question(archetype, archetypes[archetype].definition, profile)
        for archetype, profile in profiles
    ]
    judgments = await client.ask(questions, progress, step="profiles")

    verdicts: dict[str, list[Judgment]] = {archetype: [] for archetype in archetypes}
    for (archetype, _), judgment in zip(profiles, judgments, strict=True):
        verdicts[archetype].append(judgment)
    return ProfileRobustnessReport(
        judge=client.name,
        scripted=client.scripted,
        pass_rate=_pass_rates({ALL: judgments, **verdicts}),
        missing=sum(judgment.answer is None for judgment in judgments),
        undrawn=undrawn,
    )


def _pass_rates(judgments: Mapping[str, Sequence[Judgment]]) -> dict[str, ConfidenceInterval]:
    """Return the share of valid profiles among those with a verdict."""
    rates: dict[str, ConfidenceInterval] = {}
    for name, members in judgments.items():
        verdicts = [
            _ProfileVerdict.model_validate(member.answer) for member in members if member.answer
        ]
        rates[name] = mean_confidence_interval([float(verdict.valid) for verdict in verdicts])
    return rates


async def _draw_profiles(
    simulator: Simulator, archetype: str, n: int, seed: int
) -> list[CustomerProfile | None]:
    """Return ``n`` profiles of one archetype; ``None`` for each that could not be drawn.

    A corpus without customers of the archetype has no profiles.
    """
    group = simulator.group
    recorded = {call.profile.archetype for call in group.calls}
    if simulator.config.profiles == "corpus" and archetype not in recorded:
        return []

    archetype_index = list(group.config.archetypes).index(archetype)

    async def draw(number: int) -> CustomerProfile | None:
        # A generator per profile: the order of the answers does not matter.
        rng = np.random.default_rng([seed, archetype_index, number])
        try:
            return await simulator.draw_profile(rng, {"archetype": archetype})
        except SimulatorError:
            return None

    return list(await asyncio.gather(*(draw(number) for number in range(n))))


def _question(archetype: str, definition: str, profile: CustomerProfile) -> JudgeQuestion:
    text = judge_prompt_template("profile_robustness", "definition", "profile").substitute(
        definition=sanitize_text(definition),
        profile=_remove_name(sanitize_text(profile.text), archetype),
    )
    return JudgeQuestion(
        about=f"{archetype}: {profile.name}",
        messages=[{"role": "user", "content": text}],
        schema=SCHEMA,
        read=_ProfileVerdict.model_validate_json,
    )


def _remove_name(text: str, archetype: str) -> str:
    """Replace the archetype's name by an ellipsis, however its words are joined."""
    words = [re.escape(word) for word in re.split(r"[\W_]+", archetype) if word]
    if not words:
        return text
    name = r"[\W_]*".join(words)
    return re.sub(rf"(?<!\w){name}(?!\w)", "...", text, flags=re.IGNORECASE)
