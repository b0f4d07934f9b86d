"""Turning a docstring into the prose that a person would read, without anything that gives its module away."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

__all__ = ["plain", "prose", "shorten"]

_SIGNATURE = re.compile(r"\A(?:[\w.]+\((?:[^()]|\([^()]*\))*\)(?:\s*->.*)?\s*(?:\n\s*\n|\Z))+")
_UNDERLINE = re.compile(r"^\s*([-=~^])\1{2,}\s*$")
_LEAD_IN = re.compile(r"(?::|\b(?:as|by|is|are|where))\s*\Z")
_TABLE = re.compile(r"^\s*(?:[=-]{3,}\s+[=-]{3,}|\+[=-]{3,}\+)", re.MULTILINE)
_ROLE_WITH_TARGET = re.compile(r"(?::[\w:+-]+:)?`([^`<]+?)\s*<[^`>]*>`_{0,2}")
_ROLE = re.compile(r":[\w:+-]+:`[~!]?([^`]*)`")
_QUOTED = re.compile(r"``([^`]*)``|`~?([^`]*)`_{0,2}")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,2}([^*\s][^*]*?)\*{1,2}(?![\w*])")
_CITATION = re.compile(r"\s*\[[\w.]+\]_")
_DOTTED = re.compile(r"\b(?:scipy|sklearn|numpy|pandas|np|pd|sp)((?:\.\w+)+)")
_SPACE = re.compile(r"\s+")
_BULLET = re.compile(r"^\s*(?:[-*+•]|\(?\d+[.)])\s+")
_BOILERPLATE = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"Read more (?:about .{0,60}? )?in (?:the )?.{0,80}?User Guide.{0,40}?\.",
        r"See (?:the )?glossary entry for .{0,60}?\.",
        r"See (?:the )?.{0,20}?User Guide.{0,60}?\.",
        r"For (?:an example|a comparison|more details|further (?:details|information)).{0,160}?\.(?=\s|\Z)",
        r"As an instance of the \S+ class, .{0,200}?this particular distribution\.",
        r"[^.\n]*\bsphx_glr\w*(?:\.py)?[^.\n]*\.",
        r"For (?:general information|guidance on) .{0,200}? Guide\.",
        r"Please (?:see|refer to|check) .{0,160}?\.(?=\s|\Z)",
    )
)


def prose(doc: str, *, modules: Iterable[str], limit: int = 600) -> str:
    r"""Return the summary and the description of a docstring as plain text.

    Left out are the call signature that compiled functions begin with, everything from the first section on
    (parameters, see also, examples), directives, code, references, and sentences that stand everywhere. Module paths
    are shortened to the last name, and the names in `modules` never stay in front of a dot.

    Parameters
    ----------
    doc
        The docstring.
    modules
        Names of subpackages, such as ``"linear_model"``.
    limit
        The most characters to return; longer prose is cut where a sentence or a word ends.

    Examples
    --------
    >>> prose("Fit :func:`scipy.stats.norm`.\n\nParameters\n----------\nx : int", modules=["stats"])
    'Fit norm.'
    """
    body = _SIGNATURE.sub("", inspect.cleandoc(doc), count=1)
    paragraphs = [plain(paragraph, modules=modules) for paragraph in _paragraphs(body)]
    text = "\n\n".join(paragraph for paragraph in paragraphs if re.search(r"\w", paragraph))
    for pattern in _BOILERPLATE:
        text = pattern.sub("", text)
    text = "\n\n".join(part.strip() for part in text.split("\n\n") if re.search(r"\w{2}", part))
    return shorten(text, limit)


def _paragraphs(body: str) -> list[str]:
    """Split what stands before the first section into paragraphs, without directives and without code."""
    lines = body.splitlines()
    end = next(
        (i - 1 for i in range(1, len(lines)) if _UNDERLINE.match(lines[i]) and lines[i - 1].strip()), len(lines)
    )
    kept: list[str] = []
    skipping = False  # inside a directive, or inside the indented block that ``::`` opens
    for block in re.split(r"\n\s*\n", "\n".join(lines[:end]).strip("\n")):
        if skipping and (block.startswith((" ", "\t")) or block[:1].islower()):
            continue  # belongs to what was left out, as "where n is the order" belongs to its formula
        directive = block.lstrip().startswith((".. ", ">>>")) or _TABLE.search(block) is not None
        skipping = directive or block.rstrip().endswith("::")
        if directive:
            if kept:
                kept[-1] = _without_lead_in(kept[-1])
            continue
        head, *code = re.split(r"\n\s*(?:\.\. |>>> )", block, maxsplit=1)
        kept.append(_without_lead_in(head) if code or skipping else head)
    return kept


def _without_lead_in(paragraph: str) -> str:
    """Drop the last sentence if it announces what was left out ("It is defined as:")."""
    if not _LEAD_IN.search(paragraph):
        return paragraph
    end = max(paragraph.rfind(". "), paragraph.rfind(".\n"))
    return paragraph[: end + 1]


def plain(paragraph: str, *, modules: Iterable[str]) -> str:
    """Return one paragraph without markup; list items keep their lines."""
    text = _ROLE_WITH_TARGET.sub(r"\1", paragraph)
    text = _ROLE.sub(r"\1", text)
    text = _QUOTED.sub(lambda match: match.group(1) or match.group(2) or "", text)
    text = _EMPHASIS.sub(r"\1", text)
    text = _CITATION.sub("", text)
    text = _without_paths(text, frozenset(modules))
    lines: list[str] = []
    for line in text.splitlines():
        if lines and not _BULLET.match(line):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    return "\n".join(_SPACE.sub(" ", line).strip() for line in lines)


def _without_paths(text: str, modules: frozenset[str]) -> str:
    def last(match: re.Match[str]) -> str:
        name = match.group(1).rpartition(".")[2]
        return "this package" if name in modules else name

    text = _DOTTED.sub(last, text)
    if not modules:
        return text
    inner = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(modules)))})\.(?=\w)")
    text = inner.sub("", text)
    snake = [re.escape(name) for name in sorted(modules) if "_" in name]
    return re.sub(rf"\b(?:{'|'.join(snake)})\b", "this package", text) if snake else text


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters, cut at the end of a sentence if one is near, else of a word.

    >>> shorten("One sentence. And another one that is long.", 20)
    'One sentence.'
    """
    if len(text) <= limit:
        return text
    head = text[:limit]
    sentence = max(head.rfind(". "), head.rfind(".\n"))
    if sentence >= limit // 2:
        return head[: sentence + 1]
    return head[: limit - 1].rsplit(maxsplit=1)[0].rstrip(" ,;:") + "…"
