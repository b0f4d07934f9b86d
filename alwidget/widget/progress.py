"""The small summary of a session that Python code may observe, kept from the messages that pass by."""

from __future__ import annotations

import threading
from typing import Any

from alwidget.widget.protocol import Ack, Counts, Queue, Snapshot, Status, StatusMessage, ToPage

__all__ = ["Progress"]


class Progress:
    """Keeps the newest counts and engine state; messages may come from several threads and out of order."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._lock = threading.Lock()
        self._revision = snapshot.revision
        self._counts, self._status = snapshot.counts, snapshot.status

    @property
    def counts(self) -> Counts:
        """The newest counts."""
        return self._counts

    @property
    def value(self) -> dict[str, Any]:
        """The summary, a new plain dict each time."""
        with self._lock:
            counts, status = self._counts, self._status
        return {
            "labelled": counts.labelled,
            "skipped": counts.skipped,
            "remaining": counts.remaining,
            "total": counts.total,
            "round": status.round,
            "state": status.state,
        }

    def update(self, message: ToPage) -> bool:
        """Take over what a message says, if it is newer; return whether that changed the summary."""
        if not isinstance(message, Ack | Queue | Snapshot | StatusMessage):
            return False
        status: Status | None = None if isinstance(message, Ack) else message.status
        before = self.value
        with self._lock:
            if message.revision < self._revision:
                return False
            self._revision = message.revision
            self._counts = message.counts
            self._status = status or self._status
        return self.value != before
