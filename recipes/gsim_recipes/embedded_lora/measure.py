"""Measure what compression costs: zipped size, error of delta W, and KL to the original model.

    python -m gsim_recipes.embedded_lora.measure ADAPTER --group food_delivery --out report.json

The KL divergence is that of the next-token distributions, KL(original || compressed) in nats, at
every token of what the recorded customers answered, after the prompts of D_sim. The prompts do not
quote the answer. The interval resamples calls.
"""

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer
from transformers import AutoModelForCausalLM, AutoTokenizer

from gsim_env.groups import Group, load_group
from gsim_env.models.encoders import SentenceTransformerEncoder
from gsim_env.models.lora import WEIGHTS_FILE
from gsim_env.models.weights import pull_base_model
from gsim_env.simulation.replay import ReplayedCall, replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary
from gsim_env.util.files import sha256_file, write_atomically
from gsim_env.util.stats import mean_confidence_interval
from gsim_recipes.embedded_lora.compress import (
    QuantizedWeights,
    SVDComponents,
    decompose_lora,
    quantize_by_rank,
    quantize_by_step,
    relative_weight_error,
    zipped_lora_size,
)
from gsim_recipes.embedded_lora.packing import IGNORED, PackedCall, pack_guided_call

RANKS = ("8:8", "10:8", "16:5", "24:4")
STEPS = (0.0016, 0.0021, 0.003, 0.004)

Deltas = dict[str, torch.Tensor]
Row = dict[str, Any]

app = typer.Typer(add_completion=False)


class _Compression(NamedTuple):
    """A way to compress a LoRA: its settings and the function that quantizes one module."""

    setting: Mapping[str, float]
    quantize: Callable[[SVDComponents], QuantizedWeights]


@app.command(help="Measure the loss of compressing a LoRA at several sizes.")
def main(
    adapter: Annotated[Path, typer.Argument(help="Folder of a LoRA, as peft saves it.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    group: Annotated[
        str, typer.Option(help="Built-in group, or folder of one; its calls give the prompts.")
    ] = "food_delivery",
    step: Annotated[
        list[float], typer.Option(help="Steps to measure; repeat the option for more.")
    ] = list(STEPS),  # noqa: B006 - typer reads it
    rank: Annotated[
        list[str], typer.Option(help="RANK:BITS to measure; repeat the option for more.")
    ] = list(RANKS),  # noqa: B006 - typer reads it
    calls: Annotated[int, typer.Option(min=0, help="Calls of each archetype; 0: no KL.")] = 1,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of one packed call; late turns are left out.")
    ] = 1024,
    seed: Annotated[int, typer.Option(min=0, help="Draws the calls.")] = 0,
) -> None:
    """Measure size and loss of several compressions of a LoRA; rewrite the report after each."""
    compressions = [*_step_compressions(step), *_rank_compressions(rank)]
    originals = decompose_lora(adapter)
    report: Row = {"adapter_sha256": sha256_file(adapter / WEIGHTS_FILE)}
    rows: Iterable[Row]
    if calls == 0:
        rows = (
            _size_and_error(originals, _compress_lora(originals, each), each.setting)
            for each in compressions
        )
    else:
        bundle = load_group(group)
        model, tokenizer = _load_base_model(pull_base_model())
        packed = [
            pack_guided_call(call, tokenizer, max_tokens)
            for call in _draw_calls(bundle, calls, seed)
        ]
        report |= {
            "group": bundle.config.name,
            "group_sha256": bundle.digest,
            "seed": seed,
            "calls": [call.call_id for call in packed],
            "max_tokens": max_tokens,
            "tokens": sum(int((call.labels != IGNORED).sum()) for call in packed),
        }
        rows = _measure_compressions(model, packed, originals, compressions)

    report["rows"] = []
    for row in rows:
        report["rows"].append(row)
        write_atomically(out, json.dumps(report, indent=2) + "\n")
        typer.echo(json.dumps(row))


def _step_compressions(steps: Sequence[float]) -> list[_Compression]:
    """Return compressions with one quantization step for all components."""
    return [_Compression({"step": step}, partial(quantize_by_step, step=step)) for step in steps]


def _rank_compressions(pairs: Sequence[str]) -> list[_Compression]:
    """Return compressions of a fixed rank and number of bits, from ``RANK:BITS``."""
    compressions = []
    for pair in pairs:
        rank, bits = map(int, pair.split(":"))
        setting = {"rank": rank, "bits": bits}
        compressions.append(_Compression(setting, partial(quantize_by_rank, rank=rank, bits=bits)))
    return compressions


