"""What a query strategy is, what it sees, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from alwidget.errors import StrategyError

__all__ = ["NEEDS_MODEL", "Past", "Ranked", "Strategy", "Tags", "View", "Written", "check_task", "task_of"]

NEEDS_MODEL = frozenset(
    {
        "probs",
        "labelled_probs",
        "mc_probs",
        "dynamics",
        "features",
        "labelled_features",
        "head",
        "token_probs",
        "token_states",
        "token_passes",
        "generated",
        "generate_passes",
    }
)
"""What of a view means nothing before a model is trained; vectors and surprisal come from a pretrained one."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranked:
    """The answer of a strategy, best first.

    Attributes
    ----------
    indices
        Positions into the view's candidates (0 … N-1), int64, unique, shape (k,).
    scores
        float64, shape (k,), larger = ask first; NaN where the strategy has no score for a single document.
    every
        The score of every candidate, float64 (N,), NaN where it has none; None where no document has a score of its
        own. What subsampling by the last scores reads.
    notes
        What the person should know of how it was chosen, a line each: that the strategy could not do what it is for
        and did something simpler. They stand in the record of the round.
    """

    indices: np.ndarray
    scores: np.ndarray
    every: np.ndarray | None = None
    notes: tuple[str, ...] = ()


class Tags(Protocol):
    """Tag probabilities of the words of some documents, as `alwidget.learners.TokenProbs` has them."""

    @property
    def flat(self) -> np.ndarray:
        """All words, one document after the other, float (sum L, K); rows sum to one."""

    @property
    def offsets(self) -> np.ndarray:
        """Where each document begins, int64 (N + 1,)."""


class Written(Protocol):
    """What a model wrote for some documents, as `alwidget.learners.Generated` has it."""

    @property
    def texts(self) -> Sequence[str]:
        """The best text of each document."""

    @property
    def log_probs(self) -> np.ndarray:
        """The mean log-probability of its tokens, float64 (N,)."""


class Past(Protocol):
    """What a finished round did, as `alwidget.log.RoundRecord` has it."""

    @property
    def round(self) -> int:
        """Its number, from 1: the round that a view calls 0 is number 1 once it is finished."""

    @property
    def acting(self) -> str:
        """The name of the strategy that chose."""

    @property
    def labels(self) -> int:
        """How many documents were labelled when it began."""

    @property
    def agreement(self) -> float | None:
        """How well the model of the round before had foreseen the answers that came in since, 0 … 1, or None."""

    @property
    def compared(self) -> int:
        """How many of those answers it had foreseen."""


