"""In which encoding a file is written: UTF-8 unless a mark or its bytes say otherwise."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["KNOWN", "Guess", "by_mark", "detect", "guess", "is_utf8"]

KNOWN = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "iso8859-15", "mac-roman"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8-r", "cp874"),
    *("cp932", "shift_jis", "euc_jp", "gb18030", "gbk", "big5", "cp949", "euc_kr"),
)
"""Encodings that people meet, for near misses."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# One of each family that is still found in files. The more there are, the more often a rare one wins by accident.
_CANDIDATES = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1255", "cp1256", "cp1257", "koi8_r", "cp874", "mac_roman"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
_BLOCK = 1 << 20
_SAMPLE = 1 << 18
_MANY_NULS = 0.1
_CLOSE = 0.02


@dataclass(frozen=True, slots=True)
class Guess:
    """An encoding, and whether the bytes leave no doubt about it."""

    encoding: str
    sure: bool


def by_mark(head: bytes) -> str | None:
    r"""Return the codec that a byte order mark names.

    >>> by_mark(b"\xef\xbb\xbfid,text")
    'utf-8-sig'
    """
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def detect(file: BinaryIO, head: bytes) -> Guess | None:
    """Return the encoding of a file without a mark, or None where it does not look like text.

    The whole file is looked at, because a file may begin with a million plain ASCII lines. A file that is mostly UTF-8
    is UTF-8 with some damaged lines; one in which the bytes beyond ASCII are mostly not UTF-8 is something else.
    """
    if head and head.count(0) > _MANY_NULS * len(head):
        return _wide(head)
    good = bad = 0
    rest = b""
    sample = bytearray()
    for more in _blocks(file):
        block = rest + more
        rest = b""
        if block.isascii():
            continue
        beyond = [line for line in block.split(b"\n") if not line.isascii()]
        try:
            rest = block[codecs.utf_8_decode(block, "strict", False)[1] :]  # noqa: FBT003  C has no keywords
        except UnicodeDecodeError:
            broken = [line for line in beyond if not is_utf8(line)]
            good += len(beyond) - len(broken)
            bad += len(broken)
            for line in broken:
                if len(sample) < _SAMPLE:
                    sample += line[:_SAMPLE] + b"\n"
        else:
            good += len(beyond)
    if good >= bad + bool(rest):
        return Guess("utf-8", sure=True)
    return Guess(guess(bytes(sample + rest)), sure=False)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield whole lines, about a block of them at a time, or parts of a line that is longer than that."""
    while True:
        try:
            block = file.read(_BLOCK) + file.readline(_BLOCK)
        except (EOFError, zlib.error):
            return  # what can be unpacked of a damaged file is enough to go by
        if not block:
            return
        yield block


def is_utf8(data: bytes) -> bool:
    """Return whether all of it is UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _wide(head: bytes) -> Guess | None:
    """Return UTF-16 without a mark, told by which byte of each pair is mostly zero."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    lopsided = max(even, odd) > 4 * min(even, odd)
    try:
        head[: len(head) // 2 * 2].decode(encoding)
    except UnicodeDecodeError as error:
        lopsided = lopsided and error.end >= len(head) - 2
    return Guess(encoding, sure=False) if lopsided else None


def guess(sample: bytes) -> str:
    """Return the most likely encoding of lines that are not UTF-8.

    Short samples fit several tables equally well; then cp1252 is far more often right than its neighbours.
    """
    import charset_normalizer

    matches = list(charset_normalizer.from_bytes(sample, cp_isolation=_CANDIDATES, enable_fallback=False))
    if not matches:
        return "cp1252"
    best = matches[0]
    for match in matches:
        as_clean = match.chaos <= best.chaos + _CLOSE and match.coherence >= best.coherence - _CLOSE
        if match.encoding == "cp1252" and as_clean:
            return "cp1252"
    return best.encoding
