"""Who is who: content hashes, ids that never depend on the order of the rows, and the pool's fingerprint."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import count
from numbers import Integral, Real
from typing import Any

import numpy as np

from alwidget.pool.problems import Problems

__all__ = ["as_name", "content_hash", "fingerprint", "first_rows", "id_hash", "unique_ids"]

SHORT = 16
"""Hex digits of a content hash that serve as an id."""

_MISSING = frozenset({"NAType", "NaTType"})
_SHOWN = 5


def content_hash(text: str, text_pair: str | None = None) -> bytes:
    """Return 16 bytes that stand for the content of a document, whatever its id, its position and its file.

    The first text's length goes in before the two texts, so that no two pairs run together into the same bytes.

    Raises
    ------
    UnicodeEncodeError
        A text holds half a surrogate pair, which is not a character.

    Examples
    --------
    >>> content_hash("ab", "c") == content_hash("a", "bc")
    False
    >>> content_hash("a fine film").hex()[:16]
    '0d83ece93dbbe2d8'
    """
    first = text.encode()
    if text_pair is None:
        return blake2b(first, digest_size=16).digest()
    both = len(first).to_bytes(8, "little") + first + text_pair.encode()
    return blake2b(both, digest_size=16, person=b"pair").digest()


def id_hash(id: str) -> bytes:
    """Return the 8 bytes under which an id is found again."""
    return blake2b(id.encode(), digest_size=8).digest()


def as_name(value: Any) -> str | None:
    """Return an id, a source or a label as text; None where there is none.

    ``1``, ``1.0`` and ``"1"`` are the same id: data frames turn whole numbers into floats as soon as one is missing.

    >>> as_name(1.0), as_name("1"), as_name(float("nan")), as_name(" ")
    ('1', '1', None, None)
    """
    if value is None or type(value).__name__ in _MISSING:
        return None
    if isinstance(value, str):
        return str(value) if value.strip() else None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Decimal):
        return None if value.is_nan() else _trimmed(value)
    if isinstance(value, Real):
        return _number(float(value))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_in_json)
    return str(value)


def _in_json(value: Any) -> Any:
    """Return what a list holds in a form that JSON has; numbers and arrays of NumPy stay numbers and lists."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def _trimmed(value: Decimal) -> str:
    whole = value.is_finite() and value == value.to_integral_value()
    return str(int(value)) if whole else str(value.normalize())


def _number(value: float) -> str | None:
    if value != value:  # noqa: PLR0124  the one number that differs from itself
        return None
    return str(int(value)) if value.is_integer() else repr(value)


def first_rows(keys: np.ndarray) -> np.ndarray:
    """Return, for every row, -1 or the first row with the same content.

    Parameters
    ----------
    keys
        Content hashes, uint8, shape (N, 16).

    Returns
    -------
    numpy.ndarray
        int64, shape (N,).
    """
    words = np.ascontiguousarray(keys).view("<u8")
    order = np.lexsort((words[:, 1], words[:, 0]))
    new = np.ones(len(order), dtype=bool)
    for start in range(1, len(order), _BLOCK):
        here = words[order[start : start + _BLOCK]]
        before = words[order[start - 1 : start - 1 + len(here)]]
        new[start : start + len(here)] = (here != before).any(axis=1)
    out = np.full(len(order), -1, dtype=np.int64)
    again = np.flatnonzero(~new)
    starts = np.flatnonzero(new)
    out[order[again]] = order[starts[np.searchsorted(starts, again, side="right") - 1]]
    return out


_BLOCK = 1 << 20


def fingerprint(hashes: np.ndarray, keys: np.ndarray) -> str:
    """Return 32 hex digits that stand for a set of (id, content) pairs, in whatever order.

    Parameters
    ----------
    hashes
        `id_hash` of every row as uint64, shape (N,).
    keys
        Content hashes, uint8, shape (N, 16).
    """
    words = np.ascontiguousarray(keys).view("<u8")
    sums = [0, 0]
    for start in range(0, len(hashes), _BLOCK):
        part = slice(start, start + _BLOCK)
        for i, salt in enumerate((0x9E3779B97F4A7C15, 0xD1B54A32D192ED03)):
            mixed = _mix(hashes[part] + np.uint64(salt))
            mixed = _mix(_mix(mixed ^ words[part, 0]) ^ words[part, 1])
            sums[i] = (sums[i] + int(np.add.reduce(mixed))) % (1 << 64)
    said = b"".join(number.to_bytes(8, "little") for number in (len(hashes), *sums))
    return blake2b(said, digest_size=16).hexdigest()


