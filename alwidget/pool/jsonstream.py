"""Pulls values out of a JSON document piece by piece, so that an array of a million objects never enters memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["JsonBreak", "JsonStream"]

_PIECE = 1 << 20
_LONGEST = 1 << 28
"""Characters of one value."""
_UNSURE = 16
"""Characters at the end of what has been read in which a number, a word or an escape may be cut in two."""
_WHITE = " \t\n\r"


class JsonBreak(Exception):  # noqa: N818  it is caught in this package and becomes a problem of a line
    """The document stops being JSON."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line, self.what = line, what


class JsonStream:
    r"""A cursor in a JSON document.

    Parameters
    ----------
    read
        Returns the next characters, as `io.TextIOBase.read` does.

    Attributes
    ----------
    line
        The physical line that the cursor is on, from 1.
    taken
        The characters of the values taken so far.

    Examples
    --------
    >>> import io
    >>> list(JsonStream(io.StringIO('[1,\n {"a": 2}]').read).elements())
    [(1, 1), (2, {'a': 2})]
    """

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read, self._buffer, self._at, self._end = read, "", 0, False
        self._decoder = json.JSONDecoder()
        self.line = 1
        self.taken = 0

    def peek(self) -> str:
        """Return the next character that is not white space without taking it; empty at the end."""
        while True:
            start = self._at
            while self._at < len(self._buffer) and self._buffer[self._at] in _WHITE:
                self._at += 1
            self.line += self._buffer.count("\n", start, self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._fill():
                return ""

    def take(self, wanted: str) -> bool:
        """Take the next character if it is `wanted`."""
        if self.peek() != wanted:
            return False
        self._at += 1
        return True

    def expect(self, wanted: str) -> None:
        """Take the next character, which must be `wanted`."""
        if not self.take(wanted):
            raise JsonBreak(self.line, f"expected {wanted!r}, found {self.peek()!r}")

    def value(self) -> Any:
        """Take a whole value."""
        if not self.peek():
            raise JsonBreak(self.line, "the file ends in the middle of a value")
        piece = _PIECE
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                unfinished = error.msg.startswith("Unterminated string") or error.pos > len(self._buffer) - _UNSURE
                if unfinished and len(self._buffer) - self._at < _LONGEST and self._fill(piece):
                    piece *= 2
                    continue
                line = self.line + self._buffer.count("\n", self._at, error.pos)
                what = "the file ends in the middle of a value" if unfinished else f"not JSON ({error.msg})"
                raise JsonBreak(line, what) from None
            except (RecursionError, ValueError) as error:
                raise JsonBreak(self.line, f"not JSON ({error})") from None
            if len(self._buffer) - end < _UNSURE and self._fill():
                continue  # a number may go on in the next piece
            self.line += self._buffer.count("\n", self._at, end)
            self.taken += end - self._at
            self._at = end
            return value

    def elements(self) -> Iterator[tuple[int, Any]]:
        """Take an array, yielding each element with the line it begins on."""
        self.expect("[")
        if self.take("]"):
            return
        while True:
            self.peek()
            line = self.line
            yield line, self.value()
            if not self.take(","):
                self.expect("]")
                return

    def sequence(self) -> Iterator[tuple[int, Any]]:
        """Take values that stand one after another until the end."""
        while self.peek():
            line = self.line
            yield line, self.value()

    def members(self) -> Iterator[str]:
        """Take an object, yielding each key; the caller takes the value before going on."""
        self.expect("{")
        if self.take("}"):
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise JsonBreak(self.line, "not JSON (a key must be in quotes)")
            self.expect(":")
            yield key
            if not self.take(","):
                self.expect("}")
                return

    def finish(self) -> None:
        """Make sure that nothing follows."""
        if self.peek():
            raise JsonBreak(self.line, "there is more after the end of the data")

    def second(self) -> str:
        """Return the first character of the first element of the array that the cursor is on, taking nothing."""
        ahead = self._at + 1
        while True:
            while ahead < len(self._buffer) and self._buffer[ahead] in _WHITE:
                ahead += 1
            if ahead < len(self._buffer):
                return self._buffer[ahead]
            ahead -= self._at
            if not self._fill():
                return ""
            ahead += self._at

    def _fill(self, size: int = _PIECE) -> bool:
        more = self._read(size)
        if not more:
            return False
        self._buffer = self._buffer[self._at :] + more
        self._at = 0
        return True
