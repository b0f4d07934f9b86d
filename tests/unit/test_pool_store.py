"""Conversion on disk: once, in bounded memory, all or nothing, whoever else is at it."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from alwidget.errors import DataError
from alwidget.pool import Pool
from alwidget.pool.build import Builder
from alwidget.pool.cache import Workplace
from alwidget.pool.reader import Rows
from alwidget.pool.store import open_store, read_meta

LARGE = 60_000
"""More than stays in memory."""


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("large") / "rows.csv"
    body = "".join(f"d{i},document number {i},{'ab'[i % 2]}\n" for i in range(LARGE))
    path.write_text(f"id,text,source\n{body}d1\n")
    return path


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def stores(cache: Path) -> list[Path]:
    return sorted(path.parent for path in (cache / "pools").glob("*/meta.json"))


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "pools" / "building").iterdir())


def test_a_large_file_is_converted_once(large, cache, monkeypatch):
    first = Pool.load(large, cache_dir=cache)
    assert len(first) == LARGE
    assert len(stores(cache)) == 1
    assert leftovers(cache) == []
    monkeypatch.setattr("alwidget.pool.loading.open_reader", lambda *_: pytest.fail("it was read again"))
    second = Pool.load(str(large), cache_dir=str(cache))
    assert second.fingerprint == first.fingerprint
    assert [str(p) for p in second.problems] == [str(p) for p in first.problems]
    assert second.problems[0].where == f"rows.csv, line {LARGE + 2}"
    assert second.set_aside == 1
    assert second.source_names == ["a", "b"]
    assert second.index_of("d59999") == 59_999
    with pytest.raises(DataError, match="strict=True"):
        Pool.load(large, cache_dir=cache, strict=True)


def test_a_small_file_leaves_nothing_behind(tmp_path, cache):
    (tmp_path / "rows.csv").write_text("text\na\n")
    Pool.load(tmp_path / "rows.csv", cache_dir=cache)
    assert not cache.exists()


def test_the_arrays_of_a_store_are_mapped_not_read(large, cache):
    pool = Pool.load(large, cache_dir=cache)
    store = open_store(stores(cache)[0])
    for array in (*store.arrays.values(), pool.duplicate_of):
        assert isinstance(array.base, np.memmap)
        assert not array.flags.writeable


def test_other_options_are_another_conversion(large, cache):
    assert Pool.load(large, cache_dir=cache)[0].id == "d0"
    assert Pool.load(large, id=False, cache_dir=cache)[0].id != "d0"
    assert Pool.load(large, source=False, cache_dir=cache).sources([0]) is None
    assert len(stores(cache)) == 3


def test_a_file_that_changed_is_converted_again_and_the_old_copy_goes(large, tmp_path, cache):
    path = tmp_path / "rows.csv"
    shutil.copy(large, path)
    before = Pool.load(path, cache_dir=cache)
    with path.open("a") as file:
        file.write("new,one document more,a\n")
    after = Pool.load(path, cache_dir=cache)
    assert len(after) == len(before) + 1
    assert len(stores(cache)) == 1
    assert before[LARGE - 1].id == f"d{LARGE - 1}"


def test_the_cache_goes_where_it_is_told(large, tmp_path, monkeypatch):
    monkeypatch.setenv("ALWIDGET_CACHE", str(tmp_path / "there"))
    Pool.load(large)
    assert len(stores(tmp_path / "there")) == 1
    monkeypatch.delenv("ALWIDGET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    Pool.load(large)
    assert len(stores(tmp_path / "home" / "alwidget")) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_nobody_else_can_read_the_copies(large, cache):
    Pool.load(large, cache_dir=cache)
    assert stat.S_IMODE((cache / "pools").stat().st_mode) == 0o700


def test_where_nothing_can_be_written_the_pool_is_kept_elsewhere(large, tmp_path):
    (tmp_path / "file").write_text("in the way")
    pool = Pool.load(large, cache_dir=tmp_path / "file")
    assert len(pool) == LARGE
    assert pool[LARGE - 1].id == f"d{LARGE - 1}"


def test_a_full_disk_is_an_error_that_says_what_to_do(large, cache, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("alwidget.pool.sink.np.save", full)
    with pytest.raises(DataError, match=r"no room.*ALWIDGET_CACHE"):
        Pool.load(large, cache_dir=cache)
    monkeypatch.undo()
    gc.collect()
    assert leftovers(cache) == []
    assert len(Pool.load(large, cache_dir=cache)) == LARGE


@pytest.mark.parametrize("harm", ["truncate", "remove", "meta", "format", "empty"])
def test_a_damaged_copy_is_made_again(harm, large, cache):
    fingerprint = Pool.load(large, cache_dir=cache).fingerprint
    gc.collect()
    folder = stores(cache)[0]
    if harm == "truncate":
        (folder / "documents.arrow").write_bytes((folder / "documents.arrow").read_bytes()[:-10])
    elif harm == "remove":
        (folder / "keys.npy").unlink()
    elif harm == "meta":
        (folder / "meta.json").write_text("{")
    elif harm == "format":
        meta = json.loads((folder / "meta.json").read_text())
        (folder / "meta.json").write_text(json.dumps({**meta, "format": 0}))
    else:
        (folder / "meta.json").unlink()
    pool = Pool.load(large, cache_dir=cache)
    assert pool.fingerprint == fingerprint
    assert read_meta(stores(cache)[0])["rows"] == LARGE
    assert leftovers(cache) == []


def test_an_error_leaves_nothing_behind(tmp_path, cache):
    path = tmp_path / "rows.csv"
    path.write_text("id,text\n" + "".join(f"{i},document {i}\n" for i in range(LARGE)) + "1\n" * 20)
    with pytest.raises(DataError, match="strict"):
        Pool.load(path, cache_dir=cache, strict=True)
    assert leftovers(cache) == []
    assert stores(cache) == []


def test_large_data_in_memory_goes_to_disk_for_as_long_as_it_is_needed(cache):
    pool = Pool.load([f"document {i}" for i in range(LARGE)], cache_dir=cache)
    assert stores(cache) == []
    assert len(leftovers(cache)) == 2
    assert pool[LARGE - 1].text == f"document {LARGE - 1}"
    del pool
    gc.collect()
    assert leftovers(cache) == []


def test_a_large_dataset_is_converted_once(cache, monkeypatch):
    from datasets import Dataset

    dataset = Dataset.from_dict({"text": [f"document {i}" for i in range(LARGE)]})
    first = Pool.load(dataset, cache_dir=cache)
    assert len(stores(cache)) == 1
    other = Pool.load(dataset.select(range(LARGE - 1)), cache_dir=cache)
    assert len(other) == LARGE - 1
    monkeypatch.setattr("alwidget.pool.loading.open_reader", lambda *_: pytest.fail("it was read again"))
    assert Pool.load(dataset, cache_dir=cache).fingerprint == first.fingerprint


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path, cache, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("id,text\n" + "".join(f"{i},document {i}\n" for i in range(LARGE)))
    add = Builder.add

    def touching(self: Builder, rows: Rows) -> None:
        os.utime(path, (1, 1))
        add(self, rows)

    monkeypatch.setattr(Builder, "add", touching)
    pool = Pool.load(path, cache_dir=cache)
    assert [p.kind for p in pool.problems] == ["changed"]
    assert len(pool) == LARGE
    assert stores(cache) == []


def test_renamed_ids_survive_the_disk(tmp_path, cache):
    path = tmp_path / "rows.csv"
    body = "".join(f"d{i % (LARGE - 5)},document {i}\n" for i in range(LARGE))
    path.write_text("id,text\n" + body)
    for pool in (Pool.load(path, cache_dir=cache), Pool.load(path, cache_dir=cache)):
        assert len(set(pool.ids)) == LARGE
        assert pool[0].id.startswith("d0#")
        assert pool[LARGE - 1].id.startswith("d4#")
        assert pool[10].id == "d10"
        assert len(pool.problems) == 5
        assert [pool.index_of(id) for id in pool.ids[-3:]] == [LARGE - 3, LARGE - 2, LARGE - 1]
        assert "d0" not in pool


def test_sources_that_are_all_missing_survive_the_disk(tmp_path, cache):
    path = tmp_path / "rows.csv"
    path.write_text("source,text\n" + "".join(f",document {i}\n" for i in range(LARGE)))
    for pool in (Pool.load(path, cache_dir=cache), Pool.load(path, cache_dir=cache)):
        assert pool.source_names == []
        assert pool.sources([0]) is None


def test_as_many_sources_as_documents(tmp_path, cache):
    path = tmp_path / "rows.csv"
    path.write_text("source,text\n" + "".join(f"s{i},document {i}\n" for i in range(LARGE)))
    pool = Pool.load(path, cache_dir=cache)
    assert pool.source_names[:2] == ["s0", "s1"]
    assert len(pool.source_names) == LARGE


def test_what_crashes_left_is_removed_and_what_others_build_is_not(large, cache):
    from filelock import FileLock

    building = cache / "pools" / "building"
    for name in ("left", "busy"):
        (building / name).mkdir(parents=True)
        (building / name / "documents.arrow").write_bytes(b"half")
        (building / f"{name}.lock").touch()
    with FileLock(building / "busy.lock"):
        Pool.load(large, cache_dir=cache)
        assert leftovers(cache) == ["busy", "busy.lock"]
    Pool.load(large, id=False, cache_dir=cache)
    assert leftovers(cache) == []


def test_folders_that_are_no_stores_are_left_alone(large, cache):
    (cache / "pools" / "mine").mkdir(parents=True)
    (cache / "pools" / "mine" / "notes.txt").write_text("mine")
    (cache / "pools" / "note.txt").write_text("mine")
    Pool.load(large, cache_dir=cache)
    assert (cache / "pools" / "mine" / "notes.txt").exists()


def test_if_another_process_was_quicker_its_store_is_used(large, cache, monkeypatch):
    publish = Workplace.publish

    def late(self: Workplace, key: str) -> Path:
        monkeypatch.setattr(Workplace, "publish", publish)
        Pool.load(large, cache_dir=cache)
        return publish(self, key)

    monkeypatch.setattr(Workplace, "publish", late)
    pool = Pool.load(large, cache_dir=cache)
    assert len(stores(cache)) == 1
    assert leftovers(cache) == []
    assert pool[LARGE - 1].id == f"d{LARGE - 1}"


def test_a_file_that_cannot_be_opened_is_a_data_error(large, cache, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("alwidget.pool.loading.open_reader", refuse)
    with pytest.raises(DataError, match=r"rows\.csv cannot be read: .*Permission denied"):
        Pool.load(large, cache_dir=cache)


# Several processes, and processes that are killed --------------------------------------------------------------------

CONVERT = """
import sys
from alwidget.pool import Pool
print("ready", flush=True)
sys.stdin.readline()
pool = Pool.load(sys.argv[1], cache_dir=sys.argv[2], progress=False)
print(pool.fingerprint, len(pool), pool[len(pool) - 1].id, flush=True)
"""


def start(large: Path, cache: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", CONVERT, large, cache], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_may_convert_the_same_file_at_once(large, cache):
    processes = [start(large, cache) for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {process.communicate()[0] for process in processes}
    assert said == {f"{Pool.load(large).fingerprint} {LARGE} d{LARGE - 1}\n"}
    assert len(stores(cache)) == 1
    assert leftovers(cache) == []


def test_a_killed_conversion_leaves_no_half_pool(large, cache):
    for wait in np.linspace(0.02, 0.6, 8):
        process = start(large, cache)
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for folder in stores(cache):
            assert read_meta(folder)["rows"] == LARGE
    pool = Pool.load(large, cache_dir=cache)
    assert len(pool) == LARGE
    assert pool.fingerprint == Pool.load(large).fingerprint
    shutil.rmtree(stores(cache)[0])
    Pool.load(large, cache_dir=cache)
    assert leftovers(cache) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_does_not_take_its_parents_files_away(cache):
    code = (
        "import os, sys\n"
        "from alwidget.pool import Pool\n"
        f"pool = Pool.load([f'document {{i}}' for i in range({LARGE})], cache_dir={str(cache)!r}, progress=False)\n"
        "child = os.fork()\n"
        "if not child: sys.exit(0)\n"
        "os.waitpid(child, 0)\n"
        f"folder = {str(cache / 'pools' / 'building')!r}\n"
        "print(len(os.listdir(folder)), pool[5].text)\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2 document 5\n"
    assert leftovers(cache) == []
