"""ROUGE by known values, and for scripts that the usual counting cannot read."""

from __future__ import annotations

import sys

import pytest

from alwidget.errors import ArgumentError, MissingExtraError
from alwidget.metrics.rouge import Rouge, rouge


def test_known_values():
    # 5 words against 6: 4 in common, of 4 and 5 pairs 2, and 4 in the same order
    found = rouge(["the cat was found under"], ["the cat sat found under beds"])
    assert found.rouge1 == pytest.approx(2 * (4 / 5) * (4 / 6) / (4 / 5 + 4 / 6))
    assert found.rouge2 == pytest.approx(2 * (2 / 4) * (2 / 5) / (2 / 4 + 2 / 5))
    assert found.rougeL == found.rouge1
    assert rouge(["police killed the gunman"], ["the gunman police killed"]).rougeL == 0.5
    assert rouge(["a b", "c"], ["a b", "d"]) == Rouge(0.5, 0.5, 0.5)


def test_case_and_punctuation_do_not_count_and_endings_if_asked():
    assert rouge(["The Cat, sat!"], ["the cat sat"]).rouge2 == 1
    assert rouge(["cats jumped"], ["cat jumps"]).rouge1 == 0
    assert rouge(["treaties jumped"], ["treaty jumping"], stem=True).rouge1 == 1


@pytest.mark.parametrize("text", ["北京天气很好", "Ελληνικά γράμματα", "ภาษาไทย", "مرحبا بالعالم"])
def test_other_scripts_are_not_nothing(text):
    assert rouge([text], [text]).rougeL == pytest.approx(1)
    assert rouge(["entirely other"], [text]).rouge1 == 0


def test_nothing_scores_nothing():
    assert rouge([], []) == Rouge(0, 0, 0)
    assert rouge([""], ["a text"]) == rouge(["a text"], [""]) == rouge(["!"], ["?"]) == Rouge(0, 0, 0)
    with pytest.raises(ArgumentError, match="2 and 1"):
        rouge(["a", "b"], ["a"])


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(MissingExtraError, match=r"alwidget\[text\]"):
        rouge(["a"], ["a"])
