"""A small labelled session with a real model, two sources, and wrong labels where a test wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import alwidget as alw

LABELS = ["kitchen", "garden"]
WORDS = {
    "kitchen": [
        "pan",
        "oven",
        "knife",
        "spoon",
        "plate",
        "cup",
        "kettle",
        "recipe",
        "butter",
        "salt",
        "flour",
        "dough",
    ],
    "garden": ["rake", "hedge", "spade", "seed", "lawn", "rose", "weed", "bulb", "compost", "fence", "shovel", "leaf"],
}
BOTH = ["the", "a", "some", "old", "new", "small", "large", "red", "blue", "good", "bad", "many", "few"]


def documents(n: int, seed: int = 0) -> list[dict[str, str]]:
    """Return documents about either, from two sources: in the second, few words tell."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(n):
        label, source = LABELS[int(rng.integers(2))], ("one", "two")[i % 2]
        telling = list(rng.choice(WORDS[label], 4 if source == "one" else 1))
        words = rng.permutation(telling + list(rng.choice(BOTH, 6)))
        out.append({"id": f"d{i}", "text": " ".join(words) + f" {i}", "source": source, "truth": label})
    return out


def labelled(
    tmp_path: Path, n: int, *, size: int = 200, wrong: int = 0, name: str = "s.alw", rounds: int = 0, **options: Any
) -> alw.Session:
    """Return an open session with `n` labels, the first `wrong` of them wrong; `session.wrong` are their ids.

    With `rounds` the labels are given in so many parts, with a round of the engine after each.
    """
    rows = documents(size)
    truth = {row["id"]: row["truth"] for row in rows}
    made = {"labels": LABELS, "path": tmp_path / name, "model": "tf-idf", "strategy": "entropy", **options}
    session = alw.annotate([{k: v for k, v in row.items() if k != "truth"} for row in rows], **made)
    session.wrong = set()
    for step in range(max(rounds, 1)):
        for item in session.next(n // max(rounds, 1)):
            answer = truth[item.id]
            if len(session.wrong) < wrong:
                session.wrong.add(item.id)
                answer = LABELS[1 - LABELS.index(answer)]
            session.record(item.id, answer, seconds=2.0 + step)
        if rounds:
            session.train(wait=True)
    return session
