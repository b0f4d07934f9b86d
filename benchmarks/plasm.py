"""What labels are worth to a model that did not choose them, and what PLASM and UPS change about that.

A frozen MiniLM chooses; a successor of another architecture, which knows no language yet, learns: TF-IDF where
documents are classified, a BiLSTM-CRF where words are tagged. For every corpus and seed it is measured on the same
unseen test documents (a) when it chose its documents itself, (b) on labels that the acquirer chose, (c) by PLASM from
the same labels, (d) by PLASM where the acquirer looked at the pool by UPS, (e) on labels of random documents, and (f)
by PLASM from those. Sessions are simulated by the oracle of ``alwidget demo``. Every cell is kept; a run that was
stopped goes on.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

import alwidget as alw
from alwidget import oracle, tasks
from alwidget.learners import TfIdf, making, offline_path
from alwidget.learners.base import Batch, Learner, Stop
from alwidget.learners.tagging import BiLstmCrf
from alwidget.pool import content_hash
from alwidget.reuse.labelling import asked, labelled
from alwidget.reuse.material import gather
from benchmarks import corpus
from benchmarks.report import RESULTS, Row, emit
from benchmarks.sessions import Corpus, Study, load, missing

KEPT = RESULTS / "curves" / "plasm.json"
MINUTES = float(os.environ.get("PLASM_MINUTES", "20"))
SEEDS, FEWEST = 5, 3
"""Seeds that are measured, and those from which on a corpus is shown before all of them are."""
ARMS = {
    "a": "acquirer = successor",
    "b": "mismatch",
    "c": "PLASM",
    "d": "PLASM + UPS",
    "e": "random",
    "f": "random + PLASM",
}
SPENT = ("training", "inference", "selection")
WANTED_LESS = 0.63
"""Of the computation of active learning on AG News, in the paper."""


@dataclass(frozen=True)
class Case:
    """A corpus, how much of it, and the models."""

    name: str
    file: str
    task: str
    strategy: str
    rounds: int
    batch: int
    pool: int
    test: int = 1000

    def study(self) -> Study:
        """Return it as the other benchmarks read corpora."""
        return Study(self.name, self.file, self.task, lambda _: self.acquirer(), (), pool=self.pool, test=self.test)

    def acquirer(self) -> Learner:
        """Return the encoder of the offline extra, with vectors cached between sessions."""
        found = making.Found("encoder", "all-MiniLM-L6-v2", offline_path(), "")
        return making.build(found, self.task, cache_dir=corpus.cache_folder() / "embeddings")

    def successor(self) -> Learner:
        """Return a model that begins with nothing."""
        return BiLstmCrf(epochs=6, device="cpu") if self.task == "tagging" else TfIdf()


CASES = (
    Case("AG News", "agnews", "classification", "breaking-ties", 6, 25, 3000),
    Case("SST-2", "sst2", "classification", "breaking-ties", 6, 25, 3000, 800),
    Case("docstrings", "", "classification", "breaking-ties", 8, 50, 1800, 600),
    Case("CoNLL-2003", "conll2003", "tagging", "mnlp", 4, 30, 600, 400),
)


def read(case: Case) -> Corpus:
    """Return the documents of a case."""
    if case.file:
        return load(case.study())
    table = alw.datasets.docstrings("classification", n=case.pool + case.test)
    rows = table[["id", "text"]].to_dict("records")
    answers = table["label"].tolist()
    test = oracle.HeldOut([row["text"] for row in rows[case.pool :]], answers[case.pool :])
    gold = {row["id"]: answer for row, answer in zip(rows, answers, strict=True)}
    return Corpus(rows[: case.pool], gold, alw.datasets.labels("classification"), test)


def cells(case: Case, data: Corpus, seed: int, way: str) -> dict[str, dict[str, Any]]:
    """Label in one way, and return what every arm that begins with these labels comes to."""
    by_successor, by_chance = way == "a", way == "e"
    with tempfile.TemporaryDirectory() as place:
        session = alw.annotate(
            data.rows,
            labels=data.labels,
            task=case.task,
            path=Path(place) / "s.alw",
            model=case.successor() if by_successor else case.acquirer(),
            strategy="random" if by_chance else case.strategy,
            subsample="ups" if way == "d" else "none",
            batch_size=case.batch,
            seed=seed,
        )
        few = oracle.HeldOut(data.test.texts[:1], data.test.answers[:1])
        with session:
            for _ in oracle.simulate(session, data.gold, few, rounds=case.rounds, batch_size=case.batch):
                pass
            about = {"rounds": [dict(row.seconds) for row in session.rounds]}
            about["candidates"] = [row.candidates for row in session.rounds]
            out: dict[str, dict[str, Any]] = {}
            if by_successor:
                out["a"] = about | {"score": score(case, data, session.predict(data.test.texts))}
                return out
            if way in {"b", "e"}:
                out[way] = about | {"score": score(case, data, alone(case, session, data, seed))}
            arm = {"b": "c", "d": "d", "e": "f"}[way]
            started = time.perf_counter()
            found = alw.plasm(
                session,
                successor=case.successor,
                labeller=case.acquirer,
                holdout=0,
                folds=3,
                seed=seed,
                out=Path(place) / "plasm",
                progress=False,
            )
            seconds = time.perf_counter() - started
            more = {"seconds": seconds, "error": found.report.about["error"], "counts": found.report.counts}
            more["labeller"] = truth(case, data, found.labels)
            out[arm] = about | more | {"score": score(case, data, found.predict(data.test.texts))}
    return out


def alone(case: Case, session: alw.Session, data: Corpus, seed: int) -> list[Any]:
    """Return the answers of a successor that knows people's labels only."""
    material, learner = gather(session), case.successor()
    learner.prepare()
    learner.fit(labelled(material.task, material.documents.take(material.people), material.answers), seed=seed)
    texts = list(data.test.texts)
    unseen = Batch(texts, [content_hash(text) for text in texts])
    return [one.value for one in asked(learner, material.task, unseen, stop=Stop())]


