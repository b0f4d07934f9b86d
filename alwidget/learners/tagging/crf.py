"""A linear-chain conditional random field over tags, in which what cannot follow cannot be predicted.

Lafferty, McCallum & Pereira 2001, "Conditional random fields"; on top of a network as in Lample et al. 2016, "Neural
architectures for named entity recognition". No library for it is kept up with torch, and it is short.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["Crf"]

FORBIDDEN = -1e4
"""Far below any score, and still finite, so that nothing becomes not a number."""


class Crf(nn.Module):
    """Scores of sequences of the tags O, B, I, B, I, …: what the network says of each word, and what follows what.

    The score of a sequence is the sum of its emissions, of a transition between each two words, and of how it starts
    and ends. Transitions are learned, except those into an I from anything but its own B or I, which are forbidden.

    Parameters
    ----------
    tags
        The number of tags K, odd.
    """

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(tags, tags))
        self.starts = nn.Parameter(torch.zeros(tags))
        self.ends = nn.Parameter(torch.zeros(tags))
        inner = 2 * torch.arange(1, tags // 2 + 1)
        forbidden = torch.zeros(tags, tags, dtype=torch.bool)
        forbidden[:, inner] = True
        forbidden[inner, inner] = False
        forbidden[inner - 1, inner] = False
        first = torch.zeros(tags, dtype=torch.bool)
        first[inner] = True
        self.register_buffer("forbidden", forbidden, persistent=False)
        self.register_buffer("forbidden_first", first, persistent=False)

    def losses(self, emissions: torch.Tensor, tags: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return minus the log-probability of each sequence, (n,).

        Parameters
        ----------
        emissions
            (n, longest, K).
        tags
            int64 (n, longest); possible sequences. What lies beyond `lengths` is not looked at.
        lengths
            int64 (n,), each at least one.
        """
        return self.partition(emissions, lengths) - self.score(emissions, tags, lengths)

    def score(self, emissions: torch.Tensor, tags: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the score of each sequence, (n,)."""
        inside = _inside(emissions, lengths)
        said = emissions.gather(2, tags[:, :, None])[:, :, 0] * inside
        moved = self._moves()[tags[:, :-1], tags[:, 1:]] * inside[:, 1:]
        last = tags.gather(1, lengths[:, None] - 1)[:, 0]
        return said.sum(1) + moved.sum(1) + self._firsts()[tags[:, 0]] + self.ends[last]

    def partition(self, emissions: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the logarithm of the sum of exp(score) over all sequences, (n,), by the forward algorithm."""
        last = self._forward(emissions, lengths)[-1]
        return torch.logsumexp(last + self.ends, dim=1)

    def marginals(self, emissions: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the probability of each tag at each place, (n, longest, K), by forward and backward algorithm."""
        forward = torch.stack(self._forward(emissions, lengths), dim=1)
        inside = _inside(emissions, lengths)
        moves = self._moves()
        beta = self.ends.expand(emissions.shape[0], -1)
        backward = [beta]
        for step in range(emissions.shape[1] - 1, 0, -1):
            before = torch.logsumexp(moves + (emissions[:, step] + beta)[:, None, :], dim=2)
            beta = torch.where(inside[:, step, None], before, beta)
            backward.append(beta)
        scores = forward + torch.stack(backward[::-1], dim=1)
        return scores.softmax(dim=2)

    def best(self, emissions: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the likeliest sequences, int64 (n, longest), by Viterbi's algorithm; zeros beyond `lengths`."""
        inside = _inside(emissions, lengths)
        moves = self._moves()
        alpha = emissions[:, 0] + self._firsts()
        stay = torch.arange(emissions.shape[2], device=emissions.device).expand(len(emissions), -1)
        came_from = []
        for step in range(1, emissions.shape[1]):
            reached, source = (alpha[:, :, None] + moves).max(dim=1)
            alpha = torch.where(inside[:, step, None], reached + emissions[:, step], alpha)
            came_from.append(torch.where(inside[:, step, None], source, stay))
        tag = (alpha + self.ends).argmax(dim=1)
        path = [tag]
        for source in reversed(came_from):
            tag = source.gather(1, tag[:, None])[:, 0]
            path.append(tag)
        return torch.stack(path[::-1], dim=1) * inside

    def _forward(self, emissions: torch.Tensor, lengths: torch.Tensor) -> list[torch.Tensor]:
        """Return log-sums over all sequences up to each place, (n, K) each; beyond an end they stay as they are."""
        inside = _inside(emissions, lengths)
        moves = self._moves()
        alpha = emissions[:, 0] + self._firsts()
        found = [alpha]
        for step in range(1, emissions.shape[1]):
            reached = torch.logsumexp(alpha[:, :, None] + moves, dim=1) + emissions[:, step]
            alpha = torch.where(inside[:, step, None], reached, alpha)
            found.append(alpha)
        return found

    def _moves(self) -> torch.Tensor:
        return self.transitions.masked_fill(self.get_buffer("forbidden"), FORBIDDEN)

    def _firsts(self) -> torch.Tensor:
        return self.starts.masked_fill(self.get_buffer("forbidden_first"), FORBIDDEN)


def _inside(emissions: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    return torch.arange(emissions.shape[1], device=emissions.device) < lengths[:, None]
