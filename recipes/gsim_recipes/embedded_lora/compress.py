"""Compress a LoRA: SVD of its product B A, components stored as int8, for a small wheel.

    python -m gsim_recipes.embedded_lora.compress ADAPTER OUT --step 0.002

Each component s_i u_i v_i^T of delta W gets a quantization step of ``step`` / s_i, so that every
component adds the same error per entry (reverse water-filling; Cover and Thomas, Elements of
Information Theory, section 10.3.3). Weak components have few distinct values or none, and the zip
of the wheel codes them in few bits. Then the scale of each component is fitted by least squares.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from safetensors.numpy import save_file

from gsim_env.models.lora import (
    CONFIG_FILE,
    INT8_LORA,
    WEIGHTS_FILE,
    LoraFactors,
    read_lora_config,
    read_lora_factors,
)
from gsim_env.util.files import sha256_file

Array = NDArray[np.float32]

STEP = 0.002
INT8_MAX = 127

app = typer.Typer(add_completion=False)


class SVDComponents(NamedTuple):
    """Singular value decomposition of a LoRA's weight change delta W, largest value first.

    Attributes:
        up: u_i, unit vectors, (rank, out).
        values: s_i, (rank,).
        down: v_i, unit vectors, (rank, in).
    """

    up: Array
    values: Array
    down: Array


class QuantizedWeights(NamedTuple):
    """A LoRA's weight change quantized to int8: delta W = up^T diag(scale) down.

    Attributes:
        up: (rank, out), int8.
        scale: (rank,), float32.
        down: (rank, in), int8.
    """

    up: NDArray[np.int8]
    scale: Array
    down: NDArray[np.int8]

    @property
    def lora_factors(self) -> LoraFactors:
        """Return the dequantized LoRA factors (A and B) in float32."""
        up = self.up.astype(np.float32).T * self.scale
        return LoraFactors(self.down.astype(np.float32), up)


@app.command(help="Compress a LoRA by SVD and int8 quantization.")
def main(
    adapter: Annotated[Path, typer.Argument(help="Folder of a LoRA, as peft saves it.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    step: Annotated[
        float, typer.Option(min=1e-6, help="Quantization step: smaller is more exact and larger.")
    ] = STEP,
    rank: Annotated[
        int | None,
        typer.Option(min=1, help="Instead of --step: keep this many components of each module."),
    ] = None,
    bits: Annotated[int, typer.Option(min=2, max=8, help="With --rank: bits per entry.")] = 8,
) -> None:
    """Compress a LoRA, and print its zipped size and the relative error of delta W."""
    originals = decompose_lora(adapter)
    quantized = {
        path: quantize_by_step(parts, step) if rank is None else quantize_by_rank(parts, rank, bits)
        for path, parts in originals.items()
    }
    setting: dict[str, float] = {"step": step} if rank is None else {"rank": rank, "bits": bits}

    save_quantized_lora(quantized, adapter, out, setting)
    size = zipped_lora_size(quantized.values()) / 1e6
    error = relative_weight_error(originals, quantized)
    typer.echo(f"{out}: {size:.2f} MB zipped, relative error of delta W {error:.3f}")


def decompose_lora(adapter: Path) -> dict[str, SVDComponents]:
    """Read a LoRA and return the SVD of its weight change B A, by module path."""
    components = {}
    for path, factors in read_lora_factors(adapter).items():
        # QR of the thin factors leaves an SVD of (rank, rank) instead of (out, in).
        up_basis, up_rest = np.linalg.qr(factors.up)
        down_basis, down_rest = np.linalg.qr(factors.down.T)
        left, values, right = np.linalg.svd(up_rest @ down_rest.T)
        components[path] = SVDComponents((up_basis @ left).T, values, right @ down_basis.T)
    return components


def quantize_by_step(parts: SVDComponents, step: float) -> QuantizedWeights:
    """Quantize an SVD with a step of ``step`` / s_i; components that round to zero are dropped."""
    fineness = parts.values[:, None] / step
    return _fit_scales(
        parts, _round_to_int8(parts.up, fineness), _round_to_int8(parts.down, fineness)
    )


def quantize_by_rank(parts: SVDComponents, rank: int, bits: int) -> QuantizedWeights:
    """Quantize the first ``rank`` components of an SVD to ``bits`` bits (absolute maximum)."""
    levels = 2 ** (bits - 1) - 1

    def quantize(vectors: Array) -> NDArray[np.int8]:
        kept = vectors[:rank]
        return _round_to_int8(kept, levels / np.abs(kept).max(axis=1, keepdims=True))

    return _fit_scales(parts, quantize(parts.up), quantize(parts.down))


def _round_to_int8(vectors: Array, fineness: Array) -> NDArray[np.int8]:
    """Return ``vectors`` times ``fineness`` as integers; less fine where int8 would overflow."""
    limit = INT8_MAX / np.abs(vectors).max(axis=1, keepdims=True)
    return np.rint(vectors * np.minimum(fineness, limit)).astype(np.int8)


def _fit_scales(
    parts: SVDComponents, up: NDArray[np.int8], down: NDArray[np.int8]
) -> QuantizedWeights:
    """Return the quantized components with the scales that minimize the Frobenius error."""
    kept = up.any(axis=1) & down.any(axis=1)
    up, down = up[kept], down[kept]
    wide_up, wide_down = up.astype(np.float64), down.astype(np.float64)

    # Normal equations: the inner products of the rank-1 matrices with each other and with delta W.
    gram = (wide_up @ wide_up.T) * (wide_down @ wide_down.T)
    overlap = (wide_up @ parts.up.T) * parts.values * (wide_down @ parts.down.T)
    scale = np.linalg.solve(gram, overlap.sum(axis=1))
    return QuantizedWeights(up, scale.astype(np.float32), down)


def zipped_lora_size(modules: Iterable[QuantizedWeights]) -> int:
    """Return the size in bytes of a quantized LoRA's tensors after deflate, as in a wheel."""
    content = bytearray()
    for module in modules:
        content += module.down.tobytes() + module.up.tobytes() + module.scale.tobytes()
    return len(zlib.compress(bytes(content)))


