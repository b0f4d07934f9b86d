"""What a person writes for a subsampler, read and written again; never code, so that settings may hold it."""

from __future__ import annotations

import inspect
from typing import Any

from alwidget.errors import StrategyError, near_miss
from alwidget.strategies.base import Strategy
from alwidget.strategies.subsample.base import AUTO, Everything, RandomSubsampler, Subsampler
from alwidget.strategies.subsample.byscore import UPS, Naive
from alwidget.strategies.subsample.near import SealsSubsampler

__all__ = ["available_subsamplers", "subsample_setting", "subsampler"]

_KINDS: dict[str, type[Subsampler]] = {
    kind.name: kind for kind in (RandomSubsampler, Naive, UPS, SealsSubsampler, Everything)
}
_FORMS = {
    "random": 'a number ("random:10000") or a share ("random:0.1")',
    "naive": 'a share ("naive:0.1")',
    "seals": 'how many neighbours ("seals:100")',
    "ups": 'gamma and what else differs ("ups:0.2", "ups:0.2,temperature=0.05,full=0+1+4+8,stale=8")',
}


def available_subsamplers() -> dict[str, str]:
    """Return the names of the subsamplers and one line for each.

    >>> list(available_subsamplers())
    ['random', 'naive', 'ups', 'seals', 'none']
    """
    return {name: (kind.__doc__ or "").splitlines()[0] for name, kind in _KINDS.items()}


def subsampler(spec: str | Subsampler | None, strategy: Strategy | None = None) -> Subsampler:
    """Return the subsampler that a person asked for.

    Parameters
    ----------
    spec
        ``"random:10000"``, ``"random:0.1"`` (a share), ``"ups"``, ``"ups:0.2"`` (gamma),
        ``"ups:0.2,temperature=0.05,full=0+1+4+8,stale=8"``, ``"naive:0.1"``, ``"seals"``, ``"seals:50"``,
        None or ``"none"``, an instance, or ``"auto"``: what the strategy brings itself, else random 10,000.
    strategy
        The strategy of the session, for ``"auto"``.

    Raises
    ------
    alwidget.errors.StrategyError
        There is no such subsampler, or what it is given cannot be read; the message says what can.

    Examples
    --------
    >>> subsampler("random:5000")
    subsampler("random:5000")
    >>> subsampler("ups:0.2").options()
    {'gamma': 0.2, 'temperature': 0.01, 'full': (0, 1, 4, 8), 'stale': 8}
    """
    if isinstance(spec, Subsampler):
        return spec
    if spec == "auto":
        spec = (strategy.subsample if strategy is not None else None) or f"random:{AUTO}"
    if spec is None:
        return Everything()
    if not isinstance(spec, str):
        message = f'subsample is a text such as "random:10000" or "ups", a Subsampler, or None, got {spec!r}.'
        raise StrategyError(message)
    name, colon, given = spec.partition(":")
    if name not in _KINDS:
        names = ("auto", *_KINDS)
        shown = ", ".join(f'"{n}"' for n in names)
        message = f'There is no subsampler "{name}"; choose from {shown}.{near_miss(name, names)}'
        raise StrategyError(message)
    if not colon:
        return _KINDS[name]()
    if name not in _FORMS:
        message = f'subsample="{spec}" cannot be read: "{name}" takes no size.'
        raise StrategyError(message)
    try:
        return _KINDS[name](**_options(_KINDS[name], given))
    except ValueError as error:  # a StrategyError is one, and says more
        why = f" {error}" if isinstance(error, StrategyError) else ""
        message = f'subsample="{spec}" cannot be read; write {_FORMS[name]}.{why}'
        raise StrategyError(message) from error


def subsample_setting(spec: str | Subsampler | None) -> str | None:
    """Return the text that stands for `spec` in a session's settings; None for one of your own, which is not kept.

    >>> subsample_setting(None), subsample_setting(UPS(gamma=0.2))
    ('none', 'ups:0.2')
    """
    if isinstance(spec, Subsampler):
        return str(spec) if _KINDS.get(spec.name) is type(spec) else None
    return Everything.name if spec is None else spec


def _options(kind: type[Subsampler], given: str) -> dict[str, Any]:
    """Return the options in ``0.2,temperature=0.05``; those without a name come first, in their order."""
    allowed = list(inspect.signature(kind).parameters)
    found: dict[str, Any] = {}
    for at, part in enumerate(given.split(",")):
        name, named, text = part.partition("=")
        if not named:
            name, text = allowed[at] if at < len(allowed) and len(found) == at else "", part
        name, text = name.strip(), text.strip()
        if name not in allowed or name in found:
            what = f'It has no option "{name}".{near_miss(name, allowed)}' if named else f'"{part}" is one too many.'
            raise StrategyError(what + f" Its options: {', '.join(allowed)}.")
        found[name] = _value(text)
    return found


def _value(text: str) -> Any:
    """Return a number, several rounds joined by ``+``, or None."""
    if text == "none":
        return None
    if "+" in text:
        return tuple(int(part) for part in text.split("+"))
    try:
        return int(text)
    except ValueError:
        return float(text)
