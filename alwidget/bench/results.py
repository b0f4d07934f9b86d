"""What came of a benchmark: read from its folder, summed up with what the seeds allow to say, compared, drawn."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alwidget.bench.cells import CURVE, FULL
from alwidget.bench.dominance import almost_stochastic_order
from alwidget.bench.statistics import aulc, labels_to_all, mean_interval, paired_difference, win_tie_loss
from alwidget.bench.store import RunFolder
from alwidget.bench.warnings import warnings_of
from alwidget.errors import ArgumentError, DataError, near_miss

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Results"]

ARM = ["dataset", "model", "subsample", "strategy"]
SETTING = ARM[:3]
TARGETS = (0.85, 0.90, 0.95)
PARTS = ("training", "inference", "selection")
MIB = 1 << 20
Measured = Literal["aulc", "final"]


class Results:
    """The results of a benchmark; made by `alwidget.benchmark` and `Results.load`.

    Attributes
    ----------
    path
        The folder of the run.
    plan
        What was asked for.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder, self.path, self.plan = folder, folder.path, folder.read_plan()

    @classmethod
    def load(cls, out: str | os.PathLike[str]) -> Results:
        """Return the results of the run in `out`, also of one that is not finished.

        Raises
        ------
        alwidget.errors.DataError
            There is no run, or it cannot be read.
        """
        return cls(RunFolder(out))

    def __repr__(self) -> str:
        """Return how many cells there are and how many of them are done."""
        states = list(self.cells["state"])
        return f"<Results {str(self.path)!r}: {states.count('done')} of {len(states)} cells>"

    # Everything raw --------------------------------------------------------------------------------------------------

    @functools.cached_property
    def cells(self) -> pd.DataFrame:
        """A row for each cell that was asked for: its state (done, failed, missing), scores, seconds and memory."""
        import pandas as pd

        done = self._folder.done()
        return pd.DataFrame([self._cell(asked, done) for asked in self.plan["cells"]])

    def _cell(self, asked: dict[str, Any], done: set[str]) -> dict[str, Any]:
        row: dict[str, Any] = {**asked, "state": "missing", "error": None}
        if asked["key"] not in done:
            failure = self._folder.failure(asked["key"])
            return row if failure is None else {**row, "state": "failed", "error": failure.get("error")}
        about, curve = self._folder.cell(asked["key"]), self._folder.table(asked["key"], "curve")
        scores, labels = curve["score"].to_numpy(), curve["labelled"].to_numpy()
        return {
            **row,
            "state": "done",
            "labels": int(labels[-1]),
            "final": float(scores[-1]),
            "aulc": aulc(labels, scores),
            "mean_of_rounds": float(scores.mean()),
            "cost": float(curve["cost"].iloc[-1]),
            "fallbacks": int(curve["fallback"].notna().sum()),
            "seconds": about["seconds"],
            "memory_mib": _mib(about["memory"]["peak"]),
            "gpu_mib": _mib(about["memory"]["gpu_peak"]),
            "runs_with": about["model"],
            "versions": _flat(about["versions"]),
            "machine": _flat(about["machine"]),
        }

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """A row for each measured point: labels, both scores, cost, seconds, who chose."""
        return self._tables("curve", CURVE)

    @functools.cached_property
    def picks(self) -> pd.DataFrame:
        """A row for each document that was asked: round, rank, id, answer, who answered, what it cost, why."""
        return self._tables("picks", CURVE)

    @functools.cached_property
    def full(self) -> pd.DataFrame:
        """The scores with all labels, a row for each dataset, model and seed."""
        return self._tables("curve", FULL).drop(columns=["strategy", "subsample"], errors="ignore")

    def _tables(self, name: str, kind: str) -> pd.DataFrame:
        import pandas as pd

        done, tables = self._folder.done(), []
        for asked in self.plan["cells"]:
            if asked["kind"] == kind and asked["key"] in done:
                table = self._folder.table(asked["key"], name)
                for at, column in enumerate(("dataset", "model", "subsample", "strategy", "seed")):
                    # the strategy of a pick is the one that chose it, which may be random in place of the one asked
                    if column in table.columns:
                        table = table.rename(columns={column: "chosen_by"})
                    table.insert(at, column, asked[column])
                tables.append(table)
        return pd.concat([_dense(table) for table in tables], ignore_index=True) if tables else pd.DataFrame()

    @property
    def failures(self) -> dict[str, str]:
        """The cells that failed, and why: ``{"docstrings · entropy · …": "ModelError: …"}``."""
        failed = self.cells[self.cells["state"] == "failed"]
        return {_named(row): str(row["error"]) for row in failed.to_dict("records")}

    @property
    def warnings(self) -> list[str]:
        """What a reader should know before believing the numbers; empty where there is nothing."""
        return warnings_of(self.plan, self.cells)

    # Summed up -------------------------------------------------------------------------------------------------------

    def summary(
        self, *, confidence: float = 0.95, targets: Sequence[float] = TARGETS, baseline: str = "random"
    ) -> pd.DataFrame:
        """Return a row for each dataset, model, subsampler and strategy.

        Parameters
        ----------
        confidence
            Of the intervals.
        targets
            Shares of the mean score with all labels to count the labels for.
        baseline
            The strategy that the others are compared with, seed by seed.

        Returns
        -------
        pandas.DataFrame
            ``final`` and ``aulc`` with ``…_half``, the half width of their t-interval; ``mean_of_rounds``, the plain
            mean, as some papers have it; for each target ``reached_90`` seeds, ``labels_90`` (the mean over these) and
            ``restricted_90`` (with the budget for the others); ``gain`` in AULC over the baseline with its bootstrap
            interval and ``wins``, ``ties``, ``losses``; ``training``, ``inference`` and ``selection``, seconds of the
            median round; ``memory_mib``, the highest.
        """
        import pandas as pd

        done = self._done()
        groups = done.groupby(ARM, sort=False, dropna=False)
        rows = [self._row(dict(zip(ARM, names, strict=True)), group, confidence, targets) for names, group in groups]
        if baseline in set(done["strategy"]):
            for row in rows:
                row.update(self._gain(done, row, baseline, confidence))
        return pd.DataFrame(rows)

    def _row(
        self, names: dict[str, Any], group: pd.DataFrame, confidence: float, targets: Sequence[float]
    ) -> dict[str, Any]:
        final, area = (mean_interval(group[what].to_numpy(), confidence) for what in ("final", "aulc"))
        curves = _where(self.curves, names)
        full = self._full_score(names)
        row = {
            **names,
            "measure": self.plan["datasets"][names["dataset"]]["measure"][0],
            "seeds": len(group),
            "labels": int(group["labels"].max()),
            "final": final.mean,
            "final_half": final.half,
            "aulc": area.mean,
            "aulc_half": area.half,
            "mean_of_rounds": float(group["mean_of_rounds"].mean()),
            "full": full,
        }
        each = [(one["labelled"].to_numpy(), one["score"].to_numpy()) for _, one in curves.groupby("seed")]
        for target in targets if np.isfinite(full) else ():
            cost, name = labels_to_all(each, target * full), f"{100 * target:g}"
            row[f"reached_{name}"] = cost.reached
            row[f"labels_{name}"], row[f"restricted_{name}"] = cost.mean_reached, cost.restricted_mean
        row.update({part: float(curves[part].median()) for part in PARTS})
        return {**row, "memory_mib": float(group["memory_mib"].max())}

    def _gain(self, done: pd.DataFrame, row: dict[str, Any], baseline: str, confidence: float) -> dict[str, Any]:
        if row["strategy"] == baseline:
            return {}
        a, b = _pairs(done, {name: row[name] for name in SETTING}, row["strategy"], baseline, "aulc")
        if not len(a):
            return {}
        gain, record = paired_difference(a, b, confidence=confidence), win_tie_loss(a, b)
        ends = {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
        return {**ends, "wins": record.wins, "ties": record.ties, "losses": record.losses}

    def _full_score(self, names: dict[str, Any]) -> float:
        full = self.full
        if not len(full):
            return float("nan")
        mine = full[(full["dataset"] == names["dataset"]) & (full["model"] == names["model"])]
        return float(mine["score"].mean()) if len(mine) else float("nan")

    def compare(
        self,
        a: str,
        b: str,
        *,
        by: Measured = "aulc",
        confidence: float = 0.95,
        comparisons: int | None = None,
        threshold: float = 0.5,
        tie: float = 0.0,
    ) -> pd.DataFrame:
        """Compare two strategies seed by seed; a row for each dataset, model and subsampler that both were run on.

        Parameters
        ----------
        a, b
            The strategies, as they are called in the summary.
        by
            ``"aulc"`` or ``"final"``: one number a seed. The rounds of a curve are not independent.
        confidence
            Of the interval, and of all Almost Stochastic Order comparisons together.
        comparisons
            For how many comparisons to correct (Bonferroni); by default as many as there are rows, doubled, since both
            directions are looked at. Give more when you read several such tables together.
        threshold
            ``better`` is the strategy whose ε_min is below it.
        tie
            Differences up to this count as ties.

        Returns
        -------
        pandas.DataFrame
            ``difference`` (mean of a − b) with ``low`` and ``high`` (bootstrap of pairs), ``wins``, ``ties``,
            ``losses``, ``violation`` (ε) and ``eps_min`` of a over b, ``eps_min_reverse`` of b over a, ``better``.

        Raises
        ------
        alwidget.errors.ArgumentError
            There is no such strategy, or they have no seeds in common.
        """
        import pandas as pd

        if by not in ("aulc", "final"):
            message = f'by={by!r}: compare by "aulc" or "final".'
            raise ArgumentError(message)
        done = self._done()
        known = list(dict.fromkeys(done["strategy"]))
        for name in (a, b):
            if name not in known:
                message = f'No strategy "{name}" was run.{near_miss(name, known)} There are: {", ".join(known)}.'
                raise ArgumentError(message)
        settings = [dict(zip(SETTING, names, strict=True)) for names, _ in done.groupby(SETTING, sort=False)]
        pairs = [(each, *_pairs(done, each, a, b, by)) for each in settings]
        pairs = [pair for pair in pairs if len(pair[1])]
        if not pairs:
            message = f'"{a}" and "{b}" have no finished seed of the same data in common.'
            raise ArgumentError(message)
        count = comparisons if comparisons is not None else 2 * len(pairs)
        rows = []
        for setting, x, y in pairs:
            row, there, back = _compared(x, y, confidence, count, tie)
            better = a if there < threshold else b if back < threshold else None
            rows.append({**setting, **row, "better": better})
        return pd.DataFrame(rows)

    def _done(self) -> pd.DataFrame:
        cells = self.cells
        done = cells[(cells["state"] == "done") & (cells["kind"] == CURVE)]
        if not len(done):
            failures = self.failures
            why = f" The first that failed: {next(iter(failures.values()))}" if failures else ""
            message = f'No cell of the run in "{self.path}" is done.{why}'
            raise DataError(message)
        return done

    # Shown and handed on ---------------------------------------------------------------------------------------------

    def plot(self, *, confidence: float = 0.95, by: Literal["labelled", "cost"] = "labelled") -> Figure:
        """Return a figure: for each setting a panel with the mean curve of each strategy and its t-interval.

        Parameters
        ----------
        by
            What stands on the axis: ``"labelled"`` or ``"cost"``, where annotators have costs.

        Raises
        ------
        alwidget.errors.MissingExtraError
            matplotlib is not installed.
        """
        from alwidget.bench.plots import plot

        return plot(self, confidence=confidence, by=by)

    def to_html(self, file: str | os.PathLike[str], *, confidence: float = 0.95) -> Path:
        """Write a report into one file that needs no other and no network: tables, curves, settings, warnings.

        Everything out of data is text there, never markup.
        """
        from alwidget.bench.report import html

        path = Path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html(self, confidence=confidence), encoding="utf-8", errors="backslashreplace")
        return path

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write everything raw and the summary, each as CSV and Parquet; return the files."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        written = []
        for name, table in self._everything():
            for ending in ("csv", "parquet"):
                path = place / f"{name}.{ending}"
                table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path, index=False)
                written.append(path)
        return written

    def _everything(self) -> Iterator[tuple[str, pd.DataFrame]]:
        yield "cells", self.cells
        yield "curves", self.curves
        yield "picks", self.picks
        if len(self.full):
            yield "full", self.full
        if (self.cells["kind"][self.cells["state"] == "done"] == CURVE).any():
            yield "summary", self.summary()


