"""Stack LoRAs that were trained one after the other, each on the base merged with those before.

One LoRA that does what all do.

python -m gsim_recipes.embedded_lora.stack without_rl rl/lora_adapter --out full
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def main() -> None:
    """Parse the command line and stack."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "adapters", type=Path, nargs="+", help="folders as peft saves them, of the same modules"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    stack(args.adapters, args.out)


def stack(adapters: Sequence[Path], out: Path) -> None:
    """Write the sum of ``adapters``.

    Ranks add up, and the scale alpha / r of each goes into its B, so that the sum's is 1.

    Raises:
        ValueError: if they change different modules.
    """
    configs = [
        json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        for folder in adapters
    ]
    weights = [load_file(folder / "adapter_model.safetensors") for folder in adapters]
    if any(set(other) != set(weights[0]) for other in weights[1:]):
        raise ValueError(
            f"{', '.join(map(str, adapters))} do not change the same modules, so they have no sum."
        )
    summed = {}
    for name in weights[0]:
        parts = [own[name].float() for own in weights]
        if ".lora_B." in name:
            scales = [config["lora_alpha"] / config["r"] for config in configs]
            parts = [scale * part for scale, part in zip(scales, parts, strict=True)]
        summed[name] = torch.cat(parts, dim=1 if ".lora_B." in name else 0).half()
    rank = sum(config["r"] for config in configs)
    out.mkdir(parents=True, exist_ok=True)
    save_file(summed, out / "adapter_model.safetensors")
    config = {**configs[0], "r": rank, "lora_alpha": rank}
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
