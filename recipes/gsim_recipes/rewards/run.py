"""Choose the weights, delta and floor of the multi-level reward, and show on other dialogues what
it measures.

    python -m gsim_recipes.rewards.run --d-sim my_group/d_sim/test.parquet --discriminator
    my_group/discriminator \
        --model '{"backend": "embedded", "model": "qwen.gguf"}' --out DIR

A model says human turns in other words, answers too politely, and off topic. The setting is chosen
on a third of the dialogues, by how many contexts it ranks human > paraphrase > over-polite > off
topic; ``report.json`` and ``rewards.png`` are about the others. The discriminator must have learnt
from none of them. Run again, it goes on.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gsim_env.discriminator.pairs import digest, held_out
from gsim_env.models.registry import build_model, shared_encoder
from gsim_env.rewards.multi_level import WEIGHTS
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.rewards.semantic import DELTA
from gsim_env.rewards.turns import FLOOR
from gsim_recipes.rewards.adversarial import adversarial
from gsim_recipes.rewards.probes import ask, authors, drawn
from gsim_recipes.rewards.ranking import (
    ORDER,
    Choice,
    Terms,
    choose,
    from_kind_to_kind,
    share_ranked,
    terms,
)

TO_CHOOSE = 1 / 3
KEPT = 20
"""Settings in the report, of those tried."""


def main() -> None:
    """Parse the command line, ask, choose, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--d-sim",
        type=Path,
        required=True,
        help="parquet file of calls the discriminator never saw",
    )
    parser.add_argument(
        "--discriminator", required=True, help="folder, or a built-in group that comes with one"
    )
    parser.add_argument(
        "--model",
        type=json.loads,
        required=True,
        help="settings of the backend that words the probes",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder of probes.jsonl, report.json and rewards.png",
    )
    parser.add_argument("--contexts", type=int, default=300, help="a third of them to choose on")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--language", default="en")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    made = args.out / "probes.jsonl"
    rows = drawn(args.d_sim, args.contexts, args.seed)
    probes = ask(rows, made, lambda: build_model(args.model), name_of(args.model))
    kept = [held_out(row["extra_info"]["call_id"], TO_CHOOSE, "choice") for row in rows]
    discriminator, encoder = load_discriminator(args.discriminator), shared_encoder(args.encoder)
    parts = [
        [probe for probe, is_kept in zip(probes, kept, strict=True) if is_kept is part]
        for part in (True, False)
    ]
    dev, test = (terms(part, discriminator, encoder, args.language) for part in parts)
    choice, tried = choose(dev)
    report = {
        "command": shlex.join(["python", "-m", "gsim_recipes.rewards.run", *sys.argv[1:]]),
        "sha256": {"d_sim": digest(args.d_sim), "probes": digest(made)},
        "discriminator": discriminator.name,
        "worded_by": authors(made),
        "seed": args.seed,
        "contexts": {"to_choose": len(parts[0]), "to_report": len(parts[1])},
        "chosen": {**choice.weights._asdict(), "delta": choice.delta, "floor": choice.floor},
        "tried": len(tried),
        "best": tried[:KEPT],
        "chosen_on_others": figures(test, choice),
        "defaults_on_others": figures(test, Choice(WEIGHTS, DELTA, FLOOR)),
        "adversarial": adversarial(
            [probe.human for probe in parts[1]],
            discriminator,
            encoder,
            choice,
            args.language,
            args.seed,
        ),
    }
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    plot(test, choice).savefig(args.out / "rewards.png", dpi=120)
    print(json.dumps({key: value for key, value in report.items() if key != "best"}, indent=1))


def name_of(model: dict[str, Any] | str) -> str:
    """Return what a report calls a backend.

    Its model without folders and suffix, or the backend's own name.
    """
    if isinstance(model, str):
        return model
    return Path(model.get("model") or model["backend"]).name.removesuffix(".gguf")


def figures(found: Terms, choice: Choice) -> dict[str, Any]:
    """Return how a setting ranks, as a whole and from kind to kind, and the mean of each term by kind."""
    scores = found.scores(choice)
    means = {
        name: dict(zip(ORDER, np.round(term.mean(axis=0), 3).tolist(), strict=True))
        for name, term in zip(
            (*choice.weights._fields, "score"), (*found.at(choice), scores), strict=True
        )
    }
    return {
        "ranked": round(share_ranked(scores), 4),
        "from_kind_to_kind": from_kind_to_kind(scores),
        "means": means,
    }


def plot(found: Terms, choice: Choice) -> Figure:
    """Return how each term and their sum are spread over the kinds of answers."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    names = (*choice.weights._fields, "multi-level")
    for index, (name, term) in enumerate(
        zip(names, (*found.at(choice), found.scores(choice)), strict=True)
    ):
        axes = figure.add_subplot(1, len(names), index + 1)
        axes.boxplot(list(term.T), showfliers=False, medianprops={"color": "#1b6ca8"})
        axes.set_xticks(
            range(1, len(ORDER) + 1),
            [kind.replace("_", " ") for kind in ORDER],
            rotation=40,
            ha="right",
        )
        axes.set(title=name)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
