"""One cell of a benchmark: a session that is labelled by an oracle, as bytes to be written down.

Nothing here knows where cells are run or kept. The same job gives the same picks and scores in any process.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.bench.arms import ModelSpec, StrategySpec
from alwidget.bench.machine import Peak, bounded, machine, versions
from alwidget.bench.material import Material, from_table
from alwidget.bench.oracles import Annotator, Answers, answer_all
from alwidget.log.rounds import RoundRecord
from alwidget.oracle import MEASURES, HeldOut, Point, measured, nearest_answers, simulate, writes
from alwidget.strategies import Subsampler

if TYPE_CHECKING:
    import pyarrow as pa

    from alwidget.session import Session

__all__ = ["CURVE", "FULL", "Job", "key_of", "run"]

CURVE, FULL = "curve", "full"
"""Kinds of cells: a strategy asks round by round; or everything is labelled, which is what the others strive for."""
Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """All that a process needs to run a cell.

    Attributes
    ----------
    key
        The digest of `config`, and of nothing else: the cell's name on disk.
    config
        What decides the numbers, as plain JSON.
    data
        The material, as a Parquet file or its bytes.
    steps
        How many steps of progress it has: a round each, or one where everything is labelled at once.
    """

    key: str
    config: Mapping[str, Any]
    strategy: StrategySpec | None
    subsample: str | Subsampler | None
    model: ModelSpec
    annotators: tuple[Annotator, ...]
    data: Path | bytes
    steps: int
    threads: int = 1


def key_of(config: Mapping[str, Any]) -> str:
    """Return the name of a cell with this configuration: 20 hex digits.

    >>> key_of({"seed": 0, "rounds": 1}) == key_of({"rounds": 1, "seed": 0}) != key_of({"seed": 1, "rounds": 1})
    True
    """
    canonical = json.dumps(config, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def run(job: Job, tell: Tell = lambda _: None) -> dict[str, bytes]:
    """Run a cell and return its files by name.

    Parameters
    ----------
    job
        The cell.
    tell
        Called with the number of steps that are done, after each.
    """
    material = _material(job.data)
    peak, started = Peak(), time.perf_counter()
    with bounded(job.threads), tempfile.TemporaryDirectory(prefix="alwidget-cell-") as place:
        steps = _full if job.strategy is None else _curve
        rows, picks, model = steps(job, material, Path(place) / "s.alw", tell)
    about = {
        "key": job.key,
        "config": dict(job.config),
        "model": model,
        "measure": [MEASURES[material.task].name, MEASURES[material.task].beside],
        "seconds": time.perf_counter() - started,
        "memory": {"peak": peak.bytes(), "since": peak.since, "gpu_peak": peak.gpu_bytes()},
        "versions": versions(),
        "machine": {**machine(), "threads": job.threads},
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return {
        "curve.parquet": _parquet(_table(rows, _CURVE_COLUMNS)),
        "picks.parquet": _parquet(_table(picks, _PICK_COLUMNS)),
        "cell.json": json.dumps(about, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"),
    }


def _curve(
    job: Job, material: Material, path: Path, tell: Tell
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Ask round by round; return a row a measured point, a row a document that was asked, and the model."""
    config, seed = job.config, int(job.config["seed"])
    answers = answer_all(job.annotators, material.gold, material.task, material.labels, seed)
    ids = [row["id"] for row in material.rows]
    drawn = np.random.default_rng([seed, 2]).permutation(len(ids))[: config["initial"]]
    rows: list[dict[str, Any]] = []
    picks: list[dict[str, Any]] = []
    with _session(job, material, path, material.rows, seed) as (session, predict):
        points = simulate(
            session,
            answers.said,
            material.test,
            rounds=config["rounds"],
            batch_size=config["batch_size"],
            predict=predict,
            initial=[ids[i] for i in drawn],
        )
        before, spent, started = 0, 0.0, time.perf_counter()
        for point in points:
            spent += sum(answers.costs[item.id] for item in point.asked)
            records = session.rounds
            seconds = _seconds(records[before:])
            before, now = len(records) - 1, time.perf_counter()
            whole = {"labelled": point.labelled, "score": point.score, "beside": point.beside, "cost": spent}
            rows.append({"round": point.round, **whole, **seconds, "seconds_all": now - started, **_chosen(records)})
            picks += _picked(point, answers)
            started = now
            tell(1)
        return rows, picks, session.status.model