def truth(case: Case, data: Corpus, labels: Any) -> dict[str, float]:
    """Return how much of the pseudo-labels is right, of all, of those that were kept, and of those dropped."""
    rest = labels[labels["origin"] != "human"]
    key = tasks.get(case.task, data.labels).key
    out = {}
    for name, rows in (
        ("all", rest),
        ("kept", rest[rest.origin == "pseudo"]),
        ("gone", rest[rest.origin == "dropped"]),
    ):
        wanted = [data.gold[each] for each in rows["id"]]
        out[name] = oracle.MEASURES[case.task].of(wanted, rows[key].tolist(), data.labels)[0] if len(rows) else 0.0
    return out


def score(case: Case, data: Corpus, answers: Any) -> float:
    """Return accuracy or entity F1 on the test documents."""
    return oracle.MEASURES[case.task].of(data.test.answers, answers, data.labels)[0]


def between(values: Any) -> tuple[float, float]:
    """Return the mean of some seeds and half its 95 % interval by Student's t, in points."""
    points = 100 * np.asarray(values, dtype=np.float64)
    half = float(stats.t.ppf(0.975, len(points) - 1) * stats.sem(points)) if len(points) > 1 else float("inf")
    return float(points.mean()), half


def rows_of(case: Case, kept: dict[str, dict[str, Any]]) -> list[Row]:
    """Return the table's rows of a corpus."""
    seeds = [s for s in range(SEEDS) if all(f"{case.name}/{s}/{arm}" in kept for arm in ARMS)]
    if len(seeds) < FEWEST:
        return []
    of = {arm: [kept[f"{case.name}/{s}/{arm}"] for s in seeds] for arm in ARMS}
    points = {arm: np.array([cell["score"] for cell in of[arm]]) for arm in ARMS}
    name = f"{case.name}, {case.rounds * case.batch} labels of {case.pool:,}"
    name += "" if len(seeds) == SEEDS else f", {len(seeds)} seeds only"
    measure = oracle.MEASURES[case.task].name
    shown = "; ".join(f"({arm}) {m:.1f} ± {h:.1f}" for arm in ARMS for m, h in [between(points[arm])])
    rows = [Row(f"{name}: {measure} of the successor", shown)]
    for one, other, wanted in (
        ("b", "a", ""),
        ("c", "a", "≥ 0 within its interval"),
        ("c", "b", "> 0"),
        ("d", "c", "≥ 0 within its interval"),
        ("b", "e", ""),
        ("c", "f", ""),
    ):
        mean, half = between(points[one] - points[other])
        holds = None if not wanted else mean - half > 0 if wanted == "> 0" else mean + half >= 0
        rows.append(
            Row(
                f"{name}: ({one}) − ({other}), {ARMS[one]} against {ARMS[other]}",
                f"{mean:+.1f} ± {half:.1f}",
                wanted,
                holds,
            )
        )
    right = {part: np.mean([cell["labeller"][part] for cell in of["c"]]) for part in ("all", "kept", "gone")}
    told = np.mean([1 - cell["error"]["share"] for cell in of["c"]])
    rows.append(
        Row(
            f"{name}: pseudo-labels that are right: all, kept, dropped",
            f"{right['all']:.1%}, {right['kept']:.1%}, {right['gone']:.1%}; {told:.1%} expected",
            "kept > all",
            bool(right["kept"] > right["all"]),
        )
    )
    return rows + spent(name, of)


