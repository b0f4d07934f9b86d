"""What a person feels: the first card, the next card, and when a decision is on disk, in JupyterLab and Chromium.

The notebook server is the stock one, whose websocket holds small frames back (Nagle's algorithm) once messages follow
each other closely; decisions at a person's pace, here a quick one of four a second, do not meet that, decisions back
to back do. While training means: the encoder reads documents without a pause, and a round begins whenever one is due.
"""

from __future__ import annotations

import gzip
import os
import statistics
import tempfile

import numpy as np

from benchmarks import corpus
from benchmarks.lab import Opener, Probe, first_card, jupyterlab
from benchmarks.report import Row, emit
from browser.driver import wait_until  # found by way of benchmarks.lab

OPENINGS = 5
DECISIONS = 150
DOCUMENTS = 50_000
"""More than the engine reads ahead while the measurement lasts."""
BUNDLE = corpus.ROOT / "alwidget" / "widget" / "static" / "widget.js"
BUNDLE_LIMIT = 60_000

LARGE = """import alwidget as alw
session = alw.annotate({path!r}, labels=["World", "Sports", "Business", "Sci/Tech"], path="large.alw")
session"""
REAL = """import os
os.environ["ALWIDGET_CACHE"] = {cache!r}
import alwidget as alw
session = alw.annotate({path!r}, labels={labels!r}, path="real.alw")
session"""
BUSY = """import pathlib
while not pathlib.Path("stop").exists():
    sum(i * i for i in range(20_000))"""


def at(seen: list[float], percent: float) -> float:
    """Return a percentile."""
    return float(np.percentile(seen, percent))


def two(seen: list[float]) -> str:
    """Return median and 99th percentile in words."""
    return f"{at(seen, 50):.1f} / {at(seen, 99):.1f} ms"


def first_cards(open_notebook: Opener) -> tuple[list[Row], list[str]]:
    """Run the cell in new kernels; the file of a million documents was converted before."""
    path = corpus.large()
    from alwidget import Pool

    os.environ["ALWIDGET_CACHE"] = str(corpus.cache_folder())
    Pool.load(path)
    seconds, torch = [], []
    for i in range(OPENINGS + 1):
        notebook = open_notebook(f"large-{i}", [LARGE.format(path=str(path))])
        seconds.append(first_card(notebook, 0))
        torch.append(notebook.kernel_json("'torch' in __import__('sys').modules"))
        notebook.wait_cell()
        notebook.restart_kernel()
        notebook.page.close()
    counted = seconds[1:]
    what = "run the cell → first card painted, new kernel, 1,000,000 documents converted before"
    measured = f"{min(counted):.2f} s, median {statistics.median(counted):.2f} s"
    rows = [
        Row(what, measured, "≤ 1 s", statistics.median(counted) <= 1),
        Row("the model loaded by then", "yes" if any(torch) else "no", "no", not any(torch)),
    ]
    return rows, [f"first cards, all runs: {', '.join(f'{s:.2f}' for s in seconds)} s; the first is not counted"]


def answering(open_notebook: Opener) -> tuple[list[Row], list[str]]:
    """Answer real documents: with the engine at rest, while it trains, back to back, while another cell computes."""
    answers = corpus.labels_of_large(DOCUMENTS)
    labels = sorted(set(answers.values()))
    keys = {doc: str(labels.index(label) + 1) for doc, label in answers.items()}
    with tempfile.TemporaryDirectory() as folder:
        cell = REAL.format(cache=folder, path=str(corpus.large(DOCUMENTS)), labels=labels)
        notebook = open_notebook("real", [cell, BUSY])
        notebook.run_cell(0)
        probe = Probe(notebook, keys)
        reads = "session.status.message.startswith('reading')"
        wait_until(notebook.page, lambda: notebook.kernel_json(reads), "the model reads documents")
        notebook.kernel("session.pause(); session.wait(60)")
        rows, notes = [], []
        idle = probe.at_human_pace(DECISIONS)
        notebook.kernel("session.resume()")
        rounds = notebook.kernel_json("session.status.round")
        notebook.page.wait_for_timeout(2_000)
        training = probe.at_human_pace(DECISIONS)
        wait_until(notebook.page, lambda: notebook.kernel_json(reads), "the engine goes on reading")
        status = notebook.kernel_json("[session.status.round, session.status.message, session.status.model]")
        notes.append(
            f"while training: {corpus.real()[0]}, {status[2]}, {status[0] - rounds} rounds within the "
            f"{(DECISIONS + 10) / 4:.0f} s of the measurement; right after it, the engine said: {status[1]}"
        )
        notebook.kernel("session.pause()")
        notebook.kernel("session.wait(60)")
        quick = probe.back_to_back(200)
        notebook.start_cell(1)
        notebook.wait_busy()
        probe.widget.focus()
        beside = probe.at_human_pace(DECISIONS)
        (notebook.path.parent / "stop").touch()
        notebook.wait_cell()
    for situation, seen in (("at rest", idle), ("while training", training), ("while another cell computes", beside)):
        rows.append(card(situation, seen["painted"]))
        late = sum(frames > 1 for frames in seen["frames"])
        where = f"until the card is in the document {two(seen['handling'])}, the frame itself {two(seen['painting'])}"
        notes.append(
            f"key → next card painted, {situation}: {where}, the rest waits for that frame; {late} of "
            f"{len(seen['frames'])} missed the first frame after the key; longest {max(seen['painted']):.1f} ms"
        )
    rows += [
        acks("engine at rest", idle["ack"], (20, 60)),
        acks("while training", training["ack"], (40, 150)),
        acks("while another cell computes (pure Python)", beside["ack"], None),
        acks("back to back, engine at rest", quick["ack"], None),
    ]
    notes.append(f"one decision every 250 ms, {DECISIONS} of each kind; back to back 200; median / 99th percentile")
    return rows, notes


def card(situation: str, seen: list[float]) -> Row:
    """Return the row about the next card."""
    return Row(f"key → next card painted, {situation}", two(seen), "p99 ≤ 16.7 ms", at(seen, 99) <= 16.7)


def acks(situation: str, seen: list[float], wanted: tuple[float, float] | None) -> Row:
    """Return the row about the way to the disk and back."""
    what = f"submit → acknowledged on disk, {situation}"
    if wanted is None:
        return Row(what, two(seen))
    middle, most = wanted
    holds = at(seen, 50) <= middle and at(seen, 99) <= most
    return Row(what, two(seen), f"≤ {middle} / {most} ms", holds)


def bundle() -> Row:
    """Measure the front end as it travels to the page."""
    size = len(gzip.compress(BUNDLE.read_bytes(), 9))
    return Row("bundle, `gzip -9`", f"{size / 1000:.1f} kB", f"≤ {BUNDLE_LIMIT // 1000} kB", size <= BUNDLE_LIMIT)


def main() -> None:
    """Measure, print and keep the numbers."""
    load = os.getloadavg()[0]
    with jupyterlab() as open_notebook:
        rows, notes = first_cards(open_notebook)
        more, said = answering(open_notebook)
    notes += [*said, f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores"]
    emit("page", "The page", [*rows, *more, bundle()], notes)


if __name__ == "__main__":
    main()
