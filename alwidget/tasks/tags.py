"""Between spans of text and one tag a word, in the schemes that people write them in.

One rule reads whatever is written, also what is not well formed; it is the rule of CoNLL's ``conlleval``, with the
prefixes of BILOU and BIOES: an entity begins at B, S and U, and at any other tag that comes after O, after an E, L, S
or U, or after another label. It ends before the next beginning, before O, and after E, L, S and U. So an I without a B
begins an entity, and where the label changes, a new entity begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alwidget.errors import ArgumentError, LabelError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SCHEMES", "decode_tags", "detect_scheme", "encode_spans", "spans_of", "tag_names", "to_tags"]

SCHEMES = {"IOB1": "OBI", "IOB2": "OBI", "BILOU": "OBILU", "BIOES": "OBIES"}
"""The schemes and the prefixes that they have; BILUO is another name of BILOU."""
BEGINS = frozenset("BSU")
ENDS = frozenset("ELSU")


def detect_scheme(sequences: Iterable[Sequence[str]]) -> str:
    """Return the scheme of some tagged documents: ``"IOB1"``, ``"IOB2"``, ``"BILOU"`` or ``"BIOES"``.

    L or U makes it BILOU, E or S BIOES. Of B and I alone it is IOB1 where some entity begins with I and no entity
    begins with B but right after another of its label; else IOB2, also where there is nothing to see.

    Raises
    ------
    alwidget.errors.LabelError
        A tag is neither ``O`` nor a prefix, a hyphen and a label, or there are prefixes of both BILOU and BIOES.

    Examples
    --------
    >>> detect_scheme([["B-PER", "I-PER", "O"]]), detect_scheme([["I-PER", "I-PER", "B-PER"]])
    ('IOB2', 'IOB1')
    """
    seen: set[str] = set()
    bare_inside = needless_begin = False
    for tags in sequences:
        before = ""
        for tag in tags:
            prefix, label = _split(tag)
            seen.add(prefix)
            bare_inside |= prefix == "I" and label != before
            needless_begin |= prefix == "B" and label != before
            before = label
    bilou, bioes = seen & set("LU"), seen & set("ES")
    if bilou and bioes:
        mixed = ", ".join(sorted(bilou | bioes))
        message = f"The tags mix the prefixes of BILOU and BIOES ({mixed}); a file has one scheme."
        raise LabelError(message)
    if bilou or bioes:
        return "BILOU" if bilou else "BIOES"
    return "IOB1" if bare_inside and not needless_begin else "IOB2"


def spans_of(tags: Sequence[str], scheme: str | None = None) -> list[tuple[int, int, str]]:
    """Return the entities of one document: first word, the word after the last, label.

    Parameters
    ----------
    tags
        One tag a word. What is not well formed is read by the rule at the top of this module.
    scheme
        None takes the prefixes of all schemes; a name refuses those that it does not have.

    Examples
    --------
    >>> spans_of(["B-PER", "I-PER", "O", "I-LOC", "I-ORG"])
    [(0, 2, 'PER'), (3, 4, 'LOC'), (4, 5, 'ORG')]
    >>> spans_of(["U-PER", "B-ORG", "L-ORG"], scheme="BILOU")
    [(0, 1, 'PER'), (1, 3, 'ORG')]
    """
    allowed = None if scheme is None else SCHEMES[_scheme(scheme)]
    out: list[tuple[int, int, str]] = []
    start, open_label = 0, ""
    for at, tag in enumerate(tags):
        prefix, label = _split(tag)
        if allowed is not None and prefix not in allowed:
            message = f'Tag {at}, "{tag}", is not of the scheme {scheme}, which has the prefixes {", ".join(allowed)}.'
            raise LabelError(message)
        if open_label and (prefix == "O" or prefix in BEGINS or label != open_label):
            out.append((start, at, open_label))
            open_label = ""
        if prefix != "O" and not open_label:
            start, open_label = at, label
        if prefix in ENDS:
            out.append((start, at + 1, open_label))
            open_label = ""
    if open_label:
        out.append((start, len(tags), open_label))
    return out


def to_tags(spans: Sequence[Mapping[str, Any]], words: np.ndarray, scheme: str = "IOB2") -> list[str]:
    """Return one tag a word of spans as they are kept: ``[{"start": 0, "end": 3, "label": "PER"}]``, in code points.

    A word that a span touches counts as in it. Of spans that share a word the longer is written, then the earlier; a
    span that touches no word is not written.

    Examples
    --------
    >>> import numpy as np
    >>> words = np.array([[0, 3], [4, 12], [13, 18]], dtype=np.int32)
    >>> to_tags([{"start": 0, "end": 12, "label": "PER"}], words, scheme="BIOES")
    ['B-PER', 'E-PER', 'O']
    """
    scheme = _scheme(scheme)
    only, last = {"BILOU": ("U", "L"), "BIOES": ("S", "E")}.get(scheme, ("B", "I"))
    tags = ["O"] * len(words)
    ranges = [(int(s["start"]), int(s["end"])) for s in spans]
    before = (-1, "")  # where the entity before ended, and its label
    for first, end, which in _disjoint(ranges, words):
        label = str(spans[which]["label"])
        tags[first:end] = [f"I-{label}"] * (end - first)
        if scheme == "IOB1":
            if before == (first, label):
                tags[first] = f"B-{label}"
        else:
            tags[first] = f"B-{label}"
            tags[end - 1] = f"{only if end - first == 1 else last}-{label}"
        before = (end, label)
    return tags


def tag_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the tag ids: ``"O"``, then B and I of each class.

    >>> tag_names(["PER", "LOC"])
    ('O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC')
    """
    return ("O", *(f"{prefix}-{name}" for name in classes for prefix in "BI"))


