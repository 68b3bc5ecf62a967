"""The dataset of calls: a row is a seed, so that the calls of a GRPO group begin alike."""

from typing import Any

import torch
from torch.utils.data import Dataset

from gsim_env.errors import ConfigurationError

__all__ = ["CallDataset"]


class CallDataset(Dataset[dict[str, Any]]):
    """Rows for the agent loops ``gsim_sales`` and ``gsim_customer``, which draw the customer from
    the row's seed.

    ``data.train_files`` and ``data.val_files`` are ranges of seeds, ``start:stop``, and there are
    no files: the node ``gsim`` and the seed decide what a call is about. Train and validate on
    ranges that do not meet.

    Args:
        data_files: ``"start:stop"``, or a list of such.
        tokenizer: Not used: agent loops make the tokens.
        config: The node ``data``.
        processor: Not used.
        max_samples: At most so many rows, the first; -1 for all.

    Raises:
        ConfigurationError: if a range is malformed or empty.
    """

    def __init__(
        self,
        data_files: Any,
        tokenizer: Any,
        config: Any,
        processor: Any = None,
        max_samples: int = -1,
    ) -> None:
        del tokenizer, config, processor  # verl gives them to every dataset
        ranges = [data_files] if isinstance(data_files, str) else list(data_files)
        self._seeds = [seed for own in ranges for seed in seeds_of(own)][
            : None if max_samples < 0 else max_samples
        ]

    def __len__(self) -> int:
        return len(self._seeds)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return the row of a seed, with the fields that verl's own datasets have."""
        seed = self._seeds[index]
        return {
            "data_source": "gsim",
            "raw_prompt": [
                {"role": "user", "content": f"Call {seed}."}
            ],  # a label: the loop makes the prompt
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {"index": seed, "seed": seed},
            "index": seed,
            "tools_kwargs": {},
            "interaction_kwargs": {},
            "dummy_tensor": torch.tensor([0], dtype=torch.uint8),
        }


def seeds_of(text: str) -> range:
    """Return the seeds that ``start:stop`` names."""
    start, _, stop = str(text).partition(":")
    if not (start.isdecimal() and stop.isdecimal() and int(start) < int(stop)):
        raise ConfigurationError(
            f"data.train_files and data.val_files name seeds as 'start:stop', such as '0:4096', got {text!r}."
        )
    return range(int(start), int(stop))
