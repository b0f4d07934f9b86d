"""The mathematics of the strategies: arrays in, arrays out, no session needed.

N documents, C classes, d dimensions. Arrays are NumPy arrays (float32 or float64), nested lists or torch tensors, and
are never modified. Functions that score return float64 of shape (N,), larger = ask first; functions that take a
`size` return ``min(size, N)`` unique int64 positions, best first. `rng` is a `numpy.random.Generator` or a seed.
Whatever cannot be ranked (raw logits, NaN, empty or mismatched arrays) raises `alwidget.errors.StrategyError`.
"""

from alwidget.strategies.functional.clustering import kmeans_medoids
from alwidget.strategies.functional.hybrid import tyrogue
from alwidget.strategies.functional.scores import breaking_ties, entropy, least_confidence, random, top

__all__ = ["breaking_ties", "entropy", "kmeans_medoids", "least_confidence", "random", "top", "tyrogue"]
