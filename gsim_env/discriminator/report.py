"""The report of a training run: the contents of ``report.json``."""

from pydantic import BaseModel, ConfigDict, field_serializer

from gsim_env.discriminator.settings import DiscriminatorSettings

__all__ = [
    "ClassifierScores",
    "DiscriminatorReport",
    "HeldOutScores",
    "InputHashes",
    "LearningCurvePoint",
    "PairCounts",
    "UnseenGeneratorScores",
]


class _ReportPart(BaseModel):
    """A frozen part of the report."""

    model_config = ConfigDict(frozen=True)


class ClassifierScores(_ReportPart):
    """A classifier's accuracy, AUC, F1 and calibration error on pairs of human and model answers.

    Both answers of each pair count. Only ``pairs`` is set if there is no pair.

    Attributes:
        accuracy: Share of answers classified correctly at P(real) = 0.5.
        auc: Area under the ROC curve.
        f1: F1 of the class Real.
        ece: Expected calibration error (Guo et al. 2017), in [0, 1].
        real_called_real: Share of human answers classified as real.
        fake_called_fake: Share of model answers classified as fake.
        pairs: The number of pairs.
    """

    accuracy: float | None = None
    auc: float | None = None
    f1: float | None = None
    ece: float | None = None
    real_called_real: float | None = None
    fake_called_fake: float | None = None
    pairs: int


class HeldOutScores(_ReportPart):
    """Classifier scores on held-out dialogues: overall, by generator, by temperature.

    Attributes:
        all: On all pairs, by classifier.
        of_one_length: On pairs whose answers match in length, by classifier.
        by_generator: The model's, by generator.
        by_temperature: The model's, by sampling temperature.
    """

    all: dict[str, ClassifierScores]
    of_one_length: dict[str, ClassifierScores]
    by_generator: dict[str, ClassifierScores]
    by_temperature: dict[str, ClassifierScores]


class UnseenGeneratorScores(_ReportPart):
    """A discriminator's scores on a generator that it was not trained on.

    Attributes:
        all: On all pairs.
        of_one_length: On pairs whose answers match in length.
    """

    all: ClassifierScores
    of_one_length: ClassifierScores


class LearningCurvePoint(_ReportPart):
    """A discriminator's scores when trained on a given number of dialogues.

    Attributes:
        dialogues: The number of training dialogues with negatives.
        pairs: The number of training pairs.
        all: On all held-out pairs.
        of_one_length: On held-out pairs whose answers match in length.
    """

    dialogues: int
    pairs: int
    all: ClassifierScores
    of_one_length: ClassifierScores


class PairCounts(_ReportPart):
    """The number of answer pairs by generator, in training and held-out dialogues."""

    learnt: dict[str, int]
    held_out: dict[str, int]


class InputHashes(_ReportPart):
    """SHA-256 of a training run's input files: D_sim and negatives."""

    d_sim: str
    negatives: str


class DiscriminatorReport(_ReportPart):
    """Report of a discriminator's training and evaluation: the contents of ``report.json``.

    Attributes:
        command: The command that was run.
        model: The trained model's name.
        versions: Of the packages used.
        settings: The settings of the run.
        sha256: Hashes of the input files.
        seconds_to_learn: Wall-clock time of the training.
        pairs: The number of pairs.
        held_out: Scores on held-out dialogues.
        transfer: By generator that was left out of training; ``None`` without studies.
        learning_curve: Scores by number of training dialogues; ``None`` without studies.
    """

    command: str
    model: str
    versions: dict[str, str]
    settings: DiscriminatorSettings
    sha256: InputHashes
    seconds_to_learn: int
    pairs: PairCounts
    held_out: HeldOutScores
    transfer: dict[str, UnseenGeneratorScores] | None = None
    learning_curve: list[LearningCurvePoint] | None = None

    @field_serializer("settings")
    def _all_settings(self, settings: DiscriminatorSettings) -> dict[str, object]:
        # The report leaves out what was not measured, but shows default settings too.
        return settings.model_dump(mode="json")

    def to_json(self) -> str:
        """Return the report as JSON; what was not measured is left out."""
        return self.model_dump_json(indent=1, exclude_none=True) + "\n"
