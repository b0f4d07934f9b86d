"""The discriminator finds what is unlike the labelled, and nothing where there is nothing to find."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import discriminative, discriminator
from alwidget.strategies.functional.discriminator import Discriminator


def auc(negative, positive):
    """Return the share of pairs that are in the right order."""
    return float((positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_is_far_from_the_labelled_comes_first(seed, kind):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(150, 5)), rng.normal(size=(150, 5)) + 6
    picked = discriminative(np.concatenate([a, b]).astype(kind), rng.normal(size=(60, 5)).astype(kind), 10, seed)
    assert (picked >= 150).all()


def test_equal_distributions_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(5):
        known, pool, new_known, new_pool = (rng.normal(size=(n, 8)) for n in (100, 1000, 400, 400))
        net = Discriminator.trained(known, pool, rng)
        found.append(auc(net.logits(new_known), net.logits(new_pool)))
    assert np.mean(found) == pytest.approx(0.5, abs=0.04)


def test_different_distributions_can_be_told_apart():
    rng = np.random.default_rng(0)
    known, pool, new_known, new_pool = (
        rng.normal(size=(n, 8)) + s for n, s in ((50, 0), (500, 1), (400, 0), (400, 1))
    )
    net = Discriminator.trained(known, pool, rng)
    assert auc(net.logits(new_known), net.logits(new_pool)) > 0.93


def test_a_majority_that_is_always_right_is_not_enough(monkeypatch):
    rng = np.random.default_rng(0)
    # of 1 and 99 in 100 the answer "unlabelled" is right 99 times
    known, pool = rng.normal(size=(10, 4)), rng.normal(size=(990, 4)) + 3
    monkeypatch.setattr(discriminator, "ENOUGH", 0.9)
    net = Discriminator.trained(known, pool, rng)
    assert (net.logits(known) < 0).mean() > 0.8
    assert (net.logits(pool) > 0).mean() > 0.8


def test_the_gradient_is_that_of_autograd():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 6)).astype(np.float32), rng.integers(0, 2, 20).astype(np.float32)
    weight = rng.uniform(0.5, 2, 20).astype(np.float32)
    net = discriminator._Network(6, rng)
    tensors = [torch.nn.Parameter(torch.tensor(value.copy())) for value in net.values]
    adam = torch.optim.Adam(tensors, lr=discriminator.RATE)
    for _ in range(5):
        hidden = torch.relu(torch.tensor(x) @ tensors[0] + tensors[1])
        said = (hidden @ tensors[2] + tensors[3])[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said, torch.tensor(y), torch.tensor(weight))
        adam.zero_grad()
        loss.backward()
        np.testing.assert_allclose(net.step(x, y, weight), said.detach().numpy(), rtol=1e-4, atol=1e-5)
        adam.step()
    for ours, theirs in zip(net.values, tensors, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-3, atol=2e-5)


def test_what_it_says_of_vectors_is_what_was_trained_on_standardised_ones(monkeypatch):
    monkeypatch.setattr(discriminator, "EPOCHS", 3)
    rng = np.random.default_rng(0)
    known, pool = rng.normal(size=(30, 4)) * [1, 10, 0.1, 0] + [5, -50, 0, 2], rng.normal(size=(60, 4))
    pool[:, 3] = 2  # a dimension that never varies
    found = Discriminator.trained(known, pool, np.random.default_rng(1)).logits(pool)
    scaled = (np.concatenate([known, pool]) * 1e3) + 7e3
    again = Discriminator.trained(scaled[:30], scaled[30:], np.random.default_rng(1)).logits(scaled[30:])
    np.testing.assert_allclose(again, found, rtol=1e-2, atol=1e-3)


@settings(max_examples=15)
@given(
    n=st.integers(1, 12),
    labelled=st.integers(0, 4),
    size=st.integers(0, 15),
    batches=st.integers(1, 12),
    ratio=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_the_answer_is_complete_and_without_repetition(n, labelled, size, batches, ratio):
    rng = np.random.default_rng(0)
    pool, known = rng.normal(size=(n, 2)), rng.normal(size=(labelled, 2))
    picked = discriminative(pool, known, size, 0, batches=batches, ratio=ratio)
    assert picked.dtype == np.int64
    assert len(set(picked.tolist())) == len(picked) == min(size, n)
    assert set(picked.tolist()) <= set(range(n))


def test_what_is_chosen_counts_as_labelled_after_each_part():
    rng = np.random.default_rng(0)
    places = np.array([[0.0, 12.0], [12.0, 0.0], [-12.0, -12.0]])
    pool = np.concatenate([rng.normal(size=(100, 2)), *(rng.normal(size=(40, 2)) * 0.3 + place for place in places)])
    known = rng.normal(size=(30, 2))
    picked = discriminative(pool, known, 9, 0, batches=9)
    assert set(((picked - 100) // 40).tolist()) == {0, 1, 2}


def test_without_labels_it_is_a_draw():
    pool = np.random.default_rng(0).normal(size=(50, 2))
    assert len({tuple(discriminative(pool, None, 5, seed).tolist()) for seed in range(5)}) == 5


def test_the_same_seed_gives_the_same_answer():
    rng = np.random.default_rng(0)
    pool, known = rng.normal(size=(300, 6)), rng.normal(size=(30, 6))
    answers = [discriminative(pool, known, 20, seed).tolist() for seed in (3, 3, 4)]
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e200])
def test_very_large_and_very_small_numbers(scale):
    rng = np.random.default_rng(0)
    pool = np.concatenate([rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) + 9])
    picked = discriminative(pool * scale, rng.normal(size=(30, 3)) * scale, 8, 0)
    assert (picked >= 50).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batches": 0}, "batches must be at least 1"),
        ({"ratio": 0}, "ratio must be a positive number"),
        ({"ratio": "1"}, "ratio must be a positive number"),
        ({"ratio": True}, "ratio must be a positive number"),
    ],
)
def test_options_that_are_none_are_refused(options, said):
    with pytest.raises(StrategyError, match=said):
        discriminative(np.eye(3), np.eye(3), 1, 0, **options)


def test_vectors_that_cannot_be_learned_from_are_refused():
    with pytest.raises(StrategyError, match="labelled_embeddings have 2 dimensions"):
        discriminative(np.eye(3), np.eye(2), 1, 0)
    with pytest.raises(StrategyError, match="embeddings holds NaN"):
        discriminative(np.eye(3) * np.nan, np.eye(3), 1, 0)


def test_a_large_pool_stays_within_its_memory(monkeypatch):
    monkeypatch.setattr(discriminator, "EPOCHS", 1)
    rng = np.random.default_rng(0)
    pool, known = rng.standard_normal((100_000, 256), dtype=np.float32), rng.standard_normal((20_000, 256), dtype="f")
    tracemalloc.start()
    try:
        discriminative(pool, known, 10, 0, batches=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20
