"""Every form of data gives the same documents, ids and fingerprint."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from alwidget.errors import DataError
from alwidget.pool import Pool, content_hash

ROWS = [
    {"id": "a1", "text": "A plain sentence.", "label": "yes", "source": "web"},
    {"id": "a2", "text": 'She said "no", twice; then\nleft.', "label": "no", "source": "web"},
    {"id": "a3", "text": "NA", "label": "no", "source": "book"},
    {"id": "a4", "text": "Ünïcödé 日本語 🙂 \u2028 same line \u0085 still", "label": "yes", "source": "book"},
    {"id": "a5", "text": "  spaces kept  ", "label": "yes", "source": "web"},
]
TEXTS = [row["text"] for row in ROWS]


def write_delimited(path: Path, delimiter: str = ",", encoding: str = "utf-8", end: str = "\n") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]), delimiter=delimiter, lineterminator=end)
        writer.writeheader()
        writer.writerows(ROWS)
    return path


def write_json_lines(path: Path) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    return path


def write_json(path: Path, value: object, **options: object) -> Path:
    path.write_text(json.dumps(value, **options), encoding="utf-8")
    return path


def pack(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


def write_arrow(path: Path, kind: str, **options: object) -> Path:
    table = pa.Table.from_pylist(ROWS)
    make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as file, make(file, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


def write_parquet(path: Path, table: pa.Table | None = None) -> Path:
    pq.write_table(table if table is not None else pa.Table.from_pylist(ROWS), path, row_group_size=2)
    return path


def large_and_dictionary() -> pa.Table:
    table = pa.Table.from_pylist(ROWS)
    columns = {name: table.column(name).cast(pa.large_string()) for name in ("id", "text")}
    return pa.table({**columns, **{name: table.column(name).dictionary_encode() for name in ("label", "source")}})


FILES = {
    "csv": lambda d: write_delimited(d / "rows.csv"),
    "csv, carriage returns": lambda d: write_delimited(d / "rows.csv", end="\r\n"),
    "csv with a mark": lambda d: write_delimited(d / "rows.csv", encoding="utf-8-sig"),
    "csv in UTF-16": lambda d: write_delimited(d / "rows.csv", encoding="utf-16"),
    "csv in UTF-32": lambda d: write_delimited(d / "rows.csv", encoding="utf-32"),
    "csv with semicolons": lambda d: write_delimited(d / "rows.csv", ";"),
    "csv with pipes": lambda d: write_delimited(d / "rows.csv", "|"),
    "csv with tabs": lambda d: write_delimited(d / "rows.csv", "\t"),
    "CSV in capitals": lambda d: write_delimited(d / "ROWS.CSV"),
    "tsv": lambda d: write_delimited(d / "rows.tsv", "\t"),
    "csv.gz": lambda d: pack(write_delimited(d / "rows.csv")),
    "tsv.gz in UTF-16": lambda d: pack(write_delimited(d / "rows.tsv", "\t", "utf-16")),
    "packed without saying so": lambda d: pack(write_delimited(d / "rows.csv")).rename(d / "packed.csv"),
    "jsonl": lambda d: write_json_lines(d / "rows.jsonl"),
    "ndjson": lambda d: write_json_lines(d / "rows.ndjson"),
    "jsonl.gz": lambda d: pack(write_json_lines(d / "rows.jsonl")),
    "lines in .json": lambda d: write_json_lines(d / "rows.json"),
    "json": lambda d: write_json(d / "rows.json", ROWS),
    "json, indented": lambda d: write_json(d / "rows.json", ROWS, indent=2, ensure_ascii=False),
    "json.gz": lambda d: pack(write_json(d / "rows.json", ROWS)),
    "an array in .jsonl": lambda d: write_json(d / "rows.jsonl", ROWS, indent=1),
    "json, data inside": lambda d: write_json(
        d / "rows.json", {"version": 1, "labels": ["yes"], "data": ROWS, "n": 5}
    ),
    "json of columns": lambda d: write_json(d / "rows.json", {k: [row[k] for row in ROWS] for k in ROWS[0]}),
    "json as pandas writes it": lambda d: (pd.DataFrame(ROWS).to_json(d / "rows.json"), d / "rows.json")[1],
    "objects one after another": lambda d: Path(
        (d / "rows.json").write_text("\n".join(json.dumps(row, indent=1) for row in ROWS)) and d / "rows.json"
    ),
    "parquet": lambda d: write_parquet(d / "rows.parquet"),
    "parquet, other types": lambda d: write_parquet(d / "rows.parquet", large_and_dictionary()),
    "arrow file": lambda d: write_arrow(d / "rows.arrow", "file"),
    "arrow stream": lambda d: write_arrow(d / "rows.arrow", "stream"),
    "arrow, compressed": lambda d: write_arrow(
        d / "rows.arrow", "file", options=pa.ipc.IpcWriteOptions(compression="zstd")
    ),
    "feather": lambda d: (
        pa.feather.write_feather(pa.Table.from_pylist(ROWS), d / "rows.feather"),
        d / "rows.feather",
    )[1],
}


def hugging_face() -> object:
    from datasets import ClassLabel, Dataset

    dataset = Dataset.from_list(ROWS)
    return dataset.cast_column("label", ClassLabel(names=["no", "yes"]))


def reordered_dataset() -> object:
    from datasets import Dataset

    return Dataset.from_list(ROWS[::-1]).select([4, 3, 2, 1, 0])


OBJECTS = {
    "list of dicts": lambda: ROWS,
    "tuple of dicts": lambda: tuple(ROWS),
    "generator of dicts": lambda: (row for row in ROWS),
    "dict of lists": lambda: {key: [row[key] for row in ROWS] for key in ROWS[0]},
    "dict of arrays": lambda: {key: np.array([row[key] for row in ROWS]) for key in ROWS[0]},
    "DataFrame": lambda: pd.DataFrame(ROWS),
    "DataFrame, ids as index": lambda: pd.DataFrame(ROWS).set_index("id"),
    "DataFrame of objects": lambda: pd.DataFrame(ROWS).astype(object),
    "DataFrame of Arrow types": lambda: pd.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow"),
    "DataFrame with a categorical": lambda: pd.DataFrame(ROWS).astype({"label": "category", "source": "category"}),
    "DataFrame, filtered": lambda: pd.DataFrame([*ROWS, {"id": "x", "text": "x"}]).query("id != 'x'"),
    "Arrow table": lambda: pa.Table.from_pylist(ROWS),
    "Arrow batch": lambda: pa.RecordBatch.from_pylist(ROWS),
    "Dataset": hugging_face,
    "Dataset with indices": reordered_dataset,
}


def assert_is_rows(pool: Pool) -> None:
    assert [document.text for document in pool] == TEXTS
    assert [document.id for document in pool] == [row["id"] for row in ROWS]
    assert [document.source for document in pool] == [row["source"] for row in ROWS]
    assert [pool.given_label(i) for i in range(len(pool))] == [row["label"] for row in ROWS]
    assert pool.fingerprint == Pool.load(ROWS).fingerprint
    assert pool.columns == {"text": "text", "id": "id", "source": "source", "label": "label"}
    assert pool.problems == []


@pytest.mark.parametrize("kind", FILES)
def test_every_file_gives_the_same_pool(kind, tmp_path):
    pool = Pool.load(FILES[kind](tmp_path), strict=True)
    assert_is_rows(pool)
    assert pool.name.lower() in {"rows", "packed"}


@pytest.mark.parametrize("kind", OBJECTS)
def test_every_object_gives_the_same_pool(kind):
    pool = Pool.load(OBJECTS[kind](), strict=True)
    assert_is_rows(pool)
    assert pool.name == "documents"


@pytest.mark.parametrize("kind", FILES)
def test_large_files_give_the_same_pool_from_disk(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("alwidget.pool.build._SPILL_ROWS", 0)
    path = FILES[kind](tmp_path)
    assert_is_rows(Pool.load(path, cache_dir=tmp_path / "cache"))
    assert_is_rows(Pool.load(path, cache_dir=tmp_path / "cache"))
    assert len(list((tmp_path / "cache" / "pools").glob("*/meta.json"))) == 1


TEXT_ONLY = {
    "list": TEXTS,
    "tuple": tuple(TEXTS),
    "array": np.array(TEXTS),
    "array of objects": np.array(TEXTS, dtype=object),
    "list of array cells": list(np.array(TEXTS)),
    "Series": pd.Series(TEXTS, name="whatever"),
    "Series with its own index": pd.Series(TEXTS, index=[9, 7, 5, 3, 1]),
    "keys of a dict": dict.fromkeys(TEXTS).keys(),
    "one column, another name": pd.DataFrame({"Comment Body": TEXTS}),
}


@pytest.mark.parametrize("kind", TEXT_ONLY)
def test_texts_alone_are_called_by_their_content(kind):
    pool = Pool.load(TEXT_ONLY[kind], strict=True)
    assert [document.text for document in pool] == TEXTS
    assert list(pool.ids) == [content_hash(text).hex()[:16] for text in TEXTS]
    assert pool.fingerprint == Pool.load(TEXTS).fingerprint
    assert all(type(document.text) is str for document in pool)


def test_a_set_of_texts_has_the_same_order_every_time():
    assert list(Pool.load(set(TEXTS)).ids) == list(Pool.load(frozenset(sorted(TEXTS, reverse=True))).ids)


def test_texts_in_json(tmp_path):
    flat = [text for text in TEXTS if "\n" not in text]
    for name, content in {
        "array.json": json.dumps(flat),
        "lines.jsonl": "\n".join(json.dumps(text) for text in flat),
        "inside.json": json.dumps({"data": flat}),
    }.items():
        (tmp_path / name).write_text(content)
        assert [document.text for document in Pool.load(tmp_path / name)] == flat, name


def test_a_text_file_has_a_document_a_line(tmp_path):
    (tmp_path / "lines.txt").write_bytes("one\r\n\r\n  \ntwo \u2028 same\nNA".encode())
    pool = Pool.load(tmp_path / "lines.txt", strict=True)
    assert [document.text for document in pool] == ["one", "two \u2028 same", "NA"]


def test_a_folder_has_a_document_a_file(tmp_path):
    folder = tmp_path / "reviews"
    (folder / "neg").mkdir(parents=True)
    (folder / "pos").mkdir()
    (folder / "pos" / "b.txt").write_bytes(b"two lines\r\nof text\r\n")
    (folder / "neg" / "a.TXT").write_text("NA\n")
    (folder / "neg" / ".hidden.txt").write_text("hidden")
    (folder / "c.txt").write_text("top\n\n", encoding="utf-8-sig")
    (folder / "notes.md").write_text("not a document")
    pool = Pool.load(folder, label="folder", strict=True)
    assert [(d.id, d.text) for d in pool] == [
        ("c.txt", "top\n"),
        ("neg/a.TXT", "NA"),
        ("pos/b.txt", "two lines\r\nof text"),
    ]
    assert [pool.given_label(i) for i in range(3)] == [None, "neg", "pos"]
    assert pool.name == "reviews"
    assert Pool.load(str(folder), source="folder").source_names == ["neg", "pos"]


def test_files_of_a_folder_that_cannot_be_used_are_reported(tmp_path):
    (tmp_path / "good.txt").write_text("good")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "nul.txt").write_bytes(b"a\0b")
    (tmp_path / "torn.txt").write_bytes("a\U0001f600".encode()[:-1])
    (tmp_path / "broken.txt").write_bytes("Ä".encode("utf-16")[:-1])
    pool = Pool.load(tmp_path, encoding=None)
    assert "good" in [document.text for document in pool]
    said = {problem.where: problem.kind for problem in pool.problems}
    assert said["empty.txt"] == "empty"
    assert said["nul.txt"] == "broken"
    assert said["broken.txt"] == "broken"
    with pytest.raises(DataError, match="strict"):
        Pool.load(tmp_path, strict=True)


def test_files_of_a_folder_in_an_old_encoding_share_one_guess(tmp_path):
    for i, text in enumerate(["Die Straße war schön", "Ein Café für Gäste", "Größer als früher", "plain"]):
        (tmp_path / f"{i}.txt").write_bytes(text.encode("cp1252"))
    pool = Pool.load(tmp_path)
    assert [document.text for document in pool][:2] == ["Die Straße war schön", "Ein Café für Gäste"]
    assert [problem.kind for problem in pool.problems] == ["encoding"]
    named = Pool.load(tmp_path, encoding="cp1252", strict=True)
    assert named.fingerprint == pool.fingerprint


def test_a_streamed_dataset_is_read_to_its_end():
    from datasets import Dataset

    assert_is_rows(Pool.load(Dataset.from_list(ROWS).to_iterable_dataset()))


def test_missing_class_labels_are_none():
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    pool = Pool.load(Dataset.from_list([{"text": "a", "label": 1}, {"text": "b", "label": -1}], features=features))
    assert [pool.given_label(i) for i in range(2)] == ["yes", None]


def test_text_that_old_writers_left_unmarked_is_text(tmp_path):
    table = pa.table({"text": pa.array([b"caf\xc3\xa9", b"tea"], pa.binary())})
    assert [d.text for d in Pool.load(write_parquet(tmp_path / "old.parquet", table), text="text")] == ["café", "tea"]
    mixed = pa.table({"text": pa.array([b"caf\xe9", b"tea"], pa.binary())})
    with pytest.raises(DataError, match="bytes"):
        Pool.load(write_parquet(tmp_path / "bytes.parquet", mixed), text="text")


def test_text_in_a_table_that_is_not_utf8_is_set_aside():
    offsets, data = np.array([0, 3, 4], dtype=np.int32).tobytes(), b"tea\xff"
    column = pa.StringArray.from_buffers(2, pa.py_buffer(offsets), pa.py_buffer(data))
    pool = Pool.load(pa.table({"text": column}))
    assert [d.text for d in pool] == ["tea"]
    assert [str(problem) for problem in pool.problems] == ["data[1]: the text is not UTF-8"]


def test_a_damaged_table_file_keeps_what_could_be_read(tmp_path):
    rows = [{"text": f"document {i} " + "x" * 200} for i in range(20_000)]
    path = tmp_path / "rows.arrow"
    table = pa.Table.from_pylist(rows)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    pool = Pool.load(path)
    assert 5000 < len(pool) < 15_000
    assert pool.problems[-1].kind == "broken"
    assert "damaged" in pool.problems[-1].what


def test_a_pool_loads_as_itself():
    pool = Pool.load(ROWS)
    assert Pool.load(pool) is pool


def test_arrow_arrays_of_texts():
    assert Pool.load(pa.array(TEXTS)).fingerprint == Pool.load(TEXTS).fingerprint
    assert Pool.load(pa.chunked_array([TEXTS])).fingerprint == Pool.load(TEXTS).fingerprint


def test_names_that_are_not_utf8_can_be_shown(tmp_path):
    path = tmp_path / b"caf\xe9.csv".decode(errors="surrogateescape")
    path.write_bytes(b"id,sch\xf6n,other\n1,a\n2,\xc3\xa4,\xc3\xa4\n3,\xc3\xa4,\xc3\xa4\n")
    pool = Pool.load(path, text="other")
    assert [d.text for d in pool] == ["ä", "ä"]
    assert all(problem.where.encode() and problem.what.encode() for problem in pool.problems)
    with pytest.raises(DataError, match="Its columns") as error:
        Pool.load(path, text="nothing")
    assert "sch\\udcf6n" in str(error.value)
