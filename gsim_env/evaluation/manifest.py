"""The manifest: plan, versions and hashes behind an evaluation's results."""

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import JsonValue

from gsim_env.errors import ConfigurationError
from gsim_env.evaluation.judge.rubric import PROMPTS
from gsim_env.evaluation.play import EvaluationPlan
from gsim_env.evaluation.reference import HELD_OUT
from gsim_env.groups import Group
from gsim_env.util.files import sha256_file, write_atomically

__all__ = ["MANIFEST", "build_evaluation_manifest", "create_or_check_output_dir"]

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
"""Packages that can change the results."""

IDENTITY_FIELDS = ("plan", "group_digest", "people_digest")
"""The fields that must be equal for two runs to share an output folder."""


def build_evaluation_manifest(plan: EvaluationPlan, group: Group) -> dict[str, JsonValue]:
    """Return plan, package versions and file hashes of an evaluation, without API keys."""
    from_shell = sys.argv[0].endswith("gsim")
    methods: dict[str, JsonValue] = {name: method.settings for name, method in plan.methods.items()}

    return {
        "command": shlex.join(["gsim", *sys.argv[1:]]) if from_shell else None,
        "plan": _plan_settings(plan, group, methods),
        "group": group.config.name,
        "group_digest": group.digest,
        "people_digest": sha256_file(group.path / HELD_OUT),
        "judge_prompts_digest": _prompts_digest(PROMPTS),
        "seed": plan.seed,
        "salespeople": list(plan.salespeople),
        "calls": plan.calls,
        "methods": methods,
        "versions": dict(_installed_versions()),
    }


def _plan_settings(
    plan: EvaluationPlan, group: Group, methods: dict[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return the plan as JSON; the group by its name, whatever its path on this machine."""
    salespeople = plan.model_dump(mode="json")["salespeople"]

    # Of the simulator's settings, those that differ from their defaults; the group goes by name.
    changed = plan.simulator.model_dump(
        mode="json", exclude={"group", "customer", "guidance"}, exclude_defaults=True
    )

    return {
        "group": group.config.name,
        "methods": methods,
        "salespeople": _without_api_keys(salespeople),
        "calls": plan.calls,
        "seed": plan.seed,
        **{name: _without_api_keys(value) for name, value in changed.items()},
        "max_turns": plan.simulator.max_turns,
        "encoder": plan.simulator.encoder_name,
    }


def _without_api_keys(settings: JsonValue) -> JsonValue:
    """Return settings without the API keys at any depth."""
    if not isinstance(settings, dict):
        return settings
    return {name: _without_api_keys(value) for name, value in settings.items() if name != "api_key"}


def _prompts_digest(folder: Path) -> str:
    """Return the SHA-256 of all prompts of a folder together."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.txt")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _installed_versions() -> dict[str, str]:
    """Return the versions of :data:`PACKAGES`, without those that are not installed."""
    versions: dict[str, str] = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def create_or_check_output_dir(out: Path, manifest: Mapping[str, JsonValue]) -> None:
    """Create an evaluation's output folder, or check that it holds the same evaluation.

    Raises:
        ConfigurationError: if the folder holds another evaluation; names the differences.
    """
    file = out / MANIFEST
    if file.is_file():
        stored = json.loads(file.read_text(encoding="utf-8"))
        current = json.loads(json.dumps(dict(manifest)))
        differences: list[str] = []
        for name in IDENTITY_FIELDS:
            before, now = stored.get(name), current[name]
            if before != now:
                differences.append(f"{name}: {before!r:.200} there, {now!r:.200} now")
        if differences:
            raise ConfigurationError(
                f"{out} holds another evaluation. Differences: {'; '.join(differences)}. "
                "Name another folder, or repeat the settings of that evaluation."
            )

    out.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(manifest, indent=1, ensure_ascii=False))
