"""The heavy products of the functions here, on the device where the caller's tensors are.

Tensors on a CUDA device are worked on there; what is on the CPU goes the way of NumPy, which is as fast. Everything is
checked, drawn and put in order on the host as for any other array, with the same generator and the same tolerance of
rounding, so that the picks are those of the host up to ties. torch is imported only once a tensor came in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from alwidget.strategies.functional.checks import steps

__all__ = ["Cover", "Lloyd", "OuterProducts", "Points", "full_precision", "held", "pays"]

CELLS = 1 << 24
"""Numbers of one temporary, 64 MB in single precision; no more than four of them are there at once."""


def pays(tensor: Any) -> bool:
    """Return whether a tensor is on a device that is faster than the host."""
    return bool(tensor.is_cuda)


def held(values: Any) -> Any:
    """Return a matrix that is worked on where it is, detached, or None for whatever else it may be."""
    if not (hasattr(values, "detach") and hasattr(values, "is_cuda")) or not pays(values):
        return None
    return values.detach()


@contextmanager
def full_precision(tensor: Any) -> Iterator[None]:
    """Have products of single precision computed in it, whatever the process allows elsewhere."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad(), torch.autocast(tensor.device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def prepared(tensor: Any, scale: float | None, offset: np.ndarray) -> Any:
    """Return some rows, scaled and centred as `searching.Rows` and `kmeans.Vectors` do it, in single precision.

    Parameters
    ----------
    tensor
        Rows, (n, d), finite.
    scale
        What they are divided by; None where each row is scaled to unit length.
    offset
        What is subtracted after that, (d,).
    """
    import torch

    x = tensor.double()
    if scale is None:
        largest = x.abs().amax(dim=1, keepdim=True)
        x = x / torch.where(largest > 0, largest, 1)
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        x = x / torch.where(length > 0, length, 1)
    else:
        x = x / scale
    return (x - _beside(x, offset)).float()


