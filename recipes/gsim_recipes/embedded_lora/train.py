"""Fine-tune a LoRA that makes a small chat model the customer of a group.

    python -m gsim_recipes.embedded_lora.train --base MODEL.gguf --group food_delivery --out DIR

The training pairs are those of D_sim with guidance (eq. 6), rendered by the simulator's own code.
Each epoch draws new initial states. In the second half of the epochs, a share of the prompts
quotes the answer among the reference utterances, so that the model learns to rely on them. A
checkpoint is saved after every epoch; to resume after an interruption, rerun the same command.
"""

import json
import math
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from peft import LoraConfig, PeftModel, get_peft_model
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from gsim_env.groups import Group, load_group
from gsim_env.models.encoders import SentenceTransformerEncoder
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary
from gsim_env.util.files import sha256_file, write_atomically
from gsim_recipes.embedded_lora.packing import (
    IGNORED,
    PackedCall,
    pack_guided_call,
    pack_unguided_call,
)

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

Pack = Callable[..., PackedCall]

Log = list[dict[str, float | None]]
"""Losses and time of each epoch; ``None`` if not measured."""

app = typer.Typer(add_completion=False)


class _Style(StrEnum):
    """Whether the training calls contain the guidance: ``guided`` or ``userlm``."""

    GUIDED = "guided"
    USERLM = "userlm"


PACKERS: dict[_Style, Pack] = {_Style.GUIDED: pack_guided_call, _Style.USERLM: pack_unguided_call}


@dataclass(frozen=True)
class _Settings:
    """Settings of a LoRA training; ``training.json`` records all but ``base`` and ``out``."""

    base: Path
    out: Path
    group: str
    style: str
    epochs: int
    calls: int | None
    rank: int
    learning_rate: float
    calls_per_step: int
    echo: float
    max_tokens: int
    held_out: float
    seed: int


