"""Step 3 of a build.

The annotated calls become a group, its training data (stream I) and its library (stream II).
"""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from gsim_env.corpus.build import REPORT, Build, clean_up, stored, write_whole
from gsim_env.corpus.card import card
from gsim_env.corpus.training_files import write_training_files
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_calls
from gsim_env.models.registry import build_encoder
from gsim_env.profiles import RecordedCall
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.sop.index import index_calls
from gsim_env.sop.milvus import build_lite, library_key
from gsim_env.util.files import sha256_file
from gsim_env.util.splits import is_held_out

__all__ = ["assemble"]

TEMPLATE_FILES = ("group.toml", "taxonomy.toml", "script.toml")
TEMPLATE_FOLDERS = ("prompts", "adapter")


def assemble(
    build: Build, counts: dict[str, Any], progress: Callable[[str, int, int | None], None]
) -> Group:
    """Write the group's files and return it.

    Customers are split by a hash of who they are, so nobody is on both sides and a corpus that
    grows keeps its split. The held-out ones are in ``held_out.jsonl`` and in the ``test`` files
    only: neither profiles nor chains are drawn from them.

    Raises:
        CorpusError: if a call does not fit the template's taxonomy, or no customer is left to draw
            from.
    """
    steps = iter(range(1, 6))
    for name in TEMPLATE_FILES:
        if (build.group.path / name).is_file():
            shutil.copyfile(build.group.path / name, build.out / name)
    for name in TEMPLATE_FOLDERS:
        if (build.group.path / name).is_dir():
            shutil.copytree(build.group.path / name, build.out / name, dirs_exist_ok=True)
    split_calls(build)
    progress("assemble", next(steps), 5)

    group, encoder = Group.load(build.out), build_encoder(build.encoder)
    held = read_calls(build.out / "held_out.jsonl")
    indexed = index_calls(group.calls, encoder)
    progress("assemble", next(steps), 5)

    sizes = write_training_files(group, encoder, build.out)
    progress("assemble", next(steps), 5)

    build_lite(indexed, library_key(group.digest, encoder.name))
    SalesMoveClassifier(group, encoder)  # embeds what the first call would wait for
    progress("assemble", next(steps), 5)

    files = ("corpus.jsonl", "held_out.jsonl", *(name for name, size in sizes.items() if size))
    hashes = {name: sha256_file(build.out / name) for name in files}
    write_whole(build.out / "CARD.md", card(build, group, len(held), counts, sizes, hashes))
    report = {"key": build.key, **counts, "rows": sizes, "sha256": hashes}
    write_whole(build.out / REPORT, json.dumps(report, indent=1))
    clean_up(build)
    progress("assemble", next(steps), 5)
    return group


def split_calls(build: Build) -> None:
    """Write ``corpus.jsonl`` and ``held_out.jsonl``, a chunk in memory at a time."""
    names = ("corpus.jsonl", "held_out.jsonl")
    with ExitStack() as stack:
        partial = [build.out / f"{name}.partial" for name in names]
        files = [stack.enter_context(file.open("w", encoding="utf-8")) for file in partial]
        for call in stored(RecordedCall, build.chunks("calls")):
            files[is_held_out(customer_key(call), build.held_out)].write(
                call.model_dump_json(exclude_defaults=True) + "\n"
            )
    for name, file in zip(names, partial, strict=True):
        file.replace(build.out / name)


def customer_key(call: RecordedCall) -> str:
    """Return what names a call's customer (``attributes["customer"]``), else the call."""
    return call.attributes.get("customer", call.id)
