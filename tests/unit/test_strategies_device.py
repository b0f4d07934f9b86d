"""The kernels for tensors on a device, held against the way of NumPy: forced on the CPU, and for real where CUDA is."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.strategies import functional
from alwidget.strategies.functional import device, kmeans
from alwidget.strategies.functional.searching import exactly

KINDS = ("normal", "whole", "duplicates", "zeros", "far", "flat")


def rows(kind, n, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)).astype(np.float32)
    if kind == "whole":
        x = rng.integers(-2, 3, (n, d)).astype(np.float32)
    elif kind == "duplicates":
        x = x[rng.integers(0, max(n // 4, 1), n)]
    elif kind == "zeros":
        x[rng.random(n) < 0.3] = 0
    elif kind == "far":
        x = x + np.float32(100)
    elif kind == "flat":
        x[:] = x[0]
    return x


@pytest.fixture
def forced(monkeypatch):
    """Have tensors on the CPU taken for tensors on a device; return what makes one."""
    monkeypatch.setattr(device, "pays", lambda _: True)
    return torch.from_numpy


@pytest.fixture
def cuda():
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return lambda array: torch.from_numpy(array).cuda()


PLACES = ["forced", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=PLACES)
def put(request):
    """Return what puts an array on the device."""
    return request.getfixturevalue(request.param)


SHAPES = [(2, 1), (40, 3), (500, 16)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("labelled", [0, 1, 30])
def test_coreset_picks_alike(put, kind, shape, metric, labelled):
    for seed in range(2):
        x, known = rows(kind, *shape, seed), rows(kind, max(labelled, 1), shape[1], seed + 100)[:labelled]
        size = min(25, shape[0])
        expected = functional.coreset(x, known, size, 7, metric=metric)
        found = functional.coreset(put(x), put(known), size, 7, metric=metric)
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_nearest_finds_alike(put, kind, shape, metric):
    for seed, k in ((0, 1), (1, 7), (2, 40)):
        x, queries = rows(kind, *shape, seed), rows(kind, 50, shape[1], seed + 100)
        queries[:2] = x[:2]
        expected = functional.nearest(queries, x, k, metric=metric)
        found = functional.nearest(put(queries), put(x), k, metric=metric)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)
        assert found.recall == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("options", [{}, {"bias": True}, {"multilabel": True}])
def test_badge_draws_alike(put, kind, shape, options):
    for seed in range(2):
        h = rows(kind, *shape, seed)
        probs = np.random.default_rng(seed).dirichlet(np.ones(4), len(h)).astype(np.float32)
        size = min(40, len(h))
        expected = functional.badge(probs, h, size, 3, **options)
        assert functional.badge(put(probs), put(h), size, 3, **options).tolist() == expected.tolist()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "whole"])
@pytest.mark.parametrize("normalize", [True, False])
def test_kmeans_picks_alike(put, kind, normalize):
    for seed, (n, k) in enumerate([(90, 4), (400, 10), (3000, 5)]):
        centres = 10 * rows("normal", k, 12, seed)
        member = np.random.default_rng(seed).integers(0, k, n)
        x = (rows(kind, n, 12, seed) + centres[member]).astype(np.float32)
        expected = functional.kmeans_medoids(x, k, 5, normalize=normalize)
        found = functional.kmeans_medoids(put(x), k, 5, normalize=normalize)
        np.testing.assert_array_equal(x[found], x[expected])  # of equal documents either is as near


@pytest.mark.parametrize("kind", KINDS)
def test_kmeans_of_whatever_is_as_tight(put, kind):
    x = rows(kind, 5000, 8, 0)
    for k in (20, 120):
        expected = kmeans.cluster(x, k, np.random.default_rng(0))
        found = kmeans.cluster(x, k, np.random.default_rng(0), tensor=put(x))
        assert found.inertia == pytest.approx(expected.inertia, rel=0.01, abs=1e-3)
        assert found.counts.sum() == len(x)
        assert len(set(functional.kmeans_medoids(put(x), k, 0).tolist())) == k


@pytest.mark.parametrize("kind", ["float64", "float16"])
def test_other_precisions(put, kind):
    x = (rows("normal", 200, 8, 0) * 4).round().astype(kind)
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    for ask in (
        lambda v: functional.coreset(v(x), v(x[:9]), 12).tolist(),
        lambda v: functional.nearest(v(x[:9]), v(x), 12).indices.tolist(),
        lambda v: functional.badge(v(probs), v(x), 12, 0).tolist(),
    ):
        assert ask(put) == ask(lambda array: array)


def test_the_same_in_every_run(put):
    x, probs = rows("normal", 5000, 32, 0), np.random.default_rng(0).dirichlet(np.ones(4), 5000)
    for ask in (
        lambda: functional.kmeans_medoids(put(x), 60, 0).tolist(),
        lambda: functional.coreset(put(x), None, 30).tolist(),
        lambda: functional.badge(probs, put(x), 30, 0).tolist(),
    ):
        assert ask() == ask()


def test_the_tensor_is_not_modified(put):
    x = rows("normal", 300, 8, 0)
    there, probs = put(x.copy()), np.random.default_rng(0).dirichlet(np.ones(4), 300)
    functional.kmeans_medoids(there, 10, 0)
    functional.coreset(there, there[:5], 10)
    functional.nearest(there, there, 3)
    functional.badge(probs, there, 10, 0)
    np.testing.assert_array_equal(there.cpu().numpy(), x)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 60),
    d=st.integers(1, 5),
    k=st.integers(1, 70),
    kind=st.sampled_from(KINDS),
)
def test_chunks_change_nothing(seed, n, d, k, kind):
    x, q = rows(kind, n, d, seed), rows(kind, 5, d, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "CELLS", 64)
        found = exactly(q, x, min(k, n), unit=False, tensor=torch.from_numpy(x))
        patch.setattr(device, "pays", lambda _: True)
        picked = functional.coreset(torch.from_numpy(x), q, k)
    expected = exactly(q, x, min(k, n), unit=False)
    np.testing.assert_array_equal(found.indices, expected.indices)
    assert picked.tolist() == functional.coreset(x, q, k).tolist()


def test_kernels_are_their_definitions():
    x, c = rows("normal", 500, 6, 0), rows("normal", 9, 6, 1)
    apart = ((x[:, None].astype(np.float64) - c) ** 2).sum(axis=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "CELLS", 256)
        lloyd = device.Lloyd(x, torch.empty(0))
        labels, distance = lloyd.assign(c)
        means, counts = lloyd.means(labels, 9)
        nearest, closest, seen, inertia = device.described(torch.from_numpy(x), 1.0, np.zeros(6), c)
    assert labels.tolist() == apart.argmin(axis=1).tolist()
    np.testing.assert_allclose(distance, apart.min(axis=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(means, [x[labels == j].mean(axis=0) for j in range(9)], rtol=1e-4, atol=1e-5)
    assert counts.tolist() == seen.tolist() == np.bincount(labels, minlength=9).tolist()
    assert nearest.tolist() == apart.argmin(axis=0).tolist()
    np.testing.assert_allclose(closest, apart.min(axis=0), rtol=1e-4, atol=1e-5)
    assert inertia == pytest.approx(apart.min(axis=1).sum(), rel=1e-4)


def test_lower_precision_that_the_process_allows_is_put_back():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with device.full_precision(torch.empty(1)):
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_only_tensors_on_a_device_are_held(forced):
    assert device.held(np.zeros((2, 2))) is None
    assert device.held([[0.0]]) is None
    assert device.held(None) is None
    weight = torch.zeros((2, 2), requires_grad=True)
    assert not device.held(weight).requires_grad


def test_tensors_on_the_cpu_go_the_way_of_numpy(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    for kernel in ("Points", "Cover", "Lloyd", "OuterProducts", "described"):
        monkeypatch.setattr(device, kernel, refuse)
    x, probs = torch.randn(50, 4), torch.full((50, 2), 0.5)
    assert len(functional.kmeans_medoids(x, 5, 0)) == 5
    assert len(functional.coreset(x, x[:2], 5)) == 5
    assert functional.nearest(x, x, 2).indices.shape == (50, 2)
    assert len(functional.badge(probs, x, 5, 0)) == 5


def test_the_device_is_used(forced, monkeypatch):
    asked = []
    for kernel in ("Points", "Cover", "Lloyd", "OuterProducts"):
        made = getattr(device, kernel)
        monkeypatch.setattr(
            device, kernel, lambda *a, made=made, kernel=kernel, **k: asked.append(kernel) or made(*a, **k)
        )
    x, probs = torch.randn(50, 4), torch.full((50, 2), 0.5)
    functional.kmeans_medoids(x, 5, 0)
    functional.coreset(x, x[:2], 5)
    functional.nearest(x, x, 2)
    functional.badge(probs, x, 5, 0)
    assert set(asked) == {"Points", "Cover", "Lloyd", "OuterProducts"}


def test_torch_is_not_imported_for_arrays():
    import subprocess

    code = "import sys, numpy as np; from alwidget.strategies import functional as f; x = np.eye(9);"
    code += "f.kmeans_medoids(x, 3, 0), f.coreset(x, None, 3), f.nearest(x, x, 2), f.badge(x, x, 3, 0);"
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
