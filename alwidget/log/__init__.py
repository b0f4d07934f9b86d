"""What was said: the append-only log of a session, what it amounts to, and its check.

A decision is one line in a file that only ever grows, flushed to the disk before it counts as saved. Everything else
is folded from those lines: answers, labels, history, ``annotations.json``.
"""

from alwidget.log.answers import Answer, Entry
from alwidget.log.archive import Archive, load_annotations, read_session
from alwidget.log.check import CheckReport, Finding, check
from alwidget.log.events import Event, Said, StoredDocument, Why
from alwidget.log.log import Log
from alwidget.log.recorder import Recorded
from alwidget.log.rounds import RoundLog, RoundRecord
from alwidget.log.snapshot import records, write_snapshot
from alwidget.log.state import State

__all__ = [
    "Answer",
    "Archive",
    "CheckReport",
    "Entry",
    "Event",
    "Finding",
    "Log",
    "Recorded",
    "RoundLog",
    "RoundRecord",
    "Said",
    "State",
    "StoredDocument",
    "Why",
    "check",
    "load_annotations",
    "read_session",
    "records",
    "write_snapshot",
]
