"""Reading what `ArrayView` is given: arrays, tags of words, written texts, each checked before a strategy sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.axes import AXES, MEANING
from alwidget.strategies.functional.checks import as_array, as_matrix, as_offsets

__all__ = [
    "Said",
    "Texts",
    "Words",
    "read_answers",
    "read_array",
    "read_head",
    "read_history",
    "read_surprisal",
    "read_texts",
    "read_words",
]
WHOLE_NUMBERS = {"candidates", "labelled", "labelled_y", "lengths"}


@dataclass(frozen=True, slots=True)
class Words:
    """Rows of the words of some documents, one document after the other; see `alwidget.learners.TokenProbs`.

    Attributes
    ----------
    flat
        One row a word, (sum L, K).
    offsets
        Where each document begins, int64 (N + 1,).
    tags
        The tag names, where they were given.
    """

    flat: np.ndarray
    offsets: np.ndarray
    tags: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return N, the number of documents."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Return the number of words of each document, int64 (N,)."""
        return np.diff(self.offsets)

    def of(self, document: int) -> np.ndarray:
        """Return the rows of one document, (L, K)."""
        rows: np.ndarray = self.flat[self.offsets[document] : self.offsets[document + 1]]
        return rows

    def rows(self, positions: np.ndarray) -> np.ndarray:
        """Return which rows belong to some documents, int64."""
        found = [np.arange(self.offsets[p], self.offsets[p + 1]) for p in positions]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def take(self, positions: np.ndarray) -> Words:
        """Return the words of some documents, in this order."""
        lengths = self.lengths[positions]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Words(protected(self.flat[self.rows(positions)]), protected(offsets), self.tags)


