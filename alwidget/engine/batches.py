"""Documents of the pool as a learner sees them, read when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np

from alwidget.learners.base import Batch

if TYPE_CHECKING:
    from alwidget.pool import Pool

__all__ = ["lazy_batch", "words_at"]

T = TypeVar("T")


class _Lazy(Sequence[T], Generic[T]):
    """Something of some documents, read from the pool one by one when it is asked for."""

    def __init__(self, read: Callable[[int], T], indices: np.ndarray) -> None:
        self._read, self._indices = read, indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return _Lazy(self._read, self._indices[at])
        return self._read(int(self._indices[at]))


def lazy_batch(pool: Pool, indices: np.ndarray, *, words: bool = False) -> Batch:
    """Return documents whose texts stay on disk until a learner reads them; cached vectors need only the keys.

    Parameters
    ----------
    words
        Whether the learner tags words, so that it needs to know where they are.
    """
    paired = "text_pair" in pool.columns
    return Batch(
        texts=_Lazy(lambda i: pool[i].text, indices),
        keys=pool.keys(indices),
        pairs=_Lazy(lambda i: pool[i].text_pair or "", indices) if paired else None,
        words=_Lazy(lambda i: words_at(pool, i), indices) if words else None,
    )


def words_at(pool: Pool, index: int) -> np.ndarray:
    """Return the words of a document, int32 (L, 2): those that the data gives, else those of the pool's unit."""
    given = pool.given_words(index)
    if given is not None:
        return given
    from alwidget.tasks.words import character_spans, word_spans

    return (character_spans if pool.span_unit == "characters" else word_spans)(pool[index].text)
