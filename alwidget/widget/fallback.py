"""What is shown where no widget can run: a static table of what is labelled, and how to go on.

Used by viewers without a kernel (GitHub, nbviewer, exported HTML), and by consoles. Everything from data is escaped;
styles are inline, since viewers drop style sheets; there is no script and nothing is requested.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from alwidget.widget.protocol import Counts

__all__ = ["ROWS", "static_html", "static_text"]

ROWS = 20
EXCERPT = 200

_CELL = "padding:4px 10px;text-align:left;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.35)"
_CODE = "font-family:ui-monospace,Menlo,Consolas,monospace"


def static_html(facts: Mapping[str, Any], *, closed: str | None = None) -> str:
    """Return a table of the newest records with counts and how to resume.

    Parameters
    ----------
    facts
        What `alwidget.widget.host.Host.fallback` returns.
    closed
        Why the session is closed, if it is.

    Examples
    --------
    >>> counts = Counts(total=1, labelled=1, skipped=0, flagged=0, remaining=0, saved=1, decisions=1)
    >>> record = {"id": "a", "text": "<b>1 < 2</b>", "label": "maths", "status": "labelled"}
    >>> facts = {"name": "demo", "path": "demo.alw", "counts": counts, "key": "label", "records": [record]}
    >>> "&lt;b&gt;1 &lt; 2&lt;/b&gt;" in static_html(facts)
    True
    """
    records: Sequence[Mapping[str, Any]] = list(facts["records"])[:ROWS]
    parts = [
        '<div style="font-family:system-ui,sans-serif;max-width:60em">',
        f'<p style="margin:0 0 6px"><strong><bdi>{_text(facts["name"])}</bdi></strong>: ',
        f"{_text(_line(facts['counts']))}</p>",
    ]
    if closed:
        parts.append(f'<p style="margin:0 0 6px">{_text(closed)}</p>')
    parts.append(f'<p style="margin:0 0 10px">{_how(facts)}</p>')
    if records:
        parts.append(_table(records, str(facts["key"])))
        parts.append(f'<p style="margin:6px 0 0;opacity:.75">{_text(_shown(len(records), facts["counts"]))}</p>')
    return "".join([*parts, "</div>"])


def static_text(facts: Mapping[str, Any], *, closed: str | None = None) -> str:
    """Return the counts and how to resume, for a console."""
    lines = [f"alwidget session {facts['name']}: {_line(facts['counts'])}"]
    if closed:
        lines.append(closed)
    path = str(facts["path"])
    lines.append(f"To see it: alw.open({path!r}). To go on labelling: alw.annotate(…, path={path!r}) in a notebook.")
    return "\n".join(lines)


def _line(counts: Counts) -> str:
    """Return how far the session is, in words."""
    parts = [f"{counts.labelled:,} of {counts.total:,} labelled"]
    if counts.skipped:
        parts.append(f"{counts.skipped:,} skipped")
    if counts.flagged:
        parts.append(f"{counts.flagged:,} flagged")
    return ", ".join(parts)


def _how(facts: Mapping[str, Any]) -> str:
    """Return how to see and to go on with the session, as HTML."""
    path = repr(str(facts["path"]))
    see = f'<code style="{_CODE}">{_text(f"alw.open({path})")}</code>'
    go_on = f'<code style="{_CODE}">{_text(f"alw.annotate(…, path={path})")}</code>'
    return f"This is a picture of the session. See it again with {see}; go on labelling with {go_on} in a notebook."


def _shown(rows: int, counts: Counts) -> str:
    """Return which of all records the table has."""
    known = counts.labelled + counts.skipped + counts.flagged
    return f"The newest {rows} of {known:,}." if known > rows else f"All {rows}." if rows > 1 else ""


def _table(records: Sequence[Mapping[str, Any]], key: str) -> str:
    """Return the records as a table."""
    head = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in ("Text", "Answer", "Note", "By", "When"))
    rows = [
        "<tr>"
        + "".join(
            f'<td dir="auto" style="{_CELL}">{_text(cell)}</td>'
            for cell in (
                _excerpt(record.get("text")),
                _answer(record, key),
                _excerpt(record.get("note")),
                _excerpt(record.get("annotator")),
                str(record.get("updated") or "")[:16].replace("T", " "),
            )
        )
        + "</tr>"
        for record in records
    ]
    style = "border-collapse:collapse;font-size:13px"
    return f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _answer(record: Mapping[str, Any], key: str) -> str:
    """Return an answer of any task in one line; without one, what was said instead."""
    value = record.get(key)
    if value is None:
        return str(record.get("status") or "")
    if isinstance(value, str):
        return _excerpt(value)
    if isinstance(value, list):
        return _excerpt(", ".join(_part(part) for part in value)) or "none"
    return _excerpt(json.dumps(value, ensure_ascii=False))


def _part(part: object) -> str:
    """Return one label of several, or one span with its text."""
    if isinstance(part, Mapping):
        return f"{part.get('label')}: {part.get('text', '')}"
    return str(part)


def _excerpt(value: object) -> str:
    """Return the beginning of a text."""
    text = "" if value is None else str(value)
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"


def _text(value: object) -> str:
    """Return a value as HTML text, safe inside an element and inside a quoted attribute."""
    whole = str(value).encode("utf-8", "replace").decode("utf-8")
    return escape(whole, quote=True)
