"""Text stays text, and what is no text is set aside and said."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import DataError
from alwidget.pool import Pool, Problem


def load(tmp_path, content: str | bytes, name: str = "rows.csv", **options: object) -> Pool:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Pool.load(path, **options)


def texts(pool: Pool) -> list[str]:
    return [document.text for document in pool]


def where(pool: Pool) -> list[str]:
    return [problem.where for problem in pool.problems]


LITERAL = [
    "NA",
    "N/A",
    "null",
    "None",
    "nan",
    "NaN",
    "0",
    "1.0",
    "007",
    "TRUE",
    "false",
    "1e5",
    "-",
    "2026-01-05",
    "inf",
]


def test_words_that_parsers_take_for_missing_or_numbers_are_documents(tmp_path):
    body = "\n".join(f"{i},{text}" for i, text in enumerate(LITERAL))
    assert texts(load(tmp_path, f"id,text\n{body}\n", strict=True)) == LITERAL
    assert texts(load(tmp_path, "text\n" + "\n".join(LITERAL), strict=True)) == LITERAL
    lines = "\n".join(json.dumps({"text": text}) for text in LITERAL)
    assert texts(load(tmp_path, lines, "rows.jsonl", strict=True)) == LITERAL
    assert texts(Pool.load(LITERAL, strict=True)) == LITERAL
    assert texts(Pool.load(pd.DataFrame({"text": LITERAL}), strict=True)) == LITERAL


def test_empty_cells_are_no_documents(tmp_path):
    pool = load(tmp_path, 'id,text\n1,\n2,""\n3,"  "\n4,x\n5,\t\n6,\u00a0\n')
    assert texts(pool) == ["x"]
    assert [str(p) for p in pool.problems] == [f'rows.csv, line {n}: "text" is empty' for n in (2, 3, 4, 6, 7)]
    assert {p.kind for p in pool.problems} == {"empty"}
    assert pool.set_aside == 5


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, "", " \n"])
def test_missing_values_are_no_documents(missing):
    for data in (
        [{"text": "a"}, {"text": missing}],
        pd.DataFrame({"text": ["a", missing]}, dtype=object),
        ["a", missing],
    ):
        pool = Pool.load(data)
        assert texts(pool) == ["a"]
        assert [p.kind for p in pool.problems] == ["empty"]
    assert where(Pool.load(pd.DataFrame({"text": ["a", missing]}, dtype=object))) == ["data.iloc[1]"]


@pytest.mark.parametrize("value", [3, 1.5, True, ["a"], {"a": 1}, b"a"])
def test_what_is_not_text_is_set_aside(value):
    pool = Pool.load([{"text": "a"}, {"text": value}, {"text": "b"}])
    assert texts(pool) == ["a", "b"]
    assert [(p.where, p.kind) for p in pool.problems] == [("data[1]", "not-text")]


def test_a_nul_is_no_text(tmp_path):
    pool = load(tmp_path, "id,text\n1,a\0b\n2,good\n")
    assert texts(pool) == ["good"]
    assert where(pool) == ["rows.csv, line 2"]
    pool = load(tmp_path, '{"text": "a\\u0000b"}\n{"text": "good"}\n{"text": "a\0b"}\n', "rows.jsonl")
    assert texts(pool) == ["good"]
    assert where(pool) == ["rows.jsonl, line 1", "rows.jsonl, line 3"]
    assert texts(Pool.load(["a\0b", "good"])) == ["good"]


def test_half_a_character_is_no_text(tmp_path):
    pool = load(tmp_path, '{"text": "a\\ud800b"}\n{"text": "\\ud83d\\ude42"}\n', "rows.jsonl")
    assert texts(pool) == ["🙂"]
    assert where(pool) == ["rows.jsonl, line 1"]
    assert "\\ud800" in pool.problems[0].what
    assert texts(Pool.load([{"text": "good", "text_pair": "a\ud800"}, {"text": "b", "text_pair": "c"}])) == ["b"]


def test_half_a_character_in_an_id_or_label_costs_only_that():
    rows = [
        {"id": "a\ud800", "text": "x", "label": "\udfff", "source": "s\ud800"},
        {"id": "b", "text": "y", "label": "l"},
    ]
    pool = Pool.load(rows)
    assert texts(pool) == ["x", "y"]
    assert pool[0].id == pool[0].key.hex()[:16]
    assert pool.given_label(0) is None
    assert pool[0].source is None
    assert len(pool.problems) == 3


def test_a_second_text_that_is_broken_costs_the_row():
    offsets = pa.py_buffer(np.array([0, 1, 2], dtype=np.int32))
    second = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"a\xff"))
    pool = Pool.load(pa.table({"text": ["x", "y"], "text_pair": second, "id": second}))
    assert [(d.text, d.text_pair) for d in pool] == [("x", "a")]
    assert [p.kind for p in pool.problems] == ["broken"]


def test_a_problem_is_one_line_whatever_it_quotes(tmp_path):
    rows = [{"text": "a"}, "<script>\nalert(1)\u2028</script>", {"text": {"a\n": "\x1b[31m"}}]
    pool = Pool.load([*rows, {"text": "b", "id": "\n\x1b" * 5000}, {"text": "c", "id": "\n\x1b" * 5000}])
    assert len(pool.problems) == 4
    assert all(len(str(problem)) < 2000 for problem in pool.problems)
    assert all(len(str(problem).splitlines()) == 1 for problem in pool.problems)
    assert "\x1b" not in "".join(map(str, pool.problems))
    assert all(isinstance(problem, Problem) for problem in pool.problems)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=40))
def test_every_text_is_a_document_or_a_problem(values):
    try:
        pool = Pool.load(values)
    except DataError:
        assert all(not v.strip() or "\0" in v for v in values)
        return
    assert len(pool) + pool.set_aside == len(values)
    kept = iter(values)
    assert all(any(document.text == value for value in kept) for document in pool)
    assert len(set(pool.ids)) == len(pool)


def test_a_column_of_numbers_is_an_error_that_says_so(tmp_path):
    rows = [{"text": i, "review": "words"} for i in range(3)]
    for data in (rows, pd.DataFrame(rows)):
        with pytest.raises(DataError, match=r'"text" holds numbers.*text="…".*review'):
            Pool.load(data)
    with pytest.raises(DataError, match="holds numbers"):
        load(tmp_path, json.dumps(rows), "rows.json")


def test_only_line_feeds_end_a_line(tmp_path):
    odd = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"
    assert texts(load(tmp_path, f"text,n\n{odd},1\n", strict=True)) == [odd]
    assert texts(load(tmp_path, json.dumps({"text": odd}, ensure_ascii=False), "rows.jsonl", strict=True)) == [odd]
    assert texts(load(tmp_path, f"{odd}\n", "rows.txt", strict=True)) == [odd]
