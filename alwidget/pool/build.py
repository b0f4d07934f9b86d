"""From rows to a store: what is no document is set aside, the rest gets its hash and its id, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa

from alwidget.pool.arrays import integer_lists, strings
from alwidget.pool.identity import SHORT, as_name, content_hash, fingerprint, first_rows, id_hash, unique_ids
from alwidget.pool.problems import Problems, excerpt
from alwidget.pool.reader import Broken, Rows
from alwidget.pool.sink import DiskSink, MemorySink
from alwidget.pool.store import Store
from alwidget.pool.tokens import flat, joined, located, read_tokens, without_blanks

__all__ = ["Builder"]

_BATCH_ROWS = 1 << 14
_BATCH_BYTES = 1 << 23
_SPILL_ROWS = 50_000
_SPILL_BYTES = 1 << 25
_REMEMBERED = 10_000
_FIELDS = ("text", "text_pair", "source", "label", "prelabel")
_ANSWERS = ("label", "prelabel")


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
        self.used = {role for role in columns if role in {"text", "id", "tokens"}}
        """The roles that at least one document has a value for."""
        self._clear()

    def _clear(self) -> None:
        self._cells: dict[str, list[Any]] = {role: [] for role in _FIELDS if role in self._columns or role == "text"}
        self._words: list[list[int] | None] = []
        self._ids: list[str] = []
        self._hashes = {name: bytearray() for name in ("keys", "ids", "sources")}
        self._at: list[int] = []
        self._length = 0

    def add(self, rows: Rows) -> None:
        """Take some rows."""
        none = repeat(None)
        cells = rows.cells
        words = cells.get("tokens")
        beside = ("text_pair", "id", "source", *_ANSWERS)
        together = zip(
            rows.at,
            cells["text"] if "text" in cells else (_as_text(each) for each in words or ()),
            words if words is not None else none,
            *(cells.get(role, none) for role in beside),
            strict=False,  # the roles that have no column repeat for ever
        )
        for at, text, tokens, pair, own, source, *answers in together:
            if type(text) is not str or not text or text.isspace() or "\0" in text:
                text = self._text(text, at)  # noqa: PLW2901  a subclass of str becomes str
                if text is None:
                    continue
            self._take(at, text, tokens, pair, own, source, answers)
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

    def _take(self, at: int, text: str, tokens: Any, pair: Any, own: Any, source: Any, answers: list[Any]) -> None:
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
        source = self._tag(source, at, "source")
        if "tokens" in self._columns:
            words, answers = self._placed(base, at, text, tokens, answers)
            self._words.append(words)
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
        for role, value in zip(_ANSWERS, answers, strict=True):
            if role in cells:
                cells[role].append(self._tag(value, at, role))

    def _placed(
        self, doc: str, at: int, text: str, cell: Any, answers: list[Any]
    ) -> tuple[list[int] | None, list[Any]]:
        """Return where the words are, and the answers without what belongs to words that are not there."""
        tokens = read_tokens(cell)
        if tokens is None:
            places: Any = f'"{self._columns["tokens"]}" is no list of texts'
        else:
            places = joined(tokens)[1] if "text" not in self._columns else located(tokens, text)
        if tokens is None or isinstance(places, str):
            what = f'document "{doc}": {places}; its words are found anew, and tags of words are left out'
            self._problems.add("words", at, what)
            return None, [None if _is_tags(answer) else answer for answer in answers]
        kept: list[Any] = []
        for role, answer in zip(_ANSWERS, answers, strict=True):
            tags = _plain_list(answer) if _is_tags(answer) else None
            if tags is not None and len(tags) != len(tokens):
                what = f'document "{doc}": "{self._columns[role]}" has {len(tags):,} tags for {len(tokens):,} words'
                self._problems.add("label", at, f"{what}; they are left out")
                kept.append(None)
            else:
                kept.append(answer if tags is None else without_blanks(tags, tokens))
        return flat(places, tokens), kept

    def _text(self, value: Any, at: int) -> str | None:
        """Return a text that is a document, or report why the row is none."""
        column = self._columns.get("text") or self._columns["tokens"]
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
        if isinstance(value, np.ndarray):
            value = value.tolist()
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
        columns = {role: strings(cells) for role, cells in self._cells.items()}
        if "tokens" in self._columns:
            columns["words"] = integer_lists(self._words)
        documents = pa.record_batch(columns)
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


def _as_text(cell: Any) -> Any:
    """Return the words of a cell as one text; a cell that holds none is handed on, to be reported."""
    tokens = read_tokens(cell)
    return joined(tokens)[0] if tokens is not None else None if cell is None or isinstance(cell, str) else cell


def _is_tags(answer: Any) -> bool:
    """Whether an answer says something of each word: a list of texts or numbers, and not of spans."""
    values = _plain_list(answer)
    return bool(values) and not isinstance(values[0], Mapping | list | tuple)


def _plain_list(answer: Any) -> list[Any]:
    if isinstance(answer, str) and answer.lstrip().startswith("["):
        return _plain_list(read_tokens(answer) or [])
    if isinstance(answer, np.ndarray):
        return list(answer.tolist())
    return list(answer) if isinstance(answer, list | tuple) else []


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
