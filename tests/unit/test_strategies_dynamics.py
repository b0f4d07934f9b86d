"""Training dynamics: data maps, Cartography and ALVIN."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.learners import Dynamics
from alwidget.strategies import ArrayView
from alwidget.strategies.functional import alvin, cartography, data_map, entropy, unlearned
from alwidget.strategies.functional.alvin import draw_anchors, near_anchors
from alwidget.strategies.functional.cartography import borderline, doubt, learned
from alwidget.strategies.functional.smallnet import Standard, train

EPOCHS = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 0]], dtype=bool).T
"""Whether five documents were right in three epochs, (E, n)."""

# Data maps -----------------------------------------------------------------------------------------------------------


def test_known_values_of_a_data_map():
    found = data_map([[0.2], [0.6], [0.9]], [[False], [True], [True]])
    assert found.confidence[0] == pytest.approx(0.566667, abs=1e-6)
    assert found.variability[0] == pytest.approx(0.286744, abs=1e-6)  # with n - 1 it would be .351188
    assert found.correctness[0] == pytest.approx(2 / 3)


def test_half_precision_is_averaged_in_double():
    gold = np.full((4096, 1), 0.1, dtype=np.float16)
    found = data_map(gold, gold > 0)
    assert found.confidence[0] == float(gold[0, 0])
    assert found.variability[0] == 0
    assert found.confidence.dtype == found.variability.dtype == found.correctness.dtype == np.float64


@given(epochs=st.integers(1, 6), n=st.integers(0, 8), seed=st.integers(0, 99))
def test_a_data_map_is_what_the_definition_says(epochs, n, seed):
    rng = np.random.default_rng(seed)
    gold, correct = rng.random((epochs, n)), rng.random((epochs, n)) < 0.5
    found = data_map(gold, correct)
    for i in range(n):
        mean = sum(gold[:, i]) / epochs
        assert found.confidence[i] == pytest.approx(mean)
        assert found.variability[i] == pytest.approx((sum((g - mean) ** 2 for g in gold[:, i]) / epochs) ** 0.5)
        assert found.correctness[i] == sum(correct[:, i]) / epochs
        forgotten = any(correct[e, i] and not correct[e + 1, i] for e in range(epochs - 1))
        assert unlearned(correct)[i] == (forgotten or not any(correct[:, i]))


def test_what_was_forgotten_or_never_learned():
    assert unlearned(EPOCHS).tolist() == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("gold", "correct", "said"),
    [
        ([0.5], [True], "two axes"),
        ([[0.5]], [[True, False]], "same epochs and documents"),
        ([[-0.5]], [[True]], "log-probabilities need np.exp"),
        ([[np.nan]], [[True]], "must be probabilities"),
        ([[0.5]], [[0.5]], "whether the model was right"),
        (np.empty((0, 3)), np.empty((0, 3), dtype=bool), "at least one epoch"),
    ],
)
def test_what_is_no_data_map(gold, correct, said):
    with pytest.raises(StrategyError, match=said):
        data_map(gold, correct)


# The small network ---------------------------------------------------------------------------------------------------


def by_definition(x, second, seed, *, hidden, epochs, rate, batch):
    """Return the logits on `x` of a network trained by torch's AdamW from the same weights, in the same order."""
    import torch

    rng = np.random.default_rng(seed)
    d = x.shape[1]
    inner = rng.uniform(-1, 1, (d + 1, hidden)) / np.sqrt(d)
    outer = rng.uniform(-1, 1, hidden + 1) / np.sqrt(hidden)
    weights = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in (inner, outer)]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.01)
    inputs, target = torch.tensor(x), torch.tensor(second.astype(float))
    each = torch.tensor(np.where(second, len(x) / (2 * second.sum()), len(x) / (2 * (~second).sum())))

    def logits(rows):
        units = torch.relu(rows @ weights[0][:-1] + weights[0][-1])
        return units @ weights[1][:-1] + weights[1][-1]

    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            at = order[start : start + batch]
            optimizer.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits(inputs[at]), target[at], each[at])
            loss.backward()
            optimizer.step()
    return logits(inputs).detach().numpy()


