"""Names such as ``"small-text:GreedyCoreset"``: which there are, and the class behind one."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

from alwidget.errors import StrategyError, near_miss
from alwidget.interop.frameworks.theirs import Kind, Theirs

__all__ = ["LIBRARIES", "available", "strategy_class"]

LIBRARIES = {"small-text": "small_text", "skactiveml": "skactiveml", "modal": "modal"}
"""Prefix of a name to the module here that knows the library."""


def available(library: str) -> dict[str, str]:
    """Return the strategies of a library that a session can use: name to one line; the library is not imported.

    Examples
    --------
    >>> list(available("modal"))[:2]
    ['modal:uncertainty_sampling', 'modal:margin_sampling']
    """
    return {f"{library}:{name}": kind.line for name, kind in _kinds(_adapter(library)).items()}


@functools.cache
def strategy_class(name: str) -> type[Theirs]:
    """Return the class of a strategy of another library; the library is imported.

    Parameters
    ----------
    name
        The library and its strategy, ``"small-text:GreedyCoreset"``.

    Raises
    ------
    alwidget.errors.StrategyError
        There is no such library or strategy, or a session has not what the strategy reads.
    alwidget.errors.MissingExtraError
        The library is not installed; the message holds the command that installs it.
    """
    library, _, wanted = name.partition(":")
    adapter = _adapter(library)
    kinds = _kinds(adapter)
    if wanted not in kinds:
        refused: dict[str, str] = adapter.REFUSED
        if wanted in refused:
            message = f'A session cannot use "{name}": {refused[wanted]}.'
            raise StrategyError(message)
        listed = ", ".join(f'"{library}:{known}"' for known in kinds)
        close = near_miss(wanted, kinds).replace('"', f'"{library}:', 1)
        message = f'There is no strategy "{name}".{close} There are: {listed}.'
        raise StrategyError(message)
    kind = kinds[wanted]
    signature = adapter.signature(wanted, kind)
    return type(
        wanted,
        (adapter.Adapted,),
        {
            "__doc__": kind.line,
            "__module__": adapter.__name__,
            "__signature__": signature,
            "name": name,
            "kind": kind,
            "needs": kind.needs,
            "needs_labelled": kind.needs_labelled,
            "tasks": kind.tasks,
            "subsample": kind.subsample,
            "paper": kind.paper,
        },
    )


def _adapter(library: str) -> ModuleType:
    if library not in LIBRARIES:
        listed = ", ".join(f'"{known}"' for known in LIBRARIES)
        message = f'Strategies of "{library}" are not known; those of {listed} are.{near_miss(library, LIBRARIES)}'
        raise StrategyError(message)
    return importlib.import_module(f"alwidget.interop.frameworks.{LIBRARIES[library]}")


def _kinds(adapter: ModuleType) -> dict[str, Kind]:
    kinds: dict[str, Kind] = adapter.KINDS
    return kinds
