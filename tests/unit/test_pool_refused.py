"""Data that is not read says why, and what to do in its place."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from alwidget.errors import ArgumentError, DataError
from alwidget.pool import Pool

ROWS = [
    {"id": "a1", "text": "A plain sentence.", "label": "yes", "source": "web"},
    {"id": "a2", "text": 'She said "no", twice; then\nleft.', "label": "no", "source": "web"},
    {"id": "a3", "text": "NA", "label": "no", "source": "book"},
    {"id": "a4", "text": "Ünïcödé 日本語 🙂 \u2028 same line \u0085 still", "label": "yes", "source": "book"},
    {"id": "a5", "text": "  spaces kept  ", "label": "yes", "source": "web"},
]

TEXTS = [row["text"] for row in ROWS]


def test_a_folder_without_text_files_says_what_it_has(tmp_path):
    with pytest.raises(DataError, match=r"no \.txt files.*has no files"):
        Pool.load(tmp_path)
    (tmp_path / "data.arrow").write_bytes(b"")
    (tmp_path / "notes.md").write_text("")
    with pytest.raises(DataError, match=r"ending in \.arrow, \.md.*load_from_disk"):
        Pool.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reviews.xlsx", "spreadsheet.*save the sheet as CSV"),
        ("reviews.XLS", "spreadsheet"),
        ("reviews.ods", "spreadsheet"),
        ("reviews.pkl", "run code.*Parquet or JSONL"),
        ("reviews.pickle", "run code"),
        ("reviews.npy", "run code"),
        ("reviews.zip", "unpack"),
        ("reviews.csv.bz2", "unpack"),
        ("reviews.parquet.gz", "unpack"),
        ("reviews.pdf", "extract its text"),
        ("reviews.dat", r'ends in "\.dat".*What can be read: CSV'),
        ("reviews", "has no ending"),
        ("reviews.gz", "has no ending"),
    ],
)
def test_files_that_are_not_read_say_what_to_do(name, said, tmp_path):
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(DataError, match=said) as error:
        Pool.load(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("sheet.csv", b"PK\x03\x04rest", "spreadsheet"),
        ("old.csv", b"\xd0\xcf\x11\xe0rest", "Office"),
        ("table.csv", b"PAR1rest", "Parquet"),
        ("table.jsonl", b"ARROW1rest", "Arrow"),
        ("zeros.csv", bytes(5000), "NUL"),
        ("random.csv", bytes(range(256)) * 4 + bytes(400), "NUL"),
        ("torn.csv.gz", gzip.compress(b"text\nabc\n", mtime=0)[:12], "unpacked"),
        ("torn.parquet", b"PAR1 and then nothing", "cannot be read as Parquet"),
        ("torn.arrow", b"ARROW1 and then nothing", "cannot be read as Arrow"),
        ("not.arrow", b"text\nabc\n", "cannot be read as Arrow"),
    ],
)
def test_files_that_are_something_else_are_recognised(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        Pool.load(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet", "a.arrow", "a.txt", "a.csv.gz"])
@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_empty_files_say_so(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(content))
    said = "is empty|no documents|cannot be read as" if content else "is empty"
    with pytest.raises(DataError, match=said):
        Pool.load(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    ["id,text\n", "id,text", "text\n", "[]", '{"data": []}', "[\n]\n", '{"text": []}'],
)
def test_data_without_rows_says_so(content, tmp_path):
    path = tmp_path / ("rows.json" if content[0] in "[{" else "rows.csv")
    path.write_text(content)
    with pytest.raises(DataError, match=r"no documents|no rows"):
        Pool.load(path)


@pytest.mark.parametrize(
    "empty", [[], (), pd.DataFrame({"text": []}), pd.DataFrame(), iter([]), np.array([], dtype=str)]
)
def test_empty_objects_say_so(empty):
    with pytest.raises(DataError, match=r"no documents|no column|cannot tell"):
        Pool.load(empty)


def test_a_pool_of_rows_that_are_all_set_aside_says_why(tmp_path):
    (tmp_path / "rows.csv").write_text("id,text\n1,\n2,  \n3,x,y\n")
    with pytest.raises(DataError, match=r"all 3 rows were set aside(.|\n)*line 2(.|\n)*line 4"):
        Pool.load(tmp_path / "rows.csv")
    with pytest.raises(DataError, match="no documents"):
        Pool.load(["", None, " "])


def test_a_missing_file_names_the_nearest(tmp_path, monkeypatch):
    (tmp_path / "reviews.csv").write_text("text\nx\n")
    with pytest.raises(DataError, match=r'no file .*review\.csv.*Did you mean ".*reviews\.csv"'):
        Pool.load(tmp_path / "review.csv")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r'Did you mean "reviews\.csv"'):
        Pool.load("Reviews.CVS")
    with pytest.raises(DataError, match=r"folder .* is not there"):
        Pool.load(tmp_path / "nowhere" / "reviews.csv")
    with pytest.raises(DataError, match="empty"):
        Pool.load("")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("https://example.org/reviews.csv", "address"),
        ("This film was really good", r"Pass texts in a list: \[text\]"),
        ("two\nlines", r"Pass texts in a list"),
        ("x" * 5000, r"Pass texts in a list"),
        ("a\0b.csv", "no file"),
        (b"bytes", "bytes is not a kind of data"),
        (b"reviews.csv", "bytes is not a kind of data"),
        (3, "int is not a kind of data"),
        (None, "NoneType is not a kind of data"),
        ([1, 2, 3], "made of int"),
        ([("a", "yes")], "made of tuple"),
        ([b"a"], "made of bytes"),
        ({"text": "a", "label": "yes"}, r"a list of dicts.*\[data\]"),
        ({"text": ["a", "b"], "label": ["yes"]}, '"text" has 2, "label" has 1'),
        (np.array([["a"], ["b"]]), "2 dimensions"),
        (np.array([1.5, 2.5]), "made of float"),
        (np.array("a"), "0 dimensions"),
    ],
)
def test_data_of_the_wrong_kind_says_what_is_wanted(data, said):
    with pytest.raises(DataError, match=said):
        Pool.load(data)


def test_a_dictionary_of_datasets_asks_for_a_split():
    from datasets import Dataset, DatasetDict

    both = DatasetDict(train=Dataset.from_list(ROWS), test=Dataset.from_list(ROWS))
    with pytest.raises(DataError, match=r'"train", "test".*data\[\'train\'\]'):
        Pool.load(both)


def test_an_encoding_is_for_text_files_only(tmp_path):
    with pytest.raises(ArgumentError, match="text in memory"):
        Pool.load(TEXTS, encoding="cp1252")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    (tmp_path / "rows.csv").write_text("text\na\n")
    with pytest.raises(ArgumentError, match="says itself"):
        Pool.load(tmp_path / "rows.parquet", encoding="cp1252")
    with pytest.raises(ArgumentError, match=r'no encoding "cp1525".*cp125'):
        Pool.load(tmp_path / "rows.csv", encoding="cp1525")
