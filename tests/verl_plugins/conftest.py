"""Fixtures for verl on a CPU: composed configurations, a tokenizer with the real chat template."""

import os
import warnings

import pytest

os.environ["GSIM_VERL_CPU"] = "1"  # read by `import verl`
pytest.importorskip("verl", reason="pip install 'gsim-env[verl]'")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # verl warns about engines that are not installed
    import verl_plugins.register  # noqa: F401

from gsim_recipes.train import compose_recipe_config


@pytest.fixture(autouse=True)
def _quiet(recwarn: pytest.WarningsRecorder) -> None:
    """Ignore verl's own deprecation warnings."""
    warnings.simplefilter("ignore")


def composed(recipe: str, machine: str, *overrides: str):
    """Compose a recipe's configuration as the launcher does."""
    return compose_recipe_config(recipe, [f"machine={machine}", *overrides])


@pytest.fixture(scope="session")
def tokenizer():
    """The chat model's tokenizer, read from the packaged weights."""
    from transformers import AutoTokenizer

    from gsim_env.models.weights import pull_base_model

    base = pull_base_model()
    tokenizer = AutoTokenizer.from_pretrained(str(base.parent), gguf_file=base.name)
    tokenizer.eos_token = "<|im_end|>"
    return tokenizer
