"""A round over arrays that you already have, without a session or a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.axes import AXES, as_positions, lengths_of, with_stand_ins
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.given import Said, Texts, Words, protected, read_answers, read_array, read_head, read_history

__all__ = ["ArrayView"]

T = TypeVar("T")
_SHAPES = {
    "mc_probs": "class probabilities of passes with dropout on, (T, N, C)",
    "head": "weights (C, f) and bias (C,) of the last layer",
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
    base_embeddings, labelled_base_embeddings
        Vectors that no training changes, (N, b) and (n, b); where neither is given, the embeddings stand for them.
    reference_embeddings
        Those of a uniform sample of the pool, (r, b); by default the first of the `base_embeddings`.
    features, labelled_features
        What the last layer of the model reads, (N, f) and (n, f); where neither is given, the embeddings.
    head
        That layer: weights (C, f) and bias (C,).
    mc_probs
        Class probabilities of T passes with dropout on, (T, N, C).
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
    history
        The finished rounds, oldest first: objects or dicts with ``round`` (from 1), ``acting``, ``labels``,
        ``agreement`` and ``compared``.
    fitted
        Whether what a model said comes from a trained one; without it, whether any of it was given.
    dynamics
        Training dynamics of the last fit (`alwidget.learners.Dynamics`).
    others
        Whatever else a strategy of yours reads, by name. Of an array of N rows, `take` takes those of its candidates.

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
    base_embeddings: np.ndarray
    labelled_base_embeddings: np.ndarray
    features: np.ndarray
    labelled_features: np.ndarray
    head: tuple[np.ndarray, np.ndarray]
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
        base_embeddings: Any = None,
        labelled_base_embeddings: Any = None,
        reference_embeddings: Any = None,
        features: Any = None,
        labelled_features: Any = None,
        head: Any = None,
        mc_probs: Any = None,
        history: Any = (),
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
            "base_embeddings": base_embeddings,
            "labelled_base_embeddings": labelled_base_embeddings,
            "reference_embeddings": reference_embeddings,
            "features": features,
            "labelled_features": labelled_features,
            "mc_probs": mc_probs,
        }
        arrays = {name: read_array(name, value) for name, value in given.items() if value is not None}
        arrays |= {} if head is None else read_head(head)
        answers = None if labelled_y is None else read_answers(labelled_y, self.task)
        axes = lengths_of(arrays, answers, {"size": size, **said.counts()}, n_classes)
        self.size, n = axes["N"], axes.get("n", 0)
        self.n_classes = axes.get("C", _classes(answers, self.task))
        self.round, self.history = as_size(round, "round"), read_history(history)
        by_a_model = said.by_a_model or not {"probs", "mc_probs", "features", "head_bias"}.isdisjoint(arrays)
        self.fitted = by_a_model if fitted is None else bool(fitted)
        self.dynamics, self.sources = dynamics, None
        self.candidates, self.labelled = np.arange(self.size), np.arange(self.size, self.size + n)
        if answers is not None or not n:
            self.labelled_y = read_answers([], self.task) if answers is None else answers
        if said.tags is not None:
            self.token_probs, self.lengths = said.tags, said.tags.lengths
            _check_lengths(arrays.get("lengths"), self.lengths)
        if said.generated is not None:
            self.generated = said.generated
        self._memo: dict[str, Any] = {}
        self._reference = arrays.pop("reference_embeddings", None)
        self._dropped = arrays.pop("mc_probs", None)
        if "head_bias" in arrays:
            self.head = arrays.pop("head_weights"), arrays.pop("head_bias")
        self.__dict__.update(with_stand_ins(arrays))
        self._others = tuple(others)
        self.__dict__.update(others)

    def probs_at(self, positions: np.ndarray) -> np.ndarray:
        """Return class probabilities of some candidates only, (k, C)."""
        chosen: np.ndarray = self.probs[positions]
        return chosen

    def reference_embeddings(self, limit: int) -> np.ndarray:
        """Return the first `limit` vectors of the reference that was given, else of the candidates, (<= limit, b)."""
        whole = self.base_embeddings if self._reference is None else self._reference
        first: np.ndarray = whole[: as_size(limit, "limit")]
        return first

    def mc_probs(self, passes: int, *, consistent: bool = False) -> Iterator[np.ndarray]:
        """Yield the first `passes` of the passes that were given, (N, C) each, however they were made."""
        del consistent
        yield from _first([] if self._dropped is None else self._dropped, passes, "mc_probs")

    def take(self, positions: np.ndarray) -> ArrayView:
        """Return the view of some candidates only, in this order."""
        at = as_positions(positions, self.size)
        part = object.__new__(ArrayView)
        part.__dict__.update(self.__dict__)
        for name, value in self.__dict__.items():
            per_candidate = AXES.get(name, ("",))[0] == "N" and value is not None
            own = name in self._others and isinstance(value, np.ndarray) and value.shape[:1] == (self.size,)
            if per_candidate or own:
                part.__dict__[name] = protected(value[at])
        part.size, part._said = len(at), self._said.take(at)
        if self._reference is None and "base_embeddings" in self.__dict__:
            part._reference = self.base_embeddings
        if self._dropped is not None:
            part._dropped = protected(self._dropped[:, at])
        if part._said.tags is not None:
            part.token_probs = part._said.tags
        if part._said.generated is not None:
            part.generated = part._said.generated
        return part

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returned when this view or a part of it was first asked under this name."""
        if name not in self._memo:
            self._memo[name] = make()
        kept: T = self._memo[name]
        return kept

    def token_states(self, positions: np.ndarray) -> tuple[Words, np.ndarray]:
        """Return tag probabilities and vectors of the words of some candidates, in their order."""
        tags, states = self.token_probs, _had(self._said.states, "token_states")
        return tags.take(positions), states[tags.rows(positions)]

    def token_passes(self, passes: int) -> Iterator[Words]:
        """Yield the first `passes` of the passes that were given."""
        yield from _first(self._said.passes, passes, "token_passes")

    def generate_passes(self, passes: int) -> list[Texts]:
        """Return the first `passes` of the passes that were given."""
        first: list[Texts] = _first(self._said.written, passes, "generate_passes")
        return first

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


def _first(given: Any, passes: int, name: str) -> Any:
    if not len(given):
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
