"""Broken lines of CSV and its relatives: good rows are kept, bad ones are named by line."""

from __future__ import annotations

import csv
import gzip
import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import DataError
from alwidget.pool import Pool
from alwidget.pool.records import Dialect, Records, sniff, take


def load(tmp_path, content: str | bytes, name: str = "rows.csv", **options: object) -> Pool:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Pool.load(path, **options)


def texts(pool: Pool) -> list[str]:
    return [document.text for document in pool]


def where(pool: Pool) -> list[str]:
    return [problem.where for problem in pool.problems]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


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


def test_broken_lines_of_a_text_file_are_named(tmp_path):
    pool = load(tmp_path, b"one\ntw\0o\nsch\xc3\xb6n\n\xff\n", "rows.txt")
    assert texts(pool) == ["one", "schön"]
    assert where(pool) == ["rows.txt, line 2", "rows.txt, line 4"]


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


def test_old_macs_ended_lines_with_carriage_returns(tmp_path):
    assert texts(load(tmp_path, 'id,text\r1,one\r2,"two\rlines"\r', strict=True)) == ["one", "two\rlines"]


def test_a_quote_in_the_middle_of_a_bare_cell_is_a_character(tmp_path):
    assert texts(load(tmp_path, 'id,text\n1,a 5" pipe\n2,say "hi"\n', strict=True)) == ['a 5" pipe', 'say "hi"']


def test_a_broken_header_is_an_error(tmp_path):
    with pytest.raises(DataError, match="line 1: the column names cannot be read"):
        load(tmp_path, 'id,"te"xt"\n1,good\n')


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
