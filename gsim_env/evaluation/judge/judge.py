"""The language-model judge (section 2.2.1, appendix E): ratings of calls by three evaluators."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.cache import Judgment
from gsim_env.evaluation.judge.client import JudgeClient, JudgeQuestion
from gsim_env.evaluation.judge.reports import JudgeBiasReport, JudgeReport
from gsim_env.evaluation.judge.rubric import EVALUATORS, Evaluator, EvaluatorAnswer
from gsim_env.evaluation.records import EvaluatedCall
from gsim_env.groups import Group
from gsim_env.models import LanguageModel, ModelSpec
from gsim_env.util.progress import ProgressCallback, no_progress
from gsim_env.util.stats import ConfidenceInterval, mean_confidence_interval

__all__ = [
    "ALL",
    "EVALUATORS",
    "OVERALL",
    "SCORE_NAMES",
    "Judge",
    "JudgeRating",
    "JudgeReport",
    "build_judge_report",
    "mean_scores_by_call",
]

ALL = "all"
"""The key of all calls of a method, among the names of archetypes."""

OVERALL = "overall"
"""The mean of the three evaluators' scores."""


def _score_names() -> tuple[str, ...]:
    names: list[str] = []
    for evaluator in EVALUATORS.values():
        names += [*evaluator.dimensions, evaluator.name]
    return (*names, OVERALL)


SCORE_NAMES = _score_names()
"""The columns of Table 1: each evaluator's dimensions, then their mean; last :data:`OVERALL`."""


