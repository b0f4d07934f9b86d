"""What a GPU changes: reading, fine-tuning and a whole round, beside the frozen encoder on the same machine.

Everything is the encoder of the ``offline`` extra, small as it is, so that nothing has to be fetched; a larger
checkpoint gains more. Without a CUDA device, or without the corpora of ``ALWIDGET_DATA``, nothing is measured.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import alwidget as alw
from alwidget.engine import lazy_batch
from alwidget.learners import Encoder, FineTuned, FrozenEncoder, Labelled, offline_path
from alwidget.learners.base import Batch
from alwidget.learners.tagging.finetune import FineTunedTagger
from alwidget.learners.tagging.frozen import FrozenTagger
from alwidget.metrics.entities import entity_scores
from alwidget.pool import Pool, content_hash
from alwidget.tasks.tags import spans_of
from benchmarks import corpus
from benchmarks.report import Row, emit

LABELLED = 500
TURNS = 3
READ = 7_600
TESTED = 1_600
TYPES = ("LOC", "MISC", "ORG", "PER")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that `work` took, with all that the device still had to do, and what it returned."""
    import torch

    torch.cuda.synchronize()
    started = time.perf_counter()
    out = work()
    torch.cuda.synchronize()
    return time.perf_counter() - started, out


def reading(model: Path, texts: list[str]) -> list[Row]:
    """Compare the encoder with sentence-transformers, both on the GPU."""
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(model), device="cuda")
    ours = {dtype: Encoder(model, device="cuda", dtype=dtype) for dtype in ("fp32", "bf16")}
    runs = {"sentence-transformers": lambda: theirs.encode(texts, show_progress_bar=False, batch_size=256)}
    runs |= {dtype: (lambda e=encoder: e.encode(texts)) for dtype, encoder in ours.items()}
    best, vectors = {}, {}
    for name, run in runs.items():
        run()
        seconds = []
        for _ in range(TURNS):
            took, vectors[name] = timed(run)
            seconds.append(took)
        best[name] = len(texts) / min(seconds)
    base = best["sentence-transformers"]
    rows = [Row("sentence-transformers encode on the GPU, fp32, batches of 256", f"{base:,.0f} documents/s")]
    for name in ours:
        low = float((vectors[name] * vectors["sentence-transformers"]).sum(axis=1).min())
        rows.append(
            Row(
                f"Encoder on the GPU, {name}",
                f"{best[name]:,.0f} documents/s, {best[name] / base:.2f}×, lowest cosine {low:.4f}",
            )
        )
    return rows


def classifying(model: Path, train: list[dict[str, str]], test: list[dict[str, str]]) -> list[Row]:
    """Fit both learners on the same labels, and measure fit, scoring and accuracy."""
    labels = tuple(sorted({row["label"] for row in train}))
    pool = Pool.load([{"id": row["id"], "text": row["text"]} for row in [*train, *test]])
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(len(train), LABELLED, replace=False))
    y = np.array([labels.index(train[i]["label"]) for i in chosen])
    labelled = Labelled(lazy_batch(pool, chosen), y, labels)
    tested = lazy_batch(pool, np.arange(len(train), len(train) + len(test)))
    gold = np.array([labels.index(row["label"]) for row in test])
    everything = lazy_batch(pool, np.arange(len(pool)))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        learners = {
            "fine-tuned on the GPU": FineTuned(model, device="cuda"),
            "frozen, on the GPU, with a head": FrozenEncoder(model, device="cuda", cache_dir=folder),
        }
        for name, learner in learners.items():
            learner.prepare()
            fits = [timed(lambda one=learner: one.fit(labelled, seed=0))[0] for _ in range(TURNS)]
            scoring, _ = timed(lambda one=learner: one.predict_proba(everything))
            accuracy = float((learner.predict_proba(tested).argmax(axis=1) == gold).mean())
            seen = (
                f"fit {fits[0]:.2f} s at first, then {min(fits[1:]):.2f} s; {len(pool):,} scored in {scoring:.2f} s; "
                f"accuracy {accuracy:.3f}"
            )
            rows.append(Row(f"{LABELLED} labels of AG News, {name}", seen))
    return rows


