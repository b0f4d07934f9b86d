"""Where a pool is built: in memory while it is small, else in a folder that takes its place when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from alwidget.pool.arrays import strings
from alwidget.pool.store import Chunks, Store, read_chunks

__all__ = ["DiskSink", "MemorySink"]


class MemorySink:
    """Holds the batches of a small pool."""

    def __init__(self) -> None:
        self.batches: list[tuple[Any, Any, Mapping[str, bytes]]] = []

    def add(self, documents: Any, ids: Any, arrays: Mapping[str, bytes]) -> None:
        """Take a batch: documents, their own ids, and fixed-size values one after another."""
        self.batches.append((documents, ids, arrays))

    def raw(self, name: str) -> np.ndarray:
        """Return all values of one name as bytes, uint8."""
        return np.frombuffer(b"".join(arrays[name] for _, _, arrays in self.batches), dtype=np.uint8)

    def base_ids(self, rows: np.ndarray) -> list[str]:
        """Return the own ids of some rows."""
        return Chunks([ids for _, ids, _ in self.batches]).take("id", rows)

    def finish(self, arrays: Mapping[str, np.ndarray], renamed: Mapping[int, str]) -> Store:
        """Return the store."""
        ids = list(_renamed((ids for _, ids, _ in self.batches), renamed))
        return Store(Chunks([documents for documents, _, _ in self.batches]), Chunks(ids), dict(arrays))

    def close(self) -> None:
        """Forget it all."""
        self.batches.clear()


class DiskSink:
    """Writes the batches of a large pool into a folder.

    Parameters
    ----------
    folder
        An empty folder that nobody else writes to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, tuple[Any, Any]] = {}
        self._files: dict[str, BinaryIO] = {}
        self._base: Chunks | None = None

    def take(self, memory: MemorySink) -> None:
        """Take over what was collected in memory."""
        for documents, ids, arrays in memory.batches:
            self.add(documents, ids, arrays)
        memory.close()

    def add(self, documents: Any, ids: Any, arrays: Mapping[str, bytes]) -> None:
        """Take a batch: documents, their own ids, and fixed-size values one after another."""
        self._write("documents", documents)
        self._write("base", ids)
        for name, value in arrays.items():
            if name not in self._files:
                self._files[name] = (self._folder / f"{name}.raw").open("w+b")
            self._files[name].write(value)

    def raw(self, name: str) -> np.ndarray:
        """Return all values of one name as bytes, uint8, mapped from disk."""
        self._files[name].flush()
        return np.asarray(np.memmap(self._folder / f"{name}.raw", dtype=np.uint8, mode="r"))

    def base_ids(self, rows: np.ndarray) -> list[str]:
        """Return the own ids of some rows."""
        if self._base is None:
            self._end_writing()
            self._base = read_chunks(self._folder / "base.arrow")
        return self._base.take("id", rows)

    def finish(self, arrays: Mapping[str, np.ndarray], renamed: Mapping[int, str]) -> None:
        """Write the rest, and make sure that all of it is on disk."""
        self._end_writing()
        if renamed:
            for batch in _renamed(read_chunks(self._folder / "base.arrow").batches, renamed):
                self._write("ids", batch)
            self._end_writing()
        else:
            (self._folder / "base.arrow").replace(self._folder / "ids.arrow")
        for name, values in arrays.items():
            np.save(self._folder / f"{name}.npy", values, allow_pickle=False)
        self._base = None
        for file in self._files.values():
            file.close()
        for left in (*self._folder.glob("*.raw"), *self._folder.glob("base.arrow")):
            with suppress(OSError):  # Windows, where a file that is mapped stays
                left.unlink()
        for path in self._folder.iterdir():
            _sync(path)

    def close(self) -> None:
        """Let go of the files; the folder belongs to the caller."""
        self._end_writing()
        for file in self._files.values():
            file.close()

    def _write(self, name: str, batch: Any) -> None:
        if name not in self._writers:
            file = pa.OSFile(str(self._folder / f"{name}.arrow"), "wb")
            self._writers[name] = file, pa.ipc.new_file(file, batch.schema)
        self._writers[name][1].write_batch(batch)

    def _end_writing(self) -> None:
        for file, writer in self._writers.values():
            writer.close()
            file.close()
        self._writers.clear()


def _renamed(batches: Iterable[Any], renamed: Mapping[int, str]) -> Iterator[Any]:
    """Yield the batches of ids with the new ones in place."""
    rows = sorted(renamed)
    start = at = 0
    for batch in batches:
        stop = start + batch.num_rows
        if at < len(rows) and rows[at] < stop:
            ids = batch.column(0).to_pylist()
            while at < len(rows) and rows[at] < stop:
                ids[rows[at] - start] = renamed[rows[at]]
                at += 1
            batch = pa.record_batch({"id": strings(ids)})  # noqa: PLW2901  the same batch, mended
        start = stop
        yield batch


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
