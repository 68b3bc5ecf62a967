"""Where an evaluation's figures come from: its plan, versions and hashes, kept beside them."""

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.rubric import PROMPTS
from gsim_env.evaluation.play import Plan
from gsim_env.evaluation.reference import HELD_OUT
from gsim_env.groups import Group
from gsim_env.util.files import write_atomically

__all__ = ["MANIFEST", "claim_output_dir", "manifest_of"]

MANIFEST = "manifest.json"
PACKAGES = (
    "gsim-env",
    "numpy",
    "scipy",
    "scikit-learn",
    "sentence-transformers",
    "torch",
    "transformers",
    "xllamacpp",
    "openai",
)
DECISIVE = ("plan", "group_digest", "people_digest")
"""What two runs into one folder must agree on."""


def manifest_of(plan: Plan, group: Group) -> dict[str, Any]:
    """Return what decides the figures of an evaluation, as plain data without keys."""
    methods = {name: method.settings for name, method in plan.methods.items()}
    return {
        "command": shlex.join(["gsim", *sys.argv[1:]]) if sys.argv[0].endswith("gsim") else None,
        "plan": {**plan.model_dump(mode="json"), "group": group.config.name, "methods": methods},
        "group": group.config.name,
        "group_digest": group.digest,
        "people_digest": sha256((group.path / HELD_OUT).read_bytes()),
        "judge_prompts_digest": sha256(
            b"".join(file.read_bytes() for file in sorted(PROMPTS.glob("*.txt")))
        ),
        "seed": plan.seed,
        "salespeople": list(plan.salespeople),
        "calls": plan.calls,
        "methods": methods,
        "versions": {name: found for name in PACKAGES if (found := installed(name)) is not None},
    }


def claim_output_dir(out: Path, manifest: Mapping[str, Any]) -> None:
    """Take a folder for an evaluation: a new one, or the one that it was begun in.

    Raises:
        ConfigurationError: if the folder holds another evaluation, naming what differs.
    """
    file = out / MANIFEST
    if file.is_file():
        known = json.loads(file.read_text(encoding="utf-8"))
        differing = [
            f"{name}: {known.get(name)!r:.200} there, {manifest[name]!r:.200} now"
            for name in DECISIVE
            if known.get(name) != json.loads(json.dumps(manifest[name]))
        ]
        if differing:
            raise ConfigurationError(
                f"{out} holds another evaluation. Differing: {'; '.join(differing)}. Give another folder, or its settings."
            )
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(manifest, indent=1, ensure_ascii=False))


def sha256(data: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def installed(package: str) -> str | None:
    """Return the version of a package; ``None`` if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
