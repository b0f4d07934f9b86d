"""Verify a session, line by line, and repair it without throwing a byte away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from alwidget import tasks
from alwidget.errors import SessionError, StorageError
from alwidget.log import repair as mending
from alwidget.log import session_file
from alwidget.log.archive import infer
from alwidget.log.events import Said
from alwidget.log.files import explain
from alwidget.log.reading import LOG_FOLDER, Reading, log_files, place, read
from alwidget.log.session_file import ANNOTATIONS_FILE, SESSION_FILE, SessionInfo
from alwidget.log.snapshot import records
from alwidget.log.state import State
from alwidget.log.writer import Holder, holder
from alwidget.tasks.tagging import Tagging, slice_flaw

__all__ = ["CheckReport", "Finding", "check"]


@dataclass(slots=True)
class Finding:
    """Something that is not as it should be, and what was done about it."""

    where: str
    what: str
    done: str | None = None

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.where}: {self.what}{f' → {self.done}' if self.done else ''}"


@dataclass(slots=True)
class CheckReport:
    """What a check found.

    Attributes
    ----------
    problems
        What needs a repair, or had one.
    notes
        What is good to know and needs nothing.
    ok
        Whether there are no problems left.
    """

    path: Path
    events: int = 0
    writers: int = 0
    answers: int = 0
    problems: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are no problems left."""
        return all(problem.done for problem in self.problems)

    def __str__(self) -> str:
        """Return the report as a person wants to read it."""
        size = f"{self.events:,} events by {self.writers} writer{'s' * (self.writers != 1)}, {self.answers:,} answers"
        left = sum(not problem.done for problem in self.problems)
        verdict = "All is well." if not self.problems else f"{len(self.problems)} found, {left} left."
        lines = [f"{self.path}: {size}. {verdict}"]
        lines += [f"  {'repaired' if problem.done else 'problem'}: {problem}" for problem in self.problems]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


@dataclass(slots=True)
class _File:
    writer: str
    path: Path
    reading: Reading
    holder: Holder | None

    @property
    def shown(self) -> str:
        return f"{LOG_FOLDER}/{self.path.name}"


def check(path: str | Path, repair: bool = False) -> CheckReport:  # noqa: FBT001, FBT002  a switch of the command line
    """Look at everything in a session directory; with `repair`, put right what can be put right.

    Lines that cannot be read are moved to ``log/broken/``, torn ends to ``log/torn/``; nothing is deleted. Files of a
    writer that is at work are not touched.

    Raises
    ------
    alwidget.errors.SessionError
        There is no session at `path`, or it is of a newer version.
    alwidget.errors.StorageError
        A repair could not be written; what was not repaired is as it was.

    Examples
    --------
    >>> import tempfile
    >>> from alwidget.log import Log
    >>> folder = tempfile.mkdtemp()
    >>> with Log.open(folder, task="classification", open_labels=True, annotator="ana") as log:
    ...     _ = log.append("annotate", id="a", value="good")
    >>> check(folder).ok
    True
    """
    path = Path(path).absolute()
    if not (path / SESSION_FILE).exists() and not log_files(path):
        message = f"There is no session at {path}."
        raise SessionError(message)
    report = CheckReport(path)
    try:
        _check(report, repair=repair)
    except OSError as error:
        message = f"The check of {path} stopped: {explain(error, path)}."
        raise StorageError(message) from error
    return report


def _check(report: CheckReport, *, repair: bool) -> None:
    path = report.path
    files = [_open(writer, file) for writer, file in log_files(path).items()]
    for file in files:
        _check_lines(report, file, repair=repair)
    if repair:
        files = [_open(writer, file) for writer, file in log_files(path).items()]
    said = [one for file in files for one in place(file.writer, file.reading)]
    report.events, report.writers = len(said), len(files)
    for file in files:
        _check_numbers(report, file)
    _check_names(report, said)
    _check_leftovers(report, files, repair=repair)
    info = _check_session(report, said, repair=repair)
    if info is not None:
        _check_annotations(report, info, files, said, repair=repair)


def _open(writer: str, path: Path) -> _File:
    return _File(writer, path, read(path.read_bytes()), holder(path.parent, writer))


def _check_lines(report: CheckReport, file: _File, *, repair: bool) -> None:
    reading = file.reading
    found = [Finding(f"{file.shown}, line {line.line}", f"cannot be read ({line.why})") for line in reading.broken]
    if reading.tail and file.holder is None:
        found.append(
            Finding(file.shown, f"the last line is cut short ({len(reading.tail)} bytes), as a crash leaves it")
        )
    if file.holder is not None:
        report.notes.append(f"{file.shown} is being written by {file.holder}.")
    if repair and found:
        done = mending.repair_file(file.path) if file.holder is None else None
        for finding in found:
            if done is None:
                finding.what += f"; it is in use by {file.holder or 'another process'}: close it and repair again"
            finding.done = done
    report.problems += found


def _check_numbers(report: CheckReport, file: _File) -> None:
    numbers = [event.seq for event in file.reading.events]
    aside = _set_aside(file.path)
    for first, last in _gaps(numbers):
        which = f"number {first}" if first == last else f"numbers {first} to {last}"
        if aside.issuperset(range(first, last + 1)):
            report.notes.append(f"{file.shown}: {which} set aside in {LOG_FOLDER}/broken/.")
        elif not file.reading.broken:
            what = (
                f"{which} missing; look for an older copy of this file, and put it beside this one under another name"
            )
            report.problems.append(Finding(file.shown, what))
    report.notes += [
        f"{file.shown}: number {number} is there {count} times, as a merge of two copies leaves it; all count."
        for number, count in sorted(Counter(numbers).items())
        if count > 1
    ]
    if any(a > b for a, b in pairwise(file.reading.times)):
        report.notes.append(f"{file.shown}: the times go back somewhere; the order of the lines counts.")


