"""Broken lines, odd characters and other people's encodings: good rows are kept, bad ones are named by line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import DataError
from alwidget.pool import Pool, Problem
from alwidget.pool.jsonstream import JsonStream
from alwidget.pool.records import Dialect, Records, sniff, take


def load(tmp_path, content: str | bytes, name: str = "rows.csv", **options: object) -> Pool:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Pool.load(path, **options)


def texts(pool: Pool) -> list[str]:
    return [document.text for document in pool]


def where(pool: Pool) -> list[str]:
    return [problem.where for problem in pool.problems]


# Text stays text -----------------------------------------------------------------------------------------------------

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


def test_a_column_of_numbers_is_an_error_that_says_so(tmp_path):
    rows = [{"text": i, "review": "words"} for i in range(3)]
    for data in (rows, pd.DataFrame(rows)):
        with pytest.raises(DataError, match=r'"text" holds numbers.*text="…".*review'):
            Pool.load(data)
    with pytest.raises(DataError, match="holds numbers"):
        load(tmp_path, json.dumps(rows), "rows.json")


# Broken lines --------------------------------------------------------------------------------------------------------


def test_ragged_rows_are_reported_with_their_line(tmp_path):
    content = "id,text,label\n1,good,yes\n2,short\n3,too,many,cells\n4,fine,no,\n\n5,good,no\n"
    pool = load(tmp_path, content)
    assert texts(pool) == ["good", "fine", "good"]
    assert where(pool) == ["rows.csv, line 3", "rows.csv, line 4"]
    assert "2 fields where the line of column names has 3" in pool.problems[0].what
    assert "4 fields" in pool.problems[1].what
    with pytest.raises(DataError, match=r"strict=True(.|\n)*line 3(.|\n)*line 4"):
        load(tmp_path, content, strict=True)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    content = 'id,text\r\n1,"one\r\ntwo\nthree"\r\n2\r\n3,"a\n\n\nb"\r\n4,x,y\r\n'
    pool = load(tmp_path, content)
    assert texts(pool) == ["one\r\ntwo\nthree", "a\n\n\nb"]
    assert where(pool) == ["rows.csv, line 5", "rows.csv, line 10"]


def test_only_line_feeds_end_a_line(tmp_path):
    odd = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"
    assert texts(load(tmp_path, f"text,n\n{odd},1\n", strict=True)) == [odd]
    assert texts(load(tmp_path, json.dumps({"text": odd}, ensure_ascii=False), "rows.jsonl", strict=True)) == [odd]
    assert texts(load(tmp_path, f"{odd}\n", "rows.txt", strict=True)) == [odd]


def test_old_macs_ended_lines_with_carriage_returns(tmp_path):
    assert texts(load(tmp_path, 'id,text\r1,one\r2,"two\rlines"\r', strict=True)) == ["one", "two\rlines"]


def test_a_carriage_return_inside_a_cell_breaks_that_line_only(tmp_path):
    pool = load(tmp_path, "id,text\n1,good\n2,a\rb\n3,good\n")
    assert texts(pool) == ["good", "good"]
    assert where(pool) == ["rows.csv, line 3"]
    assert "carriage return" in pool.problems[0].what


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path):
    body = "".join(f"{i},document {i}\n" for i in range(2, 5000))
    pool = load(tmp_path, f'id,text\n1,"open\n{body}')
    assert len(pool) == 4998
    assert where(pool) == ["rows.csv, line 2"]
    assert "never closed" in pool.problems[0].what


def test_a_quote_that_runs_into_the_next_quoted_row_costs_one_line(tmp_path):
    pool = load(tmp_path, 'id,text\n1,"open\n2,plain\n3,"quoted, text"\n4,last\n')
    assert texts(pool) == ["plain", "quoted, text", "last"]
    assert where(pool) == ["rows.csv, line 2"]


def test_a_quote_is_not_followed_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("alwidget.pool.records._LONGEST", 1000)
    body = "".join(f"{i},document {i}\n" for i in range(2, 1000))
    pool = load(tmp_path, f'id,text\n1,"open\n{body}')
    assert len(pool) == 998
    assert where(pool) == ["rows.csv, line 2"]


def test_the_rest_of_a_broken_record_is_no_document(tmp_path):
    content = (
        'id,text\n1,"He said "no" and\nleft, happily"\n2,good\n3,"multi\nsaid "yes", then\nwent"\n4,"fine, too"\n'
    )
    pool = load(tmp_path, content)
    assert texts(pool) == ["good", "fine, too"]
    assert where(pool) == ["rows.csv, line 2", "rows.csv, line 3", "rows.csv, line 5", "rows.csv, line 7"]


def test_a_quote_in_the_middle_of_a_bare_cell_is_a_character(tmp_path):
    assert texts(load(tmp_path, 'id,text\n1,a 5" pipe\n2,say "hi"\n', strict=True)) == ['a 5" pipe', 'say "hi"']


def test_a_broken_header_is_an_error(tmp_path):
    with pytest.raises(DataError, match="line 1: the column names cannot be read"):
        load(tmp_path, 'id,"te"xt"\n1,good\n')


def test_tabs_without_quoting_keep_their_quotes(tmp_path):
    rows = ['"Well," he said', 'a "b" c', '"all quoted"', 'no "closing', "plain"]
    content = "id\ttext\n" + "".join(f"{i}\t{row}\n" for i, row in enumerate(rows))
    assert texts(load(tmp_path, content, "rows.tsv", strict=True)) == rows


def test_tabs_with_quoting_are_understood(tmp_path):
    assert texts(load(tmp_path, 'id\ttext\n1\t"a\tb"\n2\t"c\nd"\n', "rows.tsv", strict=True)) == ["a\tb", "c\nd"]


def test_excel_may_name_the_delimiter(tmp_path):
    pool = load(tmp_path, "\ufeffsep=;\r\nid;text\r\n1;a, b\r\n2\r\n")
    assert texts(pool) == ["a, b"]
    assert where(pool) == ["rows.csv, line 4"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_told_by_the_header(delimiter, tmp_path):
    others = "".join(d for d in ",;\t|" if d != delimiter)
    content = delimiter.join(["id", "text"]) + "\n" + "".join(f"{i}{delimiter}a{others}b\n" for i in range(9))
    assert texts(load(tmp_path, content, strict=True)) == [f"a{others}b"] * 9


def test_cells_may_be_as_long_as_they_are(tmp_path):
    before = csv.field_size_limit()
    long = "word " * 200_000
    assert texts(load(tmp_path, f'id,text\n1,"{long},"\n2,{long}\n', strict=True)) == [f"{long},", long]
    assert csv.field_size_limit() == before


def test_the_limit_of_the_csv_module_survives_threads():
    before = csv.field_size_limit()
    lines = ["id,text\n", *[f'{i},"{"x" * 200_000}"\n' for i in range(40)]]
    failures: list[object] = []

    def read() -> None:
        records = Records(iter(lines), Dialect())
        while chunk := take(records):
            failures.extend(row for _, row in chunk if isinstance(row, str))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert csv.field_size_limit() == before


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


def test_broken_lines_of_a_text_file_are_named(tmp_path):
    pool = load(tmp_path, b"one\ntw\0o\nsch\xc3\xb6n\n\xff\n", "rows.txt")
    assert texts(pool) == ["one", "schön"]
    assert where(pool) == ["rows.txt, line 2", "rows.txt, line 4"]


def test_a_second_text_that_is_broken_costs_the_row():
    offsets = pa.py_buffer(np.array([0, 1, 2], dtype=np.int32))
    second = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"a\xff"))
    pool = Pool.load(pa.table({"text": ["x", "y"], "text_pair": second, "id": second}))
    assert [(d.text, d.text_pair) for d in pool] == [("x", "a")]
    assert [p.kind for p in pool.problems] == ["broken"]


def test_an_encoding_may_be_named_with_its_mark_there(tmp_path):
    for name, written in {"utf-8": "utf-8-sig", "utf8": "utf-8-sig", "utf-16": "utf-16"}.items():
        pool = load(tmp_path, WESTERN.encode(written), encoding=name, strict=True)
        assert pool.columns["id"] == "id"
        assert texts(pool)[0] == "Das Café war schön"


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


def test_a_packed_file_that_breaks_off_keeps_what_came_before(tmp_path):
    body = "".join(f"{i},document {i} {i * 2654435761 % 2**32:x}\n" for i in range(20_000))
    whole = gzip.compress(f"id,text\n{body}".encode())
    pool = load(tmp_path, whole[: len(whole) // 2], "rows.csv.gz")
    assert 5000 < len(pool) < 20_000
    assert "cut off" in pool.problems[-1].what
    with pytest.raises(DataError, match="cut off"):
        load(tmp_path, whole[: len(whole) // 2], "rows.csv.gz", strict=True)


def test_problems_beyond_a_thousand_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("alwidget.pool.problems.KEPT", 5)
    pool = load(tmp_path, "id,text\n" + "1\n" * 12 + "2,\n" * 3 + "3,x\n")
    assert pool.set_aside == 15
    assert len(pool.problems) == 5 + 3 + 1
    assert str(pool.problems[-1]) == "rows.csv: and 7 more rows that are broken (12 in all)"


def test_strict_lists_the_first_problems_and_stops(tmp_path):
    with pytest.raises(DataError) as error:
        load(tmp_path, "id,text\n" + "1\n" * 5000, strict=True)
    assert str(error.value).count("rows.csv, line ") == 10
    assert "strict=False" in str(error.value)


def test_a_problem_is_one_line_whatever_it_quotes(tmp_path):
    rows = [{"text": "a"}, "<script>\nalert(1)\u2028</script>", {"text": {"a\n": "\x1b[31m"}}]
    pool = Pool.load([*rows, {"text": "b", "id": "\n\x1b" * 5000}, {"text": "c", "id": "\n\x1b" * 5000}])
    assert len(pool.problems) == 4
    assert all(len(str(problem)) < 2000 for problem in pool.problems)
    assert all(len(str(problem).splitlines()) == 1 for problem in pool.problems)
    assert "\x1b" not in "".join(map(str, pool.problems))
    assert all(isinstance(problem, Problem) for problem in pool.problems)


# Encodings -----------------------------------------------------------------------------------------------------------

WESTERN = "id,text\n1,Das Café war schön\n2,El niño comió – “bien”\n3,plain\n"
RUSSIAN = "id,text\n" + "".join(f"{i},Привет как дела сегодня мы идём домой {i}\n" for i in range(20))
CHINESE = "id,text\n" + "".join(f"{i},酒店的服务非常好，房间也很干净。{i}\n" for i in range(20))
JAPANESE = "id,text\n" + "".join(f"{i},これは日本語のテキストです。今日は天気がいい。{i}\n" for i in range(20))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (WESTERN, "cp1252"),
        (WESTERN.replace("–", "-").replace("“", "").replace("”", ""), "latin-1"),
        ("text,n\ncafé crème,1\n", "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (CHINESE, "gb18030"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
    ],
)
def test_other_encodings_are_detected_and_said(content, encoding, tmp_path):
    pool = load(tmp_path, content.encode(encoding))
    assert texts(pool) == [row["text"] for row in csv.DictReader(io.StringIO(content))]
    assert [p.kind for p in pool.problems] == ["encoding"]
    assert "encoding=" in pool.problems[0].what
    assert pool.set_aside == 0
    named = load(tmp_path, content.encode(encoding), encoding=encoding, strict=True)
    assert named.fingerprint == pool.fingerprint
    with pytest.raises(DataError, match="guess"):
        load(tmp_path, content.encode(encoding), strict=True)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised(encoding, tmp_path):
    pool = load(tmp_path, WESTERN.encode(encoding))
    assert texts(pool)[0] == "Das Café war schön"
    assert pool.problems[0].kind == "encoding"


def test_an_old_encoding_is_seen_behind_a_million_plain_characters(tmp_path):
    plain = "".join(f"{i},plain text number {i}\n" for i in range(100_000))
    pool = load(tmp_path, ("id,text\n" + plain + "x,Straße und Café\n").encode("cp1252"))
    assert texts(pool)[-1] == "Straße und Café"
    assert len(pool) == 100_001


def test_a_few_damaged_lines_do_not_make_another_encoding(tmp_path):
    good = "".join(f"{i},schön {i}\n" for i in range(10)).encode()
    pool = load(tmp_path, b"id,text\n" + good + b"x,caf\xe9\n" + good.replace(b",", b"0,"))
    assert len(pool) == 20
    assert where(pool) == ["rows.csv, line 12"]
    assert "0xe9" in pool.problems[0].what
    assert "encoding=" in pool.problems[0].what


def test_damage_outside_the_columns_that_are_used_is_no_matter(tmp_path):
    content = b"text,other\nsch\xc3\xb6n,x\ngut,caf\xe9\n\xc3\xa4,y\n"
    assert texts(load(tmp_path, content, strict=True)) == ["schön", "gut", "ä"]


def test_utf16_that_breaks_off_keeps_what_came_before(tmp_path):
    content = ("id,text\n" + "".join(f"{i},zeile {i}\n" for i in range(10_000))).encode("utf-16")
    pool = load(tmp_path, content[:-3])
    assert len(pool) > 9000
    assert texts(pool)[:2] == ["zeile 0", "zeile 1"]
    assert pool.problems[-1].kind == "broken"


# Properties ----------------------------------------------------------------------------------------------------------

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(
    st.lists(st.tuples(cells, cells, cells), max_size=30), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"])
)
def test_whatever_the_csv_module_writes_is_read_back(rows, delimiter, end):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows(rows)
    lines = buffer.getvalue().split("\n")
    lines = [line + "\n" for line in lines[:-1]]
    assert [tuple(row) for _, row in Records(lines, Dialect(delimiter))] == rows


@given(st.text('ab,"\n\r', max_size=200))
def test_every_line_is_accounted_for_whatever_stands_in_it(content):
    lines = content.splitlines(keepends=True) if "\r" not in content else content.split("\n")
    lines = [line if line.endswith("\n") else line + "\n" for line in lines]
    starts = [line for line, _ in Records(lines, Dialect())]
    assert starts == sorted(set(starts))
    assert not lines or starts[0] == 1
    assert all(1 <= line <= len(lines) for line in starts)


@given(st.lists(st.text("abc äß'.", min_size=1, max_size=30), min_size=1, max_size=20), st.sampled_from(",;\t|"))
def test_the_delimiter_is_recognised_whatever_the_texts(values, delimiter):
    sample = [f"id{delimiter}text\n", *[f"{i}{delimiter}{value}\n" for i, value in enumerate(values)]]
    assert sniff(sample).delimiter == delimiter


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
