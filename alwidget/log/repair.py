"""Putting a session right. What cannot be read is moved, never deleted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alwidget.log.events import StoredDocument
from alwidget.log.files import set_aside, sync_folder, write_atomic
from alwidget.log.reading import LOG_FOLDER, Reading, read
from alwidget.log.session_file import SessionInfo
from alwidget.log.snapshot import records, write_snapshot
from alwidget.log.state import State
from alwidget.log.writer import Writer

__all__ = ["move_aside", "repair_file", "rewrite_annotations"]


def repair_file(path: Path) -> str | None:
    """Move what cannot be read out of a log file; return what was done, None when the file is in use.

    The file is replaced in one step, by its good lines, byte for byte. It is locked meanwhile.
    """
    writer = Writer.claim(path.parent, path.stem, "")
    if writer is None:
        return None
    try:
        data = path.read_bytes()
        reading = read(data)
        for line, seq in zip(reading.broken, _numbers(reading), strict=True):
            set_aside(path.parent / "broken", f"{path.name}.{line.line}-seq{seq}", line.raw + b"\n")
        if reading.tail:
            set_aside(path.parent / "torn", f"{path.name}.{reading.end}", reading.tail)
        bad = {line.line for line in reading.broken}
        lines = data[: reading.end].split(b"\n")
        good = [raw for number, raw in enumerate(lines, 1) if number not in bad and raw.strip()]
        write_atomic(path, (raw + b"\n" for raw in good), "check")
    finally:
        writer.release()
    where = [name for name, moved in (("broken", reading.broken), ("torn", reading.tail)) if moved]
    return "moved to " + " and ".join(f"{LOG_FOLDER}/{name}/" for name in where)


def _numbers(reading: Reading) -> list[int]:
    """Return the sequence number that each broken line must have had, judged by what stands before it."""
    good = dict(zip(reading.numbers, reading.events, strict=True))
    broken = {line.line for line in reading.broken}
    out: list[int] = []
    last = 0
    for number in sorted({*good, *broken}):
        last = good[number].seq if number in good else last + 1
        if number in broken:
            out.append(last)
    return out


def move_aside(session: Path, left: Path) -> str:
    """Move a file that was never finished to ``log/broken/``."""
    folder = session / LOG_FOLDER / "broken"
    set_aside(folder, left.name.lstrip("."), left.read_bytes())
    left.unlink()
    sync_folder(left.parent)
    return f"moved to {LOG_FOLDER}/broken/"


def rewrite_annotations(path: Path, info: SessionInfo, state: State, key: str, old: Sequence[dict[str, Any]]) -> None:
    """Write ``annotations.json`` from the log, in the order, and with the texts, that it had before."""
    order = {row.get("id"): at for at, row in enumerate(old)}
    texts = {
        row["id"]: StoredDocument(row["text"], row.get("text_pair"), row.get("source"))
        for row in old
        if isinstance(row.get("id"), str) and isinstance(row.get("text"), str)
    }
    rows = records(state, key, order.get, texts.get)
    write_snapshot(path, info, [label.name for label in state.labels], rows, "check")
