"""A benchmark as a TOML file: the arguments of `alwidget.benchmark`, by their names."""

from __future__ import annotations

import inspect
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alwidget.errors import ArgumentError, DataError, near_miss
from alwidget.strategies.plugins import is_file

__all__ = ["read_config"]

OURS = ("resume", "progress")
"""What belongs to a call and not to what is compared."""


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    r"""Return the arguments that a file holds.

    Files that it names (data, strategies, `out`) are looked for from the folder that it is in, so that it can be run
    from anywhere.

    Raises
    ------
    alwidget.errors.DataError
        There is no such file, or it is no TOML.
    alwidget.errors.ArgumentError
        It names an argument that there is not.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "bench.toml"
    >>> _ = file.write_text('datasets = ["docstrings"]\nseeds = 3\nout = "runs"')
    >>> read_config(file)["seeds"]
    3
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            given = tomllib.load(stream)
    except FileNotFoundError as error:
        message = f'There is no file "{file}".'
        raise DataError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f'"{file}" is no TOML: {error}'
        raise DataError(message) from error
    from alwidget.bench.run import benchmark

    known = [name for name in inspect.signature(benchmark).parameters if name not in OURS]
    for name in given:
        if name not in known:
            message = f'"{file}": there is no "{name}".{near_miss(name, known)} There are: {", ".join(known)}.'
            raise ArgumentError(message)
    home = file.absolute().parent
    if "datasets" in given:
        given["datasets"] = _data(given["datasets"], home)
    if "strategies" in given:
        given["strategies"] = _strategies(given["strategies"], home)
    if "out" in given:
        given["out"] = home / str(given["out"])
    return given


def _data(given: Any, home: Path) -> Any:
    """Return datasets with the paths that lead somewhere from `home`."""
    if isinstance(given, list):
        return [_data(each, home) for each in given]
    if isinstance(given, Mapping):
        named = given if "data" in given else {name: _data(each, home) for name, each in given.items()}
        return {name: _data(each, home) if name in ("data", "test") else each for name, each in named.items()}
    if isinstance(given, str) and given != "docstrings" and (home / given).exists():
        return str(home / given)
    return given


def _strategies(given: Any, home: Path) -> Any:
    if isinstance(given, list):
        return [_strategies(each, home) for each in given]
    if isinstance(given, Mapping) and "strategy" in given:
        return {**given, "strategy": _strategies(given["strategy"], home)}
    if isinstance(given, str) and is_file(given):
        return str(home / given)
    return given
