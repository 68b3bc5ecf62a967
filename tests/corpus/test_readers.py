"""Corpus readers: real corpora, containers and shapes, counted repairs, malformed rows."""

import json
from collections import Counter
from itertools import chain

import pytest

from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.normalize import SILENCE
from gsim_env.corpus.readers import CorpusReader, MalformedRow, guess_mapping
from gsim_env.dialogue import Outcome
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.simulation import prompts
from tests.data import DATA

GSIM = FieldMapping(id="id", outcome="outcome")


def say(*turns):
    """The turns ``"s: words"`` and ``"c: words"`` in the shared format."""
    roles = {"s": "sales", "c": "customer"}
    return [{"role": roles.get(turn[0], turn[0]), "text": turn[3:]} for turn in turns]


def words(dialogue):
    return [f"{turn.role[0]}: {turn.text}" for turn in dialogue.turns]


@pytest.fixture
def file(tmp_path):
    """Writes a file: text as it is, rows as JSON lines."""

    def write(*rows, name="calls.jsonl"):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / name

    return write


def real(name):
    if not (DATA / f"{name}.jsonl").is_file():
        pytest.skip(f"{DATA / name}.jsonl is absent: set GSIM_DATA (CONTRIBUTING.md)")
    return DATA / f"{name}.jsonl"


@pytest.mark.parametrize(
    ("name", "mapping", "dialogues", "customer_turns", "silences"),
    [
        ("p4g", "p4g", 814, 8274, 0),
        ("casino", "casino", 824, 4714, 415),
        ("salessim_synth", "gsim", 40, 451, 0),
    ],
)
def test_the_real_corpora_are_read_completely(name, mapping, dialogues, customer_turns, silences):
    path = real(name)
    guessed = guess_mapping(path)
    assert guessed == FieldMapping.load(mapping)
    reader = CorpusReader(path, guessed)
    read = list(reader)
    assert (len(read), reader.malformed) == (dialogues, [])
    assert sum(len(dialogue.customer_turns()) for dialogue in read) == customer_turns
    assert reader.repairs == +Counter(added_silence=silences)
    assert [dialogue.id for dialogue in read] == [
        json.loads(line)["id"] for line in path.read_bytes().splitlines()
    ]


def test_p4g_has_stages_outcomes_and_attributes():
    read = list(CorpusReader(real("p4g"), FieldMapping.load("p4g")))
    assert Counter(dialogue.outcome for dialogue in read) == {
        Outcome.ACCEPTED: 439,
        Outcome.DECLINED: 375,
    }

    turns = list(chain.from_iterable(dialogue.turns for dialogue in read))
    assert sum(turn.stage is not None for turn in turns) == 4741
    assert read[0].attributes == {
        "age": "48",
        "sex": "Female",
        "education": "Less than four-year college",
        "marital": "Married",
        "employment": "Other",
        "income_bracket": "4",
    }
    assert [turn.stage for turn in read[0].turns[:4]] == [
        "opening",
        "opening",
        "probing",
        "neutral",
    ]
    assert sum("sex" not in dialogue.attributes for dialogue in read) == 7  # null in the source


def test_dialogues_are_repaired_and_every_repair_is_counted(file):
    path = file(
        {
            "id": 1,
            "outcome": "accepted",
            "turns": say("c: Hello?", "s:  Hi\n there ", "s: Ann here.", "c:  ", "c: Yes?"),
        },
        {
            "turns": [{"role": "system", "text": "Be brief."}, *say("s: Hi.", "c: No.")],
            "outcome": "unheard-of",
        },
    )
    reader = CorpusReader(path, GSIM)
    first, second = reader

    assert words(first) == ["s: ...", "c: Hello?", "s: Hi there Ann here.", "c: Yes?"]
    assert (first.id, first.outcome) == ("1", Outcome.ACCEPTED)
    assert words(second) == ["s: Hi.", "c: No."]
    assert (second.id, second.outcome) == ("calls-2", None)
    assert reader.repairs == {
        "added_silence": 1, "merged_turns": 1, "collapsed_whitespace": 1, "dropped_empty_turns": 1,
        "skipped_messages": 1, "unmapped_outcomes": 1,
    }  # fmt: skip
    assert len(list(reader)) == 2
    assert reader.repairs.total() == 6  # of the latest pass, not of both


def test_silence_is_what_the_simulator_hears():
    assert SILENCE == prompts.SILENCE


def test_merged_turns_keep_the_last_label_and_unmapped_ones_are_counted(file):
    turns = [
        {"role": "sales", "text": "Hi.", "act": ["greet"], "about": "fees"},
        {"role": "sales", "text": "Well."},
        {"role": "customer", "text": "No.", "act": ["odd"]},
    ]
    mapping = FieldMapping(
        stage="act",
        concern="about",
        stages={"sales": {"opening": ("greet",)}, "customer": {"refusing": ("refuse",)}},
    )
    reader = CorpusReader(file({"turns": turns}), mapping)
    [dialogue] = reader

    assert [(turn.stage, turn.concern) for turn in dialogue.turns] == [
        ("opening", "fees"),
        (None, None),
    ]
    assert reader.repairs == {"merged_turns": 1, "unmapped_stages": 1}