class View(Protocol):
    """What a strategy sees of a round: lazily computed, cached, read-only arrays. N candidates, n labelled, C, d.

    Only what a strategy touches is computed, so a strategy that uses only `embeddings` costs no forward pass of the
    head. `alwidget.strategies.ArrayView` is the same over arrays that you already have.
    """

    @property
    def size(self) -> int:
        """N, the number of candidates."""

    @property
    def candidates(self) -> np.ndarray:
        """Pool indices of the candidates, int64 (N,)."""

    @property
    def labelled(self) -> np.ndarray:
        """Pool indices of the labelled documents, int64 (n,)."""

    @property
    def task(self) -> str:
        """The name of the task: "classification", "multilabel", "tagging" or "generation"."""

    @property
    def multilabel(self) -> bool:
        """Whether `probs` are independent probabilities of several labels, whose rows need not sum to one."""

    @property
    def labelled_y(self) -> Any:
        """Their answers in the form of the task.

        Classification int64 (n,); several labels bool (n, C); tagging a list of int32 (k, 3) with start, end and
        class of each span; generation a list of texts.
        """

    @property
    def n_classes(self) -> int:
        """C, the number of labels of the task."""

    @property
    def round(self) -> int:
        """The number of this round, from 0."""

    @property
    def history(self) -> Sequence[Past]:
        """The finished rounds of the session, oldest first, those of earlier runs too."""

    @property
    def fitted(self) -> bool:
        """Whether there is a trained model, so that `probs` mean something."""

    @property
    def probs(self) -> np.ndarray:
        """Class probabilities of the candidates, float64 (N, C)."""

    def probs_at(self, positions: np.ndarray) -> np.ndarray:
        """Return class probabilities of some candidates only, float64 (k, C).

        A strategy that has narrowed the candidates down costs a forward pass of those alone.
        """

    @property
    def labelled_probs(self) -> np.ndarray:
        """Class probabilities of the labelled documents, float64 (n, C)."""

    @property
    def embeddings(self) -> np.ndarray:
        """Vectors of the candidates, float32 (N, d)."""

    @property
    def labelled_embeddings(self) -> np.ndarray:
        """Vectors of the labelled documents, float32 (n, d)."""

    @property
    def base_embeddings(self) -> np.ndarray:
        """Vectors of the candidates that no training changes, from the pretrained encoder, float32 (N, d)."""

    @property
    def labelled_base_embeddings(self) -> np.ndarray:
        """Those of the labelled documents, float32 (n, d)."""

    def reference_embeddings(self, limit: int) -> np.ndarray:
        """Return those of a uniform sample of the pool that is the same in every round, float32 (<= limit, d)."""

    @property
    def features(self) -> np.ndarray:
        """What the last linear layer of the model reads of the candidates, float32 (N, f)."""

    @property
    def labelled_features(self) -> np.ndarray:
        """What it reads of the labelled documents, float32 (n, f)."""

    @property
    def head(self) -> tuple[np.ndarray, np.ndarray]:
        """That layer: weights (C, f) and bias (C,); ``features @ weights.T + bias`` are the logits."""

    def mc_probs(self, passes: int, *, consistent: bool = False) -> Iterator[np.ndarray]:
        """Yield class probabilities of the candidates with dropout on, (N, C), a pass at a time, seeded by the round.

        With `consistent` a pass drops the same units for all documents, so that it is one function of them.
        """

    def take(self, positions: np.ndarray) -> View:
        """Return the view of some candidates only, in this order; what is computed already is not computed again."""

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returned the first time that it was asked under this name in the session.

        For what costs much and is the same in all rounds, such as clusters of the reference sample.
        """

    @property
    def lengths(self) -> np.ndarray:
        """Words of each candidate, int64 (N,). For tagging."""

    @property
    def token_probs(self) -> Tags:
        """Tag probabilities of the words of all candidates. For tagging."""

    def token_states(self, positions: np.ndarray) -> tuple[Tags, np.ndarray]:
        """Return those of some candidates, with the vectors they were computed from, float32 (sum L, d)."""

    def token_passes(self, passes: int) -> Iterator[Tags]:
        """Yield tag probabilities of all candidates in passes with dropout on, one at a time, seeded by the round."""

    @property
    def generated(self) -> Written:
        """What the model writes for all candidates. For generation."""

    def generate_passes(self, passes: int) -> Sequence[Written]:
        """Return what it writes in passes with dropout on, seeded by the round."""

    def surprisal(self, length: int) -> Any:
        """Return how improbable a masked language model finds tokens of the candidates, scipy csr (N, length)."""

    @property
    def dynamics(self) -> Any:
        """Training dynamics of the last fit (`alwidget.learners.Dynamics`) or None; columns as `labelled`."""

    @property
    def sources(self) -> np.ndarray | None:
        """The source of every candidate, or None where the pool has no such column."""


class Strategy(ABC):
    """A query strategy: which documents to ask next.

    Subclasses set `name`, `needs` and `select`; ten lines are enough:

    >>> import numpy as np
    >>> class Longest(Strategy):
    ...     name = "least-sure-of-first-class"
    ...     needs = frozenset({"probs"})
    ...     def select(self, view, size, rng):
    ...         scores = 1 - view.probs[:, 0]
    ...         order = np.argsort(-scores, kind="stable")[:size]
    ...         return Ranked(order, scores[order])
    """

    name: ClassVar[str]
    """The name it is found by."""
    needs: frozenset[str] | set[str] = frozenset()
    """Names of `View` attributes that it reads, such as ``{"probs", "embeddings"}``; options may change them."""
    needs_labelled: bool = False
    """Whether it cannot work before anything is labelled."""
    works_cold: bool = False
    """Whether it is asked before there is a trained model, although it reads probabilities."""
    tasks: tuple[str, ...] = ("classification",)
    subsample: str | None = None
    """The pool subsampling it brings itself, such as ``"random:10000"``; used when the session says "auto"."""
    scored: bool = False
    """Whether `Ranked.every` holds scores of its candidates, so that they can be subsampled by the last ones."""
    paper: ClassVar[str] = ""

    @abstractmethod
    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return ``min(size, N)`` candidates, best first."""

    @property
    def needs_model(self) -> bool:
        """Whether it reads probabilities, so that a round without a trained model falls back to cold start."""
        return bool(NEEDS_MODEL & set(self.needs))

    def at(self, view: View) -> Strategy:
        """Return the strategy that acts in this round; a `Schedule` answers one of its parts."""
        del view
        return self

    def options(self) -> dict[str, Any]:
        """Return the options that make this instance again through `alwidget.strategies.get`."""
        return {}

    def __repr__(self) -> str:
        """Return the call that makes this strategy."""
        options = "".join(f", {k}={v!r}" for k, v in self.options().items())
        return f'strategies.get("{self.name}"{options})'


def task_of(view: View) -> str | None:
    """Return the name of the task of a view, or None where it does not say."""
    task = getattr(view, "task", None)
    name = getattr(task, "name", task)
    if isinstance(name, str):
        return name
    return "multilabel" if getattr(view, "multilabel", False) else None


def check_task(strategy: Strategy, task: str | None) -> None:
    """Raise if a strategy is asked about documents of a task that it is not for.

    Parameters
    ----------
    strategy
        An instance.
    task
        The name of the task; None where nobody knows, which is let through, as is a class of your own that does not
        say what it is for.

    Raises
    ------
    alwidget.errors.StrategyError
        The task is not among the `tasks` of the strategy; the message says what it is for.
    """
    if task is not None and task not in strategy.tasks and type(strategy).tasks is not Strategy.tasks:
        message = (
            f'"{strategy.name}" is for {" and ".join(strategy.tasks)}, not for {task}; '
            f'alwidget.strategies.available("{task}") lists those that are.'
        )
        raise StrategyError(message)
