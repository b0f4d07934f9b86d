"""Annotations as a DataFrame, an Arrow table, or a Hugging Face dataset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from alwidget.interop.table import FLAGS, FLOATS, INTEGERS, Record, columns, value

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import pyarrow as pa

__all__ = ["to_arrow", "to_dataset", "to_pandas"]


def to_pandas(records: Iterable[Record], *, answer: str | None = None) -> pd.DataFrame:
    """Return the annotations as a DataFrame with the columns of ``annotations.json``, one row a document.

    Parameters
    ----------
    records
        Annotations as dicts.
    answer
        The column that holds the answer, so that it is there even when no document has one; by default the one that
        the records use, else ``"label"``.

    Examples
    --------
    >>> to_pandas([{"id": "a", "text": "NA", "label": "yes", "round": 2}])["round"].dtype
    Int64Dtype()
    """
    import pandas as pd

    rows = list(records)
    series: dict[str, Any] = {}
    for name in columns(rows, answer):
        values = [value(row, name) for row in rows]
        series[name] = pd.Series(values, dtype=_pandas_type(name, values))
    return pd.DataFrame(series)


def _pandas_type(name: str, values: Sequence[Any]) -> str | None:
    if name in FLOATS:
        return "float64"
    if name in INTEGERS:
        return "Int64"
    if name in FLAGS:
        return "bool"
    return None if any(isinstance(each, str) for each in values) else "object"  # None: pandas' own type for text


def to_arrow(records: Iterable[Record], *, answer: str | None = None) -> pa.Table:
    """Return the annotations as an Arrow table; the known columns keep their types also where they are empty."""
    import pyarrow as pa

    rows = list(records)
    known: dict[str, pa.DataType] = {
        "labels": pa.list_(pa.string()),
        "spans": pa.list_(
            pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string()), ("text", pa.string())])
        ),
        **dict.fromkeys(FLOATS, pa.float64()),
        **dict.fromkeys(INTEGERS, pa.int64()),
        **dict.fromkeys(FLAGS, pa.bool_()),
    }
    arrays: dict[str, pa.Array] = {}
    for name in columns(rows, answer):
        values = [value(row, name) for row in rows]
        flat = name not in known and all(each is None or isinstance(each, str) for each in values)
        arrays[name] = pa.array(values, type=pa.string() if flat else known.get(name), from_pandas=True)
    return pa.table(arrays)


def to_dataset(records: Iterable[Record], labels: Sequence[str], *, answer: str | None = None) -> datasets.Dataset:
    """Return the annotations as a `datasets.Dataset`; a classification label becomes a ``ClassLabel``.

    Parameters
    ----------
    records
        Annotations as dicts. Documents without an answer (skipped, flagged) have a label of None.
    labels
        The label names in the session's order, which gives the integers of the ``ClassLabel``.
    answer
        As for `to_pandas`.

    Examples
    --------
    >>> to_dataset([{"id": "a", "text": "x", "label": "yes"}], ["no", "yes"])["label"][0]
    1
    """
    import datasets
    import pyarrow as pa

    table = to_arrow(records, answer=answer)
    features = datasets.Features.from_arrow_schema(table.schema)
    if "label" in table.column_names:
        given = table.column("label").to_pylist()
        names = list(labels) + sorted({name for name in given if name is not None}.difference(labels))
        numbers = {name: i for i, name in enumerate(names)}
        coded = pa.array([None if name is None else numbers[name] for name in given], type=pa.int64())
        table = table.set_column(table.column_names.index("label"), "label", coded)
        features["label"] = datasets.ClassLabel(names=names)
    return datasets.Dataset(table.cast(features.arrow_schema), info=datasets.DatasetInfo(features=features))
