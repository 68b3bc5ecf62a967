"""D_sim rows: one customer turn with its prompt and its human answer, as verl reads them."""

from pathlib import Path
from typing import Literal, TypedDict

from gsim_env.errors import CorpusError
from gsim_env.models import ChatMessage
from gsim_env.util.extras import import_optional_module

__all__ = ["DSimExtra", "DSimRow", "RewardModel", "TurnKey", "read_rows", "turn_key"]

TurnKey = tuple[str, int]
"""Identifies a customer turn: the call's id and the number of the turn, from 0."""

COLUMNS = frozenset({"data_source", "prompt", "messages", "reward_model", "extra_info"})


class RewardModel(TypedDict):
    """verl's ``reward_model`` field.

    Attributes:
        style: verl's name for rewards that are computed by a function.
        ground_truth: The human answer, which a reward function gets as ``ground_truth``.
    """

    style: Literal["rule"]
    ground_truth: str


class DSimExtra(TypedDict):
    """verl's ``extra_info`` field of a D_sim row.

    Attributes:
        split: ``"train"`` or ``"test"``.
        index: The number of the row in its file, from 0.
        call_id: The id of the recorded call.
        turn: The number of the customer turn in the call, from 0.
        context: The conversation before the answer, without profile and guidance. Rewards read
            nothing else besides the answer.
    """

    split: str
    index: int
    call_id: str
    turn: int
    context: list[ChatMessage]


class DSimRow(TypedDict):
    """One row of D_sim (eq. 6).

    Attributes:
        data_source: ``gsim/`` and the name of the group; verl chooses the reward function by it.
        prompt: What the simulator sends to the customer model; the last message is the guidance.
        messages: The prompt followed by the human answer, for supervised fine-tuning.
        reward_model: The human answer, for reinforcement learning.
        extra_info: The call, the turn and the context.
    """

    data_source: str
    prompt: list[ChatMessage]
    messages: list[ChatMessage]
    reward_model: RewardModel
    extra_info: DSimExtra


def read_rows(path: Path) -> list[DSimRow]:
    """Return the rows of a D_sim parquet file, in order.

    Raises:
        CorpusError: if the file does not exist or lacks a column of :class:`DSimRow`.
        ImportError: if pyarrow is absent.
    """
    if not path.is_file():
        raise CorpusError(
            f"There is no file {path}. Write D_sim with `gsim group data`, or give another file."
        )

    table = import_optional_module("pyarrow.parquet", "corpus").read_table(path)
    missing = COLUMNS.difference(table.column_names)
    if missing:
        raise CorpusError(
            f"{path} is not D_sim: it has no column {', '.join(sorted(missing))}; its columns are "
            f"{', '.join(table.column_names)}. Give a file from a d_sim/ folder."
        )

    rows: list[DSimRow] = table.to_pylist()
    return rows


def turn_key(row: DSimRow) -> TurnKey:
    """Return the call and the number of the customer turn that a row is about."""
    return row["extra_info"]["call_id"], row["extra_info"]["turn"]
