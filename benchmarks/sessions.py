"""Real corpora out of ``$ALWIDGET_DATA`` and simulated sessions on them, for `benchmarks.tasks`."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import alwidget as alw
from alwidget import oracle, tasks
from alwidget.learners.base import Learner
from alwidget.tasks.tags import spans_of
from alwidget.tasks.words import word_spans

WORDS = "words in the labelled documents"
COVERED = "mean cosine of a test document to the labelled one nearest to it"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Study:
    """A corpus, a task, a model, and what to compare.

    Attributes
    ----------
    file
        Its name in ``$ALWIDGET_DATA``, without the ending.
    learner
        Makes the model of one session, given the texts of the pool.
    pool, test
        Documents to choose from and to measure on at most, drawn once with seed 0.
    seeds
        Sessions for each strategy; the seed changes what is drawn at random and how the model is initialised.
    note
        What must be known to read the numbers.
    """

    name: str
    file: str
    task: str
    learner: Callable[[list[str]], Learner]
    strategies: tuple[str, ...]
    rounds: int = 10
    batch_size: int = 50
    pool: int = 4000
    test: int = 1000
    seeds: int = 3
    note: str = ""


@dataclass
class Outcome:
    """The curves of a study: for each strategy a list of curves, one a seed, and what else was measured at the end."""

    study: Study
    curves: dict[str, list[oracle.Curve]] = field(default_factory=dict)
    extra: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    model: str = ""
    pool: int = 0
    test: int = 0
    seconds: float = 0.0

    def scores(self, strategy: str) -> np.ndarray:
        """Return the scores of a strategy, float64 (seeds, rounds)."""
        return np.array([[point.score for point in curve.points] for curve in self.curves[strategy]])


@dataclass(frozen=True)
class Corpus:
    """Documents to choose from with the answers to them, documents to measure on, and the label names."""

    rows: list[dict[str, str]]
    gold: dict[str, Any]
    labels: list[str]
    test: oracle.HeldOut


def folder() -> Path:
    """Return where the real corpora lie; it need not be there."""
    return Path(os.environ.get("ALWIDGET_DATA", ROOT.parent / "shared" / "data"))


def missing(study: Study) -> str | None:
    """Return what to do for a corpus that is not here, or None."""
    path = folder() / f"{study.file}.jsonl.gz"
    return (
        None if path.is_file() else f"{study.name} was left out: {path} is not there; set ALWIDGET_DATA to its folder"
    )


def load(study: Study) -> Corpus:
    """Return the corpus of a study: ``train`` to choose from, ``test`` to measure on."""
    with gzip.open(folder() / f"{study.file}.jsonl.gz", "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    found = {
        split: [_document(row, study.task) for row in rows if row["split"] == split] for split in ("train", "test")
    }
    drawn = {split: _drawn(found[split], size) for split, size in (("train", study.pool), ("test", study.test))}
    test, pairs = drawn["test"], "text_pair" in drawn["test"][0]
    return Corpus(
        [{key: row[key] for key in ("id", "text", "text_pair") if key in row} for row in drawn["train"]],
        {row["id"]: row["answer"] for row in drawn["train"]},
        _labels([row["answer"] for row in drawn["train"]], study.task),
        oracle.HeldOut(
            [row["text"] for row in test],
            [row["answer"] for row in test],
            [row["text_pair"] for row in test] if pairs else None,
        ),
    )


def run(study: Study, say: Callable[[str], None]) -> Outcome:
    """Label by the oracle with every strategy and seed; the same engine and session as a person's."""
    corpus, started = load(study), time.perf_counter()
    outcome = Outcome(study, pool=len(corpus.rows), test=len(corpus.test))
    for strategy in study.strategies:
        for seed in range(study.seeds):
            begun = time.perf_counter()
            curve, extra, outcome.model = _session(study, corpus, strategy, seed)
            outcome.curves.setdefault(strategy, []).append(curve)
            outcome.extra.setdefault(strategy, []).append(extra)
            end = curve.points[-1]
            say(f"{study.name}, {strategy}, seed {seed}: {end.score:.3f} with {end.labelled} labels, ")
            say(f"{time.perf_counter() - begun:.0f} s\n")
    outcome.seconds = time.perf_counter() - started
    return outcome


def coverage(session: alw.Session, learner: Learner, texts: list[str]) -> float:
    """Return the mean cosine of texts to the labelled document nearest to them."""
    known = oracle.unit_vectors(learner, [row.text for row in session.annotations if row.value is not None])
    return float((oracle.unit_vectors(learner, texts) @ known.T).max(axis=1).mean())


def _session(study: Study, corpus: Corpus, strategy: str, seed: int) -> tuple[oracle.Curve, dict[str, float], str]:
    learner = study.learner([row["text"] for row in corpus.rows])
    learner.prepare()
    reads_only = study.task == "generation" and not oracle.writes(learner)
    with tempfile.TemporaryDirectory() as place:
        session = alw.annotate(
            corpus.rows,
            labels=corpus.labels,
            task=study.task,
            path=Path(place) / "s.alw",
            model=learner,
            strategy=strategy,
            batch_size=study.batch_size,
            seed=seed,
        )
        with session:
            nearest = (lambda test: oracle.nearest_answers(session, learner, test)) if reads_only else None
            points = oracle.simulate(
                session, corpus.gold, corpus.test, rounds=study.rounds, batch_size=study.batch_size, predict=nearest
            )
            curve = oracle.Curve(strategy, tuple(points))
            extra = _beside(session, learner if reads_only else None, corpus, study.task)
            return curve, extra, session.status.model


def _beside(session: alw.Session, reader: Learner | None, corpus: Corpus, task: str) -> dict[str, float]:
    """Return what else tells of the labelled documents: for spans how long they are, for texts whom they stand for."""
    if task == "tagging":
        return {WORDS: float(sum(len(word_spans(row.text)) for row in session.annotations))}
    return {} if reader is None else {COVERED: coverage(session, reader, list(corpus.test.texts))}


def _document(row: dict[str, Any], task: str) -> dict[str, Any]:
    """Return a row in the form of the task: its text, its second text where it has one, and the answer."""
    if task == "tagging":
        text, spans = _tagged(row)
        return {"id": row["id"], "text": text, "answer": spans}
    key = tasks.get(task).key
    return {**{name: row[name] for name in ("id", "text", "text_pair") if name in row}, "answer": row[key]}


def _tagged(row: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the text of tokens with the spans of their tags: joined by spaces where the corpus has no text."""
    between = "" if "text" in row else " "
    text = between.join(row["tokens"])
    starts = np.cumsum([0, *(len(token) + len(between) for token in row["tokens"])])
    spans = [
        {"start": int(starts[first]), "end": int(starts[last - 1]) + len(row["tokens"][last - 1]), "label": label}
        for first, last, label in spans_of(row["ner_tags"], "IOB2")
    ]
    return text, spans


def _labels(answers: list[Any], task: str) -> list[str]:
    if task == "generation":
        return []
    if task == "tagging":
        return sorted({span["label"] for answer in answers for span in answer})
    if task == "multilabel":
        return sorted({label for answer in answers for label in answer})
    return sorted(set(answers))


def _drawn(rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Return at most `size` rows with a text and an answer, drawn at random, the same every time."""
    usable = [row for row in rows if row["text"].strip() and row["answer"] is not None]
    order = np.random.default_rng(0).permutation(len(usable))[:size]
    return [usable[i] for i in np.sort(order)]
