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
            from matplotlib.figure import Figure
        except ImportError as error:
            message = 'Plots need matplotlib: pip install "alwidget[plots]".'
            raise MissingExtraError(message) from error
        figure = Figure(figsize=(12, 3.4), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        self._plot_influence(left)
        self._plot_calibration(middle)
        self._plot_scores(right)
        for axes in (left, middle, right):
            axes.spines[["top", "right"]].set_visible(False)
        return figure

    def to_html(self, file: str | Path) -> Path:
        """Write the report as one page that needs no network; what documents say is text in it, never markup."""
        picture = io.BytesIO()
        self.plot().savefig(picture, format="png", dpi=130)
        image = base64.b64encode(picture.getvalue()).decode()
        summary = html.escape(self.summary())
        place = Path(file)
        place.write_text(
            _PAGE.format(summary=summary, image=image, rows=self._dropped_rows()), encoding="utf-8", newline="\n"
        )
        return place

    def _measure(self) -> str:
        return "accuracy" if self.about["task"] == "classification" else "micro F1"

    def _plot_influence(self, axes: Any) -> None:
        axes.set_title("what the successor had to memorise", fontsize=10)
        known = self.labels[np.isfinite(self.labels["influence"])]
        if not len(known):
            axes.text(0.5, 0.5, "nothing was cleaned", ha="center", va="center", color=SOFT)
            return
        scores = np.log10(np.maximum(known["influence"].to_numpy(), 1e-12))
        gone = (known["origin"] == "dropped").to_numpy()
        edges = np.histogram_bin_edges(scores, bins=40)
        axes.hist(
            [scores[~gone], scores[gone]], bins=edges, stacked=True, color=[SOFT, STRONG], label=["kept", "dropped"]
        )
        axes.set_xlabel("self-influence, powers of ten")
        axes.set_ylabel("pseudo-labels")
        axes.legend(frameon=False, fontsize=8)

    def _plot_calibration(self, axes: Any) -> None:
        axes.set_title("was the labeller as right as it was sure?", fontsize=10)
        axes.plot([0, 1], [0, 1], color=SOFT, lw=1, ls="--")
        bins = self.about["calibration"]
        sure, right = ([row[name] for row in bins] for name in ("confidence", "right"))
        below = [row["right"] - row["low"] for row in bins]
        above = [row["high"] - row["right"] for row in bins]
        axes.errorbar(sure, right, yerr=[below, above], fmt="o", color=INK, ms=4, lw=1)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right")

    def _plot_scores(self, axes: Any) -> None:
        scores = self.about["scores"]
        axes.set_title(f"{self._measure()} on people's labels held out", fontsize=10)
        if not scores:
            axes.text(0.5, 0.5, "nothing was held out", ha="center", va="center", color=SOFT)
            return
        names = list(scores)[::-1]
        values = np.array([scores[name]["value"] for name in names])
        low, high = (np.array([scores[name][end] for name in names]) for end in ("low", "high"))
        error = [np.maximum(values - low, 0), np.maximum(high - values, 0)]
        axes.errorbar(values, np.arange(len(names)), xerr=error, fmt="o", color=INK, lw=1, ms=5)
        axes.set_yticks(np.arange(len(names)), [name.replace(" without", "\nwithout") for name in names], fontsize=9)
        axes.set_ylim(-0.6, len(names) - 0.4)

    def _dropped_rows(self) -> str:
        gone = self.labels[self.labels["origin"] == "dropped"]
        gone = gone.sort_values("influence", ascending=False, kind="stable").head(SHOWN)
        key = next(name for name in ("label", "labels", "spans") if name in gone)
        return "\n".join(
            f"<tr><td>{_cell(row['text'])}</td><td>{_cell(row[key])}</td><td>{row['confidence']:.2f}</td>"
            f"<td>{_cell(row['why'])}</td></tr>"
            for _, row in gone.iterrows()
        )


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
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #24292f; }}
pre {{ font: inherit; white-space: pre-wrap; }}
img {{ max-width: 100%; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-top: 1px solid #d0d7de; }}
</style>
<h1>PLASM report</h1>
<pre>{summary}</pre>
<img alt="Histogram of self-influence, calibration of the labeller, and scores" src="data:image/png;base64,{image}">
<h2>Dropped first</h2>
<table>
<tr><th>document</th><th>pseudo-label</th><th>confidence</th><th>why</th></tr>
{rows}
</table>
</html>
"""
