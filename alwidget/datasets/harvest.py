"""Collecting docstrings from the public places of installed libraries."""

from __future__ import annotations

import fnmatch
import importlib
import inspect
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

__all__ = ["Docstring", "harvest"]


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring as it stands in a library: ``scipy.stats`` + ``norm.fit`` and what is written there."""

    module: str
    name: str
    doc: str

    @property
    def qualname(self) -> str:
        """The full dotted name."""
        return f"{self.module}.{self.name}"


def harvest(place: str) -> list[Docstring]:
    """Return the docstrings of a place, sorted by name: functions, classes, and the public methods of those.

    Parameters
    ----------
    place
        ``"module"`` or ``"module:PATTERN"``, where the pattern is of the shell's kind and is held against the name
        within the module. A module that this version of the library does not have gives an empty list.
    """
    module_name, _, pattern = place.partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            return []
        return [
            Docstring(module_name, name, doc)
            for name, doc in _documented(module)
            if not pattern or fnmatch.fnmatchcase(name, pattern)
        ]


def _documented(module: ModuleType) -> Iterator[tuple[str, str]]:
    library = module.__name__.partition(".")[0]
    for name in sorted(getattr(module, "__all__", None) or _public(vars(module))):
        try:
            member = getattr(module, name)
        except (AttributeError, ImportError):  # an experimental name that must be switched on first
            continue
        if not _belongs(member, library):
            continue
        doc = inspect.getdoc(member)
        if doc:
            yield name, doc
        if inspect.isclass(member):
            yield from _methods(name, member, library)


def _methods(owner: str, cls: type, library: str) -> Iterator[tuple[str, str]]:
    for name in sorted(_public(dict.fromkeys(dir(cls)))):
        defined = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        base = next((base for base in cls.__mro__ if name in vars(base)), cls)
        if not base.__module__.startswith(library):
            continue  # what every exception or tuple has says nothing about the library
        if not (callable(defined) or isinstance(defined, classmethod | staticmethod | property)):
            continue
        doc = getattr(defined, "__doc__", None)
        if isinstance(doc, str) and doc.strip():
            yield f"{owner}.{name}", inspect.cleandoc(doc)


def _belongs(member: Any, library: str) -> bool:
    """Return whether a member is documentation of its own: callable, and not a guest from another library."""
    if inspect.ismodule(member) or not callable(member):
        return False
    home = getattr(member, "__module__", None)
    return not isinstance(home, str) or home.partition(".")[0] == library


def _public(names: dict[str, Any]) -> list[str]:
    return [name for name in names if not name.startswith("_")]
