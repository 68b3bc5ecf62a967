"""Runs an evaluation: plays calls, measures them, asks the judge, and writes results and report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pydantic import JsonValue

from gsim_env.evaluation.judge.bias import run_bias_checks
from gsim_env.evaluation.judge.judge import Judge, build_judge_report
from gsim_env.evaluation.judge.reports import JudgeReport, ProfileRobustnessReport
from gsim_env.evaluation.judge.robustness import run_profile_robustness_test
from gsim_env.evaluation.manifest import build_evaluation_manifest, create_or_check_output_dir
from gsim_env.evaluation.metrics.features import CallFeatureExtractor, CallFeatures
from gsim_env.evaluation.metrics.fidelity import FidelityMeasurer
from gsim_env.evaluation.output import (
    write_evaluated_calls,
    write_judge_ratings,
    write_results_and_report,
)
from gsim_env.evaluation.play import EvaluationPlan, play_planned_calls
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.evaluation.reference import ReferenceSet, select_reference_set
from gsim_env.evaluation.report.measure import compute_results_without_judge
from gsim_env.evaluation.report.results import (
    EvaluationManifest,
    EvaluationResults,
    HumanReference,
)
from gsim_env.groups import load_group
from gsim_env.models import ModelSpec
from gsim_env.models.registry import shared_cached_encoder
from gsim_env.rewards.pattern import Discriminator, load_discriminator
from gsim_env.util.aio import block_on
from gsim_env.util.extras import check_extra_installed
from gsim_env.util.progress import ProgressCallback, no_progress

__all__ = ["JudgeSettings", "run_evaluation"]

JUDGMENTS = "judgments.jsonl"


@dataclass(frozen=True)
class JudgeSettings:
    """Settings of the language-model judge in an evaluation: model, votes, number of calls.

    Attributes:
        model: The judge: a backend that answers within a JSON schema.
        votes: Ratings of each call by each evaluator.
        calls: Rated calls per method, the first of each archetype in turn; ``None`` for all.
        profiles: Profiles per archetype in the robustness test; 0 to skip it.
        checks: Calls in the bias checks; 0 to skip them.
        prices: Price of a million prompt tokens and of a million completion tokens.
    """

    model: ModelSpec
    votes: int = 1
    calls: int | None = None
    profiles: int = 0
    checks: int = 0
    prices: tuple[float, float] | None = None


def run_evaluation(
    plan: EvaluationPlan,
    out: Path,
    judging: JudgeSettings | None = None,
    discriminator: str | None = None,
    progress: ProgressCallback = no_progress,
) -> EvaluationResults:
    """Play, measure and judge the calls of an evaluation plan, and write results and report.

    Resumes after an interruption: call it again with the same arguments.

    Args:
        plan: Methods, salespeople and calls.
        out: Output folder: ``results.json``, ``calls.jsonl``, ``report.html``, tables and charts.
        judging: How calls are judged; ``None`` for no judge.
        discriminator: Computes P(real), as in ``gsim_env.rewards.pattern.load_discriminator``;
            ``None`` for the group's own, if it has one.
        progress: Reports the steps ``"play"``, ``"judge"`` and ``"profiles"``.

    Raises:
        ConfigurationError: if the plan cannot be played, or the folder holds another evaluation.
        ImportError: if the extra ``evaluation`` is not installed.
        SimulatorError: if the encoder fails. Failed calls and ratings are missing and counted.
    """
    check_extra_installed("evaluation")
    group = load_group(plan.simulator.group)
    reference = select_reference_set(group, plan.calls, plan.seed)
    manifest = build_evaluation_manifest(plan, group)
    create_or_check_output_dir(out, manifest)

    # Play the calls, and extract their features and those of the recorded calls.
    played = play_planned_calls(plan, reference.customers, out / "calls", progress)
    extractor = CallFeatureExtractor(group, shared_cached_encoder(plan.simulator.encoder_name))
    methods: dict[str, list[CallFeatures]] = {name: [] for name in plan.methods}
    for features in extractor.extract(played):
        methods[features.call.method].append(features)
    people = extractor.extract(reference.reference)
    others = extractor.extract(reference.human_floor)

    # Metrics without a judge.
    d_phi = _find_discriminator(discriminator, group.path)
    results = compute_results_without_judge(
        methods, others, group, FidelityMeasurer(group, people, d_phi, plan.seed)
    )
    provenance = _complete_manifest(manifest, reference, d_phi, played)
    results = results.model_copy(update={"manifest": provenance})

    # Every call that appears in the report, simulated calls first.
    calls = [features.call for features in chain(*methods.values(), people)]
    write_evaluated_calls(out, calls)

    if judging is not None:
        judge, robustness = _judge_calls(judging, plan, calls, out, progress)
        results = results.model_copy(update={"judge": judge, "robustness": robustness})

    write_results_and_report(out, results, calls)
    return results


def _complete_manifest(
    manifest: Mapping[str, JsonValue],
    reference: ReferenceSet,
    discriminator: Discriminator | None,
    played: Sequence[EvaluatedCall],
) -> EvaluationManifest:
    """Return the manifest with the reference, the discriminator and the missing calls."""
    human = HumanReference(
        source=reference.source,
        calls=sum(bool(call.turns) for call in reference.reference),
        digest=str(manifest["people_digest"]),
    )

    missing = dict.fromkeys([call.method for call in played], 0)
    for call in played:
        missing[call.method] += call.error is not None

    return EvaluationManifest.model_validate(
        {
            **manifest,
            "human": human,
            "discriminator": discriminator.name if discriminator else None,
            "seconds": round(sum(call.seconds for call in played), 1),
            "missing_calls": missing,
        }
    )


def _judge_calls(
    judging: JudgeSettings,
    plan: EvaluationPlan,
    calls: Sequence[EvaluatedCall],
    out: Path,
    progress: ProgressCallback,
) -> tuple[JudgeReport, ProfileRobustnessReport | None]:
    """Ask the judge to rate calls and, if requested, to check profiles; write the ratings."""
    store = out / JUDGMENTS

    # The judge rates the same number of calls of each method.
    rated: list[EvaluatedCall] = []
    for name in plan.methods:
        rated += _sample_by_archetype(
            [call for call in calls if call.method == name], judging.calls
        )
    judge = Judge(load_group(plan.simulator.group), judging.model, judging.votes, store, plan.seed)
    progress("judge", 0, None)
    ratings = block_on(judge.rate_calls(rated, progress))
    write_judge_ratings(out, ratings)

    checks = None
    if judging.checks:
        checks = block_on(run_bias_checks(judge, rated, judging.checks, plan.seed))
    report = build_judge_report(ratings, rated, judging.prices, checks)
    if not judging.profiles:
        return report, None

    # All methods draw profiles in the same way, so the first method's simulator is tested.
    simulator = plan.build_simulator(next(iter(plan.methods.values())))
    progress("profiles", 0, None)
    robustness = block_on(
        run_profile_robustness_test(
            simulator, judging.model, judging.profiles, plan.seed, store, progress
        )
    )
    return report, robustness


def _sample_by_archetype(calls: Sequence[EvaluatedCall], n: int | None) -> list[EvaluatedCall]:
    """Return the first ``n`` calls, taking archetypes in turn; all calls if ``n`` is ``None``."""
    if n is None:
        return list(calls)

    # Rank each call within its archetype, and take the lowest ranks first.
    counts: dict[str, int] = {}
    ranked = []
    for index, call in enumerate(calls):
        rank = counts.get(call.profile.archetype, 0)
        counts[call.profile.archetype] = rank + 1
        ranked.append((rank, index))
    return [calls[index] for _, index in sorted(ranked)[:n]]


def _find_discriminator(source: str | None, group: Path) -> Discriminator | None:
    """Return the requested discriminator, else the group's own, else ``None``."""
    if source is not None:
        return load_discriminator(source)
    return load_discriminator(str(group)) if (group / "discriminator").is_dir() else None
