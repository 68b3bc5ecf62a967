"""The configuration of every recipe on every machine composes and is valid for verl."""

import pytest
from gsim_recipes.train import trainer_of_recipe
from omegaconf import OmegaConf
from verl.utils.config import omega_conf_to_dataclass, validate_config

from gsim_env.simulation.simulator import Simulator
from reward_fns import cycle_consistency, multi_level, sales_outcome
from tests.verl_plugins.conftest import composed
from verl_plugins.agent_loops.settings import SimulatedCallSettings, shared_salesperson_factory

GRPO = ("customer_grpo", "sales_grpo", "usp_grpo")
SFT = ("customer_sft", "profile_sft")
FILES = ("data.train_files=train.parquet", "data.val_files=val.parquet")


def grpo(recipe: str, machine: str):
    files = FILES if recipe == "customer_grpo" else ()
    return composed(recipe, machine, "actor_rollout_ref.model.path=model", *files)


@pytest.mark.parametrize("machine", trainer_of_recipe(GRPO[0]).option_names("machine"))
@pytest.mark.parametrize("recipe", GRPO)
def test_a_grpo_configuration_composes_and_verl_accepts_it(recipe, machine) -> None:
    config = grpo(recipe, machine)
    # verl's own missing key, of a reward model that is not enabled.
    assert OmegaConf.missing_keys(config) <= {"reward.reward_model.rollout.name"}
    assert config.trainer.experiment_name == recipe
    assert config.algorithm.adv_estimator == "grpo"
    assert config.actor_rollout_ref.model.external_lib == "verl_plugins.register"
    small = machine in {"cpu_smoke", "cpu_vllm"} or (recipe, machine) == ("usp_grpo", "cpu")
    group_size = config.actor_rollout_ref.rollout.n
    assert config.trainer.v1.sampler.sampler_kwargs.rollout_n == group_size == (4 if small else 8)
    if "cpu" not in machine:
        config.trainer.device = "cpu"  # verl's check would ask for an accelerator
    validate_config(config=config, use_reference_policy=True, use_critic=False)
    omega_conf_to_dataclass(config.actor_rollout_ref.rollout)


@pytest.mark.parametrize("machine", trainer_of_recipe(SFT[0]).option_names("machine"))
@pytest.mark.parametrize("recipe", SFT)
def test_an_sft_configuration_composes(recipe, machine) -> None:
    config = composed(recipe, machine, "model.path=model", "data.train_files=train.parquet")
    assert not OmegaConf.missing_keys(config)
    assert config.trainer.experiment_name == recipe
    assert config.engine.strategy == "fsdp2"


def test_the_cluster_has_the_settings_of_tables_5_to_8() -> None:
    profile = composed("profile_sft", "cluster", "data.train_files=x")
    assert profile.optim.lr == 2e-5
    assert profile.data.train_batch_size == 256
    assert profile.trainer.total_epochs == 2
    assert profile.data.max_length == 2048
    assert profile.optim.lr_warmup_steps_ratio == 0.1

    userlm = composed("customer_sft", "cluster", "data.train_files=x")
    assert userlm.optim.lr == 5e-6
    assert userlm.data.train_batch_size == 256
    assert userlm.data.max_length == 2048

    for recipe in ("customer_grpo", "usp_grpo"):
        config = composed(recipe, "cluster", *(FILES if recipe == "customer_grpo" else ()))
        actor = config.actor_rollout_ref.actor
        assert actor.optim.lr == 5e-6
        assert actor.kl_loss_coef == 0.04
        assert config.data.train_batch_size == actor.ppo_mini_batch_size == 256
        assert config.data.max_prompt_length + config.data.max_response_length == 4096
        assert config.trainer.total_epochs == 2
        assert config.actor_rollout_ref.rollout.temperature == 0.95

    sales = composed("sales_grpo", "cluster")
    assert sales.actor_rollout_ref.actor.optim.lr == 5e-5
    assert sales.data.train_batch_size == 256
    for config in (userlm, profile):
        assert config.model.path == "Qwen/Qwen2.5-32B-Instruct"
    for config in (sales, profile):
        assert config.trainer.n_gpus_per_node * config.trainer.nnodes == 32


@pytest.mark.parametrize("recipe", ["sales_grpo", "usp_grpo"])
@pytest.mark.parametrize("machine", ["cpu_smoke", "cpu", "single_gpu", "cluster"])
def test_the_node_gsim_makes_a_simulator(recipe, machine) -> None:
    settings = SimulatedCallSettings.from_verl_config(grpo(recipe, machine))
    Simulator(settings)
    assert settings.guidance == (recipe == "sales_grpo")  # USP has no dynamic SOP
    shared_salesperson_factory(settings)


def test_each_recipe_names_its_reward() -> None:
    """By the import paths that verl resolves in its reward workers."""
    from verl.utils.import_utils import load_extern_object

    modules = {
        "customer_grpo": multi_level,
        "sales_grpo": sales_outcome,
        "usp_grpo": cycle_consistency,
    }
    for recipe, module in modules.items():
        reward = grpo(recipe, "cpu_smoke").reward.custom_reward_function
        assert load_extern_object(reward.path, reward.name) is module.compute_score
