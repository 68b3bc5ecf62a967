"""Registry of backends and encoders: builds them from plain data, shared within the process."""

import importlib
import json
import pkgutil
from functools import lru_cache
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.models import backends
from gsim_env.models.encoders import CachedEncoder, HashingEncoder, SentenceTransformerEncoder
from gsim_env.models.protocol import Encoder, LanguageModel, ModelSpec

__all__ = [
    "BACKENDS",
    "build_encoder",
    "build_language_model",
    "parse_model_spec",
    "shared_cached_encoder",
]

BACKENDS = {
    module.name: f"{backends.__name__}.{module.name}:Config"
    for module in pkgutil.iter_modules(backends.__path__)
}
"""Each backend's configuration class, by name: the modules of :mod:`gsim_env.models.backends`."""


class BackendConfig(Protocol):
    """Protocol of a backend's configuration class, which is a pydantic model."""

    def build(self) -> LanguageModel:
        """Build the language model of these settings; weights are loaded on first use."""
        ...

    def model_dump(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        ...


def parse_model_spec(spec: ModelSpec) -> tuple[str, BackendConfig]:
    """Return a backend's name and validated configuration from its specification.

    Args:
        spec: A name (``"embedded"``), or the settings with the name under ``backend``
            (``{"backend": "openai", "model": "Qwen/Qwen2.5-7B-Instruct", "base_url":
            "http://localhost:8000/v1"}``).

    Raises:
        ConfigurationError: if the name is unknown, or a setting is unknown, missing or out of
            range.
    """
    settings = {"backend": spec} if isinstance(spec, str) else dict(spec)
    name = settings.pop("backend", None)
    if name not in BACKENDS:
        raise unknown_name_error("backend", name, BACKENDS)

    module, _, attribute = BACKENDS[name].partition(":")
    config_class: type[BaseModel] = getattr(importlib.import_module(module), attribute)
    try:
        config: Any = config_class.model_validate(settings)
    except ValidationError as error:
        legal = ", ".join(config_class.model_fields) or "none"
        raise ConfigurationError(
            f"Settings of the backend {name!r}: {error}\nIts settings: {legal}."
        ) from error
    return name, config


def build_language_model(spec: ModelSpec) -> LanguageModel:
    """Return the language model of a specification; equal specifications share one.

    Raises:
        ConfigurationError: as for :func:`parse_model_spec`.
    """
    name, config = parse_model_spec(spec)
    return _shared_model(json.dumps({"backend": name, **config.model_dump()}, sort_keys=True))


@lru_cache(maxsize=16)
def _shared_model(spec: str) -> LanguageModel:
    return parse_model_spec(json.loads(spec))[1].build()


@lru_cache(maxsize=8)
def build_encoder(name: str) -> Encoder:
    """Return the sentence encoder of a name, shared within the process.

    Args:
        name: ``minilm``, ``hashing``, or a folder or hub name for sentence-transformers.
    """
    if name == "hashing":
        return HashingEncoder()
    return SentenceTransformerEncoder(None if name == "minilm" else name)


@lru_cache(maxsize=8)
def shared_cached_encoder(name: str) -> CachedEncoder:
    """Return the sentence encoder of a name with an LRU cache, shared within the process.

    Utterances repeat from call to call, so a cache saves most of the work.
    """
    return CachedEncoder(build_encoder(name))
