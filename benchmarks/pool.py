"""What a pool of a million documents costs: converting it once, opening it, holding it, reading from it at random.

Every number comes from a new Python process with numpy and pyarrow imported before the clock starts: what they cost
is in the table of the start. Converting is measured for each form of the same documents.
"""

from __future__ import annotations

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.report import Row, emit

OPENINGS = 5
WANTED_RSS = 300

MEASURE = """
import json, sys, threading, time
import numpy, psutil, pyarrow
from alwidget.pool import Pool

process, peak, done = psutil.Process(), 0, False

def watch():
    global peak
    while not done:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.02)

before = process.memory_info().rss
watcher = threading.Thread(target=watch)
watcher.start()
started = time.perf_counter()
pool = Pool.load(sys.argv[1], cache_dir=sys.argv[2], progress=False)
seconds = time.perf_counter() - started
done = True
watcher.join()
seen = {"documents": len(pool), "seconds": seconds, "peak": peak - before,
        "rss": process.memory_info().rss - before, "fingerprint": pool.fingerprint}
rng = numpy.random.default_rng(0)

def each(call, values):
    started = time.perf_counter()
    for value in values:
        call(value)
    return (time.perf_counter() - started) / len(values)

if sys.argv[3] == "read":
    at = rng.integers(0, len(pool), 20_000)
    each(pool.__getitem__, at[:100].tolist())
    seen["cold"] = each(pool.__getitem__, at[100:1100].tolist())
    ids = [document.id for document in pool.documents(at)]
    seen["one"] = each(pool.__getitem__, at.tolist())
    seen["find"] = each(pool.index_of, ids)
    seen["many"] = each(pool.documents, at.reshape(20, 1000)) / 1000
    seen["read"] = process.memory_info().rss - before
    started = time.perf_counter()
    seen["iterated"] = sum(1 for document in pool)
    seen["iterate"] = (time.perf_counter() - started) / len(pool)
print(json.dumps(seen))
"""


def fresh(path: Path, cache: Path, then: str = "") -> dict[str, Any]:
    """Load a pool in a new process and return what was seen there."""
    command = [sys.executable, "-c", MEASURE, str(path), str(cache), then]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def forms(jsonl: Path, folder: Path) -> dict[str, Path]:
    """Write the same documents in other forms, and return all of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with jsonl.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    paths = {"JSONL": jsonl, "CSV": folder / "large.csv", "Parquet": folder / "large.parquet"}
    with paths["CSV"].open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), paths["Parquet"])
    return paths


def converting(folder: Path, cache: Path) -> list[Row]:
    """Measure the conversion of every form."""
    rows, prints = [], set()
    for name, path in forms(corpus.large(), folder).items():
        seen = fresh(path, cache)
        prints.add(seen["fingerprint"])
        size = path.stat().st_size / 1e6
        peak = seen["peak"] / 1e6
        what = f"convert {seen['documents']:,} documents, {name} of {size:.0f} MB"
        rows.append(Row(what, f"{seen['seconds']:.1f} s"))
        rows.append(
            Row(f"… growth of RSS at its highest, {name}", f"{peak:.0f} MB", f"≤ {WANTED_RSS} MB", peak <= WANTED_RSS)
        )
    rows.append(Row("fingerprints of the same documents", f"{len(prints)}", "1", len(prints) == 1))
    return rows


def opening(cache: Path) -> list[Row]:
    """Measure a pool that was converted before."""
    runs = [fresh(corpus.large(), cache, "read") for _ in range(OPENINGS)]

    def best(name: str) -> float:
        return min(run[name] for run in runs)

    opened = best("seconds")
    rss, read = (max(run[name] for run in runs) / 1e6 for name in ("rss", "read"))
    median = statistics.median(run["seconds"] for run in runs)
    return [
        Row(
            "open it, converted before",
            f"{1000 * opened:.0f} ms, median {1000 * median:.0f} ms",
            "≤ 1 s",
            median <= 1,
        ),
        Row("growth of RSS when opened", f"{rss:.0f} MB", f"≤ {WANTED_RSS} MB", rss <= WANTED_RSS),
        Row("… and after 20,000 documents at random", f"{read:.0f} MB", f"≤ {WANTED_RSS} MB", read <= WANTED_RSS),
        Row("one document, right after opening", f"{1e6 * best('cold'):.1f} µs", "≤ 50 µs", best("cold") <= 50e-6),
        Row("one document, `pool[i]`", f"{1e6 * best('one'):.1f} µs", "≤ 50 µs", best("one") <= 50e-6),
        Row("one of a thousand, `pool.documents`", f"{1e6 * best('many'):.1f} µs", "≤ 50 µs", best("many") <= 50e-6),
        Row("an id found, `pool.index_of`", f"{1e6 * best('find'):.1f} µs", "≤ 50 µs", best("find") <= 50e-6),
        Row("one of all, `for document in pool`", f"{1e6 * best('iterate'):.1f} µs"),
    ]


def main() -> None:
    """Measure, print and keep the numbers."""
    load = os.getloadavg()[0]
    # beside the other caches and not in /tmp, which is memory on many machines
    with tempfile.TemporaryDirectory(dir=corpus.folder()) as name:
        folder = Path(name)
        cache = folder / "cache"
        rows = [*converting(folder, cache), *opening(cache)]
    notes = [
        f"times are the best of {OPENINGS} processes; conversions are single runs",
        f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores",
    ]
    emit("pool", "A pool of a million documents", rows, notes)


if __name__ == "__main__":
    main()
