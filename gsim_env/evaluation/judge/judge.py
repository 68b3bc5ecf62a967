"""The language-model judge (section 2.2.1, appendix E).

Ratings of calls by three evaluators, and their means.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.cache import JudgeClient, Progress, Question
from gsim_env.evaluation.judge.reports import BiasReport, JudgeReport
from gsim_env.evaluation.judge.rubric import EVALUATORS, Evaluator
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group
from gsim_env.models import LanguageModel, ModelSpec
from gsim_env.util.aio import block_on
from gsim_env.util.stats import Interval, mean_interval

__all__ = [
    "ALL",
    "EVALUATORS",
    "FIGURES",
    "OVERALL",
    "Judge",
    "JudgeReport",
    "Rating",
    "call_figures",
    "judge_report",
]

ALL = "all"
"""Stands for an archetype's name where all calls of a method are meant."""

OVERALL = "overall"

FIGURES = (*(name for e in EVALUATORS.values() for name in (*e.dimensions, e.name)), OVERALL)
"""The columns of Table 1."""


class Rating(BaseModel):
    """What an evaluator gave a call in one vote.

    Attributes:
        judge: The judge's name.
        scripted: Whether the judge is a set of rules, for tests.
        call: :attr:`EvaluatedCall.id`.
        method: The call's.
        archetype: Its customer's.
        evaluator: A key of :data:`EVALUATORS`.
        vote: From 0.
        scores: 0 to 10 for each dimension of the evaluator; ``None`` if the rating is missing.
        reasoning: Why, in the judge's words.
        error: Why the rating is missing; ``None`` if it is not.
        prompt_tokens: What it cost, tries that came to nothing included.
        completion_tokens: Likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: str
    scripted: bool
    call: str
    method: str
    archetype: str
    evaluator: str
    vote: int
    scores: dict[str, int] | None
    reasoning: str
    error: str | None
    prompt_tokens: int
    completion_tokens: int


class Judge:
    """Rates calls: one request for each call, evaluator and vote.

    With one vote the judge is greedy (temperature 0), with several each is drawn at 0.7. An answer
    that does not fit the schema is asked for again, drawn with another seed; three tries in all. A
    rating that cannot be had is missing, with the reason, and never a zero; the next run asks for
    it again.

    Args:
        group: The cohort: its archetypes' definitions are what judges go by.
        model: A backend that answers within a JSON schema: its name or settings, or a language
            model itself.
        votes: How often each evaluator rates a call.
        store: A JSONL file to keep ratings in: a run that was killed goes on where it was.
        seed: Changes the draws.

    Raises:
        ConfigurationError: as :class:`~gsim_env.evaluation.judge.cache.JudgeClient`.
    """

    def __init__(
        self,
        group: Group,
        model: ModelSpec | LanguageModel,
        votes: int = 1,
        store: Path | None = None,
        seed: int = 0,
    ) -> None:
        """Make a judge who has not been asked yet."""
        self._group = group
        self._bench = JudgeClient(model, votes, store, seed)

    @property
    def name(self) -> str:
        """Backend and model."""
        return self._bench.name

    def rate(
        self,
        calls: Sequence[EvaluatedCall],
        progress: Progress | None = None,
        *,
        backwards: bool = False,
    ) -> list[Rating]:
        """As :meth:`arate`, and wait for it. May be called inside a running event loop."""
        return block_on(self.arate(calls, progress, backwards=backwards))

    async def arate(
        self,
        calls: Sequence[EvaluatedCall],
        progress: Progress | None = None,
        *,
        backwards: bool = False,
    ) -> list[Rating]:
        """Return the ratings: by evaluator, then call, then vote.

        Failed calls, which have no turns, are not rated.

        Args:
            calls: To be rated.
            progress: Called as ``progress(done, total)``.
            backwards: Ask for the dimensions in reverse order (a check for bias).

        Raises:
            ConfigurationError: if an archetype is none of the group's, or the backend cannot answer
                within a schema.
        """
        asked = [
            (call, evaluator, vote)
            for evaluator in EVALUATORS.values()  # outermost: those of one schema and one system message go together
            for call in calls
            if call.turns
            for vote in range(self._bench.votes)
        ]
        questions = [self._question(*one, backwards=backwards) for one in asked]
        judgments = await self._bench.ask(questions, progress)
        return [
            Rating(
                judge=self.name,
                scripted=self._bench.scripted,
                call=call.id,
                method=call.method,
                archetype=call.profile.archetype,
                evaluator=evaluator.name,
                vote=vote,
                scores=judgment.answer and judgment.answer["scores"],
                reasoning=judgment.answer["reasoning"] if judgment.answer else "",
                error=judgment.error,
                prompt_tokens=judgment.prompt_tokens,
                completion_tokens=judgment.completion_tokens,
            )
            for (call, evaluator, vote), judgment in zip(asked, judgments, strict=True)
        ]

    def _question(
        self, call: EvaluatedCall, evaluator: Evaluator, vote: int, *, backwards: bool
    ) -> Question:
        return Question(
            about=f"{call.id}, {evaluator.name}, vote {vote}",
            messages=evaluator.messages(self._group, call, backwards=backwards),
            schema=evaluator.schema(backwards=backwards),
            read=evaluator.read,
            vote=vote,
        )


def call_figures(ratings: Sequence[Rating]) -> dict[str, dict[str, float]]:
    """Return each call's figures, by call: the names of :data:`FIGURES`, from 0 to 10.

    The votes that there are, are averaged first; an evaluator's figure is the mean of its
    dimensions, and ``overall`` the mean of the three evaluators'. What an evaluator without any
    vote would give is NaN, and with it ``overall``.
    """
    votes: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        given = votes[rating.call]
        for dimension, score in (rating.scores or {}).items():
            given[dimension].append(score)
    return {call: _figures(given) for call, given in votes.items()}


def _figures(votes: Mapping[str, Sequence[int]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for evaluator in EVALUATORS.values():
        means = {
            name: float(np.mean(votes[name])) if votes.get(name) else np.nan
            for name in evaluator.dimensions
        }
        figures |= {**means, evaluator.name: float(np.mean(list(means.values())))}
    figures[OVERALL] = float(np.mean([figures[name] for name in EVALUATORS]))
    return figures


def judge_report(
    ratings: Sequence[Rating],
    calls: Sequence[EvaluatedCall],
    prices: tuple[float, float] | None = None,
    checks: BiasReport | None = None,
) -> JudgeReport:
    """Return the report of a judge's ratings (Table 1 with intervals).

    Args:
        ratings: Ratings by one judge; those of calls that are not among ``calls`` are left out.
        calls: The calls to report.
        prices: The prices of a million prompt tokens and of a million completion tokens.
        checks: The result of :func:`~gsim_env.evaluation.judge.bias.bias_checks`.

    Raises:
        ConfigurationError: if the ratings are by several judges.
    """
    ids = {call.id for call in calls}
    kept = [rating for rating in ratings if rating.call in ids]
    judges = sorted({rating.judge for rating in kept})
    if len(judges) > 1:
        raise ConfigurationError(
            f"The ratings are by {len(judges)} judges: {', '.join(judges)}. Report each by itself."
        )

    methods = list(dict.fromkeys(call.method for call in calls))
    missing = {method: dict.fromkeys(EVALUATORS, 0) for method in methods}
    for rating in kept:
        missing[rating.method][rating.evaluator] += rating.scores is None

    prompt_tokens = sum(rating.prompt_tokens for rating in kept)
    completion_tokens = sum(rating.completion_tokens for rating in kept)
    cost = None
    if prices is not None:
        cost = (prompt_tokens * prices[0] + completion_tokens * prices[1]) / 1e6

    figures = call_figures(kept)
    return JudgeReport(
        name=judges[0] if judges else "",
        scripted=any(rating.scripted for rating in kept),
        votes=len({rating.vote for rating in kept}),
        asked=len(kept),
        missing=missing,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost=cost,
        scores={
            method: _scores([call for call in calls if call.method == method], figures)
            for method in methods
        },
        checks=checks,
    )


def _scores(
    calls: Sequence[EvaluatedCall], figures: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, Interval]]:
    """Return the mean figures of one method: by archetype or :data:`ALL`, then figure."""
    rated: dict[str, list[Mapping[str, float]]] = {ALL: []}
    for call in calls:
        by_archetype = rated.setdefault(call.profile.archetype, [])
        if call.id in figures:
            rated[ALL].append(figures[call.id])
            by_archetype.append(figures[call.id])

    return {
        archetype: {
            name: mean_interval([of_call[name] for of_call in of_calls]) for name in FIGURES
        }
        for archetype, of_calls in rated.items()
    }
