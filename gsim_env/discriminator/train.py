"""Training run of a pattern reward model: negatives, training, evaluation, report."""

import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from gsim_env.discriminator.baselines import Classifier, model_and_baselines
from gsim_env.discriminator.card import model_card
from gsim_env.discriminator.fit_embedding import fit_embedding
from gsim_env.discriminator.metrics import Fit, held_out_scores, learning_curve, transfer_scores
from gsim_env.discriminator.negatives import draw_dialogues, generate_negatives
from gsim_env.discriminator.pairs import (
    Pair,
    answers_of,
    count_by_generator,
    human_answers,
    is_dialogue_held_out,
    length_matched,
    load_pairs,
    split_by_dialogue,
)
from gsim_env.discriminator.plots import write_plots
from gsim_env.discriminator.report import PairCounts, Report, Sha256
from gsim_env.discriminator.settings import Embedding, SequenceClassification, Settings
from gsim_env.errors import CorpusError
from gsim_env.models.encoders import CachedEncoder
from gsim_env.models.registry import build_encoder
from gsim_env.rewards.pattern import Discriminator
from gsim_env.util.files import sha256_file, write_atomically

__all__ = ["CARD", "REPORT", "train_discriminator"]

REPORT, CARD = "report.json", "CARD.md"

PACKAGES = (
    "gsim-env",
    "scikit-learn",
    "sentence-transformers",
    "torch",
    "transformers",
    "xllamacpp",
)


def train_discriminator(settings: Settings, command: str) -> Report:
    """Generate negatives, train the model, and evaluate it on held-out dialogues.

    Writes the model, ``report.json``, ``plots/`` and ``CARD.md`` to ``settings.out``. Resumes after
    an interruption: with the same settings, no answer is generated twice, and a sequence classifier
    continues from its last checkpoint.

    Args:
        settings: The settings of the run.
        command: The command that was run, for the report.

    Returns:
        The contents of ``report.json``.

    Raises:
        CorpusError: if the negatives do not belong to this D_sim, or no dialogue is left for
            training or for the evaluation.
        SimulatorError: if a generator fails.
    """
    settings.out.mkdir(parents=True, exist_ok=True)
    pairs = generate_pairs(settings)
    training, test = split_by_dialogue(pairs, settings.held_out)
    if not training or not test:
        raise CorpusError(
            f"Of {len(pairs)} pairs, {len(test)} are held out: both parts need at least one. "
            "Increase negatives.dialogues."
        )

    fit = make_fit(settings)
    start = time.perf_counter()
    model = fit(training, "")
    seconds = time.perf_counter() - start

    classifiers = model_and_baselines(training, model, settings.seed, settings.language)
    report = Report(
        command=command,
        model=model.name,
        versions={name: version(name) for name in PACKAGES},
        settings=settings,
        sha256=Sha256(
            d_sim=sha256_file(settings.d_sim), negatives=sha256_file(settings.negatives.file)
        ),
        seconds_to_learn=round(seconds),
        pairs=PairCounts(learnt=count_by_generator(training), held_out=count_by_generator(test)),
        held_out=held_out_scores(classifiers, test, settings.language),
    )
    if settings.studies:
        report = add_studies(report, fit, training, test, classifiers["model"])

    write_atomically(settings.out / REPORT, report.to_json())
    write_atomically(settings.out / CARD, model_card(report))
    write_plots(settings.out / "plots", classifiers, test, report.learning_curve)
    return report


def generate_pairs(settings: Settings) -> list[Pair]:
    """Generate the missing negatives, and return the pairs of all negatives in the file."""
    negatives = settings.negatives
    dialogues = draw_dialogues(settings.d_sim, negatives.dialogues, settings.seed)
    generators = {
        name: backend for name, backend in negatives.generators.items() if backend is not None
    }

    generate_negatives(dialogues, negatives.file, generators, negatives.temperatures)
    return load_pairs(settings.d_sim, negatives.file)


def add_studies(
    report: Report, fit: Fit, training: Sequence[Pair], test: Sequence[Pair], whole: Classifier
) -> Report:
    """Return the report with transfer and learning curve, for which more models are trained."""
    language = report.settings.language
    studies = {
        "transfer": transfer_scores(fit, training, test, language),
        "learning_curve": learning_curve(fit, training, test, language, whole),
    }
    return report.model_copy(update=studies)


def make_fit(settings: Settings) -> Fit:
    """Return the backend's training function; it writes the model to its study's folder."""
    if isinstance(settings.model, SequenceClassification):
        return sequence_classification_fit(settings, settings.model)
    return embedding_fit(settings, settings.model)


def sequence_classification_fit(settings: Settings, backend: SequenceClassification) -> Fit:
    """Return a function that trains a sequence classifier on pairs."""
    from gsim_env.discriminator.fit_sequence_classifier import fit_sequence_classifier

    def fit(pairs: Sequence[Pair], study: str) -> Discriminator:
        augmented = add_length_matched(pairs, settings.language)
        folder = study_folder(settings.out, study)
        return fit_sequence_classifier(augmented, backend, folder, settings.seed)

    return fit


def embedding_fit(settings: Settings, backend: Embedding) -> Fit:
    """Return a function that trains the embedding backend on pairs.

    It also learns from all human turns of the training dialogues, with or without a negative: they
    cost little, and training is fast.
    """
    encoder = CachedEncoder(build_encoder(backend.encoder), limit=None)
    human = human_answers(
        settings.d_sim,
        lambda call_id: not is_dialogue_held_out(call_id, settings.held_out),
    )

    def fit(pairs: Sequence[Pair], study: str) -> Discriminator:
        answers = answers_of(add_length_matched(pairs, settings.language)).concatenate(human)
        model = fit_embedding(answers, backend.encoder, encoder)
        model.save(study_folder(settings.out, study))
        return model

    return fit


def add_length_matched(pairs: Sequence[Pair], language: str) -> list[Pair]:
    """Return pairs and their length-matched copies, so that length alone carries less signal."""
    return [*pairs, *length_matched(pairs, language)]


def study_folder(out: Path, study: str) -> Path:
    """Return the folder of a study's model, ``out`` itself for ""; create it if needed."""
    folder = out / "studies" / study if study else out
    folder.mkdir(parents=True, exist_ok=True)
    return folder
