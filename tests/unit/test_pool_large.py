"""A million documents: converted in bounded memory, then opened and used without entering memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MILLION = 1_000_000
MEGABYTE = 1 << 20

MEASURE = """
import json, sys, threading, time

import numpy, psutil, pyarrow  # what they take is not the pool's

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
pool = Pool.load(sys.argv[1], cache_dir=sys.argv[2], progress=False)
opened = process.memory_info().rss
rng = numpy.random.default_rng(0)
some = rng.integers(0, len(pool), 1000)
texts = [document.text for document in pool.documents(some)]
found = [pool.index_of(pool[int(i)].id) for i in some]
read = sum(1 for document in pool)
used = process.memory_info().rss
done = True
watcher.join()
print(json.dumps({
    "documents": len(pool), "read": read, "fingerprint": pool.fingerprint, "problems": [str(p) for p in pool.problems],
    "right": found == some.tolist() and all(text.startswith(f"document {i} ") for i, text in zip(some, texts)),
    "duplicates": int((pool.duplicate_of >= 0).sum()),
    "opened": opened - before, "used": used - before, "peak": peak - before,
}))
"""


def measure(path: Path, cache: Path) -> dict[str, object]:
    command = [sys.executable, "-c", MEASURE, str(path), str(cache)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_a_million_documents_do_not_enter_memory(kind, tmp_path):
    pytest.importorskip("psutil")
    path = tmp_path / f"million.{kind}"
    filler = "of some length, as documents are, with a comma and a ü " * 3
    with path.open("w", encoding="utf-8") as file:
        file.write({"csv": "id,text\n", "jsonl": "", "json": "["}[kind])
        for i in range(MILLION):
            text = f"document {i} {filler}"
            line = f'{i},"{text}"' if kind == "csv" else json.dumps({"id": i, "text": text}, ensure_ascii=False)
            file.write("," * (kind == "json" and i > 0) + line + "\n")
        file.write({"csv": "broken\n", "jsonl": "broken\n", "json": "]"}[kind])
    size = path.stat().st_size
    converted = measure(path, tmp_path / "cache")
    opened = measure(path, tmp_path / "cache")
    assert converted["documents"] == opened["documents"] == MILLION
    assert converted["read"] == opened["read"] == MILLION
    assert converted["right"]
    assert opened["right"]
    assert converted["duplicates"] == 0
    assert converted["fingerprint"] == opened["fingerprint"]
    assert converted["problems"] == opened["problems"]
    assert len(converted["problems"]) == (kind != "json")
    # what the rows take as Python objects, or the file at once, would not fit
    assert size > 150 * MEGABYTE
    assert converted["peak"] < 300 * MEGABYTE
    assert opened["peak"] < 300 * MEGABYTE
    assert opened["opened"] < 50 * MEGABYTE
