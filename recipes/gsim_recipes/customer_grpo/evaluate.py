"""Compare customers on held-out contexts by the three rewards, with confidence intervals.

    python -m gsim_recipes.customer_grpo.evaluate --d-sim data/d_sim/test.parquet --discriminator
    charity --out results \
        --model before=smollm2 --model after=checkpoints/global_step_30/actor/huggingface

Each model answers the same contexts, as often as there are seeds. Intervals are percentiles of
bootstraps over dialogues, for turns of one dialogue are alike. Writes ``report.json`` and
``samples.md`` (the first contexts, answered by each).
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from gsim_env.models.registry import shared_encoder
from gsim_env.rewards.multi_level import multi_level
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.simulation.prompts import spoken
from gsim_env.util.files import sha256_file
from reward_fns.rows import read_turn
from verl_plugins.cpu.rollout import Drawing, Sampler

DRAWING = Drawing(temperature=0.95, top_p=0.95, top_k=-1, max_tokens=64)
"""Table 8, user simulators, but for the penalty on repetition, of which training knows nothing, and the length."""

LONG = 50
"""Words from which a turn is counted as a long one."""

BATCH, RESAMPLES, SHOWN = 8, 2000, 12


def main() -> None:
    """Parse the command line, have the models answer, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--d-sim", type=Path, required=True, help="parquet of contexts that no model was trained on"
    )
    parser.add_argument(
        "--discriminator", required=True, help="folder, or a built-in group that comes with one"
    )
    parser.add_argument(
        "--model", type=named, action="append", required=True, help="NAME=FOLDER; repeat it"
    )
    parser.add_argument("--contexts", type=int, default=100)
    parser.add_argument(
        "--max-prompt-tokens",
        type=int,
        default=512,
        help="leave longer prompts out, as training does",
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(args.model[0][1])
    rows = drawn(
        args.d_sim,
        args.contexts,
        lambda row: len(prompt_of(row, tokenizer)) <= args.max_prompt_tokens,
    )
    judge, encoder = load_discriminator(args.discriminator), shared_encoder("minilm")
    report: dict[str, Any] = {
        "command": shlex.join(
            ["python", "-m", "gsim_recipes.customer_grpo.evaluate", *sys.argv[1:]]
        ),
        "d_sim_sha256": sha256_file(args.d_sim),
        "contexts": len(rows),
        "dialogues": len({row["extra_info"]["call_id"] for row in rows}),
        "seeds": args.seeds,
        "drawing": DRAWING._asdict(),
    }
    answers, figures = {}, {}
    for name, folder in args.model:
        answers[name] = answered(name, folder, rows, args.seeds, tokenizer)
        figures[name] = np.array([measured(rows, own, judge, encoder) for own in answers[name]])
    calls = [row["extra_info"]["call_id"] for row in rows]
    report["models"] = {name: summary(found, calls) for name, found in figures.items()}
    first, *rest = figures
    report["differences"] = {
        f"{name} - {first}": summary(figures[name] - figures[first], calls) for name in rest
    }
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (args.out / "samples.md").write_text(samples(rows, answers), encoding="utf-8")
    print(json.dumps(report["models"], indent=1))


FIGURES = ("score", "pattern", "format", "semantic", "words", "long_turns")


def named(text: str) -> tuple[str, str]:
    """Parse NAME=FOLDER."""
    name, _, folder = text.partition("=")
    return name, folder


def prompt_of(row: dict[str, Any], tokenizer: Any) -> list[int]:
    """Return the tokens of a row's prompt."""
    found: list[int] = tokenizer.apply_chat_template(
        row["prompt"], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    return found


def drawn(
    file: Path, contexts: int, fits: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Draw rows of D_sim that fit, the same for every model."""
    rows = [row for row in pyarrow.parquet.read_table(file).to_pylist() if fits(row)]
    chosen = np.random.default_rng(0).choice(len(rows), min(contexts, len(rows)), replace=False)
    return [rows[index] for index in sorted(chosen)]


def answered(
    name: str, folder: str, rows: Sequence[dict[str, Any]], seeds: int, tokenizer: Any
) -> list[list[str]]:
    """Have a model answer each context; return the answers of each seed."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, attn_implementation="sdpa"
    )
    sample = Sampler(model.eval())
    torch.manual_seed(0)
    texts: list[list[str]] = [[] for _ in range(seeds)]
    for start in tqdm(range(0, len(rows), BATCH), desc=name, unit="batch"):
        prompts = [prompt_of(row, tokenizer) for row in rows[start : start + BATCH]]
        found = [
            spoken(tokenizer.decode(ids, skip_special_tokens=True))
            for ids, _ in sample(prompts * seeds, DRAWING)
        ]
        for seed in range(seeds):
            texts[seed] += found[seed * len(prompts) : (seed + 1) * len(prompts)]
    return texts


def measured(
    rows: Sequence[dict[str, Any]], texts: Sequence[str], judge: Any, encoder: Any
) -> np.ndarray:
    """Return ``FIGURES`` of each answer, shape (rows, 6)."""
    turns = [
        read_turn(text, row["reward_model"]["ground_truth"], row["extra_info"])
        for text, row in zip(texts, rows, strict=True)
    ]
    words = np.array([len(text.split()) for text in texts], dtype=float)
    return np.column_stack([np.array(multi_level(turns, judge, encoder)), words, words > LONG])


def summary(found: np.ndarray, calls: Sequence[str]) -> dict[str, Any]:
    """Return each figure's mean over seeds and contexts, with its interval, and the mean of each seed."""
    rng = np.random.default_rng(0)
    names, owner = np.unique(calls, return_inverse=True)
    totals = np.zeros((len(names), found.shape[2]))
    np.add.at(totals, owner, found.mean(axis=0))
    sizes = np.bincount(owner)
    picks = rng.integers(len(names), size=(RESAMPLES, len(names)))
    means = totals[picks].sum(axis=1) / sizes[picks].sum(axis=1)[:, None]
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return {
        name: {
            "mean": round(float(found[:, :, place].mean()), 4),
            "ci95": [round(float(low[place]), 4), round(float(high[place]), 4)],
            "by_seed": found[:, :, place].mean(axis=1).round(4).tolist(),
        }
        for place, name in enumerate(FIGURES)
    }


def samples(rows: Sequence[dict[str, Any]], answers: dict[str, list[list[str]]]) -> str:
    """Return the first contexts with what each model answered, and the human, as Markdown."""
    lines = ["# The first contexts, as drawn, seed 0\n"]
    for place, row in enumerate(rows[:SHOWN]):
        said = row["extra_info"]["context"][-1]["content"]
        lines.append(f"**Salesperson:** {said}\n")
        lines += [f"- {name}: {own[0][place]}" for name, own in answers.items()]
        lines.append(f"- human: {row['reward_model']['ground_truth']}\n")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
