"""The training loop of the fine-tuned transformers: short enough to read, and nothing global is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from alwidget.learners.base import Progress, Stop
from alwidget.learners.objectives import Objective
from alwidget.learners.tokens import Tokens, token_batches
from alwidget.learners.watching import look_after

__all__ = [
    "Classified",
    "Examples",
    "History",
    "Options",
    "autocast",
    "on_device",
    "seed_dropout",
    "smoothed",
    "train",
]

LEAST_HELD_OUT = 20
MOST_EPOCHS = 30
POOLED_BATCHES = 32
"""Batches that are sorted by length together: little padding, and still other batches in every epoch."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to fine-tune. The defaults suit some dozens to some thousands of labels.

    Attributes
    ----------
    learning_rate
        Peak rate; None: 5e-5 at a width of 768 and inversely to it, since narrow models need larger steps.
    batch_size
        Documents an optimiser step; split into pieces of `step_tokens` tokens where that does not fit.
    epochs, min_steps
        Passes over the labels; few labels get more of them (at most 30), until `min_steps` steps are done.
    warmup
        Share of the steps in which the rate rises; then it falls to zero, both linearly.
    weight_decay
        Of matrices only, never of biases and normalisations.
    clip
        Largest norm of the gradient.
    patience
        Epochs without a better loss (by 1 %) after which to stop; also stopped once the mean loss is below `solved`.
    holdout
        Share of the labels that only decide when to stop, stratified; used from 20 held-out documents up.
    class_weight
        None or ``"balanced"``: every class counts as much as any other; of several labels, yes as much as no.
    """

    learning_rate: float | None = None
    batch_size: int = 16
    epochs: int = 5
    min_steps: int = 100
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    patience: int = 2
    solved: float = 0.02
    holdout: float = 0.0
    class_weight: str | None = None


@dataclass(slots=True)
class History:
    """What happened: gold probability and correctness per epoch, dropout off, and the mean loss of each."""

    gold: list[np.ndarray] = field(default_factory=list)
    correct: list[np.ndarray] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    steps: int = 0


class SeededDropout(nn.Module):
    """Dropout from a generator of its own, so that training neither reads nor moves the global one.

    The global generator belongs to the person at the notebook: drawing from it in a background thread would change
    their numbers, and theirs would change the training.
    """

    def __init__(self, p: float, generator: torch.Generator) -> None:
        super().__init__()
        self.p, self._generator = p, generator

    def __deepcopy__(self, memo: dict[int, Any]) -> SeededDropout:
        """Return a copy on the same generator; generators cannot be copied."""
        copied = SeededDropout(self.p, self._generator)
        copied.train(self.training)
        memo[id(self)] = copied
        return copied

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x with a share p of its entries set to zero, in training.

        In evaluation torch's own dropout is called, which does nothing either, unless somebody answers in its place:
        see `alwidget.learners.dropout.OwnRandomness`.
        """
        if not self.training or self.p == 0:
            return functional.dropout(x, self.p, training=False)
        keep = torch.empty_like(x).bernoulli_(1 - self.p, generator=self._generator)
        return x * keep.div_(1 - self.p)


def seed_dropout(model: nn.Module, generator: torch.Generator) -> None:
    """Replace the dropout layers of a model by ones that draw from `generator`."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Dropout | SeededDropout):
                setattr(parent, name, SeededDropout(child.p, generator))


def autocast(device: str) -> AbstractContextManager[Any]:
    """Return bfloat16 autocast where the GPU has it, else nothing."""
    if device.startswith("cuda") and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def on_device(batch: dict[str, np.ndarray], device: str) -> dict[str, torch.Tensor]:
    """Return a batch as tensors on `device`."""
    return {name: torch.from_numpy(array).to(device, non_blocking=True) for name, array in batch.items()}


class Examples(Protocol):
    """Labelled documents as the loop sees them; what a model is trained for is theirs to know."""

    lengths: np.ndarray
    """Tokens that each document costs, int64 (n,)."""
    weights: np.ndarray
    """What each document counts, float64 (n,)."""
    kinds: np.ndarray
    """Documents of one kind are shared out evenly when some are held out, int64 (n,)."""

    def losses(self, model: Any, rows: np.ndarray) -> torch.Tensor:
        """Return the losses of some documents, float32 (k,), with their gradient."""

    def measured(self, model: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return gold probability, correctness and loss of all documents, dropout off, each (n,)."""


