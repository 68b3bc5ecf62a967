"""Stack LoRAs that were trained one after the other into one LoRA that is their sum.

    python -m gsim_recipes.embedded_lora.stack without_rl rl/lora_adapter --out full

Each was trained on the base model merged with those before it. A quantized adapter can be one of
them; given alone, it becomes a plain LoRA that peft can load.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from safetensors.numpy import save_file

from gsim_env.errors import ConfigurationError
from gsim_env.models.lora import (
    CONFIG_FILE,
    INT8_LORA,
    WEIGHTS_FILE,
    LoraFactors,
    read_lora_config,
    read_lora_factors,
)

app = typer.Typer(add_completion=False)


@app.command(help="Stack LoRAs that were trained one after the other into one LoRA.")
def main(
    adapters: Annotated[
        list[Path],
        typer.Argument(help="Folders of LoRAs that change the same modules, in any order."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
) -> None:
    """Stack LoRAs that were trained one after the other into one LoRA that is their sum."""
    stack_loras(adapters, out)


def stack_loras(adapters: Sequence[Path], out: Path) -> None:
    """Write the sum of several LoRAs to ``out`` as one peft LoRA of scale 1 in fp16.

    Ranks add up, and the scale alpha / r of each goes into its B.

    Raises:
        ConfigurationError: if an adapter cannot be read, or they change different modules.
    """
    factors = [_read_balanced_factors(folder) for folder in adapters]
    for folder, other in zip(adapters[1:], factors[1:], strict=True):
        different = sorted(set(other) ^ set(factors[0]))
        if different:
            raise ConfigurationError(
                f"{adapters[0]} and {folder} do not change the same modules: {len(different)} are "
                f"in only one, such as {different[0]}. Stack adapters of the same target_modules."
            )

    summed = {path: _concatenate_factors([each[path] for each in factors]) for path in factors[0]}
    rank = max(len(each.down) for each in summed.values())
    tensors = {}
    for path, each in summed.items():
        # Modules of a quantized adapter differ in rank; zero components make them equal.
        missing = rank - len(each.down)
        down = np.pad(each.down, ((0, missing), (0, 0)))
        up = np.pad(each.up, ((0, 0), (0, missing)))
        # In C order, without which safetensors.numpy writes the entries of another matrix.
        tensors[f"{path}.lora_A.weight"] = down.astype(np.float16, order="C")
        tensors[f"{path}.lora_B.weight"] = up.astype(np.float16, order="C")

    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / WEIGHTS_FILE)
    _write_stack_config(adapters, rank, out)


def _concatenate_factors(parts: Sequence[LoraFactors]) -> LoraFactors:
    """Return the factors of the sum of several LoRAs' changes to one module."""
    down = np.concatenate([part.down for part in parts], axis=0)
    up = np.concatenate([part.up for part in parts], axis=1)
    return LoraFactors(down, up)


def _read_balanced_factors(folder: Path) -> dict[str, LoraFactors]:
    """Read the factors of a LoRA, each within the range of fp16.

    A quantized adapter has integers in one factor and scales of about 1e-5 in the other, which
    fp16 would round: both factors of a component get the same norm.
    """
    factors = read_lora_factors(folder)
    if read_lora_config(folder).peft_type != INT8_LORA:
        return factors

    balanced = {}
    for path, each in factors.items():
        ratio = np.sqrt(np.linalg.norm(each.up, axis=0) / np.linalg.norm(each.down, axis=1))
        balanced[path] = LoraFactors(each.down * ratio[:, None], each.up / ratio)
    return balanced


def _write_stack_config(adapters: Sequence[Path], rank: int, out: Path) -> None:
    """Write ``adapter_config.json`` of stacked LoRAs: the first plain LoRA's with a new rank."""
    plain = [folder for folder in adapters if read_lora_config(folder).peft_type != INT8_LORA]
    config = json.loads(((plain or adapters)[0] / CONFIG_FILE).read_text(encoding="utf-8"))
    if not plain:
        kept = ("base_model_name_or_path", "target_modules")
        config = {name: config[name] for name in kept} | {"inference_mode": True}
    config |= {"peft_type": "LORA", "r": rank, "lora_alpha": rank}
    (out / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
