"""What a student is told by its teacher, as functions of tensors, and which words are hidden from a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["hidden_states", "hide_words", "masked_words", "sentence_vectors", "soft_targets"]

SHARE, BY_MASK, BY_OTHER = 0.15, 0.8, 0.1


def soft_targets(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Return T²·KL(softmax(z_T/T) ‖ softmax(z_S/T)) of every token (Hinton, Vinyals & Dean 2015).

    T² keeps the gradient of about the same size whatever the temperature.

    Parameters
    ----------
    student, teacher
        Logits (n, V); the teacher's are constants.
    temperature
        T; larger ones show more of what the teacher thinks of the other words.

    Returns
    -------
    Tensor
        Nats, (n,).

    Examples
    --------
    >>> import torch
    >>> loss = soft_targets(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0]]), 2.0)
    >>> round(float(loss), 5)
    0.10538
    """
    wanted = functional.log_softmax(teacher.detach().float() / temperature, dim=-1)
    given = functional.log_softmax(student.float() / temperature, dim=-1)
    return functional.kl_div(given, wanted, reduction="none", log_target=True).sum(-1) * temperature**2


def masked_words(logits: Tensor, words: Tensor) -> Tensor:
    """Return -log p of the right word, (n,), of logits (n, V) and word ids (n,)."""
    return functional.cross_entropy(logits.float(), words, reduction="none")


def hidden_states(student: Tensor, teacher: Tensor) -> Tensor:
    """Return 1 - cos(h_S, h_T) of the last hidden states (n, d) of every token, (n,) (Sanh et al. 2019).

    >>> import torch
    >>> states = torch.tensor([[3.0, 4.0]])
    >>> float(hidden_states(states, 2 * states).abs()) < 1e-6
    True
    """
    return 1 - functional.cosine_similarity(student.float(), teacher.detach().float(), dim=-1)


def sentence_vectors(student: Tensor, teacher: Tensor) -> Tensor:
    """Return |v_S - v_T|² / |v_T|² of the vectors (n, d) of every text, (n,): what a frozen acquirer uses.

    >>> import torch
    >>> float(sentence_vectors(torch.tensor([[2.0, 0.0]]), torch.tensor([[2.0, 2.0]])))
    0.5
    """
    wanted = teacher.detach().float()
    return (student.float() - wanted).square().sum(-1) / wanted.square().sum(-1).clamp(min=1e-6)


def hide_words(
    ids: np.ndarray, special: np.ndarray, mask: int, vocabulary: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids of which some are hidden, and where (Devlin et al. 2019).

    Each token that is not special is chosen with probability 0.15, and one at least of all. Of the chosen ones 80 %
    become the mask, 10 % a word drawn at random, and 10 % stay.

    Parameters
    ----------
    ids
        int32 (n,), the tokens of some texts, one after the other.
    special
        Ids that stand for no text.
    mask, vocabulary
        The id of the mask, and how many ids there are.

    Returns
    -------
    tuple
        Ids int32 (n,) and bool (n,): which were chosen.
    """
    text = ~np.isin(ids, special)
    chosen = text & (rng.random(len(ids)) < SHARE)
    if not chosen.any() and text.any():
        chosen[rng.choice(np.flatnonzero(text))] = True
    how = rng.random(len(ids))
    words = np.setdiff1d(np.arange(vocabulary, dtype=ids.dtype), special)
    others = rng.choice(words, len(ids)) if len(words) else ids
    out = np.where(chosen & (how < BY_MASK), mask, ids)
    out = np.where(chosen & (how >= BY_MASK) & (how < BY_MASK + BY_OTHER), others, out)
    return out.astype(ids.dtype), chosen
