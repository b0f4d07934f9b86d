"""How long a selection takes: TYROGUE, k-means beside scikit-learn's, tags, texts, and a row for every other strategy.

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
from benchmarks.selections import ROWS

N, D, SIZE, R = 10_000, 384, 50, 3
MANY, CLASSES = 100_000, 4
WORDS, TAGS = 20, 9
PASSES, BATCH, TOGETHER = 10, 100, 10
TEXTS, TEXT_WORDS, VOCABULARY = 200, 30, 400
FEW = 3
"""Runs of what takes seconds."""
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


def tags_of_words() -> list[Row]:
    """Return rows for the scores of 100,000 sentences by their tags; 72 MB of probabilities in single precision."""
    rng = np.random.default_rng(1)
    flat = rng.random((MANY * WORDS, TAGS), dtype=np.float32)
    flat /= flat.sum(axis=1, keepdims=True)
    view = ArrayView(token_probs=(flat, np.arange(0, len(flat) + 1, WORDS)))
    rows = []
    for name in ("mnlp", "token-entropy"):
        strategy = strategies.get(name)
        seen = times(lambda _, strategy=strategy: strategy.select(view, SIZE, np.random.default_rng(0)))
        what = f"{name}, {MANY:,} × {WORDS} words × {TAGS} tags, b = {SIZE}"
        rows.append(Row(what, f"{1000 * min(seen):.0f} ms", "≤ 1 s", min(seen) <= 1))
    return rows


def agreeing_passes() -> Row:
    """Return the row for BatchBALD over passes that agree for the most part, as those of one model do."""
    rng = np.random.default_rng(2)
    apart = np.einsum("nd,kdc->knc", rng.standard_normal((N, 8)), rng.standard_normal((2 * PASSES, 8, CLASSES)))
    logits = np.exp(2 * rng.standard_normal((N, CLASSES)) + 0.5 * apart)
    agreeing = logits / logits.sum(axis=2, keepdims=True)
    seen = times(lambda seed: functional.batchbald(agreeing, TOGETHER, seed), FEW)
    return Row(f"batchbald, {2 * PASSES} × {N:,} × {CLASSES}, b = {TOGETHER}", f"{min(seen):.2f} s")


def sketched() -> Row:
    """Return the row for BADGE over the sketched gradients of sentences."""
    gradients = np.random.default_rng(4).standard_normal((MANY, TAGS * 64), dtype=np.float32)
    draw = functional.gradients.spread_rows
    seen = times(lambda seed: draw(gradients, BATCH, np.random.default_rng(seed)), FEW)
    what = f"badge for tags, the draw alone, {MANY:,} × {TAGS} tags × 64, b = {BATCH}"
    return Row(what, f"{min(seen):.2f} s", "≤ 4 s", min(seen) <= 4)


def written() -> Row:
    """Return the row for BLEUVar over texts that share most of their words, as those of passes do."""
    rng = np.random.default_rng(5)
    texts = []
    for _ in range(TEXTS):
        base = rng.integers(0, VOCABULARY, TEXT_WORDS)
        made = np.where(rng.random((PASSES, TEXT_WORDS)) < 0.2, rng.integers(0, VOCABULARY, TEXT_WORDS), base)
        texts.append([" ".join(f"w{word}" for word in row) for row in made])
    seen = times(lambda _: functional.bleuvar(texts), FEW)
    return Row(f"bleuvar, {TEXTS} × {PASSES} texts of {TEXT_WORDS} words", f"{min(seen):.2f} s")


def main() -> None:
    """Measure, print and keep the numbers."""
    load, rng = os.getloadavg()[0], np.random.default_rng(0)
    vectors, probs = sentence_like(N, D, 0), rng.dirichlet(np.ones(CLASSES), N)
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
    rows += [*tags_of_words(), agreeing_passes(), sketched(), written()]
    rows += [selection.row() for selection in ROWS]
    notes.append(f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores")
    emit("strategies", "Selection", rows, notes)


if __name__ == "__main__":
    main()
