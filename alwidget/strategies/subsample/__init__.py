"""Which documents a round looks at, by name or by class.

>>> from alwidget.strategies import subsampler
>>> subsampler("ups")
subsampler("ups")
"""

from alwidget.strategies.subsample.base import Everything, RandomSubsampler, Subsampler, Subset
from alwidget.strategies.subsample.byscore import UPS, Naive
from alwidget.strategies.subsample.near import SealsSubsampler
from alwidget.strategies.subsample.reading import available_subsamplers, subsample_setting, subsampler

__all__ = [
    "UPS",
    "Everything",
    "Naive",
    "RandomSubsampler",
    "SealsSubsampler",
    "Subsampler",
    "Subset",
    "available_subsamplers",
    "subsample_setting",
    "subsampler",
]
