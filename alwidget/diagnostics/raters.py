"""How far several annotators agree, and what they are worth: the statistics alone, votes in, numbers out.

Votes are a table, one row a document and one column an annotator; None (or NaN) where somebody said nothing. The
values may be anything that can be told apart; their names are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import ArgumentError, near_miss

__all__ = ["Skill", "as_votes", "cohen_kappa", "dawid_skene", "fleiss_kappa", "krippendorff_alpha"]

NOBODY = -1
METRICS = ("nominal", "ordinal", "interval")
WEIGHTS = (None, "linear", "quadratic")


@dataclass(frozen=True, slots=True)
class Skill:
    """What Dawid and Skene's model makes of some votes.

    Attributes
    ----------
    classes
        The C values that were voted for.
    posterior
        How probable each value is for each document, float64 (I, C).
    confusion
        For each annotator, how often they say the value of the column where that of the row is true, (K, C, C).
    prior
        How common each value is, float64 (C,).
    iterations
        After how many rounds it stood still; the most that were allowed, where it did not.
    """

    classes: tuple[Any, ...]
    posterior: np.ndarray
    confusion: np.ndarray
    prior: np.ndarray
    iterations: int

    @property
    def answers(self) -> list[Any]:
        """The most probable value of each document; of equally probable ones the first."""
        return [self.classes[int(c)] for c in self.posterior.argmax(axis=1)]


def as_votes(votes: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Return votes as codes int64 (I, K), -1 for none, and the values that the codes stand for, sorted.

    Raises
    ------
    alwidget.errors.ArgumentError
        Rows are of different lengths, or there are none.

    Examples
    --------
    >>> codes, values = as_votes([["b", None], ["a", "b"]])
    >>> codes.tolist(), values
    ([[1, -1], [0, 1]], ('a', 'b'))
    """
    rows = [list(row.tolist() if isinstance(row, np.ndarray) else row) for row in votes]
    widths = {len(row) for row in rows}
    if len(widths) != 1 or not widths - {0}:
        message = "votes must be a table: one row a document, one column an annotator, None where nobody voted."
        raise ArgumentError(message)
    found = {value for row in rows for value in row if not _missing(value)}
    try:
        values = tuple(sorted(found))
    except TypeError:
        values = tuple(sorted(found, key=lambda value: (type(value).__name__, str(value))))
    code = {value: i for i, value in enumerate(values)}
    codes = [[NOBODY if _missing(value) else code[value] for value in row] for row in rows]
    return np.array(codes, dtype=np.int64), values


