"""Strategies as plain JSON, for a session's settings; reading them back never runs code from a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alwidget.errors import StrategyError
from alwidget.strategies.base import Strategy
from alwidget.strategies.plugins import is_file
from alwidget.strategies.registry import changed_options, get
from alwidget.strategies.schedule import Schedule, Until

__all__ = ["from_settings", "to_settings"]

_WRAPPERS = frozenset({"actune", "seals"})
"""Strategies whose option ``base`` is a strategy itself."""


def to_settings(strategy: Strategy) -> dict[str, Any]:
    """Return what `from_settings` makes the same strategy of: names and options, plain JSON.

    Raises
    ------
    alwidget.errors.StrategyError
        It cannot be found again by name (a class of your own, a condition that is a function), or an option is
        nothing that JSON holds. Such a strategy has to be passed again when a session is resumed.

    Examples
    --------
    >>> to_settings(get("tyrogue", r=1))
    {'strategy': 'tyrogue', 'options': {'r': 1}}
    """
    if isinstance(strategy, Schedule):
        return {"schedule": [[to_settings(part), _condition(until)] for part, until in strategy.parts]}
    options = changed_options(strategy)
    try:
        known = type(get(strategy.name, **options)) is type(strategy)
    except StrategyError:
        known = False
    if not known:
        message = f'"{strategy.name}" is not found by its name; pass it again when you resume the session.'
        raise StrategyError(message)
    try:
        json.dumps(options, allow_nan=False)
    except (TypeError, ValueError) as error:
        message = f"The options of {strategy!r} cannot be kept: {error}."
        raise StrategyError(message) from error
    return {"strategy": strategy.name, "options": options}


def from_settings(settings: Any) -> Strategy:
    """Return the strategy that was kept: `settings` of `to_settings`, or a bare name.

    Raises
    ------
    alwidget.errors.StrategyError
        The settings cannot be read, name nothing that is installed, or name a file of code: settings travel with a
        session, and opening one must never run what came with it.

    Examples
    --------
    >>> from_settings({"schedule": [["bert-km", {"rounds": 2}], ["entropy", None]]})
    Schedule([("bert-km", 2), ("entropy", None)])
    """
    shown = repr(settings)
    if isinstance(settings, str):
        settings = {"strategy": settings}
    if not isinstance(settings, Mapping):
        settings = {}
    if isinstance(parts := settings.get("schedule"), list):
        if all(isinstance(part, list | tuple) and len(part) == 2 for part in parts):  # noqa: PLR2004
            return Schedule([(from_settings(part), until) for part, until in parts])
    elif isinstance(name := settings.get("strategy"), str):
        if is_file(name):
            message = f'The settings name "{name}", a file of code. Pass it yourself: strategy="{name}".'
            raise StrategyError(message)
        options = settings.get("options") or {}
        if isinstance(options, Mapping):
            return get(name, **_with_base(name, options))
    message = f"These settings are no strategy: {shown}."
    raise StrategyError(message)


def _with_base(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in which what a wrapper is around is a strategy; it may be no file of code either."""
    read = dict(options)
    if name in _WRAPPERS and isinstance(read.get("base"), str | Mapping):
        read["base"] = from_settings(read["base"])
    return read


def _condition(until: Until | None) -> dict[str, int | float] | None:
    if until is None:
        return None
    if until.predicate is not None:
        message = "A condition that is a function cannot be kept; pass the schedule again when you resume the session."
        raise StrategyError(message)
    return until.kept()
