"""Encoder-decoders: how one is loaded, and what the training loop sees of documents and their texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from alwidget.errors import ModelError
from alwidget.learners.base import Stop
from alwidget.learners.dropout import OwnRandomness
from alwidget.learners.tokens import Tokens, model_errors, quiet_transformers, token_batches
from alwidget.learners.training import autocast, on_device

__all__ = ["Written", "load_writer", "source_limit"]

IGNORED = -100
"""What pads the texts to write: no loss is counted there."""


def load_writer(folder: Path) -> Any:
    """Return an encoder-decoder in single precision, in eval mode.

    Raises
    ------
    alwidget.errors.ModelError
        The folder cannot be loaded, or holds a model that does not write.
    """
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    with quiet_transformers(), model_errors(folder):
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        if not config.is_encoder_decoder:
            message = (
                f"The model in {folder} is a {config.model_type}, which does not write from a text; "
                "give an encoder-decoder such as BART, T5 or PEGASUS."
            )
            raise ModelError(message)
        model = AutoModelForSeq2SeqLM.from_pretrained(
            str(folder), config=config, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
    return model.to(torch.float32).eval()


def source_limit(model: Any) -> int:
    """Return the tokens that the encoder has positions for; relative positions have no end, and 1,024 is enough."""
    return int(getattr(model.config, "max_position_embeddings", 0) or 1024)


class Written:
    """Documents and the texts to write for them, as `alwidget.learners.training.train` wants its examples.

    The loss of a document is the mean over the tokens of its text, so that a long one counts as much as a short one.

    Parameters
    ----------
    sources, targets
        The documents and the texts.
    generator
        What dropout draws from.
    budget
        Tokens that are run at once where nothing is trained.
    """

    def __init__(
        self,
        sources: Tokens,
        targets: Tokens,
        *,
        weights: np.ndarray | None,
        generator: torch.Generator,
        device: str,
        budget: int,
        stop: Stop | None,
    ) -> None:
        self.lengths = sources.lengths + targets.lengths
        self.weights = np.ones(len(sources)) if weights is None else np.asarray(weights, dtype=np.float64)
        self.kinds = np.zeros(len(sources), dtype=np.int64)
        self._sources, self._targets = sources, targets
        self._generator, self._device, self._budget, self._stop = generator, device, budget, stop

    def losses(self, model: Any, rows: np.ndarray) -> torch.Tensor:
        """Return the mean negative log-probability of the tokens of each text, float32 (k,)."""
        with OwnRandomness(self._generator):
            return self._run(model, rows)[0]

    def measured(self, model: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return gold probability (per token, as a geometric mean), whether each token was the likeliest, and loss."""
        losses = np.zeros(len(self.lengths))
        correct = np.zeros(len(self.lengths), dtype=bool)
        for rows in token_batches(self.lengths, self._budget):
            if self._stop is not None:
                self._stop.check()
            with torch.inference_mode():
                loss, right = self._run(model, rows)
            losses[rows], correct[rows] = loss.cpu().numpy(), right.cpu().numpy()
        return np.exp(-losses), correct, losses

    def _run(self, model: Any, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return losses (k,) and whether all tokens of a text were the likeliest, each given those before it."""
        padded = self._targets.padded(rows)
        labels = np.where(padded["attention_mask"] > 0, padded["input_ids"], IGNORED)
        wanted = torch.from_numpy(labels).to(self._device)
        with autocast(self._device):
            logits = model(**on_device(self._sources.padded(rows), self._device), **_decoded(model, wanted)).logits
        each = functional.cross_entropy(logits.float().transpose(1, 2), wanted, ignore_index=IGNORED, reduction="none")
        there = wanted != IGNORED
        losses = each.sum(1) / there.sum(1).clamp(min=1)
        return losses, ((logits.argmax(-1) == wanted) | ~there).all(1)


def _decoded(model: Any, labels: torch.Tensor) -> dict[str, Any]:
    """Return what the decoder reads to write `labels`: the same, one place to the right."""
    shift = getattr(model, "prepare_decoder_input_ids_from_labels", None)
    return {"use_cache": False} | (
        {"labels": labels} if shift is None else {"decoder_input_ids": shift(labels=labels)}
    )