def _mix(x: np.ndarray) -> np.ndarray:
    """Spread 64 bits over 64 bits (the finaliser of SplitMix64; Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed


def unique_ids(
    hashes: np.ndarray,
    keys: np.ndarray,
    read: Callable[[np.ndarray], Sequence[str]],
    at: np.ndarray,
    problems: Problems,
) -> dict[int, str]:
    """Return new ids for the rows whose id is not theirs alone.

    Rows that share an id but not their content are all called ``id#hash``, so that it does not matter which came
    first. Rows that share both are the same document again: ``id-2``, ``id-3``.

    Parameters
    ----------
    hashes
        `id_hash` of every row's own id as uint64, shape (N,).
    keys
        Content hashes, uint8, shape (N, 16).
    read
        Returns the own ids of some rows.
    at
        The line or row number of every row, int64, shape (N,).
    problems
        Told of ids that were shared.
    """
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    same = ranked[1:] == ranked[:-1]
    if not same.any():
        return {}
    shared = np.sort(order[np.append(same, False) | np.insert(same, 0, False)])
    groups: dict[str, dict[bytes, list[int]]] = {}
    for row, own in zip(shared.tolist(), read(shared), strict=True):
        groups.setdefault(own, {}).setdefault(keys[row].tobytes(), []).append(row)
    names = _Names(ranked, order, read)
    out: dict[int, str] = {}
    repeated: list[tuple[str, list[int]]] = []
    for own, contents in sorted(groups.items()):
        rows = [row for those in contents.values() for row in those]
        if len(rows) == 1:
            continue  # another id with the same 64 bits
        for key in sorted(contents):
            name = own if len(contents) == 1 else names.qualified(own, key)
            if name != own:
                out[contents[key][0]] = name
            repeated.append((name, contents[key]))
        _report(own, contents, at, problems)
    for name, rows in repeated:
        out.update(zip(rows[1:], names.numbered(name), strict=False))
    return out


class _Names:
    """Finds names that no row has: neither as its own id nor as one that it was given."""

    def __init__(self, ranked: np.ndarray, order: np.ndarray, read: Callable[[np.ndarray], Sequence[str]]) -> None:
        self._ranked, self._order, self._read = ranked, order, read
        self._given: set[str] = set()

    def qualified(self, own: str, key: bytes) -> str:
        """Return ``id#hash``, with as many digits as it takes to be nobody else's."""
        digits = key.hex()
        name = f"{own}#{digits[:8]}"
        while self._is_taken(name):
            name = f"{own}#{digits}" if len(name) < len(own) + 1 + len(digits) else name + "#"
        self._given.add(name)
        return name

    def numbered(self, name: str) -> Iterator[str]:
        """Yield ``name-2``, ``name-3`` …, leaving out those that are somebody else's."""
        for number in count(2):
            if not self._is_taken(again := f"{name}-{number}"):
                yield again

    def _is_taken(self, name: str) -> bool:
        if name in self._given:
            return True
        wanted = np.frombuffer(id_hash(name), dtype="<u8")[0]
        start = int(np.searchsorted(self._ranked, wanted, side="left"))
        stop = int(np.searchsorted(self._ranked, wanted, side="right"))
        return stop > start and name in self._read(self._order[start:stop])


def _report(own: str, contents: Mapping[bytes, list[int]], at: np.ndarray, problems: Problems) -> None:
    if all(own == key.hex()[:SHORT] for key in contents):
        return  # the id is the content's own: the same document again, which is no problem
    rows = sorted(row for rows in contents.values() for row in rows)
    lines = ", ".join(str(int(at[row])) for row in rows[:_SHOWN]) + (", …" if len(rows) > _SHOWN else "")
    if len(contents) > 1:
        what = f'{len(rows):,} rows share the id "{own}" ({lines}); each is called by id and content, "{own}#…"'
    else:
        what = f'id "{own}" and its text are there {len(rows):,} times ({lines}); the later ones are "{own}-2" …'
    problems.add("id", int(at[rows[0]]), what)
