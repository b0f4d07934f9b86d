"""How long a selection takes: the TYROGUE step on cached vectors, k-means beside scikit-learn's, scores of many rows.

The vectors stand for an encoder's: overlapping topics of very different sizes, a few strong directions, unit length.
Each time is the best of several runs, because other programs only ever add to it; medians stand in the notes.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from alwidget import strategies
from alwidget.strategies import ArrayView, functional
from alwidget.strategies.functional.kmeans import cluster
from benchmarks.report import Row, emit

N, D, SIZE, R = 10_000, 384, 50, 3
MANY, CLASSES = 100_000, 4
RUNS = 7
SEEDS = 3


def sentence_like(n: int, d: int, seed: int, topics: int = 200) -> np.ndarray:
    """Return unit vectors float32 (n, d) that are distributed like those of a sentence encoder."""
    rng = np.random.default_rng(seed)
    scale = 1 / np.sqrt(1 + np.arange(d) / 20)
    centres = rng.standard_normal((topics, d)) * scale
    topic = rng.choice(topics, n, p=rng.dirichlet(np.full(topics, 0.5)))
    vectors = centres[topic] + rng.standard_normal((n, d)) * scale + 0.3 * scale
    return functional.kmeans.unit_rows(vectors)


def times(call: Callable[[int], object], runs: int = RUNS) -> list[float]:
    """Return the seconds of some runs after one that warms up; each run gets its number."""
    call(runs)
    seen = []
    for run in range(runs):
        started = time.perf_counter()
        call(run)
        seen.append(time.perf_counter() - started)
    return seen


def tyrogue_step(pool: int, vectors: np.ndarray, probs: np.ndarray) -> list[float]:
    """Return the seconds of a step over a pool of this size: the draw of the candidates, then the selection.

    The same vectors stand for whatever is drawn, so that pools differ in their size alone.
    """
    strategy = strategies.get("tyrogue", r=R)
    draw = strategies.subsampler("auto", strategy)
    available = np.arange(pool)

    def step(seed: int) -> None:
        rng = np.random.default_rng(seed)
        drawn = len(draw.select(available, rng).positions)
        view = ArrayView(probs=probs[:drawn], embeddings=vectors[:drawn])
        strategy.select(view, SIZE, rng)

    return times(step)


def main() -> None:
    """Measure, print and keep the numbers."""
    load, rng = os.getloadavg()[0], np.random.default_rng(0)
    vectors, probs = sentence_like(N, D, 0), rng.dirichlet(np.ones(CLASSES), N)
    many = rng.dirichlet(np.ones(CLASSES), MANY)
    rows, notes = [], []
    for pool in (10_000, 1_000_000):
        seen = tyrogue_step(pool, vectors, probs)
        what = f"TYROGUE step, {N:,} × {D} cached, b = {SIZE}, r = {R}, pool of {pool:,}"
        rows.append(Row(what, f"{min(seen):.2f} s", "≤ 0.5 s", min(seen) <= 0.5))
        notes.append(f"TYROGUE step, pool of {pool:,}: median {statistics.median(seen):.2f} s of {RUNS} runs")
    k = R * SIZE
    ours = times(lambda seed: cluster(vectors, k, np.random.default_rng(seed)))
    reference = [KMeans(k, n_init=1, random_state=seed) for seed in range(SEEDS + 1)]
    theirs = times(lambda seed: reference[seed].fit(vectors), SEEDS)
    with threadpool_limits(1):
        alone = times(lambda seed: reference[seed].fit(vectors), SEEDS)
    rows.append(Row(f"k-means alone, k = {k}", f"{min(ours):.2f} s"))
    rows.append(Row(f"k-means of scikit-learn, k = {k}", f"{min(theirs + alone):.2f} s"))
    notes.append(
        f"scikit-learn: best on all cores {min(theirs):.2f} s, on one {min(alone):.2f} s; the better one counts"
    )
    inertia = statistics.mean(cluster(vectors, k, np.random.default_rng(s)).inertia for s in range(SEEDS))
    share = inertia / statistics.mean(float(model.inertia_) for model in reference[:SEEDS]) - 1
    rows.append(Row("inertia against scikit-learn's, k-means", f"{100 * share:+.2f} %", "≤ +2 %", share <= 0.02))
    for score in (functional.least_confidence, functional.breaking_ties, functional.entropy):
        seen = times(lambda _, score=score: functional.top(score(many), 100))
        what = f"{score.__name__} and its top 100, {MANY:,} × {CLASSES}"
        rows.append(Row(what, f"{1000 * min(seen):.1f} ms", "≤ 1 s", min(seen) <= 1))
    notes.append(f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores")
    emit("strategies", "Selection", rows, notes)


if __name__ == "__main__":
    main()
