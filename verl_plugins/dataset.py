"""verl dataset of customer seeds: a GRPO group's samples call the same customer."""

from itertools import chain
from typing import Any

import torch
from torch.utils.data import Dataset

from gsim_env.errors import ConfigurationError

__all__ = ["CustomerSeedDataset"]


class CustomerSeedDataset(Dataset[dict[str, Any]]):
    """verl dataset of customer seeds for the agent loops ``gsim_sales`` and ``gsim_customer``.

    ``data.train_files`` and ``data.val_files`` are ranges of seeds, ``start:stop``, not files: the
    node ``gsim`` and the seed determine the call. Use disjoint ranges for training and validation.

    Args:
        data_files: ``"start:stop"``, or a list of ranges.
        tokenizer: Unused; agent loops tokenize.
        config: Unused; the node ``data``.
        processor: Unused.
        max_samples: Maximum number of rows, from the first; -1 for all.

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
        del tokenizer, config, processor  # verl passes them to every dataset
        ranges = [data_files] if isinstance(data_files, str) else list(data_files)
        seeds = list(chain.from_iterable(map(_parse_seed_range, ranges)))
        self._seeds = seeds if max_samples < 0 else seeds[:max_samples]

    def __len__(self) -> int:
        return len(self._seeds)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return the dataset row of a customer seed, with the fields of verl's own datasets."""
        seed = self._seeds[index]
        return {
            "data_source": "gsim",
            # A label only: the agent loop writes the prompt.
            "raw_prompt": [{"role": "user", "content": f"Call {seed}."}],
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {"index": seed, "seed": seed},
            "index": seed,
            "tools_kwargs": {},
            "interaction_kwargs": {},
            "dummy_tensor": torch.tensor([0], dtype=torch.uint8),
        }


def _parse_seed_range(text: str) -> range:
    """Parse ``start:stop`` to a range of seeds."""
    start, _, stop = str(text).partition(":")
    if not (start.isdecimal() and stop.isdecimal() and int(start) < int(stop)):
        raise ConfigurationError(
            "data.train_files and data.val_files must be ranges of seeds 'start:stop' with "
            f"start < stop, such as '0:4096'. Got {text!r}."
        )
    return range(int(start), int(stop))
