"""Files that survive interruptions."""

import hashlib

import pytest
from pydantic import BaseModel

from gsim_env.errors import ConfigurationError, CorpusError
from gsim_env.util import files


class Item(BaseModel):
    name: str
    count: int = 0


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "data.txt"
    files.write_atomically(path, "old")
    files.write_atomically(path, "new é".encode())
    assert path.read_text(encoding="utf-8") == "new é"
    assert names(tmp_path) == ["data.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("old")

    def write_half():
        with files.atomic_path(path) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["data.txt"]


def test_jsonl_is_written_with_newlines(tmp_path):
    path = tmp_path / "data.jsonl"
    files.write_jsonl(path, ['{"a": 1}', '{"a": 2}'])
    assert path.read_bytes() == b'{"a": 1}\n{"a": 2}\n'
    files.write_jsonl(path, [])
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("content", "kept"),
    [(b"", b""), (b"one\n", b"one\n"), (b"one\ntw", b"one\n"), (b"on", b"")],
)
def test_an_incomplete_last_line_is_removed(tmp_path, content, kept):
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    files.truncate_torn_line(path)
    assert path.read_bytes() == kept


def test_truncating_a_missing_file_does_nothing(tmp_path):
    files.truncate_torn_line(tmp_path / "missing")
    assert names(tmp_path) == []


def test_a_store_returns_what_was_appended_before_an_interruption(tmp_path):
    path = tmp_path / "new" / "store.jsonl"
    store = files.JsonlStore(path, Item)
    assert list(store.read()) == []
    store.append(Item(name="line\u2028separator"))
    store.append(Item(name="second", count=2))
    with path.open("a") as stream:
        stream.write('{"name": "thi')

    again = files.JsonlStore(path, Item)
    again.append(Item(name="third"))
    assert [item.name for item in again.read()] == ["line\u2028separator", "second", "third"]


def test_a_malformed_line_is_named(tmp_path):
    path = tmp_path / "store.jsonl"
    path.write_text('{"name": "first"}\n{"count": 1}\n')
    with pytest.raises(CorpusError, match=r"store\.jsonl, line 2 is not a valid Item: .*count"):
        list(files.JsonlStore(path, Item).read())


def test_toml_is_read_as_a_model(tmp_path):
    path = tmp_path / "item.toml"
    path.write_text('name = "a"\ncount = 2\n')
    assert files.load_toml_model(Item, path) == Item(name="a", count=2)


@pytest.mark.parametrize("content", [None, b"name = ", b"count = 2", b"name = '\xff'"])
def test_bad_toml_names_the_file(tmp_path, content):
    path = tmp_path / "item.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"item\.toml: "):
        files.load_toml_model(Item, path)
    with pytest.raises(ConfigurationError, match=r"item\.toml: "):
        files.load_toml_model(Item, path, ConfigurationError)


def test_a_files_hash(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"data")
    assert files.sha256_file(path) == hashlib.sha256(b"data").hexdigest()
