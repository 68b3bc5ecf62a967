"""Supervised fine-tuning dataset on D_sim, with guidance or as whole calls (UserLM)."""

from typing import Any

import torch
from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

from gsim_env.errors import unknown_name_error

__all__ = ["STYLES", "CustomerSFTDataset"]

STYLES = ("guided", "userlm")


class CustomerSFTDataset(MultiTurnSFTDataset):
    """verl supervised fine-tuning dataset of D_sim, with the loss on customer turns.

    ``data.style`` selects one of two styles. ``"guided"`` (default): a row is one turn with the
    simulator's prompt, guidance last; the loss is on the customer's response. ``"userlm"``: a row
    is a whole call without guidance; the loss is on every customer turn.

    Raises:
        ConfigurationError: if the style is unknown.
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
            raise unknown_name_error("data.style", self.style, STYLES)
        super().__init__(parquet_files, tokenizer, config, processor, max_samples)

    def _read_files_and_process(self) -> None:
        super()._read_files_and_process()
        if self.style == "userlm":
            # The prompt of a call's last turn contains the whole call.
            calls = self.dataframe["extra_info"].map(lambda info: info["call_id"])
            self.dataframe = self.dataframe[~calls.duplicated(keep="last")]
            self.messages = self.dataframe[self.messages_key].tolist()

    def _build_messages(self, example: dict[str, Any]) -> list[dict[str, str]]:
        messages: list[dict[str, str]] = super()._build_messages(example)
        if self.style == "userlm":
            del messages[-2]  # the guidance, which precedes the response
        return messages

    def _process_single_message(
        self,
        index: int,
        message: dict[str, Any],
        full_message: list[Any],
        *args: Any,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        ids, loss_mask, attention_mask, inputs = super()._process_single_message(
            index, message, full_message, *args, **kwargs
        )

        # Earlier customer turns are context.
        if self.style == "guided" and index < len(full_message) - 1:
            loss_mask = torch.zeros_like(loss_mask)
        return ids, loss_mask, attention_mask, inputs
