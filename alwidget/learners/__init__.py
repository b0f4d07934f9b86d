"""What learns from labels and predicts: frozen encoders with a head, fine-tuned transformers, counted words.

>>> from alwidget import learners
>>> learners.make("tf-idf").learner.description
'TF-IDF + head'
"""

from alwidget.learners.auto import Choice, make
from alwidget.learners.base import (
    Batch,
    Dynamics,
    Generated,
    Labelled,
    Learner,
    Progress,
    Report,
    Span,
    Stop,
    SupportsBase,
    SupportsFeatures,
    SupportsGeneration,
    SupportsImproving,
    SupportsPasses,
    SupportsTokens,
    TokenProbs,
)
from alwidget.learners.cache import EmbeddingCache, default_cache_dir
from alwidget.learners.encoder import Encoder
from alwidget.learners.finetune import FineTuned
from alwidget.learners.frozen import FrozenEncoder
from alwidget.learners.generation import Seq2Seq
from alwidget.learners.head import Head
from alwidget.learners.mlphead import MlpHead
from alwidget.learners.objectives import Binary
from alwidget.learners.offline import offline_path
from alwidget.learners.reader import Reader
from alwidget.learners.sigmoidhead import SigmoidHead
from alwidget.learners.tagging import BiLstmCrf, FineTunedTagger, FrozenTagger
from alwidget.learners.textcnn import TextCnn
from alwidget.learners.tfidf import TfIdf
from alwidget.learners.threads import bounded_threads

__all__ = [
    "Batch",
    "BiLstmCrf",
    "Binary",
    "Choice",
    "Dynamics",
    "EmbeddingCache",
    "Encoder",
    "FineTuned",
    "FineTunedTagger",
    "FrozenEncoder",
    "FrozenTagger",
    "Generated",
    "Head",
    "Labelled",
    "Learner",
    "MlpHead",
    "Progress",
    "Reader",
    "Report",
    "Seq2Seq",
    "SigmoidHead",
    "Span",
    "Stop",
    "SupportsBase",
    "SupportsFeatures",
    "SupportsGeneration",
    "SupportsImproving",
    "SupportsPasses",
    "SupportsTokens",
    "TextCnn",
    "TfIdf",
    "TokenProbs",
    "bounded_threads",
    "default_cache_dir",
    "make",
    "offline_path",
]
