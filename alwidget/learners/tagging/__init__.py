"""What tags words: a frozen encoder with a head for each word, a fine-tuned transformer, a BiLSTM with a CRF."""

from alwidget.learners.tagging.bilstm import BiLstmCrf
from alwidget.learners.tagging.finetune import FineTunedTagger
from alwidget.learners.tagging.frozen import FrozenTagger

__all__ = ["BiLstmCrf", "FineTunedTagger", "FrozenTagger"]
