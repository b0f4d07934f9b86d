"""From rows to a store: what is no document is set aside, the rest gets its hash and its id, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa

from alwidget.pool.arrays import strings
from alwidget.pool.identity import SHORT, as_name, content_hash, fingerprint, first_rows, id_hash, unique_ids
from alwidget.pool.problems import Problems, excerpt
from alwidget.pool.reader import Broken, Rows
from alwidget.pool.sink import DiskSink, MemorySink
from alwidget.pool.store import Store

__all__ = ["Builder"]

_BATCH_ROWS = 1 << 14
_BATCH_BYTES = 1 << 23
_SPILL_ROWS = 50_000
_SPILL_BYTES = 1 << 25
_REMEMBERED = 10_000
_FIELDS = ("text", "text_pair", "source", "label")


class Builder:
    """Takes rows in and gives a `Store` back.

    Small pools stay in memory; one that grows goes to disk.

    Parameters
    ----------
    columns
        The column of every role, for messages; its keys say which roles there are.
    problems
        Told of every row that is set aside.
    spill
        Returns a place on disk; called once, when the rows become many.
    """

    def __init__(self, columns: Mapping[str, str], problems: Problems, spill: Callable[[], DiskSink]) -> None:
        self._columns, self._problems, self._spill = columns, problems, spill
        self._sink: MemorySink | DiskSink = MemorySink()
        self._sources: dict[str, bytes] = {}
        self.count = self.bytes = self.numbers = 0
        """Documents, characters of text, and rows whose text was a number."""
        self.used = {role for role in columns if role in {"text", "id"}}
        """The roles that at least one document has a value for."""
        self._clear()

    def _clear(self) -> None:
        self._cells: dict[str, list[Any]] = {role: [] for role in _FIELDS if role in self._columns}
        self._ids: list[str] = []
        self._hashes = {name: bytearray() for name in ("keys", "ids", "sources")}
        self._at: list[int] = []
        self._length = 0

    def add(self, rows: Rows) -> None:
        """Take some rows."""
        none = repeat(None)
        cells = rows.cells
        together = zip(
            rows.at,
            cells["text"],
            cells.get("text_pair", none),
            cells.get("id", none),
            cells.get("source", none),
            cells.get("label", none),
            strict=False,  # the roles that have no column repeat for ever
        )
        for at, text, pair, own, source, label in together:
            if type(text) is not str or not text or text.isspace() or "\0" in text:
                text = self._text(text, at)  # noqa: PLW2901  a subclass of str becomes str
                if text is None:
                    continue
            self._take(at, text, pair, own, source, label)
        if len(self._ids) >= _BATCH_ROWS or self._length >= _BATCH_BYTES:
            self._flush()

    @property
    def waiting(self) -> int:
        """Documents taken that are not in a batch yet."""
        return len(self._ids)

    def finish(self) -> tuple[Store | None, dict[str, Any]]:
        """Settle ids and duplicates; return the store, None where it went to disk, and what is to be known of it."""
        self._flush()
        sink, problems = self._sink, self._problems
        keys = sink.raw("keys").reshape(-1, 16)
        hashes = sink.raw("ids").view("<u8")
        again = first_rows(keys)
        renamed = unique_ids(hashes, keys, sink.base_ids, sink.raw("at").view("<i8"), problems)
        if renamed:
            hashes = hashes.copy()
            where = np.fromiter(renamed, dtype=np.int64, count=len(renamed))
            hashes[where] = np.frombuffer(b"".join(map(id_hash, renamed.values())), dtype="<u8")
        order = np.argsort(hashes, kind="stable")
        arrays = {"keys": keys, "duplicate_of": again, "id_hash": hashes[order], "id_row": order}
        if "source" in self._columns:
            arrays["source_row"] = _namesakes(sink.raw("sources").view("<u8"))
        known = {"rows": self.count, "fingerprint": fingerprint(hashes, keys)}
        return sink.finish(arrays, renamed), known

    def _take(self, at: int, text: str, pair: Any, own: Any, source: Any, label: Any) -> None:
        """Add one document, unless one of its cells cannot be kept."""
        if pair is not None and not isinstance(pair, str):
            pair = self._pair(pair, at)
            if pair is False:
                return
        try:
            key = content_hash(text, str(pair) if pair and not pair.isspace() else None)
        except UnicodeEncodeError as error:
            self._problems.add("broken", at, _undecodable(str(error.object)[error.start]))
            return
        base = self._id(own, key, at) if "id" in self._columns else key.hex()[:SHORT]
        source, label = self._tag(source, at, "source"), self._tag(label, at, "label")
        self._hashes["keys"] += key
        self._hashes["ids"] += id_hash(base)
        self._ids.append(base)
        self._at.append(at)
        cells = self._cells
        cells["text"].append(text)
        self._length += len(text)
        if "text_pair" in cells:
            cells["text_pair"].append(str(pair) if pair and not pair.isspace() else None)
            self._length += len(pair or "")
        if "source" in cells:
            cells["source"].append(source)
            self._hashes["sources"] += self._source_hash(source)
        if "label" in cells:
            cells["label"].append(label)

    def _text(self, value: Any, at: int) -> str | None:
        """Return a text that is a document, or report why the row is none."""
        column = self._columns["text"]
        if isinstance(value, Broken):
            self._problems.add("broken", at, value.what)
        elif isinstance(value, str):
            if "\0" in value:
                self._problems.add("broken", at, "the text holds a NUL character, which is not text")
            elif value and not value.isspace():
                return str(value)
            else:
                self._problems.add("empty", at, f'"{column}" is empty')
        elif as_name(value) is None:
            self._problems.add("empty", at, f'"{column}" is empty')
        else:
            self.numbers += isinstance(value, int | float | np.number)
            self._problems.add("not-text", at, f'"{column}" is {_kind_of(value)}, not text: {excerpt(value)}')
        return None

    def _pair(self, value: Any, at: int) -> str | bool | None:
        """Return None for a missing second text, or report the row and return False."""
        if isinstance(value, Broken):
            self._problems.add("broken", at, value.what)
        elif as_name(value) is None:
            return None
        else:
            what = f'"{self._columns["text_pair"]}" is {_kind_of(value)}, not text: {excerpt(value)}'
            self._problems.add("not-text", at, what)
        return False

    def _id(self, own: Any, key: bytes, at: int) -> str:
        name = None if isinstance(own, Broken) else as_name(own)
        if name is None:
            self._problems.add("id", at, f'"{self._columns["id"]}" is empty; the document is called by its content')
        elif not _is_encodable(name):
            self._problems.add(
                "id", at, f'"{self._columns["id"]}" cannot be stored; the document is called by its content'
            )
        else:
            return name
        return key.hex()[:SHORT]

    def _tag(self, value: Any, at: int, role: str) -> str | None:
        """Return a source or a label as text; one that cannot be stored is none."""
        if value is None or isinstance(value, Broken):
            return None
        name = as_name(value)
        if name is not None and not name.isascii() and not _is_encodable(name):
            self._problems.add(
                "id", at, f'"{self._columns[role]}" holds a character that cannot be stored; it was left out'
            )
            return None
        return name

    def _source_hash(self, source: str | None) -> bytes:
        if source is None:
            return _NO_SOURCE
        known = self._sources.get(source)
        if known is None:
            if len(self._sources) >= _REMEMBERED:
                self._sources.clear()
            known = self._sources[source] = blake2b(source.encode(), digest_size=8, person=b"source").digest()
        return known

    def _flush(self) -> None:
        """Hand the collected rows on as one batch."""
        if not self._ids:
            return
        self.used.update(role for role, cells in self._cells.items() if any(cell is not None for cell in cells))
        documents = pa.record_batch({role: strings(cells) for role, cells in self._cells.items()})
        ids = pa.record_batch({"id": strings(self._ids)})
        arrays = {name: bytes(value) for name, value in self._hashes.items()}
        self._sink.add(documents, ids, {**arrays, "at": np.asarray(self._at, dtype="<i8").tobytes()})
        self.count += len(self._ids)
        self.bytes += self._length
        self._clear()
        if isinstance(self._sink, MemorySink) and (self.count > _SPILL_ROWS or self.bytes > _SPILL_BYTES):
            memory, self._sink = self._sink, self._spill()
            self._sink.take(memory)

    def close(self) -> None:
        """Give up what was written, after an error."""
        self._sink.close()


_NO_SOURCE = bytes(8)


def _namesakes(hashes: np.ndarray) -> np.ndarray:
    """Return one row for each source, in the order in which they first appear."""
    values, first = np.unique(hashes, return_index=True)
    return np.sort(first[values != 0]).astype(np.int64)


def _undecodable(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        byte = ord(character) - 0xDC00
        return (
            f"a byte (0x{byte:02x}) does not fit the file's encoding; pass encoding=… if it is written in another one"
        )
    return f"the text holds half a character (\\u{ord(character):04x}), which cannot be stored"


def _is_encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind_of(value: Any) -> str:
    names: Iterable[tuple[Any, str]] = (
        (bool | np.bool_, "true or false"),
        (int | float | np.number, "a number"),
        (bytes, "bytes"),
        (Mapping, "an object"),
        (Sequence | np.ndarray, "a list"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)
