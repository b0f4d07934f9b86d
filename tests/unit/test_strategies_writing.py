"""What a model wrote, and density: known values, naive definitions, what is refused."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from alwidget import strategies
from alwidget.errors import MissingExtraError, StrategyError
from alwidget.strategies import ArrayView
from alwidget.strategies.functional import alps, bleuvar, ensp, idds, idds_scores, kmeans_medoids, nsp
from alwidget.strategies.functional.texts import bleu_matrix, disagreement

ROOT = math.sqrt(0.5)
U, LAB = [[1, 0], [0, 1], [ROOT, ROOT]], [[1, 0]]
WORDS = ["the", "cat", "sat", "on", "a", "mat", ".", "dogs", "bark"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)


def test_nsp_known_value():
    np.testing.assert_allclose(nsp(np.log([[0.5, 0.8, 0.4]]), [3]), [0.457116], atol=5e-7)
    np.testing.assert_allclose(nsp([math.log(0.16) / 3]), [0.457116], atol=5e-7)
    assert nsp([0.0, -math.inf]).tolist() == [0, 1]
    assert nsp(np.log([[0.5]]), [0]).tolist() == [0]


@given(
    rows=st.lists(st.lists(st.floats(0.01, 1), max_size=6), min_size=1, max_size=10),
    junk=st.sampled_from([np.nan, 7.0, -np.inf]),
)
def test_nsp_is_the_naive_definition(rows, junk):
    padded = np.full((len(rows), max(map(len, rows))), junk)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = np.log(row)
    expected = [1 - math.prod(row) ** (1 / len(row)) if row else 0 for row in rows]
    np.testing.assert_allclose(nsp(padded, [len(row) for row in rows]), expected, atol=1e-12)


def test_ensp_known_values():
    passes = np.log([[0.5, 0.9], [0.3, 0.9]])
    np.testing.assert_allclose(ensp(passes), [0.6, 0.1], atol=1e-12)
    np.testing.assert_allclose(ensp(passes, agg="var"), [0.01, 0], atol=1e-12)
    # the two are different things: certain and changeable against uncertain and steady
    both = np.log([[0.9, 0.4], [0.5, 0.4]])
    assert ensp(both).argmax() != ensp(both, agg="var").argmax()
    # probabilities are averaged, not their logarithms
    assert ensp(np.log([[0.9], [0.1]]))[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: nsp([0.5]), "none above 0.*np.log"),
        (lambda: nsp([math.nan]), "holds NaN"),
        (lambda: nsp([[-1.0]]), "need lengths"),
        (lambda: nsp([-1.0], [1]), "two axes"),
        (lambda: nsp([[-1.0]], [2]), "between 0 and 1"),
        (lambda: ensp([-1.0]), r"two axes \(passes, documents\)"),
        (lambda: ensp([[-1.0]], agg="var"), "no variance"),
        (lambda: ensp([[-1.0]], agg="median"), 'agg must be one of "mean", "var"'),
        (lambda: bleuvar([["a"]]), "Document 0 has 1 texts"),
        (lambda: bleuvar([["a", "b"], "ab"]), "of document 1 is 'ab'"),
        (lambda: bleuvar([["a", None]]), "list of texts"),
        (lambda: bleuvar([["a", "b"]], tokenize="13"), 'Did you mean "13a"'),
        (lambda: strategies.get("bleuvar", passes=1), "passes must be at least 2"),
        (lambda: strategies.get("idds", lam=1.5), "lam must be a number from 0 to 1"),
        (lambda: idds(U, LAB, 1, lam=math.nan), "lam must be"),
        (lambda: idds(U, [[1, 0, 0]], 1), "embeddings have 2 dimensions, labelled_embeddings 3"),
        (lambda: idds([[math.nan, 0]], None, 1), "holds NaN"),
        (lambda: alps([[-1.0, 0]], 1, 0), "negative"),
        (lambda: alps(sparse.csr_array([[np.nan, 0]]), 1, 0), "NaN"),
        (lambda: alps(sparse.csr_array((0, 4)), 1, 0), "empty"),
    ],
)
def test_what_is_refused(call, said):
    with pytest.raises(StrategyError, match=said):
        call()


def test_bleuvar_known_values():
    assert disagreement(np.array([[1, 0.5], [0.4, 1]])) == pytest.approx(0.305)
    found = bleuvar([["a cat sat on the mat"] * 4, ["a b", "c d"], ["", ""], ["a", ""], ["", " "]])
    assert found.tolist() == [0, 1, 0, 1, 0]
    # equal words, other spaces: exactly nothing
    assert bleuvar([["a  cat sat .", "a cat sat."]]).tolist() == [0]


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(TEXTS, min_size=2, max_size=5))
def test_bleu_is_sacrebleus(texts):
    from sacrebleu import BLEU

    bleu = BLEU(smooth_method="add-k", effective_order=True)
    found = bleu_matrix(texts)
    for i, first in enumerate(texts):
        for j, second in enumerate(texts):
            expected = 1.0 if first.split() == second.split() else bleu.sentence_score(first, [second]).score / 100
            assert found[i, j] == pytest.approx(expected, abs=1e-9)
    t = len(texts)
    total = sum((1 - found[i, j]) ** 2 for i in range(t) for j in range(t) if i != j)
    assert bleuvar([texts])[0] == pytest.approx(total / (t * (t - 1)), abs=1e-12)
    assert bleuvar([texts[::-1]])[0] == pytest.approx(bleuvar([texts])[0], abs=1e-12)


def test_languages_without_spaces_need_other_words():
    texts = [["今日は天気がいい", "今日は天気が悪い"]]
    assert bleuvar(texts)[0] == 1
    assert 0 < bleuvar(texts, tokenize="char")[0] < 0.5


def test_without_sacrebleu_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(MissingExtraError, match=r'pip install "alwidget\[text\]"'):
        bleuvar([["a", "b"]])


@pytest.mark.parametrize("name", ["nsp", "ensp", "bleuvar"])
def test_the_strategies_are_the_functions(name):
    rng = np.random.default_rng(0)
    passes = [([" ".join(rng.choice(WORDS, 5)) for _ in range(20)], np.log(rng.uniform(0.1, 1, 20))) for _ in range(4)]
    view = ArrayView(generated=passes[0], generate_passes=passes)
    strategy = strategies.get(name) if name == "nsp" else strategies.get(name, passes=4)
    expected = {
        "nsp": lambda: nsp(passes[0][1]),
        "ensp": lambda: ensp(np.stack([log_probs for _, log_probs in passes])),
        "bleuvar": lambda: bleuvar([list(some) for some in zip(*(texts for texts, _ in passes), strict=True)]),
    }[name]()
    np.testing.assert_array_equal(strategy.scores(view), expected)
    if name != "nsp":
        with pytest.raises(StrategyError, match="was given for 4 passes, but 5 are asked for"):
            strategies.get(name, passes=5).scores(view)


def test_idds_known_values():
    np.testing.assert_allclose(idds_scores(U, LAB), [0.051254, 0.381254, 0.305829], atol=5e-7)
    assert idds(U, LAB, 1).tolist() == [1]
    assert idds(U, LAB, 3).tolist()[0] == 1


def naive_idds(pool, labelled, size, lam):
    """Return the picks by the definition, with all similarities recomputed for each."""

    def unit(rows):
        seen = []
        for row in rows:
            if not any(np.array_equal(row, other) for other in seen):
                seen.append(row)
        return [row / np.linalg.norm(row) if np.linalg.norm(row) else row for row in seen]

    first = [i for i, row in enumerate(pool) if not any(np.array_equal(row, pool[j]) for j in range(i))]
    open_now = dict(zip(first, unit(pool), strict=True))
    known, picked = unit(labelled), []
    while open_now and len(picked) < size:
        score = {
            i: lam * np.mean([z @ u for u in open_now.values()])
            - ((1 - lam) * np.mean([z @ v for v in known]) if known else 0)
            for i, z in open_now.items()
        }
        best = max(score.values())
        at = min(i for i, s in score.items() if s > best - 1e-10)
        picked.append(at)
        known.append(open_now.pop(at))
    return picked + [i for i in range(len(pool)) if i not in first][: size - len(picked)]


@settings(max_examples=60)
@given(
    n=st.integers(1, 25),
    labelled=st.integers(0, 5),
    size=st.integers(0, 27),
    lam=st.sampled_from([0, 0.5, 0.67, 1]),
    kinds=st.integers(1, 25),
    seed=st.integers(0, 9999),
)
def test_idds_is_the_naive_definition(n, labelled, size, lam, kinds, seed):
    rng = np.random.default_rng(seed)
    pool = rng.normal(size=(kinds, 4))[rng.integers(0, kinds, n)]
    known = rng.normal(size=(labelled, 4))
    assert idds(pool, known, size, lam).tolist() == naive_idds(pool, known, size, lam)
    assert idds(pool, known, n, lam)[: min(size, n)].tolist() == idds(pool, known, size, lam).tolist()


def test_duplicates_do_not_count_as_density():
    rng = np.random.default_rng(0)
    pool = np.concatenate([rng.normal(size=(30, 6)) + 3, np.tile([[-5.0, 1, 0, 0, 0, 0]], (500, 1))])
    assert idds(pool, None, 1)[0] < 30
    assert idds(pool, None, 31).max() == 30  # one of the five hundred stands for all
    assert idds(pool, None, 33)[-2:].tolist() == [31, 32]
    single = idds(pool[:31], None, 31)
    assert idds(pool, None, 31).tolist() == single.tolist()


def test_duplicates_are_told_whatever_the_type_and_the_sign_of_zero():
    pool = np.array([[1.0, 0.0], [0.5, 0.5], [1.0, -0.0], [0.5, 0.5], [0.25, 1.0]])
    for kind in (np.float32, np.float64, np.float16):
        assert set(idds(pool.astype(kind), None, 3).tolist()) == {0, 1, 4}


def test_idds_compares_at_unit_length():
    rng = np.random.default_rng(0)
    pool, known = rng.normal(size=(50, 5)), rng.normal(size=(4, 5))
    scaled = pool * rng.uniform(0.1, 10, (50, 1))
    assert idds(pool, known, 50).tolist() == idds(scaled, known * 7, 50).tolist()
    assert idds(pool, known, 50).tolist() == idds(pool * 1e200, known, 50).tolist()
    with_zero = np.vstack([np.zeros(5), pool])
    assert len(set(idds(with_zero, known, 51).tolist())) == 51


def test_idds_needs_neither_labels_nor_a_model():
    rng = np.random.default_rng(0)
    pool = rng.normal(size=(40, 5)).astype(np.float32)
    strategy = strategies.get("idds")
    assert not strategy.needs_model
    assert not strategy.needs_labelled
    ranked = strategy.select(ArrayView(embeddings=pool), 10, rng)
    assert ranked.indices.tolist() == idds(pool, None, 10).tolist()
    view = ArrayView(embeddings=pool[:30], labelled_embeddings=pool[30:], labelled_y=["x"] * 10, task="generation")
    assert strategy.select(view, 10, rng).indices.tolist() == idds(pool[:30], pool[30:], 10).tolist()


def test_picks_spread_as_each_counts_as_labelled():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(3) * 10, 20, axis=0) + rng.normal(size=(60, 3)) * 0.1
    assert {i // 20 for i in idds(groups, None, 3, lam=0.5).tolist()} == {0, 1, 2}


def test_alps_is_k_means_on_surprisal_at_unit_length():
    matrix = sparse.random_array((120, 32), density=0.2, rng=np.random.default_rng(0)).tocsr()
    dense = matrix.toarray()
    expected = kmeans_medoids(dense, 12, 3).tolist()
    assert alps(matrix, 12, 3).tolist() == expected
    assert alps(dense, 12, 3).tolist() == expected
    assert alps(matrix.tocoo(), 12, 3).tolist() == expected
    assert alps(dense * np.arange(1, 121)[:, None], 12, 3).tolist() == expected
    view = ArrayView(surprisal=matrix, task="tagging")
    found = strategies.get("alps", length=32).select(view, 12, np.random.default_rng(3))
    assert found.indices.tolist() == expected
    assert np.isnan(found.scores).all()
    with pytest.raises(StrategyError, match="given for 32 tokens, but 128 are asked for"):
        strategies.get("alps").select(view, 12, np.random.default_rng(3))


def test_documents_that_surprise_nowhere_are_still_documents():
    matrix = sparse.csr_array((6, 8))
    assert sorted(alps(matrix, 6, 0).tolist()) == list(range(6))
    assert len(set(alps(matrix, 3, 0).tolist())) == 3
