"""Take the first LoRA out of a stack again.

The supervised half of the adapter that comes with a group, say.

python -m gsim_recipes.embedded_lora.unstack gsim_env/groups/charity/adapter --rank 16 --out
without_rl
"""

import argparse
import json
from pathlib import Path

from safetensors.torch import load_file, save_file


def main() -> None:
    """Parse the command line and take it out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "stacked", type=Path, help="folder that gsim_recipes.embedded_lora.stack wrote"
    )
    parser.add_argument(
        "--rank", type=int, required=True, help="rank of the first LoRA of the stack"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    unstack(args.stacked, args.rank, args.out)


def unstack(stacked: Path, rank: int, out: Path) -> None:
    """Write the first LoRA of a stack.

    The first ``rank`` rows of A and columns of B, whose scale B holds already.

    Raises:
        ValueError: if the stack's own rank is not greater.
    """
    config = json.loads((stacked / "adapter_config.json").read_text(encoding="utf-8"))
    if not 0 < rank < config["r"]:
        raise ValueError(
            f"{stacked} has rank {config['r']}: the first of its parts has a rank below that, not {rank}."
        )
    out.mkdir(parents=True, exist_ok=True)
    parts = {
        name: (weights[:, :rank] if ".lora_B." in name else weights[:rank]).contiguous()
        for name, weights in load_file(stacked / "adapter_model.safetensors").items()
    }
    save_file(parts, out / "adapter_model.safetensors")
    config |= {"r": rank, "lora_alpha": rank}
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
