"""What a pool answers, small in memory and large on disk alike."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from alwidget.errors import ArgumentError
from alwidget.learners.base import Batch
from alwidget.pool import Document, Pool, content_hash

N = 700
ROWS = [
    {
        "id": f"d{i:03}",
        "text": f"document number {i % 600}" + " ü" * (i % 7),
        "text_pair": None if i % 5 == 0 else f"second {i}",
        "source": [None, "web", "book", "mail"][i % 4],
        "label": ["yes", "no", None][i % 3],
    }
    for i in range(N)
]


@pytest.fixture(params=["memory", "disk", "disk, opened again", "disk, pages let go all the time"], scope="module")
def pool(request, tmp_path_factory):
    """Return the same documents, kept in several ways, in batches that do not come out even."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("pool")
        patch.setattr("alwidget.pool.build._BATCH_ROWS", 64)
        patch.setattr("alwidget.pool.reader.CHUNK", 37)
        patch.setattr("alwidget.pool.memory.CHUNK", 37)
        if request.param == "memory":
            return Pool.load(ROWS)
        if request.param == "disk, pages let go all the time":
            patch.setattr("alwidget.pool.store._HELD", 1)
        patch.setattr("alwidget.pool.build._SPILL_ROWS", 100)
        pd.DataFrame(ROWS).to_json(folder / "rows.jsonl", orient="records", lines=True)
        pool = Pool.load(folder / "rows.jsonl", cache_dir=folder)
        return pool if request.param == "disk" else Pool.load(folder / "rows.jsonl", cache_dir=folder)


def document(i: int) -> Document:
    row = ROWS[i]
    key = content_hash(row["text"], row["text_pair"])
    return Document(i, row["id"], row["text"], row["text_pair"], row["source"], key)


def test_documents_one_by_one(pool):
    assert len(pool) == N
    for i in (0, 1, 63, 64, 65, 350, N - 1):
        assert pool[i] == document(i)
        assert pool[i - N] == document(i)
        assert pool[np.int64(i)] == document(i)


@pytest.mark.parametrize("index", [N, -N - 1, 10**9])
def test_there_is_nothing_beyond_the_ends(pool, index):
    with pytest.raises(IndexError, match="700 documents"):
        pool[index]
    with pytest.raises(IndexError):
        pool.documents([0, index])
    with pytest.raises(IndexError):
        pool.keys(np.array([index]))
    with pytest.raises(IndexError):
        pool.given_label(index)
    with pytest.raises(IndexError):
        pool.ids[index]


@pytest.mark.parametrize("index", ["0", 1.0, None, slice(0, 3)])
def test_an_index_is_a_whole_number(pool, index):
    with pytest.raises((TypeError, AttributeError)):
        pool[index]


def test_documents_in_order(pool):
    assert list(pool) == [document(i) for i in range(N)]


@pytest.mark.parametrize("size", [0, 1, 5, 63, 64, 400, 2000])
def test_documents_by_index(pool, size):
    indices = np.random.default_rng(size).integers(-N, N, size)
    wanted = [document(i % N) for i in indices.tolist()]
    assert pool.documents(indices) == wanted
    assert pool.documents(indices.tolist()) == wanted
    assert pool.documents(iter(indices.tolist())) == wanted
    assert pool.keys(indices) == [d.key for d in wanted]
    batch = pool.batch(indices)
    assert isinstance(batch, Batch)
    assert list(batch.texts) == [d.text for d in wanted]
    assert list(batch.pairs) == [d.text_pair or "" for d in wanted]
    assert list(batch.keys) == [d.key for d in wanted]
    assert pool.sources(indices).tolist() == [d.source for d in wanted]


def test_indices_are_whole_numbers(pool):
    for wrong in (np.array([0.5]), np.array([True, False]), np.array(["0"])):
        with pytest.raises(ArgumentError, match="whole numbers"):
            pool.documents(wrong)


