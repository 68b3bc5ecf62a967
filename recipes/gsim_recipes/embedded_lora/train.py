"""Fine-tune a LoRA so that a small model speaks as the customers of a group do.

    python -m gsim_recipes.embedded_lora.train --base MODEL.gguf --group food_delivery --out DIR

The training pairs are those of D_sim with guidance (eq. 6), rendered by the simulator's own code.
Each epoch draws other initial states. In the second half of the epochs, a share of the prompts
quotes the answer among the reference utterances, so that the model learns to lean on them. A
checkpoint is kept after every epoch; the same command goes on from the last one.
"""

import argparse
import hashlib
import json
import math
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from gsim_env.groups import Group, load_group
from gsim_env.models.encoders import SentenceEncoder
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary
from gsim_recipes.embedded_lora.packing import PackedCall, pack, pack_unguided

STYLES = {"guided": pack, "userlm": pack_unguided}
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--base", type=Path, required=True, help="base model: a .gguf file or a transformers folder"
    )
    parser.add_argument(
        "--group", default="food_delivery", help="built-in group or path of a bundle"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the adapter, checkpoints and the log"
    )
    parser.add_argument(
        "--style",
        choices=STYLES,
        default="guided",
        help="with guidance, or calls as they were said",
    )
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument(
        "--calls", type=int, help="calls an epoch, drawn anew for each; default: all"
    )
    parser.add_argument("--rank", type=int, default=16, help="LoRA rank r; alpha is 2 r")
    parser.add_argument("--learning-rate", type=float, default=4e-4)
    parser.add_argument("--calls-per-step", type=int, default=2)
    parser.add_argument(
        "--echo",
        type=float,
        default=0.5,
        help="share of prompts that quote the answer, second half",
    )
    parser.add_argument("--max-tokens", type=int, default=2048, help="of one packed call")
    parser.add_argument(
        "--held-out", type=float, default=0.1, help="share of calls kept for the held-out loss"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Train."""
    args = parse()
    torch.manual_seed(args.seed)
    group = load_group(args.group)
    tokenizer, model = load_base(args.base)
    epochs_done, log = 0, []
    checkpoint = args.out / "checkpoint.json"
    if checkpoint.is_file():
        saved = json.loads(checkpoint.read_text())
        epochs_done, log = saved["epochs_done"], saved["log"]
        model = PeftModel.from_pretrained(model, str(args.out), is_trainable=True)
    else:
        model = get_peft_model(
            model, LoraConfig(r=args.rank, lora_alpha=2 * args.rank, target_modules=TARGETS)
        )
    model.peft_config["default"].base_model_name_or_path = args.base.name
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=args.learning_rate
    )
    indexed = index_calls(group.calls, SentenceEncoder())
    library = MemoryLibrary(indexed)
    held_ids = held_out_ids(group, args.held_out, args.seed)
    lay_out = partial(STYLES[args.style], tokenizer=tokenizer, max_tokens=args.max_tokens)
    for epoch in range(epochs_done, args.epochs):
        rng = np.random.default_rng([args.seed, epoch])
        echo = args.echo if 2 * epoch >= args.epochs else 0.0
        replayed = [
            call
            for call in replay(group, indexed, library, rng, echo=echo)
            if call.call_id not in held_ids
        ]
        random.Random(args.seed + epoch).shuffle(replayed)
        train = [lay_out(call) for call in replayed[: args.calls]]
        plain = replay(group, indexed, library, np.random.default_rng(args.seed))
        held = [lay_out(call) for call in plain if call.call_id in held_ids]
        if not log:
            log.append({"epoch": 0, "held_out_loss": evaluate(model, held)})
        start = time.perf_counter()
        loss = train_epoch(model, optimizer, train, epoch, args)
        log.append(
            {
                "epoch": epoch + 1,
                "echo": echo,
                "train_loss": loss,
                "held_out_loss": evaluate(model, held),
                "seconds": round(time.perf_counter() - start, 1),
            }
        )
        tqdm.write(json.dumps(log[-1]))
        model.save_pretrained(str(args.out))
        checkpoint.write_text(json.dumps({"epochs_done": epoch + 1, "log": log}))
    save_half(args.out)
    record = {
        "arguments": {
            key: str(value) for key, value in vars(args).items() if key not in ("base", "out")
        },
        "base_sha256": hashlib.sha256(args.base.read_bytes()).hexdigest()
        if args.base.is_file()
        else str(args.base),
        "group_sha256": group.digest,
        "calls": {"train": len(group.calls) - len(held_ids), "held_out": sorted(held_ids)},
        "log": log,
    }
    (args.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")


def load_base(base: Path) -> tuple[Any, Any]:
    """Load tokenizer and model, from a GGUF (dequantised.

    Half a minute) or from a transformers folder, in bf16.
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


def held_out_ids(group: Group, share: float, seed: int) -> set[str]:
    """Choose the held-out calls: the same share of each archetype."""
    rng, chosen = random.Random(seed), set()
    for archetype in group.config.archetypes:
        ids = sorted(call.id for call in group.calls if call.profile.archetype == archetype)
        chosen.update(rng.sample(ids, round(share * len(ids))))
    return chosen


def train_epoch(
    model: Any, optimizer: Any, calls: list[PackedCall], epoch: int, args: argparse.Namespace
) -> float:
    """Run one epoch, with a cosine learning rate over all epochs, and return the mean loss a token."""
    model.train()
    steps = math.ceil(len(calls) / args.calls_per_step)
    total = tokens = 0.0
    for step in tqdm(range(steps), desc=f"epoch {epoch + 1}/{args.epochs}", unit="step"):
        done = (epoch * steps + step) / (args.epochs * steps)
        rate = (
            args.learning_rate
            * min(1.0, (epoch * steps + step + 1) / 10)
            * (0.5 + 0.5 * math.cos(math.pi * done))
        )
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
        batch = calls[step * args.calls_per_step : (step + 1) * args.calls_per_step]
        count = sum(int((call.labels != -100).sum()) for call in batch)
        for call in batch:
            loss = summed_loss(model, call)
            (loss / count).backward()
            total += float(loss.detach())
        tokens += count
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return round(total / tokens, 4)


@torch.no_grad()
def evaluate(model: Any, calls: list[PackedCall]) -> float:
    """Return the mean loss a token on ``calls``."""
    model.eval()
    total = sum(float(summed_loss(model, call)) for call in calls)
    return round(total / sum(int((call.labels != -100).sum()) for call in calls), 4)


def summed_loss(model: Any, call: PackedCall) -> torch.Tensor:
    """Return the summed cross-entropy of the customer's tokens.

    Logits are computed where there is a label only.
    """
    blocked = torch.finfo(torch.bfloat16).min
    mask = torch.zeros(call.mask.shape, dtype=torch.bfloat16).masked_fill(~call.mask, blocked)
    where = torch.nonzero(call.labels[0] != -100)[:, 0]
    out = model(
        input_ids=call.input_ids,
        attention_mask=mask,
        position_ids=call.position_ids,
        logits_to_keep=where - 1,
    )
    return torch.nn.functional.cross_entropy(
        out.logits[0].float(), call.labels[0, where], reduction="sum"
    )


def save_half(folder: Path) -> None:
    """Rewrite the adapter in fp16: half the size, and numpy can read it."""
    from safetensors.torch import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file({key: value.half().contiguous() for key, value in load_file(file).items()}, file)


if __name__ == "__main__":
    main()
