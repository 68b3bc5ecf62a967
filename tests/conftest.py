"""Fixtures of all tests: a network guard, the built-in group, and data sets derived from it."""

import json
import os
import socket
from itertools import chain

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import numpy as np
import pytest

from gsim_env.corpus.d_sim import turn_key
from gsim_env.corpus.training_data import sim_rows, write_parquet
from gsim_env.discriminator.negatives import sample_d_sim_dialogues
from gsim_env.discriminator.pairs import load_answer_pairs
from gsim_env.groups import Group, load_group
from gsim_env.models.encoders import HashingEncoder
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary

LOOPBACK = ("127.", "::1", "localhost")
_connect = socket.socket.connect


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that connects to anything but the loopback interface."""

    def connect(self: socket.socket, address):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            pytest.fail(f"the test tried to connect to {address!r}")
        return _connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(scope="session")
def group() -> Group:
    return load_group("food_delivery")


@pytest.fixture(scope="session")
def d_sim(group, tmp_path_factory):
    """D_sim of the built-in group, on disk."""
    indexed = index_calls(group.calls, HashingEncoder())
    calls = replay(group, indexed, MemoryLibrary(indexed), np.random.default_rng(0))
    file = tmp_path_factory.mktemp("d_sim") / "train.parquet"
    write_parquet(file, sim_rows(group, calls, "train"))
    return file


@pytest.fixture(scope="session")
def negatives(d_sim, tmp_path_factory):
    """Salespeople's utterances from other calls as negative answers."""
    rows = list(chain.from_iterable(sample_d_sim_dialogues(d_sim, 80, 0)))
    said = [row["extra_info"]["context"][-1]["content"] for row in rows]
    file = tmp_path_factory.mktemp("negatives") / "negatives.jsonl"
    with file.open("w", encoding="utf-8") as stream:
        for row, text in zip(rows, said[7:], strict=False):
            call_id, turn = turn_key(row)
            line = {
                "call_id": call_id,
                "turn": turn,
                "generator": "sales",
                "temperature": 1.0,
                "text": text,
            }
            stream.write(json.dumps(line) + "\n")
    return file


@pytest.fixture(scope="session")
def pairs(d_sim, negatives):
    """Pairs of a customer's answer and a negative."""
    return load_answer_pairs(d_sim, negatives)


@pytest.fixture(scope="session")
def smollm2_folder(tmp_path_factory):
    """The packaged base model as a transformers folder."""
    from gsim_env.models.export import export_gguf_as_transformers
    from gsim_env.models.weights import pull_base_model

    folder = tmp_path_factory.mktemp("smollm2")
    export_gguf_as_transformers(pull_base_model(), folder)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the launch tests first: they take longest and need the most memory."""
    items.sort(key=lambda item: "launch" not in item.path.parts)
