"""What fine-tuning makes likely: one label a document, or a yes or no for every label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from alwidget.learners.thresholds import NEVER_TUNED, rarest_label, tuned_thresholds

if TYPE_CHECKING:
    import torch

__all__ = ["Binary", "Objective", "Single"]

TINY = 1e-9


class Objective(Protocol):
    """What a classifier is trained for; `FineTuned` is given one."""

    problem: str
    """What transformers calls it in a checkpoint's configuration."""
    folds: int
    """Parts that thresholds are tuned on, each held out once from a training of its own; 0: there are none to tune."""

    def targets(self, y: Any) -> np.ndarray:
        """Return the answers as they are trained on, one row a document."""

    def weights(
        self, targets: np.ndarray, n_classes: int, given: np.ndarray | None, mode: str | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what each document weighs, float64 (n,), and what a yes of each label weighs, (C,) or None."""

    def kinds(self, targets: np.ndarray) -> np.ndarray:
        """Return int64 (n,): documents of one kind are shared out evenly when some are held out."""

    def losses(self, logits: torch.Tensor, targets: torch.Tensor, yes: torch.Tensor | None) -> torch.Tensor:
        """Return the loss of each document, (k,)."""

    def flat(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the loss of each document if nothing were known of its answer, (k,); what smoothing mixes in."""

    def probs(self, logits: torch.Tensor) -> torch.Tensor:
        """Return probabilities of logits (k, C)."""

    def measured(self, probs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return gold probability, correctness and loss of each document, each (n,)."""

    def thresholds(self, held_out: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the probability from which on each label is given, float64 (C,)."""


class Single:
    """One label a document: softmax and cross-entropy."""

    problem = "single_label_classification"
    folds = 0

    def targets(self, y: Any) -> np.ndarray:
        """Return classes, int64 (n,)."""
        return np.asarray(y, dtype=np.int64)

    def weights(
        self, targets: np.ndarray, n_classes: int, given: np.ndarray | None, mode: str | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return document weights; ``"balanced"`` makes every class count as much as any other."""
        each = np.ones(len(targets)) if given is None else np.asarray(given, dtype=np.float64).copy()
        if mode == "balanced":
            counts = np.bincount(targets, minlength=n_classes)
            each *= (len(targets) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[targets]
        return each, None

    def kinds(self, targets: np.ndarray) -> np.ndarray:
        """Return the classes."""
        return targets

    def losses(self, logits: torch.Tensor, targets: torch.Tensor, yes: torch.Tensor | None) -> torch.Tensor:
        """Return the cross-entropy of each document."""
        from torch.nn import functional

        del yes
        return functional.cross_entropy(logits, targets, reduction="none")

    def flat(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy of every class being as likely as the next."""
        return -logits.log_softmax(-1).mean(-1)

    def probs(self, logits: torch.Tensor) -> torch.Tensor:
        """Return probabilities; rows sum to one."""
        return logits.softmax(-1)

    def measured(self, probs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the gold label's probability, whether it is the largest, and its loss."""
        gold = probs[np.arange(len(targets)), targets]
        return gold, probs.argmax(axis=1) == targets, -np.log(np.maximum(gold, TINY))

    def thresholds(self, held_out: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return nothing: the largest probability decides."""
        del targets
        return np.full(held_out.shape[1], NEVER_TUNED)


class Binary:
    """A yes or no for every label: sigmoid and binary cross-entropy, summed over the labels.

    Parameters
    ----------
    folds
        Thresholds are tuned on documents that were held out, each once, from as many more trainings. With 2, each of
        them sees half of the documents, so that a fit costs about twice as much; 0 leaves all thresholds at 0.5.
    pos_weight
        What a yes weighs where a no weighs one, for all labels or float (C,). ``class_weight="balanced"`` of the
        training takes the ratio of no to yes of each label instead, at most 20.
    """

    problem = "multi_label_classification"

    def __init__(self, *, folds: int = 2, pos_weight: float | np.ndarray | None = None) -> None:
        self.folds, self.pos_weight = folds, pos_weight

    def targets(self, y: Any) -> np.ndarray:
        """Return yes and no as one and zero, float32 (n, C)."""
        return np.asarray(y, dtype=bool).astype(np.float32)

    def weights(
        self, targets: np.ndarray, n_classes: int, given: np.ndarray | None, mode: str | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the document weights as given, and the weights of yes."""
        each = np.ones(len(targets)) if given is None else np.asarray(given, dtype=np.float64).copy()
        if mode == "balanced":
            given_to = targets.sum(axis=0)
            return each, np.clip((len(targets) - given_to) / np.maximum(given_to, 1), 1.0, 20.0)
        if self.pos_weight is None:
            return each, None
        return each, np.broadcast_to(np.asarray(self.pos_weight, dtype=np.float64), (n_classes,)).copy()

    def kinds(self, targets: np.ndarray) -> np.ndarray:
        """Return the rarest label of each document."""
        return rarest_label(targets > 0)

    def losses(self, logits: torch.Tensor, targets: torch.Tensor, yes: torch.Tensor | None) -> torch.Tensor:
        """Return the binary cross-entropy of each document, summed over its labels."""
        from torch.nn import functional

        return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=yes, reduction="none").sum(-1)

    def flat(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy of every label being as likely given as not."""
        from torch.nn import functional

        return functional.softplus(logits).sub(logits / 2).sum(-1)

    def probs(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probability of every label on its own."""
        return logits.sigmoid()

    def measured(self, probs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean probability of the right answers, whether all are right at 0.5, and the loss."""
        yes = targets > 0
        right = np.where(yes, probs, 1 - probs)
        correct = ((probs >= NEVER_TUNED) == yes).all(axis=1)
        return right.mean(axis=1), correct, -np.log(np.maximum(right, TINY)).sum(axis=1)

    def thresholds(self, held_out: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return tuned thresholds; see `alwidget.learners.thresholds`."""
        return tuned_thresholds(held_out.astype(np.float64), targets > 0)
