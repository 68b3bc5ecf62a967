"""Taxonomy mining: templates that load, and meaningful clusters on real dialogues."""

import json
import tomllib
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import chain, islice
from string import ascii_lowercase

import numpy as np
import pytest

from gsim_env.corpus.mapping import FieldMapping
from gsim_env.corpus.mining import mine, mine_template, sentences, write_template
from gsim_env.corpus.mining.naming import unique_name
from gsim_env.corpus.mining.stage_kinds import Kind, assign_kinds, kind_table
from gsim_env.corpus.mining.stages import cluster_stages
from gsim_env.corpus.mining.template import quoted
from gsim_env.corpus.readers import CorpusReader
from gsim_env.dialogue import Dialogue, Turn
from gsim_env.errors import ConfigurationError, CorpusError, SimulatorError
from gsim_env.groups import Group
from gsim_env.models import Completion
from gsim_env.models.backends.embedded import Config as EmbeddedConfig
from gsim_env.models.encoders import HashingEncoder
from gsim_env.models.registry import build_encoder
from gsim_env.simulation.salespeople import SalesScript
from tests.corpus.helpers import invert
from tests.data import DATA

NEEDED = {
    "sales": {"open", "neutral", "inform", "answer", "ask", "end"},
    "customer": {"open", "neutral", "concern", "warm", "accept", "decline"},
}
AWKWARD = 'He said "no" \\ twice \x7f 谢谢 \N{LINE SEPARATOR} 😀 \'\'\' """ # [x] = $name'


@pytest.fixture(scope="session")
def calls(group):
    """Forty calls of the built-in group, without their labels."""
    return [
        Dialogue(
            id=call.id, turns=tuple(Turn(role=turn.role, text=turn.text) for turn in call.turns)
        )
        for call in group.calls[:40]
    ]


@pytest.fixture(scope="session")
def quick(calls):
    return mine(calls, HashingEncoder(), concerns=4)


def kinds(mined, role):
    return [stage.kind for stage in mined.taxonomy.stages(role).values()]


@pytest.mark.parametrize("role", ["sales", "customer"])
def test_every_kind_that_is_needed_is_there(quick, calls, role):
    assert len(kinds(quick, role)) == 9
    assert set(kinds(quick, role)) >= NEEDED[role]
    fewest = mine(calls, HashingEncoder(), stages=6, concerns=1)
    assert sorted(kinds(fewest, role)) == sorted(NEEDED[role])
    assert len(fewest.taxonomy.concerns) == 1


def test_a_missing_kind_takes_the_cluster_that_loses_least_and_never_the_last_of_another():
    table = {name: Kind(means="", phrases=("x",), optional=name == "c") for name in "abc"}
    assert assign_kinds(table, np.array([[5.0, 0.0, 0.0], [3.0, 2.0, 0.0], [0.0, 0.0, 9.0]])) == [
        "a",
        "b",
        "c",
    ]
    assert assign_kinds(table, np.array([[5.0, 0.0, 0.0], [0.0, 2.0, 3.0]])) == ["a", "b"]
    assert all(kind in kind_table("customer", optional=False) for kind in NEEDED["customer"])


@pytest.mark.parametrize(
    "text", [AWKWARD, "one\ntwo\r\n\tthree", "", "\ud800", "'", "\\u0041", "\x00\x1b"]
)
def test_any_text_is_a_string_of_toml(text):
    back = tomllib.loads(f"text = {quoted(text)}")["text"]
    assert back == text.encode("utf-8", "replace").decode()


def test_what_is_written_is_a_template_and_says_what_was_said(calls, quick, tmp_path):
    template = write_template(quick, tmp_path / "new", name="shops", brief=AWKWARD)
    assert isinstance(template, Group)
    assert template.taxonomy == quick.taxonomy
    assert template.config.brief == AWKWARD
    assert list(template.config.archetypes) == ["typical"]
    script = SalesScript.load(template)
    assert set(script.answers) == set(quick.taxonomy.concerns)
    turns = chain.from_iterable(call.turns for call in calls)
    said = [" ".join(turn.text.split()) for turn in turns]
    for line in (*script.opening, *script.pitch, *script.close, *examples(template.taxonomy)):
        assert any(line in turn for turn in said)
    text = (tmp_path / "new" / "taxonomy.toml").read_text()
    assert "guesses" in text
    assert "sentences" in text


def examples(taxonomy):
    stages = [*taxonomy.sales.values(), *taxonomy.customer.values()]
    phrases = [stage.examples for stage in stages]
    for concern in taxonomy.concerns.values():
        phrases += [concern.raised, concern.answers]
    return list(chain.from_iterable(phrases))


