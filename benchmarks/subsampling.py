"""What a round costs when it looks at a part of the pool, and whether it asks the same.

The same session labels for fifteen rounds, looking at everything, at what UPS lets in, and at 10,000 at random. The
model is TF-IDF, which reads every document that it is asked about anew, as a fine-tuned one does, only cheaper: how
many documents were read is counted beside the seconds, and is what a larger model's seconds go by. After some rounds
that were not full the same model ranks all open documents, and what it would have asked is held against the picks.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import alwidget as alw
from alwidget.engine import lazy_batch
from alwidget.learners import TfIdf
from alwidget.learners.base import Batch, Stop
from alwidget.strategies.functional import entropy, top
from benchmarks import corpus
from benchmarks.report import Row, emit

SIZES = (20_000, 100_000)
WAYS = ("none", "ups", "random:10000")
ROUNDS = 15
BATCH = 50
START = 100
TEST = 2_000
FULL = (0, 1, 4, 8)
COMPARED = (2, 7, 14)
"""Rounds after which a full pass is made for comparison."""


class Counting(TfIdf):
    """Counts the documents that it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return probabilities, float64 (n, C)."""
        self.read += len(documents)
        return super().predict_proba(documents, stop=stop)


@dataclass
class Run:
    """What the rounds came to: seconds and documents read of each, and how many picks are those of a full pass."""

    seconds: list[float] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    accuracy: float = 0.0


def label(session: alw.Session, answers: dict[str, str], count: int) -> list[int]:
    """Answer the next questions and return which documents they were about."""
    items = session.next(count)
    for item in items:
        session.record(item.id, answers[item.id])
    return [session.pool.index_of(item.id) for item in items]


def run(pool: alw.Pool, way: str, answers: dict[str, str], test: list[tuple[str, str]]) -> Run:
    """Label for some rounds, looking at the pool in one way."""
    learner, out, labels = Counting(), Run(), sorted(set(answers.values()))
    every_tenth = range(0, len(pool), len(pool) // 2000)
    learner.fit_vocabulary(lazy_batch(pool, np.array(every_tenth)))

    def best() -> set[int]:
        opened = np.setdiff1d(np.arange(len(pool)), answered)
        probs = TfIdf.predict_proba(learner, lazy_batch(pool, opened))
        return set(opened[top(entropy(probs), BATCH)].tolist())

    with tempfile.TemporaryDirectory() as folder:
        session = alw.annotate(
            pool,
            labels,
            path=Path(folder) / "s.alw",
            model=learner,
            strategy="entropy",
            subsample=way,
            batch_size=BATCH,
        )
        answered = label(session, answers, START)
        for number in range(ROUNDS):
            before = learner.read
            result = session.train(wait=True)
            if result is None or not result.fitted or len(result.entries) != BATCH:
                message = f"this was no whole round: {result}"
                raise RuntimeError(message)
            out.seconds.append(result.seconds["inference"] + result.seconds["selection"])
            out.read.append(learner.read - before)
            if number in COMPARED and way != WAYS[0]:
                out.same.append(len(best() & {entry.index for entry in result.entries}) / BATCH)
            answered += label(session, answers, BATCH)
        session.train(wait=True)
        predicted = session.predict([text for text, _ in test])
        out.accuracy = float(np.mean([a == b for a, (_, b) in zip(predicted, test, strict=True)]))
        session.close()
    return out


def rows_of(size: int, runs: dict[str, Run]) -> list[Row]:
    """Return the table's rows for a pool of this size."""
    everything, ups, drawn = (runs[way] for way in WAYS)
    share = sum(ups.read) / sum(everything.read)
    whole, part, small = (sum(one.seconds) for one in (everything, ups, drawn))
    later = np.mean([read for at, read in enumerate(ups.read) if at not in FULL]) / size
    where = f"pool of {size:,}, {ROUNDS} rounds of {BATCH}"
    right = " / ".join(f"{one.accuracy:.3f}" for one in (everything, ups, drawn))
    return [
        Row(f"{where}: documents read with UPS against a full pass each", f"{share:.0%}", "≤ 37 %", share <= 0.37),
        Row(f"{where}: in a round that is not full", f"{later:.1%}", "≤ 12 %", bool(later <= 0.12)),
        Row(
            f"{where}: inference and selection, all / UPS / 10,000 at random",
            f"{whole:.1f} / {part:.1f} / {small:.1f} s",
            "UPS ≤ 40 % of all",
            part <= 0.4 * whole,
        ),
        Row(f"{where}: picks of UPS that a full pass would have made", f"{np.mean(ups.same):.0%}"),
        Row(f"{where}: of 10,000 at random", f"{np.mean(drawn.same):.0%}"),
        Row(f"{where}: accuracy at {START + ROUNDS * BATCH} labels, all / UPS / 10,000 at random", right),
    ]


def measured(size: int) -> tuple[list[Row], list[str]]:
    """Label a pool of this size in every way, and return the table's rows and what is worth a note."""
    os.environ["ALWIDGET_CACHE"] = str(corpus.cache_folder())
    answers = corpus.labels_of_large(size + TEST)
    with corpus.large(size + TEST).open(encoding="utf-8") as file:
        documents = [json.loads(line) for line in file]
    test = [(row["text"], answers[row["id"]]) for row in documents[size:]]
    pool = alw.Pool.load(documents[:size])
    runs = {way: run(pool, way, answers, test) for way in WAYS}
    shares = ", ".join(f"{n / size:.0%}" for n in runs["ups"].read)
    each = sum(runs["none"].seconds) / sum(runs["none"].read)
    return rows_of(size, runs), [
        f"pool of {size:,}: share of it that UPS read, round by round: {shares}",
        f"pool of {size:,}: {1e6 * each:.0f} µs a document in a full pass (TF-IDF, reading it included)",
    ]


def main() -> None:
    """Measure, print and keep the numbers."""
    load = os.getloadavg()[0]
    table: list[Row] = []
    notes: list[str] = []
    for size in SIZES:
        rows, said = measured(size)
        table, notes = table + rows, notes + said
    notes.append(f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores")
    emit("subsampling", "A round that looks at a part of the pool", table, notes)


if __name__ == "__main__":
    main()
