"""The way from data to a store: known already, or read, put together and kept for the next time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
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
    task: str = "classification"

    @property
    def told(self) -> dict[str, Any]:
        """What a converted copy depends on; what most people leave out is left out, so that copies stay good."""
        task = {} if self.task == "classification" else {"task": self.task}
        return {**self.given, "encoding": self.encoding, **task}


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
        key = key_of(origin, options.told) if origin else ""
        if origin and (known := _known(pools / key)) is not None:
            if options.strict:
                found = reports.from_json(known.meta["problems"])
                reports.refuse(known.meta["shown"], found, known.meta["counts"])
            return known
        reader = open_reader(data, options.encoding)
        roles = _roles(reader, options)
        with _Conversion(reader, pools, options) as conversion:
            more = conversion.read(roles)
            if more is None:
                return conversion.finish(origin, _origin(data, path), key)
        with _Conversion(reader, pools, options) as conversion:
            conversion.read(more)
            return conversion.finish(origin, _origin(data, path), key)


class _Conversion:
    """One reading of the data; what it wrote is removed again unless `finish` was reached."""

    def __init__(self, reader: Reader, pools: Path, options: Options) -> None:
        self._reader, self._pools, self._options = reader, pools, options
        self._workplace: Workplace | None = None
        self._builder: Builder | None = None
        self._problems = Problems(reader.name, reader.where, strict=options.strict)
        self._roles = Roles({}, frozenset())
        self._done = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._done:
            if self._builder is not None:
                self._builder.close()
            if self._workplace is not None:
                self._workplace.remove()

    def read(self, roles: Roles) -> Roles | None:
        """Read everything; return better roles if columns turned up that the beginning did not show."""
        reader, problems = self._reader, self._problems
        columns = len(reader.columns)
        for note in reader.notes:
            problems.note(note.kind, note.what, note.where)
        self._roles = roles
        self._builder = builder = Builder(roles.columns, problems, self._spill)
        # closing: an error must not leave the file open for as long as its traceback lives
        with (
            _bar(reader, shown=self._options.progress) as advance,
            closing(reader.rows(roles.columns, problems)) as portions,
        ):
            for rows in portions:
                builder.add(rows)
                advance(rows.done)
        return _more(reader, self._options, roles) if len(reader.columns) > columns else None

    def finish(self, origin: Mapping[str, Any] | None, now: Mapping[str, Any] | None, key: str) -> Loaded:
        """Return the pool; if it went to disk and can be asked for again, its store is published under `key`.

        Parameters
        ----------
        origin, now
            What the data was recognised by before it was read, and what it is recognised by after.
        key
            The name of a store for `origin`.
        """
        builder, problems = self._builder, self._problems
        if builder is None or builder.count + builder.waiting == 0:
            raise DataError(self._nothing())
        store, known = builder.finish()
        if origin != now:
            problems.note("changed", "the file changed while it was read; load it again to have all of it", last=True)
        problems.refuse()
        meta = {
            **known,
            "name": self._reader.stem,
            "shown": self._reader.name,
            "columns": {role: name for role, name in self._roles.columns.items() if role in builder.used},
            "found": sorted(self._roles.found & builder.used),
            "problems": reports.to_json(problems.all()),
            "counts": dict(problems.counts),
            "set_aside": problems.set_aside,
        }
        self._done = True
        if self._workplace is None or store is not None:
            return Loaded(store or Store.empty(), meta)
        if origin is None or origin != now:
            loaded = Loaded(open_store(self._workplace.folder), meta)
            self._workplace.keep_for(loaded.store)
            return loaded
        write_meta(self._workplace.folder, {**meta, "origin": origin})
        fsync_folder(self._workplace.folder)
        final = self._workplace.publish(key)
        prune(final.parent, origin, key)
        return Loaded(open_store(final), meta)

    def _spill(self) -> DiskSink:
        self._workplace = Workplace(self._pools)
        return DiskSink(self._workplace.folder)

    def _nothing(self) -> str:
        columns = self._roles.columns
        name, text, problems = self._reader.name, columns.get("text") or columns["tokens"], self._problems
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


def _roles(reader: Reader, options: Options) -> Roles:
    """Return which column is what; before giving up, look beyond the beginning."""
    try:
        return _found(reader, options)
    except DataError:
        if not reader.learn():
            raise
    return _found(reader, options)


def _found(reader: Reader, options: Options) -> Roles:
    return find(reader.columns, options.given, reader.name, header=reader.header, task=options.task)


def _more(reader: Reader, options: Options, roles: Roles) -> Roles | None:
    """Return better roles if columns turned up that the beginning did not show."""
    try:
        late = _found(reader, options)
    except DataError:
        return None
    return late if late.columns.items() > roles.columns.items() else None


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
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = (
                f"There is no room to convert the documents in {pools}. Make room, or name a folder on another disk: "
                "cache_dir=…, or the environment variable ALWIDGET_CACHE."
            )
        else:
            message = f"{path or 'The data'} cannot be read: {error}."
        raise DataError(message) from error
