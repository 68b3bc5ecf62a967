"""Every recipe's configurations compose, and are what verl takes."""

from pathlib import Path

import gsim_recipes
import pytest
from omegaconf import OmegaConf
from verl.utils.config import omega_conf_to_dataclass, validate_config

from gsim_env.simulation.simulator import Simulator
from reward_fns import cycle_consistency, multi_level, sales_outcome
from tests.verl_plugins.conftest import composed
from verl_plugins.agent_loops.settings import CallSettings, shared_salesperson_factory
from verl_plugins.cpu.platform import CpuPlatform

ROOT = Path(gsim_recipes.__file__).parent
GRPO = ("customer_grpo", "sales_grpo", "usp_grpo")
SFT = ("customer_sft", "profile_sft")
PRIMARIES = ("cpu_smoke", "single_gpu", "paper")
FILES = ("data.train_files=train.parquet", "data.val_files=val.parquet")


def grpo(recipe: str, primary: str):
    files = FILES if recipe == "customer_grpo" else ()
    return composed(recipe, primary, "actor_rollout_ref.model.path=model", *files)


@pytest.mark.parametrize("primary", [*PRIMARIES, "cpu"])
@pytest.mark.parametrize("recipe", GRPO)
def test_a_grpo_configuration_composes_and_verl_accepts_it(recipe, primary) -> None:
    config = grpo(recipe, primary)
    assert OmegaConf.missing_keys(config) <= {
        "reward.reward_model.rollout.name"
    }  # verl's own, for a model that is not enabled
    assert config.algorithm.adv_estimator == "grpo"
    assert config.actor_rollout_ref.model.external_lib == "verl_plugins.register"
    few = primary == "cpu_smoke" or (recipe, primary) == ("usp_grpo", "cpu")
    assert (
        config.trainer.v1.sampler.sampler_kwargs.rollout_n
        == config.actor_rollout_ref.rollout.n
        == (4 if few else 8)
    )
    if "cpu" not in primary:
        config.trainer.device = "cpu"  # so that verl's check asks for no accelerator
    validate_config(config=config, use_reference_policy=True, use_critic=False)
    omega_conf_to_dataclass(config.actor_rollout_ref.rollout)


@pytest.mark.parametrize("primary", PRIMARIES)
@pytest.mark.parametrize("recipe", SFT)
def test_an_sft_configuration_composes(recipe, primary) -> None:
    config = composed(recipe, primary, "model.path=model", "data.train_files=train.parquet")
    assert not OmegaConf.missing_keys(config)
    assert config.engine.strategy == "fsdp2"


def test_the_papers_tables_are_what_paper_says() -> None:
    """Tables 5 to 8."""
    profile = composed("profile_sft", "paper", "data.train_files=x")
    assert (profile.optim.lr, profile.data.train_batch_size, profile.trainer.total_epochs) == (
        2e-5,
        256,
        2,
    )
    assert (profile.data.max_length, profile.optim.lr_warmup_steps_ratio) == (2048, 0.1)
    userlm = composed("customer_sft", "paper", "data.train_files=x")
    assert (userlm.optim.lr, userlm.data.train_batch_size, userlm.data.max_length) == (
        5e-6,
        256,
        2048,
    )
    for recipe in ("customer_grpo", "usp_grpo"):
        config = composed(recipe, "paper", *(FILES if recipe == "customer_grpo" else ()))
        assert config.actor_rollout_ref.actor.optim.lr == 5e-6
        assert config.actor_rollout_ref.actor.kl_loss_coef == 0.04
        assert (
            config.data.train_batch_size
            == config.actor_rollout_ref.actor.ppo_mini_batch_size
            == 256
        )
        assert config.data.max_prompt_length + config.data.max_response_length == 4096
        assert config.trainer.total_epochs == 2
        assert config.actor_rollout_ref.rollout.temperature == 0.95
    sales = composed("sales_grpo", "paper")
    assert (sales.actor_rollout_ref.actor.optim.lr, sales.data.train_batch_size) == (5e-5, 256)
    for config in (userlm, profile):
        assert config.model.path == "Qwen/Qwen2.5-32B-Instruct"
    for config in (sales, profile):
        assert config.trainer.n_gpus_per_node * config.trainer.nnodes == 32


@pytest.mark.parametrize("recipe", ["sales_grpo", "usp_grpo"])
@pytest.mark.parametrize("primary", [*PRIMARIES, "cpu"])
def test_the_calls_of_a_configuration_can_be_played(recipe, primary) -> None:
    settings = CallSettings.of(grpo(recipe, primary))
    Simulator(settings)
    assert settings.guidance == (recipe == "sales_grpo")  # USP has no dynamic SOP
    shared_salesperson_factory(settings)


def test_each_recipe_names_its_reward() -> None:
    """By the import paths that verl resolves in its reward workers."""
    from verl.utils.import_utils import load_extern_object

    wanted = {
        "customer_grpo": multi_level,
        "sales_grpo": sales_outcome,
        "usp_grpo": cycle_consistency,
    }
    for recipe, module in wanted.items():
        named = grpo(recipe, "cpu_smoke").reward.custom_reward_function
        assert load_extern_object(named.path, named.name) is module.compute_score


def test_each_recipe_has_its_parts() -> None:
    for recipe in (*GRPO, *SFT):
        folder = ROOT / recipe
        assert (folder / "REQUIRED_VERL.txt").read_text().strip() == "verl==0.9.1"
        assert (folder / "run.sh").read_text().rstrip().endswith('"$@"')
        assert (folder / "run.sh").stat().st_mode & 0o111
        for heading in ("## Data", "## Launch", "## What to expect", "## Cost"):
            assert heading in (folder / "README.md").read_text(), (recipe, heading)


def test_the_cpu_platform_is_chosen_where_there_is_no_accelerator_only(monkeypatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not CpuPlatform().is_platform_available()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert CpuPlatform().is_platform_available()
