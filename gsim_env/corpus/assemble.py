"""Step 3 of a group build: the group's files, its training data (stream I) and its library."""

import json
import shutil
from contextlib import ExitStack
from dataclasses import asdict

from gsim_env.corpus.annotate import read_chunks
from gsim_env.corpus.card import card
from gsim_env.corpus.read import ReadCounts
from gsim_env.corpus.settings import BuildSettings
from gsim_env.corpus.training_files import write_training_files
from gsim_env.groups import Group
from gsim_env.groups.bundle import read_recorded_calls
from gsim_env.models.registry import build_encoder
from gsim_env.profiles import RecordedCall
from gsim_env.simulation.sales_classifier import SalesMoveClassifier
from gsim_env.sop.index import index_calls
from gsim_env.sop.milvus import build_lite, library_key
from gsim_env.util.files import atomic_path, sha256_file, write_atomically
from gsim_env.util.progress import ProgressCallback
from gsim_env.util.splits import is_held_out

__all__ = ["REPORT", "assemble"]

REPORT = "build.json"
"""The build report: counts, rows and hashes. A group is complete once it has one."""

TEMPLATE_FILES = ("group.toml", "taxonomy.toml", "script.toml")
TEMPLATE_FOLDERS = ("prompts", "adapter")
CORPUS = "corpus.jsonl"
HELD_OUT = "held_out.jsonl"
STAGES = 5
"""Stages of the progress bar."""


def assemble(settings: BuildSettings, counts: ReadCounts, progress: ProgressCallback) -> Group:
    """Write the group's files and return the group.

    Customers are split by a hash of their id: no customer is in both splits, and a corpus that
    grows keeps its split. Held-out customers are in ``held_out.jsonl`` and in the ``test`` files
    only; neither profiles nor behavior chains are drawn from them.

    Raises:
        CorpusError: if a call does not fit the template's taxonomy, or every customer is held out.
    """
    copy_template(settings)
    split_calls(settings)
    progress("assemble", 1, STAGES)

    group = Group.load(settings.out)
    encoder = build_encoder(settings.encoder)
    indexed = index_calls(group.calls, encoder)
    progress("assemble", 2, STAGES)

    rows = write_training_files(group, encoder, settings.out)
    progress("assemble", 3, STAGES)

    # What the first call of the group would otherwise wait for.
    build_lite(indexed, library_key(group.digest, encoder.name))
    SalesMoveClassifier(group, encoder)
    progress("assemble", 4, STAGES)

    write_report(settings, group, counts, rows)
    progress("assemble", STAGES, STAGES)
    return group


def copy_template(settings: BuildSettings) -> None:
    """Copy what the template gives to the group: configuration, prompts and its own weights."""
    template = settings.template_group.path
    for name in TEMPLATE_FILES:
        if (template / name).is_file():
            shutil.copyfile(template / name, settings.out / name)
    for name in TEMPLATE_FOLDERS:
        if (template / name).is_dir():
            shutil.copytree(template / name, settings.out / name, dirs_exist_ok=True)


def split_calls(settings: BuildSettings) -> None:
    """Write ``corpus.jsonl`` and ``held_out.jsonl``, with one chunk in memory at a time."""
    with ExitStack() as stack:
        paths = [stack.enter_context(atomic_path(settings.out / n)) for n in (CORPUS, HELD_OUT)]
        train, held_out = (stack.enter_context(path.open("w", encoding="utf-8")) for path in paths)

        for call in read_chunks(RecordedCall, settings.chunks("calls")):
            stream = held_out if is_held_out(customer_key(call), settings.held_out) else train
            stream.write(call.model_dump_json(exclude_defaults=True) + "\n")


def write_report(
    settings: BuildSettings, group: Group, counts: ReadCounts, rows: dict[str, int]
) -> None:
    """Write ``CARD.md``, and last ``build.json``, which marks the group as complete."""
    files = (CORPUS, HELD_OUT, *(name for name, count in rows.items() if count))
    hashes = {name: sha256_file(settings.out / name) for name in files}
    held_out = len(read_recorded_calls(settings.out / HELD_OUT))

    text = card(settings, group, held_out, counts, rows, hashes)
    write_atomically(settings.out / "CARD.md", text)
    report = {"key": settings.key, **asdict(counts), "rows": rows, "sha256": hashes}
    write_atomically(settings.out / REPORT, json.dumps(report, indent=1))


def customer_key(call: RecordedCall) -> str:
    """Return the id of a call's customer (``attributes["customer"]``), else that of the call."""
    return call.attributes.get("customer", call.id)
