"""Rows by 16-byte key: a few sorted arrays, because a dict of a million keys takes ten times their memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

__all__ = ["KEY_BYTES", "KeyIndex", "as_keys"]

KEY_BYTES = 16


def as_keys(keys: Sequence[bytes] | np.ndarray) -> np.ndarray:
    """Return content hashes as uint64, shape (n, 2); a key of another length is hashed to 16 bytes first."""
    if isinstance(keys, np.ndarray):
        return keys
    joined = b"".join(keys)
    if len(joined) != KEY_BYTES * len(keys) or any(len(key) != KEY_BYTES for key in keys):
        joined = b"".join(
            key if len(key) == KEY_BYTES else hashlib.blake2b(key, digest_size=KEY_BYTES).digest() for key in keys
        )
    return np.frombuffer(joined, dtype="<u8").reshape(-1, 2)


class KeyIndex:
    """Finds the row of each key by binary search in sorted levels, each at least twice the next.

    A key is a hash, so its first half alone orders nearly everything; the second half settles the rest.

    >>> index = KeyIndex()
    >>> index.add(as_keys([b"a" * 16, b"b" * 16]), np.array([7, 8]))
    >>> index.find(as_keys([b"b" * 16, b"c" * 16])).tolist()
    [8, -1]
    """

    def __init__(self) -> None:
        self._levels: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def __len__(self) -> int:
        return sum(len(rows) for _, _, rows in self._levels)

    def add(self, keys: np.ndarray, rows: np.ndarray) -> None:
        """Add keys, uint64 (n, 2), at `rows`, int64 (n,)."""
        if not len(keys):
            return
        self._levels.append(_sorted(keys[:, 0], keys[:, 1], rows.astype(np.int64)))
        while len(self._levels) > 1 and len(self._levels[-2][2]) <= 2 * len(self._levels[-1][2]):
            newer, older = self._levels.pop(), self._levels.pop()
            self._levels.append(_sorted(*(np.concatenate(pair) for pair in zip(older, newer, strict=True))))

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return the row of each key, int64 (n,); -1 where a key is unknown."""
        found = np.full(len(keys), -1, dtype=np.int64)
        for high, low, rows in self._levels:
            open_now = np.flatnonzero(found < 0)
            if not len(open_now):
                break
            at = np.searchsorted(high, keys[open_now, 0])
            while len(open_now):
                there = at < len(high)
                open_now, at = open_now[there], at[there]
                same = high[at] == keys[open_now, 0]
                open_now, at = open_now[same], at[same]
                match = low[at] == keys[open_now, 1]
                found[open_now[match]] = rows[at[match]]
                open_now, at = open_now[~match], at[~match] + 1
        return found


def _sorted(high: np.ndarray, low: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.argsort(high, kind="stable")
    return high[order], low[order], rows[order]
