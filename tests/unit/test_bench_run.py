"""Benchmarks from end to end, small: cells, resuming, failing, the same numbers everywhere, and what is made of them."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import alwidget as alw
from alwidget.bench import Results, aulc, mean_interval
from alwidget.bench.config import read_config
from alwidget.bench.store import RunFolder
from alwidget.datasets import docstrings
from alwidget.errors import ArgumentError, DataError
from alwidget.learners import Reader, TfIdf
from small_tasks import SmallTagger

OPTIONS = {"model": "tf-idf", "seeds": 2, "rounds": 3, "batch_size": 10, "progress": False}
DATA = {"data": "docstrings", "n": 120, "n_test": 60}
STEADY = ["labelled", "score", "beside", "cost", "acting", "fallback", "candidates"]
SECONDS = ["training", "inference", "selection", "memory_mib"]


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench") / "serial"
    return alw.benchmark(DATA, ["random", "entropy"], out=out, executor="serial", **OPTIONS)


def reader():
    """Chooses texts by counted words and writes none: what is measured is the answer to the nearest one."""
    return Reader(TfIdf())


def same(one, other):
    for name in ("curves", "full"):
        pd.testing.assert_frame_equal(getattr(one, name)[STEADY], getattr(other, name)[STEADY])
    pd.testing.assert_frame_equal(one.picks, other.picks)
    pd.testing.assert_frame_equal(one.summary().drop(columns=SECONDS), other.summary().drop(columns=SECONDS))


# Running --------------------------------------------------------------------------------------------------------------


def test_every_combination_is_a_cell_and_the_same_seed_starts_the_same(serial):
    assert serial.warnings == ["2 seeds are few: intervals are wide, or there are none. Take 5."]
    assert list(serial.cells["state"]) == ["done"] * 6
    assert list(serial.curves["labelled"]) == [10, 20, 30] * 4
    assert len(serial.picks) == 4 * 30
    assert not serial.picks.duplicated(["strategy", "seed", "id"]).any()
    assert (serial.full["labelled"] == 120).all()
    about = RunFolder(serial.path).cell(serial.cells["key"][1])
    assert {"numpy", "python", "alwidget"} <= set(about["versions"])
    assert about["memory"]["peak"] > 1 << 20
    assert about["config"]["seed"] == 0


def test_what_is_measured_is_what_the_same_session_measures(serial, tmp_path):
    from alwidget.bench.data import read, read_specs
    from alwidget.oracle import simulate

    material = read(read_specs(DATA)[0])
    with alw.annotate(
        list(material.rows), labels=list(material.labels), model="tf-idf", strategy="entropy", seed=1,
        path=tmp_path / "s.alw", text="text", id="id", batch_size=10,
    ) as session:  # fmt: skip
        points = list(simulate(session, material.gold, material.test, rounds=3, batch_size=10))
    mine = serial.curves[(serial.curves["strategy"] == "entropy") & (serial.curves["seed"] == 1)]
    assert list(mine["score"]) == [point.score for point in points]
    picks = serial.picks[(serial.picks["strategy"] == "entropy") & (serial.picks["seed"] == 1)]
    assert list(picks["id"]) == [item.id for point in points for item in point.asked]


def test_processes_give_what_one_process_gives(serial, tmp_path):
    parallel = alw.benchmark(DATA, ["random", "entropy"], out=tmp_path / "p", executor="processes", **OPTIONS)
    same(serial, parallel)
    assert set(serial.cells["key"]) == set(parallel.cells["key"])


def test_a_run_that_is_done_is_not_done_again_and_one_that_grows_does_only_what_is_new(tmp_path):
    asked = {"out": tmp_path / "r", "executor": "serial", "full": False, **OPTIONS}
    alw.benchmark(DATA, ["random"], **asked)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "r" / "cells").iterdir()}
    grown = alw.benchmark(DATA, ["random", "entropy"], **{**asked, "seeds": 3})
    assert len(grown.cells) == 6
    assert {path: path.stat().st_mtime_ns for path in times} == times
    with pytest.raises(ArgumentError, match="Go on with it"):
        alw.benchmark(DATA, ["random"], **asked, resume=False)


def test_other_data_options_or_code_are_other_cells(tmp_path):
    asked = {"out": tmp_path / "r", "executor": "serial", "full": False, **OPTIONS, "seeds": 1, "rounds": 1}
    before = alw.benchmark(DATA, ["random"], **asked)
    for change in ({"batch_size": 9}, {"initial": 5}, {"oracle": {"skip": 0.1}}, {"datasets": {**DATA, "n": 119}}):
        after = alw.benchmark(**{"datasets": DATA, "strategies": ["random"], **asked, **change})
        assert set(after.cells["key"]).isdisjoint(before.cells["key"])
        assert len(after.cells) == 1
    again = alw.benchmark(DATA, ["random"], **asked)
    pd.testing.assert_frame_equal(again.picks, before.picks)


def test_with_initial_documents_all_strategies_start_from_the_same(tmp_path):
    found = alw.benchmark(
        DATA, ["random", "tyrogue"], out=tmp_path / "r", executor="serial", initial=8, full=False, **OPTIONS
    )
    assert list(found.curves["round"].unique()) == [0, 1, 2, 3]
    first = found.picks[found.picks["round"] == 0]
    for _, mine in first.groupby("seed"):
        a, b = (list(each["id"]) for _, each in mine.groupby("strategy"))
        assert a == b
        assert len(a) == 8
    scores = found.curves[found.curves["round"] == 0].groupby("seed")["score"]
    assert (scores.max() == scores.min()).all()


def test_skips_and_costs_are_counted(tmp_path):
    oracle = [{"name": "a", "cost": 3, "skip": 0.3}, {"name": "b", "error": 0.5}]
    found = alw.benchmark(
        DATA, ["random"], out=tmp_path / "r", executor="serial", oracle=oracle, full=False, **OPTIONS
    )
    for seed, curve in found.curves.groupby("seed"):
        picks = found.picks[found.picks["seed"] == seed]
        answered = picks["answer"].notna().groupby(picks["round"]).sum().cumsum()
        assert list(curve["labelled"]) == list(answered)
        assert curve["labelled"].iloc[-1] < 30
        assert list(curve["cost"]) == list(picks.groupby("round")["cost"].sum().cumsum())
    assert set(found.picks["annotator"]) == {"a", "b"}


@pytest.mark.parametrize("task", ["multilabel", "tagging", "generation"])
def test_every_task_is_run(task, tmp_path):
    model = {"tagging": SmallTagger, "generation": reader}.get(task, "tf-idf")
    data = {"data": "docstrings", "task": task, "n": 40, "n_test": 20}
    options = {**OPTIONS, "model": model, "seeds": 1, "rounds": 2}
    found = alw.benchmark(data, ["random", "auto"], out=tmp_path / "r", executor="serial", **options)
    assert found.failures == {}
    assert found.curves["score"].between(0, 1).all()
    assert len(found.summary()) == 2


def test_a_model_that_knows_one_label_or_none_yet_is_measured_all_the_same(tmp_path):
    rows = [{"id": str(i), "text": f"document {i}", "labels": []} for i in range(20)]
    rows += [{"id": "x", "text": "another", "labels": ["a"]}]
    found = alw.benchmark(
        {"data": rows, "task": "multilabel"}, ["random"], out=tmp_path / "r", executor="serial", full=False,
        **{**OPTIONS, "batch_size": 2},
    )  # fmt: skip
    assert found.failures == {}


# Failing --------------------------------------------------------------------------------------------------------------

BROKEN = """
import os
import alwidget as alw