def spent(name: str, of: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """Return what the rounds took, without and with UPS."""
    seconds, looked = {}, {}
    for arm in ("a", "b", "d"):
        rounds = [row for cell in of[arm] for row in cell["rounds"]]
        seconds[arm] = [1000 * float(np.mean([row.get(part, 0.0) for row in rounds])) for part in SPENT]
        looked[arm] = float(np.mean([sum(cell["candidates"]) for cell in of[arm]]))
    shown = "; ".join(f"({arm}) {' + '.join(f'{x:.0f}' for x in seconds[arm])} ms" for arm in seconds)
    less = 1 - looked["d"] / looked["b"]
    total = 1 - sum(seconds["d"]) / sum(seconds["b"])
    return [
        Row(f"{name}: a round's training + inference + selection", shown),
        Row(
            f"{name}: documents that the acquirer need not look at by UPS",
            f"{less:.0%}",
            "≥ 63 %",
            less >= WANTED_LESS,
        ),
        Row(f"{name}: seconds of its rounds saved", f"{total:.0%}"),
    ]


def main() -> int:
    """Measure what is not there yet, for some minutes, and report."""
    torch.set_num_threads(1)
    if offline_path() is None:
        sys.stderr.write("Needs the weights of alwidget[offline].\n")
        return 0
    os.environ["ALWIDGET_CACHE"] = str(corpus.cache_folder())
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    end, notes = time.monotonic() + 60 * MINUTES, []
    for case in CASES:
        if case.file and (why := missing(case.study())):
            notes.append(why)
            continue
        fill(case, kept, lambda: time.monotonic() > end)
    rows = [row for case in CASES for row in rows_of(case, kept)]
    lacking = [case.name for case in CASES if any(f"{case.name}/{s}/f" not in kept for s in range(SEEDS))]
    if lacking:
        notes.append(f"Not all cells of {', '.join(lacking)} are measured yet; another run goes on.")
    notes += [
        (
            f"{SEEDS} seeds; means with 95 % intervals by Student's t, differences paired by seed, in points. "
            "all-MiniLM-L6-v2, frozen, chooses by breaking ties or MNLP, and labels the rest; TF-IDF or a BiLSTM-CRF "
            "succeeds it."
        ),
        (
            "UPS looks at all documents in rounds 0, 1, 4 and 8, which is half of so few rounds; over 15 it reads a "
            "third (see the table on subsampling)."
        ),
        (
            "The acquirer's vectors are cached, so its rounds cost little with or without UPS: documents looked at "
            "are what a model's seconds go by that reads them anew each round."
        ),
    ]
    emit("plasm", "Labels that outlive their model", rows, notes)
    return 0


def fill(case: Case, kept: dict[str, Any], over: Callable[[], bool]) -> None:
    """Measure the cells of a corpus that are not there yet, while there is time."""
    data = None
    for seed in range(SEEDS):
        for way, last in (("a", "a"), ("b", "c"), ("d", "d"), ("e", "f")):
            if f"{case.name}/{seed}/{last}" in kept:
                continue
            if over():
                return
            data = data or read(case)
            started = time.perf_counter()
            for arm, cell in cells(case, data, seed, way).items():
                kept[f"{case.name}/{seed}/{arm}"] = cell
            KEPT.parent.mkdir(parents=True, exist_ok=True)
            part = KEPT.with_suffix(".part")
            part.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            part.replace(KEPT)
            sys.stdout.write(f"{case.name}, seed {seed}, {way}: {time.perf_counter() - started:.0f} s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