def encode_spans(spans: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the tag id of each word, int64 (L,), over `tag_names`: 0 is O, ``1 + 2c`` and ``2 + 2c`` are B and I.

    Parameters
    ----------
    spans
        int32 (k, 3): start and end in code points, and class. Words and overlaps count as for `to_tags`.
    words
        int32 (L, 2), as `alwidget.tasks.words.word_spans` gives them.
    """
    import numpy as np

    ids = np.zeros(len(words), dtype=np.int64)
    spans = np.asarray(spans, dtype=np.int64).reshape(-1, 3)
    for first, end, which in _disjoint([(s, e) for s, e, _ in spans.tolist()], words):
        ids[first:end] = 2 + 2 * spans[which, 2]
        ids[first] -= 1
    return ids


def decode_tags(ids: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the spans of tag ids over `tag_names`: int32 (k, 3) with start and end in code points, and class.

    What is not well formed is read by the rule at the top of this module.

    >>> import numpy as np
    >>> decode_tags(np.array([1, 2, 0, 4]), np.array([[0, 3], [4, 8], [9, 10], [11, 15]])).tolist()
    [[0, 8, 0], [11, 15, 1]]
    """
    import numpy as np

    ids = np.asarray(ids, dtype=np.int64)
    words = np.asarray(words).reshape(-1, 2)
    label = (ids - 1) // 2  # -1 for O
    before = np.concatenate([[-1], label[:-1]]) if len(ids) else label
    inside = label >= 0
    begins = inside & ((ids % 2 == 1) | (label != before))
    first = np.flatnonzero(begins)
    # an entity lasts until the next word that is no continuation
    stops = np.append(np.flatnonzero(begins | ~inside), len(ids))
    last = stops[np.searchsorted(stops, first, side="right")] - 1
    return np.column_stack([words[first, 0], words[last, 1], label[first]]).astype(np.int32).reshape(-1, 3)


def _split(tag: Any) -> tuple[str, str]:
    """Return prefix and label of a tag; those of O are ``"O"`` and ``""``."""
    if tag == "O":
        return "O", ""
    if isinstance(tag, str) and len(tag) > 2 and tag[1] == "-" and tag[0] in "BILUES":  # noqa: PLR2004
        return tag[0], tag[2:]
    message = f'{tag!r} is no tag: a tag is "O", or one of B, I, L, U, E and S, a hyphen and a label, such as "B-PER".'
    raise LabelError(message)


def _scheme(name: str) -> str:
    known = "BILOU" if name == "BILUO" else name
    if known not in SCHEMES:
        message = f'There is no tagging scheme "{name}"; choose from {", ".join(SCHEMES)}.'
        raise ArgumentError(message)
    return known


def _disjoint(spans: Sequence[tuple[int, int]], words: np.ndarray) -> list[tuple[int, int, int]]:
    """Return first word, end word and position of the spans that are trained on, in the order of the words."""
    import numpy as np

    if not len(words) or not len(spans):
        return []
    bounds = np.asarray(words).reshape(-1, 2)
    ranges = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
    firsts = np.searchsorted(bounds[:, 1], ranges[:, 0], side="right")
    ends = np.searchsorted(bounds[:, 0], ranges[:, 1], side="left")
    order = np.lexsort((ranges[:, 0], ranges[:, 0] - ranges[:, 1]))
    taken = np.zeros(len(bounds), dtype=bool)
    out = []
    for which in order.tolist():
        first, end = int(firsts[which]), int(ends[which])
        if end > first and ranges[which, 1] > ranges[which, 0] and not taken[first:end].any():
            taken[first:end] = True
            out.append((first, end, which))
    return sorted(out)