class Points:
    """Rows in single precision on a device, with their squared lengths.

    Parameters
    ----------
    tensor, scale, offset
        As for `prepared`.
    """

    def __init__(self, tensor: Any, scale: float | None, offset: np.ndarray) -> None:
        import torch

        self.rows = torch.empty(tensor.shape, dtype=torch.float32, device=tensor.device)
        for part in steps(len(tensor), tensor.shape[1], CELLS // 4):
            self.rows[part] = prepared(tensor[part], scale, offset)
        self.squared = _squares(self.rows)

    def nearest(self, queries: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the points nearest to some queries, and squared distances less the squared length of the query.

        Parameters
        ----------
        queries
            Prepared as the points are, float32 (m, d).
        most
            How many points for each query; at most all.

        Returns
        -------
        indices, apart
            int64 and float32, (m, most), the nearest first; equally near ones in no particular order.
        """
        import torch

        most = min(most, len(self.rows))
        with full_precision(self.rows):
            q = _beside(self.rows, queries)
            found = torch.empty((len(q), 0), dtype=torch.float32, device=q.device)
            indices = torch.empty((len(q), 0), dtype=torch.int64, device=q.device)
            for part in steps(len(self.rows), len(q), CELLS):
                apart = torch.addmm(self.squared[part], q, self.rows[part].T, alpha=-2)
                near, at = apart.topk(min(most, apart.shape[1]), dim=1, largest=False, sorted=False)
                found, indices = torch.cat([found, near], dim=1), torch.cat([indices, at + part.start], dim=1)
                found, at = found.topk(min(most, found.shape[1]), dim=1, largest=False)
                indices = indices.gather(1, at)
        return indices.cpu().numpy(), found.cpu().numpy()


class Cover:
    """The squared distance of every row to the nearest of some points, which only shrinks.

    Parameters
    ----------
    tensor, scale, offset
        As for `prepared`.
    """

    def __init__(self, tensor: Any, scale: float | None, offset: np.ndarray) -> None:
        import torch

        self._points = Points(tensor, scale, offset)
        self._nearest = torch.full_like(self._points.squared, float("inf"))

    @property
    def lengths(self) -> np.ndarray:
        """The squared length of every row, float32 (N,)."""
        found: np.ndarray = self._points.squared.cpu().numpy()
        return found

    @property
    def nearest(self) -> np.ndarray:
        """The squared distances, float32 (N,), as a fresh array."""
        import torch

        found: np.ndarray = torch.clamp_min(self._nearest + self._points.squared, 0).cpu().numpy()
        return found

    def hold(self, points: np.ndarray) -> None:
        """Take some points into account, prepared as the rows are, float32 (m, d)."""
        self._hold(_beside(self._points.rows, points))

    def hold_rows(self, positions: list[int]) -> None:
        """Take some of the rows themselves into account."""
        self._hold(self._points.rows[positions])

    def _hold(self, points: Any) -> None:
        import torch

        rows = self._points.rows
        with full_precision(rows):
            squared = _squares(points)
            for some in steps(len(points), 1, max(1, CELLS // rows.shape[1])):
                for part in steps(len(rows), some.stop - some.start, CELLS):
                    apart = torch.addmm(squared[some], rows[part], points[some].T, alpha=-2)
                    torch.minimum(self._nearest[part], apart.amin(dim=1), out=self._nearest[part])


class Lloyd:
    """The two steps of k-means over vectors that are prepared already.

    Parameters
    ----------
    x
        float32 (n, d), on the host.
    like
        A tensor on the device.
    """

    def __init__(self, x: np.ndarray, like: Any) -> None:
        self._x = _beside(like, x)
        self._squared = _squares(self._x)

    def assign(self, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest centre of every row, int64 (n,), and the squared distance to it, float32 (n,)."""
        import torch

        with full_precision(self._x):
            c = _beside(self._x, centres)
            constant = _squares(c)
            labels = torch.empty(len(self._x), dtype=torch.int64, device=c.device)
            distance = torch.empty_like(self._squared)
            for part in steps(len(self._x), len(c), CELLS):
                distance[part], labels[part] = torch.addmm(constant, self._x[part], c.T, alpha=-2).min(dim=1)
            distance = torch.clamp_min(distance + self._squared, 0)
        return labels.cpu().numpy(), distance.cpu().numpy()

    def means(self, labels: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean of every cluster, float32 (k, d), and its size, int64 (k,); an empty cluster has mean zero.

        As a product with the matrix of who belongs where: sums by index come in another order in every run.
        """
        import torch

        counts = np.bincount(labels, minlength=k)
        with full_precision(self._x):
            at = _beside(self._x, labels)
            total = torch.zeros((k, self._x.shape[1]), dtype=torch.float32, device=at.device)
            for part in steps(len(self._x), k, CELLS // 4):  # whole numbers of the membership take twice the room
                total += torch.nn.functional.one_hot(at[part], k).float().T @ self._x[part]
        sums: np.ndarray = total.cpu().numpy()
        return sums / np.maximum(counts, 1)[:, None].astype(np.float32), counts


def described(
    tensor: Any, scale: float | None, offset: np.ndarray, centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return what `centres` make of all rows, in one pass over them.

    Parameters
    ----------
    tensor, scale, offset
        As for `prepared`.
    centres
        In the coordinates of what is prepared, float32 (k, d).

    Returns
    -------
    nearest, closest, counts, inertia
        The row nearest to each centre, int64 (k,), and its squared distance, float32 (k,); how many rows each centre
        is nearest to, int64 (k,); the sum of squared distances to the nearest centre.
    """
    import torch

    k, inertia = len(centres), 0.0
    with full_precision(tensor):
        c = _beside(tensor, centres)
        constant = _squares(c)
        nearest = torch.zeros(k, dtype=torch.int64, device=c.device)
        closest = torch.full((k,), float("inf"), device=c.device)
        counts = np.zeros(k, dtype=np.int64)
        for part in steps(len(tensor), max(k, tensor.shape[1]), CELLS // 4):
            x = prepared(tensor[part], scale, offset)
            apart = torch.addmm(constant, x, c.T, alpha=-2)
            apart = torch.clamp_min(apart + _squares(x)[:, None], 0)
            least, labels = apart.min(dim=1)
            counts += np.bincount(labels.cpu().numpy(), minlength=k)
            inertia += float(least.double().sum())
            here, at = apart.min(dim=0)
            nearest = torch.where(here < closest, at + part.start, nearest)
            closest = torch.minimum(closest, here)
    return nearest.cpu().numpy(), closest.cpu().numpy(), counts, inertia


class OuterProducts:
    """Inner products of outer products g ⊗ h, none of which is ever made.

    Parameters
    ----------
    g
        float64 (N, C), on the host.
    h
        (N, d), on the device.
    bias
        Whether h ends in a one.
    """

    def __init__(self, g: np.ndarray, h: Any, *, bias: bool) -> None:
        import torch

        self._h = h if h.dtype in {torch.float32, torch.float64} else h.float()
        self._g, self._bias = _beside(h, g), float(bias)

    def lengths(self) -> np.ndarray:
        """Return the squared length of each h, float64 (N,)."""
        chunks = steps(len(self._h), self._h.shape[1], CELLS // 4)
        parts = [self._h[part].double().square().sum(dim=1) for part in chunks]
        found = np.concatenate([part.cpu().numpy() for part in parts])
        return found + self._bias

    def __call__(self, part: slice | np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the inner products of some with some others, float64."""
        with full_precision(self._h):
            others = _beside(self._h, at)
            some: Any = part if isinstance(part, slice) else _beside(self._h, part)
            seen = self._h[some] @ self._h[others].T + self._bias
            found: np.ndarray = ((self._g[some] @ self._g[others].T) * seen).cpu().numpy()
        return found


def _squares(x: Any) -> Any:
    """Return the squared lengths of rows, at least one."""
    import torch

    return torch.cat([x[part].square().sum(dim=1) for part in steps(len(x), x.shape[1], CELLS)])


def _beside(tensor: Any, values: np.ndarray) -> Any:
    """Return an array on the device of a tensor."""
    import torch

    return torch.as_tensor(np.ascontiguousarray(values)).to(tensor.device)
