"""k-means: the quality of a reference implementation, one document a cluster, whatever the vectors are like."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alwidget.errors import StrategyError
from alwidget.strategies.functional import kmeans, kmeans_medoids
from alwidget.strategies.functional.clustering import _one_each
from alwidget.strategies.functional.kmeans import cluster, unit_rows


def blobs(rng, n_blobs=3, each=40, d=16, spread=0.1):
    """Return vectors around orthogonal directions, and which blob each belongs to."""
    centres = np.linalg.qr(rng.normal(size=(d, d)))[0][:n_blobs]
    which = rng.permutation(np.repeat(np.arange(n_blobs), each))
    return centres[which] + spread / np.sqrt(d) * rng.normal(size=(len(which), d)), which


def sentence_like(rng, n, d=64, topics=60):
    """Return vectors as an encoder gives them: overlapping topics of very different sizes, a few strong directions."""
    scale = 1 / np.sqrt(1 + np.arange(d))
    shares = rng.dirichlet(np.full(topics, 0.5))
    centres = rng.normal(size=(topics, d)) * scale
    vectors = centres[rng.choice(topics, n, p=shares)] + 0.7 * rng.normal(size=(n, d)) * scale + 0.3 * scale
    return vectors.astype(np.float32)


def unit(vectors):
    vectors = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def inertia_of(vectors, centres):
    total = 0.0
    for part in np.array_split(np.asarray(vectors, dtype=np.float64), 1 + len(vectors) // 2000):
        apart = (part**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * part @ centres.T
        total += np.maximum(apart, 0).min(axis=1).sum()
    return total


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("n_blobs", [3, 12])
def test_one_of_each_blob_for_every_seed(n_blobs, normalize):
    for seed in range(60):
        vectors, which = blobs(np.random.default_rng(seed), n_blobs)
        found = kmeans_medoids(vectors, n_blobs, seed, normalize=normalize)
        assert sorted(which[found]) == list(range(n_blobs)), seed


def test_wide_blobs_are_told_apart_too():
    for seed in range(60):
        vectors, which = blobs(np.random.default_rng(seed), spread=0.5)
        assert sorted(which[kmeans_medoids(vectors, 3, seed)]) == [0, 1, 2], seed


def test_each_blob_is_shown_by_the_document_nearest_to_its_mean():
    for seed in range(20):
        vectors, which = blobs(np.random.default_rng(seed))
        z = unit(vectors)
        expected = set()
        for blob in range(3):
            mean = z[which == blob].mean(axis=0)
            expected.add(int(((z - mean) ** 2).sum(axis=1).argmin()))
        assert set(kmeans_medoids(vectors, 3, seed).tolist()) == expected


def test_the_largest_cluster_comes_first():
    vectors = np.repeat(np.eye(3), [5, 30, 12], axis=0) + 1e-3 * np.random.default_rng(0).normal(size=(47, 3))
    assert np.repeat([0, 1, 2], [5, 30, 12])[kmeans_medoids(vectors, 3, 0)].tolist() == [1, 2, 0]


def test_nearest_is_euclidean_also_for_raw_vectors():
    # one cluster with its centre at (1, 0): the longest vector has the largest dot product and is far from it
    vectors = np.array([[0.0, 0.0], [1.0, 0.05], [3.0, 0.0], [0.0, -0.05]])
    assert kmeans_medoids(vectors, 1, 0, normalize=False).tolist() == [1]


@given(
    vectors=hnp.arrays(
        np.float32, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=st.floats(-4, 4, width=16)
    ),
    size=st.integers(0, 45),
    seed=st.integers(0, 5),
    normalize=st.booleans(),
)
def test_any_vectors_give_the_right_number_of_different_documents(vectors, size, seed, normalize):
    before = vectors.copy()
    found = kmeans_medoids(vectors, size, seed, normalize=normalize)
    assert found.dtype == np.int64
    assert len(found) == min(size, len(vectors)) == len(set(found.tolist()))
    assert set(found.tolist()) <= set(range(len(vectors)))
    assert np.array_equal(kmeans_medoids(vectors, size, np.random.default_rng(seed), normalize=normalize), found)
    assert np.array_equal(vectors, before, equal_nan=True)


@given(distinct=st.integers(1, 6), copies=st.integers(1, 8), size=st.integers(1, 50), seed=st.integers(0, 5))
def test_with_fewer_distinct_vectors_each_is_there(distinct, copies, size, seed):
    vectors = np.repeat(np.eye(6)[:distinct], copies, axis=0)
    which = np.repeat(np.arange(distinct), copies)
    found = kmeans_medoids(vectors, size, seed)
    assert len(set(found.tolist())) == len(found) == min(size, len(vectors))
    assert len(set(which[found])) == min(size, distinct)


def test_a_rare_vector_among_many_copies_is_found():
    vectors = np.concatenate([np.repeat(np.eye(4)[:2], 6000, axis=0), np.eye(4)[2:]])
    assert {12000, 12001} <= set(kmeans_medoids(vectors, 4, 0).tolist())


def test_vectors_of_zeros_are_safe():
    vectors = np.concatenate([np.zeros((5, 4)), np.eye(4)])
    assert kmeans_medoids(np.zeros((9, 3)), 4, 0).shape == (4,)
    assert len({tuple(v) for v in vectors[kmeans_medoids(vectors, 5, 0)]}) == 5


def test_length_does_not_count_when_normalized():
    vectors = sentence_like(np.random.default_rng(1), 300)
    lengths = 2.0 ** np.random.default_rng(2).integers(-20, 20, 300)
    expected = kmeans_medoids(vectors, 20, 0)
    assert kmeans_medoids((vectors * lengths[:, None]).astype(np.float32), 20, 0).tolist() == expected.tolist()


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e30, 1e300])
@pytest.mark.parametrize("normalize", [True, False])
def test_very_large_and_very_small_numbers_neither_overflow_nor_vanish(scale, normalize):
    vectors, which = blobs(np.random.default_rng(0))
    kind = np.float64 if scale > 1e38 else np.float32
    found = kmeans_medoids((vectors * scale).astype(kind), 3, 0, normalize=normalize)
    assert sorted(which[found]) == [0, 1, 2]


def test_raw_vectors_far_from_the_origin_keep_their_digits():
    vectors, which = blobs(np.random.default_rng(0))
    assert sorted(which[kmeans_medoids(vectors + 1e6, 3, 0, normalize=False)]) == [0, 1, 2]


def test_kinds_of_arrays():
    vectors, which = blobs(np.random.default_rng(0))
    for given_as in (vectors.tolist(), vectors.astype(np.float16), np.asfortranarray(vectors), vectors[::1]):
        assert sorted(which[kmeans_medoids(given_as, 3, 0)]) == [0, 1, 2]
    torch = pytest.importorskip("torch")
    assert sorted(which[kmeans_medoids(torch.tensor(vectors, requires_grad=True), 3, 0)]) == [0, 1, 2]
    assert kmeans_medoids(np.array([[1, 0], [0, 1], [0, 2]]), 1, 0).tolist() in ([1], [2])


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([[1.0, np.nan]], "NaN or infinity, first in row 0"),
        ([[1.0], [np.inf]], "NaN or infinity, first in row 1"),
        ([[np.inf], [-np.inf]], "NaN or infinity, first in row 0"),
        ([1.0, 2.0], "two axes"),
        (np.empty((0, 4)), "empty"),
        (np.empty((4, 0)), "empty"),
        ([["a"]], "real numbers"),
    ],
)
@pytest.mark.parametrize("size", [1, 5])
def test_vectors_that_cannot_be_clustered_are_refused(vectors, said, size):
    with pytest.raises(StrategyError, match=said):
        kmeans_medoids(vectors, size, 0)


@pytest.mark.parametrize("size", [-1, 1.5, "2", None, True])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(StrategyError, match="size"):
        kmeans_medoids(np.eye(3), size, 0)


def test_all_documents_come_in_random_order():
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    orders = {tuple(kmeans_medoids(vectors, 30, seed).tolist()) for seed in range(5)}
    assert len(orders) == 5
    assert all(sorted(order) == list(range(30)) for order in orders)


def greedy(distance):
    """Let centres, by distance to their nearest document, take the nearest document that is free."""
    picked = [-1] * len(distance)
    used = set()
    for at in sorted(range(len(distance)), key=lambda c: (min(distance[c]), c)):
        picked[at] = min((d, i) for i, d in enumerate(distance[at]) if i not in used)[1]
        used.add(picked[at])
    return picked


@pytest.mark.parametrize("seed", range(15))
def test_documents_are_dealt_out_as_the_naive_definition_says(seed):
    rng = np.random.default_rng(seed)
    found = cluster(rng.normal(size=(50, 3)), 12, rng)
    # centres in groups of three, so that many have the same nearest document
    together = (np.repeat(found.centres[:4], 3, axis=0) + 0.05 * rng.normal(size=(12, 3))).astype(np.float32)
    z = found.vectors.at(slice(None)).astype(np.float64)
    distance = ((together.astype(np.float64)[:, None] - z) ** 2).sum(axis=2)
    crowded = kmeans.Clustering(
        found.vectors,
        together,
        distance.argmin(axis=1),
        distance.min(axis=1).astype(np.float32),
        found.counts,
        found.inertia,
    )
    assert len(set(crowded.nearest.tolist())) < len(crowded.nearest)
    assert _one_each(crowded).tolist() == greedy(distance.tolist())


@pytest.mark.parametrize("normalize", [True, False])
def test_what_a_clustering_says_of_itself_is_true(normalize):
    vectors = sentence_like(np.random.default_rng(0), 700)
    found = cluster(vectors, 25, np.random.default_rng(1), unit=normalize)
    z = found.vectors.at(slice(None)).astype(np.float64)
    distance = ((z[:, None] - found.centres.astype(np.float64)) ** 2).sum(axis=2)
    assert found.nearest.tolist() == distance.argmin(axis=0).tolist()
    assert found.counts.tolist() == np.bincount(distance.argmin(axis=1), minlength=25).tolist()
    np.testing.assert_allclose(found.distance, distance.min(axis=0), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.inertia, distance.min(axis=1).sum(), rtol=1e-4)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)


def reference(vectors, k, seed):
    """Return the inertia of scikit-learn's k-means on unit vectors."""
    cluster_module = pytest.importorskip("sklearn.cluster")
    z = unit(vectors).astype(np.float32)
    return float(cluster_module.KMeans(k, n_init=1, random_state=seed).fit(z).inertia_)