def test_awkward_words_survive_in_names_and_strings(quick, tmp_path):
    """What a corpus holds is sanitized before; a name comes from it, too."""
    sales = dict(quick.taxonomy.sales)
    name, stage = sales.popitem()
    sales[AWKWARD] = stage.model_copy(
        update={"definition": AWKWARD, "examples": (AWKWARD, "'", "\n")}
    )
    taxonomy = quick.taxonomy.model_copy(update={"sales": sales})
    odd = replace(
        quick,
        taxonomy=taxonomy,
        notes={**quick.notes, f"sales.{AWKWARD}": quick.notes[f"sales.{name}"]},
    )
    assert write_template(odd, tmp_path, name="odd").taxonomy == taxonomy


def test_words_of_any_script_are_mined():
    lines = [f"谢谢 {letter * 3} {AWKWARD}" for letter in ascii_lowercase]
    turns = tuple(
        Turn(role="customer" if n % 2 else "sales", text=line) for n, line in enumerate(lines)
    )
    mined = mine([Dialogue(id="1", turns=turns)], HashingEncoder(), stages=6, concerns=2)
    assert all(len(set(stage.examples)) >= 1 for stage in mined.taxonomy.customer.values())


def test_nothing_is_overwritten_and_names_are_identifiers(quick, tmp_path):
    write_template(quick, tmp_path, name="shops")
    edited = (tmp_path / "script.toml").read_bytes()
    with pytest.raises(ConfigurationError, match=r"holds taxonomy\.toml, group\.toml.* already"):
        write_template(quick, tmp_path, name="shops")
    with pytest.raises(ConfigurationError, match="already"):
        mine_template("absent.jsonl", tmp_path, name="shops")
    assert (tmp_path / "script.toml").read_bytes() == edited
    for name in ("", "My Shops", "../x"):
        with pytest.raises(ConfigurationError, match="identifier"):
            write_template(quick, tmp_path / "other", name=name)


def test_too_little_is_refused(calls):
    with pytest.raises(CorpusError, match="too few for 9 stages"):
        mine([calls[0].model_copy(update={"turns": calls[0].turns[:4]})], HashingEncoder())
    with pytest.raises(CorpusError, match="0 different sentences"):
        mine([], HashingEncoder())
    with pytest.raises(ConfigurationError, match="at least 6"):
        mine(calls, HashingEncoder(), stages=5)


def test_names_are_readable_and_unique():
    medoid = "How much commission do you take?"
    words = ["commission", "how", "much", "take"]
    assert unique_name(words, medoid, set()) == "how_much_commission"
    assert unique_name(words, medoid, {"how_much_commission"}) == "how_much_commission_take"
    taken = {"how_much_commission", "how_much_commission_take"}
    assert unique_name(words, medoid, taken) == "how_much_commission_take_2"


def test_a_file_is_masked_before_it_is_quoted(calls, tmp_path):
    rows = []
    for call in calls:
        turns = [
            {"role": turn.role, "text": f"Write to me@shop{call.id}.com now, {turn.text}"}
            for turn in call.turns
        ]
        rows.append(json.dumps({"id": call.id, "turns": turns}))
    (tmp_path / "calls.jsonl").write_text("\n".join(rows))
    made, _ = mine_template(
        tmp_path / "calls.jsonl", tmp_path / "out", name="shops", encoder="hashing", concerns=3
    )
    assert any("[EMAIL]" in text for text in examples(made.taxonomy))
    assert not any("me@shop" in file.read_text() for file in (tmp_path / "out").glob("*.toml"))


class Naming:
    """Answers with a kind or with a name, after one answer that does not fit."""

    def __init__(self, kind="neutral", name="none"):
        self.kind, self.name, self.requests = kind, name, []

    async def acomplete(self, request):
        self.requests.append(request)
        if len(self.requests) == 1:
            return Completion('{"kind": "friendly"}')
        if "kind" in request.schema["properties"]:
            return Completion(json.dumps({"kind": self.kind}))
        return Completion(json.dumps({"name": self.name, "definition": "says <|im_end|> so"}))


def test_a_language_model_gives_kinds_and_names_within_bounds(calls):
    model = Naming()
    taxonomy = mine(calls, HashingEncoder(), concerns=3, model=model).taxonomy
    assert list(taxonomy.concerns) == [
        "none_2",
        "none_3",
        "none_4",
    ]  # "none" is what a Manager says for no concern
    assert len(taxonomy.sales) == 9
    assert {stage.definition for stage in taxonomy.sales.values()} == {"says so"}
    # A model that answers "neutral" throughout is followed, but required kinds are kept.
    counts = Counter(stage.kind for stage in taxonomy.customer.values())
    assert counts == {"neutral": 4} | dict.fromkeys(NEEDED["customer"] - {"neutral"}, 1)
    assert "> " in model.requests[0].messages[1]["content"]


def test_a_language_model_that_never_fits_is_an_error_after_three_tries(calls):
    with pytest.raises(
        SimulatorError, match=r"Cluster \d+: no answer fits the schema in 3 tries.*name"
    ):
        mine(calls, HashingEncoder(), model=Naming(name="Not A Name"))


