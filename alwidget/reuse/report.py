"""What a run of PLASM trusted and what it did not, and what it bought."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import MissingExtraError
from alwidget.reuse import keeping

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["PlasmReport"]

SHOWN = 20
"""Dropped documents that the page shows."""
LONGEST = 240
INK, SOFT, STRONG = "#24292f", "#8c959f", "#c0392b"


@dataclass(frozen=True, slots=True)
class PlasmReport:
    """Reads ``report.json`` and the labels beside it.

    Attributes
    ----------
    about
        All that was measured: ``counts``, ``error`` of the labeller with its interval, ``scores`` on what was held
        out, ``calibration``, ``agreement``, ``threshold``, ``seconds`` of each stage, ``models``, ``versions``.
    labels
        A row a document, as `Plasm.labels`.
    """

    about: Mapping[str, Any]
    labels: pd.DataFrame

    @classmethod
    def read(cls, folder: str | Path) -> PlasmReport:
        """Return the report of the folder of a run."""
        here = Path(folder)
        return cls(keeping.read_json(here / "report" / "report.json"), keeping.read_labels(here / "successor"))

    @property
    def counts(self) -> dict[str, int]:
        """How many documents people labelled, how many were held out of those, and what became of the others."""
        return dict(self.about["counts"])

    def __str__(self) -> str:
        """Return the summary."""
        return self.summary()

    def summary(self) -> str:
        """Return the report in some lines of text."""
        counts, models = self.about["counts"], self.about["models"]
        gone = f"{counts['dropped']:,}"
        lines = [
            f"{models['successor']}, taught by {models['labeller']}",
            f"labels of people {counts['human']:,} ({counts['held out']:,} held out)",
            f"pseudo-labels {counts['pseudo']:,}, dropped {gone} ({counts['dropped as unsure']:,} unsure)",
            f"the labeller errs on {_share(self.about['error'], 'share')}, {self.about['error']['method']}",
        ]
        name = self._measure()
        lines += [f"{name} of the {who}: {_share(score, 'value')}" for who, score in self.about["scores"].items()]
        if self.about["agreement"]:
            lines.append(f"successor and labeller agree on {_share(self.about['agreement'], 'value')} of the pool")
        spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.about["seconds"].items())
        return "\n".join([*lines, *self.about["notes"], f"time: {spent}"])

    def plot(self) -> Figure:
        """Return a figure: what was dropped, how well confidence was meant, and what each model gets right.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        try:
            from alwidget.reuse.picture import Picture
        except ImportError as error:
            message = 'Plots need matplotlib: pip install "alwidget[plots]".'
            raise MissingExtraError(message) from error
        figure = Picture(figsize=(13, 3.8), layout="constrained")
        left, middle, right = figure.subplots(1, 3, width_ratios=[1.1, 1, 1])
        self._plot_influence(left)
        self._plot_calibration(middle)
        self._plot_scores(right)
        for axes in (left, middle, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_axisbelow(True)
            axes.grid(color="#d0d7de", lw=0.5, alpha=0.6)
        return figure

    def to_html(self, file: str | Path) -> Path:
        """Write the report as one page that needs no network; what documents say is text in it, never markup."""
        picture = io.BytesIO()
        self.plot().savefig(picture, format="png", dpi=150)
        models, seconds = self.about["models"], self.about["seconds"]
        page = _PAGE.format(
            title=f"{_cell(models['successor'])}, taught by {_cell(models['labeller'])}",
            facts=self._facts(),
            notes="".join(f"<p class=note>{_cell(note)}</p>" for note in self.about["notes"]),
            scores=self._score_rows(),
            image=base64.b64encode(picture.getvalue()).decode(),
            rows=self._dropped_rows() or "<tr><td colspan=5>nothing</td></tr>",
            spent=" · ".join(f"{_cell(stage)} {spent:.1f} s" for stage, spent in seconds.items()),
            made=" · ".join(f"{_cell(name)} {_cell(number)}" for name, number in self.about["versions"].items()),
        )
        place = Path(file)
        place.write_text(page, encoding="utf-8", newline="\n")
        return place

    def _facts(self) -> str:
        counts, error = self.about["counts"], self.about["error"]
        facts = [
            (f"{counts['human']:,}", f"labels of people, {counts['held out']:,} of them held out to measure on"),
            (f"{counts['pseudo']:,}", "pseudo-labels that were trusted"),
            (f"{counts['dropped']:,}", f"pseudo-labels that were dropped, {counts['dropped as unsure']:,} as unsure"),
            (
                f"{100 * error['share']:.1f} %",
                f"error of the labeller: {100 * error['low']:.1f} to {100 * error['high']:.1f} %, n = {error['n']:,}",
            ),
        ]
        return "\n".join(f"<div><b>{number}</b>{_cell(what)}</div>" for number, what in facts)

    def _score_rows(self) -> str:
        agreement = self.about["agreement"]
        rows = [(f"{self._measure()} of the {who}", score) for who, score in self.about["scores"].items()]
        rows += [("agreement of successor and labeller", agreement)] if agreement else []
        return "\n".join(
            f"<tr><td>{_cell(what)}</td><td class=n>{100 * score['value']:.1f} %</td>"
            f"<td class=n>{100 * score['low']:.1f} to {100 * score['high']:.1f} %</td>"
            f"<td class=n>{score['n']:,}</td></tr>"
            for what, score in rows
        )

    def _measure(self) -> str:
        return "accuracy" if self.about["task"] == "classification" else "micro F1"

    def _plot_influence(self, axes: Any) -> None:
        axes.set_title("What the successor had to memorise", fontsize=11, loc="left")
        known = self.labels[np.isfinite(self.labels["influence"])]
        if not len(known):
            axes.text(0.5, 0.5, "nothing was cleaned", ha="center", va="center", color=SOFT)
            return
        scores = np.log10(np.maximum(known["influence"].to_numpy(), 1e-12))
        gone = (known["origin"] == "dropped").to_numpy()
        edges = np.histogram_bin_edges(scores, bins=40)
        axes.hist(
            [scores[~gone], scores[gone]],
            bins=edges,
            stacked=True,
            color=[SOFT, STRONG],
            label=[f"kept ({(~gone).sum():,})", f"dropped ({gone.sum():,})"],
        )
        axes.set_xlabel("self-influence, powers of ten")
        axes.set_ylabel("pseudo-labels")
        axes.legend(frameon=False, fontsize=8)

    def _plot_calibration(self, axes: Any) -> None:
        axes.set_title("Was the labeller as right as it was sure?", fontsize=11, loc="left")
        axes.plot([0, 1], [0, 1], color=SOFT, lw=1, ls="--")
        bins = self.about["calibration"]
        sure, right = ([row[name] for row in bins] for name in ("confidence", "right"))
        below = [row["right"] - row["low"] for row in bins]
        above = [row["high"] - row["right"] for row in bins]
        axes.errorbar(sure, right, yerr=[below, above], fmt="o", color=INK, ms=5, lw=1.2)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right (95 % interval)")

    def _plot_scores(self, axes: Any) -> None:
        scores = self.about["scores"]
        axes.set_title(f"{self._measure().capitalize()}, people's labels held out", fontsize=11, loc="left")
        if not scores:
            axes.text(0.5, 0.5, "nothing was held out", ha="center", va="center", color=SOFT)
            return
        names = list(scores)[::-1]
        values = np.array([scores[name]["value"] for name in names])
        low, high = (np.array([scores[name][end] for name in names]) for end in ("low", "high"))
        error = [np.maximum(values - low, 0), np.maximum(high - values, 0)]
        axes.errorbar(values, np.arange(len(names)), xerr=error, fmt="o", color=INK, lw=1.5, ms=6)
        axes.set_yticks(np.arange(len(names)), [name.replace(" without", "\nwithout") for name in names], fontsize=9)
        axes.set_ylim(-0.6, len(names) - 0.4)

    def _dropped_rows(self) -> str:
        gone = self.labels[self.labels["origin"] == "dropped"]
        gone = gone.sort_values("influence", ascending=False, kind="stable").head(SHOWN)
        key = next(name for name in ("label", "labels", "spans") if name in gone)
        return "\n".join(
            f"<tr><td>{_cell(row['text'])}</td><td>{_cell(row[key])}</td><td class=n>{row['confidence']:.2f}</td>"
            f"<td class=n>{_number(row['influence'])}</td><td>{_cell(row['why'])}</td></tr>"
            for _, row in gone.iterrows()
        )


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else ""


def _share(about: Mapping[str, Any], name: str) -> str:
    return f"{100 * about[name]:.1f} % ({100 * about['low']:.1f} to {100 * about['high']:.1f}, n = {about['n']:,})"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = ", ".join(f"{v['text']} = {v['label']}" if isinstance(v, dict) else str(v) for v in value) or "none"
    text = " ".join(str(value).split())
    return html.escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>PLASM report</title>
<style>
:root {{ color-scheme: light; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #24292f; }}
h1 {{ font-size: 1.5rem; margin: 0; }}
h2 {{ font-size: 1.1rem; margin: 2rem 0 0.5rem; }}
.facts {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: 1rem; margin: 1.2rem 0; }}
.facts div {{ background: #f6f8fa; border-radius: 8px; padding: 0.7rem 1rem; font-size: 0.87rem; color: #57606a; }}
.facts b {{ display: block; font-size: 1.5rem; font-weight: 600; color: #24292f; }}
.note {{ border-left: 4px solid #bf8700; background: #fff8c5; padding: 0.4rem 0.8rem; }}
.soft {{ color: #57606a; font-size: 0.87rem; }}
img {{ width: 100%; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-top: 1px solid #d0d7de; }}
th {{ font-weight: 600; border-top: 0; white-space: nowrap; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
</style>
<h1>What was trusted, what was not, and what it bought</h1>
<div class="soft">{title}</div>
<div class="facts">
{facts}
</div>
{notes}
<h2>On people's labels that nothing was trained on</h2>
<table>
<tr><th>what</th><th class="n">measured</th><th class="n">95 % interval</th><th class="n">documents</th></tr>
{scores}
</table>
<h2>Why</h2>
<img alt="Histogram of self-influence, calibration of the labeller, and scores" src="data:image/png;base64,{image}">
<h2>Dropped first</h2>
<div class="wide">
<table>
<tr>
<th>document</th><th>pseudo-label</th><th class="n">confidence</th><th class="n">self-influence</th><th>why</th>
</tr>
{rows}
</table>
</div>
<p class="soft">{spent}<br>{made}</p>
</html>
"""