def rounds(model: Path, train: list[dict[str, str]]) -> list[Row]:
    """Measure whole rounds of a session whose learner is fine-tuned."""
    labels = sorted({row["label"] for row in train})
    learner = FineTuned(model, device="cuda")
    with tempfile.TemporaryDirectory() as folder:
        session = alw.annotate(
            [{"id": row["id"], "text": row["text"]} for row in train],
            labels=labels,
            path=Path(folder) / "gpu.alw",
            model=learner,
        )
        for row in train[:LABELLED]:
            session.record(row["id"], row["label"])
        results = []
        for _ in range(TURNS + 1):
            seconds, result = timed(lambda: session.train(wait=True))
            results.append((seconds, result))
        session.close()
    middle = {name: statistics.median(r.seconds[name] for _, r in results[1:]) for name in results[0][1].seconds}
    seen = f"{statistics.median(s for s, _ in results[1:]):.2f} s: " + ", ".join(
        f"{name} {seconds:.2f} s" for name, seconds in middle.items()
    )
    return [Row(f"a whole TYROGUE round at {LABELLED} labels, {results[0][1].candidates:,} candidates", seen)]


def sentences(split: str, size: int) -> Labelled:
    """Return some sentences of CoNLL-2003 with their entities."""
    path = Path(os.environ.get("ALWIDGET_DATA", corpus.ROOT.parent / "shared" / "data")) / "conll2003.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["split"] == split]
    rng = np.random.default_rng(0)
    rows = [rows[i] for i in np.sort(rng.choice(len(rows), size, replace=False))]
    texts, words, spans = [], [], []
    for row in rows:
        ends = np.cumsum([len(token) + 1 for token in row["tokens"]]) - 1
        starts = ends - [len(token) for token in row["tokens"]]
        texts.append(" ".join(row["tokens"]))
        words.append(np.column_stack([starts, ends]).astype(np.int32))
        found = spans_of(row["ner_tags"])
        spans.append(np.array([[starts[a], ends[b - 1], TYPES.index(kind)] for a, b, kind in found]).reshape(-1, 3))
    keys = [content_hash(f"{split} {i} {text}") for i, text in enumerate(texts)]
    return Labelled(Batch(texts, keys, None, words), [one.astype(np.int32) for one in spans], TYPES)


def tagging(model: Path) -> list[Row]:
    """Fit both taggers on the same sentences."""
    train, test = sentences("train", LABELLED), sentences("test", 1000)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        learners = {
            "fine-tuned on the GPU": FineTunedTagger(model, device="cuda"),
            "frozen, on the GPU": FrozenTagger(model, device="cuda", cache_dir=folder),
        }
        for name, learner in learners.items():
            learner.prepare()
            fits = [timed(lambda one=learner: one.fit(train, seed=0))[0] for _ in range(2)]
            took, found = timed(lambda one=learner: one.tag(test.documents))
            score = entity_scores(test.y, found, classes=TYPES).micro.f1
            seen = f"fit {fits[0]:.2f} s, then {fits[1]:.2f} s; 1,000 tagged in {took:.2f} s; entity F1 {score:.3f}"
            rows.append(Row(f"{LABELLED} sentences of CoNLL-2003, {name}", seen))
    return rows


def main() -> int:
    """Measure and report."""
    import torch

    model = offline_path()
    name, documents = corpus.real()
    if not torch.cuda.is_available() or model is None or name != "AG News":
        sys.stderr.write('Needs a CUDA GPU, the extras "offline" and "bench", and AG News in ALWIDGET_DATA.\n')
        return 0
    os.environ.setdefault("ALWIDGET_CACHE", str(corpus.cache_folder()))
    train, test = documents[:-TESTED], documents[-TESTED:]
    rows = reading(model, [row["text"] for row in documents[:READ]])
    rows += classifying(model, train, test)
    rows += rounds(model, train)
    rows += tagging(model)
    peak = torch.cuda.max_memory_allocated() / 1e9
    card = torch.cuda.get_device_name(0)
    emit(
        "gpu", "On a GPU", rows, [f"{card}; all-MiniLM-L6-v2; best or median of {TURNS}; at most {peak:.1f} GB in use"]
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
