"""Vectors on disk by content hash, shared between sessions and processes; deletable at any time.

One folder an encoder: ``keys.bin`` (16 bytes a row), ``vectors.f16`` (float16, memory-mapped) and ``meta.json``. Both
files only ever grow, vectors first, so that a row whose key is there is whole. Whoever appends holds the lock and cuts
off what a crash left half-written; whoever reads needs no lock and looks at what has grown since.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alwidget.learners.keyindex import KEY_BYTES, KeyIndex, as_keys

__all__ = ["EmbeddingCache", "VectorMemory", "default_cache_dir"]

FORMAT = 1
LOCK_SECONDS = 10.0
LARGEST = 65504.0  # of float16


def default_cache_dir() -> Path:
    """Return the folder of the vectors: ``$ALWIDGET_CACHE``, else the user's cache folder."""
    given = os.environ.get("ALWIDGET_CACHE")
    if given:
        return Path(given).expanduser() / "embeddings"
    import platformdirs

    return Path(platformdirs.user_cache_dir("alwidget")) / "embeddings"


def as_float16(vectors: np.ndarray) -> np.ndarray:
    """Return vectors as float16; what would overflow becomes the largest number there is."""
    out: np.ndarray = np.clip(vectors, -LARGEST, LARGEST).astype(np.float16)
    return out


