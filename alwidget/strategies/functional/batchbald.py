"""BatchBALD: documents whose answers, taken together, would tell most about which pass of the model is right.

What counts is what answers to the documents picked so far would leave of K equally likely passes. Each possible
sequence of answers has a probability and a belief, the share of each pass in it; what another document adds is the
entropy of its answer on average over the beliefs, less what it has under each pass anyway. Beliefs are kept instead of
the products of probabilities that lead to them, so nothing underflows however long a batch is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_generator, as_probs, as_size, steps
from alwidget.strategies.functional.scores import entropy, top

__all__ = ["Answers", "Passes", "batchbald"]

logger = logging.getLogger("alwidget.strategies")

SAME = 1e-9
"""Documents that add the same but for so much, in nats, are equally good."""
NOTHING = 1e-6
"""What is not worth learning any more, in nats: K passes can tell log K in all."""
LEAST = 1e-300
"""In place of a probability of zero, so that it has a logarithm."""
CELLS = 1 << 16
"""Probabilities that are worked on at a time."""
GROUPS = (16, 256)
"""Into how many groups beliefs are put to say what a document can add at most: roughly for all, then more closely."""
FINEST = 16
PROBES = 8
"""Documents that are looked at before the others are, for how much the best adds at least."""


def batchbald(mc_probs: Any, size: int, rng: np.random.Generator | int, *, samples: int = 10_000) -> np.ndarray:
    """Return documents whose answers together tell most about the model (BatchBALD, Kirsch et al. 2019).

    Documents are picked one after the other, each so that the mutual information of all answers and the weights
    grows the most. BALD asks a document and its copy; here the copy has nothing more to say.

    Parameters
    ----------
    mc_probs
        Class probabilities of K passes with dropout on, shape (K, N, C), or K arrays (N, C). A pass must be the same
        function for all documents: the same units dropped.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed; read only once there are too many sequences of answers to list.
    samples
        Up to so many sequences of answers are listed, and the picks are exact; from then on about so many are drawn.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, in the order picked. Once nothing is left to learn of the passes,
        the rest follows by `bald`. With one pass, which cannot disagree, documents are ranked by their entropy, and
        the log of ``alwidget.strategies`` says so.

    Raises
    ------
    alwidget.errors.StrategyError
        The passes hold no probabilities of the same documents, or there is none.

    Examples
    --------
    >>> doubtful, other = [[0.9, 0.1], [0.1, 0.9]] * 2, [[0.8, 0.2], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8]]
    >>> batchbald(np.stack([doubtful, doubtful, other], axis=1), 2, rng=0).tolist()
    [0, 2]
    """
    size, rng, samples = as_size(size), as_generator(rng), as_size(samples, "samples", least=1)
    passes = Passes.of(mc_probs)
    if len(passes) == 1:
        logger.warning("batchbald has one pass only, which cannot disagree: documents are ranked by entropy.")
        return top(passes.apart[0], size)
    answers = Answers.none(len(passes))
    gains = answers.gains(passes, np.arange(passes.size))
    alone = gains.copy()
    free = np.ones(passes.size, dtype=bool)
    picked: list[int] = []
    while len(picked) < min(size, passes.size):
        at, gain = _best(passes, answers, gains, np.flatnonzero(free))
        if gain <= NOTHING:
            alone[picked] = -np.inf
            picked.extend(top(alone, passes.size)[: min(size, passes.size) - len(picked)].tolist())
            break
        picked.append(at)
        free[at] = False
        if len(picked) < size:
            answers = answers.then(passes.at(np.array([at]))[:, 0], samples, rng)
    return np.array(picked, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Passes:
    """Probabilities of K passes, and how uncertain each of them is by itself.

    Attributes
    ----------
    probs
        K arrays (N, C), as they came in.
    apart
        The entropy of each document in each pass, float64 (K, N).
    """

    probs: list[np.ndarray]
    apart: np.ndarray

    @classmethod
    def of(cls, mc_probs: Any) -> Passes:
        """Return the passes checked."""
        probs = [as_probs(one, "mc_probs") for one in mc_probs]
        if not probs:
            message = "mc_probs must hold at least one pass, got 0."
            raise StrategyError(message)
        for one in probs:
            if one.shape != probs[0].shape:
                message = f"All passes of mc_probs must have the same shape; the first has {probs[0].shape}, "
                message += f"one {one.shape}."
                raise StrategyError(message)
        return cls(probs, np.stack([entropy(one, name="mc_probs") for one in probs]))

    def __len__(self) -> int:
        """Return K."""
        return len(self.probs)

    @property
    def size(self) -> int:
        """N."""
        return len(self.probs[0])

    @property
    def classes(self) -> int:
        """C."""
        return int(self.probs[0].shape[1])

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Return the probabilities of some documents, float64 (K, n, C)."""
        out = np.empty((len(self.probs), len(positions), self.classes))
        for into, one in zip(out, self.probs, strict=True):
            into[:] = one[positions]
        return np.maximum(out, 0, out=out)


