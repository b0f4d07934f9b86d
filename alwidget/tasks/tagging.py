"""Entity spans: stretches of a document, each with a label.

One rule for all that is wrong with a span: **the answer is refused, and nothing is ever moved, cut or left out so
that it fits.** Refused are spans out of range, backwards, empty, of white space only, twice the same, sharing
characters where spans may not overlap, with an unknown label, and those whose ``text`` is not what the document says
between their offsets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from alwidget.errors import LabelError
from alwidget.tasks.base import known_label

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SpanValue", "Tagging", "slice_flaw"]

LISTED = 5
"""Faults that a message lists."""
EXCERPT = 40


class SpanValue(TypedDict, total=False):
    """A span as it is written down; `text` is the document between the offsets, which are Unicode code points."""

    start: int
    end: int
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Tagging:
    """Spans of the text, each with one label; a value is the list of them in reading order.

    The empty list says that there is no span; it is an answer like any other. Spans are of the first text where there
    is a ``text_pair``.
    """

    labels: tuple[str, ...] = ()
    open_labels: bool = False
    overlap: bool = False
    _index: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)
    name: ClassVar[str] = "tagging"
    key: ClassVar[str] = "spans"
    takes_labels: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Index the labels once; answers are encoded on every round."""
        self._index.update({label: i for i, label in enumerate(self.labels)})

    def validate(self, value: Any, *, text: str | None = None) -> list[SpanValue]:
        """Return the spans sorted by start, end and label, with the text of each; or raise `LabelError`.

        Parameters
        ----------
        value
            A list of dicts with ``start``, ``end`` and ``label``, and optionally ``text``, which is then compared with
            the document; other keys are left out.
        text
            The document's text. Without it, offsets cannot be held against the document, and a ``text`` is kept as it
            is given.

        Raises
        ------
        alwidget.errors.LabelError
            Naming every span that cannot be used, with its offsets.

        Examples
        --------
        >>> Tagging(("PER",)).validate([{"start": 0, "end": 3, "label": "PER"}], text="Ada wrote it.")
        [{'start': 0, 'end': 3, 'label': 'PER', 'text': 'Ada'}]
        """
        if not isinstance(value, list | tuple):
            message = (
                f"A tagging answer is a list of spans, got {type(value).__name__}: {value!r:.80}. Write "
                '[{"start": 0, "end": 5, "label": "…"}], or [] where there is no span.'
            )
            raise LabelError(message)
        problems: list[str] = []
        spans: list[SpanValue] = []
        for number, given in enumerate(value, start=1):
            try:
                spans.append(self._span(given, text))
            except LabelError as error:
                problems.append(f"span {number} of {len(value)}{_shown(given)}: {error}")
        spans.sort(key=_place)
        problems += self._clashes(spans)
        if problems:
            listed = "\n".join(f"  {problem}" for problem in problems[:LISTED])
            more = f"\n  and {len(problems) - LISTED:,} more" if len(problems) > LISTED else ""
            message = (
                f"These spans cannot be used, and nothing was saved:\n{listed}{more}\n"
                "Offsets count the Unicode code points of the document's text, from 0, the end not included."
            )
            raise LabelError(message)
        return spans

    def knows(self, value: Any) -> bool:
        """Return whether all labels are among today's."""
        return isinstance(value, list) and all(span.get("label") in self._index for span in value)

    def encode(self, values: Sequence[Sequence[SpanValue]]) -> list[np.ndarray]:
        """Return for each document its spans as int32, shape (k, 3): start, end, class."""
        import numpy as np

        rows = [[(span["start"], span["end"], self._index[span["label"]]) for span in spans] for spans in values]
        return [np.array(row, dtype=np.int32).reshape(-1, 3) for row in rows]

    def with_labels(self, labels: Iterable[str]) -> Tagging:
        """Return the same task over other labels."""
        return Tagging(tuple(labels), self.open_labels, self.overlap)

    def _span(self, given: Any, text: str | None) -> SpanValue:
        if not isinstance(given, Mapping):
            message = f"it is {type(given).__name__}, not an object with start, end and label."
            raise LabelError(message)
        missing = [name for name in ("start", "end", "label") if given.get(name) is None]
        if missing:
            message = f"it has no {' and no '.join(missing)}."
            raise LabelError(message)
        start, end = (_offset(given[name], name) for name in ("start", "end"))
        label = known_label(given["label"], self._index, open_labels=self.open_labels)
        span: SpanValue = {"start": start, "end": end, "label": str.__str__(label)}
        if given.get("text") is not None:
            span["text"] = given["text"]
        if flaw := slice_flaw(span, text):
            raise LabelError(flaw)
        if text is not None:
            span["text"] = text[start:end]
        return span

    def _clashes(self, spans: Sequence[SpanValue]) -> list[str]:
        """Return what is wrong between spans that are sorted and right in themselves."""
        out: list[str] = []
        furthest: SpanValue | None = None
        for before, span in pairwise(spans):
            furthest = before if furthest is None or before["end"] > furthest["end"] else furthest
            if _place(before) == _place(span):
                out.append(f"{_named(span)} is there twice; keep one of them.")
            elif not self.overlap and span["start"] < furthest["end"]:
                out.append(
                    f"{_named(span)} and {_named(furthest)} share characters, and spans may not overlap here; keep "
                    "one of them, or open the session with overlap=True."
                )
        return out


def slice_flaw(span: Mapping[str, Any], text: str | None) -> str | None:
    """Return what is wrong with a span's offsets and its ``text`` in this document; None when nothing is.

    >>> slice_flaw({"start": 0, "end": 3, "text": "Eva"}, "Ada wrote it.")
    'its text is "Eva", but the document says "Ada" there.'
    """
    start, end, kept = span["start"], span["end"], span.get("text")
    if kept is not None and not isinstance(kept, str):
        return f"its text is {type(kept).__name__}, not text."
    if start < 0:
        return f"it begins at {start}, before the text does."
    if end <= start:
        return "it is empty." if end == start else "it is backwards: the end comes before the start."
    if text is None:
        if kept is not None and len(kept) != end - start:
            return f"its text has {len(kept)} characters, but its offsets are {end - start} apart."
        return None
    if end > len(text):
        return f"it ends at {end:,}, but the text has {len(text):,} characters."
    there = text[start:end]
    if kept is not None and kept != there:
        return f'its text is "{_excerpt(kept)}", but the document says "{_excerpt(there)}" there.'
    if there.isspace():
        return "there is only white space there."
    return None


def _offset(value: Any, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if type(value).__module__ == "numpy" and getattr(value, "dtype", None) is not None and value.dtype.kind in "iu":
        return int(value)
    message = f"its {name} is {value!r:.40}, not a whole number."
    raise LabelError(message)


def _place(span: SpanValue) -> tuple[int, int, str]:
    return span["start"], span["end"], span["label"]


def _named(span: SpanValue) -> str:
    return f'"{span["label"]}" at {span["start"]}…{span["end"]}'


def _shown(given: Any) -> str:
    if not isinstance(given, Mapping):
        return ""
    return f" ({given.get('label')!r:.40} at {given.get('start')!r:.20}…{given.get('end')!r:.20})"


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"
