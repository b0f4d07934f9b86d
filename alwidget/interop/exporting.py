"""Exporting annotations to a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from alwidget.errors import ArgumentError, DataError, SessionError, near_miss
from alwidget.interop import files
from alwidget.interop.formats import Content, Format, find
from alwidget.interop.table import Record

__all__ = ["export"]

STATUSES = ("labelled", "skipped", "flagged")
_ANSWERS = {"classification": "label", "multilabel": "labels", "tagging": "spans", "generation": "target"}


def export(
    records: Iterable[Record],
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002  the word that people use
    *,
    task: str = "classification",
    labels: Sequence[Any] = (),
    include: str | Sequence[str] = "all",
) -> Path:
    r"""Write annotations to a file, which appears whole or not at all; a file that is there is replaced.

    Parameters
    ----------
    records
        Annotations as dicts with the keys of ``annotations.json``; they are written in the order given.
    path
        Where to. Its folder must exist.
    format
        ``"json"``, ``"jsonl"``, ``"csv"``, ``"parquet"`` or ``"huggingface"``; by default what the ending says.
    task, labels
        The task's name and the label names (or `Label` objects), kept in the formats that have a place for them.
    include
        ``"all"`` for every document that was decided on, with its status beside it; or a status, or several, of
        ``"labelled"``, ``"skipped"``, ``"flagged"``.

    Returns
    -------
    pathlib.Path
        The file's absolute path.

    Raises
    ------
    ArgumentError
        If the format or `include` does not exist, or the file cannot be there.
    SessionError
        If there is nothing to write: an export is never silently empty.
    StorageError
        If the system refuses to write; an earlier file is then unchanged.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> record = {"id": "a", "text": "=1+1", "label": "yes", "status": "labelled"}
    >>> export([record], folder / "out.jsonl").read_text()
    '{"id":"a","text":"=1+1","label":"yes","status":"labelled"}\n'
    """
    found = find(format, Path(path))
    statuses = _statuses(include)
    where = files.target(path)
    _check_place(where, found)
    every = list(records)
    chosen = [record for record in every if record.get("status") in statuses] if statuses else every
    if not chosen:
        raise SessionError(_nothing(every, statuses))
    names = tuple(str(getattr(label, "name", label)) for label in labels)
    content = Content(chosen, task, names, _ANSWERS.get(task, "label"))
    try:
        with files.replacing(where) as fresh:
            found.write(content, fresh)
    except UnicodeEncodeError as error:
        message = f"A text holds half of a character pair ({error.object[error.start : error.end]!r}), which no file "
        message += "in UTF-8 can hold. Repair it in the documents and label it again."
        raise DataError(message) from error
    return where


def _statuses(include: str | Sequence[str]) -> frozenset[str]:
    """Return the statuses to keep; empty means every record."""
    if include == "all":
        return frozenset()
    asked = [include] if isinstance(include, str) else list(include)
    wrong = [name for name in asked if name not in STATUSES]
    if wrong or not asked:
        shown = ", ".join(f'"{name}"' for name in wrong) or "nothing"
        hint = near_miss(wrong[0], ("all", *STATUSES)) if wrong else ""
        message = f'include= got {shown}; it takes "all", or some of "labelled", "skipped", "flagged".{hint}'
        raise ArgumentError(message)
    return frozenset(asked)


def _check_place(where: Path, found: Format) -> None:
    if not found.folder and where.is_dir():
        message = f'"{where}" is a folder; {found.name} is a file. Give the name of a file in it.'
        raise ArgumentError(message)
    if found.folder and where.exists():
        ours = where.is_dir() and ((where / "dataset_info.json").is_file() or not any(where.iterdir()))
        if not ours:
            message = f'"{where}" is there and is not a saved dataset, so it is not replaced. Give another name.'
            raise ArgumentError(message)


def _nothing(every: Sequence[Record], statuses: frozenset[str]) -> str:
    if not every:
        return "Nothing is labelled yet, so there is nothing to export. Label something first."
    there = ", ".join(
        f"{count} {status}"
        for status in STATUSES
        if (count := sum(record.get("status") == status for record in every))
    )
    asked = " or ".join(status for status in STATUSES if status in statuses)
    return f'No document is {asked}, so there is nothing to export; there are {there}. include="all" takes them.'