class JudgeRating(BaseModel):
    """One evaluator's scores of one call in one vote of the language-model judge.

    Attributes:
        judge: Backend and model of the judge.
        scripted: Whether rules judged instead of a model, as in tests.
        call: :attr:`EvaluatedCall.id`.
        method: The method of the call.
        archetype: The archetype of the call's customer.
        evaluator: A key of :data:`EVALUATORS`.
        vote: Number of the vote, from 0.
        scores: 0 to 10 for each dimension of the evaluator; ``None`` if the rating is missing.
        reasoning: The judge's reasoning.
        error: Why the rating is missing; ``None`` if it is not.
        prompt_tokens: Prompt tokens of all tries, unusable answers included.
        completion_tokens: Completion tokens of all tries, likewise.
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


class _Request(NamedTuple):
    """One rating to request."""

    call: EvaluatedCall
    evaluator: Evaluator
    vote: int


class Judge:
    """Rates calls with a language model: one request for each call, evaluator and vote.

    One vote is greedy (temperature 0), several are sampled at 0.7. An answer that does not fit the
    schema is requested again with another seed, in at most three tries. A rating that cannot be
    obtained is missing, with the reason, and never zero; the next run requests it again.

    Args:
        group: The group; its archetypes' definitions are part of the prompt.
        model: A backend that answers within a JSON schema: its name or settings, or a language
            model.
        votes: Ratings of each call by each evaluator.
        store: A JSONL file to keep ratings in: rerun the same command to resume after an
            interruption. ``None`` to keep them in memory only.
        seed: Seed of the sampling.

    Raises:
        ConfigurationError: as :class:`~gsim_env.evaluation.judge.client.JudgeClient`.
        CorpusError: if the file is malformed.
    """

    def __init__(
        self,
        group: Group,
        model: ModelSpec | LanguageModel,
        votes: int = 1,
        store: Path | None = None,
        seed: int = 0,
    ) -> None:
        """Check the arguments; models are loaded by the first rating."""
        self._group = group
        self._client = JudgeClient(model, votes, store, seed)

    @property
    def name(self) -> str:
        """Backend and model of the judge."""
        return self._client.name

    async def rate_calls(
        self,
        calls: Sequence[EvaluatedCall],
        progress: ProgressCallback = no_progress,
        *,
        backwards: bool = False,
    ) -> list[JudgeRating]:
        """Return the judge's ratings of calls: by evaluator, then call, then vote.

        Failed calls, which have no turns, are not rated.

        Args:
            calls: The calls to rate.
            progress: Reports the ratings done, as step ``"judge"``.
            backwards: List the dimensions in reverse order (a check for bias).

        Raises:
            ConfigurationError: if an archetype is unknown to the group, or the backend cannot
                answer within a schema.
        """
        requests = self._requests([call for call in calls if call.turns])
        questions = [self._question(request, backwards=backwards) for request in requests]
        judgments = await self._client.ask(questions, progress)
        return [
            self._rating(request, judgment)
            for request, judgment in zip(requests, judgments, strict=True)
        ]

    def _requests(self, calls: Sequence[EvaluatedCall]) -> list[_Request]:
        # By evaluator first: requests with one schema and one system message stay together.
        combinations = product(EVALUATORS.values(), calls, range(self._client.votes))
        return [_Request(call, evaluator, vote) for evaluator, call, vote in combinations]

    def _question(self, request: _Request, *, backwards: bool) -> JudgeQuestion:
        call, evaluator, vote = request
        return JudgeQuestion(
            about=f"{call.id}, {evaluator.name}, vote {vote}",
            messages=evaluator.rating_messages(self._group, call, backwards=backwards),
            schema=evaluator.answer_schema(backwards=backwards),
            read=evaluator.parse_answer,
            vote=vote,
        )

    def _rating(self, request: _Request, judgment: Judgment) -> JudgeRating:
        answer = judgment.answer and EvaluatorAnswer.model_validate(judgment.answer)

        return JudgeRating(
            judge=self.name,
            scripted=self._client.scripted,
            call=request.call.id,
            method=request.call.method,
            archetype=request.call.profile.archetype,
            evaluator=request.evaluator.name,
            vote=request.vote,
            scores=answer.scores if answer else None,
            reasoning=answer.reasoning if answer else "",
            error=judgment.error,
            prompt_tokens=judgment.prompt_tokens,
            completion_tokens=judgment.completion_tokens,
        )


def mean_scores_by_call(ratings: Sequence[JudgeRating]) -> dict[str, dict[str, float]]:
    """Return the judge's mean scores (0 to 10): by call, then the names of :data:`SCORE_NAMES`.

    Votes are averaged first. An evaluator's score is the mean of its dimensions, ``overall`` the
    mean of the three evaluators. An evaluator without any vote has NaN, and so has ``overall``.
    """
    votes: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        call_votes = votes[rating.call]
        for dimension, score in (rating.scores or {}).items():
            call_votes[dimension].append(score)
    return {call: _mean_call_scores(call_votes) for call, call_votes in votes.items()}


def _mean_call_scores(votes: Mapping[str, Sequence[int]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for evaluator in EVALUATORS.values():
        means = {
            name: float(np.mean(votes[name])) if votes.get(name) else np.nan
            for name in evaluator.dimensions
        }
        figures |= means
        figures[evaluator.name] = float(np.mean(list(means.values())))

    figures[OVERALL] = float(np.mean([figures[name] for name in EVALUATORS]))
    return figures


def build_judge_report(
    ratings: Sequence[JudgeRating],
    calls: Sequence[EvaluatedCall],
    prices: tuple[float, float] | None = None,
    checks: JudgeBiasReport | None = None,
) -> JudgeReport:
    """Summarize a judge's ratings: mean scores by method and archetype, tokens, cost (Table 1).

    Args:
        ratings: Ratings by one judge; those of calls that are not among ``calls`` are left out.
        calls: The calls to report.
        prices: The prices of a million prompt tokens and of a million completion tokens.
        checks: The result of :func:`~gsim_env.evaluation.judge.bias.run_bias_checks`.

    Raises:
        ConfigurationError: if the ratings are by several judges.
    """
    ids = {call.id for call in calls}
    kept = [rating for rating in ratings if rating.call in ids]
    judges = sorted({rating.judge for rating in kept})
    if len(judges) > 1:
        raise ConfigurationError(
            f"The ratings are by {len(judges)} judges: {', '.join(judges)}. "
            "Report each judge separately."
        )

    prompt_tokens = sum(rating.prompt_tokens for rating in kept)
    completion_tokens = sum(rating.completion_tokens for rating in kept)
    cost = None
    if prices is not None:
        cost = (prompt_tokens * prices[0] + completion_tokens * prices[1]) / 1e6

    calls_by_method: dict[str, list[EvaluatedCall]] = defaultdict(list)
    for call in calls:
        calls_by_method[call.method].append(call)

    figures = mean_scores_by_call(kept)
    scores = {name: _mean_scores(members, figures) for name, members in calls_by_method.items()}
    return JudgeReport(
        name=judges[0] if judges else "",
        scripted=any(rating.scripted for rating in kept),
        votes=len({rating.vote for rating in kept}),
        asked=len(kept),
        missing=_count_missing(kept, list(calls_by_method)),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost=cost,
        scores=scores,
        checks=checks,
    )


def _count_missing(
    ratings: Sequence[JudgeRating], methods: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return the number of missing ratings: by method, then evaluator."""
    missing = {method: dict.fromkeys(EVALUATORS, 0) for method in methods}
    for rating in ratings:
        missing[rating.method][rating.evaluator] += rating.scores is None
    return missing


def _mean_scores(
    calls: Sequence[EvaluatedCall], figures: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, ConfidenceInterval]]:
    """Return the mean scores of a method's calls: by archetype or :data:`ALL`, then score name."""
    rated: dict[str, list[Mapping[str, float]]] = {ALL: []}
    for call in calls:
        by_archetype = rated.setdefault(call.profile.archetype, [])
        if call.id in figures:
            rated[ALL].append(figures[call.id])
            by_archetype.append(figures[call.id])
    return {archetype: _mean_score_intervals(of_calls) for archetype, of_calls in rated.items()}


def _mean_score_intervals(figures: Sequence[Mapping[str, float]]) -> dict[str, ConfidenceInterval]:
    return {
        name: mean_confidence_interval([of_call[name] for of_call in figures])
        for name in SCORE_NAMES
    }
