"""The documents of a session: fixed, numbered, with ids that mean the same document tomorrow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from alwidget.errors import ArgumentError, UnknownDocumentError, near_miss
from alwidget.pool import problems as reports
from alwidget.pool.identity import id_hash
from alwidget.pool.loading import Loaded, Options, load
from alwidget.pool.problems import Problem

if TYPE_CHECKING:
    import datasets

    from alwidget.learners.base import Batch

__all__ = ["Document", "Ids", "Pool"]

_NEAR = 10_000
"""Ids among which a near miss is looked for."""
_AHEAD = 1024

Role = str | int | Literal[False] | None
SpanUnit = Literal["words", "characters"]


@dataclass(frozen=True, slots=True)
class Document:
    """One document.

    Attributes
    ----------
    index
        Its place in the pool, from 0.
    id
        Its name, unique in the pool; the same whenever the same data is loaded.
    text, text_pair
        What is labelled, to the letter; `text_pair` is None where there is no second text.
    source
        Where it comes from, if the pool has such a column.
    key
        Its content hash, 16 bytes (`alwidget.pool.content_hash`).
    """

    index: int
    id: str
    text: str
    text_pair: str | None
    source: str | None
    key: bytes


class Pool:
    """The documents, in the order of the data; made by `Pool.load`.

    Attributes
    ----------
    name
        The file's name without its ending, or ``"documents"``.
    columns
        Which column plays which role: ``{"text": "review", "id": "id"}``; a column without a single value plays none.
    found
        The roles whose columns were found by their names and not named by the caller.
    fingerprint
        32 hex digits; the same for the same ids and contents in any order.
    duplicate_of
        For every document -1, or the index of the first with the same content; int64, shape (N,).
    problems
        What was set aside, with file and line, and what else there was to say; a thousand of each kind at most.
    set_aside
        How many rows were set aside, all counted.
    span_unit
        What spans are made of where the data gives no words: ``"words"`` or ``"characters"``.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._store, meta = loaded.store, loaded.meta
        self._documents, self._ids, arrays = loaded.store.documents, loaded.store.ids, loaded.store.arrays
        self._keys, self._hashes, self._rows = arrays["keys"], arrays["id_hash"], arrays["id_row"]
        self._names: list[str] | None = None
        self.duplicate_of: np.ndarray = arrays["duplicate_of"]
        self.name: str = meta["name"]
        self.columns: dict[str, str] = dict(meta["columns"])
        self._paired, self._sourced = "text_pair" in self.columns, "source" in self.columns
        self.found: frozenset[str] = frozenset(meta["found"])
        self.fingerprint: str = meta["fingerprint"]
        self.problems: list[Problem] = reports.from_json(meta["problems"])
        self.set_aside: int = meta["set_aside"]
        self.span_unit: SpanUnit = "words"

    @classmethod
    def load(
        cls,
        data: Any,
        *,
        text: Role = None,
        text_pair: Role = None,
        id: Role = None,
        source: Role = None,
        label: Role = None,
        prelabel: Role = None,
        tokens: Role = None,
        span_unit: SpanUnit = "words",
        task: str = "classification",
        strict: bool = False,
        encoding: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        progress: bool = True,
    ) -> Pool:
        """Return the documents of `data`.

        Parameters
        ----------
        data
            A list of texts or of dicts, a pandas DataFrame or Series, a `datasets.Dataset`, an Arrow table, or the
            path of a CSV, TSV, JSON, JSONL (each also ``.gz``), Parquet or Arrow file, of a .txt file (a document a
            line) or of a folder of .txt files (a document a file).
        text, text_pair, id, source, label
            The columns; found by their usual names when left out. False: do not look for one.
        prelabel
            Column with answers of a model or of rules, to start from; never looked for.
        tokens
            For ``task="tagging"``, the column with the words of each document. Without a text they are joined by
            single spaces.
        span_unit
            What spans are made of where the data gives no words: ``"words"`` or ``"characters"``.
        task
            What is asked of the documents, which says what the column of answers is usually called.
        strict
            Raise if there is anything to report, in place of setting broken rows aside.
        encoding
            Of a text file; UTF-8 or what its first bytes say when left out, else a guess, which is reported.
        cache_dir
            Where large data is converted to, once; by default ``$ALWIDGET_CACHE``, else the user's cache folder.
        progress
            Show a bar while a conversion takes longer than a moment.

        Raises
        ------
        alwidget.errors.DataError
            The data cannot be read, no column is clearly the text, there are no documents, or `strict` is set and
            there are problems.
        alwidget.errors.ArgumentError
            An argument is of the wrong kind.

        Examples
        --------
        >>> pool = Pool.load([{"id": 7, "text": "a fine film"}, {"id": 8, "text": ""}])
        >>> pool[0].text, pool[0].id
        ('a fine film', '7')
        >>> print(pool.problems[0])
        data[1]: "text" is empty
        """
        if isinstance(data, Pool):
            return data
        given: dict[str, Role] = {"text": text, "text_pair": text_pair, "id": id, "source": source, "label": label}
        given.update({role: name for role, name in (("prelabel", prelabel), ("tokens", tokens)) if name is not None})
        pool = cls(load(data, Options(given, strict, encoding, cache_dir, progress, task)))
        pool.span_unit = span_unit
        return pool

    def __len__(self) -> int:
        return len(self._store)

    def __repr__(self) -> str:
        aside = f", {self.set_aside:,} rows set aside" if self.set_aside else ""
        return f'<Pool "{self.name}": {len(self):,} documents{aside}>'

    def __getitem__(self, index: int) -> Document:
        """Return a document; negative indices count from the end."""
        row = index.__index__()
        if row < 0:
            row += len(self)
        if not 0 <= row < len(self):
            message = f"The pool has {len(self):,} documents; there is none at index {index}."
            raise IndexError(message)
        documents = self._documents
        return Document(
            row,
            self._ids.get("id", row),
            documents.get("text", row),
            documents.get("text_pair", row) if self._paired else None,
            documents.get("source", row) if self._sourced else None,
            self._keys[row].tobytes(),
        )

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents in order, reading a part of them at a time."""
        for start in range(0, len(self), _AHEAD):
            yield from self.documents(np.arange(start, min(start + _AHEAD, len(self))))

    def __contains__(self, id: object) -> bool:
        return self._find(id) is not None

    @property
    def ids(self) -> Ids:
        """The ids in order, read when they are asked for."""
        return Ids(self)

    def index_of(self, id: str) -> int:
        """Return the index of a document, or raise `UnknownDocumentError`."""
        row = self._find(id)
        if row is None:
            hint = near_miss(str(id), self.ids) if len(self) <= _NEAR else ""
            message = f'No document has the id "{id}".{hint}'
            raise UnknownDocumentError(message)
        return row

    def documents(self, indices: Iterable[int] | np.ndarray) -> list[Document]:
        """Return some documents, in the order of `indices`."""
        rows = self._rows_of(indices)
        nothing = [None] * len(rows)
        take = self._documents.take
        return list(
            map(
                Document,
                rows.tolist(),
                self._ids.take("id", rows),
                take("text", rows),
                take("text_pair", rows) if self._paired else nothing,
                take("source", rows) if self._sourced else nothing,
                self._keys_at(rows),
            )
        )

    def batch(self, indices: Iterable[int] | np.ndarray) -> Batch:
        """Return some documents as a learner sees them; a missing second text is empty."""
        from alwidget.learners.base import Batch

        rows = self._rows_of(indices)
        pairs = [pair or "" for pair in self._documents.take("text_pair", rows)] if self._paired else None
        return Batch(self._documents.take("text", rows), self._keys_at(rows), pairs)

    def keys(self, indices: Iterable[int] | np.ndarray) -> list[bytes]:
        """Return the content hashes of some documents, 16 bytes each."""
        return self._keys_at(self._rows_of(indices))

    def sources(self, indices: Iterable[int] | np.ndarray) -> np.ndarray | None:
        """Return the source names of some documents, dtype object, None where missing; None where none has one."""
        if not self._sourced:
            return None
        rows = self._rows_of(indices)
        return np.array(self._documents.take("source", rows), dtype=object)

    @property
    def source_names(self) -> list[str]:
        """The names of the sources, in the order in which they first appear; empty where there are none."""
        if self._names is None:
            rows = self._store.arrays["source_row"] if self._sourced else np.empty(0, dtype=np.int64)
            self._names = self._documents.take("source", rows) if self._sourced else []
        return list(self._names)

    @property
    def has_labels(self) -> bool:
        """Whether the data gives labels, to some of the documents at least."""
        return "label" in self.columns

    def given_label(self, index: int, role: str = "label") -> str | None:
        """Return the label that the data gives a document, as text; None where there is none.

        Lists and objects are JSON. `role` is ``"label"`` or ``"prelabel"``.
        """
        found: str | None = self._cell(role, index) if role in self.columns else None
        return found

    def given_words(self, index: int) -> np.ndarray | None:
        """Return where the words of a document are, as the data says: int32 (L, 2) in code points; else None."""
        edges = self._cell("words", index) if "tokens" in self.columns else None
        return None if edges is None else np.array(edges, dtype=np.int32).reshape(-1, 2)

    def to_dataset(self) -> datasets.Dataset:
        """Return a `datasets.Dataset` with the columns ``id``, ``text`` and what else there is; nothing is copied."""
        import pyarrow as pa
        from datasets import Dataset

        columns = {"id": self._ids.chunked("id")}
        stored = {"text": "text", **{role: "words" if role == "tokens" else role for role in self.columns}}
        columns.update((name, self._documents.chunked(name)) for role, name in stored.items() if role != "id")
        return Dataset(pa.table(columns))

    def _cell(self, name: str, index: int) -> Any:
        if not -len(self) <= index < len(self):
            message = f"The pool has {len(self):,} documents; there is none at index {index}."
            raise IndexError(message)
        return self._documents.get(name, index % len(self))

    def _find(self, id: object) -> int | None:
        if not isinstance(id, str):
            return None
        try:
            wanted = np.frombuffer(id_hash(id), dtype="<u8")[0]
        except UnicodeEncodeError:
            return None
        at = int(np.searchsorted(self._hashes, wanted))
        while at < len(self._hashes) and self._hashes[at] == wanted:
            row = int(self._rows[at])
            if self._ids.get("id", row) == id:
                return row
            at += 1
        return None

    def _rows_of(self, indices: Iterable[int] | np.ndarray) -> np.ndarray:
        given = indices if isinstance(indices, np.ndarray) else list(indices)
        rows = np.asarray(given, dtype=np.int64) if len(given) else np.empty(0, dtype=np.int64)
        if isinstance(given, np.ndarray) and given.dtype.kind not in "iu" and len(given):
            message = f"Indices are whole numbers, got an array of {given.dtype}."
            raise ArgumentError(message)
        rows = np.where(rows < 0, rows + len(self), rows)
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            message = f"The pool has {len(self):,} documents; an index is beyond them."
            raise IndexError(message)
        return rows

    def _keys_at(self, rows: np.ndarray) -> list[bytes]:
        together = self._keys[rows].tobytes()
        return [together[start : start + 16] for start in range(0, len(together), 16)]


class Ids(Sequence[str]):
    """The ids of a pool in order; equal to any sequence of the same ids.

    >>> list(Pool.load([{"id": "b", "text": "x"}, {"id": "a", "text": "y"}]).ids)
    ['b', 'a']
    """

    def __init__(self, pool: Pool) -> None:
        self._pool, self._chunks = pool, pool._ids  # noqa: SLF001  a view of its own pool

    def __len__(self) -> int:
        return len(self._chunks)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return one id, or a list of them for a slice."""
        if isinstance(index, slice):
            return self._chunks.take("id", np.arange(len(self))[index])
        row = index.__index__()
        if not -len(self) <= row < len(self):
            message = f"There are {len(self):,} ids; there is none at index {index}."
            raise IndexError(message)
        found: str = self._chunks.get("id", row % len(self))
        return found

    def __iter__(self) -> Iterator[str]:
        return self._chunks.iterate("id")

    def __contains__(self, id: object) -> bool:
        return id in self._pool

    def index(self, value: str, start: int = 0, stop: int | None = None) -> int:
        """Return the index of an id, found without looking at the others."""
        if value in self._pool:
            at = self._pool.index_of(value)
            if at in range(*slice(start, stop).indices(len(self))):
                return at
        message = f"{value!r} is not among the ids"
        raise ValueError(message)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(id) for id in self[:3])
        return f"<{len(self):,} ids: {shown}{', …' if len(self) > 3 else ''}>"  # noqa: PLR2004
