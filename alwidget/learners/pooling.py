"""What a sentence-transformers folder says about itself: how tokens become one vector, and how long a text may be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Pooling", "read_pooling"]

MODES = ("cls", "max", "mean", "mean_sqrt_len", "lasttoken")


@dataclass(frozen=True, slots=True)
class Pooling:
    """How the vectors of the tokens become the vector of a text.

    Attributes
    ----------
    mode
        ``"mean"`` over the tokens that are not padding, ``"cls"`` (the first), ``"lasttoken"``, ``"max"``,
        ``"mean_sqrt_len"``.
    normalise
        Whether vectors are divided by their length.
    max_length
        Tokens a text may have, or None where the folder does not say.
    """

    mode: str = "mean"
    normalise: bool = False
    max_length: int | None = None

    def apply(self, hidden: Any, mask: Any) -> Any:
        """Return vectors float32 (n, d) of last hidden states (n, length, d) and an attention mask (n, length)."""
        from torch.nn import functional

        hidden = hidden.float()
        if self.mode == "cls":
            vectors = hidden[:, 0]
        elif self.mode == "lasttoken":
            last = (mask.cumsum(1) * mask).argmax(1)
            vectors = hidden[last.new_tensor(range(len(hidden))), last]
        elif self.mode == "max":
            vectors = hidden.masked_fill(mask[:, :, None] == 0, float("-inf")).amax(1)
        else:
            weight = mask[:, :, None].to(hidden.dtype)
            count = weight.sum(1).clamp(min=1)
            vectors = (hidden * weight).sum(1) / (count.sqrt() if self.mode == "mean_sqrt_len" else count)
        return functional.normalize(vectors, dim=1) if self.normalise else vectors


def read_pooling(folder: Path) -> Pooling:
    """Return what ``modules.json``, ``1_Pooling/config.json`` and ``sentence_bert_config.json`` say; else the mean.

    A module after the pooling that is not a normalisation (a projection) is left out: the head that is trained on the
    vectors is itself linear.
    """
    modules = _json(folder / "modules.json")
    if not isinstance(modules, list):
        return Pooling()
    kinds = {str(m.get("type", "")).rpartition(".")[2]: str(m.get("path", "")) for m in modules if isinstance(m, dict)}
    said = _json(folder / kinds["Pooling"] / "config.json") if "Pooling" in kinds else None
    length = _json(folder / "sentence_bert_config.json")
    limit = length.get("max_seq_length") if isinstance(length, dict) else None
    return Pooling(
        _mode(said if isinstance(said, dict) else {}),
        "Normalize" in kinds,
        limit if isinstance(limit, int) and limit > 0 else None,
    )


def _mode(said: dict[str, Any]) -> str:
    named = said.get("pooling_mode")
    chosen = [named] if isinstance(named, str) else [m for m in MODES if _flag(said, m)]
    return chosen[0] if len(chosen) == 1 and chosen[0] in MODES else "mean"


def _flag(said: dict[str, Any], mode: str) -> bool:
    names = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "mean_sqrt_len": "mean_sqrt_len_tokens"}
    return bool(said.get(f"pooling_mode_{names.get(mode, mode)}", False))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
