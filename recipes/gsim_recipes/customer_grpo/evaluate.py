"""Comparison of customer models on held-out contexts by pattern, format and semantic reward."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from gsim_env.corpus.d_sim import DSimRow, read_rows
from gsim_env.models.registry import shared_cached_encoder
from gsim_env.rewards.multi_level import multi_level
from gsim_env.rewards.pattern import load_discriminator
from gsim_env.simulation.prompts import spoken
from gsim_env.util.files import sha256_file, write_atomically
from gsim_env.util.stats import bootstrap_interval
from gsim_recipes.command_line import current_shell_command, parse_name_value
from reward_fns.rows import read_turn_to_score
from verl_plugins.cpu.sampler import BatchedSampler, SamplingParams

SAMPLING = SamplingParams(temperature=0.95, top_p=0.95, top_k=-1, max_tokens=64)
"""Table 8, user simulators, with shorter responses and without the repetition penalty."""

METRICS = ("score", "pattern", "format", "semantic", "words", "long_turns")
LONG_TURN = 50
"""Turns with more words than this count as long."""

BATCH_SIZE = 8
RESAMPLES = 2000
SAMPLES = 12
"""Contexts in samples.md."""

Responses = list[list[str]]
"""A model's responses, by seed and context."""


def main(
    d_sim: Annotated[Path, typer.Option(help="Parquet file of held-out contexts.")],
    discriminator: Annotated[
        str, typer.Option(help="Folder of a discriminator, or a built-in group that has one.")
    ],
    model: Annotated[list[str], typer.Option(help="NAME=FOLDER; repeat for each model.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json and samples.md.")],
    contexts: Annotated[int, typer.Option(help="Number of contexts.")] = 100,
    max_prompt_tokens: Annotated[
        int, typer.Option(help="Leave out contexts with longer prompts, as training does.")
    ] = 512,
    seeds: Annotated[int, typer.Option(help="Responses of each model to a context.")] = 3,
) -> None:
    """Compare customer models on held-out contexts by pattern, format and semantic reward.

    Confidence intervals are bootstrapped over dialogues, because turns of a dialogue are alike.
    """
    # Loaded first: a wrong name fails before the long sampling.
    judge = load_discriminator(discriminator)
    encoder = shared_cached_encoder("minilm")

    folders = dict(map(parse_name_value, model))
    tokenizer = AutoTokenizer.from_pretrained(next(iter(folders.values())))
    rows = sample_contexts(
        d_sim, contexts, lambda row: len(_tokenize_prompt(row, tokenizer)) <= max_prompt_tokens
    )
    responses = {
        name: _sample_responses(name, folder, rows, seeds, tokenizer)
        for name, folder in folders.items()
    }

    report = {
        "command": current_shell_command("gsim_recipes.customer_grpo.evaluate"),
        "d_sim_sha256": sha256_file(d_sim),
        "contexts": len(rows),
        "dialogues": len(set(_dialogue_ids(rows))),
        "seeds": seeds,
        "sampling": SAMPLING._asdict(),
        **_compare_models(rows, responses, judge, encoder),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "report.json", json.dumps(report, indent=1) + "\n")
    write_atomically(out / "samples.md", responses_as_markdown(rows, responses))
    print(json.dumps(report["models"], indent=1))


def _dialogue_ids(rows: Sequence[DSimRow]) -> list[str]:
    """Return the dialogue id of each row of D_sim."""
    return [row["extra_info"]["call_id"] for row in rows]


def _tokenize_prompt(row: DSimRow, tokenizer: Any) -> list[int]:
    """Return the token ids of the prompt of a row of D_sim."""
    encoded = tokenizer.apply_chat_template(
        row["prompt"], add_generation_prompt=True, return_dict=True
    )
    ids: list[int] = encoded["input_ids"]
    return ids


def sample_contexts(file: Path, contexts: int, fits: Callable[[DSimRow], bool]) -> list[DSimRow]:
    """Return a fixed random sample of the rows of a D_sim file that satisfy ``fits``."""
    rows = [row for row in read_rows(file) if fits(row)]
    chosen = np.random.default_rng(0).choice(len(rows), min(contexts, len(rows)), replace=False)
    return [rows[index] for index in sorted(chosen)]


