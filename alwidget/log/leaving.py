"""The end of the process: what is not on disk yet gets a last chance, and then a place where it can be found."""

from __future__ import annotations

import atexit
import logging
import weakref
from typing import Protocol

from alwidget.errors import AlwidgetError, StorageError

__all__ = ["at_exit"]

_log = logging.getLogger(__name__)


class Leaver(Protocol):
    """Something that wants to be closed before the process ends."""

    def close(self) -> None:
        """Write what is not written; raises `StorageError` when that fails."""

    def rescue(self) -> str | None:
        """Put what could not be written somewhere else; return in words where it is."""


_open: weakref.WeakSet[Leaver] = weakref.WeakSet()
_registered: list[bool] = []


def at_exit(leaver: Leaver) -> None:
    """Have `leaver` closed when the interpreter ends, unless it is gone by then."""
    if not _registered:
        _registered.append(True)
        atexit.register(_leave)
    _open.add(leaver)


def _leave() -> None:
    for leaver in list(_open):
        try:
            leaver.close()
        except StorageError as error:
            where = _rescue(leaver)
            _log.error("%s %s", error, where)
        except AlwidgetError:  # a forked child: the log is its parent's
            continue


def _rescue(leaver: Leaver) -> str:
    try:
        return leaver.rescue() or ""
    except OSError as error:
        return f"It could not be put into the folder for temporary files either ({error})."
