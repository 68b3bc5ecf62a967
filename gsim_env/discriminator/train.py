"""From D_sim to a pattern reward model that is measured: what ``gsim train discriminator`` runs."""

import json
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gsim_env.discriminator import fit_embedding
from gsim_env.discriminator.baselines import judges
from gsim_env.discriminator.card import card
from gsim_env.discriminator.negatives import drawn, generate
from gsim_env.discriminator.pairs import (
    Pair,
    counts,
    digest,
    held_out,
    laid_out,
    load,
    matched,
    people,
)
from gsim_env.discriminator.plots import draw
from gsim_env.discriminator.report import Fit, learning_curve, measured, transfer
from gsim_env.discriminator.settings import SequenceClassification, Settings
from gsim_env.errors import CorpusError
from gsim_env.models.encoders import CachedEncoder
from gsim_env.models.registry import build_encoder
from gsim_env.rewards.pattern import Discriminator

__all__ = ["train"]

REPORT = "report.json"
PACKAGES = (
    "gsim-env",
    "scikit-learn",
    "sentence-transformers",
    "torch",
    "transformers",
    "xllamacpp",
)


def train(settings: Settings, command: str) -> dict[str, Any]:
    """Ask the generators, train, measure.

    Write the model, ``report.json``, ``plots/`` and ``CARD.md`` to ``settings.out``.

    Run again, it goes on: no answer is asked for twice, and a sequence classifier trains on from
    its last checkpoint.

    Args:
        settings: All of them.
        command: What was called, for the report.

    Returns:
        What is in ``report.json``.

    Raises:
        CorpusError: if the negatives are not of this D_sim, or no dialogue is left to learn from or
            to report on.
        SimulatorError: if a generator fails.
    """
    settings.out.mkdir(parents=True, exist_ok=True)
    asked = settings.negatives
    dialogues = drawn(settings.d_sim, asked.dialogues, settings.seed)
    generators = {
        name: backend for name, backend in asked.generators.items() if backend is not None
    }
    generate(dialogues, asked.file, generators, asked.temperatures)
    pairs = load(settings.d_sim, asked.file)
    learnt, test = (
        [pair for pair in pairs if is_held_out(settings, pair.call_id) is out]
        for out in (False, True)
    )
    if not learnt or not test:
        raise CorpusError(
            f"Of {len(pairs)} pairs {len(test)} are held out: both parts need some. Ask for more dialogues."
        )
    fit, start = fitter(settings), time.perf_counter()
    model = fit(learnt, "")
    seconds = time.perf_counter() - start
    compared = judges(learnt, model, settings.seed, settings.language)
    report = {
        "command": command,
        "model": model.name,
        "versions": {name: version(name) for name in PACKAGES},
        "settings": settings.model_dump(mode="json"),
        "sha256": {"d_sim": digest(settings.d_sim), "negatives": digest(asked.file)},
        "seconds_to_learn": round(seconds),
        "pairs": {"learnt": counts(learnt), "held_out": counts(test)},
        "held_out": measured(compared, test, settings.language),
    }
    if settings.studies:
        report["transfer"] = transfer(fit, learnt, test, settings.language)
        report["learning_curve"] = learning_curve(
            fit, learnt, test, settings.language, compared["model"]
        )
    (settings.out / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (settings.out / "CARD.md").write_text(card(report), encoding="utf-8")
    draw(settings.out / "plots", compared, test, report.get("learning_curve"))
    return report


def is_held_out(settings: Settings, call_id: str) -> bool:
    """Return whether the report is about a dialogue."""
    return held_out(call_id, settings.held_out)


def fitter(settings: Settings) -> Fit:
    """Return what trains on pairs and on those that can be made of one length, so that length alone
    gives nobody away.

    The embedded backend learns from all human turns of the other dialogues besides, whether a
    machine was asked or not: they are there, and it is quick. A model's name is the folder below
    ``out`` that it is written to.
    """

    def folder(name: str) -> Path:
        found = settings.out / "studies" / name if name else settings.out
        found.mkdir(parents=True, exist_ok=True)
        return found

    wanted = settings.model
    if isinstance(wanted, SequenceClassification):
        from gsim_env.discriminator import fit_sequence_classifier

        return lambda pairs, name: fit_sequence_classifier.fit(
            [*pairs, *matched(pairs, settings.language)], wanted, folder(name), settings.seed
        )
    phi = CachedEncoder(build_encoder(wanted.encoder), limit=None)
    others = people(settings.d_sim, lambda call_id: not is_held_out(settings, call_id))

    def fit(pairs: Sequence[Pair], name: str) -> Discriminator:
        asked = laid_out([*pairs, *matched(pairs, settings.language)])
        model = fit_embedding.fit(asked.joined(others), wanted.encoder, phi)
        model.save(folder(name))
        return model

    return fit
