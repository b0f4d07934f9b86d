"""Which column is what: named by the caller, else found by the names that people usually give."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alwidget.errors import ArgumentError, DataError
from alwidget.pool.problems import one_line

__all__ = ["ROLES", "Column", "ColumnKind", "Given", "Roles", "describe", "find", "kind_of", "missing"]

ROLES = ("text", "text_pair", "id", "source", "label", "prelabel", "tokens")

ColumnKind = Literal["text", "number", "other"]

Given = Mapping[str, str | int | Literal[False] | None]
"""What the caller said for each role: a column name, False for "none, do not look", None for "find it"."""

_TEXT = (
    ("text",),
    (
        *("sentence", "content", "document", "review", "body", "comment", "message", "utterance", "tweet", "post"),
        *("article", "abstract", "passage", "doc", "snippet", "raw_text", "full_text", "clean_text"),
        *(
            "review_text",
            "review_body",
            "comment_text",
            "tweet_text",
            "sentence_text",
            "document_text",
            "text_content",
        ),
        *("texts", "sentences", "documents", "reviews", "comments", "tweets"),
    ),
    ("title", "headline", "description"),
)
_PAIRS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("question_1", "question_2"),
)
_OTHERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "id": (
        ("id",),
        (
            *("_id", "uid", "uuid", "guid", "docid", "doc_id", "document_id", "text_id"),
            *("example_id", "sample_id", "record_id", "row_id"),
        ),
    ),
    "source": (("source",), ("domain", "origin", "corpus")),
}
_ANSWERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "classification": (("label",), ("label_text", "label_name", "gold_label", "gold", "category", "class")),
    "multilabel": (("labels",), ("label", "label_names", "categories", "classes", "topics", "gold")),
    "tagging": (("spans",), ("entities",), ("ner_tags",), ("tags",), ("labels",)),
    "generation": (("target",), ("summary",), ("targets", "highlights", "reference", "answer", "output")),
}
"""What the column with the answers is usually called, task by task."""
_TOKENS = (("tokens",), ("words",))
_WRITTEN_FROM = frozenset({"source", "src", "input", "dialogue"})
"""What the text to write from is called where no column has one of the usual names of texts."""
_LETTER = re.compile(r"[^\W\d_]")
_NEUTRAL = frozenset({"", "na", "n/a", "nan", "null", "none", "true", "false", "inf", "-inf"})
"""Cells that say nothing about their column. They are documents all the same where the column is the text."""
_MANY = 50
_NEVER = frozenset(
    {
        *("split", "subset", "fold", "set", "lang", "language", "date", "time", "timestamp", "url", "link", "author"),
        *("user", "username", "name", "type", "file", "filename", "path"),
    }
)
"""Columns that are not taken for the text only because they are the last ones left."""
_LONG_NAME = 60
_MANY_WORDS = 6


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the data: its name, and whether it holds text, numbers or something else."""

    name: str
    kind: ColumnKind = "text"


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column plays which role, and which of them the caller did not name."""

    columns: dict[str, str]
    found: frozenset[str]


def find(
    columns: Sequence[Column], given: Given, name: str, *, header: bool = False, task: str = "classification"
) -> Roles:
    """Return the column of every role.

    Parameters
    ----------
    columns
        What the data has.
    given
        What the caller said.
    name
        What is read, for the messages.
    header
        Whether the names come from the first line of a file, which may turn out to be a row.
    task
        What is asked of the documents: it says what answers are called, and whether words are looked for. Documents to
        tag may come as words alone, without a text.

    Raises
    ------
    alwidget.errors.DataError
        A named column is not there, the names are not unique, or no column is clearly the text.

    Examples
    --------
    >>> find([Column("id"), Column("review"), Column("stars", "number")], {}, "reviews.csv").columns
    {'text': 'review', 'id': 'id'}
    """
    named = _named(columns, given, name)
    free = [column for column in columns if column.name not in named.values()]
    roles = dict(named)
    usual = {**_OTHERS, "label": _ANSWERS.get(task, _ANSWERS["classification"])}
    if task == "tagging":
        usual["tokens"] = _TOKENS
    if task == "generation" and given.get("text") is None and (origin := _written_from(free)) is not None:
        roles["text"] = origin
    for role, tiers in usual.items():
        left = [column for column in free if column.name not in roles.values()]
        if given.get(role) is None and (choice := _other(role, left, tiers)) is not None:
            roles[role] = choice
    if "text" not in roles and "tokens" in roles:
        roles.update(_text_beside_tokens(free, roles))
    elif "text" not in roles:
        roles.update(_text(free, roles, given, name, header=header, usual=usual))
    elif given.get("text_pair") is None and _by_name(free, "text_pair") is not None and roles["text"] != "text_pair":
        roles["text_pair"] = str(_by_name(free, "text_pair"))
    _check_unique(columns, roles, name)
    ordered = {role: roles[role] for role in ROLES if role in roles}
    return Roles(ordered, frozenset(role for role in ordered if role not in named))


def kind_of(values: Iterable[Any]) -> ColumnKind:
    """Return whether a column with these values holds text.

    Numbers, dates and flags are not what documents look like, nor are a few words that come again and again.

    >>> kind_of(["12", "NA"]), kind_of(["12", "twelve"]), kind_of([1, None]), kind_of(["2026-01-05"])
    ('number', 'text', 'number', 'other')
    """
    present = [value for value in values if value is not None]
    texts = [value for value in present if isinstance(value, str)]
    if texts or not present:
        telling = [value for value in texts if value.strip().lower() not in _NEUTRAL]
        if len(telling) >= _MANY and len(set(telling)) * 10 < len(telling):
            return "other"
        if not texts or any(_LETTER.search(value) and not _is_number(value) for value in telling):
            return "text"
        return "number" if telling and all(map(_is_number, telling)) else "other"
    return "number" if all(isinstance(v, int | float) and not isinstance(v, bool) for v in present) else "other"


def describe(columns: Sequence[Column]) -> str:
    """Return the names for a message.

    >>> describe([Column("id"), Column("stars", "number")])
    'id, stars'
    """
    limit = 30
    names = [one_line(column.name) for column in columns[:limit]]
    more = f", … ({len(columns)} in all)" if len(columns) > limit else ""
    return (", ".join(names) or "none") + more


def missing(role: str, wanted: str, columns: Sequence[Column], name: str) -> str:
    """Return the message for a column that is not there, with the nearest name."""
    lowered = {column.name.lower(): column.name for column in columns}
    close = difflib.get_close_matches(wanted.lower(), list(lowered), n=1, cutoff=0.6)
    hint = f' Did you mean "{lowered[close[0]]}"?' if close else ""
    return f'{name} has no column "{wanted}" ({role}="{wanted}").{hint} Its columns: {describe(columns)}.'


def _named(columns: Sequence[Column], given: Given, name: str) -> dict[str, str]:
    """Return the roles that the caller named, or raise one error with all that cannot be."""
    names = {column.name for column in columns}
    out: dict[str, str] = {}
    bad: list[str] = []
    absent: list[str] = []
    for role, value in given.items():
        if value is None or (value is False and role != "text"):
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            bad.append(f"{role}={value!r}: it must be a column name" + ("" if role == "text" else ", None or False"))
        elif str(value) not in names:
            absent.append(missing(role, str(value), columns, name))
        else:
            out[role] = str(value)
    if "text" in out and out.get("text_pair") == out["text"]:
        bad.append(f'text and text_pair are both "{out["text"]}"')
    if bad:
        raise ArgumentError("Pool.load: " + "; ".join(bad) + ".")
    if absent:
        raise DataError("\n".join(absent))
    return out


def _text(
    free: Sequence[Column],
    roles: Mapping[str, str],
    given: Given,
    name: str,
    *,
    header: bool,
    usual: Mapping[str, tuple[tuple[str, ...], ...]],
) -> dict[str, str]:
    """Return the text column and, where two columns clearly belong together, the second text."""
    rest = [column for column in free if column.name not in roles.values()]
    if (text := _by_name(rest, "text")) is not None:
        pair = _by_name(rest, "text_pair") if given.get("text_pair") is None else None
        return {"text": text} if pair is None else {"text": text, "text_pair": pair}
    if given.get("text_pair") is None:
        pairs = [(a, b) for one, two in _PAIRS if (a := _by_name(rest, one)) and (b := _by_name(rest, two))]
        if len(pairs) == 1:
            return {"text": pairs[0][0], "text_pair": pairs[0][1]}
    for tier in _TEXT[1:]:
        known = [column.name for column in rest if _plain(column.name) in tier and column.kind == "text"]
        if len(known) == 1:
            return {"text": known[0]}
        if known:
            raise DataError(_unclear(free, roles, name, header=header))
    other = _NEVER.union(role for tiers in usual.values() for tier in tiers for role in tier)
    texts = [column.name for column in rest if column.kind == "text" and _plain(column.name) not in other]
    if len(texts) != 1 or (header and _looks_like_a_row(free, texts[0])):
        raise DataError(_unclear(free, roles, name, header=header))
    return {"text": texts[0]}


def _text_beside_tokens(free: Sequence[Column], roles: Mapping[str, str]) -> dict[str, str]:
    """Return the text that the words are from, where a column is called as texts are; else the words are joined."""
    rest = [column for column in free if column.name not in roles.values()]
    known = [column.name for column in rest if _plain(column.name) in _TEXT[1] and column.kind == "text"]
    text = _by_name(rest, "text") or (known[0] if len(known) == 1 else None)
    return {} if text is None else {"text": text}


def _written_from(columns: Sequence[Column]) -> str | None:
    """Return the text of a task of writing that is called by what it is there, unless one is called text."""
    names = {_plain(column.name) for column in columns}
    if names & {name for tier in _TEXT for name in tier}:
        return None
    known = [column.name for column in columns if _plain(column.name) in _WRITTEN_FROM and column.kind == "text"]
    return known[0] if len(known) == 1 else None


def _other(role: str, columns: Sequence[Column], tiers: tuple[tuple[str, ...], ...]) -> str | None:
    """Return the column that is usually called so, unless several are."""
    if role == "label" and "label" in tiers[0]:
        numbers = [c.name for c in columns if _plain(c.name) == "label" and c.kind == "number"]
        words = [c.name for c in columns if _plain(c.name) in {"label_text", "label_name"} and c.kind != "number"]
        if numbers and len(words) == 1:
            return words[0]
    for tier in tiers:
        known = [column.name for column in columns if _plain(column.name) in tier]
        if len(known) == 1:
            return known[0]
        if known:
            return None
    return None


def _by_name(columns: Sequence[Column], wanted: str) -> str | None:
    exact = [column.name for column in columns if column.name == wanted]
    loose = [column.name for column in columns if _plain(column.name) == wanted]
    return (exact or loose or [None])[0]  # type: ignore[list-item]


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _check_unique(columns: Sequence[Column], roles: Mapping[str, str], name: str) -> None:
    names = [column.name for column in columns]
    twice = sorted({column for column in roles.values() if names.count(column) > 1})
    if twice:
        shown = ", ".join(f'"{one_line(column)}"' for column in twice)
        message = f"{name} has several columns called {shown}; rename all but one. Its columns: {describe(columns)}."
        raise DataError(message)


def _unclear(columns: Sequence[Column], roles: Mapping[str, str], name: str, *, header: bool) -> str:
    taken = {role: column for role, column in roles.items() if role != "text"}
    known = [Column(column) for column in taken.values() if all(column != c.name for c in columns)]
    message = (
        f"{name}: cannot tell which column holds the documents. Its columns: {describe([*columns, *known])}. "
        'Name one: text="…".'
    )
    if header and _looks_like_a_row(columns, ""):
        message += " The first line looks like a row: if it is one, put a line with column names above it."
    return message


def _looks_like_a_row(columns: Sequence[Column], text: str) -> bool:
    """Whether the names look like values: a number among them, or a sentence in place of the text's name."""
    if any(_is_number(column.name) for column in columns):
        return True
    names = [text] if text else [column.name for column in columns]
    return any(
        len(n) > _LONG_NAME or len(n.split()) >= _MANY_WORDS or n.rstrip().endswith((".", "!", "?")) for n in names
    )


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
