"""What PLASM starts from: documents, what people said of some of them, and which may be pseudo-labelled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget import tasks
from alwidget.engine.batches import words_at
from alwidget.errors import ArgumentError, DataError
from alwidget.learners.base import Batch
from alwidget.pool import content_hash
from alwidget.tasks.words import word_spans

if TYPE_CHECKING:
    from alwidget.pool import Pool
    from alwidget.session import Session
    from alwidget.tasks import Task

__all__ = ["Material", "from_annotations", "from_data", "from_session", "gather"]

TASKS = ("classification", "multilabel", "tagging")
ANNOTATIONS = "annotations.json"
DATASET = "dataset_info.json"
ORIGIN, MODELS = "origin", frozenset({"pseudo", "dropped"})


@dataclass(frozen=True, slots=True)
class Material:
    """Documents and answers, people's first.

    Attributes
    ----------
    task
        The task over today's labels.
    ids, documents
        All documents; the first `len(answers)` are those that people answered.
    answers
        What people said of them, in the form of the task.
    drawn
        Whether each of them was asked by a random draw, bool (n,): those alone stand for the pool.
    worded
        Whether the data says itself what the words are.
    """

    task: Task
    ids: list[str]
    documents: Batch
    answers: list[Any]
    drawn: np.ndarray
    worded: bool = False

    @property
    def people(self) -> np.ndarray:
        """The positions of the documents that people answered, int64 (n,)."""
        return np.arange(len(self.answers))

    @property
    def rest(self) -> np.ndarray:
        """The positions of the documents that nobody has said anything of, int64 (m,)."""
        return np.arange(len(self.answers), len(self.ids))

    @property
    def fingerprint(self) -> str:
        """A digest of documents and answers: the same input gives the same, whatever file it came in."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(json.dumps([self.task.name, *self.task.labels], ensure_ascii=False).encode())
        for doc, key in zip(self.ids, self.documents.keys, strict=True):
            digest.update(doc.encode("utf-8", "surrogatepass") + key)
        digest.update(json.dumps(self.answers, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def gather(source: Any, data: Any = None, **columns: Any) -> Material:
    """Return the material of a session, of ``annotations.json``, or of a table.

    Parameters
    ----------
    source
        A `Session`; the path of a session or of its ``annotations.json``; or whatever `alwidget.Pool.load` takes, with
        a column of labels that is empty where nobody has answered.
    data
        With a path, the documents to pseudo-label: whatever `alwidget.Pool.load` takes.
    columns
        ``task=``, ``labels=``, and the columns as for `alwidget.annotate`.

    Raises
    ------
    alwidget.errors.DataError
        There are no answers to learn from.
    alwidget.errors.ArgumentError
        The task has no PLASM, or arguments do not go together.
    """
    if hasattr(source, "annotations") and hasattr(source, "pool"):
        if data is not None or columns:
            message = "A session has its documents and its labels; pass it alone."
            raise ArgumentError(message)
        return from_session(source)
    if isinstance(source, str | Path) and (kept := _kept(Path(source))) is not None:
        return from_annotations(kept, data, **columns)
    if data is not None:
        message = "data= goes with the path of a session or of its annotations.json; a table brings its documents."
        raise ArgumentError(message)
    return from_data(source, **columns)


def from_session(session: Session) -> Material:
    """Return the material of an open session."""
    rows = [_row(a.id, a.text, a.text_pair, a.value, a.strategy) for a in session.annotations]
    return _put_together(session.task.with_labels(session.labels), rows, session.pool)


def from_annotations(path: Path, data: Any = None, **columns: Any) -> Material:
    """Return the material of ``annotations.json``; `data` has the documents that were not answered.

    Raises
    ------
    alwidget.errors.DataError
        The file cannot be read as annotations.
    """
    from alwidget.pool import Pool

    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        task = _task(str(kept["task"]), [_name(label) for label in kept["labels"]])
        given = [dict(row) for row in kept["annotations"]]
        rows = [
            _row(str(a["id"]), str(a["text"]), a.get("text_pair"), a.get(task.key), a.get("strategy")) for a in given
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} cannot be read as annotations ({type(error).__name__}: {error})."
        raise DataError(message) from error
    wrong = sorted(set(columns) & {"task", "labels", "label"})
    if wrong:
        message = f"{path.name} says itself what {' and '.join(wrong)} is; leave it out."
        raise ArgumentError(message)
    pool = None if data is None else Pool.load(data, task=task.name, **columns)
    return _put_together(task, rows, pool)


def from_data(
    data: Any, *, task: str = "classification", labels: Iterable[str] | None = None, **columns: Any
) -> Material:
    """Return the material of a table; documents without a label are those to pseudo-label.

    What PLASM wrote itself may come back: labels whose ``origin`` is a model are not people's.
    """
    from alwidget.given import GivenAnswers
    from alwidget.pool import Pool

    if isinstance(data, str | Path) and (Path(data) / DATASET).is_file():
        import datasets

        data = datasets.load_from_disk(str(data))
    pool = Pool.load(data, task=task, **columns)
    models = _by_models(data, pool, columns)
    openly = _task(task, [] if labels is None else list(labels), open_labels=labels is None)
    given = GivenAnswers(pool, openly, named=bool(columns.get("label")))
    if not given.there:
        message = f"{pool.name} has no column of labels; name it with label=."
        raise DataError(message)
    said = [d for d in pool if d.id not in models and pool.given_label(d.index) is not None]
    values = [given.of(document, openly) for document in said]
    closed = _task(task, tuple(openly.labels) or tuple(sorted(_used(values))))
    rows = [_row(d.id, d.text, d.text_pair, given.of(d, closed), None) for d in said]
    return _put_together(closed, rows, pool)


def _by_models(data: Any, pool: Pool, columns: dict[str, Any]) -> set[str]:
    """Return the ids of the documents whose label a model gave, by the column that `keeping` writes."""
    from alwidget.pool import Pool

    if pool.columns.get("source") != ORIGIN:
        if ORIGIN not in getattr(data, "columns", ()):
            return set()
        pool = Pool.load(data, **{**columns, "source": ORIGIN})
    return {document.id for document in pool if document.source in MODELS}


Row = tuple[str, str, str | None, Any, bool]


def _row(doc: str, text: str, pair: str | None, value: Any, strategy: str | None) -> Row:
    return doc, text, pair, value, strategy == "random"


def _put_together(task: Task, rows: Sequence[Row], pool: Pool | None) -> Material:
    """Return people's answers, then the documents of the pool that nobody said anything of, skipped ones included.

    A document with the content of one that was answered is not pseudo-labelled either, whatever its id.
    """
    if task.name not in TASKS:
        message = f'PLASM is for {", ".join(TASKS)}; task="{task.name}" has no pseudo-labels that could be trusted.'
        raise ArgumentError(message)
    answered = [row for row in rows if row[3] is not None and task.knows(row[3])]
    if not answered:
        message = "There are no answers to learn from. Label some documents first."
        raise DataError(message)
    ids, texts, pairs = ([row[0] for row in answered], [row[1] for row in answered], [row[2] for row in answered])
    words = [_words(pool, doc, text) for doc, text, *_ in answered] if task.name == "tagging" else None
    touched = {row[0] for row in rows}
    contents = {content_hash(row[1], row[2]) for row in rows}
    for document in pool or ():
        if document.id in touched or document.key in contents:
            continue
        contents.add(document.key)  # a duplicate learns nothing new and would count twice
        ids.append(document.id)
        texts.append(document.text)
        pairs.append(document.text_pair)
        if words is not None and pool is not None:
            words.append(words_at(pool, document.index))
    keys = [content_hash(text, pair) for text, pair in zip(texts, pairs, strict=True)]
    paired = [pair or "" for pair in pairs] if any(pair is not None for pair in pairs) else None
    return Material(
        task,
        ids,
        Batch(texts, keys, paired, words),
        [row[3] for row in answered],
        np.array([row[4] for row in answered], dtype=bool),
        words is not None and pool is not None and "tokens" in pool.columns,
    )


def _task(name: str, labels: Sequence[str], *, open_labels: bool = False) -> Task:
    """Return the task; spans may overlap, since whoever gave them said whether they do."""
    return tasks.get(name, labels, open_labels=open_labels, overlap=name == "tagging")


def _words(pool: Pool | None, doc: str, text: str) -> np.ndarray:
    if pool is not None and doc in pool and pool[pool.index_of(doc)].text == text:
        return words_at(pool, pool.index_of(doc))
    return word_spans(text)


def _kept(path: Path) -> Path | None:
    """Return the annotations behind a path, or None where it is data of another kind."""
    if path.is_dir() and (path / ANNOTATIONS).is_file():
        return path / ANNOTATIONS
    return path if path.is_file() and path.name == ANNOTATIONS else None


def _name(label: Any) -> str:
    return str(label["name"]) if isinstance(label, dict) else str(label)


def _used(values: Iterable[Any]) -> set[str]:
    """Return the labels that answers are made of."""
    out: set[str] = set()
    for value in values:
        if isinstance(value, str):
            out.add(value)
        for part in value if isinstance(value, list) else ():
            out.add(part["label"] if isinstance(part, dict) else part)
    return out
