"""An evaluation from the plan to the report: play, read, measure, judge, and write it down."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.bias import bias_checks
from gsim_env.evaluation.judge.judge import Judge, Rating, judge_report
from gsim_env.evaluation.judge.robustness import robustness_test
from gsim_env.evaluation.manifest import claim_output_dir, manifest_of
from gsim_env.evaluation.metrics.features import CallFeatures, FeatureExtractor
from gsim_env.evaluation.metrics.fidelity import Fidelity
from gsim_env.evaluation.metrics.intervals import plain
from gsim_env.evaluation.play import Plan, play_calls
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.evaluation.reference import select_reference
from gsim_env.evaluation.report.page import write_report
from gsim_env.evaluation.report.results import measure
from gsim_env.groups import load_group
from gsim_env.models import ModelSpec
from gsim_env.models.registry import shared_encoder
from gsim_env.rewards.pattern import Discriminator, load_discriminator
from gsim_env.util.files import write_atomically, write_jsonl

__all__ = [
    "CALLS",
    "RATINGS",
    "RESULTS",
    "Judging",
    "evaluate",
    "read_calls",
    "read_ratings",
    "read_results",
]

RESULTS, CALLS, RATINGS = "results.json", "calls.jsonl", "ratings.jsonl"

Progress = Callable[[str, int, int], None]
"""Is told of a step (``play``, ``judge``, ``profiles``), how much of how much is done."""


@dataclass(frozen=True)
class Judging:
    """How an evaluation is judged.

    Attributes:
        model: The judge: a backend that answers within a schema.
        votes: Ratings of each call by each evaluator.
        calls: How many calls of each method are rated, the first of each archetype in turn;
            ``None`` for all.
        profiles: Profiles of each archetype in the robustness test; 0 for none.
        checks: Calls in the checks for bias; 0 for none.
        prices: Of a million tokens of prompt and of answer, if they cost.
    """

    model: ModelSpec
    votes: int = 1
    calls: int | None = None
    profiles: int = 0
    checks: int = 0
    prices: tuple[float, float] | None = None


def evaluate(
    plan: Plan, out: Path, judging: Judging | None, discriminator: str | None, progress: Progress
) -> dict[str, Any]:
    """Evaluate methods; killed at any point, the same call goes on where it was.

    Args:
        plan: What is played.
        out: Folder of everything that comes of it: ``results.json``, ``calls.jsonl``,
            ``report.html``, tables and figures.
        judging: How the calls are judged; ``None`` for not at all.
        discriminator: What gives P(real), as for ``gsim_env.rewards.pattern.load_discriminator``;
            ``None`` for the group's own, if it has one.
        progress: Told how far it is.

    Returns:
        What ``results.json`` holds.

    Raises:
        ConfigurationError: if the plan cannot be played, or the folder holds another evaluation.
        SimulatorError: if the encoder fails. Calls and ratings that fail are missing, and counted.
    """
    group = load_group(plan.group)
    people = select_reference(group, plan.calls, plan.seed)
    manifest = manifest_of(plan, group)
    claim_output_dir(out, manifest)
    played = play_calls(
        plan, people.called, out / "calls", lambda _, done, total: progress("play", done, total)
    )
    reader = FeatureExtractor(group, shared_encoder(plan.encoder))
    methods: dict[str, list[CallFeatures]] = {name: [] for name in plan.methods}
    for reading in reader.read(played):
        methods[reading.call.method].append(reading)
    reference, others = reader.read(people.reference), reader.read(people.others)
    fidelity = Fidelity(group, reference, find_discriminator(discriminator, group.path), plan.seed)
    results = measure(methods, others, group, fidelity)
    results["manifest"] = {
        **manifest,
        "human": {
            "source": people.source,
            "calls": len(reference),
            "digest": manifest["people_digest"],
        },
        "discriminator": fidelity.discriminator and fidelity.discriminator.name,
        "seconds": round(sum(call.seconds for call in played), 1),
        "missing_calls": {
            name: sum(call.method == name and call.error is not None for call in played)
            for name in methods
        },
    }
    calls = [reading.call for some in (*methods.values(), reference) for reading in some]
    write_jsonl(out / CALLS, (call.model_dump_json() for call in calls))
    if judging is not None:
        results |= judged(judging, plan, calls, out, progress)
    write_results(out, results, calls)
    return results


def judged(
    judging: Judging, plan: Plan, calls: Sequence[EvaluatedCall], out: Path, progress: Progress
) -> dict[str, Any]:
    """Have the calls rated, and the profiles if that is asked for.

    Return the report's sections about it.
    """
    group, store = load_group(plan.group), out / "judgments.jsonl"
    rated = [
        call
        for name in plan.methods
        for call in sample([c for c in calls if c.method == name], judging.calls)
    ]
    judge = Judge(group, judging.model, judging.votes, store, plan.seed)
    ratings = judge.rate(rated, lambda done, total: progress("judge", done, total))
    write_jsonl(out / RATINGS, (rating.model_dump_json() for rating in ratings))
    checks = bias_checks(judge, rated, judging.checks, plan.seed) if judging.checks else None
    found: dict[str, Any] = {"judge": judge_report(ratings, rated, judging.prices, checks)}
    if judging.profiles:
        simulator = plan.simulator(next(iter(plan.methods.values())))
        found["robustness"] = robustness_test(
            simulator,
            judging.model,
            judging.profiles,
            plan.seed,
            store,
            lambda done, total: progress("profiles", done, total),
        )
    return found


def sample(calls: Sequence[EvaluatedCall], n: int | None) -> list[EvaluatedCall]:
    """Return the first ``n`` calls, taking the archetypes in turn."""
    if n is None:
        return list(calls)
    places: dict[str, int] = {}
    order: list[tuple[int, int]] = []
    for call in calls:
        places[call.profile.archetype] = place = places.get(call.profile.archetype, -1) + 1
        order.append((place, len(order)))
    return [calls[index] for _, index in sorted(order)[:n]]


def find_discriminator(place: str | None, group: Path) -> Discriminator | None:
    """Return the discriminator that is asked for, the group's own, or ``None``."""
    if place is None:
        return load_discriminator(str(group)) if (group / "discriminator").is_dir() else None
    return load_discriminator(place)


