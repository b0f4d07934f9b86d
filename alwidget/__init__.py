"""Label text in a notebook cell while a model, trained in the background, chooses what to ask next.

>>> import alwidget as alw
>>> alw.errors.AlwidgetError.__name__
'AlwidgetError'

Everything is imported where it is first used, so that ``import alwidget`` costs milliseconds and brings neither torch
nor pandas with it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from alwidget import errors
from alwidget._version import __version__
from alwidget.errors import AlwidgetError

if TYPE_CHECKING:
    from alwidget import datasets, diagnostics, strategies
    from alwidget.bench.run import benchmark
    from alwidget.learners import Learner
    from alwidget.log import load_annotations
    from alwidget.opening import annotate, open
    from alwidget.pool import Pool
    from alwidget.reuse.adapt import adapt
    from alwidget.reuse.distil import distill
    from alwidget.reuse.run import plasm
    from alwidget.session import Session
    from alwidget.strategies import Ranked, Schedule, Strategy

__all__ = [
    "AlwidgetError",
    "Learner",
    "Pool",
    "Ranked",
    "Schedule",
    "Session",
    "Strategy",
    "__version__",
    "adapt",
    "annotate",
    "benchmark",
    "datasets",
    "diagnostics",
    "distill",
    "errors",
    "load_annotations",
    "open",
    "plasm",
    "strategies",
]

_HOMES = {
    "Learner": "alwidget.learners",
    "Pool": "alwidget.pool",
    "Ranked": "alwidget.strategies",
    "Schedule": "alwidget.strategies",
    "Session": "alwidget.session",
    "Strategy": "alwidget.strategies",
    "adapt": "alwidget.reuse.adapt",
    "annotate": "alwidget.opening",
    "benchmark": "alwidget.bench.run",
    "distill": "alwidget.reuse.distil",
    "load_annotations": "alwidget.log",
    "open": "alwidget.opening",
    "plasm": "alwidget.reuse.run",
}
_MODULES = frozenset({"datasets", "diagnostics", "strategies"})


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name in _MODULES:
        return importlib.import_module(f"alwidget.{name}")
    if name not in _HOMES:
        message = f"module 'alwidget' has no attribute '{name}'{errors.near_miss(name, __all__)}"
        raise AttributeError(message)
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, also those not imported yet."""
    return sorted(__all__)
