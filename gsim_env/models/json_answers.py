"""JSON answers of language models: asks again until an answer fits."""

from collections.abc import Callable, Generator
from typing import TypeVar

from pydantic import ValidationError

from gsim_env.errors import SimulatorError
from gsim_env.models.protocol import Complete, Completion, LanguageModel

__all__ = ["TRIES", "acomplete_json", "complete_json"]

TRIES = 3

T = TypeVar("T")


def complete_json(
    request: Callable[[int], Complete],
    read: Callable[[str], T],
    *,
    subject: str,
    tries: int = TRIES,
) -> Generator[Complete, Completion, T]:
    """Ask for JSON until an answer fits; a generator that yields requests and is sent completions.

    Args:
        request: Returns the request of a try, counted from 0; give each try another seed.
        read: Parses an answer's text; raises a ``ValueError`` (pydantic's included) that says what
            is wrong with it.
        subject: What is asked for; begins the error message.
        tries: The number of tries.

    Raises:
        SimulatorError: if no answer fits.
    """
    reason = ""
    for attempt in range(tries):
        completion = yield request(attempt)
        try:
            return read(completion.text)
        except ValueError as error:
            reason = describe(error)

    raise SimulatorError(
        f"{subject}: no answer fits the schema in {tries} tries, the last: {reason}. "
        "Use a larger model."
    )


async def acomplete_json(
    model: LanguageModel,
    request: Callable[[int], Complete],
    read: Callable[[str], T],
    *,
    subject: str,
    tries: int = TRIES,
) -> T:
    """Ask ``model`` until an answer fits; arguments and errors as for :func:`complete_json`."""
    asking = complete_json(request, read, subject=subject, tries=tries)
    try:
        pending = next(asking)
        while True:
            pending = asking.send(await model.acomplete(pending))
    except StopIteration as end:
        value: T = end.value
        return value


def describe(error: ValueError) -> str:
    """Return in one line why an answer does not fit."""
    if not isinstance(error, ValidationError):
        return str(error)

    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "the answer"
    return f"{place}: {first['msg']} (the first of {error.error_count()} errors)"
