"""What is common to strategies of other libraries inside a session."""

from __future__ import annotations

import importlib
import inspect
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from alwidget.errors import AlwidgetError, MissingExtraError, StrategyError
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.ranking import nothing

__all__ = ["Kind", "Theirs", "imported", "signature_of"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What alwidget knows of a strategy of another library."""

    line: str
    """What is asked first, in a line."""
    module: str
    """Where the library has it."""
    reads: tuple[str, ...] = ()
    """What of a view it reads."""
    labelled: bool = False
    """Whether it looks at the labelled documents too."""
    needs_labelled: bool = False
    """Whether it fails where there are none."""
    tasks: tuple[str, ...] = ("classification",)
    subsample: str | None = None
    paper: str = ""
    call: str = ""
    """How the library wants to be called; each adapter has its own words for it."""

    @property
    def needs(self) -> frozenset[str]:
        """The needs of the strategy; what it reads of candidates it reads of labelled documents too."""
        both = {"probs": "labelled_probs", "embeddings": "labelled_embeddings"}
        more = {both[name] for name in self.reads if name in both} if self.labelled else set()
        return frozenset({*self.reads, *more})


class Theirs(Strategy):
    """A strategy of another library; its answer is held against alwidget's contract."""

    name = ""
    kind: ClassVar[Kind]

    def __init__(self, **options: Any) -> None:
        self._options = options

    @abstractmethod
    def pick(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return what the library chooses, 1 <= size <= N documents, best first."""

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return what the library chooses.

        Raises
        ------
        alwidget.errors.StrategyError
            The library failed, or answered documents that there are not, one of them twice, or too few.
        """
        size = min(as_size(size), view.size)
        check_task(self, task_of(view))
        if not size:
            return nothing()
        try:
            ranked = self.pick(view, size, rng)
        except AlwidgetError:
            raise
        except Exception as error:
            message = f'"{self.name}" failed: {type(error).__name__}: {error}'
            raise StrategyError(message) from error
        return self._checked(ranked, size, view.size)

    def options(self) -> dict[str, Any]:
        """Return the options it was made with."""
        return dict(self._options)

    def _checked(self, ranked: Ranked, size: int, n: int) -> Ranked:
        indices = np.asarray(ranked.indices)
        wrong = None
        if indices.ndim != 1 or (len(indices) and indices.dtype.kind not in "iu"):
            wrong = f"{indices.dtype} of shape {indices.shape} for positions"
        elif len(indices) != size:
            wrong = f"{len(indices)} documents where {size} were asked"
        elif indices.min() < 0 or indices.max() >= n:
            wrong = f"a document that is no candidate ({indices.min()} … {indices.max()} of {n})"
        elif len(np.unique(indices)) != size:
            wrong = "the same document twice"
        if wrong:
            message = f'"{self.name}" answered {wrong}.'
            raise StrategyError(message)
        return replace(ranked, indices=indices.astype(np.int64), scores=np.asarray(ranked.scores, dtype=np.float64))


def imported(module: str, library: str, package: str) -> Any:
    """Import a module of another library, or raise saying how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f'{library} is not installed, or not whole ({error}): run  pip install "{package}"'
        raise MissingExtraError(message) from error


def signature_of(made: Any, without: Iterable[str], more: Iterable[inspect.Parameter] = ()) -> inspect.Signature:
    """Return the options that a person can set: what the library takes, but for what the session gives."""
    kept = inspect.Parameter.KEYWORD_ONLY
    named = [
        p.replace(kind=kept, annotation=inspect.Parameter.empty)
        for p in inspect.signature(made).parameters.values()
        if p.name not in set(without) and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    return inspect.Signature([*named, *more])


def option(name: str, default: Any) -> inspect.Parameter:
    """Return an option that alwidget adds."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)


def ordered(indices: Any, scores: np.ndarray) -> Ranked:
    """Return an unordered choice best first: larger scores, and where they tie the earlier document."""
    indices = np.asarray(indices)
    order = np.lexsort((indices, -scores))
    return Ranked(indices[order], scores[order])
