"""Export the packaged GGUF as a transformers folder, for the transformers and vLLM backends and for
other trainers.

python -m gsim_recipes.embedded_lora.export --out DIR [--adapter DIR]
"""

import argparse
from pathlib import Path

from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from gsim_env.models.weights import pull_base

END_OF_TURN = "<|im_end|>"


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, help="a GGUF file; default: the packaged base model")
    parser.add_argument("--adapter", type=Path, help="a LoRA to merge into it, as peft saves it")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    args = parser.parse_args()
    export_base(args.base or pull_base(), args.out, args.adapter)


def export_base(base: Path, out: Path, adapter: Path | None = None) -> None:
    """Dequantise ``base``, merge ``adapter``, and save model and tokenizer, mended where the conversion leaves them wrong."""
    where = {"pretrained_model_name_or_path": str(base.parent), "gguf_file": base.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    model = AutoModelForCausalLM.from_pretrained(**where)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    tokenizer.eos_token = (
        END_OF_TURN  # the conversion takes <|im_start|>, and answers would never end
    )
    end = tokenizer.convert_tokens_to_ids(END_OF_TURN)
    model.config.eos_token_id = model.generation_config.eos_token_id = end
    model.config.architectures = ["LlamaForCausalLM"]
    model.hf_quantizer = model.quantization_method = (
        None  # saved as quantised otherwise, which it is no more
    )
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    main()
