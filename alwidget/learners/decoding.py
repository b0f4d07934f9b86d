"""Writing: beam search in batches of bounded size, and how likely each text was, whatever its length."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from alwidget.learners.base import Generated, Progress, Stop
from alwidget.learners.tokens import Tokens, token_batches
from alwidget.learners.training import autocast, on_device

__all__ = ["Beams", "write"]

SCORES_BYTES = {"cpu": 2**28, "cuda": 2**31}
"""What the scores of all beams, steps and tokens of a batch may take; beam search keeps them for its sums."""


@dataclass(frozen=True, slots=True)
class Beams:
    """How texts are looked for: beams kept at each step, how many of them are returned, tokens a text may have."""

    beams: int = 4
    candidates: int = 3
    longest: int = 128


def write(
    model: Any,
    tokens: Tokens,
    decode: Callable[[list[list[int]]], list[str]],
    how: Beams,
    *,
    budget: int,
    device: str,
    stop: Stop | None,
    progress: Progress | None = None,
) -> Generated:
    """Return what a model writes for each document.

    Parameters
    ----------
    tokens
        The documents.
    decode
        Returns texts of token ids, without special ones.
    budget
        Tokens a batch may hold, the beams' included.

    Raises
    ------
    alwidget.errors.Cancelled
        `stop` was set; it is looked at before every token.
    """
    config = _configured(model, how)
    texts: list[list[str]] = [[] for _ in range(len(tokens))]
    log_probs = np.zeros(len(tokens))
    kind = "cpu" if device.startswith("cpu") else "cuda"
    vocabulary = int(model.config.get_text_config().vocab_size)
    most = max(1, SCORES_BYTES[kind] // (4 * how.beams * how.longest * vocabulary))
    done = 0
    for rows in token_batches(how.beams * (tokens.lengths + how.longest), budget, most=most):
        batch = on_device(tokens.padded(rows), device)
        with torch.inference_mode(), autocast(device):
            out = model.generate(**batch, generation_config=config, stopping_criteria=[_Watch(stop)])
        found = decode(out.sequences.cpu().tolist())
        scores = _means(model, out, config)
        per = config.num_return_sequences
        for i, row in enumerate(rows):
            texts[row] = list(dict.fromkeys(found[i * per : (i + 1) * per]))
            log_probs[row] = scores[i * per]
        done += len(rows)
        if progress is not None:
            progress("writing", done, len(tokens))
    return Generated([some[0] for some in texts], log_probs, texts)


class _Watch:
    """Called by `generate` at every step: raises when a stop was asked for, and stops nothing by itself."""

    def __init__(self, stop: Stop | None) -> None:
        self._stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        del scores
        if self._stop is not None:
            self._stop.check()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def _configured(model: Any, how: Beams) -> Any:
    """Return how to generate: our search, and of the checkpoint's own settings only its special tokens.

    A checkpoint for news says how long a summary of news is, and repeats nothing; neither is known of this task.
    """
    config = copy.deepcopy(model.generation_config)
    config.update(
        num_beams=how.beams,
        num_return_sequences=min(how.candidates, how.beams),
        max_new_tokens=how.longest,
        max_length=None,
        min_length=0,
        min_new_tokens=None,
        length_penalty=1.0,
        no_repeat_ngram_size=0,
        encoder_no_repeat_ngram_size=0,
        repetition_penalty=1.0,
        forced_eos_token_id=None,
        early_stopping=False,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
    )
    return config


def _means(model: Any, out: Any, config: Any) -> np.ndarray:
    """Return the mean log-probability of the tokens of each sequence, the end included, float64.

    Beam search has divided its sums by the length already (to the power of the penalty, which is one); greedy search
    has none, and its tokens are looked up.
    """
    if config.num_beams > 1:
        found: np.ndarray = out.sequences_scores.double().cpu().numpy()
        return found
    steps = model.compute_transition_scores(out.sequences, out.scores, normalize_logits=True).double()
    ends = torch.as_tensor(config.eos_token_id, device=steps.device).reshape(-1)
    written = out.sequences[:, -steps.shape[1] :]
    over = torch.isin(written, ends).cumsum(1)
    there = (over == 0) | ((over == 1) & torch.isin(written, ends))
    means: np.ndarray = ((steps * there).sum(1) / there.sum(1).clamp(min=1)).cpu().numpy()
    return means
