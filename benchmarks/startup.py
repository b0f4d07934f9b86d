"""How long it takes until something is there: the import, and a session on a million documents in a fresh process.

Every number comes from a new Python process, measured inside it, so that the start of the interpreter is not counted.
The million documents were converted before; the conversion is measured by ``benchmarks/pool.py``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.report import Row, emit

RUNS = 10
OPENINGS = 5
HEAVY = ("torch", "transformers", "datasets", "pandas", "sklearn", "scipy", "pyarrow", "numpy", "IPython")
FORBIDDEN = frozenset({"torch", "transformers", "datasets", "pandas"})
LABELS = ["World", "Sports", "Business", "Sci/Tech"]

IMPORT = f"""
import json, sys, time
started = time.perf_counter()
import alwidget
seconds = time.perf_counter() - started
print(json.dumps({{"seconds": seconds, "heavy": [name for name in {HEAVY} if name in sys.modules]}}))
"""
CONVERT = """
import sys, alwidget
alwidget.Pool.load(sys.argv[1])
"""
OPEN = f"""
import json, resource, sys, time
started = time.perf_counter()
import alwidget as alw
pool = alw.Pool.load(sys.argv[1])
loaded = time.perf_counter() - started
session = alw.annotate(pool, labels={LABELS}, path=sys.argv[2])
items = session.next(20)
asked = time.perf_counter() - started
heavy = [name for name in {HEAVY} if name in sys.modules]
unit = 1 if sys.platform == "darwin" else 1024
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
session.widget._repr_mimebundle_()
shown = time.perf_counter() - started
torch = "torch" in sys.modules
print(json.dumps({{"documents": len(pool), "loaded": loaded, "asked": asked, "shown": shown, "items": len(items),
                  "heavy": heavy, "torch": torch, "memory": memory}}))
"""


def fresh(code: str, *arguments: str) -> dict[str, Any]:
    """Run code in a new process and return the JSON that it printed last."""
    env = os.environ | {"ALWIDGET_CACHE": str(corpus.cache_folder())}
    command = [sys.executable, "-c", code, *arguments]
    out = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1]) if out.strip() else {}


def best_and_median(seconds: list[float]) -> str:
    """Return the best and the median of some runs, in words."""
    return f"{min(seconds):.2f} s, median {statistics.median(seconds):.2f} s"


def importing() -> list[Row]:
    """Measure the import."""
    fresh(IMPORT)
    seen = [fresh(IMPORT) for _ in range(RUNS)]
    seconds = [run["seconds"] for run in seen]
    heavy = seen[0]["heavy"]
    found = ", ".join(heavy) or "none"
    return [
        Row("`import alwidget`", best_and_median(seconds), "≤ 0.3 s", statistics.median(seconds) <= 0.3),
        Row(
            "heavy modules that it imports",
            found,
            "no torch, transformers, datasets, pandas",
            not FORBIDDEN & {*heavy},
        ),
    ]


def opening() -> tuple[list[Row], list[str]]:
    """Measure a session on a million documents, from the import to the widget's first display."""
    path = corpus.large()
    started = time.perf_counter()
    fresh(CONVERT, str(path))
    converted = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        runs = [fresh(OPEN, str(path), str(Path(folder) / f"{i}.alw")) for i in range(OPENINGS)]
    heavy = {name for run in runs for name in run["heavy"]}
    memory = max(run["memory"] for run in runs) / 1e6
    loaded, asked, shown = ([run[name] for run in runs] for name in ("loaded", "asked", "shown"))
    documents = f"{runs[0]['documents']:,} documents"
    rows = [
        Row(f"import and open {documents}, converted before", best_and_median(loaded), "≤ 1 s", min(loaded) <= 1),
        Row("… and `annotate` to the first 20 items", best_and_median(asked), "≤ 1 s", min(asked) <= 1),
        Row("… and the widget made and displayed", best_and_median(shown)),
        Row("most memory of that process (RSS)", f"{memory:.0f} MB", "≤ 300 MB", memory <= 300),
        Row(
            "torch loaded by then",
            "yes" if "torch" in heavy or runs[0]["torch"] else "no",
            "no",
            not any(run["torch"] for run in runs),
        ),
    ]
    notes = [f"what the opened session has imported: {', '.join(sorted(heavy))}"]
    if converted > 5:
        notes.append(f"converting the file took {converted:.0f} s, once, before")
    return rows, notes


def main() -> None:
    """Measure, print and keep the numbers."""
    load = os.getloadavg()[0]
    rows, notes = opening()
    notes.append(f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores")
    emit("startup", "Start", importing() + rows, notes)


if __name__ == "__main__":
    main()
