"""What a benchmark labels, who answers, what is compared: read, checked, kept."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest

import alwidget as alw
from alwidget.bench.arms import read_models, read_strategies, read_subsamplers
from alwidget.bench.data import read, read_specs
from alwidget.bench.material import from_table, to_table
from alwidget.bench.oracles import answer_all, read_oracle
from alwidget.errors import ArgumentError, DataError, StrategyError
from alwidget.learners import TfIdf

ROWS = [{"id": f"d{i}", "text": f"text number {i} on {'ab'[i % 2]}", "label": "ab"[i % 2]} for i in range(40)]


def one(data):
    (spec,) = read_specs(data)
    return read(spec)


# Data -----------------------------------------------------------------------------------------------------------------


def test_a_quarter_is_held_out_and_the_same_every_time():
    first, again = one({"data": ROWS, "name": "x"}), one({"data": pd.DataFrame(ROWS), "name": "x"})
    assert first == again
    assert (len(first.rows), len(first.test)) == (30, 10)
    assert set(first.gold) == {row["id"] for row in first.rows}
    assert not {row["text"] for row in first.rows} & set(first.test.texts)
    other = one({"data": ROWS, "name": "x", "seed": 1})
    assert other.digest != first.digest


@pytest.mark.parametrize(("test", "size"), [(0.5, 20), (7, 7)])
def test_what_is_held_out_is_a_share_or_a_number(test, size):
    assert len(one({"data": ROWS, "test": test}).test) == size


def test_parts_that_the_data_names_are_kept():
    rows = [{**row, "split": "test" if i >= 30 else "dev" if i >= 25 else "train"} for i, row in enumerate(ROWS)]
    found = one({"data": rows, "n": 10, "n_test": 4})
    assert {row["id"] for row in found.rows} <= {f"d{i}" for i in range(25)}
    assert (len(found.rows), len(found.test)) == (10, 4)
    assert set(found.test.texts) <= {row["text"] for row in rows[30:]}


def test_documents_to_measure_on_may_be_other_data_and_those_in_both_are_told(tmp_path):
    file = tmp_path / "test.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in ROWS[:3]), encoding="utf-8")
    found = one({"data": ROWS, "test": str(file)})
    assert (len(found.rows), len(found.test)) == (40, 3)
    assert "3 of 3 documents to measure on are among those to choose from" in found.notes[0]


def test_a_folder_that_the_hub_library_reads_is_read_as_data_of_the_hub(tmp_path):
    for part, rows in (("train", ROWS[:30]), ("test", ROWS[30:])):
        (tmp_path / f"{part}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = one(f"hub:{tmp_path}")
    assert (len(found.rows), len(found.test)) == (30, 10)


def test_documents_without_an_answer_are_left_out_and_told():
    rows = [*ROWS, {"id": "none", "text": "nobody knows", "label": None}]
    found = one({"data": rows})
    assert "none" not in found.gold
    assert found.notes == ("1 documents without a gold answer were left out.",)


@pytest.mark.parametrize(
    ("task", "rows"),
    [
        ("classification", [{"text": f"t {i}", "text_pair": f"p {i}", "label": "ab"[i % 2]} for i in range(8)]),
        ("multilabel", [{"text": f"t {i}", "labels": ["a", "b"][: i % 3]} for i in range(8)]),
        ("tagging", [{"tokens": ["Ada", f"w{i}"], "ner_tags": ["B-P", "O"], "source": "s"} for i in range(8)]),
        ("generation", [{"text": f"t {i}", "target": f"<b>{i}"} for i in range(8)]),
    ],
)
def test_every_task_comes_back_from_disk_as_it_was(task, rows):
    found = one({"data": rows, "task": task})
    assert from_table(to_table(found)) == found
    assert (len(found.rows), len(found.test)) == (6, 2)


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ("docstring", ArgumentError, "docstrings"),
        ("no/such/file.csv", ArgumentError, "no such file"),
        ({"data": ROWS, "sead": 1}, ArgumentError, "seed"),
        ({"data": ROWS, "n": 0}, ArgumentError, "1 or more"),
        ({"data": ROWS, "task": "clasification"}, ArgumentError, "classification"),
        ({"name": "x", "data": None}, ArgumentError, "needs data"),
        ([], ArgumentError, "no datasets"),
        ([{"data": ROWS, "name": "x"}, {"data": ROWS, "name": "x"}], ArgumentError, "called"),
        ({"data": [{"text": "a"}, {"text": "b"}]}, DataError, "no column of answers"),
        ({"data": ROWS, "test": -1}, ArgumentError, "share"),
        ({"data": ROWS, "split": "nowhere"}, (ArgumentError, DataError), "nowhere"),
    ],
)
def test_data_that_cannot_be_used_is_said(data, error, said):
    with pytest.raises(error, match=said):
        one(data)


# Oracles --------------------------------------------------------------------------------------------------------------

GOLD = {f"d{i}": "abc"[i % 3] for i in range(3000)}


def answers(oracle, seed=0, gold=GOLD, task="classification"):
    return answer_all(read_oracle(oracle), gold, task, ["a", "b", "c"], seed)


def test_gold_answers_are_gold_and_cost_one():
    found = answers("gold")
    assert found.said == GOLD
    assert set(found.costs.values()) == {1.0}


def test_mistakes_come_as_often_as_asked_and_are_spread_over_the_others():
    found = answers({"error": 0.3}).said
    wrong = Counter((GOLD[doc], said) for doc, said in found.items() if said != GOLD[doc])
    assert 0.27 < sum(wrong.values()) / 3000 < 0.33
    assert all(110 < count < 190 for count in wrong.values())
    assert len(wrong) == 6


def test_a_confusion_is_kept_to():
    found = answers({"confusion": {"a": {"b": 0.5}, "b": {"b": 0.9, "c": 0.1}}}).said
    said = Counter((GOLD[doc], value) for doc, value in found.items())
    assert 440 < said["a", "b"] < 560
    assert said["a", "b"] + said["a", "a"] == 1000
    assert 70 < said["b", "c"] < 130
    assert said["c", "c"] == 1000


def test_somebody_skips_and_is_paid_all_the_same():
    found = answers({"skip": 0.25, "cost": 2})
    assert 0.22 < sum(value is None for value in found.said.values()) / 3000 < 0.28
    assert set(found.costs.values()) == {2.0}


def test_several_share_the_work_at_their_own_costs():
    expert, crowd = {"name": "expert", "cost": 5, "share": 1}, {"name": "crowd", "error": 0.5, "share": 3}
    found = answers([expert, crowd])
    by = Counter(found.by.values())
    assert 650 < by["expert"] < 850
    assert all(found.said[doc] == GOLD[doc] for doc, who in found.by.items() if who == "expert")
    assert all(found.costs[doc] == (5 if who == "expert" else 1) for doc, who in found.by.items())


def test_an_answer_depends_on_the_document_and_the_seed_and_on_nothing_else():
    noisy, few = {"error": 0.5, "skip": 0.1}, dict(list(GOLD.items())[500:100:-1])
    assert answers(noisy).said.items() >= answers(noisy, gold=few).said.items()
    assert answers(noisy).said != answers(noisy, seed=1).said


@pytest.mark.parametrize(
    ("oracle", "said"),
    [
        ("silver", "gold"),
        ({"eror": 0.1}, "error"),
        ({"error": 2}, "between 0 and 1"),
        ({"skip": 1}, "skip everything"),
        ({"cost": -1}, "cost"),
        ({"confusion": {"a": {"b": 0.8, "c": 0.4}}}, "at most 1"),
        ({"confusion": {"a": {"z": 0.1}}}, "no label"),
        ([{"name": "x"}, {"name": "x"}], "different names"),
    ],
)
def test_an_oracle_that_cannot_be_is_said(oracle, said):
    with pytest.raises(ArgumentError, match=said):
        answers(oracle)


def test_mistakes_are_of_labels_only():
    with pytest.raises(ArgumentError, match="classification"):
        answers({"error": 0.1}, gold={"d": "text"}, task="generation")
    assert answers({"skip": 0.0}, gold={"d": "text"}, task="generation").said == {"d": "text"}


# Strategies and models ------------------------------------------------------------------------------------------------


class Mine(alw.Strategy):
    name = "mine"

    def select(self, view, size, rng):
        return rng.permutation(view.size)[:size]


def test_strategies_come_by_name_class_instance_file_and_with_options(tmp_path):
    file = tmp_path / "own.py"
    code = (
        "import alwidget as alw\nclass Own(alw.Strategy):\n    name = 'own'\n    def select(self, view, size, rng):\n"
    )
    file.write_text(code + "        return rng.permutation(view.size)[:size]\n", encoding="utf-8")
    given = ["auto", Mine, alw.strategies.get("tyrogue", r=2), f"{file}:Own", {"strategy": "tyrogue", "r": 1}]
    specs = read_strategies([*given, {"schedule": [["random", 1], ["entropy", None]], "name": "two"}])
    assert [s.name for s in specs] == ["auto", "mine", "tyrogue(r=2)", "Own", "tyrogue(r=1)", "two"]
    assert [s.make("classification").name for s in specs][:5] == ["tyrogue", "mine", "tyrogue", "own", "tyrogue"]
    assert specs[2].make("classification") is not given[2]
    before = specs[3].described()
    file.write_text(code + "        return rng.permutation(view.size)[::-1][:size]\n", encoding="utf-8")
    assert specs[3].described() != before
    assert specs[3].described()["strategy"] == "own.py:Own"
    assert json.dumps([s.described() for s in specs])


def test_a_strategy_that_is_not_for_a_task_or_does_not_exist_is_said():
    with pytest.raises(StrategyError, match="entropy"):
        read_strategies("entorpy")[0].make("classification")
    with pytest.raises(StrategyError):
        read_strategies("mnlp")[0].make("classification")


@pytest.mark.parametrize(
    "act",
    [
        lambda: read_strategies([]),
        lambda: read_strategies(["random", "random"]),
        lambda: read_strategies([3]),
        lambda: read_strategies({"r": 1}),
        lambda: read_models(TfIdf()),
        lambda: read_models(["tf-idf", "tf-idf"]),
        lambda: read_subsamplers(["auto", "auto"]),
    ],
)
def test_what_cannot_be_compared_is_said(act):
    with pytest.raises(ArgumentError):
        act()


def test_a_model_may_be_a_class_and_is_made_anew_every_time():
    (spec,) = read_models(TfIdf)
    assert spec.make("classification") is not spec.make("classification")
    assert (spec.name, spec.described()["code"]) == ("TfIdf", None)
