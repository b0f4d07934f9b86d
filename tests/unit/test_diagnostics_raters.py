"""Several annotators: published values, naive definitions, and simulations whose truth is known."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.diagnostics.raters import cohen_kappa, dawid_skene, fleiss_kappa, krippendorff_alpha
from alwidget.errors import ArgumentError

N = None
CLASSIC = [  # Krippendorff 2011: four observers, twelve units
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]


def test_cohens_kappa_of_the_known_pair_is_0_6():
    assert cohen_kappa(list("0011010011"), list("0010010111")) == pytest.approx(0.6)
    assert cohen_kappa(["a", "a"], ["a", "a"]) == 1
    assert cohen_kappa(["a", "a"], ["b", "b"]) == 0
    with pytest.raises(ArgumentError, match="same documents"):
        cohen_kappa([1], [1, 2])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30),
    st.sampled_from([None, "linear", "quadratic"]),
)
def test_cohens_kappa_is_scikit_learns(pairs, weights):
    from sklearn.metrics import cohen_kappa_score

    one, other = zip(*pairs, strict=True)
    if len(set(one) | set(other)) == 1:
        assert cohen_kappa(one, other, weights) == 1
        return
    with np.errstate(all="ignore"):
        expected = cohen_kappa_score(one, other, weights=weights)
    if not math.isnan(expected):
        assert cohen_kappa(one, other, weights) == pytest.approx(expected)


def test_fleiss_kappa_of_the_known_rows_is_a_third():
    assert fleiss_kappa([(3, 0), (2, 1), (0, 3), (1, 2)]) == pytest.approx(1 / 3)
    assert fleiss_kappa([(3, 0), (3, 0)]) == 1
    for wrong in ([(3, 0), (1, 1)], [(1, 0)], []):
        with pytest.raises(ArgumentError, match="krippendorff_alpha"):
            fleiss_kappa(wrong)


def test_krippendorffs_alpha_is_as_published():
    assert krippendorff_alpha(list(zip([0, 0, 1, 1], [0, 1, 1, 1], strict=True))) == pytest.approx(0.533333, abs=1e-6)
    units = list(zip(*CLASSIC, strict=True))
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(units, "ordinal") == pytest.approx(0.815, abs=5e-4)
    assert krippendorff_alpha(units, "interval") == pytest.approx(0.849, abs=5e-4)
    assert krippendorff_alpha([[1, 1], [1, 1]]) == 1
    assert math.isnan(krippendorff_alpha([[1, None]]))
    with pytest.raises(ArgumentError, match="numbers"):
        krippendorff_alpha([["a", "b"]], "interval")
    with pytest.raises(ArgumentError, match='Did you mean "ordinal"'):
        krippendorff_alpha([[1, 2]], "ordinel")


@settings(max_examples=60)
@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 2)), min_size=3, max_size=3), min_size=1, max_size=12))
def test_alpha_is_one_minus_seen_over_expected_disagreement(votes):
    units = [[v for v in row if v is not None] for row in votes]
    units = [row for row in units if len(row) > 1]
    if not units:
        assert math.isnan(krippendorff_alpha(votes))
        return
    values = [v for row in units for v in row]
    seen = sum(sum(a != b for a, b in permutations(row, 2)) / (len(row) - 1) for row in units) / len(values)
    expected = sum(a != b for a, b in permutations(values, 2)) / (len(values) * (len(values) - 1))
    assert krippendorff_alpha(votes) == pytest.approx(1 if expected == 0 else 1 - seen / expected)


def test_dawid_skene_finds_the_known_answer():
    found = dawid_skene([list(row) for row in ("001", "111", "000", "110", "010", "111")], smoothing=0)
    assert found.answers == list("010101")
    np.testing.assert_allclose(found.prior, [0.5, 0.5], atol=1e-5)
    np.testing.assert_allclose(found.confusion[0], np.eye(2), atol=1e-5)
    np.testing.assert_allclose(found.confusion[1], [[2 / 3, 1 / 3], [0, 1]], atol=1e-5)
    np.testing.assert_allclose(found.confusion[2], [[2 / 3, 1 / 3], [1 / 3, 2 / 3]], atol=1e-5)


def voted(truth, confusion, rng, missing=0.0):
    votes = np.stack([[rng.choice(len(c), p=c[t]) for t in truth] for c in confusion], axis=1).astype(object)
    votes[rng.random(votes.shape) < missing] = None
    votes[[all(v is None for v in row) for row in votes], 0] = 0
    return votes.tolist()


def test_it_recovers_annotators_of_70_percent_within_five_points():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 1000)
    accuracy = [0.7, 0.7, 0.75, 0.8, 0.9]
    confusion = [np.array([[a, 1 - a], [1 - a, a]]) for a in accuracy]
    found = dawid_skene(voted(truth, confusion, rng))
    for found_one, true_one in zip(found.confusion, confusion, strict=True):
        np.testing.assert_allclose(found_one, true_one, atol=0.05)


def test_it_beats_the_majority_where_one_annotator_says_the_contrary():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 600)
    accuracy = [0.9, 0.75, 0.75, 0.1]
    votes = voted(truth, [np.array([[a, 1 - a], [1 - a, a]]) for a in accuracy], rng, missing=0.1)
    shares = [[sum(v == c for v in row) for c in (0, 1)] for row in votes]
    majority = np.mean([int(np.argmax(row)) == t for row, t in zip(shares, truth, strict=True)])
    ours = np.mean(np.array(dawid_skene(votes).answers) == truth)
    assert ours > majority + 0.03


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 3), st.integers(1, 4))
def test_an_iteration_is_the_written_formula(seed, c, k):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, c, size=(8, k))
    codes[:c, 0] = np.arange(c)
    found = dawid_skene(codes.tolist(), most=1)
    shares = np.array([[(row == j).mean() for j in range(c)] for row in codes])
    prior = shares.mean(axis=0)
    confusion = np.zeros((k, c, c))
    for a in range(k):
        for j in range(c):
            counts = [sum(shares[i, j] * (codes[i, a] == v) for i in range(8)) + 0.01 for v in range(c)]
            confusion[a, j] = np.array(counts) / sum(counts)
    posterior = np.array(
        [[prior[j] * np.prod([confusion[a, j, row[a]] for a in range(k)]) for j in range(c)] for row in codes]
    )
    np.testing.assert_allclose(found.posterior, posterior / posterior.sum(axis=1, keepdims=True), rtol=1e-9)


def test_votes_that_are_no_table_are_refused():
    for wrong in ([], [[]], [[1], [1, 2]]):
        with pytest.raises(ArgumentError, match="table"):
            krippendorff_alpha(wrong)
    with pytest.raises(ArgumentError, match="a vote for every document"):
        dawid_skene([[None, None], [1, 1]])
