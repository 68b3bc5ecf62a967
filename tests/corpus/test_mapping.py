"""Field mappings: the built-in ones, a user's own, and errors of illegal ones."""

import json

import pytest

from gsim_env.corpus.mapping import FieldMapping, builtin_mappings, find, labels
from gsim_env.dialogue import Outcome
from gsim_env.errors import ConfigurationError
from tests.data import DATA, needs_data


@pytest.fixture
def own(tmp_path):
    """Writes a user's own mapping."""

    def write(text):
        file = tmp_path / "own.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_every_built_in_mapping_loads_by_its_name():
    assert set(builtin_mappings()) == {
        "casino", "chat", "csv", "gsim", "p4g", "saledata", "sharegpt", "telesales_corpus"
    }  # fmt: skip
    for name in builtin_mappings():
        mapping = FieldMapping.load(name)
        assert mapping.name == name
        assert mapping.roles["sales"]
        assert mapping.roles["customer"]


def test_mappings_of_corpora_never_seen_say_so():
    for name in ("telesales_corpus", "saledata"):
        assert "UNTESTED" in builtin_mappings()[name].read_text(encoding="utf-8")


@needs_data("stage_map.json")
def test_p4g_folds_the_acts_as_the_stage_map_does():
    given = json.loads((DATA / "stage_map.json").read_text(encoding="utf-8"))["p4g"]
    stages = FieldMapping.load("p4g").stages
    assert {
        role: {stage: list(acts) for stage, acts in table.items()} for role, table in stages.items()
    } == given


def test_the_last_known_label_counts_and_roles_have_tables_of_their_own():
    p4g = FieldMapping.load("p4g")
    assert p4g.stage_of("sales", ["greeting", "emotion-appeal", "never-heard"]) == "pitch"
    assert p4g.stage_of("sales", ["thank", "positive-to-inquiry"]) == "rapport"
    assert p4g.stage_of("customer", ["thank", "positive-to-inquiry"]) == "answer"
    assert p4g.stage_of("customer", ["never-heard"]) is None
    assert p4g.stage_of("customer", []) is None
    assert FieldMapping(stage="stage").stage_of("sales", ["a", "b"]) == "b"


def test_outcomes_are_named_or_mapped():
    p4g, plain = FieldMapping.load("p4g"), FieldMapping()
    assert p4g.outcome_of("true") is Outcome.ACCEPTED
    assert p4g.outcome_of("false") is Outcome.DECLINED
    assert p4g.outcome_of("accepted") is None
    assert plain.outcome_of("hung_up") is Outcome.HUNG_UP
    assert plain.outcome_of(None) is None


def test_labels_are_what_is_written_in_the_file(own):
    mapping = FieldMapping.load(
        own("outcome: sold\noutcomes: {accepted: [yes, 1], declined: no}\n")
    )
    assert mapping.outcomes == {Outcome.ACCEPTED: ("yes", "1"), Outcome.DECLINED: ("no",)}
    assert labels(True) == ["true"]
    assert labels(1) == labels(1.0) == labels(" 1 ") == ["1"]
    assert labels(["a", None, 2.5, {"b": 1}, ["c"]]) == ["a", "2.5"]
    assert labels(None) == labels("  ") == labels({"a": 1}) == []


def test_paths_go_down_by_dots_and_a_whole_key_comes_first():
    row = {"meta": {"outcome": {"success": False}}, "meta.age": 3, "turns": [1]}
    assert find(row, "meta.outcome.success") is False
    assert find(row, "meta.age") == 3
    for nowhere in ("meta.outcome.success.deeper", "turns.0", "absent", None):
        assert find(row, nowhere) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trns: messages\n", r"own\.yaml[\s\S]*trns[\s\S]*Fields of a mapping: container, .*turns"),
        ("container: xml\n", "jsonl"),
        ("container: csv\n", "a csv needs `id`"),
        ("dialogues: data\n", "`dialogues` is for `container: json`"),
        ("roles: {sales: agent}\n", "roles"),
        (
            "roles: {sales: [agent], customer: [agent]}\n",
            "'agent' is listed under 'sales' and 'customer'",
        ),
        ("outcomes: {accepted: [y], declined: [y]}\n", "'y' is listed under"),
        ("outcomes: {bought: [y]}\n", "sales_ended"),
        ("stages: {sales: {a: x, b: x}}\n", "'x' is listed under 'a' and 'b'"),
        ("stages: {agent: {a: x}}\n", "stages"),
        ("- a list\n", "FieldMapping"),
        ("", "FieldMapping"),
        ("id: [unclosed\n", r"own\.yaml"),
        ("id: !!python/object/apply:os.system ['true']\n", "id"),
    ],
)
def test_a_mapping_that_cannot_be_right_says_why(own, text, message):
    with pytest.raises(ConfigurationError, match=message):
        FieldMapping.load(own(text))


def test_unknown_names_list_the_built_in_ones():
    with pytest.raises(ConfigurationError, match=r"casino, chat, csv.*Did you mean 'sharegpt'"):
        FieldMapping.load("sharegtp")


def test_without_pyyaml_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(ImportError, match=r"gsim-env\[corpus\]"):
        FieldMapping.load("gsim")
