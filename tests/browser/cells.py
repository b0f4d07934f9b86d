"""The cells of the notebooks that the browser tests open."""

from __future__ import annotations

LABELS = ["Sports", "Business", "Science"]
SESSION = "news.alw"
GO = "go"

TOPICS = [["match", "goal", "coach"], ["market", "shares", "profit"], ["cell", "orbit", "theory"]]

LABELLING = f"""
import alwidget as alw

words = {TOPICS}
documents = [
    {{"id": f"doc-{{i}}", "text": f"Number {{i}}: the {{words[i % 3][i // 3 % 3]}} of the {{words[i % 3][i % 2]}}"}}
    for i in range(40)
]
session = alw.annotate(
    documents, labels={LABELS}, path="{SESSION}", model="tf-idf", strategy="breaking-ties", batch_size=5, seed=1
)
"""
PAUSED = f"{LABELLING}session.pause()\n"
"""The same, with a queue that stays as it is, so that the next card of every view is known."""

ALSO = ["goal", "profit", "orbit"]
SEVERAL = f"""
import alwidget as alw

words = {TOPICS}
also = {ALSO}
documents = [
    {{"id": f"doc-{{i}}", "text": f"Number {{i}}: the {{words[i % 3][0]}} of the {{also[i // 3 % 3]}}"}} for i in range(40)
]
session = alw.annotate(
    documents, labels={LABELS}, task="multilabel", path="{SESSION}", model="tf-idf", strategy="random", batch_size=5, seed=1
)
"""
"""Documents of one subject or two."""
WRITER = """
import json

import numpy as np

from alwidget.learners.base import Generated, Report


class FirstWords:
    \"\"\"Writes the first words of a document, as many as the texts had that it learned from; and one and two less.\"\"\"

    name, description, retrain_seconds, classes = "first-words", "first words", 0.1, ()
    length = 0

    def prepare(self, *, stop=None, progress=None):
        pass

    def fit(self, labelled, *, seed, stop=None, progress=None):
        self.length = round(np.mean([len(text.split()) for text in labelled.y]))
        return Report(len(labelled), 0.1)

    def embed(self, documents, *, stop=None, progress=None):
        return np.array([[len(text)] for text in documents.texts], np.float32)

    def embedded(self, documents):
        return np.ones(len(documents), bool)

    def generate(self, documents, *, stop=None, progress=None):
        lengths = range(self.length, self.length - 3, -1)
        candidates = [[" ".join(text.split()[:n]) for n in lengths] for text in documents.texts]
        return Generated([best for best, *_ in candidates], np.full(len(documents), -0.5), candidates)

    def save(self, path):
        path.mkdir(parents=True, exist_ok=True)
        (path / "length.json").write_text(json.dumps(self.length))

    def load(self, path):
        self.length = json.loads((path / "length.json").read_text())
"""
"""A learner of one's own that writes: quick, so that the tests wait for no training."""
WRITING = f"""{WRITER}

import alwidget as alw

documents = [
    {{"id": f"doc-{{i}}", "text": f"Number {{i}} 🙂 went on\\r\\nand on, as number {{i + 1}} did, to the end."}} for i in range(40)
]
session = alw.annotate(
    documents, labels=[], task="generation", path="{SESSION}", model=FirstWords(), strategy="random", batch_size=5, seed=1
)
"""
SHOW = "session"
BUSY = f"""
import pathlib
import time

while not pathlib.Path("{GO}").exists():
    time.sleep(0.05)
"""
"""Keeps the kernel busy, as a training cell would, until the test ends it: no test races against a clock."""