def relative_weight_error(
    originals: dict[str, SVDComponents], quantized: dict[str, QuantizedWeights]
) -> float:
    """Return a quantized LoRA's Frobenius error relative to the norm of delta W, all modules."""
    error = total = 0.0
    for path, parts in originals.items():
        delta = (parts.up.T * parts.values) @ parts.down
        error += float(((delta - quantized[path].lora_factors.delta) ** 2).sum())
        total += float((delta**2).sum())
    return (error / total) ** 0.5


def save_quantized_lora(
    quantized: dict[str, QuantizedWeights], source: Path, out: Path, setting: Mapping[str, float]
) -> None:
    """Write a quantized LoRA to a folder that ``gsim_env.models.lora`` reads."""
    tensors: dict[str, NDArray[np.generic]] = {}
    for path, module in quantized.items():
        # In C order, without which safetensors.numpy writes the entries of another matrix.
        tensors[f"{path}.down"] = np.ascontiguousarray(module.down)
        tensors[f"{path}.up"] = np.ascontiguousarray(module.up)
        tensors[f"{path}.scale"] = module.scale

    ranks = [len(module.scale) for module in quantized.values()]
    config = {
        "peft_type": INT8_LORA,
        "base_model_name_or_path": _base_model_name(source),
        "r": max(ranks),
        "mean_rank": round(float(np.mean(ranks)), 1),
        "target_modules": sorted({path.rpartition(".")[2] for path in quantized}),
        "quantization": setting,
        "source": {
            "r": read_lora_config(source).r,
            "sha256": sha256_file(source / WEIGHTS_FILE),
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / WEIGHTS_FILE)
    (out / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _base_model_name(adapter: Path) -> str | None:
    """Return the base model's name from a LoRA's configuration, or ``None`` if it has none."""
    config = json.loads((adapter / CONFIG_FILE).read_text(encoding="utf-8"))
    name: str | None = config.get("base_model_name_or_path")
    return name


if __name__ == "__main__":
    app()
