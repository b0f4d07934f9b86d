"""Classification models with a head over the labels of the moment, new parts drawn from a seed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from alwidget.errors import ModelError
from alwidget.learners.tokens import model_errors, quiet_transformers

__all__ = ["DROPOUT", "copy_with_classes", "last_linear", "load_classifier"]

ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
DROPOUT = (
    "hidden_dropout_prob",
    "dropout",
    "hidden_dropout",
    "dropout_rate",
    "resid_pdrop",
    "embd_pdrop",
    "embedding_dropout",
    "mlp_dropout",
    "activation_dropout",
    "pooler_dropout",
    "cls_dropout",
    "classifier_dropout",
    "classifier_dropout_prob",
    "seq_classif_dropout",
    "summary_last_dropout",
    "summary_first_dropout",
)
"""What configurations of transformers call the rates of dropout elsewhere; each architecture has a few of them."""


def load_classifier(
    folder: Path, n_classes: int, seed: int, *, tokens: bool = False, dropout: float | None = None
) -> Any:
    """Return the checkpoint as a classifier of texts, or with `tokens` of tokens, in single precision, in eval mode.

    Parts that the checkpoint lacks (the head) are drawn from `seed`. Attention dropout is switched off: it would draw
    from the global generator inside of the attention kernels. Elsewhere its rate is `dropout`, or the checkpoint's.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

    kind = AutoModelForTokenClassification if tokens else AutoModelForSequenceClassification
    with quiet_transformers(), model_errors(folder), torch.random.fork_rng(devices=[]):
        config = AutoConfig.from_pretrained(
            str(folder), num_labels=n_classes, local_files_only=True, trust_remote_code=False
        )
        for field in ATTENTION_DROPOUT:
            if isinstance(getattr(config, field, None), float):
                setattr(config, field, 0.0)
        if dropout is not None:
            _set_dropout(config, dropout)
        if getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = getattr(config, "eos_token_id", None) or 0
        model, told = kind.from_pretrained(
            str(folder),
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    model = model.to(torch.float32)
    generator = torch.Generator().manual_seed(seed)
    spread = float(getattr(config, "initializer_range", None) or 0.02)
    parameters = dict(model.named_parameters())
    for name in sorted(told["missing_keys"]):
        if name in parameters:
            _draw(parameters[name], spread, generator)
    return model.eval()


def _set_dropout(config: Any, rate: float) -> None:
    """Set every rate that this architecture has; a keyword ``dropout`` is one that BERT and RoBERTa never look at."""
    known = [field for field in DROPOUT if hasattr(config, field)]
    if not known:
        message = f"There is no dropout to set in a model of type {config.model_type}."
        raise ModelError(message)
    for field in known:
        setattr(config, field, rate)


def copy_with_classes(model: Any, old: tuple[str, ...], new: tuple[str, ...], seed: int) -> Any:
    """Return a copy of a classifier over `new` classes: those of `old` keep their row, the others are drawn."""
    copied = copy.deepcopy(model)
    if old == new:
        return copied
    parent, name, last = last_linear(copied, len(old))
    grown = nn.Linear(last.in_features, len(new), bias=last.bias is not None, device="meta").to_empty(
        device=last.weight.device
    )
    generator = torch.Generator().manual_seed(seed)
    _draw(grown.weight, float(getattr(copied.config, "initializer_range", None) or 0.02), generator)
    at = {c: i for i, c in enumerate(old)}
    with torch.no_grad():
        if grown.bias is not None:
            grown.bias.zero_()
        for i, c in enumerate(new):
            if c in at:
                grown.weight[i] = last.weight[at[c]]
                if grown.bias is not None:
                    grown.bias[i] = last.bias[at[c]]
    setattr(parent, name, grown)
    copied.config.num_labels = len(new)
    copied.num_labels = len(new)
    return copied


def _draw(parameter: torch.Tensor, spread: float, generator: torch.Generator) -> None:
    """Draw a matrix from a normal distribution; a bias is zero, and the scale of a normalisation stays one."""
    with torch.no_grad():
        if parameter.ndim > 1:
            drawn = torch.empty(parameter.shape).normal_(0.0, spread, generator=generator)
            parameter.copy_(drawn.to(parameter.device))
        elif not bool((parameter == 1).all()):
            parameter.zero_()


def last_linear(model: Any, width: int) -> tuple[nn.Module, str, nn.Linear]:
    """Return the last linear layer with as many outputs as there are classes, what holds it, and its name there."""
    found: tuple[nn.Module, str, nn.Linear] | None = None
    for parent in model.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear) and child.out_features == width:
                found = (parent, name, child)
    if found is None:
        message = f"The {model.config.model_type} model has no linear layer over {width} classes."
        raise ModelError(message)
    return found
