"""What is compared: strategies and models as they were asked for, and what makes two of them the same."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alwidget import learners, strategies
from alwidget.errors import ArgumentError
from alwidget.strategies import Strategy, Subsampler
from alwidget.strategies.plugins import is_file

if TYPE_CHECKING:
    from alwidget.learners import Learner

__all__ = ["ModelSpec", "StrategySpec", "read_models", "read_strategies", "read_subsamplers"]

OWN = ("strategy", "name", "options")


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """A strategy: what it is called in results, what it is, and its options."""

    name: str
    strategy: Any
    options: dict[str, Any] = field(default_factory=dict)

    def make(self, task: str) -> Strategy:
        """Return a fresh instance.

        Raises
        ------
        alwidget.errors.StrategyError
            There is no such strategy or option, or it is not for this task.
        """
        what = self.strategy
        if isinstance(what, Mapping):
            made = strategies.from_settings(what)
        elif isinstance(what, Strategy):
            made = copy.deepcopy(what)
        else:
            made = strategies.get(strategies.default(task) if what == "auto" else what, **self.options)
        strategies.check_task(made, task)
        return made

    def described(self) -> dict[str, Any]:
        """Return what it is as plain JSON, with a digest of its code where it is not one of ours."""
        what = self.strategy
        if isinstance(what, str):
            code = _digest(_file(what).read_bytes()) if is_file(what) and _file(what).is_file() else None
            shown = f"{_file(what).name}:{what.rpartition(':')[2]}" if code else what
            return {"strategy": shown, "options": _plain(self.options), "code": code}
        if isinstance(what, Mapping):
            return {"strategy": _plain(what), "options": {}, "code": None}
        kind = what if isinstance(what, type) else type(what)
        options = self.options if isinstance(what, type) else what.options()
        return {"strategy": kind.__qualname__, "options": _plain(options), "code": _code_of(kind)}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model: what it is called in results, and what `alwidget.annotate` takes or a function that makes a learner."""

    name: str
    model: str | Callable[[], Learner]

    def make(self, task: str) -> Learner:
        """Return a fresh learner, not loaded yet."""
        given = self.model if isinstance(self.model, str) else self.model()
        return learners.make(given, task=task).learner

    def described(self) -> dict[str, Any]:
        """Return what it is as plain JSON, with a digest of its code where it is a function or a class."""
        if isinstance(self.model, str):
            return {"model": self.model, "code": None}
        return {"model": getattr(self.model, "__qualname__", repr(self.model)), "code": _code_of(self.model)}


def read_strategies(given: Any) -> list[StrategySpec]:
    """Return strategies as they were asked for: names, classes, instances, ``"path.py:Class"``, with options.

    With options it is a mapping, ``{"strategy": "tyrogue", "r": 1}``, with a ``"name"`` for the results if you like.

    Raises
    ------
    alwidget.errors.ArgumentError
        There is none, or two are called the same.

    Examples
    --------
    >>> [spec.name for spec in read_strategies(["random", {"strategy": "tyrogue", "r": 1}])]
    ['random', 'tyrogue(r=1)']
    """
    parts = list(given) if isinstance(given, list | tuple) else [given]
    return _different([_strategy(each) for each in parts], "strategies", '{"strategy": …, "name": …}')


def read_models(given: Any) -> list[ModelSpec]:
    """Return models as they were asked for: what `alwidget.annotate` takes, or functions that make a learner.

    Raises
    ------
    alwidget.errors.ArgumentError
        There is none, two are called the same, or one is a learner, which would carry over from run to run.

    Examples
    --------
    >>> [spec.name for spec in read_models(["tf-idf", {"model": "auto", "name": "frozen"}])]
    ['tf-idf', 'frozen']
    """
    parts = list(given) if isinstance(given, list | tuple) else [given]
    return _different([_model(each) for each in parts], "models", '{"model": …, "name": …}')


def read_subsamplers(given: Any) -> list[str | Subsampler | None]:
    """Return subsamplers as they were asked for, checked.

    Examples
    --------
    >>> read_subsamplers("random:100"), read_subsamplers([None, "ups"])
    (['random:100'], [None, 'ups'])
    """
    parts = list(given) if isinstance(given, list | tuple) else [given]
    for each in parts:
        strategies.subsampler(each)
    names = [strategies.subsample_setting(each) or repr(each) for each in parts]
    if not parts or len(set(names)) < len(names):
        message = f"subsamplers: there must be at least one, and each only once; got {names}."
        raise ArgumentError(message)
    return parts


def _strategy(given: Any) -> StrategySpec:
    if isinstance(given, StrategySpec):
        return given
    if isinstance(given, Mapping):
        if "schedule" in given:
            return StrategySpec(str(given.get("name", "schedule")), {"schedule": given["schedule"]})
        if "strategy" not in given:
            message = f'A strategy with options is {{"strategy": NAME, …}}; got {sorted(given)}.'
            raise ArgumentError(message)
        options = {name: value for name, value in given.items() if name not in OWN} | dict(given.get("options", {}))
        spec = _strategy(given["strategy"])
        return StrategySpec(str(given.get("name") or _shown(spec.name, options)), spec.strategy, options)
    if isinstance(given, str):
        return StrategySpec(given.rpartition(":")[2] if is_file(given) else given, given)
    if isinstance(given, Strategy):
        from alwidget.strategies.registry import changed_options

        return StrategySpec(_shown(given.name, changed_options(given)), given)
    if isinstance(given, type) and issubclass(given, Strategy):
        return StrategySpec(given.name, given)
    message = f'A strategy is a name, a class, an instance, "path.py:Class" or a mapping with options; got {given!r}.'
    raise ArgumentError(message)


def _model(given: Any) -> ModelSpec:
    if isinstance(given, ModelSpec):
        return given
    if isinstance(given, Mapping) and "model" in given:
        spec = _model(given["model"])
        return ModelSpec(str(given.get("name") or spec.name), spec.model)
    if isinstance(given, str):
        return ModelSpec(given, given)
    if isinstance(given, type) or (callable(given) and not hasattr(given, "fit")):
        return ModelSpec(getattr(given, "__name__", repr(given)), given)
    message = f"A model is a name, or a class or function that makes a learner anew for every run; got {given!r}."
    raise ArgumentError(message)


def _different(specs: list[Any], what: str, how: str) -> list[Any]:
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not specs:
        message = f'Two {what} are called "{twice[0]}"; name them: {how}.' if twice else f"There are no {what}."
        raise ArgumentError(message)
    return specs


def _shown(name: str, options: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value}' for key, value in options.items())})" if options else name


def _file(name: str) -> Path:
    path = name.rpartition(".py:")[0] + ".py" if ".py:" in name else name
    return Path(path).expanduser()


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it; what JSON does not know, as its text."""
    return json.loads(json.dumps(value, default=repr, sort_keys=True))


def _code_of(what: Any) -> str | None:
    """Return a digest of the code of a class or function of somebody else's: once it is edited, it is another."""
    if str(getattr(what, "__module__", "")).startswith("alwidget."):
        return None
    try:
        return _digest(inspect.getsource(what).encode("utf-8", "surrogatepass"))
    except (OSError, TypeError):  # typed into an interpreter that keeps no source
        parts = [getattr(each, "__code__", None) for each in vars(what).values()] if isinstance(what, type) else []
        parts = parts or [getattr(what, "__code__", None)]
        return _digest(b"".join(code.co_code + repr(code.co_consts).encode() for code in parts if code is not None))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