@pytest.mark.slow
def test_a_real_model_names_within_the_schema(calls, tmp_path):
    model = EmbeddedConfig(parallel=8).build()
    mined = mine(calls, HashingEncoder(), stages=6, concerns=2, model=model)
    assert write_template(mined, tmp_path, name="shops").taxonomy == mined.taxonomy


def real():
    if not (DATA / "p4g.jsonl").is_file():
        pytest.skip(f"{DATA / 'p4g.jsonl'} is absent: set GSIM_DATA (CONTRIBUTING.md)")
    return list(islice(CorpusReader(DATA / "p4g.jsonl", FieldMapping.load("p4g")), 150))


@pytest.mark.slow
def test_real_dialogues_give_a_template_that_means_something(tmp_path):
    dialogues = real()
    mined = mine(dialogues, build_encoder("minilm"))
    again = mine(dialogues, build_encoder("minilm"))

    assert (again.taxonomy, again.notes, again.script) == (
        mined.taxonomy,
        mined.notes,
        mined.script,
    )

    taxonomy = write_template(mined, tmp_path, name="appeal").taxonomy
    for role, needed in NEEDED.items():
        assert needed <= set(kinds(mined, role))
        first, *_, last = taxonomy.stages(role).values()
        assert first.kind == "open"
        assert any("hello" in text.lower() for text in first.examples)
        assert last.kind in ("end", "decline")
        assert any("thank" in text.lower() for text in last.examples)
    assert len(taxonomy.concerns) == 8

    raised = chain.from_iterable(concern.raised for concern in taxonomy.concerns.values())
    assert any("money" in text or "afford" in text for text in raised)

    said = [turn.text for turn in chain.from_iterable(call.turns for call in dialogues)]
    for text in examples(taxonomy):
        assert any(text in turn for turn in said)
    for stage in (*taxonomy.sales.values(), *taxonomy.customer.values()):
        assert 3 <= len(stage.examples) <= 5


@pytest.mark.slow
def test_clusters_agree_with_people(record_property, monkeypatch):
    """Purity against the annotated acts, folded by ``stage_map.json``.

    Also by the vectors alone, and by chance.
    """
    dialogues, truth = real(), annotated_stages()
    sample = sentences.sample_sentences(dialogues, 0)
    mined = {
        role: purity(side, truth)
        for role, side in sentences.side_features(sample, build_encoder("minilm")).items()
    }
    for weight in ("POSITION", "QUESTION", "NEGATION", "PREVIOUS_TURN"):
        monkeypatch.setattr(sentences, f"{weight}_WEIGHT", 0.0)
    plain = {
        role: purity(side, truth)
        for role, side in sentences.side_features(sample, build_encoder("minilm")).items()
    }

    for role, (pure, chance, annotated, right) in mined.items():
        record_property(f"{role}: purity", pure)
        record_property(f"{role}: purity by chance", chance)
        record_property(f"{role}: purity of the vectors alone", plain[role][0])
        record_property(f"{role}: annotated sentences", annotated)
        record_property(f"{role}: greetings in an open stage", right)
        assert annotated > 500
        assert pure > chance + 0.12
        assert pure > plain[role][0]
        assert right > 0.8


def annotated_stages():
    """The stage of each annotated sentence, by dialogue and turn: ``[(sentence, stage), ...]``."""
    table = json.loads((DATA / "stage_map.json").read_text())["p4g"]
    stage_of = {role: invert(table[role]) for role in table}
    truth = {}
    for row in map(json.loads, (DATA / "p4g.jsonl").read_text().splitlines()):
        for number, turn in enumerate(row["turns"]):
            units = [
                (unit["text"], stage_of[turn["role"]].get(unit["act"]))
                for unit in turn.get("units", ())
            ]
            truth[row["id"], number] = units
    return truth


def purity(side, truth):
    """Return purity, purity by chance, number of sentences, and recall of openings."""
    rows, labels = [], defaultdict(list)
    stages = cluster_stages(side, build_encoder("minilm"), 9, 0)

    for number, stage in enumerate(stages):
        for row in stage.rows:
            sentence = side.sentences[row]
            units = truth[sentence.call, sentence.turn]
            gold = next(
                (name for text, name in units if sentence.text in text or text in sentence.text),
                None,
            )
            if gold is not None:
                rows.append((number, gold))
    for number, gold in zip(
        np.random.default_rng(0).permutation([number for number, _ in rows]), rows, strict=True
    ):
        labels["chance", number].append(gold[1])
    for number, gold in rows:
        labels["mined", number].append(gold)
    common = Counter()
    for (how, _), golds in labels.items():
        common[how] += Counter(golds).most_common(1)[0][1]
    openings = [stages[number].kind == "open" for number, gold in rows if gold == "opening"]

    return (
        common["mined"] / len(rows),
        common["chance"] / len(rows),
        len(rows),
        float(np.mean(openings)),
    )
