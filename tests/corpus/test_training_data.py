"""D_gen and D_sim: constraints that hold, the simulator's prompts, atomic files, typed rows."""

import json

import numpy as np
import pyarrow.parquet as parquet
import pytest

from gsim_env.corpus.d_sim import DSimExtra, DSimRow, read_rows, turn_key
from gsim_env.corpus.training_data import gen_rows, sim_rows, write_parquet
from gsim_env.errors import CorpusError
from gsim_env.models.encoders import HashingEncoder
from gsim_env.profiles import CustomerProfile, ProfileConstraints
from gsim_env.simulation.replay import replay
from gsim_env.sop.index import index_calls
from gsim_env.sop.library import MemoryLibrary


def test_profiles_meet_the_constraints_of_their_instruction(group):
    rows = list(gen_rows(group, ((call.id, call.profile) for call in group.calls), "train"))
    assert len(rows) == len(group.calls)
    seen = set()
    for row in rows:
        constraints = json.loads(row["prompt"][0]["content"].rpartition("Constraints: ")[2])
        seen |= set(constraints)
        profile = CustomerProfile.model_validate_json(row["reward_model"]["ground_truth"])
        assert ProfileConstraints.model_validate(constraints).admits(profile)
    assert seen == {"archetype", "concerns", "must_contain"}


def test_a_row_is_what_the_simulator_would_send_and_what_was_said(group):
    indexed = index_calls(group.calls[:8], HashingEncoder())
    replayed = list(replay(group, indexed, MemoryLibrary(indexed), np.random.default_rng(0)))
    rows = list(sim_rows(group, replayed, "train"))
    said = []
    for call in group.calls[:8]:
        said += [turn.text for turn in call.customer_turns()]
    assert [row["reward_model"]["ground_truth"] for row in rows] == said
    for row in rows:
        roles = [message["role"] for message in row["prompt"]]
        assert roles[0] == roles[-1] == "system"
        assert roles[1:-1] == ["user", "assistant"] * (len(roles[1:-1]) // 2) + ["user"]


def test_a_file_is_whole_or_absent(tmp_path):
    def cut_off():
        yield {"index": 1}
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_parquet(tmp_path / "rows.parquet", cut_off())
    assert not (tmp_path / "rows.parquet").exists()
    assert write_parquet(tmp_path / "rows.parquet", ({"index": n} for n in range(2500))) == 2500
    assert parquet.read_table(tmp_path / "rows.parquet")["index"].to_pylist() == list(range(2500))


def test_d_sim_rows_are_read_back_typed(group, d_sim):
    rows = read_rows(d_sim)
    assert set(rows[0]) == set(DSimRow.__annotations__)
    assert set(rows[0]["extra_info"]) == set(DSimExtra.__annotations__)
    assert turn_key(rows[1]) == (group.calls[0].id, 1)


def test_a_file_that_is_not_d_sim_names_the_missing_columns(tmp_path):
    with pytest.raises(CorpusError, match="There is no file"):
        read_rows(tmp_path / "absent.parquet")
    write_parquet(tmp_path / "rows.parquet", [{"prompt": "x", "messages": "y"}])
    with pytest.raises(CorpusError, match="no column data_source, extra_info, reward_model"):
        read_rows(tmp_path / "rows.parquet")