class Classified:
    """Documents with targets for a classifier.

    Parameters
    ----------
    tokens, targets
        The documents and their answers as `objective` encodes them.
    predict
        Returns probabilities (n, C) of tokens under a model, dropout off.
    weights, class_weight
        What each document counts, float64 (n,), and None or ``"balanced"``.
    smoothing
        The share of each document's target that is spread over the classes, float64 (n,).
    """

    def __init__(
        self,
        tokens: Tokens,
        targets: np.ndarray,
        n_classes: int,
        *,
        objective: Objective,
        device: str,
        predict: Callable[[Any, Tokens], np.ndarray],
        weights: np.ndarray | None = None,
        class_weight: str | None = None,
        smoothing: np.ndarray | None = None,
    ) -> None:
        self.lengths, self.kinds = tokens.lengths, objective.kinds(targets)
        self.weights, yes = objective.weights(targets, n_classes, weights, class_weight)
        self._yes = None if yes is None else torch.tensor(yes, dtype=torch.float32, device=device)
        self._tokens, self._targets, self._objective = tokens, targets, objective
        self._device, self._predict, self._smoothing = device, predict, smoothing

    def losses(self, model: Any, rows: np.ndarray) -> torch.Tensor:
        """Return the losses of some documents, float32 (k,)."""
        with autocast(self._device):
            logits = model(**on_device(self._tokens.padded(rows), self._device)).logits
        targets = torch.from_numpy(self._targets[rows]).to(self._device)
        losses = self._objective.losses(logits.float(), targets, self._yes)
        if self._smoothing is None:
            return losses
        return smoothed(losses, self._objective.flat(logits.float()), self._smoothing[rows])

    def measured(self, model: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return gold probability, correctness and loss of all documents, each (n,)."""
        return self._objective.measured(self._predict(model, self._tokens), self._targets)


def train(
    model: Any,
    examples: Examples,
    *,
    options: Options,
    seed: int,
    device: str,
    step_tokens: int,
    stop: Stop | None,
    progress: Progress | None,
    watch: Callable[[Any, float], None] | None = None,
) -> History:
    """Train `model` in place.

    `watch` is called with the model in evaluation, and with the mean learning rate since the last time as a share of
    the peak, after some of the epochs and at the end.

    Raises
    ------
    alwidget.errors.Cancelled
        `stop` was set; it is looked at before every step. The model is then somewhere in between.
    """
    rng = np.random.default_rng(seed)
    inside, outside = _split(examples.kinds, options.holdout, rng)
    steps = -(-len(inside) // options.batch_size)
    epochs = int(np.clip(-(-options.min_steps // steps), options.epochs, max(MOST_EPOCHS, options.epochs)))
    optimiser, schedule = _optimiser(model, options, epochs * steps)
    history = History()
    best, best_state, since = np.inf, None, 0
    looking = _Looking(watch, epochs, schedule)
    for epoch in range(epochs):
        model.train()
        for rows in _epoch_batches(examples.lengths, inside, options.batch_size, rng):
            if stop is not None:
                stop.check()
            _step(model, examples, rows, device, step_tokens, options.clip)
            looking.step()
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            history.steps += 1
            if progress is not None:
                progress("training", history.steps, epochs * steps)
        model.eval()
        loss = _measure(history, examples, model, outside if len(outside) else inside)
        since = 0 if loss < 0.99 * best else since + 1
        looking.after(epoch + 1, model)
        if loss < best:
            best = loss
            if len(outside):
                best_state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        enough = history.steps >= options.min_steps or epoch + 1 >= options.epochs
        if (loss < options.solved and enough and not len(outside)) or since >= options.patience:
            break
    if best_state is not None:
        model.load_state_dict(best_state)
    looking.last(model)
    return history


class _Looking:
    """Lets somebody look at the model after some of the epochs and at the end, with the rate that it learned at."""

    def __init__(self, watch: Callable[[Any, float], None] | None, epochs: int, schedule: Any) -> None:
        self._watch, self._epochs, self._schedule = watch, epochs, schedule
        self._rates: list[float] = []

    def step(self) -> None:
        """Note the rate of the step to come."""
        self._rates.append(self._schedule.get_last_lr()[0] / self._schedule.base_lrs[0])

    def after(self, epoch: int, model: Any) -> None:
        """Look after this epoch, counted from 1, if it is one of those and not the last."""
        if epoch < self._epochs and look_after(epoch, self._epochs):
            self.last(model)

    def last(self, model: Any) -> None:
        """Look now."""
        if self._watch is not None and self._rates:
            self._watch(model, float(np.mean(self._rates)))
            self._rates = []


def smoothed(losses: torch.Tensor, flat: torch.Tensor, smoothing: np.ndarray) -> torch.Tensor:
    """Return losses (k,) with a share (k,) of the loss of knowing nothing mixed in."""
    share = torch.from_numpy(smoothing.astype(np.float32)).to(losses.device)
    return (1 - share) * losses + share * flat


def _step(model: Any, examples: Examples, rows: np.ndarray, device: str, step_tokens: int, clip: float) -> None:
    """Add up the gradient of one batch, in pieces of a bounded number of tokens, and clip it."""
    each = examples.weights
    total = float(each[rows].sum()) or 1.0
    for piece in token_batches(examples.lengths[rows], step_tokens):
        at = rows[piece]
        weight = torch.from_numpy(each[at].astype(np.float32)).to(device)
        ((examples.losses(model, at) * weight).sum() / total).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), clip)


def _measure(history: History, examples: Examples, model: Any, at: np.ndarray) -> float:
    gold, correct, losses = examples.measured(model)
    history.gold.append(gold.astype(np.float16))
    history.correct.append(correct)
    each = examples.weights
    loss = float((each[at] * losses[at]).sum() / max(each[at].sum(), 1e-9))
    history.losses.append(loss)
    return loss


def _optimiser(model: Any, options: Options, steps: int) -> tuple[torch.optim.Optimizer, Any]:
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    rate = options.learning_rate or 5e-5 * 768 / int(getattr(model.config, "hidden_size", 768))
    groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate)
    rising = max(1, round(options.warmup * steps))

    def factor(step: int) -> float:
        return (step + 1) / rising if step < rising else max(0.0, (steps - step) / max(1, steps - rising))

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def _epoch_batches(lengths: np.ndarray, rows: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield each row once: shuffled, then sorted by length some batches at a time, the batches in random order."""
    order = rng.permutation(rows)
    span = size * POOLED_BATCHES
    batches: list[np.ndarray] = []
    for start in range(0, len(order), span):
        group = order[start : start + span]
        group = group[np.argsort(lengths[group], kind="stable")]
        batches += [group[i : i + size] for i in range(0, len(group), size)]
    for i in rng.permutation(len(batches)):
        yield batches[i]


def _split(y: np.ndarray, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions to train on and those held out; a class never loses its only document."""
    everything = np.arange(len(y))
    if share <= 0 or share * len(y) < LEAST_HELD_OUT:
        return everything, everything[:0]
    out = [rng.permutation(np.flatnonzero(y == c)) for c in np.unique(y)]
    held = np.sort(np.concatenate([rows[: int(share * len(rows))] for rows in out]))
    return np.setdiff1d(everything, held), held
