"""TracIn through the last layer: known values, and gradients that autograd computes on a real layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import ArgumentError
from alwidget.reuse.tracin import Influence, influence, self_influence, word_self_influence


def gradients(W, b, h, y):
    """Return the gradient of each document's cross-entropy by autograd, (n, C·(f+1))."""
    out = []
    for features, target in zip(h, y, strict=True):
        layer = torch.nn.Linear(W.shape[1], W.shape[0]).double()
        layer.weight.data, layer.bias.data = torch.tensor(W), torch.tensor(b)
        logits = layer(torch.tensor(features, dtype=torch.float64))
        torch.nn.functional.cross_entropy(logits[None], torch.tensor([int(target)])).backward()
        out.append(np.concatenate([layer.weight.grad.numpy().ravel(), layer.bias.grad.numpy()]))
    return np.array(out)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_the_known_values():
    one = ([[[0.7, 0.3]]], [0], [[[1.0, 2.0]]])
    other = ([[[0.4, 0.6]]], [0], [[[0.0, 1.0]]])
    assert influence(*one, *other, [1.0], bias=False) == pytest.approx(np.array([[0.72]]))
    assert influence(*one, *other, [1.0]) == pytest.approx(np.array([[1.08]]))
    assert self_influence(*one, [1.0], bias=False) == pytest.approx([0.9])
    assert self_influence(*one, [1.0]) == pytest.approx([1.08])


@given(st.integers(0, 2**32 - 1))
def test_it_is_what_autograd_says(seed):
    rng = np.random.default_rng(seed)
    n, f, C, K = 5, 3, 4, 2
    rates = rng.uniform(0.1, 1, K)
    h, y = rng.normal(size=(K, n, f)), rng.integers(0, C, n)
    layers = [(rng.normal(size=(C, f)), rng.normal(size=C)) for _ in range(K)]
    probs = np.stack([softmax(h[k] @ W.T + b) for k, (W, b) in enumerate(layers)])
    by_autograd = [gradients(W, b, h[k], y) for k, (W, b) in enumerate(layers)]
    expected = sum(r * g @ g.T for r, g in zip(rates, by_autograd, strict=True))
    assert self_influence(probs, y, h, rates) == pytest.approx(np.diag(expected))
    assert influence(probs, y, h, probs, y, h, rates) == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 60]))
def test_words_add_up_before_they_are_squared(seed, most):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, most, 4)
    at = np.concatenate([[0], np.cumsum(lengths)])
    p, h = rng.dirichlet(np.ones(3), at[-1]).reshape(-1, 3), rng.normal(size=(at[-1], 2))
    y = rng.integers(-1, 3, at[-1])
    expected = np.zeros(4)
    for i in range(4):
        total = np.zeros((3, 3))
        for t in range(at[i], at[i + 1]):
            if y[t] >= 0:
                total += np.outer(p[t] - np.eye(3)[y[t]], [*h[t], 1])
        expected[i] = np.square(total).sum() / max(lengths[i], 1)
    assert word_self_influence(p, y, h, at) == pytest.approx(expected, abs=1e-12)


def test_several_labels_have_the_gradient_of_their_own_loss():
    logits = torch.tensor([[0.3, -1.2]], dtype=torch.float64, requires_grad=True)
    target = np.array([[True, False]])
    torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.tensor(target, dtype=torch.float64), reduction="sum"
    ).backward()
    probs = torch.sigmoid(logits.detach()).numpy()
    expected = float(np.square(logits.grad.numpy()).sum()) * (4 + 1)
    assert self_influence(probs[None], target, [[2.0]], [1.0]) == pytest.approx([expected])


def test_checkpoints_that_pass_give_the_same_as_all_at_once():
    rng = np.random.default_rng(0)
    p, h, y = rng.dirichlet(np.ones(3), (2, 6)), rng.normal(size=(2, 6, 4)), rng.integers(0, 3, 6)
    watched = Influence(6)
    for k in range(2):
        for rows in (slice(0, 4), np.array([4, 5])):
            watched.add(rows, p[k, rows], y[rows], h[k, rows], rate=0.5)
    assert watched.scores == pytest.approx(self_influence(p, y, h, [0.5, 0.5]))


def test_flipped_labels_come_first():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 400)
    h = rng.normal(size=(400, 5)) + 3 * np.where(y == 1, 1, -1)[:, None] * np.eye(5)[0]
    given = np.where(rng.random(400) < 0.2, 1 - y, y)
    W = np.array([[-1.0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0]])
    scores = self_influence(softmax(h @ W.T)[None], given, h, [1.0])
    dropped = np.argsort(-scores)[:80]
    assert (given != y)[dropped].mean() > 2 * (given != y).mean()


@pytest.mark.parametrize(
    ("probs", "targets", "features", "rates"),
    [
        ([[[0.5, 0.5]]], [0, 1], [[[1.0]]], [1.0]),
        ([[[0.5, 0.5]]], [2], [[[1.0]]], [1.0]),
        ([[[0.5, 0.5]]], [0], [[[1.0]]], [1.0, 1.0]),
        ([[[0.5, 0.5]]], [0], [[[np.nan]]], [1.0]),
        ([[0.5, 0.5]], [0], [[1.0]], [1.0]),
    ],
)
def test_what_does_not_fit_is_refused(probs, targets, features, rates):
    with pytest.raises(ArgumentError):
        self_influence(probs, targets, features, rates)
