"""One logistic regression a label, all of them at once by L-BFGS, with the iterates kept as training dynamics."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.learners.softmax import BIAS_RIDGE, MEASURED, Fitted

__all__ = ["binary_losses", "fit_sigmoid", "shared_temperature", "sigmoid"]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return probabilities of logits of any size, without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(logits))
    out: np.ndarray = np.where(logits >= 0, 1.0, small) / (1.0 + small)
    return out


def binary_losses(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ``-log p`` of the right answer, yes or no, for every document and label; shape (n, C)."""
    out: np.ndarray = np.maximum(logits, 0) - logits * y + np.log1p(np.exp(-np.abs(logits)))
    return out


def fit_sigmoid(
    X: Any,
    y: np.ndarray,
    weights: np.ndarray,
    ridge: float,
    *,
    rough: bool = False,
    keep: bool = False,
    iterations: int = 100,
) -> Fitted:
    """Minimise the weighted sum of the losses of all labels plus ``ridge / 2 · ‖W‖²``.

    The labels share nothing but the matrix products, two an iteration for all of them, so that 28 labels cost little
    more than two. Weights begin at zero and biases at how often each label was given.

    Parameters
    ----------
    X
        Features, dense or sparse, shape (n, d).
    y, weights
        Whether each label was given and what that weighs, float64 (n, C); every label both ways at least once.
    ridge
        Strength of the penalty; the problem is strictly convex, so there is one answer and no seed.
    rough
        Stop at five digits of the loss: enough for logits that only a temperature and thresholds are read from.
    keep
        Keep the logits of the iterates in `MEASURED` and of the last one.
    iterations
        At most so many.
    """
    from scipy.optimize import minimize

    d, n_labels = X.shape[1], y.shape[1]
    XT = X.T
    path: list[np.ndarray] = []
    count = 0
    share = (weights * y).sum(axis=0) / weights.sum(axis=0)

    def split(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return theta[:-n_labels].reshape(d, n_labels), theta[-n_labels:]

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        W, b = split(theta)
        logits = X @ W + b
        small = np.exp(-np.abs(logits))
        loss = float((weights * (np.maximum(logits, 0) - logits * y + np.log1p(small))).sum())
        loss += 0.5 * ridge * float(np.vdot(W, W)) + 0.5 * BIAS_RIDGE * float(b @ b)
        residual = weights * (np.where(logits >= 0, 1.0, small) / (1.0 + small) - y)
        return loss, np.concatenate([(XT @ residual + ridge * W).ravel(), residual.sum(axis=0) + BIAS_RIDGE * b])

    def look(theta: np.ndarray) -> None:
        nonlocal count
        count += 1
        if keep and count in MEASURED:
            W, b = split(theta)
            path.append(X @ W + b)

    found = minimize(
        objective,
        np.concatenate([np.zeros(d * n_labels), np.log(share / (1 - share))]),
        jac=True,
        method="L-BFGS-B",
        callback=look,
        options={"maxiter": iterations, "maxcor": 10, "ftol": 1e-5 if rough else 1e-8, "gtol": 1e-5},
    )
    W, b = split(found.x)
    logits = X @ W + b
    if keep and count not in MEASURED:
        path.append(logits)
    loss = float((weights * binary_losses(logits, y)).sum() / weights.sum())
    return Fitted(np.ascontiguousarray(W.T), b.copy(), loss, count, path)


def shared_temperature(logits: np.ndarray, y: np.ndarray, *, spread: float = 0.5) -> float:
    """Return the temperature T by which held-out `logits` (n, C) of all labels are best divided.

    Minimises the sum of the losses of ``logits / T`` plus ``(log T)² / (2 · spread²)``, which holds it near one where
    there is little to read it from. What is not known is NaN and does not count.
    """
    from scipy.optimize import minimize_scalar

    known = np.isfinite(logits)
    if not known.any():
        return 1.0
    flat, right = logits[known], y[known]

    def cost(log_t: float) -> float:
        return float(log_t**2 / (2 * spread**2) + binary_losses(flat / np.exp(log_t), right).sum())

    found = minimize_scalar(cost, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))
