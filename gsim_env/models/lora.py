"""LoRA adapters from disk: plain ones as peft saves them, and quantized ones (int8)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gsim_env.errors import ConfigurationError
from gsim_env.util.extras import import_optional_module
from gsim_env.util.files import sha256_file

__all__ = [
    "CONFIG_FILE",
    "INT8_LORA",
    "WEIGHTS_FILE",
    "LoraAdapterConfig",
    "LoraFactors",
    "check_adapter_not_quantized",
    "lora_weights_digest",
    "read_lora_config",
    "read_lora_factors",
]

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"

INT8_LORA = "INT8_LORA"
"""The ``peft_type`` of a quantized adapter. peft does not know it and refuses to load it."""


class LoraFactors(NamedTuple):
    """The LoRA factors of one weight matrix: delta W = up @ down.

    Attributes:
        down: A of the LoRA, (rank, in).
        up: B of the LoRA times its scale alpha / r, (out, rank).
    """

    down: NDArray[np.float32]
    up: NDArray[np.float32]

    @property
    def delta(self) -> NDArray[np.float32]:
        """Return the weight change delta W, shape (out, in)."""
        return self.up @ self.down


class _PeftType(BaseModel):
    """The key of ``adapter_config.json`` that says what kind of adapter it is."""

    model_config = ConfigDict(extra="ignore")

    peft_type: str | None = None


class LoraAdapterConfig(BaseModel):
    """The fields of a LoRA's ``adapter_config.json`` that affect its weights.

    Attributes:
        peft_type: ``LORA``, or :data:`INT8_LORA`.
        r: The rank. The scale of a plain LoRA is ``lora_alpha / r``.
        lora_alpha: See ``r``; required for a plain LoRA. A quantized adapter stores a scale per
            component instead.
        use_rslora: Not supported.
        use_dora: Not supported.
        rank_pattern: Not supported.
        alpha_pattern: Not supported.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    peft_type: str = "LORA"
    r: int = Field(gt=0)
    lora_alpha: float | None = None
    use_rslora: bool = False
    use_dora: bool = False
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}


def read_lora_config(folder: Path) -> LoraAdapterConfig:
    """Return the validated ``adapter_config.json`` of a LoRA folder.

    Raises:
        ConfigurationError: if it is missing, malformed, or asks for a variant of LoRA that is not
            supported.
    """
    file = folder / CONFIG_FILE
    try:
        config = LoraAdapterConfig.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise _unreadable_file_error(file, error) from error

    variants = ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern")
    unsupported = [name for name in variants if getattr(config, name)]
    if config.peft_type not in ("LORA", INT8_LORA) or unsupported:
        raise ConfigurationError(
            f"{file} has peft_type {config.peft_type!r} and sets {unsupported or 'no variant'}; "
            f"only LORA and {INT8_LORA} without {', '.join(variants)} can be merged. Merge the "
            "adapter with peft and use the merged model, or train a plain LoRA."
        )
    return config


def read_lora_factors(folder: Path) -> dict[str, LoraFactors]:
    """Return the factors of a LoRA, plain or quantized, by module path in peft's model.

    Args:
        folder: Has ``adapter_config.json`` and ``adapter_model.safetensors``.

    Raises:
        ConfigurationError: if a file is missing or malformed, or the LoRA is not supported.
    """
    config = read_lora_config(folder)
    file = folder / WEIGHTS_FILE
    if not file.is_file():
        raise ConfigurationError(f"{file} is missing. Copy it there, next to {CONFIG_FILE}.")

    tensors = _load_tensors(file)
    try:
        if config.peft_type == INT8_LORA:
            return _read_quantized(tensors)
        return _read_plain(tensors, _plain_scale(folder, config))
    except KeyError as error:
        raise ConfigurationError(
            f"{file} has no tensor {error.args[0]!r}, which {CONFIG_FILE} ({config.peft_type}) "
            "requires. The two files must be of the same adapter: copy both again."
        ) from error