def _sample_responses(
    name: str, folder: str, rows: Sequence[DSimRow], seeds: int, tokenizer: Any
) -> Responses:
    """Sample a model's responses to each context, one per seed."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, attn_implementation="sdpa"
    )
    sample = BatchedSampler(model.eval())
    torch.manual_seed(0)

    responses: Responses = [[] for _ in range(seeds)]
    for start in tqdm(range(0, len(rows), BATCH_SIZE), desc=name, unit="batch"):
        prompts = [_tokenize_prompt(row, tokenizer) for row in rows[start : start + BATCH_SIZE]]
        sampled = sample(prompts * seeds, SAMPLING)
        texts = [spoken(tokenizer.decode(ids, skip_special_tokens=True)) for ids, _ in sampled]
        for seed in range(seeds):
            responses[seed] += texts[seed * len(prompts) : (seed + 1) * len(prompts)]
    return responses


def _compare_models(
    rows: Sequence[DSimRow], responses: Mapping[str, Responses], discriminator: Any, encoder: Any
) -> dict[str, Any]:
    """Return each model's mean metrics, and their differences from the first model's."""
    calls = _dialogue_ids(rows)
    scores = {
        name: np.array([response_metrics(rows, texts, discriminator, encoder) for texts in by_seed])
        for name, by_seed in responses.items()
    }

    first, *others = scores
    return {
        "models": {name: summarize_metrics(scores[name], calls) for name in scores},
        "differences": {
            f"{name} - {first}": summarize_metrics(scores[name] - scores[first], calls)
            for name in others
        },
    }


def response_metrics(
    rows: Sequence[DSimRow], texts: Sequence[str], discriminator: Any, encoder: Any
) -> NDArray[np.float64]:
    """Return :data:`METRICS` (rewards and length) of each response, shape (rows, 6)."""
    turns = [
        read_turn_to_score(text, row["reward_model"]["ground_truth"], row["extra_info"])
        for text, row in zip(texts, rows, strict=True)
    ]
    rewards = np.array(multi_level(turns, discriminator, encoder))
    words = np.array([len(text.split()) for text in texts], dtype=float)
    return np.column_stack([rewards, words, words > LONG_TURN])


def summarize_metrics(scores: NDArray[np.float64], calls: Sequence[str]) -> dict[str, Any]:
    """Return each metric's mean, its confidence interval over dialogues, and its mean by seed.

    Args:
        scores: Shape (seeds, contexts, metrics).
        calls: The dialogue id of each context.
    """
    return {
        name: _summarize_metric(scores[:, :, index], calls) for index, name in enumerate(METRICS)
    }


def _summarize_metric(scores: NDArray[np.float64], calls: Sequence[str]) -> dict[str, Any]:
    """Return the mean and interval of one metric; ``scores`` has shape (seeds, contexts)."""
    # Sum and size of each dialogue: dialogues are resampled, contexts are weighted equally.
    dialogues, dialogue_of_context = np.unique(calls, return_inverse=True)
    sums = np.bincount(dialogue_of_context, weights=scores.mean(axis=0))
    sizes = np.bincount(dialogue_of_context)

    def weighted_mean(indices: NDArray[np.int64]) -> float:
        return float(sums[indices].sum() / sizes[indices].sum())

    interval = bootstrap_interval(len(dialogues), weighted_mean, RESAMPLES)
    bounds = (interval.low, interval.high)  # NaN for a single dialogue; JSON has no NaN
    return {
        "mean": round(interval.value, 4),
        "ci95": [None if math.isnan(bound) else round(bound, 4) for bound in bounds],
        "by_seed": scores.mean(axis=1).round(4).tolist(),
    }


def responses_as_markdown(rows: Sequence[DSimRow], responses: Mapping[str, Responses]) -> str:
    """Return the first contexts with each model's response and the human's, as Markdown."""
    lines = ["# The first contexts, as drawn, seed 0\n"]
    for index, row in enumerate(rows[:SAMPLES]):
        lines += _context_as_markdown(
            row, {name: by_seed[0][index] for name, by_seed in responses.items()}
        )
    return "\n".join(lines)


def _context_as_markdown(row: DSimRow, responses: Mapping[str, str]) -> Iterator[str]:
    """Yield the Markdown lines of one context and its responses."""
    yield f"**Salesperson:** {row['extra_info']['context'][-1]['content']}\n"
    for name, text in responses.items():
        yield f"- {name}: {text}"
    yield f"- human: {row['reward_model']['ground_truth']}\n"


if __name__ == "__main__":
    typer.run(main)
