"""Exports: what goes out comes back to the letter, safe to open, whole or not at all, never silently empty."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget import interop
from alwidget.errors import ArgumentError, DataError, SessionError, StorageError
from alwidget.interop import cells, table

FORMATS = ["json", "jsonl", "csv", "parquet", "huggingface"]
TEXTS = [
    "plain",
    "=1+1",
    "+49 30 1234",
    "-5 degrees",
    "@everyone",
    "\tindented",
    "\rcarriage",
    "\n=after a line break",
    "'quoted",
    "'=quoted formula",
    "''=twice quoted",
    "NA",
    "null",
    "None",
    "nan",
    "0",
    "1e5",
    "true",
    "2020-01-01",
    "[1, 2]",
    'say "hi"',
    'one, two;\tthree\n"four"',
    "two\nlines",
    "windows\r\nlines",
    "old mac\rlines",
    "naïve 🙂 日本語 العربية \u200f\u202e",
    "👩‍👩‍👧‍👦 e\u0301",
    " leading and trailing ",
    "\ufeffbyte order mark",
    "null byte \x00 inside",
    "<script>alert(1)</script>",
    "\uff1d full width",
    "long " * 40_000,
    "line separator \u2028 and \x85 and \x0b",
]


def record(i: int, text: str, **more: object) -> dict:
    base = {
        "id": f"doc-{i}",
        "text": text,
        "label": ["yes", "=no", "NA"][i % 3],
        "status": "labelled",
        "annotator": "ana",
        "updated": f"2026-01-05T10:11:{i % 60:02}.345Z",
        "seconds": 2.4 if i % 2 else None,
        "origin": "human",
        "round": i % 4,
        "strategy": "tyrogue",
        "propensity": 0.0021,
    }
    return {**base, **more}


RECORDS = [record(i, text) for i, text in enumerate(TEXTS)] + [
    record(100, "left out", label=None, status="skipped"),
    record(101, "odd", label=None, status="flagged", note="-why\n=this?", flagged=True),
    record(102, "both", text_pair="=the other", source="a.csv"),
]


def names(folder):
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def filled(rows):
    """Bring rows to the same keys, as flat formats have them, without the keys that are always empty."""
    keys = sorted({key for row in rows for key, value in row.items() if value is not None})
    return [{key: bool(row.get(key)) if key == "flagged" else row.get(key) for key in keys} for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_everything_comes_back_to_the_letter(name, tmp_path):
    path = interop.export(RECORDS, tmp_path / "out", name, task="classification", labels=["yes", "=no", "NA"])
    assert path == tmp_path / "out"
    assert filled(interop.read(path, name)) == filled(RECORDS)
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".ndjson", ".csv", ".parquet", ".CSV"])
def test_the_ending_says_the_format(ending, tmp_path):
    path = interop.export(RECORDS[:3], tmp_path / f"out{ending}")
    assert [row["text"] for row in interop.read(path)] == TEXTS[:3]


def test_json_is_what_annotations_json_is(tmp_path):
    path = interop.export(RECORDS, tmp_path / "a.json", task="classification", labels=["yes", "=no", "NA"])
    found = json.loads(path.read_text(encoding="utf-8"))
    assert list(found) == ["format", "task", "labels", "annotations"]
    assert found["format"] == "alwidget/1"
    assert found["labels"] == ["yes", "=no", "NA"]
    assert found["annotations"] == RECORDS
    assert "🙂" in path.read_text(encoding="utf-8")


def test_jsonl_has_one_record_on_each_line(tmp_path):
    path = interop.export(RECORDS, tmp_path / "a.jsonl")
    lines = path.read_bytes().split(b"\n")
    assert lines[-1] == b""
    assert [json.loads(line) for line in lines[:-1]] == RECORDS


def test_no_cell_of_a_csv_begins_as_a_formula_does(tmp_path):
    rows = [record(0, text, label=text, source=text, note=text, annotator=text, mine=text) for text in TEXTS]
    path = interop.export(rows, tmp_path / "a.csv")
    csv.field_size_limit(10**7)
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    assert len(found) == len(rows) + 1
    for row in found:
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    assert filled(interop.read(path)) == filled(rows)


def test_a_column_of_ones_own_cannot_be_a_formula_either(tmp_path):
    path = interop.export([record(0, "x", **{"=HYPERLINK()": "y"})], tmp_path / "a.csv")
    assert "'=HYPERLINK()" in path.read_text(encoding="utf-8")
    assert interop.read(path)[0]["=HYPERLINK()"] == "y"


@given(st.text())
def test_escaping_is_undone_by_unescaping(text):
    assert cells.unescape(cells.escape(text)) == text
    assert not cells.escape(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=8))
def test_any_texts_come_back_from_csv(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    interop.export([record(i, text, label=text) for i, text in enumerate(texts)], path)
    assert [(row["text"], row["label"]) for row in interop.read(path)] == [(text, text) for text in texts]


def test_csv_opens_in_pandas_with_every_text(tmp_path):
    import pandas as pd

    texts = [text for text in TEXTS if "\x00" not in text]
    path = interop.export([record(i, text) for i, text in enumerate(texts)], tmp_path / "a.csv")
    frame = pd.read_csv(path, keep_default_na=False, dtype=str, lineterminator=None)
    assert [cells.unescape(text) for text in frame["text"]] == texts


def test_parquet_keeps_types_and_says_what_it_is(tmp_path):
    import pyarrow.parquet as pq

    path = interop.export(RECORDS, tmp_path / "a.parquet", task="classification", labels=["yes"])
    found = pq.read_table(path)
    types = {field.name: str(field.type) for field in found.schema}
    assert types["seconds"] == types["propensity"] == "double"
    assert types["round"] == "int64"
    assert types["flagged"] == "bool"
    assert types["text"] == types["label"] == "string"
    assert json.loads(found.schema.metadata[b"alwidget"])["labels"] == ["yes"]


def test_columns_keep_their_order_and_types_also_when_empty(tmp_path):
    import pyarrow.parquet as pq

    bare = [{"id": "a", "text": "x", "status": "skipped", "annotator": "ana"}]
    path = interop.export(bare, tmp_path / "a.parquet")
    schema = pq.read_schema(path)
    assert schema.names == table.columns(RECORDS[:1], "label")
    assert [str(schema.field(n).type) for n in ("label", "seconds", "round")] == ["string", "double", "int64"]


@pytest.mark.parametrize(
    ("task", "key", "value"),
    [
        ("multilabel", "labels", ["a", "=b"]),
        ("tagging", "spans", [{"start": 0, "end": 2, "label": "PER", "text": "Al"}]),
        ("generation", "target", "=the summary\nin two lines"),
    ],
)
@pytest.mark.parametrize("name", FORMATS)
def test_answers_of_other_tasks_come_back(task, key, value, name, tmp_path):
    rows = [
        {"id": "a", "text": "Al sat.", key: value, "status": "labelled"},
        {"id": "b", "text": "No.", key: None, "status": "skipped"},
    ]
    found = interop.read(interop.export(rows, tmp_path / "x", name, task=task), name)
    assert [row[key] for row in found] == [value, None]
    assert "label" not in found[0]


def test_to_pandas_has_the_columns_of_annotations_json():
    frame = interop.to_pandas(RECORDS)
    assert list(frame.columns)[:5] == ["id", "text", "text_pair", "source", "label"]
    assert frame["text"].tolist()[: len(TEXTS)] == TEXTS
    assert frame["label"].isna().sum() == 2
    assert str(frame["round"].dtype) == "Int64"
    assert str(frame["seconds"].dtype) == "float64"
    assert frame.loc[0, "label"] == "yes"
    assert frame["flagged"].dtype == bool
    assert frame["flagged"].sum() == 1


def test_to_pandas_is_what_load_annotations_gives(tmp_path):
    import alwidget

    with alwidget.annotate(TEXTS[:9], labels=["a", "b"], path=tmp_path / "s.alw", model="tf-idf") as session:
        ids = list(session.pool.ids)
        session.record(ids[0], "b")
        session.skip(ids[1])
        session.flag(ids[2], "odd")
        frame = session.to_pandas()
    loaded = alwidget.load_annotations(tmp_path / "s.alw")
    assert loaded.dtypes.to_dict() == frame.dtypes.to_dict()
    assert loaded.set_index("id").loc[ids[:3]].equals(frame.set_index("id").loc[ids[:3]])
    assert list(loaded.columns) == list(frame.columns)


def test_to_pandas_of_nothing_is_an_empty_frame_with_its_columns():
    frame = interop.to_pandas([])
    assert len(frame) == 0
    assert {"id", "text", "label", "status"} <= set(frame.columns)
    assert "spans" in interop.to_pandas([], answer="spans").columns


def test_to_dataset_has_class_labels_in_the_order_of_the_session():
    found = interop.to_dataset(RECORDS, ["NA", "yes", "=no"])
    assert found.features["label"].names == ["NA", "yes", "=no"]
    given = [None if i is None else found.features["label"].int2str(i) for i in found["label"]]
    assert given == [row["label"] for row in RECORDS]
    assert list(found["text"]) == [row["text"] for row in RECORDS]


def test_to_dataset_keeps_a_label_that_the_session_no_longer_has():
    found = interop.to_dataset([record(0, "x"), record(1, "y")], ["yes"])
    assert found.features["label"].names == ["yes", "=no"]
    assert list(found["label"]) == [0, 1]


def test_to_dataset_of_nothing_is_an_empty_dataset():
    found = interop.to_dataset([], ["yes", "no"])
    assert len(found) == 0
    assert found.features["label"].names == ["yes", "no"]


def test_include_filters_by_status(tmp_path):
    def statuses(include):
        rows = interop.read(interop.export(RECORDS, tmp_path / "a.jsonl", include=include))
        return {row["status"] for row in rows}

    assert statuses("all") == {"labelled", "skipped", "flagged"}
    assert statuses("labelled") == {"labelled"}
    assert statuses(("skipped", "flagged")) == {"skipped", "flagged"}


@pytest.mark.parametrize(("include", "match"), [("labeled", 'Did you mean "labelled"'), ((), "got nothing")])
def test_an_include_that_does_not_exist_is_refused(include, match, tmp_path):
    with pytest.raises(ArgumentError, match=match):
        interop.export(RECORDS, tmp_path / "a.csv", include=include)


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_never_silently_empty(name, tmp_path):
    with pytest.raises(SessionError, match="Nothing is labelled yet"):
        interop.export([], tmp_path / "a", name)
    with pytest.raises(SessionError, match=r"No document is labelled.*1 skipped.*include=\"all\""):
        interop.export([record(0, "x", status="skipped")], tmp_path / "a", name, include="labelled")
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["prodigy", "doccano", "label-studio", "spacy", "conll"])
def test_planned_formats_say_so(name, tmp_path):
    with pytest.raises(ArgumentError, match=f'Export to "{name}" is not in this version yet'):
        interop.export(RECORDS, tmp_path / "a", name)


@pytest.mark.parametrize(
    ("path", "name", "match"),
    [
        ("a.json", "jsonll", 'Did you mean "jsonl"'),
        ("a.xlsx", None, r'has the ending "\.xlsx"'),
        ("a", None, "has no ending"),
        ("no/such/a.csv", None, "does not exist.*Create it first"),
        (".", "csv", "is a folder"),
    ],
)
def test_places_and_formats_that_cannot_be_are_refused(path, name, match, tmp_path):
    with pytest.raises(ArgumentError, match=match):
        interop.export(RECORDS, tmp_path / path, name)


def test_a_file_that_is_there_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    path.chmod(0o640)
    interop.export(RECORDS[:1], path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert interop.read(path)[0]["text"] == "plain"


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "other").write_text("")
    path = interop.export(RECORDS[:1], tmp_path / "a.csv")
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    interop.export(RECORDS[:1], tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert interop.read(tmp_path / "real.csv")[0]["text"] == "plain"


def test_a_saved_dataset_is_replaced_but_no_other_folder(tmp_path):
    target = tmp_path / "ds"
    interop.export(RECORDS, target, "huggingface")
    interop.export(RECORDS[:2], target, "huggingface")
    assert len(interop.read(target, "huggingface")) == 2
    mine = tmp_path / "photos"
    mine.mkdir()
    (mine / "cat.jpg").write_text("x")
    with pytest.raises(ArgumentError, match="is not a saved dataset"):
        interop.export(RECORDS, mine, "huggingface")
    assert names(tmp_path) == ["ds", "photos"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    """The system itself refuses to write more than 64 kB."""
    path = tmp_path / "a.csv"
    interop.export(RECORDS[:1], path)
    before = path.read_bytes()
    code = (
        "import resource, signal, sys\n"
        "from alwidget import interop\n"
        "from alwidget.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "rows = [{'id': str(i), 'text': 'x' * 1000, 'label': 'a', 'status': 'labelled'} for i in range(1000)]\n"
        "for name in ('json', 'jsonl', 'csv'):\n"
        "    try:\n"
        "        interop.export(rows, sys.argv[1], name)\n"
        "    except StorageError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.count("could not be written") == 3, done.stderr
    assert "is unchanged" in done.stdout
    assert path.read_bytes() == before
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="could not be written"):
            interop.export(RECORDS, tmp_path / "a.csv")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("name", FORMATS)
def test_half_of_a_character_pair_is_named(name, tmp_path):
    with pytest.raises(DataError, match="half of a character pair"):
        interop.export([record(0, "broken \ud83d here")], tmp_path / "a", name)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("json", b"{"),
        ("json", b"[]"),
        ("jsonl", b'{"id": 1}\n{'),
        ("csv", b'id,text\r\n"a,b'),
        ("csv", b"id,text\r\na\r\n"),
        ("csv", b"id,text\r\na,\xff\r\n"),
        ("parquet", b"not parquet"),
    ],
)
def test_a_file_that_is_something_else_is_said(name, content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match=f"is not a {name} file"):
        interop.read(tmp_path / "a", name)


def test_a_file_that_is_not_there_is_said(tmp_path):
    for name in FORMATS:
        with pytest.raises(DataError, match="There is no file"):
            interop.read(tmp_path / "a", name)


def test_available_names_the_formats():
    assert list(interop.available()) == FORMATS


def test_importing_the_exports_is_light():
    code = "import alwidget.interop, sys; print([m for m in ('pandas', 'pyarrow', 'datasets', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
