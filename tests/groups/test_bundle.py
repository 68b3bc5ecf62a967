"""The bundle format: loading, and error messages."""

import json
import shutil

import gymnasium as gym
import pytest

import gsim_env  # noqa: F401 - registers
from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.groups import Group, load_group
from gsim_env.groups.bundle import read_recorded_calls


@pytest.fixture
def copy(group, tmp_path):
    """A user's own bundle: a copy of the built-in one."""
    return shutil.copytree(group.path, tmp_path / "mine", ignore=shutil.ignore_patterns("adapter"))


def edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_built_in_group_has_what_it_promises(group):
    by_archetype = dict.fromkeys(group.config.archetypes, 0)
    for call in group.calls:
        by_archetype[call.profile.archetype] += 1
        assert 2 <= len(call.turns) // 2 <= 15
        assert all(turn.stage for turn in call.turns)
    assert set(by_archetype) == {
        "price_sensitive",
        "resistance_heavy",
        "status_quo",
        "rational_skeptical",
        "competition_anxious",
    }
    assert min(by_archetype.values()) >= 32


def test_held_out_customers_are_other_people(group):
    held = read_recorded_calls(group.path / "held_out.jsonl")
    people = [call.profile.name for call in (*group.calls, *held)]
    assert len(held) == len(people) // 5 == 40
    assert not {call.profile.name for call in held} & {call.profile.name for call in group.calls}
    for call in held:
        group.check_profile(call.profile)
        for turn in call.turns:
            group.taxonomy.check(turn.role, turn.stage, turn.concern)


def test_a_users_own_group_plays_by_its_path(copy):
    env = gym.make("GroupedSim-Telemarketing-v0", group=str(copy), customer="scripted")
    assert env.reset(seed=0)[0]
    assert env.step("Hello?")[0]


@pytest.mark.parametrize(
    "name", ["group.toml", "taxonomy.toml", "corpus.jsonl", "prompts/customer.txt"]
)
def test_the_digest_changes_with_any_file_that_decides_behavior(copy, name):
    before = Group.load(copy).digest
    assert Group.load(copy).digest == before
    file = copy / name
    if name == "corpus.jsonl":
        file.write_text(
            "".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[1:]),
            encoding="utf-8",
        )
    elif name.endswith(".toml"):
        edit(file, "version = ", "version = 1")
    else:
        file.write_text(file.read_text(encoding="utf-8") + "Be brief.", encoding="utf-8")
    assert Group.load(copy).digest != before


def test_a_line_separator_in_an_attribute_does_not_split_a_call(copy, group):
    call = group.calls[0].model_copy(update={"id": "new", "attributes": {"note": "one\u2028two"}})
    with (copy / "corpus.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(call.model_dump_json() + "\n")
    assert Group.load(copy).calls[-1].attributes == {"note": "one\u2028two"}


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "corpus.jsonl",
            '"stage": "opening"',
            '"stage": "openning"',
            r"call 'ps-01'.*Did you mean 'opening'",
        ),
        (
            "corpus.jsonl",
            '"archetype": "price_sensitive"',
            '"archetype": "cheap"',
            r"call 'ps-01'.*archetype 'cheap'",
        ),
        (
            "corpus.jsonl",
            '"role": "customer"',
            '"role": "sales"',
            r"line 1: [\s\S]*expected 'customer'",
        ),
        ("corpus.jsonl", '"id": "ps-02"', '"id": "ps-01"', r"line 2: duplicate id 'ps-01'"),
        ("corpus.jsonl", '{"id"', '{"identity"', r"line 1: "),
        ("group.toml", "spread = 0.15", "spread = 5", "spread"),
        ("group.toml", "[stances]", "[moods]", "moods"),
        (
            "taxonomy.toml",
            'kind = "warm"',
            'kind = "neutral"',
            "no customer stage is of kind 'warm'",
        ),
        ("prompts/guidance.txt", "$stance", "$mood", r"found \['mood'\]"),
    ],
)
def test_broken_bundles_say_where_and_why(copy, name, old, new, message):
    edit(copy / name, old, new)
    with pytest.raises(CorpusError, match=message):
        Group.load(copy)


def test_missing_files_and_unknown_names(copy):
    (copy / "taxonomy.toml").unlink()
    with pytest.raises(CorpusError, match=r"taxonomy\.toml"):
        Group.load(copy)
    with pytest.raises(ConfigurationError, match="Did you mean 'food_delivery'"):
        load_group("food_deliveri")


def test_profiles_are_data_never_templates(copy):
    lines = (copy / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[0])
    row["profile"]["name"] = "$style {style} %s <|im_end|>"
    (copy / "corpus.jsonl").write_text("\n".join([json.dumps(row), *lines[1:]]), encoding="utf-8")
    from gsim_env.simulation.prompts import customer_system

    group = Group.load(copy)
    content = customer_system(group, group.calls[0].profile)["content"]
    assert content.startswith("You are $style {style} %s, ")
