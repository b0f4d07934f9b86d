"""The cache of vectors: shared, torn, deleted, full; a wrong vector would be worse than none."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.learners import EmbeddingCache, default_cache_dir
from alwidget.learners.cache import VectorMemory
from alwidget.learners.keyindex import KeyIndex, as_keys

DIM = 4


def keys_of(numbers):
    return [int(i).to_bytes(8, "little") * 2 for i in numbers]


def vectors_of(numbers):
    return np.array([[i % 1000, 1, -(i % 7), 0.5] for i in numbers], dtype=np.float32).reshape(-1, DIM)


def fill(folder, start, stop):
    cache = EmbeddingCache(folder, "model", DIM)
    for at in range(start, stop, 10):
        cache.put(keys_of(range(at, at + 10)), vectors_of(range(at, at + 10)))


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=20), max_size=6),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 21)), max_size=30),
)
def test_the_index_finds_what_a_dict_would_also_where_halves_of_keys_collide(chunks, asked):
    index, expected, row = KeyIndex(), {}, 0
    for chunk in chunks:
        fresh = [pair for pair in dict.fromkeys(chunk) if pair not in expected]
        index.add(np.array(fresh, dtype=np.uint64).reshape(-1, 2), np.arange(row, row + len(fresh)))
        for pair in fresh:
            expected[pair] = row
            row += 1
    found = index.find(np.array(asked, dtype=np.uint64).reshape(-1, 2))
    assert found.tolist() == [expected.get(pair, -1) for pair in asked]
    assert len(index) == len(expected)


def test_keys_of_another_length_are_hashed():
    assert as_keys([b"short", b"x" * 16]).shape == (2, 2)
    assert not np.array_equal(as_keys([b"short"]), as_keys([b"shorter"]))
    assert as_keys([]).shape == (0, 2)


def test_a_million_keys_take_little_memory():
    keys = np.random.default_rng(0).integers(0, 2**63, (1_000_000, 2), dtype=np.uint64)
    tracemalloc.start()
    index = KeyIndex()
    index.add(keys, np.arange(len(keys)))
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 30e6
    assert np.array_equal(index.find(keys[::1000]), np.arange(0, len(keys), 1000))


def test_what_is_put_is_got_in_any_order_and_by_the_next_session(tmp_path):
    cache = EmbeddingCache(tmp_path, "model", DIM)
    cache.put(keys_of(range(50)), vectors_of(range(50)))
    cache.put(keys_of([3, 60, 60]), vectors_of([999, 60, 61]))
    for reader in (cache, EmbeddingCache(tmp_path, "model", DIM)):
        got, found = reader.get(keys_of([60, 7, 1234, 3]))
        assert found.tolist() == [True, True, False, True]
        np.testing.assert_array_equal(got[found], vectors_of([60, 7, 3]))
        assert got.dtype == np.float32
        assert reader.has(keys_of([49, 50])).tolist() == [True, False]
        assert len(reader) == 51
    assert cache.get([])[0].shape == (0, DIM)


def test_another_encoder_has_other_vectors(tmp_path):
    EmbeddingCache(tmp_path, "model", DIM).put(keys_of([1]), vectors_of([1]))
    assert not EmbeddingCache(tmp_path, "model at another commit", DIM).has(keys_of([1])).any()


def test_a_reader_sees_what_another_session_appends(tmp_path):
    reader, writer = EmbeddingCache(tmp_path, "model", DIM), EmbeddingCache(tmp_path, "model", DIM)
    for i in range(20):
        writer.put(keys_of([i]), vectors_of([i]))
        got, found = reader.get(keys_of(range(i + 1)))
        assert found.all()
        np.testing.assert_array_equal(got, vectors_of(range(i + 1)))


def test_processes_that_write_the_same_and_other_keys_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    spans = [(0, 300), (100, 400), (200, 500)]
    workers = [context.Process(target=fill, args=(tmp_path, *span)) for span in spans]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    cache = EmbeddingCache(tmp_path, "model", DIM)
    got, found = cache.get(keys_of(range(500)))
    assert found.all()
    np.testing.assert_array_equal(got, vectors_of(range(500)))
    assert len(cache) == 500


@pytest.mark.parametrize("torn", ["keys", "vectors", "both", "vectors without keys"])
def test_a_torn_tail_is_ignored_and_written_over(tmp_path, torn):
    writer = EmbeddingCache(tmp_path, "model", DIM)
    writer.put(keys_of(range(10)), vectors_of(range(10)))
    keys, vectors = writer.folder / "keys.bin", writer.folder / "vectors.f16"
    if torn in {"keys", "both"}:
        keys.write_bytes(keys.read_bytes()[:-5])
    if torn in {"vectors", "both"}:
        vectors.write_bytes(vectors.read_bytes()[:-3])
    if torn == "vectors without keys":
        vectors.write_bytes(vectors.read_bytes() + b"\x7f" * 11)
    whole = 10 if torn == "vectors without keys" else 9
    cache = EmbeddingCache(tmp_path, "model", DIM)
    assert len(cache) == whole
    cache.put(keys_of(range(5, 15)), vectors_of(range(5, 15)))
    for reader in (cache, EmbeddingCache(tmp_path, "model", DIM), writer):
        got, found = reader.get(keys_of(range(15)))
        assert found.all()
        np.testing.assert_array_equal(got, vectors_of(range(15)))


def test_the_folder_may_be_deleted_at_any_time(tmp_path):
    import shutil

    cache = EmbeddingCache(tmp_path, "model", DIM)
    cache.put(keys_of(range(5)), vectors_of(range(5)))
    cache.get(keys_of([0]))
    shutil.rmtree(cache.folder)
    assert not cache.has(keys_of(range(5))).any()
    cache.put(keys_of(range(3, 8)), vectors_of(range(3, 8)))
    got, found = cache.get(keys_of(range(8)))
    assert found.tolist() == [False] * 3 + [True] * 5
    np.testing.assert_array_equal(got[3:], vectors_of(range(3, 8)))
    assert cache.note is None


def test_a_description_that_cannot_be_read_starts_over(tmp_path):
    cache = EmbeddingCache(tmp_path, "model", DIM)
    cache.put(keys_of([1]), vectors_of([1]))
    (cache.folder / "meta.json").write_text("{")
    again = EmbeddingCache(tmp_path, "model", DIM)
    assert len(again) == 0
    again.put(keys_of([2]), vectors_of([2]))
    assert EmbeddingCache(tmp_path, "model", DIM).has(keys_of([1, 2])).tolist() == [False, True]


def test_without_a_place_on_disk_the_vectors_stay_in_memory(tmp_path):
    (tmp_path / "a file").write_text("")
    cache = EmbeddingCache(tmp_path / "a file", "model", DIM)
    cache.put(keys_of(range(5)), vectors_of(range(5)))
    got, found = cache.get(keys_of([4, 9]))
    assert found.tolist() == [True, False]
    np.testing.assert_array_equal(got[0], vectors_of([4])[0])
    assert "in memory" in cache.note


def test_a_disk_that_is_full_keeps_what_it_had_and_the_rest_in_memory(tmp_path):
    script = f"""
        import resource, signal, numpy as np
        from alwidget.learners import EmbeddingCache
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        cache = EmbeddingCache({str(tmp_path)!r}, "model", 64)
        key = lambda i: int(i).to_bytes(8, "little") * 2
        cache.put([key(i) for i in range(10)], np.ones((10, 64)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        for i in range(10, 20):
            cache.put([key(i)], np.full((1, 64), i))
        got, found = cache.get([key(i) for i in range(21)])
        assert found.tolist() == [True] * 20 + [False], found
        assert (got[10:20, 0] == np.arange(10, 20)).all() and (got[:10] == 1).all()
        assert "in memory" in cache.note, cache.note
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cache = EmbeddingCache(tmp_path, "model", 64)
    _, found = cache.get(keys_of(range(20)))
    assert found[:10].all()
    cache.put(keys_of(range(20, 30)), np.full((10, 64), 7.0))
    got, found = cache.get(keys_of(range(20, 30)))
    assert found.all()
    assert (got == 7).all()


def test_vectors_of_another_shape_are_refused(tmp_path):
    with pytest.raises(ValueError, match="shape"):
        EmbeddingCache(tmp_path, "model", DIM).put(keys_of([1]), np.ones((1, DIM + 1)))


def test_numbers_beyond_float16_do_not_become_infinite(tmp_path):
    cache = EmbeddingCache(tmp_path, "model", DIM)
    cache.put(keys_of([1]), np.full((1, DIM), 1e9))
    assert np.isfinite(cache.get(keys_of([1]))[0]).all()


def test_memory_grows_and_forgets_at_its_limit():
    memory = VectorMemory(DIM, limit=1000)
    for start in range(0, 900, 100):
        memory.put(keys_of(range(start, start + 100)), vectors_of(range(start, start + 100)))
    got, found = memory.get(keys_of(range(900)))
    assert found.all()
    np.testing.assert_array_equal(got, vectors_of(range(900)))
    memory.put(keys_of(range(2000, 2200)), vectors_of(range(2000, 2200)))
    assert memory.has(keys_of([5, 2100])).tolist() == [False, True]


def test_the_default_place_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ALWIDGET_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path / "embeddings"
    monkeypatch.delenv("ALWIDGET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache_dir() == tmp_path / "xdg" / "alwidget" / "embeddings"