class VectorMemory:
    """Vectors by content hash in memory, float16; forgets everything once `limit` rows are passed.

    >>> memory = VectorMemory(2)
    >>> memory.put([b"a" * 16], np.array([[1.0, 2.0]]))
    >>> memory.get([b"a" * 16, b"b" * 16])[1].tolist()
    [True, False]
    """

    def __init__(self, dim: int, *, limit: int | None = None, dtype: Any = np.float16) -> None:
        self.dim, self._limit, self._dtype = dim, limit, dtype
        self.clear()

    def __len__(self) -> int:
        return self._rows

    def clear(self) -> None:
        """Forget everything."""
        self._index, self._rows = KeyIndex(), 0
        self._vectors = np.empty((0, self.dim), dtype=self._dtype)

    def has(self, keys: Sequence[bytes] | np.ndarray) -> np.ndarray:
        """Return bool (n,)."""
        return self._index.find(as_keys(keys)) >= 0

    def get(self, keys: Sequence[bytes] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors float32 (n, dim), zero where unknown, and bool (n,): which are known."""
        return _gather(self._vectors, self._index.find(as_keys(keys)), self.dim)

    def put(self, keys: Sequence[bytes] | np.ndarray, vectors: np.ndarray) -> None:
        """Keep one vector a key; a key that is there already keeps its vector."""
        if self._limit is not None and self._rows + len(keys) > self._limit:
            self.clear()
        packed = as_keys(keys)
        fresh = _fresh(packed, self._index)
        stop = self._rows + len(fresh)
        if stop > len(self._vectors):
            grown = np.empty((max(stop, 2 * len(self._vectors), 256), self.dim), dtype=self._dtype)
            grown[: self._rows] = self._vectors[: self._rows]
            self._vectors = grown
        values = np.asarray(vectors)[fresh]
        self._vectors[self._rows : stop] = as_float16(values) if self._dtype == np.float16 else values
        self._index.add(packed[fresh], np.arange(self._rows, stop))
        self._rows = stop


class EmbeddingCache:
    """Vectors of one encoder by content hash, on disk in `folder`.

    Parameters
    ----------
    folder
        Where the caches of all encoders are; None keeps the vectors in memory only.
    encoder_id
        Identity of whatever makes the vectors: weights, pooling, length, precision. Another identity, another folder,
        so that a changed model never answers with old vectors.
    dim
        Width of a vector.

    Examples
    --------
    >>> import tempfile
    >>> cache = EmbeddingCache(tempfile.mkdtemp(), "some encoder", 3)
    >>> cache.put([b"k" * 16], np.ones((1, 3)))
    >>> vectors, found = cache.get([b"k" * 16, b"?" * 16])
    >>> found.tolist(), vectors[0].tolist()
    ([True, False], [1.0, 1.0, 1.0])
    """

    def __init__(self, folder: str | Path | None, encoder_id: str, dim: int) -> None:
        self.dim, self.encoder_id = dim, encoder_id
        self.note: str | None = None
        """Why vectors are kept in memory, once they are; said once, the work goes on."""
        self._guard = threading.RLock()
        self._memory = VectorMemory(dim)
        self._index, self._rows = KeyIndex(), 0
        self._identity: tuple[int, int] | None = None
        self.folder: Path | None = None
        if folder is None:
            return
        self.folder = Path(folder) / hashlib.blake2b(encoder_id.encode(), digest_size=10).hexdigest()
        try:
            self._open()
        except (OSError, ValueError) as error:
            self._give_up(error)

    def __len__(self) -> int:
        """Return the number of vectors, in the file and in memory."""
        with self._guard:
            self._refresh()
            return self._rows + len(self._memory)

    def has(self, keys: Sequence[bytes] | np.ndarray) -> np.ndarray:
        """Return bool (n,): which keys have a vector."""
        with self._guard:
            self._refresh()
            known: np.ndarray = (self._index.find(as_keys(keys)) >= 0) | self._memory.has(keys)
            return known

    def get(self, keys: Sequence[bytes] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors float32 (n, dim), zero where unknown, and bool (n,): which are known.

        Keys are 16 bytes each, or all of them uint64 (n, 2).
        """
        packed = as_keys(keys)
        with self._guard:
            self._refresh()
            try:
                vectors, found = _gather(self._mapped(), self._index.find(packed), self.dim)
            except (OSError, ValueError):  # deleted under our hands, which is allowed
                self._forget()
                vectors, found = np.zeros((len(keys), self.dim), np.float32), np.zeros(len(keys), dtype=bool)
            if len(self._memory) and not found.all():
                rest = np.flatnonzero(~found)
                vectors[rest], found[rest] = self._memory.get(packed[rest])
            return vectors, found

    def put(self, keys: Sequence[bytes] | np.ndarray, vectors: np.ndarray) -> None:
        """Keep one vector a key, shape (n, dim); a key that is there already keeps its vector."""
        if np.shape(vectors) != (len(keys), self.dim):
            message = f"{len(keys)} keys of width {self.dim} need vectors of that shape, got {np.shape(vectors)}."
            raise ValueError(message)
        if not len(keys):
            return
        with self._guard:
            if self.folder is not None and self.note is None:
                try:
                    self._append(as_keys(keys), as_float16(np.asarray(vectors)))
                except OSError as error:  # also filelock's Timeout
                    self._give_up(error)
                else:
                    return
            self._memory.put(keys, vectors)

    # files

    def _open(self) -> None:
        folder = self._place()
        folder.mkdir(parents=True, exist_ok=True)
        meta = {"format": FORMAT, "encoder": self.encoder_id, "dim": self.dim}
        path = folder / "meta.json"
        if _read_json(path) == meta:
            return
        with self._lock():
            if _read_json(path) == meta:
                return
            for name in ("keys.bin", "vectors.f16"):  # of an unreadable or foreign description: nobody can use them
                (folder / name).unlink(missing_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_text(json.dumps(meta, indent=1), encoding="utf-8")
            part.replace(path)

    def _append(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        folder = self._place()
        if not (folder / "meta.json").is_file():  # the folder was deleted: start it again
            self._forget()
            self._open()
        with self._lock():
            self._refresh()
            fresh = _fresh(keys, self._index)
            if not len(fresh):
                return
            # vectors reach the disk before the keys that promise them
            _grow(folder / "vectors.f16", self._rows * self.dim * 2, vectors[fresh].tobytes())
            _grow(folder / "keys.bin", self._rows * KEY_BYTES, keys[fresh].tobytes())
            self._refresh()

    def _refresh(self) -> None:
        """Take in the rows that were appended since, by whomever."""
        if self.folder is None:
            return
        try:
            keys, vectors = os.stat(self.folder / "keys.bin"), os.stat(self.folder / "vectors.f16")  # noqa: PTH116
        except OSError:
            self._forget()
            return
        rows = min(keys.st_size // KEY_BYTES, vectors.st_size // (2 * self.dim))
        identity = (keys.st_ino, vectors.st_ino)
        if identity != self._identity or rows < self._rows:
            self._forget()
            self._identity = identity
        if rows > self._rows:
            with (self.folder / "keys.bin").open("rb") as file:
                file.seek(self._rows * KEY_BYTES)
                more = np.frombuffer(file.read((rows - self._rows) * KEY_BYTES), dtype="<u8").reshape(-1, 2)
            self._index.add(more, np.arange(self._rows, self._rows + len(more)))
            self._rows += len(more)

    def _mapped(self) -> np.ndarray:
        if self.folder is None or not self._rows:
            return np.empty((0, self.dim), dtype=np.float16)
        # mapped anew at each look, and let go of afterwards: pages that were read would count as ours for ever
        return np.memmap(self.folder / "vectors.f16", np.float16, "r", shape=(self._rows, self.dim))

    def _forget(self) -> None:
        self._index, self._rows = KeyIndex(), 0
        self._identity = None

    def _place(self) -> Path:
        if self.folder is None:
            message = "This cache has no folder."
            raise OSError(message)
        return self.folder

    def _lock(self) -> Any:
        from filelock import FileLock

        return FileLock(self._place() / "lock", timeout=LOCK_SECONDS)

    def _give_up(self, error: Exception) -> None:
        self.note = f"Vectors are kept in memory, not on disk in {self.folder}: {error}"


def _gather(vectors: np.ndarray, rows: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    found = rows >= 0
    out = np.zeros((len(rows), dim), dtype=np.float32)
    if found.any():
        out[found] = vectors[rows[found]]
    return out, found


def _fresh(keys: np.ndarray, index: KeyIndex) -> np.ndarray:
    """Return the positions of keys that are not in the index, each key once."""
    unknown = np.flatnonzero(index.find(keys) < 0)
    _, first = np.unique(keys[unknown], axis=0, return_index=True)
    return unknown[np.sort(first)]


def _grow(path: Path, at: int, data: bytes) -> None:
    """Write `data` at byte `at`, cut off whatever a crash left there, and wait until it is on disk."""
    with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
        file.truncate(at)
        file.seek(at)
        left = memoryview(data)
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(at)
            raise


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
