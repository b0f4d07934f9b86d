"""``alwidget export`` and ``alwidget check``: what can be done with a session's directory without its documents."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["check", "export"]


def export(given: argparse.Namespace) -> int:
    """Write a session's annotations to a file, from its log, so that the newest decision is there too."""
    from alwidget import interop
    from alwidget.log import read_session, records

    session = Path(given.session)
    archive = read_session(session)
    for report in archive.reports:
        sys.stderr.write(f"alwidget export: note: {report}\n")
    rows = list(records(archive.state, archive.key, _order(session).get))
    path = interop.export(
        rows,
        given.output,
        given.format,
        task=archive.info.task,
        labels=archive.state.labels,
        include=given.include or "all",
    )
    written = len(rows) if not given.include else sum(row["status"] in given.include for row in rows)
    sys.stdout.write(f"{written:,} documents in {path}\n")
    return 0


def _order(session: Path) -> dict[str, int]:
    """Return the places of documents in ``annotations.json``, which are those of the pool."""
    try:
        content: dict[str, Any] = json.loads((session / "annotations.json").read_bytes())
        return {row["id"]: place for place, row in enumerate(content["annotations"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # it is derived: without it, documents come in the order in which they were decided on


def check(given: argparse.Namespace) -> int:
    """Verify a session's files; 0 if all is well or everything was repaired."""
    from alwidget.log import check as verify

    report = verify(given.session, repair=given.repair)
    sys.stdout.write(f"{report}\n")
    if report.ok:
        return 0
    if not given.repair:
        sys.stdout.write(f"alwidget check {given.session} --repair sets aside what cannot be read.\n")
    return 1