def _set_aside(path: Path) -> set[int]:
    folder = path.parent / "broken"
    names = [each.name for each in folder.glob(f"{path.name}.*")] if folder.is_dir() else []
    return {int(match[1]) for name in names if (match := re.search(r"-seq(\d+)", name))}


def _gaps(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    for before, after in pairwise(sorted({0, *numbers})):
        if after - before > 1:
            yield before + 1, after - 1


def _check_names(report: CheckReport, said: Sequence[Said]) -> None:
    """Look for decisions that were written down twice; they count once."""
    first: dict[str, Said] = {}
    again = 0
    for one in said:
        if one.event.client is None:
            continue
        known = first.setdefault(one.event.client, one)
        if known is one:
            continue
        again += 1
        alike = msgspec.structs.replace(one.event, seq=0, time="") == msgspec.structs.replace(
            known.event, seq=0, time=""
        )
        if not alike:
            a, b = (f"{s.place[1]}:{s.place[2]}" for s in (known, one))
            report.problems.append(Finding(LOG_FOLDER, f'"{one.event.client}" names two decisions, {a} and {b}'))
    if again:
        report.notes.append(f"{again} decisions were written down twice; they count once.")


def _check_leftovers(report: CheckReport, files: Sequence[_File], *, repair: bool) -> None:
    alive = {file.writer for file in files if file.holder is not None}
    for folder in (report.path, report.path / LOG_FOLDER):
        for left in sorted(folder.glob(".*.tmp")) if folder.is_dir() else ():
            if left.name.split(".")[-2] in alive:
                continue
            where = left.relative_to(report.path).as_posix()
            finding = Finding(where, "was being written when its process ended; what it replaces is whole")
            if repair:
                finding.done = mending.move_aside(report.path, left)
            report.problems.append(finding)


def _check_session(report: CheckReport, said: Sequence[Said], *, repair: bool) -> SessionInfo | None:
    info = session_file.load(report.path)
    if info is not None:
        return info
    there = (report.path / SESSION_FILE).exists()
    finding = Finding(SESSION_FILE, "cannot be read" if there else "is missing")
    report.problems.append(finding)
    info = session_file.rebuild(report.path) or infer(said)
    if info is None:
        finding.what += "; nothing tells its task. Open the session with its data and labels, that writes it anew"
    elif repair:
        session_file.create(report.path, info, "check")
        finding.done = f"written anew, from {ANNOTATIONS_FILE} and the log"
    return info


def _check_annotations(
    report: CheckReport, info: SessionInfo, files: Sequence[_File], said: Sequence[Said], *, repair: bool
) -> None:
    key = tasks.get(info.task).key
    state = State(info.base_labels(), key=key)
    for one in sorted(said, key=lambda one: one.place):
        state.apply(one)
    report.answers = len(state.answers)
    if key == Tagging.key:
        report.problems += _wrong_spans(state)
    old = _annotations(report.path)
    there = (report.path / ANNOTATIONS_FILE).exists()
    if not there and not state.answers:
        return
    new = {row["id"]: row for row in records(state, key)}
    finding = Finding(ANNOTATIONS_FILE, "")
    if old is None:
        finding.what = "cannot be read" if there else "is missing"
    else:
        before = {row.get("id"): row for row in old}
        wrong = sum(_said_of(before.get(doc)) != _said_of(new.get(doc)) for doc in {**before, **new})
        if not wrong:
            return
        finding.what = f"does not agree with the log about {wrong} documents"
    live = [str(file.holder) for file in files if file.holder is not None]
    if live:
        report.notes.append(f"{ANNOTATIONS_FILE} {finding.what}; it is being kept up to date by {live[0]}.")
        return
    report.problems.append(finding)
    if repair and not any(file.reading.broken for file in files):
        mending.rewrite_annotations(report.path, info, state, key, old or [])
        finding.done = "written anew from the log"


def _wrong_spans(state: State) -> Iterator[Finding]:
    """Yield every span that is not what its document says between its offsets."""
    for doc, answer in state.answers.items():
        text = answer.document.text if answer.document is not None else None
        for number, span in enumerate(answer.value or (), start=1):
            flaw = _flaw_of(span, text)
            if flaw is not None:
                again = "; look at the document and label it again"
                yield Finding(LOG_FOLDER, f'span {number} of document "{doc}" is wrong: {flaw.rstrip(".")}{again}')


def _flaw_of(span: Any, text: str | None) -> str | None:
    whole = isinstance(span, dict) and all(type(span.get(name)) is int for name in ("start", "end"))
    return slice_flaw(span, text) if whole else "it has no offsets"


def _annotations(path: Path) -> list[dict[str, Any]] | None:
    try:
        content = msgspec.json.decode((path / ANNOTATIONS_FILE).read_bytes())
        return [dict(row) for row in content["annotations"]]
    except (FileNotFoundError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return None


def _said_of(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what a record says, without the document; that comes from the pool, which is not here."""
    if row is None:
        return None
    return {name: value for name, value in row.items() if name not in {"text", "text_pair", "source"}}
