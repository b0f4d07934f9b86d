"""The report: one HTML file with tables and curves that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

    from alwidget.bench.results import Results

__all__ = ["html"]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #8884; }
th { text-align: right; font-weight: 600; } td.text, th.text { text-align: left; }
img { max-width: 100%; background: #fff; } .note { color: #777; }
.warn { border-left: 3px solid #d90; padding-left: .8rem; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
ARM = ("dataset", "model", "subsample", "strategy")


def html(results: Results, *, confidence: float = 0.95, baseline: str = "random") -> str:
    """Return the report as a page. The same results give the same page."""
    summary = results.summary(confidence=confidence, baseline=baseline)
    percent = f"{100 * confidence:g} %"
    scores = (
        f"Mean over seeds ± the half width of its {percent} t-interval. AULC is the area under the curve by the "
        "trapezoid rule, divided by the range of labels; beside it the plain mean over rounds."
    )
    sections = [
        _warnings(results.warnings),
        "<h2>Scores</h2>",
        _note(scores),
        _table(*_scores(summary)),
        *_curves(results, confidence),
        *_targets(summary),
        *_gains(results, summary, baseline, confidence),
        "<h2>Seconds and memory</h2>",
        _note("Seconds of the median round, and the most memory that a cell had."),
        _table(*_seconds(summary)),
        *_failures(results.failures),
        *_settings(results),
    ]
    body = "\n".join(section for section in sections if section)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Benchmark</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>Benchmark</h1>\n{body}\n</body></html>\n"
    )


def _warnings(warnings: Sequence[str]) -> str:
    rows = "".join(f"<li>{escape(each)}</li>" for each in warnings)
    return f'<div class="warn"><p>Before you read on:</p><ul>{rows}</ul></div>' if rows else ""


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _scores(summary: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    head = [*ARM, "measure", "seeds", "labels", "final", "AULC", "mean of rounds", "all labels"]
    rows = [
        [
            *(str(row[name]) for name in ARM),
            row["measure"],
            str(row["seeds"]),
            f"{row['labels']:,}",
            _pm(row["final"], row["final_half"]),
            _pm(row["aulc"], row["aulc_half"]),
            _score(row["mean_of_rounds"]),
            _score(row["full"]),
        ]
        for row in summary.to_dict("records")
    ]
    return head, rows


def _curves(results: Results, confidence: float) -> list[str]:
    try:
        figure = results.plot(confidence=confidence)
    except MissingExtraError as error:
        return ["<h2>Curves</h2>", _note(str(error))]
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=130, metadata={"Software": None})
    data = base64.b64encode(drawn.getvalue()).decode("ascii")
    alt = "Learning curves: the mean score by the number of labels, a line for each strategy, with its interval."
    return ["<h2>Curves</h2>", f'<img alt="{alt}" src="data:image/png;base64,{data}">']


def _targets(summary: pd.DataFrame) -> list[str]:
    targets = [name.removeprefix("reached_") for name in summary.columns if name.startswith("reached_")]
    if not targets:
        return []
    head = [*ARM]
    for target in targets:
        head += [f"{target} %: seeds", "labels, of these", "labels, of all"]
    rows = []
    for row in summary.to_dict("records"):
        cells = [str(row[name]) for name in ARM]
        for target in targets:
            reached = row[f"reached_{target}"]
            known = np.isfinite(reached)
            cells += [f"{int(reached)}/{row['seeds']}" if known else "–", _number(row[f"labels_{target}"])]
            censored = known and reached < row["seeds"]
            cells.append(("≥ " if censored else "") + _number(row[f"restricted_{target}"]))
        rows.append(cells)
    note = (
        "How many labels it took to get to a share of the mean score with all labels, on the rounds that were "
        "measured. Seeds that never got there are left out of the first mean and count with their budget in the "
        "second, which is then only the least that it can be (≥)."
    )
    return [
        "<h2>Labels to a share of the score with all labels</h2>",
        f'<p class="note">{note}</p>',
        _table(head, rows),
    ]


def _gains(results: Results, summary: pd.DataFrame, baseline: str, confidence: float) -> list[str]:
    others = [name for name in dict.fromkeys(summary["strategy"]) if name != baseline]
    if baseline not in set(summary["strategy"]) or not others:
        return []
    import pandas as pd

    settings = summary[list(ARM[:3])].drop_duplicates()
    comparisons = 2 * len(settings) * len(others)
    tables = []
    for name in others:
        table = results.compare(name, baseline, confidence=confidence, comparisons=comparisons)
        table.insert(3, "strategy", name)
        tables.append(table)
    head = [*ARM, "seeds", "difference", "interval", "win/tie/loss", "ε", "ε min", "better"]
    rows = [
        [
            *(str(row[name]) for name in ARM),
            str(row["seeds"]),
            f"{100 * row['difference']:+.2f}",
            f"{100 * row['low']:+.2f} … {100 * row['high']:+.2f}" if np.isfinite(row["low"]) else "–",
            f"{row['wins']}/{row['ties']}/{row['losses']}",
            f"{row['violation']:.3f}",
            f"{row['eps_min']:.3f}",
            str(row["better"] or "–"),
        ]
        for row in pd.concat(tables, ignore_index=True).to_dict("records")
    ]
    note = (
        f"AULC in points, seed by seed, with a {100 * confidence:g} % bootstrap interval of the paired differences. "
        "ε is the violation of stochastic order, ε min its upper bound by Almost Stochastic Order, corrected "
        f"(Bonferroni) for {comparisons} comparisons; below 0.5 the strategy is called better. One number a seed: "
        "rounds of a curve are not independent."
    )
    return [f"<h2>Against {escape(baseline)}</h2>", _note(note), _table(head, rows)]


def _seconds(summary: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    parts = ("training", "inference", "selection")
    head = [*ARM, *parts, "MiB"]
    rows = [
        [
            *(str(row[name]) for name in ARM),
            *(f"{row[part]:.3f}" for part in parts),
            _number(row["memory_mib"]),
        ]
        for row in summary.to_dict("records")
    ]
    return head, rows


def _failures(failures: dict[str, str]) -> list[str]:
    rows = [[name, error] for name, error in failures.items()]
    return ["<h2>Failed</h2>", _table(["cell", "error"], rows, texts=2)] if rows else []


def _settings(results: Results) -> list[str]:
    asked, data = results.plan["asked"], results.plan["datasets"]
    rows = [[name, str(value)] for name, value in asked.items()]
    rows += [[f"version of {name}", value] for name, value in results.plan["versions"].items()]
    done = results.cells[results.cells["state"] == "done"]
    rows += [["machine", each] for each in dict.fromkeys(done["machine"])]
    rows += [
        ["model", f"{name}: {each}"]
        for name, each in dict.fromkeys(zip(done["model"], done["runs_with"], strict=True))
    ]
    sets = [
        [name, about["task"], f"{about['pool']:,}", f"{about['test']:,}", about["digest"]]
        for name, about in data.items()
    ]
    head = ["dataset", "task", "to choose from", "to measure on", "digest"]
    return ["<h2>Data</h2>", _table(head, sets, texts=2), "<h2>Settings</h2>", _table(["", ""], rows, texts=2)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 4) -> str:
    """Return a table whose first columns are text; everything in it is escaped here, and nowhere else."""

    def line(cells: Sequence[Any], tag: str) -> str:
        marked = (
            f"<{tag}{' class=text' if at < texts else ''}>{escape(str(cell))}</{tag}>" for at, cell in enumerate(cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table><thead>{line(head, "th")}</thead><tbody>\n{body}\n</tbody></table></div>'


def _score(value: float) -> str:
    return f"{100 * value:.2f}" if np.isfinite(value) else "–"


def _pm(mean: float, half: float) -> str:
    return f"{_score(mean)} ± {_score(half)}" if np.isfinite(half) else _score(mean)


def _number(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "–"
