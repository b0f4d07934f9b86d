"""Finding strategies: by name, by class, by entry point of another package, or in a file of your own."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from typing import Any, cast

from alwidget.errors import StrategyError, near_miss
from alwidget.strategies.base import Strategy
from alwidget.strategies.plugins import checked_class, class_in_file, entry_points, is_file, load_entry_point, logger

__all__ = ["TASKS", "available", "built_in", "changed_options", "default", "get", "options_of"]

TASKS = ("classification", "multilabel", "tagging", "generation")

_BUILT_IN = {
    "random": "uncertainty:Random",
    "least-confidence": "uncertainty:LeastConfidence",
    "breaking-ties": "uncertainty:BreakingTies",
    "entropy": "uncertainty:Entropy",
    "mc-entropy": "bald:MCEntropy",
    "bald": "bald:Bald",
    "batchbald": "bald:BatchBald",
    "egl": "gradients:EGL",
    "badge": "badge:Badge",
    "bait": "gradients:Bait",
    "coreset": "geometry:Coreset",
    "bert-km": "diversity:BertKM",
    "ft-bert-km": "diversity:FtBertKM",
    "alps": "diversity:Alps",
    "contrastive": "geometry:Contrastive",
    "cluster-margin": "margins:ClusterMargin",
    "actune": "wrappers:AcTune",
    "mahalanobis": "geometry:Mahalanobis",
    "discriminative": "learned:Discriminative",
    "alfa-mix": "learned:AlfaMix",
    "seals": "wrappers:Seals",
    "tyrogue": "tyrogue:Tyrogue",
    "cartography": "dynamics:Cartography",
    "alvin": "dynamics:Alvin",
    "idds": "writing:IDDS",
    "label-cardinality": "uncertainty:LabelCardinality",
    "mnlp": "tagging:MNLP",
    "token-entropy": "tagging:TokenEntropy",
    "nsp": "writing:NSP",
    "ensp": "writing:ENSP",
    "bleuvar": "writing:BleuVar",
}
"""Name to module and class; modules are imported when one of their strategies is asked for."""
_ELSEWHERE = ("small-text", "skactiveml", "modal")
"""Prefixes of the names of strategies that other libraries have; `alwidget.interop.frameworks` knows them."""
_DEFAULTS = {"classification": "tyrogue", "multilabel": "tyrogue", "tagging": "mnlp", "generation": "idds"}


def get(strategy: str | type[Strategy] | Strategy, /, **options: Any) -> Strategy:
    """Return a strategy.

    Parameters
    ----------
    strategy
        A name (see `available`), a class, an instance (returned as it is), a strategy of another library, such as
        ``"small-text:GreedyCoreset"``, ``"skactiveml:Badge"`` or ``"modal:margin_sampling"``, or ``"path.py:Class"``,
        a file of your own: it is run, so it is never taken from a session directory.
    options
        What the strategy is made with, such as ``r=3``.

    Returns
    -------
    Strategy
        The instance.

    Raises
    ------
    alwidget.errors.StrategyError
        There is no such strategy or no such option; the message names the nearest match and all that is allowed.
    alwidget.errors.MissingExtraError
        It is of a library that is not installed.

    Examples
    --------
    >>> get("tyrogue", r=1)
    strategies.get("tyrogue", r=1, cold_start_entropy=False)
    """
    if isinstance(strategy, Strategy):
        if options:
            message = f"{strategy!r} has its options already; pass its name or its class to set {', '.join(options)}."
            raise StrategyError(message)
        return strategy
    if isinstance(strategy, type):
        return _made(checked_class(strategy, strategy.__qualname__), options)
    if isinstance(strategy, str):
        return _made(class_in_file(strategy) if is_file(strategy) else _named(strategy), options)
    hint = " Wrap a list in alwidget.Schedule([…])." if isinstance(strategy, list | tuple) else ""
    message = f'A strategy is a name, a class, an instance or "path.py:Class", got {strategy!r}.{hint}'
    raise StrategyError(message)


def available(task: str | None = "classification") -> dict[str, str]:
    """Return the strategies for `task` (for any task with None): name to one line that says what is asked first.

    Strategies of other packages are listed too; one that cannot be imported is left out, with a warning in the log.

    >>> list(available())[:2]
    ['random', 'least-confidence']
    """
    if task is not None and task not in TASKS:
        message = f'There is no task "{task}"; choose from {_listed(TASKS)}.{near_miss(task, TASKS)}'
        raise StrategyError(message)
    found = {name: built_in(name) for name in _BUILT_IN}
    for name, points in sorted(entry_points().items()):
        if name in found:
            logger.warning("%s is ignored: alwidget has a strategy %r itself.", points[0], name)
            continue
        try:
            found[name] = load_entry_point(name, points)
        except StrategyError as error:
            logger.warning("%s", error)
    return {name: _line(cls) for name, cls in found.items() if task is None or task in cls.tasks}


def default(task: str) -> str:
    """Return the name of the strategy that ``strategy="auto"`` stands for.

    >>> default("classification")
    'tyrogue'
    """
    if task in _DEFAULTS:
        return _DEFAULTS[task]
    message = f'There is no task "{task}"; choose from {_listed(TASKS)}.{near_miss(task, TASKS)}'
    raise StrategyError(message)


def options_of(cls: type[Strategy]) -> dict[str, inspect.Parameter]:
    """Return the options that a strategy is made with, by name; ``**options`` of its own are not among them."""
    if cls.__init__ is object.__init__:
        return {}
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: p for name, p in inspect.signature(cls).parameters.items() if p.kind in named}


def changed_options(strategy: Strategy) -> dict[str, Any]:
    """Return the options of an instance that differ from the defaults of its class.

    >>> changed_options(get("tyrogue", r=1))
    {'r': 1}
    """
    known = options_of(type(strategy))
    return {n: v for n, v in strategy.options().items() if n not in known or known[n].default != v}


def built_in(name: str) -> type[Strategy]:
    """Return the class of a strategy of our own, by its name."""
    module, _, cls = _BUILT_IN[name].partition(":")
    return cast("type[Strategy]", getattr(importlib.import_module(f"alwidget.strategies.{module}"), cls))


def _named(name: str) -> type[Strategy]:
    if name in _BUILT_IN:
        return built_in(name)
    elsewhere = entry_points()
    if name in elsewhere:
        return load_entry_point(name, elsewhere[name])
    library, colon, rest = name.partition(":")
    if colon and library in _ELSEWHERE:
        # strategies stand below interop: it is looked for when somebody names one of its strategies, not before
        return _of_library(name)
    names = [*_BUILT_IN, *sorted(set(elsewhere) - set(_BUILT_IN))]
    if colon:
        hint = near_miss(library.lower().replace("_", "-"), _ELSEWHERE).replace('"?', f':{rest}"?')
    elif name == "schedule":
        hint = ' Write alwidget.Schedule([("bert-km", 2), ("breaking-ties", None)]).'
    elif name == "auto":
        meant = ", ".join(f'for {task} "{default(task)}"' for task in TASKS)
        hint = f' "auto" is for annotate(strategy=…), where it means {meant}.'
    else:
        hint = near_miss(name.lower().replace("_", "-"), names)
    message = f'There is no strategy "{name}".{hint} There are: {_listed(names)}.'
    raise StrategyError(message)


def _of_library(name: str) -> type[Strategy]:
    frameworks = importlib.import_module("alwidget.interop.frameworks")
    return cast("type[Strategy]", frameworks.strategy_class(name))


def _made(cls: type[Strategy], options: dict[str, Any]) -> Strategy:
    """Return an instance, after all options that cannot be used have been named together."""
    allowed = options_of(cls)
    takes_any = cls.__init__ is not object.__init__ and any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in inspect.signature(cls).parameters.values()
    )
    unknown = [] if takes_any else [name for name in options if name not in allowed]
    missing = [n for n, p in allowed.items() if p.default is inspect.Parameter.empty and n not in options]
    if unknown or missing:
        problems = [f'has no option "{name}".{near_miss(name, allowed)}' for name in unknown]
        problems += [f'needs the option "{name}".' for name in missing]
        known = ", ".join(str(p.replace(annotation=inspect.Parameter.empty)) for p in allowed.values())
        problems.append(f"Its options: {known}." if allowed else "It has no options.")
        raise StrategyError(f'"{cls.name}" ' + " ".join(problems))
    return cls(**options)


def _line(cls: type[Strategy]) -> str:
    return (cls.__doc__ or cls.name).strip().splitlines()[0].strip()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
