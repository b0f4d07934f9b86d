"""Arrow arrays made without `pyarrow.array`, which imports pandas at its first call: a fifth of a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["indices", "integer_lists", "strings"]


def strings(values: Sequence[str | None]) -> Any:
    """Return a `pyarrow.LargeStringArray`.

    >>> strings(["a", None, "bc"]).to_pylist()
    ['a', None, 'bc']
    """
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)), out=offsets[1:])
    there = np.fromiter((value is not None for value in values), dtype=bool, count=len(encoded))
    bitmap = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.LargeStringArray.from_buffers(
        len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), bitmap, -1
    )


def indices(rows: np.ndarray) -> Any:
    """Return a `pyarrow.Int64Array` over int64 `rows`, nothing copied."""
    return pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows, np.int64))])


def integer_lists(values: Sequence[Sequence[int] | None]) -> Any:
    """Return a `pyarrow.LargeListArray` of int32.

    >>> integer_lists([[0, 3], None, []]).to_pylist()
    [[0, 3], None, []]
    """
    offsets = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(np.fromiter((len(value or ()) for value in values), dtype=np.int64, count=len(values)), out=offsets[1:])
    there = np.fromiter((value is not None for value in values), dtype=bool, count=len(values))
    bitmap = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    numbers = np.fromiter((n for value in values for n in value or ()), dtype=np.int32, count=int(offsets[-1]))
    child = pa.Array.from_buffers(pa.int32(), len(numbers), [None, pa.py_buffer(numbers)])
    kind = pa.large_list(pa.int32())
    return pa.Array.from_buffers(kind, len(values), [bitmap, pa.py_buffer(offsets)], children=[child])
