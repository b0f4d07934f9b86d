"""Arrow in its forms: Parquet, Arrow files and streams, tables in memory, Hugging Face datasets; and pandas."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alwidget.errors import DataError
from alwidget.pool.columns import Column, ColumnKind, kind_of
from alwidget.pool.mappings import SAMPLE
from alwidget.pool.problems import Problems
from alwidget.pool.reader import CHUNK, PORTION, Broken, Reader, Rows

__all__ = ["FrameReader", "TableReader", "from_arrow_file", "from_dataset", "from_parquet", "from_table"]

_BUFFER = 1 << 20
"""Bytes of a column that are read at a time; without a buffer it is a whole row group, which may be the file."""
_ERRORS = (OSError, ValueError, NotImplementedError)
"""What pyarrow's own errors are."""

Batches = Callable[[Sequence[str] | None], Iterator[Any]]
"""Returns record batches with these columns, or with all."""


class TableReader(Reader):
    """Reads Arrow record batches.

    Parameters
    ----------
    name, stem
        What it is called in messages, and what a session over it is called.
    schema
        The `pyarrow.Schema`.
    batches
        Called with the columns that are wanted.
    total
        The number of rows, where it is known.
    place
        Turns a row number, from 0, into words.
    names
        For columns of class numbers, the name of each class.
    """

    def __init__(
        self,
        name: str,
        stem: str,
        schema: Any,
        batches: Batches,
        *,
        total: int | None = None,
        place: Callable[[int], str] | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.name, self.stem, self.total = name, stem, total
        self._batches, self._names = batches, names or {}
        self._place = place or (lambda at: f"{name}, row {at + 1}")
        self.columns = self._columns(schema)

    def where(self, at: int) -> str:
        """Return the row in words."""
        return self._place(at)

    def rows(self, roles: Mapping[str, str], problems: Problems) -> Generator[Rows]:
        """Yield the rows; `Rows.at` counts from 0."""
        done = 0
        wanted = list(dict.fromkeys(roles.values()))
        batches = self._batches(wanted)
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except _ERRORS as error:
                problems.add("broken", done, f"the file is damaged from here on ({error})")
                return
            step = max(1, min(CHUNK, batch.num_rows * PORTION // max(1, batch.nbytes)))
            for start in range(0, batch.num_rows, step):
                part = batch.slice(start, step)
                cells = {role: self._cells(part.column(name), name) for role, name in roles.items()}
                yield Rows(cells, range(done, done + part.num_rows), done + part.num_rows)
                done += part.num_rows

    def _cells(self, array: Any, name: str) -> list[Any]:
        values = _plain(array)
        names = self._names.get(name)
        if names is None:
            return values
        return [_called(value, names) for value in values]

    def _columns(self, schema: Any) -> list[Column]:
        import pyarrow as pa

        kinds: dict[str, ColumnKind] = {field.name: _kind(field.type) for field in schema}
        texts = [name for name, kind in kinds.items() if kind == "text" and schema.names.count(name) == 1]
        if len(texts) > 1:
            batch = _opening(self.name, "a table", lambda: next(self._batches(texts), None))
            if isinstance(batch, pa.RecordBatch):
                kinds.update((name, kind_of(_plain(batch.slice(0, SAMPLE).column(name)))) for name in texts)
        kinds.update(dict.fromkeys(self._names, "other"))
        return [Column(name, kinds[name]) for name in schema.names]


class FrameReader(Reader):
    """Reads a pandas DataFrame; an index that has a name is a column too."""

    name = "the DataFrame"
    stem = "documents"

    def __init__(self, frame: Any) -> None:
        named = [level for level in frame.index.names if level is not None and level not in frame.columns]
        self._frame = frame.reset_index(level=named) if named else frame
        self._names = [str(column) for column in self._frame.columns]
        self.total = len(frame)
        head = self._frame.iloc[:SAMPLE]
        kinds = [kind_of(_values(head.iloc[:, i])) for i in range(len(self._names))]
        only = len(self._names) == 1 and any(isinstance(v, str) for v in _values(head.iloc[:, 0]))
        self.columns = [Column(n, "text" if only else kind) for n, kind in zip(self._names, kinds, strict=True)]

    def where(self, at: int) -> str:
        """Return the row in pandas' words."""
        return f"data.iloc[{at}]"

    def rows(self, roles: Mapping[str, str], problems: Problems) -> Generator[Rows]:  # noqa: ARG002  no row is broken
        """Yield the rows; `Rows.at` counts from 0."""
        series = {role: self._frame.iloc[:, self._names.index(name)] for role, name in roles.items()}
        for start in range(0, len(self._frame), CHUNK):
            stop = min(start + CHUNK, len(self._frame))
            cells = {role: _values(column.iloc[start:stop]) for role, column in series.items()}
            yield Rows(cells, range(start, stop), stop)


def from_parquet(path: Path, stem: str) -> TableReader:
    """Open a Parquet file."""
    import pyarrow.parquet as pq

    file = _opening(path.name, "Parquet", lambda: pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False))

    def batches(columns: Sequence[str] | None) -> Iterator[Any]:
        return iter(file.iter_batches(batch_size=4 * CHUNK, columns=columns))

    schema = file.schema_arrow
    return TableReader(path.name, stem, schema, batches, total=file.metadata.num_rows, names=_class_names(schema))


def from_arrow_file(path: Path, stem: str) -> TableReader:
    """Open an Arrow file, in the file format or in the stream format."""
    import pyarrow as pa

    def batches(columns: Sequence[str] | None) -> Iterator[Any]:
        with pa.memory_map(str(path)) as source:
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
            every = (reader.get_batch(i) for i in range(reader.num_record_batches)) if is_file else iter(reader)
            for batch in every:
                batch.validate(full=True)
                yield batch if columns is None else batch.select(columns)

    def schema() -> Any:
        with pa.memory_map(str(path)) as source:
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            return (pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)).schema

    known = _opening(path.name, "Arrow", schema)
    return TableReader(path.name, stem, known, batches, names=_class_names(known))


def from_table(table: Any) -> TableReader:
    """Read a `pyarrow.Table`, or whatever hands out Arrow data in the same way (Polars, DuckDB …)."""
    import pyarrow as pa

    if not isinstance(table, pa.Table):
        table = pa.table(table)

    def batches(columns: Sequence[str] | None) -> Iterator[Any]:
        return iter((table if columns is None else table.select(columns)).to_batches())

    return TableReader("the table", "documents", table.schema, batches, total=table.num_rows, place=_index)


def from_dataset(dataset: Any) -> TableReader:
    """Read a `datasets.Dataset`; class numbers come out as class names."""
    from datasets import ClassLabel

    named = {key: _innermost(feature) for key, feature in dataset.features.items()}
    names = {key: f.names for key, f in named.items() if isinstance(f, ClassLabel) and f.names}
    plain = dataset.with_format("arrow")

    def batches(columns: Sequence[str] | None) -> Iterator[Any]:
        chosen = plain if columns is None else plain.select_columns(list(columns))
        for table in chosen.iter(batch_size=4 * CHUNK):
            yield from table.to_batches()

    schema = dataset.features.arrow_schema
    return TableReader("the dataset", "documents", schema, batches, total=len(dataset), place=_index, names=names)


def _class_names(schema: Any) -> dict[str, list[str]]:
    """Return the names of the classes of every column of class numbers, as `datasets` writes them into its files."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    out = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        inner = feature
        while isinstance(inner, list | dict) and inner and (isinstance(inner, list) or "feature" in inner):
            inner = inner[0] if isinstance(inner, list) else inner["feature"]
        names = inner.get("names") if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            out[column] = names
    return out


def _innermost(feature: Any) -> Any:
    """Return what a list is a list of, in the forms that different versions of datasets give lists."""
    while isinstance(feature, list) or hasattr(feature, "feature"):
        feature = feature[0] if isinstance(feature, list) else feature.feature
    return feature


def _called(value: Any, names: Sequence[str]) -> Any:
    """Return the name of a class number, or the names of a list of them; None for a number that has none."""
    if isinstance(value, list):
        return [_called(each, names) for each in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


def _index(at: int) -> str:
    return f"data[{at}]"


def _opening(name: str, what: str, attempt: Callable[[], Any]) -> Any:
    try:
        return attempt()
    except _ERRORS as error:
        message = f"{name} cannot be read as {what}: {error}. It may be cut off, or be something else."
        raise DataError(message) from error


def _kind(kind: Any) -> ColumnKind:
    import pyarrow.types as pt

    if pt.is_dictionary(kind):
        kind = kind.value_type
    if any(test(kind) for test in (pt.is_string, pt.is_large_string, pt.is_string_view, pt.is_null)):
        return "text"
    if any(test(kind) for test in (pt.is_integer, pt.is_floating, pt.is_decimal)):
        return "number"
    return "other"


def _plain(array: Any) -> list[Any]:
    """Return Python values; text that is not UTF-8 becomes `Broken`."""
    import pyarrow as pa
    import pyarrow.types as pt

    if any(test(array.type) for test in (pt.is_binary, pt.is_large_binary, pt.is_binary_view)):
        # old writers leave text without its mark
        try:
            array = array.cast(pa.large_string())
        except pa.ArrowInvalid:
            return array.to_pylist()  # type: ignore[no-any-return]
    try:
        return array.to_pylist()  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        return [_one(value) for value in array]


def _one(value: Any) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return Broken("the text is not UTF-8")


def _values(series: Any) -> list[Any]:
    """Return the Python values of a Series, with None for whatever pandas takes for missing."""
    missing = series.isna().to_numpy()
    values = series.astype(object).tolist()
    return [None if absent else value for value, absent in zip(values, missing, strict=True)]