def write_results(out: Path, results: Mapping[str, Any], calls: Sequence[EvaluatedCall]) -> None:
    """Write ``results.json``, and the report, its tables and figures."""
    write_atomically(out / RESULTS, json.dumps(plain(results), indent=1, ensure_ascii=False))
    write_report(results, calls, out)


def read_results(folder: Path) -> dict[str, Any]:
    """Read the ``results.json`` of an evaluation.

    Raises:
        ConfigurationError: if the folder holds no finished one.
    """
    try:
        found: dict[str, Any] = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{folder} holds no finished evaluation ({error}). Make one: gsim evaluate run --out {folder}"
        ) from error
    return found


def read_calls(folder: Path) -> list[EvaluatedCall]:
    """Read the calls of a finished evaluation, the people's too.

    Their ``method`` is ``"human"``.
    """
    read_results(folder)
    return [
        EvaluatedCall.model_validate_json(line)
        for line in (folder / CALLS).read_text(encoding="utf-8").splitlines()
    ]


def read_ratings(folder: Path) -> list[Rating]:
    """Read a judge's ratings of an evaluation.

    Raises:
        ConfigurationError: if it has not been judged.
    """
    file = folder / RATINGS
    if not file.is_file():
        raise ConfigurationError(
            f"{folder} has no judge's ratings: run gsim evaluate run --out {folder} --judge ... first."
        )
    return [
        Rating.model_validate_json(line) for line in file.read_text(encoding="utf-8").splitlines()
    ]
