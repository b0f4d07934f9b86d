"""How the models of a run are made, and what they are called, so that a later run knows whether they are the same."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import types
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alwidget import learners
from alwidget.errors import ArgumentError
from alwidget.learners.base import Learner

__all__ = ["Maker"]

DEEPEST = 8
"""How deep objects in objects are looked at; what is deeper has no name that a later run could rely on."""
PLAIN = (str, int, float, bool, bytes, type(None), Path, np.generic)


@dataclass(frozen=True, slots=True)
class Maker:
    """How a learner is made for every training, and what it is called.

    Attributes
    ----------
    name
        Two makers of one name make the same. A function is named by its place, its code and what it refers to, a
        learner by its class and its settings.
    make
        Called with the task and the device.
    lasting
        Whether another process gives it the same name; where it does not, nothing that it made is used again.
    """

    name: str
    make: Callable[[str, str | None], Learner]
    lasting: bool = True

    @classmethod
    def of(cls, spec: str | Learner | Callable[[], Learner], role: str) -> Maker:
        """Return it for a name as ``model=`` takes it, for a learner, or for a function that makes one.

        A learner is copied for every training, so that it stays as it is; one that cannot be copied is trained again
        and again itself.

        Raises
        ------
        alwidget.errors.ArgumentError
            It is none of these.
        """
        if isinstance(spec, str):
            return cls(spec, lambda task, device: learners.make(spec, task=task, device=device).learner)
        if not isinstance(spec, type) and hasattr(spec, "fit") and hasattr(spec, "prepare"):
            own: Any = spec
            name, lasting = _named(spec)
            return cls(name, lambda task, device: learners.make(_copied(own), task=task).learner, lasting)  # noqa: ARG005
        if callable(spec):
            make: Callable[[], Any] = spec
            name, lasting = _named(spec)
            return cls(name, lambda task, device: learners.make(make(), task=task).learner, lasting)  # noqa: ARG005
        message = f"{role} is the name of a model, a Learner, or a function that makes one, got {spec!r}."
        raise ArgumentError(message)


class _Nameless(Exception):  # noqa: N818  it never leaves this module
    """There is nothing to tell an object by that another process would tell it by."""


def _copied(learner: Learner) -> Learner:
    try:
        return copy.deepcopy(learner)
    except Exception:  # noqa: BLE001  whatever its parts object to
        return learner


def _named(spec: Any) -> tuple[str, bool]:
    """Return a name for an object, and whether it is the same in every process."""
    place = _place(spec if hasattr(spec, "__qualname__") else type(spec))
    try:
        told = json.dumps(_told(spec, DEEPEST, ()), sort_keys=True)
    except _Nameless:
        return f"{place}#{uuid.uuid4().hex}", False
    return f"{place}#{hashlib.blake2b(told.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}", True


def _place(thing: Any) -> str:
    return f"{getattr(thing, '__module__', None)}:{getattr(thing, '__qualname__', type(thing).__qualname__)}"


def _told(thing: Any, depth: int, inside: tuple[int, ...]) -> Any:
    """Return what an object is, as plain JSON."""
    if isinstance(thing, PLAIN):
        return [type(thing).__name__, repr(thing)]
    if isinstance(thing, types.BuiltinFunctionType | types.ModuleType):
        return getattr(thing, "__qualname__", None) or thing.__name__
    if isinstance(thing, type):
        return [_place(thing), _told_class(thing)]
    if not depth:
        raise _Nameless
    if id(thing) in inside:
        return "itself"
    within = functools.partial(_told, depth=depth - 1, inside=(*inside, id(thing)))
    if isinstance(thing, types.FunctionType | types.MethodType | functools.partial):
        return _told_call(thing, within)
    if isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
        return [thing.dtype.str, thing.shape, hashlib.blake2b(thing.tobytes()).hexdigest()]
    if isinstance(thing, Mapping):
        return [[within(key), within(value)] for key, value in thing.items()]
    if isinstance(thing, set | frozenset | list | tuple):
        parts = [json.dumps(within(part)) for part in thing]
        return [type(thing).__name__, *(parts if isinstance(thing, list | tuple) else sorted(parts))]
    return [within(type(thing)), [[name, within(value)] for name, value in _parts(thing)]]


def _told_call(thing: Any, within: Callable[[Any], Any]) -> Any:
    if isinstance(thing, types.MethodType):
        return [within(thing.__func__), within(thing.__self__)]
    if isinstance(thing, functools.partial):
        return [within(part) for part in (thing.func, thing.args, thing.keywords)]
    return _told_function(thing, within)


def _told_function(function: types.FunctionType, within: Callable[[Any], Any]) -> Any:
    """Return a function's place, its code, and everything that it refers to."""
    code = function.__code__
    try:
        closed = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError as error:  # a variable that is set later
        raise _Nameless from error
    known = function.__globals__
    used = [[name, within(known[name])] for name in sorted(_names(code)) if name in known]
    kept = [within(part) for part in (function.__defaults__, function.__kwdefaults__, closed)]
    return [_place(function), _told_code(code), kept, used]


def _told_code(code: types.CodeType) -> Any:
    return [code.co_code.hex(), list(code.co_names), [_told_constant(part) for part in code.co_consts]]


def _told_constant(part: Any) -> Any:
    if isinstance(part, types.CodeType):
        return _told_code(part)
    return sorted(map(repr, part)) if isinstance(part, frozenset) else repr(part)


def _told_class(kind: type) -> Any:
    """Return the code of a class's own methods and of those that it has from others."""
    return [
        [name, _told_code(method.__code__)]
        for base in kind.__mro__
        for name, method in sorted(vars(base).items())
        if isinstance(method, types.FunctionType)
    ]


def _names(code: types.CodeType) -> set[str]:
    inner = (part for part in code.co_consts if isinstance(part, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _parts(thing: Any) -> list[tuple[str, Any]]:
    """Return the attributes of an object that is made of Python."""
    slots = [name for kind in type(thing).__mro__ for name in _slots(kind)]
    if not hasattr(thing, "__dict__") and not slots:
        raise _Nameless
    own = dict(getattr(thing, "__dict__", {})) | {name: getattr(thing, name) for name in slots if hasattr(thing, name)}
    return sorted(own.items())


def _slots(kind: type) -> tuple[str, ...]:
    names = kind.__dict__.get("__slots__", ())
    every = (names,) if isinstance(names, str) else tuple(names)
    return tuple(name for name in every if name not in {"__dict__", "__weakref__"})
