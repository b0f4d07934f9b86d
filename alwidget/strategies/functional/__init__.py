"""The mathematics of the strategies: arrays in, arrays out, no session needed.

N documents, C classes, d dimensions. Arrays are NumPy arrays (float32 or float64), nested lists or torch tensors, and
are never modified. Functions that score return float64 of shape (N,), larger = ask first; functions that take a
`size` return ``min(size, N)`` unique int64 positions, best first. `rng` is a `numpy.random.Generator` or a seed.
Whatever cannot be ranked (raw logits, NaN, empty or mismatched arrays) raises `alwidget.errors.StrategyError`.
"""

from alwidget.strategies.functional.alfamix import alfa_mix
from alwidget.strategies.functional.alvin import alvin
from alwidget.strategies.functional.bait import bait
from alwidget.strategies.functional.batchbald import batchbald
from alwidget.strategies.functional.cartography import cartography
from alwidget.strategies.functional.clustering import alps, kmeans_medoids
from alwidget.strategies.functional.contrast import contrastive
from alwidget.strategies.functional.covering import coreset
from alwidget.strategies.functional.density import idds, idds_scores
from alwidget.strategies.functional.discriminator import discriminative
from alwidget.strategies.functional.dynamics import data_map, unlearned
from alwidget.strategies.functional.egl import egl, token_egl
from alwidget.strategies.functional.gradients import badge, token_badge
from alwidget.strategies.functional.hybrid import tyrogue
from alwidget.strategies.functional.margins import cluster_margin
from alwidget.strategies.functional.neighbours import nearest
from alwidget.strategies.functional.novelty import mahalanobis
from alwidget.strategies.functional.passes import bald, mc_entropy
from alwidget.strategies.functional.profiling import (
    acquisition_factor,
    batch_redundancy,
    input_diversity,
    representation_diversity,
    representativeness,
)
from alwidget.strategies.functional.regions import actune, region_scores
from alwidget.strategies.functional.sampling import naive, random_share, ups, ups_probabilities
from alwidget.strategies.functional.scores import (
    breaking_ties,
    entropy,
    label_cardinality,
    least_confidence,
    random,
    top,
)
from alwidget.strategies.functional.seals import seals
from alwidget.strategies.functional.texts import bleuvar, ensp, nsp
from alwidget.strategies.functional.tokens import mnlp, token_bald, token_budget, token_entropy

__all__ = [
    "acquisition_factor",
    "actune",
    "alfa_mix",
    "alps",
    "alvin",
    "badge",
    "bait",
    "bald",
    "batch_redundancy",
    "batchbald",
    "bleuvar",
    "breaking_ties",
    "cartography",
    "cluster_margin",
    "contrastive",
    "coreset",
    "data_map",
    "discriminative",
    "egl",
    "ensp",
    "entropy",
    "idds",
    "idds_scores",
    "input_diversity",
    "kmeans_medoids",
    "label_cardinality",
    "least_confidence",
    "mahalanobis",
    "mc_entropy",
    "mnlp",
    "naive",
    "nearest",
    "nsp",
    "random",
    "random_share",
    "region_scores",
    "representation_diversity",
    "representativeness",
    "seals",
    "token_badge",
    "token_bald",
    "token_budget",
    "token_egl",
    "token_entropy",
    "top",
    "tyrogue",
    "unlearned",
    "ups",
    "ups_probabilities",
]
