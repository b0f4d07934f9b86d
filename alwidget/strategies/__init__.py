"""Which documents to ask next: strategies by name, your own beside them, and the mathematics as plain functions.

>>> from alwidget import strategies
>>> strategies.get("tyrogue", r=3).name
'tyrogue'
"""

from alwidget.strategies import functional
from alwidget.strategies.arrays import ArrayView
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.ranking import Pointwise, by_score, without_scores
from alwidget.strategies.registry import available, default, get
from alwidget.strategies.schedule import Schedule, Until
from alwidget.strategies.settings import from_settings, to_settings
from alwidget.strategies.subsample import (
    UPS,
    Naive,
    Subsampler,
    Subset,
    available_subsamplers,
    subsample_setting,
    subsampler,
)

__all__ = [
    "UPS",
    "ArrayView",
    "Naive",
    "Pointwise",
    "Ranked",
    "Schedule",
    "Strategy",
    "Subsampler",
    "Subset",
    "Until",
    "View",
    "available",
    "available_subsamplers",
    "by_score",
    "check_task",
    "default",
    "from_settings",
    "functional",
    "get",
    "subsample_setting",
    "subsampler",
    "task_of",
    "to_settings",
    "without_scores",
]
