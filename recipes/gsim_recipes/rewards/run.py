"""Choice of the multi-level reward's weights, delta and floor by how they rank probes.

    python -m gsim_recipes.rewards.run --d-sim my_group/d_sim/test.parquet \
        --discriminator my_group/discriminator \
        --model '{"backend": "embedded", "model": "qwen.gguf"}' --out DIR

A model paraphrases human turns, answers too politely, and answers off topic. The setting is chosen
on a third of the dialogues, by the number of contexts ranked human > paraphrase > over-polite > off
topic. ``report.json`` and ``rewards.png`` are about the other dialogues. The discriminator must not
be trained on any of them. Resumes after an interruption: rerun the same command.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.figure import Figure

from gsim_env.corpus.d_sim import DSimRow
from gsim_env.discriminator.pairs import is_dialogue_held_out
from gsim_env.models.registry import build_language_model, shared_cached_encoder
from gsim_env.rewards.multi_level import WEIGHTS
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.rewards.semantic import DELTA
from gsim_env.rewards.turns import FLOOR
from gsim_env.util.files import sha256_file, write_atomically
from gsim_recipes.command_line import current_shell_command
from gsim_recipes.rewards.adversarial import adversarial_rewards
from gsim_recipes.rewards.probes import (
    GradedAnswers,
    count_answers_by_model,
    generate_graded_answers,
    sample_d_sim_rows,
)
from gsim_recipes.rewards.ranking import (
    ORDER,
    RewardSetting,
    RewardTerms,
    choose_reward_setting,
    compute_reward_terms,
    share_ranked_in_order,
    share_ranked_in_order_by_pair,
)

CHOICE_SHARE = 1 / 3
"""Share of the dialogues on which the setting is chosen."""

REPORTED_SETTINGS = 20


def main(
    d_sim: Annotated[Path, typer.Option(help="Parquet file the discriminator was not trained on.")],
    discriminator: Annotated[
        str, typer.Option(help="Folder, or a built-in group that has a discriminator.")
    ],
    model: Annotated[
        Any,
        typer.Option(
            parser=json.loads,
            metavar="JSON",
            help="Backend that writes the probes.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of probes.jsonl, report.json, rewards.png.")],
    contexts: Annotated[int, typer.Option(help="Number of contexts; a third to choose on.")] = 300,
    encoder: Annotated[str, typer.Option(help="Sentence encoder.")] = "minilm",
    language: Annotated[str, typer.Option(help="BCP 47; the unit of length.")] = "en",
    seed: Annotated[int, typer.Option(help="Seeds every random choice.")] = 0,
) -> None:
    """Choose the settings of the multi-level reward by how well it ranks graded answers.

    A language model writes a paraphrase, an over-polite and an off-topic answer to each human turn.
    A grid search on a third of the dialogues picks the weights of the three terms, the cutoff delta
    and the minimum (floor) that rank most contexts human > paraphrase > over-polite > off topic.
    The report has the share ranked right on the other dialogues, and the rewards of adversarial
    answers.
    """
    out.mkdir(parents=True, exist_ok=True)
    probes_file = out / "probes.jsonl"
    rows = sample_d_sim_rows(d_sim, contexts, seed)
    probes = generate_graded_answers(
        rows, probes_file, lambda: build_language_model(model), _model_name(model)
    )
    dev, test = _split_by_dialogue(rows, probes)

    trained = load_discriminator(discriminator)
    phi = shared_cached_encoder(encoder)
    setting, trials = choose_reward_setting(compute_reward_terms(dev, trained, phi, language))
    test_terms = compute_reward_terms(test, trained, phi, language)
    humans = [probe.human for probe in test]

    report = {
        "command": current_shell_command("gsim_recipes.rewards.run"),
        "sha256": {"d_sim": sha256_file(d_sim), "probes": sha256_file(probes_file)},
        "discriminator": trained.name,
        "worded_by": count_answers_by_model(probes_file),
        "seed": seed,
        "contexts": {"to_choose": len(dev), "to_report": len(test)},
        "chosen": {**setting.weights._asdict(), "delta": setting.delta, "floor": setting.floor},
        "tried": len(trials),
        "best": trials[:REPORTED_SETTINGS],
        "chosen_on_others": _ranking_report(test_terms, setting),
        "defaults_on_others": _ranking_report(test_terms, RewardSetting(WEIGHTS, DELTA, FLOOR)),
        "adversarial": adversarial_rewards(humans, trained, phi, setting, language, seed),
    }
    write_atomically(out / "report.json", json.dumps(report, indent=1) + "\n")
    _plot_terms(test_terms, setting).savefig(out / "rewards.png", dpi=120)

    print(json.dumps({key: value for key, value in report.items() if key != "best"}, indent=1))


def _split_by_dialogue(
    rows: Sequence[DSimRow], probes: Sequence[GradedAnswers]
) -> tuple[list[GradedAnswers], list[GradedAnswers]]:
    """Return the probes to choose on and those to report, by dialogue."""
    dev: list[GradedAnswers] = []
    test: list[GradedAnswers] = []
    for row, probe in zip(rows, probes, strict=True):
        call_id = row["extra_info"]["call_id"]
        part = dev if is_dialogue_held_out(call_id, CHOICE_SHARE, "choice") else test
        part.append(probe)
    return dev, test


def _model_name(model: dict[str, Any] | str) -> str:
    """Return the name of a backend's model file, without folders and suffix, or of the backend."""
    if isinstance(model, str):
        return model
    return Path(model.get("model") or model["backend"]).name.removesuffix(".gguf")


def _ranking_report(terms: RewardTerms, setting: RewardSetting) -> dict[str, Any]:
    """Return the shares of contexts ranked right, and the mean of each term by kind of answer."""
    scores = terms.scores(setting)
    arrays = {
        **dict(zip(setting.weights._fields, terms.with_setting(setting), strict=True)),
        "score": scores,
    }

    means = {}
    for name, array in arrays.items():
        rounded = np.round(array.mean(axis=0), 3).tolist()
        means[name] = dict(zip(ORDER, rounded, strict=True))

    return {
        "ranked": round(share_ranked_in_order(scores), 4),
        "from_kind_to_kind": share_ranked_in_order_by_pair(scores),
        "means": means,
    }


def _plot_terms(terms: RewardTerms, setting: RewardSetting) -> Figure:
    """Return box plots of each term and of their sum, by kind of answer."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    names = (*setting.weights._fields, "multi-level")
    arrays = (*terms.with_setting(setting), terms.scores(setting))
    labels = [kind.replace("_", " ") for kind in ORDER]

    for index, (name, array) in enumerate(zip(names, arrays, strict=True)):
        axes = figure.add_subplot(1, len(names), index + 1)
        axes.boxplot(list(array.T), showfliers=False, medianprops={"color": "#1b6ca8"})
        axes.set_xticks(range(1, len(ORDER) + 1), labels, rotation=40, ha="right")
        axes.set(title=name)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    typer.run(main)