@app.command(help="Fine-tune a LoRA that makes a small chat model the customer of a group.")
def main(
    base: Annotated[Path, typer.Option(help="Base model: a .gguf file or a transformers folder.")],
    out: Annotated[Path, typer.Option(help="Folder for the adapter, the checkpoint and the log.")],
    group: Annotated[str, typer.Option(help="Built-in group, or folder of one.")] = "food_delivery",
    style: Annotated[
        _Style, typer.Option(help="guided: with guidance. userlm: the calls without it.")
    ] = _Style.GUIDED,
    epochs: Annotated[int, typer.Option(min=1, help="Number of epochs.")] = 4,
    calls: Annotated[
        int | None, typer.Option(min=1, help="Calls per epoch, drawn for each epoch; default: all.")
    ] = None,
    rank: Annotated[int, typer.Option(min=1, help="LoRA rank r; alpha is 2 r.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 4e-4,
    calls_per_step: Annotated[int, typer.Option(min=1, help="Calls per optimizer step.")] = 2,
    echo: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of prompts that quote the answer, second half."),
    ] = 0.5,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of one packed call.")] = 2048,
    held_out: Annotated[
        float, typer.Option(min=0, max=1, help="Share of calls kept for the held-out loss.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Seeds every random draw.")] = 0,
) -> None:
    """Fine-tune a LoRA on a group's recorded calls and write it to ``out``."""
    _train_lora(
        _Settings(
            base=base,
            out=out,
            group=group,
            style=style.value,
            epochs=epochs,
            calls=calls,
            rank=rank,
            learning_rate=learning_rate,
            calls_per_step=calls_per_step,
            echo=echo,
            max_tokens=max_tokens,
            held_out=held_out,
            seed=seed,
        )
    )


class _TrainingData:
    """A group's recorded calls, packed for training and for the held-out loss."""

    def __init__(self, group: Group, tokenizer: Any, settings: _Settings) -> None:
        """Index the group's calls and choose the held-out ones."""
        self.group = group
        self.settings = settings
        self.held_ids = _held_out_ids(group, settings.held_out, settings.seed)
        self._indexed = index_calls(group.calls, SentenceTransformerEncoder())
        self._library = MemoryLibrary(self._indexed)
        self._pack = partial(
            PACKERS[_Style(settings.style)], tokenizer=tokenizer, max_tokens=settings.max_tokens
        )

    def epoch(self, epoch: int, echo: float) -> list[PackedCall]:
        """Return the training calls of an epoch, shuffled."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        calls = [
            call
            for call in replay(self.group, self._indexed, self._library, rng, echo=echo)
            if call.call_id not in self.held_ids
        ]
        random.Random(self.settings.seed + epoch).shuffle(calls)
        return [self._pack(call) for call in calls[: self.settings.calls]]

    def held_out(self) -> list[PackedCall]:
        """Return the held-out calls; their prompts never quote the answer."""
        rng = np.random.default_rng(self.settings.seed)
        calls = replay(self.group, self._indexed, self._library, rng)
        return [self._pack(call) for call in calls if call.call_id in self.held_ids]


def _train_lora(settings: _Settings) -> None:
    """Train a LoRA, or resume its training, and write it and ``training.json`` to ``out``."""
    torch.manual_seed(settings.seed)
    group = load_group(settings.group)
    tokenizer, model = _load_base_model(settings.base)
    model, epochs_done, log = _start_or_resume(model, settings)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=settings.learning_rate
    )
    data = _TrainingData(group, tokenizer, settings)

    for epoch in range(epochs_done, settings.epochs):
        echo = settings.echo if 2 * epoch >= settings.epochs else 0.0
        calls = data.epoch(epoch, echo)
        held = data.held_out()
        if not log:
            log.append({"epoch": 0, "held_out_loss": _held_out_loss(model, held)})

        start = time.perf_counter()
        loss = _train_epoch(model, optimizer, calls, epoch, settings)
        log.append(
            {
                "epoch": epoch + 1,
                "echo": echo,
                "train_loss": loss,
                "held_out_loss": _held_out_loss(model, held),
                "seconds": round(time.perf_counter() - start, 1),
            }
        )
        tqdm.write(json.dumps(log[-1]))

        model.save_pretrained(str(settings.out))
        checkpoint = {"epochs_done": epoch + 1, "log": log}
        write_atomically(settings.out / "checkpoint.json", json.dumps(checkpoint))

    _save_in_half_precision(settings.out)
    _write_record(settings, group, data.held_ids, log)


def _start_or_resume(model: Any, settings: _Settings) -> tuple[Any, int, Log]:
    """Return the model with a trainable LoRA, the number of epochs done, and their losses."""
    epochs_done = 0
    log: Log = []
    checkpoint = settings.out / "checkpoint.json"
    if checkpoint.is_file():
        saved = json.loads(checkpoint.read_text())
        epochs_done, log = saved["epochs_done"], saved["log"]
        model = PeftModel.from_pretrained(model, str(settings.out), is_trainable=True)
    else:
        config = LoraConfig(r=settings.rank, lora_alpha=2 * settings.rank, target_modules=TARGETS)
        model = get_peft_model(model, config)
    model.peft_config["default"].base_model_name_or_path = settings.base.name
    return model, epochs_done, log


def _write_record(settings: _Settings, group: Group, held_ids: set[str], log: Log) -> None:
    """Write ``training.json``: the arguments, the hashes of the inputs, and the losses."""
    base = settings.base
    arguments = {
        key: str(value) for key, value in asdict(settings).items() if key not in ("base", "out")
    }
    record = {
        "arguments": arguments,
        "base_sha256": sha256_file(base) if base.is_file() else str(base),
        "group_sha256": group.digest,
        "calls": {"train": len(group.calls) - len(held_ids), "held_out": sorted(held_ids)},
        "log": log,
    }
    write_atomically(settings.out / "training.json", json.dumps(record, indent=1) + "\n")


def _load_base_model(base: Path) -> tuple[Any, Any]:
    """Return tokenizer and model in bf16, from a GGUF (dequantized) or a transformers folder.

    Dequantizing takes half a minute.
    """
    where = {"pretrained_model_name_or_path": str(base)}
    if base.suffix == ".gguf":
        where = {"pretrained_model_name_or_path": str(base.parent), "gguf_file": base.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    model = AutoModelForCausalLM.from_pretrained(
        **where, dtype=torch.bfloat16, attn_implementation="sdpa"
    )
    model.config.use_cache = False
    return tokenizer, model


def _held_out_ids(group: Group, share: float, seed: int) -> set[str]:
    """Return the ids of the held-out calls: the same share of each archetype."""
    rng = random.Random(seed)
    chosen: set[str] = set()
    for archetype in group.config.archetypes:
        ids = sorted(call.id for call in group.calls if call.profile.archetype == archetype)
        chosen.update(rng.sample(ids, round(share * len(ids))))
    return chosen


def _train_epoch(
    model: Any, optimizer: Any, calls: list[PackedCall], epoch: int, settings: _Settings
) -> float:
    """Train the LoRA for one epoch and return the mean training loss per token."""
    model.train()
    steps = math.ceil(len(calls) / settings.calls_per_step)
    total = tokens = 0.0
    for step in tqdm(range(steps), desc=f"epoch {epoch + 1}/{settings.epochs}", unit="step"):
        rate = _scheduled_learning_rate(epoch * steps + step, settings.epochs * steps, settings)
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate

        batch = calls[step * settings.calls_per_step : (step + 1) * settings.calls_per_step]
        count = sum(int((call.labels != IGNORED).sum()) for call in batch)
        for call in batch:
            loss = _summed_loss(model, call)
            (loss / count).backward()
            total += float(loss.detach())
        tokens += count

        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return round(total / tokens, 4)


def _scheduled_learning_rate(step: int, steps: int, settings: _Settings) -> float:
    """Return an optimizer step's learning rate: warmup of ten steps, then cosine to zero."""
    warmup = min(1.0, (step + 1) / 10)
    return settings.learning_rate * warmup * (0.5 + 0.5 * math.cos(math.pi * step / steps))


@torch.no_grad()
def _held_out_loss(model: Any, calls: list[PackedCall]) -> float | None:
    """Return the mean cross-entropy per customer token of held-out calls; ``None`` without any."""
    if not calls:
        return None

    model.eval()
    total = sum(float(_summed_loss(model, call)) for call in calls)
    return round(total / sum(int((call.labels != IGNORED).sum()) for call in calls), 4)


def _summed_loss(model: Any, call: PackedCall) -> torch.Tensor:
    """Return the sum of the cross-entropy of a call's customer tokens."""
    blocked = torch.finfo(torch.bfloat16).min
    mask = torch.zeros(call.mask.shape, dtype=torch.bfloat16).masked_fill(~call.mask, blocked)
    labeled = torch.nonzero(call.labels[0] != IGNORED)[:, 0]
    # Logits at the labeled positions only: those of the whole vocabulary take the most memory.
    output = model(
        input_ids=call.input_ids,
        attention_mask=mask,
        position_ids=call.position_ids,
        logits_to_keep=labeled - 1,
    )
    return torch.nn.functional.cross_entropy(
        output.logits[0].float(), call.labels[0, labeled], reduction="sum"
    )


def _save_in_half_precision(folder: Path) -> None:
    """Rewrite a folder's LoRA weights in fp16, half the size and readable by numpy."""
    from safetensors.torch import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file({key: value.half().contiguous() for key, value in load_file(file).items()}, file)


if __name__ == "__main__":
    app()
