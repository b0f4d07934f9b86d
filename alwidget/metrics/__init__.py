"""How good answers are, measured as the papers do; for learners, sessions and benchmarks alike."""

from alwidget.metrics.labels import exact_match, macro_f1, micro_f1

__all__ = ["exact_match", "macro_f1", "micro_f1"]
