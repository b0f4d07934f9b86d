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
SHOW = "session"
BUSY = f"""
import pathlib
import time

while not pathlib.Path("{GO}").exists():
    time.sleep(0.05)
"""
"""Keeps the kernel busy, as a training cell would, until the test ends it: no test races against a clock."""
