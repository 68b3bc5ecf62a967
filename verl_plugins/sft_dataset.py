"""D_sim for verl's supervised trainer, in the two styles that the paper compares."""

from typing import Any

import torch
from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

from gsim_env.errors import unknown

__all__ = ["STYLES", "CustomerSFTDataset"]

STYLES = ("guided", "userlm")


class CustomerSFTDataset(MultiTurnSFTDataset):
    """Rows of D_sim; the loss is on the customer's words.

    ``data.style`` is ``"guided"`` (default): a row is a turn as the simulator prompts for it, its
    guidance last, and the loss is on its answer; or ``"userlm"``: a row is a whole call without
    guidance, and the loss is on all that the customer says.

    Raises:
        ConfigurationError: if the style is neither.
    """

    dataframe: Any

    def __init__(
        self,
        parquet_files: Any,
        tokenizer: Any,
        config: Any,
        processor: Any = None,
        max_samples: int = -1,
    ) -> None:
        self.style = config.get("style", "guided")
        if self.style not in STYLES:
            raise unknown("data.style", self.style, STYLES)
        super().__init__(parquet_files, tokenizer, config, processor, max_samples)

    def _read_files_and_process(self) -> None:
        super()._read_files_and_process()
        if self.style == "userlm":
            rows = self.dataframe
            calls = rows["extra_info"].map(lambda info: info["call_id"])
            self.dataframe = rows[
                ~calls.duplicated(keep="last")
            ]  # the last turn's prompt holds the whole call
            self.messages = self.dataframe[self.messages_key].tolist()

    def _build_messages(self, example: dict[str, Any]) -> list[dict[str, str]]:
        messages: list[dict[str, str]] = super()._build_messages(example)
        if self.style == "userlm":
            del messages[-2]  # the guidance stands before the answer
        return messages

    def _process_single_message(
        self,
        index: int,
        message: dict[str, Any],
        full_message: list[Any],
        *args: Any,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        ids, loss, seen, rest = super()._process_single_message(
            index, message, full_message, *args, **kwargs
        )
        if self.style == "guided" and index < len(full_message) - 1:
            loss = torch.zeros_like(loss)
        return ids, loss, seen, rest
