"""Group builds (section 3.1): raw dialogues are read, annotated and assembled into a group.

Resumable: rerun the same build after an interruption to continue. Every intermediate result is a
file under ``OUT/.build``, written atomically, with one chunk of dialogues each, so memory does not
grow with the corpus. A chunk depends only on itself and on the labeled dialogues at the beginning
of the corpus: chunks may be processed in any order, by any number of workers
(:mod:`gsim_env.corpus.executors`).
"""

import json
import shutil
from typing import NamedTuple

from gsim_env.corpus.annotate import annotate
from gsim_env.corpus.assemble import REPORT, assemble
from gsim_env.corpus.executors import ENGINES
from gsim_env.corpus.read import ReadCounts, read_source
from gsim_env.corpus.settings import BuildSettings
from gsim_env.errors import ConfigurationError, unknown_name_error
from gsim_env.groups import Group
from gsim_env.util.files import write_atomically
from gsim_env.util.progress import ProgressCallback, no_progress

__all__ = ["STEPS", "BuildResult", "build_group", "open_or_resume", "run_steps"]

STEPS = ("read", "annotate", "assemble")

FINISHED = ".build-finished"
"""The intermediate files while they are deleted."""


class BuildResult(NamedTuple):
    """The result of a build.

    Attributes:
        counts: What was read, repaired, masked and left out.
        group: The group; ``None`` if the build stopped before ``assemble``.
        was_built: Whether the folder already held this build, so that nothing was done.
    """

    counts: ReadCounts
    group: Group | None
    was_built: bool = False


def build_group(
    settings: BuildSettings, progress: ProgressCallback = no_progress, *, engine: str = "local"
) -> Group:
    """Build a group from raw dialogues: read, annotate, assemble.

    Resumes after an interruption: call it again with the same settings. A finished build is loaded
    and not repeated.

    Args:
        settings: What is built, and how.
        progress: Called as each step advances.
        engine: Where chunks are annotated: ``"local"``, or ``"ray"`` for a Ray cluster.

    Returns:
        The group in ``settings.out``, ready for ``gym.make(..., group=str(settings.out))``.

    Raises:
        ConfigurationError: if the engine is unknown, or ``settings.out`` holds something else.
        CorpusError: if the source is malformed or empty, or its labels are not the template's.
        SimulatorError: if a model or the encoder fails.
    """
    group = run_steps(settings, progress, engine=engine).group
    assert group is not None, "the last step makes it"
    return group


def run_steps(
    settings: BuildSettings,
    progress: ProgressCallback = no_progress,
    *,
    engine: str = "local",
    until: str = "assemble",
) -> BuildResult:
    """Build a group as :func:`build_group` does, and stop after the step ``until``."""
    if engine not in ENGINES:
        raise unknown_name_error("engine", engine, ENGINES)
    if until not in STEPS:
        raise unknown_name_error("step", until, STEPS)
    if not open_or_resume(settings):
        counts = ReadCounts.load(settings.out / REPORT)
        return BuildResult(counts, Group.load(settings.out), was_built=True)

    counts = read_source(settings, progress)
    if until == "read":
        return BuildResult(counts, None)

    annotate(settings, progress, engine)
    if until == "annotate":
        return BuildResult(counts, None)

    group = assemble(settings, counts, progress)
    remove_intermediate_files(settings)
    return BuildResult(counts, group)


def open_or_resume(settings: BuildSettings) -> bool:
    """Create the folder or open an unfinished build; return False if it is finished.

    Raises:
        ConfigurationError: if the folder holds other files, or an unfinished build with other
            settings.
    """
    shutil.rmtree(settings.out / FINISHED, ignore_errors=True)
    if _is_finished(settings):
        return False

    # Before the source has been read, nothing is lost by a new start.
    if settings.work.is_dir() and not (settings.work / "read.json").is_file():
        shutil.rmtree(settings.work)

    key = settings.work / "key"
    if key.is_file():
        if key.read_text() != settings.key:
            raise ConfigurationError(
                f"{settings.out} holds an unfinished build of another source, template or options. "
                "Delete it, or give another --out."
            )
    elif settings.out.is_dir() and any(settings.out.iterdir()):
        raise ConfigurationError(f"{settings.out} is not empty. Delete it, or give another --out.")

    # An interrupted process leaves partial files under names that no other process overwrites.
    for leftover in settings.out.rglob("*.partial"):
        leftover.unlink()
    settings.work.mkdir(parents=True, exist_ok=True)
    write_atomically(key, settings.key)
    return True


def remove_intermediate_files(settings: BuildSettings) -> None:
    """Delete the intermediate files of a finished build."""
    finished = settings.work.rename(settings.out / FINISHED)  # atomic; deleting takes a while
    shutil.rmtree(finished)


def _is_finished(settings: BuildSettings) -> bool:
    report = settings.out / REPORT
    if settings.work.is_dir() or not report.is_file():
        return False
    return bool(json.loads(report.read_text()).get("key") == settings.key)
