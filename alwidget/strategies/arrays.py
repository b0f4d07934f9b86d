"""A round over arrays that you already have, without a session or a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.given import (
    AXES,
    MEANING,
    Said,
    Texts,
    Words,
    read_answers,
    read_array,
)

__all__ = ["ArrayView"]

T = TypeVar("T")
_SHAPES = {
    "token_probs": "TokenProbs, (flat, offsets), or a list of arrays (L, K)",
    "token_states": "vectors of the words, (sum L, d) or a list of arrays (L, d)",
    "token_passes": "a list of token_probs, one a pass",
    "generated": "Generated, or (texts, log_probs)",
    "generate_passes": "a list of generated, one a pass",
    "surprisal": "scipy csr or array (N, length)",
}


class _NotGivenError(StrategyError, AttributeError):
    """A strategy read what the view does not have; an `AttributeError` too, so that `hasattr` answers False."""


class ArrayView:
    """The `alwidget.strategies.View` over given arrays; they are not copied, and strategies cannot write to them.

    Parameters
    ----------
    probs, embeddings
        Class probabilities (N, C) and vectors (N, d) of the candidates.
    labelled_y, labelled_probs, labelled_embeddings
        Answers, probabilities (n, C) and vectors (n, d) of the labelled documents. Answers in the form of the task:
        classes (n,), bool (n, C), a list of spans (k, 3), or a list of texts.
    multilabel
        Whether `probs` are independent probabilities of several labels.
    task
        The name of the task; by default what the arrays are about.
    token_probs
        Tag probabilities of the words of the candidates: `alwidget.learners.TokenProbs`, a pair (flat, offsets), or a
        list of N arrays (L, K).
    token_states
        The vectors that they were computed from, (sum L, d) or a list of N arrays (L, d).
    token_passes
        A list of T such `token_probs`, of passes with dropout on.
    lengths
        Words of each candidate, (N,); by default as many as have probabilities. A document that was cut to the
        model's length has more words than that, never fewer.
    generated
        What a model wrote: `alwidget.learners.Generated`, or a pair (N texts, mean log-probabilities (N,)).
    generate_passes
        A list of T such, of passes with dropout on.
    surprisal
        How improbable a masked language model finds tokens, scipy csr or array (N, length).
    candidates, labelled
        Pool indices (N,) and (n,); without them the candidates are 0 … N-1 and the labelled documents follow.
    sources
        The source of every candidate, (N,).
    size
        The number of candidates, where no array says it.
    n_classes
        C, where no array says it.
    round
        The number of this round, from 0.
    fitted
        Whether what a model said comes from a trained one; without it, whether any of it was given.
    dynamics
        Training dynamics of the last fit (`alwidget.learners.Dynamics`).
    others
        Whatever else a strategy of yours reads, by name.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are about different numbers of documents, classes or dimensions, or nothing says how many
        candidates there are. A strategy that reads what was not given gets the same error when it does.

    Examples
    --------
    >>> from alwidget import strategies
    >>> view = ArrayView(probs=[[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]])
    >>> strategies.get("entropy").select(view, 2, np.random.default_rng(0)).indices.tolist()
    [2, 1]
    """

    size: int
    n_classes: int
    round: int
    fitted: bool
    task: str
    multilabel: bool
    candidates: np.ndarray
    labelled: np.ndarray
    labelled_y: Any
    probs: np.ndarray
    labelled_probs: np.ndarray
    embeddings: np.ndarray
    labelled_embeddings: np.ndarray
    sources: np.ndarray | None
    lengths: np.ndarray
    token_probs: Words
    generated: Texts
    dynamics: Any

    def __init__(
        self,
        *,
        probs: Any = None,
        embeddings: Any = None,
        labelled_y: Any = None,
        labelled_probs: Any = None,
        labelled_embeddings: Any = None,
        candidates: Any = None,
        labelled: Any = None,
        sources: Any = None,
        size: int | None = None,
        n_classes: int | None = None,
        round: int = 0,  # noqa: A002  the name that a view has for it
        fitted: bool | None = None,
        dynamics: Any = None,
        multilabel: bool = False,
        task: str | None = None,
        token_probs: Any = None,
        token_states: Any = None,
        token_passes: Any = None,
        lengths: Any = None,
        generated: Any = None,
        generate_passes: Any = None,
        surprisal: Any = None,
        **others: Any,
    ) -> None:
        said = Said.of(token_probs, token_states, token_passes, generated, generate_passes, surprisal)
        self._said = said
        self.task = _task(task, multilabel=multilabel, said=said)
        self.multilabel = self.task == "multilabel"
        given = {
            "candidates": candidates,
            "probs": probs,
            "embeddings": embeddings,
            "sources": sources,
            "labelled": labelled,
            "labelled_probs": labelled_probs,
            "labelled_embeddings": labelled_embeddings,
            "lengths": lengths,
        }
        arrays = {name: read_array(name, value) for name, value in given.items() if value is not None}
        answers = None if labelled_y is None else read_answers(labelled_y, self.task)
        axes = _axes(arrays, answers, {"size": size, **said.counts()}, n_classes)
        self.size, n = axes["N"], axes.get("n", 0)
        self.n_classes = axes.get("C", _classes(answers, self.task))
        self.round = as_size(round, "round")
        self.fitted = probs is not None or said.by_a_model if fitted is None else bool(fitted)
        self.dynamics, self.sources = dynamics, None
        self.candidates, self.labelled = np.arange(self.size), np.arange(self.size, self.size + n)
        if answers is not None or not n:
            self.labelled_y = read_answers([], self.task) if answers is None else answers
        if said.tags is not None:
            self.token_probs, self.lengths = said.tags, said.tags.lengths
            _check_lengths(arrays.get("lengths"), self.lengths)
        if said.generated is not None:
            self.generated = said.generated
        self.__dict__.update(arrays)
        self.__dict__.update(others)

    def probs_at(self, positions: np.ndarray) -> np.ndarray:
        """Return class probabilities of some candidates only, (k, C)."""
        chosen: np.ndarray = self.probs[positions]
        return chosen

    def token_states(self, positions: np.ndarray) -> tuple[Words, np.ndarray]:
        """Return tag probabilities and vectors of the words of some candidates, in their order."""
        tags, states = self.token_probs, _had(self._said.states, "token_states")
        return tags.take(positions), states[tags.rows(positions)]

    def token_passes(self, passes: int) -> Iterator[Words]:
        """Yield the first `passes` of the passes that were given."""
        yield from _first(self._said.passes, passes, "token_passes")

    def generate_passes(self, passes: int) -> list[Texts]:
        """Return the first `passes` of the passes that were given."""
        return _first(self._said.written, passes, "generate_passes")

    def surprisal(self, length: int) -> Any:
        """Return the surprisal that was given, (N, length)."""
        found = _had(self._said.surprisal, "surprisal")
        if found.shape[1] != length:
            message = f"surprisal was given for {found.shape[1]} tokens, but {length} are asked for."
            raise StrategyError(message)
        return found

    def __getattr__(self, name: str) -> Any:
        """Say what is missing; called only for what was not given."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise _not_given(name)


