"""``alwidget.benchmark``: every combination of what is compared, each run once, kept as it finishes."""

from __future__ import annotations

import itertools
import logging
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alwidget import strategies as _strategies
from alwidget._version import __version__
from alwidget.arguments import whole_number
from alwidget.bench.arms import ModelSpec, StrategySpec, read_models, read_strategies, read_subsamplers
from alwidget.bench.cells import CURVE, FULL, Job, key_of
from alwidget.bench.data import read, read_specs
from alwidget.bench.executors import Event, check_executor, execute
from alwidget.bench.machine import versions
from alwidget.bench.material import Material
from alwidget.bench.oracles import Annotator, answer_all, described, read_oracle
from alwidget.bench.progress import Progress
from alwidget.bench.results import Results
from alwidget.bench.store import RunFolder
from alwidget.errors import ArgumentError
from alwidget.oracle import MEASURES
from alwidget.strategies import Subsampler

__all__ = ["benchmark"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Grid:
    """What is compared, read and checked."""

    strategies: list[StrategySpec]
    subsamplers: list[str | Subsampler | None]
    models: list[ModelSpec]
    seeds: list[int]
    rounds: int
    batch_size: int
    initial: int
    annotators: tuple[Annotator, ...]
    full: bool
    threads: int


@dataclass(frozen=True, slots=True)
class _Cell:
    """A job, and what it is called in results."""

    job: Job
    names: dict[str, Any]


def benchmark(
    datasets: Any,
    strategies: Any = ("random", "auto"),
    *,
    out: str | os.PathLike[str],
    subsamplers: Any = "auto",
    model: Any = "auto",
    seeds: int | Sequence[int] = 5,
    rounds: int = 10,
    batch_size: int = 50,
    initial: int = 0,
    oracle: Any = "gold",
    full: bool = True,
    executor: str = "processes",
    workers: int | None = None,
    threads: int = 1,
    resume: bool = True,
    progress: bool = True,
) -> Results:
    """Compare strategies by labelling data with gold answers, through the session and engine that people use.

    Every combination of dataset, strategy, subsampler, model and seed is a cell: a session of its own, labelled by an
    oracle round by round and measured on documents that it never sees. A cell is written into `out` when it is done:
    a run that was stopped or killed goes on where it was, and one that is asked for more does only what is new.
    A cell is known by a digest of all that decides its numbers: no other data, options or code is ever mixed in.

    Parameters
    ----------
    datasets
        Names (``"docstrings"``), paths, hub ids, DataFrames, or mappings with options: ``{"data": "mail.csv",
        "name": "mail", "task": "classification", "label": "folder", "n": 5000, "test": 0.25}``; also ``{name: data}``.
        Documents are measured on that the data calls ``test``, or that `test` gives, else a quarter, the same for all.
    strategies
        Names, classes, instances, ``"path.py:Class"``, or with options ``{"strategy": "tyrogue", "r": 1}``.
    out
        The folder of the run.
    subsamplers
        As `subsample` of `alwidget.annotate`; one or several.
    model
        As for `alwidget.annotate`, or a class or function that makes a learner; one or several.
    seeds
        How many, or which ones. The same seed is the same luck for all strategies.
    rounds, batch_size
        How often is asked, and how many documents each time; ends early where no documents are left.
    initial
        So many documents, drawn by the seed alone, are labelled before any strategy is asked, so that all start from
        the same ones. With 0 a strategy also chooses the first batch, as in a session.
    oracle
        Who answers: ``"gold"``; with mistakes ``{"error": 0.1}`` or ``{"confusion": {"a": {"b": 0.2}}}``; with gaps
        ``{"skip": 0.1}``; or a list of several, each with ``"name"``, ``"cost"`` and ``"share"``.
    full
        Whether to train on all labels too, once for each seed: without that nobody knows what 95 % of it is.
    executor
        ``"processes"``, ``"serial"`` (in this process) or ``"ray"``: the same numbers from each.
    workers
        How many processes; by default one a core.
    threads
        How many threads a cell computes with.
    resume
        Whether to go on with what is in `out`; with False it must not hold a run yet.
    progress
        Whether to show a bar.

    Returns
    -------
    Results
        What came of it. A cell that failed is in its `failures` and does not stop the others.

    Raises
    ------
    alwidget.errors.ArgumentError
        Something that was asked for cannot be done; said before anything is run.
    alwidget.errors.DataError
        Data cannot be read or has no gold answers.

    Examples
    --------
    >>> import alwidget as alw, tempfile
    >>> texts = [f"{word} number {i}" for i in range(40) for word in ("good", "bad")]
    >>> rows = [{"text": text, "label": text.split()[0]} for text in texts]
    >>> results = alw.benchmark(
    ...     {"films": rows}, ["random", "entropy"], model="tf-idf", seeds=2, rounds=2, batch_size=5,
    ...     out=tempfile.mkdtemp() + "/run", executor="serial", progress=False,
    ... )
    >>> results.summary()[["strategy", "seeds"]].to_dict("list")
    {'strategy': ['random', 'entropy'], 'seeds': [2, 2]}
    """
    grid = _Grid(
        read_strategies(list(strategies) if isinstance(strategies, tuple) else strategies),
        read_subsamplers(subsamplers),
        read_models(model),
        _seeds(seeds),
        whole_number(rounds, "rounds", least=1),
        whole_number(batch_size, "batch_size", least=1),
        whole_number(initial, "initial", least=0),
        read_oracle(oracle),
        full,
        whole_number(threads, "threads", least=1),
    )
    if workers is not None:
        whole_number(workers, "workers", least=1)
    check_executor(executor)
    specs, folder = read_specs(datasets), RunFolder(out)
    if folder.there and not resume:
        message = f'There is a run in "{folder.path}". Go on with it (resume=True, --resume), or take another out=….'
        raise ArgumentError(message)
    materials = [read(spec) for spec in specs]
    for material in materials:
        _check(grid, material)
    with folder.locked():
        cells = [cell for material in materials for cell in _cells(grid, material, folder)]
        _no_twins(cells)
        folder.write_plan(_plan(grid, materials, cells))
        _run(cells, folder, executor, workers, progress=progress)
    return Results.load(folder.path)


def _run(cells: Sequence[_Cell], folder: RunFolder, executor: str, workers: int | None, *, progress: bool) -> None:
    done = folder.done()
    names = {cell.job.key: cell.names for cell in cells}
    jobs = [cell.job for cell in cells if cell.job.key not in done]
    total = sum(cell.job.steps for cell in cells)
    already = total - sum(job.steps for job in jobs)

    with Progress(already, total, cells=len(cells), finished=len(cells) - len(jobs), shown=progress) as bar:

        def tell(event: Event) -> None:
            key = event.job.key
            if event.kind == "done":
                folder.keep(key, event.value)
            elif event.kind == "failed":
                folder.fail(key, {"key": key, **names[key], "config": event.job.config, **event.value})
                logger.warning("the cell %s failed: %s", _shown(names[key]), event.value["error"])
            bar.tell(event)

        execute(jobs, executor, tell, workers)


def _cells(grid: _Grid, material: Material, folder: RunFolder) -> Iterable[_Cell]:
    """Return the cells of a dataset: all strategies with one seed before any with the next."""
    data = folder.put_data(material)
    pool = len(material.rows)
    rounds = min(grid.rounds, math.ceil((pool - grid.initial) / grid.batch_size)) + (grid.initial > 0)
    about = {"version": __version__, "data": material.digest, "task": material.task}
    for model, seed in itertools.product(grid.models, grid.seeds):
        base = {**about, "model": model.described(), "seed": seed, "threads": grid.threads}
        names = {"dataset": material.name, "model": model.name, "seed": seed}
        if grid.full:
            config = {**base, "kind": FULL}
            job = Job(key_of(config), config, None, None, model, (Annotator(),), data, 1, grid.threads)
            yield _Cell(job, {"kind": FULL, **names, "strategy": None, "subsample": None})
        for strategy, subsample in itertools.product(grid.strategies, grid.subsamplers):
            shown = _strategies.subsample_setting(subsample) or repr(subsample)
            config = {**base, "kind": CURVE, "strategy": strategy.described(), "subsample": shown}
            config |= {"rounds": grid.rounds, "batch_size": grid.batch_size, "initial": grid.initial}
            config["oracle"] = described(grid.annotators)
            key = key_of(config)
            job = Job(key, config, strategy, subsample, model, grid.annotators, data, rounds, grid.threads)
            yield _Cell(job, {"kind": CURVE, **names, "strategy": strategy.name, "subsample": shown})


def _plan(grid: _Grid, materials: Sequence[Material], cells: Sequence[_Cell]) -> dict[str, Any]:
    data = {
        material.name: {
            "task": material.task,
            "digest": material.digest,
            "labels": material.labels,
            "pool": len(material.rows),
            "test": len(material.test),
            "measure": [MEASURES[material.task].name, MEASURES[material.task].beside],
            "notes": material.notes,
        }
        for material in materials
    }
    asked = {"rounds": grid.rounds, "batch_size": grid.batch_size, "initial": grid.initial, "seeds": grid.seeds}
    asked |= {"oracle": described(grid.annotators), "threads": grid.threads}
    listed = [{"key": cell.job.key, **cell.names} for cell in cells]
    return {"asked": asked, "versions": versions(), "datasets": data, "cells": listed}


def _check(grid: _Grid, material: Material) -> None:
    """Raise where something cannot be done with a dataset, before anything is run."""
    if grid.initial >= len(material.rows):
        message = f'initial={grid.initial}: "{material.name}" has {len(material.rows):,} documents to choose from.'
        raise ArgumentError(message)
    for strategy in grid.strategies:
        strategy.make(material.task)
    for model in grid.models:
        model.make(material.task)
    answer_all(grid.annotators, {}, material.task, material.labels, 0)
    MEASURES[material.task].of(material.test.answers[:1], material.test.answers[:1], material.labels)


def _no_twins(cells: Sequence[_Cell]) -> None:
    """Raise where two names stand for the same thing: a comparison of it with itself is no comparison."""
    seen: dict[str, dict[str, Any]] = {}
    for cell in cells:
        if cell.job.key in seen:
            message = f"{_shown(cell.names)} is the same as {_shown(seen[cell.job.key])}; leave one of them out."
            raise ArgumentError(message)
        seen[cell.job.key] = cell.names


def _seeds(given: Any) -> list[int]:
    if isinstance(given, int) and not isinstance(given, bool):
        return list(range(whole_number(given, "seeds", least=1)))
    seeds = [whole_number(seed, "seeds", least=0) for seed in given] if isinstance(given, list | tuple | range) else []
    if not seeds or len(set(seeds)) < len(seeds):
        message = f"seeds={given!r}: it is how many, or a list of different whole numbers."
        raise ArgumentError(message)
    return seeds


def _shown(names: dict[str, Any]) -> str:
    parts = [names["dataset"], names["strategy"] or "all labels", names["subsample"], names["model"]]
    return " · ".join([*(str(part) for part in parts if part), f"seed {names['seed']}"])
