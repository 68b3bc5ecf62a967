"""Step 2 of a build.

Stages, concerns and profiles, a chunk of dialogues at a time, in any order, by any worker.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol, get_args

from gsim_env.corpus.annotation import StageClassifier
from gsim_env.corpus.build import Build, Progress, stored, write_whole
from gsim_env.corpus.concerns import ConcernAnnotator
from gsim_env.corpus.executors import run_chunks
from gsim_env.corpus.extraction import SITUATION, ProfileExtractor, StyleExtractor
from gsim_env.corpus.llm_annotation import LLMAnnotator
from gsim_env.corpus.llm_extraction import LLMExtractor
from gsim_env.dialogue import Dialogue, Outcome, Role
from gsim_env.groups import Group
from gsim_env.models.encoders import CachedEncoder
from gsim_env.models.registry import build_encoder, build_model
from gsim_env.profiles import RecordedCall

__all__ = ["Worker", "annotate"]

LABELED = 400
"""The stage classifier learns from so many dialogues with labels, the first ones of the corpus."""

CLASSIFIER = "classifier.joblib"
"""The stage classifier, fitted once a build."""


def annotate(build: Build, progress: Progress, engine: str) -> None:
    """Step 2: stages, concerns and profiles, chunk by chunk; what is done already is left alone."""
    (build.work / "calls").mkdir(exist_ok=True)
    everything = build.chunks("dialogues")
    missing = [file for file in everything if not (build.work / "calls" / file.name).is_file()]
    progress("annotate", len(everything) - len(missing), len(everything))
    if missing:
        if build.annotator == "classifier" and not (build.work / CLASSIFIER).is_file():
            fit_classifier(build)
        for done in run_chunks(engine, Worker, build, missing):
            progress("annotate", len(everything) - len(missing) + done, len(everything))


class Worker:
    """Turns a chunk of dialogues into a chunk of recorded calls; made once a process.

    Args:
        build: What is built.
    """

    def __init__(self, build: Build) -> None:
        """Make the annotators and the extractor."""
        self._build = build
        group = build.group
        self._encoder = encoder = CachedEncoder(build_encoder(build.encoder))
        self._stages: StageAnnotator = (
            StageClassifier.load(build.work / CLASSIFIER, encoder)
            if build.annotator == "classifier"
            else LLMAnnotator(group.taxonomy, build_model(build.annotator))
        )
        self._concerns = ConcernAnnotator(group.taxonomy, encoder)
        situation = group.config.situation or SITUATION
        self._profiles: ProfileExtractor = (
            StyleExtractor(group.config.archetypes, group.taxonomy, encoder, situation)
            if build.extractor == "style"
            else LLMExtractor(group, build_model(build.extractor), situation=situation)
        )

    def __call__(self, chunk: Path) -> None:
        """Write the recorded calls of a chunk of dialogues, the same ones whatever chunks came before."""
        self._encoder.clear()
        dialogues = list(stored(Dialogue, [chunk]))
        dialogues = self._concerns.annotate(self._stages.annotate(dialogues))
        rows = [
            RecordedCall(
                id=dialogue.id,
                turns=dialogue.turns,
                outcome=dialogue.outcome or outcome_of(dialogue, self._build.group),
                attributes=dialogue.attributes,
                profile=profile,
            ).model_dump_json()
            for dialogue, profile in zip(dialogues, self._profiles.extract(dialogues), strict=True)
        ]
        write_whole(self._build.work / "calls" / chunk.name, *rows)


class StageAnnotator(Protocol):
    """Fills the stages of both sides."""

    def annotate(self, dialogues: Sequence[Dialogue]) -> list[Dialogue]:
        """Return the dialogues with stages; given ones are kept."""
        ...


def fit_classifier(build: Build) -> None:
    """Fit the stage classifier to the first labeled dialogues and the taxonomy's phrases, and leave it for the workers."""
    labeled = islice(filter(has_stages, stored(Dialogue, build.chunks("dialogues"))), LABELED)
    phrases = {role: build.group.taxonomy.phrases(role) for role in get_args(Role)}
    StageClassifier(build_encoder(build.encoder)).fit(labeled, phrases).save(
        build.work / CLASSIFIER
    )


def outcome_of(dialogue: Dialogue, group: Group) -> Outcome:
    """Return how a dialogue ended, by its customer's stages, where the source does not say."""
    kinds = [
        group.taxonomy.customer[turn.stage].kind
        for turn in dialogue.customer_turns()
        if turn.stage is not None
    ]
    if "accept" in kinds:
        return Outcome.ACCEPTED
    return Outcome.HUNG_UP if kinds[-1:] == ["hang_up"] else Outcome.DECLINED


def has_stages(dialogue: Dialogue) -> bool:
    """Return whether any turn of a dialogue carries a stage."""
    return any(turn.stage is not None for turn in dialogue.turns)
