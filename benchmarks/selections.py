"""One selection of each strategy over arrays of one size, through the same view that the engine gives it.

``python -m benchmarks.selections NAME …`` prints the rows of some strategies alone; `benchmarks.strategies` has all.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from alwidget import strategies
from alwidget.learners import Dynamics
from alwidget.strategies import ArrayView
from benchmarks.report import Row

__all__ = ["ROWS", "Selection"]

D, CLASSES, PASSES, EPOCHS = 768, 4, 10, 8
RUNS, ENOUGH, LONG = 3, 8.0, 4.0
"""Runs at most, seconds after which there is none more, and seconds after which the first has warmed up nothing."""


@dataclass(frozen=True)
class Selection:
    """What is asked of whom: `size` of `n` documents with `labelled` others, and in how many seconds it is wanted."""

    name: str
    wanted: float | None = None
    n: int = 100_000
    labelled: int = 500
    size: int = 100
    options: dict[str, Any] = field(default_factory=dict)

    def row(self) -> Row:
        """Measure it, and return the best of a few runs."""
        strategy, view = strategies.get(self.name, **self.options), given(self.n, self.labelled)
        seen: list[float] = []
        while not seen or (len(seen) <= RUNS and sum(seen) < ENOUGH):
            started = time.perf_counter()
            strategy.select(view, self.size, np.random.default_rng(len(seen)))
            seen.append(time.perf_counter() - started)
            if seen[0] > LONG:
                break
        best = min(seen)
        what = f"{self.name}, {self.n:,} × {D}, {CLASSES} classes, {self.labelled:,} labelled, b = {self.size}"
        wanted = "" if self.wanted is None else f"≤ {self.wanted:g} s"
        return Row(
            what,
            f"{best:.3g} s" if best >= 0.1 else f"{1000 * best:.0f} ms",
            wanted,
            None if self.wanted is None else best <= self.wanted,
        )


ROWS = (
    Selection("least-confidence", 1),
    Selection("breaking-ties", 1),
    Selection("entropy", 1),
    Selection("bald", 1, options={"passes": PASSES}),
    Selection("egl", 1),
    Selection("badge", 4),
    Selection("coreset", 4),
    Selection("mahalanobis"),
    Selection("seals"),
    Selection("actune"),
    Selection("cluster-margin"),
    Selection("alfa-mix"),
    Selection("cartography"),
    Selection("alvin"),
    Selection("discriminative"),
    Selection("contrastive", 20, labelled=2000),
    Selection("idds", 4),
    Selection("bait", n=10_000),
    Selection("batchbald", n=10_000, size=10, options={"passes": PASSES}),
)
"""The targets of the design, and whatever else costs more than a look at probabilities."""


@cache
def documents(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors like an encoder's and logits that a linear layer makes of them, float32."""
    from benchmarks.strategies import sentence_like

    vectors = sentence_like(n, D, 3)
    weights = np.random.default_rng(7).standard_normal((D, CLASSES)).astype(np.float32)
    return vectors, 8 * (vectors @ weights)


def given(n: int, labelled: int) -> ArrayView:
    """Return a view of all that these strategies read."""
    vectors, logits = documents(102_000)
    rng = np.random.default_rng(8)
    pool, known = slice(labelled, n + labelled), slice(0, labelled)
    y = (logits[known] + rng.gumbel(size=(labelled, CLASSES))).argmax(axis=1)
    correct = rng.random((EPOCHS, labelled)) < np.linspace(0, 1, labelled)
    gold = rng.random((EPOCHS, labelled)).astype(np.float16)
    weights = np.random.default_rng(7).standard_normal((D, CLASSES)).astype(np.float32)
    passes = (
        softmax(logits[pool] + rng.standard_normal((n, CLASSES), dtype=np.float32)).astype(np.float32)
        for _ in range(PASSES)
    )
    return ArrayView(
        probs=softmax(logits[pool]),
        embeddings=vectors[pool],
        labelled_probs=softmax(logits[known]),
        labelled_embeddings=vectors[known],
        labelled_y=y,
        n_classes=CLASSES,
        head=(8 * weights.T, np.zeros(CLASSES)),
        mc_probs=np.stack(list(passes)),
        dynamics=Dynamics(gold, correct, tuple(f"{i:016d}".encode() for i in range(labelled))),
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return rows that sum to one, float64."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    found: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return found


if __name__ == "__main__":
    for selection in ROWS:
        if not sys.argv[1:] or selection.name in sys.argv[1:]:
            row = selection.row()
            sys.stdout.write(f"{row.what}: {row.measured} {row.wanted}\n")
            sys.stdout.flush()
