"""Encoder-decoders of many languages (mBART, M2M100, NLLB …): which they read and write is said by a token.

A text that is encoded without saying so begins with the token of another language, and the model is trained to write
that. So both languages must be known, from the checkpoint or from whoever uses it, before anything is learnt.
"""

from __future__ import annotations

import re
from typing import Any

from alwidget.errors import ModelError, near_miss

__all__ = ["speak", "starts"]

SHOWN = 8
_CODE = re.compile(r"[a-z]{2,3}_[A-Za-z]{2,4}")


def speak(tokeniser: Any, source: str | None, target: str | None, label: str) -> None:
    """Tell a tokeniser of transformers which language it reads and which it writes; others are left as they are.

    Parameters
    ----------
    tokeniser
        The tokeniser.
    source, target
        Its names of the languages, such as ``"en_XX"`` or ``"eng_Latn"``; None takes what the checkpoint says, where
        it says both.
    label
        What the model is called in an error.

    Raises
    ------
    alwidget.errors.ModelError
        A language is missing or not known, or languages are given for a tokeniser that has none.
    """
    if not hasattr(tokeniser, "src_lang") or not hasattr(tokeniser, "tgt_lang"):
        if source is not None or target is not None:
            message = f"{label} has no languages to choose from; leave source_language and target_language out."
            raise ModelError(message)
        return
    known = _languages(tokeniser)
    if source is None and tokeniser.tgt_lang is not None:  # a checkpoint that names its target means its source, too
        source = tokeniser.src_lang
    target = target if target is not None else tokeniser.tgt_lang
    if source is None or target is None:
        some = ", ".join(known[:SHOWN])
        message = (
            f"{label} reads and writes many languages and must be told which: "
            f"model=alwidget.learners.Seq2Seq(folder, source_language=…, target_language=…). "
            f"Its names for them are {some}{' …' if len(known) > SHOWN else ''}."
        )
        raise ModelError(message)
    for language in (source, target):
        if known and language not in known:
            message = f'{label} knows no language "{language}".{near_miss(language, known)}'
            raise ModelError(message)
    tokeniser.src_lang, tokeniser.tgt_lang = source, target


def starts(tokeniser: Any) -> dict[str, int]:
    """Return how the model must begin to write, for `transformers.GenerationConfig`; nothing where it is all one.

    Parameters
    ----------
    tokeniser
        One that encodes texts to be written: after `speak`, in its target mode.
    """
    target = getattr(tokeniser, "tgt_lang", None)
    before, behind = (list(getattr(tokeniser, name, None) or []) for name in ("prefix_tokens", "suffix_tokens"))
    if target is None:
        return {}
    if before:  # the language is the first token that is written
        return {"forced_bos_token_id": int(before[-1])}
    # the language stands at the end, and from there goes to the start of what the decoder reads
    return {"decoder_start_token_id": int(behind[-1])} if behind else {}


def _languages(tokeniser: Any) -> list[str]:
    for name in ("lang_code_to_token", "lang_code_to_id"):
        if found := getattr(tokeniser, name, None):
            return sorted(found)
    return sorted(token for token in map(str, tokeniser.all_special_tokens) if _CODE.fullmatch(token))