@pytest.mark.parametrize(("n", "k"), [(3000, 30), (5000, 100), (1500, 400)])
def test_the_inertia_is_no_worse_than_scikit_learns(n, k):
    # single runs of either differ by two per cent between seeds, so the means of some are compared
    vectors = sentence_like(np.random.default_rng(n), n)
    ours = [cluster(vectors, k, np.random.default_rng(seed)).inertia for seed in range(6)]
    theirs = [reference(vectors, k, seed) for seed in range(6)]
    assert np.mean(ours) <= 1.02 * np.mean(theirs)


def test_the_inertia_is_no_worse_than_scikit_learns_on_real_text(data_dir):
    path = data_dir / "trec.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no {path}; set ALWIDGET_DATA to the folder that has it")
    text_module = pytest.importorskip("sklearn.feature_extraction.text")
    decomposition = pytest.importorskip("sklearn.decomposition")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        texts = [json.loads(line)["text"] for line in file]
    weights = text_module.TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform(texts)
    vectors = decomposition.TruncatedSVD(64, random_state=0).fit_transform(weights)
    ours = [cluster(vectors, 150, np.random.default_rng(seed)).inertia for seed in range(3)]
    theirs = [reference(vectors, 150, seed) for seed in range(3)]
    assert np.mean(ours) <= 1.02 * np.mean(theirs)


