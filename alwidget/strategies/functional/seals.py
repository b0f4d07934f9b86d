"""SEALS: only documents near labelled ones are candidates, so that a round costs the same for any pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alwidget.strategies.functional.checks import as_embeddings, as_size
from alwidget.strategies.functional.neighbours import nearest
from alwidget.strategies.functional.searching import as_queries

__all__ = ["Nearby", "seals"]

NOBODY = np.iinfo(np.int64).max
"""Stands where there is no neighbour; places in the pool are smaller."""


def seals(embeddings: Any, labelled_embeddings: Any, k: int = 100) -> np.ndarray:
    """Return the documents that are among the nearest of any labelled one (SEALS, Coleman et al. 2022).

    Parameters
    ----------
    embeddings
        Vectors of the pool, shape (N, d), finite; those of an encoder that does not change from round to round.
    labelled_embeddings
        Vectors of the labelled documents, shape (n, d), finite, or None. They count as neighbours, too: a labelled
        document whose neighbours are all labelled adds nothing.
    k
        How many neighbours of each, beside itself.

    Returns
    -------
    numpy.ndarray
        Positions, int64, ascending; none where nothing is labelled.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors of as many dimensions, or `k` is not at least 1.

    Examples
    --------
    >>> line = np.arange(10.0)[:, None]
    >>> seals(line[1:], line[:1], 2).tolist()
    [0, 1]
    """
    rows = as_embeddings(embeddings)
    known = as_queries(labelled_embeddings, rows.shape[1], "labelled_embeddings")
    ids = np.arange(len(rows) + len(known))
    return Nearby(as_size(k, "k", least=1)).update(ids[: len(rows)], rows, ids[len(rows) :], known)


class Nearby:
    """The neighbours of labelled documents, kept from round to round by their place in the pool.

    What it answers is that of `seals` for the documents it was given last, whatever came before. Where the pool stays
    as it is, a round costs the search for the neighbours of what was labelled since; a document that is new is held
    against what is labelled already; one that is gone has the lists renewed in which it stood.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self._index = np.empty(0, dtype=np.int64)
        self._labelled = np.empty(0, dtype=np.int64)
        self._found = np.empty((0, 0), dtype=np.int64)
        self._distance = np.empty((0, 0))

    def update(
        self, candidates: np.ndarray, embeddings: np.ndarray, labelled: np.ndarray, labelled_embeddings: np.ndarray
    ) -> np.ndarray:
        """Return the positions of the candidates that are among the nearest of a labelled document, ascending.

        Parameters
        ----------
        candidates, labelled
            Places in the pool, distinct, int64 (N,) and (n,).
        embeddings, labelled_embeddings
            Their vectors, (N, d) and (n, d).
        """
        if not len(labelled) or not len(candidates):
            return np.empty(0, dtype=np.int64)
        index = np.concatenate([candidates, labelled])
        width = min(self.k, len(index) - 1)
        found = np.full((len(labelled), width), NOBODY, dtype=np.int64)
        distance = np.full((len(labelled), width), np.inf)
        fresh = ~np.isin(index, self._index)
        known = self._usable(index, labelled) if 2 * fresh.sum() <= len(index) else np.full(len(labelled), -1)
        at, new = np.flatnonzero(known >= 0), np.flatnonzero(known < 0)
        pool, among = (candidates, embeddings), (labelled, labelled_embeddings)
        if len(at):
            kept = self._found[known[at]], self._distance[known[at]]
            ends = np.split(fresh, [len(candidates)])
            parts = [(ids[some], rows[some]) for (ids, rows), some in zip((pool, among), ends, strict=True)]
            found[at], distance[at] = _searched(labelled[at], labelled_embeddings[at], parts, width, [kept])
        if len(new):
            found[new], distance[new] = _searched(labelled[new], labelled_embeddings[new], [pool, among], width)
        self._index, self._labelled, self._found, self._distance = index, labelled.copy(), found, distance
        return np.flatnonzero(np.isin(candidates, found)).astype(np.int64, copy=False)

    def _usable(self, index: np.ndarray, labelled: np.ndarray) -> np.ndarray:
        """Return the row that is kept for each labelled document and still holds, or -1, int64 (n,)."""
        if not len(self._labelled):
            return np.full(len(labelled), -1)
        order = np.argsort(self._labelled, kind="stable")
        at = order[np.minimum(np.searchsorted(self._labelled, labelled, sorter=order), len(order) - 1)]
        holds = (self._labelled[at] == labelled) & np.asarray(np.isin(self._found, index).all(axis=1))[at]
        return np.where(holds, at, -1)


def _searched(
    labelled: np.ndarray,
    queries: np.ndarray,
    parts: list[tuple[np.ndarray, np.ndarray]],
    width: int,
    kept: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest of labelled documents beside themselves, and the distances to them, both (n, width).

    Parameters
    ----------
    parts
        Places in the pool and vectors of the documents to search.
    kept
        What is known already, in the form of what is returned.
    """
    lists = list(kept)
    for ids, rows in parts:
        if len(ids):
            near = nearest(queries, rows, width + 1)
            own = ids[near.indices] == labelled[:, None]
            lists.append((np.where(own, NOBODY, ids[near.indices]), np.where(own, np.inf, near.distances)))
    found, distance = (np.concatenate(some, axis=1) for some in zip(*lists, strict=True))
    order = np.lexsort((found, distance), axis=1)[:, :width]
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(distance, order, axis=1)
