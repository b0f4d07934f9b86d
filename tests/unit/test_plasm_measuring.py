"""How often a labeller is wrong about a pool, told by answers that are harder than it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from alwidget import tasks
from alwidget.reuse.labelling import Said
from alwidget.reuse.measuring import by_confidence, labeller_error


def material(task, answers, drawn):
    return SimpleNamespace(task=task, answers=answers, drawn=np.full(len(answers), drawn))


@pytest.mark.parametrize("name", ["classification", "multilabel"])
def test_hard_documents_stand_for_few(name):
    rng = np.random.default_rng(0)
    task = tasks.get(name, ["yes", "no"])
    pool, asked = rng.beta(5, 1, 20_000), rng.beta(1, 1, 600)
    values = [("yes" if right else "no") for right in rng.random(len(asked)) < asked]
    as_given = (lambda value: value) if name == "classification" else (lambda value: [value])
    answers = [as_given("yes") for _ in asked]
    said = [Said(as_given(value), float(sure)) for value, sure in zip(values, asked, strict=True)]
    error = labeller_error(material(task, answers, drawn=False), said, pool, np.random.default_rng(1))
    assert error.low < 1 - pool.mean() < error.high
    assert error.share == pytest.approx(1 - pool.mean(), abs=0.05)
    assert "weighted by confidence" in error.method
    plain = labeller_error(material(task, answers, drawn=True), said, pool, np.random.default_rng(1))
    assert plain.share == pytest.approx(0.5, abs=0.05), "those drawn at random stand for the pool as they are"


def test_what_the_pool_has_none_of_counts_nothing():
    assert by_confidence(np.array([0.2, 0.2]), np.full(5, 0.9)).tolist() == [1, 1]
    here = np.array([0.05, 0.5, 0.5, 0.95])
    weights = by_confidence(here, np.linspace(0.4, 1, 100))
    assert weights.mean() == pytest.approx(1)
    assert weights[3] > weights[1]
    assert by_confidence(here, here).tolist() == [1, 1, 1, 1]
