"""What a strategy reads of a model, and which models have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from alwidget.learners.base import Learner
    from alwidget.strategies.base import Strategy

__all__ = ["missing"]


class _Ability(NamedTuple):
    method: str
    what: str
    who: str


_TAGGERS = 'the taggers "encoder:NAME", "finetune:NAME" and "bilstm-crf"'
_WRITERS = '"finetune:NAME" with an encoder-decoder in a session of task="generation"'
_ABILITIES = {
    "token_probs": _Ability("token_probs", "tag probabilities", _TAGGERS),
    "token_states": _Ability("token_states", "vectors of words", _TAGGERS),
    "token_passes": _Ability("token_passes", "several passes with dropout over words", _TAGGERS),
    "generated": _Ability("generate", "texts that it writes", _WRITERS),
    "generate_passes": _Ability("generate_passes", "several passes with dropout", _WRITERS),
    "surprisal": _Ability(
        "surprisal",
        "how surprised a masked language model is",
        '"encoder:NAME" or "finetune:NAME" with such a model, as bert-base-cased',
    ),
}


def missing(strategy: Strategy, learner: Learner) -> str | None:
    """Return what the strategy reads and this learner does not give, and who does; None when nothing lacks.

    Called with a learner that is loaded: only then is it known which one it is.
    """
    for need in sorted(strategy.needs):
        ability = _ABILITIES.get(need)
        if ability is not None and not callable(getattr(learner, ability.method, None)):
            return f"{strategy.name} reads {ability.what}, which {learner.description} does not give; {ability.who} do"
    return None
