"""Which reader reads what: by type, else by the file's ending."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alwidget.errors import ArgumentError, DataError
from alwidget.pool.delimited import DelimitedReader
from alwidget.pool.folder import FolderReader, LinesReader
from alwidget.pool.jsonfile import JsonReader
from alwidget.pool.mappings import unstack
from alwidget.pool.memory import MemoryReader
from alwidget.pool.reader import Reader
from alwidget.pool.tables import FrameReader, from_arrow_file, from_dataset, from_parquet, from_table

__all__ = ["find_path", "open_reader"]

_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz", ".h5", ".hdf5", ".rds", ".rdata")
_ARCHIVES = (".zip", ".bz2", ".xz", ".zst", ".7z", ".tar", ".tgz", ".rar", ".lz4")
_PROSE = (".doc", ".docx", ".odt", ".rtf", ".pdf", ".html", ".htm", ".xml", ".epub", ".md")
_TEXT = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".txt")
_TABLES = (".parquet", ".arrow", ".feather")
_READABLE = (
    "CSV (.csv, .tsv), JSON (.json, .jsonl, .ndjson), any of these with .gz, .txt, Parquet, Arrow, a folder of .txt"
)
_LONG = 200


def open_reader(data: Any, encoding: str | None = None) -> Reader:
    """Return the reader for `data`, opened far enough to know its columns.

    Raises
    ------
    alwidget.errors.DataError
        The data is not of a kind that can be read, or its file is missing, empty or damaged.
    """
    path = find_path(data)
    if path is not None:
        return _open_path(path, encoding)
    if encoding is not None:
        message = f"encoding={encoding!r} is for files; text in memory has none."
        raise ArgumentError(message)
    if _is(data, "pandas", "DataFrame"):
        return FrameReader(data)
    if _is(data, "pandas", "Series"):
        return FrameReader(data.to_frame("text"))
    if _is(data, "datasets", "Dataset"):
        return from_dataset(data)
    if _is(data, "datasets", "DatasetDict") or _is(data, "datasets", "IterableDatasetDict"):
        splits = ", ".join(f'"{split}"' for split in data)
        message = f"This is a dictionary of datasets ({splits}); pass one of them: data[{next(iter(data), '')!r}]."
        raise DataError(message)
    if _is(data, "pyarrow", "Array") or _is(data, "pyarrow", "ChunkedArray"):
        return MemoryReader(data.to_pylist())
    if hasattr(data, "__arrow_c_stream__"):
        return from_table(data)
    if _is(data, "numpy", "ndarray"):
        return _open_array(data)
    return _open_iterable(data)


def find_path(data: Any) -> Path | None:
    """Return `data` as a path to what exists, None if it is no path, or raise `DataError` with the nearest file."""
    if not isinstance(data, str | os.PathLike):
        return None
    shown = os.fspath(data)
    if not isinstance(shown, str):
        message = f"A path must be text, got {shown!r}."
        raise DataError(message)
    if not shown:
        message = "The path is empty."
        raise DataError(message)
    path = Path(shown).expanduser()
    if "\0" not in shown and _exists(path):
        return path
    raise DataError(_absent(shown, path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def _absent(shown: str, path: Path) -> str:
    if "://" in shown:
        return f"{shown} is an address; fetch it first, and pass the file's path."
    if "\n" in shown or len(shown) > _LONG or (" " in shown and not path.suffix):
        return f"This is taken for a path, and there is no such file: {shown[:_LONG]!r}. Pass texts in a list: [text]."
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"There is no file {shown}: its folder {path.parent} is not there either."
    close = difflib.get_close_matches(path.name.lower(), [name.lower() for name in beside], n=1, cutoff=0.6)
    nearest = next((name for name in beside if close and name.lower() == close[0]), None)
    hint = (
        f' Did you mean "{path.parent / nearest}"?' if nearest else f" It was looked for in {path.parent.resolve()}."
    )
    return f"There is no file {shown}.{hint}"


def _open_path(path: Path, encoding: str | None) -> Reader:
    """Return the reader for a file or a folder by its ending."""
    packed = path.suffix.lower() == ".gz"
    inner = Path(path.stem) if packed else path
    ending, stem = inner.suffix.lower(), inner.stem or path.name
    if path.is_dir():
        return FolderReader(path, path.resolve().name or "documents", encoding)
    if ending in _TABLES and not packed:
        if encoding is not None:
            message = f"encoding={encoding!r} is for text files; {path.name} says itself how its text is stored."
            raise ArgumentError(message)
        _refuse_empty(path)
        return from_parquet(path, stem) if ending == ".parquet" else from_arrow_file(path, stem)
    if ending not in _TEXT:
        raise DataError(_unreadable(path.name, ending, packed=packed))
    _refuse_empty(path)
    if ending in {".csv", ".tsv", ".tab"}:
        return DelimitedReader(path, stem, encoding, tabs=ending != ".csv")
    if ending == ".txt":
        return LinesReader(path, stem, encoding)
    return JsonReader(path, stem, encoding, lines=ending != ".json")


def _refuse_empty(path: Path) -> None:
    if not path.is_file():
        message = f"{path} is neither a file nor a folder."
        raise DataError(message)
    if path.stat().st_size == 0:
        message = f"{path.name} is empty."
        raise DataError(message)


def _unreadable(name: str, ending: str, *, packed: bool) -> str:
    if ending in _SPREADSHEETS:
        return f"{name} is a spreadsheet, which is not read: save the sheet as CSV (in Excel: CSV UTF-8), pass that."
    if ending in _PICKLES:
        return (
            f"{name} is a program's own storage format; opening such a file may run code in it, so it is not read. "
            "Save the texts as Parquet or JSONL and pass that file, or pass the loaded texts themselves."
        )
    if ending in _ARCHIVES:
        return f"{name} is packed; unpack it and pass what is in it. Of packed files only .gz of text files is read."
    if packed and ending in _TABLES:
        return f"{name} is a packed {ending} file; unpack it. Of packed files only .gz of text files is read."
    if ending in _PROSE:
        return f"{name} is a document with a layout; extract its text first, for example one .txt file a document."
    what = f'ends in "{ending}"' if ending else "has no ending that says what it is"
    return f"{name} {what}. What can be read: {_READABLE}."


def _open_array(data: Any) -> Reader:
    if data.ndim != 1:
        message = f"The array has {data.ndim} dimensions; texts come in an array of one."
        raise DataError(message)
    return MemoryReader(data.tolist())


def _open_iterable(data: Any) -> Reader:
    if isinstance(data, Mapping):
        if any(isinstance(value, str) for value in data.values()):
            message = "This is one dict; pass a list of dicts, one a document: [data]."
            raise DataError(message)
        columns = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in data.items()}
        return MemoryReader([row for _, row in unstack(columns, "the dict")])
    if isinstance(data, set | frozenset):
        data = sorted(data, key=str)  # a set has no order of its own, and an order that changes helps nobody
    if isinstance(data, Iterable) and not isinstance(data, bytes | bytearray | memoryview):
        return MemoryReader(data)
    message = (
        f"{type(data).__name__} is not a kind of data that can be read. Pass a list of texts, a list of dicts, a "
        f"DataFrame, a datasets.Dataset, or a path: {_READABLE}."
    )
    raise DataError(message)


def _is(data: Any, package: str, name: str) -> bool:
    """Whether `data` is an instance of that class, without importing the package."""
    kind = getattr(sys.modules.get(package), name, None)
    return isinstance(kind, type) and isinstance(data, kind)