@given(n=st.integers(16, 40), d=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_it_trains_as_adamw_does_on_the_balanced_cross_entropy(n, d, seed):
    rng = np.random.default_rng(seed)
    x, second = rng.normal(size=(n, d)), np.arange(n) % 3 == 0
    plain = Standard(np.zeros(d), np.ones(d))
    net = train(x, second, plain, np.random.default_rng(seed), hidden=6, epochs=3, rate=1e-2)
    expected = by_definition(x, second, seed, hidden=6, epochs=3, rate=1e-2, batch=n // 8)
    np.testing.assert_allclose(net.logits(x), expected, atol=2e-3)


def test_it_learns_what_no_line_tells_apart():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (600, 2))
    second = x[:, 0] * x[:, 1] > 0
    net = train(x, second, Standard.of(x), np.random.default_rng(0), epochs=60, rate=3e-3)
    fresh = rng.uniform(-1, 1, (600, 2))
    assert ((net.logits(fresh) > 0) == (fresh[:, 0] * fresh[:, 1] > 0)).mean() > 0.95


def test_the_rarer_kind_counts_as_much():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(0, 1, (380, 1)), rng.normal(1.5, 1, (20, 1))])
    second = np.arange(400) >= 380
    net = train(x, second, Standard.of(x), np.random.default_rng(0))
    # by shares the border would lie where hardly anything is; with equal weights it lies between the two
    assert 0.4 < np.interp(0, net.logits(np.linspace(-1, 3, 99)[:, None]), np.linspace(-1, 3, 99)) < 1.2


def test_dimensions_that_do_not_vary_change_nothing():
    standard = Standard.of(np.array([[1.0, 5.0, 1e-30], [3.0, 5.0, 1e-30]], dtype=np.float32))
    assert standard.mean.tolist()[:2] == [2.0, 5.0]
    np.testing.assert_allclose(standard.at(np.array([[3.0, 5.0, 1e-30]]))[0], [1, 0, 0], atol=1e-9)
    noise = np.array([[0.1], [0.1 + 1e-9]], dtype=np.float32)
    assert Standard.of(noise).scale.tolist() == [1]


# Cartography ---------------------------------------------------------------------------------------------------------


def test_known_labels():
    assert learned([0, 0.2, 0.3, 1], 0.2).tolist() == [False, False, True, True]
    assert learned(np.array([0.2, 0.29, 0.3], dtype=np.float32), 0.2).tolist() == [False, True, True]
    assert learned(np.array([[1, 0, 0, 0, 0]] * 1).mean(axis=1), 0.2).tolist() == [False]


@pytest.mark.parametrize("seed", range(5))
def test_a_clean_split_asks_what_is_nearest_to_it(seed):
    labelled = np.linspace(-1, 1, 40)[:, None]
    pool = np.random.default_rng(seed).permutation(np.linspace(-1.02, 1, 21))[:, None]
    picked = cartography(pool, labelled, labelled[:, 0] > 0, 3, seed)
    assert set(picked.tolist()) == set(np.argsort(np.abs(pool[:, 0]))[:3].tolist())


def test_the_least_distance_to_one_half_is_the_least_largest_probability():
    rng = np.random.default_rng(0)
    x, known = rng.normal(size=(200, 5)), rng.normal(size=(60, 5))
    kinds = known[:, 0] > 0
    scores = borderline(x, known, kinds, np.random.default_rng(3), hidden=300, epochs=30, rate=1e-3)
    net = train(known, kinds, Standard.of(x, known), np.random.default_rng(3))
    p = 1 / (1 + np.exp(-net.logits(x)))
    np.testing.assert_allclose(scores, 0.5 - np.abs(0.5 - p), atol=1e-9)
    np.testing.assert_allclose(scores, 1 - np.maximum(p, 1 - p), atol=1e-9)
    picked = cartography(x, known, kinds, 20, 3)
    assert picked.tolist() == np.argsort(np.abs(0.5 - p), kind="stable")[:20].tolist()
    assert cartography(x, known, kinds, 200, 3)[:20].tolist() == picked.tolist()


def test_scale_and_origin_of_dimensions_do_not_matter():
    rng = np.random.default_rng(1)
    x, known = rng.normal(size=(200, 4)), rng.normal(size=(60, 4))
    kinds = known[:, 1] > 0.3
    scale, shift = np.array([1e-3, 5.0, 300.0, 1.0]), np.array([7.0, -2.0, 1.0, 0.0])
    moved = cartography(x * scale + shift, known * scale + shift, kinds, 30, 0)
    # rounding may exchange two documents of nearly the same probability
    assert len(set(moved.tolist()) & set(cartography(x, known, kinds, 30, 0).tolist())) >= 28


def test_saturated_probabilities_keep_their_order():
    scores = doubt(np.array([0, 1, -40, 41, 700, -720.0]))
    assert (np.diff(scores) < 0).all()
    assert scores.min() > 0
    assert scores[0] == 0.5


def test_one_side_of_the_threshold_only_is_refused_by_the_function():
    x = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.raises(StrategyError, match=r"above 0\.2 for all 4 .* rank by entropy"):
        cartography(x, x[:4], [0.5] * 4, 3, 0)
    with pytest.raises(StrategyError, match=r"not above 0\.2 for all 4"):
        cartography(x, x[:4], [0.1] * 4, 3, 0)


