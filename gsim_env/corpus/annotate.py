"""Step 2 of a group build: stages, concerns and profiles, one chunk of dialogues at a time."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Protocol, TypeVar, get_args

from pydantic import BaseModel

from gsim_env.corpus.annotation import StageClassifier
from gsim_env.corpus.concerns import ConcernAnnotator
from gsim_env.corpus.executors import run_chunks
from gsim_env.corpus.extraction import SITUATION, ProfileExtractor, StyleExtractor
from gsim_env.corpus.llm_annotation import LLMAnnotator
from gsim_env.corpus.llm_extraction import LLMExtractor
from gsim_env.corpus.settings import BuildSettings
from gsim_env.dialogue import Dialogue, Outcome, Role
from gsim_env.groups import Group
from gsim_env.models import Encoder
from gsim_env.models.encoders import CachedEncoder
from gsim_env.models.registry import build_encoder, build_language_model
from gsim_env.profiles import CustomerProfile, RecordedCall
from gsim_env.util.files import write_jsonl
from gsim_env.util.progress import ProgressCallback

__all__ = ["ChunkAnnotator", "annotate", "read_chunks"]

LABELED = 400
"""Labeled dialogues that the stage classifier is trained on: the first ones of the corpus."""

CLASSIFIER = "classifier.joblib"
"""The fitted stage classifier, shared by all workers of a build."""

M = TypeVar("M", bound=BaseModel)


class StageAnnotator(Protocol):
    """Labels the turns of both sides with stages."""

    def annotate(self, dialogues: Sequence[Dialogue]) -> list[Dialogue]:
        """Return the dialogues with a stage at every turn; given stages are kept."""
        ...


def annotate(settings: BuildSettings, progress: ProgressCallback, engine: str) -> None:
    """Write the recorded calls of every chunk of dialogues that has none yet.

    Raises:
        ConfigurationError: if the engine is unknown.
        SimulatorError: if a model or the encoder fails.
    """
    folder = settings.work / "calls"
    folder.mkdir(exist_ok=True)
    chunks = settings.chunks("dialogues")
    missing = [file for file in chunks if not (folder / file.name).is_file()]
    finished = len(chunks) - len(missing)
    progress("annotate", finished, len(chunks))
    if not missing:
        return

    if settings.annotator == "classifier" and not (settings.work / CLASSIFIER).is_file():
        fit_classifier(settings)
    for count in run_chunks(engine, ChunkAnnotator, settings, missing):
        progress("annotate", finished + count, len(chunks))


class ChunkAnnotator:
    """Turns a chunk of dialogues into a chunk of recorded calls; created once per process.

    Args:
        settings: The build.
    """

    def __init__(self, settings: BuildSettings) -> None:
        """Load the annotators and the extractor."""
        self._group = settings.template_group
        self._folder = settings.work / "calls"
        self._encoder = CachedEncoder(build_encoder(settings.encoder))
        self._stages = stage_annotator(settings, self._encoder)
        self._concerns = ConcernAnnotator(self._group.taxonomy, self._encoder)
        self._profiles = profile_extractor(settings, self._encoder)

    def __call__(self, chunk: Path) -> None:
        """Write the recorded calls of a chunk; the result does not depend on earlier chunks."""
        self._encoder.clear()
        dialogues = list(read_chunks(Dialogue, [chunk]))

        labeled = self._concerns.annotate(self._stages.annotate(dialogues))
        profiles = self._profiles.extract(labeled)

        calls = map(self._recorded_call, labeled, profiles)
        write_jsonl(self._folder / chunk.name, [call.model_dump_json() for call in calls])

    def _recorded_call(self, dialogue: Dialogue, profile: CustomerProfile) -> RecordedCall:
        return RecordedCall(
            id=dialogue.id,
            turns=dialogue.turns,
            outcome=dialogue.outcome or outcome_of(dialogue, self._group),
            attributes=dialogue.attributes,
            profile=profile,
        )


def stage_annotator(settings: BuildSettings, encoder: Encoder) -> StageAnnotator:
    """Return the fitted classifier, or the annotator of a language model."""
    if settings.annotator == "classifier":
        return StageClassifier.load(settings.work / CLASSIFIER, encoder)
    return LLMAnnotator(settings.template_group.taxonomy, build_language_model(settings.annotator))


def profile_extractor(settings: BuildSettings, encoder: Encoder) -> ProfileExtractor:
    """Return the extractor without a language model, or that of a language model."""
    group = settings.template_group
    situation = group.config.situation or SITUATION
    if settings.extractor == "style":
        return StyleExtractor(group.config.archetypes, group.taxonomy, encoder, situation)
    return LLMExtractor(group, build_language_model(settings.extractor), situation=situation)


def fit_classifier(settings: BuildSettings) -> None:
    """Fit the stage classifier to labeled dialogues and the taxonomy's phrases, and save it."""
    taxonomy = settings.template_group.taxonomy
    phrases = {role: taxonomy.phrases(role) for role in get_args(Role)}
    dialogues = read_chunks(Dialogue, settings.chunks("dialogues"))
    labeled = islice(filter(has_stages, dialogues), LABELED)

    classifier = StageClassifier(build_encoder(settings.encoder)).fit(labeled, phrases)
    classifier.save(settings.work / CLASSIFIER)


def outcome_of(dialogue: Dialogue, group: Group) -> Outcome:
    """Return the outcome that the customer's stages suggest, for sources that do not give it."""
    kinds = [
        group.taxonomy.customer[turn.stage].kind
        for turn in dialogue.customer_turns()
        if turn.stage is not None
    ]
    if "accept" in kinds:
        return Outcome.ACCEPTED
    return Outcome.HUNG_UP if kinds[-1:] == ["hang_up"] else Outcome.DECLINED


def has_stages(dialogue: Dialogue) -> bool:
    """Return whether any turn of a dialogue has a stage."""
    return any(turn.stage is not None for turn in dialogue.turns)


def read_chunks(model: type[M], files: Sequence[Path]) -> Iterator[M]:
    """Yield the rows of chunks, with one chunk in memory at a time."""
    return chain.from_iterable(_read_chunk(model, file) for file in files)


def _read_chunk(model: type[M], file: Path) -> list[M]:
    # Bytes: str.splitlines would split a line at U+2028, which JSON does not escape.
    return [model.model_validate_json(line) for line in file.read_bytes().splitlines()]
