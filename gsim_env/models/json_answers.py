"""JSON answers of language models: asks again until an answer fits."""

from collections.abc import Callable, Generator
from typing import TypeVar

from pydantic import ValidationError

from gsim_env.errors import SimulatorError
from gsim_env.models.protocol import Completion, CompletionRequest, LanguageModel
from gsim_env.util.aio import drive_generator

__all__ = ["TRIES", "request_json_answer", "request_json_answer_async"]

TRIES = 3

T = TypeVar("T")


def request_json_answer(
    request: Callable[[int], CompletionRequest],
    read: Callable[[str], T],
    *,
    subject: str,
    tries: int = TRIES,
) -> Generator[CompletionRequest, Completion, T]:
    """Generator that asks a language model for JSON again until an answer fits.

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
            reason = describe_json_error(error)

    raise SimulatorError(
        f"{subject}: no answer fits the schema in {tries} tries, the last: {reason}. "
        "Use a larger model."
    )


async def request_json_answer_async(
    model: LanguageModel,
    request: Callable[[int], CompletionRequest],
    read: Callable[[str], T],
    *,
    subject: str,
    tries: int = TRIES,
) -> T:
    """Ask a language model for JSON again until an answer fits; see :func:`request_json_answer`."""
    asking = request_json_answer(request, read, subject=subject, tries=tries)
    return await drive_generator(asking, model.acomplete)


def describe_json_error(error: ValueError) -> str:
    """Return a one-line description of why a JSON answer does not fit its schema."""
    if not isinstance(error, ValidationError):
        return str(error)

    first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "the answer"
    return f"{place}: {first['msg']} (the first of {error.error_count()} errors)"
