"""Query functions of modAL inside a session."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from alwidget.interop.frameworks.draws import Numpy, seed_from, swapped
from alwidget.interop.frameworks.theirs import Kind, Theirs, imported, option, ordered, signature_of
from alwidget.strategies.base import Ranked, View

__all__ = ["KINDS", "REFUSED", "Adapted", "signature"]

PASSES = 10
_UNCERTAINTY, _MULTILABEL, _DISAGREEMENT = "modAL.uncertainty", "modAL.multilabel", "modAL.disagreement"
_SEVERAL = ("multilabel",)
KINDS = {
    "uncertainty_sampling": Kind(
        "Documents whose likeliest class is the least likely (modAL).", _UNCERTAINTY, ("probs",)
    ),
    "margin_sampling": Kind(
        "Documents whose two likeliest classes are closest (modAL).", _UNCERTAINTY, ("probs",), call="least"
    ),
    "entropy_sampling": Kind("Documents whose classes have the largest entropy (modAL).", _UNCERTAINTY, ("probs",)),
    "uncertainty_batch_sampling": Kind(
        "Documents that are unsure and far from what is labelled, one at a time (modAL).",
        "modAL.batch",
        ("probs", "embeddings"),
        labelled=True,
        paper="Cardoso et al. 2017",
    ),
    "vote_entropy_sampling": Kind(
        "Documents that passes with dropout vote on most differently (modAL).", _DISAGREEMENT, ("mc_probs",)
    ),
    "consensus_entropy_sampling": Kind(
        "Documents whose mean over passes with dropout has the largest entropy (modAL).", _DISAGREEMENT, ("mc_probs",)
    ),
    "max_disagreement_sampling": Kind(
        "Documents of which one pass with dropout differs most from the mean (modAL).", _DISAGREEMENT, ("mc_probs",)
    ),
    "min_confidence": Kind(
        "Documents whose least likely label is the least likely (modAL).",
        _MULTILABEL,
        ("probs",),
        tasks=_SEVERAL,
        call="least",
    ),
    "avg_confidence": Kind(
        "Documents whose labels are the likeliest on average (modAL).", _MULTILABEL, ("probs",), tasks=_SEVERAL
    ),
    "max_score": Kind(
        "Documents whose best score of a label is the largest (modAL).", _MULTILABEL, ("probs",), tasks=_SEVERAL
    ),
    "avg_score": Kind(
        "Documents whose score of a label is the largest on average (modAL).", _MULTILABEL, ("probs",), tasks=_SEVERAL
    ),
}
_DECISIONS = "it reads the decision function of a support vector machine"
_REGRESSES = "it is for regression"
REFUSED = {
    "expected_error_reduction": "it fits a model anew for every document and every answer",
    "max_loss": _DECISIONS,
    "mean_max_loss": _DECISIONS,
    "SVM_binary_minimum": _DECISIONS,
    "max_std_sampling": _REGRESSES,
    "max_EI": _REGRESSES,
    "max_PI": _REGRESSES,
    "max_UCB": _REGRESSES,
}
"""What it has that a session cannot use, and why."""


def signature(name: str, kind: Kind) -> inspect.Signature:
    """Return the options of a query function."""
    more = [option("passes", PASSES)] if "mc_probs" in kind.reads else []
    return signature_of(_function(name, kind), ("classifier", "committee", "X", "X_pool", "n_instances"), more)


class Adapted(Theirs):
    """A query function of modAL, called with the model of the session."""

    def pick(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return what the function chooses."""
        options = self.options()
        passes = options.pop("passes", PASSES)
        function = _function(type(self).__name__, self.kind)
        positions = np.arange(view.size)[:, None]
        model = _Model(view, self.kind, passes)
        pool = np.asarray(view.embeddings) if "embeddings" in self.kind.reads else positions
        draws = {imported("modAL.utils.selection", "modAL", PACKAGE): {"np": Numpy(seed_from(rng))}}
        with swapped(draws):
            indices, measured = function(model, pool, n_instances=size, **options)
        if self.kind.module == "modAL.batch":
            return Ranked(np.asarray(indices), np.full(size, np.nan))  # chosen one after the other, so in order
        return ordered(indices, -measured if self.kind.call == "least" else np.asarray(measured))


PACKAGE = "modAL-python"


def _function(name: str, kind: Kind) -> Any:
    return getattr(imported(kind.module, "modAL", PACKAGE), name)


class _Model:
    """What query functions take for a fitted learner or committee, over the arrays of a round.

    They ask it about all candidates and nothing else, so the documents that they pass need not be looked at.
    """

    on_transformed = False

    def __init__(self, view: View, kind: Kind, passes: int) -> None:
        self._view = view
        self.classes_ = np.arange(view.n_classes)
        self.X_training = None
        if kind.labelled and len(view.labelled):
            self.X_training = np.asarray(view.labelled_embeddings)
        if "mc_probs" in kind.reads:
            self._votes = np.stack(list(view.mc_probs(passes)), axis=1)

    def predict_proba(self, documents: Any) -> np.ndarray:
        """Return probabilities (N, C); of a committee their mean."""
        del documents
        return self._votes.mean(axis=1) if hasattr(self, "_votes") else np.array(self._view.probs)

    def predict(self, documents: Any) -> np.ndarray:
        """Return which labels are given, 0 or 1 (N, C)."""
        return (self.predict_proba(documents) > 0.5).astype(np.int64)  # noqa: PLR2004  more likely than not

    def vote_proba(self, documents: Any) -> np.ndarray:
        """Return what each pass says, (N, T, C)."""
        del documents
        return self._votes

    def vote(self, documents: Any) -> np.ndarray:
        """Return the class that each pass votes for, (N, T)."""
        del documents
        votes: np.ndarray = self._votes.argmax(axis=2)
        return votes

    def __len__(self) -> int:
        return int(self._votes.shape[1])

    def __iter__(self) -> Any:
        return iter(range(len(self)))
