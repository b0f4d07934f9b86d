"""Write ``js/src/protocol.ts`` from the messages of `alwidget.widget.protocol`.

``python -m alwidget.widget.codegen`` writes the file; with ``--check`` it writes nothing and exits with 1 when the
file is not what the messages say. The types hold in both languages only because nobody edits that file by hand.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from alwidget.widget import protocol

__all__ = ["TARGET", "generate", "main"]

TARGET = Path(__file__).resolve().parents[2] / "js" / "src" / "protocol.ts"

_SCALARS: dict[Any, str] = {str: "string", bool: "boolean", int: "number", float: "number", Any: "unknown"}
_WIDTH = 119
_HEADER = """\
// Written by `python -m alwidget.widget.codegen` from alwidget/widget/protocol.py. Do not edit.
// biome-ignore-all format: the generator lays this file out
"""


def _public(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the module's own names that are instances of `kind`, in the order in which they are declared."""
    return (
        (name, value) for name, value in vars(protocol).items() if not name.startswith("_") and type(value) is kind
    )


def _structs() -> list[type[msgspec.Struct]]:
    """Return the message classes in the order of the module."""
    return [
        value
        for name, value in vars(protocol).items()
        if not name.startswith("_") and isinstance(value, type) and issubclass(value, msgspec.Struct)
    ]


def _literals() -> dict[str, tuple[Any, ...]]:
    """Return the literal types that have a name, so that they keep it in TypeScript."""
    return {
        name: get_args(value)
        for name, value in vars(protocol).items()
        if not name.startswith("_") and get_origin(value) is Literal
    }


def _unions() -> dict[str, tuple[type[msgspec.Struct], ...]]:
    """Return the unions of messages: what a page can say, and what a kernel can say."""
    return {name: get_args(value) for name, value in _public(types.UnionType)}


def _constants() -> dict[str, int]:
    """Return the module's numbers."""
    return {name: value for name, value in _public(int) if name.isupper()}


def _literal(values: Sequence[Any]) -> str:
    """Return a union of string or number literals."""
    return " | ".join(msgspec.json.encode(value).decode() for value in values)


def _type(annotation: Any) -> str:
    """Return a Python annotation in TypeScript."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        names = [name for name, values in _literals().items() if values == arguments]
        return names[0] if names else _literal(arguments)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        return " | ".join(_type(argument) for argument in arguments)
    if origin is list:
        element = _type(arguments[0])
        return f"({element})[]" if " | " in element else f"{element}[]"
    if origin is dict and arguments[0] is str:
        return f"Record<string, {_type(arguments[1])}>"
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation.__name__
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    message = f"The protocol uses {annotation!r}, which has no TypeScript form here; teach `_type` about it."
    raise TypeError(message)


def _comment(text: str | None) -> list[str]:
    """Return a docstring as a JSDoc block, with single backticks as in TypeScript."""
    lines = inspect.cleandoc(text or "").replace("``", "`").replace("*/", "* /").splitlines()
    if len(lines) <= 1:
        return [f"/** {line} */" for line in lines]
    return ["/**", *(f" * {line}".rstrip() for line in lines), " */"]


def _interface(struct: type[msgspec.Struct]) -> list[str]:
    """Return the interface of one message or part of a message."""
    config = struct.__struct_config__
    hints = typing.get_type_hints(struct, include_extras=True)
    lines = [*_comment(struct.__doc__), f"export interface {struct.__name__} {{"]
    if config.tag is not None:
        lines.append(f"  {config.tag_field}: {_literal([config.tag])};")
    lines += [f"  {name}: {_type(hints[name])};" for name in struct.__struct_fields__]
    return [*lines, "}"]


def _alias(name: str, parts: Sequence[str]) -> list[str]:
    """Return a type alias, on several lines when it is long."""
    line = f"export type {name} = {' | '.join(parts)};"
    if len(line) <= _WIDTH:
        return [line]
    return [f"export type {name} =", *(f"  | {part}" for part in parts[:-1]), f"  | {parts[-1]};"]


def _fields(messages: Sequence[type[msgspec.Struct]]) -> list[str]:
    """Return the names of every message's fields, for tests; a bundler drops the table where it is unused."""
    rows = [
        f"  {message.__struct_config__.tag}: {msgspec.json.encode(message.__struct_fields__).decode()},"
        for message in messages
    ]
    return ["/** The fields of every message, by kind. */", "export const FIELDS = {", *rows, "} as const;"]


def generate() -> str:
    """Return the text of ``protocol.ts``.

    Examples
    --------
    >>> "export const PROTOCOL_VERSION = 1;" in generate()
    True
    """
    blocks: list[list[str]] = [_comment(protocol.__doc__)]
    blocks += [[f"export const {name} = {value};"] for name, value in _constants().items()]
    blocks += [_alias(name, [_literal([value]) for value in values]) for name, values in _literals().items()]
    blocks += [_interface(struct) for struct in _structs()]
    blocks += [_alias(name, [part.__name__ for part in parts]) for name, parts in _unions().items()]
    blocks.append(_fields([message for parts in _unions().values() for message in parts]))
    return _HEADER + "\n" + "\n\n".join("\n".join(block) for block in blocks) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or with ``--check`` say whether it is what it should be.

    Parameters
    ----------
    arguments
        The command line without the program; ``None`` takes the process's own.

    Returns
    -------
    int
        The exit code: 1 when the file is stale and only a check was asked for, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m alwidget.widget.codegen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the file is stale")
    parser.add_argument("--output", type=Path, default=TARGET, help="the file to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    wanted = generate()
    fresh = options.output.is_file() and options.output.read_text(encoding="utf-8") == wanted
    if fresh:
        return 0
    if options.check:
        sys.stderr.write(f"{options.output} is stale; run `python -m alwidget.widget.codegen`.\n")
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(wanted, encoding="utf-8", newline="\n")
    sys.stdout.write(f"Wrote {options.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
