"""How good answers are, measured as the papers do; for learners, sessions and benchmarks alike."""

from alwidget.metrics.labels import exact_match, macro_f1, micro_f1
from alwidget.metrics.rouge import Rouge, rouge

__all__ = ["Rouge", "exact_match", "macro_f1", "micro_f1", "rouge"]
