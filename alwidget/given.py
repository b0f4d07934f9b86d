"""What the data says of its documents: answers to start from, and answers of a model or of rules to look over.

One rule for what cannot be used: **the document is kept, the answer is left out, and it is reported with the
document's id**. Tags that are not well formed are read by the rule of `alwidget.tasks.tags`, and that is reported too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import DataError, LabelError
from alwidget.pool.problems import KEPT, Problem
from alwidget.tasks import tags as tagging

if TYPE_CHECKING:
    from alwidget.pool import Document, Pool
    from alwidget.tasks import Task

__all__ = ["GivenAnswers"]

SAMPLE = 2000
"""Documents whose tags are looked at to tell their scheme."""
_STARTS, _ENDS = ("start", "begin", "start_offset", "start_char"), ("end", "stop", "end_offset", "end_char")
_LABELS, _TEXTS = ("label", "type", "entity_group", "entity", "tag", "category"), ("text", "word", "surface", "name")


class GivenAnswers:
    """The answers in one column of the data, in the form of the task.

    Parameters
    ----------
    role
        ``"label"`` or ``"prelabel"``.
    named
        Whether a caller asked for it; a column that was only found and cannot be used counts as not there.
    scheme
        Of tags: ``"IOB1"``, ``"IOB2"``, ``"BILOU"`` or ``"BIOES"``; found from the tags when left out.

    Raises
    ------
    alwidget.errors.DataError
        The column holds numbers in place of tags, or no tags of one scheme.
    """

    def __init__(
        self, pool: Pool, task: Task, role: str = "label", *, named: bool = True, scheme: str | None = None
    ) -> None:
        self._pool, self._task, self._role = pool, task, role
        self.column = pool.columns.get(role)
        self.there = self.column is not None
        self._reported = 0
        self.scheme: str | None = None
        if task.name == "tagging" and self.there:
            try:
                self.scheme = self._scheme(scheme)
            except DataError:
                if named:
                    raise
                self.there = False

    def of(self, document: Document, task: Task) -> Any:
        """Return the valid answer to a document, or None where there is none, or none that can be used.

        Parameters
        ----------
        task
            The task with the labels that there are now.
        """
        if not self.there:
            return None
        try:
            value = self._read(document.index)
            return None if value is None else task.validate(value, text=document.text)
        except LabelError as error:
            self._report(document.index, f"{_one_line(error)} The answer is left out.")
            return None

    def check(self, task: Task, most: int) -> None:
        """Look at the answers of all documents, so that what is wrong is reported; at the first `most` of them."""
        if self.there:
            for document in self._pool.documents(np.arange(min(most, len(self._pool)))):
                self.of(document, task)

    def labels(self) -> list[str]:
        """Return the names of all labels in this column, sorted."""
        found: set[str] = set()
        for index in range(len(self._pool)) if self.there and self._task.takes_labels else ():
            try:
                found.update(_names(self._read(index)))
            except LabelError:
                continue  # said when the answer is asked for
        return sorted(name for name in found if name.strip())

    def _read(self, index: int) -> Any:
        raw = self._pool.given_label(index, self._role)
        if raw is None or self._task.name in {"classification", "generation"}:
            return raw
        values = _listed(raw)
        if self._task.name == "multilabel":
            return [raw] if values is None else [str(value) if isinstance(value, int) else value for value in values]
        if values is None:
            message = f'"{self.column}" holds {raw[:40]!r}, neither tags nor spans.'
            raise LabelError(message)
        if not values or isinstance(values[0], Mapping | list):
            return [_span(value) for value in values]
        return self._from_tags(index, values)

    def _from_tags(self, index: int, tags: list[Any]) -> list[dict[str, Any]]:
        words = self._pool.given_words(index)
        if words is None:
            message = "It has tags, but its words are not known."
            raise LabelError(message)
        if len(words) != len(tags):
            message = f"It has {len(tags):,} tags for {len(words):,} words."
            raise LabelError(message)
        spans = [
            {"start": int(words[first][0]), "end": int(words[end - 1][1]), "label": label}
            for first, end, label in tagging.spans_of(tags, self.scheme)
        ]
        if self.scheme is not None and tagging.to_tags(spans, words, self.scheme) != tags:
            what = f"its tags are not well formed {self.scheme}; an entity begins wherever the label changes."
            self._report(index, what)
        return spans

    def _scheme(self, named: str | None) -> str | None:
        """Return the scheme of the tags; None where there are none."""
        drawn = np.unique(np.linspace(0, len(self._pool) - 1, min(len(self._pool), SAMPLE)).astype(np.int64))
        sample = (_listed(self._pool.given_label(int(i), self._role) or "") for i in drawn)
        some = [values for values in sample if values and not isinstance(values[0], Mapping | list)]
        if not some:
            return None
        if all(isinstance(value, int) for value in some[0]):
            message = (
                f'The column "{self.column}" holds numbers where tags are due, such as "B-PER". Load the data with '
                "the names of its classes (a datasets.Dataset keeps them), or replace the numbers."
            )
            raise DataError(message)
        if named is not None:
            tagging.spans_of([], named)
            return named
        try:
            return tagging.detect_scheme(some)
        except LabelError as error:
            message = f'The column "{self.column}" does not hold tags: {error} scheme=… names theirs.'
            raise DataError(message) from error

    def _report(self, index: int, what: str) -> None:
        problem = Problem(f'document "{self._pool[index].id}"', what, "label")
        if self._reported < KEPT and problem not in self._pool.problems:
            self._reported += 1
            self._pool.problems.append(problem)


def _listed(raw: str) -> list[Any] | None:
    """Return the list that a cell holds; None where it holds none."""
    if not raw.lstrip().startswith(("[", "{")):
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, Mapping):  # {"entities": [[0, 3, "PER"]]}, or columns beside one another
        value = value.get("entities", value.get("spans", _unstacked(value)))
    return value if isinstance(value, list) else None


def _unstacked(value: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of ``{"start": [0], "end": [3], "label": ["PER"]}``, as `datasets` gives lists of objects."""
    lengths = {len(cells) if isinstance(cells, list) else -1 for cells in value.values()}
    if len(lengths) != 1 or -1 in lengths:
        return None
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _span(value: Any) -> Any:
    """Return a span by our names for its parts; what is none of the usual forms is handed on, to be refused."""
    if isinstance(value, list) and len(value) == 3:  # noqa: PLR2004  start, end, label
        return dict(zip(("start", "end", "label"), value, strict=True))
    if not isinstance(value, Mapping):
        return value
    parts = {"start": _STARTS, "end": _ENDS, "label": _LABELS, "text": _TEXTS}
    span = {ours: next((value[name] for name in names if name in value), None) for ours, names in parts.items()}
    both = value.get("span")
    if span["start"] is None and isinstance(both, list) and len(both) == 2:  # noqa: PLR2004  start and end
        span["start"], span["end"] = both
    return span


def _names(value: Any) -> Iterator[str]:
    parts: Iterable[Any] = value if isinstance(value, list) else [value]
    for part in parts:
        name = part.get("label") if isinstance(part, Mapping) else part
        if isinstance(name, str):
            yield name


def _one_line(error: Exception) -> str:
    first, *rest = str(error).splitlines()
    return " ".join([first, *(line.strip() for line in rest[:-1])]) if rest else first