def test_centres_of_a_large_pool_are_trained_on_a_part_and_as_good(monkeypatch):
    vectors = sentence_like(np.random.default_rng(0), 6000, d=16)
    whole = cluster(vectors, 10, np.random.default_rng(0))
    monkeypatch.setattr(kmeans, "TRAINING", 2000)
    monkeypatch.setattr(kmeans, "TRAINING_PER_CENTRE", 200)
    part = cluster(vectors, 10, np.random.default_rng(0))
    assert part.counts.sum() == 6000
    assert not np.array_equal(part.centres, whole.centres)
    assert part.inertia <= 1.05 * whole.inertia
    z = part.vectors.at(slice(None)).astype(np.float64)
    np.testing.assert_allclose(part.inertia, inertia_of(z, part.centres.astype(np.float64)), rtol=1e-4)


def test_seeds_drawn_in_rounds_are_as_good(monkeypatch):
    vectors = sentence_like(np.random.default_rng(0), 3000, d=16)
    one_by_one = cluster(vectors, 200, np.random.default_rng(0))
    monkeypatch.setattr(kmeans, "PAIRS", 100)
    in_rounds = cluster(vectors, 200, np.random.default_rng(0))
    assert len(in_rounds.centres) == 200
    assert in_rounds.inertia <= 1.05 * one_by_one.inertia


def test_seeds_drawn_in_rounds_stop_at_the_last_distinct_vector(monkeypatch):
    monkeypatch.setattr(kmeans, "PAIRS", 10)
    found = cluster(np.repeat(np.eye(5), 60, axis=0), 200, np.random.default_rng(0))
    assert len(found.centres) == 5
    assert found.inertia == pytest.approx(0, abs=1e-3)  # single precision, 300 vectors


@settings(max_examples=30)
@given(vectors=hnp.arrays(np.float64, (12, 3), elements=st.floats(-1e300, 1e300)))
def test_unit_rows_have_length_one_or_zero(vectors):
    length = np.linalg.norm(unit_rows(vectors).astype(np.float64), axis=1)
    zero = (vectors == 0).all(axis=1)
    np.testing.assert_allclose(length, np.where(zero, 0, 1), atol=1e-6)


@pytest.mark.parametrize("normalize", [True, False])
def test_a_large_pool_stays_within_its_memory(normalize):
    vectors = np.random.default_rng(0).standard_normal((100_000, 256), dtype=np.float32)
    tracemalloc.start()
    try:
        kmeans_medoids(vectors, 40, 0, normalize=normalize)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20
