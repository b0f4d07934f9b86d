"""What a simulation labels: documents with gold answers, from anything that a session reads, with some held out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from alwidget import tasks
from alwidget.bench.material import Material
from alwidget.demo import MOST_HELD_OUT
from alwidget.errors import ArgumentError, DataError, near_miss
from alwidget.given import GivenAnswers
from alwidget.oracle import HeldOut
from alwidget.pool import Pool

__all__ = ["DatasetSpec", "read", "read_specs"]

SHARE = 0.25
"""How much is held out where the data brings no test part."""
PARTS = {"pool": ("train",), "test": ("test", "validation", "valid", "dev")}
"""What the parts of data sets are usually called, the first that is there counts."""


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Data as it was asked for.

    Attributes
    ----------
    name
        What it is called in results.
    data
        ``"docstrings"``, a path, a hub id, a DataFrame, or anything else that `alwidget.annotate` reads.
    task
        What is asked of its documents.
    n, n_test
        At most so many documents to choose from, and to measure on; drawn at random by `seed`.
    test
        What to measure on: more data, a share or a number of documents that are held out; by default the part of the
        data that is called ``test``, else a quarter.
    split
        The column that says which part a document belongs to; found when it is called ``split``.
    config
        Which subset, for a hub id.
    """

    name: str
    data: Any
    task: str = "classification"
    n: int | None = None
    n_test: int | None = None
    test: Any = None
    split: str | None = None
    config: str | None = None
    seed: int = 0
    text: str | None = None
    text_pair: str | None = None
    id: str | None = None
    source: str | None = None
    label: str | None = None
    tokens: str | None = None
    scheme: str | None = None
    encoding: str | None = None


