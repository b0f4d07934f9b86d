"""ROUGE: how much of a reference's words, pairs of words and order of words a written text has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import ArgumentError, MissingExtraError

__all__ = ["Rouge", "rouge"]

_ENGLISH = re.compile(r"[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Rouge:
    """ROUGE-1, ROUGE-2 and ROUGE-L, F1, each 0 to 1: of one text, or as a mean over several."""

    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815  what it is called everywhere


def rouge(written: Sequence[str], references: Sequence[str], *, stem: bool = False) -> Rouge:
    """Return the mean ROUGE of written texts against one reference each.

    The counting is that of Google's ``rouge-score``, which gives the numbers of the Perl script that papers report.
    It knows the letters a to z and figures only. Where fewer than half of the references' letters and figures are
    such, words are those of `alwidget.tasks.words` instead, so that Chinese does not score zero against itself.

    Parameters
    ----------
    written, references
        n texts each.
    stem
        Take endings off English words first, as many papers do.

    Raises
    ------
    alwidget.errors.MissingExtraError
        The extra ``text`` is not installed.

    References
    ----------
    Lin 2004, *ROUGE: A Package for Automatic Evaluation of Summaries*.

    Examples
    --------
    >>> rouge(["the cat sat", "on the mat"], ["the cat sat", "under a mat"]).rouge2
    0.5
    """
    if len(written) != len(references):
        message = f"Each text needs its reference; there are {len(written)} and {len(references)}."
        raise ArgumentError(message)
    if not len(written):
        return Rouge(0.0, 0.0, 0.0)
    scorer = _scorer(english=_is_english(references), stem=stem)
    scores = [scorer.score(wanted, text) for text, wanted in zip(written, references, strict=True)]
    one, two, long = (float(np.mean([s[kind].fmeasure for s in scores])) for kind in ("rouge1", "rouge2", "rougeL"))
    return Rouge(one, two, long)


def _scorer(*, english: bool, stem: bool) -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        message = 'ROUGE needs a package that is not installed: pip install "alwidget[text]"'
        raise MissingExtraError(message) from error
    return RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=stem, tokenizer=None if english else _Words())


class _Words:
    """Words by Unicode's rule, in small letters, without punctuation, for scripts that ``rouge-score`` cannot read."""

    def tokenize(self, text: str) -> list[str]:
        """Return the words of a text."""
        from alwidget.tasks.words import word_spans

        words = [text[start:end].casefold() for start, end in word_spans(text)]
        return [word for word in words if any(map(str.isalnum, word))]


def _is_english(texts: Sequence[str]) -> bool:
    told = [sum(map(str.isalnum, text)) for text in texts]
    return 2 * sum(len(_ENGLISH.findall(text)) for text in texts) >= sum(told)
