"""A run on disk: a folder with the plan, the data, and a folder for each cell that is done.

```
run.json                what was asked for, and the key of every cell of it
data/DIGEST.parquet     the documents
cells/KEY/              cell.json, curve.parquet, picks.parquet: all of them, or no such folder
failed/KEY.json         why a cell failed; it is tried again when the run is resumed
```

A cell's folder appears under its name only when it is whole and on disk, by one rename: a process that is killed
leaves nothing that could be taken for a result. Only the process that holds the lock writes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alwidget.errors import ArgumentError, DataError
from alwidget.log.files import sync_folder, write_atomic, write_synced

if TYPE_CHECKING:
    from alwidget.bench.material import Material

__all__ = ["RunFolder"]

VERSION = 1
FILES = ("cell.json", "curve.parquet", "picks.parquet")


class RunFolder:
    """The folder of a run.

    Parameters
    ----------
    path
        Where it is; made when something is first written.

    Examples
    --------
    >>> import tempfile
    >>> folder = RunFolder(Path(tempfile.mkdtemp()) / "x")
    >>> folder.keep("ab12", {"cell.json": b"{}"}); folder.done()
    {'ab12'}
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._cells, self._failed = self.path / "cells", self.path / "failed"

    @property
    def there(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "run.json").is_file()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, so that no other process writes to it.

        Raises
        ------
        alwidget.errors.ArgumentError
            Another process holds it, or something else is in the way.
        """
        from filelock import FileLock, Timeout

        if self.path.exists() and not self.path.is_dir():
            message = f'"{self.path}" is a file; a run needs a folder.'
            raise ArgumentError(message)
        if self.path.is_dir() and any(self.path.iterdir()) and not self.there and not (self.path / ".lock").exists():
            message = f'"{self.path}" holds something else. Give a run a folder of its own: out=….'
            raise ArgumentError(message)
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            message = f'Another process is running the benchmark in "{self.path}". Wait for it, or take another out=….'
            raise ArgumentError(message) from error
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def _sweep(self) -> None:
        """Remove what a killed process was about to write; nothing there was a result yet."""
        for place in (self.path, self.path / "data", self._cells, self._failed):
            for left in place.glob(".*.tmp") if place.is_dir() else ():
                shutil.rmtree(left) if left.is_dir() else left.unlink()

    # The plan -------------------------------------------------------------------------------------------------------

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Write down what was asked for."""
        self._write(self.path / "run.json", _json({"v": VERSION, **plan}))

    def read_plan(self) -> dict[str, Any]:
        """Return what was asked for.

        Raises
        ------
        alwidget.errors.DataError
            There is no run here, or its plan cannot be read.
        """
        try:
            plan: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            if plan["v"] != VERSION:
                message = f'The run in "{self.path}" was written by another version (form {plan["v"]}).'
                raise DataError(message)
        except FileNotFoundError as error:
            message = f'There is no run in "{self.path}": no run.json. alw.benchmark(…, out=…) makes one.'
            raise DataError(message) from error
        except (ValueError, KeyError, TypeError) as error:
            message = f'"{self.path / "run.json"}" cannot be read: {error}'
            raise DataError(message) from error
        return plan

    def put_data(self, material: Material) -> Path:
        """Write the documents down, once, and return where."""
        import pyarrow.parquet as pq

        from alwidget.bench.material import to_table

        place = self.path / "data" / f"{material.digest}.parquet"
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            waiting = place.with_name(f".{place.name}.tmp")
            pq.write_table(to_table(material), waiting, compression="zstd")
            waiting.replace(place)
        return place.absolute()

    # Cells ----------------------------------------------------------------------------------------------------------

    def done(self) -> set[str]:
        """Return the keys of the cells that are done."""
        return {path.name for path in self._cells.glob("[!.]*") if (path / "cell.json").is_file()}

    def keep(self, key: str, files: Mapping[str, bytes]) -> None:
        """Write a cell that is done; there is nothing of it, or all."""
        self._cells.mkdir(parents=True, exist_ok=True)
        waiting, place = self._cells / f".{key}.tmp", self._cells / key
        waiting.mkdir()
        try:
            for name, data in files.items():
                write_synced(waiting / name, [data])
            sync_folder(waiting)
            if place.exists():  # left without its cell.json by somebody's hand
                shutil.rmtree(place)
            waiting.rename(place)
        except BaseException:
            shutil.rmtree(waiting, ignore_errors=True)
            raise
        sync_folder(self._cells)
        with suppress(FileNotFoundError):
            (self._failed / f"{key}.json").unlink()

    def fail(self, key: str, about: Mapping[str, Any]) -> None:
        """Write down why a cell failed."""
        self._failed.mkdir(parents=True, exist_ok=True)
        self._write(self._failed / f"{key}.json", _json(about))

    def failure(self, key: str) -> dict[str, Any] | None:
        """Return why a cell failed, or None where it did not."""
        try:
            found: dict[str, Any] = json.loads((self._failed / f"{key}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            return {"error": "its record cannot be read"}
        return found

    def cell(self, key: str) -> dict[str, Any]:
        """Return what is said of a cell that is done."""
        try:
            found: dict[str, Any] = json.loads((self._cells / key / "cell.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            message = f'"{self._cells / key}" cannot be read ({error}). Remove that folder and resume the run.'
            raise DataError(message) from error
        return found

    def table(self, key: str, name: str) -> Any:
        """Return the ``"curve"`` or the ``"picks"`` of a cell as a DataFrame."""
        import pandas as pd

        try:
            return pd.read_parquet(self._cells / key / f"{name}.parquet")
        except (OSError, ValueError) as error:
            message = f'"{self._cells / key}" cannot be read ({error}). Remove that folder and resume the run.'
            raise DataError(message) from error

    def _write(self, path: Path, data: bytes) -> None:
        write_atomic(path, [data], "run")


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "backslashreplace")