def _where(table: pd.DataFrame, names: dict[str, Any]) -> pd.DataFrame:
    keep = np.ones(len(table), dtype=bool)
    for name, value in names.items():
        keep &= (table[name] == value).to_numpy()
    return table[keep]


def _compared(
    x: np.ndarray, y: np.ndarray, confidence: float, comparisons: int, tie: float
) -> tuple[dict[str, Any], float, float]:
    """Return what a comparison says, and the bounds ε_min of both directions."""
    gap, record = paired_difference(x, y, confidence=confidence), win_tie_loss(x, y, tie=tie)
    there, back = (
        almost_stochastic_order(*pair, confidence=confidence, comparisons=comparisons) for pair in ((x, y), (y, x))
    )
    row = {"seeds": gap.n, "a": float(np.mean(x)), "b": float(np.mean(y))}
    row |= {"difference": gap.mean, "low": gap.low, "high": gap.high}
    row |= {"wins": record.wins, "ties": record.ties, "losses": record.losses}
    row |= {"violation": there.violation, "eps_min": there.upper, "eps_min_reverse": back.upper}
    return {**row, "confidence": there.confidence}, there.upper, back.upper


def _pairs(done: pd.DataFrame, setting: dict[str, Any], a: str, b: str, by: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of two strategies on the seeds that both have, in the same order."""
    mine = _where(done, setting)
    x, y = (_where(mine, {"strategy": name}).set_index("seed")[by] for name in (a, b))
    seeds = sorted(set(x.index) & set(y.index))
    return x.loc[seeds].to_numpy(dtype=np.float64), y.loc[seeds].to_numpy(dtype=np.float64)


def _named(row: dict[str, Any]) -> str:
    what = ["all labels"] if row["kind"] == FULL else [row["strategy"], row["subsample"]]
    return " · ".join([str(row["dataset"]), *map(str, what), str(row["model"]), f"seed {row['seed']}"])


def _flat(about: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in about.items())


def _mib(size: int | None) -> float:
    return float("nan") if size is None else size / MIB


def _dense(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose empty columns have a type, so that putting tables together keeps types."""
    return table.astype({name: object for name in table.columns if table[name].isna().all()})
