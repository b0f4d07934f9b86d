"""Every error that alwidget raises on purpose.

Each class is also the nearest built-in, so that ``except ValueError`` written by somebody who has never heard of
alwidget still works. A message says what was wrong, where, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AlwidgetError",
    "ArgumentError",
    "Cancelled",
    "DataError",
    "LabelError",
    "LogError",
    "MissingExtraError",
    "ModelError",
    "SessionClosedError",
    "SessionError",
    "StorageError",
    "StrategyError",
    "UnknownDocumentError",
    "near_miss",
]


class AlwidgetError(Exception):
    """The root of the tree: ``except alw.AlwidgetError`` catches all that alwidget raises on purpose."""


class ArgumentError(AlwidgetError, ValueError):
    """An argument has a value that cannot be used; all bad arguments of a call are reported together."""


class DataError(AlwidgetError, ValueError):
    """The documents could not be read as documents: a file, a column, an encoding, an id."""


class LabelError(AlwidgetError, ValueError):
    """An annotation value does not fit the task or its labels."""


class StrategyError(AlwidgetError, ValueError):
    """A query strategy does not exist, has no such option, or was given arrays that it cannot rank."""


class LogError(AlwidgetError, ValueError):
    """A session's log has a line that cannot be read; the message names the file and the line."""


class ModelError(AlwidgetError, RuntimeError):
    """A model could not be had, loaded, trained or asked."""


class SessionError(AlwidgetError, RuntimeError):
    """The session cannot do this in its present state."""


class SessionClosedError(SessionError):
    """The session was closed, or opened again elsewhere in this process."""


class StorageError(AlwidgetError, OSError):
    """A decision is kept in memory but is not on disk: full disk, read-only or vanished directory."""


class MissingExtraError(AlwidgetError, ImportError):
    """An optional dependency is missing; the message holds the command that installs it."""


class Cancelled(AlwidgetError):  # noqa: N818  it is no error: somebody asked for it
    """Work in the background was stopped because newer labels arrived or the session closed."""


class UnknownDocumentError(AlwidgetError, KeyError):
    """No document of the pool has this id."""

    def __str__(self) -> str:
        """Return the sentence itself; ``KeyError`` would show its ``repr``."""
        return str(self.args[0]) if self.args else ""


def near_miss(name: str, options: Iterable[str]) -> str:
    """Return `` Did you mean "x"?`` for the option closest to `name`, or an empty string.

    >>> near_miss("entorpy", ["entropy", "random"])
    ' Did you mean "entropy"?'
    """
    close = difflib.get_close_matches(str(name), list(options), n=1, cutoff=0.6)
    return f' Did you mean "{close[0]}"?' if close else ""