def test_ids(pool):
    assert len(pool.ids) == N
    assert pool.ids[3] == pool.ids[3 - N] == "d003"
    assert pool.ids[2:5] == ["d002", "d003", "d004"]
    assert pool.ids[::-1][:2] == ["d699", "d698"]
    assert list(pool.ids) == [row["id"] for row in ROWS]
    assert pool.ids == [row["id"] for row in ROWS]
    assert pool.ids != [row["id"] for row in ROWS[1:]]
    assert pool.ids == pool.ids
    assert "d400" in pool.ids
    assert "d700" not in pool.ids
    assert 400 not in pool.ids
    assert pool.ids.index("d400") == 400
    with pytest.raises(ValueError, match="nobody"):
        pool.ids.index("nobody")
    with pytest.raises(ValueError, match="d400"):
        pool.ids.index("d400", 500)
    assert repr(pool.ids) == "<700 ids: 'd000', 'd001', 'd002', …>"


def test_every_document_is_found_by_its_id(pool):
    assert [pool.index_of(row["id"]) for row in ROWS] == list(range(N))
    assert all(row["id"] in pool for row in ROWS)
    assert "" not in pool


def test_sources(pool):
    assert pool.source_names == ["web", "book", "mail"]
    assert pool.sources([]).tolist() == []
    assert Pool.load(["a"]).sources([0]) is None
    assert Pool.load(["a"]).source_names == []
    assert Pool.load([{"text": "a", "source": None}]).source_names == []
    assert Pool.load([{"text": "a", "source": None}]).sources([0]) is None


def test_labels(pool):
    assert pool.has_labels
    assert [pool.given_label(i) for i in range(N)] == [row["label"] for row in ROWS]
    assert pool.given_label(-1) == ROWS[-1]["label"]


def test_duplicates(pool):
    contents = [(row["text"], row["text_pair"]) for row in ROWS]
    wanted = [contents.index(c) if contents.index(c) < i else -1 for i, c in enumerate(contents)]
    assert pool.duplicate_of.tolist() == wanted


def test_all_ways_agree(pool):
    assert pool.fingerprint == Pool.load(ROWS).fingerprint
    assert pool.problems == []
    assert pool.set_aside == 0
    assert set(pool.columns) == {"text", "text_pair", "id", "source", "label"}
    assert "700 documents" in repr(pool)


def test_a_pool_becomes_a_dataset_and_comes_back(pool):
    dataset = pool.to_dataset()
    assert dataset.column_names == ["id", "text", "text_pair", "source", "label"]
    assert dataset[5] == {key: ROWS[5][key] for key in dataset.column_names}
    again = Pool.load(dataset)
    assert again.fingerprint == pool.fingerprint
    assert list(again) == list(pool)


def test_a_pool_of_texts_has_no_second_texts():
    pool = Pool.load(["a", "b"])
    assert pool.batch([0]).pairs is None
    assert "text_pair" not in pool.columns
    assert pool[0].text_pair is None
    assert pool.to_dataset().column_names == ["id", "text"]


def test_columns_without_a_single_value_play_no_role():
    empty = {"text_pair": None, "source": "", "label": None}
    pool = Pool.load([{"text": "a", **empty}, {"text": "b", **empty}])
    assert pool.columns == {"text": "text"}
    assert pool.found == {"text"}
    assert pool.batch([0]).pairs is None
    assert not pool.has_labels
    assert pool.to_dataset().column_names == ["id", "text"]
    assert list(pool.ids) == list(Pool.load(["a", "b"]).ids)


def test_importing_the_pool_brings_no_heavy_library():
    heavy = ("torch", "transformers", "datasets", "pandas", "sklearn", "charset_normalizer", "pyarrow.parquet")
    code = f"import sys, alwidget, alwidget.pool; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_a_file_brings_no_heavy_library(tmp_path):
    (tmp_path / "rows.csv").write_text("id,text\n1,a\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    code = (
        "import sys; from alwidget.pool import Pool\n"
        f"for name in ('rows.csv', 'rows.jsonl'): Pool.load({str(tmp_path)!r} + '/' + name)\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'pandas', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
