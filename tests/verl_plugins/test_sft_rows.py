"""Loss masks of supervised fine-tuning on D_sim: the customer's words, in either style."""

import pyarrow.parquet
import pytest
from omegaconf import OmegaConf

from gsim_env.errors import ConfigurationError
from verl_plugins.sft_dataset import CustomerSFTDataset


def dataset(file, tokenizer, **config):
    settings = OmegaConf.create({"max_length": 4096, "pad_mode": "no_padding", **config})
    return CustomerSFTDataset(str(file), tokenizer, settings)


def trained_pieces(row, tokenizer) -> list[str]:
    """Return the pieces of text with a loss."""
    pieces: list[list[int]] = [[]]
    for token, own in zip(row["input_ids"].tolist(), row["loss_mask"].tolist(), strict=True):
        if own:
            pieces[-1].append(token)
        elif pieces[-1]:
            pieces.append([])
    return [tokenizer.decode(piece, skip_special_tokens=True).strip() for piece in pieces if piece]


def test_guided_trains_on_the_response_of_each_turn(d_sim, tokenizer) -> None:
    rows = pyarrow.parquet.read_table(d_sim).to_pylist()
    made = dataset(d_sim, tokenizer, style="guided")
    assert len(made) == len(rows)
    for index in (0, 1, 5):
        assert trained_pieces(made[index], tokenizer) == [
            rows[index]["reward_model"]["ground_truth"]
        ]
        text = tokenizer.decode(made[index]["input_ids"])
        assert text.count("Mood:") == 1
        assert text.index("Mood:") < text.rindex(rows[index]["reward_model"]["ground_truth"])


def test_userlm_trains_on_every_customer_turn_without_guidance(d_sim, tokenizer) -> None:
    rows = pyarrow.parquet.read_table(d_sim).to_pylist()
    calls = {row["extra_info"]["call_id"]: row for row in rows}  # the last row of each
    made = dataset(d_sim, tokenizer, style="userlm")
    assert len(made) == len(calls)
    for index, row in list(enumerate(calls.values()))[:3]:
        said = [message["content"] for message in row["messages"] if message["role"] == "assistant"]
        assert trained_pieces(made[index], tokenizer) == said
        assert "Mood:" not in tokenizer.decode(made[index]["input_ids"])


def test_an_unknown_style_is_answered_with_the_legal_ones(d_sim, tokenizer) -> None:
    with pytest.raises(ConfigurationError, match="guided"):
        dataset(d_sim, tokenizer, style="usermodel")
