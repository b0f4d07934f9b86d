"""``python -m benchmarks [NAME …]`` runs the benchmarks one after the other and writes ``docs/benchmarks.md``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.report import RESULTS, Result, Row, table

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
NOT_BENCHMARKS = {
    "__init__",
    "__main__",
    "corpus",
    "lab",
    "peerenv",
    "peerwork",
    "report",
    "scratch",
    "selections",
    "sessions",
}
HEAD = """# Measured numbers

Made by `make bench`; every table names what was wanted and what was seen, also where that falls short. Each is one
file in `benchmarks/`, which says how it measures.

"""


def main(names: list[str]) -> int:
    """Run the named benchmarks (all of them without names) and write the page from all results there are."""
    known = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.stderr.write(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(known)}.\n")
        return 2
    failed = []
    for name in names or known:
        sys.stdout.write(f"--- {name}\n")
        sys.stdout.flush()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, check=False).returncode:
            failed.append(name)
    write_page()
    if failed:
        sys.stderr.write(f"These benchmarks failed: {', '.join(failed)}.\n")
    return 1 if failed else 0


def write_page() -> None:
    """Write ``docs/benchmarks.md`` from the results that are there."""
    parts = []
    for path in sorted(RESULTS.glob("*.json")):
        stored = json.loads(path.read_text(encoding="utf-8"))
        result = Result(**{**stored, "rows": [Row(**row) for row in stored["rows"]]})
        seen = result.machine
        parts.append(f"{table(result)}\n*{result.when}: {seen['processor']}; {seen['system']}; {seen['packages']}.*\n")
    PAGE.write_text(HEAD + "\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
