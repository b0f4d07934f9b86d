"""What a small student costs and keeps: size, speed, agreement with its teacher, and the accuracy of a head on it.

all-MiniLM-L6-v2 (six layers) is the teacher. Students of three and of two layers learn from news, one of three from
questions, each for the same number of steps on texts without labels; others are held out for the agreement, and
others again, with labels, for the accuracy of the head that a session trains. An interrupted run goes on where it was.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import alwidget as alw
from alwidget.learners import Encoder, Head, offline_path
from alwidget.reuse.student import save_model, shortened
from benchmarks.corpus import ROOT, folder
from benchmarks.report import Row, emit

TEACHER = "all-MiniLM-L6-v2"
STEPS = 80
POOL, TEST, LABELS, DRAWS = 3000, 800, 200, 10
STUDENTS = (("news", 3), ("news", 2), ("questions", 3))
CORPORA = {"news": ("AG News", "agnews"), "questions": ("TREC", "trec")}


@dataclass(frozen=True)
class Texts:
    """Texts to learn from without labels, and others with labels."""

    pool: list[str]
    test: list[str]
    y: np.ndarray


def read(name: str) -> Texts | None:
    """Return a corpus, shuffled, or None where it is not on this machine."""
    path = Path(os.environ.get("ALWIDGET_DATA", ROOT.parent / "shared" / "data")) / f"{name}.jsonl.gz"
    if not path.is_file():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    order = np.random.default_rng(0).permutation(len(rows))[: POOL + TEST]
    test, pool = [rows[i] for i in order[:TEST]], [rows[i]["text"] for i in order[TEST:]]
    y = np.unique([row["label"] for row in test], return_inverse=True)[1]
    return Texts(pool, [row["text"] for row in test], y)


def accuracy(vectors: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation, in per cent, of a head on some labels over several draws of them."""
    found = []
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(len(y))
        few, rest = order[:LABELS], order[LABELS:]
        head = Head()
        head.fit(vectors[few], y[few], int(y.max()) + 1)
        found.append(100 * float((head.predict_proba(vectors[rest]).argmax(axis=1) == y[rest]).mean()))
    return float(np.mean(found)), float(np.std(found))


def told(name: str, vectors: np.ndarray, y: np.ndarray) -> tuple[str, float]:
    """Return the accuracy in words and as a number."""
    mean, deviation = accuracy(vectors, y)
    return f"{name} {mean:.1f} ± {deviation:.1f} %", mean


def untrained(layers: int, place: Path) -> Path:
    """Return the folder of the teacher's layers as they are."""
    teacher = offline_path()
    out = place / f"untrained-{layers}"
    if teacher is not None and not out.exists():
        save_model(shortened(teacher, layers)[0], out, teacher)
    return out


def main() -> int:
    """Measure and report."""
    teacher = offline_path()
    corpora = {key: read(name) for key, (_, name) in CORPORA.items()}
    if teacher is None or any(texts is None for texts in corpora.values()):
        sys.stderr.write("Needs the weights of alwidget[offline] and the corpora of ALWIDGET_DATA.\n")
        return 0
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    place = folder() / "students"
    place.mkdir(exist_ok=True)
    known = {key: texts for key, texts in corpora.items() if texts is not None}
    plain = Encoder(teacher)
    whole = {key: told("teacher", plain.encode(texts.test), texts.y) for key, texts in known.items()}
    rows: list[Row] = []
    for key, layers in STUDENTS:
        made = alw.distill(
            TEACHER, known[key].pool, layers=layers, steps=STEPS, out=place / f"{key}-{layers}", progress=False
        )
        rows += rows_of(made.report, key, layers)
        before, after = Encoder(untrained(layers, place)), Encoder(made.folder)
        for other, texts in known.items():
            started, _ = told("layers as they are", before.encode(texts.test), texts.y)
            ended, points = told("student", after.encode(texts.test), texts.y)
            what = f"head with {LABELS} labels of {CORPORA[other][0]}, {layers} layers taught on {CORPORA[key][0]}"
            goal = "student ≥ teacher − 3 points" if other == key else ""
            holds = points >= whole[other][1] - 3 if goal else None
            rows.append(Row(what, f"{whole[other][0]}; {started}; {ended}", goal, holds))
    notes = [
        (
            f"{TEACHER}; {STEPS} steps of 32 texts out of {POOL:,}; a tenth of these held out for the agreement; "
            f"accuracy on {TEST - LABELS} other texts, mean and standard deviation of {DRAWS} draws of the labels."
        ),
        "The head sees vectors as `encoder:` gives them; training in one thread, single precision.",
        f"Load of the machine in the minute before: {load:.1f}.",
    ]
    emit("distil", "A small student of an encoder", rows, notes)
    shutil.rmtree(place, ignore_errors=True)
    return 0


def rows_of(report: dict, key: str, layers: int) -> list[Row]:
    """Return size, speed and agreement of one student."""
    size, speed, both = report["size"], report["speed"], report["agreement"]
    rows = []
    if key == "news":
        small = size["student"]
        measured = (
            f"{small['parameters'] / 1e6:.1f} M parameters ({small['parameters_without_words'] / 1e6:.1f} M without "
            f"words), {small['megabytes']:.0f} MB, against {size['teacher']['parameters'] / 1e6:.1f} M "
            f"({size['teacher']['parameters_without_words'] / 1e6:.1f} M), {size['teacher']['megabytes']:.0f} MB"
        )
        rows.append(Row(f"size, {layers} layers against 6", measured))
        seen = f"{speed['student']:.0f} against {speed['teacher']:.0f} documents/s, {speed['times']:.2f}×"
        rows.append(Row(f"speed, {layers} layers against 6", seen, "≥ 1.7×", speed["times"] >= 1.7))
    before, after = (
        f"cosine {a['cosine']:.3f}, rank correlation {a['rank_correlation']:.3f}, neighbours {a['neighbours']:.0%}"
        for a in (both["before"], both["after"])
    )
    better = all(both["after"][name] > both["before"][name] for name in both["after"])
    what = f"agreement, {layers} layers taught on {CORPORA[key][0]} for {report['seconds'] / 60:.1f} min"
    rows.append(Row(what, f"{before} before; {after} after", "all three rise", better))
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
