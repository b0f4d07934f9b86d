"""Strategies from outside: entry points of installed packages, and files that a person names."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import inspect
import logging
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from alwidget.errors import StrategyError, near_miss
from alwidget.strategies.base import Strategy

__all__ = ["GROUP", "checked_class", "class_in_file", "entry_points", "is_file", "load_entry_point", "logger"]

GROUP = "alwidget.strategies"
logger = logging.getLogger("alwidget.strategies")


def checked_class(found: Any, where: str) -> type[Strategy]:
    """Return `found` if it is a strategy that can be made, or raise saying what `where` lacks."""
    if not isinstance(found, type) or not issubclass(found, Strategy):
        message = f"{where} is no strategy: it must be a subclass of alwidget.Strategy, got {found!r}."
        raise StrategyError(message)
    if not isinstance(getattr(found, "name", None), str) or not found.name.strip():
        message = f'{where} has no name; write name = "…" in the class, so that its picks can be told from others.'
        raise StrategyError(message)
    if inspect.isabstract(found):
        message = f"{where} does not say how it chooses; it lacks {', '.join(sorted(found.__abstractmethods__))}."
        raise StrategyError(message)
    return found


def entry_points() -> dict[str, list[EntryPoint]]:
    """Return the strategies that installed packages offer, by name; nothing is imported yet."""
    found: dict[str, list[EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        known = found.setdefault(point.name, [])
        if all(point.value != other.value for other in known):
            known.append(point)
    return found


def load_entry_point(name: str, points: list[EntryPoint]) -> type[Strategy]:
    """Return the class behind an entry point, or raise saying whose it is and what is wrong with it."""
    if len(points) > 1:
        offers = " and ".join(_offer(point) for point in points)
        message = f'Two packages offer a strategy "{name}": {offers}. Pass the class itself, or uninstall one.'
        raise StrategyError(message)
    (point,) = points
    try:
        loaded = point.load()
    except Exception as error:
        message = f'The strategy "{name}" of {_offer(point)} cannot be imported: {type(error).__name__}: {error}'
        raise StrategyError(message) from error
    found = checked_class(loaded, f'The strategy "{name}" of {_offer(point)}')
    if found.name != name:
        message = f'The strategy "{name}" of {_offer(point)} calls itself "{found.name}"; the two must be the same.'
        raise StrategyError(message)
    return found


def is_file(name: str) -> bool:
    """Whether a strategy's name is a file of code, as in ``"path.py:Class"``.

    >>> is_file("mine.py:Mine"), is_file("entropy")
    (True, False)
    """
    return name.endswith(".py") or ".py:" in name


def class_in_file(name: str) -> type[Strategy]:
    """Return the class that ``"path.py:Class"`` names. The file is run, each time anew.

    Raises
    ------
    alwidget.errors.StrategyError
        There is no such file or class, the file cannot be run, or it lies in a session directory: sessions are
        passed around, and opening one must never run what came with it.
    """
    path, _, wanted = name.rpartition(".py:") if ".py:" in name else (name.removesuffix(".py"), "", "")
    file = Path(f"{path}.py").expanduser()
    if not file.is_file():
        message = f'There is no file {file.absolute()} (strategy "{name}").'
        raise StrategyError(message)
    for place in {*file.absolute().parents, *file.resolve().parents}:
        if (place / "session.json").is_file() and (place / "log").is_dir():
            message = f"{file} lies in the session {place}; code is never run from there. Move it elsewhere."
            raise StrategyError(message)
    if not wanted:
        message = f'Say which class of {file} is the strategy: "{name}:Class".'
        raise StrategyError(message)
    module = _run(file.resolve())
    if not hasattr(module, wanted):
        own = [n for n, v in vars(module).items() if isinstance(v, type) and v.__module__ == module.__name__]
        there = f"It defines {', '.join(own)}." if own else "It defines no class."
        message = f"{file} has no class {wanted}.{near_miss(wanted, own)} {there}"
        raise StrategyError(message)
    return checked_class(getattr(module, wanted), f"{wanted} in {file}")


def _run(file: Path) -> ModuleType:
    name = f"alwidget_strategy_{hashlib.blake2b(str(file).encode(), digest_size=8).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        message = f"{file} cannot be read as Python."
        raise StrategyError(message)
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses and pickling look a class up by its module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        message = f"{file} cannot be run: {type(error).__name__}: {error}"
        raise StrategyError(message) from error
    return module


def _offer(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "an unnamed package"
    return f"{package} ({point.value})"