@dataclass(slots=True)
class _Part:
    """Documents with answers, some of which may still go to the other part."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    without: int = 0

    def taken(self, positions: np.ndarray) -> _Part:
        """Return some of the documents, in their order."""
        return _Part([self.rows[i] for i in np.sort(positions)], self.without)

    def drawn(self, size: int | None, rng: np.random.Generator) -> _Part:
        """Return at most `size` documents, drawn at random."""
        if size is None or size >= len(self.rows):
            return self
        return self.taken(rng.permutation(len(self.rows))[:size])


def read_specs(datasets: Any) -> list[DatasetSpec]:
    """Return data as it was asked for: a name, a path, a frame, a mapping of options, several of these, or by name.

    Raises
    ------
    alwidget.errors.ArgumentError
        An option does not exist, there is nothing, or two are called the same.

    Examples
    --------
    >>> [(spec.name, spec.task) for spec in read_specs(["docstrings", {"data": "docstrings", "task": "tagging"}])]
    [('docstrings', 'classification'), ('docstrings-tagging', 'tagging')]
    """
    if isinstance(datasets, Mapping) and "data" not in datasets:
        datasets = [
            {"name": name, **(each if isinstance(each, Mapping) else {"data": each})}
            for name, each in datasets.items()
        ]
    several = isinstance(datasets, list | tuple)
    specs = [_spec(each) for each in (datasets if several else [datasets])]
    if not specs:
        message = 'There are no datasets. Give one, such as datasets=["docstrings"].'
        raise ArgumentError(message)
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f'Two datasets are called "{twice[0]}". Give them names: {{"name": …, "data": …}}.'
        raise ArgumentError(message)
    return specs


def _spec(given: Any) -> DatasetSpec:
    if isinstance(given, DatasetSpec):
        return given
    options = dict(given) if isinstance(given, Mapping) else {"data": given}
    known = [each.name for each in fields(DatasetSpec)]
    for name in options:
        if name not in known:
            message = f'A dataset has no option "{name}".{near_miss(str(name), known)} It has: {", ".join(known)}.'
            raise ArgumentError(message)
    if options.get("data") is None:
        message = f"A dataset needs data: a name, a path, a hub id or a DataFrame. Got {sorted(options)}."
        raise ArgumentError(message)
    task = options.get("task", "classification")
    if task not in MOST_HELD_OUT:
        message = (
            f'There is no task "{task}".{near_miss(str(task), MOST_HELD_OUT)} There are: {", ".join(MOST_HELD_OUT)}.'
        )
        raise ArgumentError(message)
    for name in ("n", "n_test"):
        _whole(options.get(name), name)
    if options.get("name") is None:
        options["name"] = _called(options["data"], task)
    return DatasetSpec(**options)


def _whole(value: Any, name: str) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        message = f"{name}={value!r} must be a whole number, 1 or more."
        raise ArgumentError(message)


def _called(data: Any, task: str) -> str:
    if isinstance(data, Pool):
        return data.name
    if isinstance(data, str | os.PathLike):
        text = os.fspath(data)
        if text == "docstrings":
            return text if task == "classification" else f"{text}-{task}"
        return Path(text.removeprefix("hub:")).name.split(".")[0] or "data"
    return "data"


# Reading ------------------------------------------------------------------------------------------------------------


def read(spec: DatasetSpec) -> Material:
    """Return the documents, their gold answers, and those to measure on.

    The same data gives the same parts every time: what is held out is drawn by `spec.seed`, never by the seed of a
    run: all are measured on the same documents.

    Raises
    ------
    alwidget.errors.DataError
        The data cannot be read, or has no gold answers.
    alwidget.errors.ArgumentError
        There is no such data, or nothing is left to choose from or to measure on.
    """
    pool, test = _parts(spec)
    rng = np.random.default_rng([spec.seed, 1])
    if test is None:
        given = spec.test if spec.test is not None else SHARE
        most = MOST_HELD_OUT[spec.task] if spec.test is None else len(pool.rows)
        size = min(int(given * len(pool.rows)) if given < 1 else int(given), most)
        order = rng.permutation(len(pool.rows))
        pool, test = pool.taken(order[size:]), pool.taken(order[:size])
    pool, test = pool.drawn(spec.n, rng), test.drawn(spec.n_test, rng)
    for part, what in ((pool, "to choose from"), (test, "to measure on")):
        if not part.rows:
            message = f'"{spec.name}" has no documents {what} that have a gold answer.'
            raise ArgumentError(message)
    return _material(spec, pool, test)


def _parts(spec: DatasetSpec) -> tuple[_Part, _Part | None]:
    """Return the documents to choose from and those to measure on, the latter None where they are yet to be drawn."""
    data = spec.data
    if isinstance(data, str | os.PathLike):
        data = _named(spec)
    given = spec.test
    if given is not None and not _is_number(given):
        return _answered(data, spec), _answered(given, spec)
    if isinstance(data, Mapping):
        found = {part: next((data[name] for name in names if name in data), None) for part, names in PARTS.items()}
        if found["pool"] is None:
            message = f'"{spec.name}" has no part called "train"; it has {", ".join(data)}.'
            raise DataError(message)
        test = None if found["test"] is None or given is not None else _answered(found["test"], spec)
        return _answered(found["pool"], spec), test
    everything = _answered(data, spec)
    of = _split(data, spec)
    if of is None:
        return everything, None
    names = {part: next((name for name in known if name in of.values()), None) for part, known in PARTS.items()}
    if names["pool"] is None or (names["test"] is None and given is None):
        message = f'"{spec.name}": its column of parts has {", ".join(sorted(set(of.values())))}, no train and test.'
        raise DataError(message)
    chosen = {part: [row for row in everything.rows if of.get(row["id"]) == name] for part, name in names.items()}
    test = None if given is not None else _Part(chosen["test"])
    return _Part(chosen["pool"], everything.without), test


def _named(spec: DatasetSpec) -> Any:
    """Return what a text stands for: the corpus that is always there, a path, or data of the hub."""
    name = os.fspath(spec.data)
    if name == "docstrings":
        from alwidget.datasets import docstrings

        return docstrings(spec.task)
    if not name.startswith("hub:"):
        path = Path(name).expanduser()
        if path.exists():
            return path
        if path.suffix or name.count("/") > 1 or name.startswith((".", "/", "~")):
            message = f'"{name}": there is no such file or folder, seen from {Path.cwd()}.'
            raise ArgumentError(message)
        if "/" not in name:
            message = (
                f'There is no dataset "{name}".{near_miss(name, ["docstrings"])} A dataset is "docstrings", a path, '
            )
            message += 'a hub id such as "owner/name" (or "hub:name"), or a DataFrame.'
            raise ArgumentError(message)
    return _from_hub(name.removeprefix("hub:"), spec.config)


def _from_hub(name: str, config: str | None) -> Any:
    import datasets

    try:
        return datasets.load_dataset(name, config)
    except Exception as error:
        message = f'"{name}" could not be had from the hub: {" ".join(str(error).split())[:300]}'
        raise DataError(message) from error


def _loaded(data: Any, spec: DatasetSpec, **changed: Any) -> Pool:
    if isinstance(data, Pool):
        return data
    roles = {role: getattr(spec, role) for role in ("text", "text_pair", "id", "source", "label", "tokens")}
    return Pool.load(data, task=spec.task, encoding=spec.encoding, progress=False, **{**roles, **changed})


def _answered(data: Any, spec: DatasetSpec) -> _Part:
    """Return the documents that have a gold answer, as rows with ``answer``."""
    pool = _loaded(data, spec)
    if not pool.has_labels:
        message = f'"{spec.name}" has no column of answers for task="{spec.task}". Name it: {{"label": …}}.'
        raise DataError(message)
    blind = GivenAnswers(pool, tasks.get(spec.task), scheme=spec.scheme)
    task = tasks.get(spec.task, blind.labels())
    gold = GivenAnswers(pool, task, scheme=spec.scheme)
    part = _Part()
    for document in pool:
        answer = gold.of(document, task)
        if answer is None:
            part.without += 1
            continue
        row: dict[str, Any] = {"id": document.id, "text": document.text, "answer": answer}
        if document.text_pair is not None:
            row["text_pair"] = document.text_pair
        if document.source is not None:
            row["source"] = document.source
        words = pool.given_words(document.index) if spec.task == "tagging" else None
        if words is not None:
            row["tokens"] = [document.text[start:end] for start, end in words]
        part.rows.append(row)
    return part


def _split(data: Any, spec: DatasetSpec) -> dict[str, str] | None:
    """Return the part of every document by id, or None where the data does not say."""
    if isinstance(data, Pool):
        return None
    try:
        pool = _loaded(data, spec, source=spec.split or "split")
    except (DataError, ArgumentError):
        if spec.split is not None:
            raise
        return None
    return {document.id: document.source or "" for document in pool}


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if value <= 0:
        message = f"test={value!r} must be a share such as 0.25, or a number of documents."
        raise ArgumentError(message)
    return True


def _material(spec: DatasetSpec, pool: _Part, test: _Part) -> Material:
    labels = _labels([row["answer"] for part in (pool, test) for row in part.rows], spec.task)
    gold = {row["id"]: row["answer"] for row in pool.rows}
    rows = tuple({name: value for name, value in row.items() if name != "answer"} for row in pool.rows)
    paired = any("text_pair" in row for row in (*pool.rows, *test.rows))
    held_out = HeldOut(
        [row["text"] for row in test.rows],
        [row["answer"] for row in test.rows],
        [row.get("text_pair") or "" for row in test.rows] if paired else None,
    )
    notes = []
    if pool.without or test.without:
        notes.append(f"{max(pool.without, test.without):,} documents without a gold answer were left out.")
    both = {(row["text"], row.get("text_pair")) for row in pool.rows}
    shared = sum((row["text"], row.get("text_pair")) in both for row in test.rows)
    if shared:
        notes.append(f"{shared:,} of {len(test.rows):,} documents to measure on are among those to choose from, too.")
    described = json.dumps([spec.task, labels, pool.rows, test.rows], ensure_ascii=False, sort_keys=True)
    digest = hashlib.sha256(described.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Material(spec.name, spec.task, labels, rows, gold, held_out, digest, tuple(notes))


def _labels(answers: Sequence[Any], task: str) -> tuple[str, ...]:
    match task:
        case "generation":
            return ()
        case "tagging":
            return tuple(sorted({span["label"] for spans in answers for span in spans}))
        case "multilabel":
            return tuple(sorted({label for labels in answers for label in labels}))
    return tuple(sorted(set(answers)))
