"""What learns from labels and predicts: frozen encoders with a head, fine-tuned transformers, counted words.

>>> from alwidget import learners
>>> learners.make("tf-idf").learner.description
'TF-IDF + head'
"""

from alwidget.learners.auto import Choice, make
from alwidget.learners.base import Batch, Dynamics, Labelled, Learner, Progress, Report, Stop
from alwidget.learners.cache import EmbeddingCache, default_cache_dir
from alwidget.learners.encoder import Encoder
from alwidget.learners.finetune import FineTuned
from alwidget.learners.frozen import FrozenEncoder
from alwidget.learners.head import Head
from alwidget.learners.offline import offline_path
from alwidget.learners.tfidf import TfIdf
from alwidget.learners.threads import bounded_threads

__all__ = [
    "Batch",
    "Choice",
    "Dynamics",
    "EmbeddingCache",
    "Encoder",
    "FineTuned",
    "FrozenEncoder",
    "Head",
    "Labelled",
    "Learner",
    "Progress",
    "Report",
    "Stop",
    "TfIdf",
    "bounded_threads",
    "default_cache_dir",
    "make",
    "offline_path",
]
