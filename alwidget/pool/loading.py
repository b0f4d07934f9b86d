"""The way from data to a store: known already, or read, put together and kept for the next time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from alwidget.errors import DataError
from alwidget.pool import problems as reports
from alwidget.pool.build import Builder
from alwidget.pool.cache import Workplace, fsync_folder, key_of, pools_folder, prune, signature
from alwidget.pool.columns import Given, Roles, describe, find
from alwidget.pool.problems import Problems
from alwidget.pool.reader import Reader
from alwidget.pool.sink import DiskSink
from alwidget.pool.sources import find_path, open_reader
from alwidget.pool.store import Store, StoreError, open_store, read_meta, write_meta

__all__ = ["Loaded", "Options", "load"]


@dataclass(frozen=True, slots=True)
class Options:
    """How data is to be read; see `alwidget.pool.Pool.load`."""

    given: Given
    strict: bool = False
    encoding: str | None = None
    cache_dir: str | os.PathLike[str] | None = None
    progress: bool = True


@dataclass(frozen=True, slots=True)
class Loaded:
    """A store, and what is known about it: name, columns, problems, fingerprint."""

    store: Store
    meta: Mapping[str, Any]


def load(data: Any, options: Options) -> Loaded:
    """Return the documents of `data`, from the converted copy where there is one.

    Raises
    ------
    alwidget.errors.DataError
        The data cannot be read as documents; or ``strict`` is set and it has problems.
    """
    path = find_path(data)
    pools = pools_folder(options.cache_dir)
    with _explained(path, pools):
        origin = _origin(data, path)
        key = key_of(origin, {**options.given, "encoding": options.encoding}) if origin else ""
        if origin and (known := _known(pools / key)) is not None:
            if options.strict:
                found = reports.from_json(known.meta["problems"])
                reports.refuse(known.meta["shown"], found, known.meta["counts"])
            return known
        reader = open_reader(data, options.encoding)
        roles = find(reader.columns, options.given, reader.name, header=reader.header)
        with _Conversion(reader, pools, options) as conversion:
            loaded, late = conversion.run(roles)
            if late is None:
                changed = path is not None and _origin(data, path) != origin
                return conversion.keep(loaded, None if changed else origin, key, changed=changed)
        with _Conversion(reader, pools, options) as conversion:
            loaded, _ = conversion.run(late)
            return conversion.keep(loaded, origin, key)


class _Conversion:
    """One reading of the data; what it wrote is removed again unless `keep` was reached."""

    def __init__(self, reader: Reader, pools: Path, options: Options) -> None:
        self._reader, self._pools, self._options = reader, pools, options
        self._workplace: Workplace | None = None
        self._builder: Builder | None = None
        self._problems = Problems(reader.name, reader.where, strict=options.strict)
        self._done = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._done:
            if self._builder is not None:
                self._builder.close()
            if self._workplace is not None:
                self._workplace.remove()

    def run(self, roles: Roles) -> tuple[Loaded, Roles | None]:
        """Read everything; also return better roles if columns turned up that the beginning did not show."""
        reader, problems = self._reader, self._problems
        for note in reader.notes:
            problems.note(note.kind, note.what, note.where)
        self._builder = builder = Builder(roles.columns, problems, self._spill)
        with _bar(reader, shown=self._options.progress) as advance:
            for rows in reader.rows(roles.columns, problems):
                builder.add(rows)
                advance(rows.done)
        late = self._late(roles)
        if late is None and builder.count + builder.waiting == 0:
            raise DataError(self._nothing(roles))
        store, known = builder.finish() if late is None else (Store.empty(), {})
        problems.refuse()
        meta = {
            **known,
            "name": reader.stem,
            "shown": reader.name,
            "columns": roles.columns,
            "found": sorted(roles.found),
            "problems": reports.to_json(problems.all()),
            "counts": dict(problems.counts),
            "set_aside": problems.set_aside,
        }
        return Loaded(store, meta), late

    def keep(self, loaded: Loaded, origin: Mapping[str, Any] | None, key: str, *, changed: bool = False) -> Loaded:
        """Return the pool, its store published under `key` if it went to disk and can be asked for again."""
        if changed:
            self._problems.note("changed", "the file changed while it was read; load it again to have all of it")
            loaded = Loaded(loaded.store, {**loaded.meta, "problems": reports.to_json(self._problems.all())})
            self._problems.refuse()
        self._done = True
        if self._workplace is None:
            return loaded
        if origin is None:
            self._workplace.keep_for(loaded.store)
            return loaded
        write_meta(self._workplace.folder, {**loaded.meta, "origin": origin})
        fsync_folder(self._workplace.folder)
        final = self._workplace.publish(key)
        prune(final.parent, origin, key)
        return Loaded(open_store(final), loaded.meta)

    def _spill(self) -> DiskSink:
        self._workplace = Workplace(self._pools)
        return DiskSink(self._workplace.folder)

    def _late(self, roles: Roles) -> Roles | None:
        """Return the roles over all columns that were seen, if there are more of them now."""
        try:
            late = find(self._reader.columns, self._options.given, self._reader.name, header=self._reader.header)
        except DataError:
            return None
        return late if late.columns.items() > roles.columns.items() else None

    def _nothing(self, roles: Roles) -> str:
        name, text, problems = self._reader.name, roles.columns["text"], self._problems
        shown = describe(self._reader.columns)
        if self._builder is not None and 0 < problems.set_aside == self._builder.numbers:
            return (
                f'{name}: the column "{text}" holds numbers, not text. Name the column with the documents, text="…", '
                f"or turn the numbers into text. Its columns: {shown}."
            )
        if not problems.set_aside:
            return f"{name} holds no documents: there are no rows under the columns {shown}."
        first = reports.first_of(problems.all())
        return f'{name} holds no documents: all {problems.set_aside:,} rows were set aside (text="{text}"):\n{first}'


def _origin(data: Any, path: Path | None) -> dict[str, Any] | None:
    """Return what the data can be recognised by, if it can."""
    if path is not None:
        return signature(path)
    mark = getattr(data, "_fingerprint", None)  # datasets gives every state of a dataset its own
    return {"dataset": mark, "rows": len(data)} if isinstance(mark, str) and hasattr(data, "features") else None


def _known(folder: Path) -> Loaded | None:
    try:
        meta = read_meta(folder)
        return Loaded(open_store(folder), meta)
    except (StoreError, OSError, ValueError, KeyError):
        return None  # damaged, or just being removed: it is built again


@contextmanager
def _bar(reader: Reader, *, shown: bool) -> Iterator[Any]:
    """Show how far the reading is, if it takes more than a moment."""
    from tqdm.auto import tqdm

    scale = {"unit": reader.unit, "unit_scale": True, "delay": 0.5, "leave": False, "disable": not shown}
    with tqdm(total=reader.total, desc=f"Reading {reader.name}", **scale) as bar:
        yield lambda done: bar.update(done - bar.n)


@contextmanager
def _explained(path: Path | None, pools: Path) -> Iterator[None]:
    """Turn errors of the file system into `DataError`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, DataError):
            raise
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = (
                f"There is no room to convert the documents in {pools}. Make room, or name a folder on another disk: "
                "cache_dir=…, or the environment variable ALWIDGET_CACHE."
            )
        else:
            message = f"{path or 'The data'} cannot be read: {error}."
        raise DataError(message) from error