class Broken(alw.Strategy):
    name = "broken"

    def select(self, view, size, rng):
        {what}
"""


@pytest.mark.parametrize(
    ("executor", "what", "said"),
    [
        ("serial", "raise ValueError('<b>no</b>')", "no"),
        ("processes", "raise ValueError('no')", "no"),
        ("processes", "os.kill(os.getpid(), 9)", "SIGKILL"),
        ("processes", "os._exit(3)", "code 3"),
    ],
)
def test_a_cell_that_fails_is_recorded_and_the_others_go_on(executor, what, said, tmp_path):
    (tmp_path / "own.py").write_text(BROKEN.format(what=what), encoding="utf-8")
    asked = {"out": tmp_path / "r", "executor": executor, "workers": 1, "full": False, **OPTIONS, "seeds": 1}
    found = alw.benchmark(DATA, [f"{tmp_path / 'own.py'}:Broken", "random"], **asked)
    assert list(found.cells["state"]) == ["failed", "done"]
    (error,) = found.failures.values()
    assert said in error
    assert "1 of 2 cells are failed." in found.warnings
    record = json.loads(next((tmp_path / "r" / "failed").iterdir()).read_text(encoding="utf-8"))
    assert record["strategy"] == "Broken"
    assert "<b>no" not in found.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    (tmp_path / "own.py").write_text(BROKEN.format(what="return rng.permutation(view.size)[:size]"), encoding="utf-8")
    mended = alw.benchmark(DATA, [f"{tmp_path / 'own.py'}:Broken", "random"], **asked)
    assert list(mended.cells["state"]) == ["done", "done"]


def test_a_run_in_which_everything_failed_says_why(tmp_path):
    (tmp_path / "own.py").write_text(BROKEN.format(what="raise KeyError('gone')"), encoding="utf-8")
    found = alw.benchmark(
        DATA, [f"{tmp_path / 'own.py'}:Broken"], out=tmp_path / "r", executor="serial", full=False, **OPTIONS
    )
    with pytest.raises(DataError, match="gone"):
        found.summary()
    assert len(found.save(tmp_path / "tables")) == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strategies": ["entorpy"]}, "entropy"),
        ({"strategies": ["mnlp"]}, "mnlp"),
        ({"model": "tf-idff"}, "tf-idf"),
        ({"executor": "threads"}, "serial"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"rounds": 0}, "rounds"),
        ({"initial": 120}, "initial"),
        ({"oracle": {"confusion": {"nothing": {"stats": 0.1}}}}, "nothing"),
        ({"strategies": ["random", {"strategy": "random", "name": "chance"}]}, "is the same as"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is_run(change, said, tmp_path):
    with pytest.raises(alw.AlwidgetError, match=said):
        alw.benchmark(**{"datasets": DATA, "strategies": ["random"], "out": tmp_path / "r", **OPTIONS, **change})
    assert not (tmp_path / "r" / "cells").exists()


def test_a_folder_with_something_else_or_of_another_process_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ArgumentError, match="something else"):
        alw.benchmark(DATA, ["random"], out=tmp_path, executor="serial", **OPTIONS)
    folder = RunFolder(tmp_path / "r")
    with folder.locked(), pytest.raises(ArgumentError, match="Another process"):
        alw.benchmark(DATA, ["random"], out=tmp_path / "r", executor="serial", **OPTIONS)
    with pytest.raises(DataError, match="no run"):
        Results.load(tmp_path / "nowhere")


def test_half_a_cell_is_none(tmp_path):
    folder = RunFolder(tmp_path / "r")
    with folder.locked():
        folder.write_plan({"cells": []})
        with pytest.raises(TypeError):
            folder.keep("abc", {"cell.json": b"{}", "curve.parquet": None})
        assert folder.done() == set()
    (tmp_path / "r" / "cells" / ".def.tmp").mkdir()
    with folder.locked():
        assert list((tmp_path / "r" / "cells").iterdir()) == []


# What is made of it ---------------------------------------------------------------------------------------------------


def test_the_summary_says_what_the_statistics_say(serial):
    row = serial.summary(targets=[0.5, 1.5]).set_index("strategy").loc["entropy"]
    curves = [c for _, c in serial.curves[serial.curves["strategy"] == "entropy"].groupby("seed")]
    areas = [aulc(c["labelled"], c["score"]) for c in curves]
    assert row["aulc"] == pytest.approx(np.mean(areas))
    assert row["aulc_half"] == pytest.approx(mean_interval(areas).half)
    assert row["final"] == pytest.approx(np.mean([c["score"].iloc[-1] for c in curves]))
    assert row["full"] == pytest.approx(serial.full["score"].mean())
    assert (row["reached_150"], row["restricted_150"]) == (0, 30)
    assert math.isnan(row["labels_150"])
    assert row["wins"] + row["ties"] + row["losses"] == 2
    assert row["training"] == pytest.approx(np.median(pd.concat(curves)["training"]))


def test_two_strategies_are_compared_seed_by_seed(serial):
    (row,) = serial.compare("entropy", "random").to_dict("records")
    (back,) = serial.compare("random", "entropy").to_dict("records")
    assert row["difference"] == pytest.approx(row["a"] - row["b"]) == pytest.approx(-back["difference"])
    assert row["violation"] + back["violation"] == pytest.approx(1)
    assert row["eps_min_reverse"] == back["eps_min"]
    assert row["confidence"] == pytest.approx(0.975)
    assert serial.compare("entropy", "random", by="final")["seeds"][0] == 2
    with pytest.raises(ArgumentError, match="entropy"):
        serial.compare("entorpy", "random")
    with pytest.raises(ArgumentError, match="aulc"):
        serial.compare("entropy", "random", by="rounds")


def test_everything_raw_is_saved_twice_and_reads_back(serial, tmp_path):
    files = {path.name for path in serial.save(tmp_path)}
    assert files == {f"{n}.{e}" for n in ("cells", "curves", "picks", "full", "summary") for e in ("csv", "parquet")}
    for name in ("curves", "picks"):
        raw = getattr(serial, name)
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) == len(raw)
        assert list(pd.read_parquet(tmp_path / f"{name}.parquet").columns) == list(raw.columns)


def test_the_figure_has_a_line_for_each_strategy_and_one_for_all_labels(serial):
    (axes,) = serial.plot().axes
    assert len(axes.lines) == 3
    assert axes.get_ylabel() == "accuracy"
    first = serial.curves[serial.curves["strategy"] == "random"].groupby("round")["score"].mean()
    assert list(axes.lines[0].get_ydata()) == pytest.approx(list(first))


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.sources, self.text = set(), [], []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_report_needs_nothing_else_is_the_same_twice_and_its_names_are_text(tmp_path):
    rows = docstrings(n=80)
    rows["label"] = rows["label"].replace("stats", "<script>alert(1)</script>")
    name, arm = "<img src=x onerror=alert(1)> $a$", "</td><script>evil</script>"
    found = alw.benchmark(
        {name: rows},
        ["random", {"strategy": "entropy", "name": arm}],
        out=tmp_path / "r",
        executor="serial",
        **OPTIONS,
    )
    page = found.to_html(tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert page == Results.load(tmp_path / "r").to_html(tmp_path / "b.html").read_text(encoding="utf-8")
    read = Page()
    read.feed(page)
    assert "script" not in read.tags
    assert all(source.startswith("data:image/png;base64,") for source in read.sources)
    assert len(read.sources) == 1
    assert arm in read.text
    assert name in read.text


def test_a_figure_that_is_asked_for_by_cost_has_costs_on_its_axis(serial):
    (axes,) = serial.plot(by="cost").axes
    assert axes.get_xlabel() == "cost"


# Configuration --------------------------------------------------------------------------------------------------------


def test_a_file_is_read_from_its_own_folder(tmp_path):
    (tmp_path / "mail.csv").write_text("text,label\na,x\nb,y\n")
    (tmp_path / "bench.toml").write_text(
        'out = "runs"\ndatasets = ["docstrings", "mail.csv", { name = "m", data = "mail.csv" }]\n'
        'strategies = ["random", "own.py:Own", { strategy = "tyrogue", r = 1 }]\n[oracle]\nskip = 0.1\n'
    )
    found = read_config(tmp_path / "bench.toml")
    assert found["datasets"][:2] == ["docstrings", str(tmp_path / "mail.csv")]
    assert found["datasets"][2]["data"] == str(tmp_path / "mail.csv")
    assert found["strategies"] == ["random", str(tmp_path / "own.py:Own"), {"strategy": "tyrogue", "r": 1}]
    assert found["out"] == tmp_path / "runs"
    assert found["oracle"] == {"skip": 0.1}


@pytest.mark.parametrize(
    ("text", "said"), [("sead = 1", "seeds"), ("seeds =", "no TOML"), ("resume = true", 'no "resume"')]
)
def test_a_file_that_cannot_be_used_is_said(text, said, tmp_path):
    (tmp_path / "bench.toml").write_text(text)
    with pytest.raises(alw.AlwidgetError, match=said):
        read_config(tmp_path / "bench.toml")
    with pytest.raises(DataError, match="no file"):
        read_config(tmp_path / "none.toml")
