"""Training run of a pattern reward model: negatives, training, evaluation, report."""

import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from gsim_env.discriminator.baselines import AnswerClassifier, model_and_baseline_classifiers
from gsim_env.discriminator.card import model_card_markdown
from gsim_env.discriminator.fit_embedding import fit_embedding_discriminator
from gsim_env.discriminator.metrics import (
    FitFunction,
    score_on_held_out_pairs,
    score_on_unseen_generators,
    train_learning_curve,
)
from gsim_env.discriminator.negatives import generate_negative_answers, sample_d_sim_dialogues
from gsim_env.discriminator.pairs import (
    AnswerPair,
    count_pairs_by_generator,
    is_dialogue_held_out,
    labeled_answers_of_pairs,
    length_matched_pairs,
    load_answer_pairs,
    read_human_answers,
    split_pairs_by_dialogue,
)
from gsim_env.discriminator.plots import write_evaluation_plots
from gsim_env.discriminator.report import DiscriminatorReport, InputHashes, PairCounts
from gsim_env.discriminator.settings import (
    DiscriminatorSettings,
    EmbeddingSettings,
    SequenceClassificationSettings,
)
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


def train_discriminator(settings: DiscriminatorSettings, command: str) -> DiscriminatorReport:
    """Train the pattern reward model on D_sim and generated negatives, and evaluate it.

    The evaluation uses held-out dialogues. Writes the model, ``report.json``, ``plots/`` and
    ``CARD.md`` to ``settings.out``. Resumes after an interruption: with the same settings, no
    answer is generated twice, and a sequence classifier continues from its last checkpoint.

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
    pairs = _generate_pairs(settings)
    training, test = split_pairs_by_dialogue(pairs, settings.held_out)
    if not training or not test:
        raise CorpusError(
            f"Of {len(pairs)} pairs, {len(test)} are held out: both parts need at least one. "
            "Increase negatives.dialogues."
        )

    fit = _fit_function(settings)
    start = time.perf_counter()
    model = fit(training, "")
    seconds = time.perf_counter() - start

    classifiers = model_and_baseline_classifiers(training, model, settings.seed, settings.language)
    report = DiscriminatorReport(
        command=command,
        model=model.name,
        versions={name: version(name) for name in PACKAGES},
        settings=settings,
        sha256=InputHashes(
            d_sim=sha256_file(settings.d_sim), negatives=sha256_file(settings.negatives.file)
        ),
        seconds_to_learn=round(seconds),
        pairs=PairCounts(
            learnt=count_pairs_by_generator(training), held_out=count_pairs_by_generator(test)
        ),
        held_out=score_on_held_out_pairs(classifiers, test, settings.language),
    )
    if settings.studies:
        report = _add_transfer_and_learning_curve(report, fit, training, test, classifiers["model"])

    write_atomically(settings.out / REPORT, report.to_json())
    write_atomically(settings.out / CARD, model_card_markdown(report))
    write_evaluation_plots(settings.out / "plots", classifiers, test, report.learning_curve)
    return report


def _generate_pairs(settings: DiscriminatorSettings) -> list[AnswerPair]:
    """Generate the missing negatives, and return the pairs of all negatives in the file."""
    negatives = settings.negatives
    dialogues = sample_d_sim_dialogues(settings.d_sim, negatives.dialogues, settings.seed)
    generators = {
        name: backend for name, backend in negatives.generators.items() if backend is not None
    }

    generate_negative_answers(dialogues, negatives.file, generators, negatives.temperatures)
    return load_answer_pairs(settings.d_sim, negatives.file)


def _add_transfer_and_learning_curve(
    report: DiscriminatorReport,
    fit: FitFunction,
    training: Sequence[AnswerPair],
    test: Sequence[AnswerPair],
    whole: AnswerClassifier,
) -> DiscriminatorReport:
    """Return the report with transfer and learning curve, for which more models are trained."""
    language = report.settings.language
    studies = {
        "transfer": score_on_unseen_generators(fit, training, test, language),
        "learning_curve": train_learning_curve(fit, training, test, language, whole),
    }
    return report.model_copy(update=studies)


def _fit_function(settings: DiscriminatorSettings) -> FitFunction:
    """Return the function that trains the configured backend on pairs and saves the model."""
    if isinstance(settings.model, SequenceClassificationSettings):
        return _sequence_classifier_fit(settings, settings.model)
    return _embedding_fit(settings, settings.model)


def _sequence_classifier_fit(
    settings: DiscriminatorSettings, backend: SequenceClassificationSettings
) -> FitFunction:
    """Return a function that trains a sequence classifier on pairs."""
    from gsim_env.discriminator.fit_sequence_classifier import fit_sequence_classifier

    def fit(pairs: Sequence[AnswerPair], study: str) -> Discriminator:
        augmented = _add_length_matched(pairs, settings.language)
        folder = _study_folder(settings.out, study)
        return fit_sequence_classifier(augmented, backend, folder, settings.seed)

    return fit


def _embedding_fit(settings: DiscriminatorSettings, backend: EmbeddingSettings) -> FitFunction:
    """Return a function that trains the embedding backend on pairs.

    It also learns from all human turns of the training dialogues, with or without a negative: they
    cost little, and training is fast.
    """
    encoder = CachedEncoder(build_encoder(backend.encoder), limit=None)
    human = read_human_answers(
        settings.d_sim,
        lambda call_id: not is_dialogue_held_out(call_id, settings.held_out),
    )

    def fit(pairs: Sequence[AnswerPair], study: str) -> Discriminator:
        answers = labeled_answers_of_pairs(
            _add_length_matched(pairs, settings.language)
        ).concatenate(human)
        model = fit_embedding_discriminator(answers, backend.encoder, encoder)
        model.save(_study_folder(settings.out, study))
        return model

    return fit


def _add_length_matched(pairs: Sequence[AnswerPair], language: str) -> list[AnswerPair]:
    """Return pairs and their length-matched copies, so that length alone carries less signal."""
    return [*pairs, *length_matched_pairs(pairs, language)]


def _study_folder(out: Path, study: str) -> Path:
    """Return the folder of a study's model, ``out`` itself for ""; create it if needed."""
    folder = out / "studies" / study if study else out
    folder.mkdir(parents=True, exist_ok=True)
    return folder
