"""Simulated annotation that can be believed: the same session and engine, with an oracle in the person's place.

`alwidget.benchmark` runs datasets × strategies × subsamplers × models × seeds; `Results` tells what came of it.
"""

from alwidget.bench.dominance import almost_stochastic_order, bonferroni, violation
from alwidget.bench.results import Results
from alwidget.bench.statistics import aulc, labels_to, labels_to_all, mean_interval, paired_difference, win_tie_loss

__all__ = [
    "Results",
    "almost_stochastic_order",
    "aulc",
    "bonferroni",
    "labels_to",
    "labels_to_all",
    "mean_interval",
    "paired_difference",
    "violation",
    "win_tie_loss",
]
