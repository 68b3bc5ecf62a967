"""The results document of an evaluation: what ``results.json`` holds, as typed models."""

from pydantic import Field, JsonValue

from gsim_env.evaluation.judge.reports import JudgeReport, ProfileRobustnessReport
from gsim_env.evaluation.metrics.agreement import AgreementReport, SalespeopleRankCorrelation
from gsim_env.evaluation.metrics.diversity import DiversityMetrics, WindowedResponseSimilarity
from gsim_env.evaluation.metrics.fidelity import FidelityDistances
from gsim_env.evaluation.records import HUMAN
from gsim_env.evaluation.schema import IntervalField, Number, ResultsSection

__all__ = [
    "ArchetypeMetrics",
    "EvaluationManifest",
    "EvaluationResults",
    "HumanReference",
    "MethodRankCorrelation",
    "SalespeopleAcceptance",
]


class HumanReference(ResultsSection):
    """The recorded calls that methods are compared with.

    Attributes:
        source: The file and the group it belongs to.
        calls: The number of calls.
        digest: SHA-256 of the file.
    """

    source: str
    calls: int
    digest: str


class EvaluationManifest(ResultsSection):
    """Plan, package versions and file hashes that an evaluation's results come from.

    Attributes:
        command: The command line; ``None`` if the evaluation was started from Python.
        plan: The plan without API keys.
        group: The group's name.
        group_digest: SHA-256 of the group's files.
        people_digest: SHA-256 of the held-out calls.
        judge_prompts_digest: SHA-256 of the judge's prompts.
        seed: Seeds every random draw.
        salespeople: Names of the salespeople.
        calls: Calls to each archetype, by each salesperson, with each method.
        methods: Settings of each method, without API keys.
        versions: Installed packages that can change the results.
        human: The recorded calls.
        discriminator: Name of the discriminator behind P(real); ``None`` without one.
        seconds: Duration of all calls, summed.
        missing_calls: Number of calls that failed, by method; they count in no metric.
    """

    command: str | None
    plan: dict[str, JsonValue]
    group: str
    group_digest: str
    people_digest: str
    judge_prompts_digest: str
    seed: int
    salespeople: list[str]
    calls: int
    methods: dict[str, dict[str, JsonValue]]
    versions: dict[str, str]
    human: HumanReference
    discriminator: str | None
    seconds: float
    missing_calls: dict[str, int]


class ArchetypeMetrics(ResultsSection):
    """Metrics of one method's calls to one archetype.

    Attributes:
        words_per_turn: Mean words per turn.
        irs: See :class:`~gsim_env.evaluation.metrics.diversity.DiversityMetrics`.
        snr: Likewise.
        accepted: Share of calls that end with acceptance.
    """

    words_per_turn: IntervalField
    irs: IntervalField
    snr: IntervalField
    accepted: IntervalField


class MethodRankCorrelation(SalespeopleRankCorrelation):
    """Rank correlation of salespeople's acceptance rates with the methods ``a`` and ``b``."""

    a: str
    b: str


class SalespeopleAcceptance(ResultsSection):
    """Acceptance rates by method and salesperson, and their rank correlations.

    Attributes:
        acceptance: Share of accepted calls, by method, then salesperson.
        rank_correlation: One entry per pair of methods.
    """

    acceptance: dict[str, dict[str, IntervalField]]
    rank_correlation: list[MethodRankCorrelation]


class EvaluationResults(ResultsSection):
    """All results of an evaluation: the contents of ``results.json``.

    Sections by method use the key ``"human"`` for people. A section that was not measured is empty
    or ``None``.

    Attributes:
        methods: Names of the methods, in the order in which they are shown.
        archetypes: Names of the group's archetypes.
        diversity: Diversity and faults, by method.
        irs_windows: Figure 4b, by method.
        fidelity: Distances from people, by method; ``"human"`` is the human-to-human floor.
        by_archetype: By method, then archetype that was called.
        lengths: Words of every turn, by method.
        outcomes: Share of calls that end with each outcome, by method.
        transitions: Probability of the next stage, by method, then stage.
        agents: Acceptance by salesperson; ``None`` with one salesperson.
        manifest: Where the results come from.
        judge: The judge's scores; ``None`` without a judge.
        robustness: The profile robustness test; ``None`` if it was not run.
        agreement: Agreement of judge and people; ``None`` without human ratings.
    """

    methods: list[str]
    archetypes: list[str]
    diversity: dict[str, DiversityMetrics] = Field(default_factory=dict)
    irs_windows: dict[str, list[WindowedResponseSimilarity]] = Field(default_factory=dict)
    fidelity: dict[str, FidelityDistances] = Field(default_factory=dict)
    by_archetype: dict[str, dict[str, ArchetypeMetrics]] = Field(default_factory=dict)
    lengths: dict[str, list[int]] = Field(default_factory=dict)
    outcomes: dict[str, dict[str, Number]] = Field(default_factory=dict)
    transitions: dict[str, dict[str, dict[str, Number]]] = Field(default_factory=dict)
    agents: SalespeopleAcceptance | None = None
    manifest: EvaluationManifest | None = None
    judge: JudgeReport | None = None
    robustness: ProfileRobustnessReport | None = None
    agreement: AgreementReport | None = None

    @property
    def names(self) -> list[str]:
        """Names of the methods in their order, then ``"human"``."""
        return [*self.methods, HUMAN]
