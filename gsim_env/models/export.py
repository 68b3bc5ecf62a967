"""Export of the embedded model (GGUF) as a transformers folder, for trainers and vLLM."""

from pathlib import Path
from typing import Any

from gsim_env.errors import ConfigurationError
from gsim_env.models.lora import read_lora_factors
from gsim_env.util.extras import import_optional_module

__all__ = ["export_gguf_as_transformers"]

END_OF_TURN = "<|im_end|>"


def export_gguf_as_transformers(base: Path, out: Path, adapter: Path | None = None) -> None:
    """Save a GGUF model, optionally merged with a LoRA, as a transformers folder.

    Args:
        base: The GGUF file.
        out: The folder to write.
        adapter: Folder of a LoRA, plain (peft) or quantized; ``None`` for the base model itself.

    Raises:
        ConfigurationError: if the adapter cannot be read or does not fit the base model.
        ImportError: if transformers is not installed.
    """
    transformers = import_optional_module("transformers", "transformers")
    source = {"pretrained_model_name_or_path": str(base.parent), "gguf_file": base.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
    model = transformers.AutoModelForCausalLM.from_pretrained(**source)
    if adapter is not None:
        _add_lora_deltas(model, adapter)

    # The conversion takes <|im_start|> for the end of a turn, and answers would never end.
    tokenizer.eos_token = END_OF_TURN
    end = tokenizer.convert_tokens_to_ids(END_OF_TURN)
    model.config.eos_token_id = model.generation_config.eos_token_id = end
    model.config.architectures = ["LlamaForCausalLM"]

    # The weights are dequantized now; these attributes would mark the saved model as quantized.
    model.hf_quantizer = model.quantization_method = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config

    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _add_lora_deltas(model: Any, adapter: Path) -> None:
    """Add the weight changes of a LoRA to a transformers model, in place.

    Raises:
        ConfigurationError: if the adapter cannot be read or does not fit the model.
    """
    torch = import_optional_module("torch", "transformers")
    for path, factors in read_lora_factors(adapter).items():
        delta = torch.from_numpy(factors.delta)
        try:
            weight = model.get_submodule(path.removeprefix("base_model.model.")).weight
        except AttributeError as error:
            raise ConfigurationError(
                f"{adapter} changes {path}, which the base model lacks. Use an adapter that was "
                "trained on this base model."
            ) from error
        if weight.shape != delta.shape:
            raise ConfigurationError(
                f"{adapter} changes {path} with shape {tuple(delta.shape)}; the base model has "
                f"{tuple(weight.shape)}. Use an adapter that was trained on this base model."
            )
        weight.data += delta.to(weight.dtype)
