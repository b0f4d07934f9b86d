"""Sentences with names in them, for taggers: made up, and small enough to be learned in a moment."""

from __future__ import annotations

import gzip
import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from alwidget.learners import Batch, Labelled
from alwidget.pool import content_hash
from alwidget.tasks.tags import spans_of
from alwidget.tasks.words import word_spans

CLASSES = ("TEAM", "PLACE")
LONGEST = 12
PARTS = {
    "O": ["the", "a", "with", "after", "about", "long", "talks", "praised", "scored", "twice", "in"],
    "TEAM": ["striker", "coach", "team", "defence"],
    "PLACE": ["country", "border", "minister", "treaty"],
}


def documents(texts: list[str], words: list[np.ndarray] | None = None) -> Batch:
    """Return texts with their words."""
    bounds = [word_spans(text) for text in texts] if words is None else words
    return Batch(texts, [content_hash(text.encode("utf-8", "replace").decode(), None) for text in texts], None, bounds)


def tagging(n: int, seed: int = 0, *, runs: int = 2) -> Labelled:
    """Return n sentences in which runs of at most so many of some words are teams, and runs of others places."""
    rng = np.random.default_rng(seed)
    texts, y = [], []
    for i in range(n):
        words: list[str] = []
        spans: list[list[int]] = []
        while len(words) < LONGEST and (len(words) < 3 or rng.random() < 0.9):
            kind = str(rng.choice(list(PARTS), p=[0.6, 0.2, 0.2]))
            run = [str(w) for w in rng.choice(PARTS[kind], rng.integers(1, runs + 1))]
            begin = len(" ".join(words)) + bool(words)
            words += run
            if kind != "O":
                spans.append([begin, len(" ".join(words)), CLASSES.index(kind)])
            words.append(str(rng.choice(PARTS["O"])))
        texts.append(" ".join([*words, str(i)]))
        y.append(np.array(spans, dtype=np.int32).reshape(-1, 3))
    return Labelled(documents(texts), y, CLASSES)


ODD_TEXTS = [
    "",
    "   \n\t",
    "the striker",
    "👩‍👩‍👧‍👦 scored twice 🇩🇪!",
    "\u200b \u00ad e\u0301 \ud83d",
    "日本語 のテキスト",
    "a" * 3000,
    "the coach praised " * 400,
]
"""No words, emoji, what tokenisers drop, characters unknown to the model, a word and a text longer than it takes."""


def conll(split: str, n: int, seed: int = 0) -> Labelled:
    """Return n sentences of CoNLL-2003 drawn from a seed; skip the test where it is not."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("ALWIDGET_DATA", beside)) / "conll2003.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"there is no {path}; set ALWIDGET_DATA to the folder that has it")
    rows = _read(path, split)
    rows = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))[:n]]
    names = ("LOC", "MISC", "ORG", "PER")
    texts, words, y = [], [], []
    for tokens, tags in rows:
        ends = np.cumsum([len(token) + 1 for token in tokens]) - 1
        bounds = np.column_stack([ends - [len(token) for token in tokens], ends]).astype(np.int32)
        spans = [[bounds[a, 0], bounds[b - 1, 1], names.index(label)] for a, b, label in spans_of(tags)]
        texts.append(" ".join(tokens))
        words.append(bounds)
        y.append(np.array(spans, dtype=np.int32).reshape(-1, 3))
    return Labelled(documents(texts, words), y, names)


@lru_cache(maxsize=2)
def _read(path: Path, split: str) -> list[tuple[list[str], list[str]]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = map(json.loads, file)
        return [(row["tokens"], row["ner_tags"]) for row in rows if row["split"] == split]