def test_what_cartography_refuses():
    x = np.random.default_rng(0).normal(size=(10, 2))
    for arguments, said in [
        ((x, x[:4, :1], [0, 0, 1, 1]), "2 dimensions, labelled_embeddings 1"),
        ((x, x[:4], [0, 0, 1]), "same documents"),
        ((x, x[:4], [0, 0, 1, 5]), "share of epochs"),
        ((x, x[:4], [0, 0, 1, np.nan]), "holds NaN"),
        ((x * np.nan, x[:4], [0, 0, 1, 1]), "holds NaN"),
    ]:
        with pytest.raises(StrategyError, match=said):
            cartography(*arguments, 3, 0)
    for options, said in [({"threshold": 1.0}, "threshold"), ({"rate": 0.0}, "rate"), ({"epochs": 0}, "epochs")]:
        with pytest.raises(StrategyError, match=said):
            cartography(x, x[:4], [0, 0, 1, 1], 3, 0, **options)
        with pytest.raises(StrategyError, match=said):
            strategies.get("cartography", **options)


# ALVIN ---------------------------------------------------------------------------------------------------------------


def scene(seed=0, n=60, labelled=20, classes=3, d=4, epochs=3):
    rng = np.random.default_rng(seed)
    return {
        "probs": rng.dirichlet(np.ones(classes), n),
        "embeddings": rng.normal(size=(n, d)),
        "labelled_embeddings": rng.normal(size=(labelled, d)),
        "labelled_y": rng.integers(0, classes, labelled),
        "correctness": rng.random((epochs, labelled)) < 0.6,
    }


def anchors_of(scene, seed=0, **options):
    return draw_anchors(
        scene["embeddings"].shape[1],
        scene["labelled_embeddings"],
        scene["labelled_y"],
        scene["correctness"],
        np.random.default_rng(seed),
        **options,
    )


def place(rows, points):
    """Return the row that each point is."""
    return [int((rows == point).all(axis=1).argmax()) for point in points]


@given(seed=st.integers(0, 999), side=st.sampled_from(["minority", "majority"]))
def test_anchors_lie_within_segments_of_one_class(seed, side):
    s = scene(seed, labelled=30)
    found = anchors_of(s, seed, lam_is_weight_of=side)
    lost, y = unlearned(s["correctness"]), s["labelled_y"]
    expected = sum(min((lost & (y == c)).sum(), (~lost & (y == c)).sum()) for c in range(3))
    assert len(found) == expected
    one, other = place(s["labelled_embeddings"], found.minority), place(s["labelled_embeddings"], found.majority)
    assert len(set(one)) == len(one)
    assert lost[one].all()
    assert not lost[other].any()
    assert (y[one] == y[other]).all()
    points = found.points()
    assert points.shape == (expected, 15, 4)
    whole = np.linalg.norm(found.minority - found.majority, axis=1)[:, None]
    parts = [np.linalg.norm(points - end[:, None], axis=2) for end in (found.minority, found.majority)]
    np.testing.assert_allclose(parts[0] + parts[1], np.broadcast_to(whole, (expected, 15)))


def test_a_large_alpha_puts_them_in_the_middle():
    found = anchors_of(scene(1), alpha=1e9)
    middle = (found.minority + found.majority)[:, None] / 2
    np.testing.assert_allclose(found.points(), np.broadcast_to(middle, found.points().shape), atol=1e-3)


def test_a_class_gives_fifty_pairs_at_most():
    s = scene(2, labelled=400, classes=1)
    s["correctness"][:, :200], s["correctness"][:, 200:] = True, False
    assert len(anchors_of(s)) == 50


def naive_near(rows, points, k, wanted):
    while k < len(rows):
        near = set()
        for point in points.reshape(-1, rows.shape[1]):
            near |= set(np.argsort(((rows - point) ** 2).sum(axis=1), kind="stable")[:k].tolist())
        if len(near) >= wanted:
            return sorted(near)
        k *= 2
    return list(range(len(rows)))


@given(seed=st.integers(0, 999), k=st.integers(1, 8), size=st.integers(1, 12), n=st.integers(2, 50))
def test_it_is_what_the_definition_says(seed, k, size, n):
    s = scene(seed, n=n)
    found = alvin(**s, size=size, rng=seed, k=k)
    anchors = anchors_of(s, seed)
    near = naive_near(s["embeddings"], anchors.points(), k, min(3 * size, n)) if len(anchors) else list(range(n))
    h = entropy(s["probs"])
    assert near_anchors(s["embeddings"], anchors, size, k).tolist() == near
    assert found.tolist() == sorted(near, key=lambda i: (-h[i], i))[:size]
    assert len(found) == min(size, n)


