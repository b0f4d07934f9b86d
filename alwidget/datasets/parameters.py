"""Reading numpydoc ``Parameters`` sections: what each entry calls, types and defaults, and what it says in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from alwidget.datasets.harvest import Docstring, harvest
from alwidget.datasets.prose import plain, prose
from alwidget.datasets.subjects import SUBJECTS

__all__ = ["Parameter", "documented", "parameters"]

LONGEST_DESCRIPTION = 240
MORE_PLACES = ("numpy", "numpy.fft", "numpy.ma", "pandas")

_SECTION = re.compile(r"^(?:Other )?Parameters\n-{3,}[ ]*$", re.MULTILINE)
_NEXT_SECTION = re.compile(r"^\S[^\n]*\n[-=]{3,}[ ]*$|^\.\. |^>>> ", re.MULTILINE)
_ENTRY = re.compile(r"\n(?=\S)")
_HEAD = re.compile(r"(?P<names>\*{0,2}[A-Za-z_]\w*(?: *, *\*{0,2}[A-Za-z_]\w*)*)(?: *: *(?P<rest>\S.*))?")
_DEFAULT = re.compile(r"[,;.]? *\(? *\b[Dd]efaults?\b *(?:value)? *(?:is|to|[:=])? *(?P<value>\S.*?) *[.,;]?\Z")
_OPTIONAL = re.compile(r"(?:[,;] *|[ ]|\A)\(?optional\)?[.,;]?\Z")
_UNSPLIT = re.compile(r"default|optional", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_CONTINUED = re.compile(r"\\\n\s*")
_LITERAL = re.compile(
    r"""(?:"[^"]*"|'[^']*'|[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[A-Za-z_][\w.]*(?:\([^()]*\))?|"""
    r"""\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\})\Z"""
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """An entry of a section, such as ``axis : int, default 0`` and the paragraph under it.

    Attributes
    ----------
    names
        The names that share the entry, without stars.
    type
        What stands for the type, or an empty string.
    default
        The default as it is written, or an empty string if the head of the entry gives none.
    optional
        Whether the head says that it can be left out.
    head
        The first line, with markup and surplus spaces taken away.
    description
        The first paragraphs under it as plain text, at most 240 characters.
    """

    names: tuple[str, ...]
    type: str
    default: str
    optional: bool
    head: str
    description: str


def documented() -> Iterator[Docstring]:
    """Yield every docstring of the four libraries once, in an order that depends on their versions alone."""
    seen: set[str] = set()
    for place in (*(place for subject in SUBJECTS for place in subject.places), *MORE_PLACES):
        for found in harvest(place):
            if found.doc not in seen:
                seen.add(found.doc)
                yield found


def parameters(doc: str) -> list[Parameter]:
    r"""Return the entries of the ``Parameters`` sections of a docstring, in their order.

    An entry whose head does not follow numpydoc (``names : type, default``) is left out, for nobody could say where
    its parts end.

    >>> parameters("Sum.\n\nParameters\n----------\naxis, b : int, default 0\n    Along which.")[0].names
    ('axis', 'b')
    """
    found = []
    doc = _CONTINUED.sub(" ", doc)
    for section in _SECTION.finditer(doc):
        body = doc[section.end() :].lstrip("\n")
        end = _NEXT_SECTION.search(body)
        for entry in _ENTRY.split(body[: end.start()] if end else body):
            head, _, below = entry.partition("\n")
            parsed = _parse(_SPACE.sub(" ", head.replace("\\*", "*")).strip(), below)
            if parsed is not None:
                found.append(parsed)
    return found


def _parse(head: str, below: str) -> Parameter | None:
    match = _HEAD.fullmatch(head)
    if match is None or match["names"] == "None":
        return None
    rest = plain(match["rest"] or "", modules=())
    kind, default, optional = _split(rest)
    broken = _UNSPLIT.search(kind) or any(kind.count(left) != kind.count(right) for left, right in ("()", "{}", "[]"))
    if broken or (default and not _LITERAL.match(default)):
        return None
    names = _SPACE.sub(" ", match["names"])
    description = prose(below, modules=(), limit=LONGEST_DESCRIPTION)
    return Parameter(
        names=tuple(name.strip(" *") for name in names.split(",")),
        type=kind,
        default=default,
        optional=optional or bool(default),
        head=f"{names} : {rest}" if rest else names,
        description=description,
    )


def _split(rest: str) -> tuple[str, str, bool]:
    """Return the type, the default, and whether ``optional`` is said, of what stands behind the colon."""
    default = ""
    match = _DEFAULT.search(rest)
    if match is not None:
        rest, default = rest[: match.start()], match["value"]
        if default.endswith(")") and default.count("(") < default.count(")"):
            default = default[:-1]
        optional_behind = _OPTIONAL.search(default)
        if optional_behind:
            default = default[: optional_behind.start()]
    optional = _OPTIONAL.search(rest)
    if optional is not None:
        rest = rest[: optional.start()]
    return rest.strip(" ,;."), default.strip(), optional is not None
