"""Expected gradient length: the closed form is what autograd says of a real linear layer."""

from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import egl, token_egl, top

PROBS = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.9, 0.05, 0.05]])
H = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])


def naive(p, h, *, bias):
    """Return the expectation over answers of the length of the outer product, made in full."""
    seen = [*h, 1.0] if bias else list(h)
    total = 0.0
    for y in range(len(p)):
        wrong = [q - (c == y) for c, q in enumerate(p)]
        total += p[y] * math.sqrt(sum((g * x) ** 2 for g, x in itertools.product(wrong, seen)))
    return total


def test_known_values():
    np.testing.assert_allclose(egl(PROBS, H, bias=False), [0.591216, 1.140136, 0.482370], atol=5e-7)
    assert top(egl(PROBS, H, bias=False), 1).tolist() == [1]


@given(
    n=st.integers(1, 8), classes=st.integers(1, 5), d=st.integers(1, 4), seed=st.integers(0, 999), bias=st.booleans()
)
def test_it_is_the_naive_definition(n, classes, d, seed, bias):
    rng = np.random.default_rng(seed)
    probs, h = rng.dirichlet(np.full(classes, 0.3), n), rng.normal(size=(n, d))
    expected = [naive(p, x, bias=bias) for p, x in zip(probs, h, strict=True)]
    np.testing.assert_allclose(egl(probs, h, bias=bias), expected, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_it_is_what_autograd_says_of_a_linear_layer(bias, several):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    h = torch.tensor(rng.normal(size=(6, 5)))
    layer = torch.nn.Linear(5, 4, bias=bias).double()
    with torch.no_grad():
        logits = layer(h)
    probs = (logits.sigmoid() if several else logits.softmax(dim=1)).numpy()
    expected = np.zeros(6)
    for i in range(6):
        for y in range(4):
            for yes in (0.0, 1.0) if several else (1.0,):
                layer.zero_grad()
                out = layer(h[i : i + 1])
                if several:
                    loss = torch.nn.functional.binary_cross_entropy_with_logits(out[0, y], out.new_tensor(yes))
                else:
                    loss = torch.nn.functional.cross_entropy(out, torch.tensor([y]))
                loss.backward()
                squared = sum(float((one.grad**2).sum()) for one in layer.parameters())
                expected[i] += (probs[i, y] if yes else 1 - probs[i, y]) * math.sqrt(squared)
    np.testing.assert_allclose(egl(probs, h, multilabel=several, bias=bias), expected, rtol=1e-10)


def test_it_is_the_length_and_neither_the_sum_of_absolutes_nor_the_square():
    probs, h = np.array([[0.5, 0.3, 0.2]]), np.array([[1.0, -2.0, 0.5]])
    g = [[q - (c == y) for c, q in enumerate(probs[0])] for y in range(3)]
    outer = [np.outer(one, h[0]) for one in g]
    right = sum(p * np.linalg.norm(o) for p, o in zip(probs[0], outer, strict=True))
    absolutes = sum(p * np.abs(o).sum() for p, o in zip(probs[0], outer, strict=True))
    square = sum(p * (o**2).sum() for p, o in zip(probs[0], outer, strict=True))
    assert egl(probs, h, bias=False)[0] == pytest.approx(right)
    assert min(abs(right - absolutes), abs(right - square)) > 0.1


@given(seed=st.integers(0, 999), factor=st.floats(0.01, 100))
def test_it_grows_with_the_vectors_and_turns_with_nothing(seed, factor):
    rng = np.random.default_rng(seed)
    probs, h = rng.dirichlet(np.ones(3), 5), rng.normal(size=(5, 4))
    np.testing.assert_allclose(egl(probs, h * factor, bias=False), factor * egl(probs, h, bias=False), rtol=1e-10)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    order = rng.permutation(3)
    for bias in (False, True):
        np.testing.assert_allclose(egl(probs[:, order], h @ turn, bias=bias), egl(probs, h, bias=bias), rtol=1e-10)
        np.testing.assert_allclose(
            egl(probs, h * factor, normalise=True, bias=bias), egl(probs, h, normalise=True, bias=bias), rtol=1e-10
        )


def test_unit_length_leaves_what_the_model_does_not_know():
    assert top(egl([[0.9, 0.1], [0.5, 0.5]], [[100, 0], [1, 0]]), 1).tolist() == [0]
    scores = egl([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5]], [[100, 0], [1, 0], [0, 0]], normalise=True)
    assert top(scores, 1).tolist() == [1]
    assert scores[2] == pytest.approx(scores[1] / math.sqrt(2))  # a vector of zeros has only the bias


def test_certainty_changes_nothing():
    np.testing.assert_array_equal(egl(np.eye(3), np.ones((3, 4))), np.zeros(3))
    np.testing.assert_array_equal(egl(np.eye(3), np.ones((3, 4)), multilabel=True), np.zeros(3))


@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_words_are_scored_and_documents_asked(lengths, seed):
    rng = np.random.default_rng(seed)
    offsets = np.cumsum([0, *lengths])
    probs, states = rng.dirichlet(np.ones(5), offsets[-1] + 1), rng.normal(size=(offsets[-1] + 1, 3))
    lengths, offsets = [*lengths, 1], np.append(offsets, offsets[-1] + 1)  # one word at least
    each = np.split(egl(probs, states), offsets[1:-1])
    for agg, how in (("mean", np.mean), ("max", np.max), ("sum", np.sum)):
        expected = [how(one) if len(one) else -np.inf for one in each]
        np.testing.assert_allclose(token_egl(probs, offsets, states, agg=agg), expected)


def test_memory_at_a_hundred_thousand_documents():
    rng = np.random.default_rng(0)
    probs, h = rng.dirichlet(np.ones(4), 100_000), rng.standard_normal((100_000, 256), dtype=np.float32)
    tracemalloc.start()
    try:
        egl(probs, h)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 32 << 20


def test_it_refuses():
    with pytest.raises(StrategyError, match="logits"):
        egl(PROBS * 9, H)
    with pytest.raises(StrategyError, match="same documents"):
        egl(PROBS, H[:2])
    with pytest.raises(StrategyError, match="holds NaN"):
        egl(PROBS, H * np.nan)
    with pytest.raises(StrategyError, match="same documents"):
        token_egl(PROBS, [0, 3], H[:2])
    with pytest.raises(StrategyError, match="offsets"):
        token_egl(PROBS, [0, 2], H)
    with pytest.raises(StrategyError, match='agg must be one of "mean", "max", "sum"'):
        token_egl(PROBS, [0, 3], H, agg="top")