def _not_given(name: str) -> _NotGivenError:
    shape = f", shape ({', '.join(AXES[name])})" if name in AXES else ""
    shape = f", {_SHAPES[name]}" if name in _SHAPES else shape
    return _NotGivenError(f"This view has no {name}. Give it: ArrayView({name}=…{shape}).")


def _had(given: Any, name: str) -> Any:
    if given is None:
        raise _not_given(name)
    return given


def _first(given: list[T], passes: int, name: str) -> list[T]:
    if not given:
        raise _not_given(name)
    if len(given) < passes:
        message = f"{name} was given for {len(given)} passes, but {passes} are asked for."
        raise StrategyError(message)
    return given[:passes]


def _task(task: str | None, *, multilabel: bool, said: Said) -> str:
    """Return the task that was named, or that the arrays are about."""
    if task is None:
        if multilabel:
            return "multilabel"
        return "tagging" if said.tags or said.passes else "generation" if said.generated else "classification"
    named = as_choice(task, "task", ("classification", "multilabel", "tagging", "generation"))
    if multilabel and named != "multilabel":
        message = f'multilabel=True does not fit task="{task}".'
        raise StrategyError(message)
    return named


def _classes(answers: Any, task: str) -> int:
    if task != "classification" or answers is None or not len(answers):
        return 0
    return int(answers.max()) + 1


def _check_lengths(lengths: np.ndarray | None, rows: np.ndarray) -> None:
    if lengths is not None and bool((lengths < rows).any()):
        at = int((lengths < rows).argmax())
        message = f"Document {at} has {lengths[at]} words by lengths, but token_probs of {rows[at]}."
        raise StrategyError(message)


def _axes(
    arrays: dict[str, np.ndarray], answers: Any, counts: dict[str, int | None], n_classes: int | None
) -> dict[str, int]:
    """Return the length of every axis that something tells, or raise naming all that disagree."""
    told: dict[str, dict[str, int]] = {axis: {} for axis in MEANING}
    for name, array in arrays.items():
        for axis, length in zip(AXES[name], array.shape, strict=True):
            told[axis][name] = length
    told["N"] |= {name: as_size(length, name) for name, length in counts.items() if length is not None}
    if n_classes is not None:
        told["C"]["n_classes"] = as_size(n_classes, "n_classes")
    if answers is not None:
        told["n"]["labelled_y"] = len(answers)
        if isinstance(answers, np.ndarray) and answers.ndim == 2 and answers.size:  # noqa: PLR2004
            told["C"]["labelled_y"] = answers.shape[1]
    wrong = [
        f"{MEANING[axis]}: " + ", ".join(f"{name} has {length}" for name, length in by_name.items())
        for axis, by_name in told.items()
        if len(set(by_name.values())) > 1
    ]
    if wrong:
        message = "These arrays do not fit together. " + "; ".join(wrong) + "."
        raise StrategyError(message)
    if not told["N"]:
        message = "Nothing says how many candidates there are: give ArrayView probs, embeddings or size."
        raise StrategyError(message)
    return {axis: next(iter(by_name.values())) for axis, by_name in told.items() if by_name}