def test_attributes_are_joined_left_out_or_counted(file):
    row = {
        "turns": say("s: Hi.", "c: No."),
        "who": {"age": 31.0, "likes": ["tea", "rain"], "sex": None, "home": {"a": 1}},
    }
    places = {name: f"who.{name}" for name in ("age", "likes", "sex", "home", "absent")}
    reader = CorpusReader(file(row), FieldMapping(attributes=places))
    assert next(iter(reader)).attributes == {"age": "31", "likes": "tea, rain"}
    assert reader.repairs == {"unreadable_attributes": 1}


MALFORMED = [
    ("{broken", r"bad JSON: .*column 2"),
    ("[" * 100_000, "bad JSON: "),
    ({"turns": say("s: Hi.", "s: Anybody?")}, "the customer says nothing"),
    ({"turns": []}, "the customer says nothing"),
    (
        {"turns": say("s: Hi.", "b: No.")},
        r"turn 2: unknown role 'b' at 'role'.*knows: sales \(sales\), customer \(cust",
    ),
    ({"turns": [{"role": "customer", "text": 7}]}, "turn 1: expected text at 'text', got 7"),
    ({"turns": [{"role": "customer"}]}, "turn 1: expected text at 'text', got None"),
    ({"turns": ["Hi."]}, "turn 1: expected an object, got 'Hi.'"),
    ({"id": "x", "dialog": []}, "no list of turns at 'turns'.*the row has: id, dialog"),
    ("[1, 2]", "no list of turns at 'turns'"),
    (
        {"id": "good-0", "turns": say("s: Hi.", "c: No.")},
        r"duplicate id 'good-0'; first used on line 1$",
    ),
    ('{"turns": [{"role": "customer", "text": "\\ud800"}]}', "turn 1: text: .*string"),
]


@pytest.mark.parametrize(("row", "reason"), MALFORMED)
def test_malformed_rows_raise_with_file_line_and_reason(file, row, reason):
    reader = CorpusReader(file({"id": "good-0", "turns": say("s: Hi.", "c: No.")}, "", row), GSIM)
    with pytest.raises(CorpusError, match=rf"calls\.jsonl, line 3: {reason}"):
        list(reader)


def test_malformed_rows_are_skipped_each_with_its_line(file):
    rows = [row for row, _ in MALFORMED]
    good = [
        {"id": f"good-{index}", "turns": say("s: Hi.", "c: No.", "c: Bye.")}
        for index in range(len(rows))
    ]
    lines = chain.from_iterable(zip(good, rows, strict=True))
    reader = CorpusReader(file(*lines), GSIM, "skip")
    assert [dialogue.id for dialogue in reader] == [row["id"] for row in good]
    assert [row.line for row in reader.malformed] == list(range(2, 2 * len(rows) + 1, 2))
    assert isinstance(reader.malformed[0], MalformedRow)
    assert reader.repairs == {"merged_turns": len(good)}  # malformed rows add nothing


def test_bytes_that_are_not_utf8_are_one_malformed_row(tmp_path):
    path = tmp_path / "calls.jsonl"
    good = json.dumps({"turns": say("s: Hi.", "c: No.")}).encode()
    path.write_bytes(good + b'\n{"turns": "\xff"}\n' + good)
    reader = CorpusReader(path, GSIM, "skip")
    assert [dialogue.id for dialogue in reader] == ["calls-1", "calls-3"]
    assert [row.line for row in reader.malformed] == [2]


@pytest.mark.parametrize("container", ["jsonl", "csv"])
def test_the_reader_streams(file, container):
    """The first dialogue comes before the broken last line; only a buffer has been read."""
    if container == "jsonl":
        path = file(*[{"turns": say("s: Hi.", "c: No.")}] * 20_000, "{broken")
        mapping = GSIM
    else:
        path = file(
            "dialogue_id,role,text",
            *[f"{i // 2},{('sales', 'customer')[i % 2]},Hi" for i in range(40_000)],
            '9,"x"y',
        )
        mapping = FieldMapping.load("csv")
    dialogues = iter(CorpusReader(path, mapping))
    assert words(next(dialogues))[1][0] == "c"
    path.write_bytes(path.read_bytes()[:65_536])
    assert sum(1 for _ in _until_error(dialogues)) < 10_000


def _until_error(dialogues):
    try:
        yield from dialogues
    except CorpusError:
        return


def test_a_whole_json_document_by_path_as_an_array_or_by_id(file):
    rows = [{"turns": say("s: Hi.", "c: No.")}, {"turns": say("s: Hi.")}]
    path = file(json.dumps({"data": {"calls": rows}}, indent=1), name="all.json")
    reader = CorpusReader(path, FieldMapping(container="json", dialogues="data.calls"), "skip")
    assert [dialogue.id for dialogue in reader] == ["all-1"]
    assert [row.line for row in reader.malformed] == [2]
    path = file({"a": rows[0], "b": rows[0]}, name="all.json")
    assert [dialogue.id for dialogue in CorpusReader(path, FieldMapping(container="json"))] == [
        "a",
        "b",
    ]
    with pytest.raises(CorpusError, match=r"no dialogues at 'calls'.*holds: \['a', 'b'\]"):
        list(CorpusReader(path, FieldMapping(container="json", dialogues="calls")))
    with pytest.raises(CorpusError, match=r"all\.json, line 2: bad JSON"):
        list(CorpusReader(file("[", "x]", name="all.json"), FieldMapping(container="json")))


