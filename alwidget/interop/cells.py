"""Cells of a CSV file: safe to open in a spreadsheet, and back again without loss.

A spreadsheet runs a cell that begins with ``=`` (and, by history, ``+``, ``-`` or ``@``, also behind a tab or a line
break) as a formula, wherever the text came from. Such a text gets an apostrophe in front, which spreadsheets take as
"this is text". A text that already has apostrophes before such a character gets one more, so that taking one away
always restores what was there.
"""

from __future__ import annotations

import json
import re
from typing import Any

from alwidget.interop.table import FLAGS, FLOATS, INTEGERS, STRUCTURED

__all__ = ["decode", "encode", "escape", "unescape"]

_RISKY = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def escape(text: str) -> str:
    """Return `text` with an apostrophe in front if a spreadsheet could take it for a formula.

    >>> escape("=1+1"), escape("1+1"), escape("'=1+1")
    ("'=1+1", '1+1', "''=1+1")
    """
    return f"'{text}" if _RISKY.match(text) else text


def unescape(cell: str) -> str:
    """Return what was given to `escape`.

    >>> unescape("'=1+1"), unescape("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _RISKY.match(cell) else cell


def encode(value: Any) -> str:
    """Return the cell of a value: nothing for None, JSON for lists and objects, escaped text for text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return escape(value)
    return escape(json.dumps(value, ensure_ascii=False))


def decode(column: str, cell: str) -> Any:
    """Return the value of a cell in this column; an empty cell is None."""
    if cell == "":
        return None
    if column in FLOATS:
        return float(cell)
    if column in INTEGERS:
        return int(cell)
    if column in FLAGS:
        return cell == "true"
    text = unescape(cell)
    return json.loads(text) if column in STRUCTURED else text
