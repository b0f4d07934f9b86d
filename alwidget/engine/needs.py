"""What a strategy reads of a model, and which models have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from alwidget.errors import ModelError

if TYPE_CHECKING:
    from alwidget.learners.base import Learner, Report
    from alwidget.strategies.base import Strategy

__all__ = ["known_missing", "missing"]


class _Ability(NamedTuple):
    name: str
    what: str
    who: str
    value: bool = False
    """Whether it is no method but a property, which may have no value before the first fit."""


_TAGGERS = 'the taggers "encoder:NAME", "finetune:NAME" and "bilstm-crf"'
_DROPPING_TAGGERS = 'the taggers "finetune:NAME" and "bilstm-crf"'
_WRITERS = '"finetune:NAME" with an encoder-decoder in a session of task="generation"'
_CLASSIFIERS = '"encoder:NAME" and "finetune:NAME"'
_ABILITIES = {
    "mc_probs": _Ability("predict_passes", "class probabilities with dropout on", _CLASSIFIERS),
    "head": _Ability("weights", "the weights of a last layer on dense features", _CLASSIFIERS, value=True),
    "token_probs": _Ability("token_probs", "tag probabilities", _TAGGERS),
    "token_states": _Ability("token_states", "vectors of words", _TAGGERS),
    "token_passes": _Ability("token_passes", "several passes with dropout over words", _DROPPING_TAGGERS),
    "generated": _Ability("generate", "texts that it writes", _WRITERS),
    "generate_passes": _Ability("generate_passes", "several passes with dropout", _WRITERS),
    "surprisal": _Ability(
        "surprisal",
        "how surprised a masked language model is",
        '"encoder:NAME" or "finetune:NAME" with such a model, as bert-base-cased',
    ),
}


def missing(strategy: Strategy, learner: Learner, report: Report | None = None) -> str | None:
    """Return what the strategy reads and this learner does not give, and who does; None when nothing lacks.

    Pretrained vectors and features are never missing: where a learner has none of its own, `embed` stands for them.

    Parameters
    ----------
    learner
        Loaded: only then is it known which one it is.
    report
        What its last fit said; without it nothing is known of training dynamics.
    """
    return _first_lack(strategy, learner, report, _has)


def known_missing(strategy: Strategy, learner: Learner, report: Report | None = None) -> str | None:
    """Return the same as far as it is known without loading or computing anything, from any thread.

    Of a model that is not chosen yet nothing is, and of a masked language model only what its files say.
    """
    chosen = getattr(learner, "chosen", learner)
    return None if chosen is None else _first_lack(strategy, chosen, report, _may_have)


def _first_lack(
    strategy: Strategy, learner: Learner, report: Report | None, has: Callable[[Learner, _Ability], bool]
) -> str | None:
    for need in sorted(strategy.needs):
        ability = _ABILITIES.get(need)
        if ability is not None and not has(learner, ability):
            return f"{strategy.name} reads {ability.what}, which {learner.description} does not give; {ability.who} do"
        if need == "dynamics" and report is not None and report.dynamics is None:
            return (
                f"{strategy.name} reads how the labelled documents were learned over the epochs, which "
                f"{learner.description} does not report; {_CLASSIFIERS} do"
            )
    return None


def _has(learner: Learner, ability: _Ability) -> bool:
    if not ability.value:
        return callable(getattr(learner, ability.name, None))
    try:
        return getattr(learner, ability.name, None) is not None
    except ModelError:  # it is there, but not before the first fit
        return True


def _may_have(learner: Learner, ability: _Ability) -> bool:
    """Return whether a learner has something, as its class says where looking would load or compute it."""
    if ability.name == "surprisal" and hasattr(learner, "masked_head"):
        return learner.masked_head is not False
    if ability.value and hasattr(type(learner), ability.name):
        return True
    return getattr(learner, ability.name, None) is not None
