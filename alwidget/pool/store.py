"""A pool at rest: Arrow batches and arrays, in memory or mapped from a folder that is never written to again."""

from __future__ import annotations

import json
import mmap
import os
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from alwidget.pool.arrays import indices

__all__ = ["Chunks", "Store", "StoreError", "open_store", "read_chunks", "read_meta", "write_meta"]

FORMAT = 1
META = "meta.json"


class StoreError(Exception):
    """A folder is no complete store of this format; it can be built again."""


class Chunks:
    """Record batches one after another, read by row.

    Parameters
    ----------
    batches
        `pyarrow.RecordBatch` objects of one schema.
    mapped
        The mapping of the file that they lie in, if they do. Pages that were read count as this process's memory until
        the system wants them back; every now and then they are let go, so that reading costs time and not memory.
    """

    def __init__(self, batches: Sequence[Any], mapped: mmap.mmap | None = None) -> None:
        self.batches, self._mapped, self._read = batches, mapped, 0
        self._starts = [0]
        for batch in batches:
            self._starts.append(self._starts[-1] + batch.num_rows)
        names = batches[0].schema.names if batches else []
        self._columns = {name: [batch.column(i) for batch in batches] for i, name in enumerate(names)}
        self._most = sys.maxsize
        if mapped is not None and len(mapped) > _HELD:
            self._most = max(1, _HELD // (_AROUND + len(mapped) // max(1, len(self))))

    def __len__(self) -> int:
        return self._starts[-1]

    def get(self, name: str, row: int) -> Any:
        """Return one cell."""
        self._note(1)
        number = bisect_right(self._starts, row) - 1
        return self._columns[name][number][row - self._starts[number]].as_py()

    def take(self, name: str, rows: np.ndarray) -> list[Any]:
        """Return the cells of some rows, in their order; every batch is gone to once."""
        if len(rows) < _FEW:
            return [self.get(name, row) for row in rows.tolist()]
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        edges = np.searchsorted(ordered, np.asarray(self._starts))
        out: list[Any] = [None] * len(rows)
        places = order.tolist()
        for number, (start, stop) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            if start < stop:
                self._note(stop - start)
                part = self._columns[name][number].take(indices(ordered[start:stop] - self._starts[number]))
                for place, value in zip(places[start:stop], part.to_pylist(), strict=True):
                    out[place] = value
        return out

    def iterate(self, name: str) -> Iterator[Any]:
        """Yield the cells of a column, a part of a batch at a time."""
        for array in self._columns[name]:
            for start in range(0, len(array), _PART):
                self._note(_PART)
                yield from array.slice(start, _PART).to_pylist()

    def _note(self, rows: int) -> None:
        """Count what is read, and let go of the pages when it has become much."""
        self._read += rows
        if self._read > self._most:
            self._read = 0
            if self._mapped is not None and _LET_GO is not None:
                self._mapped.madvise(_LET_GO)

    def chunked(self, name: str) -> Any:
        """Return a column as a `pyarrow.ChunkedArray`, nothing copied."""
        return pa.chunked_array(self._columns[name])


_AROUND = 1 << 20
"""Bytes that the system maps around a cell that is read: seen with Linux 6.18, which caches files in large pieces."""
_HELD = 1 << 27
"""Bytes of a mapped file that may count as this process's memory."""
_LET_GO: int | None = getattr(mmap, "MADV_DONTNEED", None)
_FEW = 64
_PART = 1024


@dataclass(slots=True, weakref_slot=True)
class Store:
    """The parts of a pool.

    Attributes
    ----------
    documents
        ``text`` and, where the pool has them, ``text_pair``, ``source``, ``label``.
    ids
        ``id``; its batches begin and end where those of `documents` do.
    arrays
        ``keys`` uint8 (N, 16); ``duplicate_of`` int64 (N,); ``id_hash`` uint64 (N,), ascending, and ``id_row`` int64
        (N,) beside it; with sources ``source_row`` int64, a row for each source.
    """

    documents: Chunks
    ids: Chunks
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.documents)

    @classmethod
    def empty(cls) -> Store:
        """Return a store of no documents."""
        return cls(Chunks([]), Chunks([]))


def read_chunks(path: Path) -> Chunks:
    """Return the record batches of an Arrow file, mapped from disk."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped)))
    return Chunks([reader.get_batch(i) for i in range(reader.num_record_batches)], mapped)


def open_store(folder: Path) -> Store:
    """Return the store in `folder`, nothing read but what says where things are."""
    arrays = {}
    for path in folder.glob("*.npy"):
        # a plain array over the mapping: indexing a memmap costs several times as much
        arrays[path.stem] = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    documents, ids = (read_chunks(folder / f"{name}.arrow") for name in ("documents", "ids"))
    return Store(documents, ids, arrays)


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """Complete a store: write what is known about it, and the sizes by which a damaged one is recognised."""
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.name != META}
    with (folder / META).open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, "sizes": sizes, **meta}, file)
        file.flush()
        os.fsync(file.fileno())


def read_meta(folder: Path) -> dict[str, Any]:
    """Return what is known about a store, or raise `StoreError` if it is not complete."""
    try:
        meta: dict[str, Any] = json.loads((folder / META).read_text(encoding="utf-8"))
        complete = meta["format"] == FORMAT and all(
            (folder / name).stat().st_size == size for name, size in meta["sizes"].items()
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(str(error)) from error
    if not complete:
        message = f"{folder} is not complete"
        raise StoreError(message)
    return meta