def _full(
    job: Job, material: Material, path: Path, tell: Tell
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Label everything with gold answers, as data that brings them, and measure once."""
    rows = [{**row, "gold": material.gold[row["id"]]} for row in material.rows]
    started = time.perf_counter()
    with _session(job, material, path, rows, int(job.config["seed"]), label="gold") as (session, predict):
        session.train(wait=True)
        score, beside = measured(session, material.test, predict)
        training = sum(record.seconds.get("training", 0.0) for record in session.rounds)
        seconds = {"training": training, "inference": 0.0, "selection": 0.0}
        row = {"round": 0, "labelled": session.status.labelled, "score": score, "beside": beside, **seconds}
        tell(1)
        return [{**row, "seconds_all": time.perf_counter() - started}], [], session.status.model


@contextmanager
def _session(
    job: Job, material: Material, path: Path, rows: Sequence[Mapping[str, Any]], seed: int, **options: Any
) -> Iterator[tuple[Session, Callable[[HeldOut], Sequence[Any]] | None]]:
    """Open the session of a cell, and say who answers the test documents where its model cannot."""
    from alwidget import opening

    learner = job.model.make(material.task)
    reads_only = False
    if material.task == "generation":
        learner.prepare()  # only then is it known which one it is
        reads_only = not writes(learner)
    options |= {"tokens": "tokens"} if any("tokens" in row for row in rows) else {}
    session = opening.annotate(
        [dict(row) for row in rows],
        labels=list(material.labels) or None,
        task=material.task,
        path=path,
        text="text",
        id="id",
        model=learner,
        strategy="random" if job.strategy is None else job.strategy.make(material.task),
        subsample=job.subsample,
        batch_size=job.config.get("batch_size", 1),
        seed=seed,
        annotator="oracle",
        **options,
    )
    with session:
        yield session, functools.partial(nearest_answers, session, learner) if reads_only else None


def _seconds(records: Sequence[RoundRecord]) -> dict[str, float]:
    """Return what a point cost: choosing its batch, which the rounds before its last did, and training on it."""
    *choosing, last = records
    chosen = {
        name: float(sum(record.seconds.get(name, 0.0) for record in choosing)) for name in ("inference", "selection")
    }
    return {"training": float(last.seconds.get("training", 0.0)), **chosen}


def _chosen(records: Sequence[RoundRecord]) -> dict[str, Any]:
    """Return how the newest batch was chosen: the record before the last is of the round that chose it."""
    if len(records) < 2:  # noqa: PLR2004  nobody chose what is labelled before the first round
        return {}
    chose = records[-2]
    return {"acting": chose.acting, "fallback": chose.fallback, "candidates": chose.candidates}


def _picked(point: Point, answers: Answers) -> Iterator[dict[str, Any]]:
    for rank, item in enumerate(point.asked, start=1):
        why = item.why or {}
        value = answers.said[item.id]
        yield {
            "round": point.round,
            "rank": rank,
            "id": item.id,
            "source": item.source,
            "answer": None if value is None else json.dumps(value, ensure_ascii=False),
            "annotator": answers.by[item.id],
            "cost": answers.costs[item.id],
            "strategy": why.get("strategy", "initial"),
            "score": why.get("score"),
            "propensity": why.get("propensity"),
        }


# On disk ------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=2)
def _material(data: Path | bytes) -> Material:
    import pyarrow.parquet as pq

    return from_table(pq.read_table(io.BytesIO(data) if isinstance(data, bytes) else data))


_FLOATS = ("score", "beside", "cost", "training", "inference", "selection", "seconds_all", "propensity")
_WHOLE = ("round", "labelled", "candidates", "rank")
_CURVE_COLUMNS = (
    *("round", "labelled", "score", "beside", "cost", "training", "inference", "selection", "seconds_all"),
    *("acting", "fallback", "candidates"),
)
_PICK_COLUMNS = (*("round", "rank", "id", "source", "answer", "annotator", "cost", "strategy", "score", "propensity"),)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    def kind(name: str) -> pa.DataType:
        return pa.float64() if name in _FLOATS else pa.int64() if name in _WHOLE else pa.string()

    return pa.table({name: pa.array([row.get(name) for row in rows], kind(name)) for name in columns})


def _parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
