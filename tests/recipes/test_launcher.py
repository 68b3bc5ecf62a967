"""The launcher of the verl recipes: commands, environment, errors, help."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import gsim_recipes
import pytest
from gsim_recipes import train
from omegaconf import OmegaConf

from gsim_env.errors import ConfigurationError

RECIPES = sorted(name for trainer in train.TRAINERS for name in trainer.option_names("recipe"))


def config(device: str = "cuda", nnodes: int = 1, gpus: int = 8):
    return OmegaConf.create(
        {"trainer": {"device": device, "nnodes": nnodes, "n_gpus_per_node": gpus}}
    )


def test_grpo_runs_verls_ppo_trainer() -> None:
    command = train.trainer_command("sales_grpo", ["machine=cpu", "--cfg=job"], config())
    assert command[:3] == [sys.executable, "-m", "verl.trainer.main_ppo"]
    assert command[-3:] == ["recipe=sales_grpo", "machine=cpu", "--cfg=job"]


def test_sft_runs_verls_sft_trainer_with_torchrun() -> None:
    command = train.trainer_command("profile_sft", [], config())
    assert command[1:5] == ["-m", "torch.distributed.run", "--nproc_per_node=8", "--standalone"]
    assert command[5:7] == ["-m", "verl.trainer.sft_trainer"]


def test_sft_on_several_nodes_needs_a_rendezvous(monkeypatch) -> None:
    monkeypatch.delenv("PET_RDZV_ENDPOINT", raising=False)
    with pytest.raises(ConfigurationError, match="PET_RDZV_ENDPOINT"):
        train.trainer_command("profile_sft", [], config(nnodes=4))
    monkeypatch.setenv("PET_RDZV_ENDPOINT", "node0:29500")
    command = train.trainer_command("profile_sft", [], config(nnodes=4))
    assert "--nnodes=4" in command
    assert "--standalone" not in command


def test_only_a_cpu_machine_switches_cpu_support_on() -> None:
    assert "GSIM_VERL_CPU" not in train.trainer_environment_variables(config(), {})
    assert train.trainer_environment_variables(config("cpu"), {})["GSIM_VERL_CPU"] == "1"


def test_a_variable_that_is_set_is_kept() -> None:
    environment = train.trainer_environment_variables(config(), {"TOKENIZERS_PARALLELISM": "true"})
    assert environment["TOKENIZERS_PARALLELISM"] == "true"
    assert environment["HYDRA_FULL_ERROR"] == "1"


@pytest.mark.parametrize(
    ("recipe", "overrides", "message"),
    [
        ("sale_grpo", [], "Did you mean 'sales_grpo'"),
        ("sales_grpo", ["machine=cpu_smoky"], "Did you mean 'cpu_smoke'"),
        ("customer_sft", ["machine=cpu_vllm"], "cluster, cpu, cpu_smoke, single_gpu"),
    ],
)
def test_an_unknown_name_is_answered_with_the_legal_ones(recipe, overrides, message) -> None:
    pytest.importorskip("hydra", reason="pip install 'gsim-env[verl]'")
    with pytest.raises(ConfigurationError, match=message):
        train.compose_recipe_config(recipe, overrides)


def test_an_unknown_setting_is_an_error() -> None:
    pytest.importorskip("verl", reason="pip install 'gsim-env[verl]'")
    with pytest.raises(ConfigurationError, match=r"trainer\.epochs"):
        train.compose_recipe_config("sales_grpo", ["trainer.epochs=1"])


def test_the_version_of_verl_is_checked(monkeypatch) -> None:
    monkeypatch.setattr(train, "version", lambda _: "0.9.0")
    with pytest.raises(ConfigurationError, match=r"need verl 0\.9\.1, and .* is 0\.9\.0"):
        train.check_verl_version()


def test_the_required_version_is_the_one_in_pyproject() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    requirements = pyproject["project"]["optional-dependencies"]["verl"]
    assert f"verl=={train.REQUIRED_VERL}" in requirements


def test_the_help_lists_recipes_and_machines() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "gsim_recipes.train", "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    words = set(re.findall(r"\w+", process.stdout))
    assert {*RECIPES, "cpu_smoke", "cpu", "single_gpu", "cluster"} <= words


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_has_a_readme(recipe) -> None:
    readme = (Path(gsim_recipes.__file__).parent / recipe / "README.md").read_text()
    for heading in ("## Data", "## Launch", "## What to expect", "## Cost"):
        assert heading in readme
    assert f"gsim_recipes.train {recipe}" in readme