def _load_base_model(base: Path) -> tuple[Any, Any]:
    """Load the base model from a GGUF file in float32; return it and its tokenizer."""
    source = {"pretrained_model_name_or_path": str(base.parent), "gguf_file": base.name}
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(**source)


def _draw_calls(group: Group, per_archetype: int, seed: int) -> list[ReplayedCall]:
    """Sample recorded calls of each archetype, replayed with the simulator's prompts."""
    rng = random.Random(seed)
    drawn: set[str] = set()
    for archetype in group.config.archetypes:
        ids = sorted(call.id for call in group.calls if call.profile.archetype == archetype)
        drawn.update(rng.sample(ids, min(per_archetype, len(ids))))

    indexed = index_calls(group.calls, SentenceTransformerEncoder())
    replayed = replay(group, indexed, MemoryLibrary(indexed), np.random.default_rng(seed))
    return [call for call in replayed if call.call_id in drawn]


def _measure_compressions(
    model: Any,
    calls: Sequence[PackedCall],
    originals: dict[str, SVDComponents],
    compressions: Iterable[_Compression],
) -> Iterable[Row]:
    """Yield the measurements of the model without an adapter, then of each compression."""
    untuned = _log_probabilities(model, calls)
    original = {path: _weight_delta(parts) for path, parts in originals.items()}
    _add_deltas(model, original)
    reference = _log_probabilities(model, calls)
    yield {"setting": "no adapter", **_divergence_row(reference, untuned)}

    current = original
    for compression in compressions:
        quantized = _compress_lora(originals, compression)
        deltas = {path: torch.from_numpy(q.lora_factors.delta) for path, q in quantized.items()}
        _add_deltas(model, {path: delta - current[path] for path, delta in deltas.items()})
        current = deltas
        yield {
            **_size_and_error(originals, quantized, compression.setting),
            **_divergence_row(reference, _log_probabilities(model, calls)),
        }


def _compress_lora(
    originals: dict[str, SVDComponents], compression: _Compression
) -> dict[str, QuantizedWeights]:
    """Return every module of a LoRA, quantized as ``compression`` says."""
    return {path: compression.quantize(parts) for path, parts in originals.items()}


def _size_and_error(
    originals: dict[str, SVDComponents],
    quantized: dict[str, QuantizedWeights],
    setting: Mapping[str, float],
) -> Row:
    """Return a report row: size, mean rank and weight error of a compressed LoRA."""
    ranks = [len(module.scale) for module in quantized.values()]
    return {
        "setting": setting,
        "zipped_megabytes": round(zipped_lora_size(quantized.values()) / 1e6, 3),
        "mean_rank": round(float(np.mean(ranks)), 1),
        "relative_error": round(relative_weight_error(originals, quantized), 4),
    }


def _weight_delta(parts: SVDComponents) -> torch.Tensor:
    """Return delta W of its SVD, shape (out, in)."""
    return torch.from_numpy((parts.up.T * parts.values) @ parts.down)


@torch.no_grad()
def _add_deltas(model: Any, deltas: Deltas) -> None:
    """Add weight changes to the model in place; keys are module paths of peft's model."""
    for path, delta in deltas.items():
        model.get_submodule(path.removeprefix("base_model.model.")).weight += delta


@torch.no_grad()
def _log_probabilities(model: Any, calls: Sequence[PackedCall]) -> list[torch.Tensor]:
    """Return the next-token log-probabilities of each call, (answer tokens, vocabulary)."""
    rows = []
    for call in calls:
        mask = torch.zeros(call.mask.shape).masked_fill(~call.mask, torch.finfo(torch.float32).min)
        labeled = torch.nonzero(call.labels[0] != IGNORED)[:, 0]
        output = model(
            input_ids=call.input_ids,
            attention_mask=mask,
            position_ids=call.position_ids,
            logits_to_keep=labeled - 1,
        )
        rows.append(torch.log_softmax(output.logits[0], dim=-1))
    return rows


def _divergence_row(reference: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> Row:
    """Return KL(reference || other) per token with its interval, and the same-argmax share."""
    divergences = []
    agreements = []
    for p, q in zip(reference, others, strict=True):
        divergences.append(float((p.exp() * (p - q)).sum(dim=-1).mean()))
        agreements.append(float((p.argmax(dim=-1) == q.argmax(dim=-1)).float().mean()))

    interval = mean_confidence_interval(divergences)
    return {
        "kl": round(interval.value, 4),
        "kl_low": round(interval.low, 4),
        "kl_high": round(interval.high, 4),
        "same_argmax": round(float(np.mean(agreements)), 3),
    }


if __name__ == "__main__":
    app()
