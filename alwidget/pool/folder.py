"""Plain text: a folder in which every .txt file is a document, or one file in which every line is."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from alwidget.errors import DataError
from alwidget.pool import charset
from alwidget.pool.columns import Column
from alwidget.pool.problems import Problems
from alwidget.pool.reader import PORTION, Broken, Reader, Rows, portion
from alwidget.pool.textfile import TextFile, known

__all__ = ["FolderReader", "LinesReader", "listing"]

_CHUNK = 256
_SAMPLE = 1 << 18


def listing(folder: Path) -> list[Path]:
    """Return the text files of a folder and its subfolders, hidden ones left out, in the order of their names."""
    files = [path for path in folder.rglob("*") if path.suffix.lower() == ".txt" and path.is_file()]
    shown = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return sorted(shown, key=lambda path: path.relative_to(folder).as_posix())


class FolderReader(Reader):
    """Reads a folder of .txt files: the columns are ``text``, ``id`` (the file's path in it) and ``folder``."""

    unit = "files"

    def __init__(self, folder: Path, stem: str, encoding: str | None = None) -> None:
        self._folder, self._encoding = folder, encoding and known(encoding)
        self.name, self.stem = folder.name, stem
        self._files = listing(folder)
        self._guessed: str | None = None
        self.total = len(self._files)
        self.columns = [Column("text"), Column("id", "other"), Column("folder", "other")]
        if not self._files:
            found = sorted({path.suffix.lower() for path in folder.iterdir() if path.is_file() and path.suffix})
            what = f"It has files ending in {', '.join(found[:8])}" if found else "It has no files"
            message = (
                f"The folder {folder} has no .txt files, and a folder is read as one document a .txt file. {what}. "
                "Pass the path of one file, or a dataset that was loaded with datasets.load_from_disk."
            )
            raise DataError(message)

    def where(self, at: int) -> str:
        """Return the file's path in the folder."""
        return self._files[at].relative_to(self._folder).as_posix()

    def rows(self, roles: Mapping[str, str], problems: Problems) -> Generator[Rows]:
        """Yield the documents; `Rows.at` is the place of the file in the listing."""
        start = size = 0
        texts: list[str | Broken] = []
        for number, path in enumerate(self._files, start=1):
            text = self._read(path, problems)
            texts.append(text)
            size += len(text) if isinstance(text, str) else 0
            if len(texts) == _CHUNK or size > PORTION or number == len(self._files):
                yield self._portion(roles, start, texts)
                start, size, texts = number, 0, []

    def _portion(self, roles: Mapping[str, str], start: int, texts: list[str | Broken]) -> Rows:
        stop = start + len(texts)
        paths = [path.relative_to(self._folder) for path in self._files[start:stop]]
        parents = [path.parent.as_posix() for path in paths]
        columns: dict[str, list[Any]] = {
            "text": list(texts),
            "id": [path.as_posix() for path in paths],
            "folder": [None if parent == "." else parent for parent in parents],
        }
        return Rows({role: columns[name] for role, name in roles.items()}, range(start, stop), stop)

    def _read(self, path: Path, problems: Problems) -> str | Broken:
        """Return the text without the line end that editors put behind the last line."""
        try:
            raw = path.read_bytes()
            encoding = self._encoding or charset.by_mark(raw[:4]) or ("utf-8" if charset.is_utf8(raw) else None)
            text = raw.decode(encoding or self._guess(path, problems))
        except OSError as error:
            return Broken(f"the file cannot be read ({error.strerror})")
        except UnicodeDecodeError as error:
            return Broken(f"the file is not {error.encoding} ({error.reason}, byte {error.start:,})")
        return text.removesuffix("\n").removesuffix("\r")

    def _guess(self, path: Path, problems: Problems) -> str:
        """Return one encoding for all files that are not UTF-8; one file alone may be too short to tell."""
        if self._guessed is None:
            sample = bytearray()
            for other in self._files[self._files.index(path) :]:
                raw = other.read_bytes()[:_SAMPLE]
                sample += b"" if charset.is_utf8(raw) or charset.by_mark(raw[:4]) else raw + b"\n"
                if len(sample) >= _SAMPLE:
                    break
            self._guessed = charset.guess(bytes(sample))
            what = (
                f"files that are not UTF-8, such as {path.name}, were read as {self._guessed}, which is a guess; pass "
                f'encoding=… if the text looks wrong, or encoding="{self._guessed}" if it is right'
            )
            problems.note("encoding", what)
        return self._guessed


class LinesReader(Reader):
    """Reads one text file in which every line is a document; the only column is ``text``."""

    unit = "B"

    def __init__(self, path: Path, stem: str, encoding: str | None = None) -> None:
        self._file = TextFile(path, encoding)
        self.name, self.stem, self.total, self.notes = path.name, stem, self._file.total, self._file.notes
        self.columns = [Column("text")]
        self._taken = 0

    def where(self, at: int) -> str:
        """Return the line in words."""
        return f"{self.name}, line {at}"

    def rows(self, roles: Mapping[str, str], problems: Problems) -> Generator[Rows]:  # noqa: ARG002  there is one
        """Yield the lines that are not blank."""
        self._taken = 0
        with closing(self._file.lines(problems)) as lines:
            numbered = self._numbered(lines)
            while chunk := portion(numbered, lambda: self._taken):
                yield Rows({"text": [line for _, line in chunk]}, [at for at, _ in chunk], self._file.done)

    def _numbered(self, lines: Iterable[str]) -> Iterator[tuple[int, str]]:
        for at, line in enumerate(lines, start=1):
            self._taken += len(line)
            if not line.isspace():
                yield at, line.removesuffix("\n").removesuffix("\r")