@dataclass(frozen=True, slots=True)
class Answers:
    """What answers to the documents picked so far may be.

    Attributes
    ----------
    weights
        The probability of each sequence of answers, float64 (M,).
    beliefs
        The share of each pass after them, float64 (M, K).
    drawn
        None while all sequences are listed; else the sequence and the pass of each that was drawn, int64 (2, S).
    """

    weights: np.ndarray
    beliefs: np.ndarray
    drawn: np.ndarray | None = None

    @classmethod
    def none(cls, passes: int) -> Answers:
        """Return what is known before anything was answered: each pass is as likely as the next."""
        return cls(np.ones(1), np.full((1, passes), 1 / passes))

    def gains(self, passes: Passes, positions: np.ndarray) -> np.ndarray:
        """Return what the answer to each of some documents would add to the information, float64 (n,)."""
        share, sequences, k = self.weights @ self.beliefs, len(self.weights), len(passes)
        out = np.empty(len(positions))
        parts = steps(len(positions), max(sequences, k) * passes.classes, CELLS)
        room = np.empty((2, sequences * parts[0].stop * passes.classes)) if parts else np.empty((2, 0))
        for part in parts:
            p = passes.at(positions[part])
            shape = (sequences, p.shape[1] * p.shape[2])
            likely, logs = (one[: shape[0] * shape[1]].reshape(shape) for one in room)
            np.matmul(self.beliefs, p.reshape(k, -1), out=likely)
            np.maximum(likely, LEAST, out=logs)
            likely *= np.log(logs, out=logs)
            out[part] = -(self.weights @ likely).reshape(p.shape[1:]).sum(axis=1)
            out[part] -= share @ passes.apart[:, positions[part]]
        return np.maximum(out, 0, out=out)

    def then(self, p: np.ndarray, samples: int, rng: np.random.Generator) -> Answers:
        """Return what is known after one more document, whose probabilities are `p`, float64 (K, C).

        Rows are made to sum to one as exactly as they can: only then does no document gain by what is known.
        """
        p = p / p.sum(axis=1, keepdims=True)
        if self.drawn is None and len(self.weights) * p.shape[1] <= samples:
            likely = self.beliefs @ p
            weights = (self.weights[:, None] * likely).ravel()
            some = weights > 0
            beliefs = (self.beliefs[:, None, :] * p.T).reshape(len(weights), -1)[some]
            return Answers(weights[some], beliefs / beliefs.sum(axis=1, keepdims=True))
        if self.drawn is None:
            return self._drawn(samples, rng).then(p, samples, rng)
        sequence, of_pass = self.drawn
        up_to = np.cumsum(p, axis=1)
        up_to /= up_to[:, -1:]
        answer = (rng.random(len(of_pass))[:, None] >= up_to[of_pass, :-1]).sum(axis=1)
        found, sequence, counts = np.unique(sequence * p.shape[1] + answer, return_inverse=True, return_counts=True)
        before, last = np.divmod(found, p.shape[1])
        beliefs = self.beliefs[before] * p.T[last]
        beliefs /= beliefs.sum(axis=1, keepdims=True)
        return Answers(counts / len(of_pass), beliefs, np.stack([sequence, of_pass]))

    def _drawn(self, samples: int, rng: np.random.Generator) -> Answers:
        """Return sequences drawn from those listed, as many under each pass."""
        k = self.beliefs.shape[1]
        each = -(-samples // k)
        of_pass = np.repeat(np.arange(k), each)
        up_to = np.cumsum(self.weights[:, None] * self.beliefs, axis=0)
        sequence = np.concatenate(
            [np.searchsorted(column, rng.random(each) * column[-1], side="right") for column in up_to.T]
        )
        sequence = np.minimum(sequence, len(self.weights) - 1)
        found, sequence, counts = np.unique(sequence, return_inverse=True, return_counts=True)
        return Answers(counts / len(of_pass), self.beliefs[found], np.stack([sequence, of_pass]))

    def grouped(self, most: int) -> Answers:
        """Return groups of alike beliefs, their means in place of them: no document gains more by less detail.

        Entropy is concave, so what `gains` says of the groups is at least what it says of their members.
        """
        level, codes = FINEST, np.empty(0, dtype=np.int64)
        mixed = np.random.default_rng(0).integers(-(2**62), 2**62, self.beliefs.shape[1])
        while level:  # two groups that get the same code by chance are one group
            codes = np.rint(self.beliefs * level).astype(np.int64) @ mixed
            found, group = np.unique(codes, return_inverse=True)
            if len(found) <= most:
                break
            level //= 2
        weights = np.bincount(group, self.weights)
        sums = [np.bincount(group, self.weights * column) for column in self.beliefs.T]
        return Answers(weights, np.stack(sums, axis=1) / weights[:, None])


def _best(passes: Passes, answers: Answers, gains: np.ndarray, free: np.ndarray) -> tuple[int, float]:
    """Return the free document that adds most, the first of equally good ones, and what it adds.

    `gains` holds what each added when it was last looked at. While all answers are listed it can only have become
    less, so documents are looked at by falling gain until none can be better. Drawn answers promise no such thing;
    there groups of them say what a document can add at most.
    """
    probes = free[np.argsort(-gains[free], kind="stable")[:PROBES]]
    gains[probes] = answers.gains(passes, probes)
    best = float(gains[probes].max())
    bounds = gains[free] if answers.drawn is None else np.full(len(free), np.inf)
    for most in GROUPS:
        if len(answers.weights) > 2 * most:
            some = bounds >= best - SAME
            found = answers.grouped(most).gains(passes, free[some])
            bounds[some] = np.minimum(bounds[some], found)
    order = np.argsort(-bounds, kind="stable")
    block = max(1, CELLS // (len(answers.weights) * passes.classes))
    looked = 0
    while looked < len(order) and bounds[order[looked]] >= best - SAME:
        some = order[looked : looked + block]
        found = answers.gains(passes, free[some])
        gains[free[some]] = found
        best = max(best, float(found.max()))
        looked += len(some)
    within = np.union1d(free[order[:looked]], probes)
    good = within[gains[within] >= best - SAME]
    return int(good.min()), best
