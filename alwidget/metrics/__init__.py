"""How good answers are, measured as the papers do; for learners, sessions and benchmarks alike.

>>> from alwidget import metrics
>>> metrics.entity_scores([[(0, 2, "PER")]], [[(0, 2, "PER"), (3, 4, "LOC")]]).micro.f1
0.6666666666666666
"""

from alwidget.metrics.entities import EntityScores, Score, entity_scores
from alwidget.metrics.labels import exact_match, macro_f1, micro_f1
from alwidget.metrics.rouge import Rouge, rouge

__all__ = ["EntityScores", "Rouge", "Score", "entity_scores", "exact_match", "macro_f1", "micro_f1", "rouge"]