def _plain_scale(folder: Path, config: LoraAdapterConfig) -> np.float32:
    """Return the scale alpha / r of a plain LoRA.

    Raises:
        ConfigurationError: if ``lora_alpha`` is missing.
    """
    if config.lora_alpha is None:
        raise ConfigurationError(
            f"{folder / CONFIG_FILE} has no lora_alpha, so the scale lora_alpha / r is unknown. "
            "Copy the file again, or add the value that the adapter was trained with."
        )
    return np.float32(config.lora_alpha / config.r)


def _load_tensors(file: Path) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a safetensors file as float32.

    Raises:
        ConfigurationError: if it is not a safetensors file.
    """
    safetensors = import_optional_module("safetensors", "embedded")
    # Through torch: numpy has no bfloat16, in which verl saves a LoRA.
    load_file = import_optional_module("safetensors.torch", "embedded").load_file
    try:
        return {name: tensor.float().numpy() for name, tensor in load_file(file).items()}
    except safetensors.SafetensorError as error:
        raise ConfigurationError(
            f"{file} is not a safetensors file: {error}. Copy the adapter again; a file of a few "
            "hundred bytes is a Git LFS pointer."
        ) from error


def _read_plain(
    tensors: Mapping[str, NDArray[np.float32]], scale: np.float32
) -> dict[str, LoraFactors]:
    """Return the factors of a LoRA as peft saves it: ``lora_A`` and ``lora_B``."""
    suffix = ".lora_A.weight"
    paths = [name.removesuffix(suffix) for name in tensors if name.endswith(suffix)]
    if not paths:
        raise KeyError(f"*{suffix}")

    factors = {}
    for path in paths:
        up = scale * tensors[f"{path}.lora_B.weight"]
        factors[path] = LoraFactors(tensors[f"{path}.lora_A.weight"], up)
    return factors


def _read_quantized(tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, LoraFactors]:
    """Return the factors of an int8 LoRA.

    Per module: ``down`` (rank, in) and ``up`` (rank, out) as int8, ``scale`` (rank) as float32;
    delta W = up^T diag(scale) down. Modules differ in rank.
    """
    suffix = ".down"
    paths = [name.removesuffix(suffix) for name in tensors if name.endswith(suffix)]
    if not paths:
        raise KeyError(f"*{suffix}")

    factors = {}
    for path in paths:
        up = tensors[f"{path}.up"].T * tensors[f"{path}.scale"]
        factors[path] = LoraFactors(tensors[f"{path}.down"], up)
    return factors


def check_adapter_not_quantized(adapter: str) -> None:
    """Raise if a LoRA adapter is int8-quantized, which peft and vLLM cannot load.

    Args:
        adapter: A folder, or a hub name, which is not checked.

    Raises:
        ConfigurationError: if it is quantized.
    """
    file = Path(adapter) / CONFIG_FILE
    if file.is_file() and _read_peft_type(file) == INT8_LORA:
        raise ConfigurationError(
            f"{adapter} is a quantized adapter ({INT8_LORA}), which only the embedded backend "
            f"loads. Run gsim models export OUT --adapter {adapter}, and name OUT as the model."
        )


def _read_peft_type(file: Path) -> str | None:
    """Return the ``peft_type`` of an ``adapter_config.json``; ``None`` where it has none."""
    try:
        return _PeftType.model_validate_json(file.read_bytes()).peft_type
    except ValidationError:
        return None


def lora_weights_digest(folder: Path) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of a LoRA adapter's weights.

    Raises:
        ConfigurationError: if the weights are missing.
    """
    file = folder / WEIGHTS_FILE
    try:
        return sha256_file(file)[:12]
    except OSError as error:
        raise _unreadable_file_error(file, error) from error


def _unreadable_file_error(file: Path, error: Exception) -> ConfigurationError:
    """Return the error for an adapter file that is missing or malformed."""
    return ConfigurationError(
        f"{file} cannot be read: {error}. Name a folder with {CONFIG_FILE} and {WEIGHTS_FILE}, "
        "as peft saves a LoRA."
    )
