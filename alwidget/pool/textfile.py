"""A text file as lines: unpacked, decoded, and split at line feeds only."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from alwidget.errors import ArgumentError, DataError, near_miss
from alwidget.pool import charset
from alwidget.pool.problems import Problem, Problems

__all__ = ["TextFile", "is_gzip", "known"]

_GZIP = b"\x1f\x8b"
_HEAD = 1 << 16
_MAGIC = {
    b"PK\x03\x04": "a zip file or a spreadsheet; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Office file; save it as CSV",
    b"PAR1": "a Parquet file; name it .parquet",
    b"ARROW1": "an Arrow file; name it .arrow",
    b"%PDF": "a PDF; extract its text first",
    b"SQLite format 3": "a database; export the table as CSV",
}


def is_gzip(path: Path) -> bool:
    """Return whether the file is packed with gzip, whatever it is called."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


class _Unpacked(gzip.GzipFile):
    """Unpacks a file and closes it; a plain `gzip.GzipFile` leaves that to whoever opened the file."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        super().__init__(fileobj=packed, mode="rb")

    def close(self) -> None:
        super().close()
        self._packed.close()


def known(encoding: str) -> str:
    """Return the codec's own name, or raise `ArgumentError` with the nearest one."""
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        message = f'There is no encoding "{encoding}".{near_miss(encoding, charset.KNOWN)}'
        raise ArgumentError(message) from None


class TextFile:
    """A text file, perhaps packed with gzip, whose encoding is known once it is opened.

    Undecodable bytes come out as lone surrogates (PEP 383), so that the row that holds them, and only that row, can be
    set aside.

    Parameters
    ----------
    path
        The file.
    encoding
        A codec's name; found when left out.

    Raises
    ------
    alwidget.errors.DataError
        The file is not text.
    alwidget.errors.ArgumentError
        There is no such encoding.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path, self.name = path, path.name
        self.total = path.stat().st_size
        self.notes: list[Problem] = []
        self._packed = is_gzip(path)
        self._raw: BinaryIO | None = None
        try:
            with self._open() as file:
                head = file.read(_HEAD)
            self._refuse_binary(head)
            self.encoding = self._named(encoding, head) if encoding else self._found(head)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            message = f"{self.name} cannot be unpacked: {error}. Fetch it again, or unpack it with another program."
            raise DataError(message) from error
        # files of old Macs end their lines with carriage returns alone
        self._newline = "\r" if b"\r" in head and b"\n" not in head else "\n"

    @property
    def done(self) -> int:
        """Bytes of the file that have been read; packed bytes where it is packed."""
        return self._raw.tell() if self._raw is not None and not self._raw.closed else self.total

    def lines(self, problems: Problems) -> Generator[str]:
        """Yield the lines with their ends; what ends the reading early is reported."""
        with self.text() as text:
            yield from self.guarded(text.__next__, problems)

    def guarded(self, read: Callable[[], str], problems: Problems) -> Iterator[str]:
        """Yield what `read` returns until it raises `StopIteration`, or until the file turns out to be damaged."""
        while True:
            try:
                line = read()
            except StopIteration:
                return
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                what = f"the packed file is damaged or cut off ({error}); what follows could not be read"
                problems.note("broken", what, last=True)
                return
            except UnicodeDecodeError as error:
                what = f"this is not {self.encoding} ({error.reason}); what follows could not be read"
                problems.note("broken", f"{what}. Pass encoding=… if it is written in another one", last=True)
                return
            yield line

    def text(self) -> io.TextIOWrapper:
        """Open the file for reading."""
        errors = "surrogatepass" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        return io.TextIOWrapper(self._open(), encoding=self.encoding, errors=errors, newline=self._newline)

    def head(self, size: int = 1 << 18) -> list[str]:
        """Return the first complete lines, `size` characters of them or one."""
        with self.text() as text:
            out: list[str] = []
            length = 0
            for line in self.guarded(text.__next__, Problems(self.name, str)):
                out.append(line)
                length += len(line)
                if length >= size:
                    break
            return out

    def _open(self) -> BinaryIO:
        self._raw = self.path.open("rb")
        if not self._packed:
            return self._raw
        return cast("BinaryIO", io.BufferedReader(_Unpacked(self._raw), 1 << 16))

    def _refuse_binary(self, head: bytes) -> None:
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                message = f"{self.name} is not text but {what}."
                raise DataError(message)

    def _named(self, encoding: str, head: bytes) -> str:
        name = known(encoding)
        return "utf-8-sig" if name == "utf-8" and head.startswith(codecs.BOM_UTF8) else name

    def _found(self, head: bytes) -> str:
        if (marked := charset.by_mark(head)) is not None:
            return marked
        with self._open() as file:
            guess = charset.detect(file, head)
        if guess is None:
            message = (
                f"{self.name} does not look like text: it is full of NUL bytes. "
                'If it is text in a rare encoding, pass it: encoding="…".'
            )
            raise DataError(message)
        if not guess.sure:
            what = (
                f"this is not UTF-8 and was read as {guess.encoding}, which is a guess; pass encoding=… if the text "
                f'looks wrong, or encoding="{guess.encoding}" if it is right'
            )
            self.notes.append(Problem(self.name, what, "encoding"))
        return guess.encoding