@dataclass(frozen=True, slots=True)
class Texts:
    """What a model wrote for some documents; see `alwidget.learners.Generated`."""

    texts: list[str]
    log_probs: np.ndarray
    candidates: list[list[str]]

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.texts)

    def take(self, positions: np.ndarray) -> Texts:
        """Return what was written for some documents, in this order."""
        texts, several = [self.texts[i] for i in positions], [self.candidates[i] for i in positions]
        return Texts(texts, protected(self.log_probs[positions]), several)


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said of the candidates beyond probabilities and vectors, as far as it was given."""

    tags: Words | None
    states: np.ndarray | None
    passes: list[Words]
    generated: Texts | None
    written: list[Texts]
    surprisal: Any

    @classmethod
    def of(cls, tags: Any, states: Any, passes: Any, generated: Any, written: Any, surprisal: Any) -> Said:
        """Return it read and checked, each by itself; what is None stays None."""
        words = None if tags is None else read_words("token_probs", tags)
        return cls(
            words,
            None if states is None else _read_states(states, words),
            [read_words(f"token_passes[{i}]", one) for i, one in enumerate(passes or ())],
            None if generated is None else read_texts("generated", generated),
            [read_texts(f"generate_passes[{i}]", one) for i, one in enumerate(written or ())],
            None if surprisal is None else read_surprisal(surprisal),
        )

    @property
    def by_a_model(self) -> bool:
        """Whether any of it is what only a trained model says."""
        return bool(self.tags is not None or self.passes or self.generated is not None or self.written)

    def take(self, at: np.ndarray) -> Said:
        """Return what was said of some candidates, in this order."""
        tags, states = self.tags, self.states
        return Said(
            None if tags is None else tags.take(at),
            None if tags is None or states is None else protected(states[tags.rows(at)]),
            [one.take(at) for one in self.passes],
            None if self.generated is None else self.generated.take(at),
            [one.take(at) for one in self.written],
            None if self.surprisal is None else self.surprisal[at],
        )

    def counts(self) -> dict[str, int | None]:
        """Return how many documents each part is about, by name."""
        found: dict[str, int | None] = {
            "token_probs": None if self.tags is None else len(self.tags),
            "generated": None if self.generated is None else len(self.generated),
            "surprisal": None if self.surprisal is None else int(self.surprisal.shape[0]),
        }
        found |= {f"token_passes[{i}]": len(one) for i, one in enumerate(self.passes)}
        return found | {f"generate_passes[{i}]": len(one) for i, one in enumerate(self.written)}


def read_array(name: str, value: Any) -> np.ndarray:
    """Return an array with the axes that `AXES` says, write-protected and not copied."""
    array = np.asarray(value) if name == "sources" else as_array(value, name)
    axes = AXES[name]
    if array.ndim != len(axes):
        due = ", ".join(f"{axis} {MEANING[axis]}" for axis in axes)
        message = f"{name} must have {len(axes)} axes ({due}), got shape {array.shape}."
        raise StrategyError(message)
    if name in WHOLE_NUMBERS:
        if array.dtype.kind not in "iu" and len(array):
            message = f"{name} must hold whole numbers, got {array.dtype}."
            raise StrategyError(message)
        array = array.astype(np.int64, copy=False)
    return protected(array)


def read_head(value: Any) -> dict[str, np.ndarray]:
    """Return the weights and bias of a last layer, from a pair of them."""
    if not isinstance(value, Sequence) or len(value) != 2:  # noqa: PLR2004
        message = f"head must be a pair of weights (C, f) and bias (C,), got {type(value).__name__}."
        raise StrategyError(message)
    return {name: read_array(name, part) for name, part in zip(("head_weights", "head_bias"), value, strict=True)}


@dataclass(frozen=True, slots=True)
class PastRound:
    """A finished round, as much of it as strategies read; see `alwidget.strategies.base.Past`."""

    round: int
    acting: str = ""
    labels: int = 0
    agreement: float | None = None
    compared: int = 0


def read_history(value: Any) -> tuple[Any, ...]:
    """Return finished rounds from a list of them, or of dicts with their fields."""
    try:
        return tuple(PastRound(**one) if isinstance(one, Mapping) else one for one in value)
    except TypeError as error:
        message = f"history must be a list of finished rounds, such as [{{'round': 1, 'agreement': 0.5}}]: {error}."
        raise StrategyError(message) from error


def read_answers(value: Any, task: str) -> Any:
    """Return `labelled_y` in the form of the task."""
    if task == "classification":
        return read_array("labelled_y", value)
    if task == "multilabel":
        array = as_matrix(value, "labelled_y", "labelled documents", "labels") if len(value) else np.empty((0, 0))
        if array.size and not np.isin(array, (0, 1)).all():
            message = "labelled_y of several labels must be bool (n, C): which labels each document has."
            raise StrategyError(message)
        return protected(array.astype(bool))
    if isinstance(value, str) or not isinstance(value, Sequence):
        message = f"labelled_y must be a list with one answer for each labelled document, got {type(value).__name__}."
        raise StrategyError(message)
    if task == "generation":
        return [str(text) for text in value]
    return [protected(np.asarray(spans, dtype=np.int32).reshape(-1, 3)) for spans in value]


def read_words(name: str, value: Any) -> Words:
    """Return rows of words from something like `alwidget.learners.TokenProbs`, a pair, or a list of arrays."""
    if hasattr(value, "flat") and hasattr(value, "offsets"):
        flat, offsets, tags = value.flat, value.offsets, tuple(getattr(value, "tags", ()))
    elif isinstance(value, tuple) and len(value) == 2:  # noqa: PLR2004
        (flat, offsets), tags = value, ()
    elif isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim == 3):  # noqa: PLR2004
        flat, offsets, tags = *_joined(name, list(value)), ()
    else:
        message = f"{name} must be a TokenProbs, a pair (flat, offsets) or a list of arrays (L, K), got {value!r}."
        raise StrategyError(message)
    rows = as_array(flat, f"{name}.flat")
    if rows.ndim != 2:  # noqa: PLR2004
        message = f"{name}.flat must have two axes (words of all documents, K), got shape {rows.shape}."
        raise StrategyError(message)
    return Words(protected(rows), protected(as_offsets(offsets, len(rows), f"{name}.offsets")), tags)


def read_texts(name: str, value: Any) -> Texts:
    """Return texts from something like `alwidget.learners.Generated`, or a pair of texts and log-probabilities."""
    if hasattr(value, "texts") and hasattr(value, "log_probs"):
        texts, log_probs = value.texts, value.log_probs
        candidates = getattr(value, "candidates", None)
    elif isinstance(value, tuple) and len(value) == 2:  # noqa: PLR2004
        (texts, log_probs), candidates = value, None
    else:
        message = f"{name} must be a Generated or a pair (texts, log_probs), got {value!r}."
        raise StrategyError(message)
    texts = list(texts)
    if not all(isinstance(text, str) for text in texts):
        message = f"{name} must hold one text for each candidate."
        raise StrategyError(message)
    numbers = as_array(log_probs, f"{name}.log_probs")
    if numbers.shape != (len(texts),):
        message = f"{name} has {len(texts)} texts but log_probs of shape {numbers.shape}."
        raise StrategyError(message)
    several = [[text] for text in texts] if candidates is None else [list(some) for some in candidates]
    return Texts(texts, protected(numbers), several)


def read_surprisal(value: Any) -> Any:
    """Return surprisal as a matrix (N, length), sparse or dense."""
    if hasattr(value, "tocsr"):
        return value.tocsr()
    return protected(as_matrix(value, "surprisal", "candidates", "length"))


def protected(array: np.ndarray) -> np.ndarray:
    """Return the array write-protected, not copied."""
    view = array.view()
    view.flags.writeable = False
    return view


def _joined(name: str, documents: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    parts = [as_array(document, f"{name}[{i}]") for i, document in enumerate(documents)]
    widths = {part.shape[1] for part in parts if part.ndim == 2 and part.shape[0]}  # noqa: PLR2004
    if len(widths) > 1 or any(part.ndim != 2 and part.size for part in parts):  # noqa: PLR2004
        shapes = ", ".join(str(part.shape) for part in parts[:6])
        message = f"{name} must hold one array (L, K) for each document, K the same for all, got shapes {shapes}."
        raise StrategyError(message)
    width = widths.pop() if widths else 1
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    filled = [part for part in parts if part.size]
    return np.concatenate(filled) if filled else np.empty((0, width)), offsets


def _read_states(value: Any, tags: Words | None) -> np.ndarray:
    """Return the vectors of the words, one row for each row of the tags."""
    if tags is None:
        message = "token_states are the vectors of the words of token_probs; give ArrayView both."
        raise StrategyError(message)
    together = isinstance(value, np.ndarray) and value.ndim == 2 and len(value) == len(tags.flat)  # noqa: PLR2004
    found = read_words("token_states", (value, tags.offsets) if together else value)
    if not np.array_equal(found.offsets, tags.offsets):
        message = "token_states and token_probs are about different numbers of words."
        raise StrategyError(message)
    return found.flat
