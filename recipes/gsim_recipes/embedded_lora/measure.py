"""Measure what compression costs: zipped size, error of delta W, and KL to the original model.

    python -m gsim_recipes.embedded_lora.measure ADAPTER --group food_delivery --out report.json

The KL divergence is that of the next-token distributions, KL(original || compressed) in nats, at
every token of what the recorded customers answered, after the prompts of D_sim. The prompts do not
quote the answer. The interval resamples prompts.
"""

import json
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer
from transformers import AutoModelForCausalLM, AutoTokenizer

from gsim_env.groups import Group, load_group
from gsim_env.models.lora import WEIGHTS_FILE
from gsim_env.models.weights import pull_base
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary
from gsim_env.models.encoders import SentenceEncoder
from gsim_env.util.files import sha256_file, write_atomically
from gsim_env.util.stats import mean_interval
from gsim_recipes.embedded_lora.compress import (
    Components,
    Quantized,
    by_rank,
    by_step,
    decompose,
    relative_error,
    zipped_size,
)

RANKS = ((8, 8), (10, 8), (12, 8), (16, 6), (16, 5), (24, 4))
STEPS = (0.0012, 0.0016, 0.002, 0.003, 0.004)
UNTUNED = "base model, no adapter"

Setting = dict[str, float]
Deltas = dict[str, torch.Tensor]

app = typer.Typer(add_completion=False)


class Prompt(NamedTuple):
    """Tokens of a prompt and the recorded answer, (1, tokens), and the answer's length."""

    ids: torch.Tensor
    answer: int


class Compressor(NamedTuple):
    """A compression to measure: its settings and the function that quantizes one module."""

    setting: Setting
    quantize: Callable[[Components], Quantized]


@app.command(help="Measure the loss of compressing a LoRA at several sizes.")
def main(
    adapter: Annotated[Path, typer.Argument(help="Folder of a LoRA, as peft saves it.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    group: Annotated[
        str, typer.Option(help="Built-in group, or folder of one; its calls give the prompts.")
    ] = "food_delivery",
    step: Annotated[
        list[float] | None, typer.Option(help="Steps to measure; repeat the option for more.")
    ] = None,
    rank: Annotated[
        list[str] | None, typer.Option(help="RANK:BITS to measure; repeat the option for more.")
    ] = None,
    prompts: Annotated[int, typer.Option(min=2, help="Number of prompts.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Draws the prompts.")] = 0,
) -> None:
    """Measure each compression, and write the report after each one."""
    pairs = RANKS if rank is None else tuple(tuple(map(int, text.split(":"))) for text in rank)
    compressors = list(chain(rank_compressors(pairs), step_compressors(step or STEPS)))
    bundle = load_group(group)
    originals = decompose(adapter)
    model, tokenizer = load_base(pull_base())
    drawn = draw_prompts(bundle, tokenizer, prompts, seed)

    untuned = log_probabilities(model, drawn)
    original = {path: torch.from_numpy(parts_delta(parts)) for path, parts in originals.items()}
    add(model, original)
    reference = log_probabilities(model, drawn)

    rows = [{"compression": UNTUNED, **divergence(reference, untuned)}]
    for setting, quantize in compressors:
        quantized = {path: quantize(parts) for path, parts in originals.items()}
        change = {
            path: torch.from_numpy(module.factors.delta) - original[path]
            for path, module in quantized.items()
        }
        add(model, change)
        rows.append(
            {
                "compression": setting,
                "zipped_megabytes": round(zipped_size(quantized.values()) / 1e6, 3),
                "mean_rank": round(float(np.mean([len(q.scale) for q in quantized.values()])), 1),
                "relative_error": round(relative_error(originals, quantized), 4),
                **divergence(reference, log_probabilities(model, drawn)),
            }
        )
        add(model, {path: -delta for path, delta in change.items()})

        report = {
            "adapter_sha256": sha256_file(adapter / WEIGHTS_FILE),
            "group": bundle.config.name,
            "group_sha256": bundle.digest,
            "prompts": len(drawn),
            "tokens": sum(prompt.answer for prompt in drawn),
            "seed": seed,
            "rows": rows,
        }
        write_atomically(out, json.dumps(report, indent=2) + "\n")
        typer.echo(json.dumps(rows[-1]))


def rank_compressors(pairs: Sequence[tuple[int, ...]]) -> list[Compressor]:
    """Return compressors that keep a fixed rank at a fixed number of bits."""
    return [
        Compressor({"rank": rank, "bits": bits}, lambda parts, r=rank, b=bits: by_rank(parts, r, b))
        for rank, bits in pairs
    ]


def step_compressors(steps: Sequence[float]) -> list[Compressor]:
    """Return compressors with one quantization step for all components."""
    return [Compressor({"step": step}, lambda parts, s=step: by_step(parts, s)) for step in steps]


def load_base(base: Path) -> tuple[Any, Any]:
    """Return the base model in float32 and its tokenizer."""
    source = {"pretrained_model_name_or_path": str(base.parent), "gguf_file": base.name}
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(**source)


def draw_prompts(group: Group, tokenizer: Any, count: int, seed: int) -> list[Prompt]:
    """Draw prompts with their recorded answers from the group's calls, as the simulator sends them."""
    indexed = index_calls(group.calls, SentenceEncoder())
    rng = np.random.default_rng(seed)
    examples = list(
        chain.from_iterable(
            call.examples() for call in replay(group, indexed, MemoryLibrary(indexed), rng)
        )
    )

    prompts = []
    for index in rng.choice(len(examples), size=min(count, len(examples)), replace=False):
        messages, answer = examples[index]
        text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
        prompt_ids = tokenizer.encode(f"{text}<|im_start|>assistant\n", add_special_tokens=False)
        answer_ids = tokenizer.encode(f"{answer}<|im_end|>", add_special_tokens=False)
        prompts.append(Prompt(torch.tensor([prompt_ids + answer_ids]), len(answer_ids)))
    return prompts


def parts_delta(parts: Components) -> np.ndarray:
    """Return delta W of a decomposition, (out, in)."""
    return (parts.up.T * parts.values) @ parts.down


@torch.no_grad()
def add(model: Any, deltas: Deltas) -> None:
    """Add weight changes to the model in place, by the path of the module in peft's model."""
    for path, delta in deltas.items():
        model.get_submodule(path.removeprefix("base_model.model.")).weight += delta


@torch.no_grad()
def log_probabilities(model: Any, prompts: Sequence[Prompt]) -> list[torch.Tensor]:
    """Return the next-token log-probabilities at every answer token, (answer, vocabulary) each."""
    rows = []
    for prompt in prompts:
        logits = model(input_ids=prompt.ids, logits_to_keep=prompt.answer + 1).logits[0, :-1]
        rows.append(torch.log_softmax(logits.float(), dim=-1))
    return rows


def divergence(
    reference: Sequence[torch.Tensor], others: Sequence[torch.Tensor]
) -> dict[str, float]:
    """Return KL(reference || other) per token with its interval, and the same-argmax share."""
    divergences = []
    agreements = []
    for p, q in zip(reference, others, strict=True):
        divergences.append(float((p.exp() * (p - q)).sum(dim=-1).mean()))
        agreements.append(float((p.argmax(dim=-1) == q.argmax(dim=-1)).float().mean()))

    interval = mean_interval(divergences)
    return {
        "kl": round(interval.value, 4),
        "kl_low": round(interval.low, 4),
        "kl_high": round(interval.high, 4),
        "same_argmax": round(float(np.mean(agreements)), 3),
    }


if __name__ == "__main__":
    app()
