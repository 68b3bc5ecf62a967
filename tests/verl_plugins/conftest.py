"""verl on this machine: composed configurations, and a tokenizer with the real chat template."""

import warnings

import pytest

pytest.importorskip("verl", reason="pip install 'gsim-env[verl]'")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # engines that verl looks for and does not find
    import verl_plugins.register  # noqa: F401

from hydra import compose, initialize_config_module


@pytest.fixture(autouse=True)
def _quiet(recwarn: pytest.WarningsRecorder) -> None:
    """Keep verl's own deprecations from failing a test."""
    warnings.simplefilter("ignore")


def composed(recipe: str, primary: str, *overrides: str):
    """Compose a recipe's configuration as its run.sh does."""
    with initialize_config_module(f"gsim_recipes.{recipe}.config", version_base=None):
        return compose(primary, overrides=list(overrides))


@pytest.fixture(scope="session")
def tokenizer():
    """The chat model's own tokenizer, read out of the packaged weights."""
    from transformers import AutoTokenizer

    from gsim_env.models.weights import pull_base

    base = pull_base()
    made = AutoTokenizer.from_pretrained(str(base.parent), gguf_file=base.name)
    made.eos_token = "<|im_end|>"
    return made