def test_the_mapping_for_telesales_corpus_reads_the_shape_that_it_assumes(file):
    dialogue = [{"role": "销售", "content": "您好"}, {"role": "客户", "content": "不需要"}]
    path = file(
        json.dumps([{"id": 7, "dialogue": dialogue}], ensure_ascii=False),
        name="TeleSalesCorpus.json",
    )
    [read] = CorpusReader(path, FieldMapping.load("telesales_corpus"))
    assert (read.id, words(read)) == ("7", ["s: 您好", "c: 不需要"])


def test_csv_is_grouped_by_its_id_column(file):
    path = file(
        "\ufeffdialogue_id,role,text,stage,outcome",
        'a,agent,"Hi,\nit is Ann.",opening,',
        "a,customer,No.,,declined",
        "",
        "b,agent,Hi.,,",
        "b,customer,Yes.,,",
        name="calls.csv",
    )
    reader = CorpusReader(path, guess_mapping(path))
    first, second = reader

    assert (first.id, first.outcome, words(first)) == (
        "a",
        Outcome.DECLINED,
        ["s: Hi, it is Ann.", "c: No."],
    )
    assert [turn.stage for turn in first.turns] == ["opening", None]
    assert (second.id, second.outcome) == ("b", None)


def test_a_broken_csv_line_costs_its_dialogue_and_no_other(file):
    path = file(
        "dialogue_id,role,text",
        "a,sales,Hi.", "a,customer,No.",
        "b,sales,Hi.", 'b,customer,"No."x', "b,customer,Bye.",
        "c,sales,Hi.", "c,waiter,No.",
        "d,sales,Hi.", "d,customer",
        "e,sales,Hi.", ",customer,No.",
        "a,sales,Hi.", "a,customer,No.",
        "f,sales,Hi.", "f,customer,Yes.",
        name="calls.csv",
    )  # fmt: skip
    reader = CorpusReader(path, FieldMapping.load("csv"), "skip")
    assert [dialogue.id for dialogue in reader] == ["a", "f"]
    assert [(row.line, row.reason.split(":")[0]) for row in reader.malformed] == [
        (5, "bad CSV"),
        (8, "turn 2"),
        (10, "2 cells under 3 columns"),
        (12, "nothing under 'dialogue_id'"),
        (13, "duplicate id 'a'; first used on line 2"),
    ]


def test_a_csv_without_the_columns_names_those_it_has(file):
    path = file("call,speaker,text", "a,agent,Hi.", name="calls.csv")
    for on_error in ("raise", "skip"):
        with pytest.raises(
            CorpusError, match=r"no column 'dialogue_id', 'role'.*columns are: call, speaker, text"
        ):
            list(CorpusReader(path, FieldMapping.load("csv"), on_error))


def test_shapes_are_guessed_from_the_first_rows(file):
    chat = {"messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": "Hi."},
                         {"role": "assistant", "content": "No."}]}  # fmt: skip
    sharegpt = {
        "conversations": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "No."}]
    }
    gsim = {"id": "a", "turns": say("s: Hi.", "c: No.")}
    rows = {
        "chat": chat,
        "sharegpt": sharegpt,
        "gsim": gsim,
        "casino": gsim | {"source": "CaSiNo"},
        "p4g": gsim | {"source": "PersuasionForGood"},
    }

    for name, row in rows.items():
        mapping = guess_mapping(file("{broken", row))
        assert (mapping.name, mapping.container) == (name, "jsonl")
        whole = file(json.dumps([row], indent=2), name="all.json")
        assert (guess_mapping(whole).name, guess_mapping(whole).container) == (name, "json")
        assert [words(dialogue) for dialogue in CorpusReader(whole, guess_mapping(whole))] == [
            ["s: Hi.", "c: No."]
        ]


@pytest.mark.parametrize(
    ("row", "fields"),
    [({"utterances": []}, "utterances"), ("not JSON", "none readable"), ("", "none")],
)
def test_a_shape_that_is_not_known_lists_the_built_in_ones(file, row, fields):
    with pytest.raises(
        ConfigurationError, match=rf"fields: {fields}[\s\S]*casino, chat, csv, gsim, p4g"
    ):
        guess_mapping(file(row))


def test_arguments_that_are_not_legal(file, tmp_path):
    with pytest.raises(ConfigurationError, match="Legal values: raise, skip"):
        CorpusReader(file("x"), GSIM, "ignore")
    with pytest.raises(CorpusError, match=r"absent\.jsonl"):
        list(CorpusReader(tmp_path / "absent.jsonl", GSIM, "skip"))