def test_with_all_neighbours_it_is_entropy():
    s = scene(3)
    expected = np.argsort(-entropy(s["probs"]), kind="stable")[:10].tolist()
    assert alvin(**s, size=10, rng=0, k=60).tolist() == expected
    assert alvin(**s, size=20, rng=0, k=1).tolist() == np.argsort(-entropy(s["probs"]), kind="stable")[:20].tolist()


@pytest.mark.parametrize("correct", [True, False])
def test_without_a_minority_or_a_majority_it_is_entropy(correct):
    s = scene(4) | {"correctness": np.full((3, 20), correct)}
    expected = np.argsort(-entropy(s["probs"]), kind="stable")[:10].tolist()
    assert alvin(**s, size=10, rng=0, k=1).tolist() == expected
    # both are there, but in different classes
    s["labelled_y"] = np.arange(20) % 2
    s["correctness"] = np.tile(np.arange(20) % 2 == 0, (3, 1))
    assert alvin(**s, size=10, rng=0, k=1).tolist() == expected


def test_far_from_the_origin_distances_keep_their_digits():
    s = scene(5)
    moved = s | {name: s[name] + 1e4 for name in ("embeddings", "labelled_embeddings")}
    assert alvin(**moved, size=5, rng=0, k=2).tolist() == alvin(**s, size=5, rng=0, k=2).tolist()


def test_what_alvin_refuses():
    s = scene()
    for change, said in [
        ({"correctness": s["correctness"][:, :5]}, "same documents"),
        ({"labelled_y": s["labelled_y"] / 2}, "labelled_y must be one class"),
        ({"labelled_embeddings": s["labelled_embeddings"][:, :2]}, "4 dimensions, labelled_embeddings 2"),
        ({"probs": s["probs"] * 7}, "logits"),
        ({"alpha": 0}, "alpha is the parameter"),
        ({"anchors": 0}, "anchors must be at least 1"),
        ({"lam_is_weight_of": "both"}, "lam_is_weight_of must be one of"),
    ]:
        with pytest.raises(StrategyError, match=said):
            alvin(**s | change, size=3, rng=0)


# In a round ----------------------------------------------------------------------------------------------------------


def view(correct, seed=0, **changes):
    s = scene(seed)
    s["dynamics"] = None if correct is None else Dynamics(np.asarray(correct, dtype=np.float16), correct, ())
    del s["correctness"]
    return ArrayView(**s | changes)


@pytest.mark.parametrize("name", ["cartography", "alvin"])
@pytest.mark.parametrize(
    "correct",
    [
        None,
        np.ones((3, 20), dtype=bool),
        np.zeros((3, 20), dtype=bool),
        np.zeros((0, 20), dtype=bool),
        np.ones((3, 7), dtype=bool),
    ],
    ids=["none", "all right", "all wrong", "no epochs", "others"],
)
def test_where_nothing_can_be_told_apart_entropy_ranks_and_the_answer_says_so(name, correct):
    there = view(correct)
    found = strategies.get(name).select(there, 10, np.random.default_rng(0))
    expected = strategies.get("entropy").select(there, 10, np.random.default_rng(0))
    assert found.indices.tolist() == expected.indices.tolist()
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert [note.split(":")[0] for note in found.notes] == [f"{name} ranked by entropy"]


def test_the_strategies_are_the_functions():
    correct = scene()["correctness"]
    there = view(correct)
    found = strategies.get("alvin", k=1).select(there, 3, np.random.default_rng(7))
    assert found.indices.tolist() == alvin(**scene(), size=3, rng=7, k=1).tolist()
    near = np.flatnonzero(~np.isnan(found.every))
    assert 9 <= len(near) < 60
    np.testing.assert_array_equal(found.every[near], entropy(there.probs)[near])
    found = strategies.get("cartography").select(there, 6, np.random.default_rng(7))
    s = scene()
    expected = cartography(s["embeddings"], s["labelled_embeddings"], correct.mean(axis=0), 6, 7)
    assert found.indices.tolist() == expected.tolist()
    assert (found.scores <= 0.5).all()
    assert found.every.shape == (60,)


def test_memory():
    rng = np.random.default_rng(0)
    n, labelled = 100_000, 400
    s = {
        "probs": rng.dirichlet(np.ones(4), n),
        "embeddings": rng.normal(size=(n, 256)).astype(np.float32),
        "labelled_embeddings": rng.normal(size=(labelled, 256)).astype(np.float32),
        "labelled_y": rng.integers(0, 2, labelled),
        "correctness": np.tile(np.arange(labelled) % 20 > 0, (3, 1)),
    }
    tracemalloc.start()
    try:
        assert len(alvin(**s, size=100, rng=0)) == 100
        share = s["correctness"].mean(axis=0)
        assert len(cartography(s["embeddings"], s["labelled_embeddings"], share, 100, 0, epochs=3)) == 100
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()
