"""Typed reports of the judge: the sections ``judge`` and ``robustness`` of ``results.json``."""

from gsim_env.evaluation.schema import IntervalField, ResultsSection

__all__ = [
    "DimensionOrderShift",
    "JudgeBiasReport",
    "JudgeReport",
    "OrderBiasCheck",
    "ProfileRobustnessReport",
    "ScoreLengthCorrelation",
]


class DimensionOrderShift(ResultsSection):
    """The change of one dimension's scores when the dimensions are listed in reverse order.

    Attributes:
        shift: Mean of reversed minus original scores, -10 to 10; 0 is no bias. ``None`` without
            calls that have both.
        difference: Mean absolute difference, 0 to 10: without a shift, it is noise. ``None``
            likewise.
        n: Number of calls that have both ratings.
    """

    shift: float | None
    difference: float | None
    n: int


class OrderBiasCheck(ResultsSection):
    """Result of a judge's check for order bias, by dimension.

    Attributes:
        dimensions: The change of each dimension's scores.
        missing: Number of missing ratings in reverse order.
        prompt_tokens: Prompt tokens of the ratings in reverse order.
        completion_tokens: Their completion tokens.
    """

    dimensions: dict[str, DimensionOrderShift]
    missing: int
    prompt_tokens: int
    completion_tokens: int


class ScoreLengthCorrelation(ResultsSection):
    """Spearman's correlation of a score with the mean number of words per customer turn.

    Attributes:
        spearman: In [-1, 1]; ``None`` with fewer than three calls or without variation.
        p: Two-sided p value; ``None`` likewise.
        n: Number of calls.
    """

    spearman: float | None
    p: float | None
    n: int


class JudgeBiasReport(ResultsSection):
    """Results of a judge's checks for order bias and length bias.

    Attributes:
        order: Whether the order of the dimensions matters.
        length: Whether the length of the customer's turns matters: by evaluator, then method or
            ``"all"``.
    """

    order: OrderBiasCheck
    length: dict[str, dict[str, ScoreLengthCorrelation]]


class JudgeReport(ResultsSection):
    """A judge's mean scores of an evaluation's methods, tokens and cost (Table 1).

    Attributes:
        name: Backend and model of the judge.
        scripted: Whether rules judged instead of a model, as in tests.
        votes: Ratings of each call by each evaluator.
        asked: Number of requested ratings.
        missing: Number of missing ratings, by method, then evaluator.
        prompt_tokens: Prompt tokens of all tries.
        completion_tokens: Completion tokens of all tries.
        cost: The price of the tokens; ``None`` without prices.
        scores: Mean scores (0 to 10) over the calls that have them: by method, then archetype or
            ``"all"`` (all its calls, not the mean of archetypes), then the columns of Table 1.
        checks: The checks for bias; ``None`` if they were not run.
    """

    name: str
    scripted: bool
    votes: int
    asked: int
    missing: dict[str, dict[str, int]]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    scores: dict[str, dict[str, dict[str, IntervalField]]]
    checks: JudgeBiasReport | None


class ProfileRobustnessReport(ResultsSection):
    """The result of the profile robustness test (Table 4).

    Attributes:
        judge: Backend and model of the judge.
        scripted: Whether rules judged instead of a model, as in tests.
        pass_rate: Share of valid profiles in [0, 1], by archetype and ``"all"``. An archetype
            without a profile has NaN and ``n`` 0.
        missing: Number of verdicts that the judge could not give; they count in no rate.
        undrawn: Number of profiles that could not be drawn; they count in no rate.
    """

    judge: str
    scripted: bool
    pass_rate: dict[str, IntervalField]
    missing: int
    undrawn: int
