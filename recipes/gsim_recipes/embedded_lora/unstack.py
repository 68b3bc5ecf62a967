"""Take the first LoRA out of a stack, such as the supervised half of a stack with GRPO.

python -m gsim_recipes.embedded_lora.unstack full --rank 16 --out without_rl
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from safetensors.numpy import load_file, save_file

from gsim_env.errors import ConfigurationError
from gsim_env.models.lora import CONFIG_FILE, INT8_LORA, WEIGHTS_FILE, read_lora_config

app = typer.Typer(add_completion=False)


@app.command(help="Take the first LoRA out of a stack.")
def main(
    stacked: Annotated[Path, typer.Argument(help="Folder that embedded_lora.stack wrote.")],
    rank: Annotated[int, typer.Option(help="Rank of the first LoRA of the stack.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
) -> None:
    """Write the first of the LoRAs that ``embedded_lora.stack`` stacked."""
    extract_first_lora(stacked, rank, out)


def extract_first_lora(stacked: Path, rank: int, out: Path) -> None:
    """Write the first LoRA of stacked LoRAs to ``out``: ``rank`` rows of A and columns of B.

    B already holds the scale of the LoRA.

    Raises:
        ConfigurationError: if the stack cannot be read, is quantized, or has no larger rank.
    """
    config = read_lora_config(stacked)
    if config.peft_type == INT8_LORA:
        raise ConfigurationError(
            f"{stacked} is a quantized adapter: its components mix the LoRAs of the stack. Name "
            "the folder that embedded_lora.stack wrote, or train the first LoRA again with "
            "embedded_lora.train."
        )
    if not 0 < rank < config.r:
        raise ConfigurationError(
            f"--rank is {rank}, and {stacked} has rank {config.r}: the first LoRA of a stack has a "
            f"rank from 1 to {config.r - 1}. Give the rank that it was trained with."
        )

    first = {}
    # In C order, without which safetensors.numpy writes the entries of another matrix.
    for name, weights in load_file(stacked / WEIGHTS_FILE).items():
        first[name] = (weights[:, :rank] if ".lora_B." in name else weights[:rank]).copy("C")

    out.mkdir(parents=True, exist_ok=True)
    save_file(first, out / WEIGHTS_FILE)
    settings = json.loads((stacked / CONFIG_FILE).read_text(encoding="utf-8"))
    settings |= {"r": rank, "lora_alpha": rank}
    (out / CONFIG_FILE).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
