"""Multinomial logistic regression by L-BFGS, with the iterates on the way kept as training dynamics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.learners.base import Stop

__all__ = ["Fitted", "fit_softmax", "log_softmax", "map_temperature", "reduced"]

MEASURED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
"""The iterations after which the gold probabilities are looked at: about evenly spaced in their logarithm."""
BIAS_RIDGE = 1e-4
REDUCE_UP_TO = 1024


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights (C, d), bias (C,), mean loss, the number of iterations, and logits (E, n, C) on the way."""

    weights: np.ndarray
    bias: np.ndarray
    loss: float
    iterations: int
    path: list[np.ndarray]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log-probabilities, shape (n, C)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    out: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return out


def fit_softmax(
    X: Any,
    y: np.ndarray,
    n_classes: int,
    weights: np.ndarray,
    ridge: float,
    *,
    rough: bool = False,
    keep: bool = False,
    smoothing: np.ndarray | None = None,
    iterations: int = 100,
    stop: Stop | None = None,
) -> Fitted:
    """Minimise the weighted sum of the losses plus ``ridge / 2 · ‖W‖²``, starting from zero.

    Parameters
    ----------
    X
        Features, dense or sparse, shape (n, d).
    y, weights
        Classes int64 (n,) and weights float64 (n,).
    ridge
        Strength of the penalty; the problem is strictly convex, so there is one answer and no seed.
    rough
        Stop at five digits of the loss: enough for logits that only a temperature is read from.
    keep
        Keep the logits of the iterates in `MEASURED` and of the last one.
    smoothing
        The share of each row's target that is spread evenly over the classes, float64 (n,).
    iterations
        At most so many; fewer than it takes are a look at the fit on its way.
    stop
        Looked at after every iteration.
    """
    from scipy.optimize import minimize

    n, d = X.shape
    rows = np.arange(n)
    XT = X.T
    sure = weights if smoothing is None else weights * (1 - smoothing)
    spread = None if smoothing is None else weights * smoothing / n_classes
    path: list[np.ndarray] = []
    count = 0

    def split(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return theta[:-n_classes].reshape(d, n_classes), theta[-n_classes:]

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        W, b = split(theta)
        logits = X @ W + b
        logits -= logits.max(axis=1, keepdims=True)
        residual = np.exp(logits)
        total = residual.sum(axis=1)
        loss = float(weights @ np.log(total) - sure @ logits[rows, y]) + 0.5 * ridge * float(np.vdot(W, W))
        residual *= (weights / total)[:, None]
        residual[rows, y] -= sure
        if spread is not None:
            loss -= float(spread @ logits.sum(axis=1))
            residual -= spread[:, None]
        gradient = np.concatenate([(XT @ residual + ridge * W).ravel(), residual.sum(axis=0) + BIAS_RIDGE * b])
        return loss + 0.5 * BIAS_RIDGE * float(b @ b), gradient

    def look(theta: np.ndarray) -> None:
        nonlocal count
        count += 1
        if stop is not None:
            stop.check()
        if keep and count in MEASURED:
            W, b = split(theta)
            path.append(X @ W + b)

    found = minimize(
        objective,
        np.zeros((d + 1) * n_classes),
        jac=True,
        method="L-BFGS-B",
        callback=look,
        options={"maxiter": iterations, "maxcor": 10, "ftol": 1e-5 if rough else 1e-8, "gtol": 1e-5},
    )
    W, b = split(found.x)
    logits = X @ W + b
    if keep and count not in MEASURED:
        path.append(logits)
    loss = -float((weights * log_softmax(logits)[rows, y]).sum() / weights.sum())
    return Fitted(np.ascontiguousarray(W.T), b.copy(), loss, count, path)


def reduced(X: Any) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]] | None:
    """Return features of at most n columns that give the same fit, and what takes its weights back to all columns.

    The penalised optimum lies in the span of the n training rows, so with fewer rows than columns the problem is
    solved in that span: a dozen labels with 20,000 words cost as little as with a dozen. None where it does not pay.
    """
    n, d = X.shape
    if n >= d or n > REDUCE_UP_TO:
        return None
    gram = X @ X.T
    gram = gram.toarray() if hasattr(gram, "toarray") else np.asarray(gram)
    values, vectors = np.linalg.eigh(gram)
    keep = values > max(values[-1], 1e-12) * 1e-10
    if not keep.any():
        return None
    root = np.sqrt(values[keep])
    basis = vectors[:, keep]

    def back(weights: np.ndarray) -> np.ndarray:
        out: np.ndarray = np.asarray(((weights / root) @ basis.T) @ X)
        return out

    return basis * root, back


def map_temperature(logits: np.ndarray, y: np.ndarray, *, prior: float = 1.0, spread: float = 0.5) -> float:
    """Return the temperature T by which held-out `logits` are best divided, with a prior that holds it near `prior`.

    Minimises the sum of ``-log softmax(logits / T)[y]`` plus ``(log T - log prior)² / (2 · spread²)``: with a handful
    of held-out labels the prior decides, with hundreds the labels do. Classes that a row knows nothing of are ``-inf``
    there.
    """
    from scipy.optimize import minimize_scalar

    if not len(y):
        return prior
    rows = np.arange(len(y))

    def cost(log_t: float) -> float:
        scaled = log_softmax(logits / np.exp(log_t))
        return float((log_t - np.log(prior)) ** 2 / (2 * spread**2) - scaled[rows, y].sum())

    found = minimize_scalar(cost, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))
