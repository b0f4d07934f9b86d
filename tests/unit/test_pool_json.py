"""JSON in its shapes, whole and broken: good rows are kept, bad ones are named by line."""

from __future__ import annotations

import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import DataError
from alwidget.pool import Pool
from alwidget.pool.jsonstream import JsonStream


def load(tmp_path, content: str | bytes, name: str = "rows.csv", **options: object) -> Pool:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Pool.load(path, **options)


def texts(pool: Pool) -> list[str]:
    return [document.text for document in pool]


def where(pool: Pool) -> list[str]:
    return [problem.where for problem in pool.problems]


def test_json_lines_that_are_broken_are_named(tmp_path):
    lines = ['{"text": "a"}', '{"text": "b"', "[1, 2]", '"text"', "", "7", '{"text": 5}', '{"other": "x"}', "nonsense"]
    pool = load(tmp_path, "\n".join([*lines, '{"text": "z"}']), "rows.jsonl")
    assert texts(pool) == ["a", "z"]
    assert [(p.where, p.kind) for p in pool.problems] == [
        ("rows.jsonl, line 2", "broken"),
        ("rows.jsonl, line 3", "broken"),
        ("rows.jsonl, line 4", "broken"),
        ("rows.jsonl, line 6", "broken"),
        ("rows.jsonl, line 7", "not-text"),
        ("rows.jsonl, line 8", "empty"),
        ("rows.jsonl, line 9", "broken"),
    ]
    assert "not an object" in pool.problems[1].what


def test_json_that_would_break_a_parser_is_one_broken_line(tmp_path):
    lines = ['{"text": "a"}', "[" * 100_000, '{"text": "b", "n": ' + "9" * 5000 + "}", '{"text": "c", "n": NaN}']
    pool = load(tmp_path, "\n".join(lines), "rows.jsonl")
    assert texts(pool) == ["a", "c"]
    assert where(pool) == ["rows.jsonl, line 2", "rows.jsonl, line 3"]


def test_a_json_array_that_breaks_off_keeps_what_came_before(tmp_path):
    rows = [{"text": f"document {i}", "nested": [{"text": "no document"}]} for i in range(50)]
    content = json.dumps(rows, indent=1)
    pool = load(tmp_path, content[: content.index("document 30")], "rows.json")
    assert texts(pool) == [f"document {i}" for i in range(30)]
    assert len(pool.problems) == 1
    assert "what follows could not be read" in pool.problems[0].what
    line = content[: content.index("document 30")].count("\n") + 1
    assert pool.problems[0].where == f"rows.json, line {line}"
    with pytest.raises(DataError, match="strict"):
        load(tmp_path, content[:-5], "rows.json", strict=True)


@pytest.mark.parametrize(
    ("content", "kept", "line"),
    [
        ('[{"text": "a"}\n{"text": "b"}]', ["a"], 2),
        ('[{"text": "a"},\n{"text": }]', ["a"], 2),
        ('[{"text": "a"},\n\n{"text": "b\nc"}]', ["a"], 3),
        ('[{"text": "a"},\n{text: "b"}]', ["a"], 2),
        ('[{"text": "a"},\n]', ["a"], 2),
        ('[{"text": "a"},', ["a"], 1),
        ('[{"text": "a"},\n' + "[" * 100_000, ["a"], 2),
        ('[{"text": "a"},\n{"text": "b", "n": ' + "9" * 5000 + "}]", ["a"], 2),
        ('{"data": [{"text": "a"},\n{"text": "b"', ["a"], 2),
        ('{"text": "a"}\n{"text": \n', ["a"], 2),
    ],
)
def test_json_that_is_broken_somewhere_keeps_what_came_before(content, kept, line, tmp_path):
    pool = load(tmp_path, content, "rows.json")
    assert texts(pool) == kept
    assert where(pool) == [f"rows.json, line {line}"]


@pytest.mark.parametrize(
    "content",
    [
        "[3, 4]",
        "5",
        "nonsense",
        "{",
        '{"a"',
        "{3: 4}",
        '{"data" [1]}',
        '{"a": 1 "b": 2}',
        '{"a": [1, 2',
        "[[1], [2]]",
        "{}",
    ],
)
def test_json_without_a_row_is_an_error(content, tmp_path):
    with pytest.raises(DataError, match=r"rows\.json"):
        load(tmp_path, content, "rows.json")


@given(st.lists(st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans() | st.none()), st.integers(1, 9))
def test_values_are_read_whole_however_the_pieces_fall(values, size):
    content = io.StringIO(json.dumps(values))
    assert [value for _, value in JsonStream(lambda _: content.read(size)).elements()] == values


def test_packed_json_that_breaks_off_keeps_what_came_before(tmp_path):
    rows = [{"text": f"document {i} {i * 2654435761 % 2**32:x}"} for i in range(100_000)]
    whole = gzip.compress(json.dumps(rows).encode())
    pool = load(tmp_path, whole[: len(whole) // 2], "rows.json.gz")
    assert 10_000 < len(pool) < 90_000
    assert "damaged" in pool.problems[-1].what


def test_json_with_something_behind_it_says_so(tmp_path):
    pool = load(tmp_path, '[\n{"text": "a"}\n]\ngarbage', "rows.json")
    assert texts(pool) == ["a"]
    assert where(pool) == ["rows.json, line 4"]


def test_elements_of_an_array_are_named_by_their_line(tmp_path):
    pool = load(tmp_path, '[\n  {"text": "a"},\n  3,\n  {\n    "text": null\n  },\n  {"text": "b"}\n]', "rows.json")
    assert texts(pool) == ["a", "b"]
    assert where(pool) == ["rows.json, line 3", "rows.json, line 4"]


def test_json_arrays_are_read_in_pieces(tmp_path, monkeypatch):
    rows = [{"text": f"{i} " + "ü\n" * 40, "n": i} for i in range(300)]
    content = json.dumps(rows, ensure_ascii=False, indent=1)
    whole = texts(load(tmp_path, content, "rows.json", strict=True))
    for size in (1, 7, 64):
        monkeypatch.setattr("alwidget.pool.jsonstream._PIECE", size)
        assert texts(load(tmp_path, content, "rows.json", strict=True)) == whole == [row["text"] for row in rows]


def test_columns_of_different_length_are_an_error(tmp_path):
    with pytest.raises(DataError, match='"text" has 2, "label" has 1'):
        load(tmp_path, '{"text": ["a", "b"], "label": ["x"]}', "rows.json")


def test_json_objects_by_id_are_not_guessed_at(tmp_path):
    with pytest.raises(DataError, match="list of objects"):
        load(tmp_path, '{"a1": {"text": "a"}, "a2": {"text": "b"}}', "rows.json")
