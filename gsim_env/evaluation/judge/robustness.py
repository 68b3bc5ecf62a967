"""The profile robustness test (appendix A.2, Table 4, figure 5b).

Does a drawn profile show the archetype it was drawn for?
"""

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from gsim_env.errors import ConfigurationError, SimulatorError
from gsim_env.evaluation.judge.cache import JudgeClient, Progress, Question
from gsim_env.evaluation.judge.judge import ALL
from gsim_env.evaluation.judge.reports import RobustnessReport
from gsim_env.evaluation.judge.rubric import SHORT, prompt
from gsim_env.models import LanguageModel, ModelSpec
from gsim_env.profiles import CustomerProfile
from gsim_env.simulation.simulator import Simulator
from gsim_env.util.aio import block_on
from gsim_env.util.stats import mean_interval
from gsim_env.util.text_safety import sanitize

__all__ = ["RobustnessReport", "arobustness_test", "robustness_test"]

SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string", "pattern": SHORT}, "valid": {"type": "boolean"}},
    "required": ["reason", "valid"],
    "additionalProperties": False,
}


class Verdict(BaseModel):
    """What the judge answers; strict, for ``"yes"`` is no ``true``."""

    model_config = ConfigDict(strict=True)

    reason: str
    valid: bool


def robustness_test(
    simulator: Simulator,
    model: ModelSpec | LanguageModel,
    n: int = 20,
    seed: int = 0,
    store: Path | None = None,
    progress: Progress | None = None,
) -> RobustnessReport:
    """As :func:`arobustness_test`, and wait for it. May be called inside a running event loop."""
    return block_on(arobustness_test(simulator, model, n, seed, store, progress))


async def arobustness_test(
    simulator: Simulator,
    model: ModelSpec | LanguageModel,
    n: int = 20,
    seed: int = 0,
    store: Path | None = None,
    progress: Progress | None = None,
) -> RobustnessReport:
    """Draw ``n`` profiles of each archetype and have a judge say of each whether it shows the
    archetype.

    The judge is given the archetype's definition, never its name, and the name is struck out of the
    profile: a profile that only says what it is supposed to be is not to pass.

    Args:
        simulator: Whose source of profiles is tested.
        model: The judge: a backend, or a language model itself.
        n: Profiles an archetype; the paper draws 20.
        seed: Of the profiles and of the judge.
        store: A JSONL file to keep verdicts in.
        progress: Told about the verdicts.

    Returns:
        ``judge``, ``scripted``; ``pass_rate``, by archetype and ``"all"``, as ``value`` (0 to 1),
        ``low``, ``high`` and ``n`` profiles; ``missing``, how many verdicts could not be had;
        ``undrawn``, how many profiles could not: neither counts in a rate. An archetype that a
        corpus has nobody of has no rate.

    Raises:
        ConfigurationError: if ``n`` is below 1, or the judge cannot be asked.
    """
    if n < 1:
        raise ConfigurationError(f"n must be at least 1, got {n}.")
    bench = JudgeClient(model, store=store, seed=seed)
    group = simulator.group
    drawn = {name: await _drawn(simulator, name, n, seed) for name in group.config.archetypes}
    asked = [
        (name, profile)
        for name, profiles in drawn.items()
        for profile in profiles
        if profile is not None
    ]
    questions = [
        _question(name, group.config.archetypes[name].definition, profile)
        for name, profile in asked
    ]
    judgments = await bench.ask(questions, progress)
    passed: dict[str, list[float]] = {name: [] for name in (ALL, *group.config.archetypes)}
    for (name, _), judgment in zip(asked, judgments, strict=True):
        if judgment.answer is not None:
            for kind in (ALL, name):
                passed[kind].append(float(judgment.answer["valid"]))
    return RobustnessReport(
        judge=bench.name,
        scripted=bench.scripted,
        pass_rate={name: mean_interval(verdicts) for name, verdicts in passed.items()},
        missing=sum(judgment.answer is None for judgment in judgments),
        undrawn=sum(profiles.count(None) for profiles in drawn.values()),
    )


async def _drawn(
    simulator: Simulator, archetype: str, n: int, seed: int
) -> list[CustomerProfile | None]:
    """Draw concurrently, each by its own generator, so that the order in which answers come changes nothing."""
    group = simulator.group
    if simulator.config.profiles == "corpus" and archetype not in {
        call.profile.archetype for call in group.calls
    }:
        return []
    place = list(group.config.archetypes).index(archetype)

    async def one(number: int) -> CustomerProfile | None:
        try:
            return await simulator.draw_profile(
                np.random.default_rng([seed, place, number]), {"archetype": archetype}
            )
        except SimulatorError:
            return None

    return list(await asyncio.gather(*(one(number) for number in range(n))))


def _question(archetype: str, definition: str, profile: CustomerProfile) -> Question:
    text = prompt("profile_robustness", "definition", "profile").substitute(
        definition=sanitize(definition), profile=_nameless(sanitize(profile.text), archetype)
    )
    about = f"{archetype}: {profile.name}"
    return Question(about, [{"role": "user", "content": text}], SCHEMA, _read)


def _read(text: str) -> dict[str, Any]:
    return Verdict.model_validate_json(text).model_dump()


def _nameless(text: str, archetype: str) -> str:
    """Strike the archetype's name out, however its words are joined."""
    name = r"[\W_]*".join(re.escape(word) for word in re.split(r"[\W_]+", archetype) if word)
    return re.sub(rf"(?<!\w){name}(?!\w)", "...", text, flags=re.IGNORECASE) if name else text