def cohen_kappa(one: Sequence[Any], other: Sequence[Any], weights: str | None = None) -> float:
    """Return how far two annotators agree beyond chance (Cohen 1960, 1968).

    Parameters
    ----------
    one, other
        What both said of the same documents.
    weights
        None: an answer is the same or another. ``"linear"``, ``"quadratic"``: values have an order (that of sorting),
        and what is further apart counts for more.

    Returns
    -------
    float
        1 where they always agree, 0 where they agree as often as chance. Where chance alone would always agree: 1 if
        they do, else 0.

    Raises
    ------
    alwidget.errors.ArgumentError
        There are no documents, or they are not the same for both.

    Examples
    --------
    >>> round(cohen_kappa([0, 0, 1, 1, 0, 1, 0, 0, 1, 1], [0, 0, 1, 0, 0, 1, 0, 1, 1, 1]), 6)
    0.6
    """
    if len(one) != len(other) or not len(one):
        message = f"Both must have answered the same documents, at least one; got {len(one)} and {len(other)} answers."
        raise ArgumentError(message)
    if weights not in WEIGHTS:
        message = (
            f'weights must be None, "linear" or "quadratic", got {weights!r}.{near_miss(str(weights), WEIGHTS[1:])}'
        )
        raise ArgumentError(message)
    codes, values = as_votes(list(zip(one, other, strict=True)))
    if (codes == NOBODY).any():
        message = "Both must have answered every document; leave out those that one of them did not."
        raise ArgumentError(message)
    c = len(values)
    table = np.zeros((c, c))
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1 / len(codes))
    steps = np.abs(np.subtract.outer(np.arange(c), np.arange(c))).astype(float)
    cost = {None: np.minimum(steps, 1), "linear": steps, "quadratic": steps**2}[weights]
    seen = float((cost * table).sum())
    by_chance = float((cost * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    if by_chance <= 1e-15:  # noqa: PLR2004  rounding
        return 1.0 if seen <= 1e-15 else 0.0  # noqa: PLR2004
    return 1 - seen / by_chance


def fleiss_kappa(counts: Any) -> float:
    """Return how far annotators agree beyond chance where every document has as many votes (Fleiss 1971).

    Parameters
    ----------
    counts
        How many voted for each value, whole numbers (I, C); every row has the same sum, at least 2.

    Returns
    -------
    float
        1 where all always agree, 0 where they agree as often as chance; 1 where there is only one value.

    Raises
    ------
    alwidget.errors.ArgumentError
        Rows do not have the same number of votes, or fewer than two; `krippendorff_alpha` takes any number.

    Examples
    --------
    >>> round(fleiss_kappa([[3, 0], [2, 1], [0, 3], [1, 2]]), 6)
    0.333333
    """
    table = np.asarray(counts, dtype=float)
    votes = table.sum(axis=1) if table.ndim == 2 else np.empty(0)  # noqa: PLR2004
    if not len(votes) or (votes != votes[0]).any() or votes[0] < 2 or (table < 0).any():  # noqa: PLR2004
        message = (
            "Fleiss' kappa needs counts (documents, values) with the same number of votes, two or more, in every row. "
            "Where documents have different numbers, use krippendorff_alpha."
        )
        raise ArgumentError(message)
    n = votes[0]
    agreed = float((((table**2).sum(axis=1) - n) / (n * (n - 1))).mean())
    by_chance = float(((table.sum(axis=0) / table.sum()) ** 2).sum())
    return 1.0 if by_chance >= 1 else (agreed - by_chance) / (1 - by_chance)


def krippendorff_alpha(votes: Any, metric: str = "nominal") -> float:
    """Return Krippendorff's alpha: agreement beyond chance of any number of annotators, votes missing or not.

    Parameters
    ----------
    votes
        A table, one row a document and one column an annotator; None where there is no vote.
    metric
        How far two values are apart: ``"nominal"`` (another is another), ``"ordinal"`` (their order counts),
        ``"interval"`` (values are numbers and their difference counts).

    Returns
    -------
    float
        1 where all always agree, 0 as by chance; 1 where there is only one value. NaN where no document has two
        votes.

    Raises
    ------
    alwidget.errors.ArgumentError
        `votes` is no table, or an interval is asked of values that are no numbers.

    Examples
    --------
    >>> round(krippendorff_alpha([[0, 0], [0, 1], [1, 1], [1, 1]]), 6)
    0.533333
    """
    if metric not in METRICS:
        message = f'metric must be "nominal", "ordinal" or "interval", got {metric!r}.{near_miss(metric, METRICS)}'
        raise ArgumentError(message)
    codes, values = as_votes(votes)
    c = len(values)
    counts = np.stack([(codes == v).sum(axis=1) for v in range(c)], axis=1) if c else np.zeros((len(codes), 0))
    counts = counts[counts.sum(axis=1) > 1].astype(float)
    if not len(counts):
        return math.nan
    m = counts.sum(axis=1)
    pairs = (counts / (m - 1)[:, None]).T @ counts - np.diag((counts / (m - 1)[:, None]).sum(axis=0))
    n = pairs.sum(axis=1)
    apart = _distances(metric, values, n)
    seen = float((pairs * apart).sum())
    by_chance = float((np.outer(n, n) * apart).sum() - (n * np.diag(apart)).sum()) / (n.sum() - 1)
    return 1.0 if by_chance == 0 else float(1 - seen / by_chance)


def dawid_skene(
    votes: Any, *, smoothing: float = 0.01, tolerance: float = 1e-6, most: int = 100, start: Any = None
) -> Skill:
    """Return what is true and who errs how, as the votes explain each other best (Dawid & Skene 1979).

    Parameters
    ----------
    votes
        A table, one row a document and one column an annotator; None where there is no vote.
    smoothing
        Is added to every count of a confusion matrix, so that what never happened is not impossible.
    tolerance, most
        It ends when no probability changes by so much, or after so many iterations.
    start
        Probabilities to begin from, (I, C), in place of the shares of the votes.

    Returns
    -------
    Skill
        The probable value of each document, and each annotator's confusion matrix. A row of it for a value that an
        annotator never met is even.

    Raises
    ------
    alwidget.errors.ArgumentError
        `votes` is no table, a document has no vote, or `smoothing` is negative.

    Notes
    -----
    Begun from the shares of votes, so that values are not swapped. Each iteration costs O(I · K · C).

    Examples
    --------
    >>> rows = ["001", "111", "000", "110", "010", "111"]
    >>> found = dawid_skene([list(row) for row in rows], smoothing=0)
    >>> found.answers
    ['0', '1', '0', '1', '0', '1']
    """
    codes, values = as_votes(votes)
    if (codes == NOBODY).all(axis=1).any() or not smoothing >= 0:
        message = "dawid_skene needs a vote for every document, and a smoothing that is not negative."
        raise ArgumentError(message)
    c, (n, k) = len(values), codes.shape
    said = np.stack([(codes == v) for v in range(c)], axis=2).astype(float)
    shares = said.sum(axis=1)
    posterior = shares / shares.sum(axis=1, keepdims=True) if start is None else np.asarray(start, dtype=float)
    flat = said.reshape(n, k * c)
    for iteration in range(1, most + 1):  # noqa: B007
        counts = (posterior.T @ flat).reshape(c, k, c).transpose(1, 0, 2) + smoothing
        met = counts.sum(axis=2, keepdims=True)
        confusion = np.divide(counts, met, out=np.full_like(counts, 1 / c), where=met > 0)
        prior = posterior.mean(axis=0)
        with np.errstate(divide="ignore"):
            log_confusion, log_prior = np.log(confusion), np.log(prior)
        log = log_prior + _products(flat, log_confusion)
        new = np.exp(log - log.max(axis=1, keepdims=True))
        new /= new.sum(axis=1, keepdims=True)
        moved = float(np.abs(new - posterior).max())
        posterior = new
        if moved < tolerance:
            break
    return Skill(values, posterior, confusion, prior, iteration)


def _products(flat: np.ndarray, log_confusion: np.ndarray) -> np.ndarray:
    """Return the log-probability of all votes on each document together, (I, C); minus infinity: impossible."""
    weights = log_confusion.transpose(0, 2, 1).reshape(flat.shape[1], -1)
    possible = np.isfinite(weights)
    total = flat @ np.where(possible, weights, 0.0)
    impossible = flat @ (~possible).astype(float) > 0
    # where every value is impossible, which only smoothing=0 can bring, the least impossible is all there is to say
    impossible[impossible.all(axis=1)] = False
    return np.where(impossible, -np.inf, total)


def _distances(metric: str, values: tuple[Any, ...], n: np.ndarray) -> np.ndarray:
    c = len(values)
    if metric == "nominal":
        return 1 - np.eye(c)
    if metric == "interval":
        try:
            numbers = np.array([float(value) for value in values])
        except (TypeError, ValueError) as error:
            message = f'metric="interval" needs numbers, and {values!r} are not all numbers.'
            raise ArgumentError(message) from error
        apart: np.ndarray = np.subtract.outer(numbers, numbers) ** 2
        return apart
    upto = np.cumsum(n)
    between = np.abs(np.subtract.outer(upto - n / 2, upto - n / 2))
    ordered: np.ndarray = between**2
    return ordered


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
