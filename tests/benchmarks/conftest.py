"""Metadata of benchmark results: the command, the version and the group's hash."""

import shlex
from typing import Any

from gsim_env import __version__
from gsim_env.groups import load_group

REAL_MODELS = ("test_batching.py", "test_embedded.py", "test_reward_batches.py")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Run benchmarks that load a model last: its memory and threads would disturb the others."""
    items.sort(key=lambda item: item.path.name in REAL_MODELS)


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Remove the machine's name, which says nothing about speed."""
    machine_info.pop("node", None)


def pytest_benchmark_update_json(config: Any, benchmarks: Any, output_json: dict[str, Any]) -> None:
    """Add the command, version and hash, and remove the single samples."""
    output_json["command"] = shlex.join(["pytest", *config.invocation_params.args])
    output_json["gsim_env"] = __version__
    output_json["group_sha256"] = load_group("food_delivery").digest
    for benchmark in output_json["benchmarks"]:
        benchmark["stats"].pop("data", None)
